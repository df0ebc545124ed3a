//! One exchange as the events of its source tell it.

use crate::{
    exchange::{Mark, Protocol, Scheme},
    http::base64,
    input::recorded::{Content, Draft, Fields, RequestDraft, ResponseDraft, scheme_of},
    time::Timestamp,
};

/// An exchange in progress.
pub(super) struct Open {
    pub(super) url: Option<String>,
    pub(super) method: Option<String>,
    request: Option<Sent>,
    response: Option<(Vec<String>, Option<Timestamp>)>,
    /// Content as sent, and after its codings were undone; how much there was of each.
    contents: [(Vec<u8>, u64); 2],
    /// The request has a content.
    pub(super) uploads: bool,
    pub(super) is_over: bool,
}

struct Sent {
    line: Option<String>,
    lines: Vec<String>,
    protocol: Protocol,
    at: Option<Timestamp>,
}

impl Open {
    pub(super) const fn new(url: Option<String>, method: Option<String>) -> Self {
        Self {
            url,
            method,
            request: None,
            response: None,
            contents: [(Vec::new(), 0), (Vec::new(), 0)],
            uploads: false,
            is_over: false,
        }
    }

    /// Bytes of memory it takes, about.
    pub(super) fn weight(&self) -> usize {
        let lines =
            self.request.iter().flat_map(|sent| &sent.lines).chain(self.response.iter().flat_map(|(lines, _)| lines));
        let fields = lines.fold(0, |sum, line| sum + line.len() + 24);
        let contents: usize = self.contents.iter().map(|(bytes, _)| bytes.len()).sum();
        size_of::<Self>() + self.url.as_ref().map_or(0, String::len) + fields + contents
    }

    pub(super) const fn is_sent(&self) -> bool {
        self.request.is_some()
    }

    /// An answer from the network was read.
    pub(super) const fn is_answered(&self) -> bool {
        self.response.is_some()
    }

    /// Whether a line of a header section is no field; the first of a response's is its status line.
    fn has_odd_line(&self) -> bool {
        let is_odd = |line: &String| line.get(1..).is_none_or(|rest| !rest.contains(':'));
        let sent = self.request.iter().flat_map(|sent| &sent.lines);
        let received = self.response.iter().flat_map(|(lines, _)| lines.iter().filter(|one| !one.starts_with("HTTP/")));
        sent.chain(received).any(|line| !line.is_empty() && is_odd(line))
    }

    pub(super) fn request(
        &mut self,
        line: Option<String>,
        lines: Vec<String>,
        protocol: Protocol,
        at: Option<Timestamp>,
    ) {
        self.request = Some(Sent { line, lines, protocol, at });
    }

    pub(super) fn response(&mut self, lines: Vec<String>, at: Option<Timestamp>) {
        // Interim responses come before the final one.
        self.response = Some((lines, at));
    }

    /// Content that was read: `bytes` in base64, if the mode keeps them.
    pub(super) fn content(&mut self, bytes: Option<String>, count: u64, is_filtered: bool, most: usize) {
        let [read, filtered] = &mut self.contents;
        let (kept, total) = if is_filtered { filtered } else { read };
        *total = total.saturating_add(count);
        let bytes = bytes.and_then(|text| base64::decode(&text)).map(|decoded| decoded.bytes).unwrap_or_default();
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
    }

    /// Whether a value was taken out of a header section.
    pub(super) fn is_stripped(&self) -> bool {
        let lines =
            self.request.iter().flat_map(|sent| &sent.lines).chain(self.response.iter().flat_map(|(lines, _)| lines));
        lines.into_iter().any(|line| line.ends_with(" bytes were stripped]"))
    }

    pub(super) fn draft(&self) -> Draft<'_> {
        let mut draft =
            Draft { scheme: self.url.as_deref().and_then(|url| scheme_of(url.as_bytes())), ..Draft::default() };
        if let Some(sent) = &self.request {
            draft.protocol = sent.protocol;
            draft.begin = sent.at;
            draft.request = Some(self.request_draft(sent));
            let is_http = sent.lines.iter().any(|line| line == ":scheme: http");
            draft.scheme = draft.scheme.or(is_http.then_some(Scheme::Http));
        }
        if self.has_odd_line() {
            draft.marks.add(Mark::EntryMalformed);
        }
        if let Some((lines, at)) = &self.response {
            draft.end = *at;
            draft.response = Some(self.response_draft(lines));
        }
        draft
    }

    fn request_draft<'o>(&'o self, sent: &'o Sent) -> RequestDraft<'o> {
        let fields = fields(&sent.lines);
        let mut words = sent.line.as_deref().unwrap_or_default().split_ascii_whitespace();
        let (method, target) = (words.next(), words.next());
        let pseudo = |name: &[u8]| fields.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.clone());
        let target = target.map(|target| target.as_bytes().into()).or_else(|| pseudo(b":path"));
        let target = target.or_else(|| self.url.as_deref().map(|url| url.as_bytes().into()));
        let method = method.map(|method| method.as_bytes().into()).or_else(|| pseudo(b":method"));
        let method = method.or_else(|| self.method.as_deref().map(|method| method.as_bytes().into()));
        let method = method.unwrap_or_default();
        let has_content = self.uploads
            || !matches!(&*method, b"GET" | b"HEAD" | b"OPTIONS" | b"DELETE" | b"CONNECT")
                && !fields.iter().any(|(name, value)| name.eq_ignore_ascii_case(b"content-length") && **value == *b"0");
        let content = if has_content { Content::Unrecorded } else { Content::None };
        RequestDraft { method, target: target.unwrap_or_default(), fields, content, ..RequestDraft::default() }
    }

    fn response_draft<'o>(&'o self, lines: &'o [String]) -> ResponseDraft<'o> {
        let fields = fields(lines);
        let first = lines.first().map(String::as_str).unwrap_or_default();
        let mut words = first.splitn(3, ' ');
        let status = words.next().filter(|version| version.starts_with("HTTP/")).and_then(|_| words.next());
        let of_field = fields.iter().find(|(name, _)| **name == *b":status").map(|(_, value)| value.clone());
        let of_field = of_field.and_then(|value| std::str::from_utf8(&value).ok().map(str::to_owned));
        let status = status.map(str::to_owned).or(of_field).and_then(|status| status.parse().ok()).unwrap_or(0);
        let [(read, read_count), (filtered, filtered_count)] = &self.contents;
        let is_whole = |kept: &[u8], count: u64| count > 0 && kept.len() as u64 == count;
        let (content, cut) = if *filtered_count > 0 && !filtered.is_empty() {
            (Content::Decoded(filtered.into()), !is_whole(filtered, *filtered_count))
        } else if *read_count > 0 && !read.is_empty() {
            (Content::Transferred(read.into()), !is_whole(read, *read_count))
        } else if *read_count > 0 || *filtered_count > 0 || may_have_content(&fields) {
            (Content::Unrecorded, false)
        } else {
            (Content::None, false)
        };
        ResponseDraft {
            status,
            reason: words.next().unwrap_or_default().as_bytes().into(),
            fields,
            content,
            cut,
            ..ResponseDraft::default()
        }
    }
}

/// Whether a response of which no content was read has one: its length is told, and not 0.
fn may_have_content(fields: &Fields<'_>) -> bool {
    fields.iter().any(|(name, value)| name.eq_ignore_ascii_case(b"content-length") && **value != *b"0")
}

/// `Name: value`; the name of a pseudo-header field begins with a colon.
fn fields(lines: &[String]) -> Fields<'_> {
    let field = |line: &'_ String| -> Option<(usize, usize)> {
        let at = line.get(1..)?.find(':')? + 1;
        Some((at, at + 1))
    };
    let split = |line| {
        let line: &String = line;
        let (name, value) = field(line)?;
        Some((line.get(..name)?.trim().as_bytes().into(), line.get(value..)?.trim().as_bytes().into()))
    };
    lines.iter().filter_map(split).collect()
}
