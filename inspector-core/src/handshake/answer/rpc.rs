//! Statuses that are not in the header section: of gRPC, gRPC-web and Connect, of server-sent events, of MAPI over HTTP.
//!
//! ```text
//! gRPC             HTTP/2 trailers, or the header section of an answer without content:   grpc-status: 16
//! gRPC-web         a frame of the content, its first byte with the highest bit set:       80 00 00 00 0f  grpc-status:16 CR LF
//! gRPC-web-text    the same in base64, piece by piece
//! Connect          a frame with the second bit set:                                       02 00 00 00 2a  {"error":{"code":"unauthenticated"}}
//! MAPI over HTTP   X-ResponseCode in the header section, or behind DONE in the content
//! ```

use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use memchr::memmem;

use super::{Says, json, refusal, words};
use crate::exchange::message::{Head, Message};

/// gRPC's `UNAUTHENTICATED`.
const UNAUTHENTICATED: u64 = 16;

/// Bytes of a content in which trailers are looked for.
const LONGEST: usize = 8 << 20;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a status of gRPC says, from wherever it is. `None` where there is none.
pub(super) fn grpc(message: &Message) -> Option<Says> {
    let heads = [message.trailers.as_deref(), Some(&message.head)];
    heads.into_iter().flatten().find_map(|head| {
        let status = head.text("grpc-status")?;
        Some(by_status(status, &percent_decoded(head.text("grpc-message").unwrap_or_default())))
    })
}

fn by_status(status: &str, message: &str) -> Says {
    match status.trim().parse::<u64>() {
        Ok(0) => Says::Fine,
        Ok(UNAUTHENTICATED) => Says::Refusal(refusal("unauthenticated", Some(message), "gRPC status")),
        Ok(_) if words::is_phrase(message) => Says::Refusal(refusal("", Some(message), "gRPC status")),
        Ok(_) => Says::Error,
        Err(_) => Says::Unclear,
    }
}

/// `grpc-message` is percent-encoded.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What the frames of a content say: of gRPC-web, in base64 if `is_text`, or of Connect.
pub(super) fn frames(kept: &[u8], is_text: bool) -> Says {
    let kept = kept.get(..LONGEST).unwrap_or(kept);
    let decoded = if is_text { text_frames(kept) } else { None };
    let bytes = decoded.as_deref().unwrap_or(kept);
    let mut rest = bytes;
    while let Some((flags, behind)) = rest.split_first() {
        let Some((length, behind)) = behind.split_first_chunk::<4>() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let Some(payload) = behind.get(..length) else { break };
        if flags & 0x80 != 0 {
            return trailer_frame(payload);
        }
        if flags & 0x02 != 0 {
            // The end of a Connect stream: `{}` or an error.
            return json::read(payload, false).unwrap_or(Says::Unclear);
        }
        rest = behind.get(length..).unwrap_or_default();
    }
    // An exporter that took the bytes for text leaves the trailers readable.
    let finder = memmem::FinderRev::new(b"grpc-status");
    finder.rfind(bytes).and_then(|at| bytes.get(at..)).map_or(Says::Unclear, trailer_frame)
}

/// Base64 in pieces, each padded on its own.
fn text_frames(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        let padded = memchr::memchr(b'=', rest).map_or(rest.len(), |at| {
            at + rest.get(at..).unwrap_or_default().iter().take_while(|byte| **byte == b'=').count()
        });
        let (piece, behind) = rest.split_at_checked(padded)?;
        out.extend(BASE64.decode(piece).ok()?);
        rest = behind;
    }
    Some(out)
}

fn trailer_frame(payload: &[u8]) -> Says {
    let payload = String::from_utf8_lossy(payload.get(..super::text::WINDOW).unwrap_or(payload));
    let field = |name: &str| {
        payload.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let message = percent_decoded(&field("grpc-message").unwrap_or_default());
    field("grpc-status").map_or(Says::Unclear, |status| by_status(&status, &message))
}

/// What a stream of events begins with. Behind an event that is no error the stream is what was asked for.
pub(super) fn events(content: &[u8]) -> Says {
    let text = String::from_utf8_lossy(content);
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let (mut name, mut data) = (String::new(), String::new());
    let mut any = false;
    for line in text.lines().chain([""]) {
        any |= !line.is_empty();
        if let Some(value) = line.strip_prefix("event:") {
            value.trim().clone_into(&mut name);
        } else if let Some(value) = line.strip_prefix("data:") {
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
            data.push('\n');
        } else if line.is_empty() && !data.is_empty() {
            return event(&name, data.trim());
        } else if line.is_empty() && !name.is_empty() && is_error_event(&name) {
            return Says::Error;
        }
    }
    // Comments and retry times keep a stream open that was opened.
    if any { Says::Fine } else { Says::Unclear }
}

fn is_error_event(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("error")
        || name.contains("exception")
        || name.contains("unauthor")
        || name.contains("unauthenticated")
}

fn event(name: &str, data: &str) -> Says {
    let is_error = is_error_event(name);
    match json::read(data.as_bytes(), is_error) {
        Some(Says::Fine) if is_error => Says::Error,
        Some(says) => says,
        None if words::is_code(name)
            || ((is_error || data.len() < 64) && (words::is_phrase(data) || words::is_code(data))) =>
        {
            Says::Refusal(refusal("", Some(data), "content"))
        }
        None if is_error => Says::Error,
        None => Says::Fine,
    }
}

/// What MAPI over HTTP says. Codes in [MS-OXCMAPIHTTP] 2.2.3.3.3.
pub(super) fn mapi(head: &Head, content: Option<&[u8]>) -> Says {
    let in_content = || {
        let content = content?;
        let at = memmem::find(content, b"X-ResponseCode:")?;
        let value = content.get(at + 15..)?.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        std::str::from_utf8(value).ok()
    };
    // What stands in the content came later, and counts.
    let code = in_content().or_else(|| head.text("x-responsecode")).map(|code| code.trim().parse::<u64>());
    match code {
        Some(Ok(0)) => Says::Fine,
        // Anonymous access is not allowed.
        Some(Ok(8)) => Says::Refusal(refusal("", Some("X-ResponseCode 8: anonymous not allowed"), "content")),
        // Found before anybody is asked for: what the request itself lacks, or a server that is going away.
        Some(Ok(1..=7 | 11 | 14 | 16..)) | Some(Err(_)) => Says::Unclear,
        Some(Ok(_)) => Says::Error,
        None => match content {
            Some(content)
                if content.starts_with(b"PROCESSING")
                    || content.starts_with(b"PENDING")
                    || content.starts_with(b"DONE") =>
            {
                Says::Fine
            }
            _ => Says::Unclear,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::HeadBuilder;

    fn word(says: &Says) -> &'static str {
        match says {
            Says::Fine => "fine",
            Says::Refusal(_) => "refusal",
            Says::Error => "error",
            Says::Unclear => "unclear",
        }
    }

    fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[flags][..], &length, payload].concat()
    }

    #[test]
    fn frames_of_grpc_web() {
        let message = frame(0, b"\x0a\x03abc");
        for (trailer, expected) in [
            ("grpc-status:0\r\n", "fine"),
            ("grpc-status: 16\r\ngrpc-message:unauthenticated\r\n", "refusal"),
            ("Grpc-Message: jwt%20expired\r\nGrpc-Status:2\r\n", "refusal"),
            ("grpc-status:5\r\n", "error"),
            ("grpc-message:x\r\n", "unclear"),
        ] {
            let binary = [message.clone(), frame(0x80, trailer.as_bytes())].concat();
            assert_eq!(word(&frames(&binary, false)), expected, "{trailer}");
            let whole = BASE64.encode(&binary);
            assert_eq!(word(&frames(whole.as_bytes(), true)), expected, "{trailer}");
            let pieces = format!("{}{}", BASE64.encode(&message), BASE64.encode(frame(0x80, trailer.as_bytes())));
            assert_eq!(word(&frames(pieces.as_bytes(), true)), expected, "{trailer}");
        }
        // Without its end nothing is known.
        assert_eq!(word(&frames(&message, false)), "unclear");
        assert_eq!(word(&frames(b"", false)), "unclear");
        assert_eq!(word(&frames(&[0x80, 0xff, 0xff, 0xff, 0xff], false)), "unclear");
        let mangled = "\u{fffd}\0\0\0\u{fffd}grpc-status:16\r\n".as_bytes().to_vec();
        assert_eq!(word(&frames(&mangled, false)), "refusal");
        let connect = |text: &str| frames(&[message.clone(), frame(2, text.as_bytes())].concat(), false);
        assert_eq!(word(&connect("{}")), "fine");
        assert_eq!(word(&connect("{\"error\":{\"code\":\"unauthenticated\"}}")), "refusal");
        assert_eq!(word(&connect("{\"error\":{\"code\":\"not_found\"}}")), "error");
    }

    #[test]
    fn streams_of_events() {
        for (content, expected) in [
            ("event: error\ndata: {\"code\":401,\"message\":\"unauthorized\"}\n\n", "refusal"),
            ("event:error\r\ndata:unauthorized\r\n\r\n", "refusal"),
            ("event: unauthorized\n\n", "error"),
            ("event: error\ndata: {\"message\":\"overloaded\"}\n\n", "error"),
            ("data: {\"error\":{\"type\":\"invalid_api_key\",\"message\":\"x\"}}\n\n", "refusal"),
            ("data: {\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32001,\"message\":\"Unauthorized\"}}\n\n", "refusal"),
            ("data: {\"id\":1}\n\nevent: error\ndata: {\"code\":401,\"message\":\"x\"}\n\n", "fine"),
            (": ok\n\n", "fine"),
            ("retry: 1000\n\ndata: hello\n\n", "fine"),
            ("event: endpoint\ndata: /messages?id=1\n\n", "fine"),
            ("", "unclear"),
        ] {
            assert_eq!(word(&events(content.as_bytes())), expected, "{content}");
        }
    }

    #[test]
    fn codes_of_mapi() {
        let head = |code: Option<&str>| {
            let mut builder = HeadBuilder::response(200, b"");
            code.into_iter().for_each(|code| {
                builder.field(b"X-ResponseCode", code.as_bytes());
            });
            builder.finish()
        };
        for (code, content, expected) in [
            (Some("0"), "PROCESSING\r\nDONE\r\nX-ElapsedTime: 1\r\n\r\n", "fine"),
            (Some("0"), "PROCESSING\r\nDONE\r\nX-ResponseCode: 8\r\n\r\n", "refusal"),
            (Some("8"), "", "refusal"),
            (Some("10"), "", "error"),
            (Some("2"), "", "unclear"),
            (None, "DONE\r\nX-StartTime: x\r\n\r\n", "fine"),
            (None, "<html>", "unclear"),
        ] {
            assert_eq!(word(&mapi(&head(code), Some(content.as_bytes()))), expected, "{code:?} {content}");
        }
    }
}
