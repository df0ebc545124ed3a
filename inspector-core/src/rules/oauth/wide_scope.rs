use std::collections::BTreeSet;

use crate::{
    bounded::Memory,
    evidence::Part,
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    token::mask,
};

/// Scopes of OpenID Connect, which say nothing about a resource.
const OPENID: [&str; 6] = ["openid", "profile", "email", "address", "phone", "offline_access"];

declare_rule! {
    /// A token has scopes that were not asked for. It is medium where a refresh gives more than was granted at first.
    ///
    /// # Evidence
    /// The scopes that came on top.
    ///
    /// # Traps
    /// Entra ID returns everything consented to, which is left out, as are the scopes of OpenID Connect. What was asked
    /// has to be in the recording: in the token request, or in the authorization request of the code.
    pub(crate) WideScope = "OAU-017" "wide-scope" Low,
    title: "A token has more scopes than were asked for",
    remedy: "Ask for what is needed, and let the authorization server grant no more.",
    source: "RFC 6749 §3.3",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-3.3",
    state: { granted: Memory<Fingerprint, BTreeSet<String>> },
}

impl Rule for WideScope {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        self.tried(observation, context);
        let Some(granted) = observation.flow.answer.as_ref().and_then(|answer| answer.scope.as_deref()) else { return };
        if !super::succeeded(observation) || observation.profile.is_token_host(&observation.host_name) {
            return;
        }
        self.refreshed(observation, granted, context);
        let of_code = super::posted(observation, "code")
            .and_then(|code| context.ledger.flows().of_code(Fingerprint::of(code.as_bytes())))
            .and_then(|asked| asked.request.scope.as_deref());
        let Some(asked) = super::posted(observation, "scope").or(of_code) else { return };
        let asked = words(asked);
        if asked.iter().any(|scope| scope.ends_with("/.default")) {
            return;
        }
        let more: Vec<String> =
            words(granted).into_iter().filter(|s| !asked.contains(s) && !OPENID.contains(&s.as_str())).collect();
        if more.is_empty() {
            return;
        }
        let more = mask::text(&more.join(" "));
        let evidence = observation.in_response(Part::ResponseBody, "scope", more.clone());
        let detail = format!("{}: granted though not asked for: {more}", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}

impl WideScope {
    /// A refresh that asks for more than was granted, and is refused.
    fn tried(&self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if super::grant(observation) != Some("refresh_token") || !super::was_refused(observation) {
            return;
        }
        let Some(token) = super::posted(observation, "refresh_token") else { return };
        let (Some(first), Some(asked)) =
            (self.granted.recall(&Fingerprint::of(token.as_bytes())), super::posted(observation, "scope"))
        else {
            return;
        };
        let asked = words(asked);
        let more: Vec<&str> = asked.difference(first).map(String::as_str).filter(|it| !OPENID.contains(it)).collect();
        if more.is_empty() {
            return;
        }
        let more = mask::text(&more.join(" "));
        let detail = format!("{}: a refresh that asked for more than was granted was refused: {more}", observation.host_name);
        let evidence = observation.in_request(Part::RequestBody, "scope", more);
        let draft = Self::META.of(observation).detail(detail).evidence(evidence);
        context.find(super::as_tried(draft, false, "A refresh tried to raise the scope"));
    }

    /// What a refresh gives is at most what was granted first (RFC 6749 §6).
    fn refreshed(&mut self, observation: &Observation<'_>, granted: &str, context: &mut Context<'_>) {
        let now = words(granted);
        let token = super::posted(observation, "refresh_token").map(|token| Fingerprint::of(token.as_bytes()));
        let is_refresh = super::grant(observation) == Some("refresh_token");
        let first = token.filter(|_| is_refresh).and_then(|token| self.granted.recall(&token)).cloned();
        if let Some(first) = &first {
            let more: Vec<&str> = now.difference(first).map(String::as_str).filter(|it| !OPENID.contains(it)).collect();
            if !more.is_empty() {
                let more = mask::text(&more.join(" "));
                let detail = format!("{}: a refresh gives more than was granted: {more}", observation.host_name);
                let evidence = observation.in_response(Part::ResponseBody, "scope", more);
                let draft = Self::META.of(observation).severity(Severity::Medium).title("A refresh raises the scope");
                context.find(draft.detail(detail).evidence(evidence));
            }
        }
        if let Some(next) = observation.flow.answer.as_ref().and_then(|answer| answer.refresh_token)
            && self.granted.recall(&next).is_none()
        {
            self.granted.keep(next, first.unwrap_or(now));
        }
    }
}

/// The scopes of a list; some servers divide by commas.
fn words(list: &str) -> BTreeSet<String> {
    list.split([' ', ',', '+']).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect()
}
