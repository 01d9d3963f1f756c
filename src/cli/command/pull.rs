//! `stackgen pull`: images, and nothing else.

use crate::cli::context::Context;
use crate::cli::ui::{WARNING, styled};
use crate::cli::{CommandResult, ExitCode};
use crate::exec::{ApplyOptions, StepOutcome};
use crate::plan::{Action, BuildWhich, BuildWish, PlanOptions, PullWhich, Refresh};

use super::apply::{failure_lines, perform};

/// Pulls the images of the stack's services, and touches nothing that runs: the next apply replaces what has a newer image.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only the images of these services; default: all.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Pull what the named services depend on too.
    #[arg(long, requires = "services")]
    pub include_deps: bool,
    /// Leave out services that can be built.
    #[arg(long)]
    pub ignore_buildable: bool,
    /// Pull what can be pulled, and do not fail because of the others.
    #[arg(long)]
    pub ignore_pull_failures: bool,
    /// Pull by this policy instead of those in stack.toml.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<Policy>,
}

/// Which images are pulled, whatever stack.toml says of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Policy {
    /// All.
    Always,
    /// Those that are not here.
    Missing,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (_, session) = context.session().await?;
    let options = PlanOptions {
        services: context.services(&session, &args.services)?,
        with_dependencies: args.include_deps,
        ..PlanOptions::default()
    };
    let pull = match args.policy {
        None => PullWhich::Asked {
            ignore_buildable: args.ignore_buildable,
        },
        Some(Policy::Always) => PullWhich::Always,
        Some(Policy::Missing) => PullWhich::Missing,
    };
    let which = Refresh {
        pull,
        build: BuildWhich::None,
        wish: BuildWish::default(),
    };
    let planned = session.plan_refresh(&options, &which).await?;
    if planned.plan.is_empty() {
        context.ui.words("No image is to be pulled.");
        return Ok(ExitCode::Done);
    }
    let plan = &planned.plan;
    let (report, took) = perform(context, &session, plan, &ApplyOptions::default()).await?;
    session.remember_pulls(plan, &report);
    if report.stopped {
        context.ui.loud("Interrupted. What was pulled stays.");
        return Ok(ExitCode::Interrupted);
    }
    let pulled = report.outcomes.iter();
    let pulled = pulled.filter(|it| **it == StepOutcome::Done).count();
    if report.is_success() {
        let took = took.as_secs_f64();
        let images = if pulled == 1 { "image" } else { "images" };
        context
            .ui
            .words(format!("Pulled {pulled} {images} in {took:.1} s."));
        return Ok(ExitCode::Done);
    }
    if args.ignore_pull_failures {
        for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
            if let (Action::PullImage { image, .. }, StepOutcome::Failed { message, .. }) =
                (&step.action, outcome)
            {
                let warning = styled(WARNING, "warning:");
                context.ui.words(format!("{warning} {image}: {message}"));
            }
        }
        return Ok(ExitCode::Done);
    }
    for line in failure_lines(plan, &report) {
        context.ui.loud(line);
    }
    Ok(ExitCode::Failed)
}
