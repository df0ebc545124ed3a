use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::names::{is_client_secret, is_password, is_switch},
    token::mask,
};

/// Longest number that is taken for a count, not for a password (`pass=2`).
const COUNT: usize = 2;

declare_rule! {
    /// A query (or the fragment of a redirect) carries a password or a client's secret: it ends in logs, histories and
    /// `Referer`.
    ///
    /// # Evidence
    /// The parameter's name and the length of its value.
    ///
    /// # Traps
    /// Switches such as `password=true`, counts such as `pass=2`, empty values, and facts about a password
    /// (`password_expires`) are left out.
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
            if !matches!(parameter.part, Part::RequestUrl | Part::ResponseHeader)
                || is_switch(value)
                || is_count(value)
                || !(is_password(&parameter.name) || is_client_secret(&parameter.name))
            {
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

fn is_count(value: &str) -> bool {
    value.len() <= COUNT && value.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use crate::rules::testing::judge;

    #[test]
    fn a_password_in_a_query_is_told_by_any_of_its_names() {
        let fires = |query: &str| {
            let text = format!("GET /login.action?{query} HTTP/1.1\nHost: wiki.contoso.com\n\nHTTP/1.1 200 OK\n\n");
            judge(&text).findings.iter().any(|finding| finding.meta.code == "BAS-014")
        };
        for query in [
            "os_username=megan&os_password=Winter2026",
            "j_password=Winter2026",
            "sap-user=megan&sap-password=Winter2026",
            "userpwd=Winter2026",
            "passcode=482913",
            "otp=482913",
            "kennwort=Winter2026",
            "mot_de_passe=Winter2026",
            "user%5Bpassword%5D=Winter2026",
            "a=b&Passwd=Winter2026",
            "pass=Winter2026",
            "appSecret=0123456789abcdef",
            "client-secret=0123456789abcdef",
        ] {
            assert!(fires(query), "{query}");
        }
        for query in [
            "password=true",
            "pass=2",
            "os_password=",
            "password_expires=2026-01-01",
            "show_password=Winter2026",
            "compass=north",
            "api_key=0123456789abcdef",
            "q=password",
        ] {
            assert!(!fires(query), "{query}");
        }
    }
}
