//! What a secret is, and what may be shown of it: the one place every output asks.
//!
//! A recording is hostile, secret-laden text. This module turns it into text that holds no password, signature, opaque
//! token, client secret or cookie's value: each is replaced by its length and fingerprint, so that two occurrences of one
//! secret can still be told to be the same. User names, claims, hosts and identifiers stay.
//!
//! | what | function |
//! |---|---|
//! | a field of a message | [`field_value`] |
//! | a URL or request target | [`url`] |
//! | any text, as far as a [`Level`] goes | [`text()`] |
//! | a short excerpt for a report | [`excerpt`] |
//! | members of a token's header or claims | [`Facts`] |
//! | the name of a parameter or member | [`name`] |
//! | a secret itself | [`mask`], [`token`] |
//!
//! Masking goes by the name first ([`crate::secret::names`], the list rules use too), by the place in running text
//! (credentials behind a scheme, passwords in URLs) and by shape last: compact tokens, opaque words, and encodings that
//! hide one of those. What is written in the notation of UUIDs is never opaque.
//!
//! Masks are for secrets, escapes ([`escaped`]) for characters that are not seen: whoever prints needs both.

pub(crate) mod compact;
mod encoded;
mod excerpt;
mod field;
mod glance;
mod invisible;
pub mod mark;
mod members;
pub(crate) mod opaque;
mod pairs;
pub mod placeholder;
mod plain;
mod prose;
mod schemes;
mod table;
mod text;

use std::borrow::Cow;

pub use excerpt::{excerpt, shown_line};
pub use field::{field_name, field_value};
pub use invisible::{escaped, escaped_where, is_invisible, is_plain};
pub use members::Facts;
pub use text::{text, tokens_masked};

use crate::secret::{Fingerprint, names::secret_kind};

/// How much of a text is taken for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Decoded facts: tokens, credentials, values under the name of a password, key or token. What is merely unreadable
    /// stays.
    Facts,
    /// Text of a known purpose, such as the number of a request: as for prose, but opaque words stay.
    Known,
    /// What servers and clients say: also opaque words of letters and digits, and secrets a sentence names.
    Prose,
    /// A field of a name this program does not know: also long hexadecimal numbers.
    Field,
}

/// Longest name that is shown, in characters.
const LONGEST_NAME: usize = 64;

/// A URL or request target: the password of the user information, the values of secret parameters in path, query and
/// fragment, opaque segments, and whatever hides one of those are masked.
pub fn url(url: &str) -> Cow<'_, str> {
    text(url, Level::Prose)
}

/// A name that can be shown: of one that is or may be a secret only length and fingerprint.
pub fn name(name: &str) -> Cow<'_, str> {
    // Names of members are looked at by the thousand, and letters and digits hide nothing but a token.
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'[' | b']');
    if name.len() <= LONGEST_NAME
        && name.bytes().all(is_usual)
        && !compact::may_hold(name.as_bytes())
        && !opaque::is_opaque(name, Level::Known)
    {
        return Cow::Borrowed(name);
    }
    if name.chars().count() > LONGEST_NAME {
        return Cow::Owned(shown(name));
    }
    match text(name, Level::Known) {
        Cow::Borrowed(name) => Cow::Borrowed(name),
        Cow::Owned(_) => Cow::Owned(shown(name)),
    }
}

/// A token as it may be shown: the start of a JWT's header, else nothing of it, with length and fingerprint.
pub fn token(raw: &str) -> String {
    let raw = raw.trim();
    let is_compact = raw.contains('.') && compact::begins(raw.as_bytes());
    let head = if is_compact { raw.get(..4).unwrap_or_default() } else { "" };
    format!("{head}…({} chars, sha256 {})", raw.chars().count(), Fingerprint::of(raw.as_bytes()))
}

/// A secret as it may be shown: its length and fingerprint.
///
/// A short secret has no fingerprint either: it could be found by trying.
pub fn mask(secret: &[u8]) -> String {
    if secret.len() < 16 {
        return format!("***({} bytes)", secret.len());
    }
    format!("***({} bytes, sha256 {})", secret.len(), Fingerprint::of(secret))
}

/// Whether a name of a field, parameter or member marks its value as a secret.
pub fn is_secret_name(name: &str) -> bool {
    field::is_credentials(name) || secret_kind(name).is_some()
}

/// A secret: as a token if it is a compact one.
fn shown(secret: &str) -> String {
    if secret.contains('.') && compact::begins(secret.trim_start().as_bytes()) {
        token(secret)
    } else {
        mask(secret.as_bytes())
    }
}

#[cfg(test)]
mod tests;
