//! `inspector completions`: what a shell needs to complete commands and options.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::{
    args::{self, Arguments},
    exit::{Exit, Failure},
};

/// Runs the command.
pub(crate) fn run(completions: &args::Completions) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "inspector", &mut script);
    let mut to = std::io::stdout();
    to.write_all(&script)?;
    to.flush()?;
    Ok(Exit::Pass)
}
