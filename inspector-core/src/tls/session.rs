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

use std::sync::Arc;

use super::{
    direction::{Direction, Epoch, Waiting},
    facts::{TlsFacts, describe},
    hello,
    negotiation::{Negotiation, Negotiations, version},
    record::{Buffer, Gathering, HANDSHAKE, Piece, v2_hello_length},
};
use crate::{
    bounded::Reservation,
    connection::Reason,
    context::Context,
    evidence::At,
    exchange::TlsSession,
    flow::{End, Side},
    note::{Note, NoteKind},
    shard,
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

/// Whether the client's early data was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum EarlyData {
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
    /// Those of all handshakes on the connection, the first few.
    pub(super) client_randoms: Vec<[u8; 32]>,
    pub(super) server_hello: bool,
    pub(super) version: u16,
    pub(super) suite: u16,
    pub(super) server_name: Option<String>,
    pub(super) application_protocol: Option<String>,
    pub(super) client_certificate: Option<Box<[u8]>>,
    /// The server sent its certificate: the handshake resumes no earlier session.
    pub(super) server_certificate: bool,
    /// All the client sends before its Finished was read.
    pub(super) client_flight: bool,
    pub(super) encrypted_client_hello: bool,
    pub(super) compression: u8,
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
pub(super) enum Flow {
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
    pub(super) reversed: bool,
    pub(super) roles_settled: bool,
    pub(super) negotiations: Negotiations,
    pub(super) early: EarlyData,
    pub(super) early_offered: bool,
    /// Keys of the log changed since, or the handshake went on since, waiting records were last tried.
    pub(super) progress: bool,
    pub(super) generation: u64,
    /// Why keys are missing.
    pub(super) missing: Option<Reason>,
    pub(super) known: Known,
    /// First fatal alert.
    pub(super) alert: Option<(Side, u8)>,
    /// A key opened a record.
    pub(super) opened: bool,
    /// Keys were given at all.
    pub(super) keys_given: bool,
    /// Key logs were given, without a secret.
    pub(super) logs_empty: bool,
    pub(super) session: Option<Arc<TlsSession>>,
}

/// What every step is handed.
pub(super) struct Env<'e, 'c> {
    pub(super) cx: &'e mut Context<'c>,
    pub(super) out: &'e mut Out<'e>,
}

impl Tls {
    /// A connection of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of memory it takes besides its own, about.
    pub fn weight(&self) -> usize {
        let directions = self.directions.iter().fold(0, |sum, direction| direction.weight().saturating_add(sum));
        let Known { server_name, application_protocol, client_certificate, .. } = &self.known;
        let names = [server_name, application_protocol].into_iter().flatten().fold(0, |sum, it| it.capacity() + sum);
        let certificate = client_certificate.as_ref().map_or(0, |certificate| certificate.len());
        // What a session says of itself is there twice.
        let session = if self.session.is_some() { size_of::<TlsSession>() + names + certificate } else { 0 };
        directions
            .saturating_add(self.negotiations.weight())
            .saturating_add(names + certificate)
            .saturating_add(session)
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
        let direction = self.direction(role);
        if direction.reader.is_between() {
            direction.began = env.cx.connection.standing.began;
        }
        env.cx.connection.standing.began = direction.began;
        loop {
            let gathering = gathering(env.cx);
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
            let gathering = gathering(env.cx);
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

    /// Whether records are held back (or were given up for a limit) because a key for them may still come.
    pub fn is_waiting(&self) -> bool {
        let open = |direction: &Direction| direction.end.is_none();
        let waits = |direction: &Direction| !direction.waiting.is_empty() || (direction.overflowed && open(direction));
        self.directions.iter().any(waits)
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
                    whole_handshake: self.known.server_certificate && self.known.client_flight,
                })
            })
        })
    }

    pub(super) const fn role(&self, side: Side) -> Side {
        if self.reversed { side.other() } else { side }
    }

    pub(super) fn direction(&mut self, role: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match role {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// Keys may have come since the last event.
    pub(super) fn notice_keys(&mut self, env: &mut Env<'_, '_>) {
        if self.generation != env.cx.keys.generation() {
            self.generation = env.cx.keys.generation();
            self.keys_given |= !env.cx.keys.is_empty();
            self.logs_empty = env.cx.keys.are_empty_logs();
            self.progress = true;
            self.settle(env);
        }
    }

    pub(super) fn piece(&mut self, role: Side, piece: Piece, at: At, env: &mut Env<'_, '_>) {
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
    pub(super) fn record(&mut self, role: Side, mut record: Buffer, at: At, env: &mut Env<'_, '_>) {
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
    pub(super) fn lose(&mut self, role: Side, bytes: u64, env: &mut Env<'_, '_>) {
        let direction = self.direction(role);
        if !direction.waiting.is_empty() {
            self.wait(role, Waiting::Gap(bytes), env);
            return;
        }
        self.lose_now(role, bytes, env);
    }

    fn lose_now(&mut self, role: Side, bytes: u64, env: &mut Env<'_, '_>) {
        let direction = self.direction(role);
        direction.lose(bytes);
        if direction.epoch == Epoch::Clear && role == Side::Server {
            self.negotiation(role).holes = true;
        }
        // Told at its place, not when something follows: the other side may go on meanwhile.
        let direction = self.direction(role);
        if let (Epoch::Application | Epoch::Legacy, Some(at), true) =
            (direction.epoch, direction.at, direction.plaintext > 0 || direction.opened > 0)
        {
            let lost = std::mem::take(&mut direction.lost);
            let side = self.role(role);
            if lost > 0 {
                self.tell(TlsEvent::Gap { side, bytes: lost, at }, env);
            }
        }
    }

    pub(super) fn wait(&mut self, role: Side, waiting: Waiting, env: &mut Env<'_, '_>) {
        let limits = env.cx.limits;
        let most = limits.tls_handshake.max(limits.tls_pending_total / 8);
        let (budget, share) = (env.cx.keys.pending.of(env.cx.connection.id), shard::share(limits.tls_pending_total));
        let direction = self.direction(role);
        let bytes = match &waiting {
            Waiting::Record(record, _) => record.bytes().len(),
            Waiting::Gap(..) => 0,
        } + size_of::<Waiting>();
        let held = direction.held.get_or_insert_with(|| Reservation::new(Arc::clone(budget)));
        if !direction.overflowed && direction.held_bytes + bytes <= most && held.grow(bytes, share) {
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
    pub(super) fn settle(&mut self, env: &mut Env<'_, '_>) {
        if !self.progress {
            return;
        }
        // What waited came in other packets.
        let now = env.cx.connection.standing;
        (env.cx.connection.standing.began, env.cx.connection.standing.acknowledged) = (0, None);
        self.settle_all(env);
        (env.cx.connection.standing.began, env.cx.connection.standing.acknowledged) = (now.began, now.acknowledged);
    }

    fn settle_all(&mut self, env: &mut Env<'_, '_>) {
        while std::mem::take(&mut self.progress) {
            for role in [Side::Client, Side::Server] {
                while let Some(waiting) = self.direction(role).waiting.pop_front() {
                    let waiting = match waiting {
                        Waiting::Gap(bytes) => {
                            self.lose_now(role, bytes, env);
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

    pub(super) fn tell_end(&mut self, role: Side, env: &mut Env<'_, '_>) {
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

    pub(super) fn tell(&mut self, event: TlsEvent<'_>, env: &mut Env<'_, '_>) {
        if self.session.is_none() {
            self.session = self.session();
        }
        let mut inner = Context {
            connection: &mut *env.cx.connection,
            tls: self.session.as_ref(),
            keys: env.cx.keys,
            limits: env.cx.limits,
            bodies: env.cx.bodies,
            barren: env.cx.barren,
            sink: &mut *env.cx.sink,
        };
        (env.out)(event, &mut inner);
    }

    /// The negotiation a side is in.
    pub(super) fn negotiation(&mut self, role: Side) -> &mut Negotiation {
        let changes = self.direction(role).changes;
        self.negotiations.after(changes)
    }

    /// Nothing can be read on, in either direction.
    pub(super) fn give_up(&mut self, reason: Reason) {
        self.directions.iter_mut().for_each(|direction| direction.give_up(reason));
    }

    pub(super) fn is_tls13(&self) -> bool {
        self.known.server_hello && version::is_tls13(self.known.version)
    }

    pub(super) fn application_data(&mut self, role: Side, content: &[u8], at: At, env: &mut Env<'_, '_>) {
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
}

/// The bounds on gathering records for the connection.
fn gathering<'a>(cx: &Context<'a>) -> Gathering<'a> {
    Gathering { budget: cx.keys.gathered.of(cx.connection.id), limit: shard::share(cx.limits.tls_records_total) }
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
mod tests;
