use crate::{bounded::Memory, finding::Severity, handshake::{caller, oauth_message, observation::Observation}, http::auth::{Credentials, CredentialsKind}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint};

declare_rule! {
    /// A client follows a redirect to another host and sends its `Authorization` again: the other host has the credentials
    /// now.
    ///
    /// # Evidence
    /// The credentials, masked, and both hosts.
    ///
    /// # Traps
    /// The request has to be the one the redirect leads to. A token whose audience is the other host belongs there.
    /// Among hosts of one site it is medium. Server-to-server tokens with another audience are S2S-013's matter.
    pub(crate) RedirectCredentialLeak = "OAU-028" "redirect-credential-leak" High,
    title: "Credentials were sent along to another host on a redirect",
    remedy: "Strip Authorization when a redirect leads to another origin, and revoke the credentials.",
    source: "RFC 9110 §15.4; RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-15.4",
    state: { redirects: Memory<(Fingerprint, String), String> },
}

impl Rule for RedirectCredentialLeak {
    fn occasions(&self) -> Occasions {
        Occasions::CREDENTIALS
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let kept = |c: &&Credentials| {
            !c.proxy && matches!(c.kind, CredentialsKind::Token | CredentialsKind::Basic(_) | CredentialsKind::Other)
        };
        let target = leads_to(observation);
        if target.is_none() && self.redirects.is_empty() {
            return;
        }
        for credentials in observation.extraction.credentials.iter().filter(kept) {
            let here = place(&observation.host_name, &observation.path);
            if let Some(from) = self.redirects.recall(&(credentials.id, here))
                && !belongs(observation, credentials)
            {
                let same_site = super::site(from) == super::site(&observation.host_name);
                let severity = if same_site { Severity::Medium } else { Self::META.severity };
                let detail = format!("{}: sent along on a redirect of {from}", observation.host_name);
                let evidence = observation.credentials(credentials);
                let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
                let token = observation.presented().find(|sighting| sighting.name.starts_with(&credentials.field));
                context.find(match token {
                    Some(sighting) => draft.leaks(sighting.token.id),
                    None => draft,
                });
            }
            if let Some((host, path)) = &target {
                self.redirects.keep((credentials.id, place(host, path)), observation.host_name.to_string());
            }
        }
    }
}

fn place(host: &str, path: &str) -> String {
    let path = if path.is_empty() { "/" } else { path };
    format!("{host}{}", path.chars().take(2048).collect::<String>())
}

/// Host and path of a redirect to another host.
fn leads_to(observation: &Observation<'_>) -> Option<(String, String)> {
    if !observation.status.is_some_and(|status| (300..400).contains(&status)) {
        return None;
    }
    let location = observation.response()?.text("location")?;
    let (_, host, path) = oauth_message::parts(location)?;
    (!host.is_empty() && host != *observation.host_name).then(|| (host, path.to_ascii_lowercase()))
}

/// Whether the token is for this host, or another rule looks after it.
fn belongs(observation: &Observation<'_>, credentials: &Credentials) -> bool {
    let mut presented = observation.presented().filter(|s| s.name.starts_with(&credentials.field));
    presented.any(|sighting| {
        let audiences = sighting.token.audiences();
        let named =
            |audience: &String| oauth_message::parts(audience).is_some_and(|(_, host, _)| host == *observation.host_name);
        caller::is_s2s_kind(sighting.kind) || audiences.iter().any(named)
    })
}
