use super::Use;
use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// Basic was sent to an endpoint whose path looks like a token endpoint's, but whose content is not that of an OAuth
    /// request, or is not in the recording. It may be a client's secret or a user's password.
    ///
    /// # Evidence
    /// The field, the user or client name, and the path.
    ///
    /// # Traps
    /// For a host in scope it keeps the run from passing (COV-013) and does not fail it.
    pub(crate) BasicAmbiguous = "BAS-006" "basic-ambiguous" Medium,
    title: "Basic was sent to an endpoint whose purpose cannot be told",
    remedy: "Record with contents, or look up what the endpoint is.",
    source: "RFC 6749 §2.3.1; RFC 7617",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1",
}

impl Rule for BasicAmbiguous {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (credentials, basic) in observation.basics() {
            if super::use_of(observation, basic) == Use::Unclear {
                let detail = format!("{}: \"{}\"", observation.place(), mask::text(&basic.user));
                context.find(Self::META.of(observation).detail(detail).evidence(observation.credentials(credentials)));
            }
        }
    }
}
