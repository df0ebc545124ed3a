//! One entry to one exchange: a pure function of the entry's bytes, so that entries can be converted in parallel.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
};

use memchr::{memchr, memmem};

use super::{
    content,
    json::{Flaw, Json, Text},
    model::{Content, Entry, Headers, Request, Response},
    own,
    sanitized::Traces,
    window::RawEntry,
};
use crate::{
    evidence::{At, Endpoint, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme,
        message::{Body, BodyCut, HeadBuilder, Message},
    },
    http::auth::is_credentials_field,
    limits::Limits,
    time::Timestamp,
};

/// An exchange, and what its entry tells about the exporter.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The exchange.
    pub(crate) exchange: Exchange,
    /// Traces of sanitising.
    pub(crate) traces: Traces,
}

impl Converted {
    /// Counts its entry from so many before the one it was counted from.
    pub(crate) fn move_by(&mut self, entries: u64) {
        let messages = [&mut self.exchange.request, &mut self.exchange.response];
        for message in messages.into_iter().flatten() {
            for at in [&mut message.first, &mut message.head_end, &mut message.end] {
                if let At::Entry { index, .. } = at {
                    *index = index.saturating_add(entries);
                }
            }
        }
    }
}

/// An exchange, or why an entry is none.
pub(crate) type Outcome = Result<Converted, &'static str>;

/// Converts the entry `log.entries[index]`, which the scanner found sound.
///
/// # Errors
/// Why it is no exchange, in words for the user.
pub(crate) fn exchange_from_entry(raw: RawEntry<'_>, index: u64, limits: &Limits) -> Outcome {
    exchange(&Entry::read(&mut Json::new(raw)), index, limits)
}

/// Converts the entry `log.entries[index]` at the start of `bytes`, which nobody has looked at; yields its length, too.
///
/// # Errors
/// The entry is not whole, not sound or too large: the scanner has to judge it.
pub(crate) fn exchange_from_start(bytes: &[u8], index: u64, limits: &Limits) -> Result<(Outcome, usize), Flaw> {
    if !bytes.starts_with(b"{") {
        return Err(if bytes.is_empty() { Flaw::End } else { Flaw::Doubt });
    }
    let mut json = Json::strict(bytes);
    let entry = Entry::read(&mut json);
    match json.flaw() {
        Some(flaw) => Err(flaw),
        None if json.position() > limits.entry => Err(Flaw::Doubt),
        None => Ok((exchange(&entry, index, limits), json.position())),
    }
}

/// Converts what there is of the entry `log.entries[index]`, in which the document ends; `None` if that does not tell the
/// host.
pub(crate) fn exchange_from_cut(raw: RawEntry<'_>, index: u64, limits: &Limits) -> Option<Converted> {
    let mut entry = Entry::read(&mut Json::new(raw));
    entry.cut = true;
    // Whatever a response was about is in its header section.
    entry.response =
        entry.response.filter(|response| response.closed || (response.headers.closed && has_status(response)));
    let url = entry.request.as_ref()?.url;
    if url.is_some_and(|url| url.is_open() && !has_whole_authority(url.raw)) {
        return None;
    }
    let converted = exchange(&entry, index, limits).ok()?;
    let authority = converted.exchange.authority().is_some_and(|authority| !authority.trim().is_empty());
    (converted.exchange.request.is_some() && authority).then_some(converted)
}

fn has_status(response: &Response<'_>) -> bool {
    status(response).is_some_and(|status| status != 0)
}

/// Whether something follows the authority of a URL, so that none of it is cut off.
fn has_whole_authority(url: &[u8]) -> bool {
    let at = memmem::find(url, b"://").map_or(0, |at| at + 3);
    url.get(at..).is_some_and(|rest| rest.iter().any(|byte| matches!(byte, b'/' | b'\\' | b'?' | b'#')))
}

fn exchange(entry: &Entry<'_>, index: u64, limits: &Limits) -> Outcome {
    let request = entry.request.as_ref().filter(|request| is_request(request));
    let response = entry.response.as_ref().filter(|response| is_response(response));
    if request.is_none() && response.is_none() {
        return Err("it holds neither a request nor a response");
    }
    let time = entry.started.and_then(|text| Timestamp::parse_rfc3339(&text.text()));
    let mut convert = Convert { limits, marks: Marks::default(), traces: Traces::default(), has_empty: false };
    convert.oddities(entry, request, response);
    let target = request.map(|request| convert.target(request)).unwrap_or_default();
    let scheme = scheme(&target, request);
    let method = request.and_then(|request| request.method.or(request.headers.pseudo("method"))).unwrap_or_default();
    let request_message = request
        .map(|request| convert.request(request, method.bytes().trim_ascii(), &target, At::Entry { index, time }));
    let end = At::Entry { index, time: time.map(|start| after(start, entry.time)) };
    let exchange_response = response.map(|response| convert.response(response, method, end));
    if request.is_none() {
        convert.marks.add(Mark::RequestMissing);
    }
    convert.failure(entry, response, &target);
    // A server that was sent no credentials asks for some. One that did not ask was sent what somebody took out.
    if convert.has_empty && response.is_none_or(|response| status(response) != Some(401)) {
        convert.marks.add(Mark::EntryMalformed);
    }
    if convert.traces.placeholder {
        convert.marks.add(Mark::Sanitized);
    }
    let server = server(entry, &target, scheme);
    let mut exchange = Exchange {
        source: SourceId(0),
        number: 0,
        connection: None,
        stream: None,
        protocol: protocol(request, response),
        scheme,
        client: None,
        server,
        tls: None,
        request: request_message,
        response: exchange_response,
        marks: convert.marks,
    };
    if entry.frames.is_some() || entry.tls.is_some() || entry.notes.is_some() {
        own::restore(&mut exchange, entry);
    }
    Ok(Converted { exchange, traces: convert.traces })
}

/// Whether anything of a request was recorded.
fn is_request(request: &Request<'_>) -> bool {
    request.method.is_some()
        || request.url.is_some()
        || !request.headers.fields.is_empty()
        || !request.headers.pseudo.is_empty()
}

/// Whether a response was seen: browsers write status 0 and nothing else where none was.
fn is_response(response: &Response<'_>) -> bool {
    status(response).is_some_and(|status| status != 0)
        || !response.headers.fields.is_empty()
        || response.content.text.is_some_and(|text| !text.is_empty())
}

fn status(response: &Response<'_>) -> Option<u16> {
    let text = response.status.or_else(|| response.headers.pseudo("status"))?;
    text.integer().and_then(|status| u16::try_from(status).ok()).filter(|status| *status <= 999)
}

struct Convert<'l> {
    limits: &'l Limits,
    marks: Marks,
    traces: Traces,
    /// A field of credentials is there, and empty.
    has_empty: bool,
}

impl Convert<'_> {
    /// Marks an entry of which something cannot be read, or is not there.
    fn oddities(&mut self, entry: &Entry<'_>, request: Option<&Request<'_>>, response: Option<&Response<'_>>) {
        let is_odd = entry.odd
            || request.is_some_and(|request| request.odd || request.headers.odd || !request.headers.is_there)
            || response.is_some_and(|response| response.odd || response.headers.odd || !response.headers.is_there);
        if entry.cut {
            self.marks.add(Mark::EntryCut);
            let is_closed = |closed: Option<bool>| closed.unwrap_or(true);
            if !is_closed(request.map(|request| request.closed)) || !is_closed(response.map(|response| response.closed))
            {
                self.marks.add(Mark::HeadCut);
            }
        } else if is_odd {
            self.marks.add(Mark::EntryMalformed);
        }
    }

    /// Marks a text of which a limit cut the end.
    fn see_cut(&mut self, text: Text<'_>) {
        if text.is_cut() {
            self.marks.add(Mark::HeadCut);
            self.marks.add(Mark::StringCut);
        }
    }

    /// The URL, or what the pseudo-header fields make of it.
    fn target<'a>(&mut self, request: &Request<'a>) -> Cow<'a, [u8]> {
        let mut target = match request.url.filter(|url| !url.is_empty()) {
            Some(url) => {
                self.see_cut(url);
                self.with_query(url.bytes(), &request.query)
            }
            None => {
                self.marks.add(Mark::EntryMalformed);
                let part = |name| request.headers.pseudo(name).map(Text::bytes).unwrap_or_default();
                let path = part("path");
                match part("authority") {
                    authority if authority.is_empty() => path,
                    authority => {
                        let scheme = part("scheme");
                        let scheme = if scheme.is_empty() { b"https" } else { scheme.as_ref() };
                        Cow::Owned([scheme, b"://", &authority, &path].concat())
                    }
                }
            }
        };
        if target.len() > self.limits.head {
            self.marks.add(Mark::HeadCut);
            target.to_mut().truncate(self.limits.head);
        }
        self.traces.see_text(&target);
        target
    }

    /// The URL with the parameters that an exporter lists beside it, and not in it.
    fn with_query<'a>(&mut self, url: Cow<'a, [u8]>, query: &[(Text<'_>, Text<'_>)]) -> Cow<'a, [u8]> {
        if query.is_empty() || memchr(b'?', &url).is_some() {
            return url;
        }
        query.iter().for_each(|(name, value)| {
            self.see_cut(*name);
            self.see_cut(*value);
        });
        let mut url = url.into_owned();
        let fragment = memchr(b'#', &url).map(|at| url.split_off(at));
        url.push(b'?');
        url.extend_from_slice(&content::form(query));
        url.extend(fragment.unwrap_or_default());
        Cow::Owned(url)
    }

    fn request(&mut self, request: &Request<'_>, method: &[u8], target: &[u8], at: At) -> Message {
        if method.is_empty() {
            self.marks.add(Mark::EntryMalformed);
        }
        let authority = request.headers.pseudo("authority").map(Text::bytes);
        let line = method.len() + target.len() + 3;
        let room = (line + request.headers.size()).min(2 * self.limits.head);
        let mut head = HeadBuilder::request_with_room(room, method, target, authority.as_deref());
        self.fields(&request.headers, &mut head);
        self.cookies(b"Cookie", &request.cookies, &mut head);
        let declared = request.headers.field("content-type").filter(|value| !value.is_empty());
        let body = self.request_body(request, method);
        if declared.is_none() && body.kept.is_some() {
            add_content_type(request.content.media_type, &mut head);
        }
        Message { head: head.finish(), body, trailers: None, first: at, head_end: at, end: at }
    }

    fn request_body(&mut self, request: &Request<'_>, method: &[u8]) -> Body {
        let Content { text, parameters, encoding, .. } = &request.content;
        let limit = self.limits.body;
        let mut body = match text.filter(|text| !text.is_empty()) {
            Some(text) => content::recorded(text, is_base64(*encoding), true, None, limit),
            None if !parameters.is_empty() => {
                let mut bytes = content::form(parameters);
                let length = bytes.len() as u64;
                bytes.truncate(limit);
                let is_cut =
                    length > limit as u64 || parameters.iter().any(|(name, value)| name.is_cut() || value.is_cut());
                let cut = is_cut.then_some(BodyCut::Limit);
                Body { kept: Some(bytes.into()), cut, ..content::sized(length) }
            }
            None => {
                let size = sent_size(request);
                let is_lost = size.map_or_else(|| has_content(request, method), |size| size > 0);
                Body { cut: is_lost.then_some(BodyCut::Recording), ..content::sized(size.unwrap_or(0)) }
            }
        };
        body.cut = body.cut.or(request.content.cut);
        let size = request.body_size.and_then(|size| u64::try_from(size).ok());
        let is_short = text.is_some_and(|text| !text.is_empty()) && is_short(&body, size);
        if request.discarded || request.content.truncated || is_short || !request.closed {
            body.cut = body.cut.or(Some(BodyCut::Recording));
        }
        if body.kept.is_some() && !is_base64(*encoding) && !encoding.is_none_or(|kind| content::is_plain(kind.raw)) {
            body.cut = body.cut.or(Some(BodyCut::Coding));
        }
        self.see_body(&body);
        body
    }

    fn response(&mut self, response: &Response<'_>, method: Text<'_>, end: At) -> Message {
        let status = status(response);
        if status.is_none() {
            self.marks.add(Mark::EntryMalformed);
        }
        let status = status.unwrap_or(0);
        let reason = response.reason.map(Text::bytes).unwrap_or_default();
        let status_line = 3 + reason.len() + 3;
        let room = (status_line + response.headers.size()).min(2 * self.limits.head);
        let mut head = HeadBuilder::response_with_room(room, status, &reason);
        self.fields(&response.headers, &mut head);
        self.cookies(b"Set-Cookie", &response.cookies, &mut head);
        if let Some(location) = response.redirect.filter(|url| !url.is_empty())
            && response.headers.field("location").is_none()
        {
            self.see_cut(location);
            head.field(b"Location", &location.bytes());
        }
        let declared = response.headers.field("content-type").filter(|value| !value.is_empty());
        let known = response.content.media_type.filter(|kind| !kind.is_empty() && kind.raw != b"x-unknown");
        let media_type = media_type(known.or(declared));
        let has_content = !(method.raw.eq_ignore_ascii_case(b"HEAD")
            || matches!(status, 100..=199 | 204 | 304)
            || (300..400).contains(&status));
        // What a page or an error says is read in other ways, too. A type that is not declared is written if there is content.
        let is_plain =
            (200..400).contains(&status) && declared.is_some_and(|kind| !is_page(kind)) && !known.is_some_and(is_page);
        let is_typed = declared.or(known).is_some();
        let body = self.response_body(response, &media_type, has_content.then_some(is_typed), is_plain);
        if declared.is_none() && (body.kept.is_some() || body.size() > 0) {
            add_content_type(known, &mut head);
        }
        let trailers = (!response.trailers.fields.is_empty()).then(|| {
            let mut trailers = HeadBuilder::trailers();
            self.fields(&response.trailers, &mut trailers);
            Box::new(trailers.finish())
        });
        Message { head: head.finish(), body, trailers, first: end, head_end: end, end }
    }

    /// `expected`: this response can have a content that is worth recording; whether its type is told. `is_plain`: a content
    /// without a trace of anything need not be kept.
    fn response_body(
        &mut self,
        response: &Response<'_>,
        media_type: &str,
        expected: Option<bool>,
        is_plain: bool,
    ) -> Body {
        let Content { text, encoding, size, truncated, .. } = &response.content;
        let is_loss = expected.is_some() && content::is_loss(media_type);
        let (told, transferred) = (positive(*size), positive(response.body_size));
        let mut body = match text.filter(|text| !text.is_empty()) {
            Some(text) => {
                let whole = self.limits.whole_contents;
                let (keep, is_coded) = (whole || content::is_kept(media_type, text), is_base64(*encoding));
                let limit = self.limits.decoded_body;
                let barren = (keep && is_plain && !is_coded && !whole).then(|| content::barren(text, limit)).flatten();
                let mut body = barren.unwrap_or_else(|| content::recorded(text, is_coded, keep, told, limit));
                let is_unknown = !is_coded && !encoding.is_none_or(|kind| content::is_plain(kind.raw));
                if *truncated || (is_short(&body, told) && is_loss) {
                    body.cut = body.cut.or(Some(BodyCut::Recording));
                } else if is_unknown && keep {
                    body.cut = body.cut.or(Some(BodyCut::Coding));
                }
                if body.cut == Some(BodyCut::Limit) && content::is_loss(media_type) {
                    self.marks.add(Mark::StringCut);
                }
                body
            }
            None => {
                let length = response.headers.field("content-length").and_then(Text::integer);
                let missing = told.or(transferred).or(positive(length));
                let is_lost =
                    missing.is_some() || is_unknown(*size, response.body_size, length, expected == Some(true));
                let cut = ((is_lost && is_loss) || *truncated).then_some(BodyCut::Recording);
                Body { cut, ..content::sized(missing.unwrap_or(0)) }
            }
        };
        body.cut = body.cut.or(response.content.cut);
        if response.discarded || !response.closed {
            body.cut = body.cut.or(Some(BodyCut::Recording));
        }
        if let Some(transferred) = transferred {
            body.transferred = transferred;
        }
        if media_type.ends_with("json") || media_type.ends_with("urlencoded") {
            self.traces.see_text(body.kept.as_deref().unwrap_or_default());
        }
        self.mark_cut(body.cut);
        body
    }

    fn see_body(&mut self, body: &Body) {
        self.traces.see_text(body.kept.as_deref().unwrap_or_default());
        self.mark_cut(body.cut);
    }

    fn mark_cut(&mut self, cut: Option<BodyCut>) {
        match cut {
            Some(BodyCut::Recording) => self.marks.add(Mark::BodyCut),
            Some(BodyCut::Limit) => self.marks.add(Mark::BodyLimit),
            Some(BodyCut::Coding) => self.marks.add(Mark::CodingUnknown),
            None => {}
        }
    }

    /// Writes cookies that are listed beside the fields, and not in them.
    fn cookies(&mut self, name: &[u8], cookies: &[(Text<'_>, Text<'_>)], head: &mut HeadBuilder) {
        for (cookie, value) in cookies {
            self.see_cut(*value);
            if head.len() + cookie.raw.len() + value.raw.len() > 2 * self.limits.head {
                self.marks.add(Mark::HeadCut);
                return;
            }
            head.field(name, &[&cookie.bytes(), &b"="[..], &value.bytes()].concat());
        }
    }

    /// Writes the fields, one for each line of a value: browsers join fields of one name by line feeds.
    fn fields(&mut self, headers: &Headers<'_>, head: &mut HeadBuilder) {
        let mut count = 0;
        headers.pseudo.iter().for_each(|(_, value)| self.see_cut(*value));
        for (name, value) in &headers.fields {
            self.see_cut(*name);
            self.see_cut(*value);
            let (name, value) = (name.bytes(), value.bytes());
            let name = name.trim_ascii();
            if name.iter().any(|byte| *byte <= b' ' || *byte == b':') {
                self.marks.add(Mark::EntryMalformed);
            }
            if value.is_empty() && is_credentials_field(name) {
                self.has_empty = true;
            }
            let mut rest = Some(value.as_ref());
            while let Some(lines) = rest {
                let end = memchr(b'\n', lines);
                let line = end.and_then(|end| lines.get(..end)).unwrap_or(lines);
                rest = end.and_then(|end| lines.get(end + 1..));
                count += 1;
                if count > self.limits.fields || head.len() + name.len() + line.len() > 2 * self.limits.head {
                    self.marks.add(Mark::Malformed);
                    self.marks.add(Mark::HeadCut);
                    return;
                }
                let line = line.trim_ascii();
                self.traces.see_field(name, line);
                head.field(name, line);
            }
        }
    }

    /// Marks an exchange without response: not sent, or sent and not answered.
    fn failure(&mut self, entry: &Entry<'_>, response: Option<&Response<'_>>, target: &[u8]) {
        /// Errors of a request that never left the client. Any other may have come after it was sent, and so may none:
        /// a browser writes the same for a request that is still waiting.
        const BEFORE_THE_SEND: [&str; 8] = [
            "name_not_resolved",
            "unknown_host",
            "getaddrinfo",
            "connection_refused",
            "internet_disconnected",
            "address_unreachable",
            "proxy_connection_failed",
            "tunnel_connection_failed",
        ];
        let is_local = [&b"data:"[..], b"blob:", b"about:"].iter().any(|scheme| target.starts_with(scheme));
        if entry.blocked || entry.from_cache || is_local {
            self.marks.add(Mark::NotSent);
            return;
        }
        if response.is_some_and(|response| status(response) != Some(0)) {
            return;
        }
        let recorded = entry.response.as_ref();
        let error = entry.error.or_else(|| recorded?.error).filter(|error| !error.is_empty());
        let is_unsent = error.is_some_and(|error| {
            let error = error.text().to_ascii_lowercase();
            // What a browser holds back from the page was answered.
            let is_blocked = error.contains("blocked") && !error.contains("response") && !error.contains("orb");
            is_blocked || BEFORE_THE_SEND.iter().any(|word| error.contains(word))
        });
        if is_unsent {
            self.marks.add(Mark::NotSent);
        } else if response.is_none() {
            self.marks.add(Mark::ResponseMissing);
        }
    }
}

fn positive(size: Option<i64>) -> Option<u64> {
    size.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0)
}

/// Size of a request's content as the entry tells it.
fn sent_size(request: &Request<'_>) -> Option<u64> {
    let length = request.headers.field("content-length").and_then(Text::integer);
    let known = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
    positive(request.body_size).or(positive(length)).or(known(request.body_size)).or(known(length))
}

/// Whether a request has a content, though nobody tells its size: its type is told, or its method is one of requests that
/// have one. A size that is not known is not zero.
fn has_content(request: &Request<'_>, method: &[u8]) -> bool {
    const WITHOUT: [&[u8]; 6] = [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"DELETE"];
    let is_without = WITHOUT.iter().any(|known| method.eq_ignore_ascii_case(known));
    !is_without || request.headers.field("transfer-encoding").is_some()
}

/// Whether the size of a response's content is not known: the entry says so, or says nothing of a content whose type it
/// tells.
fn is_unknown(size: Option<i64>, transferred: Option<i64>, length: Option<i64>, is_typed: bool) -> bool {
    match size {
        Some(size) => size < 0 && length != Some(0),
        None => is_typed && transferred.is_none_or(|size| size < 0) && length != Some(0),
    }
}

fn add_content_type(media_type: Option<Text<'_>>, head: &mut HeadBuilder) {
    if let Some(kind) = media_type.filter(|kind| !kind.is_empty()) {
        head.field(b"Content-Type", &kind.bytes());
    }
}

/// Whether a content is shorter than the entry says: some exporters cut contents without a word. Text of ASCII alone has
/// the same length in every encoding of bytes, but for a byte order mark and line ends; other text differs by less than a
/// quarter.
fn is_short(body: &Body, declared: Option<u64>) -> bool {
    const MARK: u64 = 4;
    let Some(declared) = declared else { return false };
    let Some(missing) = declared.checked_sub(body.size()) else { return false };
    let whole_ascii = body.kept.as_deref().filter(|kept| kept.len() as u64 == body.size() && kept.is_ascii());
    missing > declared / 4
        || whole_ascii.is_some_and(|kept| missing > MARK && missing > memchr::memchr_iter(b'\n', kept).count() as u64)
}

fn media_type(value: Option<Text<'_>>) -> String {
    let text = value.map(Text::text).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type is one of pages.
fn is_page(media_type: Text<'_>) -> bool {
    media_type.text().as_bytes().windows(4).any(|part| part.eq_ignore_ascii_case(b"html"))
}

fn is_base64(encoding: Option<Text<'_>>) -> bool {
    encoding.is_some_and(|encoding| encoding.raw.eq_ignore_ascii_case(b"base64"))
}

/// `milliseconds` after `start`.
fn after(start: Timestamp, milliseconds: Option<f64>) -> Timestamp {
    let nanos = milliseconds.filter(|time| *time > 0.0).map_or(0, |time| (time * 1e6) as i64);
    Timestamp::from_nanos(start.nanos().saturating_add(nanos))
}

/// The scheme of a URL. What has none counts as protected: clear text is claimed only where it is told.
fn scheme(target: &[u8], request: Option<&Request<'_>>) -> Scheme {
    let is = |scheme: &[u8]| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let pseudo = request.and_then(|request| request.headers.pseudo("scheme")).unwrap_or_default();
    let has_scheme = target.windows(3).take(16).any(|three| three == b"://");
    if is(b"http://") || is(b"ws://") || (!has_scheme && pseudo.raw == b"http") { Scheme::Http } else { Scheme::Https }
}

/// The version of the request, else of the response; HTTP/2 and HTTP/3 where either names them.
fn protocol(request: Option<&Request<'_>>, response: Option<&Response<'_>>) -> Protocol {
    let versions = [request.and_then(|r| r.version), response.and_then(|r| r.version)];
    let known = versions.map(|version| version.and_then(|version| version_of(version.raw)));
    let newest = known.iter().flatten().copied().filter(|version| *version >= Protocol::H2).max();
    let pseudo = request.is_some_and(|request| !request.headers.pseudo.is_empty()).then_some(Protocol::H2);
    newest.or_else(|| known.into_iter().flatten().next()).or(pseudo).unwrap_or(Protocol::Http11)
}

/// The protocol behind the spellings of exporters: `HTTP/1.1`, `1.1`, `h2`, `http/2.0`, `HTTP/2+quic/46`, `spdy/3.1`.
fn version_of(text: &[u8]) -> Option<Protocol> {
    let text = text.trim_ascii().to_ascii_lowercase();
    let number = text.strip_prefix(b"http/").or_else(|| text.strip_prefix(b"h")).unwrap_or(&text);
    match number {
        b"1.1" => Some(Protocol::Http11),
        b"1.0" | b"0.9" | b"1" => Some(Protocol::Http10),
        _ if text.starts_with(b"spdy") => Some(Protocol::H2),
        _ if memmem::find(&text, b"quic").is_some() => Some(Protocol::H3),
        [b'2', ..] => Some(Protocol::H2),
        [b'3', ..] => Some(Protocol::H3),
        _ => None,
    }
}

/// The server's address, with the port of the URL.
fn server(entry: &Entry<'_>, target: &[u8], scheme: Scheme) -> Option<Endpoint> {
    let text = entry.server_address?.text();
    let text = text.trim();
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Some(Endpoint { address: both.ip(), port: both.port() });
    }
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address: IpAddr = inside.split('%').next().unwrap_or_default().parse().ok()?;
    let port = entry.server_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    Some(Endpoint { address, port: port.or_else(|| url_port(target, scheme)).unwrap_or(0) })
}

/// The port a URL names or implies.
fn url_port(target: &[u8], scheme: Scheme) -> Option<u16> {
    let text = std::str::from_utf8(target).ok()?;
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
        _ => Some(if scheme == Scheme::Http { 80 } else { 443 }),
    }
}
