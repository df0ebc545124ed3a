use crate::{bounded::Memory, evidence::Part, finding::Severity, handshake::{oauth_message, observation::{Observation, is_readable}}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, time::Timestamp, token::{Sighting, Token, mask}};

/// Longest answer of a userinfo endpoint that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;
/// Seconds by which clocks may differ.
const SKEW: i64 = 300;

declare_rule! {
    /// An id_token is issued whose claims are not those of its request: for another client (`aud`, `azp`), by another
    /// issuer than the server or the access token beside it, without an end or past it, from an older sign-in than
    /// `max_age` allows, or with a `sub` that userinfo contradicts.
    ///
    /// # Evidence
    /// The claim and what was expected.
    ///
    /// # Traps
    /// The client is told by the token request or by the authorization request of the code. Without the server's metadata
    /// the issuer is compared with that of the access token beside it alone: a host says little about its issuer. An
    /// audience of a related client with the asking one as `azp` is right.
    pub(crate) IdTokenClaims = "OAU-041" "id-token-claims" Medium,
    title: "An id_token does not fit its request",
    remedy: "Check iss, aud, azp, exp, auth_time and sub at the client, and set them at the server.",
    source: "OpenID Connect Core §2, §3.1.3.7, §5.3.2",
    reference: "https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation",
    state: { subjects: Memory<Fingerprint, String> },
}

impl Rule for IdTokenClaims {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        self.userinfo(observation, context);
        let is_front = observation.flow.response.is_some();
        let is_issued = |s: &&Sighting| {
            let name = s.name.rsplit([' ', '/']).next().unwrap_or_default();
            let here = s.part == Part::ResponseBody || (is_front && s.part == Part::ResponseHeader);
            here && name == "id_token" && is_readable(&s.token) && (is_front || observation.flow.answer.is_some())
        };
        for sighting in observation.extraction.sightings.iter().filter(is_issued) {
            for (severity, claim, problem) in problems(observation, context, sighting) {
                let detail = format!("{}: {problem}", observation.host_name);
                let evidence = observation.claimed(sighting, claim, &problem);
                context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
            }
            if let (Some(access), Some(subject)) =
                (observation.flow.answer.as_ref().and_then(|answer| answer.access_token), sighting.token.claim("sub"))
            {
                self.subjects.keep(access, subject.into_owned());
            }
        }
    }
}

impl IdTokenClaims {
    /// Whether userinfo tells of somebody else than the id_token that came with the access token.
    fn userinfo(&self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if self.subjects.is_empty() || observation.status != Some(200) || !observation.path.contains("userinfo") {
            return;
        }
        let Some(expected) = observation.presented().find_map(|it| self.subjects.recall(&it.token.id)) else { return };
        let content = observation.exchange.response.as_ref().and_then(|response| response.body.kept.as_deref());
        let Some(content) = content.filter(|content| content.len() <= LONGEST_ANSWER) else { return };
        let document: Option<serde_json::Value> = serde_json::from_slice(content).ok();
        let said = document.as_ref().and_then(|it| it.get("sub")).and_then(serde_json::Value::as_str);
        let Some(said) = said.filter(|said| said != expected) else { return };
        let detail = format!("{}: userinfo tells of another sub than the id_token", observation.host_name);
        let evidence = observation.in_response(Part::ResponseBody, "sub", mask::text(said));
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}

fn problems(
    observation: &Observation<'_>,
    context: &Context<'_>,
    sighting: &Sighting,
) -> Vec<(Severity, &'static str, String)> {
    let token = &sighting.token;
    let medium = IdTokenClaims::META.severity;
    let mut all = Vec::new();
    let flows = context.ledger.flows();
    let code = super::posted(observation, "code").map(|code| Fingerprint::of(code.as_bytes()));
    let of_code = code.and_then(|code| flows.of_code(code)).map(|asked| &asked.request);
    let of_state = || {
        let state = observation.flow.response.as_ref()?.state?;
        flows.of_state(observation.host, state).map(|asked| &asked.request)
    };
    let asked = of_code.or(observation.flow.authorization.as_ref()).or_else(of_state);
    if let Some(client) = super::client_of(observation).or_else(|| asked.map(|asked| asked.client.clone())) {
        audience(token, &client).into_iter().for_each(|(claim, problem)| all.push((medium, claim, problem)));
    }
    if let Some(problem) = issuer(observation, context, sighting) {
        all.push((medium, "iss", problem));
    }
    match (token.expires, observation.judged_at) {
        (None, _) => all.push((medium, "exp", "the id_token has no exp".to_owned())),
        (Some(end), Some(now)) if end.seconds().saturating_add(SKEW) < now.seconds() => {
            all.push((medium, "exp", "the id_token is issued past its exp".to_owned()));
        }
        _ => {}
    }
    if let Some(most) = asked.and_then(|asked| asked.max_age).and_then(|most| i64::try_from(most).ok()) {
        let issued = token.issued_at.map(Timestamp::seconds);
        let signed_in = token.claims.get("auth_time").and_then(serde_json::Value::as_i64);
        match signed_in.zip(issued) {
            Some((signed_in, issued)) if issued.saturating_sub(signed_in) > most.saturating_add(SKEW) => {
                all.push((medium, "auth_time", format!("the sign-in is older than max_age={most}")));
            }
            None if signed_in.is_none() => {
                all.push((Severity::Low, "auth_time", "max_age was asked for and auth_time is missing".to_owned()));
            }
            _ => {}
        }
    }
    all
}

/// What is wrong with the audience.
fn audience(token: &Token, client: &str) -> Option<(&'static str, String)> {
    let audiences = token.audiences();
    let party = token.claim("azp");
    let shown = mask::text(client);
    if let Some(party) = party.as_deref().filter(|party| *party != client && !party.is_empty()) {
        return Some(("azp", format!("azp is \"{}\", the client is \"{shown}\"", mask::text(party))));
    }
    let first = audiences.first()?;
    if party.is_none() && !audiences.iter().any(|one| one == client) {
        return Some(("aud", format!("aud is \"{}\", the client is \"{shown}\"", mask::text(first))));
    }
    None
}

/// Whether the issuer is another than the server's, by its metadata or by the access token beside.
fn issuer(observation: &Observation<'_>, context: &Context<'_>, sighting: &Sighting) -> Option<String> {
    let said = sighting.token.claim("iss")?;
    let here = &observation.host_name;
    if observation.profile.is_token_host(here) {
        return None;
    }
    let bare = |issuer: &str| issuer.trim_end_matches('/').to_owned();
    let published: Vec<String> = context.ledger.flows().issuers_of(here).map(bare).collect();
    if !published.is_empty() {
        let is_known = published.iter().any(|issuer| *issuer == bare(&said) || issuer.contains('{'));
        return (!is_known).then(|| {
            format!(
                "iss is \"{}\", the server's is \"{}\"",
                mask::text(&said),
                mask::text(published.first().map_or("", String::as_str))
            )
        });
    }
    let place = sighting.name.strip_suffix("id_token")?;
    let mut beside =
        observation.extraction.sightings.iter().filter(|s| s.part == sighting.part && is_readable(&s.token));
    let access = beside.find(|s| s.name.strip_suffix("access_token") == Some(place))?.token.claim("iss")?;
    let host = |issuer: &str| oauth_message::parts(issuer).map(|(_, host, _)| host);
    let (one, other) = (host(&said)?, host(&access)?);
    (!super::are_related(&one, &other, observation.profile))
        .then(|| format!("iss is \"{}\", the access token's is \"{}\"", mask::text(&said), mask::text(&access)))
}
