//! Opening records: authentication and decryption in place, for one direction under one set of keys.
//!
//! Nothing leaves [`Opener::open`] that did not authenticate. The caller keeps the sequence number, so that after a
//! gap it can try others.
//!
//! ```text
//! AEAD, TLS 1.2      | explicit nonce 8 | ciphertext | tag |      ChaCha20 and TLS 1.3: no explicit nonce
//! block, TLS >= 1.1  | IV (one block)   | CBC( content | MAC | padding | padding length ) |
//! block, RFC 7366    | IV (one block)   | CBC( content | padding | padding length ) | MAC |
//! block, TLS 1.0     | CBC( ... ), its IV is the last block of the record before |
//! stream, NULL       | RC4( content | MAC ) |                     | content | MAC |
//! ```

use std::ops::Range;

use aes_gcm::aead::{
    AeadInOut, KeyInit,
    array::{Array, ArraySize},
    consts::U12,
};
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, InnerIvInit, StreamCipher, typenum::Unsigned};
use hmac::Hmac;
use md5::{Digest, Md5};
use rc4::Rc4;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::{
    record::Header,
    schedule::{Hash, Prf, TrafficSecret},
    suites::Suite,
};

/// The cipher of a suite.
#[derive(Debug)]
pub(crate) enum Bulk {
    /// None: the records are only authenticated.
    Null,
    /// RC4.
    Rc4 {
        /// Key length in bytes.
        key: usize,
    },
    /// A block cipher in CBC mode with an HMAC.
    Block {
        /// Key length in bytes.
        key: usize,
        /// Block length in bytes.
        block: usize,
        /// Sets up the key.
        new: fn(&[u8]) -> Option<Box<dyn OpenBlocks>>,
    },
    /// An AEAD.
    Aead {
        /// Key length in bytes.
        key: usize,
        /// In TLS 1.2 each record carries eight bytes of its nonce (RFC 5288 §3); else the sequence number serves.
        explicit_nonce: bool,
        /// Sets up the key.
        new: fn(&[u8]) -> Option<Box<dyn OpenAead>>,
    },
    /// A cipher that is only known by name.
    Unsupported,
}

/// An AEAD with its key.
pub(crate) trait OpenAead: Send + Sync {
    /// Length of the tag in bytes.
    fn tag_length(&self) -> usize;

    /// Authenticates and decrypts in place. `false`: not authentic; `text` is then undefined.
    fn open(&self, nonce: &[u8; 12], additional: &[u8], text: &mut [u8], tag: &[u8]) -> bool;
}

impl<A: AeadInOut<NonceSize = U12> + Send + Sync> OpenAead for A
where
    A::TagSize: ArraySize,
{
    fn tag_length(&self) -> usize {
        A::TagSize::USIZE
    }

    fn open(&self, nonce: &[u8; 12], additional: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        let Ok(tag) = <&Array<u8, A::TagSize>>::try_from(tag) else { return false };
        self.decrypt_inout_detached(nonce.into(), additional, text.into(), tag).is_ok()
    }
}

/// A block cipher with its key.
pub(crate) trait OpenBlocks: Send + Sync {
    /// Decrypts whole blocks in CBC mode in place. `false`: lengths do not fit.
    fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> bool;
}

impl<C: BlockCipherDecrypt + Clone + Send + Sync> OpenBlocks for C {
    fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> bool {
        let (blocks, rest) = Array::<u8, <C as BlockSizeUser>::BlockSize>::slice_as_chunks_mut(data);
        let Ok(mut decryptor) = cbc::Decryptor::<C>::inner_iv_slice_init(self.clone(), iv) else { return false };
        if !rest.is_empty() {
            return false;
        }
        decryptor.decrypt_blocks(blocks);
        true
    }
}

/// Keys and IVs of an export suite, client first: forty bits of each key are secret, the rest is made of public values
/// (RFC 2246 §6.3.1). SSL 3.0 makes them in another way, which is not supported.
fn export(prf: Prf, keys: &[u8], iv: usize, client: &[u8], server: &[u8]) -> Option<[([u8; 16], Vec<u8>); 2]> {
    if prf == Prf::Ssl3 {
        return None;
    }
    let (client_key, server_key) = keys.split_at_checked(keys.len() / 2)?;
    let key = |secret: &[u8], label: &str| {
        let mut full = [0; 16];
        prf.fill(secret, label, &[client, server], &mut full);
        full
    };
    let mut ivs = vec![0; 2 * iv];
    prf.fill(b"", "IV block", &[client, server], &mut ivs);
    let (client_iv, server_iv) = ivs.split_at_checked(iv)?;
    Some([
        (key(client_key, "client write key"), client_iv.to_vec()),
        (key(server_key, "server write key"), server_iv.to_vec()),
    ])
}

/// As much of an export suite's full key as its cipher takes.
fn expanded(suite: &Suite, full: &[u8; 16]) -> Vec<u8> {
    let length = if matches!(suite.bulk, Bulk::Rc4 { .. }) { 16 } else { 8 };
    full.get(..length).unwrap_or_default().to_vec()
}

/// Sets up an AEAD for the table of suites.
pub(crate) fn new_aead<A: OpenAead + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn OpenAead>> {
    Some(Box::new(A::new_from_slice(key).ok()?))
}

/// Sets up a block cipher for the table of suites.
pub(crate) fn new_block<C: OpenBlocks + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn OpenBlocks>> {
    Some(Box::new(C::new_from_slice(key).ok()?))
}

/// The MAC of records before TLS 1.3, with its key.
enum RecordMac {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    /// SSL 3.0: nested hashes of the key and a pad (RFC 6101 §5.2.3.1).
    Ssl3(Hash, Vec<u8>),
}

impl RecordMac {
    fn new(prf: Prf, hash: Hash, key: &[u8]) -> Option<Self> {
        Some(match hash {
            _ if prf == Prf::Ssl3 => Self::Ssl3(hash, key.to_vec()),
            Hash::Md5 => Self::Md5(Hmac::new_from_slice(key).ok()?),
            Hash::Sha1 => Self::Sha1(Hmac::new_from_slice(key).ok()?),
            Hash::Sha256 => Self::Sha256(Hmac::new_from_slice(key).ok()?),
            Hash::Sha384 => Self::Sha384(Hmac::new_from_slice(key).ok()?),
        })
    }

    const fn length(&self) -> usize {
        match self {
            Self::Md5(_) => 16,
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
            Self::Sha384(_) => 48,
            Self::Ssl3(hash, _) => hash.length(),
        }
    }

    /// Whether `tag` authenticates a record's content in `parts`.
    fn verify(&self, sequence: u64, header: Header, parts: &[&[u8]], tag: &[u8]) -> bool {
        let length = parts.iter().map(|part| part.len()).sum();
        let pseudo = pseudo_header(sequence, header, length);
        match self {
            Self::Md5(mac) => verify(mac, &pseudo, parts, tag),
            Self::Sha1(mac) => verify(mac, &pseudo, parts, tag),
            Self::Sha256(mac) => verify(mac, &pseudo, parts, tag),
            Self::Sha384(mac) => verify(mac, &pseudo, parts, tag),
            Self::Ssl3(Hash::Md5, key) => verify_ssl3::<Md5>(key, 48, &pseudo, parts, tag),
            Self::Ssl3(_, key) => verify_ssl3::<Sha1>(key, 40, &pseudo, parts, tag),
        }
    }
}

fn verify<M: hmac::Mac + Clone>(keyed: &M, pseudo: &[u8; 13], parts: &[&[u8]], tag: &[u8]) -> bool {
    let mut mac = keyed.clone();
    mac.update(pseudo);
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(tag).is_ok()
}

fn verify_ssl3<D: Digest>(key: &[u8], pad: usize, pseudo: &[u8; 13], parts: &[&[u8]], tag: &[u8]) -> bool {
    let [sequence @ .., content_type, _, _, high, low] = pseudo;
    let mut inner = D::new_with_prefix(key);
    inner.update(vec![0x36; pad]);
    inner.update(sequence);
    inner.update([*content_type, *high, *low]);
    parts.iter().for_each(|part| inner.update(part));
    let outer = D::new_with_prefix(key).chain_update(vec![0x5c; pad]).chain_update(inner.finalize());
    outer.finalize().as_slice() == tag
}

/// What MACs and AEADs authenticate besides the content: sequence number, type, version, length (RFC 5246 §6.2.3.1).
fn pseudo_header(sequence: u64, header: Header, length: usize) -> [u8; 13] {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sequence.to_be_bytes();
    let [major, minor] = header.version.to_be_bytes();
    let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    [s0, s1, s2, s3, s4, s5, s6, s7, header.content_type, major, minor, high, low]
}

/// Where an AEAD's nonce comes from.
#[derive(Clone, Copy)]
enum Nonce {
    /// Four fixed bytes, eight in the record.
    Explicit,
    /// The IV xor the sequence number (RFC 7905 §2).
    Counter,
    /// The same, and the type is inside (RFC 8446 §5.2). Drafts before 25 authenticate no header.
    Inner { header: bool },
}

/// Opens the records of one direction.
pub(crate) struct Opener(Protection);

enum Protection {
    Aead { cipher: Box<dyn OpenAead>, iv: [u8; 12], nonce: Nonce },
    // Boxed, so that the common case is small: there are two of these per connection.
    Block(Box<Block>),
    Rc4 { cipher: Box<Rc4>, mac: Box<RecordMac> },
    Null { mac: Box<RecordMac> },
}

impl Opener {
    /// Bytes of memory it takes besides its own, about.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Protection::Aead { cipher, .. } => size_of_val(&**cipher),
            Protection::Block(block) => size_of::<Block>().saturating_add(size_of_val(&*block.cipher)),
            Protection::Rc4 { .. } => size_of::<Rc4>().saturating_add(size_of::<RecordMac>()),
            Protection::Null { .. } => size_of::<RecordMac>(),
        }
    }
}

struct Block {
    cipher: Box<dyn OpenBlocks>,
    block: usize,
    mac: RecordMac,
    encrypt_then_mac: bool,
    /// SSL 3.0 pads with anything.
    free_padding: bool,
    /// Before TLS 1.1.
    chain: Option<Chain>,
}

/// IVs that are the last block of the record before. With RFC 7366 the MAC does not cover them: then they must be
/// known from a record that is authentic and the very one before.
struct Chain {
    this: Vec<u8>,
    this_known: bool,
    next: Vec<u8>,
    next_known: bool,
}

/// An opened record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Its true content type.
    pub(crate) content_type: u8,
    /// Where the content is in the body; `None` if the record is authentic, but its IV is lost.
    pub(crate) content: Option<Range<usize>>,
}

/// What decides how records before TLS 1.3 are protected, besides the suite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LegacyParameters {
    /// Version's PRF.
    pub(crate) prf: Prf,
    /// Version is at least TLS 1.1: each record brings its IV.
    pub(crate) explicit_iv: bool,
    /// RFC 7366 was agreed on.
    pub(crate) encrypt_then_mac: bool,
}

impl Opener {
    /// For TLS 1.3; `None` if the suite is not supported. `header`: records authenticate their header (all but drafts
    /// before 25).
    pub(crate) fn tls13(suite: &Suite, secret: &TrafficSecret, header: bool) -> Option<Self> {
        let Bulk::Aead { key, new, .. } = &suite.bulk else { return None };
        let cipher = new(&secret.key(*key))?;
        Some(Self(Protection::Aead { cipher, iv: secret.iv(), nonce: Nonce::Inner { header } }))
    }

    /// For TLS 1.2 and older: both directions from the master secret, client first (RFC 5246 §6.3).
    pub(crate) fn legacy(
        suite: &Suite,
        parameters: LegacyParameters,
        master: &[u8],
        client_random: &[u8],
        server_random: &[u8],
    ) -> Option<[Self; 2]> {
        let (mac, key, iv) = match &suite.bulk {
            Bulk::Null => (suite.hash.length(), 0, 0),
            Bulk::Rc4 { key } => (suite.hash.length(), *key, 0),
            Bulk::Block { key, block, .. } => {
                (suite.hash.length(), *key, if parameters.explicit_iv { 0 } else { *block })
            }
            Bulk::Aead { key, explicit_nonce, .. } => (0, *key, if *explicit_nonce { 4 } else { 12 }),
            Bulk::Unsupported => return None,
        };
        let mut block = vec![0; 2 * (mac + key + iv)];
        parameters.prf.fill(master, "key expansion", &[server_random, client_random], &mut block);
        let (macs, rest) = block.split_at_checked(2 * mac)?;
        let (keys, ivs) = rest.split_at_checked(2 * key)?;
        let exported = suite.is_export().then(|| export(parameters.prf, keys, iv, client_random, server_random));
        let side = |index: usize| {
            let part =
                |bytes: &[u8], length: usize| bytes.get(index * length..(index + 1) * length).map(<[u8]>::to_vec);
            let (key, iv) = match &exported {
                Some(exported) => {
                    exported.as_ref()?.get(index).map(|(full, iv)| (expanded(suite, full), iv.clone()))?
                }
                None => (part(keys, key)?, part(ivs, iv)?),
            };
            Self::one_side(suite, parameters, &part(macs, mac)?, &key, &iv)
        };
        Some([side(0)?, side(1)?])
    }

    fn one_side(suite: &Suite, parameters: LegacyParameters, mac: &[u8], key: &[u8], iv: &[u8]) -> Option<Self> {
        let mac = || RecordMac::new(parameters.prf, suite.hash, mac);
        Some(Self(match &suite.bulk {
            Bulk::Null => Protection::Null { mac: Box::new(mac()?) },
            Bulk::Rc4 { .. } => {
                Protection::Rc4 { cipher: Box::new(<Rc4 as KeyInit>::new_from_slice(key).ok()?), mac: Box::new(mac()?) }
            }
            Bulk::Block { block, new, .. } => Protection::Block(Box::new(Block {
                cipher: new(key)?,
                block: *block,
                mac: mac()?,
                encrypt_then_mac: parameters.encrypt_then_mac,
                free_padding: parameters.prf == Prf::Ssl3,
                chain: (!parameters.explicit_iv).then(|| Chain {
                    this: Vec::new(),
                    this_known: false,
                    next: iv.to_vec(),
                    next_known: true,
                }),
            })),
            Bulk::Aead { explicit_nonce, new, .. } => {
                let mut fixed = [0; 12];
                fixed.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
                let nonce = if *explicit_nonce { Nonce::Explicit } else { Nonce::Counter };
                Protection::Aead { cipher: new(key)?, iv: fixed, nonce }
            }
            Bulk::Unsupported => return None,
        }))
    }

    /// Announces the next record, once, before it is tried with any number of sequence numbers. `follows`: nothing is
    /// missing between it and the one before.
    pub(crate) fn next_record(&mut self, body: &[u8], follows: bool) {
        let Protection::Block(cipher) = &mut self.0 else { return };
        let Block { chain: Some(chain), block, mac, encrypt_then_mac, .. } = cipher.as_mut() else { return };
        let end = body.len().saturating_sub(if *encrypt_then_mac { mac.length() } else { 0 });
        let last = body.get(..end).and_then(|body| last(body, *block)).unwrap_or_default();
        std::mem::swap(&mut chain.this, &mut chain.next);
        chain.this_known = chain.next_known && follows;
        chain.next.clear();
        chain.next.extend_from_slice(last);
        chain.next_known = false;
    }

    /// Whether another sequence number may open a record that did not open with the one expected.
    pub(crate) const fn can_search(&self) -> bool {
        !matches!(self.0, Protection::Rc4 { .. })
    }

    /// The explicit part of a record's nonce: most senders count in it, so it tells how many records are missing.
    pub(crate) fn explicit_nonce(&self, body: &[u8]) -> Option<u64> {
        match self.0 {
            Protection::Aead { nonce: Nonce::Explicit, .. } => body.first_chunk().map(|n| u64::from_be_bytes(*n)),
            _ => None,
        }
    }

    /// Authenticates and decrypts a record's body in place. `None`: not authentic; the body is then undefined.
    pub(crate) fn open(&mut self, sequence: u64, header: Header, body: &mut [u8]) -> Option<Opened> {
        match &mut self.0 {
            Protection::Aead { cipher, iv, nonce } => open_aead(cipher.as_ref(), *iv, *nonce, sequence, header, body),
            Protection::Block(block) => block.open(sequence, header, body),
            Protection::Rc4 { cipher, mac } => {
                cipher.try_apply_keystream(body).ok()?;
                open_plain(mac, sequence, header, body)
            }
            Protection::Null { mac } => open_plain(mac, sequence, header, body),
        }
    }
}

/// The last `length` bytes.
fn last(bytes: &[u8], length: usize) -> Option<&[u8]> {
    bytes.get(bytes.len().checked_sub(length)?..)
}

fn open_plain(mac: &RecordMac, sequence: u64, header: Header, body: &[u8]) -> Option<Opened> {
    let (content, tag) = body.split_at_checked(body.len().checked_sub(mac.length())?)?;
    mac.verify(sequence, header, &[content], tag)
        .then_some(Opened { content_type: header.content_type, content: Some(0..content.len()) })
}

fn open_aead(
    cipher: &dyn OpenAead,
    mut iv: [u8; 12],
    nonce: Nonce,
    sequence: u64,
    header: Header,
    body: &mut [u8],
) -> Option<Opened> {
    let start = if matches!(nonce, Nonce::Explicit) { 8 } else { 0 };
    let (explicit, sealed) = body.split_at_mut_checked(start)?;
    let (text, tag) = sealed.split_at_mut_checked(sealed.len().checked_sub(cipher.tag_length())?)?;
    let (_, counter) = iv.split_last_chunk_mut::<8>()?;
    if matches!(nonce, Nonce::Explicit) {
        counter.copy_from_slice(explicit);
    } else {
        counter.iter_mut().zip(sequence.to_be_bytes()).for_each(|(to, from)| *to ^= from);
    }
    let authentic = match nonce {
        Nonce::Explicit | Nonce::Counter => cipher.open(&iv, &pseudo_header(sequence, header, text.len()), text, tag),
        Nonce::Inner { header: true } => cipher.open(&iv, &header.bytes(), text, tag),
        Nonce::Inner { header: false } => cipher.open(&iv, &[], text, tag),
    };
    if !authentic {
        return None;
    }
    if !matches!(nonce, Nonce::Inner { .. }) {
        return Some(Opened { content_type: header.content_type, content: Some(start..start + text.len()) });
    }
    // Content, its type, and any number of zeros. All zeros is a protocol error.
    let end = text.iter().rposition(|byte| *byte != 0)?;
    Some(Opened { content_type: *text.get(end)?, content: Some(0..end) })
}

impl Block {
    fn open(&mut self, sequence: u64, header: Header, body: &mut [u8]) -> Option<Opened> {
        let end = if self.encrypt_then_mac {
            let (sealed, tag) = body.split_at_checked(body.len().checked_sub(self.mac.length())?)?;
            if !self.mac.verify(sequence, header, &[sealed], tag) {
                return None;
            }
            sealed.len()
        } else {
            body.len()
        };
        let body = body.get_mut(..end)?;
        let start = if self.chain.is_some() { 0 } else { self.block };
        let (explicit, text) = body.split_at_mut_checked(start)?;
        let iv = match &mut self.chain {
            None => &*explicit,
            Some(chain) => {
                if self.encrypt_then_mac {
                    chain.next_known = true;
                    if !chain.this_known {
                        return Some(Opened { content_type: header.content_type, content: None });
                    }
                }
                chain.this.as_slice()
            }
        };
        if !self.cipher.decrypt(iv, text) {
            return None;
        }
        let content = text.get(..text.len().checked_sub(self.padding(text)?)?)?;
        let content = if self.encrypt_then_mac {
            content
        } else {
            let (content, tag) = content.split_at_checked(content.len().checked_sub(self.mac.length())?)?;
            if !self.mac.verify(sequence, header, &[content], tag) {
                return None;
            }
            content
        };
        let content = start..start + content.len();
        Some(Opened { content_type: header.content_type, content: Some(content) })
    }

    /// Length of the padding with its length byte, if it is sound.
    fn padding(&self, text: &[u8]) -> Option<usize> {
        let length = *text.last()?;
        let padding = last(text, usize::from(length) + 1)?;
        let sound =
            if self.free_padding { padding.len() <= self.block } else { padding.iter().all(|byte| *byte == length) };
        sound.then_some(padding.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::keylog::tests::unhex;

    /// RFC 8448 §4: the record of early data, and the keys it is under.
    #[test]
    fn opens_early_data() {
        let secret = unhex("3fbbe6a60deb66c30a32795aba0eff7eaa10105586e7be5c09678d63b6caab62");
        let secret = TrafficSecret::new(Hash::Sha256, &secret).unwrap();
        assert_eq!(secret.key(16), unhex("920205a5b7bf2115e6fc5c2942834f54"));
        assert_eq!(secret.iv().as_slice(), unhex("6d475f0993c8e564610db2b9"));
        let mut opener = Opener::tls13(Suite::find(0x1301).unwrap(), &secret, true).unwrap();
        let record = unhex("1703030017ab1df420e75c457a7cc5d2844f76d5aee4b4edbf049be0");
        let header = Header::parse(*record.first_chunk().unwrap()).unwrap();
        assert_eq!(opener.open(1, header, &mut record[5..].to_vec()), None);
        let mut body = record[5..].to_vec();
        let opened = opener.open(0, header, &mut body).unwrap();
        assert_eq!((opened.content_type, &body[opened.content.unwrap()]), (23, &b"ABCDEF"[..]));
    }

    /// Every suite that claims to be supported can be set up, in every version it may be used in.
    #[test]
    fn every_supported_suite_can_be_set_up() {
        let parameters = |prf, explicit_iv| LegacyParameters { prf, explicit_iv, encrypt_then_mac: false };
        for code in 0..=u16::MAX {
            let Some(suite) = Suite::find(code).filter(|suite| !matches!(suite.bulk, Bulk::Unsupported)) else {
                continue;
            };
            if suite.is_tls13() {
                let secret = TrafficSecret::new(suite.prf(), &vec![7; suite.prf().length()]).unwrap();
                assert!(Opener::tls13(suite, &secret, true).is_some(), "{}", suite.name);
                continue;
            }
            for parameters in
                [parameters(Prf::Ssl3, false), parameters(Prf::Md5Sha1, false), parameters(Prf::Sha256, true)]
            {
                let opener = Opener::legacy(suite, parameters, &[7; 48], &[1; 32], &[2; 32]);
                let expected = !(suite.is_export() && parameters.prf == Prf::Ssl3);
                assert_eq!(opener.is_some(), expected, "{}", suite.name);
            }
        }
    }
}
