//! Settings of a team: the `inspector.toml` that is found from the working directory upwards, under what was typed.
//!
//! Lists of keys add up; everything else that was typed takes the place of what the file says. Paths in the file are
//! relative to the file.

use std::{
    env,
    path::{Path, PathBuf},
};

use inspector_core::settings::{FILE_NAME, Setting, Settings};

use crate::{
    args::{self, Agreed, Command, ConfigFile, Form, Judging, KeysCommand, Reading},
    commands::judging::now,
    exit::{Failure, complain},
    run::read_small,
};

/// Settings and where they were found.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) settings: Settings,
}

impl Found {
    /// A path of the file, seen from the working directory.
    fn beside(&self, text: &str) -> PathBuf {
        self.path.parent().map_or_else(|| PathBuf::from(text), |folder| folder.join(text))
    }

    fn wrong<T>(&self, setting: &Setting<T>, what: &str) -> Failure {
        Failure::Usage(format!("{}: line {}: {what}", self.path.display(), setting.line))
    }
}

/// The settings that are in force: of the file that was named, or of the first one found upwards.
///
/// # Errors
/// The file cannot be read, or says something it may not.
pub(crate) fn find(file: &ConfigFile) -> Result<Option<Found>, Failure> {
    let path = match (&file.config, file.no_config) {
        (_, true) => return Ok(None),
        (Some(path), _) => path.clone(),
        (None, _) => match above() {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let name = path.display().to_string();
    let bytes =
        read_small(&path).map_err(|error| Failure::Usage(format!("cannot read '{name}' (--config): {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("'{name}' is not UTF-8 text")))?;
    let settings = Settings::from_toml(&text).map_err(|error| Failure::Usage(format!("'{name}': {error}")))?;
    Ok(Some(Found { path, settings }))
}

/// The first file of that name from the working directory upwards, as short as it can be named.
fn above() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    let folder = here.ancestors().find(|folder| folder.join(FILE_NAME).is_file())?;
    Some(if folder == here { PathBuf::from(FILE_NAME) } else { folder.join(FILE_NAME) })
}

/// Puts the settings under what was typed. `typed` tells of an option whether it was.
///
/// # Errors
/// As [`find`]; or a setting cannot be used.
pub(crate) fn apply(command: &mut Command, typed: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    // Where nothing is judged, only the keys of the settings count.
    let only_read = match command {
        Command::Convert(convert) => Some(&mut convert.reading),
        Command::Redact(redact) => Some(&mut redact.reading),
        Command::Keys(keys) => match &mut keys.command {
            KeysCommand::Audit(audit) => Some(&mut audit.reading),
            KeysCommand::Minimise(minimise) => Some(&mut minimise.reading),
            _ => None,
        },
        _ => None,
    };
    if let Some(reading) = only_read {
        return match find(&reading.config)? {
            Some(found) => read_by(reading, &found, &|_| true),
            None => Ok(()),
        };
    }
    let (reading, judging) = match command {
        Command::Check(check) => (&mut check.reading, &mut check.judging),
        Command::Merge(merge) => (&mut merge.check.reading, &mut merge.check.judging),
        Command::Exchanges(listing) | Command::Tokens(listing) | Command::Doctor(listing) => {
            (&mut listing.reading, &mut listing.judging)
        }
        Command::Timeline(timeline) => (&mut timeline.reading, &mut timeline.judging),
        _ => return Ok(()),
    };
    let Some(found) = find(&reading.config)? else { return Ok(()) };
    if reading.config.config.is_none() && !reading.quiet {
        complain(&format!("note: settings of {} apply (--no-config leaves them out)", found.path.display()));
    }
    read_by(reading, &found, typed)?;
    judge_by(judging, &found, typed, reading.quiet);
    if let Command::Check(check) | Command::Merge(args::Merge { check, .. }) = command {
        check_by(check, &found, typed)?;
    }
    Ok(())
}

fn read_by(reading: &mut Reading, found: &Found, typed: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    if let Some(hosts) = found.settings.hosts.as_ref().filter(|_| !typed("host")) {
        reading.host.clone_from(&hosts.value);
    }
    let Some(keys) = &found.settings.keys else { return Ok(()) };
    for key in &keys.value {
        let Some(name) = key.strip_prefix("env:") else {
            reading.keys.push(found.beside(key));
            continue;
        };
        let value = env::var(name).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(
                found.wrong(keys, &format!("the variable {name} is not set; it names a key file, or holds its text"))
            );
        }
        // What has lines, or words, is the text itself.
        if value.trim().contains(['\n', ' ']) && !Path::new(&value).exists() {
            reading.key_texts.push((name.to_owned(), value));
        } else {
            reading.keys.push(PathBuf::from(value));
        }
    }
    Ok(())
}

fn judge_by(judging: &mut Judging, found: &Found, typed: &dyn Fn(&str) -> bool, quiet: bool) {
    let settings = &found.settings;
    if let Some(profile) = settings.profile.as_ref().filter(|_| !typed("profile")) {
        judging.profile = profile_of(found, &profile.value);
    }
    for file in settings.jwks.iter().flat_map(|jwks| &jwks.value) {
        judging.jwks.push(found.beside(file));
    }
    let now = now();
    let realms = settings.realms.as_ref().filter(|_| !typed("realm"));
    judging.agreed = Agreed {
        file: found.path.display().to_string(),
        realms: realms.map(|realms| realms.value.clone()).unwrap_or_default(),
        ignores: settings.ignores_at(now).cloned().collect(),
        allow_inconclusive: settings.allow_inconclusive.as_ref().is_some_and(|it| it.value),
    };
    for ended in settings.ended(now).filter(|_| !quiet) {
        let until = ended.value.until.as_deref().unwrap_or_default();
        let (file, code) = (found.path.display(), ended.value.rule.code);
        complain(&format!(
            "warning: {file}: line {}: the ignore of {code} ended with {until} and counts no more; remove it",
            ended.line
        ));
    }
}

/// A built-in profile by its name, or a file beside the settings.
fn profile_of(found: &Found, name: &str) -> String {
    let beside = found.beside(name);
    let is_file = beside.is_file() || Path::new(name).extension().is_some_and(|it| it.eq_ignore_ascii_case("toml"));
    if is_file { beside.display().to_string() } else { name.to_owned() }
}

fn check_by(check: &mut args::Check, found: &Found, typed: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    use inspector_core::finding::Severity;
    let settings = &found.settings;
    if let Some(severity) = settings.fail_on.as_ref().filter(|_| !typed("fail_on")) {
        check.fail_on = Some(match severity.value {
            Severity::Info => args::Severity::Info,
            Severity::Low => args::Severity::Low,
            Severity::Medium => args::Severity::Medium,
            Severity::High => args::Severity::High,
            Severity::Critical => args::Severity::Critical,
        });
    }
    if let Some(baseline) = settings.baseline.as_ref().filter(|_| !typed("baseline")) {
        check.baseline = Some(found.beside(&baseline.value));
    }
    let Some(formats) = &settings.formats else { return Ok(()) };
    for format in &formats.value {
        if format.contains('=') {
            let mut written = args::written(format).map_err(|what| found.wrong(formats, &what))?;
            if written.path.as_os_str() != "-" {
                written.path = found.beside(&written.path.display().to_string());
            }
            check.report.push(written);
        } else {
            let form = Form::named(format).ok_or_else(|| {
                found.wrong(formats, &format!("\"{format}\" is no format; `inspector check --help` lists them"))
            })?;
            if !typed("format") {
                check.format = form;
            }
        }
    }
    Ok(())
}
