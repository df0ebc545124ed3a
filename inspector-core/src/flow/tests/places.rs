//! The same ends on several VLANs, in several tunnels, on several interfaces.

use super::*;

/// A conversation of a request and a response, whose directions are recorded at these places.
fn talk(next: [u32; 2], views: [u32; 2], request: &[u8], response: &[u8]) -> Talk {
    let mut talk = Talk::new(next).handshake();
    talk.data(0, request).data(1, response).goodbye();
    for packet in &mut talk.packets {
        packet.encapsulation = views[packet.from];
    }
    talk
}

fn at(packet: &Packet, view: u32) -> Packet {
    Packet { encapsulation: view, nanos: packet.nanos.map(|nanos| nanos + MS), ..packet.clone() }
}

/// What each connection carried, in order of request.
fn carried(packets: &[Packet]) -> Vec<[Vec<u8>; 2]> {
    let recorder = run(packets);
    let mut all: Vec<_> = recorder
        .seen
        .iter()
        .map(|seen| {
            let connection = seen.closed.as_ref().unwrap();
            assert_eq!((connection.gaps, connection.overlaps_differing, connection.strays), ([0; 2], 0, 0));
            assert_eq!(connection.client.port, 50_000);
            seen.bytes.clone()
        })
        .collect();
    all.sort();
    all
}

fn interleaved(one: &Talk, other: &Talk) -> Vec<Packet> {
    one.packets.iter().zip(&other.packets).flat_map(|(one, other)| [one.clone(), other.clone()]).collect()
}

const LONG: usize = 200;

fn bytes(what: u8) -> Vec<u8> {
    (0..LONG).map(|at| what ^ (at as u8)).collect()
}

#[test]
fn equal_ends_at_two_places_are_two_connections() {
    let numbers = [[1000, 5000], [1000, 6000], [2000, 5000], [0x8000_0000, 0xff00_0000], [900_000, 77]];
    for second in numbers {
        for views in [[[11, 11], [21, 21]], [[11, 13], [21, 23]], [[0, 0], [21, 21]]] {
            let one = talk([1000, 5000], views[0], &bytes(1), &bytes(2));
            let other = talk(second, views[1], &bytes(3), &bytes(4));
            let wanted = vec![[bytes(1), bytes(2)], [bytes(3), bytes(4)]];
            let mut later = other.clone();
            later.packets.iter_mut().for_each(|packet| packet.nanos = packet.nanos.map(|nanos| nanos + 900 * MS));
            let sequential = [one.packets.clone(), later.packets].concat();
            assert_eq!(carried(&sequential), wanted, "one after the other {second:?} {views:?}");
            // Where both take two ways and their numbers are the same, nothing tells whose an answer is.
            let same = second == [1000, 5000] || second == [1000, 6000];
            if !(same && views[0] == [11, 13]) {
                assert_eq!(carried(&interleaved(&one, &other)), wanted, "at once {second:?} {views:?}");
                assert_eq!(carried(&interleaved(&other, &one)), wanted, "at once, turned {second:?} {views:?}");
                // Checksums were left to the network card.
                let mut packets = interleaved(&one, &other);
                packets.iter_mut().for_each(|packet| packet.whole = vec![1; 20 + packet.payload.len()]);
                assert_eq!(carried(&packets), wanted, "without checksums {second:?} {views:?}");
            }
        }
    }
}

#[test]
fn equal_ends_are_told_apart_without_their_beginnings() {
    let one = talk([1_000_000_000, 5000], [11, 11], &bytes(1), &bytes(2));
    let other = talk([7, 3_000_000_000], [21, 21], &bytes(3), &bytes(4));
    let wanted = vec![[bytes(1), bytes(2)], [bytes(3), bytes(4)]];
    let packets: Vec<_> = interleaved(&one, &other).into_iter().filter(|packet| packet.flags & SYN == 0).collect();
    assert_eq!(carried(&packets), wanted);
}

#[test]
fn copies_at_other_places_are_of_one_connection() {
    let one = talk([1000, 5000], [11, 11], &bytes(1), &bytes(2));
    let wanted = vec![[bytes(1), bytes(2)]];
    let twice: Vec<_> = one.packets.iter().flat_map(|packet| [packet.clone(), at(packet, 21)]).collect();
    assert_eq!(carried(&twice), wanted);
    let thrice: Vec<_> =
        twice.iter().flat_map(|packet| [packet.clone(), at(packet, 33 + packet.from as u32 * 2)]).collect();
    assert_eq!(carried(&thrice), wanted);
    // Late, and each place lacks some.
    for lost in 0..twice.len() {
        let mut packets = twice.clone();
        packets.remove(lost);
        assert_eq!(carried(&packets), wanted, "without {lost}");
    }
    // The copies come some packets later.
    let mut late = one.packets.clone();
    for (place, packet) in one.packets.iter().enumerate() {
        let place = (2 * place + 4).min(late.len());
        late.insert(place, Packet { nanos: late[place - 1].nanos, ..at(packet, 21) });
    }
    assert_eq!(carried(&late), wanted);
}

#[test]
fn directions_may_take_two_ways_and_change_them() {
    let wanted = vec![[bytes(1), bytes(2)]];
    let one = talk([1000, 5000], [11, 21], &bytes(1), &bytes(2));
    assert_eq!(carried(&one.packets), wanted);
    let inner: Vec<_> = one.packets.iter().filter(|packet| packet.flags & SYN == 0).cloned().collect();
    assert_eq!(carried(&inner), wanted);
    for changed in 1..one.packets.len() {
        let mut packets = one.packets.clone();
        packets[changed..].iter_mut().for_each(|packet| packet.encapsulation += 50);
        assert_eq!(carried(&packets), wanted, "from {changed} on");
        let mut packets = one.packets.clone();
        packets.iter_mut().enumerate().for_each(|(place, packet)| packet.encapsulation = place as u32 % 2 * 2 + 1);
        assert_eq!(carried(&packets), wanted, "in turn");
    }
}

#[test]
fn ports_used_anew_on_two_ways_are_further_connections() {
    for views in [[11, 11], [11, 21]] {
        let mut packets = Vec::new();
        let mut wanted = Vec::new();
        for round in 0..40_u8 {
            let numbers = [1_000_000 * u32::from(round) * 7, 3_000_000_000 - 5_000_000 * u32::from(round)];
            let mut talk = talk(numbers, views, &bytes(round), &bytes(round ^ 0x55));
            let start = i64::from(round) * 100 * MS;
            talk.packets.iter_mut().for_each(|packet| packet.nanos = packet.nanos.map(|nanos| nanos + start));
            // Not closed.
            talk.packets.truncate(5);
            packets.extend(talk.packets);
            wanted.push([bytes(round), bytes(round ^ 0x55)]);
        }
        wanted.sort();
        assert_eq!(carried(&packets), wanted, "{views:?}");
    }
}

#[test]
fn other_bytes_at_the_only_place_are_no_other_connection() {
    let mut one = talk([1000, 5000], [11, 21], &bytes(1), &bytes(2));
    let again = Packet { payload: bytes(9), ..one.packets[3].clone() };
    one.packets.insert(5, again);
    let recorder = run(&one.packets);
    assert_eq!(recorder.seen.len(), 1);
    assert!(recorder.seen[0].closed.as_ref().unwrap().overlaps_differing > 0);
}

#[test]
fn connections_between_the_same_ends_are_bounded() {
    let mut packets = Vec::new();
    for view in 0..500_u32 {
        let numbers = [view.wrapping_mul(0x0765_4321), view.wrapping_mul(0x0bad_cafe)];
        packets.extend(talk(numbers, [view * 2 + 1; 2], &bytes(view as u8), &bytes(7)).packets.drain(..5));
    }
    let mut bench = Bench::new();
    for packet in &packets {
        bench.push(packet);
        assert!(bench.table.open_connections() <= super::super::table::SIBLINGS);
    }
    assert_eq!(bench.finish().seen.len(), 500);
}
