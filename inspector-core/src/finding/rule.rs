//! What is known of a rule apart from what it does: its code, its texts, its usual severity.

use std::fmt;

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
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads its word in reports, letter case aside.
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
    /// The one of `rules` with that code or name, letter case aside.
    pub fn find(rules: impl IntoIterator<Item = &'static Self>, code_or_name: &str) -> Option<&'static Self> {
        let wanted = code_or_name.trim();
        rules.into_iter().find(|meta| meta.code.eq_ignore_ascii_case(wanted) || meta.name.eq_ignore_ascii_case(wanted))
    }

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
}
