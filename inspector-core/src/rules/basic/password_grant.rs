use crate::{evidence::Part, handshake::{observation::Observation, token_endpoint}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::names::{is_password, is_user}, token::mask};

declare_rule! {
    /// A user's password was sent to a token endpoint (`grant_type=password`). It is OAuth by name, and a password all the
    /// same.
    ///
    /// # Evidence
    /// The user name and the length of the password.
    ///
    /// # Traps
    /// A password has to be there, by whatever name and in whatever form, also in JSON; the grant's name may stand in the
    /// query. Grants of Skype for Business that carry none are
    /// left out.
    pub(crate) PasswordGrant = "BAS-010" "password-grant" High,
    title: "A user's password was sent to a token endpoint",
    remedy: "Replace the grant by authorization code with PKCE, a client certificate or a managed identity, and change the \
             password.",
    source: "RFC 6749 §4.3; RFC 9700 §2.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.4",
}

impl Rule for PasswordGrant {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !token_endpoint::asks_by_password(observation.extraction) {
            return;
        }
        let mut of_body = observation.extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
        let by_name = of_body.clone().find(|p| is_password(&p.name) && !p.value.reveal().is_empty());
        let Some(password) = by_name.map(|p| p.value.reveal()) else { return };
        let user = of_body.find(|p| is_user(&p.name)).map_or("(none)", |p| p.value.reveal());
        let user = mask::text(user);
        let excerpt = format!("username \"{user}\", password of {} bytes (masked)", password.len());
        let evidence = observation.in_request(Part::RequestBody, "password", excerpt);
        let detail = format!("{}: user \"{user}\"", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
