use crate::{bounded::Memory, evidence::Part, handshake::{oauth_message, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, time::Timestamp};

/// Seconds between polls if the server names none (RFC 8628 §3.2), and what an answer of slow_down adds (§3.5).
const INTERVAL: u64 = 5;
/// What a poll may come early, in nanoseconds: recordings have their own clocks.
const TOLERANCE: i64 = 500_000_000;

declare_rule! {
    /// The device authorization grant is used: a code that a user types elsewhere signs a device in, which phishing
    /// abuses. Polling faster than the server allows, and a device code in a query, are told.
    ///
    /// # Evidence
    /// The request, and the time between polls.
    ///
    /// # Traps
    /// It is the right grant for devices without a browser.
    pub(crate) DeviceCodeAbuse = "OAU-022" "device-code-abuse" Info,
    title: "The device authorization grant is used",
    remedy: "Block the grant where no device needs it; poll no faster than interval says, with the code in the content.",
    source: "RFC 8628 §3.3, §3.5, §5.4",
    reference: "https://www.rfc-editor.org/rfc/rfc8628#section-5.4",
    state: { codes: Memory<Fingerprint, Polls> },
}

/// The polls for one device code.
pub(crate) struct Polls {
    interval: u64,
    last: Option<Timestamp>,
}

impl Rule for DeviceCodeAbuse {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if let Some(answer) = &observation.flow.answer
            && let (Some(code), Some(_)) = (answer.device_code, answer.user_code)
        {
            let polls = Polls { interval: answer.interval.unwrap_or(INTERVAL), last: None };
            self.codes.keep(code, polls);
            let detail = format!("{}: a device asks for a code", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.request_line()));
        }
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        if super::is_token_endpoint(observation)
            && form::pairs(oauth_message::query(target)).any(|(name, value)| name == "device_code" && !value.is_empty())
        {
            let evidence = observation.in_request(Part::RequestUrl, "device_code", "device_code (masked)");
            let detail = format!("{}: device_code in a query", observation.host_name);
            context.find(
                Self::META.of(observation).title("A device code is part of a URL").detail(detail).evidence(evidence),
            );
        }
        if super::grant(observation).is_some_and(|grant| grant.ends_with("device_code")) {
            self.polled(observation, context);
        }
    }
}

impl DeviceCodeAbuse {
    fn polled(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(code) = super::posted(observation, "device_code") else { return };
        let code = Fingerprint::of(code.as_bytes());
        if self.codes.recall(&code).is_none() {
            self.codes.keep(code, Polls { interval: INTERVAL, last: None });
        }
        let Some(polls) = self.codes.recall_mut(&code) else { return };
        let between = polls.last.zip(observation.time).map(|(last, now)| now.nanos().saturating_sub(last.nanos()));
        let wanted = i64::try_from(polls.interval).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
        let early = between.filter(|between| between.saturating_add(TOLERANCE) < wanted);
        polls.last = observation.time.or(polls.last);
        let error = observation.flow.answer.as_ref().and_then(|answer| answer.error.as_deref());
        if error == Some("slow_down") {
            polls.interval = polls.interval.saturating_add(INTERVAL);
        }
        if early.is_some() {
            let detail =
                format!("{}: polled sooner than every {} seconds", observation.host_name, wanted / 1_000_000_000);
            let draft = Self::META.of(observation).title("A device polls faster than it may").detail(detail);
            context.find(draft.evidence(observation.request_line()));
        }
    }
}
