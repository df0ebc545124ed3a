//! What can happen to a capture.
//!
//! A [`Change`] is a kind and a few numbers that pick the places, so that a list of them can be applied again, or without
//! one of them. What a change took is not told by the change: the oracle sees by [`Packet::origin`] what is left.

use std::ops::Range;

use crate::{
    base::Capture,
    capture::{
        self, BODY, Container, EITHER, FIN, HEAD, Link, Packet, SYN, fix_checksums, readdress, tcp, with_payload,
    },
    judge::Given,
    random::Random,
};

/// A mutation: its kind, by its place in [`KINDS`], and what picks its places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) kind: usize,
    pub(crate) picks: [u64; 3],
}

/// A capture on its way to a mutant.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) packets: Vec<Packet>,
    pub(crate) keys: Vec<String>,
    pub(crate) inside: bool,
    pub(crate) container: Container,
    /// Bytes cut off the end of the file, within its last packet.
    pub(crate) cut: usize,
    /// Cuts a compressed file anywhere.
    pub(crate) cut_compressed: bool,
    pub(crate) apart: Apart,
    /// Only the form was changed: the answer has to be the same.
    pub(crate) same_content: bool,
    /// What was changed may mean anything.
    pub(crate) no_rule: bool,
    /// Packets were given other times: what was later may be earlier now.
    pub(crate) retimed: bool,
}

/// The files it is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    Whole,
    /// Pieces of one recording, by time.
    Pieces(usize),
    /// Recordings by themselves, by time.
    Times(usize),
    /// Recordings by themselves, by connection.
    Flows(usize),
}

/// A kind of mutation: its name, whether only the form changes, and what it does. It says what it did, or that there was
/// nothing to do.
type Kind = (&'static str, bool, fn(&mut Mutant, &Capture, [u64; 3]) -> Option<String>);

/// All of them.
pub(crate) const KINDS: &[Kind] = &[
    ("drop a packet", false, drop_one),
    ("drop a packet", false, drop_one),
    ("drop a packet with data", false, drop_data),
    ("drop several packets", false, drop_several),
    ("drop a run of packets", false, drop_run),
    ("drop one side", false, drop_side),
    ("drop a connection", false, drop_connection),
    ("drop SYN or FIN", false, drop_flagged),
    ("drop pure ACKs", false, drop_acks),
    ("end earlier", false, end_earlier),
    ("begin later", false, begin_later),
    ("cut a packet", false, cut_packet),
    ("cut a packet", false, cut_packet),
    ("cut all packets", false, cut_all),
    ("shorten a segment", false, shorten),
    ("swap packets and times", false, swap),
    ("move a packet", false, move_packet),
    ("move a packet's record", false, move_record),
    ("duplicate a packet", false, duplicate),
    ("duplicate all", false, duplicate_all),
    ("retransmit differently", false, retransmit_differently),
    ("damage a copy", false, damaged_copy),
    ("alter a payload", false, alter),
    ("split a segment", true, resegment),
    ("overlap", false, overlap),
    ("checksums not computed", true, offloaded),
    ("a wrong checksum", false, wrong_checksum),
    ("drop a key line", false, drop_key),
    ("drop a connection's keys", false, drop_keys),
    ("drop keys of a label", false, drop_label),
    ("damage a key line", false, damage_key),
    ("contradict a key line", false, contradict_key),
    ("repeat the keys", true, repeat_keys),
    ("keys beside or inside", true, keys_elsewhere),
    ("another container", true, container),
    ("another container", true, container),
    ("another link type", true, link),
    ("other addresses", true, addresses),
    ("cut the file", false, cut_file),
    ("cut the compressed file", false, cut_compressed),
    ("add unrelated traffic", false, unrelated),
    ("add a dark connection", false, dark_connection),
    ("add what nobody reads", false, dark_packet),
    ("pieces of one recording", true, pieces),
    ("several recordings by time", false, times),
    ("several recordings by flow", false, flows),
];

impl Mutant {
    /// The recording itself.
    pub(crate) fn new(capture: &Capture) -> Self {
        Self {
            packets: capture.packets.clone(),
            keys: capture.keys.clone(),
            inside: capture.inside,
            container: Container { pcapng: capture.inside, ..Container::default() },
            cut: 0,
            cut_compressed: false,
            apart: Apart::Whole,
            same_content: true,
            no_rule: false,
            retimed: false,
        }
    }

    /// The files of it. Where the file is cut, what is lost of the last packet shows in [`Self::packets`] afterwards.
    pub(crate) fn given(&mut self) -> Given {
        self.container.gzip |= self.cut_compressed;
        let keys = self.keys.join("\n") + "\n";
        let secrets = Some(keys.as_str()).filter(|_| self.inside && self.container.pcapng);
        let beside = secrets.is_none() && !self.keys.is_empty();
        let write = |packets: &[Packet]| capture::write(packets, self.container, secrets);
        let recordings = match self.apart {
            Apart::Whole => {
                let (mut file, records) = write(&self.packets);
                if self.cut_compressed {
                    file.truncate(file.len() - 9 - self.cut % (file.len() / 2));
                    lose_end(&mut self.packets, &records, unpacked(&file));
                } else if let Some(last) = records.last().filter(|last| self.cut > 0 && last.len() > 1) {
                    let end = last.end - 1 - self.cut % (last.len() - 1);
                    if !self.container.gzip {
                        file.truncate(end);
                        lose_end(&mut self.packets, &records, end);
                    }
                }
                vec![vec![file]]
            }
            Apart::Pieces(count) | Apart::Times(count) => {
                let each = self.packets.len().div_ceil(count).max(1);
                let files = self.packets.chunks(each).map(|packets| write(packets).0);
                if matches!(self.apart, Apart::Pieces(_)) {
                    vec![files.collect()]
                } else {
                    files.map(|file| vec![file]).collect()
                }
            }
            Apart::Flows(count) => {
                let flow = |packet: &Packet| {
                    let ports = tcp(&packet.bytes).map_or(0, |at| usize::from(at.ends[0].1 ^ at.ends[1].1));
                    ports % count
                };
                let part = |number| self.packets.iter().filter(|packet| flow(packet) == number).cloned().collect();
                let parts = (0..count).map(part).filter(|packets: &Vec<Packet>| !packets.is_empty());
                parts.map(|packets| vec![write(&packets).0]).collect()
            }
        };
        Given { recordings, keys: beside.then_some(keys) }
    }
}

/// How much of a compressed file can be unpacked.
fn unpacked(file: &[u8]) -> usize {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let _ = flate2::read::GzDecoder::new(file).read_to_end(&mut bytes);
    bytes.len()
}

/// The packets lose what stood behind `end` in the file.
fn lose_end(packets: &mut Vec<Packet>, records: &[Range<usize>], end: usize) {
    let whole = records.iter().take_while(|record| record.end <= end).count();
    packets.truncate(whole + 1);
    let Some(packet) = packets.get_mut(whole) else { return };
    // The packet's bytes stand behind all that leads to them; what follows them is less than the blocks' 24 bytes.
    let lost = (records[whole].end - end).min(packet.bytes.len());
    let has = if end <= records[whole].start { 0 } else { packet.bytes.len() - lost };
    if has == 0 {
        packets.pop();
    } else {
        packet.bytes.truncate(has);
        packet.dark = 0;
        keep_of_payload(packet);
    }
}

/// What a cut packet still holds.
fn keep_of_payload(packet: &mut Packet) {
    let has = tcp(&packet.bytes).map_or(0, |at| packet.bytes.len().saturating_sub(at.payload));
    if let Some((_, range)) = &mut packet.origin {
        range.end = range.end.min(range.start + has);
    }
}

fn pick(number: u64, length: usize) -> Option<usize> {
    (length > 0).then(|| (number % length as u64) as usize)
}

/// The places of packets that fit.
fn places(mutant: &Mutant, fits: impl Fn(&Packet) -> bool) -> Vec<usize> {
    (0..mutant.packets.len()).filter(|index| fits(&mutant.packets[*index])).collect()
}

fn payload_of(packet: &Packet) -> usize {
    tcp(&packet.bytes).map_or(0, |at| packet.bytes.len().min(at.end).saturating_sub(at.payload))
}

fn has_data(packet: &Packet) -> bool {
    payload_of(packet) > 0
}

/// Whole, with data.
fn is_whole(packet: &Packet) -> bool {
    has_data(packet) && tcp(&packet.bytes).is_some_and(|at| packet.bytes.len() >= at.end)
}

/// Its checksums are right, so that it can be told from a damaged copy.
fn is_right(packet: &Packet) -> bool {
    let mut copy = packet.bytes.clone();
    fix_checksums(&mut copy);
    copy == packet.bytes
}

fn one(mutant: &Mutant, number: u64, fits: impl Fn(&Packet) -> bool) -> Option<usize> {
    let all = places(mutant, fits);
    pick(number, all.len()).map(|index| all[index])
}

fn named(packet: &Packet) -> String {
    match &packet.origin {
        Some((index, range)) => format!("packet {} ({} bytes of payload)", index + 1, range.len()),
        None => "an added packet".to_owned(),
    }
}

fn drop_one(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let packet = mutant.packets.remove(pick(a, mutant.packets.len())?);
    Some(format!("{} dropped", named(&packet)))
}

fn drop_data(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let packet = mutant.packets.remove(one(mutant, a, has_data)?);
    Some(format!("{} dropped", named(&packet)))
}

fn drop_several(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let mut random = Random::new(a);
    let mut names = Vec::new();
    for _ in 0..2 + b % 4 {
        names.push(named(&mutant.packets.remove(pick(random.next(), mutant.packets.len())?)));
    }
    Some(format!("{} dropped", names.join(", ")))
}

fn drop_run(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let from = pick(a, mutant.packets.len())?;
    let to = (from + 2 + (b % 8) as usize).min(mutant.packets.len());
    let dropped: Vec<Packet> = mutant.packets.drain(from..to).collect();
    Some(format!("from {} to {} dropped", named(&dropped[0]), named(&dropped[dropped.len() - 1])))
}

/// Keeps the packets whose origin fits; added ones stay.
fn keep(mutant: &mut Mutant, fits: impl Fn(usize) -> bool) {
    mutant.packets.retain(|packet| packet.origin.as_ref().is_none_or(|(index, _)| fits(*index)));
}

fn connections(capture: &Capture) -> usize {
    capture.facts.iter().map(|fact| fact.connection.wrapping_add(1)).max().unwrap_or(0)
}

fn drop_side(mutant: &mut Mutant, capture: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let (connection, client) = (pick(a, connections(capture))?, b % 2 == 0);
    let is = |index: usize| capture.facts[index].connection == connection && capture.facts[index].from_client == client;
    keep(mutant, |index| !is(index));
    Some(format!("all packets of the {} of connection {connection} dropped", if client { "client" } else { "server" }))
}

fn drop_connection(mutant: &mut Mutant, capture: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let connection = pick(a, connections(capture))?;
    keep(mutant, |index| capture.facts[index].connection != connection);
    Some(format!("connection {connection} dropped"))
}

fn drop_flagged(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let flag = [SYN, FIN][(b % 2) as usize];
    let packet =
        mutant.packets.remove(one(mutant, a, |packet| tcp(&packet.bytes).is_some_and(|at| at.flags & flag != 0))?);
    Some(format!("{} with flag {flag} dropped", named(&packet)))
}

fn drop_acks(mutant: &mut Mutant, _: &Capture, _: [u64; 3]) -> Option<String> {
    let before = mutant.packets.len();
    mutant
        .packets
        .retain(|packet| has_data(packet) || tcp(&packet.bytes).is_none_or(|at| at.flags & (SYN | FIN | 4) != 0));
    (mutant.packets.len() < before).then(|| "all ACKs without data dropped".to_owned())
}

fn end_earlier(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let at = pick(a, mutant.packets.len().checked_sub(1)?)? + 1;
    mutant.packets.truncate(at);
    Some(format!("ends after {at} packets"))
}

fn begin_later(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let at = pick(a, mutant.packets.len().checked_sub(1)?)? + 1;
    mutant.packets.drain(..at);
    Some(format!("begins {at} packets later"))
}

fn cut_packet(mutant: &mut Mutant, _: &Capture, [a, b, c]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| packet.dark == 0 && (c % 4 == 0 || has_data(packet)))?;
    let packet = &mut mutant.packets[place];
    // In the payload rather than in the headers, mostly.
    let headers = if c % 3 == 0 { 0 } else { packet.bytes.len() - payload_of(packet) };
    let kept = headers + pick(b, packet.bytes.len() - headers)?;
    packet.bytes.truncate(kept);
    keep_of_payload(packet);
    Some(format!("{} cut to {kept} bytes", named(packet)))
}

fn cut_all(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let most = [54, 64, 66, 68, 80, 96, 128, 200, 256, 400, 1000, 1514][pick(a, 12)?];
    for packet in mutant.packets.iter_mut().filter(|packet| packet.dark == 0) {
        packet.bytes.truncate(most);
        keep_of_payload(packet);
    }
    Some(format!("all packets cut to {most} bytes"))
}

fn shorten(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| packet.dark == 0 && is_whole(packet))?;
    let packet = &mut mutant.packets[place];
    let at = tcp(&packet.bytes)?;
    let kept = pick(b, at.end - at.payload)?;
    packet.bytes = with_payload(&packet.bytes, 0, &packet.bytes[at.payload..at.payload + kept])?;
    packet.length = packet.bytes.len() as u32;
    keep_of_payload(packet);
    Some(format!("segment shortened to {}", named(packet)))
}

fn swap(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let first = pick(a, mutant.packets.len().checked_sub(1)?)?;
    let second = (first + 1 + (b % 3) as usize).min(mutant.packets.len() - 1);
    mutant.retimed = true;
    let times = [first, second].map(|place| mutant.packets[place].time);
    mutant.packets.swap(first, second);
    mutant.packets[first].time = times[0];
    mutant.packets[second].time = times[1];
    Some(format!("{} and {} swapped", named(&mutant.packets[second]), named(&mutant.packets[first])))
}

fn move_packet(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let (from, to) = (pick(a, mutant.packets.len())?, pick(b, mutant.packets.len())?);
    mutant.retimed = true;
    let times: Vec<u64> = mutant.packets.iter().map(|packet| packet.time).collect();
    let packet = mutant.packets.remove(from);
    let name = named(&packet);
    mutant.packets.insert(to, packet);
    for (packet, time) in mutant.packets.iter_mut().zip(times) {
        packet.time = time;
    }
    Some(format!("{name} moved from place {from} to place {to}, with the time there"))
}

fn move_record(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let (from, to) = (pick(a, mutant.packets.len())?, pick(b, mutant.packets.len())?);
    let packet = mutant.packets.remove(from);
    let name = named(&packet);
    mutant.packets.insert(to, packet);
    Some(format!("{name} moved from place {from} to place {to}, with its own time"))
}

fn duplicate(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let from = pick(a, mutant.packets.len())?;
    let to = (from + 1 + (b % 12) as usize).min(mutant.packets.len());
    let mut copy = mutant.packets[from].clone();
    copy.time = mutant.packets[to - 1].time + 1000;
    let name = named(&copy);
    mutant.packets.insert(to, copy);
    Some(format!("{name} duplicated {} packets later", to - from - 1))
}

fn duplicate_all(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    if a % 2 == 0 {
        mutant.packets = mutant.packets.iter().flat_map(|packet| [packet.clone(), packet.clone()]).collect();
        return Some("every packet twice".to_owned());
    }
    // A second network card, behind.
    let late = mutant.packets.iter().map(|packet| Packet { time: packet.time + 30_000, ..packet.clone() });
    let mut all: Vec<Packet> = mutant.packets.iter().cloned().chain(late).collect();
    all.sort_by_key(|packet| packet.time);
    mutant.packets = all;
    Some("every packet again 30 microseconds later".to_owned())
}

/// A copy of a segment with some bytes changed: before or after the true one, with a right checksum.
fn retransmit_differently(mutant: &mut Mutant, capture: &Capture, [a, b, c]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| is_whole(packet) && is_right(packet) && carries(packet, capture))?;
    let at = tcp(&mutant.packets[place].bytes)?;
    let mut payload = mutant.packets[place].bytes[at.payload..at.end].to_vec();
    let from = pick(b, payload.len())?;
    payload[from..].iter_mut().take(1 + (c % 64) as usize).for_each(|byte| *byte ^= 5);
    let mut copy = mutant.packets[place].clone();
    copy.bytes = with_payload(&copy.bytes, 0, &payload)?;
    copy.origin = None;
    copy.dark = darkness(&mutant.packets[place], capture) | EITHER;
    let name = named(&mutant.packets[place]);
    mutant.packets.insert(place + (c / 64 % 2) as usize, copy);
    Some(format!(
        "{name} with another copy that differs from byte {from} on, {}",
        ["before", "after"][(c / 64 % 2) as usize]
    ))
}

fn carries(packet: &Packet, capture: &Capture) -> bool {
    packet.origin.as_ref().is_some_and(|(index, _)| capture.facts[*index].carries.is_some())
}

/// What cannot be read if this packet cannot: something of the exchange it carries.
fn darkness(packet: &Packet, capture: &Capture) -> u8 {
    let exchange = packet.origin.as_ref().and_then(|(index, _)| capture.facts[*index].carries);
    if exchange.is_some_and(|exchange| !capture.aside.contains(&exchange)) { HEAD | BODY } else { 0 }
}

/// A copy that was damaged on the way: its checksum says so. The receiver never took it.
fn damaged_copy(mutant: &mut Mutant, _: &Capture, [a, b, c]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| is_whole(packet) && is_right(packet))?;
    let at = tcp(&mutant.packets[place].bytes)?;
    let mut copy = mutant.packets[place].clone();
    let from = at.payload + pick(b, at.end - at.payload)?;
    copy.bytes[from] ^= 5;
    copy.origin = None;
    copy.dark = EITHER;
    let name = named(&mutant.packets[place]);
    mutant.packets.insert(place + (c % 2) as usize, copy);
    Some(format!("{name} with a damaged copy, {}", ["before", "after"][(c % 2) as usize]))
}

/// A byte of a payload is another one. In clear text that is another recording; under TLS it does not authenticate.
fn alter(mutant: &mut Mutant, capture: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| is_whole(packet) && carries(packet, capture))?;
    let packet = &mut mutant.packets[place];
    let at = tcp(&packet.bytes)?;
    let offset = pick(b, at.end - at.payload)?;
    let name = named(packet);
    packet.bytes[at.payload + offset] ^= 1;
    fix_checksums(&mut packet.bytes);
    packet.origin = packet.origin.take().map(|(index, range)| (index, range.start..range.start + offset));
    mutant.no_rule |= !capture.encrypted;
    Some(format!("{name} altered at byte {offset}"))
}

fn resegment(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| is_whole(packet) && payload_of(packet) > 1)?;
    let packet = mutant.packets[place].clone();
    let at = tcp(&packet.bytes)?;
    let payload = &packet.bytes[at.payload..at.end];
    let offset = 1 + pick(b, payload.len() - 1)?;
    let name = named(&packet);
    let half = |from: usize, to: usize| {
        let bytes = with_payload(&packet.bytes, from, &payload[from..to])?;
        let origin = packet
            .origin
            .clone()
            .map(|(index, range)| (index, (range.start + from).min(range.end)..(range.start + to).min(range.end)));
        Some(Packet { length: bytes.len() as u32, bytes, origin, time: packet.time, dark: packet.dark })
    };
    let halves = [half(0, offset)?, half(offset, payload.len())?];
    mutant.packets.splice(place..=place, halves);
    Some(format!("{name} in two segments, {offset} bytes in the first"))
}

/// A part of a segment again, with the bytes it had.
fn overlap(mutant: &mut Mutant, _: &Capture, [a, b, c]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, is_whole)?;
    let packet = &mutant.packets[place];
    let at = tcp(&packet.bytes)?;
    let payload = &packet.bytes[at.payload..at.end];
    let from = pick(b, payload.len())?;
    let bytes = with_payload(&packet.bytes, from, &payload[from..])?;
    let origin = packet.origin.clone().map(|(index, range)| (index, (range.start + from).min(range.end)..range.end));
    let name = named(packet);
    let copy = Packet { length: bytes.len() as u32, bytes, origin, time: packet.time, dark: packet.dark };
    mutant.packets.insert(place + (c % 2) as usize, copy);
    Some(format!("{name} again from byte {from} on, {}", ["before", "after"][(c % 2) as usize]))
}

fn offloaded(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    for packet in &mut mutant.packets {
        let Some(at) = tcp(&packet.bytes) else { continue };
        packet.bytes[at.tcp + 16..at.tcp + 18].copy_from_slice(&[(a % 7) as u8, 3]);
    }
    Some("no TCP checksum is right".to_owned())
}

fn wrong_checksum(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = one(mutant, a, |packet| tcp(&packet.bytes).is_some())?;
    let packet = &mut mutant.packets[place];
    let at = tcp(&packet.bytes)?;
    let sum = [at.tcp + 17, at.ip + 11][(b % 2) as usize];
    packet.bytes[sum] ^= 0x55;
    Some(format!("{} with a wrong checksum", named(packet)))
}

fn drop_key(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let line = mutant.keys.remove(pick(a, mutant.keys.len())?);
    Some(format!("key line dropped: {}", line.split(' ').next()?))
}

/// The label and the client random of a line.
fn label_and_random(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    words.next().zip(words.next()).filter(|(label, _)| !label.starts_with('#'))
}

fn drop_keys(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let randoms: Vec<String> =
        mutant.keys.iter().filter_map(|line| label_and_random(line)).map(|(_, random)| random.to_owned()).collect();
    let random = &randoms[pick(a, randoms.len())?];
    mutant.keys.retain(|line| label_and_random(line).is_none_or(|(_, one)| one != random));
    Some(format!("keys of client random {random} dropped"))
}

fn drop_label(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let labels: Vec<String> =
        mutant.keys.iter().filter_map(|line| label_and_random(line)).map(|(label, _)| label.to_owned()).collect();
    let label = &labels[pick(a, labels.len())?];
    mutant.keys.retain(|line| label_and_random(line).is_none_or(|(one, _)| one != label));
    Some(format!("keys of label {label} dropped"))
}

/// Another digit at the end of a secret.
fn other_secret(line: &str) -> String {
    let end = if line.ends_with('0') { "1" } else { "0" };
    line[..line.len() - 1].to_owned() + end
}

fn damage_key(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = pick(a, mutant.keys.len())?;
    let line = &mut mutant.keys[place];
    label_and_random(line)?;
    let label = line.split(' ').next()?.to_owned();
    if b % 2 == 0 {
        *line = other_secret(line);
        return Some(format!("another secret in a line {label}"));
    }
    line.truncate(pick(b, line.len())?);
    Some(format!("a line {label} cut"))
}

fn contradict_key(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = pick(a, mutant.keys.len())?;
    label_and_random(&mutant.keys[place])?;
    let line = other_secret(&mutant.keys[place]);
    let label = line.split(' ').next()?.to_owned();
    mutant.keys.insert(place + (b % 2) as usize, line);
    Some(format!("another line {label} that contradicts, {}", ["before", "after"][(b % 2) as usize]))
}

fn repeat_keys(mutant: &mut Mutant, _: &Capture, _: [u64; 3]) -> Option<String> {
    (!mutant.keys.is_empty()).then(|| {
        mutant.keys.extend_from_within(..);
        "every key line twice".to_owned()
    })
}

fn keys_elsewhere(mutant: &mut Mutant, _: &Capture, _: [u64; 3]) -> Option<String> {
    if mutant.keys.is_empty() {
        return None;
    }
    mutant.inside = !mutant.inside;
    mutant.container.pcapng |= mutant.inside;
    Some(format!("keys {}", if mutant.inside { "inside" } else { "beside" }))
}

fn container(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let bit = |number: u32| a >> number & 1 == 1;
    let link = mutant.container.link;
    let container =
        Container { pcapng: bit(0), nanoseconds: bit(1), big_endian: bit(2), gzip: bit(3), extras: bit(4), link };
    mutant.container = container;
    Some(format!("written as {container:?}"))
}

fn link(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    mutant.container.link = [Link::Vlan, Link::Raw, Link::Cooked, Link::Null][pick(a, 4)?];
    Some(format!("written with link type {:?}", mutant.container.link))
}

/// Every host gets an address of its own, as in the world.
fn addresses(mutant: &mut Mutant, capture: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    // What was added is of the addresses that were.
    let is_own = |packet: &Packet| packet.origin.is_some();
    let is_whole = |packet: &Packet| tcp(&packet.bytes).is_some_and(|at| packet.bytes.len() >= at.end);
    if !mutant.packets.iter().all(|packet| is_own(packet) && is_whole(packet)) {
        return None;
    }
    for packet in &mut mutant.packets {
        let (Some((index, _)), Some(at)) = (&packet.origin, tcp(&packet.bytes)) else { continue };
        let fact = &capture.facts[*index];
        let server = [10, 7, (a % 200) as u8, 1 + fact.host];
        let addresses = if fact.from_client { [[10, 7, 1, 9], server] } else { [server, [10, 7, 1, 9]] };
        let ends = [(addresses[0], at.ends[0].1), (addresses[1], at.ends[1].1)];
        readdress(&mut packet.bytes, ends);
    }
    Some("every host at an address of its own".to_owned())
}

fn cut_file(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    mutant.cut = 1 + (a % 60_000) as usize;
    Some("the file cut inside its last packet".to_owned())
}

fn cut_compressed(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    mutant.container.gzip = true;
    mutant.cut_compressed = true;
    mutant.cut = (a % 60_000) as usize;
    Some("the file compressed and cut".to_owned())
}

/// Puts frames among the packets, at times between theirs.
fn sprinkle(mutant: &mut Mutant, frames: Vec<(Vec<u8>, u8)>, seed: u64) {
    let mut random = Random::new(seed);
    let mut from = 0;
    for (bytes, dark) in frames {
        let place = from + pick(random.next(), mutant.packets.len() + 1 - from).unwrap_or(0) / 2;
        let time = mutant.packets.get(place).or(mutant.packets.last()).map_or(0, |packet| packet.time);
        mutant.packets.insert(place, Packet { time, length: bytes.len() as u32, bytes, origin: None, dark });
        from = place + 1;
    }
}

/// A conversation in clear text between two hosts, from SYN to FIN.
pub(crate) fn conversation(client: [u8; 4], server: ([u8; 4], u16), sent: &[(bool, &[u8])]) -> Vec<Vec<u8>> {
    let template = |from_client: bool, flags: u8, sequence: u32, acknowledgement: u32, payload: &[u8]| {
        let mut segment = vec![0; 4];
        segment.extend(sequence.to_be_bytes());
        segment.extend(acknowledgement.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend_from_slice(payload);
        let mut ends = [(client, 50_123), server];
        if !from_client {
            ends.reverse();
        }
        let mut bytes = capture::ipv4(6, ends[0].0, ends[1].0, &segment);
        readdress(&mut bytes, ends);
        bytes
    };
    let mut next = [1001_u32, 5001];
    let mut frames = vec![
        template(true, SYN, 1000, 0, b""),
        template(false, SYN | 16, 5000, 1001, b""),
        template(true, 16, 1001, 5001, b""),
    ];
    for (from_client, payload) in sent {
        let [own, other] = if *from_client { [0, 1] } else { [1, 0] };
        frames.push(template(*from_client, 24, next[own], next[other], payload));
        next[own] += payload.len() as u32;
    }
    frames.push(template(true, FIN | 16, next[0], next[1], b""));
    frames.push(template(false, FIN | 16, next[1], next[0] + 1, b""));
    frames
}

const OTHER: [u8; 4] = [10, 99, 0, 8];
const SOMEBODY: [u8; 4] = [10, 99, 0, 7];

fn unrelated(mutant: &mut Mutant, _: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let arp = [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9][..], &SOMEBODY, &[0; 6], &OTHER].concat();
    let name = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05other\x04test\x00\x00\x01\x00\x01";
    let udp = [&[0xc0, 0x01, 0, 53, 0, (8 + name.len()) as u8, 0, 0][..], name].concat();
    let page: [(bool, &[u8]); 2] = [
        (true, b"GET /news HTTP/1.1\r\nHost: www.other.test\r\n\r\n"),
        (false, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<ok/>"),
    ];
    let (frames, what) = match a % 4 {
        0 => (vec![capture::ethernet(0x0806, &arp)], "ARP"),
        1 => (vec![capture::ipv4(17, SOMEBODY, OTHER, &udp)], "a question to a name server"),
        2 => (vec![capture::ipv4(1, SOMEBODY, OTHER, &[8, 0, 0xf7, 0xfe, 0, 0, 0, 1])], "a ping"),
        _ => (conversation(SOMEBODY, (OTHER, 80), &page), "a page of another host"),
    };
    sprinkle(mutant, frames.into_iter().map(|frame| (frame, 0)).collect(), b);
    Some(format!("{what} added"))
}

/// The address of a server in the capture, with a conversation that was read.
fn server_of(mutant: &Mutant, capture: &Capture) -> Option<([u8; 4], u16)> {
    let packet = mutant.packets.iter().find(|packet| carries(packet, capture))?;
    let from_client = capture.facts[packet.origin.as_ref()?.0].from_client;
    tcp(&packet.bytes).map(|at| at.ends[usize::from(from_client)])
}

/// A TLS connection to a server in scope, by name or by address, for which there is no key.
fn dark_connection(mutant: &mut Mutant, capture: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let (address, port) = server_of(mutant, capture)?;
    let name = capture.host.as_deref().filter(|_| a % 2 == 0).unwrap_or_default().as_bytes();
    let named = !name.is_empty();
    // A hello of TLS 1.2 with the server's name, and records nobody can open.
    let mut extensions = Vec::new();
    if named {
        let length = name.len() as u8;
        extensions = [&[0, 0, 0, length + 5, 0, length + 3, 0, 0, length][..], name].concat();
    }
    let mut body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let hello = [&[22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8][..], &body].concat();
    let answer = [&[22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3][..], &[9; 32], &[0, 0xc0, 0x2f, 0]].concat();
    let record = [&[23, 3, 3, 0, 64][..], &[0xa5; 64]].concat();
    let server = if named { (OTHER, 443) } else { (address, port ^ 1) };
    let sent = [(true, &hello[..]), (false, &answer), (true, &record), (false, &record)];
    let frames = conversation(SOMEBODY, server, &sent);
    // The name stands in the hello; the address is in every packet.
    let marks = frames.iter().enumerate().map(|(index, _)| match index {
        3 if named => HEAD,
        5 | 6 if named => BODY,
        5 | 6 => HEAD | BODY,
        _ => 0,
    });
    sprinkle(mutant, frames.iter().cloned().zip(marks).collect(), b);
    Some(format!(
        "a TLS connection without keys {}",
        if named { "with the host's name" } else { "to the host's address" }
    ))
}

/// Packets to a server in scope that nobody reads: ESP, SCTP, QUIC joined midway.
fn dark_packet(mutant: &mut Mutant, capture: &Capture, [a, b, _]: [u64; 3]) -> Option<String> {
    let (address, _) = server_of(mutant, capture)?;
    let noise: Vec<u8> = (0..96_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let datagram = [&[0xc0, 0x01, 1, 187, 0, 104, 0, 0][..], &[0x45], &noise[1..]].concat();
    let (bytes, what) = match a % 3 {
        0 => (capture::ipv4(50, SOMEBODY, address, &noise), "ESP"),
        1 => (
            capture::ipv4(132, SOMEBODY, address, &[&[0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0][..], &noise].concat()),
            "SCTP",
        ),
        _ => (capture::ipv4(17, SOMEBODY, address, &datagram), "QUIC joined midway"),
    };
    sprinkle(mutant, vec![(bytes, HEAD | BODY); 3], b);
    Some(format!("{what} to the host's address"))
}

fn pieces(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let count = 2 + pick(a, 4)?;
    mutant.apart = Apart::Pieces(count);
    Some(format!("in {count} files of one recording"))
}

fn times(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let count = 2 + pick(a, 2)?;
    mutant.apart = Apart::Times(count);
    Some(format!("in {count} recordings by time"))
}

fn flows(mutant: &mut Mutant, _: &Capture, [a, ..]: [u64; 3]) -> Option<String> {
    let count = 2 + pick(a, 2)?;
    mutant.apart = Apart::Flows(count);
    Some(format!("in {count} recordings by connection"))
}
