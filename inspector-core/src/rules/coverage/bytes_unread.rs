use crate::{
    connection::ConnectionReport,
    evidence::{Part, SourceId},
    exchange::{Mark, Scheme, message::Head},
    finding::Concern,
    handshake::observation::{Endpoint, Observation, has},
    hosts,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

/// Fewer bytes than these hold no credentials: `Authorization:Basic Og==`.
const SHORTEST: u64 = 24;

declare_rule! {
    /// A client sent bytes that were not read as a request: they break the grammar of HTTP, they went through a tunnel or
    /// followed a switch of protocols and are of no protocol this program knows, or the lengths of a request contradict
    /// each other, so that the server may have read another request in its content. Any credentials can be in them.
    ///
    /// # Evidence
    /// The connection and the number of bytes, or the request whose lengths contradict each other.
    ///
    /// # Traps
    /// Holes in a recording are COV-002, encryption is COV-001. A connection that never was HTTP is not looked at. What a
    /// server sent in excess hides no request.
    pub(crate) BytesUnread = "COV-014" "bytes-unread" Medium,
    title: "Bytes that a client sent could not be read as a request",
    remedy: "Record where the protocol inside the tunnel is readable (on the server, or with its keys); look at the \
             connection with `inspector doctor`.",
    source: "RFC 9112 §2.2, §6.3, §11.2; RFC 9110 §7.8, §9.3.6",
    reference: "https://www.rfc-editor.org/rfc/rfc9112#section-11.2",
}

impl Rule for BytesUnread {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE.or(Occasions::TUNNEL)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(head) = observation.request() else { return };
        let body = observation.exchange.request.as_ref().map_or(0, |message| message.body.transferred);
        let (what, concern) = match observation.endpoint {
            // HTTP/2 and HTTP/3 carry a tunnel inside the exchange.
            Endpoint::Tunnel if body > 0 => (format!("{body} bytes of a tunnel"), Concern::Host(observation.host)),
            _ if has(observation, Mark::AmbiguousLength) && contradicts_itself(head) => {
                ("the lengths of a request contradict each other".to_owned(), observation.concern())
            }
            _ => return,
        };
        let detail = format!("{}: {what}", observation.host_name);
        context.find(Self::META.about(concern).detail(detail).overturns().evidence(observation.request_line()));
    }

    fn connection(&mut self, input: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {
        // What follows a hole is not read either, and COV-002 says so.
        if report.unread < SHORTEST || report.connection.gaps.first().is_some_and(|gaps| *gaps > 0) {
            return;
        }
        let tunnel = report.tunnel.as_deref().map(|authority| hosts::normalize(authority, Scheme::Https));
        let (name, concern) = match &tunnel {
            Some(name) => {
                let known = context.ledger.find_host(name);
                (format!("the tunnel to {}", mask::text(name)), known.map_or(Concern::Anything, Concern::Host))
            }
            None => (super::called(report), super::concern(report, context.ledger)),
        };
        let detail = format!("{name}: {} bytes", report.unread);
        let evidence = super::evidence(input, report, Part::Tcp);
        context.find(Self::META.about(concern).subject(name).detail(detail).overturns().evidence(evidence));
    }
}

/// Whether a request's own fields leave its end open: several lengths, or a length beside a transfer coding.
fn contradicts_itself(head: &Head) -> bool {
    let lengths = head.values("content-length").count();
    let codings = head.values("transfer-encoding").count();
    lengths > 1
        || (lengths > 0 && codings > 0)
        || head.values("content-length").any(|value| value.contains(&b','))
        || head.values("transfer-encoding").any(|value| !value.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}
