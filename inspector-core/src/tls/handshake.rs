//! Handshake messages to keys: what they tell, and when a side takes which keys into use.

use super::{
    cipher::Opener,
    compression::DEFLATE,
    direction::{Epoch, Keyed},
    hello::{self, ClientHello, EncryptedExtensions, ServerHello},
    negotiation::{Derived, version},
    schedule::TrafficSecret,
    session::{EarlyData, Env, Tls},
    suites::Suite,
};
use crate::{
    connection::Reason,
    flow::Side,
    secrets::{
        Origin,
        keylog::{Keys, Label},
    },
};

/// Handshakes of a connection whose client randoms are told.
const HANDSHAKES: usize = 8;

impl Tls {
    /// Derives the keys of the negotiation a side is in.
    pub(super) fn derive(&mut self, role: Side, env: &mut Env<'_, '_>) -> Derived {
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
    pub(super) fn change_keys(&mut self, role: Side, env: &mut Env<'_, '_>) -> Derived {
        let derived = self.derive(role, env);
        if derived != Derived::Ready {
            return derived;
        }
        let negotiation = self.negotiation(role);
        let origin = negotiation.origin();
        let compressed = negotiation.server.as_ref().is_some_and(|server| server.compression == DEFLATE);
        let [client, server] = &mut negotiation.openers;
        let Some(opener) = (if role == Side::Client { client } else { server }).take() else { return Derived::Later };
        let [client, server] = &mut negotiation.rivals;
        let rivals = std::mem::take(if role == Side::Client { client } else { server });
        if role == Side::Server {
            negotiation.remember(env.cx.keys);
        }
        let direction = self.direction(role);
        direction.epoch = Epoch::Legacy;
        let mut keyed = Keyed::new(opener, None, origin);
        keyed.compressed = compressed;
        keyed.rivals = rivals.into_iter().map(|(opener, origin)| Keyed::new(opener, None, Some(origin))).collect();
        keyed.rivals.iter_mut().for_each(|rival| rival.compressed = compressed);
        direction.keyed = Some(keyed);
        direction.messages.reset(false);
        direction.changes += 1;
        let [client, server] = &self.directions;
        self.negotiations.forget_before(client.changes.min(server.changes));
        self.progress = true;
        Derived::Ready
    }

    /// The keys of an epoch, if the key log has its secret.
    pub(super) fn traffic_keys(&self, role: Side, epoch: Epoch, keys: &Keys) -> Option<Keyed> {
        let label = match (epoch, role) {
            (Epoch::Early, _) => Label::ClientEarlyTraffic,
            (Epoch::Handshake, Side::Client) => Label::ClientHandshakeTraffic,
            (Epoch::Handshake, Side::Server) => Label::ServerHandshakeTraffic,
            (Epoch::Application, Side::Client) => Label::ClientTraffic,
            (Epoch::Application, Side::Server) => Label::ServerTraffic,
            (Epoch::Clear | Epoch::Legacy, _) => return None,
        };
        let random = self.known.client_random?;
        let prf = Suite::find(self.known.suite)?.prf();
        let mut all = keys
            .all_secrets(label, &random)
            .filter_map(|found| self.keyed(TrafficSecret::new(prf, found.value)?, Origin::Log(found.source)));
        let mut keyed = all.next()?;
        keyed.rivals = all.collect();
        Some(keyed)
    }

    pub(super) fn keyed(&self, secret: TrafficSecret, origin: Origin) -> Option<Keyed> {
        let header = version::authenticates_header(self.known.version);
        let opener = Opener::tls13(Suite::find(self.known.suite)?, &secret, header)?;
        Some(Keyed::new(opener, Some(secret), Some(origin)))
    }

    /// Why a secret of TLS 1.3 is missing.
    pub(super) fn missing_tls13(&self, keys: &Keys) -> Reason {
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

    pub(super) fn alert(&mut self, role: Side, content: &[u8]) {
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
    pub(super) fn handshake(&mut self, role: Side, content: &[u8], env: &mut Env<'_, '_>) {
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
    pub(super) fn message(&mut self, role: Side, raw: &[u8], env: &mut Env<'_, '_>) -> bool {
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
            (Side::Server, hello::CERTIFICATE) => {
                self.known.server_certificate = true;
                self.session = None;
            }
            // It follows the client's certificate (RFC 5246 §7.3).
            (Side::Client, hello::CLIENT_KEY_EXCHANGE) => {
                self.known.client_flight = true;
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

    pub(super) fn message_tls13(&mut self, role: Side, kind: u8, body: &[u8]) -> bool {
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
            (Side::Client, hello::FINISHED, Epoch::Handshake) => {
                self.known.client_flight = true;
                self.session = None;
                self.change_epoch(role, Epoch::Application)
            }
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

    pub(super) fn change_epoch(&mut self, role: Side, epoch: Epoch) -> bool {
        let direction = self.direction(role);
        direction.epoch = epoch;
        direction.keyed = None;
        self.progress = true;
        true
    }

    pub(super) fn client_hello(&mut self, hello: ClientHello, raw: &[u8], env: &mut Env<'_, '_>) {
        let known = &mut self.known;
        known.client_random.get_or_insert(hello.random);
        if known.client_randoms.len() < HANDSHAKES && !known.client_randoms.contains(&hello.random) {
            known.client_randoms.push(hello.random);
        }
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

    pub(super) fn server_hello(&mut self, hello: ServerHello) {
        let known = &mut self.known;
        known.server_hello = true;
        known.version = hello.version;
        known.suite = hello.suite;
        known.compression = hello.compression;
        if hello.application_protocol.is_some() {
            known.application_protocol.clone_from(&hello.application_protocol);
        }
        if hello.retry {
            self.early = EarlyData::Refused;
        }
        self.direction(Side::Server).hello = true;
        if version::is_tls13(hello.version) {
            self.negotiations.forget();
        } else {
            self.negotiation(Side::Server).server = Some(hello);
        }
        self.session = None;
        self.progress = true;
    }
}
