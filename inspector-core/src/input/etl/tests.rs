use super::*;
use crate::input::tests::{items, items_of};

const SIZE: usize = 4096;

/// The first buffer: the header of the log, for that clock.
fn header(clock: u32) -> Vec<u8> {
    let mut buffer = vec![0; SIZE];
    buffer[..4].copy_from_slice(&(SIZE as u32).to_le_bytes());
    buffer[0x30..0x34].copy_from_slice(&(0x68_u32 + 0x118).to_le_bytes());
    buffer[0x36] = 4;
    buffer[0x4a..0x4c].copy_from_slice(&[2, 0xc0]);
    buffer[0x4c..0x4e].copy_from_slice(&(0x20_u16 + 0x118).to_le_bytes());
    // The tick of the first event.
    buffer[0x58..0x60].copy_from_slice(&1000_u64.to_le_bytes());
    let log = 0x68;
    buffer[log..log + 4].copy_from_slice(&(SIZE as u32).to_le_bytes());
    buffer[log + 44] = 8;
    buffer[log + 52..log + 56].copy_from_slice(&2_u32.to_le_bytes());
    let end = log + 0x118;
    buffer[end - 24..end - 16].copy_from_slice(&1_000_000_u64.to_le_bytes());
    buffer[end - 16..end - 8].copy_from_slice(&116_444_736_000_000_000_u64.to_le_bytes());
    buffer[end - 8..end - 4].copy_from_slice(&clock.to_le_bytes());
    buffer
}

fn event(ticks: i64, provider: [u8; 16], id: u16, keyword: u64, data: &[u8]) -> Vec<u8> {
    let mut event = vec![0; 0x50];
    event[..2].copy_from_slice(&((0x50 + data.len()) as u16).to_le_bytes());
    event[2..4].copy_from_slice(&[0x13, 0xc0]);
    event[0x10..0x18].copy_from_slice(&ticks.to_le_bytes());
    event[0x18..0x28].copy_from_slice(&provider);
    event[0x28..0x2a].copy_from_slice(&id.to_le_bytes());
    event[0x30..0x38].copy_from_slice(&keyword.to_le_bytes());
    event.extend(data);
    event.resize(event.len().next_multiple_of(8), 0xff);
    event
}

fn buffer(processor: u16, events: &[Vec<u8>]) -> Vec<u8> {
    let mut buffer = vec![0; 0x48];
    buffer[..4].copy_from_slice(&(SIZE as u32).to_le_bytes());
    buffer[0x28..0x2a].copy_from_slice(&processor.to_le_bytes());
    buffer.extend(events.concat());
    let filled = buffer.len() as u32;
    buffer[0x30..0x34].copy_from_slice(&filled.to_le_bytes());
    buffer.resize(SIZE, 0xff);
    buffer
}

const NDIS: [u8; 16] = [0x6e, 0, 0xd6, 0x2e, 0x29, 0x47, 9, 0x46, 0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef];
const PKTMON: [u8; 16] = [0xd9, 0x80, 0x4f, 0x4d, 0xbd, 0xc8, 0x73, 0x4d, 0xbb, 0x5b, 0x19, 0xc9, 4, 2, 0xc5, 0xac];
const WHOLE: u64 = 0xc000_0001;

fn ndis(ticks: i64, interface: u32, keyword: u64, bytes: &[u8]) -> Vec<u8> {
    let data = [[1, interface, bytes.len() as u32].map(u32::to_le_bytes).concat(), bytes.to_vec()].concat();
    event(ticks, NDIS, 1001, keyword, &data)
}

fn pktmon(ticks: i64, group: u64, component: u16, kind: u16, original: u16, bytes: &[u8]) -> Vec<u8> {
    let mut data = group.to_le_bytes().to_vec();
    data.extend([1, 2, 1, kind, component, 1, 0].map(u16::to_le_bytes).concat());
    data.extend([0; 8]);
    data.extend([original, bytes.len() as u16].map(u16::to_le_bytes).concat());
    data.extend(bytes);
    event(ticks, PKTMON, 160, 0, &data)
}

#[test]
fn packets_come_in_the_order_of_their_times_by_each_clock() {
    let second = 116_444_736_000_000_000_i64;
    for (clock, first, later) in
        [(1, 1_001_000, 2_001_000), (3, 2_001_000, 4_001_000), (2, second + 10_000_000, second + 20_000_000)]
    {
        let (early, late) = (ndis(first, 5, WHOLE, b"early"), ndis(later, 5, WHOLE, b"late"));
        let file = [header(clock), buffer(1, &[late]), buffer(0, &[early])].concat();
        let wanted = ["#1 1 Some(1000000000) 5 [65, 61, 72, 6c, 79]", "#2 1 Some(2000000000) 4 [6c, 61, 74, 65]"];
        assert_eq!(items(&file), wanted, "{clock}");
    }
}

#[test]
fn one_of_a_packets_copies_is_kept() {
    let copies =
        [ndis(1_001_000, 5, WHOLE, b"same"), ndis(1_001_010, 6, WHOLE, b"same"), ndis(1_001_020, 5, WHOLE, b"same")];
    // Sent again on the same interface, it is another packet.
    assert_eq!(items(&[header(1), buffer(0, &copies)].concat()).len(), 2);
    let copies = [
        pktmon(1_001_000, 7, 2, 3, 4, b"cut "),
        pktmon(1_001_010, 7, 9, 1, 8, b"ethernet"),
        pktmon(1_001_020, 7, 10, 1, 8, b"ethernet"),
    ];
    let items = items(&[header(1), buffer(0, &copies)].concat());
    assert_eq!(items, ["#1 1 Some(1000010000) 8 [65, 74, 68, 65, 72, 6e, 65, 74]"]);
}

#[test]
fn fragments_are_joined_by_interface_and_processor() {
    let (begins, ends) = (0x4000_0001, 0x8000_0001);
    let (one, two) = (ndis(1_001_000, 5, begins, b"ab"), ndis(1_001_001, 6, begins, b"xy"));
    let rest = [ndis(1_001_003, 5, 1 << 33, b""), ndis(1_001_004, 6, ends, b"z"), ndis(1_001_005, 5, ends, b"c")];
    let file = [header(1), buffer(0, &[one.clone(), two]), buffer(0, &rest[1..])].concat();
    let wanted = ["#1 1 Some(1000000000) 3 [61, 62, 63]", "#2 1 Some(1000001000) 3 [78, 79, 7a]"];
    assert_eq!(items(&file), wanted);
    let items = items(&[header(1), buffer(0, &[one])].concat());
    assert!(items[1].contains("without its end"), "{items:?}");
}

#[test]
fn what_is_missing_is_said() {
    let cut = [header(1), buffer(0, &[pktmon(1_001_000, 7, 2, 1, 1500, b"cut")])].concat();
    assert!(items(&cut)[1].contains("--pkt-size 0"));
    let filter =
        [header(1), buffer(0, &[ndis(1_001_000, 5, WHOLE, b"a"), event(1_001_001, PKTMON, 100, 0, b"")])].concat();
    assert!(items(&filter)[1].starts_with("Selected"));
    let (result, _) = items_of(&mut &header(1)[..], &Limits::default());
    assert!(result.unwrap_err().to_string().contains("without captured packets"));
    let whole =
        [header(1), buffer(0, &[ndis(1_001_000, 5, WHOLE, b"abc")]), buffer(0, &[ndis(1_002_000, 5, WHOLE, b"d")])]
            .concat();
    let items = items(&whole[..2 * SIZE + 0x48 + 20]);
    assert!(items.iter().any(|item| item.starts_with("TruncatedInput")), "{items:?}");
    let mut lost = whole.clone();
    lost[SIZE + 0x34] = 2;
    assert!(crate::input::tests::items(&lost).iter().any(|item| item.contains("lost")));
}

#[test]
fn damage_never_panics() {
    let whole =
        [header(1), buffer(0, &[ndis(1_001_000, 5, WHOLE, b"abc"), pktmon(1_001_010, 7, 9, 1, 8, b"ethernet")])]
            .concat();
    for at in (0..0x190).chain(SIZE..SIZE + 0x140) {
        for value in [0, 0xff, whole[at] ^ 0x11] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let _ = items_of(&mut &bytes[..], &Limits::default());
        }
    }
}
