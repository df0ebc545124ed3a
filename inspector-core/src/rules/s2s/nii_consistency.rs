use crate::{
    finding::Severity,
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// `nii` says which kind of name `nameid` is, and `nameid` is of another kind: a security identifier goes with
    /// `urn:office:idp:activedirectory`, sixteen hexadecimal digits with `urn:federation:microsoftonline`. An `nii` that is
    /// not known is information.
    ///
    /// # Evidence
    /// Both claims.
    ///
    /// # Traps
    /// Letter case does not count; both spellings of `MicrosoftOnline` are sent.
    pub(crate) NiiConsistency = "S2S-043" "nii-consistency" Low,
    title: "nameid is not of the kind nii says",
    remedy: "Correct how the caller fills nameid and nii; Exchange looks the user up by smtp, sip and upn as well.",
    source: "[MS-XOAUTH] §2.2",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for NiiConsistency {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, _) in observation.app_asserted() {
            let (Some(nii), Some(id)) = (sighting.token.claim("nii"), sighting.token.claim("nameid")) else { continue };
            let lower = nii.trim().to_ascii_lowercase();
            let (severity, fits) = match lower.as_str() {
                "urn:office:idp:activedirectory" => (Severity::Low, is_security_identifier(&id)),
                "urn:federation:microsoftonline" => (Severity::Low, is_net_id(&id)),
                "urn:office:idp:orgid" => continue,
                other if other.starts_with("urn:office:idp:forms:") || other.starts_with("trusted:") => continue,
                _ => (Severity::Info, false),
            };
            if fits {
                continue;
            }
            let known =
                if severity == Severity::Info { "an nii that is not known" } else { "nameid is of another kind" };
            let detail = format!("nii {}: {known}", mask::text(&nii));
            let evidence = observation.claimed(sighting, "nameid", &id);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

fn is_security_identifier(id: &str) -> bool {
    let id = id.trim().to_ascii_lowercase();
    id.strip_prefix("s-1-").is_some_and(|rest| rest.split('-').all(|part| part.parse::<u64>().is_ok()))
}

fn is_net_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}
