use crate::{
    analysis::Clock,
    rules::{Context, Declared, Rule, Severity, Summary, declare_rule},
};

/// Difference from which a clock is not relied on, in seconds.
const TOLERATED: i64 = 300;

declare_rule! {
    /// The recording's clock and the servers' clocks differ by more than five minutes, so that what is said about the
    /// lifetimes of tokens at the time of the recording may be wrong.
    ///
    /// # Evidence
    /// The median difference between `Date` and the time of the response, over exchanges with credentials.
    ///
    /// # Traps
    /// Answers from a cache carry an old `Date` and are left out (`Age`).
    pub(crate) ClockUnreliable = "COV-007" "clock-unreliable" Medium,
    title: "The recording's clock differs from the servers' by more than five minutes",
    remedy: "Synchronise the clock of the recording machine (NTP), or judge with --at and the right time.",
    source: "RFC 9110 §6.6.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1",
}

impl Rule for ClockUnreliable {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for input in context.ledger.inputs() {
            let Some(ahead) = input.skew().filter(|ahead| ahead.saturating_abs() > TOLERATED) else { continue };
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            let detail = format!("{}: servers are {} seconds {side} the recording", input.path, ahead.saturating_abs());
            let usual = if context.policy.clock == Clock::Capture { Self::META.severity } else { Severity::Info };
            let mut draft = Self::META.input(input.source).severity(usual).detail(detail);
            if let Some(evidence) = &input.clock_evidence {
                draft = draft.evidence(evidence.clone());
            }
            context.find(draft);
        }
    }
}
