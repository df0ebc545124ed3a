use crate::{
    evidence::{Evidence, SourceId},
    exchange::Mark,
    finding::{Concern, Draft},
    handshake::observation::{Observation, has},
    note::{Note, NoteKind},
    rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions},
};

/// Limits whose effect is marked on the exchange (or connection) itself and judged there.
const JUDGED_ELSEWHERE: [&str; 13] = [
    "entry",
    "body",
    "decoded_body",
    "decode_ratio",
    "codings",
    "head",
    "fields",
    "token",
    "token_depth",
    "out_of_order",
    "tls_handshake",
    "tls_pending_total",
    "quic_pending",
];

/// A recording that unpacks to far more than any real one: more memory is not what helps first.
const UNPACK_FIRST: &str = "The recording unpacks to more than a hundred times its size; unpack it (gzip -d, zstd -d, lz4 -d) and give the result.";

declare_rule! {
    /// A bound of this program was reached, and something was given up: connections, tokens or members that were not
    /// looked at.
    ///
    /// # Evidence
    /// The bound's name and where it was reached.
    ///
    /// # Traps
    /// Bounds that mark the exchange they concern (long contents, long headers) are judged there and do not block here.
    pub(crate) LimitReached = "COV-009" "limit-reached" Medium,
    title: "A limit of this program was reached",
    remedy: "Give more memory with --max-memory, or record less at a time.",
    source: "This program's Limits",
    reference: "https://cwe.mitre.org/data/definitions/770.html",
}

/// A bound that was reached after all was read, and that may hide anything.
pub(crate) fn limit_reached(limit: &str) -> Draft {
    LimitReached::META.about(Concern::Anything).detail(format!("limit: {limit}")).overturns()
}

impl Rule for LimitReached {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for limit in &observation.extraction.limits {
            let detail = format!("{}: limit: {limit}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
        }
        if has(observation, Mark::StringCut) {
            let detail =
                format!("{}: limit: entry (a text of an entry is longer than what is kept)", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
        }
    }

    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        let NoteKind::Limit { limit } = note.kind else { return };
        let evidence = Evidence {
            input,
            frame: note.at.and_then(crate::evidence::At::frame),
            entry: note.at.and_then(crate::evidence::At::entry),
            connection: note.connection.map(|id| id.0),
            ..Evidence::default()
        };
        let draft = Self::META.about(Concern::Anything).detail(format!("limit: {limit}")).evidence(evidence);
        let draft = if limit == "unpack_ratio" { draft.remedy(UNPACK_FIRST) } else { draft };
        context.find(if JUDGED_ELSEWHERE.contains(&limit) { draft } else { draft.overturns() });
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        if let Some(limit) = context.ledger.overflowed() {
            context.find(limit_reached(limit));
        }
    }
}
