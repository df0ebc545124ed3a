//! Files made of parts: PEM, and one exchange in every format there is.

use std::fmt::Write;

use inspector_core::{
    evidence::SourceId,
    exchange::{
        Exchange, Marks, Protocol, Scheme,
        message::{Body, Head, Message},
    },
};

use super::{AT, literals::block};

/// A message with a content, or without one.
pub fn message(head: Head, content: Option<&[u8]>) -> Message {
    let kept = content.map(Into::into);
    let body = Body { transferred: content.map_or(0, <[u8]>::len) as u64, decoded: None, kept, cut: None };
    Message { head, body, trailers: None, first: AT, head_end: AT, end: AT }
}

/// An exchange of these messages.
pub fn exchange(request: Option<Message>, response: Option<Message>) -> Exchange {
    Exchange {
        source: SourceId(0),
        number: 1,
        connection: None,
        stream: None,
        protocol: Protocol::Http11,
        scheme: Scheme::Https,
        client: None,
        server: None,
        tls: None,
        request,
        response,
        marks: Marks::default(),
    }
}

/// Base64 in the standard alphabet, padded.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

/// A PEM block (RFC 7468).
pub fn pem(label: &str, bytes: &[u8]) -> Vec<u8> {
    let text = base64(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    let _ = writeln!(out, "-----END {label}-----");
    out.into_bytes()
}

/// Fields of a message, in order.
pub type Fields = Vec<(String, String)>;

/// A request and its response, without the fields that frame a content.
#[derive(Clone, Debug)]
pub struct Made {
    /// Origin form: begins with a slash.
    pub target: String,
    /// Of the request.
    pub asked: (Fields, String),
    /// Of the response.
    pub answered: (Fields, String),
    /// Of the response.
    pub status: u16,
}

/// The host of every exchange.
pub const HOST: &str = "mail.contoso.com";

fn section(fields: &Fields, content: &str) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    let _ = write!(out, "Content-Length: {}\r\n\r\n{content}", content.len());
    out
}

impl Made {
    /// The two messages as HTTP/1.1.
    pub fn messages(&self) -> [String; 2] {
        let (asked, answered) = (&self.asked, &self.answered);
        let request = format!("POST {} HTTP/1.1\r\nHost: {HOST}\r\n{}", self.target, section(&asked.0, &asked.1));
        [request, format!("HTTP/1.1 {} Status\r\n{}", self.status, section(&answered.0, &answered.1))]
    }

    /// As a transcript.
    pub fn transcript(&self) -> Vec<u8> {
        let [request, response] = self.messages();
        format!("# @scheme http\n{request}\r\n\r\n{response}\r\n").into_bytes()
    }

    /// As a capture of HTTP/1.1.
    pub fn http1(&self) -> Vec<u8> {
        let [request, response] = self.messages();
        capture(&[(true, request.as_bytes()), (false, response.as_bytes())])
    }

    /// As a capture of HTTP/2 without TLS.
    pub fn http2(&self) -> Vec<u8> {
        let status = self.status.to_string();
        let mut asked =
            block(&[(":method", "POST"), (":scheme", "http"), (":authority", HOST), (":path", &self.target)]);
        let mut answered = block(&[(":status", &status)]);
        for (out, fields) in [(&mut asked, &self.asked.0), (&mut answered, &self.answered.0)] {
            for (name, value) in fields {
                out.extend(block(&[(&name.to_ascii_lowercase(), value)]));
            }
        }
        let client =
            [crate::PREFACE, &frame(4, 0, 0, b""), &frame(1, 4, 1, &asked), &frame(0, 1, 1, self.asked.1.as_bytes())];
        let server =
            [&frame(4, 0, 0, b"")[..], &frame(1, 4, 1, &answered), &frame(0, 1, 1, self.answered.1.as_bytes())];
        capture(&[(true, &client.concat()), (false, &server.concat())])
    }

    /// As an archive.
    pub fn har(&self) -> Vec<u8> {
        let list = |fields: &Fields| -> Vec<serde_json::Value> {
            fields.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect()
        };
        let kind = |fields: &Fields| {
            let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut asked = list(&self.asked.0);
        asked.insert(0, serde_json::json!({"name": "Host", "value": HOST}));
        let entry = serde_json::json!({
            "startedDateTime": "2026-01-01T00:02:00.000Z", "time": 12,
            "request": {
                "method": "POST", "url": format!("http://{HOST}{}", self.target), "httpVersion": "HTTP/1.1",
                "headers": asked, "queryString": [], "cookies": [], "headersSize": -1, "bodySize": self.asked.1.len(),
                "postData": {"mimeType": kind(&self.asked.0), "text": self.asked.1},
            },
            "response": {
                "status": self.status, "statusText": "Status", "httpVersion": "HTTP/1.1",
                "headers": list(&self.answered.0), "cookies": [], "redirectURL": "", "headersSize": -1,
                "content": {"size": self.answered.1.len(), "mimeType": kind(&self.answered.0), "text": self.answered.1},
                "bodySize": self.answered.1.len(),
            },
            "cache": {}, "timings": {"send": 0, "wait": 12, "receive": 0},
        });
        serde_json::json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": [entry]}})
            .to_string()
            .into_bytes()
    }
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The header of a capture in the classic format, of Ethernet.
pub const CAPTURE: [u8; 24] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];

/// A capture of one whole connection in which the two sides take turns.
fn capture(turns: &[(bool, &[u8])]) -> Vec<u8> {
    let mut out = CAPTURE.to_vec();
    let (mut next, mut time) = ([1000_u32, 5000], 0_u32);
    let mut packet = |from_client: bool, flags: u8, payload: &[u8]| {
        let (me, other) = if from_client { (0, 1) } else { (1, 0) };
        let mut packet = vec![2, 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 4, 8, 0, 0x45, 0];
        packet.extend(((40 + payload.len()) as u16).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        let ends: [([u8; 4], u16); 2] = [([10, 0, 0, 2], 40_001), ([10, 0, 0, 9], 80)];
        packet.extend([ends[me].0, ends[other].0].concat());
        packet.extend([ends[me].1.to_be_bytes(), ends[other].1.to_be_bytes()].concat());
        packet.extend(next[me].to_be_bytes());
        packet.extend(if flags == 2 { [0; 4] } else { next[other].to_be_bytes() });
        packet.extend([5 << 4, flags, 0xfa, 0, 0, 0, 0, 0]);
        packet.extend(payload);
        time += 1000;
        for number in [1_767_225_600, time, packet.len() as u32, packet.len() as u32] {
            out.extend(number.to_le_bytes());
        }
        out.extend(packet);
        next[me] += payload.len() as u32 + u32::from(flags & 3 != 0);
    };
    packet(true, 2, b"");
    packet(false, 0x12, b"");
    packet(true, 0x10, b"");
    for (from_client, bytes) in turns {
        bytes.chunks(1400).for_each(|piece| packet(*from_client, 0x18, piece));
    }
    packet(true, 0x11, b"");
    packet(false, 0x11, b"");
    packet(true, 0x10, b"");
    out
}
