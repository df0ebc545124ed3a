//! One direction of a connection: where its stream is, under which keys, and what could not be read.

use std::collections::VecDeque;

use super::{
    cipher::{Opened, Opener},
    compression::Inflate,
    messages::Messages,
    record::{APPLICATION_DATA, Buffer, CHANGE_CIPHER_SPEC, Header, Reader},
    schedule::TrafficSecret,
    session::Place,
};
use crate::{bounded::Reservation, connection::Reason, evidence::At, flow::End, secrets::Origin};

/// Which keys protect the records of a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// None yet.
    #[default]
    Clear,
    /// TLS 1.3: those of early data.
    Early,
    /// TLS 1.3: those of the handshake.
    Handshake,
    /// TLS 1.3: those of application data.
    Application,
    /// TLS 1.2 and older: those of a finished negotiation.
    Legacy,
}

/// Bytes of memory that undoing compression takes, about: most is its window.
const INFLATE: usize = 48 << 10;

/// Keys in use.
pub(crate) struct Keyed {
    pub(crate) opener: Opener,
    /// Number of the next record under these keys.
    pub(crate) sequence: u64,
    /// TLS 1.3: what the next keys come from.
    pub(crate) secret: Option<TrafficSecret>,
    /// Whom to thank when the first record opens.
    pub(crate) origin: Option<Origin>,
    /// The records are compressed.
    pub(crate) compressed: bool,
    pub(crate) inflate: Option<Box<Inflate>>,
    /// The explicit nonce of the last record, and its sequence number.
    nonce: Option<(u64, u64)>,
    /// Other keys that may be the right ones, until a record opens: the key log contradicts itself.
    pub(crate) rivals: Vec<Self>,
}

impl Keyed {
    pub(crate) const fn new(opener: Opener, secret: Option<TrafficSecret>, origin: Option<Origin>) -> Self {
        let rivals = Vec::new();
        Self { opener, sequence: 0, secret, origin, compressed: false, inflate: None, nonce: None, rivals }
    }

    /// Opens a record with one sequence number; the one after it is expected next.
    pub(crate) fn open(&mut self, sequence: u64, header: Header, body: &mut [u8]) -> Option<Opened> {
        let nonce = self.opener.explicit_nonce(body);
        let opened = self.opener.open(sequence, header, body)?;
        self.nonce = nonce.map(|nonce| (nonce, sequence));
        self.sequence = sequence.saturating_add(1);
        Some(opened)
    }

    /// The sequence number a record has if its sender counts in its nonces, as most do.
    pub(crate) fn counted(&self, body: &[u8]) -> Option<u64> {
        let (nonce, sequence) = self.nonce?;
        sequence.checked_add(self.opener.explicit_nonce(body)?.checked_sub(nonce)?)
    }
}

/// Something that must wait for keys, or for the other direction.
pub(crate) enum Waiting {
    /// A record.
    Record(Buffer, Place),
    /// So many bytes that are lost.
    Gap(u64),
}

/// One direction.
#[derive(Default)]
pub(crate) struct Direction {
    pub(crate) reader: Reader,
    pub(crate) epoch: Epoch,
    pub(crate) keyed: Option<Keyed>,
    pub(crate) messages: Messages,
    /// Negotiations whose keys this direction has taken into use (before TLS 1.3).
    pub(crate) changes: usize,
    /// The direction's hello was seen.
    pub(crate) hello: bool,

    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) held: Option<Reservation>,
    pub(crate) held_bytes: usize,
    /// More waited than may be held: what waits further is lost at once.
    pub(crate) overflowed: bool,

    /// Records so far.
    pub(crate) records: u64,
    /// Records that may hold application data, and the bytes of their bodies.
    pub(crate) application: u64,
    pub(crate) application_bytes: u64,
    /// ChangeCipherSpec was seen.
    pub(crate) change_seen: bool,
    /// Records that opened.
    pub(crate) opened: u64,
    /// Bytes of application data handed out.
    pub(crate) plaintext: u64,

    /// Records may be missing before the next one: so many bytes were lost since the last that opened.
    pub(crate) missing: Option<u64>,
    /// Records are passed over until one opens: they are under keys that are not known or not used.
    pub(crate) passing: Option<Passing>,
    /// Early data had no key.
    pub(crate) early_data_lost: bool,
    /// Bytes put through trials after gaps.
    pub(crate) tried: u64,
    /// Ciphertext since the last plaintext that gave none.
    pub(crate) lost: u64,
    /// Records in a row that did not open.
    pub(crate) failures: u32,
    /// Number of the first record that was not authentic.
    pub(crate) not_authentic: Option<u64>,
    /// Bytes of the stream were never recorded.
    pub(crate) gap: bool,
    /// Nothing further is read.
    pub(crate) given_up: Option<Reason>,
    pub(crate) end: Option<(End, At)>,
    pub(crate) end_told: bool,
    /// The last position.
    pub(crate) at: Option<At>,
    /// Offset in the stream at or before which the record at hand begins.
    pub(crate) began: u64,
}

/// Why records that do not open are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// They are of the handshake, or early data that the server did not take.
    Silently,
    /// They are early data without a key.
    Lost,
}

impl Direction {
    /// Bytes of memory it takes besides its own, about, without records that come in pieces or wait: those have bounds of
    /// their own.
    pub(crate) fn weight(&self) -> usize {
        let keyed = self.keyed.as_ref().map_or(0, |keyed| {
            let inflate = keyed.inflate.as_ref().map_or(0, |_| INFLATE);
            let rivals = keyed
                .rivals
                .iter()
                .fold(0, |sum, rival| size_of::<Keyed>().saturating_add(rival.opener.weight()).saturating_add(sum));
            keyed.opener.weight().saturating_add(inflate).saturating_add(rivals)
        });
        let waiting = self.waiting.capacity().saturating_mul(size_of::<Waiting>());
        self.messages.weight().saturating_add(keyed).saturating_add(waiting)
    }

    /// Counts a record by its header.
    pub(crate) fn count(&mut self, header: Header) {
        self.change_seen |= header.content_type == CHANGE_CIPHER_SPEC;
        if header.content_type == APPLICATION_DATA {
            self.application += 1;
            self.application_bytes += u64::from(header.length);
        }
    }

    /// `bytes` give no plaintext, and so records may be missing.
    pub(crate) fn lose(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
        self.missing = Some(self.missing.unwrap_or(0).saturating_add(bytes));
        self.messages.reset(true);
    }

    /// Whether records can still be read, now or with more keys.
    pub(crate) const fn is_alive(&self) -> bool {
        self.given_up.is_none() && self.end.is_none()
    }

    /// Nothing further is read, and nothing is held.
    pub(crate) fn give_up(&mut self, reason: Reason) {
        if self.given_up.is_none() {
            self.given_up = Some(reason);
        }
        let held: u64 = self.waiting.drain(..).map(|waiting| waiting.bytes()).sum();
        self.lost = self.lost.saturating_add(held);
        self.release();
        self.keyed = None;
        self.messages = Messages::default();
    }

    /// Why records at the end of what was read did not open, or some before it, though nothing was given up.
    pub(crate) fn unread(&self) -> Option<Reason> {
        let failed = self.failures > 0;
        if failed && self.missing.is_some() {
            return Some(Reason::Gap);
        }
        let without_key = failed && self.passing.is_some() && self.epoch == Epoch::Application;
        (without_key || self.early_data_lost).then_some(Reason::KeyIncomplete)
    }

    /// Gives the memory of what waited back.
    pub(crate) fn release(&mut self) {
        self.waiting = VecDeque::new();
        self.held = None;
        self.held_bytes = 0;
    }
}

impl Waiting {
    /// Bytes of the stream.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Record(buffer, _) => buffer.bytes().len() as u64,
            Self::Gap(bytes) => *bytes,
        }
    }
}
