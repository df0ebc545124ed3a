use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// A script in a browser sends a client secret: everybody who loads the page has it.
    ///
    /// # Evidence
    /// The request with its `Origin`; never the secret.
    ///
    /// # Traps
    /// A request of a browser's script is told by `Origin` or `Sec-Fetch-Site`; a server's library may send
    /// `Sec-Fetch-Mode` alone. An own server that is asked by its
    /// page for tokens has the secret itself and is not sent one.
    pub(crate) ClientSecretInBrowser = "OAU-044" "client-secret-in-browser" Medium,
    title: "A client secret is in the hands of a browser",
    remedy: "Make it a public client with PKCE, or keep the secret on a server; and change the secret.",
    source: "RFC 6749 §2.1, §2.3.1, §10.1; RFC 8252 §8.5",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-2.1",
}

impl Rule for ClientSecretInBrowser {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(head) = observation.request().filter(|_| observation.token_request.is_some()) else { return };
        let by_script =
            head.text("origin").is_some_and(|origin| origin != "null") || head.text("sec-fetch-site").is_some();
        if !by_script {
            return;
        }
        let Some((part, name, _)) = super::client_secret(observation) else { return };
        let origin = head.text("origin").map(crate::token::mask::text).unwrap_or_default();
        let from = if origin.is_empty() { "a script".to_owned() } else { format!("a script of {origin}") };
        let detail = format!("{}: {from} sends a client secret", observation.host_name);
        let evidence = observation.in_request(part, name, "a client secret (masked)");
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
