use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client asks for an access token in the authorization response (implicit grant): it cannot be bound to the
    /// client, and it passes through the browser's URL.
    ///
    /// # Evidence
    /// `response_type` and `client_id`.
    ///
    /// # Traps
    /// `id_token` without an access token signs somebody in and is low. `code id_token` is no implicit grant.
    pub(crate) ImplicitGrant = "OAU-003" "implicit-grant" Medium,
    title: "The implicit grant is used",
    remedy: "Use the authorization code grant with PKCE.",
    source: "RFC 9700 §2.1.2; RFC 6749 §4.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2",
}

impl Rule for ImplicitGrant {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.flow.authorization else { return };
        let severity = match (request.asks_for("token"), request.asks_for("id_token"), request.asks_for("code")) {
            (true, ..) => Self::META.severity,
            (false, true, false) => Severity::Low,
            _ => return,
        };
        let types = mask::text(&request.response_types.join(" "));
        let client = mask::text(&request.client);
        let evidence = observation.in_request(Part::RequestUrl, "response_type", format!("response_type={types}"));
        let detail = format!("{}: client \"{client}\" asks for \"{types}\"", observation.host_name);
        let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
        context.find(if severity == Severity::Low {
            draft.title("A client signs in by the implicit grant")
        } else {
            draft
        });
    }
}
