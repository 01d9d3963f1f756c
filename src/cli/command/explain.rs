//! `stackgen explain`: what a code means, or where a value comes from.

use crate::cli::context::Context;
use crate::cli::diagnostics::{DrawOptions, draw};
use crate::cli::origin_view;
use crate::cli::table::columns;
use crate::cli::ui::{FAINT, STRONG, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::model::KeyPath;
use crate::reconcile::Project;
use crate::stackfile::{Code, Concern, Unexplained, explain_path, is_section};

/// Says which file, line and layer set a value of stack.toml, what it overrode, and where the variables in it come from. For a code of
/// `stackgen check`: what it means, with an example of wrong and right. Without either, lists all codes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A path such as services.web.environment.LOG_LEVEL, or a code such as unknown-key.
    #[arg(value_name = "WHAT")]
    pub what: Option<String>,
    /// For a path, print JSON: path, outcome (value, table, nothing or default), value, layers (highest first: layer, overlay, act, value,
    /// in_effect, file, line, column), variables (name, source, value, over, file, line, column) and keys (key, value, layer, …).
    #[arg(long)]
    pub json: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let Some(what) = &args.what else {
        context.ui.data(list())?;
        return Ok(ExitCode::Done);
    };
    if what.contains('.') || is_section(what) {
        return path(context, what, args.json);
    }
    let Some(code) = Code::from_name(what) else {
        return Err(unknown_code(what));
    };
    context.ui.data(explanation(code))?;
    Ok(ExitCode::Done)
}

/// Explains where a value comes from. Mistakes elsewhere in the file do not matter.
fn path(context: &Context, what: &str, is_json: bool) -> CommandResult {
    let selection = context.selection(Concern::Values)?;
    let sources = Project::sources(&context.request(), &selection)?;
    match explain_path(&sources, &selection, &KeyPath::parse(what)) {
        Ok(explanation) => {
            context.ui.data(match is_json {
                true => origin_view::json(&explanation, &sources).to_string(),
                false => origin_view::draw(&explanation, &sources),
            })?;
            Ok(ExitCode::Done)
        }
        Err(Unexplained::Mistakes(mistakes)) => {
            let options = DrawOptions {
                color: context.ui.has_color_for_words(),
                ..DrawOptions::default()
            };
            context.ui.loud(draw(&mistakes, &sources, &options));
            Err(Failure::silent(ExitCode::Invalid))
        }
        Err(Unexplained::Unknown { found, nearest }) => {
            let failure = Failure::new(ExitCode::Usage, format!("there is no {what} in the stack"));
            Err(match nearest {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None if found.keys().is_empty() => {
                    failure.hint("stackgen explain services lists the services")
                }
                None => failure.hint(format!("stackgen explain {found} lists what it has")),
            })
        }
    }
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
