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

use crate::{hosts::HostId, moment::Moment};

/// A refusal that something later would lift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Who refused, and would have to accept.
    pub(crate) host: HostId,
    /// When it did last. `None` where an acceptance at any time would lift it.
    pub(crate) last: Option<Moment>,
}

impl Pending {
    /// Refused by that host, last at that moment.
    pub(crate) const fn by(host: HostId, last: Option<Moment>) -> Self {
        Self { host, last }
    }

    /// Of two that are counted as one.
    pub(crate) fn and(self, other: Self) -> Self {
        let last = self.last.zip(other.last).map(|(one, other)| one.latest(other));
        Self { host: self.host, last }
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

impl Hides {
    /// Of two that are counted as one.
    pub(crate) fn and(self, other: Self) -> Self {
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
