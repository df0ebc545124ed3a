use crate::{evidence::Part, handshake::{observation::Observation, token_endpoint}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

declare_rule! {
    /// A client uses the resource owner password credentials grant: it knows the user's password, and no second factor
    /// can be asked for. BAS-010 reports the password.
    ///
    /// # Evidence
    /// The client, the user name and the length of the password; AADSTS50126 in the answer confirms it.
    ///
    /// # Traps
    /// Both `username` and `password` have to be there. The content may be JSON, its user be named by `email` or `phone`, and
    /// the grant stand in the query.
    pub(crate) RopcUsed = "OAU-004" "ropc-used" High,
    title: "The password grant is used",
    remedy: "Replace it by authorization code with PKCE, a client certificate or a managed identity.",
    source: "RFC 9700 §2.4; RFC 6749 §4.3",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.4",
}

impl Rule for RopcUsed {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let mut names = ["username", "email", "phone"].iter();
        let user = names.find_map(|name| super::posted(observation, name));
        let (true, Some(user), Some(password)) =
            (token_endpoint::asks_by_password(observation.extraction), user, super::posted(observation, "password"))
        else {
            return;
        };
        let user = mask::text(user);
        let client = mask::text(super::posted(observation, "client_id").unwrap_or("(none)"));
        let codes = observation.token_error.as_ref().map(|error| error.codes.as_slice()).unwrap_or_default();
        let confirmed = if codes.iter().any(|code| code == "AADSTS50126") { ", refused as wrong password" } else { "" };
        let excerpt = format!("username \"{user}\", password of {} bytes (masked)", password.len());
        let evidence = observation.in_request(Part::RequestBody, "password", excerpt);
        let detail = format!("{}: client \"{client}\" for user \"{user}\"{confirmed}", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
