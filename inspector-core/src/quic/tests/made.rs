//! QUIC connections made for tests: packets sealed as RFC 9001 says, with secrets of the test's own.

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::{
    flow::Side,
    quic::version::{initial_salt, labels},
    tls::schedule::{Hash, TrafficSecret},
};

/// The client random of all connections made, and the key log that opens them.
pub(crate) const RANDOM: [u8; 32] = [0x5a; 32];

fn secret_of(label: &str) -> [u8; 32] {
    let mut secret = [0x11; 32];
    secret.iter_mut().zip(label.bytes()).for_each(|(to, from)| *to = from);
    secret
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of the key log.
pub(crate) fn key_log() -> String {
    let line = |label: &str| format!("{label} {} {}\n", hex(&RANDOM), hex(&secret_of(label)));
    [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ]
    .map(line)
    .concat()
}

/// An integer of RFC 9000 §16, in four bytes.
pub(crate) fn integer(value: usize) -> [u8; 4] {
    (0x8000_0000 | u32::try_from(value).unwrap()).to_be_bytes()
}

/// What one side of a connection sends.
pub(crate) struct Maker {
    pub(crate) version: u32,
    pub(crate) side: Side,
    /// The client's first destination.
    pub(crate) original: Vec<u8>,
    pub(crate) destination: Vec<u8>,
    pub(crate) source: Vec<u8>,
    /// Updates of the keys so far.
    pub(crate) updates: usize,
    pub(crate) numbers: [u32; 3],
}

impl Maker {
    pub(crate) fn new(side: Side, version: u32, destination: &[u8], source: &[u8]) -> Self {
        Self {
            version,
            side,
            original: b"original".to_vec(),
            destination: destination.to_vec(),
            source: source.to_vec(),
            updates: 0,
            numbers: [0; 3],
        }
    }

    fn label(&self, client: &'static str, server: &'static str) -> &'static str {
        if self.side == Side::Client { client } else { server }
    }

    fn long(&mut self, kind: u8, space: usize, secret: &TrafficSecret, frames: &[u8], token: &[u8]) -> Vec<u8> {
        let kind = if self.version == 1 { kind } else { (kind + 1) & 3 };
        let mut header = vec![0xc3 | kind << 4];
        header.extend(self.version.to_be_bytes());
        for id in [&self.destination, &self.source] {
            header.push(u8::try_from(id.len()).unwrap());
            header.extend(id);
        }
        header.extend(token);
        header.extend(integer(4 + frames.len() + 16));
        let number = self.next(space);
        header.extend(number.to_be_bytes());
        seal(self.version, secret, secret, header, number, frames)
    }

    fn next(&mut self, space: usize) -> u32 {
        self.numbers[space] += 1;
        self.numbers[space] - 1
    }

    pub(crate) fn initial(&mut self, frames: &[u8]) -> Vec<u8> {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(initial_salt(self.version).unwrap()), &self.original);
        let secret = TrafficSecret::new(Hash::Sha256, &prk).unwrap().expand(self.label("client in", "server in"), 32);
        let secret = TrafficSecret::new(Hash::Sha256, &secret).unwrap();
        self.long(0, 0, &secret, frames, &[0])
    }

    pub(crate) fn handshake(&mut self, frames: &[u8]) -> Vec<u8> {
        let label = self.label("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET");
        let secret = TrafficSecret::new(Hash::Sha256, &secret_of(label)).unwrap();
        self.long(2, 1, &secret, frames, &[])
    }

    /// A packet with a short header.
    pub(crate) fn short(&mut self, frames: &[u8]) -> Vec<u8> {
        let label = self.label("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0");
        let first = TrafficSecret::new(Hash::Sha256, &secret_of(label)).unwrap();
        let mut secret = first.clone();
        (0..self.updates).for_each(|_| secret = secret.update(labels(self.version).update));
        let mut header = vec![0x43 | if self.updates % 2 == 1 { 4 } else { 0 }];
        header.extend(&self.destination);
        let number = self.next(2);
        header.extend(number.to_be_bytes());
        seal(self.version, &first, &secret, header, number, frames)
    }
}

/// Seals a packet whose number, of four bytes, ends the header.
fn seal(
    version: u32,
    first: &TrafficSecret,
    secret: &TrafficSecret,
    header: Vec<u8>,
    number: u32,
    frames: &[u8],
) -> Vec<u8> {
    let labels = labels(version);
    let mut nonce: [u8; 12] = secret.expand(labels.iv, 12).try_into().unwrap();
    nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, number)| *byte ^= number);
    let cipher = Aes128Gcm::new_from_slice(&secret.expand(labels.key, 16)).unwrap();
    let mut text = frames.to_vec();
    let tag = cipher.encrypt_inout_detached((&nonce).into(), &header, text.as_mut_slice().into()).unwrap();
    let at = header.len() - 4;
    let mut packet = [header.as_slice(), &text, &tag].concat();
    let sample: [u8; 16] = packet[at + 4..][..16].try_into().unwrap();
    let mut block = sample.into();
    Aes128::new_from_slice(&first.expand(labels.header, 16)).unwrap().encrypt_block(&mut block);
    packet[0] ^= block[0] & if packet[0] & 0x80 == 0 { 0x1f } else { 0x0f };
    (0..4).for_each(|index| packet[at + index] ^= block[index + 1]);
    packet
}

pub(crate) fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6][..], &integer(offset), &integer(data.len()), data].concat()
}

pub(crate) fn stream(id: usize, offset: usize, data: &[u8], last: bool) -> Vec<u8> {
    [&[0x0e | u8::from(last)][..], &integer(id), &integer(offset), &integer(data.len()), data].concat()
}

/// An ACK of all numbers from `low` to `high`.
pub(crate) fn acknowledge(low: u32, high: u32) -> Vec<u8> {
    [&[2][..], &integer(high as usize), &[0, 0], &integer((high - low) as usize)].concat()
}

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, a, b, c][..], body].concat()
}

/// A ClientHello for this host.
pub(crate) fn client_hello(host: &str) -> Vec<u8> {
    let length = |size: usize| u16::try_from(size).unwrap().to_be_bytes();
    let name = [&[0][..], &length(host.len()), host.as_bytes()].concat();
    let names = [&length(name.len())[..], &name].concat();
    let extension = [&[0, 0][..], &length(names.len()), &names].concat();
    let body = [&[3, 3][..], &RANDOM, &[0, 0, 2, 0x13, 1, 1, 0], &length(extension.len()), &extension].concat();
    message(1, &body)
}

/// A ServerHello with TLS_AES_128_GCM_SHA256.
pub(crate) fn server_hello() -> Vec<u8> {
    message(2, &[&[3, 3][..], &[7; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat())
}

/// EncryptedExtensions with a protocol.
pub(crate) fn encrypted_extensions(protocol: &str) -> Vec<u8> {
    let size = u8::try_from(protocol.len()).unwrap();
    let list = [&[0, size + 1, size][..], protocol.as_bytes()].concat();
    let extension = [&[0, 16, 0, size + 3][..], &list].concat();
    message(8, &[&[0, size + 7][..], &extension].concat())
}
