//! Values under a name that tells of a secret: parameters, members of JSON, elements of XML, parts of a connection string.
//!
//! ```text
//! password=x     "client-secret": "x"     <o:Password Type="…">x</o:Password>     ;jsessionid=x     name="pin" value="x"
//! ```

use std::{borrow::Cow, ops::Range};

use super::{
    Level, opaque,
    text::{Spots, is_masked},
};
use crate::{
    encoding::percent,
    secret::names::{SecretKind, is_switch, secret_kind},
};

/// Longest name that is read, in bytes.
const LONGEST_NAME: usize = 128;

/// Notes them.
pub(super) fn find(text: &str, level: Level, spots: &mut Spots) {
    // `"name": "password", "value": "x"`
    let mut named = false;
    // What is behind a name is looked at once, however many names are in it.
    let mut covered = 0;
    for at in memchr::memchr3_iter(b'=', b':', b'>', text.as_bytes()) {
        if at < covered {
            continue;
        }
        let sign = text.as_bytes().get(at).copied().unwrap_or_default();
        let Some((name, quoted)) = name_before(text, at, sign) else { continue };
        let is_name = ["name", "key", "field", "id"].iter().any(|word| name.eq_ignore_ascii_case(word));
        let by_name = kind_of(&name, level);
        let by_neighbour = named && ["value", "val", "content"].iter().any(|word| name.eq_ignore_ascii_case(word));
        if !is_name && by_name.is_none() && !by_neighbour {
            continue;
        }
        let Some(value) = value_after(text, at + 1, sign) else { continue };
        let inside = text.get(value.range.clone()).unwrap_or_default();
        if is_name && kind_of(inside, Level::Prose).is_some_and(|kind| kind != SecretKind::Code) {
            named = true;
            continue;
        }
        let kind = match by_name {
            Some(kind) => kind,
            None if by_neighbour => SecretKind::Password,
            None => continue,
        };
        named = false;
        let prose = sign == b':' && !quoted && !value.quoted;
        if prose && !is_told(kind, inside, level) || is_harmless(kind, inside) {
            continue;
        }
        covered = value.range.end;
        spots.add(value.range);
    }
}

/// What a name says of its value.
pub(super) fn kind_of(name: &str, level: Level) -> Option<SecretKind> {
    // Times and ports have a colon, too.
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decoded = percent::decode(name.as_bytes());
    // `PaSsWoRd` is no name in camel case.
    let kind = secret_kind(&decoded).or_else(|| {
        let odd = decoded.bytes().any(|b| b.is_ascii_lowercase()) && decoded.bytes().any(|b| b.is_ascii_uppercase());
        let is_odd = odd && is_oddly_mixed(&decoded);
        is_odd.then(|| secret_kind(&decoded.to_ascii_lowercase()))?
    })?;
    match (level, kind) {
        // In claims a nonce, a session's number and a code are facts.
        (Level::Facts, SecretKind::Code | SecretKind::Session) => None,
        _ => Some(kind),
    }
}

/// Whether capitals stand in a name as nobody writes them: fewer than three letters of a kind in a row, again and again.
fn is_oddly_mixed(name: &str) -> bool {
    let turns = |two: &[u8]| matches!(two, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    name.as_bytes().windows(2).filter(|two| turns(two)).count() * 4 >= name.len()
}

/// Whether a value behind `name:` in a sentence is a secret rather than the sentence's next word.
fn is_told(kind: SecretKind, value: &str, level: Level) -> bool {
    match kind {
        _ if level == Level::Facts => false,
        SecretKind::Password => true,
        _ => !opaque::is_wordy(value) && value.len() >= 6,
    }
}

fn is_harmless(kind: SecretKind, value: &str) -> bool {
    let is_number = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_scheme = ["basic", "bearer", "negotiate", "ntlm", "digest", "oauth", "oauth2", "dpop", "pop"];
    is_switch(value)
        || is_masked(value)
        || (kind == SecretKind::Code && is_number)
        || (kind == SecretKind::Token && is_scheme.iter().any(|scheme| value.trim().eq_ignore_ascii_case(scheme)))
}

/// The name before a sign, and whether it stands in quotation marks.
fn name_before(text: &str, at: usize, sign: u8) -> Option<(Cow<'_, str>, bool)> {
    let before = text.get(..at)?;
    if sign == b'>' {
        let begin = at.saturating_sub(LONGEST_NAME * 2);
        let start = begin + text.as_bytes().get(begin..at)?.iter().rposition(|byte| *byte == b'<')? + 1;
        let tag = text.get(start..at)?;
        let name = tag.split(char::is_whitespace).next()?;
        let local = name.rsplit(':').next()?;
        let is_open = !tag.ends_with('/') && !tag.starts_with(['/', '!', '?']);
        return (is_open && !local.is_empty()).then_some((Cow::Borrowed(local), true));
    }
    if sign == b':' && text.get(at..)?.starts_with("://") {
        return None;
    }
    let trimmed = before.trim_end();
    let bare = trimmed.trim_end_matches(['"', '\'', '\\']);
    let bare = bare.strip_suffix("%22").or_else(|| bare.strip_suffix("&quot;")).unwrap_or(bare);
    let quoted = bare.len() < trimmed.len();
    let belongs = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '[' | ']' | '%');
    let mut start = bare.len();
    for (position, _) in bare.char_indices().rev().take_while(|(_, c)| belongs(*c)) {
        if bare.len() - position > LONGEST_NAME {
            break;
        }
        start = position;
    }
    let name = bare.get(start..)?;
    (!name.is_empty()).then_some((Cow::Borrowed(name), quoted))
}

/// Where a value is.
struct Value {
    range: Range<usize>,
    quoted: bool,
}

/// The value behind a sign.
fn value_after(text: &str, from: usize, sign: u8) -> Option<Value> {
    let all = text.get(from..)?;
    if sign == b'>' {
        let length = all.find('<').unwrap_or(all.len());
        return (length > 0).then_some(Value { range: from..from + length, quoted: true });
    }
    let rest = all.trim_start();
    let start = from + (all.len() - rest.len());
    let slashes = rest.len() - rest.trim_start_matches('\\').len();
    let behind = rest.get(slashes..)?;
    for quote in ["\"", "'", "`", "%22", "&quot;", "&#34;", "%27"] {
        let Some(inside) = behind.strip_prefix(quote) else { continue };
        let begin = start + slashes + quote.len();
        let length = closing(inside, quote, slashes).unwrap_or(inside.len());
        return (length > 0).then_some(Value { range: begin..begin + length, quoted: true });
    }
    if rest.starts_with(['[', '{']) && (sign == b':' || rest.starts_with("{\"") || rest.starts_with("[\"")) {
        return Some(Value { range: start..start + balanced(rest), quoted: true });
    }
    let length = bare_length(rest);
    (length > 0).then_some(Value { range: start..start + length, quoted: false })
}

/// Where a quotation ends that was opened behind that many backslashes.
fn closing(inside: &str, quote: &str, slashes: usize) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + inside.get(from..)?.find(quote)?;
        let before = inside.get(..at)?;
        let escapes = before.len() - before.trim_end_matches('\\').len();
        if slashes == 0 && escapes % 2 == 1 {
            from = at + quote.len();
            continue;
        }
        return Some(at - escapes.min(slashes));
    }
}

/// The length of an object or array at the start of a text; all of the text if it has no end.
fn balanced(text: &str) -> usize {
    let mut open = 0_usize;
    let (mut string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => string = !string,
            b'[' | b'{' if !string => open += 1,
            b']' | b'}' if !string => {
                open -= 1;
                if open == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The length of a value without quotation marks.
fn bare_length(rest: &str) -> usize {
    let is_pair = |text: &str| {
        let name = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)).count();
        name > 0 && matches!(text.as_bytes().get(name), Some(b'=' | b':'))
    };
    for (at, c) in rest.char_indices() {
        let next = || rest.get(at + c.len_utf8()..).unwrap_or_default();
        let ends = match c {
            '&' | ';' | '"' | '<' | '>' | '#' => true,
            ',' => next().is_empty() || next().starts_with(char::is_whitespace) || is_pair(next()),
            ')' | ']' | '}' | '\'' => {
                next().is_empty() || next().starts_with(|c: char| c.is_whitespace() || c.is_ascii_punctuation())
            }
            c => c.is_whitespace(),
        };
        if ends {
            return at;
        }
    }
    rest.len()
}
