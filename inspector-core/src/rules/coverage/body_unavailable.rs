use crate::{
    evidence::Part,
    exchange::{
        Mark,
        message::{BodyCut, Message},
    },
    finding::Severity,
    handshake::observation::{Observation, has, may_hold_credentials},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// The content of a message is not whole: the recording lacks bytes of it, its exporter left it out, its coding is
    /// unknown, or it is longer than what is kept. A password in a form, a SOAP header or an error may be in the rest.
    ///
    /// # Evidence
    /// The message, its media type and what is missing.
    ///
    /// # Traps
    /// Pictures, sound, fonts, style sheets, scripts and PDF hold no credentials. The tail of a long response that was
    /// not kept cannot turn its status around; it is reported and does not block.
    pub(crate) BodyUnavailable = "COV-003" "body-unavailable" Medium,
    title: "The content of a message is not whole",
    remedy: "Record with contents (HAR: \"Save all as HAR with content\"; captures: full packet length), and raise \
             --max-memory if a limit was reached.",
    source: "HTTP Archive 1.2, content; RFC 9110 §6.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-6.4",
}

impl Rule for BodyUnavailable {
    fn occasions(&self) -> Occasions {
        Occasions::INCOMPLETE.or(Occasions::CONTENT)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let exchange = observation.exchange;
        let request = exchange.request.as_ref().and_then(|message| message.body.cut.map(|cut| (message, cut)));
        let response = exchange.response.as_ref().and_then(|message| message.body.cut.map(|cut| (message, cut)));
        if let Some((message, cut)) = request {
            let evidence = observation.in_request(Part::RequestBody, "content", words(cut));
            report(observation, context, message, cut, "request", evidence);
        }
        if let Some((message, cut)) = response {
            let evidence = observation.in_response(Part::ResponseBody, "content", words(cut));
            report(observation, context, message, cut, "response", evidence);
        }
        if observation.extraction.undecoded {
            let detail = format!("{}: content of a request is compressed and does not say so", observation.host_name);
            let evidence = observation.in_request(Part::RequestBody, "content", "begins as something compressed does");
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(evidence));
        }
        // A mark that neither message explains.
        let marked = [Mark::BodyCut, Mark::BodyLimit, Mark::CodingUnknown, Mark::BadChunk]
            .into_iter()
            .any(|mark| has(observation, mark));
        if marked && request.is_none() && response.is_none() {
            let detail = format!("{}: content of an exchange is missing", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(observation.request_line()));
        }
    }
}

fn report(
    observation: &Observation<'_>,
    context: &mut Context<'_>,
    message: &Message,
    cut: BodyCut,
    which: &str,
    evidence: crate::evidence::Evidence,
) {
    let media = message.head.media_type();
    // What a request says of its content is not believed.
    let telling = which == "request" || may_hold_credentials(media.as_deref());
    let tail = which == "response" && cut == BodyCut::Limit;
    let detail = format!("{}: {} of a {which}", observation.host_name, words(cut));
    let draft = BodyUnavailable::META.of(observation).detail(detail).evidence(evidence);
    context.find(match (telling, tail) {
        (true, false) => draft.overturns(),
        (true, true) => draft.severity(Severity::Low),
        (false, _) => draft.severity(Severity::Info),
    });
}

const fn words(cut: BodyCut) -> &'static str {
    match cut {
        BodyCut::Recording => "content was not recorded as a whole",
        BodyCut::Limit => "content is longer than what is kept",
        BodyCut::Coding => "content has a coding that is unknown or damaged",
    }
}
