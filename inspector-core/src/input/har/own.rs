//! What this program writes beside the members of a HAR when it makes one of another recording: `_frames`, `_tls`, `_notes`.
//!
//! ```text
//! "_frames": {"connection": 3, "stream": 1, "request": 10, "response": 14, "client": "10.0.0.1:50000", "server": "10.0.0.2:443",
//!             "times": [1767225600000000000, …]}      first byte, end of the header, end: of the request, of the response
//! "_tls":    {"version": "1.3", "suite": "TLS_AES_128_GCM_SHA256", "server_name": "mail.contoso.com", …}
//! "_notes":  ["gap", "response-missing"]
//! ```
//!
//! Notes only add: what an entry lacks stays lacking whatever it says. What is none of these shapes is another program's, and
//! passed over.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use super::model::Entry;
use crate::{
    encoding::base64,
    evidence::{At, ConnectionId},
    exchange::{Exchange, Mark, Scheme, TlsSession, message::Message},
    losses::{endpoint_from, marks_from_json},
    time::Timestamp,
};

/// Puts back what the members of a HAR do not tell.
pub(super) fn restore(exchange: &mut Exchange, entry: &Entry<'_>) {
    let parsed = |bytes: Option<&[u8]>| serde_json::from_slice::<Value>(bytes?).ok();
    if let Some(marks) = parsed(entry.notes).as_ref().and_then(marks_from_json) {
        // An entry needs a request; of one that was not recorded there is nothing.
        if marks.has(Mark::RequestMissing) && exchange.authority().is_none_or(|authority| authority.is_empty()) {
            exchange.request = None;
            // That its parts are empty says no more.
            exchange.marks.remove(Mark::EntryMalformed);
        }
        exchange.marks.merge(marks);
    }
    if let Some(frames) = parsed(entry.frames) {
        let number = |name: &str| frames.get(name).and_then(Value::as_u64);
        let endpoint = |name: &str| frames.get(name).and_then(Value::as_str).and_then(endpoint_from);
        exchange.connection = number("connection").map(ConnectionId);
        exchange.stream = number("stream");
        exchange.client = endpoint("client");
        // A tunnel's authority has no scheme. What a URL calls clear text stays so.
        if frames.get("scheme").and_then(Value::as_str) == Some("http") {
            exchange.scheme = Scheme::Http;
        }
        exchange.server = endpoint("server").or(exchange.server);
        times(exchange, frames.get("times"));
    }
    if let Some(tls) = parsed(entry.tls) {
        exchange.tls = session(&tls).map(Arc::new).or(exchange.tls.take());
    }
}

fn times(exchange: &mut Exchange, times: Option<&Value>) {
    if !times.is_some_and(Value::is_array) {
        return;
    }
    let time = |at: usize| times?.get(at)?.as_i64().map(Timestamp::from_nanos);
    let set = |message: &mut Message, from: usize| {
        for (place, at) in [&mut message.first, &mut message.head_end, &mut message.end].into_iter().zip(from..) {
            // No time is one, too: an entry cannot leave it out.
            if let At::Entry { time: old, .. } = place {
                *old = time(at);
            }
        }
    };
    exchange.request.iter_mut().for_each(|message| set(message, 0));
    exchange.response.iter_mut().for_each(|message| set(message, 3));
}

fn session(tls: &Value) -> Option<TlsSession> {
    let text = |name: &str| tls.get(name).and_then(Value::as_str);
    let known = ["1.0", "1.1", "1.2", "1.3", "ssl3"];
    let version = known.into_iter().find(|version| text("version") == Some(version))?;
    let certificate =
        text("client_certificate").and_then(base64::decode).map(|decoded| decoded.bytes.into_boxed_slice());
    Some(TlsSession {
        version,
        suite: Cow::Owned(text("suite")?.to_owned()),
        server_name: text("server_name").map(str::to_owned),
        application_protocol: text("application_protocol").map(str::to_owned),
        client_certificate: certificate,
        whole_handshake: tls.get("whole_handshake").and_then(Value::as_bool).unwrap_or_default(),
    })
}
