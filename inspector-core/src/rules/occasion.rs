//! When a rule has to be asked, and on what its verdict rests.
//!
//! Most exchanges of a recording are alike: a known token, a known host, an answer in the two hundreds. Asking 150 rules
//! about each of them costs more than reading it. So a rule says what an exchange must have for it to have anything to
//! say ([`Occasions`]), and whether it says the same again about the same token at the same host ([`Basis`]). A test
//! judges all fixtures both ways and compares.

use super::Observation;
use crate::{
    exchange::message::Message,
    handshake::{
        caller,
        observation::{Answer, Endpoint},
        published,
    },
    http::auth::CredentialsKind,
    token::{Defect, Role, TokenKind},
};

/// What an exchange offers a rule: a set. A rule is asked if the exchange offers any of what the rule wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Occasions(u32);

impl Occasions {
    /// No exchange.
    pub const NONE: Self = Self(0);
    /// All that an exchange can offer.
    pub(super) const ALL: Self = Self(u32::MAX);
    /// Every exchange.
    pub const ANY: Self = Self(1);
    /// A token, wherever it stands.
    pub const TOKEN: Self = Self(1 << 1);
    /// A token of a server-to-server kind that was presented or posted as an assertion.
    pub const S2S_TOKEN: Self = Self(1 << 2);
    /// Credentials, also empty ones and those for a proxy.
    pub const CREDENTIALS: Self = Self(1 << 3);
    /// Basic credentials, also those for a proxy.
    pub const BASIC: Self = Self(1 << 4);
    /// A challenge, also a proxy's.
    pub const CHALLENGE: Self = Self(1 << 5);
    /// A parameter of a query, a content or a `Location`.
    pub const PARAMETER: Self = Self(1 << 6);
    /// A parameter of the request's content.
    pub const POSTED: Self = Self(1 << 7);
    /// A password outside `Authorization`.
    pub const PASSWORD: Self = Self(1 << 8);
    /// A token endpoint, certain or possible, or a part of an OAuth flow.
    pub const OAUTH: Self = Self(1 << 9);
    /// Something is missing, cut or odd: a mark, a cut content, a limit, a request or an answer that is not there.
    pub const INCOMPLETE: Self = Self(1 << 10);
    /// Credentials or a token in whose place the recording put something.
    pub const REDACTED: Self = Self(1 << 11);
    /// The target has a query.
    pub const QUERY: Self = Self(1 << 12);
    /// The target or `Location` has a fragment.
    pub const FRAGMENT: Self = Self(1 << 13);
    /// The target has an `@`.
    pub const AT_SIGN: Self = Self(1 << 14);
    /// A field `x-ms-diagnostics`.
    pub const DIAGNOSTICS: Self = Self(1 << 15);
    /// Published keys and configuration, by the profile's paths or by `/.well-known/`.
    pub const METADATA: Self = Self(1 << 16);
    /// The request has content that was kept.
    pub const CONTENT: Self = Self(1 << 17);
    /// The request has a field `Referer`.
    pub const REFERER: Self = Self(1 << 18);
    /// The request has at most one field: it may be that its header section is unknown.
    pub const BARE: Self = Self(1 << 21);
    /// A tunnel was asked for.
    pub const TUNNEL: Self = Self(1 << 20);

    /// An answer that publishes keys or metadata.
    pub const KEYS: Self = Self(1 << 22);

    /// A field `DPoP` or `DPoP-Nonce`.
    pub const DPOP: Self = Self(1 << 23);

    /// Credentials that are no token: empty, or of another scheme.
    pub const NO_TOKEN: Self = Self(1 << 19);

    /// This or another.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether anything is in both.
    pub const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn add(&mut self, other: Self, is: bool) {
        if is {
            self.0 |= other.0;
        }
    }

    /// What an exchange offers.
    pub(super) fn of(observation: &Observation<'_>) -> Self {
        let mut all = Self::ANY;
        let (exchange, extraction) = (observation.exchange, observation.extraction);
        all.add(Self::CHALLENGE, !extraction.challenges.is_empty());
        all.add(Self::PARAMETER, !extraction.parameters.is_empty());
        all.add(Self::POSTED, extraction.parameters.iter().any(|p| p.part == crate::evidence::Part::RequestBody));
        all.add(Self::PASSWORD, !extraction.passwords.is_empty());
        all.add(Self::DIAGNOSTICS, !observation.diagnostics.is_empty());
        all.add_tokens(observation);
        all.add_endpoint(observation);
        let is_cut = |message: Option<&Message>| message.is_none_or(|message| message.body.cut.is_some());
        let incomplete = exchange.marks.any()
            || is_cut(exchange.request.as_ref())
            || is_cut(exchange.response.as_ref())
            || observation.answer == Answer::Missing
            || !extraction.limits.is_empty();
        all.add(Self::INCOMPLETE, incomplete);
        all
    }

    fn add_tokens(&mut self, observation: &Observation<'_>) {
        for credentials in &observation.extraction.credentials {
            self.add(Self::CREDENTIALS, true);
            self.add(Self::NO_TOKEN, credentials.kind != CredentialsKind::Token);
            self.add(Self::BASIC, matches!(credentials.kind, CredentialsKind::Basic(_)));
            self.add(Self::REDACTED, credentials.kind == CredentialsKind::Redacted);
        }
        for sighting in &observation.extraction.sightings {
            self.add(Self::TOKEN, true);
            let used = sighting.role == Role::Assertion || caller::is_presented(sighting);
            let s2s = caller::is_s2s_kind(sighting.kind) || sighting.kind == TokenKind::S2sAssertion;
            self.add(Self::S2S_TOKEN, used && s2s);
            self.add(Self::REDACTED, sighting.token.defects.contains(&Defect::Redacted));
        }
    }

    fn add_endpoint(&mut self, observation: &Observation<'_>) {
        let flow = &observation.flow;
        let oauth = matches!(observation.endpoint, Endpoint::Token | Endpoint::PossibleToken)
            || observation.token_request.is_some()
            || flow.authorization.is_some()
            || flow.response.is_some()
            || flow.answer.is_some();
        self.add(Self::OAUTH, oauth);
        self.add(Self::TUNNEL, observation.endpoint == Endpoint::Tunnel);
        let known = observation.path.starts_with("/.well-known/") || observation.path.contains("/.well-known/");
        self.add(Self::METADATA, observation.endpoint == Endpoint::Metadata || known);
        self.add(Self::KEYS, known || published::document(observation).is_some());
        if let Some(request) = &observation.exchange.request {
            let target = request.head.target();
            self.add(Self::QUERY, memchr::memchr(b'?', target).is_some());
            self.add(Self::FRAGMENT, memchr::memchr(b'#', target).is_some());
            self.add(Self::AT_SIGN, memchr::memchr(b'@', target).is_some());
            self.add(Self::CONTENT, request.body.kept.is_some());
            self.add(Self::REFERER, request.head.value("referer").is_some());
            self.add(Self::BARE, request.head.iter().nth(1).is_none());
        }
        self.add(Self::DPOP, observation.response().is_some_and(|head| head.value("dpop-nonce").is_some()));
        let location = observation.response().and_then(|head| head.value("location"));
        self.add(Self::FRAGMENT, location.is_some_and(|location| memchr::memchr(b'#', location).is_some()));
    }
}

/// On what the verdict of a rule on an exchange rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// On anything: it is asked every time.
    Everything,
    /// On the exchange's shape (see [`super::shape::Shape`]) and the policy: asked again about an exchange of the same
    /// shape, it finds the same, with other evidence at most, and what it keeps for itself stays as it is.
    Shape,
    /// Whether it has anything to find rests on the shape alone; what it then finds, on more. It keeps nothing.
    SilentByShape,
}
