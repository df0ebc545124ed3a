//! What an NTLM message tells without any key ([MS-NLMP] §2.2.1): who, from where.
//!
//! ```text
//! 0          8      12             28      36      44           60
//! NTLMSSP\0  type   (responses)    domain  user    workstation  flags      type 3
//! NTLMSSP\0  type   flags          domain (16)  workstation (24)           type 1
//! ```
//!
//! A name is a length (2 bytes), a capacity (2) and an offset from the start of the message (4), little-endian. Type 1
//! names are always in the OEM character set, type 3 names in UTF-16LE if `NTLMSSP_NEGOTIATE_UNICODE` was agreed on.

use nom::{
    IResult, Parser,
    bytes::complete::tag,
    number::complete::{le_u16, le_u32},
};

use super::Ntlm;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const UNICODE: u32 = 1;

/// The message inside `token`, at its start or wrapped in SPNEGO; `None` if there is none.
pub(super) fn find(token: &[u8]) -> Option<Ntlm> {
    let start = memchr::memmem::find(token, SIGNATURE)?;
    Some(read(token.get(start..)?))
}

/// Reads a message; names that leave it are empty.
fn read(message: &[u8]) -> Ntlm {
    let kind: IResult<&[u8], (&[u8], u32)> = (tag(SIGNATURE), le_u32).parse(message);
    let Ok((_, (_, kind))) = kind else { return Ntlm::default() };
    match kind {
        1 => Ntlm {
            message: 1,
            domain: oem(name_at(message, 16)),
            user: String::new(),
            workstation: oem(name_at(message, 24)),
        },
        3 => {
            // Messages of the oldest clients end before the flags; their names are OEM.
            let flags = number_at(message, 60).unwrap_or_default();
            let text = |offset| {
                let name = name_at(message, offset);
                if flags & UNICODE == 0 { oem(name) } else { utf16(name) }
            };
            Ntlm { message: 3, domain: text(28), user: text(36), workstation: text(44) }
        }
        2 => Ntlm { message: 2, ..Ntlm::default() },
        _ => Ntlm::default(),
    }
}

fn number_at(message: &[u8], offset: usize) -> Option<u32> {
    let number: IResult<&[u8], u32> = le_u32.parse(message.get(offset..)?);
    number.ok().map(|(_, number)| number)
}

/// The bytes of the name described at `offset`.
fn name_at(message: &[u8], offset: usize) -> &[u8] {
    let place: IResult<&[u8], (u16, u16, u32)> =
        (le_u16, le_u16, le_u32).parse(message.get(offset..).unwrap_or_default());
    let Ok((_, (length, _, start))) = place else { return b"" };
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    message.get(start..start.saturating_add(length.into())).unwrap_or_default()
}

fn oem(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn utf16(bytes: &[u8]) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A type 3 message with the three names behind its 64-byte header.
    fn authenticate(names: [&[u8]; 3], flags: u32) -> Vec<u8> {
        let mut message = [SIGNATURE, &3u32.to_le_bytes(), &[0; 16]].concat();
        let mut offset = 64;
        for name in names {
            let length = u16::try_from(name.len()).unwrap();
            message.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
            message.extend(u32::try_from(offset).unwrap().to_le_bytes());
            offset += name.len();
        }
        message.extend([0; 8]);
        message.extend(flags.to_le_bytes());
        names.iter().for_each(|name| message.extend_from_slice(name));
        message
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn names_are_read_in_their_character_set() {
        let expected =
            |user: &str| Ntlm { message: 3, domain: "CONTOSO".into(), user: user.into(), workstation: "FE01".into() };
        let unicode = authenticate([&wide("CONTOSO"), &wide("jürgen"), &wide("FE01")], UNICODE);
        assert_eq!(find(&unicode), Some(expected("jürgen")));
        assert_eq!(find(&authenticate([b"CONTOSO", b"svc", b"FE01"], 2)), Some(expected("svc")));
        // Wrapped in SPNEGO.
        assert_eq!(find(&[b"\xa1\x82\x01\x02\x30".as_slice(), &unicode].concat()), Some(expected("jürgen")));
        let mut negotiate = [SIGNATURE, &1u32.to_le_bytes(), &2u32.to_le_bytes()].concat();
        negotiate.extend([4, 0, 4, 0, 36, 0, 0, 0, 4, 0, 4, 0, 32, 0, 0, 0]);
        negotiate.extend(b"FE01CORP");
        let found = find(&negotiate).unwrap();
        assert_eq!((found.message, found.domain.as_str(), found.workstation.as_str()), (1, "CORP", "FE01"));
    }

    #[test]
    fn lengths_that_leave_the_message_give_no_names() {
        let mut message = authenticate([b"D", b"U", b"W"], 0);
        message[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
        let found = find(&message).unwrap();
        assert_eq!((found.domain.as_str(), found.user.as_str(), found.workstation.as_str()), ("D", "", "W"));
        assert_eq!(find(SIGNATURE), Some(Ntlm::default()));
        assert_eq!(find(b"kerberos"), None);
        for length in 0..message.len() {
            let _ = find(&message[..length]);
        }
    }
}
