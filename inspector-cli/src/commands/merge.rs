//! `inspector merge`: judges the recordings partial results are of.

use std::{
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

use inspector_core::{
    coverage::Coverage,
    finding::Severity,
    limits::Limits,
    partial::{self, PartialError, PolicyText},
    policy::{Clock, PolicyError, PolicyOptions, ProfileText},
    secrets::keylog::Keys,
};

use super::{check, judging, partial::source};
use crate::{
    args::Merge,
    exit::{Exit, Failure, complain},
    inputs,
    run::Session,
};

/// Runs the command.
pub(crate) fn run(merge: &Merge) -> Result<Exit, Failure> {
    let check = &merge.check;
    let reading = &check.reading;
    let files = files(&reading.paths);
    let sources: Vec<partial::Source> = files.iter().map(|path| source(path)).collect();
    let failed = |error: PartialError| {
        complain(&format!("error: {error}"));
        Failure::NoInput
    };
    let (text, same) = partial::options(&sources).map_err(failed)?;
    if !same {
        return Err(Failure::Usage(
            "the partial results were made with different options (--profile, --realm, --host, --at, --fail-on); make \
             them anew with the same"
                .to_owned(),
        ));
    }
    if check.partial {
        return put_together(merge, &files);
    }
    let limits = Limits::for_memory(reading.max_memory);
    let options = options(merge, text)?;
    let clock = options.clock;
    let policy = options.build(&limits).map_err(|error: PolicyError| Failure::Usage(error.to_string()))?.policy;
    let merged = partial::merge(&sources, &policy, &limits).map_err(failed)?;
    if merged.readable == 0 {
        for input in &merged.report.inputs {
            complain(&format!("error: cannot read '{}'", input.path));
        }
        return Err(Failure::NoInput);
    }
    let mut report = merged.report;
    report.allows_inconclusive = check.judging.agreed.allow_inconclusive;
    let session = Session {
        keys: Keys::new(&limits),
        key_files: Vec::new(),
        logs: Vec::new(),
        found_keys: 0,
        skipped: Vec::new(),
        coverage: Coverage::default(),
        unreadable: 0,
    };
    let judged = judging::Judged { report, first_seen: merged.first_seen, clock, beyond: merged.beyond, session };
    check::tell(check, judged)
}

/// The options of the partial results, with those that were given here in their places.
fn options(merge: &Merge, text: PolicyText) -> Result<PolicyOptions, Failure> {
    let (check, typed) = (&merge.check, |name: &str| merge.typed.iter().any(|known| known == name));
    let judging = &check.judging;
    let profile = match (typed("profile"), text.profile_text) {
        (true, _) => judging::profile(&judging.profile)?,
        (false, Some(content)) => ProfileText::File { name: text.profile, bytes: content.into_bytes() },
        (false, None) => ProfileText::Builtin(text.profile),
    };
    let realms = match &judging.realm {
        Some(realm) => vec![realm.clone()],
        None => text.realms,
    };
    let at = if typed("at") { &judging.at } else { &text.at };
    let fail_on = match check.fail_on {
        Some(severity) => Some(judging::severity(severity)),
        None => text.fail_on.as_deref().and_then(Severity::parse),
    };
    Ok(PolicyOptions {
        profile,
        hosts: if check.reading.host.is_empty() { text.hosts } else { check.reading.host.clone() },
        realms,
        clock: Clock::parse(at, judging::now).map_err(|error| Failure::Usage(error.to_string()))?,
        fail_on,
        ignores: judging.agreed.ignores.clone(),
        ..PolicyOptions::default()
    })
}

/// The files of the command line; of folders, those in them.
fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            inputs::walk(path, 0, &mut all, &mut Vec::new());
        } else {
            all.push(path.clone());
        }
    }
    all
}

/// Writes one partial result of several: to be merged with others later.
fn put_together(merge: &Merge, files: &[PathBuf]) -> Result<Exit, Failure> {
    let reading = &merge.check.reading;
    let Some(output) = reading.output.as_deref().filter(|path| path.as_os_str() != "-") else {
        return Err(Failure::Usage("--partial writes to a file: name it with --output".to_owned()));
    };
    super::spare(reading, output, "--output")?;
    let mut to = File::create(output)?;
    for file in files {
        io::copy(&mut File::open(file)?, &mut to)?;
    }
    to.flush()?;
    Ok(Exit::Pass)
}
