//! HTTP/2 frames (RFC 9113 §4, §6).
//!
//! ```text
//! +-----------------------------------------------+
//! |                 Length (24)                   |
//! +---------------+---------------+---------------+
//! |   Type (8)    |   Flags (8)   |
//! +-+-------------+---------------+-------------------------------+
//! |R|                 Stream Identifier (31)                      |
//! +=+=============================================================+
//! |                   Payload (Length octets) …
//! ```

/// Octets of a frame header.
pub(super) const HEADER: usize = 9;

/// What a client sends first (§3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types this program acts on.
pub(super) mod kind {
    pub(in crate::http::h2) const DATA: u8 = 0x0;
    pub(in crate::http::h2) const HEADERS: u8 = 0x1;
    pub(in crate::http::h2) const RST_STREAM: u8 = 0x3;
    pub(in crate::http::h2) const SETTINGS: u8 = 0x4;
    pub(in crate::http::h2) const PUSH_PROMISE: u8 = 0x5;
    pub(in crate::http::h2) const GOAWAY: u8 = 0x7;
    pub(in crate::http::h2) const CONTINUATION: u8 = 0x9;
}

/// Frame flags.
pub(super) mod flag {
    pub(in crate::http::h2) const END_STREAM: u8 = 0x1;
    pub(in crate::http::h2) const END_HEADERS: u8 = 0x4;
    pub(in crate::http::h2) const PADDED: u8 = 0x8;
    pub(in crate::http::h2) const PRIORITY: u8 = 0x20;
}

/// A frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl FrameHeader {
    pub(super) fn parse(bytes: &[u8; HEADER]) -> Self {
        let [l2, l1, l0, kind, flags, s3, s2, s1, s0] = *bytes;
        Self {
            length: u32::from_be_bytes([0, l2, l1, l0]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s3, s2, s1, s0]) & 0x7fff_ffff,
        }
    }

    pub(super) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether such a frame can be: the type's own lengths, flags and stream identifiers (§6). Used where the place of a
    /// frame is not certain.
    pub(super) const fn is_plausible(self) -> bool {
        const USUAL: usize = 1 << 14;
        match self.kind {
            0x0 => self.stream != 0 && self.length <= USUAL && self.flags & !0x9 == 0,
            0x1 => self.stream & 1 == 1 && self.length <= USUAL && self.length > 0 && self.flags & !0x2d == 0,
            0x2 => self.stream != 0 && self.length == 5 && self.flags == 0,
            0x3 => self.stream != 0 && self.length == 4 && self.flags == 0,
            0x4 => self.stream == 0 && self.length.is_multiple_of(6) && self.length <= 240 && self.flags & !0x1 == 0,
            0x5 => self.stream & 1 == 1 && self.length > 4 && self.length <= USUAL && self.flags & !0xc == 0,
            0x6 => self.stream == 0 && self.length == 8 && self.flags & !0x1 == 0,
            0x7 => self.stream == 0 && self.length >= 8 && self.length <= 1024 && self.flags == 0,
            0x8 => self.length == 4 && self.flags == 0,
            0x9 => self.stream != 0 && self.length <= USUAL && self.flags & !0x4 == 0,
            _ => false,
        }
    }
}

/// Whether `bytes` are a run of frames that begins here. Certain with two in a row, or one of a kind that is hard to hit.
pub(crate) fn looks_like_frames(bytes: &[u8]) -> bool {
    let (mut rest, mut seen) = (bytes, 0);
    while let Some(first) = rest.first_chunk::<HEADER>() {
        let header = FrameHeader::parse(first);
        if !header.is_plausible() {
            return false;
        }
        seen += 1;
        // Settings, pings, resets and window updates have fixed shapes of 13 octets and more.
        if matches!(header.kind, 0x4 | 0x6) && header.length > 0 {
            return true;
        }
        match rest.get(HEADER + header.length..) {
            Some(tail) => rest = tail,
            None => return seen >= 2 || (header.kind == kind::HEADERS && header.stream < 1 << 16),
        }
        if seen >= 3 {
            return true;
        }
    }
    seen >= 2 || (seen == 1 && rest.is_empty())
}

/// The payload without its padding (§6.1), or `None` if the padding is longer.
pub(super) fn unpadded(header: FrameHeader, payload: &[u8]) -> Option<&[u8]> {
    if !header.has(flag::PADDED) {
        return Some(payload);
    }
    let (length, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*length))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_padding() {
        let header = FrameHeader::parse(&[0, 1, 2, 1, 0x0d, 0x80, 0, 0, 5]);
        assert_eq!(header, FrameHeader { length: 258, kind: 1, flags: 0x0d, stream: 5 });
        assert_eq!(unpadded(header, &[2, b'a', b'b', 0, 0]), Some(b"ab".as_slice()));
        assert_eq!(unpadded(header, &[5, b'a', 0, 0, 0]), None);
        assert_eq!(unpadded(header, &[]), None);
    }

    #[test]
    fn frames_are_told_from_other_bytes() {
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100];
        let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[7; 8]].concat();
        assert!(looks_like_frames(&settings) && looks_like_frames(&ping));
        assert!(looks_like_frames(
            &[&[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 255, 255][..], &[0, 0, 1, 1, 5, 0, 0, 0, 3, 0x82]].concat()
        ));
        for bytes in [
            b"GET / HTTP/1.1\r\n\r\n".as_slice(),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"",
            b"\0\0\0\0\0\0\0\0\0\0",
        ] {
            assert!(!looks_like_frames(bytes), "{bytes:?}");
        }
    }
}
