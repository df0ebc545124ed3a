//! Fiddler session archives (`.saz`): a zip of two texts and a file of facts for each session.
//!
//! ```text
//! raw/007_c.txt   GET https://mail.contoso.com/ews HTTP/1.1 …   what the client sent, with the whole URL
//! raw/007_s.txt   HTTP/1.1 401 Unauthorized …                   what it got
//! raw/007_m.xml   <Session SID="9"> times, addresses, the process
//! raw/007_w.txt   messages of a WebSocket
//! ```
//!
//! Numbers are padded, to a width of their own in each archive: they are sorted as numbers. Files of facts may be missing.
//! Contents are as sent unless the user had Fiddler decode them: a field that says `chunked` may stand over a content that is
//! not chunked any more. The "content" of a tunnel is Fiddler's text about it. Sessions whose numbers in Fiddler (`SID`) are
//! missing in between were left out when the archive was saved, which is said: anything may have been in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Seek},
    net::IpAddr,
};

use super::{
    Format, ItemSink, ReadError, Seekable,
    archive::{
        is_clutter,
        zip::{Place, Zip},
    },
    held::read_held,
    helpers::Helpers,
    recorded::{Content, Draft, Recorded, RequestDraft, ResponseDraft, Text, protocol_of},
};
use crate::{
    evidence::Endpoint,
    exchange::{Mark, Marks, Protocol, Scheme},
    limits::Limits,
    note::NoteKind,
    probe::Probe,
    time::Timestamp,
};

/// Bytes of a file of facts that are looked at: Fiddler's has some two thousand.
const FACTS: usize = 256 << 10;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Saz;

impl Format for Saz {
    fn name(&self) -> &'static str {
        "saz"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        if !b"PK\x03\x04".starts_with(head.get(..4).unwrap_or(head)) {
            return Probe::No;
        }
        let names = memchr::memmem::find_iter(head, b"PK\x03\x04").filter_map(|at| {
            let length = head.get(at + 26..at + 28)?.first_chunk().map(|length| u16::from_le_bytes(*length))?;
            std::str::from_utf8(head.get(at + 30..at + 30 + usize::from(length))?).ok()
        });
        if names.into_iter().any(|name| session_of(name).is_some()) { Probe::Certain } else { Probe::No }
    }

    fn wants_any_place(&self, head: &[u8]) -> bool {
        head.starts_with(b"PK\x03\x04")
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        read_held(input, limits, sink, read)
    }

    fn read_any_place(
        &self,
        input: &mut dyn Seekable,
        limits: &Limits,
        _: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        read(input, limits, sink)
    }
}

/// Which part of a session a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Request,
    Response,
    Facts,
    Messages,
}

/// Number and part of the session a member's name tells, in any letter case and with either slash.
pub(crate) fn session_of(name: &str) -> Option<(u64, Part)> {
    let name = name.replace('\\', "/").to_ascii_lowercase();
    let (folder, file) = name.rsplit_once('/')?;
    let (number, part) = file.split_once('_')?;
    let part = match part {
        "c.txt" => Part::Request,
        "s.txt" => Part::Response,
        "m.xml" => Part::Facts,
        "w.txt" => Part::Messages,
        _ => return None,
    };
    let is_raw = folder == "raw" || folder.ends_with("/raw");
    Some((number.parse().ok().filter(|_| is_raw && number.bytes().all(|b| b.is_ascii_digit()))?, part))
}

/// Whether a member that is part of no session is one of those that Fiddler adds, or that systems add to archives.
fn is_known(name: &str) -> bool {
    let name = name.replace('\\', "/").to_ascii_lowercase();
    let in_raw = name.starts_with("raw/") || name.contains("/raw/");
    is_clutter(&name)
        || name.ends_with("[content_types].xml")
        || name.ends_with("_index.htm")
        || (in_raw && name.ends_with(".xml"))
}

/// A member's content, and whether that is all of it.
type PartText = (Vec<u8>, bool);

#[derive(Clone, Copy, Default)]
struct Session {
    request: Option<Place>,
    response: Option<Place>,
    facts: Option<Place>,
    messages: Option<Place>,
}

fn read(input: &mut dyn Seekable, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
    let damaged = |what: String| ReadError::Damaged { format: "saz", what };
    let mut zip = Zip::open(input).map_err(|error| damaged(error.to_string()))?;
    let mut sessions: BTreeMap<u64, Session> = BTreeMap::new();
    let (mut is_full, mut doubles, mut others) = (false, 0_usize, 0_usize);
    zip.members(&mut |name, place| {
        let Some((number, part)) = session_of(&name) else {
            others += usize::from(!place.is_empty() && !is_known(&name));
            return true;
        };
        is_full = sessions.len() >= limits.sessions && !sessions.contains_key(&number);
        if is_full {
            return false;
        }
        let session = sessions.entry(number).or_default();
        let member = match part {
            Part::Request => &mut session.request,
            Part::Response => &mut session.response,
            Part::Facts => &mut session.facts,
            Part::Messages => &mut session.messages,
        };
        doubles += usize::from(member.replace(place).is_some());
        true
    })
    .map_err(|error| damaged(error.to_string()))?;
    if sessions.is_empty() {
        return Err(damaged("it has no sessions (raw/1_c.txt); a zip of recordings is to be unpacked".to_owned()));
    }
    let is_encrypted =
        |session: &Session| [session.request, session.response].into_iter().flatten().any(|place| place.encrypted);
    if sessions.values().all(is_encrypted) {
        let what = format!(
            "it is encrypted ({} sessions): open it in Fiddler with its password and save it again without one",
            sessions.len()
        );
        return Err(damaged(what));
    }
    let mut archive = Archive { zip, limits, numbers: Numbers::default() };
    let mut recorded = Recorded::new(sink, limits);
    for session in sessions.values() {
        if recorded.is_stopped() {
            break;
        }
        archive.session(session, &mut recorded)?;
    }
    if doubles > 0 {
        recorded
            .note(NoteKind::MalformedBlock { what: "several members say that they are the same part of a session" });
    }
    if archive.zip.has_more() {
        recorded.note(NoteKind::MalformedBlock { what: "something follows the archive's end that was not looked at" });
    }
    if others > 0 {
        recorded.note(NoteKind::MalformedBlock { what: "members that are parts of no session were not looked at" });
    }
    let mut files = Numbers::default();
    sessions.keys().for_each(|number| files.see(*number));
    if archive.numbers.has_holes() || files.has_holes() {
        recorded.note(NoteKind::Selected {
            how: "numbers of sessions are missing in between: they were deleted or left out when the archive was saved",
        });
    }
    recorded.finish();
    if is_full {
        recorded.note(NoteKind::Limit { limit: "sessions" });
    }
    Ok(())
}

/// Fiddler's own numbers of the sessions.
#[derive(Default)]
struct Numbers {
    lowest: Option<u64>,
    highest: u64,
    seen: BTreeSet<u64>,
}

impl Numbers {
    fn see(&mut self, number: u64) {
        self.lowest = Some(self.lowest.map_or(number, |lowest| lowest.min(number)));
        self.highest = self.highest.max(number);
        self.seen.insert(number);
    }

    fn has_holes(&self) -> bool {
        self.lowest.is_some_and(|lowest| self.highest - lowest >= self.seen.len() as u64)
    }
}

struct Archive<'l, R> {
    zip: Zip<R>,
    limits: &'l Limits,
    numbers: Numbers,
}

/// What the file of facts tells.
#[derive(Default)]
struct Facts {
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
    client: Option<Endpoint>,
    server: Option<IpAddr>,
}

impl<R: Read + Seek> Archive<'_, R> {
    /// Reads the sessions's files. Damage to one of them costs the session, not the archive.
    fn session(&mut self, session: &Session, recorded: &mut Recorded<'_>) -> Result<(), ReadError> {
        recorded.before_read();
        let facts = self.text(session.facts, &mut { FACTS })?;
        let facts = facts.and_then(Result::ok).map(|(text, _)| self.facts(&text)).unwrap_or_default();
        let mut room = self.limits.entry;
        let mut texts = [None, None, None];
        for (text, place) in texts.iter_mut().zip([session.request, session.response, session.messages]) {
            *text = match self.text(place, &mut room)? {
                Some(Ok(read)) => Some(read),
                Some(Err(why)) => {
                    recorded.skip(why);
                    return Ok(());
                }
                None => None,
            };
        }
        let [request, response, messages] = texts;
        match draft(request.as_ref(), response.as_ref(), messages.as_ref(), &facts, self.limits) {
            Ok(draft) => recorded.hand_out(draft),
            Err(why) => recorded.skip(why),
        }
        Ok(())
    }

    /// A member's content and whether that is all of it; why not, if it is damaged. All parts of a session have so much `room`.
    fn text(&mut self, place: Option<Place>, room: &mut usize) -> io::Result<Option<Result<PartText, String>>> {
        let Some(place) = place else { return Ok(None) };
        let most = *room as u64;
        let mut text = Vec::with_capacity(usize::try_from(place.size.min(most)).unwrap_or(0));
        let read = self.zip.member(&place, self.limits).and_then(|member| member.take(most).read_to_end(&mut text));
        *room = room.saturating_sub(text.len());
        Ok(Some(match read {
            Ok(_) => Ok((text, place.size <= most)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error.to_string()),
            Err(error) => return Err(error),
        }))
    }

    fn facts(&mut self, text: &[u8]) -> Facts {
        let text = String::from_utf8_lossy(text);
        let time = |name| attribute(&text, name).and_then(moment);
        if let Some(number) = attribute(&text, "SID").and_then(|number| number.parse().ok()) {
            self.numbers.see(number);
        }
        let flag = |name: &str| {
            let at = text.find(&format!("N=\"{name}\""))?;
            attribute(text.get(at..)?, "V").filter(|value| !value.is_empty())
        };
        let address = |name| flag(name).and_then(|value| value.parse::<IpAddr>().ok());
        let port = flag("x-clientport").and_then(|port| port.parse().ok()).unwrap_or(0);
        Facts {
            begin: time("ClientBeginRequest").or_else(|| time("GotRequestHeaders")),
            end: time("ServerDoneResponse").or_else(|| time("ClientDoneResponse")),
            client: address("x-clientip").map(|address| Endpoint { address, port }),
            server: address("x-hostip"),
        }
    }
}

/// The value of the first attribute of that name.
fn attribute<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let start = format!("{name}=\"");
    let at = text.match_indices(&start).map(|(at, _)| at);
    let at = at.into_iter().find(|at| text.get(..*at).is_some_and(|before| before.ends_with([' ', '\n', '\t'])))?;
    text.get(at + start.len()..)?.split('"').next()
}

/// A .NET round-trip time; its first year stands for none.
fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).filter(|time| !text.starts_with("0001-") && *time != Timestamp::MIN)
}

fn draft<'t>(
    request: Option<&'t (Vec<u8>, bool)>,
    response: Option<&'t (Vec<u8>, bool)>,
    messages: Option<&'t (Vec<u8>, bool)>,
    facts: &Facts,
    limits: &Limits,
) -> Result<Draft<'t>, &'static str> {
    let mut marks = Marks::default();
    let mut protocol = Protocol::Http11;
    let mut scheme = None;
    let full = |text: Option<&'t (Vec<u8>, bool)>| text.filter(|(text, _)| !text.trim_ascii().is_empty());
    let request = match full(request) {
        None => None,
        Some((text, whole)) => {
            let text = Text::parse(text, limits).ok_or("its request has no request line")?;
            marks.merge(text.marks());
            let [method, target, version] = text.start;
            protocol = protocol_of(version);
            if !version.starts_with(b"HTTP/") {
                return Err("its request has no request line");
            }
            // What a tunnel carries is not known.
            scheme = (method == b"CONNECT").then_some(Scheme::Https);
            Some(RequestDraft {
                method: method.into(),
                target: target.into(),
                content: Content::Framed(text.content.into()),
                fields: text.fields,
                cut: !whole,
                ..RequestDraft::default()
            })
        }
    };
    let response = match full(response) {
        None => None,
        Some((text, whole)) => {
            let text = Text::parse(text, limits).ok_or("its response has no status line")?;
            let status = text.status().ok_or("its response has no status line")?;
            marks.merge(text.marks());
            Some(ResponseDraft {
                status,
                reason: text.start[2].into(),
                content: Content::Framed(text.content.into()),
                fields: text.fields,
                cut: !whole,
                ..ResponseDraft::default()
            })
        }
    };
    let mut draft = Draft { request, response, protocol, scheme, marks, ..Draft::default() };
    // Status 0 is no answer.
    if draft.response.as_ref().is_some_and(|response| response.status == 0) {
        draft.response = None;
    }
    if let Some((text, whole)) = messages {
        with_messages(&mut draft, text, *whole);
    }
    draft.begin = facts.begin;
    draft.end = facts.end;
    draft.client = facts.client;
    draft.server = facts.server.map(|address| Endpoint { address, port: 0 });
    Ok(draft)
}

/// The messages of a WebSocket are contents of both sides: which side sent what is in lines of Fiddler's own, and every text
/// that is searched in one is found in both.
fn with_messages<'t>(draft: &mut Draft<'t>, text: &'t [u8], whole: bool) {
    draft.marks.add(Mark::Upgraded);
    if let Some(request) = &mut draft.request {
        request.content = Content::Decoded(text.into());
        request.cut |= !whole;
    }
}
