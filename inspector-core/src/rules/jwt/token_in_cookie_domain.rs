use crate::{
    evidence::Part,
    handshake::observation::{Observation, is_readable},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A server puts a token into a cookie that scripts can read (without HttpOnly), or that travels without TLS (without
    /// Secure).
    ///
    /// # Evidence
    /// The cookie's name and the attributes it lacks.
    ///
    /// # Traps
    /// Only what `Set-Cookie` says is judged: a recording's list of cookies may lack the attributes.
    pub(crate) TokenInCookieDomain = "JWT-023" "token-in-cookie-domain" Medium,
    title: "A token is in a cookie without Secure or HttpOnly",
    remedy: "Set Secure, HttpOnly and SameSite on cookies that hold tokens, or keep the token at the server.",
    source: "RFC 6265 §4.1.2; RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc6265#section-4.1.2",
}

impl Rule for TokenInCookieDomain {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(head) = observation.response() else { return };
        for sighting in &observation.extraction.sightings {
            let Some((field, cookie)) = sighting.name.split_once(' ') else { continue };
            let set = sighting.part == Part::ResponseHeader && field.eq_ignore_ascii_case("set-cookie");
            if !set || !is_readable(&sighting.token) {
                continue;
            }
            let Some(missing) = head.values("set-cookie").find_map(|line| missing(line, cookie)) else { continue };
            let detail = format!("cookie {} without {missing}", mask::text(cookie));
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}

/// The attributes the cookie of that name lacks; `None` if it lacks none, or the line is another cookie's.
fn missing(line: &[u8], cookie: &str) -> Option<&'static str> {
    let line = String::from_utf8_lossy(line);
    let mut pieces = line.split(';').map(str::trim);
    let (name, _) = pieces.next()?.split_once('=')?;
    if name.trim() != cookie {
        return None;
    }
    let attributes: Vec<String> = pieces.map(str::to_ascii_lowercase).collect();
    let has = |name: &str| attributes.iter().any(|attribute| attribute == name);
    match (has("secure"), has("httponly")) {
        (true, true) => None,
        (true, false) => Some("HttpOnly"),
        (false, true) => Some("Secure"),
        (false, false) => Some("Secure and HttpOnly"),
    }
}
