//! The secrets given by the user or found in the recording.
//!
//! A key log (the NSS format) can have millions of lines, so its secrets are kept in one arena of bytes and not as
//! strings: a line of TLS 1.2 takes 71 bytes, one of TLS 1.3 about 45.
//!
//! ```text
//! session   | id, 16 bytes | secret | secret | ...     chained by `next`, the latest first
//! secret    | next, 4 | label, 1 | source, 1 | length, 1 | value |
//! ```
//!
//! A session is known by 16 of the 32 bytes of its client random. Two randoms that agree in those would only try a
//! wrong key, which then authenticates nothing.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::BuildHasher as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use foldhash::fast::RandomState;
use memchr::memchr;
use sha2::{Digest, Sha256};

pub use super::KeyError;
use super::rsa_key::{self, RsaKey};
use crate::{
    bounded::Budget,
    limits::Limits,
    secret::Secret,
    secrets::{MasterSecret, Origin},
    shard::Shards,
};

/// What a secret of a key log is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Label {
    /// `CLIENT_RANDOM`: the master secret of TLS 1.2 and older.
    ClientRandom,
    /// `CLIENT_EARLY_TRAFFIC_SECRET`.
    ClientEarlyTraffic,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET`.
    ClientHandshakeTraffic,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`.
    ServerHandshakeTraffic,
    /// `CLIENT_TRAFFIC_SECRET_0`.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0`.
    ServerTraffic,
    /// `RSA`: the premaster secret, by the first eight bytes of its encrypted form.
    Rsa,
    /// `PMS_CLIENT_RANDOM`: the premaster secret.
    PremasterClientRandom,
    /// `RSA Session-ID:… Master-Key:…`: the master secret by session id.
    SessionId,
}

impl Label {
    /// By the word at the begin of a line.
    fn parse(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"CLIENT_RANDOM" => Self::ClientRandom,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarlyTraffic,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshakeTraffic,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshakeTraffic,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            b"RSA" => Self::Rsa,
            b"PMS_CLIENT_RANDOM" => Self::PremasterClientRandom,
            // Of the time before RFC 9001.
            b"QUIC_CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarlyTraffic,
            b"QUIC_CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshakeTraffic,
            b"QUIC_SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshakeTraffic,
            b"QUIC_CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"QUIC_SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            _ => return None,
        })
    }

    /// The lengths its identifier and its value can have.
    fn fits(self, id: usize, value: usize) -> bool {
        match self {
            Self::ClientRandom => id == 32 && value == 48,
            Self::Rsa => id == 8 && value == 48,
            Self::PremasterClientRandom => id == 32 && (1..=255).contains(&value),
            Self::SessionId => (1..=32).contains(&id) && value == 48,
            _ => id == 32 && matches!(value, 32 | 48),
        }
    }
}

/// What a file with keys was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// An NSS key log.
    Log,
    /// A key log inside the recording.
    Recorded,
    /// One or more RSA private keys.
    RsaPrivateKey,
}

/// What was read from one source of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySummary {
    /// What it is.
    pub kind: KeyKind,
    /// Secrets (or private keys) kept. Those known before count, too.
    pub secrets: u64,
    /// Lines of a kind that decrypts no records (exporter secrets, unknown labels).
    pub ignored: u64,
    /// Lines that could not be read, and broken private keys.
    pub damaged: u64,
    /// Secrets not kept because of `Limits::keys`.
    pub dropped: u64,
    /// Connections opened with its keys so far.
    pub connections: u64,
}

#[derive(Clone, Debug)]
struct Source {
    summary: KeySummary,
    /// Shared with the forks.
    opened: Arc<AtomicU64>,
}

/// A secret that was found.
#[derive(Clone)]
pub(crate) struct Found<'a> {
    /// Its value.
    pub(crate) value: &'a [u8],
    /// For [`Keys::mark_origin`].
    pub(crate) source: u8,
}

/// All secrets known.
pub struct Keys {
    /// Shared with the forks until one of them learns a secret.
    arena: Arc<Vec<u8>>,
    /// Offsets of sessions in the arena plus one, by hash; 0 is free. Its length is a power of two, or 0.
    index: Arc<Vec<u32>>,
    sessions: usize,
    hasher: RandomState,
    limit: usize,
    /// What a recording may add.
    recorded: usize,
    sources: Vec<Source>,
    private: Vec<RsaKey>,
    premasters: bool,
    generation: u64,
    recalled: Arc<Mutex<Sessions>>,
    /// Where others use the same remembered sessions.
    turns: Option<Arc<dyn Turns>>,
    pub(crate) pending: Shards<Arc<Budget>>,
    pub(crate) gathered: Shards<Arc<Budget>>,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

/// Shows no secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("sessions", &self.sessions)
            .field("sources", &self.sources)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

const ID: usize = 16;
const SECRET_HEADER: usize = 7;

impl Keys {
    /// No keys.
    pub fn new(limits: &Limits) -> Self {
        Self {
            arena: Arc::default(),
            index: Arc::default(),
            sessions: 0,
            hasher: RandomState::default(),
            limit: limits.keys.min(u32::MAX as usize - 1),
            recorded: limits.recorded_keys,
            sources: Vec::new(),
            private: Vec::new(),
            premasters: false,
            generation: 0,
            recalled: Arc::new(Mutex::new(Sessions { limit: limits.tls_sessions, ..Sessions::default() })),
            turns: None,
            pending: Shards::default(),
            gathered: Shards::default(),
        }
    }

    /// Adds a file the user gave: an NSS key log, or RSA private keys in PEM or DER. Told by content.
    ///
    /// # Errors
    /// [`KeyError`], in words for the user, if the file holds nothing that can decrypt a recording.
    pub fn add(&mut self, bytes: &[u8]) -> Result<KeySummary, KeyError> {
        self.add_as(bytes, KeyKind::Log)
    }

    /// As [`Keys::add`], for the text of a key log that comes in the recording while it is read. All of them are one source,
    /// for there may be one for each connection.
    pub(crate) fn learn(&mut self, bytes: &[u8]) -> Result<KeySummary, KeyError> {
        self.add_as(bytes, KeyKind::Recorded)
    }

    fn add_as(&mut self, bytes: &[u8], kind: KeyKind) -> Result<KeySummary, KeyError> {
        if rsa_key::looks_like_key_file(bytes) {
            return self.add_private(rsa_key::read(bytes)?);
        }
        let utf8;
        let bytes = match bytes {
            // PowerShell writes UTF-16 when it copies a log by redirection. All that matters is ASCII.
            [0xff, 0xfe, units @ ..] => {
                utf8 = units.chunks(2).filter_map(|unit| unit.first().copied()).collect::<Vec<u8>>();
                utf8.as_slice()
            }
            [0xef, 0xbb, 0xbf, rest @ ..] => rest,
            bytes => bytes,
        };
        let sources = self.sources.len();
        let summary = self.add_log(bytes, kind);
        if summary.secrets + summary.dropped > 0 {
            return Ok(summary);
        }
        self.sources.truncate(sources);
        let is_log = summary.damaged == 0 || summary.ignored > 0 || begins_with_label(bytes);
        Err(if is_log { KeyError::Empty } else { KeyError::Unknown })
    }

    /// Adds a key log the user gave that has no secret ([`KeyError::Empty`]), so that what stays dark is told to do so for
    /// that.
    pub fn add_empty(&mut self) {
        self.add_log(b"", KeyKind::Log);
    }

    /// Whether key logs were given, and none of them has a secret.
    pub(crate) fn are_empty_logs(&self) -> bool {
        self.is_empty() && !self.sources.is_empty()
    }

    /// Adds a key log found inside a recording (a pcapng decryption secrets block of type `TLSK`).
    pub fn add_recorded(&mut self, bytes: &[u8]) -> KeySummary {
        self.add_log(bytes, KeyKind::Recorded)
    }

    /// The same keys for the reading of another recording, maybe at the same time: what one recording teaches (secrets inside
    /// it, sessions that are resumed) stays its own, and connections opened count for all.
    #[must_use]
    pub fn fork(&self) -> Self {
        let limit = self.recalled.lock().unwrap_or_else(PoisonError::into_inner).limit;
        Self {
            arena: Arc::clone(&self.arena),
            index: Arc::clone(&self.index),
            sessions: self.sessions,
            hasher: self.hasher.clone(),
            limit: self.limit.min(self.arena.len().saturating_add(self.recorded)),
            recorded: self.recorded,
            sources: self.sources.clone(),
            private: self.private.clone(),
            premasters: self.premasters,
            generation: self.generation,
            recalled: Arc::new(Mutex::new(Sessions { limit, ..Sessions::default() })),
            turns: None,
            pending: Shards::default(),
            gathered: Shards::default(),
        }
    }

    /// What was added: one summary per call of [`Keys::add`], and one for all of [`Keys::add_recorded`].
    pub fn sources(&self) -> impl Iterator<Item = KeySummary> {
        self.sources.iter().enumerate().map(|(place, source)| {
            let private = self.private.iter().filter(|key| key.source() == place).map(RsaKey::used).sum::<u64>();
            KeySummary { connections: source.opened.load(Ordering::Relaxed) + private, ..source.summary }
        })
    }

    /// Whether there is neither a secret nor a private key.
    pub const fn is_empty(&self) -> bool {
        self.sessions == 0 && self.private.is_empty()
    }

    /// Sessions that key logs have secrets for.
    pub const fn sessions(&self) -> usize {
        self.sessions
    }

    /// RSA private keys.
    pub(crate) fn private_keys(&self) -> &[RsaKey] {
        &self.private
    }

    /// Changes whenever keys were added.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there are keys that yield premaster secrets only, so that handshakes must be kept (RFC 7627).
    pub(crate) const fn has_premasters(&self) -> bool {
        self.premasters
    }

    /// The latest secret with this label and identifier.
    pub(crate) fn secret(&self, label: Label, id: &[u8]) -> Option<Found<'_>> {
        self.secrets(&session_id(label, id)).find(|(found, _)| *found == label as u8).map(|(_, found)| found)
    }

    /// All secrets with this label and identifier, the latest first: lines that contradict each other. Bounded, for each
    /// takes a trial.
    pub(crate) fn all_secrets<'k>(&'k self, label: Label, id: &[u8]) -> impl Iterator<Item = Found<'k>> + use<'k> {
        const TRIED: usize = 64;
        let all = self.secrets(&session_id(label, id)).filter(move |(found, _)| *found == label as u8);
        all.map(|(_, found)| found).take(TRIED)
    }

    /// Whether there is any secret for a client random.
    pub(crate) fn knows(&self, client_random: &[u8; 32]) -> bool {
        self.secrets(&session_id(Label::ClientRandom, client_random)).next().is_some()
    }

    /// A connection was opened thanks to this.
    pub(crate) fn mark_origin(&self, origin: Origin) {
        match origin {
            Origin::Log(source) => {
                if let Some(source) = self.sources.get(usize::from(source)) {
                    source.opened.fetch_add(1, Ordering::Relaxed);
                }
            }
            Origin::Private(index) => {
                if let Some(key) = self.private.get(index) {
                    key.mark_used();
                }
            }
            Origin::Resumed => {}
        }
    }

    /// Remembers a master secret for later connections that resume the session.
    pub(crate) fn remember(&self, session: [u8; 16], master: &MasterSecret) {
        let mut sessions = self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        match &self.turns {
            None => sessions.insert(session, Secret::new(*master)),
            Some(turns) => {
                sessions.early.push((turns.now(), session, Secret::new(*master)));
                if sessions.early.len() > EARLY {
                    sessions.settle(turns.settled());
                }
            }
        }
    }

    /// The master secret of an earlier connection's session.
    pub(crate) fn recall(&self, session: &[u8; 16]) -> Option<MasterSecret> {
        if let Some(turns) = &self.turns {
            turns.wait();
        }
        let mut sessions = self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = &self.turns {
            sessions.settle(turns.now().saturating_add(1));
        }
        sessions.secrets.get(session).map(|secret| *secret.reveal())
    }

    /// Bytes a copy of the secrets takes, where one is needed.
    pub(crate) fn size(&self) -> usize {
        self.arena.len() + self.index.len() * size_of::<u32>()
    }

    /// The same keys for one of several that read different connections of the same recording at the same time. What each
    /// remembers all recall, as if they took turns. Secrets found in the recording must be added to each.
    pub(crate) fn twin(&self, turns: Arc<dyn Turns>) -> Self {
        Self { recalled: Arc::clone(&self.recalled), turns: Some(turns), limit: self.limit, ..self.fork() }
    }

    /// Counts what a twin opened with secrets that were added to both, once all twins are done.
    pub(crate) fn absorb(&self, twin: &Self) {
        for (source, other) in self.sources.iter().zip(&twin.sources) {
            if !Arc::ptr_eq(&source.opened, &other.opened) {
                source.opened.fetch_add(other.opened.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        self.private.iter().zip(&twin.private).for_each(|(key, other)| key.absorb(other));
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner).settle(u64::MAX);
    }

    fn add_private(&mut self, keys: Vec<RsaKey>) -> Result<KeySummary, KeyError> {
        let summary = KeySummary {
            kind: KeyKind::RsaPrivateKey,
            secrets: keys.len() as u64,
            ignored: 0,
            damaged: 0,
            dropped: 0,
            connections: 0,
        };
        for key in keys {
            if !self.private.iter().any(|known| known.is_same(&key)) {
                self.private.push(key.from(self.sources.len()));
            }
        }
        self.premasters = true;
        self.generation += 1;
        self.sources.push(Source { summary, opened: Arc::default() });
        Ok(summary)
    }

    fn add_log(&mut self, text: &[u8], kind: KeyKind) -> KeySummary {
        let recorded = self.sources.iter().position(|source| source.summary.kind == KeyKind::Recorded);
        let place = match recorded {
            Some(place) if kind == KeyKind::Recorded => place,
            _ => {
                let empty = KeySummary { kind, secrets: 0, ignored: 0, damaged: 0, dropped: 0, connections: 0 };
                self.sources.push(Source { summary: empty, opened: Arc::default() });
                self.sources.len() - 1
            }
        };
        let source = u8::try_from(place).unwrap_or(u8::MAX);
        let mut summary = KeySummary { kind, secrets: 0, ignored: 0, damaged: 0, dropped: 0, connections: 0 };
        let mut rest = text;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            match Line::parse(line) {
                Line::Blank => {}
                Line::Ignored => summary.ignored += 1,
                Line::Damaged => summary.damaged += 1,
                Line::Secret { label, id, value } => {
                    if self.insert(label, id.bytes(), value.bytes(), source) {
                        summary.secrets += 1;
                    } else {
                        summary.dropped += 1;
                    }
                }
            }
        }
        self.generation += 1;
        if let Some(source) = self.sources.get_mut(place) {
            source.summary.secrets += summary.secrets;
            source.summary.ignored += summary.ignored;
            source.summary.damaged += summary.damaged;
            source.summary.dropped += summary.dropped;
        }
        summary
    }

    /// Keeps a secret; `false` if there is no room.
    fn insert(&mut self, label: Label, id: &[u8], value: &[u8], source: u8) -> bool {
        let id = session_id(label, id);
        if self.secrets(&id).any(|(known, found)| known == label as u8 && found.value == value) {
            return true;
        }
        let known = self.session(&id);
        let needed = SECRET_HEADER + value.len() + if known.is_none() { ID + 4 } else { 0 };
        let (Ok(length), true) = (u8::try_from(value.len()), self.arena.len() + needed <= self.limit) else {
            return false;
        };
        let session = known.unwrap_or_else(|| self.new_session(&id));
        let head = self.word(session + ID);
        let secret = self.arena.len();
        let arena = Arc::make_mut(&mut self.arena);
        arena.extend_from_slice(&head.to_le_bytes());
        arena.extend_from_slice(&[label as u8, source, length]);
        arena.extend_from_slice(value);
        if let (Some(head), Ok(secret)) = (arena.get_mut(session + ID..session + ID + 4), u32::try_from(secret)) {
            head.copy_from_slice(&secret.to_le_bytes());
        }
        self.premasters |= matches!(label, Label::Rsa | Label::PremasterClientRandom);
        true
    }

    fn new_session(&mut self, id: &[u8; ID]) -> usize {
        let session = self.arena.len();
        let arena = Arc::make_mut(&mut self.arena);
        arena.extend_from_slice(id);
        arena.extend_from_slice(&0_u32.to_le_bytes());
        self.sessions += 1;
        // At most three quarters full.
        if self.sessions * 4 > self.index.len() * 3 {
            let grown = vec![0; (self.index.len() * 2).max(16)];
            let old = std::mem::replace(&mut self.index, Arc::new(grown));
            for offset in old.iter().copied().filter(|offset| *offset != 0) {
                let id: Option<[u8; ID]> = self.id_at(offset as usize - 1).and_then(|id| id.try_into().ok());
                if let Some(id) = id {
                    self.place(&id, offset);
                }
            }
        }
        self.place(id, u32::try_from(session + 1).unwrap_or_default());
        session
    }

    /// Puts an offset into the first free place.
    fn place(&mut self, id: &[u8; ID], offset: u32) {
        let mask = self.index.len().wrapping_sub(1);
        let mut at = self.hasher.hash_one(id) as usize & mask;
        let index = Arc::make_mut(&mut self.index);
        while let Some(entry) = index.get_mut(at) {
            if *entry == 0 {
                *entry = offset;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Offset of a session in the arena.
    fn session(&self, id: &[u8; ID]) -> Option<usize> {
        let mask = self.index.len().checked_sub(1)?;
        let mut at = self.hasher.hash_one(id) as usize & mask;
        loop {
            let offset = (*self.index.get(at)? as usize).checked_sub(1)?;
            if self.id_at(offset) == Some(id) {
                return Some(offset);
            }
            at = (at + 1) & mask;
        }
    }

    fn id_at(&self, offset: usize) -> Option<&[u8]> {
        self.arena.get(offset..offset + ID)
    }

    fn word(&self, offset: usize) -> u32 {
        let bytes = self.arena.get(offset..).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// All secrets of a session with their labels, the latest first.
    fn secrets<'k>(&'k self, id: &[u8; ID]) -> impl Iterator<Item = (u8, Found<'k>)> + use<'k> {
        let mut at = self.session(id).map_or(0, |session| self.word(session + ID)) as usize;
        std::iter::from_fn(move || {
            // Offset 0 is a session, so it ends the chain.
            let secret = self.arena.get(at..).filter(|_| at != 0)?;
            let (header, rest) = secret.split_first_chunk::<SECRET_HEADER>()?;
            let [n0, n1, n2, n3, label, source, length] = *header;
            at = u32::from_le_bytes([n0, n1, n2, n3]) as usize;
            Some((label, Found { value: rest.get(..usize::from(length))?, source }))
        })
    }
}

/// The 16 bytes a session is known by.
fn session_id(label: Label, id: &[u8]) -> [u8; ID] {
    match (label, id.last_chunk()) {
        (Label::Rsa | Label::SessionId, _) | (_, None) => short_digest(id),
        (_, Some(tail)) => *tail,
    }
}

/// Half of the SHA-256 of a ticket or session id: enough to know it again.
pub(crate) fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.first_chunk().copied().unwrap_or_default()
}

/// The order in which twins must seem to have worked: each has a turn, numbered over all of them, for every event.
pub(crate) trait Turns: Send + Sync {
    /// The number of this twin's turn.
    fn now(&self) -> u64;

    /// All turns before this one are over.
    fn settled(&self) -> u64;

    /// Waits until all turns before this twin's are over.
    fn wait(&self);
}

/// Sessions that twins remembered and that may wait for their turn before it is looked which can be taken in.
const EARLY: usize = 64;

/// Master secrets of sessions that may be resumed, the oldest first.
#[derive(Default)]
struct Sessions {
    secrets: HashMap<[u8; 16], Secret<MasterSecret>, RandomState>,
    order: VecDeque<[u8; 16]>,
    limit: usize,
    /// Remembered in turns that need not be next, with their numbers.
    early: Vec<(u64, [u8; 16], Secret<MasterSecret>)>,
}

impl Sessions {
    fn insert(&mut self, session: [u8; 16], master: Secret<MasterSecret>) {
        if self.secrets.insert(session, master).is_some() {
            return;
        }
        self.order.push_back(session);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.secrets.remove(&oldest);
        }
    }

    /// Takes in what was remembered before a turn, all of which are over.
    fn settle(&mut self, turn: u64) {
        // Stable: one turn's own order stays.
        self.early.sort_by_key(|(number, ..)| *number);
        let due = self.early.partition_point(|(number, ..)| *number < turn);
        let due: Vec<_> = self.early.drain(..due).collect();
        for (_, session, master) in due {
            self.insert(session, master);
        }
    }
}

/// Bytes that were written in hexadecimal. Longer ones than any secret are damaged.
struct Hex {
    bytes: [u8; 255],
    length: u8,
}

impl Hex {
    fn parse(digits: &[u8]) -> Option<Self> {
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let mut hex = Self { bytes: [0; 255], length: u8::try_from(pairs.len()).ok()? };
        for (to, [high, low]) in hex.bytes.iter_mut().zip(pairs) {
            let digit = |digit: &u8| (*digit as char).to_digit(16);
            *to = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
        }
        Some(hex)
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Whether the text begins with the label of a secret, so that it is a key log whatever follows.
fn begins_with_label(text: &[u8]) -> bool {
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next().is_some_and(|word| Label::parse(word).is_some_and(|label| label != Label::Rsa))
}

/// One line of a key log.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
enum Line {
    /// Nothing, or a comment.
    Blank,
    /// A secret of no use here.
    Ignored,
    /// Not a line of a key log, or a broken one.
    Damaged,
    /// A secret.
    Secret { label: Label, id: Hex, value: Hex },
}

impl Line {
    fn parse(line: &[u8]) -> Self {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(first) = words.next().filter(|word| !word.starts_with(b"#")) else { return Self::Blank };
        let (Some(id), Some(value), None) = (words.next(), words.next(), words.next()) else { return Self::Damaged };
        let old = (id.strip_prefix(b"Session-ID:"), value.strip_prefix(b"Master-Key:"));
        let (label, id, value) = match (Label::parse(first), old) {
            (Some(Label::Rsa), (Some(id), Some(value))) => (Some(Label::SessionId), id, value),
            (label, _) => (label, id, value),
        };
        let (Some(id), Some(value)) = (Hex::parse(id), Hex::parse(value)) else { return Self::Damaged };
        match label {
            Some(label) if label.fits(id.bytes().len(), value.bytes().len()) => Self::Secret { label, id, value },
            Some(_) => Self::Damaged,
            None => Self::Ignored,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn unhex(digits: &str) -> Vec<u8> {
        digits.as_bytes().chunks(200).flat_map(|part| Hex::parse(part).expect("hexadecimal").bytes().to_vec()).collect()
    }

    fn line(label: &str, id: u8, value: u8, length: usize) -> String {
        format!("{label} {} {}\n", format!("{id:02x}").repeat(32), format!("{value:02x}").repeat(length))
    }

    #[test]
    fn a_fork_shares_the_keys_and_what_they_opened_but_learns_alone() {
        let line = |random: &str| format!("CLIENT_RANDOM {} {}\n", random.repeat(32), "ab".repeat(48));
        let mut keys = Keys::default();
        keys.add(line("01").as_bytes()).unwrap();
        let mut fork = keys.fork();
        assert!(Arc::ptr_eq(&keys.arena, &fork.arena));
        fork.mark_origin(Origin::Log(0));
        assert_eq!(keys.sources().next().map(|source| source.connections), Some(1));
        fork.add_recorded(line("01").as_bytes());
        assert!(Arc::ptr_eq(&keys.arena, &fork.arena), "a secret that is known is not copied");
        fork.add_recorded(line("02").as_bytes());
        assert!(fork.knows(&[2; 32]) && fork.knows(&[1; 32]) && !keys.knows(&[2; 32]));
        fork.remember([7; 16], &[9; 48]);
        assert!(fork.recall(&[7; 16]).is_some() && fork.fork().recall(&[7; 16]).is_none());
    }

    #[test]
    fn reads_every_kind_of_line() {
        let log = [
            "# SSL/TLS secrets log file, generated by NSS\r\n\r\n   \n",
            &line("CLIENT_RANDOM", 1, 0xa1, 48).replace('\n', "\r\n"),
            &line("CLIENT_HANDSHAKE_TRAFFIC_SECRET", 2, 0xa2, 32),
            &line("SERVER_HANDSHAKE_TRAFFIC_SECRET", 2, 0xa3, 32),
            &line("CLIENT_TRAFFIC_SECRET_0", 2, 0xa4, 32).to_uppercase(),
            &line("SERVER_TRAFFIC_SECRET_0", 2, 0xa5, 48),
            &line("CLIENT_EARLY_TRAFFIC_SECRET", 2, 0xa6, 32),
            &line("EXPORTER_SECRET", 2, 0xa7, 32),
            &line("EARLY_EXPORTER_SECRET", 2, 0xa7, 32),
            &line("PMS_CLIENT_RANDOM", 3, 0xa8, 48),
            &format!("RSA 0102030405060708 {}\n", "a9".repeat(48)),
            &format!("RSA Session-ID:0b0c Master-Key:{}\n", "aa".repeat(48)),
            "CLIENT_RANDOM 01 02\nCLIENT_RANDOM zz\nSERVER_TRAFFIC_SECRET_0 \0\n",
            &line("CLIENT_RANDOM", 4, 0xab, 48).trim_end()[..100],
        ]
        .concat();
        let mut keys = Keys::default();
        let summary = keys.add(log.as_bytes()).unwrap();
        assert_eq!((summary.kind, summary.secrets, summary.ignored, summary.damaged), (KeyKind::Log, 9, 2, 4));
        let value = |label, id: &[u8]| keys.secret(label, id).map(|found| (found.value[0], found.value.len()));
        assert_eq!(value(Label::ClientRandom, &[1; 32]), Some((0xa1, 48)));
        assert_eq!(value(Label::ClientHandshakeTraffic, &[2; 32]), Some((0xa2, 32)));
        assert_eq!(value(Label::ServerHandshakeTraffic, &[2; 32]), Some((0xa3, 32)));
        assert_eq!(value(Label::ClientTraffic, &[2; 32]), Some((0xa4, 32)));
        assert_eq!(value(Label::ServerTraffic, &[2; 32]), Some((0xa5, 48)));
        assert_eq!(value(Label::ClientEarlyTraffic, &[2; 32]), Some((0xa6, 32)));
        assert_eq!(value(Label::PremasterClientRandom, &[3; 32]), Some((0xa8, 48)));
        assert_eq!(value(Label::Rsa, &[1, 2, 3, 4, 5, 6, 7, 8]), Some((0xa9, 48)));
        assert_eq!(value(Label::SessionId, &[11, 12]), Some((0xaa, 48)));
        assert_eq!(value(Label::ClientRandom, &[4; 32]), None);
        assert!(keys.knows(&[2; 32]) && !keys.knows(&[9; 32]) && keys.has_premasters());
    }

    #[test]
    fn the_latest_line_wins_and_equal_lines_take_no_room() {
        let mut keys = Keys::default();
        let one = line("CLIENT_RANDOM", 1, 0xa1, 48);
        keys.add(one.as_bytes()).unwrap();
        let size = keys.arena.len();
        keys.add(one.as_bytes()).unwrap();
        assert_eq!(keys.arena.len(), size);
        keys.add(line("CLIENT_RANDOM", 1, 0xa2, 48).as_bytes()).unwrap();
        let found = keys.secret(Label::ClientRandom, &[1; 32]).unwrap();
        assert_eq!((found.value[0], found.source), (0xa2, 2));
        keys.mark_origin(Origin::Log(found.source));
        assert_eq!(keys.sources().map(|source| source.connections).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!(keys.generation(), 3);
    }

    #[test]
    fn many_sessions_in_little_room() {
        let log: String = (0..20_000).map(|i: u32| format!("CLIENT_RANDOM {i:064x} {:096x}\n", i * 7)).collect();
        let mut keys = Keys::default();
        assert_eq!(keys.add_recorded(log.as_bytes()).secrets, 20_000);
        assert!(keys.arena.len() <= 20_000 * 75 && keys.index.len() <= 32_768);
        for i in [0_u32, 1, 777, 19_999] {
            let id = unhex(&format!("{i:064x}"));
            assert_eq!(keys.secret(Label::ClientRandom, &id).unwrap().value, unhex(&format!("{:096x}", i * 7)));
        }
        let mut small = Keys::new(&Limits { keys: 1000, ..Limits::default() });
        let summary = small.add(log.as_bytes()).unwrap();
        assert_eq!((summary.secrets, summary.dropped), (13, 19_987));
    }

    #[test]
    fn tells_what_a_file_is_by_its_content() {
        let mut keys = Keys::default();
        let utf16: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(line("CLIENT_RANDOM", 1, 1, 48).encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(keys.add(&utf16).unwrap().secrets, 1);
        let bom = format!("\u{feff}{}", line("CLIENT_RANDOM", 2, 1, 48));
        assert_eq!(keys.add(bom.as_bytes()).unwrap().secrets, 1);
        for (file, error) in [
            (&b""[..], KeyError::Empty),
            (b"# nothing yet\n", KeyError::Empty),
            (b" \r\n\r\n", KeyError::Empty),
            (b"\xef\xbb\xbf", KeyError::Empty),
            (b"\xff\xfe", KeyError::Empty),
            (b"CLIENT_RANDOM 0102", KeyError::Empty),
            (b"EXPORTER_SECRET 0102 0304\n", KeyError::Empty),
            (b"hello world\n", KeyError::Unknown),
            (b"\x89PNG\r\n\x1a\n", KeyError::Unknown),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", KeyError::NoPrivateKey),
            (b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", KeyError::NotRsa),
            (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----\n", KeyError::Encrypted),
            (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", KeyError::Damaged),
            (b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n", KeyError::Cut),
            (b"\x30\x82\x01\x00aaaa", KeyError::Der),
        ] {
            assert_eq!(keys.add(file), Err(error), "{}", String::from_utf8_lossy(file));
        }
        assert_eq!(keys.sources().count(), 2);
    }

    #[test]
    fn remembered_sessions_are_bounded() {
        let keys = Keys::new(&Limits { tls_sessions: 2, ..Limits::default() });
        for i in 1..=3 {
            keys.remember([i; 16], &[i; 48]);
        }
        assert_eq!((keys.recall(&[1; 16]), keys.recall(&[3; 16])), (None, Some([3; 48])));
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut keys = Keys::default();
        keys.add(line("CLIENT_RANDOM", 0x11, 0xee, 48).as_bytes()).unwrap();
        assert!(!format!("{keys:?}").to_lowercase().contains("eeee") && !format!("{keys:?}").contains("238"));
    }
}
