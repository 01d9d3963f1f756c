//! `stackgen schema`: the language of stack.toml, for editors and validators.

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode};
use crate::stackfile::language::schema;

/// Prints a JSON Schema (draft 7) of stack.toml, with descriptions and defaults. Needs no stack.toml.
///
/// In an editor with a TOML extension such as Even Better TOML, `#:schema ./stack.schema.json` as the first line of stack.toml names
/// the file that it was written to.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {}

pub(crate) fn run(context: &Context, _: &Args) -> CommandResult {
    context.ui.data(format!("{:#}", schema()))?;
    Ok(ExitCode::Done)
}
