use crate::{
    coverage::Coverage,
    evidence::{Evidence, SourceId},
    exchange::Mark,
    handshake::observation::{Observation, has},
    http::auth::CredentialsKind,
    note::{Note, NoteKind},
    rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions},
    token::{Defect, Token},
};

declare_rule! {
    /// Values were taken out of the recording before it was saved: a HAR exported without sensitive data, or values
    /// replaced by `[REDACTED]`. Basic may have been among them, so that its absence proves nothing.
    ///
    /// # Evidence
    /// The replaced value, the exporter's note, or a resource that answered a request as if it had credentials, in a
    /// recording without a single `Authorization` or cookie.
    ///
    /// # Traps
    /// A recording of anonymous traffic has no such fields either: that alone is no sign. A signature that this program
    /// removed is missed only by who gives keys to verify it.
    pub(crate) RecordingSanitized = "COV-004" "recording-sanitized" Medium,
    title: "Values were taken out of the recording",
    remedy: "Export again with sensitive data (Chrome, Edge: DevTools settings, \"Allow to generate HAR with sensitive \
             data\").",
    source: "HTTP Archive 1.2; Chrome DevTools release notes 130",
    reference: "https://developer.chrome.com/blog/new-in-devtools-130",
}

impl Rule for RecordingSanitized {
    fn occasions(&self) -> Occasions {
        Occasions::REDACTED.or(Occasions::INCOMPLETE)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let extraction = observation.extraction;
        let replaced = extraction.credentials.iter().find(|c| c.kind == CredentialsKind::Redacted);
        let taken = extraction.sightings.iter().find(|s| s.token.defects.contains(&Defect::Redacted));
        let evidence = match (replaced, taken) {
            (Some(credentials), _) => observation.credentials(credentials),
            (None, Some(sighting)) => observation.sighted(sighting),
            (None, None) if has(observation, Mark::Sanitized) => observation.request_line(),
            (None, None) => return,
        };
        let detail = format!("{}: values of an exchange were replaced or removed", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).overturns().evidence(evidence));
    }

    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        if let NoteKind::Sanitized { how } = note.kind {
            let evidence =
                Evidence { input, entry: note.at.and_then(crate::evidence::At::entry), ..Evidence::default() };
            context.find(Self::META.input(input).subject("note").detail(how).overturns().evidence(evidence));
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        find_unverifiable(context);
        for input in context.ledger.inputs() {
            let source = input.source;
            if input.coverage.is_some_and(|coverage: Coverage| coverage.sanitized) {
                let evidence = Evidence { input: source, ..Evidence::default() };
                let draft = Self::META.input(source).subject("note").detail("the exporter removed sensitive values");
                context.find(draft.overturns().evidence(evidence));
            }
            if input.format != "har" || input.with_secrets > 0 {
                continue;
            }
            for (host, seen) in &input.unexplained {
                let detail = "a resource answered as if it got credentials, but no request of the recording has any";
                context.find(Self::META.host(*host).detail(detail).overturns().seen(seen));
            }
        }
    }
}

/// Who gives keys asks whether signatures are right, and of one that a redaction removed that cannot be told: a forged one
/// can look so, too.
fn find_unverifiable(context: &mut Context<'_>) {
    let (ledger, policy) = (context.ledger, context.policy);
    if policy.keys.is_empty() {
        return;
    }
    for facts in ledger.tokens() {
        let actor = facts.token.actor.as_deref();
        if !facts.token.is_redacted() && !actor.is_some_and(Token::is_redacted) {
            continue;
        }
        for host in &facts.presented_to {
            let detail = "the signature of a token was removed by redaction, so that the given keys cannot verify it";
            let draft = RecordingSanitized::META.host(*host).subject("signature").detail(detail).overturns();
            context.find(draft.count(facts.presented).evidence(facts.first.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{slice, sync::Arc};

    use crate::{
        policy::Policy,
        profile::Profile,
        redact::mark,
        rules::testing,
        token::verify::{Origin, VerificationKeys},
        verdict::Outcome,
    };

    #[test]
    fn a_signature_that_was_removed_passes_only_where_no_keys_are_given() {
        let jwk = serde_json::json!({"kty": "oct", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"}).to_string();
        let claims = serde_json::json!({"iss": "https://as.example.com", "client_id": "app", "aud": "https://api.example.com",
            "iat": 1_767_225_660, "exp": 1_767_229_260});
        let token = testing::jwt(&serde_json::json!({"alg": "RS256"}), &claims, 256);
        let (text, signature) = token.rsplit_once('.').unwrap();
        let text = format!(
            "# @time 2026-01-01T00:02:00Z\nGET /v1/me HTTP/1.1\nHost: api.example.com\n\
             Authorization: Bearer {text}.{}\n\nHTTP/1.1 200 OK\nContent-Type: application/json\n\n{{\"ok\":true}}",
            mark::of_signature(signature)
        );
        for (keys, outcome) in [(&[][..], Outcome::Pass), (slice::from_ref(&jwk), Outcome::Inconclusive)] {
            let mut given = VerificationKeys::default();
            for key in keys {
                given.add(key.as_bytes(), &Origin::File("keys".to_owned())).unwrap();
            }
            let policy = Policy { keys: Arc::new(given), ..Policy::new(Profile::builtin("generic").unwrap()) };
            let report = testing::judge_by(policy, &text);
            assert_eq!(report.outcome, outcome, "{}", report.reason);
        }
    }
}
