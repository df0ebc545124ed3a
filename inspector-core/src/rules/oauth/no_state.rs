use crate::{evidence::Part, finding::Severity, handshake::{oauth_message::{AuthorizationRequest, Carriage}, observation::Observation}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

declare_rule! {
    /// An authorization request has no `state`, has one that an answered request had before, or its answer does not
    /// return it: the client cannot tell that a response is the answer to its own request.
    ///
    /// # Evidence
    /// The authorization request or the redirect, and the client.
    ///
    /// # Traps
    /// PKCE or a nonce protects as well; then it is low. A page that is loaded again repeats its request, which is no
    /// reuse. Parameters in a request object or a pushed request cannot be seen.
    pub(crate) NoState = "OAU-006" "no-state" Medium,
    title: "An authorization request is not tied to its answer by state",
    remedy: "Send an unguessable state (or nonce) with every request, and compare it on return.",
    source: "RFC 6749 §10.12; RFC 9700 §4.7",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.7",
}

impl Rule for NoState {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.flow.authorization else { return };
        if request.by_reference || request.response_types.is_empty() {
            return;
        }
        let what = match request.state {
            None => "has no state",
            Some(state) => {
                let first = context.ledger.flows().of_state(observation.host, state);
                let reused = first.is_some_and(|first| is_reuse(&first.request, request, first.answered));
                let unanswered = observation.flow.response.as_ref().is_some_and(|response| {
                    response.carriage == Carriage::Location && response.error.is_none() && response.state != Some(state)
                });
                match (reused, unanswered) {
                    (true, _) => "repeats the state of an earlier request",
                    (_, true) => "is answered without its state",
                    _ => return,
                }
            }
        };
        let otherwise = request.nonce.is_some() || request.challenge.is_some();
        let severity = if otherwise { Severity::Low } else { Self::META.severity };
        let client = mask::text(&request.client);
        let detail = format!("{}: the request of client \"{client}\" {what}", observation.host_name);
        let evidence = observation.in_request(Part::RequestUrl, "state", format!("client \"{client}\" {what}"));
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }
}

/// Whether a request with the same state is another one, and not the same again: it is from the same client, but its
/// nonce or challenge is new. Without these only an answer in between tells.
fn is_reuse(first: &AuthorizationRequest, request: &AuthorizationRequest, answered: bool) -> bool {
    let unique = first.nonce.is_some() || first.challenge.is_some();
    let renewed = (first.nonce, first.challenge) != (request.nonce, request.challenge);
    first.client == request.client && if unique { renewed } else { answered }
}
