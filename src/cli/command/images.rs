//! What `stackgen apply` brings before it plans: images that are to be pulled or built although some are here.

use crate::cli::context::Context;
use crate::cli::{ExitCode, Failure};
use crate::exec::ApplyOptions;
use crate::plan::{Bring, BuildWhich, BuildWish, Plan, PlanOptions, PullWhich, Refresh};
use crate::reconcile::{Project, Session};
use crate::store::read_image_lock;

use super::apply::{failure_lines, perform};

/// Which images an apply pulls and builds.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImageArgs {
    /// Pull images by this policy instead of those in stack.toml.
    #[arg(long, value_name = "WHEN", conflicts_with = "locked")]
    pub pull: Option<When>,
    /// Build every image that can be built first, also those that are here.
    #[arg(long, conflicts_with = "locked")]
    pub build: bool,
    /// Do not build what is missing.
    #[arg(long, conflicts_with = "build")]
    pub no_build: bool,
}

/// Reads stack.lock into `options`. Going by it, there has to be one.
pub(super) fn read_lock(project: &Project, options: &mut PlanOptions) -> Result<(), Failure> {
    options.lock = read_image_lock(&project.sources.folder)?;
    if options.locked && options.lock.is_none() {
        let failure = Failure::new(ExitCode::Refused, "there is no stack.lock to go by");
        return Err(failure.hint("make one of what is here with: stackgen lock"));
    }
    Ok(())
}

impl ImageArgs {
    /// Returns whether any flag was given.
    pub(super) fn is_any_given(&self) -> bool {
        self.pull.is_some() || self.build || self.no_build
    }
}

/// When an apply pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// Before it plans, every image that is not built.
    Always,
    /// Only what is not here.
    Missing,
    /// Not at all: a missing image is refused.
    Never,
}

/// Brings what an apply has to bring before it plans, and sets what its plan may bring itself. Nothing was touched if this fails.
pub(super) async fn before_plan(
    context: &Context,
    session: &Session,
    options: &mut PlanOptions,
    args: &ImageArgs,
) -> Result<(), Failure> {
    options.bring = match args.pull {
        Some(When::Never) => Bring::Nothing,
        None | Some(When::Always | When::Missing) => Bring::Missing,
    };
    options.build_missing = !args.no_build;
    if options.locked {
        return Ok(());
    }
    let Some(which) = refresh(session, args) else {
        return Ok(());
    };
    let planned = session.plan_refresh(options, &which).await?;
    refuse_blocked(context, &planned.plan)?;
    if planned.plan.is_empty() {
        return Ok(());
    }
    bring(context, session, &planned.plan).await
}

fn refresh(session: &Session, args: &ImageArgs) -> Option<Refresh> {
    let by_policy = session.refresh_by_policy();
    let mut which = by_policy.unwrap_or(Refresh {
        pull: PullWhich::None,
        build: BuildWhich::None,
        wish: BuildWish::default(),
    });
    match args.pull {
        None => {}
        Some(When::Always) => which.pull = PullWhich::Always,
        Some(When::Missing | When::Never) => which.pull = PullWhich::None,
    }
    if args.build {
        which.build = BuildWhich::All;
    }
    if args.no_build {
        which.build = BuildWhich::None;
    }
    let is_any = which.pull != PullWhich::None || which.build != BuildWhich::None;
    is_any.then_some(which)
}

/// Refuses a plan that cannot be performed, with what stands in its way.
pub(super) fn refuse_blocked(context: &Context, plan: &Plan) -> Result<(), Failure> {
    let blockers: Vec<String> = plan.blockers().map(crate::plan::note_text).collect();
    if blockers.is_empty() {
        return Ok(());
    }
    for blocker in blockers {
        context.ui.loud(blocker);
    }
    Err(Failure::new(
        ExitCode::Refused,
        "nothing was done; see above",
    ))
}

async fn bring(context: &Context, session: &Session, plan: &Plan) -> Result<(), Failure> {
    let (report, _) = perform(context, session, plan, &ApplyOptions::default()).await?;
    session.remember_pulls(plan, &report);
    if report.is_success() {
        return Ok(());
    }
    for line in failure_lines(plan, &report) {
        context.ui.loud(line);
    }
    if report.stopped {
        context.ui.loud("Interrupted, and nothing was touched.");
        return Err(Failure::silent(ExitCode::Interrupted));
    }
    context.ui.loud(
        "Nothing was touched. To do with the images that are here: stackgen apply --pull missing",
    );
    Err(Failure::silent(ExitCode::Failed))
}
