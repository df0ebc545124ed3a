//! `inspector redact`: a recording that can be handed over.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use inspector_core::{
    context::BodyPolicy,
    convert::Target,
    finding::{Finding, Severity},
    input::{self, Compression},
    limits::Limits,
    sharing::{
        Pseudonyms, Redactor, Who, capture, json,
        receipt::{File as Described, Receipt},
        search::Search,
        text,
    },
    verdict::Outcome,
};

use super::{
    check::internal,
    convert::{self, Leave, Part},
    judging,
};
use crate::{
    args::{self, Reading, Redact},
    exit::{Exit, Failure, complain},
    inputs::quoted,
    output::count,
    run,
    staged::Staged,
};

/// Bytes of a key below which it could be guessed.
const SHORTEST_KEY: usize = 16;
/// Formats that are text, and are rewritten as such.
const TEXTS: [&str; 6] = ["http", "curl-trace", "burp", "charles-xml", "zap", "mitmproxy"];
/// Formats that are JSON.
const JSONS: [&str; 3] = ["har", "charles-json", "netlog"];

/// Runs the command.
pub(crate) fn run(redact: &Redact) -> Result<Exit, Failure> {
    let reading = &redact.reading;
    let output = super::file(reading).ok_or_else(|| Failure::Usage("where to? give -o OUT".to_owned()))?;
    super::spare_inputs(reading)?;
    if reading.show_secrets {
        return Err(Failure::Usage("--show-secrets is not for what is redacted".to_owned()));
    }
    if run::is_live(reading) {
        return Err(Failure::Usage(
            "a recording is read three times to be redacted: give a file, not a pipe".to_owned(),
        ));
    }
    if !redact.pseudonymise.is_empty() && redact.keep_encrypted {
        return Err(Failure::Usage(
            "names inside what stays encrypted cannot be replaced: leave --keep-encrypted out".to_owned(),
        ));
    }
    if redact.only_hosts && reading.host.is_empty() {
        return Err(Failure::Usage("--only-hosts keeps the hosts of --host, and there is none".to_owned()));
    }
    let jobs = jobs(&reading.paths, output)?;
    let mut receipt = None;
    for (path, to) in &jobs {
        let one = Reading { paths: vec![path.clone()], output: Some(to.clone()), ..convert::clone(reading) };
        let done = one_recording(redact, &one, path, to)?;
        match &mut receipt {
            None => receipt = Some(done),
            Some(all) => add(all, done),
        }
    }
    let Some(receipt) = receipt else { return Err(Failure::NoInput) };
    for (kind, number) in &receipt.replaced {
        complain(&format!("{number} {kind} replaced"));
    }
    if let Some(path) = &redact.receipt {
        let text = serde_json::to_string_pretty(&receipt).map_err(internal)?;
        std::fs::write(path, text + "\n")
            .map_err(|error| Failure::Usage(format!("cannot write '{}' (--receipt): {error}", path.display())))?;
    }
    Ok(Exit::Pass)
}

/// What goes where: several recordings into a folder, each under its own name.
fn jobs(paths: &[PathBuf], output: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut problems = Vec::new();
            crate::inputs::walk(path, 0, &mut files, &mut problems);
            for (name, why) in &problems {
                complain(&format!("warning: cannot read {}: {why}", quoted(name)));
            }
        } else {
            files.push(path.clone());
        }
    }
    if files.len() == 1 && !output.is_dir() {
        return Ok(files.into_iter().map(|path| (path, output.to_owned())).collect());
    }
    if !output.is_dir() {
        return Err(Failure::Usage(format!(
            "several recordings become several files: -o must be a folder, and '{}' is none",
            output.display()
        )));
    }
    let mut jobs: Vec<(PathBuf, PathBuf)> = Vec::new();
    for path in files {
        let recording = File::open(&path).is_ok_and(|mut file| input::identify(&mut file, &Limits::default()).is_ok());
        if !recording {
            complain(&format!("note: {} is no recording, and is left out", quoted(&path.display().to_string())));
            continue;
        }
        let to = output.join(path.file_name().unwrap_or_default());
        let is_itself = to.exists() && std::fs::canonicalize(&path).ok() == std::fs::canonicalize(&to).ok();
        if is_itself || jobs.iter().any(|(_, other)| *other == to) {
            return Err(Failure::Usage(format!("two recordings would become '{}'", to.display())));
        }
        jobs.push((path, to));
    }
    Ok(jobs)
}

/// How a recording is written.
enum Way {
    Json,
    Text,
    Capture,
    Converted(Target),
    Encrypted,
}

fn one_recording(redact: &Redact, reading: &Reading, path: &Path, to: &Path) -> Result<Receipt, Failure> {
    let name = path.display().to_string();
    let recording = File::open(path)
        .map_err(input::ReadError::from)
        .and_then(|mut file| input::identify(&mut file, &Limits::default()));
    let recording = recording.map_err(|error| {
        complain(&format!("error: cannot read {}: {error}", quoted(&name)));
        Failure::NoInput
    })?;
    let mut redactor = convert::learnt(reading, redactor(redact)?)?;
    let before = judged(reading, &reading.paths, true)?;
    let way = way(redact, &recording, &before, to)?;
    let (staged, file) = Staged::new(to)?;
    write(&way, redact, reading, path, file, &mut redactor)?;
    let part = staged.part().to_owned();
    if matches!(way, Way::Encrypted) {
        only_keys_in_scope(reading, &part)?;
    }
    search(&redactor, reading, &part, &way)?;
    let after = judged(reading, std::slice::from_ref(&part), matches!(way, Way::Encrypted))?;
    compare(redact, &before, &after)?;
    staged.keep()?;
    let options = BTreeMap::from([
        ("drop_bodies", redact.drop_bodies.into()),
        ("only_hosts", redact.only_hosts.into()),
        ("keep_encrypted", redact.keep_encrypted.into()),
        ("pseudonymise", redact.pseudonymise.iter().map(String::as_str).collect::<Vec<&str>>().into()),
        ("hosts", reading.host.clone().into()),
    ]);
    let mut receipt = Receipt::new(&redactor, options);
    receipt.inputs.push(Described::of(&name, &mut File::open(path)?)?);
    receipt.outputs.push(Described::of(&to.display().to_string(), &mut File::open(to)?)?);
    receipt.outcome = [before.outcome, after.outcome].map(|outcome| outcome.as_str().to_owned());
    Ok(receipt)
}

/// What replaces the secrets, and the names that were asked for.
fn redactor(redact: &Redact) -> Result<Redactor, Failure> {
    if redact.pseudonymise.is_empty() {
        return Ok(Redactor::default());
    }
    let key = match &redact.pseudonym_key {
        Some(path) => {
            let key = run::read_small(path);
            let key = key.map_err(|error| Failure::Usage(format!("cannot read '{}': {error}", path.display())))?;
            if key.len() < SHORTEST_KEY {
                let what = format!("the key in '{}' is too short: give {SHORTEST_KEY} bytes or more", path.display());
                return Err(Failure::Usage(what));
            }
            key
        }
        // Seeds of hash maps are random.
        None => (0..4_u8).flat_map(|number| RandomState::new().hash_one(number).to_be_bytes()).collect(),
    };
    let who = redact.pseudonymise.iter().filter_map(|word| Who::named(word));
    Ok(Redactor::default().pseudonymising(Pseudonyms::new(who, &key)))
}

/// Writes the recording without its secrets.
fn write(
    way: &Way,
    redact: &Redact,
    reading: &Reading,
    path: &Path,
    file: File,
    redactor: &mut Redactor,
) -> Result<(), Failure> {
    let limits = Limits::for_memory(reading.max_memory);
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut input = File::open(path)?;
    match way {
        Way::Json => {
            let mut input = input::unpack::Unpacked::open(&mut input, &limits)?;
            json::rewrite(&mut input, &mut file, limits.entry, redactor)?;
        }
        Way::Text => {
            let mut bytes = Vec::new();
            let mut input = input::unpack::Unpacked::open(&mut input, &limits)?;
            io::Read::read_to_end(&mut io::Read::take(&mut input, limits.entry as u64 + 1), &mut bytes)?;
            if bytes.len() > limits.entry {
                return refused("it is larger than what is held of a text: write a HAR (-o OUT.har)");
            }
            file.write_all(&text::rewrite(&bytes, redactor))?;
        }
        Way::Capture | Way::Encrypted => {
            let mut input = BufReader::new(input);
            if let Err(error) = capture::rewrite(&mut input, &mut file, redactor) {
                return match error {
                    capture::CaptureError::Io(error) => Err(Failure::Output(error)),
                    error => refused(&format!("{error}; write a HAR instead (-o OUT.har)")),
                };
            }
        }
        Way::Converted(target) => {
            let leave = Leave { bodies: redact.drop_bodies, others: redact.only_hosts };
            convert::write(reading, *target, &mut file, Some(redactor), &leave)?;
        }
    }
    Ok(file.flush()?)
}

fn refused<T>(what: &str) -> Result<T, Failure> {
    complain(&format!("error: {what}; nothing was written"));
    Err(Failure::Refused)
}

/// What an outcome rests on.
struct Judged {
    outcome: Outcome,
    decrypted: u64,
    /// Rules that make the outcome what it is.
    rules: Vec<String>,
    /// Rules of all findings that are worth a look.
    findings: Vec<String>,
}

fn judged(reading: &Reading, paths: &[PathBuf], with_keys: bool) -> Result<Judged, Failure> {
    let keys = if with_keys { reading.keys.clone() } else { Vec::new() };
    let key_texts = if with_keys { reading.key_texts.clone() } else { Vec::new() };
    let one = Reading {
        paths: paths.to_vec(),
        keys,
        key_texts,
        host: Vec::new(),
        no_found_keys: reading.no_found_keys || !with_keys,
        output: None,
        quiet: true,
        ..convert::clone(reading)
    };
    let judging = args::Judging {
        profile: "exchange-s2s".to_owned(),
        realm: None,
        jwks: Vec::new(),
        at: "capture".to_owned(),
        agreed: args::Agreed::default(),
    };
    let report = judging::judge(&one, &judging, &judging::Asked::default())?.report;
    let codes = |wanted: &dyn Fn(&Finding) -> bool| {
        let found = report.findings.iter().filter(|one| wanted(one));
        let codes: BTreeSet<String> = found.map(|one| one.meta.code.to_owned()).collect();
        codes.into_iter().collect::<Vec<String>>()
    };
    let rules = codes(&|one| one.fails || one.blocks);
    let findings = codes(&|one| one.severity >= Severity::Medium);
    Ok(Judged { outcome: report.outcome, decrypted: report.coverage.tls_decrypted, rules, findings })
}

/// An outcome may not become better by what was taken out.
fn compare(redact: &Redact, before: &Judged, after: &Judged) -> Result<(), Failure> {
    let lost: Vec<&str> =
        before.findings.iter().filter(|one| !after.findings.contains(one)).map(String::as_str).collect();
    if !lost.is_empty() {
        complain(&format!("warning: without what was replaced, {} would not be found any more", lost.join(", ")));
    }
    if before.outcome == after.outcome && before.rules == after.rules {
        return Ok(());
    }
    let better = match (before.outcome, after.outcome) {
        (Outcome::Fail, after) => after != Outcome::Fail,
        (before, Outcome::Pass) => before != Outcome::Pass,
        _ => false,
    };
    let said = format!(
        "the recording is {} by [{}], and would be {} by [{}] without what was replaced",
        before.outcome.as_str(),
        before.rules.join(", "),
        after.outcome.as_str(),
        after.rules.join(", ")
    );
    if better && !(redact.only_hosts) {
        return refused(&said);
    }
    complain(&format!("warning: {said}"));
    Ok(())
}

fn way(redact: &Redact, recording: &input::Recording, before: &Judged, to: &Path) -> Result<Way, Failure> {
    let format = recording.format;
    let is_packed = |kind: &[Compression]| !kind.is_empty();
    let ending = to.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let target = Target::named(&ending).filter(|target| *target != Target::Pcapng);
    let is_whole = !redact.drop_bodies && !redact.only_hosts;
    if redact.keep_encrypted {
        if format != "pcapng" || is_packed(&recording.compressions) {
            return Err(Failure::Usage(
                "--keep-encrypted is for a pcapng, which has a place for keys (inspector keys inject)".to_owned(),
            ));
        }
        return Ok(Way::Encrypted);
    }
    match format {
        "har" if is_whole && (target == Some(Target::Har) || target.is_none()) => Ok(Way::Json),
        format if JSONS.contains(&format) && is_whole && target.is_none() => Ok(Way::Json),
        format if TEXTS.contains(&format) && is_whole && (target.is_none() || target == Some(Target::Http)) => Ok(Way::Text),
        "pcap" | "pcapng" if target.is_none() && is_whole => {
            if before.decrypted > 0 {
                return Err(Failure::Usage(
                    "the capture is encrypted and its keys are there: it is written decrypted as HAR (-o OUT.har), or with \
                     the keys of the connections in scope only (--keep-encrypted)".to_owned(),
                ));
            }
            if is_packed(&recording.compressions) {
                return Err(Failure::Usage("the capture is compressed: unpack it first, or write a HAR (-o OUT.har)".to_owned()));
            }
            Ok(Way::Capture)
        }
        _ => target.map(Way::Converted).ok_or_else(|| {
            Failure::Usage(format!("a recording of the format {format} is not rewritten in place, or not with these options: write a HAR (-o OUT.har)"))
        }),
    }
}

/// Puts only the keys of the connections in scope into what was written.
fn only_keys_in_scope(reading: &Reading, part: &Path) -> Result<(), Failure> {
    let minimise = args::KeysMinimise {
        reading: Reading {
            paths: vec![part.to_owned()],
            output: Some(part.with_extension("keys.part")),
            quiet: true,
            ..convert::clone(reading)
        },
        log: false,
    };
    let written = part.with_extension("keys.part");
    let exit = super::keys::minimise(&minimise)?;
    if exit != Exit::Pass {
        let _ = std::fs::remove_file(&written);
        return Err(Failure::Refused);
    }
    std::fs::rename(&written, part)?;
    Ok(())
}

/// Reads what was written: no secret may stand in it, as it is or in anything that can be decoded, and nothing in it may look
/// like one that was not replaced.
fn search(redactor: &Redactor, reading: &Reading, part: &Path, way: &Way) -> Result<(), Failure> {
    let wrong = |error: String| Failure::Internal(format!("the output cannot be searched: {error}"));
    let search = Search::new(redactor.known().iter().map(AsRef::as_ref)).map_err(|error| wrong(error.to_string()))?;
    let found =
        search.is_in_recording(&mut || Ok(Box::new(File::open(part)?))).map_err(|error| wrong(error.to_string()))?;
    let mut leaks = u64::from(found);
    if let Some(pseudonyms) = redactor.pseudonyms() {
        let names = pseudonyms.search().map_err(|error| wrong(error.to_string()))?;
        let found = names.is_in_recording(&mut || Ok(Box::new(File::open(part)?)));
        if found.map_err(|error| wrong(error.to_string()))? {
            return refused(
                "a name that was to be replaced stands in the output, where it cannot be: this form cannot be pseudonymised in \
                 place. Try another (-o OUT.har)",
            );
        }
    }
    if !matches!(way, Way::Encrypted) {
        let one = Reading {
            paths: vec![part.to_owned()],
            keys: Vec::new(),
            key_texts: Vec::new(),
            no_found_keys: true,
            jobs: Some(1),
            quiet: true,
            output: None,
            ..convert::clone(reading)
        };
        let limits = Limits::for_memory(reading.max_memory);
        let make = |_: &run::Recording| convert::Carrier::default();
        run::read_all(&one, BodyPolicy::Whole, false, &make, &mut |part| {
            if let Part::Exchange(exchange) = part {
                let mut again = Redactor::default();
                for message in [&exchange.request, &exchange.response].into_iter().flatten() {
                    leaks += u64::from(search.is_in(message.head.bytes()));
                    leaks += u64::from(search.is_in(message.body.kept.as_deref().unwrap_or_default()));
                }
                leaks += u64::from(again.exchange(&exchange) != *exchange);
                leaks += Redactor::remains(&exchange, &limits);
            }
            Ok(())
        })?;
    }
    if leaks > 0 {
        return refused(&format!(
            "{} of the output holds a secret of the input, or what looks like one: this form cannot be redacted in place. Try \
             another (-o OUT.har)",
            count(leaks, "place", "places")
        ));
    }
    Ok(())
}

fn add(all: &mut Receipt, one: Receipt) {
    all.inputs.extend(one.inputs);
    all.outputs.extend(one.outputs);
    for (kind, number) in one.replaced {
        *all.replaced.entry(kind).or_default() += number;
    }
}
