//! TLS inside QUIC (RFC 9001 §4): the messages in CRYPTO frames, and what they tell.

use std::{borrow::Cow, sync::Arc};

use super::{packet::Identifier, receive::Receive};
use crate::{
    encoding::varint::variable_integer,
    exchange::TlsSession,
    flow::Side,
    tls::{
        hello::{self, ClientHello, EncryptedExtensions, ServerHello},
        messages::Messages,
        suites::Suite,
    },
};

/// One direction's messages in one packet number space.
#[derive(Debug, Default)]
pub(super) struct Crypto {
    pub(super) receive: Receive,
    messages: Messages,
}

/// Whether the server took the client's early data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Early {
    #[default]
    Unknown,
    Accepted,
    Refused,
}

/// What the handshake told.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    pub(super) client_random: Option<[u8; 32]>,
    pub(super) server_name: Option<String>,
    pub(super) application_protocol: Option<String>,
    /// The suite agreed on, by its number.
    pub(super) suite: Option<u16>,
    pub(super) early: Early,
    pub(super) encrypted_client_hello: bool,
    client_certificate: Option<Box<[u8]>>,
    server_certificate: bool,
    client_flight: bool,
    session: Option<Arc<TlsSession>>,
}

/// What a message brings besides facts.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Keys can be found now that could not before.
    pub(super) progress: bool,
    /// Identifiers and tokens of the server.
    pub(super) identifier: Option<Identifier>,
    pub(super) tokens: Vec<[u8; 16]>,
}

impl Crypto {
    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        self.receive.weight().saturating_add(self.messages.weight())
    }

    /// Takes the next bytes of the messages.
    pub(super) fn data(
        &mut self,
        sender: Side,
        mut bytes: &[u8],
        limit: usize,
        facts: &mut Handshake,
        news: &mut News,
    ) {
        while let Some(message) = self.messages.next(&mut bytes, limit, hello::is_of_interest) {
            if let Some((&[kind, ..], body)) = message.split_first_chunk::<4>() {
                facts.message(sender, kind, body, news);
            }
        }
    }
}

impl Handshake {
    fn message(&mut self, sender: Side, kind: u8, body: &[u8], news: &mut News) {
        self.session = None;
        match (sender, kind) {
            (Side::Client, hello::CLIENT_HELLO) => {
                let Some(hello) = ClientHello::parse(body) else { return };
                if hello.server_name.is_some() {
                    self.server_name = hello.server_name;
                }
                self.encrypted_client_hello = hello.encrypted_client_hello;
                news.progress |= self.client_random != Some(hello.random);
                self.client_random = Some(hello.random);
            }
            (Side::Server, hello::SERVER_HELLO) => {
                let Some(hello) = ServerHello::parse(body) else { return };
                if hello.retry {
                    self.early = Early::Refused;
                } else {
                    news.progress |= self.suite.is_none();
                    self.suite = Some(hello.suite);
                }
            }
            (Side::Server, hello::ENCRYPTED_EXTENSIONS) => {
                let extensions = EncryptedExtensions::parse(body);
                self.application_protocol = extensions.application_protocol;
                if self.early == Early::Unknown {
                    self.early = if extensions.early_data { Early::Accepted } else { Early::Refused };
                }
                server_parameters(&extensions.transport_parameters, news);
            }
            (Side::Server, hello::CERTIFICATE) => self.server_certificate = true,
            (Side::Client, hello::CERTIFICATE) => {
                self.client_certificate = hello::end_entity_certificate(body, true).map(Into::into);
            }
            (Side::Client, hello::FINISHED) => self.client_flight = true,
            _ => {}
        }
    }

    /// The suite's name, or its number if it is not known.
    pub(super) fn suite_name(&self) -> Option<Cow<'static, str>> {
        let code = self.suite?;
        Some(Suite::find(code).map_or_else(|| Cow::Owned(format!("0x{code:04x}")), |suite| Cow::Borrowed(suite.name)))
    }

    /// The session, as exchanges name it.
    pub(super) fn session(&mut self) -> Arc<TlsSession> {
        if let Some(session) = &self.session {
            return Arc::clone(session);
        }
        let session = Arc::new(TlsSession {
            version: "1.3",
            suite: self.suite_name().unwrap_or_default(),
            server_name: self.server_name.clone(),
            application_protocol: self.application_protocol.clone(),
            client_certificate: self.client_certificate.clone(),
            whole_handshake: self.server_certificate && self.client_flight,
        });
        self.session = Some(Arc::clone(&session));
        session
    }

    /// Whether the protocol agreed on is HTTP/3, or not known.
    pub(super) fn may_be_http(&self) -> bool {
        self.application_protocol.as_deref().is_none_or(|name| name == "h3" || name.starts_with("h3-"))
    }
}

/// What the server's transport parameters (RFC 9000 §18.2) tell of its identifiers: each has a number, a length and a value.
fn server_parameters(mut parameters: &[u8], news: &mut News) {
    const STATELESS_RESET_TOKEN: u64 = 2;
    const PREFERRED_ADDRESS: u64 = 13;
    while let Some((number, rest)) = variable_integer(parameters)
        && let Some((length, rest)) = variable_integer(rest)
        && let Some((value, rest)) = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length))
    {
        parameters = rest;
        match number {
            STATELESS_RESET_TOKEN => news.tokens.extend(<[u8; 16]>::try_from(value)),
            PREFERRED_ADDRESS => {
                // Addresses and ports of both kinds, then identifier and token.
                let id = value.get(24..).and_then(|rest| {
                    let (&length, rest) = rest.split_first()?;
                    rest.split_at_checked(length.into())
                });
                if let Some((id, token)) = id {
                    news.identifier = Identifier::new(id);
                    news.tokens.extend(<[u8; 16]>::try_from(token));
                }
            }
            _ => {}
        }
    }
}
