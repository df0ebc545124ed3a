//! Rules: facts to findings.
//!
//! A rule is one file named after the rule: its documentation, its declaration, one or two hooks and their helpers. A
//! family is a folder whose `mod.rs` names its rules once, in `rules![…]`, which makes both the modules and the registry.
//!
//! Rules see every exchange in capture order, then what became of each connection, then a [`Summary`] in which the
//! ledger and the scope are final. A rule may keep state of its own between exchanges (it is made anew for every
//! analysis); what it keeps must be bounded, for which [`Memory`](crate::bounded::Memory) is there.
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

mod about;
pub(crate) mod dispatch;
pub mod occasion;
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

use crate::{
    connection::ConnectionReport,
    evidence::{Evidence, SourceId},
    finding::{Draft, Findings, Reported, RuleMeta},
    handshake::{ledger::Ledger, observation::Observation, signatures::Signatures},
    note::Note,
    policy::Policy,
    profile::{Profile, ProfileError},
    rules::occasion::{Basis, Occasions},
    scope::Scope,
    token::verify::VerificationKeys,
};

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
    fn repeat(&mut self, all: &[Reported], times: u64) {
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
            const META: &'static $crate::finding::RuleMeta = &$crate::finding::RuleMeta {
                code: $code,
                name: $name,
                title: $title,
                severity: $crate::finding::Severity::$severity,
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
    RuleMeta::find(entries().map(|entry| entry.meta), code_or_name)
}

impl Profile {
    /// Reads a profile as a file writes it.
    ///
    /// # Errors
    /// [`ProfileError`] if the text is no profile, extends an unknown one or names an unknown rule, or says too little to
    /// judge by.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        Self::read(text, &catalogue())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::finding::{Family, Severity};

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
