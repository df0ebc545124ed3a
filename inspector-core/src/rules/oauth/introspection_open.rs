use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// An introspection endpoint tells about a token to somebody who did not authenticate: tokens can be tried out there.
    ///
    /// # Evidence
    /// The request line.
    ///
    /// # Traps
    /// A client certificate, a client assertion, a secret in the content and any credentials in the header section
    /// authenticate. Google's `tokeninfo` is open by design and is no introspection of RFC 7662.
    pub(crate) IntrospectionOpen = "OAU-047" "introspection-open" Medium,
    title: "An introspection endpoint answers without authentication",
    remedy: "Let the introspection endpoint answer authenticated resources only.",
    source: "RFC 7662 §2.1, §4",
    reference: "https://www.rfc-editor.org/rfc/rfc7662#section-2.1",
}

impl Rule for IntrospectionOpen {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let path = observation.path.trim_end_matches('/');
        let introspects = ["/introspect", "/introspection"].iter().any(|end| path.ends_with(end));
        if !introspects || super::posted(observation, "token").is_none() {
            return;
        }
        if super::authenticates_client(observation) || observation.exchange.tls.is_none() && is_inside(observation) {
            return;
        }
        if super::told_active(observation) != Some(true) {
            return;
        }
        let detail = format!("{}: told about a token without authentication", observation.host_name);
        let evidence = observation.in_response(Part::ResponseBody, "active", "active: true");
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}

/// Whether it is a hop inside, where a proxy may have authenticated the client.
fn is_inside(observation: &Observation<'_>) -> bool {
    super::distance(observation) != super::Distance::Global
}
