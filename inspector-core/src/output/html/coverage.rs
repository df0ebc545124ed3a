//! How much was read, as bars: read, encrypted, lost, cut.

use maud::{Markup, html};

use super::{counted, left_out};
use crate::{coverage::Coverage, output::plain, report::Report};

/// Recordings whose own bars are shown.
const SHOWN: usize = 50;

/// A bar: what it is of, and its parts.
struct Bar {
    name: &'static str,
    total: u64,
    parts: [(Part, u64); 4],
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Read,
    Encrypted,
    Lost,
    Cut,
}

impl Part {
    const ALL: [Self; 4] = [Self::Read, Self::Encrypted, Self::Lost, Self::Cut];

    const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Encrypted => "encrypted",
            Self::Lost => "lost",
            Self::Cut => "cut",
        }
    }
}

impl Bar {
    /// What is neither encrypted nor lost nor cut was read.
    fn new(name: &'static str, total: u64, encrypted: u64, lost: u64, cut: u64) -> Self {
        let encrypted = encrypted.min(total);
        let lost = lost.min(total - encrypted);
        let cut = cut.min(total - encrypted - lost);
        let read = total - encrypted - lost - cut;
        Self {
            name,
            total,
            parts: [(Part::Read, read), (Part::Encrypted, encrypted), (Part::Lost, lost), (Part::Cut, cut)],
        }
    }

    fn all(coverage: &Coverage) -> Vec<Self> {
        let dark = coverage.tls_connections.saturating_sub(coverage.tls_decrypted);
        let bars = [
            Self::new("Packets", coverage.packets.max(coverage.packets_skipped), 0, coverage.packets_skipped, 0),
            Self::new("Connections", coverage.connections.max(coverage.tls_connections), dark, 0, 0),
            Self::new("Exchanges", coverage.exchanges, 0, coverage.exchanges_without_response, coverage.bodies_cut),
            Self::new("Entries", coverage.exchanges + coverage.entries_skipped, 0, coverage.entries_skipped, 0),
        ];
        let is_told = |bar: &Self| match bar.name {
            // Without packets the exchanges are the entries.
            "Entries" => coverage.entries_skipped > 0,
            "Exchanges" => true,
            _ => bar.total > 0,
        };
        bars.into_iter().filter(is_told).collect()
    }

    /// `3 read, 1 encrypted`.
    fn words(&self) -> String {
        if self.total == 0 {
            return "none".to_owned();
        }
        let told = self.parts.iter().filter(|(_, count)| *count > 0);
        let words: Vec<String> = told.map(|(part, count)| format!("{count} {}", part.word())).collect();
        words.join(", ")
    }
}

pub(super) fn section(report: &Report) -> Markup {
    let several = report.inputs.len() > 1;
    let content = html! {
        ul .legend {
            @for part in Part::ALL { li { span .swatch .(part.word()) {} (part.word()) } }
        }
        (bars(&report.coverage))
        @if several {
            @for input in report.inputs.iter().take(SHOWN) {
                details {
                    summary { span .path { (plain(&input.path)) } " " span .quiet { (summary(&input.coverage)) } }
                    (bars(&input.coverage))
                }
            }
            (left_out(report.inputs.len().saturating_sub(SHOWN) as u64, "recording", "recordings"))
        }
    };
    super::section("coverage", &html! {}, &content)
}

/// The bars in a few words.
fn summary(coverage: &Coverage) -> String {
    let all = Bar::all(coverage);
    let of = |bar: &Bar| format!("{}: {}", bar.name.to_ascii_lowercase(), bar.words());
    all.iter().map(of).collect::<Vec<String>>().join("; ")
}

fn bars(coverage: &Coverage) -> Markup {
    html! {
        dl .bars {
            @for bar in Bar::all(coverage) {
                div {
                    dt { (bar.name) }
                    dd { (picture(&bar)) span { (bar.words()) } }
                }
            }
        }
        @let notes = notes(coverage);
        @if !notes.is_empty() {
            ul .plain { @for note in notes { li { (note) } } }
        }
    }
}

/// A bar of a thousand parts' width. A part is never too small to be seen.
fn picture(bar: &Bar) -> Markup {
    const WIDTH: u64 = 1000;
    let told: Vec<(Part, u64)> = bar.parts.into_iter().filter(|(_, count)| *count > 0).collect();
    let share = |count: u64| {
        let exact = u128::from(count) * u128::from(WIDTH) / u128::from(bar.total.max(1));
        u64::try_from(exact).unwrap_or(WIDTH).max(12)
    };
    let sum: u64 = told.iter().map(|(_, count)| share(*count)).sum();
    let mut places: Vec<(Part, u64, u64)> = Vec::new();
    let mut at = 0;
    for (part, count) in told {
        let width = share(count) * WIDTH / sum.max(1);
        places.push((part, at, width));
        at += width;
    }
    html! {
        svg role="img" viewBox={ "0 0 " (WIDTH) " 14" } preserveAspectRatio="none" width="100%" height="14"
            aria-label={ (bar.name) ": " (bar.words()) } {
            rect .none x="0" y="0" width=(WIDTH) height="14" {}
            @for (part, at, width) in places {
                rect .(part.word()) x=(at) y="0" width=(width) height="14" {}
            }
        }
    }
}

/// What has no total to be a part of.
fn notes(coverage: &Coverage) -> Vec<String> {
    let mut notes = Vec::new();
    if coverage.gaps > 0 || coverage.bytes_missing > 0 {
        let holes = counted(coverage.gaps, "hole", "holes");
        notes.push(format!("{holes} in streams, {} missing", counted(coverage.bytes_missing, "byte", "bytes")));
    }
    if coverage.duplicates > 0 {
        notes.push(format!(
            "{} dropped: they say nothing new",
            counted(coverage.duplicates, "duplicate packet", "duplicate packets")
        ));
    }
    if coverage.sanitized {
        notes.push("the recording was sanitised: what was taken out cannot be judged".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_never_more_than_the_whole() {
        let coverage = Coverage {
            packets: 10,
            packets_skipped: 30,
            connections: 2,
            tls_connections: 3,
            tls_decrypted: 1,
            exchanges: 4,
            exchanges_without_response: 3,
            bodies_cut: 9,
            entries_skipped: 1,
            ..Coverage::default()
        };
        let words: Vec<String> = Bar::all(&coverage).iter().map(Bar::words).collect();
        assert_eq!(words, ["30 lost", "1 read, 2 encrypted", "3 lost, 1 cut", "4 read, 1 lost"]);
        assert_eq!(Bar::all(&Coverage::default()).iter().map(Bar::words).collect::<Vec<_>>(), ["none"]);
    }
}
