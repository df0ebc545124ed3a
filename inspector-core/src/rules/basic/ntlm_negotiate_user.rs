use crate::{
    handshake::observation::Observation,
    http::auth::CredentialsKind,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client authenticated by NTLM, Negotiate or Digest: neither Basic nor OAuth. NTLM and Digest tell the user.
    ///
    /// # Evidence
    /// The scheme, and domain, user and workstation where they can be read.
    ///
    /// # Traps
    /// It carries no password and says nothing about Basic.
    pub(crate) NtlmNegotiateUser = "BAS-016" "ntlm-negotiate-user" Info,
    title: "A client authenticated by NTLM, Negotiate or Digest",
    remedy: "Move the client to OAuth if the resource shall take nothing else.",
    source: "[MS-NTHT]; RFC 4559; RFC 7616",
    reference: "https://learn.microsoft.com/openspecs/windows_protocols/ms-ntht/",
}

impl Rule for NtlmNegotiateUser {
    fn occasions(&self) -> Occasions {
        Occasions::NO_TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for credentials in observation.extraction.credentials.iter().filter(|credentials| !credentials.proxy) {
            let who = match &credentials.kind {
                CredentialsKind::Ntlm(ntlm) if ntlm.message == 3 => {
                    format!(
                        "NTLM, {}\\{} at {}",
                        mask::text(&ntlm.domain),
                        mask::text(&ntlm.user),
                        mask::text(&ntlm.workstation)
                    )
                }
                CredentialsKind::Digest { user } => format!("Digest, {}", mask::text(user)),
                CredentialsKind::Ntlm(_) => "NTLM".to_owned(),
                CredentialsKind::Negotiate => "Negotiate".to_owned(),
                _ => continue,
            };
            let detail = format!("{}: {who}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.credentials(credentials)));
        }
    }
}
