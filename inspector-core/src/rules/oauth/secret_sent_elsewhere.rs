use crate::{evidence::Part, handshake::{oauth_message, ledger::Ledger, observation::{Endpoint, Observation}}, hosts::HostId, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

/// Shortest value that is looked up, in bytes.
const SHORTEST: usize = 16;
/// Longest value that is looked up, in bytes.
const LONGEST: usize = 16 << 10;
/// Bytes of a content that are looked into, and values in it.
const MOST_BYTES: usize = 256 << 10;
const MOST_VALUES: usize = 2048;

/// Names under which one service hands a token to another on purpose: exchange, sign-in by another's token, inspection.
const HANDED: [&str; 13] = [
    "accesstoken",
    "actortoken",
    "assertion",
    "clientassertion",
    "code",
    "credential",
    "idtoken",
    "idtokenhint",
    "oauthtoken",
    "refreshtoken",
    "subjecttoken",
    "token",
    "jwt",
];

declare_rule! {
    /// An access token, a refresh token or an authorization code that was used elsewhere in the recording stands in the
    /// content or the query of a request to another site, or in a redirect to one: logs, analytics, error reports and open
    /// redirects carry it off.
    ///
    /// # Evidence
    /// Where it was sent, its length and its fingerprint.
    ///
    /// # Traps
    /// It belongs to the sites of its issuer, its audience, the hosts that take it, the page that sends it. Under a name
    /// that says that a token is handed over (`subject_token`, `access_token`), and at token endpoints, it is no leak by
    /// itself. Only values that the recording itself shows as tokens are known.
    pub(crate) SecretSentElsewhere = "OAU-037" "secret-sent-elsewhere" High,
    title: "A token or a code was sent to another site",
    remedy: "Take tokens out of logs, analytics and redirects, and revoke the ones that were sent.",
    source: "RFC 9700 §4.2, §4.11; RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.2",
}

impl Rule for SecretSentElsewhere {
    fn occasions(&self) -> Occasions {
        Occasions::CONTENT.or(Occasions::QUERY).or(Occasions::PARAMETER)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        if let Some(leak) = redirected(observation) {
            report(observation, context, &leak);
        }
        let Some(request) = &observation.exchange.request else { return };
        let known = !ledger.tokens().is_empty() || !ledger.flows().is_empty();
        let is_other = matches!(observation.endpoint, Endpoint::Other) && observation.flow.response.is_none();
        if !known || !is_other || sends_to_itself(observation) {
            return;
        }
        let query = oauth_message::query(request.head.target());
        let pairs = form::pairs(query).map(|(name, value)| (name.into_owned(), value.into_owned()));
        let of_query = pairs.take(MOST_VALUES).flat_map(|(name, value)| {
            let whole = lookup(observation, ledger, &value).map(|what| (name, what));
            whole.or_else(|| {
                words(value.as_bytes()).find_map(|word| Some((String::new(), lookup_word(observation, ledger, word)?)))
            })
        });
        let leak = of_query.filter(|(name, _)| !is_handed(name)).map(|(_, leak)| leak).next();
        let leak = leak.map(|leak| Leak { part: Part::RequestUrl, name: "query", ..leak });
        let content = request.body.kept.as_deref().unwrap_or_default();
        let content = content.get(..MOST_BYTES).unwrap_or(content);
        let of_content = || {
            let mut all = words(content).take(MOST_VALUES);
            all.find_map(|word| {
                Some(word)
                    .filter(|word| !is_handed(name_before(content, word)))
                    .and_then(|word| lookup_word(observation, ledger, word))
            })
        };
        let leak = leak.or_else(|| of_content().map(|leak| Leak { part: Part::RequestBody, name: "content", ..leak }));
        if let Some(leak) = leak {
            report(observation, context, &leak);
        }
    }
}

/// A secret at a place it does not belong to.
struct Leak {
    what: &'static str,
    part: Part,
    name: &'static str,
    length: usize,
    id: Fingerprint,
    to: Option<String>,
}

/// A redirect that passes on the code it came with, or has a token in its query (RFC 9700 §4.3.2).
fn redirected(observation: &Observation<'_>) -> Option<Leak> {
    let status = observation.status.filter(|status| (300..400).contains(status))?;
    let location = observation.response()?.value("location").filter(|_| status != 304)?;
    let text = String::from_utf8_lossy(location);
    let (_, to, _) = oauth_message::parts(&text).filter(|(_, to, _)| !to.is_empty())?;
    let (before, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let query = before.split_once('?').map_or("", |(_, query)| query);
    let leak = |what, value: &str| {
        let (length, id) = (value.len(), Fingerprint::of(value.as_bytes()));
        Some(Leak { what, part: Part::ResponseHeader, name: "Location", length, id, to: Some(to.clone()) })
    };
    let is_token = |name: &str| super::url_name(name) == super::UrlName::Token;
    let mut of_query = form::pairs(query.as_bytes());
    if let Some((_, token)) = of_query.find(|(name, value)| is_token(name) && value.len() >= SHORTEST) {
        return leak("a token", &token);
    }
    let target = observation.request().map(|head| head.target()).unwrap_or_default();
    let (_, code) = form::pairs(oauth_message::query(target)).find(|(name, value)| name == "code" && value.len() >= 8)?;
    if super::site(&to) == super::site(&observation.host_name) {
        return None;
    }
    let mut values = form::pairs(query.as_bytes()).chain(form::pairs(fragment.as_bytes()));
    values.find(|(_, value)| *value == code).and_then(|_| leak("an authorization code", &code))
}

fn report(observation: &Observation<'_>, context: &mut Context<'_>, leak: &Leak) {
    let to = leak.to.as_deref().map(|to| format!(" to {}", mask::text(to))).unwrap_or_default();
    let place = if leak.part == Part::ResponseHeader { "a redirect" } else { leak.name };
    let detail = format!("{}: {} in {place}{to}", observation.host_name, leak.what);
    let excerpt = format!("{} ({} characters, sha256 {})", leak.what, leak.length, leak.id);
    let evidence = match leak.part {
        Part::ResponseHeader => observation.in_response(leak.part, leak.name, excerpt),
        part => observation.in_request(part, leak.name, excerpt),
    };
    context.find(SecretSentElsewhere::META.of(observation).detail(detail).evidence(evidence).leaks(leak.id));
}

/// Whether the page that asks is of the site that is asked: it may give its own server what it has.
fn sends_to_itself(observation: &Observation<'_>) -> bool {
    let Some(head) = observation.request() else { return false };
    let from = head.text("origin").or_else(|| head.text("referer")).and_then(oauth_message::parts);
    from.is_some_and(|(_, from, _)| !from.is_empty() && super::site(&from) == super::site(&observation.host_name))
}

fn is_handed(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).take(32).map(|c| c.to_ascii_lowercase()).collect();
    HANDED.contains(&plain.as_str())
}

/// The words of a text that may be a secret: a run of the letters that tokens have (RFC 6750 §2.1).
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let runs = text.split(move |byte| !is_of_token(byte));
    runs.filter(|run| (SHORTEST..=LONGEST).contains(&run.len())).map(|run| {
        // `access_token=eyJ…` in a text is one run.
        let at = run.iter().position(|byte| *byte == b'=').filter(|at| run.len() - at > SHORTEST);
        at.and_then(|at| run.get(at + 1..)).unwrap_or(run)
    })
}

/// The name a value stands under: `"name": "value"`, or `name=value` of a form; not that of a parameter in a URL.
fn name_before<'t>(text: &'t [u8], word: &[u8]) -> &'t str {
    let start = (word.as_ptr().addr()).saturating_sub(text.as_ptr().addr());
    let before = text.get(..start).unwrap_or_default();
    let trimmed = before.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(b"\"").unwrap_or(trimmed).trim_ascii_end();
    let (rest, of_form) = match (trimmed.strip_suffix(b":"), trimmed.strip_suffix(b"=")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return "",
    };
    let rest = rest.trim_ascii_end();
    let rest = rest.strip_suffix(b"\"").unwrap_or(rest);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let from = rest.iter().rposition(|byte| !is_name(byte)).map_or(0, |at| at + 1);
    let in_form = || from.checked_sub(1).and_then(|at| rest.get(at)).is_none_or(|byte| *byte == b'&');
    if of_form && !in_form() {
        return "";
    }
    rest.get(from..).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

fn lookup_word(observation: &Observation<'_>, ledger: &Ledger, word: &[u8]) -> Option<Leak> {
    lookup(observation, ledger, std::str::from_utf8(word).ok()?)
}

/// Whether a value is a token or a code that belongs to other sites.
fn lookup(observation: &Observation<'_>, ledger: &Ledger, value: &str) -> Option<Leak> {
    if !(SHORTEST..=LONGEST).contains(&value.len()) {
        return None;
    }
    let id = Fingerprint::of(value.as_bytes());
    let here = super::site(&observation.host_name);
    let flows = ledger.flows();
    let leak = |what| Some(Leak { what, part: Part::RequestBody, name: "", length: value.len(), id, to: None });
    if let Some(asked) = flows.of_code(id) {
        let redirect = asked.request.redirect.as_deref().and_then(oauth_message::parts);
        let belongs = super::site(&asked.host_name) == here
            || redirect.is_none_or(|(_, host, _)| host.is_empty() || super::site(&host) == here);
        return if belongs { None } else { leak("an authorization code") };
    }
    if let Some(issued) = flows.refresh_token(id) {
        return if super::site(&issued.host_name) == here { None } else { leak("a refresh token") };
    }
    let facts = ledger.token(id);
    let issued = flows.access_token(id);
    let presented = facts.is_some_and(|facts| !facts.presented_to.is_empty());
    if issued.is_none() && !presented {
        return None;
    }
    let at = |host: &str| super::site(host) == here;
    let hosts = facts.map(|facts| facts.presented_to.iter()).into_iter().flatten();
    let mut sites = hosts.filter(|host| **host != HostId::OTHER).map(|host| ledger.host_name(*host));
    let of_claims = facts.is_some_and(|facts| {
        let issuer = facts.token.claim("iss").map(std::borrow::Cow::into_owned);
        let mut named = facts.token.audiences().into_iter().chain(issuer);
        named.any(|url| oauth_message::parts(&url).map_or_else(|| at(&url), |(_, host, _)| at(&host)))
    });
    let belongs = issued.is_some_and(|issued| at(&issued.host_name)) || sites.any(|host| at(host)) || of_claims;
    if belongs { None } else { leak("an access token") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_before_values() {
        for (text, value, name) in [
            (r#"{"access_token" : "aaaaaaaaaaaaaaaa"}"#, "aaaaaaaaaaaaaaaa", "access_token"),
            (r#"{"msg":"Bearer aaaaaaaaaaaaaaaa"}"#, "aaaaaaaaaaaaaaaa", ""),
            ("x=1&token=aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "token"),
            ("token=aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", "token"),
            (r#"{"url":"https://app.test/#access_token=aaaaaaaaaaaaaaaa"}"#, "aaaaaaaaaaaaaaaa", ""),
            ("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa", ""),
        ] {
            let word = words(text.as_bytes()).find(|word| *word == value.as_bytes()).unwrap();
            assert_eq!(name_before(text.as_bytes(), word), name, "{text}");
        }
        assert!(is_handed("subject_token") && is_handed("idToken") && !is_handed("authorization") && !is_handed(""));
    }
}
