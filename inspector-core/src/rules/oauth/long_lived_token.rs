use crate::{
    evidence::Part,
    handshake::observation::{Endpoint, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

/// A day, and the ten minutes ACS adds at most for clocks.
const LONGEST: u64 = 86_400 + 600;

declare_rule! {
    /// A token endpoint issues an access token that is valid for more than a day.
    ///
    /// # Evidence
    /// `expires_in`.
    ///
    /// # Traps
    /// Actor tokens of ACS are valid for a day and some minutes, which is normal. `ext_expires_in` is no lifetime.
    pub(crate) LongLivedToken = "OAU-019" "long-lived-token" Low,
    title: "An access token is valid for more than a day",
    remedy: "Shorten the lifetime where the issuer allows it, and renew by refresh tokens.",
    source: "RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-5.3",
}

impl Rule for LongLivedToken {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(answer) = observation.flow.answer.as_ref().filter(|answer| answer.access_token.is_some()) else {
            return;
        };
        let Some(seconds) = answer.expires_in.filter(|seconds| *seconds > LONGEST) else { return };
        if observation.endpoint != Endpoint::Token {
            return;
        }
        let evidence = observation.in_response(Part::ResponseBody, "expires_in", format!("expires_in: {seconds}"));
        let detail = format!("{}: access tokens valid for {} hours", observation.host_name, seconds / 3600);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
