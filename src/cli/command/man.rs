//! `stackgen man`: the manual pages.

use std::path::{Path, PathBuf};

use clap_mangen::Man;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, Failure, command_line};

/// Prints the manual page of stackgen; with a folder, writes a page for each command into it.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write stackgen.1 and a page for each command here, such as /usr/local/share/man/man1.
    pub folder: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let mut command = command_line();
    // With `help`, and with full names such as `stackgen dag run` in the usage lines.
    command.build();
    let Some(folder) = &args.folder else {
        context.ui.bytes(&page(&command, "stackgen")?)?;
        return Ok(ExitCode::Done);
    };
    let folder = context.directory.join(folder);
    let failed = |path: &Path, error: std::io::Error| {
        Failure::new(
            ExitCode::Failed,
            format!("cannot write {}: {error}", path.display()),
        )
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    for (name, page) in pages(&command, "stackgen")? {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, page).map_err(|error| failed(&path, error))?;
        context.ui.words(format!("written  {}", path.display()));
    }
    Ok(ExitCode::Done)
}

/// Returns the page of a command and of all below it, each with its name.
fn pages(command: &clap::Command, name: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut all = vec![(name.to_owned(), page(command, name)?)];
    let below = command.get_subcommands();
    for inner in below.filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        all.extend(pages(inner, &format!("{name}-{}", inner.get_name()))?);
    }
    Ok(all)
}

fn page(command: &clap::Command, name: &str) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command = command.clone().display_name(name);
    Man::new(command).render(&mut page)?;
    Ok(page)
}
