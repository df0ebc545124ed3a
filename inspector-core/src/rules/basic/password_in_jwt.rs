use crate::{
    evidence::Part,
    handshake::observation::{Observation, is_readable},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// A signed request object carries a user's password in its claims, as brokers of devices do: it is signed, and
    /// everybody who has it can read it.
    ///
    /// # Evidence
    /// The user name and the length of the password.
    ///
    /// # Traps
    /// The claims have to have `grant_type` with `password`, and a password; other claims with such a name are
    /// JWT-025's matter.
    pub(crate) PasswordInJwt = "BAS-013" "password-in-jwt" High,
    title: "A signed request carries a user's password",
    remedy: "Sign in by a certificate, a FIDO2 key or a web sign-in, and change the password.",
    source: "[MS-OAPXBC] §3.2.5.1.2.1",
    reference: "https://learn.microsoft.com/openspecs/windows_protocols/ms-oapxbc/",
}

impl Rule for PasswordInJwt {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let in_request = [Part::RequestHeader, Part::RequestUrl, Part::RequestBody];
        for sighting in observation.extraction.sightings.iter().filter(|s| in_request.contains(&s.part)) {
            let token = &sighting.token;
            let is_grant = token.claim("grant_type").is_some_and(|grant| grant.eq_ignore_ascii_case("password"));
            let Some(password) = token.claim("password").filter(|password| is_grant && !password.is_empty()) else {
                continue;
            };
            if !is_readable(token) {
                continue;
            }
            let user = mask::text(&token.claim("username").unwrap_or_default());
            let excerpt = format!("username: \"{user}\", password of {} bytes (masked)", password.len());
            let evidence = observation.in_request(sighting.part, &sighting.name, excerpt);
            let detail = format!("{}: user \"{user}\"", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
