//! `inspector.toml`: what a team agreed on for its pipeline, so that every run goes by the same.
//!
//! ```toml
//! profile = "exchange-s2s"            # or a TOML file
//! realms = ["contoso.com"]
//! hosts = ["mail.contoso.com"]
//! keys = ["tls.keys", "env:TLS_KEYS"]  # files, or a variable that names one or holds the text
//! jwks = ["sts.json"]
//! fail-on = "high"
//! allow-inconclusive = false
//! formats = ["human", "sarif=inspector.sarif"]
//! baseline = "inspector-baseline.json"
//!
//! [[ignores]]
//! rule = "BAS-003"
//! host = "mail.contoso.com"
//! reason = "The connector is replaced in spring"
//! until = 2027-03-31
//! ```
//!
//! Nothing in it may be passed over in silence: an unknown member is an error with its line, an ignore needs a reason and
//! an end, and one that has ended counts no more ([`Settings::ended`]). This module reads no file and no clock: the caller
//! brings both.

use serde::Deserialize;
use toml::Spanned;

use crate::{
    finding::Severity,
    profile::{
        ProfileError,
        exceptions::Ignore,
        file::{IgnoreFile, Lines},
    },
    rules,
    time::Timestamp,
};

/// The name of the file.
pub const FILE_NAME: &str = "inspector.toml";

/// A value and the line it stands in, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its line.
    pub line: usize,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A profile by name, or a file.
    pub profile: Option<Setting<String>>,
    /// Realms expected callers may be of.
    pub realms: Option<Setting<Vec<String>>>,
    /// Patterns of hosts that limit the scope.
    pub hosts: Option<Setting<Vec<String>>>,
    /// Key files, and `env:NAME`.
    pub keys: Option<Setting<Vec<String>>>,
    /// Files with keys to verify signatures with.
    pub jwks: Option<Setting<Vec<String>>>,
    /// From this severity on a finding fails the run.
    pub fail_on: Option<Setting<Severity>>,
    /// An inconclusive outcome does not fail the run.
    pub allow_inconclusive: Option<Setting<bool>>,
    /// Forms of the answer: a word is that of standard output, `FORMAT=FILE` is written beside.
    pub formats: Option<Setting<Vec<String>>>,
    /// A file of findings that are known.
    pub baseline: Option<Setting<String>>,
    /// Findings that are ignored, with the lines they begin in.
    pub ignores: Vec<Setting<Ignore>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SettingsFile {
    profile: Option<Spanned<String>>,
    realms: Option<Spanned<Vec<String>>>,
    hosts: Option<Spanned<Vec<String>>>,
    keys: Option<Spanned<Vec<String>>>,
    jwks: Option<Spanned<Vec<String>>>,
    fail_on: Option<Spanned<String>>,
    allow_inconclusive: Option<Spanned<bool>>,
    formats: Option<Spanned<Vec<String>>>,
    baseline: Option<Spanned<String>>,
    #[serde(default)]
    ignores: Vec<IgnoreFile>,
}

impl Settings {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// [`ProfileError::Line`] if it is no TOML, has an unknown member, or an ignore without reason or end.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let lines = Lines { text, rules: &rules::catalogue() };
        let file: SettingsFile = toml::from_str(text).map_err(|error| lines.syntax(&error))?;
        let fail_on = match &file.fail_on {
            None => None,
            Some(word) => {
                let value = Severity::parse(word.get_ref()).ok_or_else(|| {
                    let what = "a severity is one of critical, high, medium, low and info";
                    lines.error(word.span().start, format!("\"{}\" is no severity: {what}", word.get_ref()))
                })?;
                Some(Setting { value, line: lines.number(word.span().start) })
            }
        };
        Ok(Self {
            profile: text_of(&lines, file.profile, "profile")?,
            realms: list_of(&lines, file.realms, "realms")?,
            hosts: list_of(&lines, file.hosts, "hosts")?,
            keys: list_of(&lines, file.keys, "keys")?,
            jwks: list_of(&lines, file.jwks, "jwks")?,
            fail_on,
            allow_inconclusive: file.allow_inconclusive.map(|it| setting(&lines, it)),
            formats: list_of(&lines, file.formats, "formats")?,
            baseline: text_of(&lines, file.baseline, "baseline")?,
            ignores: file.ignores.into_iter().map(|ignore| ignore_of(&lines, ignore)).collect::<Result<_, _>>()?,
        })
    }

    /// The ignores that have not ended at `now`.
    pub fn ignores_at(&self, now: Timestamp) -> impl Iterator<Item = &Ignore> {
        self.ignores.iter().map(|it| &it.value).filter(move |ignore| !has_ended(ignore, now))
    }

    /// The ignores that have ended at `now`. They count no more, and somebody should take them out.
    pub fn ended(&self, now: Timestamp) -> impl Iterator<Item = &Setting<Ignore>> {
        self.ignores.iter().filter(move |ignore| has_ended(&ignore.value, now))
    }
}

fn has_ended(ignore: &Ignore, now: Timestamp) -> bool {
    ignore.end.is_none_or(|end| now >= end)
}

fn setting<T>(lines: &Lines<'_>, value: Spanned<T>) -> Setting<T> {
    let line = lines.number(value.span().start);
    Setting { value: value.into_inner(), line }
}

fn text_of(
    lines: &Lines<'_>,
    text: Option<Spanned<String>>,
    name: &str,
) -> Result<Option<Setting<String>>, ProfileError> {
    let Some(text) = text else { return Ok(None) };
    if text.get_ref().trim().is_empty() {
        return Err(lines.error(text.span().start, format!("`{name}` is empty; leave it out")));
    }
    Ok(Some(setting(lines, text)))
}

/// A list. An empty text in it would mean everything or nothing, and nobody would see which.
fn list_of(
    lines: &Lines<'_>,
    list: Option<Spanned<Vec<String>>>,
    name: &str,
) -> Result<Option<Setting<Vec<String>>>, ProfileError> {
    let Some(list) = list else { return Ok(None) };
    if list.get_ref().iter().any(|text| text.trim().is_empty()) {
        return Err(lines.error(list.span().start, format!("`{name}` holds an empty text")));
    }
    Ok(Some(setting(lines, list)).filter(|list| !list.value.is_empty()))
}

fn ignore_of(lines: &Lines<'_>, file: IgnoreFile) -> Result<Setting<Ignore>, ProfileError> {
    let start = file.rule.span().start;
    let value = lines.ignore(file)?;
    if value.end.is_none() {
        return Err(lines.error(start, "an ignore needs an end, for example until = 2027-01-31"));
    }
    Ok(Setting { value, line: lines.number(start) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGNORE: &str = "[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"\nuntil = 2026-03-31\n";

    #[test]
    fn every_member_is_read_with_its_line() {
        let text = format!(
            "profile = \"generic\"\nrealms = [\"contoso.com\"]\nhosts = [\"a\"]\nkeys = [\"k\", \"env:K\"]\njwks = [\"j\"]\n\
             fail-on = \"high\"\nallow-inconclusive = true\nformats = [\"json\"]\nbaseline = \"b\"\n\n{IGNORE}"
        );
        let settings = Settings::from_toml(&text).unwrap();
        assert_eq!(settings.profile.unwrap().line, 1);
        assert_eq!(settings.keys.unwrap().value, ["k", "env:K"]);
        assert_eq!(settings.fail_on, Some(Setting { value: Severity::High, line: 6 }));
        assert!(settings.allow_inconclusive.unwrap().value);
        assert_eq!((settings.ignores.len(), settings.ignores[0].line), (1, 12));
        assert_eq!(Settings::from_toml("").unwrap(), Settings::default());
        // An empty list says nothing.
        assert_eq!(Settings::from_toml("hosts = []").unwrap(), Settings::default());
    }

    #[test]
    fn what_would_be_passed_over_is_an_error() {
        for (text, line, word) in [
            ("profil = \"x\"", 1, "did you mean `profile`?"),
            ("fail_on = \"high\"", 1, "did you mean `fail-on`?"),
            ("fail-on = \"dreadful\"", 1, "no severity"),
            ("allow-inconclusive = \"no\"", 1, "boolean"),
            ("hosts = [\"\"]", 1, "empty text"),
            ("profile = \" \"", 1, "is empty"),
            ("\n[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"", 3, "needs an end"),
            ("[[ignores]]\nrule = \"BAS-003\"\nuntil = 2027-01-01", 1, "missing field `reason`"),
            ("[[ignores]]\nrule = \"BAS-003\"\nreason = \"\"\nuntil = 2027-01-01", 3, "needs a reason"),
            ("[[ignores]]\nrule = \"BAS-999\"\nreason = \"r\"\nuntil = 2027-01-01", 2, "no rule"),
            ("[[ignore]]\nrule = \"BAS-003\"", 1, "did you mean `ignores`?"),
            ("profile = ", 1, ""),
        ] {
            let error = Settings::from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line {line}: ")) && error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn an_ignore_ends_with_its_day() {
        let settings = Settings::from_toml(IGNORE).unwrap();
        for (now, ended) in [("2026-03-31T23:59:59Z", 0), ("2026-04-01T00:00:00Z", 1), ("2030-01-01T00:00:00Z", 1)] {
            let now = Timestamp::parse_rfc3339(now).unwrap();
            assert_eq!(settings.ended(now).count(), ended);
            assert_eq!(settings.ignores_at(now).count(), 1 - ended);
        }
    }
}
