//! Colours. They only repeat what the words say: everything reads the same without them.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use inspector_core::{finding::Severity, verdict::Outcome};

/// What stands out.
pub(crate) const STRONG: Style = Style::new().bold();
/// What may be passed over.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// Frames of excerpts, names of rows.
pub(crate) const FRAME: Style = AnsiColor::Blue.on_default().bold();
/// Good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// In between.
pub(crate) const UNSURE: Style = AnsiColor::Yellow.on_default().bold();

/// `text` in a style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The colour of an outcome.
pub(crate) const fn of_outcome(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => GOOD,
        Outcome::Fail => BAD,
        Outcome::Inconclusive => UNSURE,
    }
}

/// The colour of a severity.
pub(crate) const fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical | Severity::High => BAD,
        Severity::Medium => UNSURE,
        Severity::Low => AnsiColor::Cyan.on_default().bold(),
        Severity::Info => AnsiColor::Green.on_default(),
    }
}
