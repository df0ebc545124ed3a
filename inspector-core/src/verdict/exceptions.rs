//! What a profile changes about findings: severities, and findings that are known and ignored for a time.
//!
//! An exception is a decision of the user's and never hidden: what is ignored is counted in the report with the reason
//! that was given. And it never makes evidence out of its absence. So these stay as they are, whatever a profile says:
//!
//! | finding | why |
//! |---|---|
//! | one that blocks a pass | what is missing stays missing |
//! | a critical one that fails the outcome | it says that the very token a pass would rest on is forged, or was exposed |
//! | S2S-001 and S2S-033 | a pass rests on them |
//!
//! Other findings that fail the outcome can be ignored or lowered; a pass then says so instead of saying that nothing was
//! found ([`crate::verdict`]).
//!
//! An ignore ends with its day (UTC), by the moment validity is judged at: the end of the recording, unless the policy
//! names another. Where the recording has no time, one that ends is not applied.

use crate::{
    finding::{Finding, Severity},
    profile::exceptions::{Exceptions, Ignore},
    time::Timestamp,
};

/// The facts a pass rests on.
const PROOF: [&str; 2] = ["S2S-001", "S2S-033"];

impl Exceptions {
    /// Takes out what is ignored at `moment`.
    pub(crate) fn apply(&self, findings: Vec<Finding>, moment: Option<Timestamp>) -> (Vec<Finding>, Vec<Ignored>) {
        let mut used: Vec<Ignored> = self.ignores.iter().cloned().map(Ignored::new).collect();
        let mut kept = Vec::with_capacity(findings.len());
        for finding in findings {
            let mut taken = None;
            for (at, one) in used.iter_mut().enumerate().filter(|(_, one)| one.ignore.fits(&finding)) {
                match why_kept(&one.ignore, &finding, moment) {
                    None => {
                        taken = Some(at);
                        break;
                    }
                    Some(why) => {
                        one.kept = one.kept.saturating_add(finding.count);
                        one.why_kept = one.why_kept.or(Some(why));
                    }
                }
            }
            match taken.and_then(|at| used.get_mut(at)) {
                Some(one) => {
                    one.count = one.count.saturating_add(finding.count);
                    one.findings.push(finding);
                }
                None => kept.push(finding),
            }
        }
        (kept, used)
    }
}

/// Why a finding an ignore is about is reported all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The ignore is over.
    Expired,
    /// The ignore ends some day, and the recording does not tell when it was made.
    NoTime,
    /// It blocks a pass: what is missing stays missing.
    Blocks,
    /// It is critical and fails the outcome, or a pass rests on it.
    Decides,
}

impl Kept {
    /// A clause for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "it has expired",
            Self::NoTime => {
                "the recording does not tell its time, so that it may have expired (--at now judges by today)"
            }
            Self::Blocks => "it blocks a pass: the evidence is missing all the same",
            Self::Decides => "it is critical and decides the outcome, or a pass rests on it",
        }
    }
}

fn why_kept(ignore: &Ignore, finding: &Finding, moment: Option<Timestamp>) -> Option<Kept> {
    match (ignore.end, moment) {
        (Some(end), Some(moment)) if moment >= end => return Some(Kept::Expired),
        (Some(_), None) => return Some(Kept::NoTime),
        _ => {}
    }
    if finding.blocks {
        return Some(Kept::Blocks);
    }
    let critical = finding.fails && finding.severity == Severity::Critical;
    (critical || PROOF.contains(&finding.meta.code)).then_some(Kept::Decides)
}

/// What became of an ignore.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// The ignore.
    pub ignore: Ignore,
    /// What it took out of the report's findings.
    pub findings: Vec<Finding>,
    /// How many these stand for.
    pub count: u64,
    /// How many it is about that are reported all the same.
    pub kept: u64,
    /// Why, for the first of these.
    pub why_kept: Option<Kept>,
}

impl Ignored {
    const fn new(ignore: Ignore) -> Self {
        Self { ignore, findings: Vec::new(), count: 0, kept: 0, why_kept: None }
    }

    /// Whether nothing that was found is what it is about.
    pub const fn is_unused(&self) -> bool {
        self.count == 0 && self.kept == 0
    }

    /// Adds what became of the same ignore in another input.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.count = self.count.saturating_add(other.count);
        self.kept = self.kept.saturating_add(other.kept);
        self.why_kept = self.why_kept.or(other.why_kept);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        policy::{Clock, Policy},
        profile::Profile,
        report::Report,
        rules::testing,
        time::Timestamp,
        verdict::{Outcome, exceptions::Kept},
    };

    const CALLER: &str = "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

    fn call(authorization: &str, answer: &str) -> String {
        format!(
            "# @time 2026-01-01T00:02:00Z\n# @client 10.0.0.1:5000\nPOST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n\
             Authorization: {authorization}\n\n{answer}\n###\n"
        )
    }

    fn good() -> String {
        call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n")
    }

    fn basic() -> String {
        call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n")
    }

    fn judge(exceptions: &str, text: &str) -> Report {
        let profile = Profile::from_toml(&format!("name = \"own\"\nextends = \"exchange-s2s\"\n{exceptions}")).unwrap();
        testing::judge_by(Policy::new(profile), text)
    }

    fn codes(report: &Report) -> Vec<&str> {
        report.findings.iter().map(|finding| finding.meta.code).collect()
    }

    #[test]
    fn what_is_ignored_is_counted_and_a_pass_says_so() {
        let text = good() + &basic();
        assert_eq!(judge("", &text).outcome, Outcome::Fail);
        let report = judge(
            "[[ignores]]\nrule = \"BAS-001\"\nreason = \"the probe of the load balancer\"\nuntil = 2026-12-31",
            &text,
        );
        assert_eq!(report.outcome, Outcome::Pass, "{}", report.reason);
        assert!(
            report.reason.contains("BAS-001") && !report.reason.contains("Basic was never sent"),
            "{}",
            report.reason
        );
        assert!(!codes(&report).contains(&"BAS-001"));
        let ignored = &report.ignored[0];
        assert_eq!((ignored.count, ignored.kept, ignored.findings.len()), (1, 0, 1));
    }

    #[test]
    fn an_ignore_is_for_a_rule_and_a_host() {
        let text = good() + &basic();
        for (rule, host, outcome) in [
            ("BAS-001", "mail.contoso.com", Outcome::Pass),
            ("basic-to-resource", "*.contoso.com", Outcome::Pass),
            ("BAS-001", "other.contoso.com", Outcome::Fail),
            ("BAS-003", "mail.contoso.com", Outcome::Fail),
        ] {
            let report = judge(&format!("[[ignores]]\nrule = \"{rule}\"\nhost = \"{host}\"\nreason = \"r\""), &text);
            assert_eq!(report.outcome, outcome, "{rule} {host}");
            assert_eq!(report.ignored[0].is_unused(), outcome == Outcome::Fail, "{rule} {host}");
        }
    }

    #[test]
    fn an_ignore_ends_with_its_day() {
        let text = good() + &basic();
        for (until, kept) in [("2025-12-31", Some(Kept::Expired)), ("2026-01-01", None), ("\"2026-01-02\"", None)] {
            let report = judge(&format!("[[ignores]]\nrule = \"BAS-001\"\nreason = \"r\"\nuntil = {until}"), &text);
            assert_eq!(report.ignored[0].why_kept, kept, "{until}");
            assert_eq!(report.outcome == Outcome::Fail, kept.is_some(), "{until}");
        }
        // By the moment that was asked for, and never by none.
        let ignore = "name = \"own\"\nextends = \"exchange-s2s\"\n[[ignores]]\nrule = \"BAS-001\"\nreason = \"r\"\nuntil = 2026-01-01";
        let mut policy = Policy::new(Profile::from_toml(ignore).unwrap());
        let timeless = text.replace("# @time 2026-01-01T00:02:00Z\n", "");
        assert_eq!(testing::judge_by(policy.clone(), &timeless).ignored[0].why_kept, Some(Kept::NoTime));
        policy.clock = Clock::Fixed(Timestamp::parse_rfc3339("2026-01-02T00:00:00Z").unwrap());
        assert_eq!(testing::judge_by(policy, &text).ignored[0].why_kept, Some(Kept::Expired));
    }

    #[test]
    fn missing_evidence_stays_missing() {
        // A call without an answer blocks a pass.
        let text = good() + &call(&format!("Bearer {}", testing::outer(CALLER)), "");
        let plain = judge("", &text);
        let blocker = plain.findings.iter().find(|finding| finding.blocks).unwrap().meta.code;
        for exceptions in [
            format!("[[ignores]]\nrule = \"{blocker}\"\nreason = \"r\""),
            format!("[severities]\n{blocker} = \"info\""),
        ] {
            let report = judge(&exceptions, &text);
            assert_eq!((report.outcome, plain.outcome), (Outcome::Inconclusive, Outcome::Inconclusive), "{exceptions}");
            assert!(report.ignored.iter().all(|ignored| ignored.why_kept == Some(Kept::Blocks)), "{exceptions}");
        }
    }

    #[test]
    fn a_forged_token_is_never_ignored() {
        // No actor token inside: S2S-017 is critical.
        let audience = "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
        let claims = serde_json::json!({"iss": CALLER, "aud": audience, "nameid": "a"});
        let orphan = format!("Bearer {}", testing::jwt(&serde_json::json!({"alg": "none"}), &claims, 0));
        let text = good() + &call(&orphan, "HTTP/1.1 200 OK\n");
        let plain = judge("", &text);
        let critical: Vec<&str> = plain
            .findings
            .iter()
            .filter(|f| f.fails && f.severity == crate::finding::Severity::Critical)
            .map(|f| f.meta.code)
            .collect();
        assert!(!critical.is_empty());
        for code in critical {
            for exceptions in
                [format!("[[ignores]]\nrule = \"{code}\"\nreason = \"r\""), format!("[severities]\n{code} = \"low\"")]
            {
                let report = judge(&exceptions, &text);
                assert_eq!(report.outcome, Outcome::Fail, "{exceptions}");
                assert!(codes(&report).contains(&code), "{exceptions}");
            }
        }
    }

    #[test]
    fn the_facts_a_pass_rests_on_stay() {
        let report = judge(
            "[[ignores]]\nrule = \"S2S-001\"\nreason = \"r\"\n[[ignores]]\nrule = \"S2S-033\"\nreason = \"r\"",
            &good(),
        );
        assert!(codes(&report).contains(&"S2S-001") && codes(&report).contains(&"S2S-033"));
        assert!(report.ignored.iter().all(|ignored| ignored.why_kept == Some(Kept::Decides)));
    }

    #[test]
    fn severities_move_the_outcome_both_ways() {
        let text = good() + &basic();
        let lowered = judge("[severities]\nBAS-001 = \"medium\"", &text);
        assert_eq!(lowered.outcome, Outcome::Pass);
        assert!(lowered.reason.contains("BAS-001") && !lowered.reason.contains("never sent"), "{}", lowered.reason);
        assert!(codes(&lowered).contains(&"BAS-001"));
        let raised = judge(
            "[severities]\nbasic-offered = \"high\"",
            &(good()
                + &call(
                    "Bearer",
                    "HTTP/1.1 401 U\nWWW-Authenticate: Bearer client_id=\"c\", trusted_issuers=\"a@b\"\nWWW-Authenticate: Basic realm=\"x\"\n",
                )),
        );
        assert_eq!(raised.outcome, Outcome::Fail, "{}", raised.reason);
    }
}
