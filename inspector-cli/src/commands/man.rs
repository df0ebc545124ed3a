//! `inspector man`: the manual pages, one for each command.

use std::{fs, path::Path};

use clap::CommandFactory as _;

use crate::{
    args::{self, Arguments},
    exit::{Exit, Failure},
};

/// Runs the command.
pub(crate) fn run(man: &args::Man) -> Result<Exit, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::Usage(format!("cannot write the manual pages to '{}': {error}", man.folder.display()))
    };
    fs::create_dir_all(&man.folder).map_err(cannot)?;
    let mut command = Arguments::command();
    command.build();
    page(&command, "inspector", &man.folder).map_err(cannot)?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        let name = format!("inspector-{}", below.get_name());
        page(below, &name, &man.folder).map_err(cannot)?;
    }
    Ok(Exit::Pass)
}

fn page(command: &clap::Command, name: &str, folder: &Path) -> std::io::Result<()> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut text)?;
    fs::write(folder.join(format!("{name}.1")), text)
}
