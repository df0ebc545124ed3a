//! Contents in which nothing is to be found, known by their coded bytes.
//!
//! Undoing a content coding costs more than everything else about a message, and servers send the same pages, scripts
//! and lists again and again. A response whose coded bytes are those of one that was decoded before, whole and without a
//! trace of a token, a credential or a fault, is not decoded again: the same bytes hold nothing again.
//!
//! The bytes are compared by SHA-256, so that no recording can be made in which a content that holds something passes for
//! one that does not. Contents in which there was something are decoded every time.

use std::cell::RefCell;

use sha2::{Digest, Sha256};

use super::coding::Codings;
use crate::{handshake::ledger::Index, limits::Limits, token::extract::may_tell};

/// What a content is known by: SHA-256 of its codings and its coded bytes.
type Key = [u8; 32];

/// Contents known to hold nothing. At most [`Limits::barren_contents`]; then it begins anew.
#[derive(Debug, Default)]
pub struct Barren {
    /// With their decoded lengths.
    known: RefCell<Index<Key, u64>>,
}

impl Barren {
    pub(super) fn key(codings: &Codings, coded: &[u8]) -> Key {
        let mut digest = Sha256::new();
        for name in codings.names() {
            digest.update(name);
            digest.update([0]);
        }
        digest.update([0]);
        digest.update(coded);
        digest.finalize().into()
    }

    /// The decoded length of a content that is known to hold nothing.
    pub(super) fn length(&self, key: &Key) -> Option<u64> {
        self.known.borrow().get(key).copied()
    }

    /// Remembers a response's content that was decoded whole, if it holds nothing.
    pub(super) fn see(&self, key: Key, decoded: &[u8], limits: &Limits) {
        if may_tell(decoded) {
            return;
        }
        let mut known = self.known.borrow_mut();
        if known.len() >= limits.barren_contents {
            known.clear();
        }
        known.insert(key, decoded.len() as u64);
    }
}
