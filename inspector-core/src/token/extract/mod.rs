//! Every place of an exchange a token or a credential can be in.
//!
//! Exact places come first: credentials, parameters, members and elements with known names. Everywhere else a value
//! counts only if it looks like a JWT (`token::scan`). Each place is read by one reader, so that nothing is found twice.
//!
//! | place | role |
//! |---|---|
//! | `Authorization`, `Authentication`; requests inside a batch; `Sec-WebSocket-Protocol`; a SOAP request's WS-Security header | presented |
//! | `access_token` in the request's query or form (RFC 6750 §2.2, §2.3); `authorization` and tokens in the first message of a WebSocket | presented |
//! | `assertion`, `client_assertion`, `subject_token`, `actor_token`, `refresh_token` in the request's query, form or JSON | assertion |
//! | `access_token`, `id_token`, `refresh_token` in JSON responses and in `Location`; `TokenValue` and security tokens in SOAP responses | issued |
//! | anything else: cookies, other fields, `Proxy-Authorization`, trailers, HTML and scripts | mentioned |
//!
//! The work is bounded: a body without a trace of a token is not parsed, everything is read in linear time, and reaching
//! one of the [`Limits`] is told in [`Extraction::limits`].

mod coded;
mod content;
mod fields;
mod json;
mod logins;
mod multipart;
mod names;
mod traces;
mod url;
mod xml;

use std::sync::Arc;

use self::names::token_name;
pub(crate) use self::traces::{DENIALS, may_tell, may_tell_escaped};
use super::{
    Defect, Role, Sighting, Token, TokenKind,
    classify::is_actor_like,
    interner::Interner,
    mask::safe_name,
    scan::{may_hold, scan},
};
use crate::{
    evidence::{At, Part},
    exchange::{Exchange, message::Message},
    http::auth::{self, Challenge, Credentials},
    limits::Limits,
    secret::Secret,
};

/// A `name=value` pair of a query, a form or a JSON document's top level. Values can be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Decoded name.
    pub name: String,
    /// Decoded value.
    pub value: Secret<String>,
    /// Where it was: [`Part::RequestUrl`], [`Part::RequestBody`], or [`Part::ResponseHeader`] for a `Location`'s query
    /// and fragment.
    pub part: Part,
}

/// A user name and password outside `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// How it was carried.
    pub carrier: PasswordCarrier,
    /// User name.
    pub user: String,
    /// The password, digest or secret.
    pub password: Secret<String>,
    /// Where.
    pub part: Part,
    /// Field, parameter or element.
    pub name: String,
}

/// Carriers of passwords other than `Authorization: Basic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PasswordCarrier {
    /// `user:password@` in a URL (target, `Referer`, `Location`).
    Url,
    /// WS-Security `UsernameToken` with `PasswordText` (or no type).
    WsText,
    /// WS-Security `UsernameToken` with `PasswordDigest`.
    WsDigest,
    /// A member, an element or an attribute of a request's content whose name says that it is one. The user, if the
    /// content names one.
    Named,
}

/// Everything found in one exchange.
#[derive(Debug, Default)]
pub struct Extraction {
    /// Credentials of `Authorization` and `Proxy-Authorization` fields, and of requests embedded in a `$batch` content.
    pub credentials: Vec<Credentials>,
    /// Challenges of `WWW-Authenticate` and `Proxy-Authenticate`.
    pub challenges: Vec<Challenge>,
    /// Tokens.
    pub sightings: Vec<Sighting>,
    /// Parameters of the query, of a form content, of a `Location`.
    pub parameters: Vec<Parameter>,
    /// Passwords outside `Authorization`.
    pub passwords: Vec<Password>,
    /// Names of the fields of [`Limits`] that were reached: something was not searched. Each once.
    pub limits: Vec<&'static str>,
    /// The content of the request is coded in a way its fields do not tell, and could not be decoded.
    pub undecoded: bool,
}

/// Finds everything in `exchange`. Tokens are decoded by `interner`, each once.
pub fn extract(exchange: &Exchange, interner: &mut Interner, limits: &Limits) -> Extraction {
    let socket = is_socket(exchange);
    let mut extractor = Extractor { interner, limits, cut_at: None, socket, found: Extraction::default() };
    if let Some(request) = &exchange.request {
        extractor.request_head(request);
        extractor.content_or_cut(request, true);
        extractor.trailers(request, true);
    }
    if let Some(response) = &exchange.response {
        extractor.response_head(response);
        extractor.content_or_cut(response, false);
        extractor.trailers(response, false);
    }
    extractor.found
}

/// Whether the exchange opened a WebSocket, whose messages are its contents (RFC 6455 §4).
pub(crate) fn is_socket(exchange: &Exchange) -> bool {
    let switched = exchange.response.as_ref().is_some_and(|response| response.head.status() == Some(101));
    let asks = |head: &crate::exchange::message::Head| {
        head.text("upgrade").is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
    };
    switched && exchange.request.as_ref().is_some_and(|request| asks(&request.head))
}

/// Whether a value under this name is a token whatever it looks like.
pub(super) fn is_token_name(name: &str) -> bool {
    token_name(name).is_some()
}

/// The kind of place a named value stands at; decides its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    /// The request's query or form.
    Parameter,
    /// A member of a JSON request, an element of an XML request.
    RequestMember,
    /// A member of a JSON response, an element of an XML response.
    ResponseMember,
    /// A member of the first message a client sends over a WebSocket: browsers cannot send fields of their own, so that
    /// tokens are presented there.
    Opening,
    /// The query or fragment of a `Location`.
    Location,
    /// Anywhere else.
    Elsewhere,
}

/// Where the reader is.
#[derive(Clone, Copy, Debug)]
struct Place {
    part: Part,
    at: At,
    site: Site,
}

struct Extractor<'e> {
    interner: &'e mut Interner,
    limits: &'e Limits,
    /// The last bytes of the content that is read, if it is cut.
    cut_at: Option<[u8; CUT]>,
    /// The contents are the messages of a WebSocket.
    socket: bool,
    found: Extraction,
}

/// Bytes by which a token is told that reaches the end of a cut content; as many as a JWT has at least.
const CUT: usize = 16;

impl Extractor<'_> {
    /// Reads a content. What of it reaches the place where it is cut, is cut itself.
    fn content_or_cut(&mut self, message: &Message, request: bool) {
        let kept = message.body.kept.as_deref().filter(|_| message.body.cut.is_some());
        self.cut_at = kept.and_then(|bytes| bytes.last_chunk().copied());
        self.content(message, request);
        self.cut_at = None;
    }

    /// Whether a text that was found reaches the place where the content is cut.
    fn is_cut(&self, raw: &str) -> bool {
        self.cut_at.is_some_and(|end| raw.as_bytes().ends_with(&end))
    }

    /// Remembers that a limit was reached.
    fn reached(&mut self, limit: &'static str) {
        if !self.found.limits.contains(&limit) {
            self.found.limits.push(limit);
        }
    }

    /// Whether another of `count` things may be kept.
    fn has_room(&mut self, count: usize) -> bool {
        let room = count < self.limits.per_exchange;
        if !room {
            self.reached("per_exchange");
        }
        room
    }

    /// A token at a place. `name` must be safe to show.
    fn sight(&mut self, place: Place, role: Role, name: &str, scheme: Option<&str>, raw: &str) -> Option<Arc<Token>> {
        if raw.trim().is_empty() || auth::is_placeholder(raw) || !self.has_room(self.found.sightings.len()) {
            return None;
        }
        let mut token = self.interner.intern(raw);
        if self.is_cut(raw) && !token.defects.contains(&Defect::Redacted) {
            Arc::make_mut(&mut token).defects.push(Defect::Redacted);
        }
        self.keep(place, role, name, scheme, &token);
        Some(token)
    }

    /// Keeps a token that was seen, and the one it carries.
    fn keep(&mut self, place: Place, role: Role, name: &str, scheme: Option<&str>, token: &Arc<Token>) {
        if token.defects.contains(&Defect::TooLarge) {
            self.reached("token");
        }
        let last = name.rsplit([' ', '/']).next().unwrap_or_default();
        let posted = role == Role::Assertion && matches!(last, "assertion" | "client_assertion");
        self.found.sightings.push(Sighting {
            kind: if posted && is_actor_like(token) { TokenKind::S2sAssertion } else { token.kind },
            token: Arc::clone(token),
            role,
            part: place.part,
            name: name.to_owned(),
            scheme: scheme.map(str::to_owned),
            at: place.at,
        });
        // A signed HTTP request carries the access token it presents.
        if token.kind == TokenKind::Pop
            && let Some(access) = token.claims.get("at").and_then(|at| at.as_str())
            && self.has_room(self.found.sightings.len())
        {
            let inner = self.interner.intern(access);
            let (kind, name, scheme) = (inner.kind, format!("{name} at"), scheme.map(str::to_owned));
            self.found.sightings.push(Sighting {
                token: inner,
                kind,
                role,
                part: place.part,
                name,
                scheme,
                at: place.at,
            });
        }
    }

    /// A text that stands where a token must: the token it is, or the JWTs inside it (`t=eyJ0…`, base64 of one). Returns
    /// the token that is the whole text.
    fn token(&mut self, place: Place, role: Role, name: &str, scheme: Option<&str>, text: &str) -> Option<Arc<Token>> {
        let starts_here = text.starts_with("ey") || text.starts_with("ew");
        if !starts_here && may_hold(text.as_bytes()) {
            let mut any = false;
            for hit in scan(text.as_bytes()) {
                // What only decoding shows was not presented: it is a part of something else.
                let stands = text.contains(hit.token.as_ref());
                any |= stands;
                self.sight(place, if stands { role } else { Role::Mentioned }, name, scheme, &hit.token);
            }
            if any {
                return None;
            }
        }
        self.sight(place, role, name, scheme, text)
    }

    /// Every JWT in `text`; returns whether there was one.
    fn search(&mut self, place: Place, role: Role, name: &str, text: &[u8]) -> bool {
        let mut any = false;
        for hit in scan(text) {
            any = true;
            if self.sight(place, role, name, None, &hit.token).is_none() {
                break;
            }
        }
        any
    }

    /// A value with a name: a token if the name says so, else every JWT in it. `shown` is the sighting's name.
    fn named(&mut self, place: Place, name: &str, shown: &str, value: &str) {
        if let Some(kind) = token_name(name)
            && kind.accepts(value)
        {
            let text = value.trim().trim_matches('"');
            let text = text.strip_prefix("Bearer ").unwrap_or(text);
            self.token(place, kind.role(place.site), shown, None, text);
            return;
        }
        // 24 characters are less than any JWT has.
        if value.len() >= 24 {
            self.search(place, Role::Mentioned, shown, value.as_bytes());
        }
    }

    /// Keeps a parameter. A name that holds a token is masked; its value has it then.
    fn parameter(&mut self, part: Part, name: &str, value: &str) {
        if self.has_room(self.found.parameters.len()) {
            let name = safe_name(name).into_owned();
            self.found.parameters.push(Parameter { name, value: Secret::new(value.to_owned()), part });
        }
    }

    fn password(&mut self, password: Password) {
        if self.has_room(self.found.passwords.len()) {
            self.found.passwords.push(password);
        }
    }
}

#[cfg(test)]
mod tests;
