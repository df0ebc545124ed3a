use crate::{
    finding::Severity,
    handshake::{
        caller,
        observation::{Endpoint, Observation, is_readable},
    },
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{TokenKind, mask},
};

declare_rule! {
    /// The token does not say who issued it, or a resource of the profile got one of an issuer the profile does not know.
    /// A missing issuer is medium in tokens of server-to-server OAuth, which need it; all else is information.
    ///
    /// # Evidence
    /// `iss`.
    ///
    /// # Traps
    /// Issuers of actor tokens are judged by S2S-023 and S2S-024. RFC 7519 makes `iss` optional. Proofs of possession and
    /// artefacts of brokers have none.
    pub(crate) IssMissingOrUnexpected = "JWT-010" "iss-missing-or-unexpected" Medium,
    title: "A token's issuer is missing or not expected",
    remedy: "Let the receiver accept known issuers only; add yours to the profile's issuers.",
    source: "RFC 8725 §3.8; RFC 7519 §4.1.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.8",
}

impl Rule for IssMissingOrUnexpected {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let resource = matches!(observation.endpoint, Endpoint::Resource { .. });
        for sighting in observation.presented().filter(|sighting| is_readable(&sighting.token)) {
            let s2s = caller::is_s2s_kind(sighting.kind);
            if !s2s && !matches!(sighting.kind, TokenKind::Jwt | TokenKind::EntraAccess | TokenKind::EntraId) {
                continue;
            }
            let layers = [Some(&*sighting.token), sighting.token.actor.as_deref()];
            for token in layers.into_iter().flatten().filter(|token| is_readable(token)) {
                let issuer = token.claim("iss").filter(|issuer| !issuer.trim().is_empty());
                let (severity, detail) = match &issuer {
                    None if s2s => (Severity::Medium, format!("{}: iss is absent", sighting.kind)),
                    None => (Severity::Info, format!("{}: iss is absent", sighting.kind)),
                    Some(issuer) if !s2s && resource && !observation.profile.admits_issuer(issuer) => {
                        (Severity::Info, format!("iss {} is not one of the profile", mask::text(issuer)))
                    }
                    Some(_) => continue,
                };
                let evidence = observation.claimed(sighting, "iss", issuer.as_deref().unwrap_or("absent"));
                context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
            }
        }
    }
}
