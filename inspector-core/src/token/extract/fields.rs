//! Header and trailer fields.

use std::borrow::Cow;

use super::{Extractor, Place, Site};
use crate::{
    evidence::{At, Part},
    exchange::message::{Head, Message, Start},
    http::{
        auth::{self, Credentials, CredentialsKind, is_whole_basic, text},
        base64, form,
    },
    token::{
        Role,
        mask::{safe_name, tokens_masked},
        scan::{may_hold, scan},
    },
};

/// Shortest value that could hold a JWT.
const SHORTEST: usize = 24;
/// Subprotocols of a WebSocket that announce a token as the next one, and from which length on that is one: behind a word
/// of many meanings it may be a name.
const PROTOCOLS_BEFORE_TOKENS: [(&str, usize); 8] = [
    ("bearer", 1),
    ("access_token", 1),
    ("jwt", 1),
    ("access-token", 16),
    ("id_token", 16),
    ("token", 16),
    ("auth", 16),
    ("authorization", 16),
];
/// Shortest cookie that could hold `Basic` with a user and a password: `a=Basic Og==`.
const SHORTEST_BASIC: usize = 12;

/// Fields whose whole value is a token, opaque or not. `x-auth-token` and the like are conventions without a standard.
const TOKEN_FIELDS: &[&str] = &[
    "x-skypetoken",
    "x-skypetoken-fallback",
    "x-auth-token",
    "x-access-token",
    "x-sp-accesstoken",
    "x-proof_token",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
    "x-ms-token-aad-refresh-token",
    "x-ms-refreshtokencredential",
    "x-ms-devicecredential",
];

/// The names of fields that have a reader of their own.
#[derive(Clone, Copy)]
enum Reader {
    Credentials,
    Challenges,
    Cookies,
    Url,
    UrlsInText,
    Authority,
    WebSocketProtocol,
    Token,
    /// `name=value` pairs (`RegistrationToken: registrationToken=…`).
    Pairs,
}

/// Whether a cookie's value can be `Basic`, quoted or not.
fn begins_basic(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    value.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"basic"))
}

fn reader(name: &[u8]) -> Option<Reader> {
    // The length decides for most fields without a comparison.
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match name.len() {
        4 if is("host") => Some(Reader::Authority),
        4 if is("link") => Some(Reader::UrlsInText),
        6 if is("cookie") => Some(Reader::Cookies),
        7 if is("referer") => Some(Reader::Url),
        7 if is("refresh") => Some(Reader::UrlsInText),
        8 if is("location") => Some(Reader::Url),
        10 if is("set-cookie") => Some(Reader::Cookies),
        13.. if auth::is_credentials_field(name) => Some(Reader::Credentials),
        16 if is("content-location") => Some(Reader::Url),
        16 if is("www-authenticate") => Some(Reader::Challenges),
        17 if is("registrationtoken") => Some(Reader::Pairs),
        18 if is("proxy-authenticate") => Some(Reader::Challenges),
        22 if is("sec-websocket-protocol") => Some(Reader::WebSocketProtocol),
        12.. if TOKEN_FIELDS.iter().any(|known| is(known)) => Some(Reader::Token),
        _ => None,
    }
}

impl Extractor<'_> {
    /// The target and the fields of a request.
    pub(super) fn request_head(&mut self, message: &Message) {
        let head = &message.head;
        let place = Place { part: Part::RequestUrl, at: message.head_end, site: Site::Parameter };
        if head.method() == b"CONNECT" {
            self.authority(Part::RequestUrl, "", head.target());
        } else {
            self.url(place, "", head.target(), true);
        }
        if let Start::Request { authority: Some(range), .. } = head.start() {
            self.authority(Part::RequestUrl, "", head.slice(range));
        }
        let place = Place { part: Part::RequestHeader, at: message.head_end, site: Site::Elsewhere };
        self.fields(place, head, Role::Presented);
    }

    /// The fields of a response.
    pub(super) fn response_head(&mut self, message: &Message) {
        let place = Place { part: Part::ResponseHeader, at: message.head_end, site: Site::Elsewhere };
        self.fields(place, &message.head, Role::Mentioned);
        self.challenges(&message.head);
    }

    /// Trailer fields. Recipients must not authenticate by them (RFC 9110 §6.5.1), but what is sent in them is sent.
    pub(super) fn trailers(&mut self, message: &Message, request: bool) {
        let Some(trailers) = &message.trailers else { return };
        let part = if request { Part::RequestHeader } else { Part::ResponseHeader };
        let place = Place { part, at: message.end, site: Site::Elsewhere };
        self.fields(place, trailers, Role::Mentioned);
        if !request {
            self.challenges(trailers);
        }
    }

    /// All fields of a section. `role` is that of tokens in credentials for the resource.
    fn fields(&mut self, place: Place, head: &Head, role: Role) {
        for (name, value) in head.iter() {
            self.field(place, name, value, role);
        }
    }

    /// One field, also of a request embedded in a content.
    pub(super) fn field(&mut self, place: Place, name: &[u8], value: &[u8], role: Role) {
        let request = matches!(place.part, Part::RequestHeader | Part::RequestBody);
        let Some(reader) = reader(name) else {
            let shown = || safe_name(&text(name)).into_owned();
            if request && self.stray_basic(place, shown, &text(value)) {
                return;
            }
            if value.len() >= SHORTEST && may_hold(value) {
                self.search(place, Role::Mentioned, &shown(), value);
            }
            return;
        };
        match reader {
            Reader::Credentials if request => self.credentials(place, &text(name), value, role),
            Reader::Credentials => {
                self.search(place, Role::Mentioned, &text(name), value);
            }
            Reader::Challenges => {
                self.search(place, Role::Mentioned, &text(name), value);
            }
            Reader::Cookies => self.cookies(place, &text(name), value),
            Reader::Url => {
                let location = place.part == Part::ResponseHeader && name.eq_ignore_ascii_case(b"location");
                let site = if location { Site::Location } else { Site::Elsewhere };
                self.url(Place { site, ..place }, &text(name), value, location);
            }
            Reader::UrlsInText => self.urls_in_text(place, &text(name), value),
            Reader::Authority => self.authority(place.part, &text(name), value),
            Reader::WebSocketProtocol => self.protocols(place, &text(name), value, role),
            Reader::Token if request && self.stray_basic(place, || text(name).into_owned(), &text(value)) => {}
            Reader::Token => {
                let value = text(value);
                let token = value.strip_prefix("Bearer ").unwrap_or(&value);
                self.token(place, Role::Mentioned, &text(name), None, token);
            }
            Reader::Pairs => self.cookies(place, &text(name), value),
        }
    }

    /// The challenges of a section, and its tokens masked: what they are is among the sightings.
    fn challenges(&mut self, head: &Head) {
        for (name, proxy) in [("www-authenticate", false), ("proxy-authenticate", true)] {
            let left = self.limits.per_exchange.saturating_sub(self.found.challenges.len());
            let mut all = auth::challenges(head.values(name), proxy, left);
            for (_, value) in all.iter_mut().flat_map(|challenge| challenge.parameters.iter_mut()) {
                if let Cow::Owned(masked) = tokens_masked(value) {
                    *value = masked;
                }
            }
            let pieces: usize = all.iter().map(|challenge| challenge.parameters.len() + 1).sum();
            if pieces >= left.max(1) {
                self.reached("per_exchange");
            }
            self.found.challenges.append(&mut all);
        }
    }

    /// Credentials, and the tokens in them.
    pub(super) fn credentials(&mut self, place: Place, field: &str, value: &[u8], role: Role) {
        let presents = ["authorization", "authentication"].iter().any(|known| field.eq_ignore_ascii_case(known));
        let role = if presents { role } else { Role::Mentioned };
        if self.usual_credentials(place, field, value, role) {
            return;
        }
        let value = text(value);
        for mut parsed in auth::parse(&value) {
            if !self.has_room(self.found.credentials.len()) {
                return;
            }
            let mut id = None;
            for (parameter, token) in std::mem::take(&mut parsed.tokens) {
                let name =
                    if parameter.is_empty() { Cow::Borrowed(field) } else { format!("{field} {parameter}").into() };
                let scheme = Some(parsed.scheme).filter(|scheme| !scheme.is_empty());
                let sighted = self.token(place, role, &name, scheme, &token);
                id = id.or_else(|| sighted.filter(|all| all.raw.reveal().as_ref() == parsed.secret).map(|all| all.id));
            }
            if parsed.kind == CredentialsKind::Other {
                for hit in scan(parsed.secret.as_bytes()) {
                    self.sight(place, role, field, Some(parsed.scheme), &hit.token);
                    parsed.kind = CredentialsKind::Token;
                }
            }
            self.found.credentials.push(parsed.at(field, place.part, id));
        }
    }

    /// The credentials of most requests: `Bearer` and a token that was read before. Returns whether they are.
    fn usual_credentials(&mut self, place: Place, field: &str, value: &[u8], role: Role) -> bool {
        const SCHEME: &str = "Bearer";
        let known = value.strip_prefix(SCHEME.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
        let Some(token) = known.and_then(|raw| self.interner.usual(raw)) else { return false };
        if !self.has_room(self.found.credentials.len()) {
            return true;
        }
        if self.has_room(self.found.sightings.len()) {
            self.keep(place, role, field, Some(SCHEME), &token);
        }
        self.found.credentials.push(Credentials {
            scheme: SCHEME.to_owned(),
            field: field.to_owned(),
            part: place.part,
            proxy: field.eq_ignore_ascii_case("proxy-authorization"),
            kind: CredentialsKind::Token,
            id: token.id,
            length: token.raw.reveal().len(),
        });
        true
    }

    /// `Basic` with a user and a password where no credentials belong; whether it was one.
    fn stray_basic(&mut self, place: Place, name: impl Fn() -> String, value: &str) -> bool {
        let found = is_whole_basic(value);
        if found {
            self.credentials(place, &name(), value.as_bytes(), Role::Mentioned);
        }
        found
    }

    /// Cookies, in clear or percent-encoded up to twice (`authtoken=Bearer%253DeyJ0…`).
    fn cookies(&mut self, place: Place, field: &str, value: &[u8]) {
        for pair in value.split(|b| *b == b';') {
            if pair.len() < SHORTEST_BASIC {
                continue;
            }
            let pair = pair.trim_ascii();
            let equals = memchr::memchr(b'=', pair);
            let (name, value) = equals.map_or((&b""[..], pair), |at| {
                (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default())
            });
            let cookie = text(name);
            let known =
                ["skypetoken_asm", "skypetoken", "registrationtoken", "access_token", "id_token", "refresh_token"];
            if known.iter().any(|known| cookie.eq_ignore_ascii_case(known)) {
                let value = form::percent_decode(value);
                let value = value.trim_matches('"');
                let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Bearer=")).unwrap_or(value);
                if scan(token.as_bytes()).next().is_none_or(|hit| hit.range == (0..token.len())) {
                    self.sight(place, Role::Mentioned, &format!("{field} {cookie}"), None, token);
                    continue;
                }
            }
            let shown = || format!("{field} {}", safe_name(&cookie)).trim_end().to_owned();
            if place.part != Part::ResponseHeader
                && begins_basic(value)
                && self.stray_basic(place, shown, form::percent_decode(value).trim_matches('"'))
            {
                continue;
            }
            if pair.len() < SHORTEST {
                continue;
            }
            let mut value = Cow::Borrowed(value);
            for _ in 0..3 {
                if may_hold(&value) && self.search(place, Role::Mentioned, &shown(), &value) {
                    break;
                }
                if memchr::memchr(b'%', &value).is_none() {
                    break;
                }
                value = Cow::Owned(form::percent_decode(&value).into_owned().into_bytes());
            }
        }
    }

    /// `Sec-WebSocket-Protocol: bearer, <token>`, `bearer.<token>` with whatever stands before it, and
    /// `base64url.bearer.authorization.k8s.io.<base64url of a token>`: no token stands there but to authenticate.
    fn protocols(&mut self, place: Place, field: &str, value: &[u8], role: Role) {
        let value = text(value);
        let mut shortest = usize::MAX;
        for item in value.split(',').map(str::trim) {
            let token = item.strip_prefix("Bearer ").or_else(|| item.strip_prefix("bearer "));
            if item.len() >= shortest || token.is_some() {
                self.sight(place, role, field, Some("bearer"), token.unwrap_or(item));
                shortest = usize::MAX;
            } else if let Some(wrapped) = item.strip_prefix("base64url.bearer.authorization.k8s.io.") {
                if let Some(decoded) = base64::decode(wrapped) {
                    self.sight(place, role, field, Some("bearer"), &String::from_utf8_lossy(&decoded.bytes));
                }
            } else {
                let known = PROTOCOLS_BEFORE_TOKENS.iter().find(|(known, _)| item.eq_ignore_ascii_case(known));
                shortest = known.map_or(usize::MAX, |(_, shortest)| *shortest);
                if known.is_none() && may_hold(item.as_bytes()) {
                    self.search(place, role, field, item.as_bytes());
                }
            }
        }
    }

    /// The fields of a request embedded in a content, one line each.
    pub(super) fn embedded_fields(&mut self, part: Part, at: At, lines: &[u8]) {
        let place = Place { part, at, site: Site::Elsewhere };
        let lines = unfolded(lines);
        for line in lines.split(|b| *b == b'\n') {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let name = line.get(..colon).unwrap_or_default().trim_ascii();
            let value = line.get(colon + 1..).unwrap_or_default().trim_ascii();
            self.field(place, name, value, Role::Presented);
        }
    }
}

/// Fields whose continued lines (RFC 9112 §5.2) are joined.
fn unfolded(lines: &[u8]) -> Cow<'_, [u8]> {
    let continues = |at: usize| matches!(lines.get(at + 1), Some(b' ' | b'\t'));
    if !memchr::memchr_iter(b'\n', lines).any(continues) {
        return Cow::Borrowed(lines);
    }
    let joined = lines.iter().enumerate().map(|(at, byte)| if *byte == b'\n' && continues(at) { b' ' } else { *byte });
    Cow::Owned(joined.collect())
}
