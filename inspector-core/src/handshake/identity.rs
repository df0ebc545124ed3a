//! What a presented token says of its caller, by the policy: worked out once for each token, whatever exchanges it is in.

use std::sync::Arc;

use super::{
    caller::{self, Caller, Direction},
    observation::is_readable,
};
use crate::{
    policy::Policy,
    profile::{Judgement, Profile},
    token::{Sighting, Token, TokenKind},
};

/// Longest name kept of a token, in characters.
pub(super) const LONGEST_NAME: usize = 512;

/// A name a token gives its caller, in the forms it is compared in.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) caller: Arc<Caller>,
    /// [`Caller::key`].
    pub(super) key: Arc<str>,
    /// The id in lower case.
    pub(super) id: Arc<str>,
}

/// Names kept to be shared.
const SHARED: usize = 64;

/// Names and classes that many tokens share: one place in memory for all of them.
#[derive(Debug, Default)]
pub(super) struct Names {
    named: Vec<Named>,
    kinds: Vec<(TokenKind, Arc<str>)>,
}

impl Names {
    fn named(&mut self, caller: Caller) -> Named {
        if let Some(known) = self.named.iter().find(|known| *known.caller == caller) {
            return known.clone();
        }
        let named = Named::new(caller);
        if self.named.len() < SHARED {
            self.named.push(named.clone());
        }
        named
    }

    fn kind(&mut self, kind: TokenKind) -> Arc<str> {
        if let Some((_, name)) = self.kinds.iter().find(|(known, _)| *known == kind) {
            return Arc::clone(name);
        }
        let name: Arc<str> = kind.as_str().into();
        self.kinds.push((kind, Arc::clone(&name)));
        name
    }
}

impl Named {
    fn new(caller: Caller) -> Self {
        let (key, id) = (caller.key().into(), caller.principal.name.to_ascii_lowercase().into());
        Self { caller: Arc::new(caller), key, id }
    }
}

/// What a presented token says of its caller.
#[derive(Debug)]
pub(super) struct Identity {
    /// The outermost name.
    pub(super) called: Option<Named>,
    /// The name of an expected caller, if the call goes to the profile's resource.
    expected: Option<Named>,
    /// One of its names is that of a caller the profile expects, whatever gives it its authority and wherever it goes.
    pub(super) is_known: bool,
    pub(super) direction: Direction,
    /// The class, in place of a name.
    pub(super) kind: Arc<str>,
    /// What the actor token says that gives it its authority.
    pub(super) actor: Option<ActorSays>,
}

impl Identity {
    pub(super) fn new(sighting: &Sighting, policy: &Policy, names: &mut Names) -> Self {
        let (token, profile) = (&*sighting.token, &policy.profile);
        let actor = match sighting.kind {
            TokenKind::S2sOuter => token.actor.as_deref(),
            TokenKind::S2sActor => Some(token),
            _ => None,
        };
        let callers = caller::callers(token, sighting.kind);
        // Who calls an API is whoever its tokens were issued to.
        let is_any = profile.judgement == Judgement::Bearer && is_readable(token);
        let of_any = || if is_any { caller::client(token) } else { None };
        Self {
            is_known: callers.iter().any(|caller| profile.caller(&caller.principal.name).is_some()),
            called: callers.into_iter().next().or_else(of_any).map(|caller| names.named(caller)),
            expected: caller::expected(sighting, profile, &policy.realms).map(|caller| names.named(caller)),
            direction: caller::direction(token, profile),
            kind: names.kind(sighting.kind),
            actor: actor.map(|actor| ActorSays::new(token, actor, profile)),
        }
    }

    /// The expected caller it names, if it does so in the forward direction. `to_resource` tells that the request's path is
    /// one of the profile's resources, which decides where the audience is no principal name.
    pub(super) fn expected(&self, to_resource: bool) -> Option<&Named> {
        let forward = match self.direction {
            Direction::Forward => true,
            Direction::Unnamed => to_resource,
            Direction::Reverse | Direction::Elsewhere => false,
        };
        self.expected.as_ref().filter(|_| forward)
    }
}

/// What a token and the actor token that gives it its authority say, as the ledger keeps it of hosts.
#[derive(Debug)]
pub(super) struct ActorSays {
    /// `iss` of the actor token.
    pub(super) issuer: Option<Box<str>>,
    /// That issuer is neither one of the profile nor the caller itself, or there is none.
    pub(super) is_unknown: bool,
    /// The id in the only `aud`, in lower case, if it is a principal name. Of several one may be the host's.
    pub(super) audience: Option<Box<str>>,
}

impl ActorSays {
    pub(super) fn new(token: &Token, actor: &Token, profile: &Profile) -> Self {
        let issuer = actor.claim("iss");
        let own = caller::self_issuer(actor)
            .is_some_and(|own| profile.caller(&own.name).is_some() || profile.resource(&own.name).is_some());
        // Without an issuer nobody answers for the token.
        let is_unknown = !own && !profile.admits_issuer(issuer.as_deref().unwrap_or_default());
        let audience = token.audience().filter(|_| token.audiences().len() == 1);
        Self {
            issuer: issuer.map(|issuer| bounded(&issuer)),
            is_unknown,
            audience: audience.map(|audience| bounded(&audience.name.to_ascii_lowercase())),
        }
    }
}

fn bounded(text: &str) -> Box<str> {
    text.chars().take(LONGEST_NAME).collect()
}
