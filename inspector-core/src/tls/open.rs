//! Records to their content: which keys a record is under, and what is tried when it does not open.

use super::{
    cipher::Opened,
    direction::{Epoch, Keyed, Passing},
    hello::{self, ClientHello},
    negotiation::Derived,
    record::{ALERT, APPLICATION_DATA, Buffer, CHANGE_CIPHER_SPEC, HANDSHAKE, Header, MIN_PROTECTED},
    session::{EarlyData, Env, Flow, Place, Tls},
    suites::Suite,
};
use crate::{
    connection::Reason,
    flow::Side,
    note::{Note, NoteKind},
    secrets::{Origin, keylog::Keys},
};

/// Records in a row that do not open before a direction is given up.
const MAX_FAILURES: u32 = 16;
/// Failing records in a row that are noted one by one.
const NOTED_FAILURES: u32 = 3;
/// Records in a row that do not open after a gap before a direction is given up.
const MAX_SEARCHES: u32 = 64;
/// Records in a row that are passed over before a direction is given up.
const MAX_PASSED: u32 = 4096;
/// Sequence numbers tried from either end of the possible ones after a gap.
const SEARCHED_NUMBERS: u64 = 512;
/// Bytes of records put through trials per direction before it is given up.
const SEARCHED_BYTES: u64 = 64 << 20;

impl Tls {
    /// Deals with one record, as far as that is possible now.
    pub(super) fn process(&mut self, role: Side, record: &mut Buffer, place: Place, env: &mut Env<'_, '_>) -> Flow {
        let direction = self.direction(role);
        if direction.given_up.is_some() {
            direction.lost += record.bytes().len() as u64;
            return Flow::Done;
        }
        let Some(header) = record.header() else {
            if let (Side::Client, Some(hello)) = (role, ClientHello::parse_v2(record.bytes())) {
                self.client_hello(hello, &[], env);
            }
            return Flow::Done;
        };
        match (direction.epoch, header.content_type) {
            (Epoch::Clear, _) => self.process_clear(role, header, record, place, env),
            // What is needed to go on after it must be there before it is opened.
            (Epoch::Legacy, CHANGE_CIPHER_SPEC) => match self.derive(role, env) {
                Derived::Ready => self.open(role, header, record, place, env),
                _ => Flow::Wait,
            },
            (Epoch::Legacy, _) => self.open(role, header, record, place, env),
            (_, APPLICATION_DATA) => self.process_protected(role, header, record, place, env),
            (_, HANDSHAKE) if record.body().first() == Some(&hello::CLIENT_HELLO) => {
                // The hello that answers a HelloRetryRequest, behind refused early data.
                self.direction(role).messages.reset(false);
                self.handshake(role, record.body(), env);
                Flow::Done
            }
            (_, ALERT) => {
                self.alert(role, record.body());
                Flow::Done
            }
            _ => Flow::Done,
        }
    }

    /// A record before its direction is protected.
    pub(super) fn process_clear(
        &mut self,
        role: Side,
        header: Header,
        record: &mut Buffer,
        place: Place,
        env: &mut Env<'_, '_>,
    ) -> Flow {
        let limit = env.cx.limits.tls_handshake;
        let direction = self.direction(role);
        match header.content_type {
            HANDSHAKE if direction.messages.begin(record.body(), limit) => {
                self.handshake(role, record.body(), env);
                return Flow::Done;
            }
            ALERT if record.body().len() == 2 => {
                self.alert(role, record.body());
                return Flow::Done;
            }
            HANDSHAKE | ALERT | CHANGE_CIPHER_SPEC | APPLICATION_DATA => {}
            _ => return Flow::Done,
        }
        if !direction.hello {
            // Its hello would have come before.
            if header.content_type != ALERT {
                let reason = if direction.gap { Reason::Gap } else { Reason::HandshakeMissing };
                self.give_up(reason);
            }
            return Flow::Done;
        }
        if !self.known.server_hello {
            return Flow::Wait;
        }
        match (self.is_tls13(), header.content_type) {
            (true, APPLICATION_DATA) => self.start_tls13(role, header, record, place, env),
            (true, _) => Flow::Done,
            (false, CHANGE_CIPHER_SPEC) => match self.change_keys(role, env) {
                Derived::Ready | Derived::Never(_) => Flow::Done,
                Derived::Later | Derived::Missing(_) => Flow::Wait,
            },
            // ChangeCipherSpec is in a gap.
            (false, _) if self.direction(role).missing.is_some() => match self.change_keys(role, env) {
                Derived::Ready => self.open(role, header, record, place, env),
                Derived::Never(_) => Flow::Done,
                Derived::Later | Derived::Missing(_) => Flow::Wait,
            },
            (false, _) => {
                self.direction(role).lost += record.bytes().len() as u64;
                Flow::Done
            }
        }
    }

    /// The first protected record of a direction in TLS 1.3.
    pub(super) fn start_tls13(
        &mut self,
        role: Side,
        header: Header,
        record: &mut Buffer,
        place: Place,
        env: &mut Env<'_, '_>,
    ) -> Flow {
        let [_, server] = &self.directions;
        let server_may_tell = server.is_alive() && server.epoch != Epoch::Application;
        let (epoch, passing) = match (role, self.early_offered, self.early) {
            (Side::Server, ..) | (Side::Client, false, _) => (Epoch::Handshake, None),
            (Side::Client, true, EarlyData::Unknown) if server_may_tell => return Flow::Wait,
            (Side::Client, true, EarlyData::Unknown) => (Epoch::Handshake, Some(Passing::Lost)),
            (Side::Client, true, EarlyData::Refused) => (Epoch::Handshake, Some(Passing::Silently)),
            (Side::Client, true, EarlyData::Accepted) => (Epoch::Early, None),
        };
        let direction = self.direction(role);
        direction.epoch = epoch;
        direction.passing = passing;
        direction.messages.reset(false);
        self.process_protected(role, header, record, place, env)
    }

    /// A protected record of TLS 1.3.
    pub(super) fn process_protected(
        &mut self,
        role: Side,
        header: Header,
        record: &mut Buffer,
        place: Place,
        env: &mut Env<'_, '_>,
    ) -> Flow {
        while self.direction(role).keyed.is_none() {
            let epoch = self.direction(role).epoch;
            if !Suite::find(self.known.suite).is_some_and(Suite::is_tls13) {
                self.give_up(Reason::SuiteUnsupported);
                return Flow::Done;
            }
            let keyed = self.traffic_keys(role, epoch, env.cx.keys);
            let without = keyed.is_none();
            let application_known = without && self.traffic_keys(role, Epoch::Application, env.cx.keys).is_some();
            let direction = self.direction(role);
            direction.keyed = keyed;
            match epoch {
                _ if !without => self.missing = None,
                Epoch::Early => {
                    direction.epoch = Epoch::Handshake;
                    direction.passing = Some(Passing::Lost);
                }
                // Some logs have the secrets of application data only: records fail until the first of those.
                Epoch::Handshake if application_known => {
                    direction.epoch = Epoch::Application;
                    direction.passing = direction.passing.or(Some(Passing::Silently));
                    self.progress = true;
                }
                _ => {
                    self.missing = Some(self.missing_tls13(env.cx.keys));
                    return Flow::Wait;
                }
            }
        }
        self.open(role, header, record, place, env)
    }

    /// Opens a record and deals with its content, or counts it as lost.
    pub(super) fn open(
        &mut self,
        role: Side,
        header: Header,
        record: &mut Buffer,
        place: Place,
        env: &mut Env<'_, '_>,
    ) -> Flow {
        let body = record.body();
        let direction = self.direction(role);
        let follows = direction.missing.is_none();
        let Some(keyed) = &mut direction.keyed else { return Flow::Done };
        let opened = if keyed.rivals.is_empty() {
            keyed.opener.next_record(body, follows);
            self.attempt(role, header, body, env.cx.keys)
        } else {
            self.contested(role, header, body, env.cx.keys)
        };
        let Some(Opened { content_type, content }) = opened else {
            self.failed(role, header, place, env);
            return Flow::Done;
        };
        let direction = self.direction(role);
        let all_before = direction.missing.is_none() && direction.failures == 0;
        direction.opened += 1;
        direction.failures = 0;
        direction.missing = None;
        direction.passing = None;
        let Some(keyed) = &mut direction.keyed else { return Flow::Done };
        let (origin, compressed) = (keyed.origin.take(), keyed.compressed);
        if let Some(origin) = origin
            && !std::mem::replace(&mut self.opened, true)
        {
            env.cx.keys.mark_origin(origin);
        }
        let Some(content) = content.and_then(|content| record.body().get(content)) else {
            let direction = self.direction(role);
            direction.lost += u64::from(header.length) + 5;
            direction.messages.reset(true);
            return Flow::Done;
        };
        if compressed {
            self.compressed_content(role, content_type, content, all_before, place, env);
        } else {
            self.content(role, content_type, content, place, env);
        }
        Flow::Done
    }

    /// Tries a record with the keys in use, which were told of it.
    fn attempt(&mut self, role: Side, header: Header, body: &mut [u8], keys: &Keys) -> Option<Opened> {
        let direction = self.direction(role);
        if direction.missing.is_some() || direction.passing.is_some() {
            return self.search(role, header, body, keys);
        }
        let keyed = direction.keyed.as_mut()?;
        keyed.open(keyed.sequence, header, body)
    }

    /// Tries a record with each of the keys that contradict each other; those that open it are the right ones.
    #[cold]
    fn contested(&mut self, role: Side, header: Header, body: &mut [u8], keys: &Keys) -> Option<Opened> {
        let direction = self.direction(role);
        let follows = direction.missing.is_none();
        let mut keyed = direction.keyed.take()?;
        let mut all = std::mem::take(&mut keyed.rivals);
        all.insert(0, keyed);
        all.iter_mut().for_each(|one| one.opener.next_record(body, follows));
        let original = body.to_vec();
        let epoch = direction.epoch;
        let mut rest = Vec::with_capacity(all.len());
        for one in all {
            body.copy_from_slice(&original);
            self.direction(role).keyed = Some(one);
            let opened = self.attempt(role, header, body, keys);
            if opened.is_some() {
                return opened;
            }
            let direction = self.direction(role);
            direction.epoch = epoch;
            rest.extend(direction.keyed.take());
        }
        // What failed counts for the first, and their numbers stay the same for all.
        let sequence = rest.first().map_or(0, |first| first.sequence);
        let mut rest = rest.into_iter();
        self.direction(role).keyed = rest.next().map(|mut first| {
            first.rivals = rest.collect();
            first
        });
        let passing = self.direction(role).passing.is_some();
        if let (Some(keyed), true, false) = (&mut self.direction(role).keyed, follows, passing) {
            let next = sequence.saturating_add(1);
            keyed.rivals.iter_mut().for_each(|rival| rival.sequence = next);
        }
        None
    }

    /// The content of a compressed record: it needs all records before it.
    fn compressed_content(
        &mut self,
        role: Side,
        content_type: u8,
        content: &[u8],
        all_before: bool,
        place: Place,
        env: &mut Env<'_, '_>,
    ) {
        let direction = self.direction(role);
        let changes = direction.changes;
        let mut inflate = direction.keyed.as_mut().and_then(|keyed| keyed.inflate.take()).unwrap_or_default();
        let Some(content) = inflate.record(content).filter(|_| all_before) else {
            direction.lost += content.len() as u64 + 5;
            direction.give_up(Reason::Gap);
            return;
        };
        self.content(role, content_type, content, place, env);
        let direction = self.direction(role);
        if let Some(keyed) = &mut direction.keyed
            && direction.changes == changes
        {
            keyed.inflate = Some(inflate);
        }
    }

    fn content(&mut self, role: Side, content_type: u8, content: &[u8], place: Place, env: &mut Env<'_, '_>) {
        match content_type {
            APPLICATION_DATA => self.application_data(role, content, place.at, env),
            HANDSHAKE => {
                let limit = env.cx.limits.tls_handshake;
                if self.direction(role).messages.begin(content, limit) {
                    self.handshake(role, content, env);
                }
            }
            ALERT => self.alert(role, content),
            CHANGE_CIPHER_SPEC if self.direction(role).epoch == Epoch::Legacy => {
                self.change_keys(role, env);
            }
            _ => {}
        }
    }

    /// Tries a record with the sequence numbers and keys it may have: records before it are missing.
    pub(super) fn search(&mut self, role: Side, header: Header, body: &mut [u8], keys: &Keys) -> Option<Opened> {
        let direction = self.direction(role);
        let span = direction.missing.map_or(0, |bytes| bytes / MIN_PROTECTED + 1);
        let mut keyed = direction.keyed.take()?;
        let mut tried = 0;
        if !keyed.opener.can_search() {
            let opened = keyed.open(keyed.sequence, header, body);
            self.direction(role).keyed = Some(keyed);
            return opened;
        }
        let original = body.to_vec();
        let mut attempt = |keyed: &mut Keyed, sequence: u64| {
            body.copy_from_slice(&original);
            tried += original.len() as u64 + 64;
            keyed.open(sequence, header, body)
        };
        let mut opened = keyed.counted(&original).and_then(|sequence| attempt(&mut keyed, sequence));
        let first = keyed.sequence;
        opened = opened.or_else(|| candidates(first, span).find_map(|sequence| attempt(&mut keyed, sequence)));
        let mut epoch = self.direction(role).epoch;
        let mut next = if opened.is_none() && span > 0 { self.keys_after(role, epoch, &keyed, keys) } else { None };
        while let Some((later, mut candidate)) = next.take() {
            let rivals = std::mem::take(&mut candidate.rivals);
            opened = candidates(0, span).find_map(|sequence| attempt(&mut candidate, sequence));
            for mut rival in rivals {
                if opened.is_none() {
                    opened = candidates(0, span).find_map(|sequence| attempt(&mut rival, sequence));
                    if opened.is_some() {
                        candidate = rival;
                    }
                }
            }
            if opened.is_some() {
                (epoch, keyed) = (later, candidate);
            } else if later == Epoch::Handshake {
                next = self.keys_after(role, later, &candidate, keys);
            }
        }
        let direction = self.direction(role);
        direction.epoch = epoch;
        direction.keyed = Some(keyed);
        direction.tried += tried;
        opened
    }

    /// The keys that follow in TLS 1.3.
    pub(super) fn keys_after(&self, role: Side, epoch: Epoch, keyed: &Keyed, keys: &Keys) -> Option<(Epoch, Keyed)> {
        match epoch {
            Epoch::Early => Some((Epoch::Handshake, self.traffic_keys(role, Epoch::Handshake, keys)?)),
            Epoch::Handshake => Some((Epoch::Application, self.traffic_keys(role, Epoch::Application, keys)?)),
            Epoch::Application => {
                let secret = keyed.secret.as_ref()?.next();
                Some((Epoch::Application, self.keyed(secret, keyed.origin.unwrap_or(Origin::Resumed))?))
            }
            Epoch::Clear | Epoch::Legacy => None,
        }
    }

    /// A record did not open.
    pub(super) fn failed(&mut self, role: Side, header: Header, place: Place, env: &mut Env<'_, '_>) {
        let opened = self.opened;
        let direction = self.direction(role);
        direction.failures += 1;
        if direction.passing != Some(Passing::Silently) {
            direction.lost += u64::from(header.length) + 5;
        }
        direction.early_data_lost |= direction.passing == Some(Passing::Lost) && direction.missing.is_none();
        if let Some(missing) = &mut direction.missing {
            *missing = missing.saturating_add(MIN_PROTECTED.max(u64::from(header.length) + 5));
            if direction.failures > MAX_SEARCHES || direction.tried > SEARCHED_BYTES {
                direction.give_up(Reason::Gap);
            }
        } else if direction.passing.is_some() {
            if direction.failures > MAX_PASSED {
                direction.give_up(Reason::KeyIncomplete);
            }
        } else {
            direction.not_authentic.get_or_insert(place.record);
            if let Some(keyed) = &mut direction.keyed {
                keyed.sequence = keyed.sequence.saturating_add(1);
            }
            // A message that was begun cannot go on.
            direction.messages.reset(true);
            if direction.failures <= NOTED_FAILURES {
                let kind = NoteKind::RecordNotAuthentic { record: place.record };
                env.cx.sink.note(Note { at: Some(place.at), connection: Some(env.cx.connection.id), kind });
            }
            if direction.failures >= MAX_FAILURES || (!opened && direction.failures >= NOTED_FAILURES) {
                direction.give_up(Reason::NotAuthentic);
            }
        }
    }
}

/// Sequence numbers from `first` to `span` after it, but for the middle of a long row: the ends come first.
fn candidates(first: u64, span: u64) -> impl Iterator<Item = u64> {
    let low = span.min(SEARCHED_NUMBERS);
    let high = span.saturating_sub(SEARCHED_NUMBERS).max(low + 1);
    (0..=low).chain((high..=span).rev()).filter_map(move |ahead| first.checked_add(ahead))
}
