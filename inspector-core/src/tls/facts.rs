//! What became of a TLS connection, in the words of `inspector doctor`.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use super::{
    negotiation::version,
    session::Tls,
    suites::{KeyExchange, Suite},
};
use crate::{connection::Reason, exchange::TlsSession, flow::Side};

/// Bytes of a TLS 1.3 client's protected records without which it cannot have sent its Finished message: header 4,
/// hash 32, type 1, tag of at least 8. An encrypted alert is shorter.
const SHORTEST_FINISHED: u64 = 45;

/// Facts about a connection. They are final after both sides ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `ssl3`, `1.0` … `1.3`; empty if no ServerHello was seen.
    pub version: &'static str,
    /// Cipher suite by its IANA name, or its number.
    pub suite: Option<Cow<'static, str>>,
    /// Server name indication.
    pub server_name: Option<String>,
    /// Application protocol agreed on, as far as it could be read.
    pub application_protocol: Option<String>,
    /// Client random of the first handshake.
    pub client_random: Option<[u8; 32]>,
    /// Client randoms of all handshakes, the first few: a renegotiation has one of its own.
    pub client_randoms: Vec<[u8; 32]>,
    /// All application data that was recorded was decrypted.
    pub decrypted: bool,
    /// Why not, or [`Reason::Empty`] if there was none.
    pub reason: Option<Reason>,
    /// The reason in one sentence; empty without one.
    pub detail: String,
    /// The session, as exchanges name it.
    pub session: Option<Arc<TlsSession>>,
    /// First fatal alert, by who sent it.
    pub alert: Option<(Side, u8)>,
    /// Bytes of plaintext, by `Side::index` of the TLS roles.
    pub plaintext: [u64; 2],
    /// Records seen, by `Side::index` of the TLS roles.
    pub records: [u64; 2],
}

/// A suite's name, or its number if it is not in the table.
pub(super) fn suite_name(code: u16) -> Cow<'static, str> {
    Suite::find(code).map_or_else(|| Cow::Owned(format!("0x{code:04x}")), |suite| Cow::Borrowed(suite.name))
}

/// The facts of a connection.
pub(super) fn describe(tls: &Tls) -> TlsFacts {
    let known = &tls.known;
    let [client, server] = &tls.directions;
    let reason = reason(tls).map(|reason| match reason {
        Reason::NoKey if tls.logs_empty => Reason::KeyLogEmpty,
        reason => reason,
    });
    let all_read = tls.directions.iter().all(|direction| {
        direction.given_up.is_none() && direction.not_authentic.is_none() && direction.waiting.is_empty()
    });
    let mut facts = TlsFacts {
        version: if known.server_hello { version::name(known.version) } else { "" },
        suite: known.server_hello.then(|| suite_name(known.suite)),
        server_name: known.server_name.clone(),
        application_protocol: known.application_protocol.clone(),
        client_random: known.client_random,
        client_randoms: known.client_randoms.clone(),
        decrypted: tls.opened && all_read && reason.is_none_or(|reason| reason == Reason::Empty),
        reason,
        detail: String::new(),
        session: tls.session(),
        alert: tls.alert,
        plaintext: [client.plaintext, server.plaintext],
        records: [client.records, server.records],
    };
    if let Some(reason) = reason {
        facts.detail = detail(tls, &facts, reason);
    }
    facts
}

fn reason(tls: &Tls) -> Option<Reason> {
    let [client, server] = &tls.directions;
    let both = [client, server];
    if both.iter().any(|direction| direction.not_authentic.is_some()) {
        return Some(Reason::NotAuthentic);
    }
    let given_up = both.iter().find_map(|direction| direction.given_up);
    if tls.opened {
        let limit = both.iter().any(|direction| direction.overflowed).then_some(Reason::Limit);
        let waiting = both.iter().any(|direction| !direction.waiting.is_empty());
        let unread = given_up.or(limit).or(tls.missing.filter(|_| waiting));
        let unread = unread.or_else(|| both.iter().find_map(|direction| direction.unread()));
        let empty = client.plaintext + server.plaintext == 0 && !both.iter().any(|direction| direction.lost > 0);
        return unread.or(empty.then_some(Reason::Empty));
    }
    let gap = both.iter().any(|direction| direction.gap);
    if let (Some(reason), false) = (without_data(tls), gap) {
        return Some(reason);
    }
    if !client.hello || !server.hello {
        return Some(if gap { Reason::Gap } else { Reason::HandshakeMissing });
    }
    tls.missing.or(given_up).or(Some(if gap { Reason::Gap } else { Reason::HandshakeMissing }))
}

/// Why no application data can have been sent, if so. Only without gaps.
fn without_data(tls: &Tls) -> Option<Reason> {
    let [client, server] = &tls.directions;
    if !client.hello {
        return None;
    }
    if !server.hello {
        let client_went_on = client.application > 0 || client.change_seen;
        return (!client_went_on && server.application == 0).then_some(Reason::HandshakeFailed);
    }
    if version::is_tls13(tls.known.version) {
        let no_finished = client.application_bytes < SHORTEST_FINISHED && !tls.early_offered;
        return no_finished.then_some(Reason::HandshakeFailed);
    }
    if client.application + server.application > 0 {
        return None;
    }
    let complete = client.change_seen && server.change_seen && tls.alert.is_none();
    Some(if complete { Reason::Empty } else { Reason::HandshakeFailed })
}

fn detail(tls: &Tls, facts: &TlsFacts, reason: Reason) -> String {
    let [client, server] = &tls.directions;
    let exchange = facts.suite.as_ref().and(Suite::find(tls.known.suite)).map(|suite| suite.exchange);
    let mut text = match reason {
        Reason::KeyLogEmpty => String::from("the key log that was given is empty"),
        Reason::NoKey if !tls.keys_given => String::from("no keys were given"),
        Reason::NoKey => String::from("the keys have no secret for this connection"),
        Reason::WrongKeyKind if facts.version == "1.3" => {
            String::from("the key log has a CLIENT_RANDOM line for it, but TLS 1.3 needs the four traffic secrets")
        }
        Reason::WrongKeyKind => {
            String::from("the key log has TLS 1.3 secrets for it, but this version needs a CLIENT_RANDOM line")
        }
        Reason::KeyIncomplete => String::from("the key log has some, but not all secrets of this connection"),
        Reason::HandshakeMissing if !client.hello => String::from("the recording begins after the ClientHello"),
        Reason::HandshakeMissing => String::from("the recording has no ServerHello of this connection"),
        Reason::ForwardSecrecy if exchange == Some(KeyExchange::Tls13) => {
            String::from("a private key cannot open TLS 1.3: its key exchange has forward secrecy")
        }
        Reason::ForwardSecrecy => {
            String::from("the private key cannot open it: the key exchange of the suite has forward secrecy")
        }
        Reason::PrivateKeyMismatch => String::from("the private key is not the one of the server's certificate"),
        Reason::SuiteUnsupported if tls.known.compression > 1 => {
            format!("compression method {} is not supported", tls.known.compression)
        }
        Reason::SuiteUnsupported => String::from("the cipher suite or version is not supported"),
        Reason::NotAuthentic => {
            let (side, record) = match (client.not_authentic, server.not_authentic) {
                (Some(record), _) => ("client", record),
                (None, record) => ("server", record.unwrap_or_default()),
            };
            format!("record {record} of the {side} failed its authentication: wrong secret, or damaged bytes")
        }
        Reason::Gap if !client.hello || !server.hello => String::from("bytes of the handshake are missing"),
        Reason::Gap => String::from("so many bytes are missing that the records after them cannot be opened"),
        Reason::ResumptionUnknown => String::from("it resumes a session whose full handshake is not in the recording"),
        Reason::EncryptedClientHello => {
            String::from("the client hello is encrypted (or pretends to be), and no secret fits the outer one")
        }
        Reason::HandshakeFailed => String::from("the handshake ended before application data"),
        Reason::Empty => String::from("no application data was sent"),
        Reason::Limit => String::from("its records came too long before its keys and were not all kept"),
        _ => String::new(),
    };
    if let Some((side, description)) = facts.alert {
        let side = if side == Side::Client { "client" } else { "server" };
        let _ = write!(text, "; alert {description} ({}) by the {side}", alert_name(description));
    }
    let version = match facts.version {
        "" => None,
        "ssl3" => Some("SSL 3.0".to_owned()),
        version => Some(format!("TLS {version}")),
    };
    let random = facts.client_random.map(|random| {
        let digits: String = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("client random {digits}…")
    });
    let particulars: Vec<_> =
        [version, facts.suite.as_deref().map(str::to_owned), random].into_iter().flatten().collect();
    if !particulars.is_empty() {
        let _ = write!(text, " ({})", particulars.join(", "));
    }
    text
}

/// Names of the alerts that end handshakes (RFC 8446 §6).
const fn alert_name(description: u8) -> &'static str {
    match description {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}
