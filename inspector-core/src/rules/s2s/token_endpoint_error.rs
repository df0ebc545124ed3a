use crate::{
    evidence::Part,
    handshake::observation::Observation,
    report::mask,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// The token endpoint refused to issue an actor token.
    ///
    /// # Evidence
    /// `error`, the codes of the description (the last is the most specific), and the trace and correlation ids that
    /// support asks for.
    ///
    /// # Traps
    /// A GET of the endpoint's URL in a browser answers 400 and means nothing. Refused requests of users (refresh tokens,
    /// interaction required) are ordinary and not meant here.
    pub(crate) TokenEndpointError = "S2S-036" "token-endpoint-error" High,
    title: "The token endpoint refused the server-to-server token request",
    remedy: "Look up the code in the evidence; the codes change over time, so read the description as well.",
    source: "RFC 6749 §5.2; Microsoft Entra authentication and authorization error codes",
    reference: "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
}

impl Rule for TokenEndpointError {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let asked = observation.token_request.as_ref().is_some_and(|request| request.server_to_server);
        let refused = observation.status.is_some_and(|status| (400..500).contains(&status));
        let (true, true, Some(error)) = (asked, refused, &observation.token_error) else { return };
        let code = error.codes.join(", ");
        let meaning = error.explanation().map(|explanation| format!(" ({})", explanation.meaning)).unwrap_or_default();
        let detail = format!("{}: {} {code}{meaning}", observation.host_name, mask::text(&error.error));
        let ids: Vec<String> = [("trace", &error.trace), ("correlation", &error.correlation)]
            .into_iter()
            .filter_map(|(name, id)| id.as_ref().map(|id| format!("{name} {}", mask::text(id))))
            .collect();
        let excerpt = format!("{} {}", mask::text(&error.description), ids.join(", "));
        let evidence = observation.in_response(Part::ResponseBody, "error", excerpt.trim());
        let remedy = error.explanation().map_or("", |explanation| explanation.remedy);
        context.find(Self::META.of(observation).detail(detail).remedy(remedy).evidence(evidence));
    }
}
