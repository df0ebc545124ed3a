//! Answers to credentials of a WebSocket: the switch of protocols itself, and the server's first messages.
//!
//! Credentials in the request's header section or target are accepted by 101: a server that refuses them answers 401. Those
//! in the client's first message are accepted by an acknowledgement:
//!
//! ```text
//! {"type":"connection_ack"}      GraphQL over WebSocket          {"type":"connection_error",…}   {"type":"error",…}
//! {"type":"auth_ok"}             Home Assistant                  {"type":"auth_invalid",…}
//! {"event":"authenticated"}      {"status":"ok"}                 {"event":"unauthorized"}        {"error":…}
//! ```

use serde_json::Value;

use super::{Says, json, words};

/// Messages of the server that are looked at.
const MESSAGES: usize = 4;

/// What a server says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The client is who it says.
    Acknowledged,
    /// It is not.
    Refused,
    /// Nothing that can be told.
    Unclear,
}

impl Opening {
    /// Reads the text messages of a server, one a line.
    pub(super) fn read(texts: &[u8]) -> Self {
        let lines = texts.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let said = lines.take(MESSAGES).map(|line| Self::of(line.trim_ascii()));
        said.reduce(|first, next| if first == Self::Unclear { next } else { first }).unwrap_or(Self::Unclear)
    }

    fn of(message: &[u8]) -> Self {
        let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(message) else { return Self::Unclear };
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let kind = ["type", "event", "status", "action", "op"].map(text).into_iter().find(|kind| !kind.is_empty());
        // It asks for what the client is about to send.
        if kind.as_ref().is_some_and(|kind| kind.contains("required") || kind.contains("request")) {
            return Self::Unclear;
        }
        if matches!(json::read(message, false), Some(Says::Refusal(_))) {
            return Self::Refused;
        }
        let Some(kind) = kind else { return Self::Unclear };
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        if has(&["error", "invalid", "unauthor", "unauthenticated", "denied", "forbidden", "fail"])
            || words::is_code(&kind)
        {
            return Self::Refused;
        }
        let acknowledges = has(&["connection_ack", "auth_ok", "authenticated", "authorized", "auth_success", "authok"]);
        if acknowledges || matches!(kind.as_str(), "ok" | "success" | "ready" | "connected") {
            Self::Acknowledged
        } else {
            Self::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_messages_of_servers() {
        for (texts, opening) in [
            (r#"{"type":"connection_ack"}"#, Opening::Acknowledged),
            ("{\"type\":\"auth_required\"}\n{\"type\":\"auth_ok\",\"ha_version\":\"1\"}\n", Opening::Acknowledged),
            ("{\"type\":\"auth_required\"}\n{\"type\":\"auth_invalid\",\"message\":\"x\"}\n", Opening::Refused),
            (r#"{"type":"connection_error","payload":{"message":"x"}}"#, Opening::Refused),
            (r#"{"event":"unauthorized"}"#, Opening::Refused),
            (r#"{"error":"invalid_token"}"#, Opening::Refused),
            (r#"{"status":"ok"}"#, Opening::Acknowledged),
            (r#"{"price":1}"#, Opening::Unclear),
            ("", Opening::Unclear),
            ("hello", Opening::Unclear),
        ] {
            assert_eq!(Opening::read(texts.as_bytes()), opening, "{texts}");
        }
    }
}
