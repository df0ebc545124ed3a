//! A TLS connection: two streams of records to two streams of plaintext.
//!
//! The two directions come one after the other in any mixture, as the capture has them: the server's records may be
//! there before the ClientHello is, and secrets may come later than the records they open. A record that cannot be
//! read yet waits in its direction, within bounds; everything behind it waits with it, so that order is kept.
//!
//! ```text
//!            +-- Reader --> record --+--> process --> message: hellos, Finished, KeyUpdate: change keys
//!  stream ---+                       |           \--> application data --> TlsEvent::Data
//!            +-- gap, damage --------+--> wait, while keys or the other side's handshake are missing
//! ```
//!
//! Only authenticated plaintext leaves. What cannot be opened is a fact ([`Tls::facts`], notes, [`TlsEvent::Gap`]).

use std::{borrow::Cow, sync::Arc};

use super::{
    cipher::{Opened, Opener},
    direction::{Direction, Epoch, Keyed, Passing, Waiting},
    facts::{TlsFacts, describe},
    hello::{self, ClientHello, EncryptedExtensions, ServerHello},
    keylog::{Keys, Label},
    negotiation::{Derived, Negotiation, Negotiations, Origin, version},
    record::{
        ALERT, APPLICATION_DATA, Buffer, CHANGE_CIPHER_SPEC, Gathering, HANDSHAKE, Header, Piece, Reservation,
        v2_hello_length,
    },
    schedule::TrafficSecret,
    suites::Suite,
};
use crate::{
    connection::Reason,
    context::Context,
    evidence::At,
    flow::{End, Side},
    http::exchange::TlsSession,
    note::{Note, NoteKind},
};

/// What comes out of a TLS connection. In order within each side.
#[derive(Clone, Copy, Debug)]
pub enum TlsEvent<'a> {
    /// Application data.
    Data {
        /// Sender.
        side: Side,
        /// The plaintext of one record.
        bytes: &'a [u8],
        /// The packet that completed the record.
        at: At,
    },
    /// Ciphertext that gave no plaintext: never recorded, damaged, or not to be opened. Only told on connections of
    /// which something could be opened.
    Gap {
        /// Sender.
        side: Side,
        /// Bytes of the records, an upper bound of the plaintext missing.
        bytes: u64,
        /// The packet of what follows.
        at: At,
    },
    /// One direction is over. Once a side.
    End {
        /// Sender.
        side: Side,
        /// How the stream below ended.
        how: End,
        /// The packet that ended it.
        at: At,
    },
}

/// Receives events; the context it is given names the TLS session.
pub type Out<'o> = dyn FnMut(TlsEvent<'_>, &mut Context<'_>) + 'o;

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

/// Whether the client's early data was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EarlyData {
    /// Not offered, or not known yet.
    #[default]
    Unknown,
    /// The server's EncryptedExtensions say so.
    Accepted,
    /// They do not, or the client was asked for another hello.
    Refused,
}

/// What the hellos told, of the latest negotiation.
#[derive(Default)]
pub(super) struct Known {
    pub(super) client_random: Option<[u8; 32]>,
    pub(super) server_hello: bool,
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) server_name: Option<String>,
    pub(super) application_protocol: Option<String>,
    pub(super) client_certificate: Option<Box<[u8]>>,
    pub(super) encrypted_client_hello: bool,
    pub(super) compressed: bool,
}

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The packet that completed it.
    pub(super) at: At,
    /// Its number in its direction, from 0.
    pub(super) record: u64,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// It was dealt with.
    Done,
    /// It must wait.
    Wait,
}

/// A TLS connection.
#[derive(Default)]
pub struct Tls {
    /// By TLS role: the sender of ClientHello is `Side::Client`.
    pub(super) directions: [Direction; 2],
    /// TLS's client is the connection's server: known roles are not changed.
    reversed: bool,
    roles_settled: bool,
    negotiations: Negotiations,
    early: EarlyData,
    pub(super) early_offered: bool,
    /// Keys of the log changed since, or the handshake went on since, waiting records were last tried.
    progress: bool,
    generation: u64,
    /// Why keys are missing.
    pub(super) missing: Option<Reason>,
    pub(super) known: Known,
    /// First fatal alert.
    pub(super) alert: Option<(Side, u8)>,
    /// A key opened a record.
    pub(super) opened: bool,
    /// Keys were given at all.
    pub(super) keys_given: bool,
    session: Option<Arc<TlsSession>>,
}

/// What every step is handed.
struct Env<'e, 'c> {
    cx: &'e mut Context<'c>,
    out: &'e mut Out<'e>,
}

impl Tls {
    /// A connection of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes that `side` sent, in order. Hands out each piece of authenticated application data.
    ///
    /// A hello tells who is the client. If `cx.connection` only guessed its roles, and wrongly, they are exchanged
    /// here; `true` says so: from then on `side` means the other end, also in the events.
    pub fn data(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>, out: &mut Out<'_>) -> bool {
        let mut env = Env { cx, out };
        let mut input = bytes;
        let mut role = self.role(side);
        let mut exchanged = false;
        self.notice_keys(&mut env);
        loop {
            let gathering = Gathering { budget: &env.cx.keys.gathered, limit: env.cx.limits.tls_records_total };
            let direction = self.direction(role);
            direction.at = Some(at);
            let wanted = direction.given_up.is_none();
            let Some(piece) = direction.reader.piece(&mut input, wanted, gathering) else { break };
            if !self.roles_settled
                && let Piece::Record(record) = &piece
                && let Some(sender) = hello_sender(record.bytes())
            {
                self.roles_settled = true;
                if sender != role {
                    self.directions.swap(0, 1);
                    role = sender;
                    if env.cx.connection.roles_known {
                        self.reversed = true;
                    } else {
                        env.cx.connection.swap_roles();
                        exchanged = true;
                    }
                }
            }
            self.piece(role, piece, at, &mut env);
        }
        exchanged
    }

    /// `bytes` that `side` sent were never recorded.
    pub fn gap(&mut self, side: Side, bytes: u64, at: At, cx: &mut Context<'_>, out: &mut Out<'_>) {
        let mut env = Env { cx, out };
        let role = self.role(side);
        let direction = self.direction(role);
        direction.at = Some(at);
        direction.gap = true;
        let lost = direction.reader.gap(bytes);
        self.lose(role, lost, &mut env);
    }

    /// `side` sends nothing more.
    pub fn end(&mut self, side: Side, how: End, at: At, cx: &mut Context<'_>, out: &mut Out<'_>) {
        let mut env = Env { cx, out };
        let role = self.role(side);
        self.notice_keys(&mut env);
        loop {
            let gathering = Gathering { budget: &env.cx.keys.gathered, limit: env.cx.limits.tls_records_total };
            let Some(piece) = self.direction(role).reader.finish(gathering) else { break };
            self.piece(role, piece, at, &mut env);
        }
        self.direction(role).end = Some((how, at));
        self.progress = true;
        self.settle(&mut env);
        if self.directions.iter().all(|direction| direction.end.is_some()) {
            let unread = self.missing.unwrap_or(Reason::HandshakeMissing);
            for role in [Side::Client, Side::Server] {
                let direction = self.direction(role);
                let held: u64 = direction.waiting.drain(..).map(|waiting| waiting.bytes()).sum();
                if held > 0 {
                    direction.lost += held;
                    direction.given_up.get_or_insert(unread);
                }
                self.direction(role).release();
                self.tell_end(role, &mut env);
            }
        } else if self.direction(role).waiting.is_empty() {
            self.tell_end(role, &mut env);
        }
    }

    /// What is known of the connection. After both ends it is final.
    pub fn facts(&self) -> TlsFacts {
        describe(self)
    }

    /// Whether records are held back because a key for them may still come.
    pub fn is_waiting(&self) -> bool {
        self.directions.iter().any(|direction| !direction.waiting.is_empty() || direction.overflowed)
    }

    /// The session, as exchanges name it; `None` before the hellos.
    pub fn session(&self) -> Option<Arc<TlsSession>> {
        self.session.clone().or_else(|| {
            self.known.server_hello.then(|| {
                Arc::new(TlsSession {
                    version: version::name(self.known.version),
                    suite: super::facts::suite_name(self.known.suite),
                    server_name: self.known.server_name.clone(),
                    application_protocol: self.known.application_protocol.clone(),
                    client_certificate: self.known.client_certificate.clone(),
                })
            })
        })
    }

    const fn role(&self, side: Side) -> Side {
        if self.reversed { side.other() } else { side }
    }

    fn direction(&mut self, role: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match role {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// Keys may have come since the last event.
    fn notice_keys(&mut self, env: &mut Env<'_, '_>) {
        if self.generation != env.cx.keys.generation() {
            self.generation = env.cx.keys.generation();
            self.keys_given |= !env.cx.keys.is_empty();
            self.progress = true;
            self.settle(env);
        }
    }

    fn piece(&mut self, role: Side, piece: Piece, at: At, env: &mut Env<'_, '_>) {
        match piece {
            Piece::Record(record) => self.record(role, record, at, env),
            Piece::Unwanted(header) => {
                let direction = self.direction(role);
                direction.records += 1;
                direction.count(header);
                direction.lost += u64::from(header.length) + 5;
            }
            Piece::Lost(bytes) => self.lose(role, bytes, env),
            Piece::Limit(bytes) => {
                let limit = NoteKind::Limit { limit: "tls_records_total" };
                env.cx.sink.note(Note { at: Some(at), connection: Some(env.cx.connection.id), kind: limit });
                self.lose(role, bytes, env);
            }
        }
        if self.progress {
            self.settle(env);
        }
    }

    /// Takes a record, or lets it wait behind others.
    fn record(&mut self, role: Side, mut record: Buffer, at: At, env: &mut Env<'_, '_>) {
        let direction = self.direction(role);
        let place = Place { at, record: direction.records };
        direction.records += 1;
        if let Some(header) = record.header() {
            direction.count(header);
        }
        if !direction.waiting.is_empty() || self.process(role, &mut record, place, env) == Flow::Wait {
            self.wait(role, Waiting::Record(Buffer::kept(record.bytes()), place), env);
        }
    }

    /// `bytes` give no plaintext.
    fn lose(&mut self, role: Side, bytes: u64, env: &mut Env<'_, '_>) {
        let direction = self.direction(role);
        if !direction.waiting.is_empty() {
            self.wait(role, Waiting::Gap(bytes), env);
            return;
        }
        direction.lose(bytes);
        if direction.epoch == Epoch::Clear && role == Side::Server {
            self.negotiation(role).holes = true;
        }
    }

    fn wait(&mut self, role: Side, waiting: Waiting, env: &mut Env<'_, '_>) {
        let limits = env.cx.limits;
        let most = limits.tls_handshake.max(limits.tls_pending_total / 8);
        let budget = &env.cx.keys.pending;
        let direction = self.direction(role);
        let bytes = match &waiting {
            Waiting::Record(record, _) => record.bytes().len(),
            Waiting::Gap(..) => 0,
        } + size_of::<Waiting>();
        let held = direction.held.get_or_insert_with(|| Reservation::new(Arc::clone(budget)));
        if !direction.overflowed && direction.held_bytes + bytes <= most && held.grow(bytes, limits.tls_pending_total) {
            direction.held_bytes += bytes;
            direction.waiting.push_back(waiting);
            return;
        }
        direction.overflowed = true;
        let lost = direction.waiting.drain(..).map(|held| held.bytes()).sum::<u64>() + waiting.bytes();
        direction.release();
        direction.lose(lost);
    }

    /// Tries what waits, as long as that leads anywhere.
    fn settle(&mut self, env: &mut Env<'_, '_>) {
        while std::mem::take(&mut self.progress) {
            for role in [Side::Client, Side::Server] {
                while let Some(waiting) = self.direction(role).waiting.pop_front() {
                    let waiting = match waiting {
                        Waiting::Gap(bytes) => {
                            self.direction(role).lose(bytes);
                            continue;
                        }
                        Waiting::Record(mut record, place) => match self.process(role, &mut record, place, env) {
                            Flow::Done => continue,
                            Flow::Wait => Waiting::Record(record, place),
                        },
                    };
                    self.direction(role).waiting.push_front(waiting);
                    break;
                }
                let direction = self.direction(role);
                if direction.waiting.is_empty() && direction.held.is_some() {
                    direction.release();
                }
                if direction.waiting.is_empty() && direction.end.is_some() {
                    self.tell_end(role, env);
                }
            }
        }
    }

    fn tell_end(&mut self, role: Side, env: &mut Env<'_, '_>) {
        let side = self.role(role);
        let direction = self.direction(role);
        let Some((how, at)) = direction.end else { return };
        if std::mem::replace(&mut direction.end_told, true) {
            return;
        }
        let lost = std::mem::take(&mut direction.lost);
        if lost > 0 && self.opened {
            self.tell(TlsEvent::Gap { side, bytes: lost, at }, env);
        }
        self.tell(TlsEvent::End { side, how, at }, env);
    }

    fn tell(&mut self, event: TlsEvent<'_>, env: &mut Env<'_, '_>) {
        if self.session.is_none() {
            self.session = self.session();
        }
        let mut inner = Context {
            connection: &mut *env.cx.connection,
            tls: self.session.as_ref(),
            keys: env.cx.keys,
            limits: env.cx.limits,
            bodies: env.cx.bodies,
            sink: &mut *env.cx.sink,
        };
        (env.out)(event, &mut inner);
    }

    /// The negotiation a side is in.
    fn negotiation(&mut self, role: Side) -> &mut Negotiation {
        let changes = self.direction(role).changes;
        self.negotiations.after(changes)
    }

    /// Nothing can be read on, in either direction.
    fn give_up(&mut self, reason: Reason) {
        self.directions.iter_mut().for_each(|direction| direction.give_up(reason));
    }

    fn is_tls13(&self) -> bool {
        self.known.server_hello && version::is_tls13(self.known.version)
    }

    /// Deals with one record, as far as that is possible now.
    fn process(&mut self, role: Side, record: &mut Buffer, place: Place, env: &mut Env<'_, '_>) -> Flow {
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
    fn process_clear(
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

    /// Derives the keys of the negotiation a side is in.
    fn derive(&mut self, role: Side, env: &mut Env<'_, '_>) -> Derived {
        let keys = env.cx.keys;
        let derived = self.negotiation(role).derive(role, keys);
        match derived {
            Derived::Ready => self.missing = None,
            Derived::Later => {}
            Derived::Missing(reason) => self.missing = Some(reason),
            Derived::Never(reason) => self.give_up(reason),
        }
        derived
    }

    /// A side takes the keys of its negotiation into use.
    fn change_keys(&mut self, role: Side, env: &mut Env<'_, '_>) -> Derived {
        let derived = self.derive(role, env);
        if derived != Derived::Ready {
            return derived;
        }
        let negotiation = self.negotiation(role);
        let origin = negotiation.origin();
        let [client, server] = &mut negotiation.openers;
        let Some(opener) = (if role == Side::Client { client } else { server }).take() else { return Derived::Later };
        if role == Side::Server {
            negotiation.remember(env.cx.keys);
        }
        let direction = self.direction(role);
        direction.epoch = Epoch::Legacy;
        direction.keyed = Some(Keyed::new(opener, None, origin));
        direction.messages.reset(false);
        direction.changes += 1;
        let [client, server] = &self.directions;
        self.negotiations.forget_before(client.changes.min(server.changes));
        self.progress = true;
        Derived::Ready
    }

    /// The first protected record of a direction in TLS 1.3.
    fn start_tls13(
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
    fn process_protected(
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

    /// The keys of an epoch, if the key log has its secret.
    fn traffic_keys(&self, role: Side, epoch: Epoch, keys: &Keys) -> Option<Keyed> {
        let label = match (epoch, role) {
            (Epoch::Early, _) => Label::ClientEarlyTraffic,
            (Epoch::Handshake, Side::Client) => Label::ClientHandshakeTraffic,
            (Epoch::Handshake, Side::Server) => Label::ServerHandshakeTraffic,
            (Epoch::Application, Side::Client) => Label::ClientTraffic,
            (Epoch::Application, Side::Server) => Label::ServerTraffic,
            (Epoch::Clear | Epoch::Legacy, _) => return None,
        };
        let found = keys.secret(label, &self.known.client_random?)?;
        let secret = TrafficSecret::new(Suite::find(self.known.suite)?.prf(), found.value)?;
        self.keyed(secret, Origin::Log(found.source))
    }

    fn keyed(&self, secret: TrafficSecret, origin: Origin) -> Option<Keyed> {
        let header = version::authenticates_header(self.known.version);
        let opener = Opener::tls13(Suite::find(self.known.suite)?, &secret, header)?;
        Some(Keyed::new(opener, Some(secret), Some(origin)))
    }

    /// Why a secret of TLS 1.3 is missing.
    fn missing_tls13(&self, keys: &Keys) -> Reason {
        let Some(random) = &self.known.client_random else { return Reason::HandshakeMissing };
        if keys.secret(Label::ClientRandom, random).is_some() {
            return Reason::WrongKeyKind;
        }
        if keys.knows(random) {
            return Reason::KeyIncomplete;
        }
        if keys.sessions() == 0 {
            return if keys.private_keys().is_empty() { Reason::NoKey } else { Reason::ForwardSecrecy };
        }
        if self.known.encrypted_client_hello { Reason::EncryptedClientHello } else { Reason::NoKey }
    }

    /// Opens a record and deals with its content, or counts it as lost.
    fn open(&mut self, role: Side, header: Header, record: &mut Buffer, place: Place, env: &mut Env<'_, '_>) -> Flow {
        let body = record.body();
        let direction = self.direction(role);
        let Some(keyed) = &mut direction.keyed else { return Flow::Done };
        keyed.opener.next_record(body, direction.missing.is_none());
        let opened = if direction.missing.is_none() && direction.passing.is_none() {
            keyed.open(keyed.sequence, header, body)
        } else {
            self.search(role, header, body, env.cx.keys)
        };
        let Some(Opened { content_type, content }) = opened else {
            self.failed(role, header, place, env);
            return Flow::Done;
        };
        let direction = self.direction(role);
        direction.opened += 1;
        direction.failures = 0;
        direction.missing = None;
        direction.passing = None;
        if let Some(origin) = direction.keyed.as_mut().and_then(|keyed| keyed.origin.take())
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
        Flow::Done
    }

    /// Tries a record with the sequence numbers and keys it may have: records before it are missing.
    fn search(&mut self, role: Side, header: Header, body: &mut [u8], keys: &Keys) -> Option<Opened> {
        let direction = self.direction(role);
        let span = direction.missing.unwrap_or(0);
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
            opened = candidates(0, span).find_map(|sequence| attempt(&mut candidate, sequence));
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
    fn keys_after(&self, role: Side, epoch: Epoch, keyed: &Keyed, keys: &Keys) -> Option<(Epoch, Keyed)> {
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
    fn failed(&mut self, role: Side, header: Header, place: Place, env: &mut Env<'_, '_>) {
        let opened = self.opened;
        let direction = self.direction(role);
        direction.failures += 1;
        if direction.passing != Some(Passing::Silently) {
            direction.lost += u64::from(header.length) + 5;
        }
        if let Some(missing) = &mut direction.missing {
            *missing += 1;
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

    fn application_data(&mut self, role: Side, content: &[u8], at: At, env: &mut Env<'_, '_>) {
        if content.is_empty() {
            return;
        }
        let side = self.role(role);
        let direction = self.direction(role);
        direction.plaintext += content.len() as u64;
        let lost = std::mem::take(&mut direction.lost);
        if lost > 0 {
            self.tell(TlsEvent::Gap { side, bytes: lost, at }, env);
        }
        self.tell(TlsEvent::Data { side, bytes: content, at }, env);
    }

    fn alert(&mut self, role: Side, content: &[u8]) {
        const FATAL: u8 = 2;
        const CLOSE_NOTIFY: u8 = 0;
        if let [level, description] = *content
            && description != CLOSE_NOTIFY
            && (level == FATAL || self.is_tls13())
        {
            self.alert.get_or_insert((role, description));
        }
    }

    /// Takes a record's content of handshake messages.
    fn handshake(&mut self, role: Side, content: &[u8], env: &mut Env<'_, '_>) {
        let limit = env.cx.limits.tls_handshake;
        let all = env.cx.keys.has_premasters();
        let mut messages = std::mem::take(&mut self.direction(role).messages);
        let mut rest = content;
        while let Some(message) = messages.next(&mut rest, limit, |kind| all || hello::is_of_interest(kind)) {
            if self.message(role, &message, env) {
                messages.reset(false);
                break;
            }
        }
        self.direction(role).messages = messages;
    }

    /// One handshake message, with its header. Returns whether the sender's keys change with it.
    fn message(&mut self, role: Side, raw: &Cow<'_, [u8]>, env: &mut Env<'_, '_>) -> bool {
        let Some((kind, body)) = raw.first().zip(raw.get(4..)) else { return false };
        match (role, *kind) {
            (Side::Client, hello::CLIENT_HELLO) => {
                if let Some(hello) = ClientHello::parse(body) {
                    self.client_hello(hello, raw, env);
                }
                return false;
            }
            (Side::Server, hello::SERVER_HELLO) => {
                if let Some(hello) = ServerHello::parse(body) {
                    self.server_hello(hello);
                }
            }
            (Side::Client, hello::CERTIFICATE) => {
                let certificate = hello::end_entity_certificate(body, self.is_tls13());
                self.known.client_certificate = certificate.map(Box::from);
                self.session = None;
            }
            _ => {}
        }
        if self.is_tls13() {
            return self.message_tls13(role, *kind, body);
        }
        let limit = env.cx.limits.tls_handshake;
        let keys = env.cx.keys;
        self.negotiation(role).message(role, raw, limit, keys);
        self.progress = true;
        false
    }

    fn message_tls13(&mut self, role: Side, kind: u8, body: &[u8]) -> bool {
        match (role, kind, self.direction(role).epoch) {
            (Side::Server, hello::ENCRYPTED_EXTENSIONS, Epoch::Handshake) => {
                let extensions = EncryptedExtensions::parse(body);
                self.known.application_protocol = extensions.application_protocol;
                self.early = match self.early {
                    EarlyData::Unknown if extensions.early_data => EarlyData::Accepted,
                    _ => EarlyData::Refused,
                };
                self.session = None;
                self.progress = true;
                false
            }
            (Side::Client, hello::END_OF_EARLY_DATA, Epoch::Early) => self.change_epoch(role, Epoch::Handshake),
            (_, hello::FINISHED, Epoch::Handshake) => self.change_epoch(role, Epoch::Application),
            (_, hello::KEY_UPDATE, Epoch::Application) => {
                let secret = self.direction(role).keyed.as_ref().and_then(|keyed| Some(keyed.secret.as_ref()?.next()));
                let keyed = secret.and_then(|secret| self.keyed(secret, Origin::Resumed));
                self.direction(role).keyed = keyed;
                true
            }
            _ => false,
        }
    }

    fn change_epoch(&mut self, role: Side, epoch: Epoch) -> bool {
        let direction = self.direction(role);
        direction.epoch = epoch;
        direction.keyed = None;
        self.progress = true;
        true
    }

    fn client_hello(&mut self, hello: ClientHello, raw: &[u8], env: &mut Env<'_, '_>) {
        let known = &mut self.known;
        known.client_random.get_or_insert(hello.random);
        known.encrypted_client_hello |= hello.encrypted_client_hello;
        if hello.server_name.is_some() {
            known.server_name.clone_from(&hello.server_name);
        }
        self.early_offered |= hello.early_data;
        self.direction(Side::Client).hello = true;
        self.negotiation(Side::Client).client_hello(hello, raw, env.cx.keys);
        self.session = None;
        self.progress = true;
    }

    fn server_hello(&mut self, hello: ServerHello) {
        let known = &mut self.known;
        known.server_hello = true;
        known.version = hello.version;
        known.suite = hello.suite;
        known.compressed = hello.compression != 0;
        if hello.application_protocol.is_some() {
            known.application_protocol.clone_from(&hello.application_protocol);
        }
        if hello.retry {
            self.early = EarlyData::Refused;
        }
        self.direction(Side::Server).hello = true;
        self.negotiation(Side::Server).server = Some(hello);
        self.session = None;
        self.progress = true;
    }
}

/// Sequence numbers from `first` to `span` after it, but for the middle of a long row: the ends come first.
fn candidates(first: u64, span: u64) -> impl Iterator<Item = u64> {
    let low = span.min(SEARCHED_NUMBERS);
    let high = span.saturating_sub(SEARCHED_NUMBERS).max(low + 1);
    (0..=low).chain((high..=span).rev()).filter_map(move |ahead| first.checked_add(ahead))
}

/// Who must have sent these first bytes of a direction, if they are a hello.
pub(super) fn hello_sender(record: &[u8]) -> Option<Side> {
    match record {
        [HANDSHAKE, 3, _, _, _, hello::CLIENT_HELLO, ..] => Some(Side::Client),
        [HANDSHAKE, 3, _, _, _, hello::SERVER_HELLO, ..] => Some(Side::Server),
        _ => v2_hello_length(record).map(|_| Side::Client),
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
