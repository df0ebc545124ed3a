use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::{Endpoint, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::Sighting,
};

declare_rule! {
    /// A request carries an access token in more than one way: which one the resource uses is left to chance.
    ///
    /// # Evidence
    /// Both tokens, masked.
    ///
    /// # Traps
    /// A copy that a platform adds in a field of its own (`X-MS-TOKEN-…`) is info. Requests inside a batch have their
    /// own.
    pub(crate) TwoBearerCarriers = "OAU-032" "two-bearer-carriers" Medium,
    title: "A request carries an access token in more than one way",
    remedy: "Send the token in the Authorization header only.",
    source: "RFC 6750 §2",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-2",
}

impl Rule for TwoBearerCarriers {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint == Endpoint::Token {
            return;
        }
        let sightings = &observation.extraction.sightings;
        let is_bearer = |s: &Sighting| s.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer"));
        let named = |part| sightings.iter().find(|s| s.part == part && s.name == "access_token");
        let in_header = sightings
            .iter()
            .find(|s| s.part == Part::RequestHeader && s.name.eq_ignore_ascii_case("authorization") && is_bearer(s));
        let carriers: Vec<&Sighting> =
            [in_header, named(Part::RequestUrl), named(Part::RequestBody)].into_iter().flatten().collect();
        let copy = || {
            let platform =
                |s: &&Sighting| s.name.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("x-ms-token-"));
            let in_header = in_header?;
            let copy = sightings.iter().filter(platform).find(|s| s.token.id == in_header.token.id)?;
            Some(vec![in_header, copy])
        };
        let (severity, carriers) = match (carriers.len(), copy()) {
            (2.., _) => (Self::META.severity, carriers),
            (_, Some(copies)) => (Severity::Info, copies),
            _ => return,
        };
        let names: Vec<&str> = carriers.iter().map(|sighting| sighting.part.as_str()).collect();
        let detail = format!("{}: {}", observation.host_name, names.join(" and "));
        let mut draft = Self::META.of(observation).severity(severity).detail(detail);
        for sighting in carriers {
            draft = draft.evidence(observation.sighted(sighting));
        }
        context.find(draft);
    }
}
