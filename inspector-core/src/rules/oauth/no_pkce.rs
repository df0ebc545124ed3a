use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{evidence::Part, finding::{Seen, Severity}, handshake::{oauth_message::{self, AuthorizationRequest}, oauth_ledger::Authorization, observation::Observation}, hosts::HostId, redact::mark, rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

/// Lengths of a verifier (RFC 7636 §4.1).
const LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;

/// Clients kept; a deployment has far fewer.
const CLIENTS: usize = 1024;

declare_rule! {
    /// An authorization code is asked for without PKCE, or with its `plain` method, or is redeemed with a verifier that
    /// does not fit: whoever intercepts the code can redeem it. It is medium for public clients, low for those that
    /// authenticate or of which that is not known. A server that takes a code whose verifier is missing, does not fit, was
    /// not announced by a challenge, or is too short enforces nothing: high.
    ///
    /// # Evidence
    /// The authorization request or the token request, and the client.
    ///
    /// # Traps
    /// A client is public if it redeems a code without authenticating, or if its redirection URI is a loopback address
    /// or an own scheme. Parameters in a request object or a pushed request cannot be seen, and nothing is said of them.
    /// Whether the server enforces PKCE cannot be told from outside.
    pub(crate) NoPkce = "OAU-005" "no-pkce" Medium,
    title: "An authorization code is not protected by PKCE",
    remedy: "Send code_challenge with code_challenge_method=S256, and a new verifier with every request.",
    source: "RFC 7636; RFC 9700 §2.1.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1",
    state: { clients: BTreeMap<(HostId, Fingerprint), Client> },
}

/// A client that asks without PKCE.
pub(crate) struct Client {
    name: String,
    seen: Seen,
    plain: bool,
    public: bool,
}

impl Rule for NoPkce {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if let Some(request) = &observation.flow.authorization
            && request.asks_for("code")
            && !request.by_reference
            && !is_protected(request)
        {
            self.asked(observation, request);
        }
        if super::grant(observation) == Some("authorization_code") {
            self.redeemed(observation, context);
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for ((host, _), client) in &self.clients {
            let severity = if client.public { Self::META.severity } else { Severity::Low };
            let how = if client.plain { "with the plain method of PKCE" } else { "without PKCE" };
            let kind = if client.public { "public client" } else { "client" };
            let detail =
                format!("{}: {kind} \"{}\" asks for a code {how}", context.ledger.host_name(*host), client.name);
            context.find(Self::META.host(*host).severity(severity).detail(detail).seen(&client.seen));
        }
    }
}

impl NoPkce {
    fn asked(&mut self, observation: &Observation<'_>, request: &AuthorizationRequest) {
        let key = (observation.host, Fingerprint::of(request.client.as_bytes()));
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&key) {
            return;
        }
        let client = self.clients.entry(key).or_insert_with(|| Client {
            name: mask::text(&request.client),
            seen: Seen::default(),
            plain: request.challenge.is_some(),
            public: false,
        });
        client.seen.add(3, || observation.request_line());
        client.plain &= request.challenge.is_some();
        client.public |= request.redirect.as_deref().is_some_and(is_native);
    }

    fn redeemed(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(code) = super::posted(observation, "code") else { return };
        let verifier = super::posted(observation, "code_verifier");
        let public = !super::authenticates_client(observation);
        let accepted = super::succeeded(observation);
        let flows = context.ledger.flows();
        let (what, of_server) = match flows.of_code(Fingerprint::of(code.as_bytes())) {
            Some(asked) if asked.request.by_reference => return,
            Some(asked) if asked.request.challenge.is_none() => {
                self.mark(asked, public);
                match verifier {
                    Some(_) => ("code_verifier was sent though no code_challenge was", true),
                    None => return,
                }
            }
            Some(asked) => {
                if !asked.request.hashed {
                    self.mark(asked, public);
                }
                match verifier {
                    Some(verifier) if !fits(&asked.request, verifier) => {
                        ("code_verifier does not fit code_challenge", true)
                    }
                    Some(verifier) if !LENGTHS.contains(&verifier.len()) => {
                        ("code_verifier has not the 43 to 128 characters that make it hard to guess", true)
                    }
                    Some(_) => return,
                    None => ("code_verifier is missing though code_challenge was sent", true),
                }
            }
            None if verifier.is_none() && public && accepted => {
                ("a public client redeemed a code without code_verifier", false)
            }
            None => return,
        };
        let severity = match (accepted, of_server) {
            (true, true) => Severity::High,
            (true, false) if public => Self::META.severity,
            _ => Severity::Low,
        };
        let outcome = if accepted { "accepted" } else { "refused or without answer" };
        let detail = format!("{}: {what}; {outcome}", observation.host_name);
        let evidence = observation.in_request(Part::RequestBody, "code_verifier", what);
        let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
        context.find(if severity == Severity::High {
            draft.title("The server redeemed a code that PKCE had to protect").remedy(
                "Refuse a code whose code_verifier is missing, does not fit, was not announced, or is too short.",
            )
        } else {
            draft
        });
    }

    fn mark(&mut self, asked: &Authorization, public: bool) {
        let key = (asked.host, Fingerprint::of(asked.request.client.as_bytes()));
        if let Some(client) = self.clients.get_mut(&key) {
            client.public |= public;
        }
    }
}

const fn is_protected(request: &AuthorizationRequest) -> bool {
    request.challenge.is_some() && request.hashed
}

/// Whether the redirection URI is that of an app on a device (RFC 8252 §7).
fn is_native(redirect: &str) -> bool {
    oauth_message::parts(redirect).is_some_and(|(scheme, host, _)| match scheme.to_ascii_lowercase().as_str() {
        "https" => false,
        "http" => super::is_loopback(&host) && host.bytes().any(|b| b.is_ascii_digit()),
        _ => true,
    })
}

/// Whether a verifier is the one of the challenge (RFC 7636 §4.6).
fn fits(request: &AuthorizationRequest, verifier: &str) -> bool {
    // What was redacted is not what the challenge was made of.
    if mark::is_mark(verifier) {
        return true;
    }
    let challenge = if request.hashed {
        Fingerprint::of(URL_SAFE_NO_PAD.encode(crate::secret::stand_ins::sha256(verifier.as_bytes())).as_bytes())
    } else {
        Fingerprint::of(verifier.as_bytes())
    };
    request.challenge == Some(challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    #[test]
    fn a_verifier_fits_its_challenge() {
        let challenge = Fingerprint::of(b"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let request =
            AuthorizationRequest { challenge: Some(challenge), hashed: true, ..AuthorizationRequest::default() };
        assert!(fits(&request, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!fits(&request, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"));
    }
}
