use crate::{
    connection::{ConnectionReport, Reason},
    evidence::{Part, SourceId},
    rules::{Context, Declared, Rule, declare_rule},
};

declare_rule! {
    /// A connection is encrypted and no key opened it, so that every request in it is unseen. Absence of Basic, or of a
    /// refusal, cannot be told from the rest.
    ///
    /// # Evidence
    /// The connection's first packet, its server name (or address), and why it stayed dark.
    ///
    /// # Traps
    /// A connection to a host out of scope does not matter. One without server name counts if its server's address is
    /// that of a host in scope, or if no host could be identified at all.
    pub(crate) TlsUndecrypted = "COV-001" "tls-undecrypted" Info,
    title: "An encrypted connection could not be decrypted",
    remedy: "Give the session keys (--keys with an SSLKEYLOGFILE written while recording), record on the server or at the \
             TLS terminator, or record a HAR; `inspector doctor` names the reason for each connection.",
    source: "RFC 8446 §7; NSS key log format",
    reference: "https://www.rfc-editor.org/rfc/rfc9850",
}

const FILL_THE_LOG: &str = "Copy the key log after the client has made its connections, and see that SSLKEYLOGFILE was set \
                            before it started; then give it again with --keys.";

/// What helps where keys were given that do not fit; `None` where the rule's own remedy does.
const fn remedy(reason: Option<Reason>) -> Option<&'static str> {
    match reason {
        Some(Reason::KeyLogEmpty) => Some(FILL_THE_LOG),
        Some(Reason::ForwardSecrecy) => Some(
            "A private key cannot open a suite with forward secrecy: give a key log (SSLKEYLOGFILE) instead, record where the \
             load balancer speaks plain HTTP, or record a HAR.",
        ),
        Some(Reason::PrivateKeyMismatch) => Some(
            "The private key is not that of the server's certificate: export the key of the certificate the server really \
             showed, and give it with --keys.",
        ),
        Some(Reason::WrongKeyKind) => Some(
            "The key log has secrets of another TLS version for this session: log again with a client that writes those of \
             the version it speaks.",
        ),
        Some(Reason::KeyIncomplete) => {
            Some("The key log lacks some secrets of this session: copy it whole, after the client has ended.")
        }
        _ => None,
    }
}

impl Rule for TlsUndecrypted {
    fn connection(&mut self, input: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {
        if !super::is_dark(report) {
            return;
        }
        let reason = report.reason.map_or("unknown reason", Reason::as_str);
        let empty = report.reason == Some(Reason::KeyLogEmpty);
        let more = if empty { ", the key log that was given is empty" } else { "" };
        let detail = format!("{}: {reason}{more}", super::called(report));
        let mut evidence = super::evidence(input, report, Part::Tls);
        evidence.excerpt = Some(crate::token::mask::text(&report.detail)).filter(|text| !text.is_empty());
        let concern = super::concern(report, context.ledger);
        let draft = Self::META.about(concern).detail(detail).overturns().evidence(evidence);
        context.find(draft.remedy(remedy(report.reason).unwrap_or_default()));
    }
}
