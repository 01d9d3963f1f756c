//! `stackgen plan`: what apply would do, and what it would cost.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::plan_args::PlanArgs;
use crate::cli::{CommandResult, ExitCode, Failure, obstacles, plan_json, saved_plan};
use crate::plan::{self, Note, Plan, TextOptions};
use crate::reconcile::Project;

use super::images::read_lock;

/// Shows, field by field, what differs between stack.toml and what runs. Changes nothing.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only these services and what they depend on; default: all.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Exit 2 if anything differs. A container that is as it should be and not well is no difference.
    #[arg(long)]
    pub exit_code: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// What the plan is made for.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Save the plan, for `stackgen apply FILE`. The file is private and holds no secret.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (project, session) = context.session().await?;
    let services = context.services(&session, &args.services)?;
    let mut options = args.plan.options(services);
    read_lock(&project, &mut options)?;
    let planned = session.plan(&options).await?;
    if args.json {
        context
            .ui
            .data(plan_json::json(&planned.plan).to_string())?;
    } else if !context.ui.is_quiet() {
        context
            .ui
            .data(plan_text(context, &project, &planned.plan))?;
    }
    if let Some(path) = &args.out {
        obstacles::refuse(obstacles::at_the_engine(&planned.plan), "saved")?;
        saved_plan::save(context, &project, &session, &options, &planned, path)?;
        let path = path.display();
        context.ui.words(format!(
            "Saved to {path}. Apply it with: stackgen apply {}",
            as_path(&path.to_string())
        ));
    } else if !args.json && planned.plan.has_changes() && planned.plan.blockers().next().is_none() {
        let command = args.plan.apply_command(&args.services);
        context.ui.words(format!("Apply it with: {command}"));
    }
    let is_refused = |note: &Note| matches!(note, Note::NotLocked { .. });
    if planned.plan.notes.iter().any(is_refused) {
        let failure = Failure::new(ExitCode::Refused, "the lock does not fit; see above");
        return Err(failure.hint("lock what is here with: stackgen lock"));
    }
    if args.exit_code && planned.plan.has_changes() {
        return Ok(ExitCode::Differs);
    }
    Ok(ExitCode::Done)
}

/// Returns a file's name as `apply` takes it for a path.
fn as_path(path: &str) -> String {
    if path.contains('/') {
        path.to_owned()
    } else {
        format!("./{path}")
    }
}

/// Returns a plan as text, with the lines of stack.toml that its fields come from.
pub(crate) fn plan_text(context: &Context, project: &Project, plan: &Plan) -> String {
    let options = TextOptions {
        width: context.ui.width().unwrap_or(100).min(100),
        verbose: context.ui.is_verbose(),
        place: &|resource, field| project.place(resource, field),
    };
    plan::text(plan, &options)
}
