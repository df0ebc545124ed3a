//! HPACK's Huffman code (RFC 7541 §5.2, appendix B).
//!
//! The code is canonical: symbols of one length have consecutive codes in the order of their values, so the lengths alone
//! say everything. The octets of header fields have codes of five to eight bits. One look at a table of fourteen bits
//! tells where the next two end, or nearly always; which octets they are, no look after it has to wait for. Longer codes
//! are found by their length.

use std::sync::LazyLock;

/// Code length in bits of each octet, and of EOS (256).
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
];

/// The symbol that only pads.
const EOS: u16 = 256;
/// The longest code, in bits.
const LONGEST: usize = 30;
/// The fewest bits of a code.
const SHORTEST: usize = 5;
/// Bits by which the table of octets is entered.
const SHORT: u32 = 8;
/// Bits by which the table of pairs is entered: four looks need no more than a [`Bits`] has.
const PAIR: u32 = 14;

/// The code.
struct Code {
    /// By the next eight bits: the octet whose code they begin with and its length, or zeros if that is longer.
    short: [(u8, u8); 1 << SHORT],
    /// By the next fourteen bits: how many of the next two codes are among them, in the upper two bits, and the length
    /// of those, in the lower six; 0 if the first is longer than eight bits. One byte each, as the table must be in the
    /// processor's cache again for every head.
    pairs: [u8; 1 << PAIR],
    /// By length: the first code, how many codes there are, and where their symbols begin in `symbols`.
    lengths: [(u32, u32, u32); LONGEST + 1],
    /// The symbols in the order of their codes.
    symbols: Vec<u16>,
}

static CODE: LazyLock<Code> = LazyLock::new(build);

fn build() -> Code {
    let mut symbols: Vec<u16> = (0..=EOS).collect();
    symbols.sort_by_key(|symbol| (length(*symbol), *symbol));
    let lengths = [(0, 0, 0); LONGEST + 1];
    let mut built = Code { short: [(0, 0); 1 << SHORT], pairs: [0; 1 << PAIR], lengths, symbols };
    let (mut code, mut previous) = (0_u32, 0_u32);
    for (index, symbol) in (0_u32..).zip(&built.symbols) {
        let length = length(*symbol);
        code <<= length - previous;
        previous = length;
        if let Some((first, count, start)) = built.lengths.get_mut(length as usize) {
            if *count == 0 {
                (*first, *start) = (code, index);
            }
            *count += 1;
        }
        if let (Some(free), Ok(octet)) = (SHORT.checked_sub(length), u8::try_from(*symbol)) {
            let filled = (code << free) as usize..((code + 1) << free) as usize;
            let entry = (octet, u8::try_from(length).unwrap_or_default());
            built.short.get_mut(filled).unwrap_or_default().fill(entry);
        }
        code += 1;
    }
    for (bits, pair) in (0_u64..).map(|bits| bits << (u64::BITS - PAIR)).zip(&mut built.pairs) {
        let (_, first) = short(&built.short, bits);
        let (_, second) = short(&built.short, bits << first);
        *pair = match (first, second) {
            (0, _) => 0,
            (_, 1..) if u32::from(first + second) <= PAIR => 2 << 6 | (first + second),
            _ => 1 << 6 | first,
        };
    }
    built
}

fn short(table: &[(u8, u8); 1 << SHORT], bits: u64) -> (u8, u8) {
    table.get((bits >> (u64::BITS - SHORT)) as usize).copied().unwrap_or_default()
}

fn length(symbol: u16) -> u32 {
    LENGTHS.get(usize::from(symbol)).copied().unwrap_or_default().into()
}

impl Code {
    fn short(&self, bits: u64) -> (u8, u8) {
        short(&self.short, bits)
    }

    fn pair(&self, bits: u64) -> u8 {
        self.pairs.get((bits >> (u64::BITS - PAIR)) as usize).copied().unwrap_or_default()
    }

    /// The symbol whose code `bits` begin with, and its length; more than `SHORT` bits.
    fn long(&self, bits: u64) -> Option<(u16, u32)> {
        (SHORT + 1..).zip(self.lengths.get(SHORT as usize + 1..)?).find_map(|(length, (first, count, start))| {
            let offset = u32::try_from(bits >> (u64::BITS - length)).ok()?.checked_sub(*first)?;
            let symbol = (offset < *count).then(|| self.symbols.get((start + offset) as usize))??;
            Some((*symbol, length))
        })
    }

    /// The symbol whose code `bits` begin with, and its length.
    fn one(&self, bits: u64) -> Option<(u16, u32)> {
        match self.short(bits) {
            (octet, length @ 1..) => Some((octet.into(), length.into())),
            _ => self.long(bits),
        }
    }
}

/// The input, bit by bit.
struct Bits<'i> {
    rest: &'i [u8],
    /// The next bits, at the top. Below `count` of them are zeros, or what comes next.
    next: u64,
    count: u32,
}

impl Bits<'_> {
    /// Takes bits from the input until there are at least 56; `false` if there are not that many left.
    fn fill(&mut self) -> bool {
        let Some(bytes) = self.rest.first_chunk::<8>() else { return false };
        self.next |= u64::from_be_bytes(*bytes) >> self.count;
        let taken = (u64::BITS - 1 - self.count) / 8;
        self.rest = self.rest.get(taken as usize..).unwrap_or_default();
        self.count += 8 * taken;
        true
    }

    /// Takes what bits there are left and room for.
    fn drain(&mut self) {
        while self.count <= u64::BITS - 8
            && let Some((byte, rest)) = self.rest.split_first()
        {
            self.next |= u64::from(*byte) << (u64::BITS - 8 - self.count);
            self.count += 8;
            self.rest = rest;
        }
    }

    const fn take(&mut self, length: u32) {
        self.next <<= length;
        self.count -= length;
    }
}

/// Appends the decoded octets to `out`, at most `most` of them. `false` if the input is no Huffman code, or longer; what
/// was appended then means nothing.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
    let code = &*CODE;
    let start = out.len();
    // Two octets are written at a time, whether two, one or none of them count.
    let longest = most.min(input.len().saturating_mul(8) / SHORTEST).saturating_add(2);
    out.resize(start.saturating_add(longest), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let mut bits = Bits { rest: input, next: 0, count: 0 };
    let mut length = 0;
    while bits.fill() {
        let before = length;
        for _ in 0..4 {
            let (first, taken) = code.short(bits.next);
            let (second, _) = code.short(bits.next << taken);
            let pair = code.pair(bits.next);
            let Some(to) = room.get_mut(length..).and_then(|room| room.first_chunk_mut()) else { return false };
            *to = [first, second];
            length += usize::from(pair >> 6);
            bits.take((pair & 63).into());
        }
        if length == before {
            let Some((symbol, taken)) = code.long(bits.next) else { return false };
            let (Ok(octet), Some(to)) = (u8::try_from(symbol), room.get_mut(length)) else { return false };
            *to = octet;
            length += 1;
            bits.take(taken);
        }
    }
    loop {
        bits.drain();
        let Some((symbol, taken)) = code.one(bits.next) else { return false };
        if taken > bits.count {
            break;
        }
        let (Ok(octet), Some(to)) = (u8::try_from(symbol), room.get_mut(length)) else { return false };
        *to = octet;
        length += 1;
        bits.take(taken);
    }
    out.truncate(start + length);
    // What is left is padding: fewer than eight ones.
    length <= most && bits.count < 8 && bits.next.leading_ones() >= bits.count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn rfc_7541_appendix_c() {
        for (code, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            assert!(decode(&hex(code), &mut out, 1000), "{text}");
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        // Padding of eight ones, padding of zeros, and EOS inside.
        for code in ["f1e3c2e5f23a6ba0ab90f4ffff", "00", "ffffffff"] {
            assert!(!decode(&hex(code), &mut Vec::new(), 1000), "{code}");
        }
        assert!(!decode(&hex("f1e3c2e5f23a6ba0ab90f4ff"), &mut Vec::new(), 14));
    }

    /// The bits of the octets' codes, then `padding` ones.
    fn coded(text: &[u8], padding: usize) -> Vec<u8> {
        let mut bits = Vec::new();
        for octet in text {
            let length = length(u16::from(*octet));
            let (first, _, start) = CODE.lengths[length as usize];
            let rank = CODE.symbols.iter().position(|symbol| *symbol == u16::from(*octet)).unwrap();
            let code = first + u32::try_from(rank).unwrap() - start;
            bits.extend((0..length).rev().map(|shift| code >> shift & 1));
        }
        bits.extend(std::iter::repeat_n(1, (8 - bits.len() % 8) % 8 + padding));
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | u8::try_from(*bit).unwrap())).collect()
    }

    #[test]
    fn every_octet_has_its_code() {
        // The codes fill the space of codes (Kraft), and the last is EOS, thirty ones.
        let filled: u64 = (0..=EOS).map(|symbol| 1_u64 << (30 - length(symbol))).sum();
        assert_eq!(filled, 1 << 30);
        assert_eq!(CODE.long(u64::MAX), Some((EOS, 30)));
        for octet in 0..=255 {
            let mut out = Vec::new();
            assert!(decode(&coded(&[octet], 0), &mut out, 1) && out == [octet], "{octet}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_coded_is_decoded(text: Vec<u8>) {
            let mut out = Vec::new();
            proptest::prop_assert!(decode(&coded(&text, 0), &mut out, text.len()));
            proptest::prop_assert_eq!(&out, &text);
            proptest::prop_assert!(!decode(&coded(&text, 8), &mut Vec::new(), text.len() + 1));
        }

        /// Octets of short codes, which are read in pairs, behind what was in the buffer before.
        #[test]
        fn the_octets_of_fields_are_decoded(text in "[ -~]{0,300}", less in 1_usize..4) {
            let mut out = b"before".to_vec();
            proptest::prop_assert!(decode(&coded(text.as_bytes(), 0), &mut out, text.len()));
            proptest::prop_assert_eq!(out, format!("before{text}").into_bytes());
            if let Some(most) = text.len().checked_sub(less) {
                proptest::prop_assert!(!decode(&coded(text.as_bytes(), 0), &mut Vec::new(), most));
            }
        }
    }
}
