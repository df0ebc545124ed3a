//! Reads `WWW-Authenticate` and `Proxy-Authenticate`.
//!
//! The comma separates challenges and parameters alike, so a list is read piece by piece: a word followed by `=` is a
//! parameter of the challenge before it, a word without is the next scheme. Servers break that in known ways, and
//! nothing they sent is dropped: what fits nowhere becomes a parameter without a name, or, behind an unquoted value, a
//! part of that value.

use nom::Parser;

use super::{
    Challenge,
    grammar::{self, Value, is_tchar, quoted_string, separators, text, token68, word},
};

/// The challenges of all fields of one name, in wire order; parameters that open a field continue the challenge before
/// it, as RFC 9110 §5.3 joins repeated fields. At most `most` challenges and parameters are told apart; the rest of a
/// field behind them is kept as one parameter without a name.
pub fn challenges<'v>(values: impl IntoIterator<Item = &'v [u8]>, proxy: bool, most: usize) -> Vec<Challenge> {
    let mut list = List { proxy, left: most, challenges: Vec::new(), state: State::Parameters };
    for value in values {
        list.field(&text(value));
    }
    list.challenges
}

/// What the piece before was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A scheme: a `token68` may follow.
    Scheme,
    /// A parameter with an unquoted value: a stray word belongs to that value.
    Unquoted,
    /// Anything else.
    Parameters,
}

struct List {
    proxy: bool,
    left: usize,
    challenges: Vec<Challenge>,
    state: State,
}

impl List {
    fn field(&mut self, input: &str) {
        let (mut rest, mut comma) = (input, true);
        loop {
            let Ok((piece, gap)) = separators(rest) else { return };
            comma |= gap.contains(',');
            if piece.is_empty() {
                return;
            }
            if self.left == 0 {
                return self.parameter("", piece);
            }
            self.left -= 1;
            rest = self.piece(piece, comma);
            comma = false;
        }
    }

    /// Reads one piece and returns what is behind it.
    fn piece<'i>(&mut self, input: &'i str, comma: bool) -> &'i str {
        if self.state == State::Scheme
            && !comma
            && let Ok((rest, credentials)) = token68(input)
            && is_token68(credentials)
            && let Some(challenge) = self.challenges.last_mut()
        {
            challenge.token68 = Some(credentials.to_owned());
            self.state = State::Parameters;
            return rest;
        }
        if let Ok((rest, (name, Value { text, quoted }))) = grammar::parameter(input) {
            self.parameter(name, &text);
            self.state = if quoted { State::Parameters } else { State::Unquoted };
            return rest;
        }
        if let Ok((rest, word)) = word(input) {
            self.word(word, comma);
            return rest;
        }
        if let Ok((rest, text)) = quoted_string.parse(input) {
            self.parameter("", &text);
            self.state = State::Parameters;
            return rest;
        }
        // An equals sign without a name before it: kept with what follows.
        let end = input.find([',', ' ', '\t', '\r', '\n']).unwrap_or(input.len()).max(1);
        let (stray, rest) = input.split_at_checked(end).unwrap_or((input, ""));
        self.parameter("", stray);
        rest
    }

    fn word(&mut self, word: &str, comma: bool) {
        let is_scheme = word.chars().all(is_tchar)
            && word.starts_with(|c: char| c.is_ascii_alphabetic())
            && !looks_like_guid(word)
            && (comma || self.challenges.is_empty() || is_offered_scheme(word));
        if is_scheme {
            let (scheme, parameters) = (word.to_owned(), Vec::new());
            self.challenges.push(Challenge { scheme, token68: None, parameters, proxy: self.proxy });
            self.state = State::Scheme;
            return;
        }
        let value = self.challenges.last_mut().and_then(|challenge| challenge.parameters.last_mut());
        match value {
            Some((_, value)) if self.state == State::Unquoted => {
                value.push(if comma { ',' } else { ' ' });
                value.push_str(word);
            }
            _ => self.parameter("", word),
        }
    }

    /// Adds to the last challenge; one without a scheme is opened if there is none.
    fn parameter(&mut self, name: &str, value: &str) {
        if self.challenges.is_empty() {
            let (scheme, parameters) = (String::new(), Vec::new());
            self.challenges.push(Challenge { scheme, token68: None, parameters, proxy: self.proxy });
        }
        if let Some(challenge) = self.challenges.last_mut() {
            challenge.parameters.push((name.to_owned(), value.to_owned()));
        }
        if self.state == State::Scheme {
            self.state = State::Parameters;
        }
    }
}

/// Schemes that servers offer in lists, recognised where a comma is missing.
const OFFERED: &[&str] = &["basic", "bearer", "digest", "dpop", "kerberos", "msrtcoauth", "negotiate", "ntlm", "pop"];

fn is_offered_scheme(word: &str) -> bool {
    OFFERED.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// A GUID is an identifier in a list without quotes, never a scheme.
fn looks_like_guid(word: &str) -> bool {
    word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Tells `realm=` (a parameter without its value) and a scheme after a missing comma from base64 with padding.
fn is_token68(text: &str) -> bool {
    let name = text.trim_end_matches('=');
    if name.len() == text.len() {
        return !is_offered_scheme(text);
    }
    (text.ends_with("==") || text.len().is_multiple_of(4))
        && !["qop", "charset"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scheme [68 token68] name=value …`, one challenge a line.
    fn shown(values: &[&str]) -> Vec<String> {
        let line = |c: &Challenge| {
            let mut line = c.scheme.clone();
            c.token68.iter().for_each(|t| line.push_str(&format!(" 68 {t}")));
            c.parameters.iter().for_each(|(n, v)| line.push_str(&format!(" {n}=<{v}>")));
            line
        };
        challenges(values.iter().map(|v| v.as_bytes()), false, 4096).iter().map(line).collect()
    }

    #[test]
    fn trap_12_commas_inside_quotes_and_several_challenges() {
        let exchange = r#"Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="00000001-0000-0000-c000-000000000000@7f9c,00000004-0000-0ff1-ce00-000000000000@contoso.com", token_types="app_asserted_user_v1 service_asserted_app_v1", authorization_uri="https://login.windows.net/common/oauth2/authorize", error="invalid_token""#;
        let split = [exchange, "Negotiate", "NTLM", r#"Basic realm="mail.contoso.com""#];
        let merged = split.join(",");
        let expected = [
            "Bearer client_id=<00000002-0000-0ff1-ce00-000000000000> \
             trusted_issuers=<00000001-0000-0000-c000-000000000000@7f9c,00000004-0000-0ff1-ce00-000000000000@contoso.com> \
             token_types=<app_asserted_user_v1 service_asserted_app_v1> \
             authorization_uri=<https://login.windows.net/common/oauth2/authorize> error=<invalid_token>",
            "Negotiate",
            "NTLM",
            "Basic realm=<mail.contoso.com>",
        ];
        assert_eq!(shown(&split), expected);
        assert_eq!(shown(&[&merged]), expected);
        let all = challenges(split.map(str::as_bytes), true, 4096);
        assert!(all.iter().all(|c| c.proxy));
        assert_eq!(all[0].trusted_issuers().count(), 2);
    }

    #[test]
    fn lists_are_read() {
        let table: &[(&[&str], &[&str])] = &[
            (&[""], &[]),
            (&[" , ,"], &[]),
            (&["Basic Realm=\"\""], &["Basic Realm=<>"]),
            (&["Basic realm=\"a \\\"b\\\", c\\\\\""], &["Basic realm=<a \"b\", c\\>"]),
            (
                &["NTLM TlRMTVNTUAACAAAAAAAAAA==, Basic realm=x"],
                &["NTLM 68 TlRMTVNTUAACAAAAAAAAAA==", "Basic realm=<x>"],
            ),
            (&["Negotiate oYG2MIGzoAMKAQE="], &["Negotiate 68 oYG2MIGzoAMKAQE="]),
            (&["Negotiate, NTLM"], &["Negotiate", "NTLM"]),
            (&["Negotiate NTLM"], &["Negotiate", "NTLM"]),
            (
                &[",, Digest opaque=\"p,q\",stale=TRUE ,,Basic realm=r"],
                &["Digest opaque=<p,q> stale=<TRUE>", "Basic realm=<r>"],
            ),
            (&["Bearer realm = \"x\" ,\terror\t=\tinvalid_token"], &["Bearer realm=<x> error=<invalid_token>"]),
            (&["Bearer realm="], &["Bearer realm=<>"]),
            (&["Digest qop=, stale=false"], &["Digest qop=<> stale=<false>"]),
            // Repeated fields are one list.
            (&["Bearer realm=\"a\"", "error=\"b\""], &["Bearer realm=<a> error=<b>"]),
            (
                &[
                    "MsRtcOAuth href=\"https://lyncweb/WebTicket/oauthtoken\",grant_type=\"urn:microsoft.rtc:windows,password\"",
                ],
                &[
                    "MsRtcOAuth href=<https://lyncweb/WebTicket/oauthtoken> grant_type=<urn:microsoft.rtc:windows,password>",
                ],
            ),
            // Missing commas and quotes.
            (&["Bearer a=\"1\"b=\"2\" c=\"3\"Negotiate"], &["Bearer a=<1> b=<2> c=<3>", "Negotiate"]),
            (
                &["Bearer token_types=\"app_asserted_user_v1service_asserted_app_v1\""],
                &["Bearer token_types=<app_asserted_user_v1service_asserted_app_v1>"],
            ),
            (
                &["Bearer authorization_uri=https://login.windows.net/common?x=1&y=2, error=e"],
                &["Bearer authorization_uri=<https://login.windows.net/common?x=1&y=2> error=<e>"],
            ),
            (
                &[
                    "Bearer trusted_issuers=00000001-0000-0000-c000-000000000000@*,00000004-0000-0ff1-ce00-000000000000@c.d",
                ],
                &[
                    "Bearer trusted_issuers=<00000001-0000-0000-c000-000000000000@*,00000004-0000-0ff1-ce00-000000000000@c.d>",
                ],
            ),
            (&["Bearer error_description=The token expired"], &["Bearer error_description=<The token expired>"]),
            (&["Bearer error=invalid_token Negotiate"], &["Bearer error=<invalid_token>", "Negotiate"]),
            // What fits nowhere stays.
            (&["Basic realm=\"unterminated, NTLM"], &["Basic realm=<unterminated, NTLM>"]),
            (&["realm=\"x\""], &[" realm=<x>"]),
            (&["Bearer \"lost\", =x"], &["Bearer =<lost> =<=x>"]),
            (&["Basic realm=\"a\\"], &["Basic realm=<a\\>"]),
        ];
        for (values, expected) in table {
            assert_eq!(shown(values), *expected, "{values:?}");
        }
        // ISO-8859-1.
        let latin = challenges([b"Basic realm=\"B\xfcro\"".as_slice()], false, 9);
        assert_eq!(latin[0].parameter("REALM"), Some("Büro"));
    }

    #[test]
    fn the_rest_beyond_the_limit_is_kept_whole() {
        let all = challenges([b"Basic realm=a, Bearer x=y, NTLM".as_slice()], false, 2);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].parameters, [("realm".into(), "a".into()), (String::new(), "Bearer x=y, NTLM".into())]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost(input in "[a-z=,\" \\\\@/]{0,60}") {
            let mut kept: Vec<char> = challenges([input.as_bytes()], false, 4096)
                .iter()
                .flat_map(|c| {
                    let words = c.parameters.iter().flat_map(|(n, v)| [n.clone(), v.clone()]);
                    [c.scheme.clone(), c.token68.clone().unwrap_or_default()].into_iter().chain(words).collect::<Vec<_>>()
                })
                .flat_map(|s| s.chars().filter(char::is_ascii_lowercase).collect::<Vec<_>>())
                .collect();
            let mut sent: Vec<char> = input.chars().filter(char::is_ascii_lowercase).collect();
            kept.sort_unstable();
            sent.sort_unstable();
            proptest::prop_assert_eq!(kept, sent);
        }

        #[test]
        fn any_bytes_are_read(input: Vec<u8>) {
            let _ = challenges([input.as_slice()], false, 4096);
        }
    }
}
