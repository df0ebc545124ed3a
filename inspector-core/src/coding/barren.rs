//! Contents in which nothing is to be found, known by their coded bytes.
//!
//! Undoing a content coding costs more than everything else about a message, and servers send the same pages, scripts
//! and lists again and again. A response whose coded bytes are those of one that was decoded before, whole, and in which
//! no reader of contents finds anything (it is told by whoever knows them: markup and lists without any word they look for), is
//! not decoded again: the same bytes hold nothing again. Of its content the beginning is kept, by which its form is told.
//!
//! The bytes themselves are kept and compared, so that no content that holds something can pass for one that does not.
//! Contents in which there was something are decoded every time.
//!
//! A content that begins like a known one is compared with it as it comes, in the place where it lies (`Twin`): it is
//! copied only from where it turns out to be another. What does not begin so is gathered, and looked up whole at its end.

use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use foldhash::quality::RandomState;

use crate::{bounded::Index, coding::Codings, limits::Limits};

/// Contents known to hold nothing, of at most [`Limits::barren`] bytes together; then it begins anew.
#[derive(Debug)]
pub struct Barren {
    inner: RefCell<Inner>,
    tells: fn(&[u8]) -> bool,
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
    /// Of the decoded bytes.
    beginning: Box<[u8]>,
}

impl Known {
    fn content(&self) -> Nothing {
        Nothing { decoded: self.decoded, beginning: self.beginning.clone() }
    }
}

/// What is known of a content in which nothing is to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nothing {
    /// Its decoded length.
    pub(crate) decoded: u64,
    /// At most [`FORM`] bytes of it.
    pub(crate) beginning: Box<[u8]>,
}

/// Bytes that are kept of the beginning of a content in which nothing is to be found: enough to tell its form.
pub(crate) const FORM: usize = 256;

/// What an entry takes besides its bytes.
const OVERHEAD: usize = 208 + FORM;

/// So many first bytes tell which known content another may be: gzip's header says nothing, the code tables behind it do.
const BEGINNING: usize = 64;

/// A known content that another one has been equal to so far.
#[derive(Debug)]
pub(crate) struct Twin {
    known: Arc<Known>,
    equal: usize,
}

impl Twin {
    /// Whether the content goes on with `piece` as the known one does.
    pub(crate) fn goes_on(&mut self, piece: &[u8]) -> bool {
        let rest = self.known.coded.get(self.equal..).unwrap_or_default();
        let is_equal = rest.starts_with(piece);
        if is_equal {
            self.equal = self.equal.saturating_add(piece.len());
        }
        is_equal
    }

    /// What both begin with.
    pub(crate) fn equal(&self) -> &[u8] {
        self.known.coded.get(..self.equal).unwrap_or_default()
    }

    /// What is known of the content, if it is over and the known one is too.
    pub(crate) fn content(&self) -> Option<Nothing> {
        (self.equal == self.known.coded.len()).then(|| self.known.content())
    }
}

impl Barren {
    /// Nothing is known yet. `tells` says whether there is anything to be found in a decoded content, and says the same of
    /// the same bytes.
    pub fn new(tells: fn(&[u8]) -> bool) -> Self {
        Self { inner: RefCell::default(), tells }
    }

    /// A known content that begins with the first bytes of `piece`, which are the first of another's.
    pub(crate) fn twin(&self, codings: &Codings, piece: &[u8]) -> Option<Twin> {
        let inner = self.inner.borrow();
        let known = inner.begun.get(&inner.hash(piece.get(..BEGINNING)?))?;
        (known.codings == *codings).then(|| Twin { known: Arc::clone(known), equal: 0 })
    }

    /// What is known of a content that holds nothing.
    pub(crate) fn content(&self, codings: &Codings, coded: &[u8]) -> Option<Nothing> {
        let mut inner = self.inner.borrow_mut();
        let known = Arc::clone(inner.known.get(&inner.hash(coded))?);
        if known.codings != *codings || *known.coded != *coded {
            return None;
        }
        let content = known.content();
        inner.begin(known);
        Some(content)
    }

    /// Remembers a response's content that was decoded whole, if it holds nothing.
    pub(crate) fn see(&self, codings: &Codings, coded: Arc<[u8]>, decoded: &[u8], limits: &Limits) {
        let weight = coded.len().saturating_add(OVERHEAD);
        // One large content shall not cost the memory of many.
        if weight > limits.barren / 4 || (self.tells)(decoded) {
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
        let beginning = decoded.get(..FORM).unwrap_or(decoded).into();
        let known = Arc::new(Known { codings: codings.clone(), coded, decoded: decoded.len() as u64, beginning });
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
