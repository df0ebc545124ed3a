use crate::{
    bounded::Memory,
    handshake::observation::{Answer, Observation},
    http::base64,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    token::{Defect, Sighting, TokenKind},
};

/// Bits that guessing has to find; RFC 6749 §10.10 wants 128, and what is below a half of it can be tried out.
const BITS: f64 = 64.0;
/// Tokens that differ by a number up to this are counted ones.
const NEAR: u64 = 1000;
/// Longest token that is looked at, in bytes: longer ones are judged by other rules.
const LONGEST: usize = 256;

declare_rule! {
    /// A token that can be guessed is accepted: too short, counted up from the one before, or plain text in an encoding.
    ///
    /// # Evidence
    /// The token's length and fingerprint.
    ///
    /// # Traps
    /// Only opaque tokens that a host accepted count; a JWT is protected by its signature. What the recording put in a
    /// token's place tells nothing of it. The bits are those of the letters used, more than a token really has.
    pub(crate) GuessableToken = "OAU-046" "guessable-token" Medium,
    title: "An accepted token can be guessed",
    remedy: "Make tokens of at least 128 random bits, and revoke these.",
    source: "RFC 6749 §10.10; RFC 6819 §5.1.4.2.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-10.10",
    state: { counted: Memory<Fingerprint, (u64, Fingerprint)> },
}

impl Rule for GuessableToken {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.answer != Answer::Accepted {
            return;
        }
        for sighting in observation.presented().filter(|sighting| is_opaque(sighting)) {
            let text = sighting.token.raw.reveal();
            let problem = if bits(text) < BITS {
                Some("is too short to be hard to guess")
            } else if is_counted(&mut self.counted, text, sighting.token.id) {
                Some("differs from another one by a number that is counted up")
            } else if is_plain(text) {
                Some("is plain text in base64 or hexadecimal digits")
            } else {
                None
            };
            if let Some(problem) = problem {
                let detail = format!("{}: a token {problem}", observation.host_name);
                context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
            }
        }
    }
}

fn is_opaque(sighting: &Sighting) -> bool {
    let text = sighting.token.raw.reveal();
    sighting.token.kind == TokenKind::Opaque
        && !text.is_empty()
        && text.len() <= LONGEST
        && !sighting.token.defects.contains(&Defect::Redacted)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=:|@".contains(&byte))
}

/// Bits a guesser needs at most, by the length and the kinds of letters.
fn bits(text: &str) -> f64 {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let letters = match is_hex {
        true if has(u8::is_ascii_alphabetic) => 16.0,
        true => 10.0,
        false => {
            let of = |is: bool, count: f64| if is { count } else { 0.0 };
            of(has(u8::is_ascii_lowercase), 26.0)
                + of(has(u8::is_ascii_uppercase), 26.0)
                + of(has(u8::is_ascii_digit), 10.0)
                + of(has(|byte| !byte.is_ascii_alphanumeric()), 2.0)
        }
    };
    let letters: f64 = letters;
    letters.max(2.0).log2() * f64::from(u16::try_from(text.len()).unwrap_or(u16::MAX))
}

/// Whether another token is the same but for a number, and the numbers are near.
fn is_counted(known: &mut Memory<Fingerprint, (u64, Fingerprint)>, text: &str, id: Fingerprint) -> bool {
    let Some(end) = text.rfind(|c: char| c.is_ascii_digit()).map(|at| at + 1) else { return false };
    let before = text.get(..end).unwrap_or_default();
    let start = before.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    let Some(number) = text.get(start..end).and_then(|digits| digits.parse::<u64>().ok()) else { return false };
    let frame = format!("{}\n{}", text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let key = Fingerprint::of(frame.as_bytes());
    let near = known.recall(&key).is_some_and(|(other, of)| *of != id && other.abs_diff(number) <= NEAR);
    known.keep(key, (number, id));
    near
}

/// Whether it is the base64 or the hexadecimal form of words.
fn is_plain(text: &str) -> bool {
    let is_words = |bytes: &[u8]| {
        let printable = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
        bytes.len() >= 6 && printable && letters * 4 >= bytes.len() * 3
    };
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_hex = || -> Option<Vec<u8>> {
        let digits: Vec<u8> =
            text.chars().filter_map(|c| c.to_digit(16)).filter_map(|it| u8::try_from(it).ok()).collect();
        let (pairs, _) = digits.as_chunks::<2>();
        Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
    };
    if is_hex {
        return of_hex().is_some_and(|bytes| is_words(&bytes));
    }
    base64::decode(text).is_some_and(|decoded| is_words(&decoded.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed() {
        for (text, guessable) in [
            ("123456", true),
            ("abc", true),
            ("deadbeef", true),
            ("550e8400-e29b-41d4-a716-446655440000", false),
            ("ya29.a0AfH6SMBx7Zr", false),
            ("9f86d081884c7d65", false),
            ("gho_16C7e42F292c6912E7", false),
        ] {
            assert_eq!(bits(text) < BITS, guessable, "{text}");
        }
        for (text, plain) in [
            ("dXNlcjptZWdhbjpyb2xlOmFkbWlu", true),
            ("757365723a6d6567616e3a61646d696e", true),
            ("9f86d081884c7d659a2feaa0c55ad015", false),
            ("kZ0mVQ3c9q8sT1xW", false),
        ] {
            assert_eq!(is_plain(text), plain, "{text}");
        }
        let mut known = Memory::new(8);
        let id = |text: &str| Fingerprint::of(text.as_bytes());
        for (text, counted) in
            [("session-user-000001001", false), ("session-user-000001002", true), ("other-000001003", false)]
        {
            assert_eq!(is_counted(&mut known, text, id(text)), counted, "{text}");
        }
        assert!(!is_counted(&mut known, "other-000001003", id("other-000001003")));
    }
}
