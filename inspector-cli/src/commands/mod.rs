//! One file a command.

mod check;
mod completions;
mod config;
mod convert;
mod decode;
mod diff;
mod doctor;
mod exchanges;
mod explain;
mod init;
pub(crate) mod judging;
mod keys;
mod man;
mod merge;
mod partial;
mod redact;
mod rules;
mod split;
mod timeline;
mod tokens;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use crate::{
    args::{Arguments, Color, Command, Reading},
    exit::{Exit, Failure, complain},
    output::count,
    run::Session,
};

/// Runs the command that was typed.
pub(crate) fn dispatch(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Check(check) => check::run(&check),
        Command::Split(split) => split::run(&split),
        Command::Merge(merge) => merge::run(&merge),
        Command::Exchanges(listing) => exchanges::run(&listing),
        Command::Tokens(listing) => tokens::run(&listing),
        Command::Timeline(timeline) => timeline::run(&timeline),
        Command::Doctor(listing) => doctor::run(&listing),
        Command::Decode(decode) => decode::run(&decode),
        Command::Init(init) => init::run(&init),
        Command::Rules(rules) => rules::run(&rules),
        Command::Explain(explain) => explain::run(&explain),
        Command::Redact(redact) => redact::run(&redact),
        Command::Convert(convert) => convert::run(&convert),
        Command::Diff(diff) => diff::run(&diff),
        Command::Keys(keys) => keys::run(&keys),
        Command::Config(config) => config::run(&config),
        Command::Completions(completions) => completions::run(&completions),
        Command::Man(man) => man::run(&man),
    }
}

/// Where the data of a command that reads recordings goes. Never over what it reads.
pub(crate) fn output_of(reading: &Reading) -> Result<Box<dyn Write>, Failure> {
    spare_inputs(reading)?;
    output(file(reading), reading.color)
}

/// The same for data in which there are no colours that would have to be taken out: JSON.
pub(crate) fn plain_output_of(reading: &Reading) -> Result<Box<dyn Write>, Failure> {
    spare_inputs(reading)?;
    match file(reading) {
        Some(path) => Ok(Box::new(BufWriter::with_capacity(BUFFER, create(path)?))),
        None => Ok(Box::new(BufWriter::with_capacity(BUFFER, io::stdout()))),
    }
}

/// The file the output goes to; `None` is standard output.
fn file(reading: &Reading) -> Option<&Path> {
    reading.output.as_deref().filter(|path| path.as_os_str() != "-")
}

/// Bytes gathered before they are written.
const BUFFER: usize = 64 << 10;

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| Failure::Usage(format!("cannot write '{}' (--output): {error}", path.display())))
}

/// A file that a report is written to, or standard output. Never over what is read; without colours.
pub(crate) fn report_file(reading: &Reading, path: &Path) -> Result<Box<dyn Write>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufWriter::with_capacity(BUFFER, anstream::StripStream::new(io::stdout()))));
    }
    spare(reading, path, "--report")?;
    let file = File::create(path)
        .map_err(|error| Failure::Usage(format!("cannot write '{}' (--report): {error}", path.display())))?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER, anstream::StripStream::new(file))))
}

/// Refuses to write over an input.
fn spare_inputs(reading: &Reading) -> Result<(), Failure> {
    match &reading.output {
        Some(path) => spare(reading, path, "--output"),
        None => Ok(()),
    }
}

fn spare(reading: &Reading, path: &Path, option: &str) -> Result<(), Failure> {
    if let Ok(to) = path.canonicalize() {
        let mut inputs = reading.paths.iter().chain(&reading.keys).filter_map(|path| path.canonicalize().ok());
        if inputs.any(|input| input == to) {
            return Err(Failure::Usage(format!("{option} '{}' is an input, and would be lost", to.display())));
        }
    }
    Ok(())
}

/// Where data goes: a file, or standard output with colour as asked for.
fn output(path: Option<&Path>, color: Color) -> Result<Box<dyn Write>, Failure> {
    if let Some(path) = path {
        return Ok(Box::new(BufWriter::new(anstream::StripStream::new(create(path)?))));
    }
    crate::output::take_terminal_width();
    let choice = match color {
        Color::Auto => anstream::AutoStream::choice(&io::stdout()),
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    Ok(Box::new(BufWriter::with_capacity(BUFFER, anstream::AutoStream::new(io::stdout(), choice))))
}

/// What a listing does not show because it could not be read, for standard error.
pub(crate) fn say_lacking(reading: &Reading, session: &Session) {
    if reading.quiet {
        return;
    }
    let read = &session.coverage;
    let dark = read.tls_connections.saturating_sub(read.tls_decrypted);
    let parts: Vec<String> = [
        (dark, "TLS connection was not decrypted", "TLS connections were not decrypted"),
        (read.gaps, "gap in a stream", "gaps in streams"),
        (read.bodies_cut, "content is cut", "contents are cut"),
        (read.entries_skipped, "entry was not read", "entries were not read"),
        (read.packets_skipped, "packet was not understood", "packets were not understood"),
    ]
    .into_iter()
    .filter(|(number, ..)| *number > 0)
    .map(|(number, one, many)| count(number, one, many))
    .collect();
    let taken_out = if read.sanitized { "values were taken out of the recording" } else { "" };
    let parts: Vec<&str> =
        parts.iter().map(String::as_str).chain([taken_out].into_iter().filter(|it| !it.is_empty())).collect();
    if !parts.is_empty() {
        complain(&format!("note: {}; `inspector doctor` tells more", parts.join(", ")));
    }
}

/// The last object of a listing in ndjson, if it is asked for: how much was read.
#[derive(serde::Serialize)]
pub(crate) struct Footer<'s> {
    coverage: &'s inspector_core::coverage::Coverage,
    unreadable: u64,
}

impl<'s> Footer<'s> {
    pub(crate) const fn of(session: &'s Session) -> Self {
        Self { coverage: &session.coverage, unreadable: session.unreadable }
    }
}

/// Whether an exchange belongs to one of the hosts asked for; without any, all do.
pub(crate) fn in_scope(exchange: &inspector_core::exchange::Exchange, patterns: &[String]) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let authority = exchange.authority();
    let name = exchange.tls.as_ref().and_then(|session| session.server_name.as_deref());
    let address = exchange.server.map(|server| server.address.to_string());
    [authority.as_deref(), name, address.as_deref()]
        .into_iter()
        .flatten()
        .any(|host| patterns.iter().any(|pattern| inspector_core::host::matches(pattern, host)))
}
