//! `inspector explain`: one rule.

use std::io::{self, Write};

use inspector_core::{finding::RuleMeta, rules};

use super::rules::{Described, one_line};
use crate::{
    args::{Explain, Format},
    exit::{Exit, Failure},
    output::{json, style, wrap},
};

/// Runs the command.
pub(crate) fn run(explain: &Explain) -> Result<Exit, Failure> {
    let Some(meta) = rules::find(&explain.code) else {
        let near = near(&explain.code);
        let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(", ")) };
        return Err(Failure::Usage(format!(
            "there is no rule '{}'.{hint} `inspector rules` lists all of them.",
            explain.code
        )));
    };
    let mut to = super::output(None, explain.color)?;
    match explain.format {
        Format::Human => write_human(&mut *to, meta)?,
        Format::Json => json::write_pretty(&mut *to, &Described::new(meta), json::Unseen::Shown)?,
        Format::Ndjson => json::write_line(&mut *to, &Described::new(meta), json::Unseen::Shown)?,
    }
    to.flush()?;
    Ok(Exit::Pass)
}

fn write_human(to: &mut dyn Write, meta: &RuleMeta) -> io::Result<()> {
    let severity = style::paint(style::of_severity(meta.severity), meta.severity);
    let title = style::paint(style::STRONG, meta.title);
    writeln!(to, "{} {} ({severity})\n{title}\n", meta.code, meta.name)?;
    for line in wrap::lines(&one_line(&meta.section("meaning")), crate::output::WIDTH) {
        writeln!(to, "{line}")?;
    }
    writeln!(to)?;
    for (heading, text) in [
        ("Evidence", meta.section("evidence")),
        ("Traps", meta.section("traps")),
        ("Remedy", meta.section("remedy")),
        ("Source", meta.source.to_owned()),
        ("Read on", meta.reference.to_owned()),
    ] {
        let label = style::paint(style::FRAME, format_args!("{heading:8}"));
        wrap::styled(to, &format!("{label}  "), 10, &one_line(&text))?;
    }
    Ok(())
}

/// Codes and names that resemble what was typed, the nearest first.
fn near(typed: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    let typed = typed.trim().to_ascii_lowercase();
    let mut found: Vec<(usize, &'static str)> = Vec::new();
    for meta in rules::catalogue() {
        for known in [meta.code, meta.name] {
            let lower = known.to_ascii_lowercase();
            let far = distance(&typed, &lower);
            let part = typed.len() >= 3 && lower.contains(&typed);
            if part || far * 3 <= known.len() {
                found.push((if part { far.min(2) } else { far }, known));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, known)| known).take(MOST).collect()
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (number, x) in a.chars().take(64).enumerate() {
        let mut diagonal = number;
        let mut left = number + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let change = diagonal + usize::from(x != *y);
            left = change.min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert!(near("S2S-01").contains(&"S2S-001"));
        assert!(near("s2s001").contains(&"S2S-001"));
        assert_eq!(near("expected-isuer-present").first(), Some(&"expected-issuer-present"));
        assert!(near("zzzzzzzzzzzz").is_empty());
    }
}
