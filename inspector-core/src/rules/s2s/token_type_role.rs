use memchr::memmem;

use crate::{
    exchange::message::Message,
    finding::Severity,
    handshake::observation::{Answer, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::{TokenKind, extract::DENIALS},
};

/// Bytes of a content that are searched.
const SEARCHED: usize = 256 << 10;

declare_rule! {
    /// A call in the name of an application alone speaks of a mailbox, and says for no user that it acts for: neither by an
    /// outer token nor by ExchangeImpersonation. It is medium where the server denied it, and information where it did not:
    /// roles of the application can allow it, which the recording does not tell.
    ///
    /// # Evidence
    /// The token and the answer.
    ///
    /// # Traps
    /// Applications with the role `full_access_as_app`, or with a linked account that may, do so rightly.
    pub(crate) TokenTypeRole = "S2S-041" "token-type-role" Medium,
    title: "An application calls for a mailbox without saying for whom",
    remedy: "Let the caller send a token for the user, or ExchangeImpersonation, and grant the role: \
             New-ManagementRoleAssignment -Role ApplicationImpersonation or UserApplication.",
    source: "[MS-XOAUTH] §4.3; EWS impersonation",
    reference: "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/impersonation-and-ews-in-exchange",
}

impl Rule for TokenTypeRole {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !observation.path.starts_with("/ews/exchange.asmx") {
            return;
        }
        let Some(sighting) = observation.presented().next().filter(|s| s.kind == TokenKind::S2sActor) else { return };
        let Some(request) = observation.exchange.request.as_ref().filter(|request| request.body.cut.is_none()) else {
            return;
        };
        let named = ["EmailAddress>", "PrimarySmtpAddress>", ":Mailbox>", "<Mailbox>"];
        if !holds(request, &named) || holds(request, &["ExchangeImpersonation"]) {
            return;
        }
        let denied = observation.answer == Answer::Refused
            || observation.exchange.response.as_ref().is_some_and(|response| holds(response, &DENIALS));
        let (severity, detail) = if denied {
            (Self::META.severity, "the server denied it")
        } else {
            (Severity::Info, "the server did not deny it; whether a role allows it cannot be told")
        };
        let detail = format!("{}: {detail}", observation.place());
        let draft = Self::META.of(observation).severity(severity).detail(detail);
        context.find(draft.evidence(observation.sighted(sighting)).evidence(observation.answered()));
    }
}

fn holds(message: &Message, words: &[&str]) -> bool {
    let body = message.body.kept.as_deref().unwrap_or_default();
    let body = body.get(..SEARCHED).unwrap_or(body);
    words.iter().any(|word| memmem::find(body, word.as_bytes()).is_some())
}
