use memchr::memmem;

use crate::{
    evidence::Part,
    handshake::observation::Observation,
    http::{
        auth::{CredentialsKind, credentials},
        base64,
    },
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::{extract::PasswordCarrier, mask},
};

/// How far a content is searched, in bytes.
const SEARCH: usize = 1 << 20;

/// A user and the length of a password.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    how: &'static str,
    user: String,
    length: usize,
}

declare_rule! {
    /// A user's name and password travel inside HTTP by another protocol: SASL PLAIN of XMPP over BOSH or WebSocket, the
    /// CONNECT frame of STOMP over WebSocket, a message of a WebSocket with `Basic` in it, or the user information of its
    /// URL.
    ///
    /// # Evidence
    /// The carrier, the user name and the length of the password.
    ///
    /// # Traps
    /// Other mechanisms of SASL send no password. Protocols outside HTTP, and binary ones such as MQTT, are not looked
    /// into.
    pub(crate) BasicOtherCarriers = "BAS-018" "basic-other-carriers" Medium,
    title: "A password travels by another protocol inside HTTP",
    remedy: "Use OAUTHBEARER or another mechanism without a password, and change the password.",
    source: "RFC 4616; RFC 7395; STOMP 1.2",
    reference: "https://www.rfc-editor.org/rfc/rfc4616",
}

impl Rule for BasicOtherCarriers {
    fn occasions(&self) -> Occasions {
        Occasions::CONTENT.or(Occasions::PASSWORD)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.exchange.request else { return };
        let upgrade = request.head.text("upgrade").unwrap_or_default();
        let socket = upgrade.to_ascii_lowercase().contains("websocket");
        let mut all: Vec<(Part, Found)> = Vec::new();
        if let Some(content) = request.body.kept.as_deref() {
            let content = content.get(..SEARCH).unwrap_or(content);
            all.extend(sasl(content).map(|found| (Part::RequestBody, found)));
            all.extend(stomp(content).filter(|_| socket).map(|found| (Part::RequestBody, found)));
            all.extend(message_basic(content).filter(|_| socket).map(|found| (Part::RequestBody, found)));
        }
        let of_url = |part| matches!(part, Part::RequestUrl | Part::RequestHeader);
        let passwords = observation.extraction.passwords.iter();
        let in_url = passwords.filter(|p| socket && p.carrier == PasswordCarrier::Url && of_url(p.part));
        all.extend(in_url.map(|p| {
            let length = p.password.reveal().len();
            (p.part, Found { how: "the URL of a WebSocket", user: p.user.clone(), length })
        }));
        for (part, found) in all.into_iter().filter(|(_, found)| found.length > 0) {
            let user = mask::text(&found.user);
            let excerpt = format!("user \"{user}\", password of {} bytes (masked)", found.length);
            let evidence = observation.in_request(part, found.how, excerpt);
            let detail = format!("{}: {}, user \"{user}\"", observation.host_name, found.how);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// `{"Authorization":"Basic …"}` and the like in a message.
fn message_basic(content: &[u8]) -> Option<Found> {
    let starts = memchr::memchr2_iter(b'b', b'B', content).filter_map(|at| content.get(at..));
    let values = starts.filter(|rest| rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"basic")));
    for value in values {
        let end = value.iter().position(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'\n' | b'<'));
        let value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
        for credentials in credentials("Authorization", value, Part::RequestBody) {
            if let CredentialsKind::Basic(basic) = credentials.kind
                && !basic.malformed
            {
                return Some(Found {
                    how: "a message of a WebSocket",
                    user: basic.user,
                    length: basic.password_length,
                });
            }
        }
    }
    None
}

/// `<auth mechanism="PLAIN">base64 of authorization NUL user NUL password</auth>`.
fn sasl(content: &[u8]) -> Option<Found> {
    let start = memmem::find(content, b"urn:ietf:params:xml:ns:xmpp-sasl")?;
    let before = content.get(..start)?;
    let tag = memchr::memrchr(b'<', before)?;
    let rest = content.get(tag..)?;
    let close = memchr::memchr(b'>', rest)?;
    let attributes = rest.get(..close)?;
    let plain = ["mechanism=\"PLAIN\"", "mechanism='PLAIN'"];
    if !rest.starts_with(b"<auth") || !plain.iter().any(|text| memmem::find(attributes, text.as_bytes()).is_some()) {
        return None;
    }
    let text = rest.get(close + 1..)?;
    let text = text.get(..memchr::memchr(b'<', text)?)?;
    let decoded = base64::decode(std::str::from_utf8(text).ok()?.trim())?.bytes;
    let mut parts = decoded.split(|b| *b == 0);
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Found { how: "SASL PLAIN", user: String::from_utf8_lossy(user).into_owned(), length: password.len() })
}

/// `CONNECT`, lines of headers with `login` and `passcode`, an empty line.
fn stomp(content: &[u8]) -> Option<Found> {
    let text = std::str::from_utf8(content.get(..content.len().min(8 << 10))?).ok()?;
    let frame = text.strip_prefix("CONNECT\n").or_else(|| text.strip_prefix("STOMP\n"))?;
    let header = |name: &str| {
        let lines = frame.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_once(':')).find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    Some(Found { how: "STOMP", user: header("login")?.to_owned(), length: header("passcode")?.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers() {
        let auth = |mechanism: &str| {
            format!(
                "<body><auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>AG1lZ2FuAHNlY3JldA==</auth></body>"
            )
        };
        let found = Found { how: "SASL PLAIN", user: "megan".to_owned(), length: 6 };
        assert_eq!(sasl(auth("PLAIN").as_bytes()), Some(found));
        assert_eq!(sasl(auth("SCRAM-SHA-1").as_bytes()), None);
        assert_eq!(sasl(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>!!</auth>"), None);
        let found = Found { how: "STOMP", user: "megan".to_owned(), length: 6 };
        assert_eq!(stomp(b"CONNECT\nlogin:megan\npasscode:secret\n\n\0\n"), Some(found));
        assert_eq!(stomp(b"CONNECT\naccept-version:1.2\n\nlogin:x\npasscode:y"), None);
        assert_eq!(stomp(b"SEND\nlogin:megan\npasscode:secret\n\n"), None);
    }
}
