use crate::{
    handshake::observation::Observation,
    http::auth::Basic,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

/// Users that stand for a token in the password.
const USERS: [&str; 6] =
    ["x-access-token", "oauth2", "oauth2accesstoken", "x-token-auth", "x-oauth-basic", "__token__"];
/// How tokens begin: OAuth of Google, personal access tokens of GitHub, GitLab, Slack, Atlassian and PyPI.
const PREFIXES: [&str; 10] =
    ["ya29.", "ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "xoxb-", "ATATT", "pypi-"];

declare_rule! {
    /// Basic credentials carry a token in the place of the password, as tools for Git and registries do. It is a bearer
    /// token in another form, and no user's password.
    ///
    /// # Evidence
    /// The user name, the kind of token and its length.
    ///
    /// # Traps
    /// BAS-001 still reports that Basic was sent: the scheme is what the server would have to turn off.
    pub(crate) TokenInBasic = "BAS-017" "token-in-basic" Info,
    title: "Basic credentials carry a token instead of a password",
    remedy: "Send the token as Bearer where the server takes it.",
    source: "RFC 7617; RFC 6750 §2.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
}

impl Rule for TokenInBasic {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (credentials, basic) in observation.basics() {
            let Some(kind) = kind(basic) else { continue };
            let user = mask::text(&basic.user);
            let detail = format!("{}: user \"{user}\", {kind}", observation.host_name);
            let evidence = observation.credentials(credentials);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// What kind of token is in the password (or, as GitHub's tools send it, in the place of the user).
fn kind(basic: &Basic) -> Option<&'static str> {
    let password = basic.password.reveal();
    let mut parts = password.split('.');
    let header = parts.next().unwrap_or_default();
    let is_jwt = header.len() >= 8 && (header.starts_with("ey") || header.starts_with("ew")) && parts.count() >= 2;
    if basic.malformed || password.is_empty() {
        None
    } else if is_jwt {
        Some("a JWT")
    } else if PREFIXES.iter().any(|prefix| password.starts_with(prefix)) {
        Some("an access token")
    } else if USERS.iter().any(|user| basic.user.eq_ignore_ascii_case(user)) || password == "x-oauth-basic" {
        Some("an access token by the user's name")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn kinds() {
        for (user, password, expected) in [
            ("megan", "eyJhbGciOiJub25lIn0.e30.c2ln", Some("a JWT")),
            ("megan", "ghp_0123456789", Some("an access token")),
            ("x-access-token", "v1.0123", Some("an access token by the user's name")),
            ("(masked)", "x-oauth-basic", Some("an access token by the user's name")),
            ("megan", "eye.of.newt", None),
            ("megan", "P@ss.w0rd", None),
            ("oauth2", "", None),
        ] {
            let basic = Basic {
                user: user.to_owned(),
                password: Secret::new(password.to_owned()),
                malformed: false,
                password_length: password.len(),
            };
            assert_eq!(kind(&basic), expected, "{user} {password}");
        }
    }
}
