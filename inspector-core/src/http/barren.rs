//! Contents in which nothing is to be found, known by their coded bytes.
//!
//! Undoing a content coding costs more than everything else about a message, and servers send the same pages, scripts
//! and lists again and again. A response whose coded bytes are those of one that was decoded before, whole and without a
//! trace of a token, a credential or a fault, is not decoded again: the same bytes hold nothing again.
//!
//! The bytes themselves are kept and compared, so that no content that holds something can pass for one that does not.
//! Contents in which there was something are decoded every time.

use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher},
};

use foldhash::quality::RandomState;

use super::coding::Codings;
use crate::{handshake::ledger::Index, limits::Limits, token::extract::may_tell};

/// Contents known to hold nothing, of at most [`Limits::barren`] bytes together; then it begins anew.
#[derive(Debug, Default)]
pub struct Barren {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: RandomState,
    /// By the hash of the coded bytes; of two with the same hash the later is kept.
    known: Index<u64, Known>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    codings: Codings,
    coded: Box<[u8]>,
    decoded: u64,
}

/// What an entry takes besides its bytes.
const OVERHEAD: usize = 128;

impl Barren {
    /// The decoded length of a content that is known to hold nothing.
    pub(super) fn length(&self, codings: &Codings, coded: &[u8]) -> Option<u64> {
        let inner = self.inner.borrow();
        let known = inner.known.get(&inner.hash(coded))?;
        (known.codings == *codings && *known.coded == *coded).then_some(known.decoded)
    }

    /// Remembers a response's content that was decoded whole, if it holds nothing.
    pub(super) fn see(&self, codings: &Codings, coded: Vec<u8>, decoded: &[u8], limits: &Limits) {
        let weight = coded.len().saturating_add(OVERHEAD);
        // One large content shall not cost the memory of many.
        if weight > limits.barren / 4 || may_tell(decoded) {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        if inner.bytes.saturating_add(weight) > limits.barren {
            inner.known.clear();
            inner.bytes = 0;
        }
        inner.bytes = inner.bytes.saturating_add(weight);
        let hash = inner.hash(&coded);
        let decoded = decoded.len() as u64;
        let known = Known { codings: codings.clone(), coded: coded.into_boxed_slice(), decoded };
        if let Some(replaced) = inner.known.insert(hash, known) {
            inner.bytes = inner.bytes.saturating_sub(replaced.coded.len().saturating_add(OVERHEAD));
        }
    }
}

impl Inner {
    fn hash(&self, coded: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(coded);
        hasher.finish()
    }
}
