use super::Period;
use crate::{
    bounded::Memory,
    evidence::{Evidence, Part},
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
};

declare_rule! {
    /// An authorization code is redeemed twice. If both succeed, the server does not end codes; if the second is refused,
    /// somebody tried.
    ///
    /// # Evidence
    /// Both token requests.
    ///
    /// # Traps
    /// A client that got no answer tries again: only a repetition after a success counts. A refused one is info. The two
    /// sides of a proxy show the same request twice, which is no repetition.
    pub(crate) CodeReplay = "OAU-015" "code-replay" High,
    title: "An authorization code was redeemed twice",
    remedy: "Codes must end with their first use; revoke the tokens issued by this one.",
    source: "RFC 6749 §4.1.2, §10.5",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-10.5",
    state: { redeemed: Memory<Fingerprint, (Period, Evidence)> },
}

impl Rule for CodeReplay {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(code) = super::posted(observation, "code") else { return };
        let Some(status) = observation.status.filter(|_| super::grant(observation) == Some("authorization_code"))
        else {
            return;
        };
        let id = Fingerprint::of(code.as_bytes());
        let excerpt = format!("code ({} characters, sha256 {id}), status {status}", code.len());
        let evidence = observation.in_request(Part::RequestBody, "code", excerpt);
        let accepted = super::succeeded(observation);
        match self.redeemed.recall(&id) {
            Some((earlier, first)) if Period::of(observation).is_apart(*earlier) => {
                let (severity, outcome) = if accepted {
                    (Self::META.severity, "accepted again")
                } else {
                    (Severity::Info, "refused the second time")
                };
                let detail = format!("{}: a code was {outcome}", observation.host_name);
                let draft = Self::META.of(observation).severity(severity).detail(detail);
                context.find(draft.evidence(first.clone()).evidence(evidence));
            }
            None if accepted => self.redeemed.keep(id, (Period::of(observation), evidence)),
            _ => {}
        }
    }
}
