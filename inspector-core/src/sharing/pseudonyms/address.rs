//! Other addresses: of the same length as text, and in the same networks as their neighbours were.
//!
//! Each part of an address (an octet, a group) becomes another of as many digits, by a permutation that depends on the parts
//! in front of it. So two addresses that have their first parts in common have them in common afterwards, no two become one,
//! and a text keeps its length. Loopback, private, link-local and other special networks stay what they are.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use super::{super::word::is_word, name::Key};

/// What an address becomes.
pub(in crate::sharing) fn mapped(key: &Key, address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(v4(key, address)),
        IpAddr::V6(address) => IpAddr::V6(v6(key, address)),
    }
}

fn v4(key: &Key, address: Ipv4Addr) -> Ipv4Addr {
    let old = address.octets();
    let mut new = old;
    for at in kept_v4(old)..4 {
        let (Some(value), Some(before)) = (old.get(at).copied(), old.get(..at)) else { continue };
        let (first, last) = match value {
            0..=9 => (0_u32, 9),
            10..=99 => (10, 99),
            _ => (100, 255),
        };
        let second = old.get(1).copied().map(u32::from).unwrap_or_default();
        // Of 172.16.0.0/12 the second octet has a range of its own.
        let in_range = at == 1 && old.first() == Some(&172) && (16..32).contains(&value);
        let (first, last) = if in_range { (16, 31) } else { (first, last) };
        let is_allowed = |value: u32| match at {
            0 => is_global(value),
            1 => !is_special_second(old, value, second),
            _ => true,
        };
        let next = permuted(key, "octet", before, u32::from(value), first, last, &is_allowed);
        if let Some(place) = new.get_mut(at) {
            *place = u8::try_from(next).unwrap_or(value);
        }
    }
    Ipv4Addr::from(new)
}

/// Leading octets that stay.
fn kept_v4(octets: [u8; 4]) -> usize {
    match octets {
        // `0.0.0.0`, loopback, broadcast and multicast: nobody's in particular.
        [0 | 127 | 224..=255, ..] => 4,
        [10, ..] | [172, 16..=31, ..] => 1,
        [192, 168, ..] | [169, 254, ..] => 2,
        // Its first octet has other networks, too: a change could leave the public ones.
        [100 | 169 | 172 | 192 | 198, ..] => 1,
        _ => 0,
    }
}

/// Whether all addresses of a first octet are public.
const fn is_global(octet: u32) -> bool {
    !matches!(octet, 0 | 10 | 100 | 127 | 169 | 172 | 192 | 198 | 203 | 224..=255)
}

/// Whether a second octet would bring an address into or out of a special network.
fn is_special_second([first, ..]: [u8; 4], value: u32, old: u32) -> bool {
    let special = |value: u32| match first {
        100 => (64..128).contains(&value),
        169 => value == 254,
        172 => (16..32).contains(&value),
        192 => matches!(value, 0 | 88 | 168),
        198 => matches!(value, 18 | 19 | 51),
        _ => false,
    };
    special(value) != special(old)
}

fn v6(key: &Key, address: Ipv6Addr) -> Ipv6Addr {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return v4(key, mapped).to_ipv6_mapped();
    }
    let old = address.segments();
    let kept = match old {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] | [0xff00..=0xffff, ..] => 8,
        [0xfe80..=0xfebf | 0xfc00..=0xfdff, ..] => 1,
        // Documentation, Teredo, 6to4: the beginning says what it is.
        [0x2001, ..] | [0x2002, ..] | [0x0064, ..] => 2,
        // Of a public one the first group stays: it says that it is one.
        _ => 1,
    };
    let mut new = old;
    for at in kept..8 {
        let (Some(value), Some(before)) = (old.get(at).copied(), old.get(..at)) else { continue };
        let (first, last) = match value {
            0 => continue,
            1..=0xf => (1_u32, 0xf),
            0x10..=0xff => (0x10, 0xff),
            0x100..=0xfff => (0x100, 0xfff),
            _ => (0x1000, 0xffff),
        };
        let before: Vec<u8> = before.iter().flat_map(|group| group.to_be_bytes()).collect();
        let next = permuted(key, "group", &before, u32::from(value), first, last, &|_| true);
        if let Some(place) = new.get_mut(at) {
            *place = u16::try_from(next).unwrap_or(value);
        }
    }
    Ipv6Addr::from(new)
}

/// Another number between two, by a permutation: four rounds of a Feistel network over pairs of digits, walked until the
/// number is one that may be.
fn permuted(
    key: &Key,
    purpose: &str,
    before: &[u8],
    value: u32,
    first: u32,
    last: u32,
    is_allowed: &dyn Fn(u32) -> bool,
) -> u32 {
    if !is_allowed(value) {
        return value;
    }
    let size = last - first + 1;
    let half = (32 - (size - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u32 << half) - 1;
    let digest = |round: u32, right: u32| {
        let text = [before, &round.to_be_bytes(), &right.to_be_bytes()].concat();
        let [one, two, three, four, ..] = key.digest(purpose, &text);
        u32::from_be_bytes([one, two, three, four])
    };
    let mut at = value - first;
    loop {
        let (mut left, mut right) = (at >> half & mask, at & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (digest(round, right) & mask));
        }
        at = left << half | right;
        if at < size && is_allowed(first + at) {
            return first + at;
        }
    }
}

/// The addresses in a text.
pub(super) fn found(text: &str) -> Vec<(Range<usize>, IpAddr)> {
    let bytes = text.as_bytes();
    let is_of_v4 = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let is_of_v6 = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(begin) = rest.iter().position(|byte| is_of_v6(*byte)) else { break };
        let start = at + begin;
        let end = start
            + bytes.get(start..).map_or(0, |rest| rest.iter().position(|byte| !is_of_v6(*byte)).unwrap_or(rest.len()));
        at = end;
        // Inside a word it is none, but for the digits of an escape.
        let range = start..end;
        let open = is_word(bytes, &range);
        let word = text.get(range).unwrap_or_default();
        if word.len() >= 2 && word.contains("::") || word.matches(':').count() == 7 {
            let inner = word.trim_end_matches('.');
            if let Ok(address) = inner.parse::<Ipv6Addr>()
                && open
            {
                all.push((start..start + inner.len(), IpAddr::V6(address)));
            }
            continue;
        }
        // `127.0.0.1:8080`, `1.2.3.4.`, and hexadecimal digits that happen to stand before it.
        for piece in word.split(':') {
            let from = start + (piece.as_ptr() as usize - word.as_ptr() as usize);
            let inner = piece.trim_matches('.');
            let from = from + (inner.as_ptr() as usize - piece.as_ptr() as usize);
            let range = from..from + inner.len();
            // `ExchangeServicesClient/1.0.0.0` is a version.
            let product = from.checked_sub(2).and_then(|at| bytes.get(at..from));
            let is_version = product.is_some_and(|two| matches!(two, [letter, b'/'] if letter.is_ascii_alphabetic()));
            let is_v4 = !is_version && inner.matches('.').count() == 3 && inner.bytes().all(is_of_v4);
            if is_v4
                && is_word(bytes, &range)
                && let Ok(address) = inner.parse::<Ipv4Addr>()
            {
                all.push((range, IpAddr::V4(address)));
            }
        }
    }
    all
}

/// An address in the form another was written in.
pub(super) fn written(key: &Key, old: &str, address: IpAddr) -> String {
    let new = mapped(key, address);
    match new {
        IpAddr::V4(new) => new.to_string(),
        IpAddr::V6(new) => {
            // Group by group, as it was written: zeros that were left out are left out, leading ones stay.
            let groups: Vec<&str> = old.split(':').collect();
            let segments = new.segments();
            let gap = old
                .find("::")
                .map(|gap| old.get(..gap).unwrap_or_default().split(':').filter(|group| !group.is_empty()).count());
            let given = groups.iter().filter(|group| !group.is_empty()).count();
            if old.contains('.') {
                return if new == address { old.to_owned() } else { new.to_string() };
            }
            let mut at = 0;
            let mut seen = 0;
            let mut out: Vec<String> = Vec::new();
            for group in groups {
                if group.is_empty() {
                    out.push(String::new());
                    continue;
                }
                if gap == Some(seen) {
                    at = 8_usize.saturating_sub(given - seen);
                }
                let value = segments.get(at).copied().unwrap_or_default();
                let width = group.len();
                let text = format!("{value:0width$x}");
                out.push(if group.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    text.to_ascii_uppercase()
                } else {
                    text
                });
                at += 1;
                seen += 1;
            }
            out.join(":")
        }
    }
}
