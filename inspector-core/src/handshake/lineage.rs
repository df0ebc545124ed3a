//! The way of a token: issued here, used there, exchanged for another, shown in a URL.

use std::sync::Arc;

use crate::{
    evidence::{Evidence, Part},
    hosts::HostId,
    time::Timestamp,
    token::{Role, Sighting},
};

/// Stations kept of one token, each a step at a host. Later ones are not told apart any more.
pub(super) const STATIONS: usize = 8;

/// Stations of one token in a report over several inputs and with those of the tokens it is inside of.
const STATIONS_IN_ALL: usize = 4 * STATIONS;

/// What happened to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A token endpoint handed it out.
    Issued,
    /// It was presented to a resource.
    Used,
    /// It was inside a token that was presented to a resource.
    Inside,
    /// It was sent to a token endpoint.
    Exchanged,
    /// It stood in a URL: a target, `Location` or `Referer`. Logs and histories keep those.
    InUrl,
    /// It was seen elsewhere: a cookie, a field, a content.
    Seen,
}

impl Step {
    /// The step a sighting is.
    pub fn of(sighting: &Sighting) -> Self {
        let field = sighting.name.split(' ').next().unwrap_or_default();
        let is_url =
            |name: &str| ["location", "referer", "refresh", "link"].iter().any(|it| name.eq_ignore_ascii_case(it));
        match (sighting.part, sighting.role) {
            (Part::RequestUrl, _) => Self::InUrl,
            (Part::RequestHeader | Part::ResponseHeader, _) if is_url(field) => Self::InUrl,
            (_, Role::Issued) => Self::Issued,
            (_, Role::Presented) => Self::Used,
            (_, Role::Assertion) => Self::Exchanged,
            (_, Role::Mentioned) => Self::Seen,
        }
    }

    /// The word of the JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Used => "used",
            Self::Inside => "inside",
            Self::Exchanged => "exchanged",
            Self::InUrl => "in-url",
            Self::Seen => "seen",
        }
    }
}

/// A step of a token at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station<H = HostId> {
    /// What happened.
    pub step: Step,
    /// Where.
    pub host: H,
    /// How often.
    pub count: u64,
    /// Refused so often.
    pub refused: u64,
    /// When first.
    pub time: Option<Timestamp>,
    /// Where first, without an excerpt.
    pub first: Evidence,
}

impl Station {
    /// With the host's name.
    pub fn named(&self, name: Arc<str>) -> Station<Arc<str>> {
        let Self { step, count, refused, time, .. } = *self;
        Station { step, host: name, count, refused, time, first: self.first.clone() }
    }
}

/// Counts a step, and keeps its place if it is the first of its kind at that host.
pub(super) fn note(
    stations: &mut Vec<Station>,
    step: Step,
    host: HostId,
    refused: bool,
    first: impl FnOnce() -> (Option<Timestamp>, Evidence),
) {
    let refused = u64::from(refused);
    if let Some(known) = stations.iter_mut().find(|known| known.step == step && known.host == host) {
        known.count = known.count.saturating_add(1);
        known.refused = known.refused.saturating_add(refused);
    } else if stations.len() < STATIONS {
        let (time, first) = first();
        stations.reserve_exact(1);
        stations.push(Station { step, host, count: 1, refused, time, first: Evidence { excerpt: None, ..first } });
    }
}

/// Adds the stations of another input.
pub(crate) fn merge(stations: &mut Vec<Station<Arc<str>>>, others: Vec<Station<Arc<str>>>) {
    for other in others {
        if let Some(known) = stations.iter_mut().find(|known| known.step == other.step && known.host == other.host) {
            known.count = known.count.saturating_add(other.count);
            known.refused = known.refused.saturating_add(other.refused);
        } else if stations.len() < STATIONS_IN_ALL {
            stations.push(other);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing;

    const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.c2lnbmF0dXJl";

    #[test]
    fn the_way_of_a_token_is_told() {
        let text = format!(
            "# @time 2026-01-01T00:00:00Z\nPOST /oauth2/token HTTP/1.1\nHost: sts.test\n\
             Content-Type: application/x-www-form-urlencoded\n\ngrant_type=client_credentials&client_id=a\n\
             HTTP/1.1 200 OK\nContent-Type: application/json\n\n{{\"access_token\":\"{TOKEN}\"}}\n###\n\
             GET /a HTTP/1.1\nHost: api.test\nAuthorization: Bearer {TOKEN}\n\nHTTP/1.1 200 OK\n\n###\n\
             GET /b HTTP/1.1\nHost: api.test\nAuthorization: Bearer {TOKEN}\n\nHTTP/1.1 401 X\n\n###\n\
             GET /c?access_token={TOKEN} HTTP/1.1\nHost: api.test\n\nHTTP/1.1 200 OK\n\n###\n\
             GET /d HTTP/1.1\nHost: cdn.test\nReferer: https://api.test/c?access_token={TOKEN}\n\nHTTP/1.1 200 OK\n\n###\n\
             GET /e HTTP/1.1\nHost: www.test\nCookie: token={TOKEN}\n\nHTTP/1.1 200 OK\n\n###\n"
        );
        let report = testing::judge(&text);
        let way: Vec<(&str, &str, u64, u64)> = report.tokens[0]
            .lineage
            .iter()
            .map(|station| (station.step.as_str(), &*station.host, station.count, station.refused))
            .collect();
        assert_eq!(
            way,
            [
                ("issued", "sts.test", 1, 0),
                ("used", "api.test", 2, 1),
                ("in-url", "api.test", 1, 0),
                ("in-url", "cdn.test", 1, 0),
                ("seen", "www.test", 1, 0)
            ]
        );
        assert!(report.tokens[0].lineage.iter().all(|station| station.first.excerpt.is_none()));
    }
}
