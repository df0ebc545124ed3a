use std::net::Ipv4Addr;

use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::Observation,
    hosts::{self, Reach},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

/// What only a stack trace has.
const TRACES: [&str; 8] = [
    "Traceback (most recent call last)",
    ".java:",
    ".cs:line ",
    ".php on line ",
    ".py\", line ",
    ".js:",
    "\n   at ",
    "NullReferenceException",
];
/// Ends of names that are resolved inside a network only.
const INTERNAL: [&str; 6] = [".local", ".internal", ".corp", ".lan", ".intranet", ".localdomain"];
/// Parameters whose value must not come back.
const SECRETS: [&str; 8] = [
    "client_secret",
    "password",
    "refresh_token",
    "assertion",
    "client_assertion",
    "code_verifier",
    "device_code",
    "token",
];
/// Shorter values occur by chance.
const SHORTEST_SECRET: usize = 6;

declare_rule! {
    /// The description of an error tells what is nobody's business: a stack trace or a secret of the request (medium), or
    /// the name or address of an internal host (low).
    ///
    /// # Evidence
    /// What kind it is, and the host's name; never the secret.
    ///
    /// # Traps
    /// Trace and correlation ids are normal.
    pub(crate) ErrorInfoLeak = "OAU-021" "error-info-leak" Medium,
    title: "An error description tells internals",
    remedy: "Log details on the server, and return an error code and an id to find them by.",
    source: "RFC 9700 §4; CWE-209",
    reference: "https://cwe.mitre.org/data/definitions/209.html",
}

impl Rule for ErrorInfoLeak {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(description) = observation.flow.answer.as_ref().and_then(|answer| answer.description.as_deref())
        else {
            return;
        };
        let echoed = SECRETS.into_iter().find(|name| {
            super::posted(observation, name)
                .is_some_and(|value| value.len() >= SHORTEST_SECRET && description.contains(value))
        });
        let (severity, what) = if let Some(name) = echoed {
            (Self::META.severity, format!("the value of {name}"))
        } else if TRACES.iter().any(|trace| description.contains(trace)) {
            (Self::META.severity, "a stack trace".to_owned())
        } else if let Some(name) = internal_host(description) {
            (Severity::Low, format!("the internal host {}", mask::text(name)))
        } else {
            return;
        };
        let evidence = observation.in_response(Part::ResponseBody, "error_description", what.clone());
        let detail = format!("{}: {what}", observation.host_name);
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }
}

/// The first private address or internal name in a text.
fn internal_host(text: &str) -> Option<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    words.map(|word| word.trim_matches(['.', '-'])).find(|word| {
        let address =
            word.parse::<Ipv4Addr>().is_ok_and(|a| !a.is_loopback() && hosts::reach(a.into()) == Reach::Local);
        let lower = word.to_ascii_lowercase();
        address || INTERNAL.iter().any(|end| lower.len() > end.len() && lower.ends_with(end))
    })
}

#[cfg(test)]
mod tests {
    use super::internal_host;

    #[test]
    fn internal_hosts() {
        for (text, expected) in [
            ("cannot reach sql01.corp.local:1433", Some("sql01.corp.local")),
            ("upstream 10.1.2.3 refused", Some("10.1.2.3")),
            ("AADSTS50012: version 1.2.3.4. Trace ID: 10", None),
            ("see https://login.contoso.com.", None),
        ] {
            assert_eq!(internal_host(text), expected, "{text}");
        }
    }
}
