use crate::{
    handshake::observation::{Answer, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// A call with a token was accepted: the resource answered in the form its endpoint has (SOAP, Autodiscover XML, MAPI over
    /// HTTP, JSON of its API), with what was asked for or with a fault of the application.
    ///
    /// # Evidence
    /// The status.
    ///
    /// # Traps
    /// A device in front answers 200, too, with a page of its own; statuses such as 404, 413 and 429 are given without asking
    /// who calls; health pages and OPTIONS are answered to anyone. None of these counts. A fault about authentication is a
    /// refusal.
    pub(crate) TokenAccepted = "S2S-033" "token-accepted" Info,
    title: "The resource accepted a token",
    remedy: "Nothing to do.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for TokenAccepted {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.answer != Answer::Accepted || !(observation.s2s || observation.expected.is_some()) {
            return;
        }
        let Some(sighting) = observation.presented().next() else { return };
        let caller = observation
            .caller
            .as_ref()
            .map_or_else(|| format!("a token ({})", sighting.kind), |caller| format!("a token of {}", caller.shown()));
        let expected = if observation.expected.is_some() { "" } else { ", which is not an expected caller" };
        let detail = format!("{} accepted {caller}{expected}", observation.host_name);
        context.find_usual(Self::META.of(observation).detail(detail), || observation.answered());
    }
}
