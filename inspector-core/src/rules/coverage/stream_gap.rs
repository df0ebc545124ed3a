use crate::{
    connection::{ConnectionReport, Reason},
    evidence::{Part, SourceId},
    exchange::{Mark, Protocol, message::Start},
    handshake::observation::{Observation, has},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// Bytes of a stream were never recorded: packets were lost by the recorder, cut by its snap length, or a header
    /// section is not whole. A request, a credential or a refusal may be in the hole.
    ///
    /// # Evidence
    /// The exchange the hole touches, or the connection with its count of gaps and missing bytes.
    ///
    /// # Traps
    /// Retransmissions and reordering are not gaps; bytes sent again that differ from the first are one conversation laid
    /// over another, or a copy that was damaged on its way. A hole in a connection that carries no HTTP does not matter.
    pub(crate) StreamGap = "COV-002" "stream-gap" Medium,
    title: "Bytes of a stream were not recorded",
    remedy: "Record again with the full packet length (tcpdump -s 0), a larger buffer (-B) and a filter for the hosts of \
             interest.",
    source: "RFC 9293 §3.4",
    reference: "https://wiki.wireshark.org/CaptureSetup/Performance",
}

impl Rule for StreamGap {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE.or(Occasions::BARE)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let what = [
            (Mark::Gap, "a gap touches the exchange"),
            (Mark::HeadCut, "a header section is cut"),
            (Mark::HeaderUnknown, "header fields refer to bytes that were not recorded"),
        ];
        if let Some(words) = unknown_head(observation) {
            let detail = format!("{}: {words}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
        }
        for (mark, words) in what {
            if has(observation, mark) {
                let detail = format!("{}: {words}", observation.host_name);
                context
                    .find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
            }
        }
    }

    fn connection(&mut self, input: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {
        let gaps: u64 = report.connection.gaps.iter().sum();
        let missing: u64 = report.connection.bytes_missing.iter().sum();
        let lost = gaps > 0 || missing > 0 || report.reason == Some(Reason::Gap);
        let elsewhere = matches!(report.reason, Some(Reason::NotHttp | Reason::StartTls | Reason::HandshakeFailed));
        if elsewhere {
            return;
        }
        self.differing(input, report, context);
        if !lost || super::is_dark(report) {
            return;
        }
        let word = if gaps == 1 { "gap" } else { "gaps" };
        let detail = format!("{}: {gaps} {word}, {missing} bytes missing", super::called(report));
        let concern = super::concern(report, context.ledger);
        let draft = Self::META.about(concern).subject(super::called(report)).detail(detail).overturns();
        context.find(draft.evidence(super::evidence(input, report, Part::Tcp)));
    }
}

impl StreamGap {
    /// Bytes that came twice and differ, or that have no place in the streams: which of them the receiver took is not
    /// known, and the others may be of another conversation.
    fn differing(&self, input: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {
        let connection = &report.connection;
        let (differ, strays) = (connection.overlaps_differing, connection.strays);
        let detail = match (differ, strays) {
            (0, 0) => return,
            (0, _) => format!("{strays} bytes fit nowhere in the streams of the connection"),
            _ => format!("{differ} bytes were sent again with other contents; the first were read"),
        };
        let draft = Self::META.about(super::concern(report, context.ledger)).subject(super::called(report));
        let draft = draft
            .title("Bytes recorded twice differ")
            .detail(format!("{}: {detail}", super::called(report)))
            .remedy("Judge each recording by itself if several were merged; else record again, at one place only.");
        context.find(draft.overturns().evidence(super::evidence(input, report, Part::Tcp)));
    }
}

/// What is unknown of a request's header section though no mark says so.
fn unknown_head(observation: &Observation<'_>) -> Option<&'static str> {
    let head = observation.request()?;
    let on_wire = observation.exchange.connection.is_some();
    if on_wire && head.method().is_empty() && !has(observation, Mark::HeaderUnknown) {
        return Some("the header section of a request could not be decoded");
    }
    // Every request but those of HTTP/1.0 has a field or an authority.
    let names_host = matches!(head.start(), Start::Request { authority: Some(_), .. });
    // The type of a content is known without the fields.
    let has_none = head.iter().all(|(name, _)| name.eq_ignore_ascii_case(b"content-type"))
        && !names_host
        && observation.exchange.protocol != Protocol::Http10;
    (!on_wire && has_none && observation.is_sent()).then_some("no header field of a request was recorded")
}
