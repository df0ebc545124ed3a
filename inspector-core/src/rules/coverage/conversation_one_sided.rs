use crate::{
    exchange::Mark,
    handshake::observation::{Answer, Endpoint, Observation, has},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// One half of an exchange was not recorded. Without the response it is not known whether the call was accepted or
    /// refused; without the request it is not known which credentials it carried.
    ///
    /// # Evidence
    /// The half that is there.
    ///
    /// # Traps
    /// A HAR lists requests the browser never sent; they are not missing anything. The answer to a CONNECT is the
    /// proxy's. A server that closes an idle connection may say so unasked (408), and one that closes it while a request
    /// is under way sends no answer: where its stream was recorded to the end, nothing is missing. Behind a hole it may be
    /// unknown which answer belongs to which request; then both are told of by themselves.
    pub(crate) ConversationOneSided = "COV-006" "conversation-one-sided" Info,
    title: "Half of an exchange was not recorded",
    remedy: "Record both directions, and stop only after the last answer has come.",
    source: "RFC 9110 §3.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-3.4",
}

impl Rule for ConversationOneSided {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let proven = [Mark::NotSent, Mark::Unsolicited, Mark::NoAnswer].into_iter().any(|mark| has(observation, mark));
        if observation.endpoint == Endpoint::Tunnel || proven {
            return;
        }
        let no_request = observation.exchange.request.is_none() || has(observation, Mark::RequestMissing);
        let uncertain = has(observation, Mark::PairUncertain);
        let what = match (no_request, observation.answer) {
            (true, _) if uncertain => "a response of which it cannot be told which request it answers",
            _ if uncertain => "a request of which it cannot be told which response answers it",
            (true, _) => "a response whose request was not recorded",
            (false, Answer::Missing) => "a request whose response was not recorded",
            _ if has(observation, Mark::ResponseMissing) => "a request whose response was not recorded",
            _ => return,
        };
        let evidence = if no_request { observation.answered() } else { observation.request_line() };
        let detail = format!("{}: {what}", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).overturns().evidence(evidence));
    }
}
