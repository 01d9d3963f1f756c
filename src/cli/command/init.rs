//! `stackgen init`: a stack.toml to begin with.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode};

use super::import::{imported, refuse_to_overwrite, write};

/// The names of compose files, in the order in which Compose looks for them.
const COMPOSE_FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
/// What Compose lays over them by itself.
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

const STARTER: &str = include_str!("starter.toml");

/// Writes ./stack.toml: from the compose file of this folder if there is one, else a small commented one that works at once.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write the commented starter although there is a compose file.
    #[arg(long)]
    pub starter: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    refuse_to_overwrite(context)?;
    let found = |names: &[&str]| {
        names
            .iter()
            .find(|name| context.directory.join(name).is_file())
            .map(PathBuf::from)
    };
    let compose = found(&COMPOSE_FILES).filter(|_| !args.starter);
    match compose {
        Some(file) => {
            context.ui.words(format!("from       {}", file.display()));
            let files: Vec<PathBuf> = [Some(file), found(&OVERRIDES)]
                .into_iter()
                .flatten()
                .collect();
            write(context, &imported(context, &files)?)?;
        }
        None => write(context, STARTER)?,
    }
    context
        .ui
        .words("look at it, then run: stackgen check, stackgen plan, stackgen apply");
    Ok(ExitCode::Done)
}
