use crate::{
    coverage::Coverage,
    evidence::{Evidence, SourceId},
    handshake::observation::{Observation, has},
    http::{auth::CredentialsKind, exchange::Mark},
    note::{Note, NoteKind},
    rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions},
    token::Defect,
};

declare_rule! {
    /// Values were taken out of the recording before it was saved: a HAR exported without sensitive data, or values
    /// replaced by `[REDACTED]`. Basic may have been among them, so that its absence proves nothing.
    ///
    /// # Evidence
    /// The replaced value, the exporter's note, or a resource that answered a request as if it had credentials, in a
    /// recording without a single `Authorization` or cookie.
    ///
    /// # Traps
    /// A recording of anonymous traffic has no such fields either: that alone is no sign.
    pub(crate) RecordingSanitized = "COV-004" "recording-sanitized" Medium,
    title: "Values were taken out of the recording",
    remedy: "Export again with sensitive data (Chrome, Edge: DevTools settings, \"Allow to generate HAR with sensitive \
             data\").",
    source: "HTTP Archive 1.2; Chrome DevTools release notes 130",
    reference: "https://developer.chrome.com/blog/new-in-devtools-130",
}

impl Rule for RecordingSanitized {
    fn occasions(&self) -> Occasions {
        Occasions::REDACTED.or(Occasions::INCOMPLETE)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let extraction = observation.extraction;
        let replaced = extraction.credentials.iter().find(|c| c.kind == CredentialsKind::Redacted);
        let taken = extraction.sightings.iter().find(|s| s.token.defects.contains(&Defect::Redacted));
        let evidence = match (replaced, taken) {
            (Some(credentials), _) => observation.credentials(credentials),
            (None, Some(sighting)) => observation.sighted(sighting),
            (None, None) if has(observation, Mark::Sanitized) => observation.request_line(),
            (None, None) => return,
        };
        let detail = format!("{}: values of an exchange were replaced or removed", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).overturns().evidence(evidence));
    }

    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        if let NoteKind::Sanitized { how } = note.kind {
            let evidence =
                Evidence { input, entry: note.at.and_then(crate::evidence::At::entry), ..Evidence::default() };
            context.find(Self::META.input(input).subject("note").detail(how).overturns().evidence(evidence));
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for input in context.ledger.inputs() {
            let source = input.source;
            if input.coverage.is_some_and(|coverage: Coverage| coverage.sanitized) {
                let evidence = Evidence { input: source, ..Evidence::default() };
                let draft = Self::META.input(source).subject("note").detail("the exporter removed sensitive values");
                context.find(draft.overturns().evidence(evidence));
            }
            if input.format != "har" || input.with_secrets > 0 {
                continue;
            }
            for (host, seen) in &input.unexplained {
                let detail = "a resource answered as if it got credentials, but no request of the recording has any";
                context.find(Self::META.host(*host).detail(detail).overturns().seen(seen));
            }
        }
    }
}
