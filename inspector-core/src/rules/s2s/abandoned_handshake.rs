use std::collections::BTreeMap;

use crate::{
    finding::Seen,
    handshake::{
        call::Call,
        observation::{Answer, Observation},
    },
    hosts::HostId,
    http::auth::CredentialsKind,
    rules::{Context, Declared, Occasions, Rule, Summary, declare_rule},
    time::Timestamp,
};

/// Within which a call has to follow a challenge, in seconds.
const WINDOW: i64 = 120;
/// Hosts kept.
const HOSTS: usize = 1024;
/// Places kept per host.
const PLACES: usize = 3;

declare_rule! {
    /// A caller asked for OAuth, was challenged, and no call with a token followed at this host within two minutes: it got
    /// no token.
    ///
    /// # Evidence
    /// The challenges.
    ///
    /// # Traps
    /// A challenge in the last two minutes of the recording is not judged, nor are recordings without times. Callers have
    /// many addresses, so that a call of any client counts, also one whose token the recording took out. Requests of others
    /// without credentials do not count.
    pub(crate) AbandonedHandshake = "S2S-031" "abandoned-handshake" Medium,
    title: "A caller was challenged for OAuth and did not come back with a token",
    remedy: "Look at the caller's token requests for errors of the token endpoint (S2S-036), and whether the endpoint can \
             be reached from it.",
    source: "[MS-XOAUTH] §4.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
    state: { open: BTreeMap<HostId, Open>, abandoned: BTreeMap<HostId, Seen> },
}

/// Challenges that no call followed yet.
#[derive(Debug, Default)]
pub(crate) struct Open {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    seen: Seen,
}

impl Open {
    /// Whether calls that were read before lie after it, by their times.
    fn is_followed_by(&self, call: &Call) -> bool {
        call.span.zip(self.first).is_some_and(|((begin, end), first)| end >= first && !is_over(self.last, begin))
    }
}

impl Rule for AbandonedHandshake {
    fn occasions(&self) -> Occasions {
        Occasions::ANY
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        let Some(time) = observation.time else { return };
        // What a sanitised recording shows of a call: a replaced token, or an answer as if none was needed.
        let sanitized =
            observation.carried.redacted || (observation.is_resource() && observation.answer == Answer::Anonymous);
        if observation.carried.token() || sanitized {
            let Some(open) = self.open.remove(&observation.host) else { return };
            if is_over(open.last, time) {
                self.abandoned.entry(observation.host).or_default().merge(open.seen, PLACES);
            }
            return;
        }
        let asks = observation.extraction.credentials.iter().any(|credentials| {
            !credentials.proxy && credentials.kind == CredentialsKind::Empty && credentials.is("Bearer")
        });
        let challenged = observation.answer == Answer::Discovery && observation.s2s && observation.offers("Bearer");
        if !challenged || !(asks || observation.is_caller_agent()) {
            return;
        }
        if self.open.len() < HOSTS || self.open.contains_key(&observation.host) {
            let open = self.open.entry(observation.host).or_default();
            open.first.get_or_insert(time);
            open.last = open.last.max(Some(time));
            open.seen.add(PLACES, || observation.answered());
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let end = context.ledger.span().map(|(_, last)| last);
        for (host, open) in std::mem::take(&mut self.open) {
            let followed = context.ledger.calls().iter().any(|call| call.host == host && open.is_followed_by(call));
            if !followed && end.is_some_and(|end| is_over(open.first, end)) {
                self.abandoned.entry(host).or_default().merge(open.seen, PLACES);
            }
        }
        for (host, seen) in &self.abandoned {
            let name = context.ledger.host_name(*host);
            let detail = format!("{name}: no call with a token within {WINDOW} s of the challenge");
            context.find(Self::META.host(*host).detail(detail).seen(seen));
        }
    }
}

fn is_over(since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_some_and(|since| now.seconds().saturating_sub(since.seconds()) > WINDOW)
}
