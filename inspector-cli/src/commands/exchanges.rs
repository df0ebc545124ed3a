//! `inspector exchanges`: every HTTP exchange, in capture order.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use inspector_core::{
    context::BodyPolicy,
    http::{
        exchange::{Exchange, Mark},
        message::{Head, Message},
    },
    redact::{self, Level},
};
use serde::Serialize;

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
        let row = Row::new(&self.recording, exchange, self.show_secrets);
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
            Format::Human => row.write_human(text)?,
        }
        self.rows.count += 1;
        if self.rows.text.len() < CHUNK && !self.is_live { Ok(()) } else { give(std::mem::take(&mut self.rows)) }
    }

    fn end(self, _: Result<&Outcome, &str>, give: &mut Give<'_, Rows>) -> io::Result<()> {
        give(self.rows)
    }
}

/// One exchange as the contract lists it.
#[derive(Serialize)]
struct Row<'e> {
    input: &'e str,
    exchange: u64,
    connection: Option<u64>,
    entry: Option<u64>,
    request_frame: Option<u64>,
    response_frame: Option<u64>,
    /// The file that has the response, where it is another than that of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_input: Option<&'e str>,
    time: Option<String>,
    client: Option<String>,
    server: Option<String>,
    protocol: &'static str,
    stream: Option<u64>,
    tls: Option<&'static str>,
    suite: Option<&'e str>,
    sni: Option<Cow<'e, str>>,
    method: Option<String>,
    target: Option<String>,
    url: Option<String>,
    status: Option<u16>,
    request_headers: Vec<(String, String)>,
    response_headers: Vec<(String, String)>,
    request_body_bytes: Option<u64>,
    response_body_bytes: Option<u64>,
    notes: Vec<&'static str>,
}

impl<'e> Row<'e> {
    fn new(recording: &'e Recording, exchange: &'e Exchange, show_secrets: bool) -> Self {
        let request = exchange.request.as_ref();
        let response = exchange.response.as_ref();
        let place = |message: &Message| message.head_end.frame().map(|frame| recording.place(frame));
        let (asked, answered) = (request.and_then(place), response.and_then(place));
        let input = asked.or(answered).map_or_else(|| recording.name(), |(name, _)| name);
        let first = request.or(response);
        let url = |text: String| if show_secrets { text } else { owned(redact::url, text) };
        let known = |text: Cow<'e, str>| match redact::text(&text, Level::Known) {
            Cow::Owned(masked) if !show_secrets => Cow::Owned(masked),
            _ => text,
        };
        let tls = exchange.tls.as_deref();
        Self {
            input,
            exchange: exchange.number,
            connection: exchange.connection.map(|id| id.0),
            entry: first.and_then(|message| message.first.entry()),
            request_frame: asked.map(|(_, frame)| frame),
            response_frame: answered.map(|(_, frame)| frame),
            response_input: answered.map(|(name, _)| name).filter(|name| *name != input),
            time: first.and_then(|message| message.first.time()).map(|time| time.to_string()),
            client: exchange.client.map(|end| end.to_string()),
            server: exchange.server.map(|end| end.to_string()),
            protocol: exchange.protocol.as_str(),
            stream: exchange.stream,
            tls: tls.map(|session| session.version),
            suite: tls.map(|session| session.suite.as_ref()),
            sni: tls.and_then(|session| session.server_name.as_deref()).map(|name| known(Cow::Borrowed(name))),
            method: request.map(|message| known(text(message.head.method())).into_owned()),
            target: request.map(|message| url(text(message.head.target()).into_owned())),
            url: request.map(|_| url(exchange.url())),
            status: exchange.status(),
            request_headers: request.map(|message| headers(&message.head, show_secrets)).unwrap_or_default(),
            response_headers: response.map(|message| headers(&message.head, show_secrets)).unwrap_or_default(),
            request_body_bytes: request.map(size),
            response_body_bytes: response.map(size),
            notes: exchange.marks.iter().map(Mark::as_str).collect(),
        }
    }

    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let place = self.entry.map_or_else(
            || self.request_frame.or(self.response_frame).map_or_else(|| "-".to_owned(), |frame| frame.to_string()),
            |entry| format!("[{entry}]"),
        );
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let (method, url) = (self.method.as_deref().unwrap_or("-"), self.url.as_deref().unwrap_or("(not recorded)"));
        let notes = if self.notes.is_empty() { String::new() } else { format!("  ({})", self.notes.join(", ")) };
        let method = escape::fitted(method, 12);
        let before = format!("{:>6} {place:>7} {:8} {status:>6}  {method} ", self.exchange, self.protocol);
        let room = width().saturating_sub(before.chars().count() + notes.chars().count()).max(SHORTEST);
        let url = escape::middle(url, room);
        writeln!(to, "{}", format!("{before}{url}{notes}").trim_end())
    }
}

fn size(message: &Message) -> u64 {
    message.body.size()
}

fn headers(head: &Head, show_secrets: bool) -> Vec<(String, String)> {
    head.iter()
        .map(|(name, value)| {
            let (name, value) = (text(name), text(value));
            if show_secrets {
                return (name.into_owned(), value.into_owned());
            }
            let shown = redact::field_value(&name, &value).into_owned();
            (redact::field_name(&name).into_owned(), shown)
        })
        .collect()
}

/// What `mask` makes of a text, without a copy if that is the text itself.
fn owned(mask: fn(&str) -> Cow<'_, str>, text: String) -> String {
    match mask(&text) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(_) => text,
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
