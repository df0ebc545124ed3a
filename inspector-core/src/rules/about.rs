//! The beginning of a finding about an exchange.

use crate::{
    exchange::Mark,
    finding::{Draft, RuleMeta, pending::Hides},
    handshake::observation::{Observation, has},
};

impl RuleMeta {
    /// The start of a finding about an exchange: it concerns its host. If a token was refused in it, it is about that token.
    pub fn of(&'static self, observation: &Observation<'_>) -> Draft {
        let draft = Draft::new(self, observation.concern()).of_issuance(observation.may_issue());
        let draft = draft.hides(Hides::of(observation));
        match observation.presented().next() {
            Some(first) if observation.is_refusal() => {
                draft.refused_by(observation.host, observation.is_of_stranger()).refused(first.token.id)
            }
            _ => draft,
        }
    }
}

/// Marks of a request that may not be all of what was sent.
const MAY_BE_MORE: [Mark; 10] = [
    Mark::RequestMissing,
    Mark::PairUncertain,
    Mark::Gap,
    Mark::HeadCut,
    Mark::HeaderUnknown,
    Mark::BodyCut,
    Mark::BodyLimit,
    Mark::EntryCut,
    Mark::EntryMalformed,
    Mark::StringCut,
];

impl Hides {
    /// What can be in an exchange of which something is missing.
    fn of(observation: &Observation<'_>) -> Self {
        let is_whole = observation.request().is_some() && !MAY_BE_MORE.iter().any(|mark| has(observation, *mark));
        if is_whole && !observation.carried.any() { Self::NoCall } else { Self::Until(observation.moment) }
    }
}
