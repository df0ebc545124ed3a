//! The content of a response for those who look for its form: what is known of it, and its beginning in UTF-8.
//!
//! Forms and errors stand at the beginning of a content, so only so much of it is looked at.

use std::borrow::Cow;

use crate::exchange::message::{Body, BodyCut, Head};

/// Bytes of a content that are looked at.
pub(super) const WINDOW: usize = 64 << 10;

/// What is known of a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held<'b> {
    /// There is none.
    Nothing,
    /// There is some, or may be, and it was not recorded or cannot be read.
    Unknown,
    /// There is some, of a kind that is not kept or in which nothing is to be found.
    Unread,
    /// How it begins. Text is in UTF-8, without a byte order mark and white space in front.
    Bytes(Cow<'b, [u8]>),
}

impl<'b> Held<'b> {
    /// Looks at the content of a response.
    pub(super) fn of(head: &Head, body: &'b Body) -> Self {
        match body.kept.as_deref() {
            // Bytes in a coding that could not be undone are no text.
            Some(_) if body.cut == Some(BodyCut::Coding) => Self::Unknown,
            Some(kept) if !kept.is_empty() => Self::Bytes(plain(head, kept)),
            _ if body.cut.is_some() => Self::Unknown,
            _ if body.size() > 0 => Self::Unread,
            // It was announced, so it is not here only.
            _ if announces_content(head) => Self::Unknown,
            _ => Self::Nothing,
        }
    }
}

fn announces_content(head: &Head) -> bool {
    head.text("content-length").and_then(|text| text.parse::<u64>().ok()).is_some_and(|length| length > 0)
}

/// How a content begins, in UTF-8.
fn plain<'b>(head: &Head, kept: &'b [u8]) -> Cow<'b, [u8]> {
    let declared = head.value("content-type").unwrap_or_default();
    let wide = |bytes: &[u8], unit: usize, little: bool| Cow::Owned(widened(bytes, unit, little));
    let window = |unit: usize| kept.get(..WINDOW * unit).unwrap_or(kept);
    match kept {
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest.get(..WINDOW).unwrap_or(rest).trim_ascii_start()),
        [0xff, 0xfe, 0, 0, ..] => wide(window(4), 4, true),
        [0, 0, 0xfe, 0xff, ..] => wide(window(4), 4, false),
        [0xff, 0xfe, ..] => wide(window(2), 2, true),
        [0xfe, 0xff, ..] => wide(window(2), 2, false),
        [1..=255, 0, 0, 0, ..] if !is_binary(declared) => wide(window(4), 4, true),
        [0, 0, 0, 1..=255, ..] if !is_binary(declared) => wide(window(4), 4, false),
        [1..=255, 0, 1..=255, 0, ..] if !is_binary(declared) => wide(window(2), 2, true),
        [0, 1..=255, 0, 1..=255, ..] if !is_binary(declared) => wide(window(2), 2, false),
        _ if is_binary(declared) => Cow::Borrowed(window(1)),
        _ => Cow::Borrowed(window(1).trim_ascii_start()),
    }
}

/// Whether the declared type is one in which zeros are no sign of a coding of characters.
fn is_binary(content_type: &[u8]) -> bool {
    let is = |start: &&str| {
        content_type.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    [
        "application/grpc",
        "application/connect+",
        "application/mapi",
        "application/vnd.ms-sync",
        "image/",
        "audio/",
        "video/",
        "application/octet-stream",
    ]
    .iter()
    .any(is)
}

/// Characters of `unit` bytes, the mark in front left out.
fn widened(bytes: &[u8], unit: usize, little: bool) -> Vec<u8> {
    let value = |piece: &[u8]| {
        let fold = |sum: u32, byte: &u8| sum << 8 | u32::from(*byte);
        if little { piece.iter().rev().fold(0, fold) } else { piece.iter().fold(0, fold) }
    };
    let units = bytes.chunks_exact(unit).map(value);
    let text: String = if unit == 2 {
        let units = units.map(|unit| u16::try_from(unit).unwrap_or_default());
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    } else {
        units.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace()).as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::HeadBuilder;

    fn head(fields: &[(&str, &str)]) -> Head {
        let mut builder = HeadBuilder::response(200, b"");
        for (name, value) in fields {
            builder.field(name.as_bytes(), value.as_bytes());
        }
        builder.finish()
    }

    fn kept(bytes: &[u8]) -> Body {
        let length = bytes.len() as u64;
        Body { transferred: length, decoded: Some(length), kept: Some(bytes.into()), cut: None }
    }

    #[test]
    fn text_is_read_in_every_width() {
        let text = "<a>\u{e4}\u{1f600}</a>";
        let two = |little: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
        };
        let four = |little: bool| -> Vec<u8> {
            text.chars()
                .flat_map(|c| if little { (c as u32).to_le_bytes() } else { (c as u32).to_be_bytes() })
                .collect()
        };
        let marked = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf\r\n", text.as_bytes().to_vec()),
            marked(b" \r\n", text.as_bytes().to_vec()),
            two(true),
            two(false),
            marked(b"\xff\xfe", two(true)),
            marked(b"\xfe\xff", two(false)),
            marked(b"\r\0\n\0", two(true)),
            four(true),
            four(false),
            marked(b"\xff\xfe\0\0", four(true)),
            marked(b"\0\0\xfe\xff", four(false)),
        ] {
            let body = kept(&bytes);
            assert_eq!(Held::of(&head(&[]), &body), Held::Bytes(Cow::Borrowed(text.as_bytes())), "{bytes:?}");
        }
        let frame = kept(b"\0\0\0\0\x05");
        let grpc = head(&[("Content-Type", "application/grpc")]);
        assert_eq!(Held::of(&grpc, &frame), Held::Bytes(Cow::Borrowed(b"\0\0\0\0\x05")));
    }

    #[test]
    fn what_was_not_recorded_is_not_nothing() {
        let none = Body::default();
        let cut = |cut, size| Body { cut: Some(cut), decoded: Some(size), ..Body::default() };
        assert_eq!(Held::of(&head(&[]), &none), Held::Nothing);
        assert_eq!(Held::of(&head(&[("Content-Length", "0")]), &none), Held::Nothing);
        assert_eq!(Held::of(&head(&[("Content-Length", "5")]), &none), Held::Unknown);
        assert_eq!(Held::of(&head(&[]), &cut(BodyCut::Recording, 5)), Held::Unknown);
        assert_eq!(Held::of(&head(&[]), &cut(BodyCut::Recording, 0)), Held::Unknown);
        assert_eq!(Held::of(&head(&[]), &Body { decoded: Some(5), ..Body::default() }), Held::Unread);
        let coded = Body { cut: Some(BodyCut::Coding), ..kept(b"\x1f\x8b") };
        assert_eq!(Held::of(&head(&[]), &coded), Held::Unknown);
    }
}
