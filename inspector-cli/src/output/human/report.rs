//! The report of `inspector check`: the first screen answers, what follows proves it.

use std::io::{self, Write};

use inspector_core::{
    finding::{Finding, Severity},
    report::Report,
    verdict::{Outcome, exceptions::Ignored},
};

use super::{finding, recordings, summary};
use crate::{
    commands::judging::Judged,
    output::{count, escape, style, wrap},
};

/// Findings shown with their evidence; the others are listed by a line each.
const WHOLE: usize = 20;
/// Lines of such a list.
const LISTED: usize = 30;

/// Recordings whose reasons are told below the table.
const DETAILED: usize = 10;
/// Facts a pass rests on.
const PROOF: [&str; 2] = ["S2S-001", "S2S-033"];

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A line a recording.
    Table,
    /// What decided, and what else is wrong.
    Usual,
    /// All findings whole, and the facts.
    All,
}

/// Writes the report.
pub(crate) fn write(to: &mut dyn Write, judged: &Judged, detail: Detail) -> io::Result<()> {
    let report = &judged.report;
    let recordings = recordings::lines(report);
    let several = recordings.len() > 1;
    if detail == Detail::Table {
        return recordings::write(to, &recordings);
    }
    summary::write(to, judged, &recordings)?;
    if several {
        for outcome in [Outcome::Fail, Outcome::Inconclusive] {
            if report.outcome == outcome {
                recordings::write_details(to, &recordings, outcome, DETAILED)?;
            }
        }
    }
    let (facts, problems): (Vec<_>, Vec<_>) = report.findings.iter().partition(|one| is_fact(one));
    // Of several recordings the findings that decided are shown whole: the others are those of some of them.
    let is_whole = |one: &&Finding| {
        detail == Detail::All || !several || if report.outcome == Outcome::Fail { one.fails } else { true }
    };
    let (whole, listed): (Vec<&Finding>, Vec<&Finding>) = problems.into_iter().partition(is_whole);
    let mut said = finding::Said::new(summary::steps(report));
    for problem in whole.iter().take(WHOLE) {
        writeln!(to)?;
        finding::write(to, report, problem, &mut said)?;
    }
    let mut rest: Vec<&Finding> = whole.get(WHOLE..).unwrap_or_default().to_vec();
    rest.extend(listed);
    let shown: Vec<&Finding> = match (detail, report.outcome) {
        (Detail::All, _) => facts,
        (_, Outcome::Pass) => facts.into_iter().filter(|one| one.in_scope && PROOF.contains(&one.meta.code)).collect(),
        _ => Vec::new(),
    };
    for (title, list) in [("Further findings", rest.as_slice()), ("Facts", shown.as_slice())] {
        if list.is_empty() {
            continue;
        }
        writeln!(to, "\n{}", style::paint(style::STRONG, title))?;
        // Of findings that differ only in their details one line is enough.
        let mut lines: Vec<(&Finding, String)> = list.iter().map(|one| (*one, finding::short(report, one))).collect();
        lines.dedup_by(|(one, text), (before, said)| one.meta.code == before.meta.code && text == said);
        for (one, text) in lines.iter().take(LISTED) {
            finding::write_short(to, one, text)?;
        }
        let hidden = lines.len().saturating_sub(LISTED) as u64;
        if hidden > 0 {
            writeln!(to, "  and {} (--format json has all)", count(hidden, "more", "more"))?;
        }
    }
    ignored(to, report)?;
    compared(to, report)?;
    tally(to, judged, shown.len() as u64)
}

/// What the profile ignores, and what it cannot.
fn ignored(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    let said: Vec<&Ignored> = report.ignored.iter().filter(|one| !one.is_unused()).collect();
    if said.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n{}", style::paint(style::STRONG, "Ignored by the profile"))?;
    for one in said {
        let Ignored { ignore, .. } = one;
        let host = ignore.host.as_ref().map(|host| format!(" for {host}")).unwrap_or_default();
        let until = ignore.until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
        let number = count(one.count, "finding", "findings");
        let mut text = format!("{}{host}{until}: {number}: {}", ignore.rule.code, ignore.reason);
        if let Some(why) = one.why_kept {
            text.push_str(&format!(" - {} not ignored: {}", one.kept, why.as_str()));
        }
        wrap::hanging(to, "  ", &text)?;
    }
    Ok(())
}

/// What is known by the baseline, and what is gone.
fn compared(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Some(comparison) = &report.baseline else { return Ok(()) };
    writeln!(to, "\n{}", style::paint(style::STRONG, "By the baseline"))?;
    let gone = comparison.gone.len() as u64;
    let said = format!("{} known, {} new, {gone} gone", comparison.known, comparison.new);
    wrap::hanging(to, "  ", &said)?;
    for one in comparison.gone.iter().take(LISTED) {
        let host = if one.host.is_empty() { String::new() } else { format!(" {}", one.host) };
        wrap::hanging(to, "  ", &escape::line(&format!("gone: {}{host}: {}", one.rule, one.title)))?;
    }
    if gone > LISTED as u64 {
        writeln!(to, "  and {} more gone", gone - LISTED as u64)?;
    }
    Ok(())
}

/// Good news, and what is worth knowing.
const fn is_fact(finding: &Finding) -> bool {
    matches!(finding.severity, Severity::Info) && !finding.blocks && !finding.fails
}

/// `3 findings: 1 high, 2 medium; 4 facts.`
fn tally(to: &mut dyn Write, judged: &Judged, facts_shown: u64) -> io::Result<()> {
    let findings = &judged.report.findings;
    let mut parts = Vec::new();
    let blocking = findings.iter().filter(|one| one.blocks).count();
    if blocking > 0 {
        parts.push(format!("{blocking} blocking"));
    }
    for severity in [Severity::Critical, Severity::High, Severity::Medium, Severity::Low] {
        let number = findings.iter().filter(|one| one.severity == severity && !one.blocks).count();
        if number > 0 {
            parts.push(format!("{number} {severity}"));
        }
    }
    let plain = findings.iter().filter(|one| is_fact(one)).count() as u64;
    let all = findings.len() as u64 - plain;
    let found = if all == 0 { "no findings".to_owned() } else { count(all, "finding", "findings") };
    let split = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    let hidden = plain.saturating_sub(facts_shown);
    let listed = if hidden > 0 { " (--verbose lists them)" } else { "" };
    let facts = format!("{}{listed}", count(plain, "fact", "facts"));
    let ignored: u64 = judged.report.ignored.iter().map(|one| one.count).sum();
    let ignored = if ignored > 0 { format!("; {ignored} ignored") } else { String::new() };
    let fails = if judged.report.fails_on { "; --fail-on makes this exit code 1" } else { "" };
    writeln!(to)?;
    wrap::hanging(to, "", &format!("{found}{split}; {facts}{ignored}{fails}. `inspector explain CODE` tells more."))
}
