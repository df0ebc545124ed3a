//! URLs that carry their own permission: for one path and some minutes, whoever has them.
//!
//! ```text
//! https://media/PLAYBACK-ID.m3u8?token=eyJ… {"sub":"PLAYBACK-ID","aud":"v","exp":…}    a token that names what it is for
//! https://objects/films/a.mp4?X-Amz-Expires=600&X-Amz-Signature=…                      a signature among the parameters
//! ```

use serde_json::Value;

use super::observation::Observation;
use crate::{
    evidence::Part,
    handshake::oauth_message,
    time::Timestamp,
    token::{Sighting, Token},
};

/// Longest life of a signed URL, in seconds.
const LONGEST: i64 = 3600;

/// Shortest segment that names one thing, in characters.
const SHORTEST_SEGMENT: usize = 8;

/// Claims of tokens for an API. What has one of them is an access token, even if it names a part of the path, as the
/// subject's own records do.
const OF_ACCESS: [&str; 8] = ["iss", "scope", "scp", "roles", "azp", "client_id", "appid", "cid"];

/// Whether the token is the signature of the URL it stands in: it names the path it is for, and ends within the hour.
pub fn is_signed_by(observation: &Observation<'_>, token: &Token) -> bool {
    let begin = token.not_before.or(token.issued_at).or(observation.time).map(Timestamp::seconds);
    let life = token.expires.map(Timestamp::seconds).zip(begin).map(|(end, begin)| end.saturating_sub(begin));
    if !life.is_some_and(|life| (0..=LONGEST).contains(&life)) {
        return false;
    }
    let by_segment = !OF_ACCESS.iter().any(|claim| token.claims.contains_key(claim));
    let names = |value: &str| names_path(value, &observation.path) || (by_segment && names_segment(value, observation));
    token.claims.iter().any(|(_, value)| match value {
        Value::String(text) => names(text.as_str()),
        Value::Array(all) => all.iter().filter_map(Value::as_str).any(names),
        _ => false,
    })
}

/// Whether a claim is the path, its URL, or a beginning of it that ends with `*`.
fn names_path(said: &str, path: &str) -> bool {
    let said = said.split(['?', '#']).next().unwrap_or_default();
    let said = oauth_message::parts(said).map_or(said, |(_, _, path)| path);
    if let Some(beginning) = said.strip_suffix('*') {
        let same = path.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning));
        return beginning.len() > 1 && beginning.starts_with('/') && same;
    }
    said.len() > 1 && said.eq_ignore_ascii_case(path)
}

/// Whether a claim is a segment of the path, its extension aside.
fn names_segment(said: &str, observation: &Observation<'_>) -> bool {
    said.len() >= SHORTEST_SEGMENT
        && observation
            .path
            .split('/')
            .any(|segment| segment.split('.').next().is_some_and(|stem| stem.eq_ignore_ascii_case(said)))
}

/// Whether the request's URL is signed: a signature is among its parameters, or a token in it is one.
pub fn is_signed(observation: &Observation<'_>) -> bool {
    let extraction = observation.extraction;
    let named = |name: &str| {
        let name = name.to_ascii_lowercase();
        name == "sig" || name.ends_with("signature")
    };
    let in_url = |sighting: &&Sighting| sighting.part == Part::RequestUrl;
    extraction.parameters.iter().any(|p| p.part == Part::RequestUrl && named(&p.name))
        || extraction.sightings.iter().filter(in_url).any(|sighting| is_signed_by(observation, &sighting.token))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{finding::Severity, rules::testing};

    /// The severity of OAU-001 for a token with these claims in the query of that path.
    fn severity(path: &str, claims: &serde_json::Value) -> Option<Severity> {
        let token = testing::jwt(&json!({"alg": "RS256"}), claims, 256);
        let text = format!(
            "# @time 2026-01-01T00:00:00Z\nGET {path}?token={token} HTTP/1.1\nHost: media.test\n\nHTTP/1.1 200 OK\n\n###\n"
        );
        let report = testing::judge(&text);
        report.findings.iter().find(|finding| finding.meta.code == "OAU-001").map(|finding| finding.severity)
    }

    #[test]
    fn a_token_that_names_what_it_is_for_signs_the_url() {
        let soon = 1_767_225_600 + 600;
        let video = "/fZ5bXGq1ll02QGn01fOQCbMlZ.m3u8";
        for (path, claims, expected) in [
            (video, json!({"sub": "fZ5bXGq1ll02QGn01fOQCbMlZ", "aud": "v", "exp": soon}), Severity::Low),
            ("/films/7/a.mp4", json!({"path": "/films/7/*", "exp": soon}), Severity::Low),
            ("/films/7/a.mp4", json!({"paths": ["/films/6/*", "/films/7/*"], "exp": soon}), Severity::Low),
            ("/films/7/a.mp4", json!({"url": "https://media.test/films/7/a.mp4", "exp": soon}), Severity::Low),
            // For everything, for something else, for long, or the subject's own records.
            ("/films/7/a.mp4", json!({"path": "/*", "exp": soon}), Severity::Medium),
            (video, json!({"sub": "another-video", "exp": soon}), Severity::Medium),
            (video, json!({"sub": "fZ5bXGq1ll02QGn01fOQCbMlZ", "exp": soon + 7200}), Severity::Medium),
            (
                "/users/megan-bowen/mail",
                json!({"iss": "https://as.test", "sub": "megan-bowen", "exp": soon}),
                Severity::Medium,
            ),
        ] {
            assert_eq!(severity(path, &claims), Some(expected), "{path} {claims}");
        }
    }
}
