//! What becomes of the bytes of one connection.

use proptest::prelude::*;

use super::*;

/// Exchanges of a request and a response each, in segments of random size.
fn conversation(seed: &Shape) -> (Talk, [Vec<u8>; 2]) {
    let mut talk = Talk::new(seed.starts).handshake();
    let mut streams = [Vec::new(), Vec::new()];
    let mut cuts = seed.cuts.iter().cycle();
    for (round, &(request, response)) in seed.rounds.iter().enumerate() {
        for (from, length) in [(0, request), (1, response)] {
            let bytes = pattern(length, round as u8 ^ (0x5a * from as u8));
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                talk.data(from, now);
                if talk.packets.len().is_multiple_of(3) {
                    talk.send(1 - from, ACK, b"");
                }
                rest = later;
            }
            streams[from].extend(bytes);
        }
    }
    talk.goodbye();
    (talk, streams)
}

#[derive(Clone, Debug)]
struct Shape {
    starts: [u32; 2],
    rounds: Vec<(usize, usize)>,
    cuts: Vec<usize>,
}

/// A sequence number, often just before the wrap.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (0u32..3000).prop_map(|below| 0u32.wrapping_sub(below))]
}

fn shape() -> impl Strategy<Value = Shape> {
    let starts = (number(), number()).prop_map(|(client, server)| [client, server]);
    let rounds = proptest::collection::vec((1usize..1500, 1usize..3000), 1..6);
    let cuts = proptest::collection::vec(1usize..600, 1..12);
    (starts, rounds, cuts).prop_map(|(starts, rounds, cuts)| Shape { starts, rounds, cuts })
}

/// Reorders within windows: packet `i` gets a rank up to `window` later.
fn shuffle(packets: &[Packet], window: usize, random: &[u16]) -> Vec<Packet> {
    let mut order: Vec<_> =
        (0..packets.len()).map(|at| (at * 8 + usize::from(random[at % random.len()]) % (window * 8), at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| packets[at].clone()).collect()
}

/// The order of sides, whether bytes or gaps.
fn squeeze(order: &str) -> String {
    let mut sides: Vec<_> = order.to_ascii_uppercase().chars().collect();
    sides.dedup();
    sides.into_iter().collect()
}

fn check(recorder: &Recorder, streams: &[Vec<u8>; 2]) {
    assert_eq!(recorder.seen.len(), 1);
    let seen = &recorder.seen[0];
    assert_eq!(seen.gaps, [vec![], vec![]]);
    assert!(seen.bytes == *streams, "other bytes");
    assert_eq!(seen.ends, [Some(End::Fin); 2]);
    let connection = seen.closed.as_ref().unwrap();
    assert_eq!((connection.from_start, connection.roles_known), ([true; 2], true));
    assert_eq!(connection.client.port, 50_000);
    assert_eq!(connection.overlaps_differing, 0);
}

proptest! {
    #[test]
    fn any_cut_in_order_is_passed_through(shape in shape()) {
        let (talk, streams) = conversation(&shape);
        let recorder = talk.run();
        check(&recorder, &streams);
        // Nothing is merged or cut: the pieces are the payloads.
        let payloads: Vec<_> =
            talk.packets.iter().map(|packet| packet.payload.len()).filter(|length| *length > 0).collect();
        prop_assert_eq!(&recorder.seen[0].pieces, &payloads);
        prop_assert_eq!(&recorder.seen[0].order, &"CS".repeat(shape.rounds.len()));
        prop_assert_eq!(recorder.seen[0].closed.as_ref().unwrap().duplicates, 0);
    }

    #[test]
    fn any_order_within_a_window_is_the_same_conversation(
        shape in shape(), window in 1usize..9, random in proptest::collection::vec(any::<u16>(), 64)
    ) {
        let (talk, streams) = conversation(&shape);
        let recorder = run(&shuffle(&talk.packets, window, &random));
        check(&recorder, &streams);
    }

    #[test]
    fn requests_come_before_their_responses(
        shape in shape(), window in 1usize..9, random in proptest::collection::vec(any::<u16>(), 64)
    ) {
        let (talk, streams) = conversation(&shape);
        let (handshake, rest) = talk.packets.split_at(3);
        let packets = [handshake, &shuffle(rest, window, &random)].concat();
        let recorder = run(&packets);
        check(&recorder, &streams);
        prop_assert_eq!(&recorder.seen[0].order, &"CS".repeat(shape.rounds.len()));
    }

    #[test]
    fn retransmissions_and_overlaps_change_nothing(
        shape in shape(), window in 1usize..6, random in proptest::collection::vec(any::<u16>(), 64)
    ) {
        let (talk, streams) = conversation(&shape);
        let mut packets = talk.packets.clone();
        let firsts = shape.starts.map(|start| start.wrapping_add(1));
        for at in (0..packets.len()).rev() {
            let (from, length) = (packets[at].from, packets[at].payload.len());
            let roll = usize::from(random[at % random.len()]);
            if length == 0 || roll % 3 == 0 {
                continue;
            }
            // Again, from somewhat before or after, to somewhat beyond.
            let offset = packets[at].sequence.wrapping_sub(firsts[from]) as usize;
            let start = (offset + roll % 50).saturating_sub(25);
            let stop = (offset + length + roll / 7 % 40).min(streams[from].len());
            let mut again = packets[at].clone();
            again.sequence = firsts[from].wrapping_add(start as u32);
            again.payload = streams[from][start.min(stop)..stop].to_vec();
            packets.insert(at + roll % 2, again);
        }
        check(&run(&shuffle(&packets, window, &random)), &streams);
    }

    #[test]
    fn every_packet_recorded_twice_is_the_same_with_the_copies_counted(
        shape in shape(), timed in any::<bool>(), batch in 1usize..5
    ) {
        let (talk, streams) = conversation(&shape);
        let mut packets = Vec::new();
        for chunk in talk.packets.chunks(batch) {
            let copies = chunk.iter().cloned().map(|mut copy| {
                copy.nanos = copy.nanos.map(|nanos| nanos + 20_000).filter(|_| timed);
                copy
            });
            packets.extend(chunk.iter().cloned().map(|mut packet| {
                packet.nanos = packet.nanos.filter(|_| timed);
                packet
            }));
            packets.extend(copies);
        }
        let mut bench = Bench::new();
        packets.iter().for_each(|packet| bench.push(packet));
        // The last ones come after the close: counted for the table only.
        prop_assert_eq!(bench.table.totals().duplicates as usize, talk.packets.len());
        check(&bench.finish(), &streams);
    }

    #[test]
    fn a_dropped_segment_is_one_gap_of_its_size(shape in shape(), which in any::<prop::sample::Index>()) {
        let (mut talk, streams) = conversation(&shape);
        let data: Vec<_> = (0..talk.packets.len()).filter(|at| !talk.packets[*at].payload.is_empty()).collect();
        let lost = talk.packets.remove(data[which.index(data.len())]);
        let recorder = talk.run();
        let seen = &recorder.seen[0];
        let offset = lost.sequence.wrapping_sub(shape.starts[lost.from].wrapping_add(1));
        let length = lost.payload.len();
        let mut expected = streams;
        expected[lost.from][offset as usize..][..length].fill(b'?');
        prop_assert!(seen.bytes == expected);
        prop_assert_eq!(&seen.gaps[lost.from], &vec![(u64::from(offset), length as u64)]);
        prop_assert_eq!(&seen.gaps[1 - lost.from], &vec![]);
        prop_assert_eq!(seen.ends, [Some(End::Fin); 2]);
        // The gap stands where the bytes were: before what answers them.
        prop_assert_eq!(squeeze(&seen.order), "CS".repeat(shape.rounds.len()));
    }

    #[test]
    fn a_cut_segment_is_a_gap_unless_it_is_sent_again(
        shape in shape(), which in any::<prop::sample::Index>(), keep in 0usize..100, again in any::<bool>()
    ) {
        let (mut talk, streams) = conversation(&shape);
        let data: Vec<_> = (0..talk.packets.len()).filter(|at| talk.packets[*at].payload.len() > 100).collect();
        prop_assume!(!data.is_empty());
        let at = data[which.index(data.len())];
        let whole = talk.packets[at].clone();
        let keep = keep.min(whole.payload.len() - 1);
        talk.packets[at].payload.truncate(keep);
        talk.packets[at].missing = (whole.payload.len() - keep) as u32;
        if again {
            talk.packets.insert(at + 1, whole.clone());
        }
        let recorder = talk.run();
        let seen = &recorder.seen[0];
        let offset = whole.sequence.wrapping_sub(shape.starts[whole.from].wrapping_add(1)) as usize;
        let mut expected = streams;
        let mut gaps = vec![];
        if !again {
            let missing = whole.payload.len() - keep;
            expected[whole.from][offset + keep..][..missing].fill(b'?');
            gaps.push(((offset + keep) as u64, missing as u64));
        }
        prop_assert!(seen.bytes == expected);
        prop_assert_eq!(&seen.gaps[whole.from], &gaps);
        prop_assert_eq!(squeeze(&seen.order), "CS".repeat(shape.rounds.len()));
    }

    #[test]
    fn anything_at_all_is_survived(packets in proptest::collection::vec(
        (any::<bool>(), 0u8..4, prop_oneof![0u32..200, any::<u32>()], prop_oneof![0u32..200, any::<u32>()], any::<u8>(),
         0usize..60, prop_oneof![Just(0u32), any::<u32>()], any::<Option<i64>>()), 0..120))
    {
        let limits = Limits { out_of_order: 700, out_of_order_total: 1500, connections: 3, ..Limits::default() };
        let mut table = FlowTable::new(&limits);
        let mut places = Places::default();
        for (number, (from, host, sequence, acknowledgment, flags, length, missing, nanos)) in (1..).zip(packets) {
            let (source, destination) = if from { (end(host, 1000), end(9, 1000)) } else { (end(9, 1000), end(host, 1000)) };
            let segment = Segment {
                source,
                destination,
                sequence,
                acknowledgment,
                flags: Flags(if flags & 8 == 0 { ACK } else { flags }),
                payload: &pattern(length, flags),
                missing: if flags & 0x20 == 0 { 0 } else { missing },
                encapsulation: 0,
                whole: &[],
                damaged: false,
                at: At::Frame { number, time: nanos.map(Timestamp::from_nanos) },
            };
            table.push(&segment, &mut places);
            prop_assert!(table.held() <= 1500 && table.open_connections() <= 3);
        }
        table.finish(&mut places);
        prop_assert_eq!((table.held(), places.open), (0, 0));
    }
}

/// Checks places without keeping bytes.
#[derive(Default)]
struct Places {
    open: u32,
}

impl Consumer for Places {
    type State = [(u64, bool); 2];

    fn open(&mut self, _: &Connection) -> Self::State {
        self.open += 1;
        Default::default()
    }

    fn event(&mut self, state: &mut Self::State, _: &mut Connection, event: StreamEvent<'_>) {
        let (side, offset, bytes) = match event {
            StreamEvent::Data { side, offset, bytes, .. } => (side, offset, bytes.len() as u64),
            StreamEvent::Gap { side, offset, bytes, .. } => (side, offset, bytes),
            StreamEvent::End { side, .. } => {
                assert!(!std::mem::replace(&mut state[side.index()].1, true));
                return;
            }
        };
        let (at, ended) = &mut state[side.index()];
        assert!(bytes > 0 && offset == *at && !*ended);
        *at += bytes;
    }

    fn close(&mut self, state: Self::State, connection: Connection) {
        self.open -= 1;
        for (side, (at, ended)) in state.into_iter().enumerate() {
            assert!(ended);
            assert_eq!(at, connection.bytes[side] + connection.bytes_missing[side]);
        }
    }
}

#[test]
fn first_bytes_win_and_differences_are_counted() {
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"ab");
    let hole = talk.next[0];
    talk.raw(0, hole.wrapping_add(2), ACK, b"EFGH");
    talk.raw(0, hole, ACK, b"CDxxGy");
    talk.raw(0, hole, ACK, b"zzzz");
    talk.raw(0, hole.wrapping_add(4), ACK, b"GHIJ");
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes[0], b"abCDEFGHIJ");
    // Of those that wait three, and the four that came again after they were handed out.
    assert_eq!(seen.closed.as_ref().unwrap().overlaps_differing, 7);
}

#[test]
fn one_chunk_laid_over_many() {
    let mut talk = Talk::new([u32::MAX - 3, 500]).handshake();
    let start = talk.next[0];
    let bytes = pattern(64, 7);
    for at in (3..60).step_by(3) {
        talk.raw(0, start.wrapping_add(at), ACK, &bytes[at as usize..at as usize + 2]);
    }
    talk.raw(0, start.wrapping_add(1), ACK, &bytes[1..]);
    talk.raw(0, start, ACK, &bytes[..2]);
    let seen = &talk.run().seen[0];
    assert_eq!((&seen.bytes[0], &seen.gaps[0]), (&bytes, &vec![]));
    assert_eq!(seen.closed.as_ref().unwrap().overlaps_differing, 0);
}

#[test]
fn keep_alives_and_probes_are_no_data() {
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"request");
    talk.data(1, b"response");
    let (client, server) = (talk.next[0], talk.next[1]);
    talk.raw(0, client.wrapping_sub(1), ACK, b"");
    talk.raw(1, server, ACK, b"");
    talk.raw(0, client.wrapping_sub(1), ACK, b"\0");
    talk.raw(1, server.wrapping_sub(1), ACK, b"\0");
    talk.data(0, b"more");
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes, [b"requestmore".to_vec(), b"response".to_vec()]);
    assert_eq!(seen.gaps, [vec![], vec![]]);
}

#[test]
fn the_acknowledgment_may_be_recorded_before_the_data() {
    for delay in [1, 5, 20] {
        let mut talk = Talk::new([100, 500]).handshake();
        for at in 0..60u8 {
            talk.data(0, &pattern(1000, at));
            talk.send(1, ACK, b"");
        }
        let whole = talk.run().seen[0].bytes[0].clone();
        let late = talk.packets.remove(41);
        talk.packets.insert(41 + delay, late);
        let seen = &talk.run().seen[0];
        assert_eq!(seen.gaps, [vec![], vec![]], "{delay}");
        assert!(seen.bytes[0] == whole);
    }
}

#[test]
fn an_acknowledged_hole_is_given_up_in_time() {
    let mut talk = Talk::new([100, 500]).handshake();
    for at in 0..100u8 {
        talk.data(0, &pattern(1000, at));
        talk.send(1, ACK, b"");
    }
    talk.packets.remove(23);
    let mut bench = Bench::new();
    talk.packets.iter().for_each(|packet| bench.push(packet));
    // Before the end of the input, and all that followed was handed out.
    assert_eq!(bench.recorder.seen[0].gaps[0], vec![(10_000, 1000)]);
    assert_eq!(bench.recorder.seen[0].bytes[0].len(), 100_000);
    assert_eq!(bench.table.held(), 0);

    // With few further packets, time tells.
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"one").data(0, b"two").data(0, b"three");
    talk.step = 150 * MS;
    for _ in 0..9 {
        talk.send(1, ACK, b"");
    }
    talk.packets.remove(4);
    let mut bench = Bench::new();
    talk.packets.iter().for_each(|packet| bench.push(packet));
    assert_eq!(bench.recorder.seen[0].bytes[0], b"one???three");
}

#[test]
fn a_hole_that_was_not_acknowledged_waits_for_its_retransmission() {
    let mut talk = Talk::new([100, 500]).handshake();
    let lost = talk.next[0];
    talk.next[0] = lost.wrapping_add(1000);
    for at in 1..200u8 {
        talk.data(0, &pattern(1000, at));
        talk.raw(1, 501, ACK, b"").acknowledgment = lost;
    }
    talk.raw(0, lost, ACK, &pattern(1000, 0));
    let seen = &talk.run().seen[0];
    assert_eq!(seen.gaps[0], vec![]);
    assert_eq!(seen.bytes[0].len(), 200_000);
}

#[test]
fn one_direction_alone_releases_its_holes() {
    let mut talk = Talk::new([100, 500]).handshake();
    for at in 0..=255u8 {
        talk.data(1, &pattern(100, at));
        talk.data(1, &pattern(100, at));
    }
    talk.packets.remove(10);
    talk.packets.retain(|packet| packet.from == 1);
    let mut bench = Bench::new();
    talk.packets.iter().for_each(|packet| bench.push(packet));
    assert_eq!(bench.recorder.seen[0].gaps[1], vec![(700, 100)]);
    assert_eq!(bench.recorder.seen[0].bytes[1].len(), 51_200);
    let seen = bench.finish().seen.remove(0);
    assert_eq!((seen.bytes[1].len(), seen.ends), (51_200, [Some(End::Input); 2]));
    assert_eq!(seen.closed.unwrap().client.port, 50_000);
}

#[test]
fn limits_give_up_holes_and_data_flows_on() {
    // By direction.
    let limits = Limits { out_of_order: 10_000, ..Limits::default() };
    let mut talk = Talk::new([100, 500]).handshake();
    let lost = talk.next[0];
    talk.next[0] = lost.wrapping_add(50);
    for at in 0..40u8 {
        talk.data(0, &pattern(1000, at));
    }
    let mut bench = Bench::with(&limits);
    for packet in &talk.packets {
        bench.push(packet);
        assert!(bench.table.held() <= 10_000);
    }
    assert_eq!(bench.recorder.seen[0].bytes[0].len(), 40_050);
    assert!(bench.table.totals().direction_limit > 0);
    assert_eq!(bench.finish().seen[0].gaps[0], vec![(0, 50)]);

    // A single segment larger than the limit is passed through.
    let limits = Limits { out_of_order: 100, ..Limits::default() };
    let mut bench = Bench::with(&limits);
    talk.packets.iter().for_each(|packet| bench.push(packet));
    assert_eq!((bench.table.held(), bench.recorder.seen[0].bytes[0].len()), (0, 40_050));

    // In all: those that have waited longest give way.
    let limits = Limits { out_of_order_total: 20_000, ..Limits::default() };
    let mut bench = Bench::with(&limits);
    for host in 0..100 {
        let mut talk = Talk::new([100, 500]).handshake();
        let lost = talk.next[0];
        talk.next[0] = lost.wrapping_add(50);
        talk.data(0, &pattern(1000, host));
        for packet in &mut talk.packets {
            packet.ends[0] = end(host, 50_000);
            bench.push(packet);
            assert!(bench.table.held() <= 20_000);
        }
    }
    assert!(bench.recorder.seen[..80].iter().all(|seen| seen.bytes[0].len() == 1050));
    assert!(bench.recorder.seen[90..].iter().all(|seen| seen.bytes[0].is_empty()));
    assert!(bench.table.totals().total_limit > 0);
    assert!(bench.finish().seen.iter().all(|seen| seen.gaps[0] == vec![(0, 50)]));
}

#[test]
fn half_of_the_packets_out_of_order_stays_linear() {
    let mut bench = Bench::new();
    let mut talk = Talk::new([u32::MAX - 5_000_000, 500]).handshake();
    let chunk = pattern(140, 1);
    for _ in 0..100_000 {
        talk.data(0, &chunk).data(0, &chunk);
        let length = talk.packets.len();
        talk.packets.swap(length - 1, length - 2);
        talk.packets.drain(..).for_each(|packet| bench.push(&packet));
    }
    let recorder = bench.finish();
    assert_eq!(recorder.seen[0].bytes[0].len(), 28_000_000);
    assert_eq!(recorder.seen[0].gaps[0], vec![]);
}

#[test]
fn the_last_segment_lost_is_told_by_acknowledgments() {
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"first").data(0, b"second");
    talk.data(1, b"response");
    talk.send(0, ACK, b"");
    talk.packets.remove(4);
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes, [b"first??????".to_vec(), b"response".to_vec()]);

    // A FIN that was not recorded is no gap.
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"first");
    talk.goodbye();
    talk.packets.remove(4);
    let seen = &talk.run().seen[0];
    assert_eq!(seen.gaps, [vec![], vec![]]);
    assert_eq!(seen.ends, [Some(End::Input), Some(End::Fin)]);
}

#[test]
fn a_stream_cut_by_snap_length_reads_in_order() {
    let mut talk = Talk::new([100, 500]).handshake();
    for _ in 0..3 {
        talk.data(0, &[b'q'; 50]);
        talk.data(1, &[b'r'; 1000]).data(1, &[b'r'; 1000]);
        talk.send(0, ACK, b"");
    }
    for packet in &mut talk.packets {
        let length = packet.payload.len();
        packet.payload.truncate(60);
        packet.missing = (length - packet.payload.len()) as u32;
    }
    let mut bench = Bench::new();
    talk.packets.iter().for_each(|packet| bench.push(packet));
    let seen = &bench.recorder.seen[0];
    assert_eq!(seen.order, "CSsSsCSsSsCSsSs");
    assert_eq!(seen.gaps[1], (0..6).map(|at| (at * 1000 + 60, 940)).collect::<Vec<_>>());
    assert_eq!(bench.finish().seen[0].bytes[1].len(), 6000);

    // Nothing but headers.
    for packet in &mut talk.packets {
        packet.missing += packet.payload.len() as u32;
        packet.payload.clear();
    }
    let seen = &talk.run().seen[0];
    assert_eq!(seen.closed.as_ref().unwrap().bytes_missing, [150, 6000]);
}

#[test]
fn a_direction_without_syn_begins_at_its_lowest_early_segment() {
    let middle = |talk: &mut Talk| {
        talk.data(0, b"one ").data(0, b"two ").data(0, b"three ");
        talk.data(1, b"answer");
        talk.data(0, b"four");
    };
    let mut talk = Talk::new([u32::MAX - 5, 77]);
    middle(&mut talk);
    talk.packets.swap(0, 1);
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes, [b"one two three four".to_vec(), b"answer".to_vec()]);
    assert_eq!((seen.gaps.clone(), seen.order.as_str()), ([vec![], vec![]], "CSC"));
    assert_eq!(seen.closed.as_ref().unwrap().from_start, [false; 2]);

    // Far before: an old retransmission, not the start.
    let mut talk = Talk::new([1_000_000, 77]);
    middle(&mut talk);
    let old = talk.raw(0, 500_000, ACK, b"old").clone();
    talk.packets.insert(1, old);
    assert_eq!(talk.run().seen[0].bytes[0], b"one two three four");

    // Confirmed by the other side's acknowledgment or by the sender's own number: not held.
    for (from, sequence) in [(1, 77), (0, 1000)] {
        let mut talk = Talk::new([1000, 77]);
        talk.raw(from, sequence, ACK, b"");
        talk.data(0, b"one");
        let mut bench = Bench::new();
        talk.packets.iter().for_each(|packet| bench.push(packet));
        assert_eq!(bench.recorder.seen[0].bytes[0], b"one");
    }

    // A keep-alive as the first thing seen.
    for probe in [&b"\0"[..], b""] {
        let mut talk = Talk::new([1000, 77]);
        talk.raw(0, 999, ACK, probe);
        talk.data(0, b"one");
        let seen = &talk.run().seen[0];
        assert_eq!((seen.bytes[0].as_slice(), &seen.gaps[0]), (&b"one"[..], &vec![]));
    }
}

#[test]
fn bytes_of_the_response_recorded_first_wait_for_the_request() {
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"request").data(1, b"response").data(0, b"again").data(1, b"and again");
    talk.packets.swap(3, 4);
    talk.packets.swap(5, 6);
    let seen = &talk.run().seen[0];
    assert_eq!(seen.order, "CSCS");
    // A lost request: its gap stands before the response.
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"request").data(1, b"response").data(0, b"again").data(1, b"and again");
    talk.packets.remove(3);
    let seen = &talk.run().seen[0];
    assert_eq!((seen.order.as_str(), seen.bytes[0].as_slice()), ("cSCS", &b"???????again"[..]));
}

#[test]
fn tcp_retransmissions_are_no_duplicates() {
    let mut talk = Talk::new([100, 500]).handshake();
    let again = |talk: &mut Talk, later: i64, encapsulation: u32| {
        let mut packet = talk.packets.last().unwrap().clone();
        packet.nanos = packet.nanos.map(|nanos| nanos + later);
        packet.encapsulation = encapsulation;
        talk.packets.push(packet);
        talk.nanos = talk.nanos.map(|nanos| nanos + later);
    };
    talk.data(0, b"after a timeout");
    again(&mut talk, 200 * MS, 0);
    talk.data(0, b"copied at once");
    again(&mut talk, MS / 2, 0);
    talk.data(0, b"copied behind the router");
    again(&mut talk, 10 * MS, 7);
    // The same numbers, other bytes.
    talk.data(0, b"first bytes here");
    again(&mut talk, 0, 0);
    talk.packets.last_mut().unwrap().payload[3] ^= 1;
    let seen = &talk.run().seen[0];
    assert_eq!(seen.closed.as_ref().unwrap().duplicates, 2);

    // Acknowledgments repeated by TCP while segments are out of order.
    let mut talk = Talk::new([100, 500]).handshake();
    talk.data(0, b"data");
    for _ in 0..4 {
        talk.step = 1000;
        talk.send(1, ACK, b"");
    }
    assert_eq!(talk.run().seen[0].closed.as_ref().unwrap().duplicates, 0);
}
#[test]
fn nearly_all_before_the_handshake() {
    // Orders in which a start or an end once went missing.
    for order in [[2, 0, 5, 6, 1, 3, 4, 7], [2, 0, 5, 6, 4, 3, 1, 7], [5, 2, 0, 3, 6, 1, 4, 7]] {
        let mut talk = Talk::new([0, 0]).handshake();
        talk.data(0, b"x").data(1, b"y");
        talk.goodbye();
        let packets = order.map(|at: usize| talk.packets[at].clone());
        let recorder = run(&packets);
        assert_eq!(recorder.seen.len(), 1, "{order:?}");
        let seen = &recorder.seen[0];
        assert_eq!((&seen.bytes, seen.ends), (&[b"x".to_vec(), b"y".to_vec()], [Some(End::Fin); 2]), "{order:?}");
    }
}

/// Gives a packet the TCP header its checksum is over, right or wrong.
fn with_checksum(packet: &mut Packet, right: bool) {
    let (source, destination) = (packet.ends[packet.from], packet.ends[1 - packet.from]);
    let mut whole = [source.port.to_be_bytes(), destination.port.to_be_bytes()].concat();
    whole.extend(packet.sequence.to_be_bytes());
    whole.extend(packet.acknowledgment.to_be_bytes());
    whole.extend([0x50, packet.flags, 0, 200, 0, 0, 0, 0]);
    whole.extend(&packet.payload);
    let mut sum: u32 = 6 + whole.len() as u32;
    for end in [source, destination] {
        let IpAddr::V4(address) = end.address else { panic!() };
        sum += address.octets().chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    }
    sum += whole.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b))).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !(sum as u16) ^ if right { 0 } else { 0x0101 };
    whole[16..18].copy_from_slice(&checksum.to_be_bytes());
    packet.whole = whole;
}

#[test]
fn a_segment_with_a_wrong_checksum_loses_against_its_copy() {
    for damaged_first in [true, false] {
        for handshake in [true, false] {
            let mut talk = Talk::new([7, 9]).handshake();
            talk.data(0, b"a request").data(1, b"response");
            let good = talk.data(0, b"good one").packets.last().unwrap().clone();
            let bad = Packet { payload: b"evil one".to_vec(), ..good.clone() };
            talk.data(1, b"its response");
            talk.goodbye();
            if !handshake {
                talk.packets.drain(..3);
            }
            talk.packets.iter_mut().for_each(|packet| with_checksum(packet, true));
            let place = talk.packets.iter().position(|packet| packet.payload == b"good one").unwrap();
            let mut bad = bad;
            with_checksum(&mut bad, false);
            talk.packets.insert(if damaged_first { place } else { place + 1 }, bad);
            let seen = &talk.run().seen[0];
            assert_eq!(seen.bytes[0], b"a requestgood one", "{damaged_first} {handshake}");
            assert_eq!(seen.bytes[1], b"responseits response");
            assert_eq!(seen.closed.as_ref().unwrap().overlaps_differing, 0);
            assert_eq!(squeeze(&seen.order), "CSCS");
        }
    }
}

#[test]
fn wrong_checksums_without_right_ones_or_copies_mean_nothing() {
    // Of all segments, of one side, of all but the handshake, of every second one.
    let rules: [fn(usize, &Packet) -> bool; 5] = [
        |_, _| false,
        |_, packet| packet.from == 1,
        |_, packet| packet.from == 0,
        |_, packet| packet.payload.is_empty(),
        |number, _| number % 2 == 0,
    ];
    for rule in rules {
        let mut talk = Talk::new([7, 9]).handshake();
        for _ in 0..9 {
            talk.data(0, b"request").data(0, b"content").data(1, b"response");
        }
        talk.goodbye();
        for (number, packet) in talk.packets.iter_mut().enumerate() {
            let right = rule(number, packet);
            with_checksum(packet, right);
        }
        let seen = &talk.run().seen[0];
        assert_eq!(seen.bytes, [b"requestcontent".repeat(9), b"response".repeat(9)]);
        assert_eq!(squeeze(&seen.order), "CS".repeat(9));
        assert_eq!((&seen.gaps, seen.ends), (&[vec![], vec![]], [Some(End::Fin); 2]));
    }
    // One that nothing acknowledges any more, at the end of the recording.
    let mut talk = Talk::new([7, 9]).handshake();
    talk.data(0, b"request").data(1, b"response").data(0, b"another");
    talk.packets.iter_mut().for_each(|packet| with_checksum(packet, true));
    with_checksum(talk.packets.last_mut().unwrap(), false);
    assert_eq!(talk.run().seen[0].bytes[0], b"requestanother");
}
