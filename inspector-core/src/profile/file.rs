//! Profiles as TOML: what a file may say, and errors that show where it says something else.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::{AnswerPattern, Application, EndpointPattern, Issuer, Judgement, Profile, nearest::nearest};
use crate::{
    finding::{RuleMeta, Severity},
    profile::exceptions::{Exceptions, Ignore},
    time::Timestamp,
};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The text is not TOML, or says what a profile does not.
    #[error("line {line}: {what}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// No built-in profile has that name.
    #[error("there is no profile named \"{name}\"; known are {known}", known = Profile::BUILTIN.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The profile is not complete.
    #[error("profile \"{name}\": {what}")]
    Incomplete {
        /// Its name.
        name: String,
        /// What is missing.
        what: &'static str,
    },
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tokens {
    hosts: Vec<String>,
    paths: Vec<String>,
    logins: Vec<String>,
    login_hosts: Vec<String>,
    issuers_only: Option<bool>,
    publishable: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Hints {
    user_agents: Vec<String>,
    relays: Vec<String>,
    analytics: Vec<String>,
}

/// An ignore as a file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IgnoreFile {
    pub(crate) rule: Spanned<String>,
    pub(crate) reason: Spanned<String>,
    pub(crate) host: Option<String>,
    pub(crate) until: Option<Spanned<Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    name: String,
    title: Option<String>,
    judgement: Option<Judgement>,
    extends: Option<Spanned<String>>,
    #[serde(default)]
    callers: Vec<Application>,
    #[serde(default)]
    resources: Vec<Application>,
    #[serde(default)]
    issuers: Vec<Issuer>,
    #[serde(default)]
    realms: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    endpoints: Vec<EndpointPattern>,
    #[serde(default)]
    answers: Vec<AnswerPattern>,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default)]
    hints: Hints,
    #[serde(default)]
    severities: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    ignores: Vec<IgnoreFile>,
}

impl Profile {
    /// Reads a profile that may name `rules`.
    ///
    /// # Errors
    /// [`ProfileError`] if the text is no profile, extends an unknown one, or says too little to judge by.
    pub(crate) fn read(text: &str, rules: &[&'static RuleMeta]) -> Result<Self, ProfileError> {
        let lines = Lines { text, rules };
        let file: ProfileFile = toml::from_str(text).map_err(|error| lines.syntax(&error))?;
        let base = file.extends.as_ref().map(|name| lines.base(name)).transpose()?;
        let base = base.as_ref();
        let profile = Self {
            title: file.title.or_else(|| base.map(|b| b.title.clone())).unwrap_or_else(|| file.name.clone()),
            judgement: file.judgement.or_else(|| base.map(|b| b.judgement)).unwrap_or(Judgement::ServerToServer),
            callers: joined(file.callers, base.map(|b| &b.callers)),
            resources: joined(file.resources, base.map(|b| &b.resources)),
            issuers: joined(file.issuers, base.map(|b| &b.issuers)),
            realms: joined(file.realms, base.map(|b| &b.realms)),
            hosts: joined(lower(file.hosts), base.map(|b| &b.hosts)),
            endpoints: joined(lower_paths(file.endpoints), base.map(|b| &b.endpoints)),
            answers: joined(lower_answers(file.answers), base.map(|b| &b.answers)),
            token_hosts: joined(lower(file.tokens.hosts), base.map(|b| &b.token_hosts)),
            token_paths: joined(lower(file.tokens.paths), base.map(|b| &b.token_paths)),
            issuers_only: file.tokens.issuers_only.or_else(|| base.map(|b| b.issuers_only)).unwrap_or_default(),
            publishable: joined(file.tokens.publishable, base.map(|b| &b.publishable)),
            analytics: joined(lower(file.hints.analytics), base.map(|b| &b.analytics)),
            login_paths: joined(lower(file.tokens.logins), base.map(|b| &b.login_paths)),
            login_hosts: joined(lower(file.tokens.login_hosts), base.map(|b| &b.login_hosts)),
            user_agents: joined(file.hints.user_agents, base.map(|b| &b.user_agents)),
            relays: joined(lower(file.hints.relays), base.map(|b| &b.relays)),
            exceptions: lines.exceptions(&file.severities, file.ignores)?,
            name: file.name,
        };
        profile.checked()
    }

    fn checked(self) -> Result<Self, ProfileError> {
        let what = match self.judgement {
            Judgement::ServerToServer if self.callers.is_empty() => "it names no callers",
            Judgement::ServerToServer if self.resources.is_empty() => "it names no resources",
            _ => return Ok(self),
        };
        Err(ProfileError::Incomplete { name: self.name, what })
    }
}

/// The text, to tell lines by, and what it may name.
pub(crate) struct Lines<'t> {
    pub(crate) text: &'t str,
    /// The rules there are.
    pub(crate) rules: &'t [&'static RuleMeta],
}

impl Lines<'_> {
    pub(crate) fn error(&self, offset: usize, what: impl Into<String>) -> ProfileError {
        ProfileError::Line { line: self.number(offset), what: what.into() }
    }

    /// The number of the line a byte stands in, from 1.
    pub(crate) fn number(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// An error of the TOML reader, with the nearest known name if it is about an unknown one.
    pub(crate) fn syntax(&self, error: &toml::de::Error) -> ProfileError {
        let message = error.message();
        // "unknown field `x`, expected one of `a`, `b`": the names stand between back quotes.
        let mut quoted = message.split('`').skip(1).step_by(2);
        let what = match (message.starts_with("unknown "), quoted.next()) {
            (true, Some(name)) => {
                let meant = nearest(name, quoted).map(|meant| format!("; did you mean `{meant}`?"));
                format!("{message}{}", meant.unwrap_or_default())
            }
            _ => message.trim().replace('\n', ", "),
        };
        self.error(error.span().map_or(0, |span| span.start), what)
    }

    fn base(&self, name: &Spanned<String>) -> Result<Profile, ProfileError> {
        Profile::builtin(name.get_ref()).map_err(|error| {
            let meant = nearest(name.get_ref(), Profile::BUILTIN).map(|meant| format!("; did you mean \"{meant}\"?"));
            self.error(name.span().start, format!("{error}{}", meant.unwrap_or_default()))
        })
    }

    fn rule(&self, name: &Spanned<String>) -> Result<&'static RuleMeta, ProfileError> {
        RuleMeta::find(self.rules.iter().copied(), name.get_ref()).ok_or_else(|| {
            let names = self.rules.iter().flat_map(|meta| [meta.code, meta.name]);
            let meant = nearest(name.get_ref(), names).map(|meant| format!("; did you mean {meant}?"));
            let what = format!("there is no rule \"{}\"{}", name.get_ref(), meant.unwrap_or_default());
            self.error(name.span().start, what)
        })
    }

    fn exceptions(
        &self,
        severities: &BTreeMap<Spanned<String>, Spanned<String>>,
        ignores: Vec<IgnoreFile>,
    ) -> Result<Exceptions, ProfileError> {
        let mut exceptions = Exceptions::default();
        for (rule, severity) in severities {
            let meta = self.rule(rule)?;
            let own = Severity::parse(severity.get_ref()).ok_or_else(|| {
                let what = "a severity is one of critical, high, medium, low and info";
                self.error(severity.span().start, format!("\"{}\" is no severity: {what}", severity.get_ref()))
            })?;
            if exceptions.severities.iter().any(|(code, _)| *code == meta.code) {
                return Err(self.error(rule.span().start, format!("{} has a severity already", meta.code)));
            }
            exceptions.severities.push((meta.code, own));
        }
        for ignore in ignores {
            exceptions.ignores.push(self.ignore(ignore)?);
        }
        Ok(exceptions)
    }

    pub(crate) fn ignore(&self, file: IgnoreFile) -> Result<Ignore, ProfileError> {
        let rule = self.rule(&file.rule)?;
        let reason = file.reason.get_ref().trim();
        if reason.is_empty() {
            return Err(self.error(file.reason.span().start, "an ignore needs a reason"));
        }
        let (until, end) = match file.until {
            None => (None, None),
            Some(until) => {
                let text = match until.get_ref() {
                    Value::Datetime(moment) => moment.to_string(),
                    Value::String(text) => text.trim().to_owned(),
                    other => other.type_str().to_owned(),
                };
                let end = end_of(&text).ok_or_else(|| {
                    let what = format!("\"{text}\" is no day; write for example 2027-01-31");
                    self.error(until.span().start, what)
                })?;
                (Some(text), Some(end))
            }
        };
        Ok(Ignore { rule, host: file.host, reason: reason.to_owned(), until, end })
    }
}

/// The first moment after a day (UTC), or a moment itself.
fn end_of(text: &str) -> Option<Timestamp> {
    let midnight = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    let end = midnight.map(|midnight| Timestamp::from_seconds(midnight.seconds().saturating_add(DAY)));
    end.or_else(|| Timestamp::parse_rfc3339(text))
}

fn joined<T: Clone>(mut own: Vec<T>, base: Option<&Vec<T>>) -> Vec<T> {
    own.extend(base.into_iter().flatten().cloned());
    own
}

fn lower(list: Vec<String>) -> Vec<String> {
    list.into_iter().map(|text| text.to_ascii_lowercase()).collect()
}

fn lower_paths(list: Vec<EndpointPattern>) -> Vec<EndpointPattern> {
    list.into_iter().map(|e| EndpointPattern { path: e.path.to_ascii_lowercase(), ..e }).collect()
}

fn lower_answers(list: Vec<AnswerPattern>) -> Vec<AnswerPattern> {
    list.into_iter().map(|a| AnswerPattern { path: a.path.to_ascii_lowercase(), ..a }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_the_line_and_what_was_meant() {
        for (text, line, words) in [
            ("name = 1", 1, vec!["string"]),
            ("name = \"x\"\nrelams = []", 2, vec!["`relams`", "did you mean `realms`?"]),
            ("name = \"x\"\n\n[[callers]]\nid = \"a\"\nnane = \"b\"", 5, vec!["`nane`", "did you mean `name`?"]),
            ("name = \"x\"\n[tokens]\nhost = []", 3, vec!["did you mean `hosts`?"]),
            ("name = \"x\"\njudgement = \"baerer\"", 2, vec!["did you mean `bearer`?"]),
            ("name = \"x\"\nextends = \"exchange-s2\"", 2, vec!["did you mean \"exchange-s2s\"?"]),
            ("name = \"x\"\n[severities]\nS2S-999 = \"low\"", 3, vec!["no rule \"S2S-999\"", "did you mean"]),
            ("name = \"x\"\n[severities]\nbasic-ofered = \"low\"", 3, vec!["did you mean basic-offered?"]),
            ("name = \"x\"\n[severities]\nBAS-003 = \"dreadful\"", 3, vec!["critical, high, medium, low and info"]),
            ("name = \"x\"\n[severities]\nBAS-003 = \"low\"\nbasic-offered = \"low\"", 4, vec!["already"]),
            ("name = \"x\"\n[[ignores]]\nrule = \"BAS-003\"", 2, vec!["missing field `reason`"]),
            ("name = \"x\"\n[[ignores]]\nrule = \"BAS-003\"\nreason = \" \"", 4, vec!["needs a reason"]),
            (
                "name = \"x\"\n[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"\nuntil = \"soon\"",
                5,
                vec!["\"soon\" is no day"],
            ),
            ("name = \"x\"\n[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"\nuntil = 1", 5, vec!["is no day"]),
            ("name = \"x\"\n[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"\nuntill = 2027-01-01", 5, vec!["`until`?"]),
            ("name = \"x\"\nname = \"y\"", 2, vec!["duplicate"]),
            ("name = \"x", 1, vec![]),
        ] {
            let error = Profile::from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line {line}: ")), "{text}: {error}");
            assert!(words.iter().all(|word| error.contains(word)) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn days() {
        let seconds = |text| end_of(text).map(Timestamp::seconds);
        assert_eq!(seconds("2026-01-01"), Some(1_767_225_600 + 86_400));
        assert_eq!(seconds("2026-01-01T00:00:00Z"), Some(1_767_225_600));
        for text in ["", "2026-13-01", "2026-01", "01.02.2026", "12:00:00"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
