//! HPACK's Huffman code (RFC 7541 §5.2, appendix B).
//!
//! The code is canonical: symbols of one length have consecutive codes in the order of their values, so the lengths alone
//! say everything. Decoding walks a table of four bits a step; the shortest code has five bits, so that no step yields
//! more than one symbol.

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

/// One step: where four bits lead from a node.
#[derive(Clone, Copy, Default)]
struct Step {
    /// Node reached.
    next: u16,
    /// Octet yielded on the way.
    symbol: Option<u8>,
    /// The input may end here: fewer than eight bits since the last symbol, all ones.
    accept: bool,
    /// The bits are no code, or EOS, which must not occur.
    fail: bool,
}

static STEPS: LazyLock<Vec<[Step; 16]>> = LazyLock::new(build);

/// A child of a node in the code's tree.
#[derive(Clone, Copy)]
enum Child {
    None,
    Node(u16),
    Leaf(u16),
}

fn build() -> Vec<[Step; 16]> {
    let tree = tree();
    // Nodes at which the input may end: the first seven on the path of ones.
    let mut accepting = vec![0_u16];
    let mut node = 0_u16;
    for _ in 0..7 {
        let Some([_, Child::Node(next)]) = tree.get(usize::from(node)) else { break };
        node = *next;
        accepting.push(node);
    }
    let step = |start: u16, bits: u16| {
        let mut step = Step { next: start, ..Step::default() };
        for shift in [3, 2, 1, 0] {
            let bit = usize::from(bits >> shift & 1);
            match tree.get(usize::from(step.next)).and_then(|children| children.get(bit)) {
                Some(Child::Node(next)) => step.next = *next,
                Some(Child::Leaf(symbol)) if *symbol != EOS => {
                    step.symbol = u8::try_from(*symbol).ok();
                    step.next = 0;
                }
                _ => step.fail = true,
            }
        }
        step.accept = accepting.contains(&step.next);
        step
    };
    (0..u16::try_from(tree.len()).unwrap_or_default())
        .map(|node| std::array::from_fn(|bits| step(node, u16::try_from(bits).unwrap_or_default())))
        .collect()
}

fn tree() -> Vec<[Child; 2]> {
    let mut order: Vec<u16> = (0..=EOS).collect();
    let length = |symbol: u16| LENGTHS.get(usize::from(symbol)).copied().unwrap_or_default();
    order.sort_by_key(|symbol| (length(*symbol), *symbol));
    let mut tree = vec![[Child::None; 2]];
    let (mut code, mut previous) = (0_u32, 0_u8);
    for symbol in order {
        code <<= length(symbol) - previous;
        previous = length(symbol);
        insert(&mut tree, code, previous, symbol);
        code += 1;
    }
    tree
}

fn insert(tree: &mut Vec<[Child; 2]>, code: u32, length: u8, symbol: u16) {
    let mut node = 0_usize;
    for shift in (0..length).rev() {
        let bit = usize::from(code >> shift & 1 == 1);
        let fresh = u16::try_from(tree.len()).unwrap_or_default();
        let Some(child) = tree.get_mut(node).and_then(|children| children.get_mut(bit)) else { return };
        match *child {
            _ if shift == 0 => *child = Child::Leaf(symbol),
            Child::Node(next) => node = usize::from(next),
            _ => {
                *child = Child::Node(fresh);
                node = usize::from(fresh);
                tree.push([Child::None; 2]);
            }
        }
    }
}

/// Appends the decoded octets to `out`, at most `most` of them. `false` if the input is no Huffman code, or longer.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>, most: usize) -> bool {
    let steps = &*STEPS;
    let (mut node, mut accept, mut left) = (0_u16, true, most);
    for byte in input {
        for bits in [byte >> 4, byte & 0x0f] {
            let Some(step) = steps.get(usize::from(node)).and_then(|row| row.get(usize::from(bits))) else {
                return false;
            };
            if step.fail {
                return false;
            }
            if let Some(symbol) = step.symbol {
                if left == 0 {
                    return false;
                }
                left -= 1;
                out.push(symbol);
            }
            (node, accept) = (step.next, step.accept);
        }
    }
    accept
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

    #[test]
    fn every_octet_has_its_code() {
        let tree = tree();
        // A full binary tree of 257 leaves has 256 inner nodes and no hole.
        assert_eq!(tree.len(), 256);
        assert!(tree.iter().flatten().all(|child| !matches!(child, Child::None)));
    }
}
