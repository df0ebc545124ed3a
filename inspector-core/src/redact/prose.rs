//! Secrets that a sentence names: `The password 'Winter2026' of megan is wrong`.

use std::sync::LazyLock;

use super::{
    Level, opaque,
    table::Table,
    text::{Spots, is_masked},
};

/// Words that tell of a secret, and whether any word in quotation marks behind them is one.
const SECRETS: [(&str, bool); 19] = [
    ("password", true),
    ("passwd", true),
    ("pwd", true),
    ("passphrase", true),
    ("passcode", true),
    ("pin", true),
    ("otp", true),
    ("secret", true),
    ("apikey", true),
    ("credential", false),
    ("credentials", false),
    ("token", false),
    ("assertion", false),
    ("cookie", false),
    ("session", false),
    ("ticket", false),
    ("key", false),
    ("code", false),
    ("jwt", false),
];
/// The words alone.
static NAMES: LazyLock<Table> = LazyLock::new(|| Table::new(&SECRETS.map(|(name, _)| name)));
/// Words between the name of a secret and the secret.
const NEAR: usize = 4;
/// The shortest word without quotation marks that is taken for a secret.
const SHORTEST: usize = 6;

/// Notes them.
pub(super) fn find(text: &str, spots: &mut Spots) {
    let mut near = 0;
    let mut any_word = false;
    let mut from = 0;
    while let Some(word) = next_word(text, from) {
        from = word.end;
        let plain = text.get(word.clone()).unwrap_or_default();
        // `reason="password`: the last word counts.
        let name = plain.trim_end_matches(|c: char| !c.is_alphanumeric());
        let name = name.rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).next().unwrap_or_default();
        if NAMES.has(name)
            && let Some((_, any)) = SECRETS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            (near, any_word) = (NEAR, *any);
            continue;
        }
        if near == 0 {
            continue;
        }
        near -= 1;
        let unopened = plain.trim_start_matches(['(', '[', ':', '=']);
        if let Some(quote) = unopened.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
            let start = word.start + (plain.len() - unopened.len()) + 1;
            let rest = text.get(start..).unwrap_or_default();
            let Some(length) = rest.find(quote) else { continue };
            let inside = rest.get(..length).unwrap_or_default();
            let is_sentence = inside.contains(' ') && inside.split(' ').all(opaque::is_wordy);
            if !inside.is_empty() && !is_sentence && ((any_word && !is_known(inside)) || is_mixed(inside)) {
                spots.add(start..start + length);
            }
            from = (start + length + 1).min(text.len());
            continue;
        }
        let trimmed = plain.trim_matches(|c| matches!(c, '"' | '\'' | '(' | ')' | ',' | '.' | ';' | ':' | '`'));
        if is_mixed(trimmed)
            && let Some(at) = plain.find(trimmed)
        {
            spots.add(word.start + at..word.start + at + trimmed.len());
        }
    }
}

fn next_word(text: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.get(from..)?;
    let start = from + rest.find(|c: char| !c.is_whitespace())?;
    let word = text.get(start..)?;
    Some(start..start + word.find(char::is_whitespace).unwrap_or(word.len()))
}

/// What can stand behind such a word and is no secret: the name of a host, an application, a place.
fn is_known(word: &str) -> bool {
    let host = |text: &str| text.contains('.') || opaque::is_uuid(text);
    is_masked(word)
        || opaque::is_uuid(word)
        || word.contains("://")
        || word.rsplit_once('@').is_some_and(|(_, realm)| host(realm))
        || crate::secret::names::secret_kind(word).is_some()
        || (word.contains('/') && !opaque::is_opaque(word, Level::Field))
}

/// Letters and digits in one word, as passwords have them and words have not.
fn is_mixed(word: &str) -> bool {
    let has = |tell: fn(char) -> bool| word.chars().any(tell);
    let is_code = word.trim_start_matches(|c: char| c.is_ascii_uppercase()).bytes().all(|byte| byte.is_ascii_digit());
    let is_host = word.contains('.')
        && word.split('.').all(|label| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    let is_time = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains(['-', ':', '/']);
    word.len() >= SHORTEST
        && has(|c| c.is_ascii_digit())
        && has(char::is_alphabetic)
        && !word.contains('=')
        && !(is_code || is_host || is_time || is_known(word))
}
