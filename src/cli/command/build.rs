//! `stackgen build`: the images of services that have a `build`.

use std::collections::BTreeMap;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode};
use crate::exec::ApplyOptions;
use crate::model::SecretText;
use crate::plan::{BuildWhich, BuildWish, PlanOptions, PullWhich, Refresh};

use super::apply::{failure_lines, perform};
use super::images::refuse_blocked;

/// Builds the images of services that have a `build`, and touches nothing that runs: the next apply replaces what has a newer image.
///
/// Through docker's buildx plug-in where there is one, else by the engine itself. What the builder says is shown with -v, and where it
/// fails.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only the images of these services; default: all that can be built.
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Build every layer anew.
    #[arg(long)]
    pub no_cache: bool,
    /// Ask the registry for newer base images.
    #[arg(long)]
    pub pull: bool,
    /// Set a build argument, over that of stack.toml; a name alone takes its value from the environment.
    #[arg(long, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// Build what the named services depend on too.
    #[arg(long, requires = "services")]
    pub with_dependencies: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (_, session) = context.session().await?;
    let options = PlanOptions {
        services: context.services(&session, &args.services)?,
        with_dependencies: args.with_dependencies,
        ..PlanOptions::default()
    };
    let which = Refresh {
        pull: PullWhich::None,
        build: BuildWhich::All,
        wish: BuildWish {
            no_cache: args.no_cache,
            pull: args.pull,
            args: arguments(&args.build_arg),
        },
    };
    let planned = session.plan_refresh(&options, &which).await?;
    refuse_blocked(context, &planned.plan)?;
    let plan = &planned.plan;
    if plan.is_empty() {
        context
            .ui
            .words("No service that was asked for has a build.");
        return Ok(ExitCode::Done);
    }
    let (report, took) = perform(context, &session, plan, &ApplyOptions::default()).await?;
    if report.is_success() {
        let count = plan.steps.len();
        let images = if count == 1 { "image" } else { "images" };
        let took = took.as_secs_f64();
        context
            .ui
            .words(format!("Built {count} {images} in {took:.1} s."));
        return Ok(ExitCode::Done);
    }
    for line in failure_lines(plan, &report) {
        context.ui.loud(line);
    }
    if report.stopped {
        context.ui.loud("Interrupted. What was built stays.");
        return Ok(ExitCode::Interrupted);
    }
    Ok(ExitCode::Failed)
}

fn arguments(words: &[String]) -> BTreeMap<String, Option<SecretText>> {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(SecretText::new(value))),
            None => (word.clone(), None),
        })
        .collect()
}
