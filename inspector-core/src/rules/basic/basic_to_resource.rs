use super::Use;
use crate::{
    finding::Severity,
    handshake::observation::{Observation, is_empty_basic},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// Basic was sent to a resource: a user name and a password, readable for everyone who sees the request. It is
    /// critical without TLS.
    ///
    /// # Evidence
    /// The field, the user name and the length of the password; never the password.
    ///
    /// # Traps
    /// Basic at a token endpoint is client authentication (BAS-005). Basic with neither user nor password is a probe and
    /// low. What cannot be decoded is BAS-008.
    pub(crate) BasicToResource = "BAS-001" "basic-to-resource" High,
    title: "Basic credentials were sent to a resource",
    remedy: "Disable Basic on the virtual directories (Set-WebServicesVirtualDirectory -BasicAuthentication $false) or by \
             Set-AuthenticationPolicy, find the client by its user name, and change the password.",
    source: "RFC 7617; Configure Integration between Skype for Business Online or Microsoft Teams and Exchange Server",
    reference: "https://www.rfc-editor.org/rfc/rfc7617#section-4",
}

impl Rule for BasicToResource {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (credentials, basic) in observation.basics() {
            if super::use_of(observation, basic) != Use::Resource {
                continue;
            }
            let empty = is_empty_basic(basic);
            let severity = match (empty, observation.is_protected()) {
                (true, _) => Severity::Low,
                (false, true) => Self::META.severity,
                (false, false) => Severity::Critical,
            };
            let user = mask::text(&basic.user);
            let without_tls = if observation.is_protected() { "" } else { ", without TLS" };
            let detail = format!("{}: user \"{user}\"{without_tls}", observation.host_name);
            let draft = Self::META
                .of(observation)
                .severity(severity)
                .detail(detail)
                .evidence(observation.credentials(credentials));
            context.find(if empty { draft.title("Basic with neither user nor password was sent") } else { draft });
        }
    }
}
