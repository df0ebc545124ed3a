//! Rules: facts to findings.
//!
//! A rule is one file named after the rule: its documentation, its declaration, one or two hooks and their helpers. A
//! family is a folder whose `mod.rs` names its rules once, in `rules![…]`, which makes both the modules and the registry.
//!
//! Rules see every exchange in capture order, then what became of each connection, then a [`Summary`] in which the
//! ledger and the scope are final. A rule may keep state of its own between exchanges (it is made anew for every
//! analysis); what it keeps must be bounded, for which [`memory::Memory`] is there.
//!
//! ```text
//! declare_rule! {
//!     /// What it means, in a few sentences.
//!     ///
//!     /// # Evidence
//!     /// What is cited.
//!     ///
//!     /// # Traps
//!     /// What looks like it and is not.
//!     pub(crate) CredentialsInUrl = "BAS-007" "credentials-in-url" High,
//!     title: "A password is part of a URL",
//!     remedy: "…",
//!     source: "RFC 3986 §3.2.1",
//!     reference: "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
//! }
//!
//! impl Rule for CredentialsInUrl {
//!     fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
//!         …
//!         context.find(Self::META.of(observation).detail("…").evidence(…));
//!     }
//! }
//! ```

pub mod exceptions;
pub mod finding;
pub mod occasion;
pub(crate) mod panel;
pub(crate) mod pending;
pub(crate) mod remedies;
pub mod shape;

pub(crate) mod basic;
pub(crate) mod coverage;
pub(crate) mod jwt;
mod metadata;
pub(crate) mod oauth;
pub(crate) mod s2s;

#[cfg(test)]
mod examples;
#[cfg(test)]
pub(crate) mod testing;

use std::fmt;

use crate::{
    connection::ConnectionReport,
    evidence::{Evidence, SourceId},
    handshake::{ledger::Ledger, observation::Observation, signatures::Signatures},
    hosts::HostId,
    note::Note,
    policy::Policy,
    rules::{
        finding::{Concern, Draft, Findings},
        occasion::{Basis, Occasions},
        pending::Hides,
    },
    scope::Scope,
    token::verify::VerificationKeys,
};

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A fact worth knowing, or good news.
    Info,
    /// Untidy.
    Low,
    /// Look at it.
    Medium,
    /// The question is answered with no.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// The contract's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the contract's word, letter case aside.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.as_str().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A family of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// What limits the conclusions.
    Coverage,
    /// Server-to-server OAuth.
    S2s,
    /// Basic and other passwords.
    Basic,
    /// Tokens by themselves.
    Jwt,
    /// OAuth flows.
    OAuth,
}

/// What is known of a rule.
#[derive(Debug)]
pub struct RuleMeta {
    /// `S2S-001`.
    pub code: &'static str,
    /// `expected-issuer-present`.
    pub name: &'static str,
    /// What a finding of it says, in one line.
    pub title: &'static str,
    /// Its usual severity; a finding may deviate with a reason.
    pub severity: Severity,
    /// The documentation: meaning first, then sections.
    pub docs: &'static str,
    /// The version that introduced it.
    pub since: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The standard or text it comes from.
    pub source: &'static str,
    /// Where to read on.
    pub reference: &'static str,
    /// The file that declares it.
    pub file: &'static str,
}

impl RuleMeta {
    /// The family its code names.
    pub fn family(&self) -> Family {
        match self.code.split('-').next().unwrap_or_default() {
            "COV" => Family::Coverage,
            "S2S" => Family::S2s,
            "BAS" => Family::Basic,
            "JWT" => Family::Jwt,
            _ => Family::OAuth,
        }
    }

    /// A section of the documentation: `meaning`, `evidence`, `traps`, `remedy` or `source`. Empty if there is none.
    pub fn section(&self, name: &str) -> String {
        match name {
            "remedy" => return self.remedy.to_owned(),
            "source" => return self.source.to_owned(),
            _ => {}
        }
        let mut current = "meaning".to_owned();
        let mut text = String::new();
        for line in self.docs.lines() {
            let line = line.strip_prefix(' ').unwrap_or(line);
            if let Some(heading) = line.strip_prefix("# ") {
                current = heading.trim().to_ascii_lowercase();
            } else if current == name {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.trim().to_owned()
    }

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

    /// The start of a finding about a host.
    pub const fn host(&'static self, host: HostId) -> Draft {
        Draft::new(self, Concern::Host(host))
    }

    /// The start of a finding about an input.
    pub const fn input(&'static self, input: SourceId) -> Draft {
        Draft::new(self, Concern::Input(input))
    }

    /// The start of a finding about something else.
    pub const fn about(&'static self, concern: Concern) -> Draft {
        Draft::new(self, concern)
    }
}

/// What a rule can look at and write to.
#[derive(Debug)]
pub struct Context<'a> {
    /// What is expected, and how it is judged.
    pub policy: &'a Policy,
    /// What spans exchanges. During `exchange` it includes the exchange at hand; what was before it is
    /// [`Observation::history`].
    pub ledger: &'a Ledger,
    findings: &'a mut Findings,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(policy: &'a Policy, ledger: &'a Ledger, findings: &'a mut Findings) -> Self {
        Self { policy, ledger, findings }
    }

    /// Counts findings so many times more.
    fn repeat(&mut self, all: &[finding::Reported], times: u64) {
        self.findings.repeat(all, times);
    }

    /// Reports a finding. Equal ones are folded.
    pub fn find(&mut self, draft: Draft) {
        self.findings.add(draft);
    }

    /// Reports a finding about what nearly every exchange has. Its evidence is only worked out if it is kept.
    pub fn find_usual(&mut self, draft: Draft, evidence: impl FnOnce() -> Evidence) {
        self.findings.add_seen(draft, || Some(evidence()));
    }
}

/// What is final at the end.
#[derive(Debug)]
pub struct Summary<'a> {
    /// The hosts in scope.
    pub scope: &'a Scope,
    /// Results of verifying signatures, as far as keys were given.
    pub signatures: &'a Signatures,
    /// The keys the recording shows.
    pub recorded: &'a VerificationKeys,
}

/// A rule. Every hook does nothing unless the rule says otherwise.
#[expect(unused_variables, reason = "the hooks' names are documentation for those who implement them")]
pub trait Rule: Send {
    /// What an exchange must have, any of it, for this rule to have anything to find or to keep. A rule that looks at
    /// exchanges has to say so.
    fn occasions(&self) -> Occasions {
        Occasions::NONE
    }

    /// On what the verdict on an exchange rests.
    fn basis(&self) -> Basis {
        Basis::Everything
    }

    /// An exchange, in capture order.
    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {}

    /// A connection, at its end.
    fn connection(&mut self, input: SourceId, report: &ConnectionReport, context: &mut Context<'_>) {}

    /// A note.
    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {}

    /// The end of all inputs.
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {}
}

/// Implemented by `declare_rule!`.
pub(crate) trait Declared {
    /// The rule's declaration.
    const META: &'static RuleMeta;
}

/// A rule of the registry.
pub(crate) struct Entry {
    pub(crate) meta: &'static RuleMeta,
    pub(crate) make: fn() -> Box<dyn Rule>,
}

/// Declares a rule: its documentation, code, name, usual severity and texts; makes the type. `state: { field: Type }`
/// gives it fields, which begin with their defaults.
macro_rules! declare_rule {
    (
        $(#[doc = $doc:literal])+
        pub(crate) $rule:ident = $code:literal $name:literal $severity:ident,
        title: $title:literal,
        remedy: $remedy:literal,
        source: $source:literal,
        reference: $reference:literal,
        $(since: $since:literal,)?
        $(state: { $($field:ident : $kind:ty),+ $(,)? },)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Default)]
        pub(crate) struct $rule { $($($field: $kind),+)? }

        impl $crate::rules::Declared for $rule {
            const META: &'static $crate::rules::RuleMeta = &$crate::rules::RuleMeta {
                code: $code,
                name: $name,
                title: $title,
                severity: $crate::rules::Severity::$severity,
                docs: concat!($($doc, "\n"),+),
                since: $crate::rules::since!($($since)?),
                remedy: $remedy,
                source: $source,
                reference: $reference,
                file: file!(),
            };
        }
    };
}

/// The version a rule came with; the first unless it says so.
macro_rules! since {
    () => {
        "0.1.0"
    };
    ($since:literal) => {
        $since
    };
}

/// Names the rules of a family: makes a module of each and the family's part of the registry.
macro_rules! rules {
    ($($module:ident :: $rule:ident),* $(,)?) => {
        $(mod $module;)*

        pub(super) const RULES: &[$crate::rules::Entry] = &[
            $($crate::rules::Entry {
                meta: <$module::$rule as $crate::rules::Declared>::META,
                make: || Box::<$module::$rule>::default(),
            }),*
        ];
    };
}

pub(crate) use declare_rule;
pub(crate) use rules;
pub(crate) use since;

/// The families in the order their rules run: coverage first.
const FAMILIES: [&[Entry]; 5] = [coverage::RULES, s2s::RULES, basic::RULES, jwt::RULES, oauth::RULES];

pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.into_iter().flatten()
}

/// All rules, sorted by code.
pub fn catalogue() -> Vec<&'static RuleMeta> {
    let mut all: Vec<&'static RuleMeta> = entries().map(|entry| entry.meta).collect();
    all.sort_by_key(|meta| meta.code);
    all
}

/// The rule of that code or name, letter case aside.
pub fn find(code_or_name: &str) -> Option<&'static RuleMeta> {
    let wanted = code_or_name.trim();
    entries()
        .map(|entry| entry.meta)
        .find(|meta| meta.code.eq_ignore_ascii_case(wanted) || meta.name.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_line_up_with_files() {
        let all = catalogue();
        let codes: BTreeSet<&str> = all.iter().map(|meta| meta.code).collect();
        let names: BTreeSet<&str> = all.iter().map(|meta| meta.name).collect();
        assert_eq!((codes.len(), names.len()), (all.len(), all.len()));
        for meta in all {
            let file = Path::new(meta.file).file_stem().unwrap().to_str().unwrap();
            assert_eq!(file, meta.name.replace('-', "_"), "{}", meta.code);
            let (family, number) = meta.code.split_once('-').unwrap();
            assert!(["COV", "S2S", "BAS", "JWT", "OAU"].contains(&family) && number.len() == 3, "{}", meta.code);
            assert_eq!(meta.family() == Family::OAuth, family == "OAU");
            assert!(meta.reference.starts_with("https://"), "{}", meta.code);
            for section in ["meaning", "evidence", "traps", "remedy", "source"] {
                assert!(!meta.section(section).is_empty(), "{} has no {section}", meta.code);
            }
            assert!(!meta.title.ends_with('.') && meta.title.len() < 110, "{}", meta.code);
        }
    }

    #[test]
    fn rules_are_found_by_code_and_by_name() {
        assert_eq!(find("s2s-001").map(|meta| meta.name), Some("expected-issuer-present"));
        assert_eq!(find("Expected-Issuer-Present").map(|meta| meta.code), Some("S2S-001"));
        assert!(find("nothing").is_none());
        assert_eq!(Severity::parse("HIGH"), Some(Severity::High));
    }
}
