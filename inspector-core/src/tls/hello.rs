//! The handshake messages that decide how a connection can be read, parsed complete (RFC 8446 §4, RFC 5246 §7.4).

use nom::{
    IResult, Parser,
    bytes::complete::take,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u24, be_u32},
};

use crate::secrets::keylog::short_digest;

/// HelloRequest.
pub(crate) const HELLO_REQUEST: u8 = 0;
/// ClientHello.
pub(crate) const CLIENT_HELLO: u8 = 1;
/// ServerHello, and HelloRetryRequest.
pub(crate) const SERVER_HELLO: u8 = 2;
/// NewSessionTicket.
pub(crate) const NEW_SESSION_TICKET: u8 = 4;
/// EndOfEarlyData.
pub(crate) const END_OF_EARLY_DATA: u8 = 5;
/// EncryptedExtensions.
pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
/// Certificate.
pub(crate) const CERTIFICATE: u8 = 11;
/// ServerHelloDone.
pub(crate) const SERVER_HELLO_DONE: u8 = 14;
/// ClientKeyExchange.
pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Finished.
pub(crate) const FINISHED: u8 = 20;
/// KeyUpdate.
pub(crate) const KEY_UPDATE: u8 = 24;

/// Whether a message is looked at when no handshake must be hashed.
pub(crate) const fn is_of_interest(kind: u8) -> bool {
    matches!(
        kind,
        CLIENT_HELLO
            | SERVER_HELLO
            | NEW_SESSION_TICKET
            | END_OF_EARLY_DATA
            | ENCRYPTED_EXTENSIONS
            | CERTIFICATE
            | CLIENT_KEY_EXCHANGE
            | SERVER_HELLO_DONE
            | FINISHED
            | KEY_UPDATE
    )
}

/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The extensions looked at.
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const APPLICATION_PROTOCOLS: u16 = 16;
    pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(super) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(super) const SESSION_TICKET: u16 = 35;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    pub(super) const QUIC_TRANSPORT_PARAMETERS: u16 = 57;
    pub(super) const QUIC_TRANSPORT_PARAMETERS_DRAFT: u16 = 0xffa5;
    pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// What a ClientHello tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientHello {
    /// Client random: the name of the connection in a key log.
    pub(crate) random: [u8; 32],
    /// Session id; empty if there is none.
    pub(crate) session_id: Vec<u8>,
    /// Server name indication.
    pub(crate) server_name: Option<String>,
    /// Digest of the session ticket offered (RFC 5077).
    pub(crate) ticket: Option<[u8; 16]>,
    /// Early data may follow.
    pub(crate) early_data: bool,
    /// An encrypted client hello is offered, or imitated.
    pub(crate) encrypted_client_hello: bool,
}

/// What a ServerHello tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerHello {
    /// Version agreed on; for a draft of TLS 1.3 its number.
    pub(crate) version: u16,
    /// Server random.
    pub(crate) random: [u8; 32],
    /// Session id.
    pub(crate) session_id: Vec<u8>,
    /// Cipher suite.
    pub(crate) suite: u16,
    /// Compression method.
    pub(crate) compression: u8,
    /// Application protocol.
    pub(crate) application_protocol: Option<String>,
    /// RFC 7366.
    pub(crate) encrypt_then_mac: bool,
    /// RFC 7627.
    pub(crate) extended_master_secret: bool,
    /// It is a HelloRetryRequest.
    pub(crate) retry: bool,
}

type Parsed<'a, T> = IResult<&'a [u8], T>;

fn vec8(input: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u8).parse(input)
}

fn vec16(input: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u16).parse(input)
}

fn vec24(input: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u24).parse(input)
}

fn random(input: &[u8]) -> Parsed<'_, [u8; 32]> {
    take(32_usize).map(|bytes: &[u8]| bytes.try_into().unwrap_or_default()).parse(input)
}

/// The extensions, as far as they are whole.
fn extensions(input: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut left = vec16(input).map_or(&[] as &[u8], |(_, extensions)| extensions);
    std::iter::from_fn(move || {
        let (after, extension) = (be_u16::<_, nom::error::Error<&[u8]>>, vec16).parse(left).ok()?;
        left = after;
        Some(extension)
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The only protocol of a server's answer (RFC 7301 §3.1).
fn application_protocol(data: &[u8]) -> Option<String> {
    let (_, list) = vec16(data).ok()?;
    let (_, name) = vec8(list).ok()?;
    Some(text(name))
}

/// The host name (RFC 6066 §3).
fn server_name(data: &[u8]) -> Option<String> {
    let (_, list) = vec16(data).ok()?;
    let (_, (kind, name)) = (be_u8::<_, nom::error::Error<&[u8]>>, vec16).parse(list).ok()?;
    (kind == 0 && !name.is_empty()).then(|| text(name))
}

impl ClientHello {
    /// Parses the message's body.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let (left, (_version, random, session_id, _suites, _compressions)) =
            (be_u16, random, vec8, vec16, vec8).parse(body).ok()?;
        let mut hello = Self { random, session_id: session_id.to_vec(), ..Self::default() };
        for (kind, data) in extensions(left) {
            match kind {
                extension::SERVER_NAME => hello.server_name = server_name(data),
                extension::SESSION_TICKET if !data.is_empty() => hello.ticket = Some(short_digest(data)),
                extension::EARLY_DATA => hello.early_data = true,
                extension::ENCRYPTED_CLIENT_HELLO => hello.encrypted_client_hello = true,
                _ => {}
            }
        }
        Some(hello)
    }

    /// Parses an SSL 2.0 compatible hello with its two bytes of length: the challenge is the random, with zeros before
    /// it (RFC 5246 appendix E.2).
    pub(crate) fn parse_v2(hello: &[u8]) -> Option<Self> {
        let (left, (_length, _kind, _version, suites, id, challenge)) =
            (be_u16::<_, nom::error::Error<&[u8]>>, be_u8, be_u16, be_u16, be_u16, be_u16).parse(hello).ok()?;
        let (_, (_, session_id, challenge)) =
            (take::<_, _, nom::error::Error<&[u8]>>(suites), take(id), take(challenge)).parse(left).ok()?;
        let mut random = [0; 32];
        random.iter_mut().rev().zip(challenge.iter().rev()).for_each(|(to, from)| *to = *from);
        Some(Self { random, session_id: session_id.to_vec(), ..Self::default() })
    }
}

impl ServerHello {
    /// Parses the message's body.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let (left, (version, random, session_id, suite, compression)) =
            (be_u16, random, vec8, be_u16, be_u8).parse(body).ok()?;
        let mut hello = Self {
            version,
            random,
            session_id: session_id.to_vec(),
            suite,
            compression,
            retry: random == RETRY,
            ..Self::default()
        };
        for (kind, data) in extensions(left) {
            match (kind, data) {
                (extension::SUPPORTED_VERSIONS, [high, low]) => hello.version = u16::from_be_bytes([*high, *low]),
                (extension::APPLICATION_PROTOCOLS, _) => hello.application_protocol = application_protocol(data),
                (extension::ENCRYPT_THEN_MAC, _) => hello.encrypt_then_mac = true,
                (extension::EXTENDED_MASTER_SECRET, _) => hello.extended_master_secret = true,
                _ => {}
            }
        }
        Some(hello)
    }
}

/// What the server says under protection in TLS 1.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EncryptedExtensions {
    /// Application protocol.
    pub(crate) application_protocol: Option<String>,
    /// The early data is accepted.
    pub(crate) early_data: bool,
    /// What the server says of itself in QUIC (RFC 9001 §8.2).
    pub(crate) transport_parameters: Vec<u8>,
}

impl EncryptedExtensions {
    /// Parses the message's body.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let mut found = Self::default();
        for (kind, data) in extensions(body) {
            match kind {
                extension::APPLICATION_PROTOCOLS => found.application_protocol = application_protocol(data),
                extension::EARLY_DATA => found.early_data = true,
                extension::QUIC_TRANSPORT_PARAMETERS | extension::QUIC_TRANSPORT_PARAMETERS_DRAFT => {
                    found.transport_parameters = data.to_vec();
                }
                _ => {}
            }
        }
        found
    }
}

/// The sender's own certificate in a Certificate message; `None` if it sent none.
pub(crate) fn end_entity_certificate(body: &[u8], tls13: bool) -> Option<&[u8]> {
    let list = if tls13 { vec8.and(vec24).map(|(_, list)| list).parse(body) } else { vec24(body) };
    let (_, certificate) = vec24(list.ok()?.1).ok()?;
    (!certificate.is_empty()).then_some(certificate)
}

/// The ticket of a NewSessionTicket message before TLS 1.3.
pub(crate) fn new_session_ticket(body: &[u8]) -> Option<[u8; 16]> {
    let (_, (_lifetime, ticket)) = (be_u32::<_, nom::error::Error<&[u8]>>, vec16).parse(body).ok()?;
    (!ticket.is_empty()).then(|| short_digest(ticket))
}

/// The premaster secret in a ClientKeyExchange for RSA, encrypted. SSL 3.0 sends it without a length.
pub(crate) fn encrypted_premaster(body: &[u8], length_prefixed: bool) -> Option<&[u8]> {
    if length_prefixed { vec16(body).ok().map(|(_, bytes)| bytes) } else { Some(body) }
}
