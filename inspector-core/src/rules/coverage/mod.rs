//! COV-…: what limits the conclusions. They run first, and a pass is not possible while one of them blocks.
//!
//! Which of them could overturn the answer is decided in the table of [`crate::verdict`].

super::rules![
    tls_undecrypted::TlsUndecrypted,
    stream_gap::StreamGap,
    body_unavailable::BodyUnavailable,
    recording_sanitized::RecordingSanitized,
    tunnel_only::TunnelOnly,
    conversation_one_sided::ConversationOneSided,
    clock_unreliable::ClockUnreliable,
    actor_token_cached::ActorTokenCached,
    limit_reached::LimitReached,
    input_damaged::InputDamaged,
    packets_not_understood::PacketsNotUnderstood,
    nothing_readable::NothingReadable,
    credentials_undecided::CredentialsUndecided,
    bytes_unread::BytesUnread,
];

pub(crate) use self::input_damaged::{lacks_part, unreadable};
pub(crate) use self::limit_reached::limit_reached;
use crate::{
    connection::{ConnectionReport, Reason, Transport},
    evidence::{Evidence, Part, SourceId},
    exchange::Scheme,
    finding::Concern,
    handshake::ledger::Ledger,
    hosts,
};

/// What a connection concerns: the host it named, else the address of its server. An encrypted client hello shows a name
/// that is not the server's.
fn concern(report: &ConnectionReport, ledger: &Ledger) -> Concern {
    let hidden = report.reason == Some(Reason::EncryptedClientHello);
    let name = report.server_name.as_deref().filter(|name| !hidden && !name.trim().is_empty());
    let Some(name) = name else {
        let [client, server] =
            [report.connection.client, report.connection.server].map(|end| end.address.to_canonical());
        return if report.connection.roles_known { Concern::Address(server) } else { Concern::Between(client, server) };
    };
    let id = ledger.find_host(&hosts::normalize(name, Scheme::Https));
    id.map_or(Concern::Anything, Concern::Host)
}

/// How a connection is called in a detail.
fn called(report: &ConnectionReport) -> String {
    let address = report.connection.server;
    match report.server_name.as_deref() {
        Some(name) => format!("{} ({address})", crate::token::mask::text(name)),
        None => address.to_string(),
    }
}

/// Whether the connection is encrypted and was not decrypted as a whole.
const fn is_dark(report: &ConnectionReport) -> bool {
    let encrypted = report.tls.is_some() || matches!(report.transport, Transport::Quic);
    match report.reason {
        Some(reason) => reason.is_dark() && (encrypted || is_about_tls(reason)) && !report.decrypted,
        None => encrypted && !report.decrypted,
    }
}

const fn is_about_tls(reason: Reason) -> bool {
    !matches!(reason, Reason::Gap | Reason::Limit | Reason::NotHttp | Reason::Empty | Reason::StartTls)
}

fn evidence(input: SourceId, report: &ConnectionReport, part: Part) -> Evidence {
    Evidence {
        input,
        frame: report.connection.first.frame(),
        connection: Some(report.connection.id.0),
        part: Some(part),
        ..Evidence::default()
    }
}
