//! `stackgen completions`: commands and flags for a shell to complete.

use clap_complete::{Shell, generate};

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, command_line};

/// Prints a script for a shell, made from the same description that the command line is read by.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The shell.
    pub shell: Shell,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let mut script = Vec::new();
    generate(args.shell, &mut command_line(), "stackgen", &mut script);
    context.ui.bytes(&script)?;
    Ok(ExitCode::Done)
}
