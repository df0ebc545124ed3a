//! Contents of a HAR: which kinds are kept, and what it means when one is not there.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use memchr::memmem;

use super::json::{Text, simple_length, unescape};
use crate::{
    coding::barren::FORM,
    exchange::message::{Body, BodyCut},
    token::extract::may_tell_escaped,
};

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether a content of this media type (lower case, no parameters) can hold a token: everything but pictures, sound,
/// fonts, archives and programs.
pub(crate) fn can_hold_token(media_type: &str) -> bool {
    let (kind, subtype) = media_type.split_once('/').unwrap_or((media_type, ""));
    match kind {
        "image" => subtype.starts_with("svg"),
        "audio" | "video" | "font" | "model" => false,
        "application" => {
            !(subtype.starts_with("font")
                || subtype.starts_with("x-font")
                || matches!(
                    subtype,
                    "pdf"
                        | "wasm"
                        | "zip"
                        | "gzip"
                        | "x-gzip"
                        | "vnd.ms-fontobject"
                        | "x-shockwave-flash"
                        | "x-protobuf"
                ))
        }
        _ => true,
    }
}

/// Whether this content is kept. Scripts, styles and drawings are the bulk of a browser's recording, and what they hold
/// of credentials is a JWT written into them: they are kept if the beginning of one is there.
pub(crate) fn is_kept(media_type: &str, text: Text<'_>) -> bool {
    can_hold_token(media_type) && (!is_code(media_type) || memmem::find(text.raw, b"eyJ").is_some())
}

fn is_code(media_type: &str) -> bool {
    media_type.ends_with("javascript")
        || media_type.ends_with("ecmascript")
        || matches!(media_type, "text/css" | "image/svg+xml")
}

/// Whether tokens are handed out in contents of this media type, so that one that was not recorded is a loss.
pub(crate) fn is_loss(media_type: &str) -> bool {
    can_hold_token(media_type) && !is_code(media_type) && media_type != "application/octet-stream"
}

/// The content of a response that says nothing of its own by its kind (no page), if it is whole and nothing is to be found
/// in it. Its escapes need not be undone then, and only its beginning is kept.
pub(crate) fn barren(text: Text<'_>, limit: usize) -> Option<Body> {
    let is_whole = text.missing == 0 && text.raw.len() <= limit;
    let length = (is_whole && !may_tell_escaped(text.raw)).then(|| simple_length(text.raw)).flatten()?;
    let beginning = text.raw.get(..FORM).unwrap_or(text.raw);
    // An escape has two letters here, of which the first is a backslash; one that is cut stays away.
    let slashes = beginning.iter().rev().take_while(|byte| **byte == b'\\').count();
    let beginning = beginning.get(..beginning.len().saturating_sub(slashes % 2)).unwrap_or_default();
    let mut kept = Vec::with_capacity(beginning.len());
    unescape(beginning, FORM, &mut kept);
    Some(Body { kept: Some(kept.into()), ..sized(length) })
}

/// A content that was recorded: `text` as it stands, decoded if `base64`, kept if `keep` up to `limit` bytes.
pub(crate) fn recorded(text: Text<'_>, base64: bool, keep: bool, declared: Option<u64>, limit: usize) -> Body {
    let mut body = match (keep, base64) {
        (true, true) => decoded(text, limit),
        (true, false) => {
            let mut bytes = Vec::with_capacity(text.raw.len().min(limit));
            let length = unescape(text.raw, limit, &mut bytes);
            let cut = (length > bytes.len() as u64).then_some(BodyCut::Limit);
            Body { transferred: length, decoded: Some(length), kept: Some(bytes.into()), cut }
        }
        (false, true) => sized(base64_length(text.raw)),
        (false, false) => sized(declared.unwrap_or_else(|| unescape(text.raw, 0, &mut Vec::new()))),
    };
    if text.is_open() {
        body.cut = body.cut.or(Some(BodyCut::Recording));
    } else if text.is_cut() {
        let whole = body.size().saturating_add(if base64 { text.missing / 4 * 3 } else { text.missing });
        body.decoded = Some(declared.unwrap_or(whole));
        body.transferred = body.size();
        body.cut = body.cut.or(keep.then_some(BodyCut::Limit));
    }
    body
}

/// A content of that size of which no byte is kept.
pub(crate) fn sized(size: u64) -> Body {
    Body { transferred: size, decoded: Some(size), kept: None, cut: None }
}

fn decoded(text: Text<'_>, limit: usize) -> Body {
    let mut bytes = text.bytes().into_owned();
    bytes.retain(|byte| !byte.is_ascii_whitespace());
    if text.missing > 0 {
        bytes.truncate(bytes.len() / 4 * 4);
    }
    let length = base64_length(&bytes);
    match BASE64.decode(&bytes) {
        Ok(mut bytes) => {
            let cut = (bytes.len() > limit).then_some(BodyCut::Limit);
            bytes.truncate(limit);
            Body { transferred: length, decoded: Some(length), kept: Some(bytes.into()), cut }
        }
        Err(_) => Body { transferred: length, decoded: None, kept: None, cut: Some(BodyCut::Coding) },
    }
}

/// Bytes that a base64 text without white space stands for.
fn base64_length(text: &[u8]) -> u64 {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.len().saturating_sub(padding) as u64;
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

/// Whether an encoding of a content is one that says nothing about the bytes.
pub(crate) fn is_plain(encoding: &[u8]) -> bool {
    const PLAIN: [&[u8]; 9] = [b"", b"utf-8", b"utf8", b"plain", b"text", b"identity", b"none", b"8bit", b"iso-8859-1"];
    PLAIN.iter().any(|known| encoding.trim_ascii().eq_ignore_ascii_case(known))
}

/// Writes parameters as `application/x-www-form-urlencoded`. What is already percent-encoded stays so: exporters differ
/// in whether they decode.
pub(crate) fn form(parameters: &[(Text<'_>, Text<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in parameters {
        if !out.is_empty() {
            out.push(b'&');
        }
        encode(&name.bytes(), &mut out);
        out.push(b'=');
        encode(&value.bytes(), &mut out);
    }
    out
}

fn encode(text: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    for (at, byte) in text.iter().enumerate() {
        let is_encoded = || text.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'*' => out.push(*byte),
            b'%' if is_encoded() => out.push(b'%'),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}
