//! Messages that ZAP exported to a file ("Export Messages to File…").
//!
//! ```text
//! === 12 ==========                                   three or four equals signs, with or without blanks
//! GET https://mail.contoso.com/ews HTTP/1.1           with the whole URL
//! …
//!
//! content
//! HTTP/1.1 401 Unauthorized
//! …
//! ```
//!
//! No length is told: the next separator ends an answer, and the answer's first line ends what was asked. The messages are
//! those that the user chose, which is said.

use std::io::{BufRead, BufReader, Read};

use super::{
    Format, ItemSink, ReadError,
    recorded::{Content, Draft, Recorded, RequestDraft, ResponseDraft, Text, first_line, protocol_of},
};
use crate::{limits::Limits, note::NoteKind, probe::Probe};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Zap;

/// `=== 12 ==========`.
fn is_separator(line: &[u8]) -> bool {
    let signs = line.iter().take_while(|byte| **byte == b'=').count();
    let rest = line.get(signs..).unwrap_or_default().trim_ascii();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = rest.get(digits..).unwrap_or_default().trim_ascii();
    matches!(signs, 3 | 4) && (1..=19).contains(&digits) && end == b"=========="
}

/// Bytes read at once of what is not kept.
const PIECE: usize = 64 << 10;

impl Format for Zap {
    fn name(&self) -> &'static str {
        "zap"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let (line, rest) = first_line(text);
        match is_separator(line) && !rest.is_empty() {
            true => Probe::Certain,
            false if text.len() < 40 && text.iter().all(|byte| matches!(byte, b'=' | b' ' | b'0'..=b'9')) => {
                Probe::Likely
            }
            false => Probe::No,
        }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut input = BufReader::with_capacity(64 << 10, input);
        let mut recorded = Recorded::new(sink, limits);
        let mut block = Vec::new();
        let (mut is_begun, mut is_large, mut is_at_line) = (false, false, true);
        loop {
            let begin = block.len();
            // A line that is too long comes in pieces.
            let most = if is_large { PIECE } else { limits.entry.saturating_sub(begin).saturating_add(1) };
            let read = match (&mut input).take(most as u64).read_until(b'\n', &mut block) {
                Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Err(_) => 0,
                Ok(read) => read,
            };
            let line = block.get(begin..).unwrap_or_default();
            let is_between = is_at_line && is_separator(first_line(line).0);
            is_at_line = line.ends_with(b"\n");
            if read > 0 && !is_between {
                is_large |= block.len() > limits.entry;
                if is_large {
                    block.clear();
                }
                continue;
            }
            block.truncate(begin);
            if is_large {
                recorded.skip("a message is larger than what is kept (limit: entry)");
            } else if is_begun {
                match draft(&block, limits) {
                    Ok(draft) => recorded.hand_out(draft),
                    Err(why) => recorded.skip(why),
                }
            }
            if read == 0 || recorded.is_stopped() {
                break;
            }
            block.clear();
            (is_begun, is_large) = (true, false);
            recorded.before_read();
        }
        recorded.note(NoteKind::Selected {
            how: "messages that the user of ZAP chose; what else went through it is not in them",
        });
        recorded.finish();
        Ok(())
    }
}

fn draft<'t>(block: &'t [u8], limits: &Limits) -> Result<Draft<'t>, &'static str> {
    let text = Text::parse(block, limits).ok_or("it has no request line")?;
    let [method, target, version] = text.start;
    if !version.starts_with(b"HTTP/") {
        return Err("it has no request line");
    }
    let length = |text: &Text<'_>| {
        let field = text.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
        field.and_then(|(_, value)| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok())
    };
    // The answer begins at the first status line behind what the request says it has.
    let from = length(&text).filter(|length| *length <= text.content.len()).unwrap_or(0);
    let answer = answer(text.content, from).or_else(|| answer(text.content, 0));
    let (content, rest) = answer.and_then(|at| text.content.split_at_checked(at)).unwrap_or((text.content, b""));
    let mut draft = Draft { protocol: protocol_of(version), marks: text.marks(), ..Draft::default() };
    let sent = trimmed(content, length(&text));
    draft.request = Some(RequestDraft {
        method: method.into(),
        target: target.into(),
        content: if sent.is_empty() { Content::None } else { Content::Framed(sent.into()) },
        fields: text.fields,
        ..RequestDraft::default()
    });
    if !rest.is_empty() {
        let text = Text::parse(rest, limits).ok_or("its response has no status line")?;
        let status = text.status().ok_or("its response has no status line")?;
        draft.marks.merge(text.marks());
        draft.response = Some(ResponseDraft {
            status,
            reason: text.start[2].into(),
            content: Content::Framed(trimmed(text.content, length(&text)).into()),
            fields: text.fields,
            ..ResponseDraft::default()
        });
    }
    Ok(draft)
}

/// Where a status line stands at the start of a line, from so many bytes on.
fn answer(text: &[u8], from: usize) -> Option<usize> {
    let tail = text.get(from..)?;
    memchr::memmem::find_iter(tail, b"HTTP/").map(|at| from + at).find(|at| {
        let begins = *at == 0 || *at == from || text.get(..*at).is_some_and(|before| before.ends_with(b"\n"));
        // Only a line is looked at whole, and each but once.
        begins && {
            let (line, _) = first_line(text.get(*at..).unwrap_or_default());
            let status = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            status.len() == 3 && status.iter().all(u8::is_ascii_digit)
        }
    })
}

/// A content without the line ends that ZAP writes behind it.
fn trimmed(content: &[u8], length: Option<usize>) -> &[u8] {
    if let Some(exact) = length.and_then(|length| content.get(..length)) {
        return exact;
    }
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    let content = content.strip_suffix(b"\r").unwrap_or(content);
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}
