//! Huffman-coded strings that were decoded lately, with what they decode to.
//!
//! A client sends the same token in every request: it is a sensitive field, which many encoders never put into the
//! dynamic table (RFC 7541 §7.1.3), or the table is a new connection's. Decoding takes each octet's code after the one
//! before it; to find the coded bytes again and compare them takes a tenth of that.
//!
//! What a string decodes to depends on nothing but its bytes, so that what is remembered, and where, shows nowhere.

use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher},
};

use foldhash::quality::RandomState;

use super::huffman;
use crate::handshake::ledger::Index;

/// Coded bytes from which on a string is remembered: below, it is decoded as soon as found.
const SHORTEST: usize = 64;
/// Coded bytes up to which a string is remembered.
const LONGEST: usize = 8 << 10;
/// Bytes of the strings remembered by a thread, with what they take besides. Then it begins anew.
const REMEMBERED: usize = 1 << 20;
/// What a string takes besides its bytes, about.
const OVERHEAD: usize = 64;

thread_local! {
    static STRINGS: RefCell<Strings> = RefCell::default();
}

#[derive(Default)]
struct Strings {
    state: RandomState,
    /// By the hash of the coded bytes; of two with the same hash the later is kept.
    known: Index<u64, Known>,
    bytes: usize,
}

/// A string: its coded bytes and, behind them, what they decode to.
struct Known {
    bytes: Box<[u8]>,
    coded: usize,
}

impl Strings {
    fn hash(&self, coded: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(coded);
        hasher.finish()
    }

    fn decode(&mut self, coded: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
        let hash = self.hash(coded);
        if let Some(known) = self.known.get(&hash)
            && let Some((its_coded, text)) = known.bytes.split_at_checked(known.coded)
            && its_coded == coded
            && text.len() <= most
        {
            out.extend_from_slice(text);
            return true;
        }
        let start = out.len();
        if !huffman::decode(coded, out, most) {
            return false;
        }
        let bytes = [coded, out.get(start..).unwrap_or_default()].concat().into_boxed_slice();
        let weight = bytes.len().saturating_add(OVERHEAD);
        if self.bytes.saturating_add(weight) > REMEMBERED {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(weight);
        if let Some(replaced) = self.known.insert(hash, Known { bytes, coded: coded.len() }) {
            self.bytes = self.bytes.saturating_sub(replaced.bytes.len().saturating_add(OVERHEAD));
        }
        true
    }
}

/// As [`huffman::decode`].
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
    if (SHORTEST..=LONGEST).contains(&coded.len())
        && let Ok(decoded) = STRINGS.try_with(|strings| Some(strings.try_borrow_mut().ok()?.decode(coded, out, most)))
        && let Some(decoded) = decoded
    {
        return decoded;
    }
    huffman::decode(coded, out, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of eight bits alone: `&` is 0xf8, `*` 0xf9, `,` 0xfa, `;` 0xfb, `X` 0xfc, `Z` 0xfd.
    fn text(coded: &[u8]) -> Vec<u8> {
        coded.iter().map(|byte| b"&*,;XZ"[usize::from(byte - 0xf8)]).collect()
    }

    fn both(strings: &mut Strings, coded: &[u8], most: usize) -> (bool, Vec<u8>) {
        let (mut plain, mut out) = (b"before".to_vec(), b"before".to_vec());
        let is_coded = huffman::decode(coded, &mut plain, most);
        assert_eq!(strings.decode(coded, &mut out, most), is_coded);
        if is_coded {
            assert_eq!(out, plain);
        }
        (is_coded, out)
    }

    #[test]
    fn a_string_met_again_is_what_it_was() {
        let mut strings = Strings::default();
        let coded = [[0xf8, 0xfd].repeat(50), vec![0xfc]].concat();
        for _ in 0..3 {
            assert_eq!(both(&mut strings, &coded, 101), (true, [b"before".to_vec(), text(&coded)].concat()));
            assert_eq!(strings.known.len(), 1);
            assert!(!both(&mut strings, &coded, 100).0, "longer than allowed");
            // Padding of eight ones.
            assert!(!both(&mut strings, &[coded.as_slice(), b"\xff"].concat(), 1000).0);
        }
    }

    #[test]
    fn another_string_of_the_same_hash_is_not_taken_for_it() {
        let mut strings = Strings::default();
        let [one, other] = [[0xf8; 70], [0xf9; 70]];
        both(&mut strings, &one, 1000);
        let known = strings.known.remove(&strings.hash(&one)).unwrap();
        strings.known.insert(strings.hash(&other), known);
        assert_eq!(both(&mut strings, &other, 1000), (true, [b"before".to_vec(), text(&other)].concat()));
    }

    #[test]
    fn no_more_is_remembered_than_allowed() {
        let mut strings = Strings::default();
        let mut most = 0;
        for n in 0_u32..3000 {
            let mut coded: Vec<u8> = (0..12).map(|digit| 0xf8 + u8::try_from(n >> digit & 1).unwrap()).collect();
            coded.resize(1000, 0xfa);
            assert!(both(&mut strings, &coded, 1000).0);
            let bytes: usize = strings.known.values().map(|known| known.bytes.len() + OVERHEAD).sum();
            assert_eq!(bytes, strings.bytes);
            most = most.max(bytes);
        }
        assert!(most <= REMEMBERED && most > REMEMBERED / 2, "{most}");
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_it_decodes_as_without(
            strings in proptest::collection::vec(proptest::collection::vec(0xe8_u8..=0xff, 60..80), 1..4),
            turns in proptest::collection::vec(0_usize..4, 1..12),
            most in 60_usize..120,
        ) {
            for turn in turns {
                let coded = &strings[turn % strings.len()];
                let (mut plain, mut out) = (Vec::new(), Vec::new());
                let is_coded = huffman::decode(coded, &mut plain, most);
                proptest::prop_assert_eq!(decode(coded, &mut out, most), is_coded);
                proptest::prop_assert!(!is_coded || out == plain);
            }
        }
    }
}
