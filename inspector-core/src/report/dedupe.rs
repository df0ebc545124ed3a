//! The same exchange recorded twice: on both sides of a proxy, or by client and server.

use std::net::IpAddr;

use crate::{
    handshake::{
        call::{Mark, Step},
        grants::Grant,
    },
    time::Timestamp,
};

/// Seconds two recordings of one exchange may differ in time if nothing but its token and target tell that it is one.
const CLOSE: i64 = 2;
/// Seconds they may differ if the request has an id: clocks of two machines.
const CLOSE_BY_ID: i64 = 600;

/// Whether two moments can be those of one exchange. Without a time, the id must do.
fn close(one: Option<Timestamp>, other: Option<Timestamp>, same_id: bool) -> bool {
    let most = if same_id { CLOSE_BY_ID } else { CLOSE } * 1_000_000_000;
    match (one, other) {
        (Some(one), Some(other)) => one.nanos().abs_diff(other.nanos()) <= most.unsigned_abs(),
        _ => same_id,
    }
}

/// Whether ids tell that it is one exchange (`Some(true)`), that it is not, or nothing.
fn same_id(one: Option<&str>, other: Option<&str>) -> Option<bool> {
    Some(one? == other?)
}

/// Whether two steps are one message. In one input only ids can tell.
pub(super) fn of_steps(one: &Step, other: &Step) -> bool {
    let same_input = one.evidence.input == other.evidence.input;
    if one.kind != other.kind
        || one.token != other.token
        || one.status != other.status
        || one.host != other.host
        || (same_input && one.evidence.connection == other.evidence.connection)
    {
        return false;
    }
    let id = same_id(one.request_id.as_deref(), other.request_id.as_deref());
    let told = match id {
        Some(same) => same,
        None => one.token.is_some() && !same_input,
    };
    told && close(one.time, other.time, id == Some(true))
}

fn of_marks(one: &Mark, other: &Mark) -> bool {
    let same_input = one.place.0 == other.place.0;
    if one.token != other.token
        || one.path != other.path
        || one.status != other.status
        || (same_input && one.place.1 == other.place.1)
    {
        return false;
    }
    let id = same_id(one.request_id.as_deref(), other.request_id.as_deref());
    id.unwrap_or(!same_input) && close(one.time, other.time, id == Some(true))
}

/// Pairs calls of two recordings, each once, the nearest in time first. The places in `others` that have a twin.
pub(super) fn pair(ones: &[Mark], others: &[Mark]) -> Vec<usize> {
    let mut taken = vec![false; others.len()];
    for one in ones {
        let distance = |other: &Mark| one.time.zip(other.time).map(|(a, b)| a.nanos().abs_diff(b.nanos()));
        let free = others
            .iter()
            .enumerate()
            .filter(|(place, other)| taken.get(*place).is_some_and(|taken| !taken) && of_marks(one, other));
        let nearest = free.min_by_key(|(place, other)| (distance(other), *place)).map(|(place, _)| place);
        if let Some(taken) = nearest.and_then(|place| taken.get_mut(place)) {
            *taken = true;
        }
    }
    taken.iter().enumerate().filter(|(_, taken)| **taken).map(|(place, _)| place).collect()
}

/// Whether two requests to an authorization server are one.
pub(super) fn of_grants(one: &Grant, other: &Grant) -> bool {
    let (Some(first), Some(second)) = (one.steps.first(), other.steps.first()) else { return false };
    let same_input = first.evidence.input == second.evidence.input;
    if one.host_name != other.host_name
        || one.kind != other.kind
        || one.token != other.token
        || one.uses != other.uses
        || one.given != other.given
        || (same_input && first.evidence.connection == second.evidence.connection)
    {
        return false;
    }
    let id = same_id(first.request_id.as_deref(), second.request_id.as_deref());
    // A token is issued once, and a code or an assertion is shown once, as a rule.
    let told = one.token.is_some() || !one.uses.is_empty();
    id.unwrap_or(told && !same_input) && close(one.time, other.time, id == Some(true) || one.token.is_some())
}

/// Whether two addresses can be those of one client: not every recording tells it.
pub(super) fn may_be_same(one: Option<IpAddr>, other: Option<IpAddr>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}
