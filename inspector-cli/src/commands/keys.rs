//! `inspector keys`: which secrets open which connections, and taking them out, in, and away.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use inspector_core::{
    connection::ConnectionReport,
    context::BodyPolicy,
    exchange::Exchange,
    input::{self, Control, Item},
    keys::{
        audit::{self, Audit, Connection, Source},
        blocks::{self, Change, RewriteError, TLS_KEY_LOG},
        log,
    },
    limits::Limits,
    secrets::keylog::KeyKind,
};

use super::check::internal;
use crate::{
    args::{ConfigFormat, Keys, KeysAudit, KeysCommand, KeysInject, KeysMinimise, KeysOut, Reading},
    exit::{Exit, Failure, complain},
    inputs::quoted,
    output::{count, escape},
    run::{self, Give, Outcome, Reader, Recording, Session, read_small},
    staged::Staged,
};

/// Runs the command.
pub(crate) fn run(keys: &Keys) -> Result<Exit, Failure> {
    match &keys.command {
        KeysCommand::Audit(audit) => show(audit),
        KeysCommand::Extract(out) => extract(out),
        KeysCommand::Inject(inject) => put_in(inject),
        KeysCommand::Strip(out) => strip(out),
        KeysCommand::Minimise(minimise) => self::minimise(minimise),
    }
}

/// Reads the recordings for their TLS connections.
fn connections_of(reading: &Reading) -> Result<(Vec<Connection>, Session), Failure> {
    let mut connections = Vec::new();
    let make = |recording: &Recording| Listener {
        recording: recording.clone(),
        hosts: &reading.host,
        asked: BTreeSet::new(),
        reports: Vec::new(),
    };
    let session = run::read_all(reading, BodyPolicy::Tokens, false, &make, &mut |part: Vec<Connection>| {
        connections.extend(part);
        Ok(())
    })?;
    Ok((connections, session))
}

/// Takes down the TLS connections of a recording.
struct Listener<'l> {
    recording: Recording,
    hosts: &'l [String],
    /// Connections on which one of the hosts was asked for something.
    asked: BTreeSet<u64>,
    reports: Vec<ConnectionReport>,
}

impl Reader for Listener<'_> {
    type Part = Vec<Connection>;

    fn exchange(&mut self, exchange: &Exchange, _: &mut Give<'_, Self::Part>) -> io::Result<()> {
        if let Some(id) =
            exchange.connection.filter(|_| !self.hosts.is_empty() && super::in_scope(exchange, self.hosts))
        {
            self.asked.insert(id.0);
        }
        Ok(())
    }

    fn connection(&mut self, report: &ConnectionReport, _: &mut Give<'_, Self::Part>) -> io::Result<()> {
        if report.tls.is_some() {
            self.reports.push(report.clone());
        }
        Ok(())
    }

    fn end(self, _: Result<&Outcome, &str>, give: &mut Give<'_, Self::Part>) -> io::Result<()> {
        let in_scope = |report: &ConnectionReport| {
            let address = report.connection.server.address.to_string();
            let mut names =
                [report.server_name.as_deref(), report.tunnel.as_deref(), Some(address.as_str())].into_iter().flatten();
            self.hosts.is_empty()
                || self.asked.contains(&report.connection.id.0)
                || names.any(|name| self.hosts.iter().any(|pattern| inspector_core::host::matches(pattern, name)))
        };
        let name = self.recording.name();
        give(self.reports.iter().filter_map(|report| Connection::of(name, report, in_scope(report))).collect())
    }
}

/// The text of all key logs inside a recording, one after the other; nothing of other formats.
fn recorded(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let mut sink = |item: Item<'_>| {
        if let Item::Secrets(secrets) = item {
            text.extend_from_slice(secrets);
            if text.last().is_some_and(|last| *last != b'\n') {
                text.push(b'\n');
            }
        }
        Control::Continue
    };
    let read = File::open(path)
        .map_err(input::ReadError::from)
        .and_then(|mut file| input::read_recording(&mut file, &Limits::default(), &mut sink));
    read.map_err(|error| unreadable(path, &error.to_string()))?;
    Ok(text)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    complain(&format!("error: cannot read {}: {why}", quoted(&path.display().to_string())));
    Failure::NoInput
}

/// The sources of a session with their texts.
fn sources(reading: &Reading, session: &Session, connections: &[Connection]) -> Vec<Source> {
    let mut files = session.key_files.iter();
    let mut all = Vec::new();
    for source in session.keys.sources() {
        if source.kind == KeyKind::Recorded {
            let text: Vec<u8> = reading
                .paths
                .iter()
                .filter(|path| path.is_file())
                .filter_map(|path| recorded_quietly(path))
                .flatten()
                .collect();
            if text.is_empty() {
                // Of folders and pipes only the sum is known.
                all.push(Source {
                    source: "in the recordings".to_owned(),
                    secrets: source.secrets,
                    opened: source.connections,
                    unused: 0,
                });
            } else {
                all.push(Source::of_log("in the recordings", &text, source.connections, connections));
            }
            continue;
        }
        let Some(file) = files.next() else { continue };
        if source.kind == KeyKind::RsaPrivateKey {
            all.push(Source::of_private(file, source.secrets, source.connections));
            continue;
        }
        let text = file.strip_prefix("env:").and_then(|name| std::env::var(name).ok()).map(String::into_bytes);
        let text = text.or_else(|| read_small(Path::new(file)).ok()).unwrap_or_default();
        all.push(Source::of_log(file, &text, source.connections, connections));
    }
    all
}

fn recorded_quietly(path: &Path) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut sink = |item: Item<'_>| {
        if let Item::Secrets(secrets) = item {
            text.extend_from_slice(secrets);
            text.push(b'\n');
        }
        Control::Continue
    };
    let _ = input::read_recording(&mut File::open(path).ok()?, &Limits::default(), &mut sink);
    Some(text)
}

/// `inspector keys audit`.
fn show(audit: &KeysAudit) -> Result<Exit, Failure> {
    let reading = &audit.reading;
    let (connections, session) = connections_of(reading)?;
    let keys = sources(reading, &session, &connections);
    let answer = Audit::new(connections, keys);
    let mut to = super::output_of(reading)?;
    match audit.format {
        ConfigFormat::Json => {
            serde_json::to_writer_pretty(&mut *to, &answer).map_err(internal)?;
            writeln!(to)?;
        }
        ConfigFormat::Human => human(&mut *to, &answer)?,
    }
    to.flush()?;
    Ok(Exit::Pass)
}

fn human(to: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let dark = audit.connections.iter().filter(|one| !one.opened).count() as u64;
    let opened = audit.connections.len() as u64 - dark;
    writeln!(to, "{} opened, {} not", count(opened, "TLS connection", "TLS connections"), dark)?;
    for one in &audit.connections {
        let random = one.client_random.as_deref().and_then(|random| random.get(..16)).unwrap_or("not recorded");
        let host = one.sni.as_deref().unwrap_or(&one.server);
        let said = if one.opened { "opened" } else { one.reason.unwrap_or("not opened") };
        writeln!(to, "  {said:<22} {random:<16}  {}", escape::line(host))?;
    }
    if audit.keys.is_empty() {
        return writeln!(to, "\nno keys were given, and none lie in the recordings");
    }
    writeln!(to, "\nkeys")?;
    for one in &audit.keys {
        let secrets = count(one.secrets, "secret", "secrets");
        let opened = count(one.opened, "connection", "connections");
        writeln!(to, "  {}: {secrets}, opened {opened}, {} unused", escape::line(&one.source), one.unused)?;
    }
    Ok(())
}

/// `inspector keys extract`.
fn extract(out: &KeysOut) -> Result<Exit, Failure> {
    spare(&out.paths, &out.output)?;
    let mut text = Vec::new();
    for path in &out.paths {
        text.extend(recorded(path)?);
    }
    if log::lines(&text).next().is_none() {
        let which = out.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        complain(&format!("error: there are no TLS keys in {}", quoted(&which)));
        return Err(Failure::NoInput);
    }
    write_whole(&out.output, &text)?;
    complain(&format!(
        "{} written; whoever has them can read the connections",
        count(log::lines(&text).count() as u64, "secret", "secrets")
    ));
    Ok(Exit::Pass)
}

/// A small file, whole or not at all; `-` is standard output.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        io::stdout().lock().write_all(bytes)?;
        return Ok(());
    }
    let (staged, mut file) = Staged::new(path)?;
    file.write_all(bytes)?;
    file.flush()?;
    drop(file);
    Ok(staged.keep()?)
}

/// `inspector keys inject`.
fn put_in(inject: &KeysInject) -> Result<Exit, Failure> {
    spare(std::slice::from_ref(&inject.path), &inject.output)?;
    let text = key_texts(&inject.keys)?;
    rewritten(&inject.path, &inject.output, Some(&text), &mut |_, _| Change::Keep, &mut |_| Ok(()))?;
    complain(&format!("{} put in", count(log::lines(&text).count() as u64, "secret", "secrets")));
    Ok(Exit::Pass)
}

/// The lines of key logs. A private key has no place in a capture.
fn key_texts(files: &[PathBuf]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for path in files {
        let wrong =
            |what: &str| Failure::Usage(format!("the key file {}: {what}", quoted(&path.display().to_string())));
        let bytes = read_small(path).map_err(|error| wrong(&error.to_string()))?;
        let ascii = log::ascii(&bytes);
        if log::lines(&ascii).next().is_none() {
            return Err(wrong("it is no key log with a secret; only a key log can be put into a capture"));
        }
        text.extend_from_slice(&ascii);
        if text.last().is_some_and(|last| *last != b'\n') {
            text.push(b'\n');
        }
    }
    Ok(text)
}

/// `inspector keys strip`.
fn strip(out: &KeysOut) -> Result<Exit, Failure> {
    spare(&out.paths, &out.output)?;
    let [path] = out.paths.as_slice() else {
        return Err(Failure::Usage("one capture is stripped at a time".to_owned()));
    };
    let check = &mut |part: &Path| match recorded_quietly(part) {
        Some(text) if text.is_empty() => Ok(()),
        _ => Err(Failure::Internal("keys are left in the output".to_owned())),
    };
    let done = rewritten(path, &out.output, None, &mut |_, _| Change::Drop, check)?;
    complain(&format!(
        "{} taken out of {}",
        count(done.dropped, "block of keys", "blocks of keys"),
        quoted(&path.display().to_string())
    ));
    Ok(Exit::Pass)
}

/// Rewrites a capture into a file that is there whole or not at all.
fn rewritten(
    path: &Path,
    output: &Path,
    inject: Option<&[u8]>,
    change: &mut dyn FnMut(u32, &[u8]) -> Change,
    check: &mut dyn FnMut(&Path) -> Result<(), Failure>,
) -> Result<blocks::Rewritten, Failure> {
    let mut input = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let (staged, file) = Staged::new(output)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let done = blocks::rewrite(&mut input, &mut file, inject, change).map_err(|error| match error {
        RewriteError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => Failure::Output(error),
        error => unreadable(path, &error.to_string()),
    })?;
    file.flush()?;
    drop(file);
    check(staged.part())?;
    staged.keep()?;
    Ok(done)
}

/// `inspector keys minimise`.
pub(super) fn minimise(minimise: &KeysMinimise) -> Result<Exit, Failure> {
    let reading = &minimise.reading;
    let Some(output) = &reading.output else {
        return Err(Failure::Usage("where to? give -o OUT".to_owned()));
    };
    spare(&reading.paths, output)?;
    let (before, session) = connections_of(reading)?;
    let randoms = audit::in_scope(&before);
    if randoms.is_empty() {
        complain(
            "error: no TLS connection in scope has a client random in the recording, so that none of the keys can be told to be its own",
        );
        return Ok(Exit::Fail);
    }
    let mut given = Vec::new();
    for path in session.key_files.iter().map(Path::new).filter(|path| path.is_file()) {
        given.extend_from_slice(&log::only(&log::ascii(&read_small(path).unwrap_or_default()), &randoms));
    }
    for (_, text) in &reading.key_texts {
        given.extend_from_slice(&log::only(text.as_bytes(), &randoms));
    }
    let is_capture = |path: &PathBuf| {
        File::open(path)
            .is_ok_and(|mut file| input::identify(&mut file, &Limits::default()).is_ok_and(|it| it.format == "pcapng"))
    };
    let is_log = minimise.log || !matches!(reading.paths.as_slice(), [one] if is_capture(one));
    let kept = if is_log {
        for path in reading.paths.iter().filter(|path| path.is_file()) {
            given.extend_from_slice(&log::only(&recorded_quietly(path).unwrap_or_default(), &randoms));
        }
        let (staged, mut file) = Staged::new(output)?;
        file.write_all(&given)?;
        file.flush()?;
        drop(file);
        verify(reading, &before, &reading.paths, &[staged.part().to_owned()])?;
        staged.keep()?;
        log::lines(&given).count()
    } else {
        let [path] = reading.paths.as_slice() else { return Err(Failure::Usage("one capture at a time".to_owned())) };
        let mut kept = log::lines(&given).count();
        let inject = (!given.is_empty()).then_some(given.as_slice());
        let change = &mut |kind: u32, text: &[u8]| {
            let only = if kind == TLS_KEY_LOG { log::only(text, &randoms) } else { Vec::new() };
            kept += log::lines(&only).count();
            if only.is_empty() { Change::Drop } else { Change::Replace(only) }
        };
        let check = &mut |part: &Path| verify(reading, &before, &[part.to_owned()], &[]);
        rewritten(path, output, inject, change, check)?;
        kept
    };
    let scope = before.iter().filter(|one| one.in_scope).count() as u64;
    complain(&format!(
        "{} kept, of {} in scope; all others are gone",
        count(kept as u64, "secret", "secrets"),
        count(scope, "connection", "connections")
    ));
    Ok(Exit::Pass)
}

/// Reads what was written: what was open in scope must be, and nothing else.
fn verify(reading: &Reading, before: &[Connection], paths: &[PathBuf], keys: &[PathBuf]) -> Result<(), Failure> {
    let again = Reading {
        paths: paths.to_vec(),
        keys: keys.to_vec(),
        key_texts: Vec::new(),
        no_found_keys: true,
        output: None,
        host: reading.host.clone(),
        config: reading.config.clone(),
        quiet: true,
        ..*reading
    };
    // A key log beside a capture that has keys of its own: those would open what the log does not.
    let own: Vec<Vec<u8>> =
        if keys.is_empty() { Vec::new() } else { paths.iter().filter_map(|path| recorded_quietly(path)).collect() };
    if own.iter().any(|text| !text.is_empty()) {
        return Ok(());
    }
    let (after, _) = connections_of(&again)?;
    let state = |list: &[Connection]| -> Vec<(Option<String>, bool, bool)> {
        list.iter().map(|one| (one.client_random.clone(), one.opened, one.in_scope)).collect()
    };
    for ((random, opened, in_scope), (_, now, _)) in state(before).into_iter().zip(state(&after)) {
        let host = random.unwrap_or_default();
        if in_scope && opened && !now {
            complain(&format!(
                "error: the connection {host} is opened by a secret that does not name it, and would be lost; nothing was written"
            ));
            return Err(Failure::Refused);
        }
        if !in_scope && now {
            complain(&format!(
                "error: the connection {host} out of scope resumes a session in scope, and would be opened with its secret; nothing was written"
            ));
            return Err(Failure::Refused);
        }
    }
    Ok(())
}

/// Refuses to write over an input.
fn spare(paths: &[PathBuf], output: &Path) -> Result<(), Failure> {
    let Ok(to) = fs::canonicalize(output) else { return Ok(()) };
    if paths.iter().filter_map(|path| fs::canonicalize(path).ok()).any(|input| input == to) {
        return Err(Failure::Usage(format!("--output '{}' is an input, and would be lost", to.display())));
    }
    Ok(())
}
