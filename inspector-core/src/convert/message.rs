//! Messages as the bytes of HTTP/1.1, for forms that hold those.

use std::io::{self, Write};

use crate::exchange::{
    Exchange,
    message::{Head, Message, Start},
};

/// Fields that describe how the content was framed or coded. What is written is neither.
const FRAMING: [&[u8]; 3] = [b"transfer-encoding", b"content-encoding", b"content-length"];

/// Writes a message with its content as it was decoded, framed by its length.
pub(super) fn write(exchange: &Exchange, message: &Message, to: &mut dyn Write) -> io::Result<()> {
    let head = &message.head;
    match head.start() {
        Start::Request { method, target, authority } => {
            to.write_all(head.slice(method))?;
            to.write_all(b" ")?;
            to.write_all(head.slice(target))?;
            to.write_all(b" HTTP/1.1\r\n")?;
            if let Some(authority) = authority
                && head.value("host").is_none()
            {
                field(b"Host", head.slice(authority), to)?;
            }
        }
        Start::Response { status, reason } => {
            write!(to, "HTTP/1.1 {status:03} ")?;
            to.write_all(head.slice(reason))?;
            to.write_all(b"\r\n")?;
        }
        Start::Trailers => {}
    }
    fields(head, to)?;
    if let Some(trailers) = &message.trailers {
        fields(trailers, to)?;
    }
    let kept = message.body.kept.as_deref().unwrap_or_default();
    let has_none = matches!(head.status(), Some(100..=199 | 204 | 304))
        || exchange.request.as_ref().is_some_and(|request| head.status().is_some() && request.head.method() == b"HEAD");
    let told = if message.body.cut.is_some() { message.body.size().max(kept.len() as u64) } else { kept.len() as u64 };
    if !has_none && (head.status().is_some() || told > 0) {
        field(b"Content-Length", told.to_string().as_bytes(), to)?;
    }
    to.write_all(b"\r\n")?;
    if has_none { Ok(()) } else { to.write_all(kept) }
}

fn fields(head: &Head, to: &mut dyn Write) -> io::Result<()> {
    let framed = |name: &[u8]| FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing));
    head.iter().filter(|(name, _)| !framed(name)).try_for_each(|(name, value)| field(name, value, to))
}

/// A field on one line: a line end inside of it would be another field.
fn field(name: &[u8], value: &[u8], to: &mut dyn Write) -> io::Result<()> {
    let plain = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
    };
    to.write_all(&plain(name))?;
    to.write_all(b": ")?;
    to.write_all(&plain(value))?;
    to.write_all(b"\r\n")
}
