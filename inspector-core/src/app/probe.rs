//! Telling a protocol by the first bytes of a connection.
//!
//! Bytes are held back only while they can still be several things: a first piece that says clearly what it is goes on
//! without a copy. Either side can tell: in a connection joined late, or one of which only one side was recorded, it is
//! the server's bytes that do.

use crate::{
    context::Context,
    evidence::At,
    flow::Side,
    http::{h1, h2},
    probe::Probe,
    tls::{
        probe::{hello_role, looks_like_tls},
        record::{APPLICATION_DATA, Header},
    },
};

/// Bytes held back per connection before the decision is taken with what is there.
const HELD: usize = 32 << 10;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Http1,
    Http2 {
        from_start: bool,
    },
    Tls,
    /// Something else, by name if it is known.
    Other(Option<&'static str>),
}

/// Bytes of one side, held back.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) side: Side,
    pub(super) at: At,
    pub(super) bytes: Vec<u8>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Probing {
    held: Vec<Piece>,
    length: usize,
    /// The client has sent something.
    begun: bool,
}

/// What one side's bytes look like.
enum Look {
    Found(Finding),
    /// A response, a request or a hello on the wrong side.
    Reversed(Finding),
    More,
    Nothing,
}

impl Probing {
    /// Looks at the next bytes. With a finding the caller goes on with [`Self::take`] and then with these bytes;
    /// without, they are held.
    pub(super) fn push(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) -> Option<Finding> {
        let before = self.held.iter().filter(|piece| piece.side == side).map(|piece| piece.bytes.as_slice());
        let joined: Vec<u8>;
        let all = if self.held.iter().any(|piece| piece.side == side) {
            joined = before.chain([bytes]).collect::<Vec<_>>().concat();
            &joined
        } else {
            bytes
        };
        match look(side, all, cx) {
            Look::Found(finding) => return Some(finding),
            Look::Reversed(finding) => {
                if !cx.connection.roles_known {
                    cx.connection.swap_roles();
                    for piece in &mut self.held {
                        piece.side = piece.side.other();
                    }
                }
                return Some(finding);
            }
            // Joined in the middle of a message: the next one begins with a segment, as most do.
            Look::Nothing if late(bytes).is_some() => return late(bytes),
            // Nothing can be told from this side; the other may have told, or may yet.
            Look::Nothing if self.length.saturating_add(bytes.len()) > 4096 => return Some(self.other(cx)),
            _ if self.length.saturating_add(bytes.len()) > HELD => return Some(self.other(cx)),
            _ => {}
        }
        self.length += bytes.len();
        match self.held.last_mut() {
            Some(last) if last.side == side && last.at == at => last.bytes.extend_from_slice(bytes),
            _ => self.held.push(Piece { side, at, bytes: bytes.to_vec() }),
        }
        None
    }

    /// Takes a PROXY protocol header off the client's first bytes: a load balancer put it before what the client sent.
    pub(super) fn without_proxy_header<'b>(&mut self, side: Side, bytes: &'b [u8]) -> &'b [u8] {
        if side == Side::Server || std::mem::replace(&mut self.begun, true) {
            return bytes;
        }
        proxy_header(bytes).and_then(|length| bytes.get(length..)).unwrap_or(bytes)
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        self.held.capacity().saturating_mul(size_of::<Piece>()).saturating_add(self.length)
    }

    /// The bytes held back, in the order they came.
    pub(super) fn take(&mut self) -> Vec<Piece> {
        self.length = 0;
        std::mem::take(&mut self.held)
    }

    pub(super) fn holds(&self, side: Side) -> bool {
        self.held.iter().any(|piece| piece.side == side)
    }

    /// Decides with what is there; `None` if nothing was held back.
    pub(super) fn decide(&self, cx: &Context<'_>) -> Option<Finding> {
        (!self.held.is_empty()).then(|| self.other(cx))
    }

    /// What it most likely is, if no more bytes come.
    fn other(&self, _cx: &Context<'_>) -> Finding {
        let side = |side| -> Vec<u8> {
            self.held.iter().filter(|p| p.side == side).flat_map(|p| p.bytes.iter().copied()).collect()
        };
        let (client, server) = (side(Side::Client), side(Side::Server));
        let http = |bytes: &[u8]| {
            bytes.len() > 3
                && (h1::looks_like_request(bytes) != Probe::No || h1::looks_like_response(bytes) != Probe::No)
        };
        if http(&client) || http(&server) {
            return Finding::Http1;
        }
        let name = name(&client).or_else(|| name(&server));
        // A connection that was joined late, and ended before a second record: dark all the same.
        let record = |bytes: &[u8]| bytes.len() >= 5 && looks_like_tls(bytes) != Probe::No;
        if name.is_none() && (record(&client) || record(&server)) {
            return Finding::Tls;
        }
        Finding::Other(name)
    }
}

/// What a segment in the middle of unknown bytes begins with, if that is beyond doubt.
pub(super) fn late(bytes: &[u8]) -> Option<Finding> {
    let first = *bytes.first()?;
    if first == 0x16 {
        return (hello_role(bytes) == Some(Side::Client)).then_some(Finding::Tls);
    }
    if first == APPLICATION_DATA {
        // A TLS connection that was joined inside a record: the next record that begins with a segment.
        return is_application_data(bytes).then_some(Finding::Tls);
    }
    if !first.is_ascii_uppercase() {
        return None;
    }
    let known = [
        b"GET ".as_slice(),
        b"POST ",
        b"HEAD ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"PROPFIND ",
        b"HTTP/1.",
    ];
    let line = bytes.get(..memchr::memchr(b'\n', bytes)?)?;
    let versioned =
        line.starts_with(b"HTTP/1.") || line.trim_ascii_end().rsplit(|b| *b == b' ').next()?.starts_with(b"HTTP/1.");
    (versioned && known.iter().any(|start| bytes.starts_with(start))).then_some(Finding::Http1)
}

/// Whether a record of application data begins here: one that can hold more than its authentication tag.
fn is_application_data(bytes: &[u8]) -> bool {
    let header = bytes.first_chunk().and_then(|header| Header::parse(*header));
    header
        .is_some_and(|header| header.content_type == APPLICATION_DATA && header.version >= 0x0301 && header.length > 16)
}

fn look(side: Side, bytes: &[u8], cx: &Context<'_>) -> Look {
    let found = |finding, by: Side| if side == by { Look::Found(finding) } else { Look::Reversed(finding) };
    if bytes.starts_with(h2::PREFACE) {
        return found(Finding::Http2 { from_start: true }, Side::Client);
    }
    if h2::PREFACE.starts_with(bytes) {
        return Look::More;
    }
    match looks_like_tls(bytes) {
        Probe::Certain => return Look::Found(Finding::Tls),
        Probe::Likely => return Look::More,
        Probe::No => {}
    }
    match (h1::looks_like_request(bytes), h1::looks_like_response(bytes)) {
        (Probe::Certain, _) => return found(Finding::Http1, Side::Client),
        (_, Probe::Certain) => return found(Finding::Http1, Side::Server),
        (Probe::Likely, _) | (_, Probe::Likely) => return Look::More,
        _ => {}
    }
    let from_start = cx.connection.from_start.get(side.index()).copied().unwrap_or(false);
    if h2::looks_like_frames(bytes) {
        return Look::Found(Finding::Http2 { from_start: from_start && side == Side::Server });
    }
    match name(bytes) {
        Some(name) => Look::Found(Finding::Other(Some(name))),
        None => Look::Nothing,
    }
}

/// Length of a PROXY protocol header (haproxy's proxy-protocol.txt §2) at the start of `bytes`.
fn proxy_header(bytes: &[u8]) -> Option<usize> {
    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    if bytes.starts_with(b"PROXY ") {
        let line = memchr::memmem::find(bytes, b"\r\n")?.checked_add(2)?;
        return (line <= 107).then_some(line);
    }
    let length = bytes.strip_prefix(SIGNATURE)?.get(2..)?.first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some(SIGNATURE.len() + 4 + length)
}

/// Protocols that are told by their greeting, for the report.
fn name(bytes: &[u8]) -> Option<&'static str> {
    const GREETINGS: &[(&[u8], &str)] = &[
        (b"SSH-", "ssh"),
        (b"* OK", "imap"),
        (b"+OK", "pop3"),
        (b"EHLO ", "smtp"),
        (b"HELO ", "smtp"),
        (b"220 ", "smtp"),
        (b"220-", "smtp"),
        (b"USER ", "ftp"),
        (b"RTSP/1.0", "rtsp"),
        (b"SIP/2.0", "sip"),
        (b"REGISTER sip:", "sip"),
        (b"INVITE sip:", "sip"),
        (b"<stream:stream", "xmpp"),
        (b"<?xml version='1.0'?><stream:stream", "xmpp"),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", "postgres"),
        (b"\x05\x00", "socks"),
        (b"\x05\x01\x00", "socks"),
        (b"\x05\x02\x00", "socks"),
        (b"\x04\x01", "socks"),
        (b"\x03\x00\x00", "rdp"),
        (b"\x13BitTorrent protocol", "bittorrent"),
    ];
    let greeting = GREETINGS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name);
    greeting.or_else(|| (bytes.get(4..8) == Some(b"\xfeSMB") || bytes.get(4..8) == Some(b"\xffSMB")).then_some("smb"))
}
