//! A finding in the style of rustc: what, where, the masked line with a caret, what to do, and how to see it oneself.

use std::io::{self, Write};

use inspector_core::{
    evidence::{Evidence, Part},
    finding::Finding,
    report::Report,
};

use super::place;
use crate::output::{WIDTH, escape, style, wrap};

/// Places of a finding that are shown.
const PLACES: usize = 6;

/// What was advised already.
pub(crate) struct Said<'r> {
    steps: &'r [String],
    remedies: Vec<(&'r str, &'static str)>,
}

impl<'r> Said<'r> {
    /// By the steps under "next".
    pub(crate) const fn new(steps: &'r [String]) -> Self {
        Self { steps, remedies: Vec::new() }
    }

    /// The remedy, or where it stands.
    fn advice(&mut self, finding: &'r Finding) -> String {
        let remedy: &'r str = &finding.remedy;
        if self.steps.iter().any(|step| step == remedy) {
            return "under next, above".to_owned();
        }
        if let Some((_, code)) = self.remedies.iter().find(|(known, _)| *known == remedy) {
            return format!("as for {code}, above");
        }
        self.remedies.push((remedy, finding.meta.code));
        remedy.to_owned()
    }
}

/// Writes one finding. What was advised before is not said again.
pub(crate) fn write<'r>(
    to: &mut dyn Write,
    report: &Report,
    finding: &'r Finding,
    said: &mut Said<'r>,
) -> io::Result<()> {
    head(to, finding)?;
    let mut last: Option<(&Option<String>, &Option<String>)> = None;
    let mut before = String::new();
    for evidence in finding.evidence.iter().take(PLACES) {
        let arrow = style::paint(style::FRAME, "  --> ");
        let part = evidence.part.map(|part| format!(", {}", part_words(part))).unwrap_or_default();
        let place = format!("{}{part}", place::words(evidence, report));
        if place != before {
            wrap::styled(to, &arrow, 6, &place)?;
        }
        before = place;
        // The same line again tells nothing new.
        if last != Some((&evidence.name, &evidence.excerpt)) {
            excerpt(to, evidence)?;
        }
        last = Some((&evidence.name, &evidence.excerpt));
    }
    let unseen = finding.count.saturating_sub(finding.evidence.len().min(PLACES) as u64);
    if unseen > 0 && !finding.evidence.is_empty() {
        writeln!(to, "   {} and {unseen} more like it", style::paint(style::FRAME, "..."))?;
    }
    let equals = style::paint(style::FRAME, "   = ");
    let mut note = |label: &str, text: &str| -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let label_painted = style::paint(style::STRONG, format_args!("{label}: "));
        wrap::styled(to, &format!("{equals}{label_painted}"), 7 + label.len(), text)
    };
    note("note", &finding.detail)?;
    if !finding.in_scope && finding.host.is_some() {
        note("note", "this host is out of scope, so that the outcome does not depend on it")?;
    }
    if finding.blocks {
        note("note", "a pass is not possible while this is missing")?;
    }
    note("help", &said.advice(finding))?;
    if let Some(filter) = place::filter(&finding.evidence) {
        note("wireshark", &filter)?;
    }
    Ok(())
}

/// `high[BAS-001] Basic credentials were sent to a resource (x3)`.
fn head(to: &mut dyn Write, finding: &Finding) -> io::Result<()> {
    // What blocks a pass is of severity info by definition, and not by its weight.
    let (word, colour) = if finding.blocks {
        ("blocking", style::UNSURE)
    } else {
        (finding.severity.as_str(), style::of_severity(finding.severity))
    };
    let label = format!("{word}[{}]", finding.meta.code);
    let columns = label.len() + 1;
    let title = format!("{}{}", finding.title, times(finding));
    for (number, line) in wrap::lines(&title, WIDTH.saturating_sub(columns)).into_iter().enumerate() {
        let line = style::paint(style::STRONG, line);
        if number == 0 {
            writeln!(to, "{} {line}", style::paint(colour, &label))?;
        } else {
            writeln!(to, "{:columns$}{line}", "")?;
        }
    }
    Ok(())
}

/// ` (x3)`.
fn times(finding: &Finding) -> String {
    if finding.count > 1 { format!(" (x{})", finding.count) } else { String::new() }
}

/// What a line of the list at the end says besides severity and code.
pub(crate) fn short(report: &Report, finding: &Finding) -> String {
    let place = finding.evidence.first().map(|first| place::words(first, report));
    let place = place.map(|place| format!(" - {place}")).unwrap_or_default();
    let host = finding.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    format!("{}{}{host}{place}", finding.title, times(finding))
}

/// One line of the list at the end; `text` is from [`short`].
pub(crate) fn write_short(to: &mut dyn Write, finding: &Finding, text: &str) -> io::Result<()> {
    let severity = style::paint(style::of_severity(finding.severity), finding.severity);
    let label = format!("  {severity}[{}] ", finding.meta.code);
    let columns = 5 + finding.severity.as_str().len() + finding.meta.code.len();
    wrap::styled(to, &label, columns, text)
}

/// The masked line, and a caret under what counts.
fn excerpt(to: &mut dyn Write, evidence: &Evidence) -> io::Result<()> {
    let Some(shown) = evidence.excerpt.as_deref().filter(|shown| !shown.is_empty()) else { return Ok(()) };
    let separator = match evidence.part {
        Some(Part::RequestHeader | Part::ResponseHeader) => ": ",
        Some(Part::RequestUrl | Part::RequestBody | Part::ResponseBody) => " = ",
        _ => "",
    };
    // Of a request line or a status the name says nothing that the text does not.
    let name = match (evidence.name.as_deref().filter(|name| !matches!(*name, "target" | "status")), separator) {
        (Some(name), separator) if !separator.is_empty() => format!("{}{separator}", escape::fitted(name, 40)),
        _ => String::new(),
    };
    let bar = format!("   {} ", style::paint(style::FRAME, "|"));
    if separator.is_empty() {
        // Words about a connection, no line of a message: there is nothing in them to point at.
        return wrap::styled(to, &bar, 5, shown);
    }
    let before = name.chars().count();
    let value = escape::fitted(shown, WIDTH.saturating_sub(5 + before).max(20));
    writeln!(to, "{}", bar.trim_end())?;
    writeln!(to, "{bar}{name}{value}")?;
    let carets = "^".repeat(value.chars().count());
    writeln!(
        to,
        "{bar}{:before$}{}",
        "",
        style::paint(style::of_severity(inspector_core::finding::Severity::High), carets)
    )
}

const fn part_words(part: Part) -> &'static str {
    match part {
        Part::RequestHeader => "request header",
        Part::RequestUrl => "request URL",
        Part::RequestBody => "request content",
        Part::ResponseHeader => "response header",
        Part::ResponseBody => "response content",
        Part::Tls => "TLS",
        Part::Tcp => "connection",
    }
}
