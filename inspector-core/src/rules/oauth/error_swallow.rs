use crate::{
    evidence::Part,
    exchange::Mark,
    finding::Severity,
    handshake::observation::{Endpoint, Observation, has},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A token endpoint answers an error with a status of success, or a failure without the JSON that says why: clients
    /// go on as if nothing were wrong, or cannot tell what is.
    ///
    /// # Evidence
    /// The status, and the error or the media type.
    ///
    /// # Traps
    /// Proxies answer in a server's place: other statuses than 400 and 401 without JSON are low, and 407 is left out. A
    /// content that is not in the recording tells nothing.
    pub(crate) ErrorSwallow = "OAU-020" "error-swallow" Medium,
    title: "A token endpoint does not report its error as OAuth wants it",
    remedy: "Answer errors with 400 or 401 and a JSON object with error and error_description.",
    source: "RFC 6749 §5.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-5.2",
}

impl Rule for ErrorSwallow {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let (Some(status), Some(grant)) = (observation.status, super::grant(observation)) else { return };
        if observation.endpoint != Endpoint::Token {
            return;
        }
        let error = observation.flow.answer.as_ref().and_then(|answer| answer.error.as_deref());
        let (severity, what) = match (status, error) {
            (200, Some(error)) => (Self::META.severity, format!("200 with error \"{}\"", mask::text(error))),
            (400 | 401, None) if is_without_json(observation) => {
                (Self::META.severity, format!("{status} without JSON"))
            }
            (407, None) => return,
            (402..=499, None) if is_without_json(observation) => (Severity::Low, format!("{status} without JSON")),
            _ => return,
        };
        let evidence = observation.in_response(Part::ResponseBody, "error", what.clone());
        let detail = format!("{}: {what} to {}", observation.host_name, mask::text(grant));
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }
}

/// Whether the whole content is in the recording, and is no JSON object.
fn is_without_json(observation: &Observation<'_>) -> bool {
    let Some(response) = &observation.exchange.response else { return false };
    if response.body.cut.is_some() || has(observation, Mark::BodyCut) || observation.flow.answer.is_some() {
        return false;
    }
    match &response.body.kept {
        Some(content) => !content.is_empty(),
        None => response.head.text("content-length") == Some("0"),
    }
}
