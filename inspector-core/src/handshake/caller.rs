//! Who is calling, and in which direction: the question a search for a GUID cannot answer.
//!
//! The expected issuer stands in different layers (protocol facts from [MS-XOAUTH] 4.1 to 4.6):
//!
//! ```text
//! app-asserted user     outer { iss: CALLER, actortoken: inner { iss: ACS,    nameid: CALLER } }
//! app only              inner { iss: ACS,    nameid: CALLER }
//! self-issued           outer { iss: CALLER, actortoken: inner { iss: CALLER, nameid: CALLER } }
//! Entra application     { iss: https://sts.windows.net/T/, appid: CALLER, tid: T }
//! ```
//!
//! and, meaning something else, in `trusted_issuers`, in `client_id` and `aud` of the reverse direction (Exchange calls
//! Skype), in assertions to a token endpoint, and in contents. Only tokens presented to a resource are looked at here.

use std::sync::OnceLock;

use super::observation::is_readable;
use crate::{
    profile::Profile,
    token::{
        Role, Sighting, Token, TokenKind, mask,
        principal::{Principal, is_guid},
        verify::{has_impossible_signature, is_asymmetric},
    },
};

/// Where in a token the caller's name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layer {
    /// `iss` of the outer token.
    OuterIssuer,
    /// `nameid` of the actor token.
    ActorNameId,
    /// `actor` of a user's token, whose `nameid` is the user.
    Acting,
    /// `iss` of an actor token its caller signed itself.
    SelfIssuer,
    /// `appid` or `azp` of an Entra token, with its `tid` as realm.
    EntraApplication,
    /// The client of any other access token ([`client`]).
    Client,
}

impl Layer {
    /// For people: the claim.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OuterIssuer => "iss of the outer token",
            Self::ActorNameId => "nameid of the actor token",
            Self::Acting => "actor of the user's token",
            Self::SelfIssuer => "iss of the self-issued actor token",
            Self::EntraApplication => "application id of the Entra token",
            Self::Client => "client of the token",
        }
    }
}

/// A name a token gives its caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The name.
    pub principal: Principal,
    /// Where it stands.
    pub layer: Layer,
    /// The name, masked, once it was asked for.
    shown: OnceLock<Box<str>>,
}

impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        (self.layer, &self.principal) == (other.layer, &other.principal)
    }
}

impl Eq for Caller {}

impl Caller {
    /// The name as a report shows it, masked.
    pub fn shown(&self) -> &str {
        self.shown.get_or_init(|| mask::text(&self.principal.to_string()).into())
    }

    /// `id@realm` in lower case: one spelling for all. Ids of clients by other servers differ by their letters' case, too.
    pub fn key(&self) -> String {
        if self.layer == Layer::Client {
            return self.principal.name.clone();
        }
        let mut key = self.principal.name.to_ascii_lowercase();
        if let Some(realm) = self.principal.realm() {
            key.push('@');
            key.push_str(&realm.to_ascii_lowercase());
        }
        key
    }
}

/// Which way a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To one of the profile's resources, by the token's audience.
    Forward,
    /// From one of the profile's resources to one of its callers.
    Reverse,
    /// The audience is not a principal name (Entra), or none.
    Unnamed,
    /// To somebody else.
    Elsewhere,
}

/// All names a token gives its caller, the outermost first.
pub fn callers(token: &Token, kind: TokenKind) -> Vec<Caller> {
    let mut found = Vec::with_capacity(3);
    let mut add = |principal: Option<&Principal>, layer| {
        if let Some(principal) = principal {
            found.push(Caller { principal: bounded(principal), layer, shown: OnceLock::new() });
        }
    };
    match kind {
        TokenKind::S2sOuter => {
            add(token.issuer(), Layer::OuterIssuer);
            if let Some(actor) = &token.actor {
                add(actor_caller(actor), layer_of(actor));
                add(self_issuer(actor), Layer::SelfIssuer);
            }
        }
        TokenKind::S2sActor => {
            add(actor_caller(token), layer_of(token));
            add(self_issuer(token), Layer::SelfIssuer);
        }
        TokenKind::EntraAccess => add(token.application(), Layer::EntraApplication),
        _ => {}
    }
    found
}

/// The client an id token was made for: its audience, of one name (OpenID Connect Core §2).
fn of_id_token(token: &Token) -> Option<String> {
    let is_one = ["nonce", "at_hash", "c_hash"].iter().any(|claim| token.claims.contains_key(claim));
    let mut audiences = token.audiences().into_iter();
    let only = audiences.next().filter(|name| is_one && audiences.next().is_none() && !name.contains("://"))?;
    Some(only)
}

/// The client an access token of any authorization server names: `client_id` (RFC 9068 §2.2), `azp` (OpenID Connect Core
/// §2), `appid` (Entra), `cid` (Okta), else the subject of a token that no user is behind: its own issuer, or by the marks
/// that servers give tokens for clients (`gty`, `idtyp`, `…@clients`). An id token names the client it was made for.
pub fn client(token: &Token) -> Option<Caller> {
    let text = |name: &str| token.claim(name).filter(|value| !value.trim().is_empty());
    let named = ["client_id", "azp", "appid", "cid"].into_iter().find_map(text);
    let of_client = || {
        let subject = text("sub")?;
        let is_marked = text("gty").is_some_and(|grant| grant == "client-credentials")
            || text("idtyp").is_some_and(|kind| kind == "app")
            || subject.ends_with("@clients")
            || text("iss").is_some_and(|issuer| issuer == subject);
        is_marked.then_some(subject)
    };
    let name = match named.or_else(of_client) {
        Some(name) => name.into_owned(),
        None => of_id_token(token)?,
    };
    let principal = bounded(&Principal { name, host: None, realm: None });
    Some(Caller { principal, layer: Layer::Client, shown: OnceLock::new() })
}

/// Longest part of a name that is kept, in characters. Ids have 36, and realms and hosts are domain names.
const LONGEST_PART: usize = 259;

fn bounded(principal: &Principal) -> Principal {
    let cut = |text: &String| text.chars().take(LONGEST_PART).collect();
    let whole = |text: &String| if text.len() > LONGEST_PART { cut(text) } else { text.clone() };
    Principal {
        name: whole(&principal.name),
        host: principal.host.as_ref().map(whole),
        realm: principal.realm.as_ref().map(whole),
    }
}

fn layer_of(actor: &Token) -> Layer {
    if actor.acting().is_some() { Layer::Acting } else { Layer::ActorNameId }
}

/// The caller an actor token names: `actor` of a user's token, else `nameid`, or the application of an Entra token used as
/// one.
pub fn actor_caller(actor: &Token) -> Option<&Principal> {
    actor.acting().or_else(|| actor.name_id()).or_else(|| actor.application())
}

/// `iss` of an actor token, if it is a caller's own name: no `nameid`, or the same id.
pub fn self_issuer(actor: &Token) -> Option<&Principal> {
    let issuer = actor.issuer()?;
    actor.name_id().is_none_or(|name| name.is(&issuer.name)).then_some(issuer)
}

/// Whether what gives a token its authority can be read: the outer token names its caller by itself, unsigned, and is
/// worth as much as the actor token inside. An Entra token must look signed by its tenant.
fn has_authority(sighting: &Sighting) -> bool {
    let token = &sighting.token;
    is_readable(token)
        && match sighting.kind {
            TokenKind::S2sOuter => token.actor.as_deref().is_some_and(is_readable),
            TokenKind::EntraAccess => {
                let signed = !token.is_unsigned() && is_asymmetric(token) && !has_impossible_signature(token);
                signed && is_of_own_tenant(token)
            }
            _ => true,
        }
}

/// Whether the tenant of an Entra token's issuer is that of its `tid`.
fn is_of_own_tenant(token: &Token) -> bool {
    let (Some(issuer), Some(tenant)) = (issuing_tenant(token), token.claim("tid")) else { return true };
    issuer.eq_ignore_ascii_case(&tenant)
}

/// The tenant in an issuer's URL (`https://sts.windows.net/T/`).
pub fn issuing_tenant(token: &Token) -> Option<String> {
    let issuer = token.claim("iss")?;
    let (_, rest) = issuer.split_once("://")?;
    rest.split('/').nth(1).filter(|tenant| is_guid(tenant)).map(str::to_owned)
}

/// The direction of a call by its token.
pub fn direction(token: &Token, profile: &Profile) -> Direction {
    let audiences = token.audiences();
    let mut named = audiences.iter().filter_map(|text| Principal::parse(text)).peekable();
    if named.peek().is_none() {
        return Direction::Unnamed;
    }
    let mut direction = Direction::Elsewhere;
    for audience in named {
        if profile.resource(&audience.name).is_some() {
            return Direction::Forward;
        }
        let from_resource = token.issuer().is_some_and(|issuer| profile.resource(&issuer.name).is_some());
        if profile.caller(&audience.name).is_some() && from_resource {
            direction = Direction::Reverse;
        }
    }
    direction
}

/// Whether the sighting is a token presented as such: not an assertion, not a mention, and not one of the pair inside
/// `MSAuth1.0`, which is another protocol.
pub fn is_presented(sighting: &Sighting) -> bool {
    sighting.role == Role::Presented
        && !sighting.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("MSAuth1.0"))
}

/// Whether the kind is one of server-to-server OAuth.
pub const fn is_s2s_kind(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::S2sOuter | TokenKind::S2sActor | TokenKind::ProofToken)
}

/// The expected caller a presented token names, if it does: an id of the profile with a realm. Whether the call goes in
/// the forward direction is another question. `realms` limits the realms; any if empty.
pub fn expected(sighting: &Sighting, profile: &Profile, realms: &[String]) -> Option<Caller> {
    if !is_presented(sighting) || !has_authority(sighting) {
        return None;
    }
    callers(&sighting.token, sighting.kind).into_iter().find(|caller| {
        let Some(realm) = caller.principal.realm().filter(|realm| *realm != "*") else { return false };
        profile.caller(&caller.principal.name).is_some()
            && (realms.is_empty() || realms.iter().any(|allowed| allowed.eq_ignore_ascii_case(realm)))
    })
}
