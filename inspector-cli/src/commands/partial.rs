//! `inspector check --partial`: what was read, without its secrets, to be judged with other parts.
//!
//! A recording is written to a file of its own first, for it is judged again by what was written, and secrets that were
//! learnt of late are taken out of what was written early. Then the files are put behind each other.

use std::{
    fs::{self, File},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, BufRead as _, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    context::BodyPolicy,
    coverage::Coverage,
    evidence::SourceId,
    exchange::Exchange,
    input::{SPLIT, Seekable},
    limits::Limits,
    note::{Note, NoteKind},
    partial::{self, Part, PartSummary, PartWriter, PolicyText},
    policy::Policy,
    report::{Input, Report, v1},
    split,
    token::{extract, interner::Interner},
};

use super::judging;
use crate::{
    args::Check,
    exit::{Exit, Failure, complain},
    run::{self, Give, Outcome, Reader, Recording, read_small},
};

/// Runs the command.
pub(crate) fn run(check: &Check) -> Result<Exit, Failure> {
    let Some(output) = check.reading.output.as_deref().filter(|path| path.as_os_str() != "-") else {
        return Err(Failure::Usage("--partial writes to a file: name it with --output".to_owned()));
    };
    super::spare(&check.reading, output, "--output")?;
    let asked = judging::Asked { fail_on: check.fail_on, words: check.words.as_deref(), ..Default::default() };
    let bench = judging::Bench::new(&check.reading, &check.judging, &asked)?;
    let limits = Limits::for_memory(check.reading.max_memory);
    let text = policy_text(check)?;
    let make = |recording: &Recording| Writing::new(recording, output, &text, bench.policy(), &limits);
    let mut spools: Vec<Spool> = Vec::new();
    let read = run::read_all(&check.reading, BodyPolicy::Tokens, false, &make, &mut |spool| {
        spools.push(spool);
        Ok(())
    });
    let written = read.and_then(|_| put_together(&spools, output).map_err(Failure::Output));
    for spool in &spools {
        let _ = fs::remove_file(&spool.path);
    }
    written?;
    if let Some(spool) = spools.iter().find(|spool| !spool.exact)
        && !check.reading.quiet
    {
        complain(&format!(
            "warning: {} is not judged without its secrets as with them; what is merged of it is inconclusive",
            spool.name
        ));
    }
    Ok(Exit::Pass)
}

/// What the options say, for whoever merges.
fn policy_text(check: &Check) -> Result<PolicyText, Failure> {
    let (reading, judging) = (&check.reading, &check.judging);
    let path = Path::new(&judging.profile);
    let profile_text = if path.is_file() {
        let wrong = |what: String| Failure::Usage(format!("cannot read '{}' (--profile): {what}", judging.profile));
        let bytes = read_small(path).map_err(|error| wrong(error.to_string()))?;
        Some(String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?)
    } else {
        None
    };
    let realms = judging.realm.iter().cloned().collect::<Vec<_>>();
    Ok(PolicyText {
        profile: judging.profile.clone(),
        profile_text,
        hosts: reading.host.clone(),
        realms: if realms.is_empty() { judging.agreed.realms.clone() } else { realms },
        at: if judging.at == "now" { judging::now().to_string() } else { judging.at.clone() },
        fail_on: check.fail_on.map(|severity| format!("{severity:?}").to_ascii_lowercase()),
    })
}

fn put_together(spools: &[Spool], output: &Path) -> io::Result<()> {
    let mut to = File::create(output)?;
    for spool in spools {
        io::copy(&mut File::open(&spool.path)?, &mut to)?;
    }
    to.flush()
}

/// The partial result of one recording, in a file.
struct Spool {
    name: String,
    path: PathBuf,
    /// What was written is judged as what was read.
    exact: bool,
}

/// Writes one recording.
struct Writing<'j> {
    recording: Recording,
    part: Part,
    /// Of the capture it is a part of, the format.
    format: Option<String>,
    spool: PathBuf,
    writer: io::Result<PartWriter<'static>>,
    analysis: Analysis,
    interner: Interner,
    limits: &'j Limits,
    policy: &'j Policy,
}

impl<'j> Writing<'j> {
    fn new(recording: &Recording, output: &Path, text: &PolicyText, policy: &'j Policy, limits: &'j Limits) -> Self {
        let marker = File::open(recording.name()).ok().and_then(|mut file| split::marker(&mut file));
        let salt = marker.as_ref().map_or_else(random, split::Marker::salt);
        let (path, of, format) = match marker {
            Some(marker) => (marker.path, Some(marker.of), Some(marker.format)),
            None => (recording.name().to_owned(), None, None),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let part = Part { version: partial::VERSION, tool: version, path, of, policy: text.clone() };
        let name = output.file_name().unwrap_or_default().to_string_lossy();
        let spool = output.with_file_name(format!(".{name}.{}.{}.part", std::process::id(), recording.source.0));
        let to = File::create(&spool).map(|file| BufWriter::with_capacity(256 << 10, file));
        let writer = to.and_then(|to| PartWriter::new(Box::new(to), part.clone(), salt, limits));
        let mut analysis = Analysis::new(policy.clone(), limits);
        analysis.input(recording.source, &part.path, "");
        Self {
            recording: recording.clone(),
            part,
            format,
            spool,
            writer,
            analysis,
            interner: Interner::new(limits),
            limits,
            policy,
        }
    }

    fn writer(&mut self) -> io::Result<&mut PartWriter<'static>> {
        self.writer.as_mut().map_err(|error| io::Error::new(error.kind(), error.to_string()))
    }

    /// The report of what was read by itself, and what the end of the part says.
    fn report(&mut self, read: Result<&Outcome, &str>, files: &[(String, Result<String, String>, Coverage)]) -> Report {
        let source = self.recording.source;
        let mut analysis = std::mem::replace(&mut self.analysis, Analysis::new(self.policy.clone(), self.limits));
        let outcome = match read {
            Ok(outcome) => outcome,
            Err(why) => {
                analysis.unreadable(source, &self.part.path, why);
                return analysis.finish();
            }
        };
        let format = self.format.as_deref().unwrap_or(&outcome.reading.format);
        analysis.input(source, &self.part.path, format);
        analysis.input_done(source, outcome.reading.coverage);
        if files.len() < 2 {
            return analysis.finish();
        }
        let mut inputs = Vec::with_capacity(files.len());
        for ((path, format, coverage), source) in files.iter().zip((source.0..).map(SourceId)) {
            if let Err(why) = format {
                analysis.file_unreadable(source, why);
            }
            let format = format.clone().unwrap_or_else(|_| "unreadable".to_owned());
            inputs.push(Input::file(source, path.clone(), format, *coverage));
        }
        analysis.finish().by_file(source, inputs)
    }

    fn finish(mut self, read: Result<&Outcome, &str>) -> io::Result<Spool> {
        let files: Vec<_> = match read {
            Ok(outcome) if self.recording.names.len() > 1 => {
                let names = self.recording.names.iter().cloned().zip(&outcome.files);
                names.map(|(name, (format, coverage))| (name, format.clone(), *coverage)).collect()
            }
            _ => Vec::new(),
        };
        let report = self.report(read, &files);
        let own = read.map(|outcome| outcome.reading.format.clone()).unwrap_or_default();
        let summary = PartSummary {
            format: self.format.as_deref().unwrap_or(&own),
            unreadable: read.err(),
            coverage: read.map(|outcome| outcome.reading.coverage).unwrap_or_default(),
            files: &files,
            report: Some(&report),
            publishers: self.policy.keys.keys().filter_map(|key| key.issuer.clone()).collect(),
        };
        let mut secrets = self.writer?.finish(&summary)?;
        clean(&self.spool, &mut secrets)?;
        let exact = is_exact(&self.spool, &report, self.policy, self.limits);
        if !exact {
            partial::mark_inexact(&mut File::options().read(true).write(true).open(&self.spool)?)?;
        }
        Ok(Spool { name: self.part.path, path: self.spool, exact })
    }
}

/// Takes out of a file what was learnt to be a secret after it had been written.
fn clean(path: &Path, secrets: &mut partial::Secrets) -> io::Result<()> {
    let other = path.with_extension("clean");
    let mut from = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut to = BufWriter::with_capacity(256 << 10, File::create(&other)?);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&secrets.cleaned(&line))?;
        line.clear();
    }
    to.into_inner().map_err(io::IntoInnerError::into_error)?;
    fs::rename(other, path)
}

/// Whether a part is judged by what was written as by what was read.
fn is_exact(path: &Path, report: &Report, policy: &Policy, limits: &Limits) -> bool {
    let policy = Policy { keys: Default::default(), words: Default::default(), ..policy.clone() };
    let again = partial::alone(&source(path), &policy, limits);
    let json = |report: &Report| serde_json::to_value(v1::Report::from(report)).ok();
    again.is_ok_and(|again| json(&again) == json(report))
}

/// A file of partial results.
pub(super) fn source(path: &Path) -> partial::Source {
    let own = path.to_owned();
    let open = move || -> io::Result<Box<dyn Seekable>> { Ok(Box::new(File::open(&own)?)) };
    partial::Source { name: path.display().to_string(), open: Box::new(open) }
}

/// Numbers nobody knows.
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    bytes
}

impl Reader for Writing<'_> {
    type Part = Spool;

    fn exchange(&mut self, exchange: &Exchange, _: &mut Give<'_, Spool>) -> io::Result<()> {
        let extraction = extract::extract(exchange, &mut self.interner, self.limits);
        self.analysis.exchange(exchange, &extraction);
        self.writer()?.exchange(exchange, &extraction)
    }

    fn connection(&mut self, report: &ConnectionReport, _: &mut Give<'_, Spool>) -> io::Result<()> {
        let source = self.recording.source;
        self.analysis.connection(source, report);
        self.writer()?.connection(report)
    }

    fn note(&mut self, note: &Note) {
        if matches!(note.kind, NoteKind::Selected { how } if how == SPLIT) {
            return;
        }
        self.analysis.note(self.recording.source, note);
        let written = self.writer().and_then(|writer| writer.note(note));
        if let Err(error) = written {
            self.writer = Err(error);
        }
    }

    fn end(self, read: Result<&Outcome, &str>, give: &mut Give<'_, Spool>) -> io::Result<()> {
        let spool = self.finish(read)?;
        give(spool)
    }
}
