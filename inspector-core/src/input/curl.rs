//! Traces of curl: `--trace` and `--trace-ascii`, with `--trace-time` and `--trace-ids` or without.
//!
//! ```text
//! 21:24:40.880447 [0-0] == Info: Connected to mail.contoso.com (192.0.2.10) port 443
//! 21:24:40.880523 [0-0] => Send header, 158 bytes (0x9e)
//! 0000: 47 45 54 20 2f 65 77 73 20 48 54 54 50 2f 31 2e GET /ews HTTP/1.       --trace
//! 0000: GET /ews HTTP/1.1                                                      --trace-ascii
//! <= Recv header, 17 bytes (0x11)                                              one for each line of a response's head
//! ```
//!
//! `--trace-ascii` is lossy: it writes a dot for each byte that does not print, and begins a new line at each line end, which
//! the offsets tell from one that is only long. Fields of credentials are text and survive; a coded content does not. Several
//! transfers at once (`-Z`) can be told apart by `--trace-ids` only. Times have no date and are not used.
//!
//! Logs of `curl -v` are read as transcripts ([`super::text`]).

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    net::IpAddr,
};

use super::{
    Format, ItemSink, ReadError,
    recorded::{Content, Draft, Recorded, RequestDraft, ResponseDraft, Text, first_line, protocol_of},
};
use crate::{
    encoding::percent::hex,
    evidence::Endpoint,
    exchange::{Mark, Protocol, Scheme, TlsSession},
    limits::Limits,
    note::NoteKind,
    probe::Probe,
};

/// Bytes of a line; a longer one is none of a trace.
const LINE: usize = 4096;

/// Transfers at once: curl's own limit is 300.
const TRANSFERS: usize = 300;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Trace;

impl Format for Trace {
    fn name(&self) -> &'static str {
        "curl-trace"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        for _ in 0..16 {
            let (line, later) = first_line(rest);
            if later.is_empty() && !rest.ends_with(b"\n") {
                return if line.len() < 64 { Probe::Likely.min(begins_record(line)) } else { Probe::No };
            }
            match Record::parse(line) {
                Some(_) => return Probe::Certain,
                None if line.trim_ascii().is_empty() => rest = later,
                None => return Probe::No,
            }
        }
        Probe::No
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut reading = Reading {
            limits,
            recorded: Recorded::new(sink, limits),
            transfers: BTreeMap::new(),
            connections: BTreeMap::new(),
            weight: 0,
            is_ascii: None,
            is_interleaved: false,
            has_strays: false,
        };
        reading.lines(&mut BufReader::with_capacity(64 << 10, input))?;
        let is_stopped = reading.recorded.is_stopped();
        if reading.recorded.entries() == 0 && !is_stopped {
            return Err(ReadError::Damaged { format: self.name(), what: "no request was sent in it".to_owned() });
        }
        Ok(())
    }
}

/// `Likely` if a cut line may be the beginning of a record.
fn begins_record(line: &[u8]) -> Probe {
    let known = [&b"== Info:"[..], b"=> Send ", b"<= Recv "];
    let rest = without_time(line);
    let fits = known.iter().any(|start| start.starts_with(rest) || rest.starts_with(start));
    if fits || rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.')) {
        Probe::Likely
    } else {
        Probe::No
    }
}

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Info,
    SendHeader,
    SendData,
    ReceiveHeader,
    ReceiveData,
    /// Records of TLS.
    Other,
}

/// The first line of a record.
struct Record<'l> {
    kind: Kind,
    /// Of the transfer, with `--trace-ids`.
    transfer: Option<u64>,
    /// What follows `Info: `.
    text: &'l [u8],
    length: usize,
}

/// A line without the time in front.
fn without_time(line: &[u8]) -> &[u8] {
    match line.iter().position(|byte| *byte == b' ') {
        Some(at @ 8..=18)
            if line
                .get(..at)
                .is_some_and(|time| time.contains(&b':') && time.first().is_some_and(u8::is_ascii_digit)) =>
        {
            line.get(at + 1..).unwrap_or_default()
        }
        _ => line,
    }
}

impl<'l> Record<'l> {
    fn parse(line: &'l [u8]) -> Option<Self> {
        let mut rest = without_time(line);
        let mut transfer = None;
        if let Some(inside) = rest.strip_prefix(b"[") {
            let end = memchr::memchr(b']', inside).filter(|end| *end < 32)?;
            // Transfer and connection; curl writes `x` for none yet.
            let id = std::str::from_utf8(inside.get(..end)?).ok()?;
            transfer = id.split('-').next().and_then(|id| id.parse().ok());
            rest = inside.get(end + 1..)?.strip_prefix(b" ")?;
        }
        if let Some(text) = rest.strip_prefix(b"== Info: ").or_else(|| rest.strip_prefix(b"== Info:")) {
            return Some(Self { kind: Kind::Info, transfer, text, length: 0 });
        }
        let (kind, rest) = [
            (&b"=> Send header, "[..], Kind::SendHeader),
            (b"=> Send data, ", Kind::SendData),
            (b"<= Recv header, ", Kind::ReceiveHeader),
            (b"<= Recv data, ", Kind::ReceiveData),
            (b"=> Send SSL data, ", Kind::Other),
            (b"<= Recv SSL data, ", Kind::Other),
        ]
        .into_iter()
        .find_map(|(start, kind)| Some((kind, rest.strip_prefix(start)?)))?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (length, rest) = rest.split_at_checked(digits)?;
        let length = std::str::from_utf8(length).ok()?.parse().ok()?;
        rest.starts_with(b" bytes (0x").then_some(Self { kind, transfer, text: b"", length })
    }
}

/// What a line of a record's content gives.
enum Dumped {
    Hex(Vec<u8>),
    Text(Vec<u8>),
}

/// `0010: 72 2f 61 … r/a…` or `0040: text`, with the offset, which has four digits or more.
fn dumped(line: &[u8], is_ascii: Option<bool>, left: usize) -> Option<(usize, Dumped)> {
    let colon = line.iter().take(12).position(|byte| *byte == b':').filter(|at| *at >= 4)?;
    let offset = usize::from_str_radix(std::str::from_utf8(line.get(..colon)?).ok()?, 16).ok()?;
    let rest = line.get(colon + 1..)?;
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    if is_ascii != Some(true)
        && let Some(bytes) = hex_line(rest, left)
    {
        return Some((offset, Dumped::Hex(bytes)));
    }
    (is_ascii != Some(false)).then(|| (offset, Dumped::Text(rest.to_vec())))
}

/// Up to sixteen bytes in hexadecimal, a blank behind each, then the same as text: so many that all are there.
fn hex_line(rest: &[u8], left: usize) -> Option<Vec<u8>> {
    let wanted = left.min(16);
    let mut bytes = Vec::with_capacity(wanted);
    for at in 0..wanted {
        let [high, low, b' '] = *rest.get(3 * at..)?.first_chunk()? else { return None };
        bytes.push(hex(high)? << 4 | hex(low)?);
    }
    // Places of bytes that are not there are blank.
    let is_whole = rest.get(3 * wanted..48).is_none_or(|rest| rest.iter().all(|byte| *byte == b' '));
    let text = rest.get(48..).map_or(wanted, <[u8]>::len);
    (wanted > 0 && is_whole && text == wanted).then_some(bytes)
}

/// What was said of a connection.
#[derive(Clone, Default)]
struct Facts {
    server: Option<Endpoint>,
    is_tls: bool,
    version: Option<&'static str>,
    suite: String,
    name: String,
}

/// A transfer in progress.
#[derive(Default)]
struct Transfer {
    request: Vec<u8>,
    sent: Vec<u8>,
    head: Vec<u8>,
    received: Vec<u8>,
    trailers: Vec<u8>,
    /// The head ended with its blank line.
    is_head_over: bool,
    /// More came than is kept.
    is_cut: [bool; 2],
    /// Lines of its records are missing, or more came of its heads than is kept.
    is_torn: bool,
    facts: Facts,
}

struct Reading<'s> {
    limits: &'s Limits,
    recorded: Recorded<'s>,
    transfers: BTreeMap<Option<u64>, Transfer>,
    /// What was said of the connections to a host, for when they are used again.
    connections: BTreeMap<String, Facts>,
    /// Bytes of the transfers.
    weight: usize,
    is_ascii: Option<bool>,
    is_interleaved: bool,
    /// Lines were seen that are in no record: the first line of one is missing or damaged, or they are not of the trace.
    has_strays: bool,
}

/// A record whose content is being gathered.
struct Gathered {
    kind: Kind,
    transfer: Option<u64>,
    length: usize,
    bytes: Vec<u8>,
    /// Bytes that came besides, which are more than is kept of a record.
    beyond: usize,
    /// A line of it is missing, or stands twice: there, what is kept of it ends.
    is_torn: bool,
}

impl Gathered {
    /// How much of it came.
    const fn came(&self) -> usize {
        self.bytes.len() + self.beyond
    }

    fn add(&mut self, bytes: &[u8], most: usize) {
        // What follows a hole is not what follows.
        let most = if self.is_torn { 0 } else { most };
        let kept = bytes.len().min(most.saturating_sub(self.bytes.len()));
        self.bytes.extend_from_slice(bytes.get(..kept).unwrap_or_default());
        self.beyond += bytes.len() - kept;
    }
}

impl Reading<'_> {
    fn lines(&mut self, input: &mut dyn BufRead) -> Result<(), ReadError> {
        let (mut line, mut gathered, mut offset) = (Vec::new(), None::<Gathered>, 0_u64);
        loop {
            line.clear();
            self.recorded.before_read();
            let read = match (&mut *input).take(LINE as u64).read_until(b'\n', &mut line) {
                Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Err(_) => 0,
                Ok(read) => read,
            };
            if read == 0 || self.recorded.is_stopped() {
                break;
            }
            let begin = offset;
            offset += read as u64;
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if let Some(record) = &mut gathered
                && record.came() < record.length
            {
                if Record::parse(text).is_none() && self.content(record, text) {
                    continue;
                }
                if !is_tls(record.kind) && !self.is_line_end_left(record) {
                    record.is_torn = true;
                    self.recorded.note(NoteKind::TruncatedInput { offset: begin });
                }
            }
            if let Some(record) = gathered.take() {
                self.record(record);
            }
            match Record::parse(text) {
                Some(Record { kind: Kind::Info, transfer, text, .. }) => {
                    self.information(transfer, &String::from_utf8_lossy(text));
                }
                Some(Record { kind, transfer, length, .. }) => {
                    gathered = Some(Gathered { kind, transfer, length, bytes: Vec::new(), beyond: 0, is_torn: false });
                }
                None => self.has_strays |= !text.trim_ascii().is_empty() && !is_progress(text),
            }
        }
        if let Some(mut record) = gathered.take() {
            let is_whole = record.came() >= record.length || self.is_line_end_left(&record);
            record.is_torn |= !is_whole;
            if !is_whole && !is_tls(record.kind) && !self.recorded.is_stopped() {
                self.recorded.note(NoteKind::TruncatedInput { offset });
            }
            self.record(record);
        }
        for (_, transfer) in std::mem::take(&mut self.transfers) {
            self.hand_out(transfer);
        }
        if self.is_ascii == Some(true) {
            let what = "--trace-ascii writes a dot for each byte that is no printable character";
            self.recorded.note(NoteKind::HarmlessDamage { what });
        }
        if self.has_strays {
            self.recorded.note(NoteKind::MalformedBlock { what: "lines belong to no record of the trace" });
        }
        if self.is_interleaved {
            let what = "several transfers are written at once and cannot be told apart: trace with --trace-ids";
            self.recorded.note(NoteKind::MalformedBlock { what });
        }
        self.recorded.finish();
        Ok(())
    }

    /// Takes a line of a record's content; `false` if it is none.
    fn content(&mut self, record: &mut Gathered, line: &[u8]) -> bool {
        let (came, most) = (record.came(), self.limits.decoded_body);
        match dumped(line, self.is_ascii, record.length - came) {
            Some((offset, Dumped::Hex(bytes))) => {
                self.is_ascii = Some(false);
                record.is_torn |= offset != came;
                record.add(&bytes, most);
                true
            }
            Some((offset, Dumped::Text(text))) => {
                self.is_ascii = Some(true);
                // Two bytes more than the text of the line before: a line end.
                if offset == came + 2 {
                    record.add(b"\r\n", most);
                }
                record.is_torn |= offset != record.came();
                record.add(&text, most);
                true
            }
            None => false,
        }
    }

    /// Whether all that is missing of a record is the line end that `--trace-ascii` does not write at the end.
    fn is_line_end_left(&self, record: &Gathered) -> bool {
        self.is_ascii != Some(false) && record.length == record.came() + 2
    }

    fn record(&mut self, mut record: Gathered) {
        if is_tls(record.kind) {
            return;
        }
        if self.is_line_end_left(&record) {
            record.add(b"\r\n", self.limits.decoded_body);
        }
        let is_request = record.kind == Kind::SendHeader;
        if is_request
            && let Some(transfer) = self.transfers.get_mut(&record.transfer).filter(|one| !one.request.is_empty())
        {
            // A head in two records goes on.
            if transfer.head.is_empty() && !ends_head(&transfer.request) && transfer.sent.is_empty() {
                transfer.is_torn |= record.is_torn | add(&mut transfer.request, &record.bytes, self.limits.head);
                return;
            }
            self.is_interleaved |= record.transfer.is_none() && transfer.head.is_empty();
            let facts = transfer.facts.clone();
            if let Some(over) = self.transfers.insert(record.transfer, Transfer { facts, ..Transfer::default() }) {
                self.hand_out(over);
            }
        }
        // A second final answer is one to a request that is not there.
        let is_answer = record.kind == Kind::ReceiveHeader && record.bytes.starts_with(b"HTTP/");
        if is_answer && let Some(transfer) = self.transfers.get_mut(&record.transfer).filter(|one| one.is_answered()) {
            let facts = transfer.facts.clone();
            let over = std::mem::replace(transfer, Transfer { facts, ..Transfer::default() });
            self.hand_out(over);
        }
        let most = [self.limits.body, self.limits.decoded_body];
        self.make_room();
        let transfer = self.transfers.entry(record.transfer).or_default();
        // What comes before its head is of another transfer.
        self.is_interleaved |= record.kind == Kind::ReceiveData && !transfer.is_head_over;
        let is_head = matches!(record.kind, Kind::SendHeader | Kind::ReceiveHeader);
        transfer.is_torn |= is_head && record.is_torn;
        let is_beyond = record.beyond > 0 || record.is_torn;
        let before = transfer.weight();
        match record.kind {
            Kind::SendHeader => {
                transfer.is_torn |= add(&mut transfer.request, &record.bytes, self.limits.head) | is_beyond;
            }
            Kind::SendData => transfer.is_cut[0] |= add(&mut transfer.sent, &record.bytes, most[0]) | is_beyond,
            Kind::ReceiveData => transfer.is_cut[1] |= add(&mut transfer.received, &record.bytes, most[1]) | is_beyond,
            Kind::ReceiveHeader => transfer.header(&record.bytes, self.limits.head),
            Kind::Info | Kind::Other => {}
        }
        self.weight = (self.weight + transfer.weight()).saturating_sub(before);
        self.lighten();
    }

    /// Hands transfers out as they are while all together take more than one recording's entry may; their ends are lost.
    fn lighten(&mut self) {
        while self.weight > self.limits.entry
            && let Some((_, mut oldest)) = self.transfers.pop_first()
        {
            oldest.is_cut = [true; 2];
            self.hand_out(oldest);
        }
    }

    /// Hands out the oldest transfer if there are too many.
    fn make_room(&mut self) {
        if self.transfers.len() > TRANSFERS
            && let Some((_, oldest)) = self.transfers.pop_first()
        {
            self.hand_out(oldest);
        }
    }

    /// Takes what curl says of its connection.
    fn information(&mut self, id: Option<u64>, line: &str) {
        let line = line.trim();
        self.make_room();
        let transfer = self.transfers.entry(id).or_default();
        let after = |word: &str| line.split_once(word).map(|(_, rest)| rest);
        if line.starts_with("Connected to ") || line.starts_with("Established connection to ") {
            let name = after(" to ").and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
            transfer.next_facts(Facts { server: place(line), name, ..Facts::default() });
        } else if let Some(rest) = after("SSL connection using ") {
            let (version, suite) = rest.split_once(" / ").unwrap_or((rest, ""));
            let suite = suite.split(" / ").next().unwrap_or_default();
            transfer.facts.is_tls = true;
            transfer.facts.version = match version {
                "TLSv1.0" | "TLSv1" => Some("1.0"),
                "TLSv1.1" => Some("1.1"),
                "TLSv1.2" => Some("1.2"),
                "TLSv1.3" => Some("1.3"),
                _ => None,
            };
            transfer.facts.suite = if suite.starts_with("TLS_") { suite.to_owned() } else { String::new() };
        } else if line.contains("TLS handshake") || line.starts_with("ALPN") || line.starts_with("schannel:") {
            transfer.facts.is_tls = true;
        } else if let Some(name) = after("with host ").or_else(|| after("with proxy ")) {
            if let Some(known) = self.connections.get(name.trim()) {
                transfer.next_facts(known.clone());
            }
            return;
        } else {
            return;
        }
        let facts = transfer.facts.clone();
        if self.connections.len() < self.limits.hosts {
            self.connections.insert(facts.name.clone(), facts);
        }
    }

    fn hand_out(&mut self, transfer: Transfer) {
        self.weight = self.weight.saturating_sub(transfer.weight());
        if transfer.is_torn {
            // What is left may read as something else.
            return self
                .recorded
                .skip("lines are missing in a transfer, or it is larger than what is kept (limit: head)");
        }
        if transfer.request.is_empty() && transfer.head.is_empty() {
            if !transfer.sent.is_empty() || !transfer.received.is_empty() {
                self.recorded.skip("a transfer has contents without heads");
            }
            return;
        }
        let is_ascii = self.is_ascii == Some(true);
        match transfer.draft(is_ascii, self.limits) {
            Some(draft) => self.recorded.hand_out(draft),
            None => self.recorded.skip("a transfer has no request line or no status line"),
        }
    }
}

const fn is_tls(kind: Kind) -> bool {
    matches!(kind, Kind::Other)
}

/// Whether a line outside of a record is one of curl's progress meter.
fn is_progress(line: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(line, word).is_some();
    let is_of_numbers =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b':' | b'-' | b'.' | b'\r' | b'k' | b'M' | b'G');
    has(b"% Total ") || has(b"Dload  Upload") || line.iter().all(is_of_numbers)
}

/// Keeps up to `most` bytes; `true` if some were left out.
fn add(kept: &mut Vec<u8>, bytes: &[u8], most: usize) -> bool {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    bytes.len() > room
}

fn ends_head(text: &[u8]) -> bool {
    text.ends_with(b"\r\n\r\n") || text.ends_with(b"\n\n")
}

/// `… (192.0.2.10) port 443` or `… (192.0.2.10 port 443) …`.
fn place(line: &str) -> Option<Endpoint> {
    let words: Vec<&str> = line.split(['(', ')', ' ']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|word| word.parse::<IpAddr>().is_ok())?;
    let port = match words.get(at + 1..) {
        Some(["port", port, ..]) => port.trim_end_matches(',').parse().unwrap_or(0),
        _ => 0,
    };
    Some(Endpoint { address: words.get(at)?.parse().ok()?, port })
}

impl Transfer {
    /// Bytes it takes, about.
    fn weight(&self) -> usize {
        [&self.request, &self.sent, &self.head, &self.received, &self.trailers].into_iter().map(Vec::len).sum()
    }

    /// What is said of a connection before a request is sent on it.
    fn next_facts(&mut self, facts: Facts) {
        self.facts = facts;
    }

    /// Whether the answer that counts is there: interim ones (RFC 9110 §15.2) come before it.
    fn is_answered(&self) -> bool {
        let status = self.head.split(|byte| *byte == b' ').nth(1).and_then(<[u8]>::first);
        self.is_head_over && status != Some(&b'1')
    }

    /// A line of the response's head, or of its trailer section.
    fn header(&mut self, line: &[u8], most: usize) {
        if self.is_head_over && line.starts_with(b"HTTP/") {
            // Interim responses come before the one that counts.
            self.head.clear();
            self.received.clear();
            self.is_head_over = false;
        }
        let section = if self.is_head_over { &mut self.trailers } else { &mut self.head };
        self.is_torn |= add(section, line, most);
        self.is_head_over |= matches!(line, b"\r\n" | b"\n");
    }

    fn draft(&self, is_ascii: bool, limits: &Limits) -> Option<Draft<'_>> {
        let mut draft = Draft {
            scheme: Some(if self.facts.is_tls { Scheme::Https } else { Scheme::Http }),
            server: self.facts.server,
            ..Draft::default()
        };
        if let Some(version) = self.facts.version {
            draft.tls = Some(TlsSession { version, suite: self.facts.suite.clone().into(), ..TlsSession::default() });
        }
        if !self.request.is_empty() {
            let text = Text::parse(&self.request, limits)?;
            let [method, target, version] = text.start;
            draft.protocol = protocol_of(version);
            draft.marks.merge(text.marks());
            // What follows a head in its record is no content, which has records of its own.
            if !text.content.is_empty() {
                draft.marks.add(Mark::EntryMalformed);
            }
            let cut = self.is_cut[0] || (is_ascii && is_coded(&text));
            draft.request = Some(RequestDraft {
                method: method.into(),
                target: target.into(),
                content: if self.sent.is_empty() { Content::None } else { Content::Framed((&*self.sent).into()) },
                fields: text.fields,
                cut,
                ..RequestDraft::default()
            });
        }
        if !self.head.is_empty() {
            let text = Text::parse(&self.head, limits)?;
            let status = text.status()?;
            draft.marks.merge(text.marks());
            let cut = self.is_cut[1] || (is_ascii && is_coded(&text) && !self.received.is_empty());
            draft.response = Some(ResponseDraft {
                status,
                reason: text.start[2].into(),
                content: Content::Framed((&*self.received).into()),
                fields: text.fields,
                cut,
                ..ResponseDraft::default()
            });
        }
        // Clear text is claimed only where curl says what it connected to.
        if draft.protocol == Protocol::H3 || (!self.facts.is_tls && self.facts.server.is_none()) {
            draft.scheme = None;
        }
        Some(draft)
    }
}

/// Whether the content has a coding, which text with dots does not survive.
fn is_coded(text: &Text<'_>) -> bool {
    text.fields
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"content-encoding") && !value.eq_ignore_ascii_case(b"identity"))
}
