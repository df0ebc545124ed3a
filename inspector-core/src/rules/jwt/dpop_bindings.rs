use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    bounded::Memory,
    exchange::Scheme,
    finding::Severity,
    handshake::observation::{CLOCK_SKEW, Observation, is_readable, is_whole},
    hosts::{self, HostId},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::{Fingerprint, names::PRIVATE_JWK, stand_ins},
    token::{
        Role, Sighting, Token, TokenKind, mask,
        verify::{Origin, VerificationKeys},
    },
};

/// Nonces of a server that are kept, the newest.
const NONCES: usize = 64;

declare_rule! {
    /// A proof of possession does not fit: it is for another method or URL, made at another time, for another access token
    /// or none, or with another key than the token is bound to; it is not signed by its own key, has an HMAC or a private
    /// key, or another nonce than the server demanded; there are several; or a token bound to a key came without proof. A
    /// time that is off by more than five minutes is medium.
    ///
    /// # Evidence
    /// The claim that does not fit.
    ///
    /// # Traps
    /// Query and fragment are no part of the URL, and behind a proxy that ends TLS its scheme differs. A claim the proof
    /// lacks is the matter of JWT-007, but for `ath`, which binds it to the token it comes with. At a token endpoint there
    /// is no access token yet. Any nonce the server gave in the recording fits, for it may renew them at any time.
    pub(crate) DpopBindings = "JWT-030" "dpop-bindings" High,
    title: "A proof of possession does not fit the request or the token",
    remedy: "Let the resource check jkt, htm, htu, iat and ath, and refuse bound tokens under another scheme than DPoP.",
    source: "RFC 9449 §4.3, §7.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9449#section-4.3",
    state: { nonces: Memory<HostId, Vec<Fingerprint>>, demanded: Memory<HostId, ()> },
}

impl Rule for DpopBindings {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN.or(Occasions::DPOP)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let all = &observation.extraction.sightings;
        let proof = all.iter().find(|s| s.name.eq_ignore_ascii_case("dpop") && s.kind == TokenKind::Dpop);
        let bound = all.iter().find(|s| s.role == Role::Presented && key_of(&s.token).is_some());
        let mut found: Vec<(Severity, &Sighting, &'static str, String)> = Vec::new();
        if let Some(bound) =
            bound.filter(|bound| bound.scheme.as_deref().is_some_and(|s| !s.eq_ignore_ascii_case("dpop")))
        {
            let scheme = mask::text(bound.scheme.as_deref().unwrap_or_default());
            found.push((Severity::High, bound, "cnf", format!("a token bound to a key came by {scheme}")));
        }
        found.extend(faults_of_number(observation, bound, proof));
        if let Some(proof) = proof.filter(|proof| is_whole(&proof.token)) {
            let own = faults_of_proof(&proof.token);
            found.extend(own.into_iter().map(|(severity, detail)| (severity, proof, "jwk", detail)));
        }
        found.extend(self.faults_of_nonce(observation, proof));
        if let Some(proof) = proof.filter(|proof| is_readable(&proof.token)) {
            let request = faults_of_request(observation, &proof.token);
            let token = all.iter().find(|s| s.role == Role::Presented && s.kind != TokenKind::Dpop);
            let binding = faults_of_binding(&proof.token, bound.map(|s| &*s.token), token.map(|s| &*s.token));
            let faults = request.into_iter().chain(binding);
            found.extend(faults.map(|(severity, claim, detail)| (severity, proof, claim, detail)));
        }
        for (severity, sighting, claim, detail) in found {
            let value = sighting.token.claim(claim).unwrap_or_default();
            let evidence = observation.claimed(sighting, claim, &value);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

/// A proof that is missing, is no proof, or is not alone (RFC 9449 §4.3, first item).
fn faults_of_number<'s>(
    observation: &Observation<'s>,
    bound: Option<&'s Sighting>,
    proof: Option<&'s Sighting>,
) -> Option<(Severity, &'s Sighting, &'static str, String)> {
    let head = observation.request()?;
    let count = head.values("dpop").filter(|value| !value.trim_ascii().is_empty()).count();
    let by_scheme = |s: &&Sighting| s.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("dpop"));
    let all = &observation.extraction.sightings;
    let presented = all.iter().find(|s| s.role == Role::Presented && by_scheme(s));
    if count > 1 {
        let at = proof.or(presented).or(bound)?;
        return Some((Severity::High, at, "jti", format!("the request has {count} proofs")));
    }
    let token = presented?;
    // Fields that a recording leaves out cannot be missed.
    if count == 0 && observation.is_sent() && !observation.exchange.marks.any() {
        return Some((Severity::High, token, "cnf", "a token came by DPoP without a proof".to_owned()));
    }
    None
}

/// What is wrong with a proof by itself: its algorithm, its key, its signature (RFC 9449 §4.2, §4.3).
fn faults_of_proof(proof: &Token) -> Vec<(Severity, String)> {
    let mut found = Vec::new();
    let algorithm = proof.algorithm();
    let symmetric = algorithm.to_ascii_uppercase().starts_with("HS");
    if proof.is_unsigned() {
        found.push((Severity::High, format!("the proof is not signed (alg \"{}\")", mask::text(&algorithm))));
    } else if symmetric {
        found.push((Severity::High, format!("the proof has an HMAC (alg \"{}\")", mask::text(&algorithm))));
    }
    let Some(key) = proof.header.get("jwk") else {
        found.push((Severity::High, "the proof has no key (jwk)".to_owned()));
        return found;
    };
    let private = PRIVATE_JWK.into_iter().find(|name| key.get(*name).is_some());
    if let Some(name) = private {
        found.push((Severity::High, format!("the proof's key is private (it has \"{name}\")")));
    }
    if !symmetric && !proof.is_unsigned() && !stand_ins::holds(proof.raw.reveal()) && is_refuted(proof, key) {
        found.push((Severity::High, "the proof's signature is not by its own key".to_owned()));
    }
    found
}

/// Whether the key inside a proof refutes its signature.
fn is_refuted(proof: &Token, key: &Value) -> bool {
    let Some(key) = key.as_object() else { return false };
    // What the key is said to be for, and its name, are no part of it.
    let plain: serde_json::Map<String, Value> = key
        .iter()
        .filter(|(name, _)| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let mut keys = VerificationKeys::default();
    let added = keys.add(Value::Object(plain).to_string().as_bytes(), &Origin::Recording);
    added.is_ok() && keys.refute(proof)
}

impl DpopBindings {
    /// A server demands a nonce, and another one or none comes (RFC 9449 §8, §9). Servers renew theirs at any time, so
    /// only a request that is accepted counts, and every nonce the server gave fits.
    fn faults_of_nonce<'s>(
        &mut self,
        observation: &Observation<'s>,
        proof: Option<&'s Sighting>,
    ) -> Option<(Severity, &'s Sighting, &'static str, String)> {
        let given = observation.response().and_then(|head| head.value("dpop-nonce")).map(Fingerprint::of);
        let accepted = observation.status.is_some_and(|status| (200..300).contains(&status));
        let fault = proof.filter(|proof| accepted && is_readable(&proof.token)).and_then(|proof| {
            let known = self.nonces.recall(&observation.host)?;
            let said = proof.token.claim("nonce").map(|nonce| Fingerprint::of(nonce.as_bytes()));
            match said {
                Some(said) if known.contains(&said) => None,
                // Proofs that were sent before the demand was answered have none.
                Some(_) => Some((proof, "the proof has another nonce than the server gave")),
                None if self.demanded.recall(&observation.host).is_some() => {
                    Some((proof, "the proof has no nonce although the server demanded one"))
                }
                None => None,
            }
        });
        if let Some(given) = given {
            let demands = observation.status == Some(401) || observation.status == Some(400);
            if demands {
                self.demanded.keep(observation.host, ());
            }
            match self.nonces.recall_mut(&observation.host) {
                Some(known) if known.contains(&given) => {}
                Some(known) => {
                    if known.len() >= NONCES {
                        known.remove(0);
                    }
                    known.push(given);
                }
                None => self.nonces.keep(observation.host, vec![given]),
            }
        }
        fault.map(|(proof, what)| (Severity::High, proof, "nonce", what.to_owned()))
    }
}

/// `cnf.jkt`.
fn key_of(token: &Token) -> Option<&str> {
    token.claims.get("cnf")?.get("jkt").and_then(Value::as_str)
}

/// What of method, URL and time does not fit.
fn faults_of_request(observation: &Observation<'_>, proof: &Token) -> Vec<(Severity, &'static str, String)> {
    let mut found = Vec::new();
    let method =
        observation.request().map(|head| String::from_utf8_lossy(head.method()).into_owned()).unwrap_or_default();
    if let Some(htm) = proof.claim("htm").filter(|htm| *htm != method) {
        found.push((Severity::High, "htm", format!("htm is {}, the method {}", mask::text(&htm), mask::text(&method))));
    }
    if let Some(htu) = proof.claim("htu")
        && !is_url_of(&htu, observation)
    {
        found.push((Severity::High, "htu", format!("htu {} is not that of the request", mask::text(&htu))));
    }
    if let (Some(issued), Some(now)) = (proof.issued_at, observation.valid_at())
        && issued.seconds().abs_diff(now.seconds()) > CLOCK_SKEW
    {
        found.push((Severity::Medium, "iat", "the proof was made at another time".to_owned()));
    }
    found
}

fn is_url_of(htu: &str, observation: &Observation<'_>) -> bool {
    let Some((_, rest)) = htu.split_once("://") else { return false };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let rest = rest.get(..end).unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let host = hosts::normalize(authority, Scheme::Https);
    let asked = if observation.path.is_empty() { "/" } else { &observation.path };
    hosts::bare(&host) == hosts::bare(&observation.host_name) && path.eq_ignore_ascii_case(asked)
}

/// What of the keys and the access token does not fit.
fn faults_of_binding(
    proof: &Token,
    bound: Option<&Token>,
    token: Option<&Token>,
) -> Vec<(Severity, &'static str, String)> {
    let mut found = Vec::new();
    if let (Some(jkt), Some(thumbprint)) = (bound.and_then(key_of), proof.header.get("jwk").and_then(thumbprint))
        && jkt != thumbprint
    {
        found.push((
            Severity::High,
            "cnf",
            format!("the token is bound to {}, the proof's key is {thumbprint}", super::thumbprint(jkt)),
        ));
    }
    if let (None, Some(_)) = (proof.claim("ath"), token) {
        found.push((Severity::High, "ath", "the proof is for no access token (no ath)".to_owned()));
    }
    // What was redacted is not what the hash is of.
    if let (Some(ath), Some(token)) = (proof.claim("ath"), token.filter(|token| !token.is_redacted())) {
        let hash = URL_SAFE_NO_PAD.encode(stand_ins::sha256(token.raw.reveal().as_bytes()));
        if *ath != hash {
            found.push((Severity::High, "ath", "the proof is for another access token".to_owned()));
        }
    }
    found
}

/// The thumbprint of a public key (RFC 7638): SHA-256 of its required members in order of their names.
fn thumbprint(key: &Value) -> Option<String> {
    let names: &[&str] = match key.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members: Option<Vec<String>> = names
        .iter()
        .map(|name| Some(format!("\"{name}\":{}", serde_json::to_string(key.get(*name)?.as_str()?).ok()?)))
        .collect();
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members?.join(",")).as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_of_rfc_7638() {
        let key = serde_json::json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"
        });
        assert_eq!(thumbprint(&key).as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert_eq!(thumbprint(&serde_json::json!({"kty": "oct", "k": "x"})), None);
    }
}
