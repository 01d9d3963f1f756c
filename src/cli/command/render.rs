//! `stackgen render`: stack.toml becomes files.

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode};
use crate::reconcile::Project;
use crate::render::{Generated, worker_lacks};
use crate::stackfile::Concern;
use crate::store::Change;

/// Writes docker-compose.yml and the task definitions to generated/ beside stack.toml. Needs neither an engine nor values for variables.
///
/// A file that an earlier render wrote and that is not rendered any more is removed, unless somebody changed it since.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Write nothing; exit 2 with a diff if generated/ is not what stack.toml says.
    #[arg(long, conflicts_with = "stdout")]
    pub check: bool,
    /// Print the files instead of writing them.
    #[arg(long)]
    pub stdout: bool,
    /// Print, as JSON, what templates of [render.files] see; docs/templates.md explains it.
    #[arg(long, conflicts_with_all = ["check", "stdout"])]
    pub data: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> CommandResult {
    let project = context.checked(Concern::File)?;
    if args.data {
        let data = project.template_data()?;
        context.ui.data(format!("{data:#}"))?;
        return Ok(ExitCode::Done);
    }
    let files = context.rendered(&project)?;
    if args.stdout {
        return print(context, &files);
    }
    if args.check {
        return compare(context, &project, &files);
    }
    for (path, change) in project.write(&files)? {
        let path = path.display();
        context.ui.words(match change {
            Change::Written => format!("written    {path}"),
            Change::AsItWas => format!("as it was  {path}"),
            Change::Removed => format!("removed    {path}"),
            Change::LeftOver => left_over(&path.to_string()),
        });
    }
    warn_of_variables(context, &project);
    project.leave_to_the_system();
    Ok(ExitCode::Done)
}

/// Returns what is said of a file that is not rendered any more and that somebody changed.
pub(super) fn left_over(path: &str) -> String {
    format!(
        "warning: {path} is not rendered any more, and was changed since stackgen wrote it: remove it if nobody needs it"
    )
}

/// Names the variables that the rendered DAG files need and no Airflow service has, one line a DAG.
pub(super) fn warn_of_variables(context: &Context, project: &Project) {
    let Ok(stack) = project.template() else {
        return;
    };
    for (dag, missing) in worker_lacks(stack) {
        let names: Vec<&str> = missing.iter().map(String::as_str).collect();
        context.ui.words(format!(
            "warning: in Airflow, {dag} needs {} in the environment of the worker",
            names.join(", ")
        ));
    }
}

fn print(context: &Context, files: &[Generated]) -> CommandResult {
    for file in files.iter().filter(|file| !file.is_host_fact) {
        if files.len() > 1 {
            context.ui.data(format!("# ---- {}", file.path.display()))?;
        }
        context.ui.data(&file.text)?;
    }
    Ok(ExitCode::Done)
}

fn compare(context: &Context, project: &Project, files: &[Generated]) -> CommandResult {
    let differences = project.compare(files)?;
    for difference in &differences {
        context.ui.data(&difference.diff)?;
    }
    if differences.is_empty() {
        return Ok(ExitCode::Done);
    }
    let names: Vec<String> = differences
        .iter()
        .map(|difference| difference.path.display().to_string())
        .collect();
    context.ui.words(format!(
        "{} not as {} says: {}. Write them with: stackgen render",
        if names.len() == 1 {
            "A file is"
        } else {
            "Files are"
        },
        project.name_of_file(),
        names.join(", ")
    ));
    Ok(ExitCode::Differs)
}
