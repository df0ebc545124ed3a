//! What stands in for secrets in a partial result, and what it stands for.
//!
//! A partial result holds no secret: texts of the same form and length stand in their places. Outputs name a secret by its
//! fingerprint, and they have to name it so whether it was read or something stands in for it. So whoever reads a partial
//! result tells here which digest belongs to which stand-in, and [`Fingerprint::of`] a stand-in is that of its secret.
//!
//! The table is one for the process, for a report is written where nothing is known of its making. A stand-in is as random as
//! what it stands for, so that nothing else is found in it. It is bounded; what is beyond shows a fingerprint of its own.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use super::Fingerprint;

/// Stand-ins kept.
const MOST: usize = 200_000;

/// What is known of the secret that something stands in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Original {
    /// The first bytes of the secret's SHA-256.
    pub(crate) first: [u8; 8],
    /// All of it, of a secret that nobody finds by trying.
    pub(crate) sha256: Option<[u8; 32]>,
    /// The family of an opaque token.
    pub(crate) family: Option<&'static str>,
}

static ANY: AtomicBool = AtomicBool::new(false);
static TABLE: RwLock<Option<HashMap<[u8; 8], Original, RandomState>>> = RwLock::new(None);

/// Takes down what a stand-in stands for; `stand_in` are the first bytes of its own SHA-256.
pub(crate) fn learn(stand_in: [u8; 8], original: Original) {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let table = table.get_or_insert_default();
    if table.len() < MOST {
        table.insert(stand_in, original);
        ANY.store(true, Ordering::Release);
    }
}

/// What a text of that digest stands for.
fn find(sha256: &[u8; 32]) -> Option<Original> {
    if !ANY.load(Ordering::Acquire) {
        return None;
    }
    let first = *sha256.first_chunk::<8>()?;
    TABLE.read().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&first).copied()
}

/// SHA-256 of a text itself.
pub(crate) fn plain_sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a text, or of what it stands for.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let own = plain_sha256(bytes);
    find(&own).and_then(|original| original.sha256).unwrap_or(own)
}

/// The first bytes of the SHA-256 of a text, or of what it stands for.
pub(super) fn fingerprint(bytes: &[u8]) -> [u8; 8] {
    let own = plain_sha256(bytes);
    find(&own).map_or_else(|| first(&own), |original| original.first)
}

/// The family of the opaque token that a text stands for.
pub(crate) fn family(text: &str) -> Option<&'static str> {
    if !ANY.load(Ordering::Acquire) {
        return None;
    }
    find(&plain_sha256(text.as_bytes()))?.family
}

/// Whether a text stands for another, so that its signature is none.
pub(crate) fn holds(text: &str) -> bool {
    ANY.load(Ordering::Acquire) && find(&plain_sha256(text.as_bytes())).is_some()
}

/// The first bytes of a digest.
pub(crate) fn first(sha256: &[u8; 32]) -> [u8; 8] {
    sha256.first_chunk::<8>().copied().unwrap_or_default()
}

impl Fingerprint {
    /// By the first bytes of a SHA-256.
    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub(crate) const fn bytes(self) -> [u8; 8] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_has_the_fingerprint_of_its_secret() {
        let (secret, stand_in) = (b"a secret of this test alone", b"Zx81kQ02mmPPooaLstand-in-one");
        let own = Fingerprint::of(stand_in);
        let digest = plain_sha256(secret);
        let original = Original { first: first(&digest), sha256: Some(digest), family: Some("cwt") };
        learn(first(&plain_sha256(stand_in)), original);
        assert_ne!(Fingerprint::of(stand_in), own);
        assert_eq!(Fingerprint::of(stand_in), Fingerprint::of(secret));
        assert_eq!((sha256(stand_in), sha256(secret)), (plain_sha256(secret), plain_sha256(secret)));
        assert_eq!((family("Zx81kQ02mmPPooaLstand-in-one"), family("other")), (Some("cwt"), None));
    }
}
