//! `inspector tokens`: every distinct token in the order of its first sighting.

use std::io::{self, Write};

use inspector_core::{report::v1, secret::Fingerprint};

use super::{check::internal, judging};
use crate::{
    args::{Format, Listing},
    exit::{Exit, Failure, complain},
    output::{count, human, json},
};

/// Runs the command.
pub(crate) fn run(listing: &Listing) -> Result<Exit, Failure> {
    let reading = &listing.reading;
    let judged = judging::judge(reading, &listing.judging, &judging::Asked { only_hosts: true, ..Default::default() })?;
    let mut to = super::output_of(reading)?;
    match listing.format {
        Format::Human => write_human(&mut *to, &judged, reading.show_secrets)?,
        Format::Json => json::write_pretty(
            &mut *to,
            &v1::TokenRows { report: &judged.report, show_secrets: reading.show_secrets },
            json::Unseen::with(reading.show_secrets),
        )?,
        Format::Ndjson => {
            for object in v1::tokens(&judged.report, reading.show_secrets) {
                json::write_line(&mut *to, &object.map_err(internal)?, json::Unseen::with(reading.show_secrets))?;
            }
            if listing.coverage {
                let footer = super::Footer::of(&judged.session);
                json::write_line(&mut *to, &footer, json::Unseen::with(reading.show_secrets))?;
            }
        }
    }
    to.flush()?;
    super::say_lacking(reading, &judged.session);
    if judged.beyond > 0 && !reading.quiet {
        complain(&format!(
            "warning: {} came after a limit was reached and may be missing in the list; raise --max-memory",
            count(judged.beyond, "sighting of a token", "sightings of tokens")
        ));
    }
    Ok(Exit::Pass)
}

fn write_human(to: &mut dyn Write, judged: &judging::Judged, show_secrets: bool) -> io::Result<()> {
    let report = &judged.report;
    let ids: Vec<Fingerprint> = report.tokens.iter().map(|summary| summary.token.id).collect();
    for (number, summary) in report.tokens.iter().enumerate() {
        let seen = judged.first_seen.get(&summary.token.id).copied();
        let moment = human::token::Moment::of(judged.clock, seen);
        let known = ids.get(..number).unwrap_or_default();
        human::token::write(to, &human::token::Shown::seen(report, summary, moment, show_secrets, known))?;
        writeln!(to)?;
    }
    let exchanges = count(report.coverage.exchanges, "exchange", "exchanges");
    match report.tokens.len() as u64 {
        0 => writeln!(to, "No token in {exchanges}."),
        number => writeln!(to, "{} in {exchanges}.", count(number, "distinct token", "distinct tokens")),
    }
}
