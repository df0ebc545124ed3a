//! Writes the seeds of all targets: from `fixtures/`, and the kept corpus.
//!
//! ```text
//! seeds FOLDER          the kept corpus and what the fixtures give, to FOLDER/TARGET/
//! seeds FOLDER --kept   the kept corpus alone
//! seeds --keep FROM TO  packs the smallest files of a folder into a kept corpus: | length, 4 | bytes | again and again
//! ```
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
    profile::Profile,
    secrets::keylog::Keys,
    tls::{
        probe::looks_like_tls,
        session::{Tls, TlsEvent},
    },
};
use inspector_core_fuzz::{AT, STREAM_KEYS, packed, with_context, write_data};

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

/// Base64 in the standard alphabet; whatever else there is goes.
fn decoded(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'a'..=b'z' => Some(u32::from(letter - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(letter - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let letters: Vec<u32> = text.bytes().filter_map(value).collect();
    let mut out = Vec::new();
    for four in letters.chunks(4) {
        let bits = four.iter().fold(0, |bits, letter| bits << 6 | letter) << (6 * (4 - four.len()));
        out.extend(bits.to_be_bytes().into_iter().skip(1).take(four.len().saturating_sub(1)));
    }
    out
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
        for target in ["pcap", "engine", "check", "jobs"] {
            self.add(target, &bytes)?;
        }
        // Layers: none, gzip, zstd, lz4, and lz4 in zstd in gzip. Files: two, and one cut in two.
        let packed = [bytes.clone(), packed::gzip(&bytes), packed::zstd(&bytes), packed::lz4(&bytes)];
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let whole = |bytes: &[u8]| [&(bytes.len() as u16).to_le_bytes(), bytes].concat();
        if bytes.len() < 20_000 {
            for file in &packed {
                self.add("packed", &[&[0], &**file].concat())?;
            }
            for mode in [1, 5, 9, 0b0110_0011] {
                self.add("packed", &[&[mode], &*bytes].concat())?;
            }
            self.add("sets", &[vec![0], whole(first), whole(second)].concat())?;
            self.add("sets", &[vec![0], whole(&bytes), whole(&packed[1])].concat())?;
            for count in [1, 5, 12, 30] {
                self.add("sets", &[&[1, count], &*bytes].concat())?;
            }
        }
        let mut keys = Keys::new(limits);
        if let Ok(log) = fs::read(path.with_extension("keys")) {
            let _ = keys.add(&log);
        }
        for pieces in streams(&bytes, limits) {
            let Some((_, first)) = pieces.first() else { continue };
            if matches!(looks_like_tls(first), inspector_core::probe::Probe::No) {
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
                self.add("paste", content.as_bytes())?;
                for kind in 0..12 {
                    self.add("content", &[&[kind], content.as_bytes()].concat())?;
                }
                if ["\"kty\"", "x509", "KeyDescriptor"].iter().any(|mark| content.contains(mark)) {
                    self.add("signing_key", &[&[0], content.as_bytes()].concat())?;
                }
                let length = content.len().min(0xffff) as u16;
                let mut text = vec![0x81, 126];
                text.extend(length.to_be_bytes());
                text.extend(content.bytes().take(usize::from(length)));
                let mut socket = Vec::new();
                write_data(&mut socket, side, &text);
                self.add("websocket", &[&[0], &*socket].concat())?;
            }
            self.add("paste", text.as_bytes())?;
        }
        self.add("formats", &exchange)?;
        self.add("extract", &exchange)
    }

    /// A file of keys of some kind.
    fn keys(&mut self, file: &[u8]) -> io::Result<()> {
        for target in ["key_file", "signing_key"] {
            self.add(target, &[&[0], file].concat())?;
        }
        let text = String::from_utf8_lossy(file);
        for block in text.split("-----BEGIN ").skip(1) {
            let Some((_, rest)) = block.split_once("-----") else { continue };
            let inside = decoded(rest.split('-').next().unwrap_or_default());
            for target in ["key_file", "signing_key"] {
                self.add(target, &[&[1], &*inside].concat())?;
            }
            self.add("key_file", &[&[2], &*inside].concat())?;
        }
        Ok(())
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

/// What the kept corpus of one target takes, in bytes.
const KEPT: usize = 40_000;

/// Packs the files of a folder, smallest first, as many as there is room for.
fn keep(from: &Path, to: &Path) -> io::Result<()> {
    let mut files: Vec<Vec<u8>> =
        fs::read_dir(from)?.map(|entry| fs::read(entry?.path())).collect::<io::Result<_>>()?;
    files.sort_by(|one, two| (one.len(), one).cmp(&(two.len(), two)));
    let mut out = Vec::new();
    for file in files {
        if out.len() + file.len() + 4 > KEPT {
            break;
        }
        out.extend((file.len() as u32).to_le_bytes());
        out.extend(file);
    }
    fs::write(to, out)
}

/// Unpacks the kept corpus of all targets.
fn unpack(seeds: &mut Seeds, kept: &Path) -> io::Result<()> {
    for entry in fs::read_dir(kept)? {
        let path = entry?.path();
        let Some(target) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let bytes = fs::read(&path)?;
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let (file, after) = after.split_at(after.len().min(u32::from_le_bytes(*length) as usize));
            seeds.add(target, file)?;
            rest = after;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let fixtures = here.join("../../fixtures");
    let limits = Limits::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, kept_only) = match *words.as_slice() {
        ["--keep", from, to] => return keep(Path::new(from), Path::new(to)),
        [folder] => (folder, false),
        [folder, "--kept"] => (folder, true),
        _ => return Err(io::Error::other("seeds FOLDER [--kept] | --keep FROM TO")),
    };
    let mut seeds = Seeds { corpus: PathBuf::from(folder), number: 0 };
    unpack(&mut seeds, &here.join("corpus"))?;
    if kept_only {
        return Ok(());
    }
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
                Some("keys" | "pem" | "json" | "xml" | "der" | "cer" | "jwks") => seeds.keys(&fs::read(&path)?)?,
                _ => {}
            }
        }
    }
    for name in ["exchange-s2s", "generic", "entra", "sharepoint-s2s"] {
        if let Some(text) = Profile::builtin_text(name) {
            seeds.add("profile", text.as_bytes())?;
        }
        seeds.add(
            "profile",
            format!("name = \"a\"\nextends = \"{name}\"\nhosts = [\"mail.contoso.com\"]\n").as_bytes(),
        )?;
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
