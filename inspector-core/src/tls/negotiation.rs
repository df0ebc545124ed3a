//! From hellos to keys before TLS 1.3: one [`Negotiation`] per handshake, so that a renegotiation is another one.
//!
//! The master secret comes from the first of these that has it:
//!
//! 1. the key log, by client random;
//! 2. the key log's premaster secret, by client random or by the encrypted premaster secret;
//! 3. an RSA private key, from ClientKeyExchange;
//! 4. an earlier connection of the recording whose session is resumed, by ticket or session id.
//!
//! With 2 and 3 and RFC 7627 the handshake's messages are needed, too. They are kept only while such keys are known.

use super::{
    cipher::{LegacyParameters, Opener},
    compression::DEFLATE,
    hello::{self, ClientHello, ServerHello},
    schedule::Prf,
    suites::{KeyExchange, Suite},
};
use crate::{
    connection::Reason,
    flow::Side,
    secrets::{
        MasterSecret, Origin,
        keylog::{Keys, Label, short_digest},
    },
};

/// Versions as hellos name them.
pub(crate) mod version {
    /// SSL 3.0.
    pub(crate) const SSL3: u16 = 0x0300;
    /// TLS 1.1.
    pub(crate) const TLS11: u16 = 0x0302;
    /// TLS 1.2.
    pub(crate) const TLS12: u16 = 0x0303;

    /// Whether it is TLS 1.3, or one of its drafts that differ in nothing but the header's authentication.
    pub(crate) const fn is_tls13(version: u16) -> bool {
        matches!(version, 0x0304 | 0x7f17..=0x7f1c)
    }

    /// Whether records authenticate their header (TLS 1.3 since draft 25).
    pub(crate) const fn authenticates_header(version: u16) -> bool {
        !matches!(version, 0x7f17 | 0x7f18)
    }

    /// Its name in reports; empty if it is unknown.
    pub(crate) const fn name(version: u16) -> &'static str {
        match version {
            SSL3 => "ssl3",
            0x0301 => "1.0",
            TLS11 => "1.1",
            TLS12 => "1.2",
            version if is_tls13(version) => "1.3",
            _ => "",
        }
    }
}

/// What came of an attempt to derive keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    /// They are there.
    Ready,
    /// Handshake messages that decide are still to come.
    Later,
    /// A key is missing; it may still be given.
    Missing(Reason),
    /// No key could help.
    Never(Reason),
}

/// The server's certificate, seen from our private keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Certificate {
    /// Not seen, or no private keys to compare with.
    #[default]
    Unseen,
    /// None of our keys is its own.
    Foreign,
    /// The key with this index.
    Ours(usize),
}

/// The messages of a handshake up to ClientKeyExchange.
#[derive(Debug, Default)]
struct Transcript {
    client_hello: Vec<u8>,
    /// ServerHello to ServerHelloDone.
    server: Vec<u8>,
    /// What the client sends before ClientKeyExchange, and that.
    client: Vec<u8>,
    /// Too long, or with a hole.
    broken: bool,
}

/// The negotiations of a connection: the one its sides are in, and the next while one side is ahead of the other.
#[derive(Default)]
pub(crate) struct Negotiations {
    first: Option<Box<Negotiation>>,
    second: Option<Box<Negotiation>>,
    /// Negotiations before the first.
    finished: usize,
}

impl Negotiations {
    /// Bytes of memory they take besides their own, about.
    pub(crate) fn weight(&self) -> usize {
        let all = [&self.first, &self.second].into_iter().flatten();
        all.fold(0, |sum, negotiation| sum.saturating_add(negotiation.weight()))
    }

    /// The one that follows `changes` changes of keys. A side is never more than one ahead, because its change needs
    /// the other's hello.
    pub(crate) fn after(&mut self, changes: usize) -> &mut Negotiation {
        let place = if changes <= self.finished { &mut self.first } else { &mut self.second };
        place.get_or_insert_default()
    }

    /// TLS 1.3 was agreed on: nothing of this is needed.
    pub(crate) fn forget(&mut self) {
        (self.first, self.second) = (None, None);
    }

    /// Both sides are past `changes` changes.
    pub(crate) fn forget_before(&mut self, changes: usize) {
        while self.finished < changes {
            self.first = self.second.take();
            self.finished += 1;
        }
    }
}

/// One handshake.
#[derive(Default)]
pub(crate) struct Negotiation {
    pub(crate) client: Option<ClientHello>,
    pub(crate) server: Option<ServerHello>,
    /// ServerHelloDone was seen.
    hello_done: bool,
    certificate: Certificate,
    certificate_seen: bool,
    key_exchange: Option<Vec<u8>>,
    transcript: Option<Transcript>,
    /// A ticket the server issued for this session.
    ticket: Option<[u8; 16]>,
    /// The server changed its keys: what it sent before is all there will be.
    server_changed: bool,
    /// Decryption of the premaster secret was tried, with the keys of this generation.
    tried: Option<u64>,
    master: Option<(MasterSecret, Origin)>,
    pub(crate) openers: [Option<Opener>; 2],
    /// Those of other secrets the key log has for the same client random, by side.
    pub(crate) rivals: [Vec<(Opener, Origin)>; 2],
    /// Bytes of the server's flight are missing.
    pub(crate) holes: bool,
}

impl Negotiation {
    fn weight(&self) -> usize {
        let transcript = self.transcript.as_ref().map_or(0, |transcript| {
            let Transcript { client_hello, server, client, .. } = transcript;
            client_hello.capacity().saturating_add(server.capacity()).saturating_add(client.capacity())
        });
        let hellos = self.client.as_ref().map_or(0, |hello| hello.session_id.capacity())
            + self.server.as_ref().map_or(0, |hello| hello.session_id.capacity());
        let rivals = self.rivals.iter().flatten().map(|(opener, _)| opener);
        let openers = self.openers.iter().flatten().chain(rivals);
        let openers =
            openers.fold(0, |sum, opener| opener.weight().saturating_add(size_of::<Opener>()).saturating_add(sum));
        let key_exchange = self.key_exchange.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>()
            .saturating_add(transcript)
            .saturating_add(hellos)
            .saturating_add(openers)
            .saturating_add(key_exchange)
    }

    /// A ClientHello arrived. One that comes again (HelloRetryRequest, or a refused renegotiation) replaces the first.
    pub(crate) fn client_hello(&mut self, hello: ClientHello, raw: &[u8], keys: &Keys) {
        self.client = Some(hello);
        if keys.has_premasters() {
            self.transcript.get_or_insert_default().client_hello = raw.to_vec();
        }
    }

    /// Another message of the handshake before the keys change: kept as far as it is needed.
    pub(crate) fn message(&mut self, sender: Side, raw: &[u8], limit: usize, keys: &Keys) {
        let Some((kind, body)) = raw.first().zip(raw.get(4..)) else { return };
        let flight_over = match sender {
            Side::Client => self.key_exchange.is_some(),
            Side::Server => self.hello_done,
        };
        if keys.has_premasters() && !flight_over && !matches!(*kind, hello::HELLO_REQUEST | hello::CLIENT_HELLO) {
            let transcript = self.transcript.get_or_insert_default();
            let part = if sender == Side::Client { &mut transcript.client } else { &mut transcript.server };
            if part.len() + raw.len() <= limit {
                part.extend_from_slice(raw);
            } else {
                transcript.broken = true;
            }
        }
        match (sender, *kind) {
            (Side::Server, hello::CERTIFICATE) => {
                self.certificate_seen = true;
                if let Some(certificate) = hello::end_entity_certificate(body, false)
                    && !keys.private_keys().is_empty()
                {
                    let ours = keys.private_keys().iter().position(|key| key.fits(certificate));
                    self.certificate = ours.map_or(Certificate::Foreign, Certificate::Ours);
                }
            }
            (Side::Server, hello::SERVER_HELLO_DONE) => self.hello_done = true,
            (Side::Server, hello::NEW_SESSION_TICKET) => self.ticket = hello::new_session_ticket(body),
            (Side::Client, hello::CLIENT_KEY_EXCHANGE) if keys.has_premasters() => {
                self.key_exchange = Some(body.to_vec());
            }
            _ => {}
        }
    }

    /// A direction is about to change its keys: derives those of both directions.
    pub(crate) fn derive(&mut self, changing: Side, keys: &Keys) -> Derived {
        self.server_changed |= changing == Side::Server;
        if self.openers.iter().any(Option::is_some) {
            return Derived::Ready;
        }
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return Derived::Later };
        let Some(suite) = Suite::find(server.suite) else { return Derived::Never(Reason::SuiteUnsupported) };
        if !matches!(server.compression, 0 | DEFLATE) || version::name(server.version).is_empty() {
            return Derived::Never(Reason::SuiteUnsupported);
        }
        let prf = match server.version {
            version::SSL3 => Prf::Ssl3,
            version::TLS12 if suite.prf() == super::schedule::Hash::Sha384 => Prf::Sha384,
            version::TLS12 => Prf::Sha256,
            _ => Prf::Md5Sha1,
        };
        let (client_random, server_random) = (client.random, server.random);
        let parameters = LegacyParameters {
            prf,
            explicit_iv: server.version >= version::TLS11,
            encrypt_then_mac: server.encrypt_then_mac,
        };
        if self.master.is_none() {
            match self.find_master(suite, prf, keys) {
                Ok(found) => self.master = Some(found),
                Err(outcome) => return outcome,
            }
        }
        let Some((master, _)) = &self.master else { return Derived::Later };
        let Some([ours, theirs]) = Opener::legacy(suite, parameters, master, &client_random, &server_random) else {
            return Derived::Never(Reason::SuiteUnsupported);
        };
        self.openers = [Some(ours), Some(theirs)];
        self.rivals = Default::default();
        for (other, origin) in self.other_masters(prf, keys) {
            if let Some([ours, theirs]) = Opener::legacy(suite, parameters, &other, &client_random, &server_random) {
                let [client, server] = &mut self.rivals;
                client.push((ours, origin));
                server.push((theirs, origin));
            }
        }
        Derived::Ready
    }

    /// What else the key log says the master secret is.
    fn other_masters(&self, prf: Prf, keys: &Keys) -> Vec<(MasterSecret, Origin)> {
        let (Some(client), Some((used, _))) = (&self.client, &self.master) else { return Vec::new() };
        let masters = keys
            .all_secrets(Label::ClientRandom, &client.random)
            .filter_map(|found| Some((found.value.try_into().ok()?, Origin::Log(found.source))));
        let premasters = keys
            .all_secrets(Label::PremasterClientRandom, &client.random)
            .filter_map(|found| self.master_of(prf, found.value, Origin::Log(found.source)).ok());
        masters.chain(premasters).filter(|(master, _)| master != used).collect()
    }

    /// Remembers the session for those who resume it; to be called when the server has changed its keys.
    pub(crate) fn remember(&self, keys: &Keys) {
        let Some((master, _)) = &self.master else { return };
        let id = self.server.as_ref().map(|server| &server.session_id).filter(|id| !id.is_empty());
        for session in id.map(|id| short_digest(id)).into_iter().chain(self.ticket) {
            keys.remember(session, master);
        }
    }

    /// Whom the keys are thanks to.
    pub(crate) fn origin(&self) -> Option<Origin> {
        self.master.as_ref().map(|(_, origin)| *origin)
    }

    /// Whether the handshake resumes a session, as far as it can be told.
    fn is_resumed(&self) -> bool {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return false };
        let echoed = !server.session_id.is_empty() && server.session_id == client.session_id;
        let full = self.hello_done || self.certificate_seen || self.holes;
        self.server_changed && !full && (echoed || client.ticket.is_some())
    }

    fn find_master(&mut self, suite: &Suite, prf: Prf, keys: &Keys) -> Result<(MasterSecret, Origin), Derived> {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return Err(Derived::Later) };
        if let Some(found) = keys.secret(Label::ClientRandom, &client.random)
            && let Ok(master) = found.value.try_into()
        {
            return Ok((master, Origin::Log(found.source)));
        }
        if self.is_resumed() {
            let offered = client.ticket.into_iter().chain([short_digest(&server.session_id)]);
            if let Some(master) = offered.into_iter().find_map(|session| keys.recall(&session)) {
                return Ok((master, Origin::Resumed));
            }
        }
        if let Some(found) = keys.secret(Label::SessionId, &server.session_id)
            && let Ok(master) = found.value.try_into()
        {
            return Ok((master, Origin::Log(found.source)));
        }
        if let Some(found) = keys.secret(Label::PremasterClientRandom, &client.random) {
            return self.master_of(prf, found.value, Origin::Log(found.source));
        }
        let missing = missing(suite, &client.random, keys);
        if !keys.has_premasters() || suite.exchange != KeyExchange::Rsa {
            return Err(Derived::Missing(missing));
        }
        self.decrypt_premaster(prf, missing, keys)
    }

    /// The way of RSA key exchange.
    fn decrypt_premaster(&mut self, prf: Prf, missing: Reason, keys: &Keys) -> Result<(MasterSecret, Origin), Derived> {
        let Some(message) = &self.key_exchange else {
            return Err(if !self.server_changed {
                Derived::Later
            } else if self.is_resumed() {
                Derived::Missing(Reason::ResumptionUnknown)
            } else {
                Derived::Missing(missing)
            });
        };
        // Nothing is decrypted before the result can be used.
        if self.server.as_ref().is_some_and(|server| server.extended_master_secret) && !self.hello_done && !self.holes {
            return Err(Derived::Later);
        }
        let Some(encrypted) = hello::encrypted_premaster(message, prf != Prf::Ssl3) else {
            return Err(Derived::Missing(missing));
        };
        if let Some(found) = encrypted.get(..8).and_then(|id| keys.secret(Label::Rsa, id)) {
            return self.master_of(prf, found.value, Origin::Log(found.source));
        }
        if keys.private_keys().is_empty() {
            return Err(Derived::Missing(missing));
        }
        let candidates = match self.certificate {
            Certificate::Ours(index) => index..index + 1,
            Certificate::Unseen if self.tried != Some(keys.generation()) => 0..keys.private_keys().len(),
            Certificate::Foreign | Certificate::Unseen => return Err(Derived::Missing(Reason::PrivateKeyMismatch)),
        };
        let decrypted =
            candidates.filter_map(|index| Some((index, keys.private_keys().get(index)?.decrypt(encrypted)?))).next();
        self.tried = Some(keys.generation());
        match decrypted {
            Some((index, premaster)) => self.master_of(prf, &premaster, Origin::Private(index)),
            None => Err(Derived::Missing(Reason::PrivateKeyMismatch)),
        }
    }

    /// The master secret of a premaster secret, once the messages that RFC 7627 hashes are there.
    fn master_of(&self, prf: Prf, premaster: &[u8], origin: Origin) -> Result<(MasterSecret, Origin), Derived> {
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return Err(Derived::Later) };
        if !server.extended_master_secret {
            return Ok((prf.master(premaster, &client.random, &server.random), origin));
        }
        match &self.transcript {
            Some(transcript) if !transcript.broken && !self.holes => {
                if !self.hello_done || self.key_exchange.is_none() {
                    return Err(Derived::Later);
                }
                let parts = [&transcript.client_hello, &transcript.server, &transcript.client].map(Vec::as_slice);
                Ok((prf.extended_master(premaster, &parts), origin))
            }
            _ => Err(Derived::Missing(Reason::KeyIncomplete)),
        }
    }
}

/// Why there is no master secret for a client random, before what the handshake itself tells.
fn missing(suite: &Suite, client_random: &[u8; 32], keys: &Keys) -> Reason {
    if keys.knows(client_random) {
        return Reason::WrongKeyKind;
    }
    if !keys.private_keys().is_empty() && keys.sessions() == 0 && suite.exchange != KeyExchange::Rsa {
        return Reason::ForwardSecrecy;
    }
    Reason::NoKey
}
