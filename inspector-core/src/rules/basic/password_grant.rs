use crate::{
    evidence::Part,
    handshake::{observation::Observation, sts},
    report::mask,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// A user's password was sent to a token endpoint (`grant_type=password`). It is OAuth by name, and a password all the
    /// same.
    ///
    /// # Evidence
    /// The user name and the length of the password.
    ///
    /// # Traps
    /// Both `username` and `password` have to be there; grants of Skype for Business that carry none are left out.
    pub(crate) PasswordGrant = "BAS-010" "password-grant" High,
    title: "A user's password was sent to a token endpoint",
    remedy: "Replace the grant by authorization code with PKCE, a client certificate or a managed identity, and change the \
             password.",
    source: "RFC 6749 §4.3; RFC 9700 §2.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.4",
}

impl Rule for PasswordGrant {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let parameter = |name: &str| sts::form_parameter(observation.extraction, name);
        let is_password = parameter("grant_type").is_some_and(|grant| grant.trim().eq_ignore_ascii_case("password"));
        let (true, Some(user), Some(password)) = (is_password, parameter("username"), parameter("password")) else {
            return;
        };
        if password.is_empty() {
            return;
        }
        let user = mask::text(user);
        let excerpt = format!("username \"{user}\", password of {} bytes (masked)", password.len());
        let evidence = observation.in_request(Part::RequestBody, "password", excerpt);
        let detail = format!("{}: user \"{user}\"", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
