use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// The authorization endpoint lets scripts of other sites read its answers (CORS): a browser is to be sent there, and
    /// no script has any business with its answer.
    ///
    /// # Evidence
    /// `Access-Control-Allow-Origin`.
    ///
    /// # Traps
    /// Token, key and metadata endpoints need CORS for clients in browsers. A pushed request is no request of a browser.
    pub(crate) AuthorizationCors = "OAU-048" "authorization-cors" Low,
    title: "The authorization endpoint allows scripts of other sites",
    remedy: "Send no Access-Control-Allow-Origin from the authorization endpoint.",
    source: "RFC 9700 §2.6",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.6",
}

impl Rule for AuthorizationCors {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.flow.authorization.as_ref().is_none_or(|request| request.pushed) {
            return;
        }
        let allowed = observation.response().and_then(|head| head.text("access-control-allow-origin"));
        let Some(allowed) = allowed.map(str::trim).filter(|allowed| !allowed.is_empty() && *allowed != "null") else {
            return;
        };
        let allowed = mask::text(allowed);
        let detail = format!("{}: allows {allowed}", observation.host_name);
        let evidence = observation.in_response(Part::ResponseHeader, "Access-Control-Allow-Origin", allowed);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
