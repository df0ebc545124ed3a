//! The exit codes, and the one place that turns results into them.

use std::{io, panic, process::ExitCode};

use crate::output::escape;

/// How a run ended. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Pass; for listing commands: done.
    Pass = 0,
    /// Fail, or a finding at or above `--fail-on`.
    Fail = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Inconclusive.
    Inconclusive = 3,
    /// No input could be read.
    NoInput = 4,
    /// A defect of this program.
    Internal = 70,
    /// The output could not be written: a full disk, a device that is gone.
    Output = 74,
}

/// Why a run could not be carried out, with the code it ends with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// clap's own message (also `--help` and `--version`, which are no failures).
    Arguments(clap::Error),
    /// The command line is wrong in a way clap does not see.
    Usage(String),
    /// No input could be read; the messages were printed already.
    NoInput,
    /// What was asked for would give away more than may be; the message was printed already.
    Refused,
    /// Writing the output failed.
    Output(io::Error),
    /// Something this program did not expect.
    Internal(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs `program`, prints its failure, and never lets a panic look like a verdict.
pub(crate) fn guard(program: impl FnOnce() -> Result<Exit, Failure> + panic::UnwindSafe) -> ExitCode {
    let outcome = panic::catch_unwind(program)
        .unwrap_or_else(|_| Err(Failure::Internal("the program met a condition it does not handle".to_owned())));
    ExitCode::from(match outcome {
        Ok(exit) => exit as u8,
        Err(failure) => report(failure) as u8,
    })
}

fn report(failure: Failure) -> Exit {
    match failure {
        Failure::Arguments(error) => {
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Pass }
        }
        Failure::Usage(message) => {
            complain(&format!("error: {message}\n\nFor more, try 'inspector --help'."));
            Exit::Usage
        }
        Failure::NoInput => Exit::NoInput,
        Failure::Refused => Exit::Fail,
        // The reader of a pipe has gone: it has what it wanted.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pass,
        Failure::Output(error) => {
            complain(&format!(
                "error: cannot write the output: {error}; make room, or write it elsewhere (--output FILE). What was written is \
                 not whole."
            ));
            Exit::Output
        }
        Failure::Internal(message) => {
            complain(&format!(
                "error: {message}\nThis is a defect of inspector. Please report it with the recording's kind and size."
            ));
            Exit::Internal
        }
    }
}

/// Prints a message to standard error, made safe for a terminal.
pub(crate) fn complain(message: &str) {
    use io::Write as _;
    let _ = writeln!(anstream::stderr(), "{}", escape::lines(message));
}
