//! How connections begin, end and make room for each other.

use super::*;

fn closed(seen: &Seen) -> &Connection {
    seen.closed.as_ref().unwrap()
}

#[test]
fn roles_by_handshake_or_ports() {
    // Ports of sender and receiver, flags of the first packet; port of the client, certain.
    let table: &[(u16, u16, u8, u16, bool)] = &[
        (50_000, 443, SYN, 50_000, true),
        (443, 50_000, SYN, 443, true),
        (50_000, 443, SYN | ACK, 443, true),
        (443, 50_000, ACK, 50_000, false),
        (50_000, 443, ACK, 50_000, false),
        (8080, 50_000, ACK, 50_000, false),
        (993, 5000, ACK, 5000, false),
        (443, 80, ACK, 80, false),
        (5000, 6000, ACK, 5000, false),
        (6000, 5000, ACK, 6000, false),
    ];
    for &(source, destination, flags, client, known) in table {
        let mut talk = Talk::new([7, 9]);
        talk.ends = [end(1, source), end(2, destination)];
        talk.send(0, flags, b"");
        let recorder = talk.run();
        let connection = closed(&recorder.seen[0]);
        assert_eq!((connection.client.port, connection.roles_known), (client, known), "{source} {destination} {flags}");
        assert_eq!(connection.packets, 1);
    }
}

#[test]
fn a_handshake_seen_late_corrects_the_guess() {
    // The first data is recorded before its SYN, and the server's port is the higher one.
    let mut talk = Talk::new([7, 9]);
    talk.ends = [end(1, 80), end(2, 9000)];
    let mut talk = talk.handshake();
    talk.data(0, b"request").data(1, b"response");
    talk.packets.rotate_left(2);
    let late: Vec<_> = talk.packets.drain(3..).collect();
    talk.packets.splice(1..1, late);
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 1);
    let seen = &recorder.seen[0];
    assert_eq!(seen.bytes, [b"request".to_vec(), b"response".to_vec()]);
    let connection = closed(seen);
    assert_eq!((connection.client.port, connection.roles_known, connection.from_start), (80, true, [true; 2]));
}

#[test]
fn the_sides_stay_once_something_was_told_of_them() {
    // Its end is told before the other side's SYN says that that one is the client.
    for (flags, payload, missing) in [(SYN | PSH, &b"late"[..], 0), (SYN, b"", 80), (SYN, b"late", 0)] {
        let mut talk = Talk::new([7, 9]);
        talk.send(0, 0, b"");
        talk.send(0, FIN, b"");
        talk.nanos = talk.nanos.map(|nanos| nanos + 300_000 * MS);
        talk.next[1] = 2000;
        talk.send(1, flags, payload).missing = missing;
        // The recorder fails on what comes behind an end.
        assert!(!talk.run().seen.is_empty());
    }
}

#[test]
fn handshake_variants() {
    let finish = |mut talk: Talk, streams: [&[u8]; 2]| {
        talk.data(0, b"more");
        talk.goodbye();
        let recorder = talk.run();
        assert_eq!(recorder.seen.len(), 1);
        let seen = &recorder.seen[0];
        assert_eq!(seen.bytes, [[streams[0], b"more"].concat(), streams[1].to_vec()]);
        assert_eq!((seen.ends, closed(seen).from_start), ([Some(End::Fin); 2], [true; 2]));
        assert_eq!(seen.gaps, [vec![], vec![]]);
    };
    // TCP Fast Open, accepted: data in the SYN and in its answer.
    let mut talk = Talk::new([u32::MAX, 9]);
    talk.send(0, SYN, b"early ");
    talk.send(1, SYN | ACK, b"answer");
    finish(talk, [b"early ", b"answer"]);
    // Refused: sent again.
    let mut talk = Talk::new([u32::MAX - 1, 9]);
    talk.send(0, SYN, b"early ");
    talk.send(1, SYN | ACK, b"").acknowledgment = u32::MAX;
    talk.raw(0, u32::MAX, ACK, b"early ");
    finish(talk, [b"early ", b""]);
    // Simultaneous open.
    let mut talk = Talk::new([70, 9]);
    talk.send(0, SYN, b"");
    talk.send(1, SYN, b"");
    talk.raw(0, 70, SYN | ACK, b"");
    talk.raw(1, 9, SYN | ACK, b"");
    finish(talk, [b"", b""]);
    // Retransmitted SYNs, much later.
    let mut talk = Talk::new([70, 9]);
    talk.send(0, SYN, b"");
    for _ in 0..3 {
        talk.nanos = talk.nanos.map(|nanos| nanos + 3000 * MS);
        talk.raw(0, 70, SYN, b"");
    }
    talk.send(1, SYN | ACK, b"");
    talk.raw(1, 9, SYN | ACK, b"");
    finish(talk, [b"", b""]);
    // The answer to the repeated SYN has another number (SYN cookies).
    let mut talk = Talk::new([70, 9]);
    talk.send(0, SYN, b"");
    talk.send(1, SYN | ACK, b"");
    talk.raw(0, 70, SYN, b"");
    talk.next[1] = 0x8000_0000;
    talk.send(1, SYN | ACK, b"");
    talk.send(0, ACK, b"");
    finish(talk, [b"", b""]);
    // Two answers: the one that was acknowledged counts, whichever came first.
    for acknowledged_before in [true, false] {
        let mut talk = Talk::new([70, 9]);
        talk.send(0, SYN, b"");
        talk.send(1, SYN | ACK, b"");
        if acknowledged_before {
            talk.send(0, ACK, b"");
        }
        talk.raw(1, 0x8000_0000, SYN | ACK, b"");
        talk.send(0, ACK, b"");
        talk.data(1, b"banner");
        finish(talk, [b"", b"banner"]);
    }
    // SYN and its answer recorded the wrong way round, and the SYN not at all.
    let mut talk = Talk::new([70, 9]).handshake();
    talk.packets.swap(0, 1);
    finish(talk, [b"", b""]);
    let mut talk = Talk::new([70, 9]).handshake();
    talk.packets.remove(0);
    finish(talk, [b"", b""]);
}

#[test]
fn data_in_fin_and_half_close() {
    let mut talk = Talk::new([7, 9]).handshake();
    talk.send(0, FIN | ACK | PSH, b"last request");
    talk.data(1, b"a long ").data(1, b"response");
    talk.send(0, ACK, b"");
    talk.send(1, FIN | ACK, b"!");
    talk.send(0, ACK, b"");
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes, [b"last request".to_vec(), b"a long response!".to_vec()]);
    assert_eq!((seen.ends, seen.order.as_str()), ([Some(End::Fin); 2], "CS"));

    // The FIN recorded before the data.
    let mut talk = Talk::new([7, 9]).handshake();
    talk.data(0, b"one ").data(0, b"two");
    talk.goodbye();
    talk.packets.swap(3, 5);
    let mut bench = Bench::new();
    talk.packets.iter().for_each(|packet| bench.push(packet));
    let seen = &bench.recorder.seen[0];
    assert_eq!((seen.bytes[0].as_slice(), seen.ends), (&b"one two"[..], [Some(End::Fin); 2]));
    assert_eq!(bench.table.open_connections(), 0);
    assert_eq!(bench.finish().seen.len(), 1);
}

#[test]
fn resets() {
    let mut base = Talk::new([7, 9]).handshake();
    base.data(0, b"request").data(1, b"resp");

    // In sequence, with data, and followed by data in sequence of both sides.
    let mut talk = base.clone();
    talk.send(1, RST | ACK, b"onse");
    talk.data(1, b"!").data(0, b"?");
    let seen = &talk.run().seen[0];
    assert_eq!(seen.bytes, [b"request?".to_vec(), b"response!".to_vec()]);
    assert_eq!(seen.ends, [Some(End::Abandoned), Some(End::Reset)]);

    // With a wrong number: ignored, whatever it carries.
    for wrong in [4u32, 1000, 0x7fff_0000, 0u32.wrapping_sub(2000)] {
        let mut talk = base.clone();
        let sequence = talk.next[1].wrapping_add(wrong);
        talk.raw(1, sequence, RST | ACK, b"");
        talk.data(1, b"onse");
        let seen = &talk.run().seen[0];
        assert_eq!((seen.bytes[1].as_slice(), seen.ends[1]), (&b"response"[..], Some(End::Input)), "{wrong}");
    }

    // A hole before it is filled by what is recorded later, or declared.
    for late in [true, false] {
        let mut talk = base.clone();
        let lost = talk.send(1, ACK, b"ons").clone();
        talk.packets.pop();
        talk.data(1, b"e");
        talk.send(1, RST, b"");
        if late {
            talk.packets.push(lost);
        }
        let seen = &talk.run().seen[0];
        assert_eq!(seen.bytes[1], if late { &b"response"[..] } else { b"resp???e" });
        assert_eq!(seen.ends[1], Some(End::Reset));
    }

    // Closed a moment later, without the end of the input.
    let mut talk = base.clone();
    talk.send(0, RST, b"");
    talk.raw(0, talk.next[0], RST, b"");
    let mut other = Talk::new([1, 1]);
    other.ends[0].port = 50_001;
    other.nanos = talk.nanos.map(|nanos| nanos + 3000 * MS);
    other.send(0, SYN, b"");
    let mut bench = Bench::new();
    talk.packets.iter().chain(&other.packets).for_each(|packet| bench.push(packet));
    assert_eq!(closed(&bench.recorder.seen[0]).id.0, 1);
    assert_eq!(bench.recorder.seen[0].ends, [Some(End::Reset), Some(End::Abandoned)]);
    assert_eq!(bench.recorder.seen.len(), 2);

    // Refused, asked again by the same SYN, refused, accepted.
    let mut talk = Talk::new([7, 9]);
    talk.send(0, SYN, b"");
    talk.raw(1, 0, RST | ACK, b"");
    talk.raw(0, 7, SYN, b"");
    talk.send(1, SYN | ACK, b"");
    talk.nanos = talk.nanos.map(|nanos| nanos + 10_000 * MS);
    talk.data(0, b"request");
    talk.goodbye();
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 1);
    assert_eq!((recorder.seen[0].bytes[0].as_slice(), recorder.seen[0].ends), (&b"request"[..], [Some(End::Fin); 2]));
}

#[test]
fn late_segments_of_a_closed_connection_open_nothing() {
    let mut talk = Talk::new([7, 9]).handshake();
    talk.data(0, b"request").data(1, b"response");
    talk.goodbye();
    let mut late_syn = talk.clone();
    let syn = late_syn.packets.remove(0);
    late_syn.packets.push(syn);
    assert_eq!(late_syn.run().seen.len(), 1);
    let (data, fin) = (talk.packets[3].clone(), talk.packets[6].clone());
    let (server, client) = (talk.next[1], talk.next[0]);
    for late in [data, fin] {
        let mut late = late;
        late.nanos = talk.nanos;
        talk.packets.push(late);
    }
    talk.raw(0, client.wrapping_sub(1), ACK, b"");
    talk.raw(1, server, RST, b"");
    talk.raw(0, client, RST | ACK, b"");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 1);
    assert_eq!(recorder.seen[0].ends, [Some(End::Fin); 2]);

    // Data beyond the end is of a new connection, whose SYN was not recorded.
    talk.next = [0x9000_0000, 0x8000_0000];
    talk.data(0, b"new");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 2);
    assert_eq!(recorder.seen[1].bytes[0], b"new");
}

#[test]
fn ports_used_again() {
    let mut base = Talk::new([7, 9]).handshake();
    base.data(0, b"request").data(1, b"response");
    let again = |mut talk: Talk, first: End| {
        talk.next = [0x4000_0000, 0x5000_0000];
        let mut talk = talk.handshake();
        talk.data(0, b"other");
        let recorder = talk.run();
        assert_eq!(recorder.seen.len(), 2);
        assert_eq!(recorder.seen[0].bytes, [b"request".to_vec(), b"response".to_vec()]);
        assert_eq!(recorder.seen[0].ends[0], Some(first));
        assert_eq!((recorder.seen[1].id.0, recorder.seen[1].bytes[0].as_slice()), (2, &b"other"[..]));
        assert_eq!(closed(&recorder.seen[1]).from_start, [true; 2]);
        assert_eq!(recorder.close_order, [1, 2]);
    };
    // While open, after one FIN, after both, after RST.
    again(base.clone(), End::Abandoned);
    let mut talk = base.clone();
    talk.send(0, FIN | ACK, b"");
    again(talk, End::Fin);
    let mut talk = base.clone();
    talk.goodbye();
    again(talk, End::Fin);
    let mut talk = base.clone();
    talk.send(0, RST | ACK, b"");
    again(talk, End::Reset);
    // Only the answer of the new handshake was recorded.
    let mut talk = base.clone();
    talk.next = [0x4000_0001, 0x5000_0000];
    talk.send(1, SYN | ACK, b"");
    talk.data(0, b"other");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 2);
    assert_eq!(recorder.seen[1].bytes[0], b"other");
    // A SYN within the window of an open connection is none.
    let mut talk = base.clone();
    let sequence = talk.next[0].wrapping_add(100);
    talk.raw(0, sequence, SYN, b"");
    talk.data(0, b"!");
    let recorder = talk.run();
    assert_eq!((recorder.seen.len(), recorder.seen[0].bytes[0].as_slice()), (1, &b"request!"[..]));
    // After a close, a number a little above the old one is enough.
    let mut talk = base.clone();
    talk.goodbye();
    talk.next = [talk.next[0].wrapping_add(5000), talk.next[1].wrapping_add(5000)];
    assert_eq!(talk.handshake().run().seen.len(), 2);
    // Nothing of the new handshake was recorded, but both numbers are unrelated.
    let mut talk = base.clone();
    talk.next = [0x9000_0000, 0xa000_0000];
    talk.data(0, b"other").data(1, b"answer");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 2);
    assert_eq!(recorder.seen[1].bytes, [b"other".to_vec(), b"answer".to_vec()]);
}

#[test]
fn quiet_connections_end() {
    for (quiet, connections) in [(599, 1), (601, 2)] {
        let mut talk = Talk::new([7, 9]).handshake();
        talk.data(0, b"request");
        talk.nanos = talk.nanos.map(|nanos| nanos + quiet * 1000 * MS);
        talk.data(0, b"later");
        let recorder = talk.run();
        assert_eq!(recorder.seen.len(), connections, "{quiet}");
        assert_eq!(recorder.seen[0].ends[0], Some(if connections == 1 { End::Input } else { End::Abandoned }));
    }
    // One packet with a wrong time splits nothing.
    for wrong in [-1_000_000_000 * MS, 1000 * MS] {
        let mut talk = Talk::new([7, 9]).handshake();
        talk.data(0, b"request");
        talk.packets[1].nanos = talk.packets[1].nanos.map(|nanos| nanos + wrong);
        assert_eq!(talk.run().seen.len(), 1);
    }
    // What comes last of an idle connection is no new one, unless it brings data.
    let mut talk = Talk::new([7, 9]).handshake();
    talk.nanos = talk.nanos.map(|nanos| nanos + 700_000 * MS);
    talk.send(0, RST | ACK, b"");
    assert_eq!(talk.run().seen.len(), 1);
    // By the packets of others; holes are declared.
    let mut talk = Talk::new([7, 9]).handshake();
    let sequence = talk.next[0].wrapping_add(3);
    talk.raw(0, sequence, ACK, b"request");
    let mut other = Talk::new([7, 9]);
    other.ends[0].port = 50_001;
    other.nanos = talk.nanos.map(|nanos| nanos + 700_000 * MS);
    other.send(0, SYN, b"");
    let mut bench = Bench::new();
    talk.packets.iter().chain(&other.packets).for_each(|packet| bench.push(packet));
    assert_eq!(bench.recorder.seen[0].bytes[0], b"???request");
    assert_eq!(bench.table.totals().idle, 1);
    assert_eq!(bench.table.open_connections(), 1);

    // A clock set back by a day ends nothing, and does not stop the ageing.
    let day = 86_400_000 * MS;
    let mut bench = Bench::new();
    for (port, shift) in
        [(1, 0), (2, -day), (3, -day + 500_000 * MS), (4, -day + 1_000_000 * MS), (5, -day + 1_300_000 * MS)]
    {
        let mut talk = Talk::new([7, 9]);
        talk.ends[0].port = port;
        talk.nanos = talk.nanos.map(|nanos| nanos + shift);
        talk.send(0, SYN, b"");
        bench.push(&talk.packets[0]);
        bench.push(&talk.packets[0]);
    }
    let ended: Vec<_> = bench.recorder.close_order.clone();
    assert_eq!(ended, [1, 2, 3]);
}

#[test]
fn the_quietest_makes_room() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let mut bench = Bench::with(&limits);
    let send = |bench: &mut Bench, port: u16, payload: &[u8]| {
        let mut talk = Talk::new([7, 9]);
        talk.ends[0].port = port;
        talk.nanos = None;
        talk.raw(0, 7, SYN, payload);
        bench.push(&talk.packets[0]);
    };
    for port in [1, 2, 3, 1, 4, 5] {
        send(&mut bench, port, b"x");
    }
    assert_eq!(bench.recorder.close_order, [2, 3]);
    assert_eq!((bench.table.totals().evicted, bench.table.open_connections()), (2, 3));
    assert_eq!(bench.finish().close_order, [2, 3, 1, 4, 5]);
}

#[test]
fn the_quietest_make_room_for_what_others_gather() {
    let mut bench = Bench::with(&Limits { connections_total: 112_000, ..Limits::default() });
    bench.recorder.heavy = true;
    let send = |bench: &mut Bench, port: u16, payload: &[u8]| {
        let mut talk = Talk::new([7, 9]);
        talk.ends[0].port = port;
        talk.raw(0, 7, SYN, payload);
        bench.push(&talk.packets[0]);
    };
    for port in 1..=8 {
        send(&mut bench, port, &[b'x'; 8_000]);
    }
    assert!(bench.recorder.close_order.is_empty());
    send(&mut bench, 1, b"x");
    // Of 112 000 bytes eight hold 64 000 and their own; so the two quiet longest go, and the first is not one of them.
    send(&mut bench, 9, &[b'x'; 40_000]);
    assert_eq!(bench.recorder.close_order, [2, 3]);
    // One alone may be as heavy as it likes; the next segment of another ends it.
    send(&mut bench, 10, &vec![b'x'; 150_000]);
    assert_eq!((bench.table.totals().evicted, bench.table.open_connections()), (9, 1));
    send(&mut bench, 11, &[b'x'; 8_000]);
    assert_eq!((bench.table.totals().evicted, bench.table.open_connections()), (10, 1));
}

#[test]
fn connections_that_are_over_count_with_those_that_are_open() {
    /// What one takes at least: open, and of it what stays when it is over.
    const LEAST: [usize; 2] = [1000, 300];
    for total in [100 << 10, 1 << 20, 4 << 20] {
        let mut bench = Bench::with(&Limits { connections_total: total, ..Limits::default() });
        let mut packet = Talk::new([7, 9]).handshake().packets[0].clone();
        for number in 0..30_000u32 {
            packet.ends[0] = end((number >> 14) as u8, number as u16);
            bench.push(&packet);
            let (open, known) = (bench.table.open_connections(), bench.table.known_connections());
            // Weighed now and then, so that a part more may have come.
            assert!(open * LEAST[0] + known * LEAST[1] <= total + total / 8, "{total} {number}: {open} {known}");
        }
        let closed = bench.table.known_connections() - bench.table.open_connections();
        assert!(closed > 10 && closed * LEAST[1] < total / 8, "{closed}");
    }
}

#[test]
fn a_scan_of_many_ports_stays_bounded() {
    let mut bench = Bench::with(&Limits { connections: 4096, ..Limits::default() });
    let mut packet = Talk::new([7, 9]).handshake().packets[0].clone();
    for scan in 0..200_000u32 {
        packet.ends[0] = end((scan >> 16) as u8, scan as u16);
        (packet.from, packet.flags) = (0, SYN);
        bench.push(&packet);
        if scan % 2 == 0 {
            (packet.from, packet.flags, packet.acknowledgment) = (1, RST | ACK, 8);
            bench.push(&packet);
        }
    }
    assert_eq!(bench.table.open_connections(), 4096);
    assert_eq!(bench.table.totals().connections, 200_000);
    let recorder = bench.finish();
    assert_eq!(recorder.seen.len(), 200_000);
}

#[test]
fn closes_in_order_of_numbers() {
    let run = || {
        let mut bench = Bench::new();
        for port in (1000..1200).rev() {
            let mut talk = Talk::new([7, 9]).handshake();
            talk.data(0, b"x");
            for packet in &mut talk.packets {
                packet.ends[0].port = port;
                bench.push(packet);
            }
        }
        bench.finish().close_order
    };
    assert_eq!(run(), (1..=200).collect::<Vec<_>>());
}

#[test]
fn roles_swapped_by_the_consumer_hold_for_what_follows() {
    // The client's port looks like a server's, and three stretches are handed out by one packet.
    let mut talk = Talk::new([7, 9]);
    talk.ends = [end(1, 80), end(2, 9000)];
    talk.send(0, ACK, b"");
    talk.send(1, ACK, b"");
    talk.data(0, b"one ").data(0, b"two ").data(0, b"three");
    talk.data(1, b"answer");
    talk.packets.swap(2, 4);
    let mut bench = Bench::new();
    bench.recorder.swap_at = Some(1);
    talk.packets.iter().for_each(|packet| bench.push(packet));
    let recorder = bench.finish();
    let seen = &recorder.seen[0];
    assert_eq!(seen.bytes, [b"one two three".to_vec(), b"answer".to_vec()]);
    assert_eq!(closed(seen).client.port, 80);
    assert_eq!(closed(seen).bytes, [13, 6]);
    assert!(closed(seen).roles_known);
}

#[test]
fn a_connection_with_itself() {
    let mut talk = Talk::new([7, 7]);
    talk.ends = [end(1, 80), end(1, 80)];
    talk.send(0, SYN, b"");
    talk.send(0, ACK, b"mine");
    talk.send(0, FIN | ACK, b"");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 1);
    assert_eq!(recorder.seen[0].bytes[0], b"mine");
}

/// A conversation, and the same numbers once more with another request.
fn twice(end: impl Fn(&mut Talk), wait: i64) -> [Talk; 2] {
    let mut first = Talk::new([7, 9]).handshake();
    first.data(0, b"one request").data(1, b"response");
    end(&mut first);
    let mut second = Talk::new([7, 9]);
    second.nanos = first.nanos.map(|nanos| nanos + wait);
    let mut second = second.handshake();
    second.data(0, b"another").data(1, b"answered");
    [first, second]
}

#[test]
fn a_syn_after_the_end_opens_a_new_connection_whatever_its_number() {
    let ends: [fn(&mut Talk); 4] = [
        |talk| _ = talk.goodbye(),
        |talk| _ = talk.send(1, RST | ACK, b""),
        |talk| _ = talk.send(0, RST, b""),
        // The bytes before one FIN are missing.
        |talk| {
            talk.next[1] += 5;
            talk.goodbye();
        },
    ];
    for end in ends {
        for wait in [1, 100, 5000, 300_000, 1_000_000] {
            let [first, second] = twice(end, wait * MS);
            let recorder = run(&[first.packets, second.packets].concat());
            assert_eq!(recorder.seen.len(), 2, "{wait}");
            assert!(recorder.seen[0].bytes[0] == b"one request");
            assert_eq!(recorder.seen[1].bytes, [b"another".to_vec(), b"answered".to_vec()]);
        }
    }
    // A copy of the SYN, made by the recording, is none.
    let mut talk = Talk::new([7, 9]);
    talk.step = 1000;
    let mut talk = talk.handshake();
    talk.goodbye();
    let mut copy = talk.packets[0].clone();
    copy.nanos = talk.nanos;
    talk.packets.push(copy);
    assert_eq!(talk.run().seen.len(), 1);
}

#[test]
fn a_syn_in_the_middle_opens_a_new_connection_once_it_is_answered() {
    let mut talk = Talk::new([7, 9]).handshake();
    talk.data(0, b"request").data(1, b"response");
    talk.next = [2000, 9000];
    let mut talk = talk.handshake();
    talk.data(0, b"other").data(1, b"answer");
    let recorder = talk.run();
    assert_eq!(recorder.seen.len(), 2);
    assert_eq!(recorder.seen[0].bytes, [b"request".to_vec(), b"response".to_vec()]);
    assert_eq!(recorder.seen[1].bytes, [b"other".to_vec(), b"answer".to_vec()]);
}

#[test]
fn two_conversations_with_the_same_numbers_are_no_retransmissions() {
    // Both at once, as two recordings that were merged by their times.
    let [first, second] = twice(|_| (), 0);
    let mut packets: Vec<Packet> =
        first.packets.iter().zip(&second.packets).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let seen = &run(&packets).seen[0];
    assert!(closed(seen).overlaps_differing > 0);
    // The second one was joined in the middle, after the end of the first.
    let [first, second] = twice(|talk| _ = talk.goodbye(), 1000 * MS);
    packets = [first.packets, second.packets[3..].to_vec()].concat();
    let recorder = run(&packets);
    assert_eq!(recorder.seen.len(), 2);
    assert_eq!(recorder.seen[1].bytes[0], b"another");
}

#[test]
fn numbers_after_a_long_silence_tell_of_bytes_that_are_missing() {
    let quiet = |seconds: i64| {
        let mut talk = Talk::new([7, 9]).handshake();
        talk.data(0, b"request").data(1, b"response");
        talk.nanos = talk.nanos.map(|nanos| nanos + seconds * 1000 * MS);
        talk
    };
    for seconds in [5, 601, 1800, 100_000] {
        for others in [false, true] {
            for (flags, by) in [(FIN | ACK, 0), (FIN | ACK, 1), (RST | ACK, 0), (RST, 1), (ACK, 0)] {
                let mut talk = quiet(seconds);
                let mut other = Talk::new([1, 1]);
                other.ends[0].port = 1;
                other.nanos = talk.nanos.map(|nanos| nanos - 2000 * MS);
                other.send(0, SYN, b"");
                talk.next = talk.next.map(|next| next + 300);
                talk.raw(by, talk.next[by], flags, b"");
                if others {
                    talk.packets.insert(5, other.packets[0].clone());
                }
                let recorder = talk.run();
                let ours = recorder.seen.iter().filter(|seen| closed(seen).client.port == 50_000);
                let missing: u64 = ours.clone().flat_map(|seen| closed(seen).bytes_missing).sum();
                assert!(missing >= 300, "{seconds} {others} {flags} {by}");
                // Nothing is missing where the numbers are those that are expected.
                let mut talk = quiet(seconds);
                talk.raw(by, talk.next[by], flags, b"");
                let recorder = talk.run();
                assert_eq!((recorder.seen.len(), closed(&recorder.seen[0]).bytes_missing), (1, [0; 2]));
            }
        }
        // What is said after it goes on in the middle of the stream.
        let mut talk = quiet(seconds);
        talk.next[0] += 100;
        talk.data(0, b"again");
        let recorder = talk.run();
        let last = recorder.seen.last().unwrap();
        assert!(last.bytes[0].ends_with(&[vec![b'?'; 100], b"again".to_vec()].concat()), "{seconds}");
    }
}
