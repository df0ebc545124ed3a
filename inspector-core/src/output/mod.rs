//! A report in the forms other programs read.
//!
//! Each form is one file and one line of [`OUTPUTS`]. All of them show what people see, no more: their texts are those of
//! `inspector-report/1`, masked, and characters that are not seen are spelt out before a form escapes its own.
//!
//! | word | read by |
//! |---|---|
//! | `json` | programs: `inspector-report/1`, indented |
//! | `ndjson` | the same on one line |
//! | `sarif` | code scanning of GitHub, Azure DevOps and others (SARIF 2.1.0) |
//! | `junit` | whatever shows test results |
//! | `github` | the log of a GitHub workflow, as annotations |
//! | `gitlab` | GitLab's Code Quality |
//! | `markdown` | tickets, and the summary of a workflow |
//! | `csv` | spreadsheets: one line a finding |
//! | `html` | people, in a browser: one page that needs nothing else |

mod csv;
mod github;
mod gitlab;
mod html;
pub mod json;
mod junit;
mod markdown;
mod sarif;

use std::io;

use crate::{
    evidence::SourceId,
    finding::{Family, Finding, Severity},
    redact,
    report::Report,
    secret::Fingerprint,
};

/// A form of a report.
pub trait Output: Sync {
    /// The word that chooses it.
    fn name(&self) -> &'static str;

    /// Its media type.
    fn media_type(&self) -> &'static str;

    /// Writes a report.
    ///
    /// # Errors
    /// What the writer reports.
    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()>;

    /// Writes a report with the tokens as they were sent, where the form has tokens; only for whoever asked for secrets.
    ///
    /// # Errors
    /// What the writer reports.
    fn write_revealed(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        self.write(report, to)
    }
}

/// All of them.
pub static OUTPUTS: [&dyn Output; 9] = [
    &json::Json,
    &json::Ndjson,
    &sarif::Sarif,
    &junit::Junit,
    &github::Github,
    &gitlab::Gitlab,
    &markdown::Markdown,
    &csv::Csv,
    &html::Html,
];

/// The one that is chosen by that word.
pub fn find(name: &str) -> Option<&'static dyn Output> {
    OUTPUTS.into_iter().find(|output| output.name() == name)
}

/// A finding with what every form says of it.
struct Row<'r> {
    finding: &'r Finding,
    /// The path of the input it is about, if it is about one.
    input: Option<&'r str>,
    /// The first place in that input: `frame 10`, `entries[3]`, `exchange 2`.
    place: String,
    title: String,
    detail: String,
}

impl<'r> Row<'r> {
    fn all(report: &'r Report) -> Vec<Self> {
        report.findings.iter().map(|finding| Self::new(report, finding)).collect()
    }

    fn new(report: &'r Report, finding: &'r Finding) -> Self {
        let first = finding.evidence.first();
        let only = report.inputs.first().filter(|_| report.inputs.len() == 1).map(|input| input.path.as_str());
        let input = first.map(|evidence| report.path(evidence)).filter(|path| !path.is_empty()).or(only);
        let place = first.map(|evidence| match (evidence.frame, evidence.entry, evidence.exchange) {
            (Some(frame), ..) => format!("frame {frame}"),
            (None, Some(entry), _) => format!("entries[{entry}]"),
            (None, None, Some(exchange)) => format!("exchange {exchange}"),
            _ => String::new(),
        });
        let place = place.unwrap_or_default();
        Self { finding, input, place, title: plain(&finding.title), detail: plain(&finding.detail) }
    }

    /// `S2S-032: title: detail`.
    fn message(&self) -> String {
        let more = match self.finding.count {
            0 | 1 => String::new(),
            count => format!(" ({count} times)"),
        };
        format!("{}: {}: {}{more}", self.finding.meta.code, self.title, self.detail)
    }

    fn is_of(&self, family: Family) -> bool {
        self.finding.meta.family() == family
    }

    /// The same for the same finding in another run, whatever its place and its order: made of rule, host, subject and the
    /// input's name without its folder.
    fn fingerprint(&self) -> Fingerprint {
        let name = self.input.map(file_name).unwrap_or_default();
        let host = self.finding.host.as_deref().unwrap_or_default();
        let subject = self.finding.identity.map(|id| id.to_string()).unwrap_or_default();
        Fingerprint::of(format!("{}\n{host}\n{subject}\n{name}", self.finding.meta.code).as_bytes())
    }

    /// How grave it is for who reads findings only: what blocks a pass is worth a warning.
    const fn level(&self) -> Level {
        match self.finding.severity {
            Severity::Critical | Severity::High => Level::Error,
            Severity::Medium => Level::Warning,
            Severity::Low | Severity::Info if self.finding.blocks => Level::Warning,
            Severity::Low | Severity::Info => Level::Note,
        }
    }
}

/// Three levels, as most readers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Note,
    Warning,
    Error,
}

/// The last part of a path of any system.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A path as a relative reference (RFC 3986 §4.2): with `/`, without a root, and with every other letter encoded.
fn relative_uri(path: &str) -> String {
    let mut uri = String::new();
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty() && *part != "." && !part.ends_with(':'));
    for part in parts {
        if !uri.is_empty() {
            uri.push('/');
        }
        for byte in part.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    if uri.is_empty() { "recording".to_owned() } else { uri }
}

/// A text in which every character is seen: others are spelt as escapes, line ends among them.
fn plain(text: &str) -> String {
    redact::escaped_where(text, |c| c.is_control() || redact::is_invisible(c)).into_owned()
}

/// The rows of one input.
fn of_input<'a, 'r>(rows: &'a [Row<'r>], report: &'r Report, source: SourceId) -> impl Iterator<Item = &'a Row<'r>> {
    let only = report.inputs.len() == 1;
    rows.iter().filter(move |row| only || row.finding.evidence.iter().any(|evidence| evidence.input == source))
}

#[cfg(test)]
mod tests;
