//! What `check`, `tokens` and `timeline` share: recordings through the analysis to a report.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use inspector_core::{
    analysis::{Analysis, Clock, Policy},
    connection::ConnectionReport,
    context::BodyPolicy,
    engine,
    evidence::SourceId,
    http::exchange::Exchange,
    limits::Limits,
    note::Note,
    profile::Profile,
    report::Report,
    rules::Severity,
    secret::Fingerprint,
    time::Timestamp,
    token::{
        Token, extract,
        interner::Interner,
        verify::{Origin, VerificationKeys},
        words::WordList,
    },
};

use crate::{
    args,
    exit::{Failure, complain},
    output::count,
    run::{self, Handler},
};

/// A report, and what only the command line needs besides.
pub(crate) struct Judged {
    pub(crate) report: Report,
    /// When each token was first seen.
    pub(crate) first_seen: HashMap<Fingerprint, Timestamp>,
    /// When validity is judged.
    pub(crate) clock: Clock,
    /// Tokens that came after a limit was reached.
    pub(crate) beyond: u64,
}

/// What only some of the commands ask for.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    /// `--fail-on`.
    pub(crate) fail_on: Option<args::Severity>,
    /// `--words`.
    pub(crate) words: Option<&'a Path>,
    /// Exchanges of other hosts than those of `--host` are left out altogether; without, they are read and reported as
    /// out of scope.
    pub(crate) only_hosts: bool,
}

/// Reads and judges.
///
/// # Errors
/// The command line is wrong, or nothing could be read.
pub(crate) fn judge(reading: &args::Reading, judging: &args::Judging, asked: &Asked<'_>) -> Result<Judged, Failure> {
    let limits = Limits::for_memory(reading.max_memory);
    let policy = policy(reading, judging, asked, &limits)?;
    let clock = policy.clock;
    let mut judge = Judge {
        analysis: None,
        reports: Vec::new(),
        policy,
        interner: Interner::new(&limits),
        path: String::new(),
        only: if asked.only_hosts { reading.host.clone() } else { Vec::new() },
        first_seen: HashMap::new(),
        limits,
    };
    run::read_all(reading, BodyPolicy::Tokens, false, &mut judge)?;
    let report = Report::merge(judge.reports).ok_or(Failure::NoInput)?;
    if !reading.quiet {
        warn_of_ignores(&judging.profile, &report);
    }
    Ok(Judged { report, first_seen: judge.first_seen, clock, beyond: judge.interner.overflow() })
}

/// Says which ignores of the profile did nothing, so that they can be removed, and which are over.
fn warn_of_ignores(profile: &str, report: &Report) {
    for one in &report.ignored {
        let ignore = &one.ignore;
        let host = ignore.host.as_ref().map(|host| format!(" for {host}")).unwrap_or_default();
        let said = match one.why_kept {
            _ if one.is_unused() => "matched nothing; remove it if it is not needed any more".to_owned(),
            Some(why) => format!("did not ignore {}: {}", count(one.kept, "finding", "findings"), why.as_str()),
            None => continue,
        };
        complain(&format!("warning: the profile '{profile}': the ignore of {}{host} {said}", ignore.rule.code));
    }
}

fn policy(
    reading: &args::Reading,
    judging: &args::Judging,
    asked: &Asked<'_>,
    limits: &Limits,
) -> Result<Policy, Failure> {
    let mut policy = Policy::new(profile(&judging.profile)?);
    policy.keys = Arc::new(signing_keys(&judging.jwks, limits)?);
    if !reading.host.is_empty() {
        policy.hosts.clear();
    }
    for pattern in &reading.host {
        policy = policy.host(pattern);
    }
    if let Some(realm) = &judging.realm {
        policy = policy.realm(realm);
    }
    policy.clock = clock(&judging.at)?;
    if let Some(path) = asked.words {
        policy.words = Arc::new(words(path, limits)?);
    }
    policy.fail_on = asked.fail_on.map(|severity| match severity {
        args::Severity::Info => Severity::Info,
        args::Severity::Low => Severity::Low,
        args::Severity::Medium => Severity::Medium,
        args::Severity::High => Severity::High,
        args::Severity::Critical => Severity::Critical,
    });
    Ok(policy)
}

/// The keys of `--jwks`. Whoever gives keys relies on the result, so that files without a usable one are refused; single
/// keys that cannot be used are named.
pub(super) fn signing_keys(files: &[PathBuf], limits: &Limits) -> Result<VerificationKeys, Failure> {
    let mut keys = VerificationKeys::new(limits);
    for path in files {
        let name = path.display();
        let bytes = run::read_small(path)
            .map_err(|error| Failure::Usage(format!("--jwks '{name}' cannot be read: {error}")))?;
        let added = keys
            .add(&bytes, &Origin::File(name.to_string()))
            .map_err(|error| Failure::Usage(format!("--jwks '{name}': {error}")))?;
        for skipped in &added.skipped {
            complain(&format!("warning: --jwks '{name}': {} is not used: {}", skipped.which, skipped.why));
        }
        if added.beyond_limit > 0 {
            let beyond = count(added.beyond_limit as u64, "key is", "keys are");
            complain(&format!("warning: --jwks '{name}': {beyond} beyond the limit and not used"));
        }
    }
    Ok(keys)
}

/// The words of `--words`. A list that was cut is said so in the report.
fn words(path: &Path, limits: &Limits) -> Result<WordList, Failure> {
    let text = run::read_small(path)
        .map_err(|error| Failure::Usage(format!("--words '{}' cannot be read: {error}", path.display())))?;
    let words = WordList::new(text, limits);
    if words.is_empty() {
        return Err(Failure::Usage(format!("--words '{}' holds no word", path.display())));
    }
    Ok(words)
}

/// A built-in profile, or a file.
fn profile(name: &str) -> Result<Profile, Failure> {
    let path = Path::new(name);
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) || path.is_file();
    if !is_file {
        return Profile::builtin(name).map_err(|error| {
            Failure::Usage(format!("{error}. For a profile of your own, name its TOML file (--profile contoso.toml)"))
        });
    }
    let bytes = run::read_small(path)
        .map_err(|error| Failure::Usage(format!("the profile '{name}' cannot be read: {error}")))?;
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("the profile '{name}' is not UTF-8 text")))?;
    Profile::from_toml(&text).map_err(|error| Failure::Usage(format!("the profile '{name}': {error}")))
}

fn clock(at: &str) -> Result<Clock, Failure> {
    match at {
        "capture" => Ok(Clock::Capture),
        "now" => Ok(Clock::Fixed(now())),
        moment => Timestamp::parse_rfc3339(moment).map(Clock::Fixed).ok_or_else(|| {
            Failure::Usage(format!(
                "'{moment}' is no moment; write capture, now, or RFC 3339 like 2026-01-31T12:00:00Z"
            ))
        }),
    }
}

/// The time of this run. The analysis itself never reads a clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Judges each input by itself: an outcome is one of a recording, and the reports are joined.
struct Judge {
    policy: Policy,
    /// Of the input that is being read.
    analysis: Option<Analysis>,
    reports: Vec<Report>,
    interner: Interner,
    path: String,
    only: Vec<String>,
    first_seen: HashMap<Fingerprint, Timestamp>,
    limits: Limits,
}

impl Judge {
    fn seen(&mut self, token: &Token, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        let mut layer = Some(token);
        while let Some(token) = layer {
            if self.first_seen.len() < self.limits.tokens {
                self.first_seen.entry(token.id).or_insert(at);
            }
            layer = token.actor.as_deref();
        }
    }
}

impl Handler for Judge {
    fn begin(&mut self, _: SourceId, name: &str) {
        name.clone_into(&mut self.path);
        self.analysis = Some(Analysis::new(self.policy.clone(), &self.limits));
    }

    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        if !super::in_scope(exchange, &self.only) {
            return Ok(());
        }
        let extraction = extract::extract(exchange, &mut self.interner, &self.limits);
        for sighting in &extraction.sightings {
            self.seen(&sighting.token, sighting.at.time());
        }
        if let Some(analysis) = &mut self.analysis {
            analysis.exchange(exchange, &extraction);
        }
        Ok(())
    }

    fn connection(&mut self, source: SourceId, report: &ConnectionReport) -> io::Result<()> {
        if let Some(analysis) = &mut self.analysis {
            analysis.connection(source, report);
        }
        Ok(())
    }

    fn note(&mut self, source: SourceId, note: &Note) {
        if let Some(analysis) = &mut self.analysis {
            analysis.note(source, note);
        }
    }

    fn end(&mut self, source: SourceId, reading: &engine::Reading) {
        if let Some(mut analysis) = self.analysis.take() {
            analysis.input(source, &self.path, &reading.format);
            analysis.input_done(source, reading.coverage);
            self.reports.push(analysis.finish());
        }
    }

    fn unreadable(&mut self, source: SourceId, name: &str, why: &str) {
        let mut analysis = Analysis::new(self.policy.clone(), &self.limits);
        analysis.unreadable(source, name, why);
        self.reports.push(analysis.finish());
    }
}
