//! `inspector tokens`: every distinct token in the order of its first sighting.

use std::io::{self, Write};

use inspector_core::{
    report::{Report, v1},
    secret::Fingerprint,
    token::{Members, Token},
};
use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeSeq as _},
};
use serde_json::Value;

use super::{check::internal, judging};
use crate::{
    args::{Format, Listing, Reading},
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
            &Objects { report: &judged.report, reading },
            json::Unseen::with(reading.show_secrets),
        )?,
        Format::Ndjson => {
            for object in objects(&judged.report, reading.show_secrets) {
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

/// The tokens as the contract's objects, of which only one at a time takes memory.
pub(super) fn objects(report: &Report, show_secrets: bool) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
    v1::made(report).zip(&report.tokens).map(move |(token, summary)| {
        let mut object = serde_json::to_value(token)?;
        if show_secrets {
            reveal(&mut object, &summary.token);
        }
        Ok(object)
    })
}

/// All of them as one array.
struct Objects<'r> {
    report: &'r Report,
    reading: &'r Reading,
}

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.report.tokens.len()))?;
        for object in objects(self.report, self.reading.show_secrets) {
            array.serialize_element(&object.map_err(S::Error::custom)?)?;
        }
        array.end()
    }
}

/// Puts in what was masked: the token itself, and its header and claims as sent.
pub(super) fn reveal(object: &mut Value, token: &Token) {
    let Some(object) = object.as_object_mut() else { return };
    object.insert("raw".to_owned(), Value::String(token.raw.reveal().to_string()));
    let mut replace = |name: &str, members: &Members| {
        if let Some(member) = object.get_mut(name).filter(|member| member.is_object()) {
            *member = Value::Object(members.to_object());
        }
    };
    replace("header", &token.header);
    replace("claims", &token.claims);
    if let (Some(actor), Some(token)) = (object.get_mut("actor"), token.actor.as_deref()) {
        reveal(actor, token);
    }
}
