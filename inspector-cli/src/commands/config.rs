//! `inspector config`: what is in force here, and from where.

use std::io::Write;

use inspector_core::settings::{Setting, Settings};
use serde::Serialize;

use super::{check::internal, judging::now};
use crate::{
    args::{Config, ConfigFormat},
    config::{self, Found},
    exit::{Exit, Failure},
    output::escape,
};

/// One setting.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: serde_json::Value,
    source: String,
}

/// What is shown of an ignore.
#[derive(Serialize)]
struct IgnoreRow<'s> {
    rule: &'static str,
    host: Option<&'s str>,
    reason: &'s str,
    until: Option<&'s str>,
    ended: bool,
    source: String,
}

#[derive(Serialize)]
struct Document<'s> {
    schema: &'static str,
    file: Option<String>,
    settings: Vec<Row>,
    ignores: Vec<IgnoreRow<'s>>,
}

/// Runs the command.
pub(crate) fn run(config: &Config) -> Result<Exit, Failure> {
    let found = config::find(&config.file)?;
    let document = document(found.as_ref());
    let mut to = super::output(None, config.color)?;
    match config.format {
        ConfigFormat::Json => {
            serde_json::to_writer_pretty(&mut *to, &document).map_err(internal)?;
            writeln!(to)?;
        }
        ConfigFormat::Human => human(&mut *to, &document)?,
    }
    to.flush()?;
    Ok(Exit::Pass)
}

fn document(found: Option<&Found>) -> Document<'_> {
    let file = found.map(|found| found.path.display().to_string());
    let of = |line: usize| format!("{}:{line}", file.as_deref().unwrap_or_default());
    let ignores = found.map(|found| {
        let now = now();
        let ended: Vec<usize> = found.settings.ended(now).map(|it| it.line).collect();
        let row = |it: &'_ Setting<inspector_core::profile::exceptions::Ignore>| ended.contains(&it.line);
        found
            .settings
            .ignores
            .iter()
            .map(|it| IgnoreRow {
                rule: it.value.rule.code,
                host: it.value.host.as_deref(),
                reason: &it.value.reason,
                until: it.value.until.as_deref(),
                ended: row(it),
                source: of(it.line),
            })
            .collect()
    });
    let default = Settings::default();
    let settings = rows(found.map_or(&default, |found| &found.settings), &of);
    Document { schema: "inspector-config/1", ignores: ignores.unwrap_or_default(), settings, file: file.clone() }
}

fn rows(settings: &Settings, of: &dyn Fn(usize) -> String) -> Vec<Row> {
    fn row<T: Serialize>(
        name: &'static str,
        setting: Option<&Setting<T>>,
        default: impl Serialize,
        of: &dyn Fn(usize) -> String,
    ) -> Row {
        let (value, source) = match setting {
            Some(it) => (serde_json::to_value(&it.value), of(it.line)),
            None => (serde_json::to_value(default), "default".to_owned()),
        };
        Row { name, value: value.unwrap_or_default(), source }
    }
    let none: Vec<&str> = Vec::new();
    vec![
        row("profile", settings.profile.as_ref(), "exchange-s2s", of),
        row("realms", settings.realms.as_ref(), &none, of),
        row("hosts", settings.hosts.as_ref(), &none, of),
        row("keys", settings.keys.as_ref(), &none, of),
        row("jwks", settings.jwks.as_ref(), &none, of),
        row("fail-on", settings.fail_on.as_ref(), None::<&str>, of),
        row("allow-inconclusive", settings.allow_inconclusive.as_ref(), false, of),
        row("formats", settings.formats.as_ref(), ["human"], of),
        row("baseline", settings.baseline.as_ref(), None::<&str>, of),
    ]
}

fn human(to: &mut dyn Write, document: &Document<'_>) -> Result<(), Failure> {
    match &document.file {
        Some(file) => writeln!(to, "settings of {}", escape::line(file))?,
        None => writeln!(to, "no inspector.toml from here upwards: the defaults are in force")?,
    }
    for row in &document.settings {
        let value = match &row.value {
            serde_json::Value::Null => "-".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(list) if list.is_empty() => "-".to_owned(),
            serde_json::Value::Array(list) => {
                list.iter().map(|it| it.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        writeln!(to, "  {:<19} {:<30} {}", row.name, escape::line(&value), escape::line(&row.source))?;
    }
    for ignore in &document.ignores {
        let host = ignore.host.map(|host| format!(" for {host}")).unwrap_or_default();
        let until = ignore.until.unwrap_or_default();
        let ended = if ignore.ended { "ended, counts no more: " } else { "" };
        let text = format!("{ended}{}{host} until {until}: {}", ignore.rule, ignore.reason);
        writeln!(to, "  {:<19} {}  {}", "ignore", escape::line(&text), escape::line(&ignore.source))?;
    }
    Ok(())
}
