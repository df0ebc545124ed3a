use crate::{
    connection::{ConnectionReport, Reason},
    evidence::{Part, SourceId},
    handshake::observation::{Observation, has},
    http::{
        exchange::{Mark, Protocol},
        message::Start,
    },
    note::{Note, NoteKind},
    rules::{Context, Declared, Rule, Severity, declare_rule, finding::Concern, occasion::Occasions},
};

declare_rule! {
    /// Bytes of a stream were never recorded: packets were lost by the recorder, cut by its snap length, or a header
    /// section is not whole. A request, a credential or a refusal may be in the hole.
    ///
    /// # Evidence
    /// The exchange the hole touches, or the connection with its count of gaps and missing bytes.
    ///
    /// # Traps
    /// Retransmissions and reordering are not gaps. A hole in a connection that carries no HTTP does not matter.
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
        if !lost || elsewhere || super::is_dark(report) {
            return;
        }
        let detail = format!("{}: {gaps} gaps, {missing} bytes missing", super::called(report));
        let concern = super::concern(report, context.ledger);
        let draft = Self::META.about(concern).subject(super::called(report)).detail(detail).overturns();
        context.find(draft.evidence(super::evidence(input, report, Part::Tcp)));
    }

    fn note(&mut self, _: SourceId, note: &Note, context: &mut Context<'_>) {
        if note.kind == NoteKind::OverlapDiffers {
            let detail = "the same bytes of a stream were sent with different contents; the first were kept";
            context.find(Self::META.about(Concern::Nothing).severity(Severity::Low).detail(detail));
        }
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
    let has_none = head.iter().all(|(name, _)| name.eq_ignore_ascii_case(b"content-type")) && !names_host && observation.exchange.protocol != Protocol::Http10;
    (!on_wire && has_none && observation.is_sent()).then_some("no header field of a request was recorded")
}
