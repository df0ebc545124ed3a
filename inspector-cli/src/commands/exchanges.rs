//! `inspector exchanges`: every HTTP exchange, in capture order.

use std::io::{self, Write};

use inspector_core::{context::BodyPolicy, exchange::Exchange, report::v1};

use crate::{
    args::{Format, Listing},
    exit::{Exit, Failure},
    output::{count, escape, json, style, width},
    run::{self, Give, Outcome, Reader, Recording},
};

/// Columns a URL gets, however narrow the terminal is.
const SHORTEST: usize = 24;

/// Bytes of rows that are handed on at once.
const CHUNK: usize = 32 << 10;

/// Runs the command.
pub(crate) fn run(listing: &Listing) -> Result<Exit, Failure> {
    let reading = &listing.reading;
    let mut to = super::output_of(reading)?;
    let (mut listed, mut latest) = (0, None::<Heading>);
    let is_live = run::is_live(reading);
    let make = |recording: &Recording| Lister {
        recording: recording.clone(),
        format: listing.format,
        show_secrets: reading.show_secrets,
        hosts: &reading.host,
        is_live,
        rows: Rows::default(),
    };
    let several = run::may_be_several(reading);
    let session = run::read_all(reading, BodyPolicy::Measure, false, &make, &mut |rows: Rows| {
        match listing.format {
            Format::Json if rows.count > 0 => to.write_all(if listed > 0 { b"," } else { b"[" })?,
            Format::Human if rows.count > 0 && latest != rows.heading => {
                if let Some(heading) = &rows.heading {
                    heading.write(&mut *to, several, latest.is_some())?;
                }
                latest.clone_from(&rows.heading);
            }
            _ => {}
        }
        listed += rows.count;
        to.write_all(&rows.text)?;
        if is_live { to.flush() } else { Ok(()) }
    })?;
    match listing.format {
        Format::Json => to.write_all(if listed > 0 { b"]\n" } else { b"[]\n" })?,
        Format::Human => writeln!(to, "{}", count(listed, "exchange", "exchanges"))?,
        Format::Ndjson if listing.coverage => {
            json::write_line(&mut *to, &super::Footer::of(&session), json::Unseen::with(reading.show_secrets))?;
        }
        Format::Ndjson => {}
    }
    to.flush()?;
    super::say_lacking(reading, &session);
    Ok(Exit::Pass)
}

/// What stands over the rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heading {
    file: String,
    /// Its rows are told by entries, not frames.
    entries: bool,
}

impl Heading {
    fn write(&self, to: &mut dyn Write, named: bool, again: bool) -> io::Result<()> {
        if again {
            writeln!(to)?;
        }
        if named {
            writeln!(to, "{}", style::paint(style::STRONG, escape::line(&self.file)))?;
        }
        let place = if self.entries { "entry" } else { "frame" };
        writeln!(to, "{:>6} {place:>7} {:8} {:>6}  request", "number", "protocol", "status")
    }
}

/// Rows as they are written; of JSON with commas between.
#[derive(Default)]
struct Rows {
    text: Vec<u8>,
    count: u64,
    /// Of rows for people: what they belong under.
    heading: Option<Heading>,
}

/// Lists the exchanges of one recording.
struct Lister<'l> {
    recording: Recording,
    format: Format,
    show_secrets: bool,
    hosts: &'l [String],
    /// Rows are handed on as they come.
    is_live: bool,
    rows: Rows,
}

impl Reader for Lister<'_> {
    type Part = Rows;

    fn exchange(&mut self, exchange: &Exchange, give: &mut Give<'_, Rows>) -> io::Result<()> {
        if !super::in_scope(exchange, self.hosts) {
            return Ok(());
        }
        let row = v1::Exchange::new(&self.recording.names, exchange, self.show_secrets);
        if self.format == Format::Human {
            let heading = Some(Heading { file: row.input.to_owned(), entries: row.entry.is_some() });
            if self.rows.heading != heading && self.rows.count > 0 {
                give(std::mem::take(&mut self.rows))?;
            }
            self.rows.heading = heading;
        }
        let text = &mut self.rows.text;
        match self.format {
            Format::Ndjson => json::write_line(text, &row, json::Unseen::with(self.show_secrets))?,
            Format::Json => {
                text.extend_from_slice(if self.rows.count == 0 { b"" } else { b"," });
                json::write_line(text, &row, json::Unseen::with(self.show_secrets))?;
            }
            Format::Human => write_human(&row, text)?,
        }
        self.rows.count += 1;
        if self.rows.text.len() < CHUNK && !self.is_live { Ok(()) } else { give(std::mem::take(&mut self.rows)) }
    }

    fn end(self, _: Result<&Outcome, &str>, give: &mut Give<'_, Rows>) -> io::Result<()> {
        give(self.rows)
    }
}

/// A row for people.
fn write_human(row: &v1::Exchange<'_>, to: &mut dyn Write) -> io::Result<()> {
    let place = row.entry.map_or_else(
        || row.request_frame.or(row.response_frame).map_or_else(|| "-".to_owned(), |frame| frame.to_string()),
        |entry| format!("[{entry}]"),
    );
    let status = row.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let (method, url) = (row.method.as_deref().unwrap_or("-"), row.url.as_deref().unwrap_or("(not recorded)"));
    let notes = if row.notes.is_empty() { String::new() } else { format!("  ({})", row.notes.join(", ")) };
    let method = escape::fitted(method, 12);
    let before = format!("{:>6} {place:>7} {:8} {status:>6}  {method} ", row.exchange, row.protocol);
    let room = width().saturating_sub(before.chars().count() + notes.chars().count()).max(SHORTEST);
    let url = escape::middle(url, room);
    writeln!(to, "{}", format!("{before}{url}{notes}").trim_end())
}
