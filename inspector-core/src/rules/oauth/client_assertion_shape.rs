use crate::{bounded::Memory, evidence::Part, finding::Severity, handshake::{oauth_message, observation::{Endpoint, Observation, is_readable}}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, time::Timestamp, token::{Sighting, Token, mask}};

use super::{Distance, Period};

declare_rule! {
    /// A client authenticates by an assertion that is not what RFC 7523 wants: its audience is another server, `sub` is
    /// not `iss` or not `client_id`, `exp` is missing, over or years away, its `jti` was used before, or another way to
    /// authenticate stands beside it. An assertion that is a grant (`jwt-bearer`) is asked for its audience and its end.
    ///
    /// # Evidence
    /// The claim.
    ///
    /// # Traps
    /// The `assertion` of the ACS dialect is another thing, and so is the access token that Entra ID takes on behalf of a
    /// user: its audience is the client. Microsoft's token hosts are aliases of each other, and take
    /// an assertion more than once: there a repeated `jti` is low. Behind a TLS terminator the host of the request is
    /// not the one of the audience: low on private addresses.
    pub(crate) ClientAssertionShape = "OAU-025" "client-assertion-shape" Medium,
    title: "A client assertion is malformed",
    remedy: "Set iss and sub to the client id, aud to the token endpoint or the issuer, and a short exp and a new jti.",
    source: "RFC 7523 §3",
    reference: "https://www.rfc-editor.org/rfc/rfc7523#section-3",
    state: { used: Memory<Fingerprint, Period> },
}

impl Rule for ClientAssertionShape {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint != Endpoint::Token {
            return;
        }
        let posted = |name: &str| {
            let mut all = observation.extraction.sightings.iter().filter(|s| s.part == Part::RequestBody);
            all.find(|s| s.name.trim_start_matches('/') == name)
        };
        if is_jwt_grant(observation)
            && let Some(sighting) = posted("assertion")
        {
            granted(observation, sighting, context);
        }
        let Some(sighting) = posted("client_assertion") else { return };
        let token = &sighting.token;
        if !is_readable(token) {
            return;
        }
        let mut found: Vec<(Severity, String)> = Vec::new();
        let medium = Self::META.severity;
        match (token.claim("iss"), token.claim("sub")) {
            (Some(issuer), Some(subject)) if issuer == subject => {}
            (Some(_), Some(_)) => found.push((medium, "sub is not iss".to_owned())),
            (None, _) => found.push((medium, "iss is missing".to_owned())),
            (_, None) => found.push((medium, "sub is missing".to_owned())),
        }
        if let Some(problem) = lifetime(observation, token) {
            found.push((medium, problem.to_owned()));
        }
        let named = super::posted(observation, "client_id");
        let says = token.claim("sub").or_else(|| token.claim("iss"));
        if let Some((named, says)) = named.zip(says.as_deref()).filter(|(named, says)| named != says) {
            found.push((medium, format!("client_id is \"{}\", sub is \"{}\"", mask::text(named), mask::text(says))));
        }
        let other = super::posted(observation, "client_secret").is_some()
            || observation.basics().any(|(credentials, _)| !credentials.proxy);
        if other {
            found.push((medium, "a client secret is sent beside the assertion".to_owned()));
        }
        if let Some(problem) = audience(observation, token, context) {
            let near = super::distance(observation) != Distance::Global;
            found.push((if near { Severity::Low } else { medium }, problem));
        }
        if let Some(id) = token.claim("jti") {
            let issuer = token.claim("iss").unwrap_or_default();
            let key = Fingerprint::of(format!("{issuer} {id}").as_bytes());
            match self.used.recall(&key) {
                Some(earlier) if Period::of(observation).is_apart(*earlier) => {
                    let takes_it_again = observation.profile.is_token_host(&observation.host_name);
                    let severity = if takes_it_again { Severity::Low } else { medium };
                    found.push((severity, "jti was used before".to_owned()));
                }
                Some(_) => {}
                None if observation.status.is_some() => self.used.keep(key, Period::of(observation)),
                None => {}
            }
        }
        for (severity, what) in found {
            let detail = format!("{}: {what}", observation.host_name);
            let evidence = observation.sighted(sighting);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

/// Longest life of an assertion that is for one request, in seconds: a week, where servers allow minutes to a day.
const LONGEST_LIFE: i64 = 604_800;
/// Seconds by which clocks may differ.
const SKEW: i64 = 300;

/// What is wrong with the end of an assertion.
fn lifetime(observation: &Observation<'_>, token: &Token) -> Option<&'static str> {
    let Some(end) = token.expires.map(Timestamp::seconds) else { return Some("exp is missing") };
    let now = observation.judged_at.map(Timestamp::seconds);
    if now.is_some_and(|now| end.saturating_add(SKEW) < now) {
        return Some("it is over");
    }
    let begin = token.issued_at.map(Timestamp::seconds).or(now)?;
    (end.saturating_sub(begin) > LONGEST_LIFE.saturating_add(SKEW)).then_some("it is valid for more than a week")
}

/// Whether it asks by an assertion as a grant (RFC 7523 §2.1) that is made for the server.
fn is_jwt_grant(observation: &Observation<'_>) -> bool {
    super::grant(observation).is_some_and(|grant| grant.ends_with(":jwt-bearer"))
        && super::posted(observation, "requested_token_use").is_none()
        && !observation.profile.is_token_host(&observation.host_name)
        && observation.token_request.as_ref().is_some_and(|request| !request.server_to_server)
}

/// An assertion that is a grant.
fn granted(observation: &Observation<'_>, sighting: &Sighting, context: &mut Context<'_>) {
    let token = &sighting.token;
    if !is_readable(token) || !super::succeeded(observation) {
        return;
    }
    let by_url =
        token.audiences().iter().all(|audience| oauth_message::parts(audience).is_some_and(|(_, host, _)| !host.is_empty()));
    let near = super::distance(observation) != Distance::Global;
    let wrong = audience(observation, token, context).filter(|_| by_url && !near);
    for problem in
        wrong.into_iter().chain(lifetime(observation, token).filter(|it| *it == "it is over").map(str::to_owned))
    {
        let detail = format!("{}: an assertion was taken as a grant: {problem}", observation.host_name);
        let draft =
            ClientAssertionShape::META.of(observation).title("An assertion for another server was taken as a grant");
        context.find(draft.detail(detail).evidence(observation.sighted(sighting)));
    }
}

/// What is wrong with the audience: none, or none of them this server.
fn audience(observation: &Observation<'_>, token: &Token, context: &Context<'_>) -> Option<String> {
    let audiences = token.audiences();
    let Some(first) = audiences.first() else { return Some("aud is missing".to_owned()) };
    let here = &observation.host_name;
    let is_here = |audience: &String| {
        let host = oauth_message::parts(audience).map(|(_, host, _)| host);
        let alias = host.as_deref().is_some_and(|host| {
            host == here.as_ref()
                || (observation.profile.is_token_host(host) && observation.profile.is_token_host(here))
        });
        let published =
            |host: &str| context.ledger.flows().servers(host).any(|s| s.token == **here || s.issuer == *audience);
        alias || published(here) || host.as_deref().is_some_and(published)
    };
    (!audiences.iter().any(is_here)).then(|| format!("aud is \"{}\"", mask::text(first)))
}
