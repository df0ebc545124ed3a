//! HPACK (RFC 7541) as servers write it: what repeats is in the dynamic table, and texts are in Huffman's code.

use std::collections::VecDeque;

/// Size of the dynamic table that nobody changed.
const TABLE: usize = 4096;
/// Octets that an entry of the table takes besides its text (§4.1).
const ENTRY: usize = 32;
/// Fields of at least so many octets, such as tokens, would push everything else out of the table.
const LARGE: usize = 512;
/// Entries of the static table.
const STATIC: usize = 61;

/// Bits of the code of each ASCII character (appendix B); the code is canonical.
const LENGTHS: [u8; 128] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
];

/// One side's writer of field blocks.
#[derive(Debug)]
pub struct Encoder {
    /// The newest entry first.
    table: VecDeque<(String, String)>,
    size: usize,
    /// The code of each character, and its length in bits.
    codes: [(u32, u8); 128],
}

impl Default for Encoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, codes: codes() }
    }
}

impl Encoder {
    /// A field block.
    pub fn block<'f>(&mut self, fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in fields {
            let known = self.table.iter().position(|known| (known.0.as_str(), known.1.as_str()) == (name, value));
            if let Some(known) = known {
                integer(&mut block, 0x80, 7, STATIC + 1 + known);
                continue;
            }
            let keeps = name.len() + value.len() < LARGE;
            block.push(if keeps { 0x40 } else { 0 });
            self.text(&mut block, name);
            self.text(&mut block, value);
            if keeps {
                self.keep(name, value);
            }
        }
        block
    }

    fn keep(&mut self, name: &str, value: &str) {
        self.size += ENTRY + name.len() + value.len();
        self.table.push_front((name.to_owned(), value.to_owned()));
        while self.size > TABLE {
            let Some((name, value)) = self.table.pop_back() else { return };
            self.size -= ENTRY + name.len() + value.len();
        }
    }

    /// A text in Huffman's code, padded with ones (§5.2).
    fn text(&self, block: &mut Vec<u8>, text: &str) {
        let (mut coded, mut bits, mut count) = (Vec::new(), 0_u64, 0);
        for character in text.bytes() {
            let (code, length) = self.codes[usize::from(character)];
            bits = bits << length | u64::from(code);
            count += length;
            while count >= 8 {
                count -= 8;
                coded.push((bits >> count) as u8);
            }
        }
        if count > 0 {
            coded.push((bits << (8 - count)) as u8 | 0xff >> count);
        }
        integer(block, 0x80, 7, coded.len());
        block.extend(coded);
    }
}

/// An integer with a prefix of so many bits behind those of `first` (§5.1).
pub fn integer(block: &mut Vec<u8>, first: u8, prefix: u8, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        block.push(first | value as u8);
        return;
    }
    block.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// Symbols of one length have consecutive codes in the order of their values. Those beyond ASCII are longer than any that
/// is wanted here.
fn codes() -> [(u32, u8); 128] {
    let mut symbols: Vec<usize> = (0..LENGTHS.len()).collect();
    symbols.sort_by_key(|symbol| (LENGTHS[*symbol], *symbol));
    let (mut codes, mut code, mut previous) = ([(0, 0); 128], 0_u32, 0);
    for symbol in symbols {
        let length = LENGTHS[symbol];
        code <<= length - previous;
        previous = length;
        codes[symbol] = (code, length);
        code = code.wrapping_add(1);
    }
    codes
}
