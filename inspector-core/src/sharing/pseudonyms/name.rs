//! Other names of the same length.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Shortest name that is replaced wherever it stands: shorter ones are parts of other words.
pub(super) const SHORTEST: usize = 4;

/// Words that name nobody.
const COMMON: [&str; 34] = [
    "admin",
    "administrator",
    "anonymous",
    "client",
    "contact",
    "default",
    "exchange",
    "external",
    "guest",
    "health",
    "healthmailbox",
    "info",
    "internal",
    "local",
    "mail",
    "mailbox",
    "monitor",
    "monitoring",
    "name",
    "nobody",
    "none",
    "null",
    "office",
    "postmaster",
    "root",
    "service",
    "support",
    "svc",
    "system",
    "teams",
    "test",
    "user",
    "username",
    "users",
];

/// Tenants that are everybody's: personal accounts, and Microsoft's own.
const EVERYBODYS: [&str; 3] = [
    "9188040d-6c67-4c5b-b112-36a304b66dad",
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
];

/// Whether a name tells who somebody is, and is not found inside other words.
pub(super) fn tells(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let inner = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '\''));
    name.len() >= SHORTEST
        && name.is_ascii()
        && inner
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !COMMON.contains(&lower.as_str())
        && !crate::redact::opaque::is_uuid(name)
        && !crate::redact::mark::is_mark(name)
        && !crate::redact::placeholder::is_placeholder(name)
        && !lower.starts_with("redacted")
}

/// Whether a tenant, or an application that stands where one does, is nobody's in particular.
pub(super) fn is_everybodys(tenant: &str) -> bool {
    let lower = tenant.to_ascii_lowercase();
    lower.starts_with("0000000") || EVERYBODYS.contains(&lower.as_str())
}

/// The letter case of another text, letter by letter.
pub(super) fn in_case(new: &str, old: &str) -> String {
    let upper = |(new, old): (char, char)| if old.is_ascii_uppercase() { new.to_ascii_uppercase() } else { new };
    if new.len() == old.len() { new.chars().zip(old.chars()).map(upper).collect() } else { new.to_owned() }
}

/// What names become depends on.
pub(in crate::sharing) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(key: &[u8]) -> Self {
        // Longer and shorter keys become blocks by their digest (RFC 2104 §2).
        let mut block = [0; 64];
        block.iter_mut().zip(Sha256::digest(key)).for_each(|(place, byte)| *place = byte);
        Self(Hmac::new(&block.into()))
    }

    /// Thirty-two bytes that depend on the key, a purpose and a text.
    pub(super) fn digest(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// A word that can be said, as long as the name; digits and signs stay what they are.
    pub(super) fn word(&self, name: &str, attempt: u32) -> String {
        const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
        const VOWELS: &[u8] = b"aeiou";
        let mut stream = Vec::new();
        let mut block = 0_u32;
        let mut vowel = None;
        let mut out = String::with_capacity(name.len());
        for (at, c) in name.chars().enumerate() {
            while stream.len() <= at {
                let purpose = format!("name {attempt} {block}");
                stream.extend(self.digest(&purpose, name.as_bytes()));
                block += 1;
            }
            let byte = usize::from(stream.get(at).copied().unwrap_or_default());
            let pick = |letters: &[u8]| char::from(letters.get(byte % letters.len().max(1)).copied().unwrap_or(b'x'));
            if c.is_ascii_alphabetic() {
                let now = vowel.map_or(byte % 5 == 0, |last: bool| !last);
                out.push(pick(if now { VOWELS } else { CONSONANTS }));
                vowel = Some(now);
            } else if c.is_ascii_digit() {
                out.push(pick(b"0123456789"));
                vowel = None;
            } else {
                out.push(c);
                vowel = None;
            }
        }
        out
    }

    /// Another UUID of version 4.
    pub(super) fn uuid(&self, name: &str, attempt: u32) -> String {
        let digest = self.digest(&format!("tenant {attempt}"), name.as_bytes());
        let mut digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut hex = |fixed: Option<u8>| {
            let digit = digits.next().unwrap_or_default();
            char::from_digit(u32::from(fixed.unwrap_or(digit)), 16).unwrap_or('0')
        };
        let of = |(at, c): (usize, char)| match (at, c) {
            (_, '-') => '-',
            // Ids of applications begin with zeros.
            (0, _) => hex(Some(8 | (digest.last().copied().unwrap_or_default() & 7))),
            (14, _) => hex(Some(4)),
            (19, _) => hex(Some(8)),
            _ => hex(None),
        };
        name.chars().enumerate().map(of).collect()
    }
}
