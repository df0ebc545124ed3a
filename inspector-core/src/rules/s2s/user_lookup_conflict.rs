use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Token, mask},
};

/// Claims by which the resource looks up the user.
const CLAIMS: [&str; 4] = ["smtp", "sip", "upn", "nameid"];

declare_rule! {
    /// The addresses by which the token names its user are not one. It is no fault by itself, and explains a refusal with
    /// `invalid_user`: the resource finds two users, or none.
    ///
    /// # Evidence
    /// The claims that differ.
    ///
    /// # Traps
    /// A user principal name that is not the mail address is common. A `nameid` that is no address is not compared.
    pub(crate) UserLookupConflict = "S2S-042" "user-lookup-conflict" Info,
    title: "The addresses of the user in a token differ",
    remedy: "Align the user's UPN, SMTP and SIP addresses if the resource answers invalid_user (2000005).",
    source: "Resolve free/busy errors in Exchange hybrid",
    reference: "https://learn.microsoft.com/exchange/troubleshoot/calendars/free-busy/hybrid-free-busy-errors",
}

impl Rule for UserLookupConflict {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, _) in observation.app_asserted() {
            let mut found = CLAIMS.iter().filter_map(|claim| Some((*claim, address(&sighting.token, claim)?)));
            let Some((first, one)) = found.next() else { continue };
            let Some((claim, other)) = found.find(|(_, other)| *other != one) else { continue };
            let detail = format!("{first} {}, {claim} {}", mask::text(&one), mask::text(&other));
            let evidence = observation.claimed(sighting, claim, &other);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// A claim's address in lower case, without its URI scheme.
fn address(token: &Token, claim: &str) -> Option<String> {
    let value = token.claim(claim)?.trim().to_ascii_lowercase();
    let value = value.strip_prefix("smtp:").or_else(|| value.strip_prefix("sip:")).unwrap_or(&value);
    value.contains('@').then(|| value.to_owned())
}
