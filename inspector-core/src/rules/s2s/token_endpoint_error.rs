use crate::{evidence::{Evidence, Part}, finding::{Concern, Draft, Severity, pending::Pending}, handshake::{grants::Given, ledger::Ledger, observation::Observation, token_endpoint::TokenError}, hosts::HostId, moment::Moment, rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions}, time::Timestamp, token::mask};

/// Refusals of which it is waited whether a token is given later.
const MOST: usize = 1024;

declare_rule! {
    /// The token endpoint refused to issue an actor token. It is medium if the same client was given a token for the same
    /// resource later, and information only if the endpoint was busy or out of order for a while: 429, 503, an error that
    /// says so.
    ///
    /// # Evidence
    /// `error`, the codes of the description (the last is the most specific), and the trace and correlation ids that
    /// support asks for.
    ///
    /// # Traps
    /// A GET of the endpoint's URL in a browser answers 400 and means nothing. Refused requests of users (refresh tokens,
    /// interaction required) are ordinary and not meant here.
    pub(crate) TokenEndpointError = "S2S-036" "token-endpoint-error" High,
    title: "The token endpoint refused the server-to-server token request",
    remedy: "Look up the code in the evidence; the codes change over time, so read the description as well.",
    source: "RFC 6749 §5.2; Microsoft Entra authentication and authorization error codes",
    reference: "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
    state: { refused: Vec<Refused> },
}

/// A refusal that a token may follow.
#[derive(Debug)]
pub(crate) struct Refused {
    host: HostId,
    concern: Concern,
    client: Option<String>,
    resource: Option<String>,
    time: Option<Timestamp>,
    moment: Moment,
    /// Requests for tokens that were read before it.
    before: usize,
    detail: String,
    remedy: &'static str,
    evidence: Evidence,
}

impl Refused {
    fn draft(self) -> Draft {
        let pending = Pending::by(self.host, Some(self.moment));
        let draft = TokenEndpointError::META.about(self.concern).pending(pending);
        draft.detail(self.detail).remedy(self.remedy).evidence(self.evidence)
    }

    /// Whether the same client was given a token for the same resource after that.
    fn is_given_later(&self, ledger: &Ledger) -> bool {
        ledger.grants().iter().enumerate().any(|(number, grant)| {
            // Where times do not tell, the order does.
            let by_order = number >= self.before;
            let is_later = match (self.time, grant.time) {
                (Some(refused), Some(given)) if refused != given => given > refused,
                _ => by_order,
            };
            is_later
                && grant.server_to_server
                && grant.given == Given::Yes
                && (grant.host == self.host || self.client.is_some())
                && grant.client == self.client
                && grant.resource == self.resource
        })
    }
}

impl Rule for TokenEndpointError {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = observation.token_request.as_ref().filter(|request| request.server_to_server) else {
            return;
        };
        let Some(status) = observation.status.filter(|status| (400..600).contains(status)) else { return };
        let error = observation.token_error.as_ref();
        if matches!(status, 429 | 500..) || error.is_some_and(TokenError::is_temporary) {
            let said = error.map(|error| format!(" {} {}", mask::text(&error.error), error.codes.join(", ")));
            let detail = format!("{}: {status}{}", observation.host_name, said.unwrap_or_default());
            let draft = Self::META.of(observation).severity(Severity::Info).detail(detail.trim_end());
            let evidence = error.map_or_else(|| observation.answered(), |error| evidence(observation, error));
            context
                .find(draft.title("The token endpoint was busy or out of order").remedy(PATIENCE).evidence(evidence));
            return;
        }
        let Some(error) = error else { return };
        let code = error.codes.join(", ");
        let meaning = error.explanation().map(|explanation| format!(" ({})", explanation.meaning)).unwrap_or_default();
        let shown = |text: &Option<String>| {
            text.as_ref()
                .map(|text| mask::text(&text.chars().take(512).collect::<String>()))
                .filter(|text| !text.is_empty())
        };
        let refused = Refused {
            host: observation.host,
            concern: observation.concern(),
            client: shown(&request.client),
            resource: shown(&request.resource),
            time: observation.time,
            moment: observation.moment,
            before: context.ledger.grants().len(),
            detail: format!("{}: {} {code}{meaning}", observation.host_name, mask::text(&error.error)),
            remedy: error.explanation().map_or("", |explanation| explanation.remedy),
            evidence: evidence(observation, error),
        };
        if self.refused.len() < MOST {
            self.refused.push(refused);
        } else {
            context.find(refused.draft());
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for refused in std::mem::take(&mut self.refused) {
            let is_given = refused.is_given_later(context.ledger);
            let draft = refused.draft();
            context.find(if is_given {
                draft
                    .severity(Severity::Medium)
                    .title("The token endpoint refused the server-to-server token request, and gave the token later")
            } else {
                draft
            });
        }
    }
}

const PATIENCE: &str =
    "Let the caller repeat the request later, as Retry-After says; look at the endpoint if it stays so.";

fn evidence(observation: &Observation<'_>, error: &TokenError) -> Evidence {
    let ids: Vec<String> = [("trace", &error.trace), ("correlation", &error.correlation)]
        .into_iter()
        .filter_map(|(name, id)| id.as_ref().map(|id| format!("{name} {}", mask::text(id))))
        .collect();
    let excerpt = format!("{} {}", mask::text(&error.description), ids.join(", "));
    observation.in_response(Part::ResponseBody, "error", excerpt.trim())
}
