//! QUIC, as far as it tells without secrets: that a datagram is QUIC, and the server name its client asks for.
//!
//! The first packets of a connection are protected with keys that follow from the client's first destination connection
//! identifier (RFC 9001 §5.2): against accident, not against readers. Their CRYPTO frames carry the ClientHello, in any order
//! and, since post-quantum key shares, over more than one datagram.

use std::fmt;

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use hkdf::Hkdf;
use sha2::Sha256;

use super::defrag::Ranges;
use crate::limits::Limits;

/// RFC 9000.
const VERSION_1: u32 = 1;
/// RFC 9369.
const VERSION_2: u32 = 0x6b33_43cf;

/// Most pieces of a handshake apart from each other. Clients that scatter their ClientHello make some twenty.
const MOST_RANGES: usize = 256;

/// What stands unprotected in a packet with a long header (RFC 8999 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongHeader<'p> {
    /// Version; 0 in version negotiation.
    pub version: u32,
    /// Destination connection identifier, up to 20 bytes.
    pub destination: &'p [u8],
    /// Source connection identifier, up to 20 bytes.
    pub source: &'p [u8],
    /// An Initial packet of version 1, version 2, or a draft whose keys are known.
    pub is_initial: bool,
    /// The first byte's offset of what follows the connection identifiers.
    header_length: usize,
}

/// Recognises the first packet of a datagram as QUIC: a long header of a known version (1, 2, drafts 17 to 34, mvfst, Google's
/// Q043 to Q050 and T050, T051) or version negotiation. Packets with a short header have nothing to be recognised by.
pub fn long_header(payload: &[u8]) -> Option<LongHeader<'_>> {
    let (&[first, v0, v1, v2, v3], rest) = payload.split_first_chunk::<5>()?;
    if first & 0x80 == 0 {
        return google_public_header(payload);
    }
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    let by_nibbles = match version {
        // Both lengths in one byte, each less 3, before draft 22.
        0xff00_0011..=0xff00_0015 | 0x5130_3434..=0x5130_3439 => true,
        0 | VERSION_1 | VERSION_2 | 0xff00_0016..=0xff00_0022 => false,
        0xface_b000..=0xface_b00f | 0x5130_3530 | 0x5430_3530 | 0x5430_3531 => false,
        _ => return None,
    };
    if version != 0 && first & 0x40 == 0 {
        return None;
    }
    let (destination, source, rest) = if by_nibbles {
        let (&lengths, rest) = rest.split_first()?;
        let length = |nibble: u8| usize::from(nibble) + if nibble == 0 { 0 } else { 3 };
        let (destination, rest) = rest.split_at_checked(length(lengths >> 4))?;
        let (source, rest) = rest.split_at_checked(length(lengths & 0x0f))?;
        (destination, source, rest)
    } else {
        let (destination, rest) = connection_id(rest)?;
        let (source, rest) = connection_id(rest)?;
        (destination, source, rest)
    };
    // Version negotiation lists versions of 4 bytes each (RFC 8999 §6).
    if rest.is_empty() || version == 0 && rest.len() % 4 != 0 {
        return None;
    }
    let kind = first >> 4 & 3;
    let is_initial = initial_salt(version).is_some() && kind == u8::from(version == VERSION_2);
    Some(LongHeader { version, destination, source, is_initial, header_length: payload.len() - rest.len() })
}

/// Whether a datagram can be a packet with a short header (RFC 9000 §17.3.1): the second bit is set unless the ends agreed
/// otherwise (RFC 9287), what follows is protected and looks random, and there is enough of it to take a sample of (RFC
/// 9001 §5.4.2). Text, of which the first byte of many protocols is, is none.
pub fn may_be_short_header(payload: &[u8]) -> bool {
    const SHORTEST: usize = 21;
    const LOOKED_AT: usize = 64;
    let is_text = || payload.iter().take(LOOKED_AT).all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'));
    payload.len() >= SHORTEST && payload.first().is_some_and(|first| first >> 6 == 1) && !is_text()
}

/// Whether a datagram ends in what looks random, as packets do whose last 16 bytes authenticate them. Of 16 random bytes
/// some 15 differ.
pub fn ends_random(payload: &[u8]) -> bool {
    const DIFFERENT: u32 = 12;
    let mut seen = [0_u128; 2];
    let last = payload.last_chunk::<16>().copied().unwrap_or_default();
    for byte in last {
        let [low, high] = &mut seen;
        *(if byte < 128 { low } else { high }) |= 1 << (byte & 127);
    }
    seen.iter().map(|bits| bits.count_ones()).sum::<u32>() >= DIFFERENT
}

fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if length > 20 { None } else { rest.split_at_checked(length.into()) }
}

/// Up to Q043: flags (version and an identifier of 8 bytes are there), identifier, version, all in ASCII.
fn google_public_header(payload: &[u8]) -> Option<LongHeader<'_>> {
    let (&[0x09 | 0x0d], rest) = payload.split_first_chunk::<1>()? else { return None };
    let (destination, rest) = rest.split_at_checked(8)?;
    let (&version @ [b'Q', b'0', b'0'..=b'9', b'0'..=b'9'], rest) = rest.split_first_chunk::<4>()? else { return None };
    let version = u32::from_be_bytes(version);
    let header_length = payload.len() - rest.len();
    Some(LongHeader { version, destination, source: &[], is_initial: false, header_length })
}

/// RFC 9001 §5.2, RFC 9369 §3.3.1, draft-ietf-quic-tls-23 and -29 §5.2; mvfst has numbers of its own for two drafts.
const fn initial_salt(version: u32) -> Option<&'static [u8; 20]> {
    Some(match version {
        VERSION_1 | 0xff00_0021 | 0xff00_0022 => {
            b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
        }
        VERSION_2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        0xff00_001d..=0xff00_0020 | 0xface_b00e => {
            b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
        }
        0xff00_0017..=0xff00_001c | 0xface_b002 => {
            b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
        }
        _ => return None,
    })
}

/// What protects the Initial packets a client sends.
#[derive(Clone)]
struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    fn of_client(version: u32, destination: &[u8]) -> Option<Self> {
        let hkdf = Hkdf::<Sha256>::new(Some(initial_salt(version)?), destination);
        let secret: [u8; 32] = expand(&hkdf, "client in")?;
        let hkdf = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let [key, iv, header] = if version == VERSION_2 {
            ["quicv2 key", "quicv2 iv", "quicv2 hp"]
        } else {
            ["quic key", "quic iv", "quic hp"]
        };
        Some(Self { key: expand(&hkdf, key)?, iv: expand(&hkdf, iv)?, header: expand(&hkdf, header)? })
    }

    /// The five bytes that hide the packet number and its length (RFC 9001 §5.4.3).
    fn mask(&self, sample: [u8; 16]) -> [u8; 5] {
        let mut block = sample.into();
        Aes128::new(&self.header.into()).encrypt_block(&mut block);
        let [m0, m1, m2, m3, m4, ..]: [u8; 16] = block.into();
        [m0, m1, m2, m3, m4]
    }

    /// The packet number goes into the end of the IV (RFC 9001 §5.3).
    fn nonce(&self, number: u32) -> [u8; 12] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        nonce
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
fn expand<const N: usize>(hkdf: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let mut info = u16::try_from(N).ok()?.to_be_bytes().to_vec();
    info.push(u8::try_from(label.len() + 6).ok()?);
    info.extend_from_slice(b"tls13 ");
    info.extend_from_slice(label.as_bytes());
    info.push(0);
    let mut bytes = [0; N];
    hkdf.expand(&info, &mut bytes).ok()?;
    Some(bytes)
}

/// Gathers a client's handshake from its Initial packets until the server name is read. Bounded by
/// [`Limits::tls_handshake`].
#[derive(Clone, Default)]
pub struct ClientInitials {
    keys: Option<Keys>,
    covered: Ranges,
    crypto: Vec<u8>,
}

impl fmt::Debug for ClientInitials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInitials").field("gathered", &self.crypto.len()).finish_non_exhaustive()
    }
}

impl ClientInitials {
    /// Takes one datagram the client sent, whole. The server name, once the ClientHello is known up to it. Datagrams that
    /// are no client's Initial packets, or not authentic, change nothing.
    pub fn push(&mut self, payload: &[u8], limits: &Limits) -> Option<String> {
        let mut rest = payload;
        while let Some(header) = long_header(rest).filter(|header| header.is_initial) {
            let (packet, number_offset, after) = initial_packet(rest, &header)?;
            self.packet(packet, number_offset, &header, limits);
            rest = after;
        }
        server_name(self.crypto.get(..self.covered.prefix())?)
    }

    fn packet(&mut self, packet: &[u8], number_offset: usize, header: &LongHeader<'_>, limits: &Limits) -> Option<()> {
        let known = self.keys.as_ref().and_then(|keys| Some((keys.clone(), open(keys, packet, number_offset)?)));
        let (keys, frames) = match known {
            Some(opened) => opened,
            None => {
                let keys = Keys::of_client(header.version, header.destination)?;
                let frames = open(&keys, packet, number_offset)?;
                (keys, frames)
            }
        };
        self.keys = Some(keys);
        self.frames(&frames, limits)
    }

    /// The frames an Initial packet may hold (RFC 9000 §12.4).
    fn frames(&mut self, mut bytes: &[u8], limits: &Limits) -> Option<()> {
        loop {
            let (&kind, rest) = bytes.split_first()?;
            bytes = match kind {
                // PADDING, PING.
                0 | 1 => rest,
                // ACK, with counts of congestion marks if 3.
                2 | 3 => {
                    let (_, rest) = variable_integer(rest)?;
                    let (_, rest) = variable_integer(rest)?;
                    let (ranges, mut rest) = variable_integer(rest)?;
                    // Each integer has a byte at least, so that a false count ends with the packet.
                    for _ in 0..ranges.checked_mul(2)?.checked_add(if kind == 3 { 4 } else { 1 })? {
                        rest = variable_integer(rest)?.1;
                    }
                    rest
                }
                6 => {
                    let (offset, rest) = variable_integer(rest)?;
                    let (length, rest) = variable_integer(rest)?;
                    let (data, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                    self.crypto(usize::try_from(offset).ok()?, data, limits);
                    rest
                }
                _ => return None,
            };
        }
    }

    fn crypto(&mut self, offset: usize, data: &[u8], limits: &Limits) {
        let end = offset.saturating_add(data.len());
        if end > limits.tls_handshake || self.covered.count() > MOST_RANGES {
            return;
        }
        if self.crypto.len() < end {
            self.crypto.resize(end, 0);
        }
        let crypto = &mut self.crypto;
        self.covered.insert(offset, end, |from, to| {
            let new = data.get(from.saturating_sub(offset)..to.saturating_sub(offset));
            if let (Some(old), Some(new)) = (crypto.get_mut(from..to), new) {
                old.copy_from_slice(new);
            }
        });
    }
}

/// The packet alone, the offset of its number, and the bytes after it. After the connection identifiers come (RFC 9000
/// §17.2.2) the token's length and the token, the length of what follows, the packet number.
fn initial_packet<'p>(bytes: &'p [u8], header: &LongHeader<'_>) -> Option<(&'p [u8], usize, &'p [u8])> {
    let (token, rest) = variable_integer(bytes.get(header.header_length..)?)?;
    let (length, rest) = variable_integer(rest.get(usize::try_from(token).ok()?..)?)?;
    let number_offset = bytes.len() - rest.len();
    let (packet, after) = bytes.split_at_checked(number_offset.checked_add(usize::try_from(length).ok()?)?)?;
    Some((packet, number_offset, after))
}

/// Removes header protection and decrypts (RFC 9001 §5.3, §5.4).
fn open(keys: &Keys, packet: &[u8], number_offset: usize) -> Option<Vec<u8>> {
    let sample = packet.get(number_offset.checked_add(4)?..)?.first_chunk::<16>()?;
    let [mask, number_mask @ ..] = keys.mask(*sample);
    let mut packet = packet.to_vec();
    let first = packet.first_mut()?;
    *first ^= mask & 0x0f;
    let number_length = usize::from(*first & 3) + 1;
    let mut number = 0;
    for (byte, mask) in packet.get_mut(number_offset..)?.iter_mut().zip(number_mask).take(number_length) {
        *byte ^= mask;
        number = number << 8 | u32::from(*byte);
    }
    let (header, body) = packet.split_at_mut_checked(number_offset.checked_add(number_length)?)?;
    let (body, tag) = body.split_last_chunk_mut::<16>()?;
    let cipher = Aes128Gcm::new(&keys.key.into());
    let tag = *tag;
    cipher.decrypt_inout_detached(&keys.nonce(number).into(), header, (&mut *body).into(), &tag.into()).ok()?;
    Some(body.to_vec())
}

/// RFC 9000 §16: the length in the first two bits, as a power of two.
fn variable_integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 << (bytes.first()? >> 6);
    let (value, rest) = bytes.split_at_checked(length)?;
    let value = value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    // The two bits that told the length are the highest of the value.
    Some((value & (u64::MAX >> (66 - 8 * length)), rest))
}

/// The host name a ClientHello (RFC 8446 §4.1.2) asks for, with as much of it as is there.
fn server_name(hello: &[u8]) -> Option<String> {
    // Message type 1, length (3), version (2), random (32).
    let (&[1, ..], rest) = hello.split_first_chunk::<38>()? else { return None };
    let (_session, rest) = vector8(rest)?;
    let (_suites, rest) = vector16(rest)?;
    let (_compression, rest) = vector8(rest)?;
    let mut extensions = rest.get(2..)?;
    loop {
        let (&kind, rest) = extensions.split_first_chunk::<2>()?;
        let (extension, rest) = vector16(rest)?;
        if kind == [0, 0] {
            // RFC 6066 §3: a list of names, each with its type; 0 is a host name.
            let (&[0], name) = vector16(extension)?.0.split_first_chunk::<1>()? else { return None };
            let (name, _) = vector16(name)?;
            let name = std::str::from_utf8(name).ok()?;
            return (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())).then(|| name.to_owned());
        }
        extensions = rest;
    }
}

fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(length).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::tests::hex;

    /// RFC 9001 appendix A.
    const DESTINATION: &str = "8394c8f03e515708";
    const CRYPTO: &str = "
        060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868
        04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
        616d706c652e636f6dff01000100000a00080006001d00170018001000070005
        04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
        baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400
        0d0010000e0403050306030203080408050806002d00020101001c0002400100
        3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000
        75300901100f088394c8f03e51570806048000ffff";

    /// Protects an Initial packet, the reverse of [`open`].
    fn seal(keys: &Keys, header: &[u8], number: u32, frames: &[u8]) -> Vec<u8> {
        let mut body = frames.to_vec();
        let cipher = Aes128Gcm::new(&keys.key.into());
        let tag = cipher
            .encrypt_inout_detached(&keys.nonce(number).into(), header, body.as_mut_slice().into())
            .expect("short");
        let mut packet = [header, &body, &tag].concat();
        let sample: [u8; 16] = packet[header.len()..][..16].try_into().expect("16 bytes");
        let [mask, number_mask @ ..] = keys.mask(sample);
        packet[0] ^= mask & 0x0f;
        for (byte, mask) in packet[header.len() - 4..header.len()].iter_mut().zip(number_mask) {
            *byte ^= mask;
        }
        packet
    }

    /// An Initial packet with a packet number of 4 bytes and frames padded to `length`.
    fn initial(version: u32, number: u32, frames: &[u8], length: usize) -> Vec<u8> {
        let keys = Keys::of_client(version, &hex(DESTINATION)).expect("known version");
        let first = if version == VERSION_2 { 0xd3 } else { 0xc3 };
        let mut header = vec![first];
        header.extend(version.to_be_bytes());
        header.extend(hex(&format!("08 {DESTINATION} 00 00")));
        header.extend((0x4000 | u16::try_from(length + 20).expect("small")).to_be_bytes());
        header.extend(number.to_be_bytes());
        let mut frames = frames.to_vec();
        frames.resize(length, 0);
        seal(&keys, &header, number, &frames)
    }

    #[test]
    fn vectors_of_rfc_9001() {
        let keys = Keys::of_client(VERSION_1, &hex(DESTINATION)).expect("version 1");
        assert_eq!(keys.key.to_vec(), hex("1f369613dd76d5467730efcbe3b1a22d"));
        assert_eq!(keys.iv.to_vec(), hex("fa044b2f42a3fd3b46fb255c"));
        assert_eq!(keys.header.to_vec(), hex("9f50449e04a0e810283a1e9933adedd2"));
        let packet = initial(VERSION_1, 2, &hex(CRYPTO), 1162);
        assert_eq!(packet.len(), 1200);
        let beginning = hex("c000000001088394c8f03e5157080000449e7b9aec34 d1b1c98dd7689fb8ec11d242b123dc9b");
        assert_eq!(packet[..beginning.len()], beginning);
        assert_eq!(packet[1184..], hex("e221af44860018ab0856972e194cd934"));
        let name = ClientInitials::default().push(&packet, &Limits::default());
        assert_eq!(name.as_deref(), Some("example.com"));
    }

    #[test]
    fn keys_of_rfc_9369() {
        let keys = Keys::of_client(VERSION_2, &hex(DESTINATION)).expect("version 2");
        assert_eq!(keys.key.to_vec(), hex("8b1a0bc121284290a29e0971b5cd045d"));
        assert_eq!(keys.iv.to_vec(), hex("91f73e2351d8fa91660e909f"));
        assert_eq!(keys.header.to_vec(), hex("45b95e15235d6f45a6b19cbcb0294ba9"));
    }

    /// The ClientHello in pieces of one byte and more, backwards, over two datagrams, between other frames.
    #[test]
    fn scattered_hello() {
        let hello = &hex(CRYPTO)[4..];
        for version in [VERSION_1, VERSION_2, 0xff00_001d, 0xff00_0017, 0xface_b002] {
            let frames = |range: std::ops::Range<usize>| {
                let mut frames = hex("01 00 02 01 00 00 00 03 01 00 00 00 00 00 00");
                for start in range.step_by(20).collect::<Vec<_>>().into_iter().rev() {
                    let piece = &hello[start..hello.len().min(start + 20)];
                    frames.extend([
                        6,
                        0x40,
                        u8::try_from(start).expect("small"),
                        u8::try_from(piece.len()).expect("small"),
                    ]);
                    frames.extend(piece);
                }
                frames
            };
            let (front, back) = (initial(version, 1, &frames(0..60), 400), initial(version, 2, &frames(60..241), 400));
            let mut initials = ClientInitials::default();
            assert_eq!(initials.push(&back, &Limits::default()), None);
            assert_eq!(initials.push(&front, &Limits::default()).as_deref(), Some("example.com"));
            // Both packets in one datagram.
            let name = ClientInitials::default().push(&[back, front].concat(), &Limits::default());
            assert_eq!(name.as_deref(), Some("example.com"));
        }
    }

    #[test]
    fn what_is_not_authentic_changes_nothing() {
        let packet = initial(VERSION_1, 2, &hex(CRYPTO), 1162);
        for place in [0, 3, 7, 25, 600, 1199] {
            let mut damaged = packet.clone();
            damaged[place] ^= 1;
            assert_eq!(ClientInitials::default().push(&damaged, &Limits::default()), None, "{place}");
        }
        for end in 0..packet.len() {
            assert_eq!(ClientInitials::default().push(&packet[..end], &Limits::default()), None);
        }
        let limits = Limits { tls_handshake: 64, ..Limits::default() };
        let mut initials = ClientInitials::default();
        assert_eq!(initials.push(&packet, &limits), None);
        assert!(initials.crypto.len() <= 64);
    }

    #[test]
    fn recognition() {
        for (bytes, expected) in [
            ("c3 00000001 08 0102030405060708 00 00", Some((1, 8, 0, true))),
            ("e3 00000001 08 0102030405060708 00 00", Some((1, 8, 0, false))),
            ("d3 6b3343cf 00 02 0102 00", Some((VERSION_2, 0, 2, true))),
            ("c3 6b3343cf 00 02 0102 00", Some((VERSION_2, 0, 2, false))),
            ("c3 ff00001d 01 01 00 00", Some((0xff00_001d, 1, 0, true))),
            ("c3 51303436 50 0102030405060708 00", Some((0x5130_3436, 8, 0, false))),
            ("c3 51303530 08 0102030405060708 00 00", Some((0x5130_3530, 8, 0, false))),
            ("0d 0102030405060708 51303433 01", Some((0x5130_3433, 8, 0, false))),
            ("80 00000000 01 01 01 02 00000001 6b3343cf", Some((0, 1, 1, false))),
            ("80 00000000 01 01 01 02 00000001 6b33", None),
            ("83 00000001 08 0102030405060708 00 00", None),
            ("c3 00000002 08 0102030405060708 00 00", None),
            ("c3 00000001 15 000000000000000000000000000000000000000000 00 00", None),
            ("c3 00000001 08 0102030405060708 00", None),
            ("43 0102030405060708", None),
            ("0d 0102030405060708 48303433 01", None),
        ] {
            let bytes = hex(bytes);
            let got = long_header(&bytes).map(|h| (h.version, h.destination.len(), h.source.len(), h.is_initial));
            assert_eq!(got, expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn integers() {
        // RFC 9000 §A.1.
        for (bytes, value) in [
            ("c2197c5eff14e88c", 151_288_809_941_952_652),
            ("9d7f3e7d", 494_878_333),
            ("7bbd", 15_293),
            ("25", 37),
            ("4025", 37),
        ] {
            assert_eq!(variable_integer(&hex(bytes)), Some((value, &[][..])));
        }
        assert_eq!(variable_integer(&[0x40]), None);
    }

    proptest! {
        #[test]
        fn random_frames_never_panic(frames in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut initials = ClientInitials::default();
            initials.frames(&frames, &Limits::default());
            prop_assert!(initials.crypto.len() <= Limits::default().tls_handshake);
            let _ = server_name(&frames);
        }
    }
}
