use super::Use;
use crate::{
    handshake::observation::{Answer, Observation, is_empty_basic},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// What became of Basic that was sent to a resource: accepted or refused.
    ///
    /// # Evidence
    /// The status.
    ///
    /// # Traps
    /// A site may answer 200 with a login page to anyone.
    pub(crate) BasicOutcome = "BAS-009" "basic-outcome" Info,
    title: "Basic was answered",
    remedy: "Accepted: the resource still takes Basic, disable it there. Refused: find and correct the client.",
    source: "RFC 9110 §15.5.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2",
}

impl Rule for BasicOutcome {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let sent = observation
            .basics()
            .any(|(_, basic)| super::use_of(observation, basic) == Use::Resource && !is_empty_basic(basic));
        let what = match observation.answer {
            Answer::Accepted => "accepted",
            Answer::Refused => "refused",
            _ => return,
        };
        if sent {
            let detail = format!("{} {what} Basic ({})", observation.host_name, observation.status.unwrap_or_default());
            context.find(Self::META.of(observation).detail(detail).evidence(observation.answered()));
        }
    }
}
