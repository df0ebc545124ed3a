use crate::{
    handshake::observation::{Answer, Observation},
    report::mask,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// A call with a token got past authentication: the answer is neither 401 nor 403, nor a redirect to a login page, nor
    /// an error of a proxy in between. A fault of the application (500 with a SOAP fault, 404) counts as accepted.
    ///
    /// # Evidence
    /// The status.
    ///
    /// # Traps
    /// 400, 407, 429 and 5xx without a SOAP fault tell nothing about the token. A SOAP fault about authentication is a
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
        let caller = observation.caller.as_ref().map_or_else(
            || format!("a token ({})", sighting.kind),
            |caller| format!("a token of {}", mask::text(&caller.principal.to_string())),
        );
        let expected = if observation.expected.is_some() { "" } else { ", which is not an expected caller" };
        let detail = format!("{} accepted {caller}{expected}", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(observation.answered()));
    }
}
