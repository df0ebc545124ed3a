//! Refusals that are open: what came later and is missing can hide that they were lifted.
//!
//! A refused token weighs less once the same client is accepted, and a refused request for a token once one is given. Where
//! the recording lost what came later, nobody knows whether that happened: the answer is then neither a pass nor a fail.
//!
//! ```text
//! refused 401 ──── a response lost ──────────▶ open: it may have been the acceptance
//! a response lost ──── refused 401 ──────────▶ a fail: whatever was lost came before
//! refused 401 ──── a response lost to a request without a token ──▶ a fail: that was no call of the client
//! ```

use super::finding::Concern;
use crate::{
    handshake::{
        ledger::Ledger,
        observation::{Observation, has},
    },
    hosts::{self, HostId},
    http::exchange::Mark,
    moment::Moment,
};

/// A refusal that something later would lift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Who refused, and would have to accept.
    host: HostId,
    /// When it did last. `None` where an acceptance at any time would lift it.
    last: Option<Moment>,
}

impl Pending {
    /// Refused by that host, last at that moment.
    pub(crate) const fn by(host: HostId, last: Option<Moment>) -> Self {
        Self { host, last }
    }

    /// Of two that are counted as one.
    pub(super) fn and(self, other: Self) -> Self {
        let last = self.last.zip(other.last).map(|(one, other)| one.latest(other));
        Self { host: self.host, last }
    }

    /// Whether what is missing may hide that it was lifted.
    pub(crate) fn may_be_lifted_in(self, hides: Hides, concern: Concern, ledger: &Ledger) -> bool {
        let late_enough = match hides {
            Hides::NoCall => false,
            Hides::Until(moment) => self.last.is_none_or(|last| !last.is_after(moment)),
            Hides::Anything => true,
        };
        late_enough && self.may_be_concerned(concern, ledger)
    }

    fn may_be_concerned(self, concern: Concern, ledger: &Ledger) -> bool {
        let facts = ledger.facts(self.host);
        let has = |address: std::net::IpAddr| {
            facts.addresses.is_empty() || facts.addresses.iter().any(|own| own.to_canonical() == address.to_canonical())
        };
        match concern {
            Concern::Host(HostId::OTHER) | Concern::Anything => true,
            Concern::Host(id) => {
                let (own, other) = (ledger.host_name(self.host), ledger.host_name(id));
                id == self.host || other.is_empty() || hosts::bare(own) == hosts::bare(other)
            }
            Concern::Address(address) => has(address),
            Concern::Between(one, other) => has(one) || has(other),
            Concern::Input(input) => {
                ledger.find_input(input).is_none_or(|facts| facts.exchanges == 0 || facts.has_host(self.host))
            }
            Concern::Nothing => false,
        }
    }
}

/// What can be in that which is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Hides {
    /// No call with a token: the request is there, and carries none.
    NoCall,
    /// A call that was sent then, or before.
    Until(Moment),
    /// A call at any time.
    #[default]
    Anything,
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
    pub(super) fn of(observation: &Observation<'_>) -> Self {
        let is_whole = observation.request().is_some() && !MAY_BE_MORE.iter().any(|mark| has(observation, *mark));
        if is_whole && !observation.carried.any() { Self::NoCall } else { Self::Until(observation.moment) }
    }

    /// Of two that are counted as one.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NoCall, one) | (one, Self::NoCall) => one,
            (Self::Until(one), Self::Until(other)) => Self::Until(one.latest(other)),
            _ => Self::Anything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_as_one_hides_what_either_hides() {
        let moment = |place| Moment::new(None, place);
        let at = |place| Hides::Until(moment(place));
        for (one, other, both) in [
            (Hides::NoCall, Hides::NoCall, Hides::NoCall),
            (Hides::NoCall, at(3), at(3)),
            (at(5), at(3), at(5)),
            (at(5), Hides::Anything, Hides::Anything),
            (Hides::Anything, Hides::NoCall, Hides::Anything),
        ] {
            assert_eq!(one.and(other), both, "{one:?} {other:?}");
            assert_eq!(other.and(one), both, "{one:?} {other:?}");
        }
        let pending = |place: Option<u64>| Pending::by(HostId::OTHER, place.map(moment));
        assert_eq!(pending(Some(3)).and(pending(Some(5))), pending(Some(5)));
        assert_eq!(pending(Some(3)).and(pending(None)), pending(None));
    }
}
