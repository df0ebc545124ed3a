//! Writes the seeds of all targets from `fixtures/` to `corpus/`.
//!
//! Recordings are taken as they are. The streams of their connections become scripts, in the clear and, where the keys
//! are there, as what is inside TLS.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use inspector_core::{
    context::Context,
    flow::{Connection, Consumer, Side, StreamEvent, table::FlowTable},
    input::{Control, Item, read_recording},
    limits::Limits,
    packet::{Dissector, Packet},
    tls::{
        keylog::Keys,
        probe::looks_like_tls,
        session::{Tls, TlsEvent},
    },
};
use inspector_core_fuzz::{AT, STREAM_KEYS, with_context, write_data};

type Pieces = Vec<(Side, Vec<u8>)>;

/// Gathers what the connections of a recording sent.
#[derive(Default)]
struct Streams(Vec<Pieces>);

impl Consumer for Streams {
    type State = Pieces;

    fn open(&mut self, _: &Connection) -> Pieces {
        Pieces::new()
    }

    fn event(&mut self, pieces: &mut Pieces, _: &mut Connection, event: StreamEvent<'_>) {
        if let StreamEvent::Data { side, bytes, .. } = event {
            pieces.push((side, bytes.to_vec()));
        }
    }

    fn close(&mut self, pieces: Pieces, _: Connection) {
        self.0.push(pieces);
    }
}

fn streams(recording: &[u8], limits: &Limits) -> Vec<Pieces> {
    let (mut dissector, mut table, mut streams) = (Dissector::default(), FlowTable::new(limits), Streams::default());
    let mut sink = |item: Item<'_>| {
        if let Item::Frame(frame) = item
            && let Ok(Packet::Tcp(segment)) = dissector.dissect(&frame, limits)
        {
            table.push(&segment, &mut streams);
        }
        Control::Continue
    };
    let _ = read_recording(&mut &*recording, limits, &mut sink);
    table.finish(&mut streams);
    streams.0
}

fn plaintext(pieces: &Pieces, keys: &Keys, limits: &Limits) -> Pieces {
    let mut plain = Pieces::new();
    with_context(keys, limits, |cx| {
        let mut tls = Tls::new();
        for (side, bytes) in pieces {
            let mut out = |event: TlsEvent<'_>, _: &mut Context<'_>| {
                if let TlsEvent::Data { side, bytes, .. } = event {
                    plain.push((side, bytes.to_vec()));
                }
            };
            tls.data(*side, bytes, AT, cx, &mut out);
        }
    });
    plain
}

fn script(pieces: &Pieces) -> Vec<u8> {
    let mut script = Vec::new();
    for (side, bytes) in pieces {
        write_data(&mut script, *side, bytes);
    }
    script
}

/// The contents of the handshake records at the beginning of a stream.
fn handshake_records(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    while let Some(([kind, _, _, high, low], rest)) = stream.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((content, after)) = rest.split_at_checked(length) else { break };
        if !matches!(kind, 20..=22) {
            break;
        }
        contents.push(content.to_vec());
        stream = after;
    }
    contents
}

struct Seeds {
    corpus: PathBuf,
    number: usize,
}

impl Seeds {
    fn add(&mut self, target: &str, bytes: &[u8]) -> io::Result<()> {
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder)?;
        self.number += 1;
        fs::write(folder.join(format!("seed-{:05}", self.number)), bytes)
    }

    fn recording(&mut self, path: &Path, limits: &Limits) -> io::Result<()> {
        let bytes = fs::read(path)?;
        for target in ["pcap", "engine", "check"] {
            self.add(target, &bytes)?;
        }
        let mut keys = Keys::new(limits);
        if let Ok(log) = fs::read(path.with_extension("keys")) {
            let _ = keys.add(&log);
        }
        for pieces in streams(&bytes, limits) {
            let Some((_, first)) = pieces.first() else { continue };
            if matches!(looks_like_tls(first), inspector_core::input::Probe::No) {
                self.plain(&pieces)?;
            } else {
                self.add("tls", &script(&pieces))?;
                self.plain(&plaintext(&pieces, &keys, limits))?;
            }
        }
        Ok(())
    }

    fn plain(&mut self, pieces: &Pieces) -> io::Result<()> {
        let Some((_, first)) = pieces.first() else { return Ok(()) };
        if first.starts_with(b"PRI") {
            self.add("h2", &[&[0], &*script(pieces)].concat())?;
            self.add("h2", &[&[1], &*script(pieces)].concat())?;
            return self.frames(pieces);
        }
        self.add("http1", &script(pieces))?;
        self.heads(pieces)
    }

    /// The frames of an HTTP/2 connection in the form of `h2`, and its field blocks in that of `hpack`.
    fn frames(&mut self, pieces: &Pieces) -> io::Result<()> {
        let (mut framed, mut blocks) = (vec![2], Vec::new());
        for side in [Side::Client, Side::Server] {
            let stream: Vec<u8> =
                pieces.iter().filter(|(sender, _)| *sender == side).flat_map(|(_, bytes)| bytes.clone()).collect();
            let mut rest = stream.strip_prefix(inspector_core_fuzz::PREFACE).unwrap_or(&stream);
            let mark = if side == Side::Client { 0 } else { 0x80 };
            while let Some(([l2, l1, l0, kind, flags, _, _, _, id], after)) = rest.split_first_chunk::<9>() {
                let length = u32::from_be_bytes([0, *l2, *l1, *l0]) as usize;
                let Some((payload, next)) = after.split_at_checked(length) else { break };
                framed.extend_from_slice(&[kind | mark, *flags, *id, *l0, *l1]);
                framed.extend_from_slice(payload);
                if *kind == 1 && length < 0x80 {
                    blocks.push(length as u8 | mark);
                    blocks.extend_from_slice(payload);
                }
                rest = next;
            }
        }
        self.add("h2", &framed)?;
        self.add("hpack", &blocks)
    }

    /// The first request and response of an HTTP/1 connection as `extract` takes them, and their lines for `auth` and
    /// `token`.
    fn heads(&mut self, pieces: &Pieces) -> io::Result<()> {
        let mut exchange = Vec::new();
        for side in [Side::Client, Side::Server] {
            let stream: Vec<u8> =
                pieces.iter().filter(|(sender, _)| *sender == side).flat_map(|(_, bytes)| bytes.clone()).collect();
            let text = String::from_utf8_lossy(&stream);
            let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
            let content = rest.split("HTTP/1.1").next().unwrap_or_default();
            let target = head.split(' ').nth(1).unwrap_or_default();
            let lines: Vec<&str> = head.lines().skip(1).collect();
            if side == Side::Client {
                exchange.extend_from_slice(target.as_bytes());
                exchange.push(b'\n');
            }
            exchange.extend_from_slice(lines.join("\n").as_bytes());
            exchange.push(0xff);
            exchange.extend_from_slice(content.as_bytes());
            exchange.push(0xff);
            let values: Vec<&str> = lines
                .iter()
                .filter_map(|line| line.split_once(": "))
                .filter(|(name, _)| name.to_ascii_lowercase().contains("auth"))
                .map(|(_, value)| value)
                .collect();
            if !values.is_empty() {
                self.add("auth", values.join("\n").as_bytes())?;
                self.add("token", values[0].as_bytes())?;
                self.add("token", values[0].split(' ').next_back().unwrap_or_default().as_bytes())?;
            }
            if !content.is_empty() {
                self.add("token", content.as_bytes())?;
            }
        }
        self.add("extract", &exchange)
    }

    /// The connections of `fixtures/tls`, which have no packets.
    fn connections(&mut self, folder: &Path) -> io::Result<()> {
        let mut names: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        names.retain(|path| path.extension().is_some_and(|extension| extension == "c2s"));
        names.sort();
        for (number, name) in names.iter().enumerate() {
            let [client, server] = [fs::read(name)?, fs::read(name.with_extension("s2c"))?];
            let whole = vec![(Side::Client, client.clone()), (Side::Server, server.clone())];
            self.add("tls", &script(&whole))?;
            let halves = vec![
                (Side::Client, client[..client.len() / 2].to_vec()),
                (Side::Server, server[..server.len() / 2].to_vec()),
                (Side::Client, client[client.len() / 2..].to_vec()),
                (Side::Server, server[server.len() / 2..].to_vec()),
            ];
            self.add("tls", &script(&halves))?;
            let mut handshake = Vec::new();
            for (side, stream) in [(Side::Client, &client), (Side::Server, &server)] {
                for content in handshake_records(stream) {
                    write_data(&mut handshake, side, &content);
                }
            }
            self.add("tls_handshake", &handshake)?;
            for edits in
                [&[0, 60, 1, 60, 0, 60, 1, 200][..], &[8, 60, 1, 60], &[1, 255, 0, 80], &[14, 40, 0, 30, 11, 9]]
            {
                self.add("tls_streams", &[&[number as u8], edits].concat())?;
            }
        }
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../../fixtures");
    let limits = Limits::default();
    let mut seeds = Seeds { corpus: here.join("corpus"), number: 0 };
    let mut waiting = vec![fixtures.clone()];
    while let Some(folder) = waiting.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pcap" | "pcapng" | "http") => seeds.recording(&path, &limits)?,
                Some("har") => {
                    seeds.add("har", &fs::read(&path)?)?;
                    seeds.recording(&path, &limits)?;
                }
                _ => {}
            }
        }
    }
    seeds.connections(&fixtures.join("tls"))?;
    // Two handshakes, data in and out of order, both ends.
    let segment = |which: u8, flags: u8, place: u16, length: u8| {
        let [low, high] = place.to_le_bytes();
        [which, flags, low, high, length, 0, 1]
    };
    let orders: [&[[u8; 7]]; 2] = [
        &[
            segment(0, 2, 0, 0),
            segment(4, 18, 0, 0),
            segment(0, 16, 1, 50),
            segment(4, 16, 1, 90),
            segment(0, 17, 51, 0),
        ],
        &[
            segment(1, 2, 0, 0),
            segment(1, 16, 51, 50),
            segment(1, 16, 1, 50),
            segment(5, 16, 200, 9),
            segment(1, 4, 101, 0),
        ],
    ];
    for order in orders {
        seeds.add("segments", &order.concat())?;
    }
    println!("{} seeds from {} fixtures' key files on", seeds.number, STREAM_KEYS.len());
    Ok(())
}
