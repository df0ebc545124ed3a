use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::{extract::PasswordCarrier, mask},
};

/// The title where there is no password.
const USER_ONLY: &str = "A user name is part of a URL";

declare_rule! {
    /// A URL carries a user name and a password (`user:password@host`): it ends in logs, histories and `Referer`.
    ///
    /// # Evidence
    /// The part, the user name and the length of the password.
    ///
    /// # Traps
    /// A user name without password is low. An address of the form `name@host` in a path is no user information.
    pub(crate) CredentialsInUrl = "BAS-007" "credentials-in-url" High,
    title: "A password is part of a URL",
    remedy: "Take the password out of the URL and change it.",
    source: "RFC 3986 §3.2.1, §7.5",
    reference: "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
}

impl Rule for CredentialsInUrl {
    fn occasions(&self) -> Occasions {
        Occasions::PASSWORD.or(Occasions::AT_SIGN)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for found in observation.extraction.passwords.iter().filter(|p| p.carrier == PasswordCarrier::Url) {
            let length = found.password.reveal().len();
            let severity = if length == 0 { Severity::Low } else { Self::META.severity };
            let user = mask::text(&found.user);
            let excerpt = format!("user \"{user}\", password of {length} bytes (masked)");
            let evidence = match found.part {
                Part::ResponseHeader | Part::ResponseBody => observation.in_response(found.part, &found.name, excerpt),
                part => observation.in_request(part, &found.name, excerpt),
            };
            let detail = format!("{}: user \"{user}\" in {}", observation.host_name, mask::text(&found.name));
            let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
            context.find(if length == 0 { draft.title(USER_ONLY) } else { draft });
        }
        let target = observation.request().map(|head| String::from_utf8_lossy(head.target())).unwrap_or_default();
        if let Some(user) = user_without_password(&target) {
            let user = mask::text(user);
            let evidence = observation.in_request(Part::RequestUrl, "target", format!("user \"{user}\""));
            let detail = format!("{}: user \"{user}\" in the target", observation.host_name);
            context.find(
                Self::META.of(observation).severity(Severity::Low).title(USER_ONLY).detail(detail).evidence(evidence),
            );
        }
    }
}

/// User information of a target in absolute form that has no password.
fn user_without_password(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if scheme.contains(['/', '?', '#']) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    (!user.is_empty() && !user.contains(':')).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::user_without_password;

    #[test]
    fn user_information() {
        for (target, user) in [
            ("https://svc@mail.contoso.com/", Some("svc")),
            ("https://svc:x@mail.contoso.com/", None),
            ("https://mail.contoso.com/a@b", None),
            ("/redirect?to=https://svc@host/", None),
            ("/a@b", None),
        ] {
            assert_eq!(user_without_password(target), user, "{target}");
        }
    }
}
