//! What an answer means for the credentials it answers: accepted, refused, or neither.
//!
//! *Accepted* is what the resource itself evidently did in the caller's name: an answer in the form its endpoint has
//! ([`crate::profile::Form`]). *Refused* is 401, 403 with a word about OAuth, an error about authentication in any form, and
//! a redirect to where somebody signs in. All the rest is undecided: it says nothing, or comes from a device in front.
//!
//! | status | content | |
//! |---|---|---|
//! | any, of `OPTIONS` and `TRACE`, of paths that answer anyone, to two different tokens, 1xx, 407 | | undecided |
//! | 101 that opens a WebSocket, for profiles of any API | the server's first messages (see `socket`) | accepted or refused |
//! | 401, 440, 456 | | refused |
//! | any other | an error about authentication, or an OAuth diagnostic | refused |
//! | 3xx | leads to a login | refused |
//! | 403 | says `error` in a Bearer challenge | refused |
//! | 2xx | in the endpoint's form, no error | accepted |
//! | 2xx, 500 | a SOAP fault, or an error of MAPI, about something else | accepted |
//! | 2xx | a page with a field for a password | refused |
//! | any other | | undecided |

mod json;
mod login;
mod rpc;
mod socket;
mod text;
mod words;
mod xml;

use self::{socket::Opening, text::Held};
use super::{
    caller,
    diagnostics::{Diagnostic, ServerReason},
    observation::{Carried, Endpoint},
};
use crate::{
    evidence::Part,
    exchange::{
        Exchange,
        message::{Head, Message},
    },
    http::auth::CredentialsKind,
    profile::{Form, Judgement, Profile},
    token::{
        TokenKind,
        extract::{Extraction, is_socket},
        mask,
    },
};

/// What the server's answer means for the credentials that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Credentials were sent, and the resource did in the caller's name what it was asked for.
    Accepted,
    /// Credentials were sent and refused.
    Refused,
    /// A redirect to a login page: refused, and not for a reason of the token's.
    Login,
    /// 401 to an absent or empty `Authorization`: the normal beginning of a handshake.
    Discovery,
    /// 403 without a word about OAuth: refused for another reason, or by somebody else.
    Forbidden,
    /// No credentials were sent and none were asked for.
    Anonymous,
    /// The answer tells nothing about the credentials (proxy, overload, gateway, a device's page, redacted credentials).
    Undecided,
    /// No response was recorded.
    Missing,
}

/// What a content says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    /// What was asked for.
    Fine,
    /// An error about authentication.
    Refusal(ServerReason),
    /// An error about something else.
    Error,
    /// Nothing that can be told.
    Unclear,
}

/// The reason of a refusal that a content tells. Codes with a meaning known to OAuth stay; others are words.
fn refusal(code: &str, message: Option<&str>, said_in: &'static str) -> ServerReason {
    let message = message.filter(|message| !message.is_empty());
    let linked = message.is_some_and(|message| message.contains("linked account"));
    let local = code.rsplit(':').next().unwrap_or_default();
    let category = match (linked, local) {
        (true, _) => "invalid_grant".to_owned(),
        (false, "") => "invalid_token".to_owned(),
        (false, code) => {
            let lower = code.to_ascii_lowercase();
            let known = super::diagnostics::explain(&lower).map(|explanation| explanation.category.to_owned());
            known.unwrap_or_else(|| "invalid_token".to_owned())
        }
    };
    let text: Vec<&str> = [Some(local).filter(|local| !local.is_empty()), message].into_iter().flatten().collect();
    let text: String = text.join(": ").chars().take(512).collect();
    ServerReason { category: Some(category), code: None, text: Some(mask::text(&text)), said_in, explained: None }
}

/// What there is to know of a response's content, read once.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its form; `None` if it is a page, cannot be told or is not known.
    form: Option<Form>,
    says: Says,
    /// It is a page where somebody signs in.
    is_login: bool,
}

impl Reading {
    /// Reads the content of a response. `is_head`: it answers `HEAD`, and has none.
    pub(super) fn of(response: &Message, is_head: bool) -> Self {
        let media = response.head.media_type().unwrap_or_default();
        let told = |form, says| Self { form, says, is_login: false };
        if let Some(says) = rpc::grpc(response) {
            return told(Some(Form::Grpc), says);
        }
        let held = if is_head { Held::Nothing } else { Held::of(&response.head, &response.body) };
        match &held {
            Held::Unknown => told(None, Says::Unclear),
            Held::Nothing if media.contains("html") => told(None, Says::Unclear),
            // The first event tells.
            Held::Nothing if media == "text/event-stream" => told(Some(Form::Events), Says::Unclear),
            // The status of a call is in trailers that are not here.
            Held::Nothing if media.starts_with("application/grpc") => told(Some(Form::Grpc), Says::Unclear),
            Held::Nothing if media == "application/mapi-http" => {
                told(Some(Form::Mapi), rpc::mapi(&response.head, None))
            }
            Held::Nothing if is_active_sync(&response.head, &media) => told(Some(Form::ActiveSync), Says::Fine),
            Held::Nothing => told(Some(Form::Empty), Says::Fine),
            Held::Unread => told(form_of(&media), Says::Fine),
            Held::Bytes(bytes) => Self::of_bytes(response, &media, bytes),
        }
    }

    fn of_bytes(response: &Message, media: &str, bytes: &[u8]) -> Self {
        let told = |form, says| Self { form, says, is_login: false };
        let kept = response.body.kept.as_deref().unwrap_or_default();
        if media.starts_with("application/grpc") || media.starts_with("application/connect+") {
            return told(Some(Form::Grpc), rpc::frames(kept, media.starts_with("application/grpc-web-text")));
        }
        if media == "application/mapi-http" {
            return told(Some(Form::Mapi), rpc::mapi(&response.head, Some(bytes)));
        }
        if media == "text/event-stream" {
            return told(Some(Form::Events), rpc::events(bytes));
        }
        if media.starts_with("multipart/")
            && let Some((inner, part)) = first_part(bytes)
        {
            return Self::of_part(&inner, part);
        }
        if is_active_sync(&response.head, media) && bytes.first() != Some(&b'<') {
            return told(Some(Form::ActiveSync), Says::Fine);
        }
        Self::of_part(media, bytes)
    }

    /// By the first character first: servers label JSON as text, and devices label pages as anything.
    fn of_part(media: &str, bytes: &[u8]) -> Self {
        let told = |form, says| Self { form, says, is_login: false };
        let page = || Self { form: None, says: Says::Unclear, is_login: login::is_page(bytes) };
        let is_other = matches!(form_of(media), Some(Form::Image | Form::Binary));
        match bytes.first() {
            Some(b'<') => match xml::read(bytes) {
                Some(_) if media.contains("html") => page(),
                Some((form, says)) => told(Some(form), says),
                None => page(),
            },
            Some(b'{' | b'[') if !is_other => {
                let is_problem = media.ends_with("problem+json");
                told(Some(Form::Json), json::read(bytes, is_problem).unwrap_or(Says::Unclear))
            }
            _ if media.contains("html") => page(),
            _ if media.ends_with("json") || media.ends_with("ndjson") => match json::read(bytes, false) {
                Some(says) => told(Some(Form::Json), says),
                None => told(None, Says::Unclear),
            },
            _ if media.ends_with("xml") => told(None, Says::Unclear),
            _ if media == "application/rpc" => told(Some(Form::Rpc), Says::Fine),
            _ if media.is_empty() || matches!(form_of(media), Some(Form::Text)) => {
                told(Some(Form::Text), words_of(bytes))
            }
            _ => told(form_of(media), Says::Fine),
        }
    }

    /// Why the content refuses, if it does.
    pub(super) const fn refusal(&self) -> Option<&ServerReason> {
        match &self.says {
            Says::Refusal(reason) => Some(reason),
            _ => None,
        }
    }
}

/// The form a media type (lower case) promises, where the content itself is not looked at.
fn form_of(media: &str) -> Option<Form> {
    let (kind, subtype) = media.split_once('/').unwrap_or((media, ""));
    Some(match (kind, subtype) {
        (_, subtype) if subtype.contains("html") => return None,
        ("image", _) => Form::Image,
        // Not by its end: WBXML is no XML.
        ("application", "vnd.ms-sync.wbxml" | "vnd.ms-sync" | "vnd.ms-sync.multipart") => Form::ActiveSync,
        (_, "soap+xml") => Form::Soap,
        // In which nothing that refuses is to be found.
        ("text", "xml") => Form::Soap,
        (_, subtype) if subtype.ends_with("xml") => Form::Xml,
        (_, subtype) if subtype.ends_with("json") => Form::Json,
        ("application", "mapi-http") => Form::Mapi,
        ("application", "rpc") => Form::Rpc,
        ("text", "event-stream") => Form::Events,
        // Parts of a site.
        ("text", "css") | (_, "javascript" | "ecmascript" | "x-javascript") => return None,
        ("text", _) | ("application", "x-www-form-urlencoded") => Form::Text,
        ("", _) => return None,
        _ => Form::Binary,
    })
}

fn is_active_sync(head: &Head, media: &str) -> bool {
    matches!(form_of(media), Some(Form::ActiveSync))
        || (media.is_empty() && head.value("ms-server-activesync").is_some())
}

/// The media type and the content of the first part of a multipart content (RFC 2046 §5.1).
fn first_part(bytes: &[u8]) -> Option<(String, &[u8])> {
    let lines = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| (at, 4));
    let (end, length) = lines.or_else(|| memchr::memmem::find(bytes, b"\n\n").map(|at| (at, 2)))?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).to_ascii_lowercase();
    let media = head.lines().find_map(|line| line.strip_prefix("content-type:")).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    // XOP (MTOM) wraps XML.
    let media = if media == "application/xop+xml" { "text/xml" } else { media };
    Some((media.to_owned(), bytes.get(end + length..)?.trim_ascii_start()))
}

/// What a short text says. A long one is what was asked for.
fn words_of(bytes: &[u8]) -> Says {
    let Ok(text) = std::str::from_utf8(bytes) else { return Says::Fine };
    let text = text.trim();
    let is_form = text.starts_with("error=") || text.contains("&error=");
    if is_form {
        let code = text.split('&').find_map(|pair| pair.strip_prefix("error=")).unwrap_or_default();
        return if words::is_code(code) { Says::Refusal(refusal(code, None, "content")) } else { Says::Error };
    }
    if text.len() <= 200 && (words::is_code(text) || words::is_phrase(text)) {
        return Says::Refusal(refusal("", Some(text), "content"));
    }
    Says::Fine
}

/// Everything an answer is judged by.
pub(super) struct Question<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) extraction: &'a Extraction,
    pub(super) profile: &'a Profile,
    /// Host and path, as they are compared.
    pub(super) place: (&'a str, &'a str),
    pub(super) endpoint: &'a Endpoint,
    pub(super) carried: Carried,
    pub(super) diagnostics: &'a [Diagnostic],
    /// The request was sent: not answered from a cache, blocked or promised.
    pub(super) was_sent: bool,
    /// All credentials are in requests inside the content, and so are the answers to them.
    pub(super) is_only_embedded: bool,
}

impl Question<'_> {
    /// What the answer means. `reading` is that of its content.
    pub(super) fn answer(&self, reading: Option<&Reading>) -> Answer {
        let Some(response) = &self.exchange.response else { return Answer::Missing };
        let status = response.head.status().unwrap_or(0);
        let carried = self.carried;
        if status == 0 {
            return Answer::Missing;
        }
        if !self.was_sent {
            return if carried.any() { Answer::Undecided } else { Answer::Anonymous };
        }
        if !carried.any() {
            return match status {
                401 => Answer::Discovery,
                407 => Answer::Undecided,
                _ => Answer::Anonymous,
            };
        }
        // What was redacted may have been nothing: the answer cannot be held against it. A batch's answers are inside.
        if carried.redacted || self.answers_anyone() || self.has_two_credentials() {
            return Answer::Undecided;
        }
        if status == 101 && self.profile.judgement == Judgement::Bearer && is_socket(self.exchange) {
            return self.of_socket(response);
        }
        if self.is_only_embedded {
            return Answer::Undecided;
        }
        let Some(reading) = reading else { return Answer::Undecided };
        self.by_status(status, response, reading)
    }

    /// What a server that opened a WebSocket says to the credentials: those of the request by opening it, those of the first
    /// message by what it says then.
    fn of_socket(&self, response: &Message) -> Answer {
        let texts = response.body.kept.as_deref().unwrap_or_default();
        let in_message =
            self.extraction.sightings.iter().any(|it| caller::is_presented(it) && it.part == Part::RequestBody);
        match Opening::read(texts) {
            Opening::Refused => Answer::Refused,
            Opening::Acknowledged => Answer::Accepted,
            Opening::Unclear if in_message => Answer::Undecided,
            Opening::Unclear => Answer::Accepted,
        }
    }

    fn by_status(&self, status: u16, response: &Message, reading: &Reading) -> Answer {
        let mut challenges = self.extraction.challenges.iter().filter(|c| !c.proxy && c.is("Bearer"));
        let bearer_error = challenges.clone().any(|c| c.parameter("error").is_some());
        let token_error = challenges.any(|c| c.parameter("error").is_some_and(words::is_code));
        let oauth = self.diagnostics.iter().any(Diagnostic::is_oauth);
        let is_refusal = oauth || reading.refusal().is_some();
        match status {
            ..=199 | 407 => Answer::Undecided,
            401 | 440 | 456 => Answer::Refused,
            300..=399 if login::is_redirect(&response.head, self.profile, self.place) => Answer::Login,
            300..=399 => Answer::Undecided,
            403 if is_refusal || bearer_error => Answer::Refused,
            403 => Answer::Forbidden,
            _ if is_refusal => Answer::Refused,
            400.. if token_error => Answer::Refused,
            // A success that complains of the token contradicts itself.
            200..=299 if bearer_error => Answer::Undecided,
            200..=299 if reading.is_login || login::is_refresh(&response.head, self.profile, self.place) => {
                Answer::Login
            }
            200..=299 if self.is_in_form(reading) => Answer::Accepted,
            500 if reading.form == Some(Form::Soap) && reading.says == Says::Error && self.is_in_form(reading) => {
                Answer::Accepted
            }
            _ => Answer::Undecided,
        }
    }

    /// Whether the content has a form of the endpoint, and is no error but one of the product's own.
    fn is_in_form(&self, reading: &Reading) -> bool {
        let forms = self.profile.forms(self.place.1);
        let Some(form) = reading.form.filter(|form| forms.contains(form)) else { return false };
        match reading.says {
            Says::Fine => true,
            Says::Error => matches!(form, Form::Soap | Form::Mapi),
            Says::Refusal(_) | Says::Unclear => false,
        }
    }

    /// Whether anybody is answered: by the method or by the path.
    fn answers_anyone(&self) -> bool {
        let method = self.exchange.request.as_ref().map(|request| request.head.method()).unwrap_or_default();
        let by_method =
            [b"OPTIONS".as_slice(), b"TRACE", b"TRACK"].iter().any(|known| method.eq_ignore_ascii_case(known));
        let by_kind = matches!(self.endpoint, Endpoint::Anonymous | Endpoint::Metadata | Endpoint::Tunnel);
        by_method || by_kind || self.profile.forms(self.place.1).is_empty()
    }

    /// Whether two different credentials were sent, so that it is not known which of them is answered: two tokens, or a token
    /// beside a password or another scheme.
    fn has_two_credentials(&self) -> bool {
        // A proof and the token it proves the possession of are one; what is inside a batch is answered there.
        let mut tokens = self.extraction.sightings.iter().filter(|sighting| {
            caller::is_presented(sighting)
                && !(sighting.part == Part::RequestBody && sighting.scheme.is_some())
                && !matches!(sighting.kind, TokenKind::Dpop | TokenKind::Pop | TokenKind::ProofToken)
        });
        let Some(first) = tokens.next() else { return false };
        let others = self.extraction.credentials.iter().any(|credentials| {
            let is_other = match &credentials.kind {
                CredentialsKind::Empty | CredentialsKind::Redacted | CredentialsKind::Token => false,
                CredentialsKind::Basic(basic) => !super::observation::is_empty_basic(basic),
                _ => true,
            };
            is_other && !credentials.proxy && credentials.part == Part::RequestHeader
        });
        others || tokens.any(|other| other.token.id != first.token.id)
    }
}

#[cfg(test)]
mod tests;
