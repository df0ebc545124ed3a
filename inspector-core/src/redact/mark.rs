//! What stands in place of a secret that was redacted: letters and digits, of the secret's length.
//!
//! ```text
//! redacted1f2e3d4c5b6a7988xxxxxxxxxxxxxxxxxxxx     from 24 letters on: a fingerprint, or a number, and filling
//! rdx00042rdx                                      shorter: as much of a number as there is room for
//! ```
//!
//! The same secret has the same mark wherever it stands. Letters and digits stand in URLs, fields, JSON, XML and base64url
//! alike, so that nothing around a mark changes.

use crate::secret::Fingerprint;

/// What long marks begin with, and how many digits follow.
const STEM: &str = "redacted";
const DIGITS: usize = 16;
/// From this length on there is room for both.
pub const LONG: usize = STEM.len() + DIGITS;
/// What short ones begin with.
const SHORT: &str = "rdx";

/// The mark of a secret of that length, told apart by `digits`.
fn of(digits: &str, length: usize) -> String {
    let mut mark = if length >= LONG {
        format!("{STEM}{digits}")
    } else {
        format!("{SHORT}{}", digits.get(11..).unwrap_or(digits))
    };
    while mark.len() < length {
        mark.push_str(if length >= LONG { "x" } else { SHORT });
    }
    mark.truncate(length);
    mark
}

/// The mark of a secret that nobody can find by trying: its fingerprint stands in it.
pub fn of_token(secret: &[u8], length: usize) -> String {
    of(&Fingerprint::of(secret).to_string(), length)
}

/// The mark of any other secret, by a number of the caller's.
pub fn of_number(number: u64, length: usize) -> String {
    of(&format!("{number:016}"), length)
}

/// Whether a text is a mark.
pub fn is_mark(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let Some(rest) = text.strip_prefix(STEM) {
        let (digits, filling) = rest.split_at_checked(DIGITS).unwrap_or((rest, ""));
        return digits.len() == DIGITS
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            && filling.bytes().all(|byte| matches!(byte, b'x' | b'A' | b'B' | b'+'));
    }
    let digits =
        bytes.get(SHORT.len()..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    match text.len() {
        0 => false,
        1..=3 => SHORT.starts_with(text),
        length if length < LONG && digits <= 5 => {
            let filling = bytes.get(SHORT.len() + digits..).unwrap_or_default();
            let expected = SHORT.bytes().cycle();
            text.starts_with(SHORT)
                && (digits == 5 || filling.is_empty())
                && filling.iter().zip(expected).all(|(is, it)| *is == it)
        }
        _ => false,
    }
}

/// Whether a signature was redacted.
pub fn is_marked_signature(signature: &str) -> bool {
    let signature = signature.trim_end_matches('=');
    is_mark(signature)
        || (signature.len() < LONG
            && signature.len() > 3
            && is_mark(signature.get(..signature.len() - 1).unwrap_or_default()))
}

/// The mark of a token's signature: base64url of the same length and with the same deviations from its strict form.
pub fn of_signature(signature: &str) -> String {
    let letters = signature.trim_end_matches('=');
    let mut mark = of_token(letters.as_bytes(), letters.len()).into_bytes();
    let length = mark.len();
    // The unused bits of the last letter are zero where they were.
    let used = match length % 4 {
        2 => 4,
        3 => 2,
        _ => 0,
    };
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    let is_clean = letters.bytes().last().is_none_or(|last| value(last) & ((1_u8 << used) - 1) == 0);
    if used > 0
        && length > 3
        && let Some(last) = mark.last_mut()
    {
        *last = if is_clean { b'A' } else { b'B' };
    }
    if length > LONG + 2
        && letters.contains(['+', '/'])
        && let Some(letter) = mark.get_mut(length - 2)
    {
        *letter = b'+';
    }
    String::from_utf8(mark).unwrap_or_default() + signature.get(letters.len()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_the_length_and_are_known_again() {
        for length in 0..400 {
            for mark in [of_token(b"secret", length), of_number(7, length), of_number(u64::MAX / 10_000, length)] {
                assert_eq!(mark.len(), length);
                assert_eq!(is_mark(&mark), length > 0, "{mark}");
                assert!(mark.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            }
        }
        assert_ne!(of_token(b"one", 342), of_token(b"two", 342));
        assert_ne!(of_number(1, 8), of_number(2, 8));
        for text in
            ["", "redacted", "[REDACTED]", "x", "secret", "rdy", "redactedbutlongerthanthat000000", "P@ss:w0rd!"]
        {
            assert!(!is_mark(text), "{text}");
        }
    }

    #[test]
    fn marked_signatures_are_as_strict_as_they_were() {
        use crate::encoding::base64;
        for length in [22, 23, 24, 27, 43, 86, 171, 342, 683] {
            let signature: String = "q0b-Zm9v_QEA".chars().cycle().take(length - 1).chain(['A']).collect();
            for text in [signature.clone(), signature.replace('-', "+"), format!("{signature}=")] {
                let mark = of_signature(&text);
                assert_eq!(mark.len(), text.len());
                assert!(is_marked_signature(&mark) && of_signature(&mark).len() == mark.len(), "{mark}");
                let [before, after] = [&text, &mark].map(|it| base64::decode(it).unwrap());
                assert_eq!(
                    (before.trailing_bits, before.padding, before.bytes.len()),
                    (after.trailing_bits, after.padding, after.bytes.len()),
                    "{text} {mark}"
                );
            }
        }
    }
}
