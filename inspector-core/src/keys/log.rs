//! Key logs as text (NSS `SSLKEYLOGFILE`): lines with the client random they are for.
//!
//! ```text
//! CLIENT_TRAFFIC_SECRET_0 3f1c…(64 digits) 9a0b…
//! label                   client random    secret
//! ```

use std::{borrow::Cow, collections::BTreeSet};

/// A client random.
pub type ClientRandom = [u8; 32];

/// A line that holds a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// The whole line, without its end.
    pub text: &'t [u8],
    /// The client random it is for; `None` of lines that name a session or an encrypted premaster secret instead.
    pub client_random: Option<ClientRandom>,
}

/// Shows no secret.
impl std::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// A file's text as ASCII: `PowerShell` writes UTF-16 when it copies a log by redirection.
pub fn ascii(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes {
        [0xff, 0xfe, units @ ..] => {
            units.chunks(2).filter_map(|unit| unit.first().copied()).collect::<Vec<u8>>().into()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.into(),
        bytes => bytes.into(),
    }
}

/// The lines of a key log that hold a secret. Comments, blank and other lines are passed over.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter_map(|text| {
        let mut words = text.split(|byte| *byte == b' ' || *byte == b'\t').filter(|word| !word.is_empty());
        let label = words.next().filter(|label| is_label(label))?;
        let client_random = (label != b"RSA").then(|| words.next().and_then(parse)).flatten();
        (client_random.is_some() || label == b"RSA").then_some(Line { text, client_random })
    })
}

/// The secrets of these client randoms, a line each.
pub fn only(text: &[u8], randoms: &BTreeSet<ClientRandom>) -> Vec<u8> {
    let wanted = |line: &Line<'_>| line.client_random.is_some_and(|random| randoms.contains(&random));
    let mut kept = Vec::new();
    for line in lines(text).filter(wanted) {
        kept.extend_from_slice(line.text);
        kept.push(b'\n');
    }
    kept
}

fn is_label(word: &[u8]) -> bool {
    let is_upper = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    word.first().is_some_and(u8::is_ascii_uppercase) && word.iter().all(is_upper)
}

fn parse(digits: &[u8]) -> Option<ClientRandom> {
    let mut random = [0; 32];
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    if pairs.len() != random.len() {
        return None;
    }
    for (to, [high, low]) in random.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *to = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(random)
}

/// Hexadecimal digits of a client random.
pub fn hex(random: &ClientRandom) -> String {
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_label_and_client_random() {
        let random = "ab".repeat(32);
        let text = format!(
            "# a comment\nCLIENT_RANDOM {random} {}\r\n\nRSA 0011223344556677 {}\nEXPORTER_SECRET\t{random}  00\nclient_random {random} 00\nCLIENT_RANDOM abcd 00\n",
            "cd".repeat(48),
            "ef".repeat(48)
        );
        let found: Vec<Option<ClientRandom>> = lines(text.as_bytes()).map(|line| line.client_random).collect();
        assert_eq!(found, [Some([0xab; 32]), None, Some([0xab; 32])]);
        assert_eq!(only(text.as_bytes(), &BTreeSet::from([[0xab; 32]])).iter().filter(|b| **b == b'\n').count(), 2);
        assert!(only(text.as_bytes(), &BTreeSet::from([[0; 32]])).is_empty());
        assert!(!format!("{:?}", lines(text.as_bytes()).next()).contains("cdcd"));
        assert_eq!(hex(&[0xab; 32]), random);
    }
}
