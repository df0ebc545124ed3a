//! Several recordings at a glance: how many came out how, and a line each, those that failed first.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use inspector_core::{
    evidence::SourceId,
    finding::Severity,
    report::{Input, Report},
    verdict::Outcome,
};

use super::place;
use crate::output::{escape, style, width, wrap};

/// Least columns of a name, a caller and a reason.
const LEAST: [usize; 3] = [14, 10, 18];

/// A line of the table.
pub(crate) struct Line<'r> {
    /// The recording's first file.
    pub(crate) input: &'r Input,
    /// What it is called.
    pub(crate) name: String,
}

/// The recordings, those that failed first and those that passed last, each kind in the order of the inputs.
pub(crate) fn lines(report: &Report) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let names = place::Names::of(report);
    let mut files: HashMap<SourceId, usize> = HashMap::new();
    for input in &report.inputs {
        *files.entry(input.recording).or_default() += 1;
    }
    for input in report.inputs.iter().filter(|input| input.source == input.recording) {
        let files = files.get(&input.recording).copied().unwrap_or(1);
        let more = if files > 1 { format!(" (+{})", files - 1) } else { String::new() };
        lines.push(Line { input, name: format!("{}{more}", names.get(input.source)) });
    }
    lines.sort_by_key(|line| match line.input.verdict.outcome {
        Outcome::Fail => 0,
        Outcome::Inconclusive => 1,
        Outcome::Pass => 2,
    });
    lines
}

/// Writes the table.
pub(crate) fn write(to: &mut dyn Write, lines: &[Line<'_>]) -> io::Result<()> {
    let outcomes = lines.iter().map(|line| line.input.verdict.outcome.as_str().len()).max().unwrap_or_default();
    let mut cells: Vec<[String; 4]> = lines
        .iter()
        .map(|line| {
            let caller = line.input.caller.as_deref().unwrap_or("-");
            [line.name.as_str(), caller, &line.input.verdict.brief, &worst(line.input)]
                .map(|text| escape::line(text).into_owned())
        })
        .collect();
    let columns = |cells: &[[String; 4]]| {
        let widest = |column: usize| cells.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max();
        let wanted = [(0, 9), (1, 6), (2, 6), (3, 5)].map(|(column, least)| widest(column).unwrap_or(0).max(least));
        let [name, caller, reason, worst] = wanted;
        let room = width().saturating_sub(outcomes.max(7) + worst + 8);
        (name, shared([name, caller, reason], room))
    };
    let (wanted, mut granted) = columns(&cells);
    if granted.first().is_some_and(|name| *name < wanted) {
        // Where names have to be cut, what all have in common goes first: it tells them from nothing.
        let names: Vec<&str> = cells.iter().map(|[name, ..]| name.as_str()).collect();
        let names = without_common(&names);
        cells.iter_mut().zip(names).for_each(|([cell, ..], name)| *cell = name);
        (_, granted) = columns(&cells);
    }
    let [name, caller, reason] = granted;
    let heads = ["outcome", "recording", "caller", "reason", "worst"];
    let outcomes = outcomes.max(7);
    let head =
        format!("{:outcomes$}  {:name$}  {:caller$}  {:reason$}  {}", heads[0], heads[1], heads[2], heads[3], heads[4]);
    writeln!(to, "{}", style::paint(style::FRAME, head.trim_end()))?;
    for (line, [one, two, three, four]) in lines.iter().zip(&cells) {
        let outcome = line.input.verdict.outcome;
        let word = format!("{:outcomes$}", outcome.as_str());
        let rest = format!(
            "  {:name$}  {:caller$}  {:reason$}  {four}",
            escape::middle(one, name),
            escape::fitted(two, caller),
            escape::fitted(three, reason),
        );
        writeln!(to, "{}{}", style::paint(style::of_outcome(outcome), word), rest.trim_end())?;
    }
    Ok(())
}

/// The paths without the folders all of them begin with, and without the name they all end with, if the folder before it
/// tells them apart. What is a name alone stays.
fn without_common(paths: &[&str]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|path| path.split(['/', '\\']).collect()).collect();
    let within = || parts.iter().filter(|parts| parts.len() > 1);
    let shortest = within().map(Vec::len).min().unwrap_or_default();
    // Whether all have the same part there, counted from the beginning or from the end.
    let same = |of: &dyn Fn(&[&str]) -> Option<usize>| {
        let mut all = within().map(|parts| of(parts).and_then(|place| parts.get(place)));
        let first = all.next().flatten();
        first.is_some() && all.all(|one| one == first)
    };
    let begin = (0..shortest.saturating_sub(1)).take_while(|place| same(&|_| Some(*place))).count();
    let is_end = |back: &usize| same(&|parts| parts.len().checked_sub(*back));
    let end = (1..shortest.saturating_sub(begin)).take_while(is_end).count();
    let several = within().nth(1).is_some();
    let rest = |(path, parts): (&&str, &Vec<&str>)| match parts.get(begin..parts.len().saturating_sub(end)) {
        Some(rest) if several && parts.len() > 1 => rest.join("/"),
        _ => (*path).to_owned(),
    };
    paths.iter().zip(&parts).map(rest).collect()
}

/// Columns for name, caller and reason: what they want, or a share of the room.
fn shared(wanted: [usize; 3], room: usize) -> [usize; 3] {
    let [mut name, mut caller, mut reason] = wanted;
    let over = |name: usize, caller: usize, reason: usize| (name + caller + reason).saturating_sub(room);
    // Callers are told in the details, too; of names the ends tell most.
    caller = caller.min(caller.saturating_sub(over(name, caller, reason)).max(LEAST[1]));
    name = name.min(name.saturating_sub(over(name, caller, reason)).max(LEAST[0]));
    reason = reason.min(reason.saturating_sub(over(name, caller, reason)).max(LEAST[2]));
    [name, caller, reason]
}

fn worst(input: &Input) -> String {
    match input.worst {
        None => "-".to_owned(),
        Some(worst) if worst.blocks => format!("blocking {}", worst.code),
        Some(worst) => format!(
            "{} {}",
            if worst.severity == Severity::Info { "deciding" } else { worst.severity.as_str() },
            worst.code
        ),
    }
}

/// Writes why the recordings of this outcome came out so.
pub(crate) fn write_details(to: &mut dyn Write, lines: &[Line<'_>], outcome: Outcome, most: usize) -> io::Result<()> {
    let of = || lines.iter().filter(|line| line.input.verdict.outcome == outcome);
    for line in of().take(most) {
        writeln!(to)?;
        let name = style::paint(style::STRONG, escape::line(&line.name));
        let word = style::paint(style::of_outcome(outcome), outcome.as_str().to_uppercase());
        writeln!(to, "{name}")?;
        let columns = outcome.as_str().len() + 4;
        wrap::styled(to, &format!("  {word}  "), columns, &line.input.verdict.reason)?;
        if let Some(caller) = &line.input.caller {
            wrap::hanging(to, "  caller ", caller)?;
        }
    }
    let more = of().count().saturating_sub(most);
    if more > 0 {
        writeln!(to, "\nand {more} more; the table has them all")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_names_have_in_common_goes_first() {
        let of = |paths: &[&str]| without_common(paths);
        assert_eq!(of(&["a/b/one/x.har", "a/b/two/x.har"]), ["one", "two"]);
        assert_eq!(of(&["a/b/one.har", "a/b/two.har"]), ["one.har", "two.har"]);
        assert_eq!(of(&["a/one/x.har", "a/two/deep/x.har"]), ["one", "two/deep"]);
        assert_eq!(of(&["one/x.har", "two/y.har"]), ["one/x.har", "two/y.har"]);
        assert_eq!(of(&["a/x.har", "a/x.har"]), ["x.har", "x.har"]);
        assert_eq!(of(&["x.har", "a/x.har"]), ["x.har", "a/x.har"]);
        assert_eq!(of(&["y.pcap", "a/one/x.har", "a/two/x.har"]), ["y.pcap", "one", "two"]);
        assert_eq!(of(&["a/x.har"]), ["a/x.har"]);
        assert_eq!(of(&["c:\\t\\one\\x.har", "c:\\t\\two\\x.har"]), ["one", "two"]);
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn columns_share_the_room() {
        assert_eq!(shared([10, 10, 20], 60), [10, 10, 20]);
        assert_eq!(shared([30, 25, 40], 60), [14, 10, 36]);
        assert_eq!(shared([30, 25, 20], 60), [30, 10, 20]);
        assert_eq!(shared([30, 1, 40], 40), [14, 1, 25]);
    }
}
