use super::Period;
use crate::{bounded::Memory, evidence::{Evidence, Part}, finding::Severity, handshake::{oauth_message::{self, Carriage}, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, time::Timestamp};

/// Seconds that a code may be valid (RFC 6749 §4.1.2).
const CODE: i64 = 600;
/// Seconds that clocks and networks may take.
const TOLERANCE: i64 = 30;

declare_rule! {
    /// A value that may serve once, or for a while, serves again or later: a device code that gives tokens twice or after
    /// its end, a pushed request (`request_uri`) answered twice or after its end, one code challenge in two authorization
    /// requests, a code that is taken more than ten minutes after it was given.
    ///
    /// # Evidence
    /// Both uses, or the use and when it ended.
    ///
    /// # Traps
    /// A login page that is loaded again uses a `request_uri` again; it counts once it was answered. An authorization
    /// request that is sent again has the same `state`. Codes that are redeemed twice are OAU-015.
    pub(crate) OneTimeValueReused = "OAU-040" "one-time-value-reused" Medium,
    title: "A value for one use or a short time was taken again or later",
    remedy: "End device codes, request_uri and codes with their first use and their time; make a new challenge each time.",
    source: "RFC 8628 §3.5; RFC 9126 §4; RFC 7636 §4.1; RFC 9700 §2.1.1; RFC 6749 §4.1.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9126#section-4",
    state: { uses: Memory<Fingerprint, Use>, challenges: Memory<Fingerprint, (Option<Fingerprint>, Option<Fingerprint>)> },
}

/// A value that was given or used.
#[derive(Default)]
pub(crate) struct Use {
    /// Seconds since 1970 at which it ends.
    ends: Option<i64>,
    used: Option<(Period, Evidence)>,
}

impl Rule for OneTimeValueReused {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        self.given(observation);
        self.challenged(observation, context);
        if super::grant(observation).is_some_and(|grant| grant.ends_with("device_code"))
            && super::succeeded(observation)
        {
            let code = super::posted(observation, "device_code").map(|code| Fingerprint::of(code.as_bytes()));
            let got = observation.flow.answer.as_ref().is_some_and(|answer| answer.access_token.is_some());
            if let Some(code) = code.filter(|_| got) {
                self.used(observation, context, code, "device_code", Part::RequestBody);
            }
        }
        if super::grant(observation) == Some("authorization_code") && super::succeeded(observation) {
            let code = super::posted(observation, "code").map(|code| Fingerprint::of(code.as_bytes()));
            if let Some(code) = code {
                self.late(observation, context, code, "code", Part::RequestBody);
            }
        }
        let answered = observation.flow.response.as_ref().is_some_and(|response| {
            response.carriage == Carriage::Location && (response.code.is_some() || response.tokens)
        });
        if observation.flow.authorization.is_some() && answered {
            let target = observation.request().map(|head| head.target()).unwrap_or_default();
            let uri = form::pairs(oauth_message::query(target)).find(|(name, _)| name == "request_uri");
            if let Some((_, uri)) = uri.filter(|(_, uri)| uri.starts_with("urn:")) {
                self.used(observation, context, Fingerprint::of(uri.as_bytes()), "request_uri", Part::RequestUrl);
            }
        }
    }
}

impl OneTimeValueReused {
    /// Keeps until when what is given is valid.
    fn given(&mut self, observation: &Observation<'_>) {
        let now = observation.exchange.response.as_ref().and_then(|response| response.end.time()).or(observation.time);
        let Some(now) = now.map(Timestamp::seconds) else { return };
        if let Some(answer) = &observation.flow.answer {
            let ends =
                answer.expires_in.and_then(|seconds| i64::try_from(seconds).ok()).map(|it| now.saturating_add(it));
            for id in [answer.device_code, answer.request_uri].into_iter().flatten() {
                self.uses.keep(id, Use { ends, used: None });
            }
        }
        if let Some(response) = &observation.flow.response
            && response.carriage == Carriage::Location
            && let Some(code) = response.code.filter(|code| self.uses.recall(code).is_none())
        {
            self.uses.keep(code, Use { ends: Some(now.saturating_add(CODE)), used: None });
        }
    }

    fn used(
        &mut self,
        observation: &Observation<'_>,
        context: &mut Context<'_>,
        id: Fingerprint,
        name: &'static str,
        part: Part,
    ) {
        self.late(observation, context, id, name, part);
        let evidence = observation.in_request(part, name, format!("{name} (sha256 {id})"));
        let period = Period::of(observation);
        if self.uses.recall(&id).is_none() {
            self.uses.keep(id, Use::default());
        }
        let Some(known) = self.uses.recall_mut(&id) else { return };
        match &known.used {
            Some((earlier, first)) if period.is_apart(*earlier) => {
                let detail = format!("{}: one {name} served twice", observation.host_name);
                let draft = Self::META.of(observation).detail(detail).evidence(first.clone());
                context.find(draft.evidence(evidence));
            }
            Some(_) => {}
            None => known.used = Some((period, evidence)),
        }
    }

    fn late(
        &self,
        observation: &Observation<'_>,
        context: &mut Context<'_>,
        id: Fingerprint,
        name: &'static str,
        part: Part,
    ) {
        let ends = self.uses.recall(&id).and_then(|known| known.ends);
        let Some((ends, now)) = ends.zip(observation.time.map(Timestamp::seconds)) else { return };
        let late = now.saturating_sub(ends);
        if late > TOLERANCE {
            let detail = format!("{}: a {name} was taken {late} seconds after its end", observation.host_name);
            let evidence = observation.in_request(part, name, format!("{name} (sha256 {id})"));
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }

    /// One challenge in requests that are not the same.
    fn challenged(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.flow.authorization else { return };
        let Some(challenge) = request.challenge else { return };
        let now = (request.state, request.nonce);
        match self.challenges.recall(&challenge) {
            Some(first) if *first != now && (first.0.is_some() || first.1.is_some()) => {
                let client = crate::token::mask::text(&request.client);
                let detail = format!("{}: client \"{client}\" uses one code_challenge again", observation.host_name);
                let excerpt = format!("code_challenge (sha256 {challenge})");
                let evidence = observation.in_request(Part::RequestUrl, "code_challenge", excerpt);
                context.find(Self::META.of(observation).severity(Severity::Medium).detail(detail).evidence(evidence));
            }
            Some(_) => {}
            None => self.challenges.keep(challenge, now),
        }
    }
}
