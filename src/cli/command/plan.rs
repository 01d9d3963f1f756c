//! `stackgen plan`: what apply would do, and what it would cost.

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, plan_json};
use crate::plan::{self, Plan, PlanOptions, TextOptions};
use crate::reconcile::Project;

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
    /// Plan to remove containers and networks that stack.toml no longer declares.
    #[arg(long)]
    pub prune: bool,
    /// Leave out what the named services depend on.
    #[arg(long, requires = "services")]
    pub no_deps: bool,
    /// Take over what another folder made under this project name; its containers are made anew.
    #[arg(long)]
    pub adopt: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (project, session) = context.session().await?;
    let options = PlanOptions {
        services: context.services(&session, &args.services)?,
        with_dependencies: !args.no_deps,
        prune: args.prune,
        adopt: args.adopt,
        ..PlanOptions::default()
    };
    let planned = session.plan(&options).await?;
    if args.json {
        context
            .ui
            .data(plan_json::json(&planned.plan).to_string())?;
    } else if !context.ui.is_quiet() {
        context
            .ui
            .data(plan_text(context, &project, &planned.plan))?;
        if planned.plan.has_changes() && planned.plan.blockers().next().is_none() {
            context.ui.words("Apply it with: stackgen apply");
        }
    }
    if args.exit_code && planned.plan.has_changes() {
        return Ok(ExitCode::Differs);
    }
    Ok(ExitCode::Done)
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
