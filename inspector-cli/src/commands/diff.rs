//! `inspector diff`: what differs between a recording that works and one that does not.

use std::{
    io::{self, Write},
    path::Path,
};

use inspector_core::diff::{self, Diff};

use super::{check::internal, judging};
use crate::{
    args::{self, DiffFormat, Reading},
    exit::{Exit, Failure},
    output::{escape, style, wrap},
};

/// Runs the command.
pub(crate) fn run(arguments: &args::Diff) -> Result<Exit, Failure> {
    let [good, bad] = [&arguments.good, &arguments.bad].map(|path| judged(arguments, path));
    let answer = diff::compare(&good?, &bad?);
    let output = arguments.output.as_deref().filter(|path| path.as_os_str() != "-");
    let mut to = super::output(output, arguments.color)?;
    match arguments.format {
        DiffFormat::Json => {
            serde_json::to_writer_pretty(&mut *to, &answer).map_err(internal)?;
            writeln!(to)?;
        }
        DiffFormat::Markdown => markdown(&mut *to, arguments, &answer)?,
        DiffFormat::Human => human(&mut *to, arguments, &answer)?,
    }
    to.flush()?;
    Ok(match answer.exit_code() {
        0 => Exit::Pass,
        3 => Exit::Inconclusive,
        _ => Exit::Fail,
    })
}

fn judged(arguments: &args::Diff, path: &Path) -> Result<inspector_core::report::Report, Failure> {
    let reading = Reading {
        paths: vec![path.to_owned()],
        keys: arguments.keys.clone(),
        key_texts: Vec::new(),
        config: args::ConfigFile::default(),
        no_found_keys: false,
        host: arguments.host.clone(),
        time: None,
        output: None,
        show_secrets: false,
        jobs: None,
        max_memory: arguments.max_memory,
        quiet: arguments.quiet,
        color: arguments.color,
    };
    Ok(judging::judge(&reading, &arguments.judging, &judging::Asked::default())?.report)
}

fn said(side: &Option<String>) -> &str {
    side.as_deref().unwrap_or("-")
}

fn human(to: &mut dyn Write, arguments: &args::Diff, diff: &Diff) -> io::Result<()> {
    for (name, path, outcome) in [("good", &arguments.good, diff.good), ("bad", &arguments.bad, diff.bad)] {
        writeln!(to, "{name:<5} {:<13} {}", outcome.as_str(), escape::line(&path.display().to_string()))?;
    }
    let mut first = true;
    for one in &diff.differences {
        let title = if std::mem::take(&mut first) { "First difference: " } else { "" };
        let of = if one.host.is_empty() { String::new() } else { format!(" of {}", one.host) };
        let line = format!("{title}{}{of}", one.what);
        writeln!(to, "\n{}", style::paint(style::STRONG, escape::line(&line)))?;
        for (name, side, place) in [("good", &one.good, &one.evidence.good), ("bad", &one.bad, &one.evidence.bad)] {
            let place = place.as_ref().map(|place| format!("  ({place})")).unwrap_or_default();
            wrap::hanging(to, "  ", &escape::line(&format!("{name:<5} {}{place}", said(side))))?;
        }
    }
    writeln!(to)?;
    let equal = if diff.equal.is_empty() { "nothing".to_owned() } else { diff.equal.join(", ") };
    let end = if diff.differences.is_empty() { "No difference. " } else { "" };
    wrap::hanging(to, "", &format!("{end}Equal: {equal}."))
}

fn markdown(to: &mut dyn Write, arguments: &args::Diff, diff: &Diff) -> io::Result<()> {
    // A cell of a table: nothing in it is markup.
    let cell = |text: &str| -> String {
        let text = escape::line(text);
        text.chars().flat_map(|c| if "\\|`*_{}[]<>#&".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
    };
    let name = |path: &Path| cell(&path.file_name().unwrap_or_default().to_string_lossy());
    writeln!(to, "## {} against {}\n", name(&arguments.good), name(&arguments.bad))?;
    writeln!(to, "{} and {}.", diff.good.as_str(), diff.bad.as_str())?;
    if let Some(first) = &diff.first {
        writeln!(to, "\nFirst difference: {}\n", cell(first))?;
        writeln!(to, "| what | host | good | bad |\n|---|---|---|---|")?;
        for one in &diff.differences {
            writeln!(
                to,
                "| {} | {} | {} | {} |",
                cell(&one.what),
                cell(&one.host),
                cell(said(&one.good)),
                cell(said(&one.bad))
            )?;
        }
    }
    writeln!(to, "\nEqual: {}", cell(&diff.equal.join(", ")))
}
