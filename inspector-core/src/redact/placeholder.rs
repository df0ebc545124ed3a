//! Values a recording's exporter put in place of secrets.
//!
//! A replaced value must not be read as a credential, nor as the absence of one: something was sent.

/// Words that stand for a removed value, alone or in brackets.
const WORDS: &[&str] = &[
    "censored",
    "filtered",
    "hidden",
    "masked",
    "obfuscated",
    "omitted",
    "redacted",
    "removed",
    "sanitized",
    "sanitised",
    "scrubbed",
    "stripped",
];

/// Characters whose repetition stands for a removed value.
const FILLERS: &[char] = &['*', 'x', 'X', '\u{2022}', '\u{2026}', '.', '#', '-', '_'];

/// Longest label that stands for a removed value.
const LONGEST_LABEL: usize = 64;

/// Whether `value` stands for a removed one: `[REDACTED]`, `***`, `<redacted>`, `xxx`, `…`.
pub fn is_redacted(value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    // What this program put there tells what was there before.
    if super::mark::is_mark(value) {
        return false;
    }
    is_filled(value) || (value.len() <= LONGEST_LABEL + 6 && is_label(value)) || is_named_hash(value)
}

/// Words that programs send where they have no token: the text of an absent value, or of a template nobody filled in.
const PLACEHOLDERS: &[&str] = &[
    "null",
    "undefined",
    "none",
    "nil",
    "nan",
    "false",
    "true",
    "0",
    "-1",
    "[object object]",
    "object",
    "[object promise]",
    "(null)",
    "<null>",
    "[null]",
    "token",
    "bearer",
    "jwt",
    "access_token",
    "access-token",
    "accesstoken",
    "placeholder",
    "changeme",
    "todo",
    "%s",
];

/// Longest placeholder.
const LONGEST_PLACEHOLDER: usize = 48;

/// Whether a text stands where a token would, and is none: `null`, `undefined`, `$TOKEN`, `YOUR_TOKEN_HERE`. Unlike a value
/// that was replaced by an exporter, this is what was sent.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    if value.is_empty() || value.len() > LONGEST_PLACEHOLDER {
        return false;
    }
    let is = |word: &&str| value.eq_ignore_ascii_case(word);
    let is_variable = |name: &str| {
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    let plain = value.strip_prefix("process.env.").or_else(|| value.strip_prefix('$'));
    let is_yours = starts_with(value, "your")
        && ["token", "jwt", "key", "here"].iter().any(|word| value.to_ascii_lowercase().contains(word));
    PLACEHOLDERS.iter().any(is) || plain.is_some_and(is_variable) || is_yours
}

/// Whether a hash stands there that says so: `sha256:9f86d0…`.
fn is_named_hash(value: &str) -> bool {
    // None of them goes beyond the name.
    if !["sha", "md5", "hmac", "hash"].iter().any(|hash| starts_with(value, hash)) {
        return false;
    }
    let Some((_, digits)) = value.split_once([':', '-']) else { return false };
    digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether nothing but one filling character is there.
fn is_filled(value: &str) -> bool {
    let Some(first) = value.chars().next().filter(|first| FILLERS.contains(first)) else { return false };
    let enough = matches!(first, '*' | '\u{2022}' | '\u{2026}') || value.chars().nth(2).is_some();
    enough && value.chars().all(|c| c == first)
}

/// Whether a word in brackets is there, or one of [`WORDS`].
fn is_label(value: &str) -> bool {
    let bracketed = [("[", "]"), ("<", ">"), ("(", ")"), ("{", "}"), ("***", "***"), ("__", "__"), ("%", "%")]
        .iter()
        .any(|(open, close)| value.len() > 2 && value.starts_with(open) && value.ends_with(close));
    let plain = value.trim_matches(|c: char| !c.is_alphanumeric());
    if bracketed && plain.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.')) {
        return true;
    }
    plain.len() < 32 && WORDS.iter().any(|word| starts_with(plain, word))
}

/// Whether part of a token was replaced: `eyJ0…[REDACTED]`, `eyJ0.eyJ1.***`. Such text occurs in no base64.
pub(crate) fn is_partly_redacted(value: &str) -> bool {
    // Three quick searches answer for every whole token.
    let bytes = value.as_bytes();
    let suspicious = memchr::memchr3(b'[', b'<', b'*', bytes).is_some()
        || memchr::memchr(0xe2, bytes).is_some()
        || memchr::memmem::find(bytes, b"...").is_some();
    if !suspicious {
        return false;
    }
    ["[redacted", "<redacted", "***", "\u{2026}", "...", "\u{2022}\u{2022}"].iter().any(|mark| {
        memchr::memchr_iter(mark.as_bytes().first().copied().unwrap_or_default(), value.as_bytes())
            .any(|at| value.get(at..).is_some_and(|rest| starts_with(rest, mark)))
    })
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_values_are_told_from_tokens() {
        for value in [
            "[REDACTED]",
            "***",
            "*",
            "REDACTED",
            "<redacted>",
            "xxx",
            "XXXXXXXX",
            "\u{2026}",
            "...",
            "[Filtered]",
            "(masked)",
            "{{token}}",
            "<access_token>",
            "redacted-by-proxy",
            "\"***\"",
            "***REDACTED***",
        ] {
            assert!(is_redacted(value), "{value}");
        }
        for value in [
            "",
            "abc",
            "eyJ0.eyJ1.",
            "xX",
            "ab...cd",
            "redactedButReallyALongOpaqueTokenThatGoesOnAndOn",
            "-",
            "{\"a\":1}",
            "<a:b/>",
        ] {
            assert!(!is_redacted(value), "{value}");
        }
        for value in [
            "null",
            "NULL",
            "undefined",
            "None",
            "\"null\"",
            "[object Object]",
            "$TOKEN",
            "${ACCESS_TOKEN}",
            "YOUR_ACCESS_TOKEN",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["", "nullable", "abc", "eyJ0.eyJ1.", "$2b$10$abcdefghijklmnopqrstuv", "your", "00", "tokens"] {
            assert!(!is_placeholder(value), "{value}");
        }
        for value in ["eyJ0eXAi...", "eyJ0.eyJ1.***", "eyJ0[Redacted]", "eyJ0\u{2026}"] {
            assert!(is_partly_redacted(value), "{value}");
        }
        assert!(!is_partly_redacted("eyJ0.eyJ1.abc-_"));
        assert!(!is_partly_redacted("eyJ0..iv.text.tag"));
    }
}
