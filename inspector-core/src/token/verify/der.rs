//! Just enough of DER (X.690) to find the fields of a certificate and of a public key.
//!
//! ```text
//! tag  length             content
//! 30   82 02 d3           …           length in the two bytes after 0x82
//! 02   01                 01          length in the byte itself
//! ```
//!
//! Every element is taken as a whole from a slice, so no length can reach outside its parent, and nothing recurses.

/// SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// SET.
pub(super) const SET: u8 = 0x31;
/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// OBJECT IDENTIFIER.
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTCTime.
pub(super) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, constructed.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'d> {
    /// Identifier octet.
    pub(super) tag: u8,
    /// Content octets.
    pub(super) content: &'d [u8],
    /// All its octets.
    pub(super) whole: &'d [u8],
}

/// Reads elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'d> {
    rest: &'d [u8],
}

impl<'d> Reader<'d> {
    pub(super) const fn new(bytes: &'d [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element; `None` at the end, for lengths that are indefinite or too long, and for long tags.
    pub(super) fn element(&mut self) -> Option<Element<'d>> {
        let (&tag, after_tag) = self.rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, mut after_length) = after_tag.split_first()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (bytes, rest) = after_length.split_at_checked(count)?;
            after_length = rest;
            bytes.iter().try_fold(0_usize, |length, &byte| length.checked_mul(256)?.checked_add(usize::from(byte)))?
        };
        let (content, rest) = after_length.split_at_checked(length)?;
        let whole = self.rest.get(..self.rest.len().checked_sub(rest.len())?)?;
        self.rest = rest;
        Some(Element { tag, content, whole })
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.element().filter(|element| element.tag == tag).map(|element| element.content)
    }

    /// A reader of the next element's content, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.expect(tag).map(Self::new)
    }

    /// Passes over the next element if it has this tag.
    pub(super) fn skip_if(&mut self, tag: u8) -> Option<()> {
        if self.rest.first() == Some(&tag) {
            self.element()?;
        }
        Some(())
    }

    /// The content of the next element, a BIT STRING of whole octets.
    pub(super) fn octets_of_bit_string(&mut self) -> Option<&'d [u8]> {
        let (&unused, octets) = self.expect(BIT_STRING)?.split_first()?;
        (unused == 0).then_some(octets)
    }
}

/// The content of `bytes` as one element of this tag and nothing behind it.
pub(super) fn only(bytes: &[u8], tag: u8) -> Option<Reader<'_>> {
    let mut reader = Reader::new(bytes);
    let content = reader.enter(tag)?;
    reader.is_empty().then_some(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths() {
        for (bytes, content) in [
            (&b"\x02\x01\x07"[..], Some(&b"\x07"[..])),
            (b"\x02\x00", Some(b"")),
            (b"\x02\x81\x01\x07", Some(b"\x07")),
            (b"\x02\x82\x00\x01\x07\xff", Some(b"\x07")),
            (b"\x02\x84\x00\x00\x00\x01\x07", Some(b"\x07")),
            (b"\x02\x02\x07", None),
            (b"\x02\x80\x07\x00\x00", None),
            (b"\x02\x85\x00\x00\x00\x00\x01\x07", None),
            (b"\x02\x84\xff\xff\xff\xff\x07", None),
            (b"\x1f\x01\x07", None),
            (b"\x02", None),
            (b"", None),
        ] {
            assert_eq!(Reader::new(bytes).element().map(|element| element.content), content, "{bytes:02x?}");
        }
    }

    #[test]
    fn an_element_knows_all_its_octets() {
        let mut reader = Reader::new(b"\x30\x03\x02\x01\x07\x05\x00");
        let outer = reader.element().unwrap();
        assert_eq!((outer.tag, outer.whole), (SEQUENCE, &b"\x30\x03\x02\x01\x07"[..]));
        assert_eq!(Reader::new(outer.content).expect(INTEGER), Some(&b"\x07"[..]));
        assert!(!reader.is_empty() && only(b"\x30\x00\x00", SEQUENCE).is_none());
    }

    proptest! {
        #[test]
        fn elements_are_consecutive_parts_of_the_input(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            let mut read = Vec::new();
            while let Some(element) = reader.element() {
                prop_assert!(element.whole.ends_with(element.content));
                read.extend_from_slice(element.whole);
            }
            prop_assert!(bytes.starts_with(&read));
        }
    }
}
