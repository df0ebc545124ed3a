use crate::{
    bounded::Memory,
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    token::mask,
};

declare_rule! {
    /// An authorization code or a refresh token that was given to one client is redeemed by another, and the server takes
    /// it: whoever steals one can use it.
    ///
    /// # Evidence
    /// Both clients.
    ///
    /// # Traps
    /// The client is told by `client_id`, by the user of Basic, or by the client assertion; where neither says who asks,
    /// nothing is said. Entra ID's families of clients share refresh tokens. What was refused is info.
    pub(crate) GrantOfAnotherClient = "OAU-039" "grant-of-another-client" High,
    title: "A code or a refresh token was redeemed by another client",
    remedy: "Bind codes and refresh tokens to the client they were issued to, and refuse them from any other.",
    source: "RFC 6749 §4.1.3, §6, §10.5; RFC 9700 §2.2.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3",
    state: { refresh: Memory<Fingerprint, String> },
}

impl Rule for GrantOfAnotherClient {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let accepted = super::succeeded(observation);
        let refused = super::was_refused(observation);
        let Some(grant) = super::grant(observation).filter(|_| accepted || refused) else { return };
        let Some(client) = super::client_of(observation) else { return };
        let shares = observation.profile.is_token_host(&observation.host_name);
        let (name, owner) = match grant {
            "authorization_code" => {
                let code = super::posted(observation, "code").map(|code| Fingerprint::of(code.as_bytes()));
                let asked = code.and_then(|code| context.ledger.flows().of_code(code));
                ("code", asked.map(|asked| asked.request.client.clone()))
            }
            "refresh_token" if !shares => {
                let token = super::posted(observation, "refresh_token").map(|it| Fingerprint::of(it.as_bytes()));
                ("refresh_token", token.and_then(|token| self.refresh.recall(&token)).cloned())
            }
            _ => ("", None),
        };
        if let Some(owner) = owner.filter(|owner| *owner != client) {
            let what = if name == "code" { "a code" } else { "a refresh token" };
            let (owner, client) = (mask::text(&owner), mask::text(&client));
            let host = &observation.host_name;
            let outcome = if accepted { "was redeemed by" } else { "was refused to" };
            let detail = format!("{host}: {what} of client \"{owner}\" {outcome} client \"{client}\"");
            let evidence = observation.in_request(Part::RequestBody, name, format!("client \"{client}\""));
            let draft = Self::META.of(observation).detail(detail).evidence(evidence);
            context.find(super::as_tried(draft, accepted, "A client tried the code or refresh token of another"));
            return;
        }
        if let Some(token) = observation.flow.answer.as_ref().and_then(|answer| answer.refresh_token)
            && self.refresh.recall(&token).is_none()
        {
            self.refresh.keep(token, client);
        }
    }
}
