use crate::{
    evidence::Part,
    handshake::observation::Observation,
    report::mask,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

/// Names of parameters whose value is a password.
const NAMES: [&str; 4] = ["password", "pwd", "passwd", "client_secret"];
/// Values that are switches, not passwords.
const SWITCHES: [&str; 8] = ["true", "false", "0", "1", "yes", "no", "null", "undefined"];

declare_rule! {
    /// A query (or the fragment of a redirect) carries a password or a client's secret: it ends in logs, histories and
    /// `Referer`.
    ///
    /// # Evidence
    /// The parameter's name and the length of its value.
    ///
    /// # Traps
    /// Switches such as `password=true` and empty values are left out.
    pub(crate) PasswordInQuery = "BAS-014" "password-in-query" High,
    title: "A query carries a password",
    remedy: "Send secrets in the content of a POST over TLS, and change this one.",
    source: "RFC 9110 §17.9; RFC 6749 §2.3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-17.9",
}

impl Rule for PasswordInQuery {
    fn occasions(&self) -> Occasions {
        Occasions::PARAMETER
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for parameter in &observation.extraction.parameters {
            let value = parameter.value.reveal().trim();
            let named = NAMES.iter().any(|name| parameter.name.eq_ignore_ascii_case(name));
            let switch = value.is_empty() || SWITCHES.iter().any(|switch| value.eq_ignore_ascii_case(switch));
            if !named || switch || !matches!(parameter.part, Part::RequestUrl | Part::ResponseHeader) {
                continue;
            }
            let name = mask::text(&parameter.name);
            let excerpt = format!("{name}=({} bytes, masked)", value.len());
            let evidence = match parameter.part {
                Part::ResponseHeader => observation.in_response(parameter.part, &parameter.name, excerpt),
                part => observation.in_request(part, &parameter.name, excerpt),
            };
            let detail = format!("{}: parameter {name}", observation.place());
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
