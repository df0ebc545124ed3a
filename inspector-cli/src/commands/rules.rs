//! `inspector rules`: the catalogue.

use std::io::{self, Write};

use inspector_core::{
    finding::{Family, RuleMeta},
    rules,
};
use serde::Serialize;

use crate::{
    args::{CatalogueFormat, Rules},
    exit::{Exit, Failure},
    output::{count, json, style, wrap},
};

/// Runs the command.
pub(crate) fn run(rules: &Rules) -> Result<Exit, Failure> {
    let mut to = super::output(None, rules.color)?;
    let catalogue = rules::catalogue();
    match rules.format {
        CatalogueFormat::Human => write_human(&mut *to, &catalogue)?,
        CatalogueFormat::Json => {
            let all: Vec<Described> = catalogue.iter().map(|meta| Described::new(meta)).collect();
            json::write_pretty(&mut *to, &all, json::Unseen::Shown)?;
        }
        CatalogueFormat::Markdown => write_markdown(&mut *to, &catalogue)?,
    }
    to.flush()?;
    Ok(Exit::Pass)
}

/// A rule as JSON.
#[derive(Serialize)]
pub(super) struct Described {
    code: &'static str,
    name: &'static str,
    title: &'static str,
    severity: &'static str,
    family: &'static str,
    meaning: String,
    evidence: String,
    traps: String,
    remedy: String,
    source: &'static str,
    reference: &'static str,
    since: &'static str,
}

impl Described {
    pub(super) fn new(meta: &RuleMeta) -> Self {
        Self {
            code: meta.code,
            name: meta.name,
            title: meta.title,
            severity: meta.severity.as_str(),
            family: family(meta.family()),
            meaning: one_line(&meta.section("meaning")),
            evidence: one_line(&meta.section("evidence")),
            traps: one_line(&meta.section("traps")),
            remedy: one_line(meta.remedy),
            source: meta.source,
            reference: meta.reference,
            since: meta.since,
        }
    }
}

/// A section as one paragraph.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn family(family: Family) -> &'static str {
    match family {
        Family::Coverage => "What limits the conclusions",
        Family::S2s => "Server-to-server OAuth",
        Family::Basic => "Basic and other passwords",
        Family::Jwt => "Tokens by themselves",
        Family::OAuth => "OAuth flows",
    }
}

fn write_human(to: &mut dyn Write, catalogue: &[&RuleMeta]) -> io::Result<()> {
    let mut last = None;
    for meta in catalogue {
        if last != Some(meta.family()) {
            if last.is_some() {
                writeln!(to)?;
            }
            writeln!(to, "{}", style::paint(style::STRONG, family(meta.family())))?;
            last = Some(meta.family());
        }
        let severity = style::paint(style::of_severity(meta.severity), format_args!("{:8}", meta.severity.as_str()));
        wrap::styled(to, &format!("  {}  {severity}  ", meta.code), 21, meta.title)?;
    }
    writeln!(to)?;
    let number = count(catalogue.len() as u64, "rule", "rules");
    writeln!(to, "{number}. `inspector explain CODE` tells what one means, and what to do.")
}

fn write_markdown(to: &mut dyn Write, catalogue: &[&RuleMeta]) -> io::Result<()> {
    writeln!(to, "# Rules\n")?;
    writeln!(to, "| code | name | severity | finding |\n|---|---|---|---|")?;
    for meta in catalogue {
        let anchor = format!("{}-{}", meta.code.to_ascii_lowercase(), meta.name);
        writeln!(to, "| [{0}](#{anchor}) | {1} | {2} | {3} |", meta.code, meta.name, meta.severity, meta.title)?;
    }
    for meta in catalogue {
        writeln!(to, "\n## {} {}\n", meta.code, meta.name)?;
        writeln!(to, "**{}** ({})\n", meta.title, meta.severity)?;
        writeln!(to, "{}\n", one_line(&meta.section("meaning")))?;
        for (heading, section) in [("Evidence", "evidence"), ("Traps", "traps"), ("Remedy", "remedy")] {
            writeln!(to, "{heading}: {}\n", one_line(&meta.section(section)))?;
        }
        writeln!(to, "Source: [{}]({})", meta.source, meta.reference)?;
    }
    Ok(())
}
