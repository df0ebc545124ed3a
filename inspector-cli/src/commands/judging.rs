//! What `check`, `tokens` and `timeline` share: recordings through the analysis to a report.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    context::BodyPolicy,
    evidence::SourceId,
    exchange::Exchange,
    finding::Severity,
    limits::Limits,
    note::Note,
    policy::{self, Clock, Policy, PolicyError, PolicyOptions, ProfileText},
    report::{Input, Report},
    secret::Fingerprint,
    secrets::keylog::KeyKind,
    time::Timestamp,
    token::{
        Token, extract,
        interner::Interner,
        verify::{Added, VerificationKeys},
    },
};

use crate::{
    args,
    exit::{Failure, complain},
    output::count,
    run::{self, Give, Outcome, Reader, Recording},
};

/// When tokens were first seen. Every exchange asks for its tokens, so that the hash is a fast one.
pub(crate) type Moments = HashMap<Fingerprint, Timestamp, foldhash::fast::RandomState>;

/// A report, and what only the command line needs besides.
pub(crate) struct Judged {
    pub(crate) report: Report,
    /// When each token was first seen.
    pub(crate) first_seen: Moments,
    /// When validity is judged.
    pub(crate) clock: Clock,
    /// Tokens that came after a limit was reached.
    pub(crate) beyond: u64,
    /// How the recordings were read.
    pub(crate) session: run::Session,
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
    /// Steps of handshakes are all messages, not only those of authentication.
    pub(crate) all_messages: bool,
    /// Reading a pipe ends once the verdict is known.
    pub(crate) until_verdict: bool,
    /// Steps are printed as they come.
    pub(crate) follow: bool,
}

/// Reads and judges.
///
/// # Errors
/// The command line is wrong, or nothing could be read.
pub(crate) fn judge(reading: &args::Reading, judging: &args::Judging, asked: &Asked<'_>) -> Result<Judged, Failure> {
    let bench = Bench::new(reading, judging, asked)?;
    let clock = bench.policy.clock;
    let make = |recording: &Recording| bench.judge(recording);
    let (mut reports, mut first_seen, mut beyond) = (Vec::new(), Moments::default(), 0);
    let session = run::read_all(reading, BodyPolicy::Tokens, false, &make, &mut |part: Box<Part>| {
        reports.push(part.report);
        #[expect(clippy::iter_over_hash_type, reason = "the earliest of two moments is the same in any order")]
        for (token, seen) in part.first_seen {
            let first = first_seen.entry(token).or_insert(seen);
            *first = seen.min(*first);
        }
        beyond += part.beyond;
        Ok(())
    })?;
    let mut report = Report::merge(reports).ok_or(Failure::NoInput)?;
    if !run::is_live(reading) {
        say_of_keys(&mut report, &session);
    }
    report.skipped.clone_from(&session.skipped);
    report.allows_inconclusive = judging.agreed.allow_inconclusive;
    if let (Clock::Fixed(at), Some((_, last))) = (clock, report.span)
        && at.seconds().saturating_sub(last.seconds()) > DAY
        && !reading.quiet
    {
        complain(&format!(
            "note: lifetimes are judged at {at} (--at), later than the recording, which ended {last}; whether tokens were valid \
             when they were presented is told by --at capture"
        ));
    }
    if !reading.quiet {
        warn_of_ignores(judging, &report);
    }
    Ok(Judged { report, first_seen, clock, beyond, session })
}

/// What every judge of a run goes by.
pub(super) struct Bench<'a> {
    policy: Policy,
    limits: Limits,
    only: &'a [String],
    until_verdict: bool,
    follow: bool,
}

impl<'a> Bench<'a> {
    /// By the command line.
    ///
    /// # Errors
    /// The command line is wrong.
    pub(super) fn new(reading: &'a args::Reading, judging: &args::Judging, asked: &Asked<'_>) -> Result<Self, Failure> {
        let limits = Limits::for_memory(reading.max_memory);
        let policy = policy(reading, judging, asked, &limits)?;
        let only: &[String] = if asked.only_hosts { &reading.host } else { &[] };
        Ok(Self { policy, limits, only, until_verdict: asked.until_verdict, follow: asked.follow })
    }

    /// What is expected, and how it is judged.
    pub(super) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The judge of a recording.
    pub(super) fn judge(&self, recording: &Recording) -> Judge<'_> {
        Judge {
            recording: recording.clone(),
            analysis: Analysis::new(self.policy.clone(), &self.limits),
            interner: Interner::new(&self.limits),
            only: self.only,
            first_seen: Moments::default(),
            limits: &self.limits,
            until_verdict: self.until_verdict,
            follow: self.follow,
        }
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Names keys that open nothing while something stays dark: the next step is not to give keys, but others.
fn say_of_keys(report: &mut Report, session: &run::Session) {
    let dark = report.coverage.tls_connections.saturating_sub(report.coverage.tls_decrypted);
    if dark == 0 {
        return;
    }
    let mut files = session.key_files.iter();
    let mut steps = Vec::new();
    for source in session.keys.sources() {
        let file = if source.kind == KeyKind::Recorded { None } else { files.next() };
        let (Some(file), 0) = (file, source.connections) else { continue };
        let name = crate::output::human::place::short(file);
        let connections = count(dark, "TLS connection", "TLS connections");
        match source.kind {
            KeyKind::Log if source.secrets > 0 => steps.push(format!(
                "The key log {name} does not belong to this recording: none of its {} fits {connections} that stay encrypted. \
                 Give the log the client wrote while this was recorded.",
                count(source.secrets, "secret", "secrets"),
            )),
            KeyKind::RsaPrivateKey => steps.push(format!(
                "The private key {name} opens none of {connections}; `inspector doctor` says why for each."
            )),
            _ => {}
        }
    }
    report.advise(steps);
}

/// Says which ignores of the profile did nothing, so that they can be removed, and which are over.
fn warn_of_ignores(judging: &args::Judging, report: &Report) {
    for one in &report.ignored {
        let ignore = &one.ignore;
        let of = if judging.agreed.ignores.contains(ignore) {
            judging.agreed.file.clone()
        } else {
            format!("the profile '{}'", judging.profile)
        };
        let host = ignore.host.as_ref().map(|host| format!(" for {host}")).unwrap_or_default();
        let said = match one.why_kept {
            _ if one.is_unused() => "matched nothing; remove it if it is not needed any more".to_owned(),
            Some(why) => format!("did not ignore {}: {}", count(one.kept, "finding", "findings"), why.as_str()),
            None => continue,
        };
        complain(&format!("warning: {of}: the ignore of {}{host} {said}", ignore.rule.code));
    }
}

fn policy(
    reading: &args::Reading,
    judging: &args::Judging,
    asked: &Asked<'_>,
    limits: &Limits,
) -> Result<Policy, Failure> {
    let realms = judging.realm.iter().cloned().collect::<Vec<_>>();
    let options = PolicyOptions {
        profile: profile(&judging.profile)?,
        hosts: reading.host.clone(),
        realms: if realms.is_empty() { judging.agreed.realms.clone() } else { realms },
        signing_keys: read_keys(&judging.jwks)?,
        clock: Clock::parse(&judging.at, now).map_err(|error| Failure::Usage(error.to_string()))?,
        words: asked.words.map(words).transpose()?,
        fail_on: asked.fail_on.map(severity),
        ignores: judging.agreed.ignores.clone(),
        all_messages: asked.all_messages,
    };
    let made = options.build(limits).map_err(|error| match error {
        PolicyError::Unknown(error) => {
            Failure::Usage(format!("{error}. For a profile of your own, name its TOML file (--profile contoso.toml)"))
        }
        PolicyError::NoWord => Failure::Usage(format!(
            "--words '{}' holds no word",
            asked.words.map(|path| path.display().to_string()).unwrap_or_default()
        )),
        error => said_of_keys(error),
    })?;
    warn_of_keys(&made.signing_keys);
    Ok(made.policy)
}

/// The core's word for a severity.
pub(super) const fn severity(severity: args::Severity) -> Severity {
    match severity {
        args::Severity::Info => Severity::Info,
        args::Severity::Low => Severity::Low,
        args::Severity::Medium => Severity::Medium,
        args::Severity::High => Severity::High,
        args::Severity::Critical => Severity::Critical,
    }
}

/// The keys of `--jwks`. Whoever gives keys relies on the result, so that files without a usable one are refused; single
/// keys that cannot be used are named.
pub(super) fn signing_keys(files: &[PathBuf], limits: &Limits) -> Result<VerificationKeys, Failure> {
    let (keys, added) = policy::read_keys(read_keys(files)?, limits).map_err(said_of_keys)?;
    warn_of_keys(&added);
    Ok(keys)
}

fn read_keys(files: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        match run::read_small(path) {
            Ok(bytes) => Ok((name, bytes)),
            Err(error) => Err(Failure::Usage(format!("cannot read '{name}' (--jwks): {error}"))),
        }
    };
    files.iter().map(read).collect()
}

fn said_of_keys(error: PolicyError) -> Failure {
    Failure::Usage(match error {
        PolicyError::Keys { name, error } => format!("--jwks '{name}': {error}"),
        error => error.to_string(),
    })
}

fn warn_of_keys(files: &[(String, Added)]) {
    for (name, added) in files {
        for skipped in &added.skipped {
            complain(&format!("warning: --jwks '{name}': {} is not used: {}", skipped.which, skipped.why));
        }
        if added.beyond_limit > 0 {
            let beyond = count(added.beyond_limit as u64, "key is", "keys are");
            complain(&format!("warning: --jwks '{name}': {beyond} beyond the limit and not used"));
        }
    }
}

/// The words of `--words`. A list that was cut is said so in the report.
fn words(path: &Path) -> Result<Vec<u8>, Failure> {
    run::read_small(path)
        .map_err(|error| Failure::Usage(format!("cannot read '{}' (--words): {error}", path.display())))
}

/// A built-in profile, or a file.
pub(super) fn profile(name: &str) -> Result<ProfileText, Failure> {
    let path = Path::new(name);
    let is_file = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) || path.is_file();
    if !is_file {
        return Ok(ProfileText::Builtin(name.to_owned()));
    }
    let bytes =
        run::read_small(path).map_err(|error| Failure::Usage(format!("cannot read '{name}' (--profile): {error}")))?;
    Ok(ProfileText::File { name: name.to_owned(), bytes })
}

/// The time of this run. The analysis itself never reads a clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// The judgement of one recording.
pub(super) struct Part {
    pub(super) report: Report,
    first_seen: Moments,
    beyond: u64,
}

/// Judges a recording by itself: an outcome is one of a recording, and the reports are joined.
pub(super) struct Judge<'j> {
    recording: Recording,
    analysis: Analysis,
    interner: Interner,
    only: &'j [String],
    first_seen: Moments,
    limits: &'j Limits,
    until_verdict: bool,
    follow: bool,
}

impl Judge<'_> {
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

    /// The report, in which the files of a set are inputs of their own.
    fn report(self, outcome: &Outcome) -> Report {
        let (recording, mut analysis) = (self.recording, self.analysis);
        let source = recording.source;
        analysis.input(source, recording.name(), &outcome.reading.format);
        analysis.input_done(source, outcome.reading.coverage);
        if recording.names.len() < 2 {
            return analysis.finish();
        }
        let mut files = Vec::with_capacity(recording.names.len());
        let numbers = (source.0..).map(SourceId);
        for ((path, (format, coverage)), source) in recording.names.into_iter().zip(&outcome.files).zip(numbers) {
            if let Err(why) = format {
                analysis.file_unreadable(source, why);
            }
            let format = format.clone().unwrap_or_else(|_| "unreadable".to_owned());
            files.push(Input::file(source, path, format, *coverage));
        }
        analysis.finish().by_file(source, files)
    }
}

impl Reader for Judge<'_> {
    type Part = Box<Part>;

    fn exchange(&mut self, exchange: &Exchange, _: &mut Give<'_, Self::Part>) -> io::Result<()> {
        if !super::in_scope(exchange, self.only) {
            return Ok(());
        }
        let extraction = extract::extract(exchange, &mut self.interner, self.limits);
        for sighting in &extraction.sightings {
            self.seen(&sighting.token, sighting.at.time());
        }
        self.analysis.exchange(exchange, &extraction);
        if self.until_verdict && self.analysis.is_decided() {
            crate::live::decided();
        }
        if self.follow {
            crate::output::human::ladder::follow(&mut anstream::stdout(), &self.analysis.latest_steps())?;
        }
        Ok(())
    }

    fn connection(&mut self, report: &ConnectionReport, _: &mut Give<'_, Self::Part>) -> io::Result<()> {
        self.analysis.connection(self.recording.source, report);
        Ok(())
    }

    fn note(&mut self, note: &Note) {
        self.analysis.note(self.recording.source, note);
    }

    fn end(mut self, read: Result<&Outcome, &str>, give: &mut Give<'_, Self::Part>) -> io::Result<()> {
        let (first_seen, beyond) = (std::mem::take(&mut self.first_seen), self.interner.overflow());
        let report = match read {
            Ok(outcome) => self.report(outcome),
            Err(why) => {
                self.analysis.unreadable(self.recording.source, self.recording.name(), why);
                self.analysis.finish()
            }
        };
        give(Box::new(Part { report, first_seen, beyond }))
    }
}
