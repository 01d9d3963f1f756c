//! `stackgen explain`: what a code means.

use crate::cli::context::Context;
use crate::cli::table::columns;
use crate::cli::ui::{FAINT, STRONG, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::stackfile::Code;

/// Says what a code of `stackgen check` means, with an example of wrong and right. Without one, lists them all.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A code such as unknown-key.
    #[arg(value_name = "WHAT")]
    pub what: Option<String>,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let Some(what) = &args.what else {
        context.ui.data(list())?;
        return Ok(ExitCode::Done);
    };
    let Some(code) = Code::from_name(what) else {
        return Err(unknown_code(what));
    };
    context.ui.data(explanation(code))?;
    Ok(ExitCode::Done)
}

/// Returns every code with its level and one line.
fn list() -> String {
    let mut rows = vec![["CODE", "LEVEL", "WHAT"].map(|title| styled(FAINT, title))];
    rows.extend(Code::ALL.iter().map(|code| {
        let level = code
            .default_level()
            .map_or_else(|| "error".to_owned(), |level| level.to_string());
        [code.to_string(), level, code.line().to_owned()]
    }));
    columns(&rows)
}

/// Returns the explanation of a code for a terminal: blocks of code are indented instead of fenced.
fn explanation(code: Code) -> String {
    let mut out = format!("{}\n{}\n\n", styled(STRONG, code.name()), code.line());
    let mut is_code = false;
    for line in code.explanation().lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code && !line.is_empty() {
            out.push_str(&format!("    {line}\n"));
        } else {
            out.push_str(&format!("{line}\n"));
        }
    }
    out.push_str(&format!("\n{}\n", code.how_to_set()));
    out
}

fn unknown_code(what: &str) -> Failure {
    let failure = Failure::new(ExitCode::Usage, format!("there is no code {what:?}"));
    match Code::nearest(what) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("stackgen explain lists them all"),
    }
}
