use crate::{
    bounded::Memory,
    evidence::Evidence,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
};

/// Shortest secret that is compared, in bytes: shorter ones are alike by chance.
const SHORTEST: usize = 8;

declare_rule! {
    /// One client secret is sent to two servers that have nothing to do with each other: each can act as the client at the
    /// other. A mixed-up or malicious server gets it this way.
    ///
    /// # Evidence
    /// Both requests; the secret's length and fingerprint.
    ///
    /// # Traps
    /// Hosts of one site are one server, and so are Microsoft's token hosts.
    pub(crate) ClientSecretShared = "OAU-045" "client-secret-shared" High,
    title: "One client secret was sent to two servers",
    remedy: "Give the client another secret at each server, and change this one.",
    source: "RFC 6749 §2.3.1, §10.1; RFC 9700 §4.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.4",
    state: { secrets: Memory<Fingerprint, (String, Evidence)> },
}

impl Rule for ClientSecretShared {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.token_request.is_none() {
            return;
        }
        let secret = super::client_secret(observation).filter(|(.., secret)| secret.len() >= SHORTEST);
        let Some((part, name, secret)) = secret else { return };
        let id = Fingerprint::of(secret.as_bytes());
        let excerpt = format!("a client secret ({} characters, sha256 {id})", secret.len());
        let evidence = observation.in_request(part, name, excerpt);
        match self.secrets.recall(&id) {
            Some((host, first)) if !super::are_related(host, &observation.host_name, observation.profile) => {
                let detail = format!("{}: the secret that was sent to {host}", observation.host_name);
                let draft = Self::META.of(observation).detail(detail).evidence(first.clone());
                context.find(draft.evidence(evidence));
            }
            Some(_) => {}
            None => self.secrets.keep(id, (observation.host_name.to_string(), evidence)),
        }
    }
}
