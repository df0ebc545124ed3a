use serde_json::Value;

use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Token, TokenKind, mask},
};

declare_rule! {
    /// A token for an add-in was seen: an identity or callback token of Exchange, or a context token of SharePoint. Its
    /// issuer looks like one of server-to-server OAuth, and it is none.
    ///
    /// # Evidence
    /// The token and its version.
    ///
    /// # Traps
    /// It counts neither for nor against the handshake.
    pub(crate) IdtokenNotS2s = "S2S-047" "idtoken-not-s2s" Info,
    title: "A token of an add-in was seen; it is no server-to-server token",
    remedy: "Nothing to do.",
    source: "Inside the identity token of Office add-ins",
    reference: "https://learn.microsoft.com/office/dev/add-ins/outlook/inside-the-identity-token",
}

impl Rule for IdtokenNotS2s {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.extraction.sightings.iter().filter(|s| s.kind == TokenKind::AppContext) {
            let detail = format!("{} ({})", describe(&sighting.token), sighting.role.as_str());
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}

fn describe(token: &Token) -> String {
    if token.algorithm().starts_with("HS") {
        return "context token of SharePoint".to_owned();
    }
    let version = match token.claims.get("appctx") {
        Some(Value::Object(context)) => context.get("version").and_then(Value::as_str).map(str::to_owned),
        Some(Value::String(text)) => serde_json::from_str::<Value>(text)
            .ok()
            .and_then(|context| context.get("version").and_then(Value::as_str).map(str::to_owned)),
        _ => None,
    };
    match version.as_deref() {
        Some("ExIdTok.V1") => "identity token of Exchange".to_owned(),
        Some(other) => format!("token of Exchange, {}", mask::text(other)),
        None => "token of Exchange for an add-in".to_owned(),
    }
}
