//! Integers and strings (RFC 7541 §5, RFC 9204 §4.1).

use super::strings;

/// What was read contradicts its coding, or ends inside it: what follows has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// An integer with a prefix of `bits` bits, at most what fits 28 more bits.
pub(crate) fn integer(input: &[u8], bits: u32) -> Result<(usize, &[u8]), Broken> {
    let (first, mut rest) = input.split_first().ok_or(Broken)?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value < most {
        return Ok((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (byte, tail) = rest.split_first().ok_or(Broken)?;
        rest = tail;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value, rest));
        }
    }
    Err(Broken)
}

/// A string whose length has a prefix of `bits` bits, appended to `out`: at most `most` octets of it if it is coded.
pub(crate) fn string<'b>(input: &'b [u8], bits: u32, out: &mut Vec<u8>, most: usize) -> Result<&'b [u8], Broken> {
    let coded = input.first().is_some_and(|byte| byte & (1 << bits) != 0);
    let (length, rest) = integer(input, bits)?;
    let (text, rest) = rest.split_at_checked(length).ok_or(Broken)?;
    if !coded {
        out.extend_from_slice(text);
        return Ok(rest);
    }
    // At most eight symbols in five bytes; a string that decodes to more than a head is as good as broken.
    if strings::decode(text, out, most) { Ok(rest) } else { Err(Broken) }
}
