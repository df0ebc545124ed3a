//! What the tests of the built program share: running it, and taking packets out of recordings.

#![allow(dead_code, clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// A path below `fixtures`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// Runs the program with nothing of the environment it is tested in.
pub(crate) fn inspector(arguments: &[&OsStr]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_inspector")).args(arguments).env_clear().output().unwrap();
    assert!(matches!(output.status.code(), Some(0..=4)), "{arguments:?}: {output:?}");
    output
}

/// Runs the program, whose output is one JSON object a line.
pub(crate) fn ndjson(arguments: &[&OsStr]) -> Vec<Value> {
    let output = inspector(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes a file of a test; its name must be the test's own.
pub(crate) fn work_file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A key log without the secrets of one client random.
pub(crate) fn without_random(log: &str, random: &str) -> String {
    log.lines().filter(|line| !line.contains(random)).map(|line| format!("{line}\n")).collect()
}

/// A capture in the classic format, little-endian, of TCP over IPv4 on Ethernet.
pub(crate) struct Pcap {
    header: Vec<u8>,
    pub(crate) packets: Vec<Packet>,
}

/// One packet.
#[derive(Clone)]
pub(crate) struct Packet {
    /// Its record in the file: 16 bytes of header, then the packet.
    record: Vec<u8>,
    /// Bytes of the record before TCP's payload.
    payload: usize,
    /// Number of its connection in the order of their first packets, from 0.
    pub(crate) connection: usize,
    /// Number of the packet in its connection, from 0.
    pub(crate) in_connection: usize,
    /// Sent by the end that sent the connection's first packet.
    pub(crate) from_client: bool,
}

impl Packet {
    /// Bytes of TCP payload.
    pub(crate) fn payload_length(&self) -> usize {
        self.record.len() - self.payload
    }

    /// The TCP payload.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.record[self.payload..]
    }

    /// The packet as a recording with a snap length has it: only the first bytes of its payload.
    pub(crate) fn cut(&self, keep: usize) -> Self {
        let mut cut = self.clone();
        cut.record.truncate(self.payload + keep);
        let captured = (cut.record.len() - 16) as u32;
        cut.record[8..12].copy_from_slice(&captured.to_le_bytes());
        cut
    }
}

impl Pcap {
    /// Reads one.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (header, mut rest) = bytes.split_at(24);
        assert_eq!(header[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "{}", path.display());
        assert_eq!(header[20], 1, "{}: Ethernet", path.display());
        let mut connections: Vec<([u16; 2], usize)> = Vec::new();
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            let (record, after) = rest.split_at(16 + length);
            rest = after;
            let ip = 16 + 14;
            let tcp = ip + usize::from(record[ip] & 15) * 4;
            let payload = tcp + usize::from(record[tcp + 12] >> 4) * 4;
            let port = |at: usize| u16::from_be_bytes([record[tcp + at], record[tcp + at + 1]]);
            let (from, to) = (port(0), port(2));
            let known = connections.iter().position(|(ports, _)| *ports == [from, to] || *ports == [to, from]);
            let connection = known.unwrap_or_else(|| {
                connections.push(([from, to], 0));
                connections.len() - 1
            });
            let (ports, seen) = &mut connections[connection];
            let (from_client, in_connection) = (ports[0] == from, *seen);
            *seen += 1;
            packets.push(Packet { record: record.to_vec(), payload, connection, in_connection, from_client });
        }
        Self { header: header.to_vec(), packets }
    }

    /// The file with these packets.
    pub(crate) fn with<'p>(&self, packets: impl IntoIterator<Item = &'p Packet>) -> Vec<u8> {
        let mut bytes = self.header.clone();
        packets.into_iter().for_each(|packet| bytes.extend_from_slice(&packet.record));
        bytes
    }

    /// The file with some of its packets only.
    pub(crate) fn keep(&self, wanted: impl Fn(&Packet) -> bool) -> Vec<u8> {
        self.with(self.packets.iter().filter(|packet| wanted(packet)))
    }

    /// The file without the packet at `index`.
    pub(crate) fn without(&self, index: usize) -> Vec<u8> {
        self.with(self.packets.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, packet)| packet))
    }

    /// The file with another packet at `index`.
    pub(crate) fn replaced(&self, index: usize, packet: &Packet) -> Vec<u8> {
        self.with(self.packets.iter().enumerate().map(|(at, old)| if at == index { packet } else { old }))
    }
}
