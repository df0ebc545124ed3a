//! TLS 1.3 around a conversation (RFC 8446), with the key log that opens it.
//!
//! The handshake has what a reader needs and nothing else: two hellos, EncryptedExtensions and both Finished. The
//! secrets are the bytes of [`Random`], as no key exchange has to be computed to write a key log.

use std::fmt::Write as _;

use aes_gcm::{
    Aes128Gcm, KeyInit as _,
    aead::{AeadInOut as _, Nonce},
};
use hkdf::Hkdf;
use inspector_core::flow::Side;
use sha2::Sha256;

use crate::{Pieces, Random};

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const TLS_AES_128_GCM_SHA256: [u8; 2] = [0x13, 0x01];
/// Most plaintext in a record.
const RECORD: usize = 1 << 14;
const FINISHED: [u8; 4] = [20, 0, 0, 32];
/// EncryptedExtensions without any.
const ENCRYPTED_EXTENSIONS: [u8; 6] = [8, 0, 0, 2, 0, 0];

/// Seals records with one traffic secret.
struct Sealer {
    cipher: Aes128Gcm,
    iv: [u8; 12],
    sequence: u64,
}

impl Sealer {
    fn new(secret: &[u8; 32]) -> Self {
        let key: [u8; 16] = expand(secret, "key");
        Self {
            cipher: Aes128Gcm::new_from_slice(&key).expect("the key has 16 bytes"),
            iv: expand(secret, "iv"),
            sequence: 0,
        }
    }

    /// A record (RFC 8446 §5.2).
    fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut inner = content.to_vec();
        inner.push(kind);
        let header = header(APPLICATION_DATA, inner.len() + 16);
        let mut nonce = self.iv;
        for (to, from) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *to ^= from;
        }
        self.sequence += 1;
        let nonce: Nonce<Aes128Gcm> = nonce.into();
        self.cipher.encrypt_in_place(&nonce, &header, &mut inner).expect("a record is short enough");
        [header.as_slice(), &inner].concat()
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
fn expand<const N: usize>(secret: &[u8; 32], label: &str) -> [u8; N] {
    let mut info = vec![0, N as u8, label.len() as u8 + 6];
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).expect("the secret has the hash's length").expand(&info, &mut out).expect("short");
    out
}

fn header(kind: u8, length: usize) -> [u8; 5] {
    let [high, low] = u16::try_from(length).expect("a record is short").to_be_bytes();
    [kind, 3, 3, high, low]
}

fn bytes(random: &mut Random) -> [u8; 32] {
    std::array::from_fn(|_| random.bits() as u8)
}

/// A hello in a record; `rest` is what follows the session id.
fn hello(kind: u8, random: &[u8; 32], rest: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend_from_slice(random);
    body.push(0);
    body.extend_from_slice(rest);
    let length = u8::try_from(body.len()).expect("a hello is short");
    let message = [&[kind, 0, 0, length], body.as_slice()].concat();
    [header(HANDSHAKE, message.len()).as_slice(), &message].concat()
}

/// The conversation inside TLS: a record a piece (of 16 KiB at most), and its key log.
pub fn sealed(plain: &Pieces) -> (Pieces, String) {
    let mut random = Random::default();
    let client_random = bytes(&mut random);
    let server_random = bytes(&mut random);
    let mut key_log = String::new();
    let mut sealer = |label: &str| {
        let secret = bytes(&mut random);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        writeln!(key_log, "{label} {} {}", hex(&client_random), hex(&secret)).expect("a string takes everything");
        Sealer::new(&secret)
    };
    let mut handshake = [sealer("CLIENT_HANDSHAKE_TRAFFIC_SECRET"), sealer("SERVER_HANDSHAKE_TRAFFIC_SECRET")];
    let mut application = [sealer("CLIENT_TRAFFIC_SECRET_0"), sealer("SERVER_TRAFFIC_SECRET_0")];
    let suite = TLS_AES_128_GCM_SHA256;
    // Cipher suites, compression methods, and supported_versions alone as extension.
    let client = [&[0, 2], suite.as_slice(), &[1, 0], &[0, 7, 0, 43, 0, 3, 2, 3, 4]].concat();
    let server = [suite.as_slice(), &[0], &[0, 6, 0, 43, 0, 2, 3, 4]].concat();
    let finished = [FINISHED.as_slice(), &[0; 32]].concat();
    let flight = [
        hello(2, &server_random, &server),
        handshake[1].seal(HANDSHAKE, &[ENCRYPTED_EXTENSIONS.as_slice(), &finished].concat()),
    ];
    let mut pieces = vec![
        (Side::Client, hello(1, &client_random, &client)),
        (Side::Server, flight.concat()),
        (Side::Client, handshake[0].seal(HANDSHAKE, &finished)),
    ];
    for (side, bytes) in plain {
        let sealer = &mut application[side.index()];
        let records = bytes.chunks(RECORD).map(|content| sealer.seal(APPLICATION_DATA, content));
        pieces.push((*side, records.collect::<Vec<_>>().concat()));
    }
    (pieces, key_log)
}
