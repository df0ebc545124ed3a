use crate::{
    evidence::Part,
    handshake::observation::Observation,
    http::auth::is_redacted,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    token::{Defect, Sighting},
};

declare_rule! {
    /// An `Authorization: Bearer` breaks the grammar: letters that no token may have, blanks, quotes, the scheme twice, a
    /// list. Some receivers take it, others do not.
    ///
    /// # Evidence
    /// What is wrong, the length and the fingerprint.
    ///
    /// # Traps
    /// An empty Bearer is how discovery begins. Web tickets of Skype for Business (`cwt=…`) and tickets of Microsoft
    /// accounts (`t=…`) have an equals sign of their own.
    pub(crate) BearerMalformed = "OAU-033" "bearer-malformed" Low,
    title: "A bearer token breaks the grammar",
    remedy: "Send the scheme, one blank and the token as it was issued.",
    source: "RFC 6750 §2.1; RFC 9110 §11.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
}

impl Rule for BearerMalformed {
    fn occasions(&self) -> Occasions {
        Occasions::CREDENTIALS
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(head) = observation.request() else { return };
        for value in head.values("authorization") {
            if observation.extraction.sightings.iter().any(|sighting| is_bearer(value, sighting)) {
                continue;
            }
            let value = String::from_utf8_lossy(value);
            let Some(problem) = problem(&value) else { continue };
            let excerpt = format!("{problem} ({} bytes, sha256 {})", value.len(), Fingerprint::of(value.as_bytes()));
            let evidence = observation.in_request(Part::RequestHeader, "Authorization", excerpt);
            let detail = format!("{}: {problem}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// Whether the value is the scheme, one blank and that token, of which all characters are known to be in order because it
/// was decoded without a complaint about one.
fn is_bearer(value: &[u8], sighting: &Sighting) -> bool {
    let token = &sighting.token;
    let is_of_claims =
        |d: &Defect| matches!(d, Defect::TimeEncoding { .. } | Defect::DuplicateMember { .. } | Defect::TwoParts);
    value.strip_prefix(b"Bearer ") == Some(token.raw.reveal().as_bytes())
        && token.kind.is_readable()
        && token.defects.iter().all(is_of_claims)
}

/// What is wrong with a field's value, if its scheme is Bearer.
fn problem(value: &str) -> Option<&'static str> {
    let value = value.trim();
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case("bearer") || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let blanks = rest.len() - rest.trim_start().len();
    let token = rest.trim_start();
    if token.is_empty() || is_redacted(token) || is_redacted(value) {
        return None;
    }
    let first = token.split([' ', '\t']).next().unwrap_or_default();
    let known = ["cwt=", "t="].into_iter().find_map(|prefix| token.strip_prefix(prefix)).unwrap_or(token);
    let body = known.trim_end_matches('=');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    if first.eq_ignore_ascii_case("bearer") && token.len() > first.len() {
        Some("the scheme is there twice")
    } else if token.starts_with(['"', '\'']) {
        Some("the token is in quotes")
    } else if token.contains(',') {
        Some("a list of credentials")
    } else if token.contains([' ', '\t']) {
        Some("a blank inside the token")
    } else if blanks > 1 {
        Some("more than one blank behind the scheme")
    } else if body.is_empty() || !body.bytes().all(allowed) {
        Some("a character no token may have")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{is_bearer, problem};
    use crate::rules::testing;

    /// What is taken to be in order without a look has to be.
    #[test]
    fn a_token_without_defects_is_in_order() {
        let whole = crate::token::testing::OUTER;
        let padded = whole.replacen('.', "=.", 1);
        let spaced = whole.replacen('.', " .", 1);
        let mut known = 0;
        for token in [whole, whole.trim_end_matches('.'), &padded, &spaced, "eyJhbGciOiJub25lIn0.e30.+", "opaque,"] {
            for value in [format!("Bearer {token}"), format!("Bearer  {token}"), format!("bearer {token}")] {
                let exchange =
                    testing::exchanges(&format!("GET / HTTP/1.1\nHost: h\nAuthorization: {value}\n")).remove(0);
                let extraction = testing::extract(&exchange);
                if extraction.sightings.iter().any(|sighting| is_bearer(value.as_bytes(), sighting)) {
                    known += 1;
                    assert_eq!(problem(&value), None, "{value}");
                }
            }
        }
        assert_eq!(known, 2);
    }

    #[test]
    fn grammar() {
        for (value, expected) in [
            ("Bearer abc", None),
            ("bearer abc-._~+/==", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer [REDACTED]", None),
            ("Bearer cwt=AAEBHAEFAAAA", None),
            ("Bearer t=EwBgA8l6", None),
            ("Basic a b", None),
            ("BearerX abc", None),
            ("Bearer Bearer abc", Some("the scheme is there twice")),
            ("Bearer \"abc\"", Some("the token is in quotes")),
            ("Bearer abc, Basic eHg6eQ==", Some("a list of credentials")),
            ("Bearer abc def", Some("a blank inside the token")),
            ("Bearer  abc", Some("more than one blank behind the scheme")),
            ("Bearer a=b", Some("a character no token may have")),
            ("Bearer äbc", Some("a character no token may have")),
        ] {
            assert_eq!(problem(value), expected, "{value}");
        }
    }
}
