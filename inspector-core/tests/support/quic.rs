//! QUIC connections made for tests and fuzz targets: packets sealed as RFC 9001 says, with secrets of their own. What derives
//! the keys here is another code than what is tested.

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use hkdf::Hkdf;
use sha2::Sha256;

/// RFC 9001 §5.2, RFC 9369 §3.3.1.
const fn salt(version: u32) -> [u8; 20] {
    if version == 1 {
        *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
    } else {
        *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
    }
}

/// HKDF-Expand-Label of RFC 8446 §7.1; `quic` labels are those of the version.
fn expand<const N: usize>(version: u32, secret: &[u8; 32], label: &str) -> [u8; N] {
    let label = match label.strip_prefix("quic ") {
        Some(rest) if version != 1 => format!("tls13 quicv2 {rest}"),
        _ => format!("tls13 {label}"),
    };
    let info = [&[0, N as u8, label.len() as u8][..], label.as_bytes(), &[0]].concat();
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    out
}

/// The client random of all connections made, and the key log that opens them.
pub const RANDOM: [u8; 32] = [0x5a; 32];

fn secret_of(label: &str) -> [u8; 32] {
    let mut secret = [0x11; 32];
    secret.iter_mut().zip(label.bytes()).for_each(|(to, from)| *to = from);
    secret
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of the key log.
pub fn key_log() -> String {
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
pub fn integer(value: usize) -> [u8; 4] {
    (0x8000_0000 | u32::try_from(value).unwrap()).to_be_bytes()
}

/// What one side of a connection sends.
pub struct Maker {
    /// 1, or that of version 2.
    pub version: u32,
    /// Who it is.
    pub is_client: bool,
    /// The client's first destination.
    pub original: Vec<u8>,
    /// The identifier its packets are sent to, and its own.
    pub destination: Vec<u8>,
    pub source: Vec<u8>,
    /// Updates of the keys so far.
    pub updates: usize,
    /// The next packet numbers.
    pub numbers: [u32; 3],
}

impl Maker {
    /// Nothing was sent so far.
    pub fn new(is_client: bool, version: u32, destination: &[u8], source: &[u8]) -> Self {
        Self {
            version,
            is_client,
            original: b"original".to_vec(),
            destination: destination.to_vec(),
            source: source.to_vec(),
            updates: 0,
            numbers: [0; 3],
        }
    }

    fn label(&self, client: &'static str, server: &'static str) -> &'static str {
        if self.is_client { client } else { server }
    }

    fn long(&mut self, kind: u8, space: usize, secret: &[u8; 32], frames: &[u8], token: &[u8]) -> Vec<u8> {
        let kind = if self.version == 1 { kind } else { (kind + 1) & 3 };
        let mut header = vec![0xc3 | kind << 4];
        header.extend(self.version.to_be_bytes());
        for id in [&self.destination, &self.source] {
            header.push(id.len() as u8);
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

    /// An Initial packet.
    pub fn initial(&mut self, frames: &[u8]) -> Vec<u8> {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(&salt(self.version)), &self.original);
        let secret = expand(self.version, &prk.into(), self.label("client in", "server in"));
        self.long(0, 0, &secret, frames, &[0])
    }

    /// A Handshake packet.
    pub fn handshake(&mut self, frames: &[u8]) -> Vec<u8> {
        let label = self.label("CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET");
        self.long(2, 1, &secret_of(label), frames, &[])
    }

    /// A packet with a short header.
    pub fn short(&mut self, frames: &[u8]) -> Vec<u8> {
        let first = secret_of(self.label("CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"));
        let secret = (0..self.updates).fold(first, |secret, _| expand(self.version, &secret, "quic ku"));
        let mut header = vec![0x43 | if self.updates % 2 == 1 { 4 } else { 0 }];
        header.extend(&self.destination);
        let number = self.next(2);
        header.extend(number.to_be_bytes());
        seal(self.version, &first, &secret, header, number, frames)
    }
}

/// Seals a packet whose number, of four bytes, ends the header.
fn seal(version: u32, first: &[u8; 32], secret: &[u8; 32], header: Vec<u8>, number: u32, frames: &[u8]) -> Vec<u8> {
    let mut nonce: [u8; 12] = expand(version, secret, "quic iv");
    nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(byte, number)| *byte ^= number);
    let cipher = Aes128Gcm::new(&expand(version, secret, "quic key").into());
    let mut text = frames.to_vec();
    let tag = cipher.encrypt_inout_detached((&nonce).into(), &header, text.as_mut_slice().into()).unwrap();
    let at = header.len() - 4;
    let mut packet = [header.as_slice(), &text, &tag].concat();
    let sample: [u8; 16] = packet[at + 4..][..16].try_into().unwrap();
    let mut block = sample.into();
    Aes128::new(&expand(version, first, "quic hp").into()).encrypt_block(&mut block);
    packet[0] ^= block[0] & if packet[0] & 0x80 == 0 { 0x1f } else { 0x0f };
    (0..4).for_each(|index| packet[at + index] ^= block[index + 1]);
    packet
}

/// A CRYPTO frame.
pub fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6][..], &integer(offset), &integer(data.len()), data].concat()
}

/// A STREAM frame.
pub fn stream(id: usize, offset: usize, data: &[u8], last: bool) -> Vec<u8> {
    [&[0x0e | u8::from(last)][..], &integer(id), &integer(offset), &integer(data.len()), data].concat()
}

/// An ACK of all numbers from `low` to `high`.
pub fn acknowledge(low: u32, high: u32) -> Vec<u8> {
    [&[2][..], &integer(high as usize), &[0, 0], &integer((high - low) as usize)].concat()
}

/// A handshake message.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind, a, b, c][..], body].concat()
}

/// A ClientHello for this host.
pub fn client_hello(host: &str) -> Vec<u8> {
    let length = |size: usize| u16::try_from(size).unwrap().to_be_bytes();
    let name = [&[0][..], &length(host.len()), host.as_bytes()].concat();
    let names = [&length(name.len())[..], &name].concat();
    let extension = [&[0, 0][..], &length(names.len()), &names].concat();
    let body = [&[3, 3][..], &RANDOM, &[0, 0, 2, 0x13, 1, 1, 0], &length(extension.len()), &extension].concat();
    message(1, &body)
}

/// A ServerHello with TLS_AES_128_GCM_SHA256.
pub fn server_hello() -> Vec<u8> {
    message(2, &[&[3, 3][..], &[7; 32], &[0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4]].concat())
}

/// EncryptedExtensions with a protocol.
pub fn encrypted_extensions(protocol: &str) -> Vec<u8> {
    let size = protocol.len() as u8;
    let list = [&[0, size + 1, size][..], protocol.as_bytes()].concat();
    let extension = [&[0, 16, 0, size + 3][..], &list].concat();
    message(8, &[&[0, size + 7][..], &extension].concat())
}
