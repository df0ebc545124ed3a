use crate::{
    finding::Severity,
    policy::Clock,
    rules::{Context, Declared, Rule, Summary, declare_rule},
};

/// Difference from which a clock is not relied on, in seconds.
const TOLERATED: i64 = 300;

declare_rule! {
    /// The recording's clock and the servers' clocks differ by more than five minutes, so that what is said about the
    /// lifetimes of tokens at the time of the recording may be wrong. Or its times lie before 1990: they count from the
    /// beginning of the recording, and lifetimes are judged by the servers' `Date` alone, where there is one.
    ///
    /// # Evidence
    /// The median difference between `Date` and the time of the response, over exchanges with credentials; or the first
    /// time.
    ///
    /// # Traps
    /// Answers from a cache carry an old `Date` and are left out (`Age`).
    pub(crate) ClockUnreliable = "COV-007" "clock-unreliable" Medium,
    title: "The recording's clock differs from the servers' by more than five minutes",
    remedy: "Synchronise the clock of the recording machine (NTP), or judge with --at and the right time.",
    source: "RFC 9110 §6.6.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1",
}

/// The title where times count from the beginning of the recording.
const RELATIVE: &str = "The recording's times are relative, so that lifetimes of tokens are not judged by them";

const NAME_THE_TIME: &str = "Name the time of the recording with --at, for example --at 2026-01-31T12:00:00Z, to have \
                             lifetimes judged.";

impl Rule for ClockUnreliable {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for input in context.ledger.inputs() {
            if let Some(first) = input.first.filter(|first| first.is_relative()) {
                let path = &input.path;
                let detail =
                    format!("{path}: its times count from its beginning ({first}); no lifetime is judged by them");
                let is_named = context.policy.clock != Clock::Capture;
                let draft = Self::META.input(input.source).title(RELATIVE).detail(detail).remedy(NAME_THE_TIME);
                context.find(if is_named { draft.severity(Severity::Info) } else { draft });
                continue;
            }
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
