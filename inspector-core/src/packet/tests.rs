//! What all link types have in common, helpers for their tables, and etherparse as builder and second opinion.

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice, VlanId};
use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

/// An Ethernet header before IPv4.
pub(super) const ETHERNET: &str = "020000000001 020000000002 0800";

/// Bytes from hexadecimal digits; blanks are free.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
    pairs.collect()
}

/// An IPv4 packet around `payload`.
pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = hex("45000000 00010000 40000000 0a000001 0a000002");
    packet[2..4].copy_from_slice(&u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    packet[9] = protocol;
    [&packet, payload].concat()
}

fn tcp(payload: &[u8]) -> Vec<u8> {
    [&hex("c000 01bb 00000001 00000002 6018 ffff 0000 0000 01010100")[..], payload].concat()
}

/// IPv4 and TCP with an option, from port 49152 to 443.
pub(super) fn tcp_packet(payload: &[u8]) -> Vec<u8> {
    ipv4(6, &tcp(payload))
}

/// IPv6 and TCP with the data `six`.
pub(super) fn tcp6_packet() -> Vec<u8> {
    ipv6(6, &tcp(b"six"))
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&hex("60000000")[..], &length, &[next, 64], &[0xfd; 16], &[0xfe; 16], payload].concat()
}

/// Dissects one frame that was sent with as many bytes as were captured.
pub(super) fn dissect<T>(link: u16, bytes: &[u8], check: impl FnOnce(Result<Packet<'_>, Skipped>) -> T) -> T {
    let mut dissector = Dissector::default();
    check(dissector.dissect(&frame(link, bytes, bytes.len()), &Limits::default()))
}

fn frame(link: u16, bytes: &[u8], original_length: usize) -> Frame<'_> {
    let at = At::Frame { number: 1, time: Some(Timestamp::from_seconds(1)) };
    let original_length = u32::try_from(original_length).unwrap();
    Frame { link: LinkType(link), at, original_length, interface: 0, bytes, buffer: None }
}

/// Data and missing bytes of the frame's segment.
pub(super) fn try_segment(link: u16, bytes: &[u8], original_length: usize) -> Result<(Vec<u8>, u32), String> {
    match Dissector::default().dissect(&frame(link, bytes, original_length), &Limits::default()) {
        Ok(Packet::Tcp(segment)) => Ok((segment.payload.to_vec(), segment.missing)),
        other => Err(format!("{other:?}")),
    }
}

pub(super) fn segment(link: u16, bytes: &[u8], original_length: usize) -> (Vec<u8>, u32) {
    try_segment(link, bytes, original_length).unwrap_or_else(|other| panic!("{link} {bytes:02x?}: {other}"))
}

/// The words for why the frame is skipped.
pub(super) fn skip_of(link: u16, bytes: &[u8]) -> String {
    dissect(link, bytes, |packet| packet.expect_err("a skip").what.to_string())
}

/// The header leads to IPv4 and TCP; trailing bytes are no data; cut anywhere, what is missing is counted.
pub(super) fn tcp_in(link: u16, header: &str) {
    check(link, &hex(header), &tcp_packet(b"data"), b"data");
}

/// As [`tcp_in`] with IPv6.
pub(super) fn tcp6_in(link: u16, header: &str) {
    check(link, &hex(header), &tcp6_packet(), b"six");
}

/// The header leads to IPv4 and TCP inside an IPv4 packet of this protocol.
pub(super) fn tcp_in_ip(protocol: u8, header: &str) {
    check(101, &[], &ipv4(protocol, &[hex(header), tcp_packet(b"data")].concat()), b"data");
}

fn check(link: u16, header: &[u8], packet: &[u8], data: &[u8]) {
    let whole = [header, packet].concat();
    assert_eq!(segment(link, &whole, whole.len()), (data.to_vec(), 0), "{link} {header:02x?}");
    let trailer = [&whole[..], &[0x55; 9]].concat();
    assert_eq!(segment(link, &trailer, trailer.len()), (data.to_vec(), 0), "{link} {header:02x?} with a trailer");
    let mut found = 0;
    for end in 0..whole.len() {
        if let Ok((got, missing)) = try_segment(link, &whole[..end], whole.len()) {
            found += 1;
            assert_eq!(
                (got.len() + missing as usize, data.starts_with(&got)),
                (data.len(), true),
                "{link} cut to {end}"
            );
            assert_eq!(got.len(), data.len().saturating_sub(whole.len() - end), "{link} {header:02x?} cut to {end}");
        }
    }
    // 14 bytes of the TCP header are enough.
    assert_eq!(found, data.len() + 24 - 14, "{link} {header:02x?}");
}

#[test]
fn segment_fields() {
    let bytes = [hex("020000000001 020000000002 8100 0007 0800"), tcp_packet(b"data")].concat();
    dissect(1, &bytes, |packet| {
        let Ok(Packet::Tcp(segment)) = packet else { panic!("{packet:?}") };
        assert_eq!(segment.source.to_string(), "10.0.0.1:49152");
        assert_eq!(segment.destination.to_string(), "10.0.0.2:443");
        assert_eq!((segment.sequence, segment.acknowledgment), (1, 2));
        assert_eq!(segment.flags, Flags(Flags::PSH | Flags::ACK));
        assert_eq!(segment.at.frame(), Some(1));
        assert_ne!(segment.encapsulation, 0);
    });
}

#[test]
fn lengths_of_zero_are_the_frames() {
    let mut packet = tcp_packet(b"data");
    packet[2..4].fill(0);
    assert_eq!(segment(101, &packet, packet.len()), (b"data".to_vec(), 0));
    assert_eq!(segment(101, &packet, packet.len() + 70_000), (b"data".to_vec(), 70_000));
    assert_eq!(segment(101, &packet[..packet.len() - 1], packet.len()), (b"dat".to_vec(), 1));
    let mut packet = tcp6_packet();
    packet[4..6].fill(0);
    assert_eq!(segment(101, &packet, packet.len() + 70_000), (b"six".to_vec(), 70_000));
    // A jumbogram (RFC 2675) with its hop-by-hop option.
    let mut packet = ipv6(0, &[hex("0600 c204 00011170"), tcp(b"six")].concat());
    packet[4..6].fill(0);
    assert_eq!(segment(101, &packet, packet.len() + 69_961), (b"six".to_vec(), 69_961));
    // Inside another packet, the outer length counts.
    let mut inner = tcp_packet(b"data");
    inner[2..4].fill(0);
    let outer = ipv4(4, &inner);
    assert_eq!(segment(101, &outer[..outer.len() - 3], outer.len() + 50), (b"d".to_vec(), 3));
}

/// Bytes an inner header promises beyond the end of the outer packet were never sent.
#[test]
fn inner_lengths_do_not_pass_outer_ones() {
    let mut inner = tcp_packet(b"data");
    inner[3] += 6;
    assert_eq!(segment(101, &inner, inner.len()), (b"data".to_vec(), 6));
    let outer = ipv4(4, &inner);
    assert_eq!(segment(101, &outer, outer.len()), (b"data".to_vec(), 0));
    assert_eq!(segment(101, &outer[..outer.len() - 3], outer.len()), (b"d".to_vec(), 3));
    // A session frame whose length leaves out the padding that IP counts.
    let length = u8::try_from(inner.len() + 2).unwrap();
    let session = [&hex("1100 0007 00")[..], &[length], &hex("0021"), &inner, &[0; 6]].concat();
    assert_eq!(segment(51, &session, session.len()), (b"data".to_vec(), 0));
}

#[test]
fn ipv4_options_and_contradictions() {
    let mut packet = tcp_packet(b"data");
    packet.splice(20..20, [1; 8]);
    packet[0] = 0x47;
    packet[3] += 8;
    assert_eq!(segment(101, &packet, packet.len()), (b"data".to_vec(), 0));
    let change = |place: usize, byte: u8| {
        let mut packet = tcp_packet(b"data");
        packet[place] = byte;
        skip_of(228, &packet)
    };
    for (place, byte, words) in [
        (0, 0x65, "damaged IPv4 header"),
        (0, 0x44, "damaged IPv4 header"),
        (3, 19, "damaged IPv4 header"),
        (3, 43, "damaged TCP header"),
        (32, 0x40, "damaged TCP header"),
        (32, 0xf0, "damaged TCP header"),
    ] {
        assert_eq!(change(place, byte), words, "{place} {byte}");
    }
    assert_eq!(skip_of(101, &[0x35; 60]), "damaged IP header");
    assert_eq!(skip_of(101, &[]), "damaged IP header");
    assert_eq!(skip_of(229, &tcp_packet(b"")), "damaged IPv6 header");
}

#[test]
fn ipv6_extension_headers() {
    let unit = |next: u8| [&[next, 0, 1, 4][..], &[0; 4]].concat();
    let authentication = [&[6, 4][..], &[0; 22]].concat();
    let atomic = hex("0600 0000 00000007");
    let routed = |kind: u8, left: u8| [&[6, 4, kind, left, 0, 0, 0, 0][..], &[0xaa; 16], &[0xbb; 16]].concat();
    let cases: Vec<(u8, Vec<u8>)> = vec![
        (0, unit(6)),
        (60, unit(6)),
        (139, unit(6)),
        (0, [unit(60), unit(43), unit(6)].concat()),
        (0, [unit(51), authentication.clone()].concat()),
        (51, authentication),
        (44, atomic),
        (43, routed(0, 0)),
        (0, [unit(4), tcp_packet(b"")].concat()),
    ];
    for (next, extension) in &cases[..8] {
        check(101, &[], &ipv6(*next, &[&extension[..], &tcp(b"six")].concat()), b"six");
    }
    let (next, payload) = &cases[8];
    assert_eq!(segment(101, &ipv6(*next, payload), 200), (Vec::new(), 0));
    for (kind, left, expected) in [(0, 1, "bb"), (4, 1, "aa"), (0, 0, "fe"), (9, 1, "fe")] {
        dissect(101, &ipv6(43, &[routed(kind, left), tcp(b"six")].concat()), |packet| {
            let Ok(Packet::Tcp(segment)) = packet else { panic!("{packet:?}") };
            assert!(segment.destination.address.to_string().starts_with(expected), "{kind} {left}");
        });
    }
    let chain = |count: usize| ipv6(60, &[unit(60).repeat(count), unit(6), tcp(b"six")].concat());
    assert_eq!(segment(101, &chain(6), 200).0, b"six");
    assert_eq!(skip_of(101, &chain(8)), "too many nested headers");
    assert_eq!(skip_of(101, &ipv6(60, &[6, 9, 0, 0])), "damaged IPv6 extension header");
}

#[test]
fn other_protocols_are_no_segments() {
    // An ICMP error quotes the TCP header it is about.
    let quote = [&hex("0301 0000 00000000")[..], &tcp_packet(b"data")].concat();
    for (packet, expected) in
        [(ipv4(1, &quote), 1), (ipv6(58, &quote), 58), (ipv4(132, &quote), 132), (ipv6(59, &[]), 59), (ipv4(2, &[]), 2)]
    {
        dissect(101, &packet, |packet| {
            assert_eq!(packet.unwrap_err().what, PacketSkip::IpProtocol(expected));
        });
        assert_eq!(PacketSkip::IpProtocol(expected).is_control(), expected != 132, "{expected}");
    }
}

#[test]
fn what_is_not_understood_tells_whom_it_went_between() {
    let between = |link: u16, bytes: &[u8]| dissect(link, bytes, |packet| packet.unwrap_err().between.to_string());
    let sctp = ipv4(132, &[0; 12]);
    assert_eq!(between(101, &sctp), "between 10.0.0.1 and 10.0.0.2");
    assert_eq!(between(1, &[hex(ETHERNET), sctp.clone()].concat()), "between 10.0.0.1 and 10.0.0.2");
    assert_eq!(between(101, &ipv4(50, &[0; 32])), "between 10.0.0.1 and 10.0.0.2");
    assert_eq!(
        between(101, &ipv6(108, &[0; 32])),
        format!("between {} and {}", "fdfd:".repeat(8).trim_end_matches(':'), "fefe:".repeat(8).trim_end_matches(':'))
    );
    // Of a tunnel whose content is not known its ends; else the hosts inside.
    assert_eq!(between(101, &ipv4(47, &hex("2000 7777 00000007 55"))), "between 10.0.0.1 and 10.0.0.2");
    let mut inner = sctp;
    inner[15] = 9;
    assert_eq!(between(101, &ipv4(4, &inner)), "between 10.0.0.9 and 10.0.0.2");
    // Fragments that do not fit, and frames without IP.
    assert_eq!(
        between(1, &hex("02000000000a 02000000000b 88b5 00")),
        "between 02:00:00:00:00:0b and 02:00:00:00:00:0a"
    );
    assert_eq!(
        between(1, &hex("02000000000a 02000000000b 0800 00")),
        "between 02:00:00:00:00:0b and 02:00:00:00:00:0a"
    );
    assert_eq!(between(147, &[]), "between unknown addresses");
}

#[test]
fn groups_are_told_from_hosts() {
    for (between, expected) in [
        (Between::Hosts([10, 0, 0, 1].into(), [224, 0, 0, 251].into()), true),
        (Between::Hosts([10, 0, 0, 1].into(), [255; 4].into()), true),
        (Between::Hosts([10, 0, 0, 1].into(), [10, 0, 0, 2].into()), false),
        (Between::Stations([2; 6], [1, 0x80, 0xc2, 0, 0, 0]), true),
        (Between::Stations([1; 6], [2; 6]), false),
        (Between::Unknown, false),
    ] {
        assert_eq!(between.is_to_group(), expected, "{between:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |count: usize| {
        let mut packet = tcp_packet(b"");
        for _ in 1..count {
            packet = ipv4(4, &packet);
        }
        packet
    };
    // The link layer is one header, too.
    let limits = Limits { encapsulations: 4, ..Limits::default() };
    for (count, fits) in [(1, true), (3, true), (4, false), (30, false)] {
        let packet = nested(count);
        let mut dissector = Dissector::default();
        let result = dissector.dissect(&frame(101, &packet, packet.len()), &limits);
        assert_eq!(result.is_ok(), fits, "{count}");
        assert!(fits || matches!(result, Err(Skipped { what: PacketSkip::TooDeep, .. })));
    }
}

/// An IPv4 packet cut into fragments of `size` bytes.
fn fragments(packet: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let pieces: Vec<&[u8]> = payload.chunks(size).collect();
    let fragment = |(number, piece): (usize, &&[u8])| {
        let more = if number + 1 < pieces.len() { 0x2000 } else { 0 };
        let mut fragment = [header, piece].concat();
        fragment[2..4].copy_from_slice(&u16::try_from(piece.len() + 20).unwrap().to_be_bytes());
        fragment[6..8].copy_from_slice(&(more | u16::try_from(number * size / 8).unwrap()).to_be_bytes());
        fragment
    };
    pieces.iter().enumerate().map(fragment).collect()
}

#[test]
fn fragments_of_both_versions() {
    let four = fragments(&tcp_packet(&[b'4'; 50]), 24);
    let payload = tcp(&[b'6'; 50]);
    let six: Vec<Vec<u8>> = (0..payload.len())
        .step_by(24)
        .map(|start| {
            let piece = &payload[start..payload.len().min(start + 24)];
            let offset = u16::try_from(start).unwrap() | u16::from(start + 24 < payload.len());
            ipv6(44, &[&[6, 0][..], &offset.to_be_bytes(), &[0, 0, 0, 9], piece].concat())
        })
        .collect();
    for (packets, byte) in [(four, b'4'), (six, b'6')] {
        let mut dissector = Dissector::default();
        for (number, packet) in packets.iter().enumerate().rev() {
            let at = At::Frame { number: 10 + number as u64, time: None };
            let frame = Frame { at, ..frame(101, packet, packet.len()) };
            match dissector.dissect(&frame, &Limits::default()) {
                Ok(Packet::Fragment) if number > 0 => {}
                Ok(Packet::Tcp(segment)) if number == 0 => {
                    assert_eq!((segment.payload, segment.missing, segment.at), (&[byte; 50][..], 0, at));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(dissector.finish(), Unfinished::default());
    }
}

/// Fragments of a packet inside fragments of a tunnel's packet.
#[test]
fn fragments_inside_fragments() {
    let inner = fragments(&tcp_packet(&[b'x'; 40]), 32);
    let mut dissector = Dissector::default();
    let mut last = None;
    for (number, inner) in inner.iter().enumerate() {
        let mut outer = ipv4(4, inner);
        outer[5] = u8::try_from(number).unwrap();
        for packet in fragments(&outer, 16) {
            last = match dissector.dissect(&frame(101, &packet, packet.len()), &Limits::default()) {
                Ok(Packet::Tcp(segment)) => Some(segment.payload.to_vec()),
                Ok(Packet::Fragment) => None,
                other => panic!("{other:?}"),
            };
        }
    }
    assert_eq!(last, Some(vec![b'x'; 40]));
}

/// Cut by the snap length, the fragments still make a segment whose missing bytes are counted.
#[test]
fn cut_fragments() {
    let packets = fragments(&tcp_packet(&[b'x'; 50]), 40);
    for cut in [0, 1, 10, 16] {
        let mut dissector = Dissector::default();
        let mut sum = 0;
        for packet in &packets {
            let captured = &packet[..packet.len() - cut];
            if let Ok(Packet::Tcp(segment)) = dissector.dissect(&frame(101, captured, packet.len()), &Limits::default())
            {
                assert_eq!(segment.payload.len(), if cut == 0 { 50 } else { 16 - cut });
                sum = segment.payload.len() + segment.missing as usize;
            }
        }
        assert_eq!(sum, 50, "{cut}");
    }
}

#[test]
fn the_common_shape_is_read_in_one_go() {
    let bytes = [hex(ETHERNET), tcp_packet(b"data")].concat();
    let padded = [&bytes[..], &[0; 6]].concat();
    for bytes in [bytes, padded] {
        assert_eq!(common(&frame(1, &bytes, bytes.len())).unwrap().payload, b"data");
    }
}

#[test]
fn lost_fragments_are_counted() {
    let mut dissector = Dissector::default();
    for packet in fragments(&tcp_packet(&[b'x'; 50]), 24).iter().skip(1) {
        assert!(matches!(
            dissector.dissect(&frame(101, packet, packet.len()), &Limits::default()),
            Ok(Packet::Fragment)
        ));
    }
    assert_eq!(dissector.unfinished(), Unfinished::default());
    assert_eq!(dissector.finish(), Unfinished { packets: 3, limit_reached: false });
    let between = Between::Hosts([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    assert_eq!(dissector.take_unfinished().collect::<Vec<_>>(), [(between, 3)]);
    // A ping of which a fragment is missing hides nothing.
    let ping = fragments(&ipv4(1, &[8; 50]), 24);
    assert!(dissector.dissect(&frame(101, &ping[1], ping[1].len()), &Limits::default()).is_ok());
    assert_eq!(dissector.finish().packets, 3);
    assert_eq!(dissector.take_unfinished().count(), 0);
}

/// What the frame was read as by its form, and its data.
pub(super) fn guess_of(link: u16, bytes: &[u8]) -> (Vec<Guess>, Vec<u8>) {
    let mut dissector = Dissector::default();
    let data = match dissector.dissect(&frame(link, bytes, bytes.len()), &Limits::default()) {
        Ok(Packet::Tcp(segment)) => segment.payload.to_vec(),
        other => panic!("{other:?}"),
    };
    (dissector.take_guessed().map(|(guess, ..)| guess).collect(), data)
}

/// All link types this program dissects.
const LINKS: &[u16] = &[
    0, 1, 6, 7, 8, 9, 10, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 109, 113, 117, 119, 122, 123, 127, 129, 138,
    143, 149, 163, 166, 192, 204, 205, 206, 226, 228, 229, 239, 240, 241, 242, 258, 276, 281, 282, 284, 285,
];

/// What a frame may begin with so that random bytes after it reach deep.
const BEGINNINGS: &[&str] = &[
    "",
    "020000000001 020000000002",
    "020000000001 020000000002 8847",
    "020000000001 020000000002 0800 45000040 00010000 402f0000 0a000001 0a000002",
    "020000000001 020000000002 0800 45000000 00010000 40110000 0a000001 0a000002 12b5 12b5 0000 0000",
    "020000000001 020000000002 0800 45000000 00010000 40110000 0a000001 0a000002 0868 0868 0000 0000 34ff",
    "020000000001 020000000002 0800 45000000 00012000 40060000 0a000001 0a000002",
    "020000000001 020000000002 86dd 60000000 0000 00 40",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the bytes, no panic, and no more data than there were bytes on the wire.
    #[test]
    fn random_bytes_never_panic(
        link in prop::sample::select(LINKS),
        beginning in prop::sample::select(BEGINNINGS),
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0x45), Just(0x08)], 0..160),
        more in 0_usize..200,
    ) {
        let bytes = [hex(beginning), bytes].concat();
        let mut dissector = Dissector::default();
        // Twice, so that fragments meet.
        for link in [link, 1] {
            if let Ok(Packet::Tcp(segment)) = dissector.dissect(&frame(link, &bytes, bytes.len() + more), &Limits::default()) {
                prop_assert!(segment.payload.len() <= bytes.len());
            }
        }
    }

    /// What is read in one go reads the same header by header: near the common shape, each byte and length off by a bit.
    #[test]
    fn the_common_shape_is_no_other_reading(
        total in prop_oneof![Just(0_u16), 0_u16..100, Just(66)],
        flips in proptest::collection::vec((0_usize..70, any::<u8>()), 0..3),
        captured in 0_usize..100,
        more in 0_usize..3,
    ) {
        let mut bytes = [hex(ETHERNET), tcp_packet(&[7; 14]), vec![0; 28]].concat();
        bytes[16..18].copy_from_slice(&total.to_be_bytes());
        for (place, value) in flips {
            bytes[place] = value;
        }
        bytes.truncate(captured);
        let (frame, limits) = (frame(1, &bytes, bytes.len() + more), Limits::default());
        if let Some(segment) = common(&frame) {
            let segment = format!("{:?}", Ok::<_, PacketSkip>(Packet::Tcp(segment)));
            prop_assert_eq!(segment, format!("{:?}", Dissector::default().any(&frame, &limits)));
        }
    }

    /// etherparse builds a packet and reads it; both readings agree, cut at any length.
    #[test]
    fn agrees_with_etherparse(
        vlans in proptest::collection::vec(1_u16..4095, 0..3),
        six in any::<bool>(),
        udp in any::<bool>(),
        ports in any::<(u16, u16)>(),
        numbers in any::<(u32, u32)>(),
        options in 0_usize..10,
        payload in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let vlan = |tag: u16| VlanId::try_new(tag).unwrap();
        // Ports of tunnels would be read as such by one of the two.
        let ports = (ports.0 | 0x8000, if ports.1 == 37008 { 1 } else { ports.1 | 0x8000 });
        let ports = (if ports.0 == 37008 { 37009 } else { ports.0 }, ports.1);
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let (source, destination) = ([0xfd; 16], [0xfe; 16]);
        let ip = match (&vlans[..], six) {
            ([], false) => ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            ([], true) => ethernet.ipv6(source, destination, 64),
            ([one], false) => ethernet.single_vlan(vlan(*one)).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            ([one], true) => ethernet.single_vlan(vlan(*one)).ipv6(source, destination, 64),
            ([one, two, ..], false) => ethernet.double_vlan(vlan(*one), vlan(*two)).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            ([one, two, ..], true) => ethernet.double_vlan(vlan(*one), vlan(*two)).ipv6(source, destination, 64),
        };
        let mut bytes = Vec::new();
        if udp {
            ip.udp(ports.0, ports.1).write(&mut bytes, &payload).unwrap();
        } else {
            let tcp = ip.tcp(ports.0, ports.1, numbers.0, 4096).ack(numbers.1).psh();
            tcp.options_raw(&[1; 40][..options * 4]).unwrap().write(&mut bytes, &payload).unwrap();
        }
        let sliced = SlicedPacket::from_ethernet(&bytes).unwrap();
        let addresses: (IpAddr, IpAddr) = match sliced.net.as_ref() {
            Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            Some(NetSlice::Ipv6(ip)) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
            other => panic!("{other:?}"),
        };
        dissect(1, &bytes, |packet| {
            match (packet, sliced.transport.as_ref()) {
                (Ok(Packet::Tcp(ours)), Some(TransportSlice::Tcp(theirs))) => {
                    prop_assert_eq!((ours.source.address, ours.destination.address), addresses);
                    prop_assert_eq!(
                        (ours.source.port, ours.destination.port),
                        (theirs.source_port(), theirs.destination_port())
                    );
                    prop_assert_eq!(
                        (ours.sequence, ours.acknowledgment),
                        (theirs.sequence_number(), theirs.acknowledgment_number())
                    );
                    prop_assert_eq!(ours.flags.has(Flags::PSH), theirs.psh());
                    prop_assert_eq!(ours.payload, theirs.payload());
                    prop_assert_eq!(ours.encapsulation == 0, vlans.is_empty());
                }
                (Ok(Packet::Udp(ours)), Some(TransportSlice::Udp(theirs))) => {
                    prop_assert_eq!((ours.source.address, ours.destination.address), addresses);
                    prop_assert_eq!(
                        (ours.source.port, ours.destination.port),
                        (theirs.source_port(), theirs.destination_port())
                    );
                    prop_assert_eq!(ours.payload, theirs.payload());
                }
                (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
            }
            Ok(())
        })?;
        for end in 0..bytes.len() {
            if let Ok((got, missing)) = try_segment(1, &bytes[..end], bytes.len()) {
                prop_assert_eq!(got.len() + missing as usize, payload.len());
                prop_assert!(payload.starts_with(&got));
            }
        }
    }
}
