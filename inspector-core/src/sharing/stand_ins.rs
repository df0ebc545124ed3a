//! Texts that stand in for secrets where what is written is judged as what was read.
//!
//! ```text
//! dGhpcyBpcyBhIHNpZ25hdHVyZQ      a signature, an opaque token: letters for letters, digits for digits, signs stay
//! kQzWjbYvoDUmNr4Ls1PPe9tNxGs
//! ```
//!
//! A stand-in has the length of its secret and is the same wherever the same secret stood. It is made of the secret's
//! SHA-256, and of that of a salt where the secret could be found by trying: the salt is not written.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use crate::secret::stand_ins::{first, plain_sha256};

/// Stand-ins remembered as told.
const MOST: usize = 200_000;
/// Bytes from which on a secret is long enough that its stand-in is no other text.
const LONG: usize = 16;
/// The same of one with letters in it.
const SHORTEST: usize = 6;
/// Letters of the longest beginning that tells the kind of a token.
const KIND: usize = 8;

/// The first bytes of the SHA-256 of a stand-in, those of its secret, and all of that where nobody finds it by trying.
pub(crate) type Told = ([u8; 8], [u8; 8], Option<[u8; 32]>);

/// Makes stand-ins.
pub(super) struct StandIns {
    salt: [u8; 32],
    told: HashSet<[u8; 8], RandomState>,
    fresh: Vec<Told>,
}

impl StandIns {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Self { salt, told: HashSet::default(), fresh: Vec::new() }
    }

    /// Those that are new.
    pub(super) fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.fresh)
    }

    /// What stands in for a secret; `strong` if nobody finds that by trying. Outputs name it by its fingerprint unless it is a
    /// password.
    pub(super) fn of(&mut self, secret: &[u8], strong: bool, is_password: bool) -> String {
        let digest = plain_sha256(secret);
        let mut letters = Letters::new(if strong { &[][..] } else { &self.salt }, &digest);
        let is_hex = strong && secret.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
        // What tells the kind of a token stays: `ghp_`, `cwt=`.
        let kind = secret
            .iter()
            .take(KIND)
            .position(|byte| b"_=.".contains(byte))
            .filter(|_| strong && secret.len() > 2 * LONG);
        let (kind, rest) = secret.split_at(kind.map_or(0, |sign| sign + 1));
        let mut text = String::from_utf8_lossy(kind).into_owned();
        let rest: String =
            rest.iter().map(|byte| if strong { letters.like(*byte, is_hex) } else { letters.any(*byte) }).collect();
        text.push_str(&rest);
        // The last letter of base64 has bits that have to be zero.
        if strong && let Some(last) = secret.iter().rposition(|byte| *byte != b'=').filter(|last| *last > LONG) {
            text.replace_range(last..=last, &char::from(secret.get(last).copied().unwrap_or(b'A')).to_string());
        }
        let key = first(&plain_sha256(text.as_bytes()));
        let is_own =
            secret.len() >= LONG || (secret.len() >= SHORTEST && secret.iter().any(|byte| !byte.is_ascii_digit()));
        if is_own && !is_password && self.told.len() < MOST && self.told.insert(key) {
            self.fresh.push((key, first(&digest), strong.then_some(digest)));
            // Paths are compared in lower case.
            let lower = text.to_ascii_lowercase();
            if lower != text {
                let of = plain_sha256(&secret.to_ascii_lowercase());
                self.fresh.push((first(&plain_sha256(lower.as_bytes())), first(&of), None));
            }
        }
        text
    }
}

/// Letters without an end, made of a digest.
struct Letters {
    seed: Sha256,
    block: [u8; 32],
    at: usize,
    count: u64,
}

impl Letters {
    fn new(salt: &[u8], digest: &[u8; 32]) -> Self {
        let seed = Sha256::new().chain_update(b"stand-in").chain_update(salt).chain_update(digest);
        Self { seed, block: [0; 32], at: 32, count: 0 }
    }

    fn byte(&mut self) -> u8 {
        if self.at >= self.block.len() {
            self.block = self.seed.clone().chain_update(self.count.to_be_bytes()).finalize().into();
            self.count += 1;
            self.at = 0;
        }
        let byte = self.block.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    fn of(&mut self, set: &[u8]) -> char {
        let at = usize::from(self.byte()) % set.len().max(1);
        char::from(set.get(at).copied().unwrap_or(b'x'))
    }

    /// A letter or sign of the same kind.
    fn like(&mut self, byte: u8, is_hex: bool) -> char {
        match byte {
            b'0'..=b'9' => self.of(b"0123456789"),
            b'a'..=b'f' if is_hex => self.of(b"abcdef"),
            b'A'..=b'F' if is_hex => self.of(b"ABCDEF"),
            b'a'..=b'z' => self.of(b"abcdefghijklmnopqrstuvwxyz"),
            b'A'..=b'Z' => self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            _ if byte.is_ascii() => char::from(byte),
            _ => self.of(b"abcdefghijklmnopqrstuvwxyz"),
        }
    }

    /// A letter or digit that tells nothing of what stood there; digits stay digits, so that numbers do.
    fn any(&mut self, byte: u8) -> char {
        if byte.is_ascii_digit() {
            self.of(b"0123456789")
        } else {
            self.of(b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_have_the_form_of_their_secrets() {
        let mut all = StandIns::new([1; 32]);
        let signature = "dGhpcyBpcyBhIHNpZ25hdHVyZSBvZiAzMiBieXRlcw-_A";
        let one = all.of(signature.as_bytes(), true, false);
        assert_eq!((one.len(), one.chars().last()), (signature.len(), Some('A')));
        assert_eq!(&one[one.len() - 3..one.len() - 1], "-_");
        assert_eq!(all.of(signature.as_bytes(), true, false), one);
        assert_eq!(all.take().len(), 2);
        assert_ne!(one, signature);
        // Of what could be found by trying nothing is told but its length.
        let weak = all.of(b"P@ss:w0rd!", false, true);
        assert_eq!(weak.len(), 10);
        assert!(weak.bytes().all(|byte| byte.is_ascii_alphanumeric()) && all.take().is_empty());
        assert_ne!(StandIns::new([2; 32]).of(b"P@ss:w0rd!", false, true), weak);
        // A strong one is the same whoever makes it.
        assert_eq!(StandIns::new([2; 32]).of(signature.as_bytes(), true, false), one);
    }
}
