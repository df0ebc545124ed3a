//! Contents in which nothing is to be found, known by their coded bytes.
//!
//! Undoing a content coding costs more than everything else about a message, and servers send the same pages, scripts
//! and lists again and again. A response whose coded bytes are those of one that was decoded before, whole and without a
//! trace of a token, a credential or a fault, is not decoded again: the same bytes hold nothing again.
//!
//! The bytes themselves are kept and compared, so that no content that holds something can pass for one that does not.
//! Contents in which there was something are decoded every time.
//!
//! A content that begins like a known one is compared with it as it comes, in the place where it lies ([`Twin`]): it is
//! copied only from where it turns out to be another. What does not begin so is gathered, and looked up whole at its end.

use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher},
    sync::Arc,
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
    known: Index<u64, Arc<Known>>,
    /// By the hash of their first [`BEGINNING`] bytes; of those that begin alike, the one that was met last.
    begun: Index<u64, Arc<Known>>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    codings: Codings,
    coded: Arc<[u8]>,
    decoded: u64,
}

/// What an entry takes besides its bytes.
const OVERHEAD: usize = 192;

/// So many first bytes tell which known content another may be: gzip's header says nothing, the code tables behind it do.
const BEGINNING: usize = 64;

/// A known content that another one has been equal to so far.
#[derive(Debug)]
pub(super) struct Twin {
    known: Arc<Known>,
    equal: usize,
}

impl Twin {
    /// Whether the content goes on with `piece` as the known one does.
    pub(super) fn goes_on(&mut self, piece: &[u8]) -> bool {
        let rest = self.known.coded.get(self.equal..).unwrap_or_default();
        let is_equal = rest.starts_with(piece);
        if is_equal {
            self.equal = self.equal.saturating_add(piece.len());
        }
        is_equal
    }

    /// What both begin with.
    pub(super) fn equal(&self) -> &[u8] {
        self.known.coded.get(..self.equal).unwrap_or_default()
    }

    /// The decoded length, if the content is over and the known one is too.
    pub(super) fn length(&self) -> Option<u64> {
        (self.equal == self.known.coded.len()).then_some(self.known.decoded)
    }
}

impl Barren {
    /// A known content that begins with the first bytes of `piece`, which are the first of another's.
    pub(super) fn twin(&self, codings: &Codings, piece: &[u8]) -> Option<Twin> {
        let inner = self.inner.borrow();
        let known = inner.begun.get(&inner.hash(piece.get(..BEGINNING)?))?;
        (known.codings == *codings).then(|| Twin { known: Arc::clone(known), equal: 0 })
    }

    /// The decoded length of a content that is known to hold nothing.
    pub(super) fn length(&self, codings: &Codings, coded: &[u8]) -> Option<u64> {
        let mut inner = self.inner.borrow_mut();
        let known = Arc::clone(inner.known.get(&inner.hash(coded))?);
        if known.codings != *codings || *known.coded != *coded {
            return None;
        }
        let decoded = known.decoded;
        inner.begin(known);
        Some(decoded)
    }

    /// Remembers a response's content that was decoded whole, if it holds nothing.
    pub(super) fn see(&self, codings: &Codings, coded: Arc<[u8]>, decoded: &[u8], limits: &Limits) {
        let weight = coded.len().saturating_add(OVERHEAD);
        // One large content shall not cost the memory of many.
        if weight > limits.barren / 4 || may_tell(decoded) {
            return;
        }
        let mut inner = self.inner.borrow_mut();
        if inner.bytes.saturating_add(weight) > limits.barren {
            inner.known.clear();
            inner.begun.clear();
            inner.bytes = 0;
        }
        inner.bytes = inner.bytes.saturating_add(weight);
        let hash = inner.hash(&coded);
        let decoded = decoded.len() as u64;
        let known = Arc::new(Known { codings: codings.clone(), coded, decoded });
        inner.begin(Arc::clone(&known));
        if let Some(replaced) = inner.known.insert(hash, known) {
            inner.bytes = inner.bytes.saturating_sub(replaced.coded.len().saturating_add(OVERHEAD));
        }
    }
}

impl Inner {
    /// What begins like `known` next is compared with it first.
    fn begin(&mut self, known: Arc<Known>) {
        if let Some(beginning) = known.coded.get(..BEGINNING) {
            self.begun.insert(self.hash(beginning), known);
        }
    }

    fn hash(&self, coded: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(coded);
        hasher.finish()
    }
}
