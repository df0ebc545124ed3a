use crate::{bounded::Memory, evidence::Part, handshake::{oauth_message, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

declare_rule! {
    /// A device's user code is sent to a host that is neither the authorization server nor its verification page: whoever
    /// has it signs the device in as himself, or lets a victim do so.
    ///
    /// # Evidence
    /// The parameter's name.
    ///
    /// # Traps
    /// The code has to have been issued in the recording. Hosts of the server's or the page's site are its own.
    pub(crate) UserCodeExposed = "OAU-023" "user-code-exposed" Medium,
    title: "A device's user code was sent to another host",
    remedy: "Type user codes at the verification page only, and keep them out of logs.",
    source: "RFC 8628 §5.2, §5.4",
    reference: "https://www.rfc-editor.org/rfc/rfc8628#section-5.4",
    state: { issued: Memory<Fingerprint, (String, String)>, any: bool },
}

impl Rule for UserCodeExposed {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH.or(Occasions::POSTED).or(Occasions::QUERY)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if let Some(answer) = &observation.flow.answer
            && let Some(code) = answer.user_code
        {
            let page =
                answer.verification.as_deref().and_then(oauth_message::parts).map(|(_, host, _)| host).unwrap_or_default();
            self.any = true;
            self.issued.keep(code, (observation.host_name.to_string(), page));
        }
        if !self.any {
            return;
        }
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        let in_content = observation.extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
        let in_content = in_content.map(|p| (Part::RequestBody, p.name.clone(), p.value.reveal().clone()));
        let in_query = form::pairs(oauth_message::query(target))
            .map(|(name, value)| (Part::RequestUrl, name.into_owned(), value.into_owned()));
        for (part, name, value) in in_content.chain(in_query) {
            let Some((server, page)) = self.issued.recall(&Fingerprint::of(value.trim().as_bytes())) else { continue };
            let own =
                |host: &str| !host.is_empty() && super::are_related(host, &observation.host_name, observation.profile);
            if own(server) || own(page) || observation.profile.is_token_host(&observation.host_name) {
                continue;
            }
            let name = mask::text(&name);
            let evidence = observation.in_request(part, &name, format!("{name}: a user code (masked)"));
            let detail = format!("{}: {name}, issued by {server}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
