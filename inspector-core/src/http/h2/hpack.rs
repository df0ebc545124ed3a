//! HPACK: field blocks to heads (RFC 7541).
//!
//! ```text
//! 1xxxxxxx              indexed field                      001xxxxx  table size update
//! 01xxxxxx name value   literal, inserted into the table
//! 0000xxxx name value   literal, not inserted              0001xxxx  literal, never to be inserted
//! ```
//!
//! The decoder never gives up on a connection: a reference to an entry that was not recorded becomes an unknown field,
//! and what follows is read on. Only an integer or string that leaves the block ends it, as nothing after it has a place.

use super::table::{Found, Table};
use crate::{
    exchange::Mark,
    http::compression::{Broken, FieldSection, SectionBuilder, integer, string},
    limits::Limits,
};

/// Capacity in bytes up to which a buffer is used again.
const REUSED: usize = 32 << 10;

/// The decoder of one direction.
#[derive(Debug)]
pub(super) struct Decoder {
    table: Table,
    /// Reused for strings and heads: most blocks need no more memory than their head does.
    name: Vec<u8>,
    value: Vec<u8>,
    building: SectionBuilder,
}

impl Decoder {
    pub(super) fn new(limits: &Limits) -> Self {
        let table = Table::new(limits.h2_table);
        Self { table, name: Vec::new(), value: Vec::new(), building: SectionBuilder::default() }
    }

    /// A field block of this direction was not recorded, or only in part.
    pub(super) fn lose(&mut self) {
        self.table.lose();
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        let reused = self.name.capacity().saturating_add(self.value.capacity());
        self.table.weight().saturating_add(reused).saturating_add(self.building.weight())
    }

    /// Decodes one field block.
    pub(super) fn decode(&mut self, block: &[u8], limits: &Limits) -> FieldSection {
        let mut building = std::mem::take(&mut self.building);
        let mut rest = block;
        while !rest.is_empty() {
            match self.field(rest, &mut building, limits) {
                Ok(tail) => rest = tail,
                Err(Broken) => {
                    building.mark(Mark::Malformed);
                    self.table.lose();
                    break;
                }
            }
        }
        let block = building.finish();
        self.building = building;
        for buffer in [&mut self.name, &mut self.value] {
            buffer.clear();
            buffer.shrink_to(REUSED);
        }
        block
    }

    fn field<'b>(
        &mut self,
        block: &'b [u8],
        building: &mut SectionBuilder,
        limits: &Limits,
    ) -> Result<&'b [u8], Broken> {
        let first = *block.first().ok_or(Broken)?;
        if first & 0x80 != 0 {
            let (index, rest) = integer(block, 7)?;
            match self.table.find(index) {
                Found::Entry { name, value } => building.push(name, value, limits),
                Found::Unknown => building.mark(Mark::HeaderUnknown),
                Found::Invalid => building.mark(Mark::Malformed),
            }
            return Ok(rest);
        }
        if first & 0xe0 == 0x20 {
            let (size, rest) = integer(block, 5)?;
            self.table.resize(size);
            return Ok(rest);
        }
        let insert = first & 0x40 != 0;
        let (index, rest) = integer(block, if insert { 6 } else { 4 })?;
        self.name.clear();
        let (known, rest) = if index == 0 {
            (true, string(rest, 7, &mut self.name, limits.head)?)
        } else {
            match self.table.find(index) {
                Found::Entry { name: Some(name), .. } => {
                    self.name.extend_from_slice(name);
                    (true, rest)
                }
                _ => (false, rest),
            }
        };
        self.value.clear();
        let rest = string(rest, 7, &mut self.value, limits.head)?;
        let name = known.then_some(self.name.as_slice());
        building.push(name, &self.value, limits);
        if insert {
            self.table.insert(name, &self.value);
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::{Marks, message::Start};

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    fn shown(block: &FieldSection) -> String {
        let head = &block.head;
        let mut out = match head.start() {
            Start::Request { authority, .. } => format!(
                "{} {} {}",
                String::from_utf8_lossy(head.method()),
                String::from_utf8_lossy(head.target()),
                authority.as_ref().map_or(String::new(), |a| String::from_utf8_lossy(head.slice(a)).into_owned())
            ),
            Start::Response { status, .. } => status.to_string(),
            Start::Trailers => "trailers".to_owned(),
        };
        for (name, value) in head.iter() {
            out += &format!("|{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
        }
        out
    }

    /// RFC 7541 C.3 and C.4: three requests on one connection, without and with Huffman coding.
    #[test]
    fn rfc_7541_c3_c4_requests() {
        let expected = [
            "GET / www.example.com",
            "GET / www.example.com|cache-control=no-cache",
            "GET /index.html www.example.com|custom-key=custom-value",
        ];
        for blocks in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let limits = Limits::default();
            let mut decoder = Decoder::new(&limits);
            for (block, text) in blocks.iter().zip(expected) {
                let block = decoder.decode(&hex(block), &limits);
                assert_eq!(shown(&block), text);
                assert_eq!(block.marks, Marks::default());
            }
        }
    }

    /// RFC 7541 C.5 and C.6: three responses with a table of 256 octets, so that entries are evicted.
    #[test]
    fn rfc_7541_c5_c6_responses() {
        let expected = [
            "302|cache-control=private|date=Mon, 21 Oct 2013 20:13:21 GMT|location=https://www.example.com",
            "307|cache-control=private|date=Mon, 21 Oct 2013 20:13:21 GMT|location=https://www.example.com",
            "200|cache-control=private|date=Mon, 21 Oct 2013 20:13:22 GMT|location=https://www.example.com|content-encoding=gzip|set-cookie=foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ];
        for blocks in [
            [
                "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
                "4803333037c1c0bf",
                "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
            ],
            [
                "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
                "4883640effc1c0bf",
                "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
            ],
        ] {
            let limits = Limits::default();
            let mut decoder = Decoder::new(&limits);
            decoder.table.resize(256);
            for (block, text) in blocks.iter().zip(expected) {
                assert_eq!(shown(&decoder.decode(&hex(block), &limits)), text);
            }
        }
    }

    #[test]
    fn a_late_start_keeps_what_is_known() {
        let limits = Limits::default();
        let mut decoder = Decoder::new(&limits);
        decoder.lose();
        // Indexed 70 (unknown), literal with the static name authorization inserted, literal with an unknown name.
        let block = decoder.decode(&hex("82 c6 57 03 616263 7f 0a 01 78"), &limits);
        assert_eq!(shown(&block), "GET  |authorization=abc|?=x");
        assert!(block.marks.has(Mark::HeaderUnknown) && !block.marks.has(Mark::Malformed));
        let block = decoder.decode(&hex("82 bf"), &limits);
        assert_eq!(shown(&block), "GET  |authorization=abc");
    }

    #[test]
    fn a_block_decodes_to_no_more_than_a_head() {
        let limits = Limits { head: 1000, ..Limits::default() };
        let mut decoder = Decoder::new(&limits);
        // One entry of 400 octets, then a thousand references to it.
        let mut block = hex("40 01 61 7f a9 02");
        block.extend(std::iter::repeat_n(b'x', 0x7f + 0x29 + (2 << 7)));
        block.extend(std::iter::repeat_n(0xbe, 1000));
        let block = decoder.decode(&block, &limits);
        assert!(block.head.bytes().len() <= 1000 && block.marks.has(Mark::HeadCut));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(block in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let limits = Limits::default();
            let mut decoder = Decoder::new(&limits);
            decoder.decode(&block, &limits);
            decoder.decode(&block, &limits);
        }
    }
}
