use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha384, Sha512};

use crate::{bounded::Memory, evidence::Part, finding::Severity, handshake::{oauth_message::{AuthorizationRequest, Carriage}, observation::{Observation, is_readable, is_whole}}, redact::mark, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::{Sighting, mask}};

declare_rule! {
    /// An id_token is not tied to its request, or not to what came with it: there is no nonce in a request for an id_token
    /// in the authorization response, a nonce is used again, the id_token has another, or its `at_hash` or `c_hash` is
    /// not that of the access token or the code beside it.
    ///
    /// # Evidence
    /// The authorization request, or the id_token.
    ///
    /// # Traps
    /// In the code flow the nonce is optional: without it (and without PKCE) it is low. A request that is loaded again
    /// repeats its nonce. An id_token is compared only with the request it answers, by code or state.
    pub(crate) OidcNonce = "OAU-024" "oidc-nonce" Medium,
    title: "An id_token is not tied to its request",
    remedy: "Send an unguessable nonce with every request, and compare nonce, at_hash and c_hash on return.",
    source: "OpenID Connect Core §3.1.3.6, §3.2.2.1, §3.3.2.11",
    reference: "https://openid.net/specs/openid-connect-core-1_0.html#NonceNotes",
    state: { nonces: Memory<Fingerprint, (String, Option<Fingerprint>, Option<Fingerprint>)> },
}

impl Rule for OidcNonce {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH.or(Occasions::TOKEN)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if let Some(request) = &observation.flow.authorization
            && !request.by_reference
        {
            self.asked(observation, request, context);
        }
        let issued = |s: &&Sighting| {
            let name = s.name.rsplit([' ', '/']).next().unwrap_or_default();
            let here = matches!(s.part, Part::ResponseBody | Part::ResponseHeader | Part::RequestBody);
            here && name == "id_token" && is_readable(&s.token)
        };
        for sighting in observation.extraction.sightings.iter().filter(issued) {
            self.answered(observation, sighting, context);
        }
    }
}

impl OidcNonce {
    fn asked(&mut self, observation: &Observation<'_>, request: &AuthorizationRequest, context: &mut Context<'_>) {
        let openid = request.scope.as_deref().unwrap_or_default().split(' ').any(|scope| scope == "openid");
        let front = request.asks_for("id_token");
        let (severity, what) = match request.nonce {
            None if front => (Self::META.severity, "asks for an id_token without nonce"),
            None if openid && request.asks_for("code") && request.challenge.is_none() => {
                (Severity::Low, "signs in by a code without nonce or PKCE")
            }
            None => return,
            Some(nonce) => {
                let now = (request.client.clone(), request.state, request.challenge);
                match self.nonces.recall(&nonce) {
                    Some(first) if first.0 == now.0 && *first != now => {
                        let severity = if front { Self::META.severity } else { Severity::Low };
                        (severity, "repeats the nonce of another request")
                    }
                    Some(_) => return,
                    None => {
                        self.nonces.keep(nonce, now);
                        return;
                    }
                }
            }
        };
        let client = mask::text(&request.client);
        let detail = format!("{}: client \"{client}\" {what}", observation.host_name);
        let evidence = observation.in_request(Part::RequestUrl, "nonce", format!("client \"{client}\" {what}"));
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }

    fn answered(&self, observation: &Observation<'_>, sighting: &Sighting, context: &mut Context<'_>) {
        let code = match sighting.part {
            Part::ResponseBody => super::posted(observation, "code").map(|code| Fingerprint::of(code.as_bytes())),
            _ => None,
        };
        let flows = context.ledger.flows();
        let response = observation.flow.response.as_ref().filter(|r| r.carriage == Carriage::Location);
        let of_response = || flows.of_state(observation.host, response?.state?);
        let asked = code.and_then(|code| flows.of_code(code)).or_else(of_response);
        let asked = asked.map(|asked| &asked.request).or(observation.flow.authorization.as_ref());
        let said = sighting.token.claim("nonce").map(|nonce| Fingerprint::of(nonce.as_bytes()));
        let mut problems: Vec<&str> = Vec::new();
        let renewed = super::grant(observation).is_some_and(|grant| grant != "authorization_code");
        if let Some(wanted) = asked.and_then(|asked| asked.nonce)
            && !renewed
            && said != Some(wanted)
        {
            problems.push("nonce is not that of the request");
        }
        if is_other(sighting, "at_hash", beside(observation, sighting, "access_token")) {
            problems.push("at_hash is not that of the access token");
        }
        if is_other(sighting, "c_hash", code_beside(observation, sighting)) {
            problems.push("c_hash is not that of the code");
        }
        for problem in problems {
            let detail = format!("{}: {problem}", observation.host_name);
            let evidence = observation.sighted(sighting);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// The token of that name that came together with the id_token.
fn beside(observation: &Observation<'_>, id: &Sighting, name: &str) -> Option<String> {
    let place = id.name.strip_suffix("id_token")?;
    let mut all = observation.extraction.sightings.iter().filter(|s| s.part == id.part && is_whole(&s.token));
    let other = all.find(|s| s.name.strip_suffix(name) == Some(place))?;
    Some(other.token.raw.reveal().to_string())
}

/// The code in the same response of the authorization endpoint.
fn code_beside(observation: &Observation<'_>, id: &Sighting) -> Option<String> {
    if id.part == Part::ResponseBody {
        return None;
    }
    let mut all = observation.extraction.parameters.iter().filter(|p| p.part == id.part);
    all.find(|p| p.name == "code").map(|p| p.value.reveal().clone()).filter(|code| !code.is_empty())
}

/// Whether a hash claim is there and is not the left half of the value's digest (OpenID Connect Core §3.1.3.6).
fn is_other(sighting: &Sighting, claim: &str, value: Option<String>) -> bool {
    let (Some(said), Some(value)) = (sighting.token.claim(claim), value) else { return false };
    // What was redacted is not what the hash is of.
    if mark::is_mark(&value) || value.rsplit('.').next().is_some_and(mark::is_marked_signature) {
        return false;
    }
    let algorithm = sighting.token.algorithm();
    let digest = match algorithm.get(2..).unwrap_or_default() {
        "256" => crate::secret::stand_ins::sha256(value.as_bytes()).to_vec(),
        "384" => Sha384::digest(value.as_bytes()).to_vec(),
        "512" => Sha512::digest(value.as_bytes()).to_vec(),
        _ => return false,
    };
    let half = digest.get(..digest.len() / 2).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(half) != said.trim_end_matches('=')
}
