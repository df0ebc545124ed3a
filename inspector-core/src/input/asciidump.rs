//! What `tcpdump -A` prints: a line of each packet, then its bytes as text.
//!
//! ```text
//! 21:24:44.555508 IP 127.0.0.1.42402 > 127.0.0.1.38081: Flags [P.], seq 1:401, ack 1, win 64, options […], length 400
//! E....&@.@._..............HjK.[.....@.......                     the headers of IP and TCP
//! .M..-...GET /favicon.ico HTTP/1.1                               the data
//! ```
//!
//! It is lossy: a byte that does not print is a dot, and carriage returns are gone. No packet can be made of it again, but
//! heads of HTTP/1 are text and can be read. What of each connection is read is made a transcript ([`super::text`]); that it
//! is no faithful recording is said, for a request can be hidden in the dots.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
};

use super::{Format, Item, ItemSink, ReadError, recorded::first_line, text::Transcript};
use crate::{
    limits::Limits,
    note::{Note, NoteKind},
    probe::Probe,
};

/// Longest line that is looked at as a whole.
const LINE: usize = 64 << 10;
/// In so many first bytes of a packet's text its data begins.
const HEADERS: usize = 140;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct AsciiDump;

impl Format for AsciiDump {
    fn name(&self) -> &'static str {
        "tcpdump-text"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let (line, rest) = first_line(head);
        if Heading::parse(line).is_none() {
            let begins = line.iter().take(4).all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'-'));
            return if head.len() == line.len() && line.len() < 200 && begins { Probe::Likely } else { Probe::No };
        }
        // The bytes in hexadecimal are another format.
        match rest.trim_ascii_end() {
            [] => Probe::Likely,
            [b'\t' | b' ', ..] => Probe::No,
            _ => Probe::Certain,
        }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut reading = Reading { limits, connections: BTreeMap::new(), order: Vec::new(), size: 0, is_full: false };
        reading.packets(&mut BufReader::with_capacity(64 << 10, input))?;
        let transcript = reading.transcript();
        if transcript.is_empty() {
            let what =
                "it is the text that tcpdump prints, without the bytes of HTTP: record the packets with tcpdump -w";
            return Err(ReadError::Damaged { format: self.name(), what: what.to_owned() });
        }
        let how = "text that tcpdump -A printed: bytes that do not print are dots, and packets cannot be told from it; record \
                   with tcpdump -w";
        sink.item(Item::Note(Note::input(NoteKind::Edited { how })));
        if reading.is_full {
            sink.item(Item::Note(Note::input(NoteKind::Limit { limit: "file" })));
        }
        Transcript.read(&mut &*transcript, limits, sink)
    }
}

/// A packet's line.
struct Heading<'l> {
    source: &'l str,
    destination: &'l str,
    /// Bytes of the headers of IP and TCP.
    headers: usize,
    /// Bytes of data.
    length: usize,
}

impl<'l> Heading<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        if !line.as_bytes().first()?.is_ascii_digit() {
            return None;
        }
        let at = line.find(" IP6 ").or_else(|| line.find(" IP ")).filter(|at| *at <= 32)?;
        let ip = if line.get(at..)?.starts_with(" IP6") { 40 } else { 20 };
        let rest = line.get(at + 1..)?.split_once(' ')?.1;
        let (source, rest) = rest.split_once(" > ")?;
        let (destination, facts) = rest.split_once(": ")?;
        if !facts.starts_with("Flags [") || source.contains(' ') || destination.contains(' ') {
            return None;
        }
        let options = if facts.contains("TS val") { 12 } else { 0 };
        let digits = facts.rsplit_once("length ")?.1;
        let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self { source, destination, headers: ip + 20 + options, length: digits.parse().ok()? })
    }
}

/// What was said on one connection, in the order of the packets.
#[derive(Default)]
struct Said {
    text: Vec<u8>,
    /// HTTP was spoken.
    is_http: bool,
}

struct Reading<'l> {
    limits: &'l Limits,
    connections: BTreeMap<(String, String), Said>,
    order: Vec<(String, String)>,
    size: usize,
    is_full: bool,
}

impl Reading<'_> {
    fn packets(&mut self, input: &mut dyn BufRead) -> Result<(), ReadError> {
        let (mut line, mut text) = (Vec::new(), Vec::new());
        let mut heading: Option<(String, String, usize, usize)> = None;
        loop {
            line.clear();
            let read = match (&mut *input).take(LINE as u64).read_until(b'\n', &mut line) {
                Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Err(_) => 0,
                Ok(read) => read,
            };
            let next = Heading::parse(first_line(&line).0);
            if read > 0 && next.is_none() {
                if text.len() + line.len() <= self.limits.block {
                    text.extend_from_slice(&line);
                }
                continue;
            }
            if let Some((source, destination, headers, length)) = heading.take() {
                self.packet(source, destination, headers, length, &text);
            }
            text.clear();
            let Some(next) = next.filter(|_| read > 0) else { return Ok(()) };
            heading = Some((next.source.to_owned(), next.destination.to_owned(), next.headers, next.length));
        }
    }

    fn packet(&mut self, source: String, destination: String, headers: usize, length: usize, text: &[u8]) {
        if length == 0 {
            return;
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let start = start_of(text);
        let data = text.get(start.map_or(headers, |(at, _)| at)..).unwrap_or_default();
        let forth = (source, destination);
        let back = (forth.1.clone(), forth.0.clone());
        let key = if self.connections.contains_key(&back) { back } else { forth.clone() };
        self.is_full |= self.size + data.len() > self.limits.entry / 2;
        if self.is_full {
            return;
        }
        if !self.connections.contains_key(&key) {
            self.size += 512;
            self.order.push(key.clone());
        }
        let said = self.connections.entry(key).or_default();
        if let Some((_, is_request)) = start {
            said.is_http = true;
            if !said.text.ends_with(b"\n") && !said.text.is_empty() {
                said.text.push(b'\n');
            }
            if is_request {
                said.text.extend_from_slice(b"# @scheme http\n");
                for (name, end) in [("client", &forth.0), ("server", &forth.1)] {
                    if let Some((host, port)) = end.rsplit_once('.').filter(|(_, port)| port.parse::<u16>().is_ok()) {
                        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
                        said.text.extend_from_slice(format!("# @{name} {host}:{port}\n").as_bytes());
                    }
                }
            }
        }
        said.text.extend_from_slice(data);
        self.size += data.len() + 64;
    }

    /// The connections on which HTTP was spoken, one behind the other.
    fn transcript(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for key in &self.order {
            if let Some(said) = self.connections.remove(key).filter(|said| said.is_http) {
                out.extend(said.text);
                out.extend_from_slice(b"\n###\n");
            }
        }
        out
    }
}

/// Where a start line of HTTP/1 begins behind the headers, and whether it is a request's.
fn start_of(text: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0;
    while at <= HEADERS {
        let rest = text.get(at..)?;
        let (line, later) = first_line(rest);
        if let Some(found) = start_in(line).filter(|found| at + found.0 <= HEADERS) {
            return Some((at + found.0, found.1));
        }
        if later.is_empty() {
            return None;
        }
        at += rest.len() - later.len();
    }
    None
}

/// A start line that ends with this line, and has headers' characters before it perhaps.
fn start_in(line: &[u8]) -> Option<(usize, bool)> {
    if let Some(at) = memchr::memmem::find(line, b"HTTP/1.") {
        let after = line.get(at + 8..)?;
        if let [b' ', a, b, c, rest @ ..] = after
            && [a, b, c].iter().all(|digit| digit.is_ascii_digit())
            && rest.first().is_none_or(|byte| *byte == b' ')
        {
            return Some((at, false));
        }
        let before = line.get(..at)?.strip_suffix(b" ")?;
        let target = before.iter().rposition(|byte| *byte == b' ')?;
        let method = before.get(..target)?;
        let letters = method.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
        return (after.is_empty() && letters >= 3).then(|| (method.len() - letters, true));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exchange::Exchange,
        input::{Control, read_recording},
    };

    const DUMP: &str = "21:24:44.5 IP 10.0.0.1.42402 > 10.0.0.2.80: Flags [P.], seq 1:40, ack 1, options [nop,nop,TS val 1 ecr 2], length 40\n\
        E....&@.@._..............HjK.[.....@.......\n.M..-...GET /ews HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Basic dXNlcjpw\n\n\
        \n21:24:44.6 IP 10.0.0.2.80 > 10.0.0.1.42402: Flags [.], ack 1, win 64, length 0\nE..4..@.@.\n\
        21:24:44.7 IP 10.0.0.2.80 > 10.0.0.1.42402: Flags [P.], seq 1:40, ack 1, length 60\n\
        E..4..@.@.0123456789012345678901234567890HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"a\"\nContent-Length: 0\n\n";

    fn read(text: &str) -> (Vec<Exchange>, Vec<NoteKind>) {
        let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
        let mut sink = |item: Item<'_>| {
            match item {
                Item::Exchange(exchange) => exchanges.push(*exchange),
                Item::Note(note) => notes.push(note.kind),
                _ => {}
            }
            Control::Continue
        };
        let recording = read_recording(&mut text.as_bytes(), &Limits::default(), &mut sink).unwrap();
        assert_eq!(recording.format, "tcpdump-text");
        (exchanges, notes)
    }

    #[test]
    fn heads_are_read_and_the_loss_is_said() {
        let (exchanges, notes) = read(DUMP);
        assert_eq!((exchanges[0].url().as_str(), exchanges[0].status()), ("http://mail.contoso.com/ews", Some(401)));
        assert_eq!(exchanges[0].request.as_ref().unwrap().head.text("authorization"), Some("Basic dXNlcjpw"));
        assert_eq!(exchanges[0].server.unwrap().to_string(), "10.0.0.2:80");
        assert!(matches!(notes[0], NoteKind::Edited { .. }));
    }

    #[test]
    fn other_text_of_tcpdump_is_none() {
        let summary =
            DUMP.lines().filter(|line| line.contains("Flags")).map(|line| format!("{line}\n")).collect::<String>();
        let mut sink = |_: Item<'_>| Control::Continue;
        let error = read_recording(&mut summary.as_bytes(), &Limits::default(), &mut sink).unwrap_err();
        assert!(error.to_string().contains("tcpdump -w"), "{error}");
        assert_eq!(AsciiDump.probe(b"21:24:44.5 IP a.1 > b.2: Flags [P.], length 4\n\t0x0000:  4500"), Probe::No);
        assert_eq!(AsciiDump.probe(b"21:24:44 something else\n"), Probe::No);
    }
}
