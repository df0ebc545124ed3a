//! `inspector split`: deals the connections of a capture to several files.

use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write},
    path::Path,
};

use inspector_core::{
    input,
    limits::Limits,
    split::{SplitError, Splitter},
};

use crate::{
    args::Split,
    exit::{Exit, Failure, complain},
    output::count,
};

/// Bytes of the capture by which it is told from others.
const BEGINNING: u64 = 1 << 20;
/// Bytes gathered for a part before they are written.
const BUFFER: usize = 64 << 10;

/// Runs the command.
pub(crate) fn run(split: &Split) -> Result<Exit, Failure> {
    let name = split.path.display().to_string();
    let unreadable = |what: String| {
        complain(&format!("error: cannot read '{name}': {what}"));
        Failure::NoInput
    };
    let limits = Limits::for_memory(64 << 20);
    let open = || File::open(&split.path).map_err(|error| unreadable(error.to_string()));
    let mut beginning = Vec::new();
    open()?.take(BEGINNING).read_to_end(&mut beginning).map_err(|error| unreadable(error.to_string()))?;
    let format = input::identify(&mut open()?, &limits).map_err(|error| unreadable(error.to_string()))?.to_string();
    fs::create_dir_all(&split.output)
        .map_err(|error| Failure::Usage(format!("cannot make the folder '{}': {error}", split.output.display())))?;
    let stem = split.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let parts = usize::from(split.by_flow);
    let mut writers: Vec<Box<dyn Write>> = Vec::with_capacity(parts);
    let mut paths = Vec::with_capacity(parts);
    for number in 1..=parts {
        let path = split.output.join(format!("{stem}.part-{number}-of-{parts}.pcapng"));
        if is_same(&path, &split.path) {
            return Err(Failure::Usage(format!("'{}' is the input, and would be lost", path.display())));
        }
        let file = File::create(&path)
            .map_err(|error| Failure::Usage(format!("cannot write '{}': {error}", path.display())))?;
        writers.push(Box::new(BufWriter::with_capacity(BUFFER, file)));
        paths.push(path);
    }
    let fail = |error: SplitError| match error {
        SplitError::Io(error) => Failure::Output(error),
        error => unreadable(error.to_string()),
    };
    let done = (|| {
        let mut splitter = Splitter::new(writers, &name, &format, &beginning, &limits).map_err(&fail)?;
        let read = input::read_file_with(&mut open()?, &limits, &input::helpers::Nobody, &mut splitter);
        let packets = splitter.finish().map_err(&fail)?;
        read.map_err(|error| unreadable(error.to_string()))?;
        if packets == 0 {
            return Err(unreadable("it holds no packet".to_owned()));
        }
        Ok(packets)
    })();
    if done.is_err() {
        paths.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    let packets = done?;
    if !split.quiet {
        complain(&format!(
            "{} of {name} in {} in {}",
            count(packets, "packet", "packets"),
            count(parts as u64, "part", "parts"),
            split.output.display()
        ));
    }
    Ok(Exit::Pass)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
