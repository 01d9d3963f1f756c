//! `stackgen check`: every mistake of stack.toml at once.

use crate::cli::context::Context;
use crate::cli::diagnostics::{DrawOptions, draw, json, short};
use crate::cli::{CommandResult, ExitCode};
use crate::reconcile::Project;
use crate::stackfile::{Concern, Diagnostic};

/// Looks for mistakes in stack.toml and everything that it names. Needs no engine.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How to print what was found.
    #[arg(long, value_name = "FORMAT", default_value = "full")]
    pub format: Format,
    /// Print a JSON list: code, severity, message, file, line, column, help.
    #[arg(long)]
    pub json: bool,
    /// Print all of them, not the first 20.
    #[arg(long)]
    pub all: bool,
}

/// How diagnostics are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With the source line.
    Full,
    /// One line each, for grep.
    Short,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let mut project = Project::check(&context.request(), &context.selection(Concern::Values)?)?;
    project.check_templates();
    let (diagnostics, sources) = (&project.diagnostics, &project.sources);
    let options = DrawOptions {
        color: context.ui.has_color(),
        all: args.all,
        ..DrawOptions::default()
    };
    if args.json {
        context.ui.data(json(diagnostics, sources).to_string())?;
    } else if diagnostics.is_empty() {
        let file = project.name_of_file();
        context.ui.words(format!("{file}: no mistakes"));
    } else if args.format == Format::Short {
        context.ui.data(short(diagnostics, sources))?;
    } else {
        context.ui.data(draw(diagnostics, sources, &options))?;
    }
    if !args.json {
        super::render::warn_of_variables(context, &project);
    }
    let ends = exit_code(diagnostics);
    project.leave_to_the_system();
    Ok(ends)
}

fn exit_code(diagnostics: &[Diagnostic]) -> ExitCode {
    // A lint that counts as a failure is no mistake: everything else works on.
    let mut errors = diagnostics.iter().filter(|told| told.is_error());
    match errors.clone().next() {
        None => ExitCode::Done,
        Some(_) if errors.all(|told| told.code.is_lint()) => ExitCode::Failed,
        Some(_) => ExitCode::Invalid,
    }
}
