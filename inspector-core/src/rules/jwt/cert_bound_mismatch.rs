use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    evidence::Part,
    handshake::observation::{Observation, is_readable},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::Token,
};

declare_rule! {
    /// The token is bound to a certificate, and the client showed another in its TLS handshake, or none at all: it uses a
    /// token that is not its own.
    ///
    /// # Evidence
    /// `cnf` of the token, and the hash of the certificate.
    ///
    /// # Traps
    /// Only where the recording holds the connection itself, with its handshake decrypted: behind a proxy that ends TLS the
    /// certificate is another connection's. A connection that resumes an earlier session has no certificate of its own. A
    /// call that was refused for it is no fault of the server's.
    pub(crate) CertBoundMismatch = "JWT-029" "cert-bound-mismatch" High,
    title: "A token is bound to another certificate than the client's",
    remedy: "Refuse it at the resource, which has to compare cnf with the certificate; find out how the token was passed on.",
    source: "RFC 8705 §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8705#section-3.1",
}

impl Rule for CertBoundMismatch {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let tls = observation.exchange.tls.as_ref();
        let Some(tls) = tls else { return };
        let Some(certificate) = tls.client_certificate.as_deref() else {
            if tls.whole_handshake {
                without_certificate(observation, context);
            }
            return;
        };
        for sighting in observation.presented().filter(|sighting| is_readable(&sighting.token)) {
            let Some(bound) = confirmation(&sighting.token) else { continue };
            let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
            if bound.trim_end_matches('=') == shown {
                continue;
            }
            let detail =
                format!("{}: bound to {}, the client showed {shown}", observation.host_name, super::thumbprint(bound));
            let evidence = observation.in_request(Part::Tls, "certificate", format!("x5t#S256 {shown}"));
            let claim = observation.claimed(sighting, "cnf", bound);
            context.find(Self::META.of(observation).detail(detail).evidence(claim).evidence(evidence));
        }
    }
}

fn without_certificate(observation: &Observation<'_>, context: &mut Context<'_>) {
    for sighting in observation.presented().filter(|sighting| is_readable(&sighting.token)) {
        let Some(bound) = confirmation(&sighting.token) else { continue };
        let detail = format!("{}: bound to {}, the client showed none", observation.host_name, super::thumbprint(bound));
        let evidence = observation.in_request(Part::Tls, "certificate", "none");
        let claim = observation.claimed(sighting, "cnf", bound);
        let draft = CertBoundMismatch::META.of(observation).title("A token bound to a certificate came without one");
        context.find(draft.detail(detail).evidence(claim).evidence(evidence));
    }
}

fn confirmation(token: &Token) -> Option<&str> {
    token.claims.get("cnf")?.get("x5t#S256").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{exchange::TlsSession, rules::testing};

    #[test]
    fn compares_with_the_certificate_of_the_handshake() {
        let own = URL_SAFE_NO_PAD.encode(Sha256::digest(b"certificate"));
        for (bound, certificate, whole_handshake, fires) in [
            (own.as_str(), Some(b"certificate".as_slice()), true, false),
            ("AAAA", Some(b"certificate"), true, true),
            (own.as_str(), Some(b"other"), false, true),
            ("AAAA", None, false, false),
            ("AAAA", None, true, true),
        ] {
            let claims = serde_json::json!({"iss": "a", "cnf": {"x5t#S256": bound}}).to_string();
            let token = crate::token::testing::jwt(r#"{"alg":"ES256"}"#, &claims);
            let text =
                format!("GET /a HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer {token}\n\nHTTP/1.1 200 OK\n\n");
            let mut exchanges = testing::exchanges(&text);
            for exchange in &mut exchanges {
                let client_certificate = certificate.map(Box::from);
                exchange.tls =
                    Some(Arc::new(TlsSession { client_certificate, whole_handshake, ..TlsSession::default() }));
            }
            let report = testing::judge_exchanges(testing::policy(), exchanges);
            let found = report.findings.iter().any(|finding| finding.meta.code == "JWT-029");
            assert_eq!(found, fires, "{bound} {certificate:?}");
        }
    }
}
