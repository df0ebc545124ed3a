//! Burp Suite's "Save items" (`<items>`) and its reports of issues (`<issues>`).
//!
//! ```text
//! <items burpVersion="2025.6.5" exportTime="…"><item><time>…</time><url>…</url><host ip="192.0.2.1">…</host>
//!   <protocol>https</protocol> … <request base64="true"><![CDATA[R0VU…]]></request><response base64="true">…</response>
//! ```
//!
//! Both are what their user chose of all that went through Burp, which is said: what is not in them may have been sent.
//! Without base64 line ends have lost their carriage returns and bytes that are no text are gone, so that lengths do not fit.
//! Times are of a zone by its abbreviation, which tells no moment for certain, and are left out.

use std::io::{BufReader, Read};

use super::{
    Format, ItemSink, ReadError,
    recorded::{Content, Draft, Recorded, RequestDraft, ResponseDraft, Text, protocol_of, scheme_of},
    xml::{Event, Xml, append},
};
use crate::{
    evidence::Endpoint,
    exchange::{Mark, Scheme},
    http::base64,
    limits::Limits,
    note::NoteKind,
    probe::Probe,
};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Burp;

impl Format for Burp {
    fn name(&self) -> &'static str {
        "burp"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let probe = super::xml::probe(head, &[b"items", b"issues"]);
        let has_version = memchr::memmem::find(head, b"burpVersion=").is_some();
        if probe == Probe::Certain && !has_version { Probe::No } else { probe }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut input = BufReader::with_capacity(64 << 10, input);
        let mut reading = Reading {
            xml: Xml::new(&mut input, limits),
            recorded: Recorded::new(sink, limits),
            limits,
            item: Item::default(),
        };
        reading.document()?;
        if reading.recorded.entries() == 0 && !reading.recorded.is_stopped() {
            return Err(ReadError::Damaged { format: self.name(), what: "no item in it has a request".to_owned() });
        }
        Ok(())
    }
}

/// What was read of an item.
#[derive(Default)]
struct Item {
    url: Vec<u8>,
    protocol: Vec<u8>,
    host: Vec<u8>,
    address: String,
    port: Vec<u8>,
    request: Option<Coded>,
    response: Option<Coded>,
    /// A text has elements in it.
    is_odd: bool,
}

/// Whether an element of that name holds a text and nothing else.
fn is_text(name: &str) -> bool {
    matches!(name, "request" | "response" | "url" | "host" | "port" | "protocol")
}

/// The text of a message, and whether it is base64.
struct Coded {
    text: Vec<u8>,
    is_base64: bool,
}

struct Reading<'r, 'i> {
    xml: Xml<'i>,
    recorded: Recorded<'r>,
    limits: &'r Limits,
    item: Item,
}

impl Reading<'_, '_> {
    fn document(&mut self) -> Result<(), ReadError> {
        let (mut text, mut is_base64, mut is_open, mut is_in_text) = (Vec::new(), false, false, false);
        loop {
            if self.recorded.is_stopped() {
                return Ok(());
            }
            match self.xml.next()? {
                Event::Open { name, attributes } => {
                    let attribute = |name: &str| {
                        attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
                    };
                    text.clear();
                    // Texts have no elements in them: something is not escaped, and some of the text is lost.
                    self.item.is_odd |= std::mem::replace(&mut is_in_text, is_text(&name));
                    is_base64 = attribute("base64") == Some("true");
                    match name.as_str() {
                        "item" => self.item = Item::default(),
                        "issue" => self.item = Item::default(),
                        "items" | "issues" => is_open = true,
                        "host" => attribute("ip").unwrap_or_default().clone_into(&mut self.item.address),
                        _ => {}
                    }
                }
                Event::Text(piece) => {
                    if self.item.weight() + text.len() + piece.len() <= self.limits.entry {
                        append(&mut text, piece);
                    } else {
                        text.clear();
                        self.recorded.skip("an item is larger than what is kept (limit: entry)");
                    }
                }
                Event::Close(name) => {
                    let text = std::mem::take(&mut text);
                    is_in_text = false;
                    self.close(&name, text, is_base64);
                    is_open &= !matches!(name.as_str(), "items" | "issues");
                }
                Event::TooLarge => {
                    self.recorded.skip("an item is larger than what is kept (limit: entry)");
                }
                Event::End(problem) => {
                    let cut = is_open.then(|| NoteKind::TruncatedInput { offset: self.xml.offset() });
                    if let Some(problem) = problem.or(cut) {
                        self.recorded.note(problem);
                    }
                    let how = "items that the user of Burp chose; what else went through it is not in them";
                    self.recorded.note(NoteKind::Selected { how });
                    self.recorded.finish();
                    return Ok(());
                }
            }
        }
    }

    fn close(&mut self, name: &str, text: Vec<u8>, is_base64: bool) {
        let item = &mut self.item;
        let coded = |text: Vec<u8>| (!text.trim_ascii().is_empty()).then_some(Coded { text, is_base64 });
        match name {
            "url" => item.url = text,
            "protocol" => item.protocol = text,
            "host" => item.host = text,
            "port" => item.port = text,
            "request" => item.request = coded(text),
            "response" => item.response = coded(text),
            // An issue has a pair of messages of its own each.
            "item" | "requestresponse" => {
                let (request, response) = (item.request.take(), item.response.take());
                self.hand_out(request, response);
            }
            _ => {}
        }
    }

    fn hand_out(&mut self, request: Option<Coded>, response: Option<Coded>) {
        let Some(request) = request else {
            self.recorded.skip("an item has no request");
            return;
        };
        let is_exact = request.is_base64 && response.as_ref().is_none_or(|response| response.is_base64);
        let (Some(request), Some(response)) = (decoded(Some(request)), decoded(response)) else {
            self.recorded.skip("the base64 of an item is damaged");
            return;
        };
        match self.item.draft(&request, &response, is_exact, self.limits) {
            Ok(draft) => self.recorded.hand_out(draft),
            Err(why) => self.recorded.skip(why),
        }
    }
}

/// The bytes of a message, empty if there is none; `None` if its base64 is damaged.
fn decoded(coded: Option<Coded>) -> Option<Vec<u8>> {
    match coded {
        Some(Coded { text, is_base64: true }) => {
            let text = std::str::from_utf8(&text).ok()?;
            base64::decode(text.trim()).map(|decoded| decoded.bytes)
        }
        Some(Coded { text, .. }) => Some(text),
        None => Some(Vec::new()),
    }
}

impl Item {
    /// Bytes of its messages.
    fn weight(&self) -> usize {
        [&self.request, &self.response].into_iter().flatten().map(|coded| coded.text.len()).sum()
    }

    fn draft<'t>(
        &self,
        request: &'t [u8],
        response: &'t [u8],
        is_exact: bool,
        limits: &Limits,
    ) -> Result<Draft<'t>, &'static str> {
        let text = Text::parse(request, limits).ok_or("its request has no request line")?;
        let [method, target, version] = text.start;
        let scheme = match self.protocol.trim_ascii() {
            b"http" => Some(Scheme::Http),
            b"https" => Some(Scheme::Https),
            _ => scheme_of(self.url.trim_ascii()),
        };
        let mut draft = Draft { protocol: protocol_of(version), scheme, marks: text.marks(), ..Draft::default() };
        if self.is_odd {
            draft.marks.add(Mark::EntryMalformed);
        }
        let port = std::str::from_utf8(self.port.trim_ascii()).ok().and_then(|port| port.parse().ok()).unwrap_or(0);
        draft.server = self.address.parse().ok().map(|address| Endpoint { address, port });
        let has_host =
            text.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host") || **name == *b":authority");
        // HTTP/1.0 need not say whom it asks.
        let target = if has_host || method == b"CONNECT" || self.url.is_empty() {
            target.into()
        } else {
            self.url.trim_ascii().to_vec().into()
        };
        let (content, cut) = content_of(&text, is_exact);
        draft.request = Some(RequestDraft {
            method: method.into(),
            target,
            fields: text.fields,
            content,
            cut,
            ..RequestDraft::default()
        });
        if !response.trim_ascii().is_empty() {
            let text = Text::parse(response, limits).ok_or("its response has no status line")?;
            let status = text.status().ok_or("its response has no status line")?;
            draft.marks.merge(text.marks());
            let (content, cut) = content_of(&text, is_exact);
            let reason = text.start[2].into();
            draft.response =
                Some(ResponseDraft { status, reason, fields: text.fields, content, cut, ..ResponseDraft::default() });
        }
        Ok(draft)
    }
}

/// The content, and whether it is not what was sent. Text that lost its carriage returns is as good; coded bytes are not.
fn content_of<'t>(text: &Text<'t>, is_exact: bool) -> (Content<'t>, bool) {
    if is_exact {
        return (Content::Framed(text.content.into()), false);
    }
    let value =
        |known: &[u8]| text.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(known)).map(|(_, value)| value);
    let is_coded = value(b"content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let declared =
        value(b"content-length").and_then(|length| std::str::from_utf8(length).ok()?.trim().parse::<usize>().ok());
    let lines = memchr::memchr_iter(b'\n', text.content).count();
    let is_short = declared.is_some_and(|declared| declared > text.content.len() + lines);
    let is_text = std::str::from_utf8(text.content).is_ok();
    (Content::Decoded(text.content.into()), (is_coded && !text.content.is_empty() && !is_text) || is_short)
}
