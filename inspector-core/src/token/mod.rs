//! Exchanges to tokens: every place a token can be in, and what a token says.

mod classify;
pub mod compact;
pub mod extract;
pub mod find;
pub mod interner;
mod json;
pub mod mask;
mod members;
mod paste;
pub mod principal;
#[cfg(test)]
pub(crate) mod testing;
mod time;
pub mod verify;
pub mod words;

pub(crate) use crate::redact::compact as scan;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

pub use members::Members;

use crate::{
    evidence::{At, Part},
    heap,
    secret::{Fingerprint, Secret},
    time::Timestamp,
    token::principal::Principal,
};

/// The classes of tokens, decided by the token alone; [`Sighting::kind`] adds what its place tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TokenKind {
    /// No JWT: a reference or an encrypted blob only its issuer can read.
    Opaque,
    /// An encrypted JWT (RFC 7516): five parts, or `enc` in its header.
    Jwe,
    /// The outer token of an app-asserted user, with the actor token inside.
    S2sOuter,
    /// An assertion for the token endpoint (ACS dialect), no token for a resource.
    S2sAssertion,
    /// An actor token, alone (app-only) or inside an outer one.
    S2sActor,
    /// Exchange identity or callback token, SharePoint context token: `appctx` or `appctxsender`.
    AppContext,
    /// SharePoint `hashedprooftoken`.
    ProofToken,
    /// An access token of Microsoft Entra ID (v1 or v2).
    EntraAccess,
    /// An id_token of Microsoft Entra ID.
    EntraId,
    /// Primary refresh token artefacts: header `ctx`.
    Broker,
    /// A signed HTTP request (`typ: pop`).
    Pop,
    /// A DPoP proof (RFC 9449).
    Dpop,
    /// Any other JWT.
    Jwt,
}

impl TokenKind {
    /// The word in `inspector tokens`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwe => "jwe",
            Self::S2sOuter => "s2s-outer",
            Self::S2sAssertion => "s2s-assertion",
            Self::S2sActor => "s2s-actor",
            Self::AppContext => "app-context",
            Self::ProofToken => "proof-token",
            Self::EntraAccess => "entra-access",
            Self::EntraId => "entra-id",
            Self::Broker => "broker",
            Self::Pop => "pop",
            Self::Dpop => "dpop",
            Self::Jwt => "jwt",
        }
    }

    /// Whether its claims can be read.
    pub const fn is_readable(self) -> bool {
        !matches!(self, Self::Opaque | Self::Jwe)
    }
}

/// A deviation from the strict form, kept because receivers differ in what they tolerate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Defect {
    /// A part is padded with `=` (RFC 7515 §2 forbids it).
    Padding,
    /// A part uses `+` or `/`.
    StandardAlphabet,
    /// White space inside the token.
    Whitespace,
    /// Unused bits at the end of a part are not zero.
    TrailingBits,
    /// A part begins with a byte order mark.
    ByteOrderMark,
    /// An unsigned token lacks the dot after its payload (two parts).
    TwoParts,
    /// There are four parts, which no serialisation has; the token was not decoded.
    FourParts,
    /// The header is no JSON object.
    HeaderNotJson,
    /// The payload is no JSON object.
    PayloadNotJson,
    /// The payload is not UTF-8.
    NotUtf8,
    /// The signature is no base64.
    SignatureNotBase64,
    /// A member name occurs more than once in one object.
    DuplicateMember {
        /// Where: `header` or `payload`.
        part: &'static str,
        /// The member.
        name: String,
    },
    /// A time claim is not a plain JSON number of seconds.
    TimeEncoding {
        /// The claim.
        claim: &'static str,
        /// What it is instead: `string`, `milliseconds`, `FILETIME`, `fraction`, `not a number`, `out of range`. A
        /// claim can deviate in several ways, each a defect of its own.
        form: &'static str,
    },
    /// The token is longer than `Limits::token`, or nested deeper than `Limits::token_depth`; it was not decoded.
    TooLarge,
    /// The recording replaced or cut part of it.
    Redacted,
}

/// A decoded token. Its signature is a fact of length and algorithm here; verification is another matter.
///
/// `Debug` shows what [`mask::claims_for_display`] does; the fields themselves hold nested tokens in clear.
#[derive(Clone)]
pub struct Token {
    /// SHA-256 prefix of the raw text.
    pub id: Fingerprint,
    /// The raw text.
    pub raw: Secret<Box<str>>,
    /// What the token alone tells.
    pub kind: TokenKind,
    /// For opaque tokens, the family its prefix tells: `cwt`, `entra-refresh`, `msa`, …
    pub family: Option<&'static str>,
    /// JOSE header, empty if unreadable. Member order is kept.
    pub header: Members,
    /// A header was decoded, though it may have no members.
    pub has_header: bool,
    /// Claims, empty if unreadable. Member order is kept; of duplicates the last.
    pub claims: Members,
    /// The nested actor token (`actortoken`, `actort`).
    pub actor: Option<Arc<Self>>,
    /// Length of the decoded signature in bytes; 0 if the part is empty or absent.
    pub signature_length: usize,
    /// `nbf`, `exp` and `iat`, normalised.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// Deviations.
    pub defects: Vec<Defect>,
    /// The principals its claims name, once somebody asked.
    names: OnceLock<Box<Names>>,
}

/// The principals a token's claims name.
#[derive(Clone, Debug)]
struct Names {
    issuer: Option<Principal>,
    audience: Option<Principal>,
    name_id: Option<Principal>,
    application: Option<Principal>,
    /// `actor`: the application that acts for the user `nameid` names.
    acting: Option<Principal>,
}

impl Token {
    /// Whether its signature was redacted by this program: a mark stands in its place.
    pub fn is_redacted(&self) -> bool {
        let raw = self.raw.reveal();
        let signature = raw.rsplit('.').next().filter(|signature| signature.len() < raw.len());
        signature.map_or_else(|| crate::redact::mark::is_mark(raw), crate::redact::mark::is_marked_signature)
    }

    /// A claim as text; numbers and booleans in their JSON spelling.
    pub fn claim(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        text_of(self.claims.get(name)?)
    }

    /// A header parameter as text.
    pub fn parameter(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        text_of(self.header.get(name)?)
    }

    /// `alg`, empty if absent.
    pub fn algorithm(&self) -> std::borrow::Cow<'_, str> {
        self.parameter("alg").unwrap_or_default()
    }

    /// Whether nothing signs it: `alg` is `none` in any case, or its signature is empty, though the recording did not
    /// take it out. One that cannot be decoded is there, and damaged. Unknown, hence `false`, for what cannot be read.
    pub fn is_unsigned(&self) -> bool {
        let there = [Defect::Redacted, Defect::SignatureNotBase64];
        let empty = self.signature_length == 0 && !self.defects.iter().any(|defect| there.contains(defect));
        self.kind.is_readable() && (empty || self.algorithm().eq_ignore_ascii_case("none"))
    }

    /// The header's JSON as sent. It is decoded anew from the text, as few ask for it and many tokens are kept.
    pub fn header_json(&self) -> Option<String> {
        self.has_header.then(|| compact::part_json(self.raw.reveal(), 0))?
    }

    /// The payload's JSON as sent (masking nothing: nested tokens appear in it; see [`mask::claims_for_display`]). It is
    /// decoded anew, too.
    pub fn claims_json(&self) -> Option<Secret<String>> {
        self.kind.is_readable().then(|| compact::part_json(self.raw.reveal(), 1))?.map(Secret::new)
    }

    /// Bytes of memory it takes, about, without the token inside it.
    pub fn weight(&self) -> usize {
        // What it counts is not all there yet: the names its claims give are parsed when they are asked for.
        let names = if self.claims.is_empty() { 0 } else { size_of::<Names>() + 8 * 48 };
        let defects = self.defects.capacity().saturating_mul(size_of::<Defect>());
        size_of::<Self>()
            .saturating_add(heap::block(self.raw.reveal().len()))
            .saturating_add(self.header.weight())
            .saturating_add(self.claims.weight())
            .saturating_add(heap::block(defects))
            .saturating_add(names)
    }

    fn names(&self) -> &Names {
        let parsed = |name: &str| Principal::parse(&self.claim(name)?);
        let application = if self.claim("appid").is_some() { "appid" } else { "azp" };
        self.names.get_or_init(|| {
            Box::new(Names {
                issuer: parsed("iss"),
                audience: self.audiences().first().and_then(|first| Principal::parse(first)),
                name_id: parsed("nameid"),
                acting: parsed("actor").filter(Principal::is_guid),
                application: parsed(application).map(|id| Principal {
                    name: id.name,
                    host: None,
                    realm: self.claim("tid").map(std::borrow::Cow::into_owned),
                }),
            })
        })
    }

    /// `iss` by the grammar of principals ([`principal`]); `None` if absent or a URL.
    pub fn issuer(&self) -> Option<&Principal> {
        self.names().issuer.as_ref()
    }

    /// `aud` (the first, if it is an array) by the principal grammar.
    pub fn audience(&self) -> Option<&Principal> {
        self.names().audience.as_ref()
    }

    /// All members of `aud`.
    pub fn audiences(&self) -> Vec<String> {
        match self.claims.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    /// The application of an Entra token: `appid` or `azp`, with `tid` as realm.
    pub fn application(&self) -> Option<&Principal> {
        self.names().application.as_ref()
    }

    /// The application that acts for a user, in the user's token of a SharePoint add-in: `actor`, where `nameid` names the
    /// user and no application.
    pub fn acting(&self) -> Option<&Principal> {
        let names = self.names();
        names.acting.as_ref().filter(|_| names.name_id.as_ref().is_none_or(|name| !name.is_guid()))
    }

    /// `nameid` by the principal grammar.
    pub fn name_id(&self) -> Option<&Principal> {
        self.names().name_id.as_ref()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("family", &self.family)
            .field("header", &mask::header_for_display(self))
            .field("claims", &mask::claims_for_display(self))
            .field("actor", &self.actor)
            .field("signature_length", &self.signature_length)
            .field("defects", &self.defects)
            .finish_non_exhaustive()
    }
}

fn text_of(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        _ => None,
    }
}

/// What a token is used for at the place it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// Presented to a resource: `Authorization` of any bearer-like scheme, `access_token` in form or query, PFAT.
    Presented,
    /// Sent to a token endpoint: `assertion`, `client_assertion`, `refresh_token`, `subject_token`, …
    Assertion,
    /// Handed out by a token endpoint: `access_token`, `id_token`, `refresh_token` in a response.
    Issued,
    /// Anywhere else: cookies, other fields, contents.
    Mentioned,
}

impl Role {
    /// The word in `places[]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Presented => "presented",
            Self::Assertion => "assertion",
            Self::Issued => "issued",
            Self::Mentioned => "mentioned",
        }
    }
}

/// One occurrence of a token.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The token, shared between all its sightings.
    pub token: Arc<Token>,
    /// Its class, with what the place tells (an actor-like JWT posted as `assertion` is an assertion).
    pub kind: TokenKind,
    /// What it is used for.
    pub role: Role,
    /// In which part of the exchange.
    pub part: Part,
    /// Where in that part. A field (`Authorization`), with what names the place inside it behind a blank
    /// (`Authorization actortoken`, `Cookie authtoken`, `Location access_token`); a parameter of a query or form
    /// (`assertion`); a JSON pointer (`/access_token`); an XML element (`TokenValue`); `path`, or `content` where the
    /// place has no name. A name that could be a secret itself is masked.
    pub name: String,
    /// Authorization scheme as sent, if it was in credentials.
    pub scheme: Option<String>,
    /// The frame or entry.
    pub at: At,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
