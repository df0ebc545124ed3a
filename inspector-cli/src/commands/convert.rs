//! `inspector convert`: what was read of recordings, in another form.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use inspector_core::{
    connection::ConnectionReport,
    context::BodyPolicy,
    convert::Target,
    evidence::ConnectionId,
    exchange::{Exchange, Mark, message::BodyCut},
    limits::Limits,
    note::{Note, NoteKind},
    sharing::{Redactor, search::Search},
};

use crate::{
    args::{Convert, Reading},
    exit::{Exit, Failure, complain},
    output::count,
    run::{self, Give, Outcome, Reader, Recording},
    staged::Staged,
};

/// Notes of a recording that are held until its end; beyond, one says so.
const NOTES: usize = 50_000;

/// Runs the command.
pub(crate) fn run(convert: &Convert) -> Result<Exit, Failure> {
    let reading = &convert.reading;
    let output = super::file(reading).ok_or_else(|| Failure::Usage("where to? give -o OUT".to_owned()))?;
    super::spare_inputs(reading)?;
    let target = target(convert.to.as_deref(), output)?;
    one_recording(reading)?;
    let mut redactor = if reading.show_secrets {
        None
    } else {
        if run::is_live(reading) {
            let what = "what comes through a pipe can be read but once: give a file, or --show-secrets";
            return Err(Failure::Usage(format!("secrets are looked for before anything is written, and {what}")));
        }
        Some(learnt(reading, Redactor::default())?)
    };
    let (staged, file) = Staged::new(output)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let written = write(reading, target, &mut file, redactor.as_mut(), &Leave { bodies: false, others: true })?;
    file.flush()?;
    drop(file);
    if let Some(redactor) = &redactor {
        searched(redactor, staged.part())?;
    }
    staged.keep()?;
    if !reading.quiet {
        complain(&format!("{} written", count(written, "exchange", "exchanges")));
    }
    Ok(Exit::Pass)
}

/// The form that was named, or that of the output's ending.
pub(crate) fn target(word: Option<&str>, output: &Path) -> Result<Target, Failure> {
    let ending = output.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
    Target::named(word.unwrap_or(&ending)).ok_or_else(|| {
        let forms: Vec<&str> = Target::ALL.iter().map(|(_, name)| *name).collect();
        Failure::Usage(format!("the output's name does not tell its form; give --to {}", forms.join("|")))
    })
}

/// Each recording is judged by itself: two in one file would be another one, and could come out otherwise.
pub(crate) fn one_recording(reading: &Reading) -> Result<(), Failure> {
    let wrong = |what: &str| Err(Failure::Usage(format!("{what}; write one recording at a time")));
    match reading.paths.as_slice() {
        [one] if one.is_dir() => wrong("a folder may hold several recordings, which are judged one by one"),
        [_] => Ok(()),
        _ => wrong("several recordings in one file would be judged as one"),
    }
}

/// Reads the recordings once for their secrets.
pub(crate) fn learnt(reading: &Reading, mut redactor: Redactor) -> Result<Redactor, Failure> {
    let limits = Limits::for_memory(reading.max_memory);
    each(reading, &mut |part| {
        if let Part::Exchange(exchange) = part {
            redactor.learn(&exchange, &limits);
        }
        Ok(())
    })?;
    redactor.settle().map_err(|error| Failure::Internal(format!("the secrets cannot be searched for: {error}")))?;
    if redactor.overflowed() {
        complain(
            "error: there are more secrets than can be searched for, so that nothing is written; give a part of the recording",
        );
        return Err(Failure::Refused);
    }
    Ok(redactor)
}

/// Searches what was written for the secrets that were learnt. Nothing is left of it if one is there.
pub(crate) fn searched(redactor: &Redactor, path: &Path) -> Result<(), Failure> {
    let wrong = |error: String| Failure::Internal(format!("the output cannot be searched: {error}"));
    let search = Search::new(redactor.known().iter().map(AsRef::as_ref)).map_err(|error| wrong(error.to_string()))?;
    let found = search.is_in_recording(&mut || Ok(Box::new(File::open(path)?)));
    if found.map_err(|error| wrong(error.to_string()))? {
        complain(
            "error: a secret of the input stands in the output, which was taken back: this form cannot be redacted in place. Try another (-o OUT.har)",
        );
        return Err(Failure::Refused);
    }
    Ok(())
}

/// What is left out.
#[derive(Default)]
pub(crate) struct Leave {
    /// Contents.
    pub(crate) bodies: bool,
    /// Exchanges of other hosts than those of `--host`.
    pub(crate) others: bool,
}

/// Reads the recordings and hands over what they yield, one after the other.
fn each(reading: &Reading, take: &mut dyn FnMut(Part) -> io::Result<()>) -> Result<(), Failure> {
    let one = Reading { jobs: Some(1), quiet: true, ..clone(reading) };
    let make = |_: &Recording| Carrier { hosts: &[], latest: 0, notes: Vec::new() };
    run::read_all(&one, BodyPolicy::Whole, false, &make, take).map(|_| ())
}

/// Reads the recordings and writes them; how many exchanges there were.
pub(crate) fn write(
    reading: &Reading,
    target: Target,
    to: &mut dyn Write,
    mut redactor: Option<&mut Redactor>,
    leave: &Leave,
) -> Result<u64, Failure> {
    let mut writer = target.writer(to)?;
    let hosts: &[String] = if leave.others { &reading.host } else { &[] };
    let make = |_: &Recording| Carrier { hosts, latest: 0, notes: Vec::new() };
    let (mut written, mut before, mut open) = (0_u64, 0_u64, 0_u64);
    let limits = Limits::for_memory(reading.max_memory);
    // One after the other: what is read is written at once, and not held.
    let one = Reading { jobs: Some(1), ..clone(reading) };
    if !hosts.is_empty() {
        let how = "exchanges of other hosts were left out (--host)";
        writer.note(&Note::input(NoteKind::Selected { how }))?;
    }
    run::read_all(&one, BodyPolicy::Whole, false, &make, &mut |part| {
        match part {
            Part::Exchange(mut exchange) => {
                exchange.connection = exchange.connection.map(|id| ConnectionId(id.0.saturating_add(before)));
                if leave.bodies {
                    without_bodies(&mut exchange);
                }
                match &mut redactor {
                    Some(redactor) => {
                        let new = redactor.exchange(&exchange);
                        open += Redactor::remains(&new, &limits);
                        writer.exchange(&new)?;
                    }
                    None => writer.exchange(&exchange)?,
                }
                written += 1;
            }
            Part::Connection(mut report) => {
                if let Some(redactor) = &mut redactor {
                    report.conceal();
                    if let Some(pseudonyms) = redactor.pseudonyms_mut() {
                        pseudonyms.connection(&mut report);
                    }
                }
                report.connection.id.0 = report.connection.id.0.saturating_add(before);
                writer.connection(&report)?;
            }
            Part::Note(mut note) => {
                note.connection = note.connection.map(|id| ConnectionId(id.0.saturating_add(before)));
                writer.note(&note)?;
            }
            // Connections of the next recording are others.
            Part::End(latest) => before = before.saturating_add(latest),
        }
        Ok(())
    })?;
    writer.finish()?;
    if open > 0 {
        complain(&format!(
            "error: {} could not be replaced; nothing was written",
            count(open, "secret that a server would take", "secrets that a server would take")
        ));
        return Err(Failure::Refused);
    }
    Ok(written)
}

/// Takes the contents out, and says so.
fn without_bodies(exchange: &mut Exchange) {
    for message in [&mut exchange.request, &mut exchange.response].into_iter().flatten() {
        if message.body.kept.take().is_some_and(|kept| !kept.is_empty()) {
            message.body.cut = Some(BodyCut::Recording);
            exchange.marks.add(Mark::BodyCut);
        }
    }
}

/// The same options, to change one of them.
pub(crate) fn clone(reading: &Reading) -> Reading {
    Reading {
        paths: reading.paths.clone(),
        keys: reading.keys.clone(),
        key_texts: reading.key_texts.clone(),
        config: reading.config.clone(),
        host: reading.host.clone(),
        output: reading.output.clone(),
        ..*reading
    }
}

/// What is carried over.
pub(crate) enum Part {
    Exchange(Box<Exchange>),
    Connection(Box<ConnectionReport>),
    Note(Note),
    /// A recording is over; the largest number of its connections.
    End(u64),
}

/// Hands everything on.
#[derive(Default)]
pub(crate) struct Carrier<'l> {
    hosts: &'l [String],
    latest: u64,
    notes: Vec<Note>,
}

impl Reader for Carrier<'_> {
    type Part = Part;

    fn exchange(&mut self, exchange: &Exchange, give: &mut Give<'_, Part>) -> io::Result<()> {
        self.latest = self.latest.max(exchange.connection.map_or(0, |id| id.0));
        if super::in_scope(exchange, self.hosts) { give(Part::Exchange(Box::new(exchange.clone()))) } else { Ok(()) }
    }

    fn connection(&mut self, report: &ConnectionReport, give: &mut Give<'_, Part>) -> io::Result<()> {
        self.latest = self.latest.max(report.connection.id.0);
        give(Part::Connection(Box::new(report.clone())))
    }

    fn note(&mut self, note: &Note) {
        match self.notes.len() {
            0..NOTES => self.notes.push(note.clone()),
            NOTES => self.notes.push(Note::input(NoteKind::Limit { limit: "losses" })),
            _ => {}
        }
    }

    fn end(self, read: Result<&Outcome, &str>, give: &mut Give<'_, Part>) -> io::Result<()> {
        self.notes.into_iter().try_for_each(|note| give(Part::Note(note)))?;
        if let Err(why) = read {
            give(Part::Note(Note::input(NoteKind::EntrySkipped {
                why: format!("a recording could not be read: {why}"),
            })))?;
        }
        give(Part::End(self.latest))
    }
}
