use serde_json::Value;

use super::Distance;
use crate::{evidence::Part, finding::Severity, handshake::{oauth_message::{self, Carriage}, observation::{Endpoint, Observation}}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

/// Longest document read, in bytes.
const LONGEST: usize = 256 << 10;
/// Servers whose promises are kept.
const SERVERS: usize = 64;

declare_rule! {
    /// What a server publishes about itself is not so: `issuer` is another host than the one the metadata are of, the
    /// metadata of a resource name another resource, `iss` is promised in authorization responses and missing, pushed
    /// requests are required and an ordinary one is answered.
    ///
    /// # Evidence
    /// The member of the metadata, or the answer that breaks the promise.
    ///
    /// # Traps
    /// A host with a private address behind a proxy has other names outside: low. The path of an issuer is not compared,
    /// for servers of many tenants use placeholders. Hosts of one site are low. Microsoft's hosts are aliases.
    pub(crate) MetadataContradicted = "OAU-043" "metadata-contradicted" Medium,
    title: "A server's metadata are contradicted",
    remedy: "Publish metadata at the issuer's own address, and do what they promise; clients must refuse the others.",
    source: "RFC 8414 §3.3; RFC 9728 §3.3; RFC 9207 §2.4; RFC 9126 §5",
    reference: "https://www.rfc-editor.org/rfc/rfc8414#section-3.3",
    state: { promises: Vec<Promise> },
}

/// What a server promises.
pub(crate) struct Promise {
    authorization: String,
    says_issuer: bool,
    wants_pushed: bool,
}

impl Rule for MetadataContradicted {
    fn occasions(&self) -> Occasions {
        Occasions::METADATA.or(Occasions::OAUTH)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint == Endpoint::Tunnel {
            return;
        }
        if observation.status == Some(200) && observation.path.contains("/.well-known/") {
            self.published(observation, context);
        }
        self.answered(observation, context);
    }
}

impl MetadataContradicted {
    fn published(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let content = observation.exchange.response.as_ref().and_then(|response| response.body.kept.as_deref());
        let Some(content) = content.filter(|content| content.len() <= LONGEST) else { return };
        let Ok(document) = serde_json::from_slice::<Value>(content) else { return };
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let is = |name: &str| document.get(name) == Some(&Value::Bool(true));
        let name = if observation.path.contains("oauth-protected-resource") { "resource" } else { "issuer" };
        if let Some(url) = text(name)
            && let Some((_, host, _)) = oauth_message::parts(url)
            && !host.is_empty()
            && host != *observation.host_name
            && !(observation.profile.is_token_host(&host) && observation.profile.is_token_host(&observation.host_name))
        {
            let near = super::site(&host) == super::site(&observation.host_name)
                || super::distance(observation) != Distance::Global;
            let severity = if near { Severity::Low } else { Self::META.severity };
            let url = mask::text(url);
            let detail = format!("{}: the metadata name {name} \"{url}\"", observation.host_name);
            let evidence = observation.in_response(Part::ResponseBody, name, url);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
        let promise = text("authorization_endpoint").and_then(oauth_message::parts).map(|(_, authorization, _)| Promise {
            authorization,
            says_issuer: is("authorization_response_iss_parameter_supported"),
            wants_pushed: is("require_pushed_authorization_requests"),
        });
        if let Some(promise) = promise.filter(|promise| promise.says_issuer || promise.wants_pushed)
            && self.promises.len() < SERVERS
        {
            self.promises.push(promise);
        }
    }

    fn answered(&self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(response) = &observation.flow.response else { return };
        if response.carriage != Carriage::Location {
            return;
        }
        // Where one host serves several issuers, what all of them promise counts.
        let mut of_host =
            self.promises.iter().filter(|promise| promise.authorization == *observation.host_name).peekable();
        if of_host.peek().is_none() {
            return;
        }
        let (mut says_issuer, mut wants_pushed) = (true, true);
        for promise in of_host {
            says_issuer &= promise.says_issuer;
            wants_pushed &= promise.wants_pushed;
        }
        let gives = response.code.is_some() || response.tokens;
        let mut found = Vec::new();
        if says_issuer && response.issuer.is_none() && (gives || response.error.is_some()) {
            found.push("iss is promised in authorization responses, and is missing");
        }
        let asked = observation.flow.authorization.as_ref();
        if wants_pushed && gives && asked.is_some_and(|asked| !asked.by_reference && !asked.pushed) {
            found.push("pushed authorization requests are required, and another was answered");
        }
        for what in found {
            let detail = format!("{}: {what}", observation.host_name);
            let evidence = observation.in_response(Part::ResponseHeader, "Location", what);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
