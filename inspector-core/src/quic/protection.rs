//! Packet protection (RFC 9001 §5): what hides the header, and what hides the payload.
//!
//! ```text
//!  | flags | … | number | payload … | tag |
//!    ^^^^^       ^^^^^^   sample, 16 bytes that begin 4 after the number does
//!    xor a mask of the sample
//! ```

use std::{collections::VecDeque, fmt};

use aes::{
    Aes128, Aes256,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
};
use hkdf::Hkdf;
use sha2::Sha256;

use super::{
    packet::{Identifier, whole_number},
    version::{Labels, initial_salt, labels, retry_key},
};
use crate::{
    flow::Side,
    secrets::Origin,
    tls::{
        cipher::{Bulk, OpenAead},
        schedule::{Hash, TrafficSecret},
        suites::Suite,
    },
};

/// Length of the tag of all suites that QUIC uses.
const TAG: usize = 16;

/// The shortest payload of which a sample can be taken, with its number.
const SHORTEST: usize = 4 + 16;

/// AES-128-GCM, of which all Initial packets are.
const INITIAL_SUITE: u16 = 0x1301;

/// What hides the header.
enum HeaderKey {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
    ChaCha20([u8; 32]),
}

impl HeaderKey {
    fn new(suite: &Suite, key: &[u8]) -> Option<Self> {
        const CHACHA20: u16 = 0x1303;
        Some(match key.len() {
            _ if suite.code == CHACHA20 => Self::ChaCha20(key.try_into().ok()?),
            16 => Self::Aes128(Box::new(Aes128::new_from_slice(key).ok()?)),
            _ => Self::Aes256(Box::new(Aes256::new_from_slice(key).ok()?)),
        })
    }

    /// The bytes that hide the flags and the number (§5.4.3, §5.4.4).
    fn mask(&self, sample: [u8; 16]) -> [u8; 5] {
        let mut mask = [0; 5];
        let block: [u8; 16] = match self {
            Self::Aes128(cipher) => {
                let mut block = sample.into();
                cipher.encrypt_block(&mut block);
                block.into()
            }
            Self::Aes256(cipher) => {
                let mut block = sample.into();
                cipher.encrypt_block(&mut block);
                block.into()
            }
            Self::ChaCha20(key) => {
                let [c0, c1, c2, c3, nonce @ ..] = sample;
                let counter = u64::from(u32::from_le_bytes([c0, c1, c2, c3]));
                let mut cipher = ChaCha20::new(key.into(), (&nonce).into());
                // Both fail at the end of the key stream only; what is opened with it is not authentic then.
                if cipher.try_seek(counter * 64).is_ok() {
                    let _ = cipher.try_apply_keystream(&mut mask);
                }
                return mask;
            }
        };
        mask.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        mask
    }
}

/// What hides the payload.
struct PayloadKey {
    cipher: Box<dyn OpenAead>,
    iv: [u8; 12],
}

impl PayloadKey {
    fn new(suite: &Suite, secret: &TrafficSecret, labels: &Labels) -> Option<Self> {
        let Bulk::Aead { key, new, .. } = &suite.bulk else { return None };
        let cipher = new(&secret.expand(labels.key, *key)).filter(|cipher| cipher.tag_length() == TAG)?;
        Some(Self { cipher, iv: secret.expand(labels.iv, 12).try_into().ok()? })
    }

    fn open(&self, number: u64, header: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        self.cipher.open(&nonce, header, text, tag)
    }
}

/// Most updates of keys of which no packet was recorded, and the one after them.
const MOST_AHEAD: usize = 4;

/// The keys of one direction in one packet number space, from one secret.
pub(super) struct Protection {
    suite: &'static Suite,
    labels: &'static Labels,
    header: HeaderKey,
    secret: TrafficSecret,
    current: PayloadKey,
    /// The phase these are for, and the first number that was protected with them.
    phase: bool,
    since: u64,
    previous: Option<PayloadKey>,
    next: VecDeque<(TrafficSecret, PayloadKey)>,
    /// Whom the secret is thanks to; nobody for Initial packets.
    pub(super) origin: Option<Origin>,
}

impl fmt::Debug for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protection").field("suite", &self.suite.name).finish_non_exhaustive()
    }
}

/// A packet that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) number: u64,
    /// Where its frames begin in the buffer, and where they end.
    pub(super) frames: (usize, usize),
}

/// Bytes of memory that the keys of one direction take, about.
pub(super) const WEIGHT: usize = 3 << 10;

impl Protection {
    /// With a secret of the key log.
    pub(super) fn new(suite: &'static Suite, version: u32, secret: &[u8], origin: Option<Origin>) -> Option<Self> {
        let secret = TrafficSecret::new(suite.prf(), secret)?;
        let labels = labels(version);
        let Bulk::Aead { key, .. } = &suite.bulk else { return None };
        Some(Self {
            suite,
            labels,
            header: HeaderKey::new(suite, &secret.expand(labels.header, *key))?,
            current: PayloadKey::new(suite, &secret, labels)?,
            secret,
            phase: false,
            since: 0,
            previous: None,
            next: VecDeque::new(),
            origin,
        })
    }

    /// Of the Initial packets that a side sends, where the client's first packet was to `destination` (§5.2).
    pub(super) fn initial(version: u32, destination: &Identifier, sender: Side) -> Option<Self> {
        let (secret, _) = Hkdf::<Sha256>::extract(Some(initial_salt(version)?), destination.as_slice());
        let label = if sender == Side::Client { "client in" } else { "server in" };
        let secret = TrafficSecret::new(Hash::Sha256, &secret)?.expand(label, 32);
        Self::new(Suite::find(INITIAL_SUITE)?, version, &secret, None)
    }

    /// Opens a packet whose number begins at `at`, in a copy of it. `expected` is the number that would be next.
    pub(super) fn open(&mut self, packet: &[u8], at: usize, expected: u64, buffer: &mut Vec<u8>) -> Option<Opened> {
        if packet.len() < at.checked_add(SHORTEST)? {
            return None;
        }
        let is_long = packet.first()? & 0x80 != 0;
        let sample = packet.get(at + 4..)?.first_chunk::<16>()?;
        let [flags, mask @ ..] = self.header.mask(*sample);
        let first = packet.first()? ^ flags & if is_long { 0x0f } else { 0x1f };
        let length = usize::from(first & 3) + 1;
        let hidden = packet.get(at..at + length)?;
        let sent = hidden.iter().zip(mask).fold(0, |sent, (byte, mask)| sent << 8 | u64::from(byte ^ mask));
        let number = whole_number(sent, length, expected);
        let body = at + length;
        let end = packet.len().checked_sub(TAG)?;
        let phase = !is_long && first & 4 != 0;
        let mut attempt = |key: &PayloadKey| {
            buffer.clear();
            buffer.extend_from_slice(packet.get(..end)?);
            *buffer.first_mut()? = first;
            buffer.get_mut(at..body)?.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
            let (header, text) = buffer.split_at_mut_checked(body)?;
            key.open(number, header, text, packet.get(end..)?).then_some(Opened { number, frames: (body, end) })
        };
        if phase == self.phase {
            if let Some(opened) = attempt(&self.current) {
                return Some(opened);
            }
        } else if let Some(previous) = &self.previous
            && number < self.since
        {
            return attempt(previous);
        }
        // The keys that follow, of the same phase; that of packets that were not recorded may lie between.
        if is_long || number < self.since {
            return None;
        }
        let mut ahead = 0;
        let mut opened = None;
        while opened.is_none() && ahead < MOST_AHEAD {
            let is_same = phase == self.phase;
            if is_same == (ahead % 2 == 1) {
                opened = self.following(ahead).and_then(|(_, key)| attempt(key));
            }
            ahead += 1;
        }
        let opened = opened?;
        (0..ahead).for_each(|_| self.advance(number));
        Some(opened)
    }

    /// The keys after so many updates from the next one on.
    fn following(&mut self, ahead: usize) -> Option<&(TrafficSecret, PayloadKey)> {
        while self.next.len() <= ahead {
            let latest = self.next.back().map_or(&self.secret, |(secret, _)| secret);
            let secret = latest.update(self.labels.update);
            let key = PayloadKey::new(self.suite, &secret, self.labels)?;
            self.next.push_back((secret, key));
        }
        self.next.get(ahead)
    }

    /// The next keys opened a packet.
    fn advance(&mut self, number: u64) {
        if let Some((secret, key)) = self.next.pop_front() {
            self.previous = Some(std::mem::replace(&mut self.current, key));
            self.secret = secret;
            self.phase = !self.phase;
            self.since = number;
        }
    }
}

/// Whether a Retry packet is authentic: its tag covers the destination of the packet it answers (§5.8).
pub(super) fn is_retry(version: u32, original: &Identifier, packet: &[u8]) -> bool {
    let Some((key, nonce)) = retry_key(version) else { return false };
    let Some((packet, tag)) = packet.split_last_chunk::<TAG>() else { return false };
    let original = original.as_slice();
    let length = u8::try_from(original.len()).unwrap_or_default();
    let pseudo = [&[length][..], original, packet].concat();
    let cipher = Aes128Gcm::new(key.into());
    cipher.decrypt_inout_detached(nonce.into(), &pseudo, (&mut [][..]).into(), tag.into()).is_ok()
}
