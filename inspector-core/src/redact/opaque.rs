//! Words that look like no word: what a generator of random text, or base64, makes.
//!
//! A word of a language, a name of a program and an identifier in camel case change between small letters, capitals and
//! digits seldom; random text does so at nearly every second character. Identifiers in the notation of UUIDs are none:
//! they name things, and reports need them.

use super::Level;

/// The shortest word that is told to be opaque.
const SHORTEST: usize = 16;
/// From this length on a word is opaque by its first letters.
const SHORTEST_KNOWN: usize = 12;

/// How values begin that are secrets wherever they stand: tokens and keys of well-known issuers.
const KNOWN: &[&str] = &[
    "AIza",
    "AKIA",
    "ASIA",
    "EAAC",
    "EwA",
    "EwB",
    "EwC",
    "EwD",
    "M.C",
    "M.R",
    "PAQAB",
    "SG.",
    "TlRMTVNT",
    "YII",
    "dop_v1_",
    "eyJ",
    "gho_",
    "ghp_",
    "ghr_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "hf_",
    "npm_",
    "oYG",
    "oYI",
    "pypi-",
    "rk_live_",
    "rk_test_",
    "shpat_",
    "sk-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xapp-",
    "xoxa-",
    "xoxb-",
    "xoxe",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "ya29.",
    "PD94bWwg",
    "PHNhbWw",
];

/// The first letters of those.
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
const FIRST_LETTERS: [bool; 256] = {
    let mut first = [false; 256];
    let mut at = 0;
    while at < KNOWN.len() {
        first[KNOWN[at].as_bytes()[0] as usize] = true;
        at += 1;
    }
    first
};

fn begins_known(word: &str) -> bool {
    let first = word.as_bytes().first().and_then(|byte| FIRST_LETTERS.get(usize::from(*byte)));
    let Some(true) = first else { return false };
    KNOWN.iter().any(|start| start.as_bytes().first() == word.as_bytes().first() && word.starts_with(start))
}

/// Whether a word looks like a secret by itself.
pub(super) fn is_opaque(word: &str, level: Level) -> bool {
    let word = word.trim_matches(|c: char| matches!(c, '-' | '_' | '.' | '/'));
    if word.len() < SHORTEST_KNOWN {
        return false;
    }
    let bare = word.trim_end_matches('=');
    let known = begins_known(bare) && looks_random(bare, SHORTEST_KNOWN);
    if known || matches!(level, Level::Facts | Level::Known) || word.len() < SHORTEST {
        return known;
    }
    if is_uuid(word) {
        return false;
    }
    if bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return level == Level::Field && bare.len() >= 32 && bare.bytes().any(|byte| byte.is_ascii_alphabetic());
    }
    // A path or a list of names: each of its words counts.
    let pieces = || bare.split(['/', '.', '-', '_', '+', '=', '~']).filter(|piece| !piece.is_empty());
    if pieces().any(|piece| piece.len() >= SHORTEST && looks_random(piece, SHORTEST)) {
        return true;
    }
    let joined: String = pieces().collect();
    let [small, capitals, digits] = classes(&joined);
    let all_kinds = small > 0 && capitals > 0 && digits > 0;
    all_kinds && pieces().all(|piece| piece.len() < 24 && !is_wordy(piece)) && looks_random(&joined, SHORTEST)
}

/// Whether a text is a long token of a family whose beginning alone would say too little: identifiers of the same family
/// (the `rh` claim of Entra ID) are shorter.
pub(super) fn is_long_token(text: &str) -> bool {
    const STARTS: [&str; 8] = ["0.A", "1.A", "AQAB", "cwt=", "t=", "1//", "M.C", "M.R"];
    text.len() >= 100 && !text.contains(char::is_whitespace) && STARTS.iter().any(|start| text.starts_with(start))
}

/// Whether a piece of text is a word of a language, a number or an abbreviation: letters of one kind, or a capital and
/// small ones, or digits.
pub(super) fn is_wordy(piece: &str) -> bool {
    let piece = piece.trim_matches(|c: char| c.is_ascii_punctuation());
    let mut letters = piece.chars();
    letters.next();
    let rest = letters.as_str();
    piece.is_empty()
        || piece.bytes().all(|byte| byte.is_ascii_digit())
        || (piece.len() <= 20
            && piece.chars().all(char::is_alphabetic)
            && (rest.chars().all(char::is_lowercase) || piece.chars().all(char::is_uppercase)))
        || (piece.len() <= 28 && piece.contains('-') && piece.split('-').all(|part| part.len() > 1 && is_wordy(part)))
        || (piece.len() <= 28 && piece.contains('_') && piece.split('_').all(|part| part.len() > 1 && is_wordy(part)))
}

/// Whether a text has the form of a host's name: labels and dots, the last label of letters.
pub(super) fn is_host(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.rsplit_once('.').is_some_and(|(labels, top)| {
        labels.split('.').all(is_label)
            && (2..=12).contains(&top.len())
            && top.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// `7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f`.
pub(crate) fn is_uuid(word: &str) -> bool {
    let word = word.trim_matches(|c| matches!(c, '{' | '}'));
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn classes(text: &str) -> [usize; 3] {
    text.bytes().fold([0; 3], |[small, capitals, digits], byte| match byte {
        b'a'..=b'z' => [small + 1, capitals, digits],
        b'A'..=b'Z' => [small, capitals + 1, digits],
        b'0'..=b'9' => [small, capitals, digits + 1],
        _ => [small, capitals, digits],
    })
}

/// Whether text of at least `shortest` characters changes between kinds of characters as random text does. A capital
/// before small letters begins a word and does not count.
fn looks_random(text: &str, shortest: usize) -> bool {
    if text.len() < shortest {
        return false;
    }
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let changes = text
        .as_bytes()
        .windows(2)
        .filter(|two| matches!(two, [a, b] if kind(*a) != kind(*b) && (kind(*a), kind(*b)) != (1, 0) && kind(*b) != 3))
        .count();
    let [_, _, digits] = classes(text);
    // In random letters and digits about 45 of 100 neighbours change so; in names in camel case 15.
    if digits > 0 { changes * 100 >= text.len() * 22 } else { text.len() >= 20 && changes * 100 >= text.len() * 27 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_is_told_from_names() {
        for word in [
            "9xQ2mZ7vL4kR8wT1",
            "Sess9xQ2mZ7vL4kR8wT1",
            "dXNlcjpTM2NyM3RQYXNzdzByZA==",
            "k3j5h2g9d8f7a6s4",
            "SasSig9xQ2mZ7vL4kR8wT1yB6nC3dF5gH0j",
            "9xQ2-mZ7v-L4kR-8wT1-yB6n",
            "AbCdEfGhIjKlMnOpQrStUv",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "JwvDu6qsMznP6Mw7mnpegmka6qY",
        ] {
            assert!(is_opaque(word, Level::Field) && is_opaque(word, Level::Prose), "{word}");
        }
        for word in [
            "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f",
            "MicrosoftExchangeServicesClient",
            "ExchangeServicesClient/1.0.0.0",
            "application/x-www-form-urlencoded",
            "strict-origin-when-cross-origin",
            "AutodiscoverServiceImplementation2019",
            "2026-11-23T12:00:00.1234567Z",
            "15.20.7544.029",
            "max-age=31536000",
            "no-cache-no-store",
            "AADSTS7000215",
            "ErrorNonExistentMailbox",
            "1234567890123456789",
            "X-MS-Exchange-Organization",
            "node-12.eu-west-1.example",
            "multipart/form-data",
            "UnifiedGroupMember2Exchange",
        ] {
            assert!(!is_opaque(word, Level::Field), "{word}");
        }
        let hex = "0123456789abcdef0123456789abcdef";
        assert!(is_opaque(hex, Level::Field) && !is_opaque(hex, Level::Prose));
        assert!(is_opaque("ghp_16C7e42F292c6912E7710c838347Ae178B4a", Level::Facts));
        assert!(!is_opaque("9xQ2mZ7vL4kR8wT1yB6nC3dF5g", Level::Facts));
    }
}
