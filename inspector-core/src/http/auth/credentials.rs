//! Reads `Authorization` and its kin: any scheme in any case, no scheme at all, and what merges and exporters leave.
//!
//! A field can hold several credentials: proxies and exporters merge repeated fields with a comma, and a `Basic` behind
//! a `Bearer` must not be missed. A comma divides where a known scheme, alone or with a blank behind it, follows it; a
//! semicolon or a blank where a whole `Basic` with user and password does.

use std::borrow::Cow;

use nom::Parser;
use smallvec::{SmallVec, smallvec};

use super::{
    Basic, Credentials, CredentialsKind, Ntlm, grammar,
    grammar::{is_blank, is_tchar},
    is_partly_redacted, is_placeholder, is_redacted, ntlm,
};
use crate::{
    evidence::Part,
    http::base64,
    secret::{Fingerprint, Secret},
};

/// How the text behind a scheme is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Basic,
    /// One token, possibly quoted, possibly behind its scheme repeated.
    Token,
    /// Parameters whose values are tokens.
    Tokens,
    Digest,
    Ntlm,
    Negotiate,
    /// A bare token follows as one word; with parameters it is OAuth 1.0 (RFC 5849), which carries no bearer token.
    OAuth,
    Other,
}

/// The schemes that are recognised where a scheme could also be something else.
const SCHEMES: &[(&str, Form)] = &[
    ("basic", Form::Basic),
    ("bearer", Form::Token),
    ("pop", Form::Token),
    ("dpop", Form::Token),
    ("wlid1.0", Form::Token),
    ("wlid1.1", Form::Token),
    ("passport1.4", Form::Token),
    ("tbauth", Form::Token),
    ("gnap", Form::Token),
    ("jwt", Form::Token),
    ("token", Form::Token),
    ("skype_token", Form::Token),
    ("skypetoken", Form::Token),
    ("registrationtoken", Form::Token),
    ("endpointtoken", Form::Token),
    ("access_token", Form::Token),
    ("wrap", Form::Token),
    ("vapid", Form::Token),
    ("googlelogin", Form::Token),
    ("msauth1.0", Form::Tokens),
    ("msauth", Form::Tokens),
    ("digest", Form::Digest),
    ("ntlm", Form::Ntlm),
    ("negotiate", Form::Negotiate),
    ("kerberos", Form::Negotiate),
    ("oauth", Form::OAuth),
    ("apikey", Form::Other),
    ("aws4-hmac-sha256", Form::Other),
    ("hawk", Form::Other),
    ("hoba", Form::Other),
    ("msrtcoauth", Form::Other),
    ("mutual", Form::Other),
    ("scram-sha-1", Form::Other),
    ("scram-sha-256", Form::Other),
    ("sharedaccesssignature", Form::Other),
    ("sharedkey", Form::Other),
    ("sharedkeylite", Form::Other),
    ("signature", Form::Other),
];

/// The scheme of RFC 7617.
const BASIC: &str = "basic";

/// Longest unknown scheme; a longer first word is a secret.
const LONGEST_SCHEME: usize = 24;

/// Parameters of one credentials that are looked at.
const MOST_PARAMETERS: usize = 64;

/// One credentials of a field's value.
pub(crate) struct Parsed<'v> {
    pub(crate) scheme: &'v str,
    /// What follows the scheme.
    pub(crate) secret: &'v str,
    pub(crate) kind: CredentialsKind,
    /// The tokens in it, each with the parameter it was in (empty where there is none).
    pub(crate) tokens: SmallVec<[(&'static str, Cow<'v, str>); 1]>,
}

impl Parsed<'_> {
    /// With the place it was found. `id` is the fingerprint of `secret`, where it is already known.
    pub(crate) fn at(self, field: &str, part: Part, id: Option<Fingerprint>) -> Credentials {
        Credentials {
            scheme: self.scheme.to_owned(),
            field: field.to_owned(),
            part,
            proxy: field.eq_ignore_ascii_case("proxy-authorization"),
            kind: self.kind,
            id: id.unwrap_or_else(|| Fingerprint::of(self.secret.as_bytes())),
            length: self.secret.len(),
        }
    }
}

/// Whether a field of that name carries credentials (the list is in the module documentation).
pub fn is_credentials_field(name: &[u8]) -> bool {
    [
        b"authorization".as_slice(),
        b"proxy-authorization",
        b"authentication",
        b"x-authorization",
        b"x-forwarded-authorization",
        b"x-original-authorization",
    ]
    .iter()
    .any(|known| name.eq_ignore_ascii_case(known))
}

/// The credentials in the value of the field `field`: one, unless fields were merged. An empty value is
/// [`CredentialsKind::Empty`].
pub fn credentials(field: &str, value: &[u8], part: Part) -> Vec<Credentials> {
    parse(&grammar::text(value)).into_iter().map(|parsed| parsed.at(field, part, None)).collect()
}

/// Reads a field's value.
pub(crate) fn parse(value: &str) -> SmallVec<[Parsed<'_>; 1]> {
    divide(value).into_iter().map(one).collect()
}

/// Whether the word is a scheme this program knows, letter case aside.
fn is_known_scheme(word: &str) -> bool {
    form_of(word).is_some()
}

fn form_of(scheme: &str) -> Option<Form> {
    SCHEMES.iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).map(|(_, form)| *form)
}

/// Whether a value is a whole `Basic` with a user and a password, so that it is one whatever field it stands in.
pub(crate) fn is_whole_basic(value: &str) -> bool {
    let Some((scheme, rest)) = value.trim_start_matches(is_blank).split_at_checked(BASIC.len()) else { return false };
    let secret = rest.trim_start_matches(is_blank);
    scheme.eq_ignore_ascii_case(BASIC) && secret.len() < rest.len() && names_user(secret)
}

/// Whether the text is base64 of something with a colon in it.
fn names_user(secret: &str) -> bool {
    let end = secret.find(|c| is_blank(c) || matches!(c, ',' | ';' | '"')).unwrap_or(secret.len());
    let decoded = secret.get(..end).and_then(base64::decode);
    decoded.is_some_and(|decoded| memchr::memchr(b':', &decoded.bytes).is_some())
}

/// The place of a whole `Basic` behind other credentials, though no comma divides them.
fn hidden_basic(value: &str) -> Option<usize> {
    memchr::memchr2_iter(b'b', b'B', value.as_bytes()).find(|at| {
        let Some((first, rest)) = value.split_at_checked(*at) else { return false };
        let divides = first.ends_with(|c| is_blank(c) || c == ';');
        divides && is_whole_basic(rest) && !is_quoted_at_end(first) && is_credentials(first)
    })
}

/// Whether the text is more than blanks, commas and the scheme alone.
fn is_credentials(text: &str) -> bool {
    let text = text.trim_matches(|c| is_blank(c) || matches!(c, ',' | ';'));
    !text.is_empty() && !text.eq_ignore_ascii_case(BASIC)
}

/// Divides merged fields at the commas that a known scheme follows, and before a `Basic` that nothing divides.
fn divide(value: &str) -> SmallVec<[&str; 1]> {
    let Some((first, basic)) = hidden_basic(value).and_then(|at| value.split_at_checked(at)) else {
        return divide_at_commas(value);
    };
    let mut pieces = divide_at_commas(first.trim_end_matches(|c| is_blank(c) || matches!(c, ',' | ';')));
    pieces.extend(divide_at_commas(basic));
    pieces
}

/// Whether a quoted string is open at the end of the text.
fn is_quoted_at_end(text: &str) -> bool {
    !text.bytes().filter(|b| *b == b'"').count().is_multiple_of(2)
}

fn divide_at_commas(value: &str) -> SmallVec<[&str; 1]> {
    if memchr::memchr(b',', value.as_bytes()).is_none() {
        return smallvec![value];
    }
    let quotes_close = value.bytes().filter(|b| *b == b'"').count().is_multiple_of(2);
    let (mut pieces, mut start, mut quoted, mut escaped) = (SmallVec::new(), 0, false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if quotes_close => quoted = !quoted,
            b',' if !quoted && value.get(at + 1..).is_some_and(begins_credentials) => {
                pieces.extend(value.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.extend(value.get(start..));
    pieces
}

fn begins_credentials(text: &str) -> bool {
    let Ok((rest, scheme)) = nom::sequence::preceded(grammar::blanks, grammar::token).parse(text) else { return false };
    let ends = rest.chars().next().is_none_or(|c| is_blank(c) || c == ',');
    ends && is_known_scheme(scheme) && !rest.trim_start().starts_with('=')
}

/// Reads one credentials.
fn one(value: &str) -> Parsed<'_> {
    let value = unquoted(value.trim_matches(is_blank));
    if value.is_empty() {
        return plain("", "", CredentialsKind::Empty);
    }
    if is_redacted(value) {
        return plain("", value, CredentialsKind::Redacted);
    }
    let Some((scheme, secret)) = split(value) else { return glued_basic(value).unwrap_or_else(|| bare(value)) };
    let form = form_of(scheme).unwrap_or(Form::Other);
    let secret = without_repetition(scheme, secret);
    if secret.is_empty() {
        return plain(scheme, "", CredentialsKind::Empty);
    }
    if is_redacted(secret) {
        return plain(scheme, secret, CredentialsKind::Redacted);
    }
    match form {
        Form::Basic => basic(scheme, secret),
        Form::Token => one_token(scheme, secret),
        Form::OAuth if !secret.contains('=') => one_token(scheme, secret),
        Form::Tokens => {
            let tokens = parameter_tokens(secret);
            let kind = if tokens.is_empty() { CredentialsKind::Other } else { CredentialsKind::Token };
            Parsed { scheme, secret, kind, tokens }
        }
        Form::Digest => {
            let all = grammar::parameters(secret, MOST_PARAMETERS);
            let user = all.iter().find(|(name, _)| name.trim_end_matches('*').eq_ignore_ascii_case("username"));
            let user = user.map(|(_, user)| user.clone()).unwrap_or_default();
            plain(scheme, secret, CredentialsKind::Digest { user })
        }
        Form::Ntlm | Form::Negotiate => {
            let found = base64::decode(secret).and_then(|token| ntlm::find(&token.bytes));
            let kind = match found {
                Some(message) => CredentialsKind::Ntlm(message),
                None if form == Form::Ntlm => CredentialsKind::Ntlm(Ntlm::default()),
                None => CredentialsKind::Negotiate,
            };
            plain(scheme, secret, kind)
        }
        Form::OAuth | Form::Other => plain(scheme, secret, CredentialsKind::Other),
    }
}

fn plain<'v>(scheme: &'v str, secret: &'v str, kind: CredentialsKind) -> Parsed<'v> {
    Parsed { scheme, secret, kind, tokens: SmallVec::new() }
}

/// `BasicdXNlcjpwYXNz`: no blank behind the scheme.
fn glued_basic(value: &str) -> Option<Parsed<'_>> {
    let (scheme, secret) = value.split_at_checked(BASIC.len())?;
    (scheme.eq_ignore_ascii_case(BASIC) && names_user(secret)).then(|| basic(scheme, secret))
}

/// A token without a scheme.
fn bare(value: &str) -> Parsed<'_> {
    one_token("", value)
}

fn one_token<'v>(scheme: &'v str, secret: &'v str) -> Parsed<'v> {
    let text = unquoted(secret);
    // The header and the payload of a token whose signature was replaced are still worth reading.
    let readable = |piece: &str| !piece.is_empty() && base64::decode(piece).is_some();
    if is_partly_redacted(text) && text.split('.').take(2).filter(|piece| readable(piece)).count() < 2 {
        return plain(scheme, secret, CredentialsKind::Redacted);
    }
    // A JWT holds no comma: what follows is foreign.
    let text = match text.split_once(',') {
        Some((token, _)) if is_compact(token) => token.trim_end_matches(is_blank),
        _ => text,
    };
    // What says that there is no token is none.
    if text.is_empty() || is_placeholder(text) {
        return plain(scheme, secret, CredentialsKind::Empty);
    }
    Parsed { scheme, secret, kind: CredentialsKind::Token, tokens: smallvec![("", Cow::Borrowed(text))] }
}

/// The tokens of `MSAuth1.0 actortoken="Bearer …", accesstoken="Bearer …", type="PFAT"`.
fn parameter_tokens(secret: &str) -> SmallVec<[(&'static str, Cow<'_, str>); 1]> {
    let mut tokens = SmallVec::new();
    for (name, value) in grammar::parameters(secret, MOST_PARAMETERS) {
        let known =
            ["actortoken", "accesstoken", "usertoken"].into_iter().find(|known| name.eq_ignore_ascii_case(known));
        let value = without_repetition("Bearer", &value).to_owned();
        if let (Some(name), false) = (known, value.is_empty()) {
            tokens.push((name, Cow::Owned(value)));
        }
    }
    tokens
}

/// The scheme and what follows it; `None` where the text is a token without a scheme.
fn split(value: &str) -> Option<(&str, &str)> {
    if is_compact(value) {
        return None;
    }
    let (rest, word) = grammar::token(value).ok()?;
    let known = is_known_scheme(word);
    match rest.chars().next() {
        None => known.then_some((word, "")),
        Some(c) if is_blank(c) => {
            let plausible = word.len() <= LONGEST_SCHEME && word.starts_with(|c: char| c.is_ascii_alphabetic());
            (known || plausible).then(|| (word, rest.trim_start_matches(is_blank)))
        }
        Some(':' | '=') if known => Some((word, rest.trim_start_matches(|c| is_blank(c) || matches!(c, ':' | '=')))),
        Some('"' | ',') if known => Some((word, rest)),
        Some(_) => None,
    }
}

/// Whether the text starts like a compact JWS: a header that opens an object, and a dot.
fn is_compact(text: &str) -> bool {
    let header = text.split_once('.').map(|(header, _)| header).unwrap_or_default();
    (header.starts_with("ey") || header.starts_with("ew")) && header.chars().all(is_tchar)
}

/// `Bearer Bearer x` is `Bearer x`.
fn without_repetition<'v>(scheme: &str, mut secret: &'v str) -> &'v str {
    loop {
        let Some((word, rest)) = secret.split_at_checked(scheme.len()) else { return secret };
        let ends = rest.chars().next().is_none_or(is_blank);
        if scheme.is_empty() || !ends || !word.eq_ignore_ascii_case(scheme) {
            return secret;
        }
        secret = rest.trim_start_matches(is_blank);
    }
}

fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.map_or(text, |inner| inner.trim_matches(is_blank))
}

fn basic<'v>(scheme: &'v str, secret: &'v str) -> Parsed<'v> {
    let bytes = base64::decode(unquoted(secret)).map(|decoded| decoded.bytes);
    let text = bytes.as_deref().map_or(Cow::Borrowed(secret), grammar::text);
    let (user, password, divided) = match text.split_once(':') {
        Some((user, password)) => (user, password, true),
        None => ("", text.as_ref(), false),
    };
    // Lengths are those of the wire: in Latin-1 a character is one byte.
    let password_length = match bytes.as_deref().and_then(|bytes| Some((bytes, memchr::memchr(b':', bytes)?))) {
        Some((bytes, colon)) => bytes.len().saturating_sub(colon + 1),
        None => bytes.as_deref().filter(|_| !divided).map_or(password.len(), <[u8]>::len),
    };
    let mut tokens = SmallVec::new();
    for part in [user, password].into_iter().filter(|part| is_compact(part)) {
        tokens.push(("", Cow::Owned(part.to_owned())));
    }
    let user = if is_token_like(user) {
        format!("({} chars, sha256 {})", user.chars().count(), Fingerprint::of(user.as_bytes()))
    } else {
        user.to_owned()
    };
    let malformed = bytes.is_none() || !divided;
    let kind = Basic { user, password: Secret::new(password.to_owned()), malformed, password_length };
    Parsed { scheme, secret, kind: CredentialsKind::Basic(kind), tokens }
}

/// Whether a user name is a secret: a token, or one of the keys that services take in place of a user.
fn is_token_like(user: &str) -> bool {
    const KEYS: &[&str] = &["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "sk_live_", "sk_test_", "xoxb-", "ya29."];
    let names = user.contains(['@', '\\', '/', ' ']) || (user.len() == 36 && user.matches('-').count() == 4);
    is_compact(user) || KEYS.iter().any(|key| user.starts_with(key)) || (user.len() > 64 && !names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.";

    fn single(value: &str) -> Credentials {
        let mut all = credentials("Authorization", value.as_bytes(), Part::RequestHeader);
        assert_eq!(all.len(), 1, "{value}");
        all.remove(0)
    }

    fn tokens(value: &str) -> Vec<(String, String)> {
        parse(value).into_iter().flat_map(|p| p.tokens).map(|(n, t)| (n.to_owned(), t.into_owned())).collect()
    }

    #[test]
    fn schemes_in_every_spelling() {
        use CredentialsKind::{Empty, Negotiate, Other, Redacted, Token};
        let table: &[(&str, &str, CredentialsKind)] = &[
            ("", "", Empty),
            ("  \t", "", Empty),
            ("Bearer", "Bearer", Empty),
            ("Bearer ", "Bearer", Empty),
            ("bEARER  \t", "bEARER", Empty),
            ("Bearer Bearer", "Bearer", Empty),
            ("Bearer \"\"", "Bearer", Empty),
            ("Basic", "Basic", Empty),
            ("Negotiate", "Negotiate", Empty),
            ("Negotiate YIIZ", "Negotiate", Negotiate),
            ("Kerberos YIIZ", "Kerberos", Negotiate),
            ("Bearer [REDACTED]", "Bearer", Redacted),
            ("Bearer ***", "Bearer", Redacted),
            ("Basic xxx", "Basic", Redacted),
            ("Basic <redacted>", "Basic", Redacted),
            ("REDACTED", "", Redacted),
            ("[REDACTED]", "", Redacted),
            ("Bearer eyJ0...", "Bearer", Redacted),
            ("Bearer cwt=AAEBHAEFAAAA", "Bearer", Token),
            ("WLID1.0 t=EwBAA", "WLID1.0", Token),
            ("PoP eyJ0eXAiOiJwb3AifQ.e30.AA", "PoP", Token),
            ("skypetoken=eyJ0", "skypetoken", Token),
            ("OAuth oauth_consumer_key=\"k\", oauth_token=\"t\", oauth_signature=\"s\"", "OAuth", Other),
            ("AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=fe", "AWS4-HMAC-SHA256", Other),
            ("Unheard-Of abc", "Unheard-Of", Other),
            ("0123456789abcdef/==", "", Token),
            ("hunter2", "", Token),
            ("user:pass", "", Token),
        ];
        for (value, scheme, kind) in table {
            let found = single(value);
            assert_eq!((found.scheme.as_str(), &found.kind), (*scheme, kind), "{value:?}");
        }
    }

    #[test]
    fn tokens_are_found_in_their_carriers() {
        let quoted = format!("\"Bearer {JWT}\"");
        let bare = [("", JWT)];
        let pfat = format!("MSAuth1.0 actortoken=\"Bearer {JWT}\", accesstoken=\"Bearer {JWT}\", type=\"PFAT\"");
        let table: &[(String, &[(&str, &str)])] = &[
            (format!("Bearer {JWT}"), &bare),
            (format!("bearer \t  {JWT} "), &bare),
            (format!("Bearer Bearer {JWT}"), &bare),
            (format!("Bearer \"{JWT}\""), &bare),
            (quoted, &bare),
            (format!("Bearer:{JWT}"), &bare),
            (format!("Bearer {JWT}, realm=x"), &bare),
            (JWT.into(), &bare),
            (pfat, &[("actortoken", JWT), ("accesstoken", JWT)]),
            ("MSAuth1.0 usertoken=\"abc\", type=\"MSACT\"".into(), &[("usertoken", "abc")]),
            ("Bearer cwt=AAEB".into(), &[("", "cwt=AAEB")]),
            ("OAuth 00D!AQ".into(), &[("", "00D!AQ")]),
        ];
        for (value, expected) in table {
            let expected: Vec<_> = expected.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
            assert_eq!(tokens(value), expected, "{value}");
        }
    }

    #[test]
    fn basic_is_decoded_as_protocol_6_3_says() {
        let table: &[(&str, &str, &str, usize, bool)] = &[
            ("Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "contoso\\svc-s4b", "P@ss:w0rd!", 10, false),
            ("Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE", "contoso\\svc-s4b", "P@ss:w0rd!", 10, false),
            ("Y29udG9zb1xzdmMtczRiOlBA\r\n c3M6dzByZCE= ", "contoso\\svc-s4b", "P@ss:w0rd!", 10, false),
            ("asO8cmdlbkBjb250b3NvLmNvbTpnZWhlaW0=", "jürgen@contoso.com", "geheim", 6, false),
            ("avxyZ2VuQGNvbnRvc28uY29tOmdlaGVpbQ==", "jürgen@contoso.com", "geheim", 6, false),
            ("Og==", "", "", 0, false),
            // user "a" with password "ÿ" of one Latin-1 byte
            ("YTr/", "a", "ÿ", 1, false),
            ("YTr_", "a", "ÿ", 1, false),
            ("bm9jb2xvbg==", "", "nocolon", 7, true),
            ("svc:plain!", "svc", "plain!", 6, true),
            ("!!!", "", "!!!", 3, true),
        ];
        for (text, user, password, length, malformed) in table {
            let found = single(&format!("bAsIc {text}"));
            let CredentialsKind::Basic(basic) = &found.kind else { panic!("{text}: {found:?}") };
            assert_eq!((basic.user.as_str(), basic.password.reveal().as_str()), (*user, *password), "{text}");
            assert_eq!((basic.password_length, basic.malformed), (*length, *malformed), "{text}");
        }
        let shown = single("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=").masked().into_owned();
        assert_eq!(shown, "Basic user \"contoso\\svc-s4b\", password of 10 bytes (masked)");
    }

    #[test]
    fn merged_fields_are_divided() {
        let kinds = |value: &str| -> Vec<(String, bool)> {
            parse(value).iter().map(|p| (p.scheme.to_owned(), matches!(p.kind, CredentialsKind::Basic(_)))).collect()
        };
        let expected = vec![("Bearer".to_owned(), false), ("Basic".to_owned(), true)];
        assert_eq!(kinds(&format!("Bearer {JWT}, Basic YTpi")), expected);
        assert_eq!(kinds("Bearer \"x, Basic YTpi"), expected);
        assert_eq!(kinds("Digest username=\"a, Basic YTpi\", nonce=n").len(), 1);
        assert_eq!(kinds("NTLM TlRM,Negotiate YII,Bearer").len(), 3);
    }

    #[test]
    fn users_of_digest_and_ntlm_are_told() {
        let digest = single("Digest username=\"m\\\"egan\", realm=\"a,b\", response=\"0123secret\"");
        assert_eq!(digest.kind, CredentialsKind::Digest { user: "m\"egan".into() });
        assert!(!digest.masked().contains("0123secret"));
        // NTLMSSP, type 1, no names
        let ntlm = single("NTLM TlRMTVNTUAABAAAAAgAAAA==");
        assert_eq!(ntlm.kind, CredentialsKind::Ntlm(Ntlm { message: 1, ..Ntlm::default() }));
        assert_eq!(single("Negotiate TlRMTVNTUAABAAAAAgAAAA==").kind, ntlm.kind);
        assert_eq!(single("NTLM garbage!").kind, CredentialsKind::Ntlm(Ntlm::default()));
    }

    #[test]
    fn trap_15_nothing_shown_holds_a_secret() {
        let planted = "pLaNtEd";
        let encode = |text: &str| ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, text);
        for value in [
            format!("Basic {}", encode(&format!("u:{planted}"))),
            format!("Basic {}", encode(planted)),
            format!("Basic {}", encode(&format!("ghp_{planted}:x-oauth-basic"))),
            format!("Basic {planted}!"),
            format!("Bearer {planted}"),
            planted.to_owned(),
            format!("{planted}/=="),
            format!("{planted}:x"),
            format!("Bearer {JWT}{planted}"),
            format!("{planted}IsFarTooLongForAnyScheme and more"),
            format!("Digest username=u, response={planted}"),
            format!("OAuth oauth_token={planted}"),
            format!("MSAuth1.0 usertoken=\"{planted}\""),
            format!("Basic [{planted}]"),
        ] {
            for found in credentials("Authorization", value.as_bytes(), Part::RequestHeader) {
                let shown = format!("{} {found:?}", found.masked());
                assert!(!shown.contains(planted), "{value}: {shown}");
                assert!(!shown.contains(&encode(planted)), "{value}: {shown}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(input: Vec<u8>) {
            proptest::prop_assert!(!credentials("Authorization", &input, Part::RequestHeader).is_empty());
        }

        #[test]
        fn any_text_behind_a_scheme_is_read(scheme in "Basic|Digest|NTLM|MSAuth1[.]0|Bearer|OAuth", rest in ".{0,40}") {
            for found in credentials("Authorization", format!("{scheme} {rest}").as_bytes(), Part::RequestHeader) {
                proptest::prop_assert!(found.length <= rest.len());
            }
        }
    }
}
