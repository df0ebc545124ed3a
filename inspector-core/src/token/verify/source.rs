//! What a source of keys gave: the keys in it, and the ones that could not be read.

use super::{
    certificate::Certificate,
    key::Candidate,
    public_key::{BadKey, PublicKey},
};

/// A key of a source that was left out. The others of the source are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Which, counted from 1: `key 2 (kid 4)`, `PEM block 1`.
    pub which: String,
    /// Why, in words for the user.
    pub why: String,
}

/// Keys as they are found.
#[derive(Debug)]
pub(super) struct Found {
    /// What one of them is called.
    noun: &'static str,
    most: usize,
    pub(super) keys: Vec<Candidate>,
    pub(super) skipped: Vec<Skipped>,
    /// Keys beyond the limit.
    pub(super) beyond: usize,
}

impl Found {
    pub(super) const fn new(noun: &'static str, most: usize) -> Self {
        Self { noun, most, keys: Vec::new(), skipped: Vec::new(), beyond: 0 }
    }

    pub(super) fn push(&mut self, index: usize, candidate: Result<Candidate, BadKey>) {
        if self.keys.len() >= self.most {
            self.beyond += 1;
            return;
        }
        match candidate {
            Ok(candidate) => self.keys.push(candidate),
            Err(BadKey(why)) => self.skip(index, why),
        }
    }

    pub(super) fn skip(&mut self, index: usize, why: impl Into<String>) {
        self.skip_named(index, None, why);
    }

    pub(super) fn skip_named(&mut self, index: usize, kid: Option<&str>, why: impl Into<String>) {
        if self.skipped.len() >= self.most {
            self.beyond += 1;
            return;
        }
        let kid = kid.map(|kid| format!(" (kid {})", kid.chars().take(64).collect::<String>())).unwrap_or_default();
        let which = format!("{} {}{kid}", self.noun, index.saturating_add(1));
        self.skipped.push(Skipped { which, why: why.into() });
    }

    /// Adds the key of a certificate in DER.
    pub(super) fn certificate(&mut self, index: usize, bytes: &[u8]) {
        self.push(index, certified(bytes));
    }
}

/// The key of a certificate in DER, with the certificate.
pub(super) fn certified(bytes: &[u8]) -> Result<Candidate, BadKey> {
    let (certificate, key) = Certificate::parse(bytes)?;
    let key: PublicKey = key?;
    Ok(Candidate { certificate: Some(certificate), ..Candidate::of_key(key) })
}
