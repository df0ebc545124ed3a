//! Huffman-coded strings that were decoded lately.
//!
//! A client sends its token in every request, and as a sensitive field, which many encoders never put into the dynamic
//! table (RFC 7541 §7.1.3); or the table is a new connection's. Decoding is slow as such things go, for where an octet's
//! code begins is known once the one before it ended.

use std::cell::RefCell;

use super::huffman;
use crate::http::decode_cache::DecodeCache;

/// Coded bytes from which on a string is remembered: below, it is decoded as soon as found.
const SHORTEST: usize = 64;
/// Coded bytes up to which a string is remembered.
const LONGEST: usize = 8 << 10;
/// Bytes of memory for the strings a thread remembers.
const REMEMBERED: usize = 2 << 20;

thread_local! {
    static STRINGS: RefCell<DecodeCache<()>> = RefCell::new(DecodeCache::new(REMEMBERED));
}

/// As [`huffman::decode`].
pub(super) fn decode(coded: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
    let remembered =
        |strings: &RefCell<DecodeCache<()>>| Some(decode_with(&mut *strings.try_borrow_mut().ok()?, coded, out, most));
    if (SHORTEST..=LONGEST).contains(&coded.len())
        && let Ok(Some(decoded)) = STRINGS.try_with(remembered)
    {
        return decoded;
    }
    huffman::decode(coded, out, most)
}

fn decode_with(strings: &mut DecodeCache<()>, coded: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
    if let Some(entry) = strings.find(&(), coded) {
        out.extend_from_slice(&entry.decoded);
        return entry.decoded.len() <= most;
    }
    let start = out.len();
    let is_decoded = huffman::decode(coded, out, most);
    if is_decoded {
        strings.keep((), coded, out.get(start..).unwrap_or_default());
    }
    is_decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Strings that come again, some that are no code, with any bound: as if each was decoded.
        #[test]
        fn whatever_was_before_a_string_is_what_it_is(
            strings in prop::collection::vec(prop::collection::vec(0xf8_u8..=0xfd, 60..80), 1..4),
            turns in prop::collection::vec((0_usize..4, 60_usize..130, any::<bool>()), 1..12),
        ) {
            for (turn, most, is_code) in turns {
                // Codes of eight bits, and padding of as many.
                let mut coded = strings[turn % strings.len()].clone();
                coded.extend((!is_code).then_some(0xff));
                let (mut plain, mut out) = (b"before".to_vec(), b"before".to_vec());
                let is_coded = huffman::decode(&coded, &mut plain, most);
                prop_assert_eq!(decode(&coded, &mut out, most), is_coded);
                prop_assert!(!is_coded || out == plain);
            }
        }
    }

    #[test]
    fn a_string_met_again_is_not_decoded_again() {
        let mut strings = DecodeCache::new(REMEMBERED);
        // The code of `&` is 0xf8.
        let coded = [0xf8; 100];
        for _ in 0..3 {
            let mut out = b"before".to_vec();
            assert!(decode_with(&mut strings, &coded, &mut out, 100));
            assert_eq!(out, [b"before".to_vec(), vec![b'&'; 100]].concat());
            assert!(!decode_with(&mut strings, &coded, &mut Vec::new(), 99), "longer than allowed");
            // Padding of eight ones.
            assert!(!decode_with(&mut strings, &[&coded[..], b"\xff"].concat(), &mut Vec::new(), 1000));
        }
        strings.keep((), coded.as_slice(), b"remembered");
        let mut out = Vec::new();
        assert!(decode_with(&mut strings, &coded, &mut out, 100) && out == b"remembered");
    }
}
