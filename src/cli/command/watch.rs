//! `stackgen watch`: the daemon.

use std::time::Duration;

use jiff::Zoned;
use tokio::sync::mpsc;

use crate::cli::context::Context;
use crate::cli::interrupt::Interrupt;
use crate::cli::{CommandResult, ExitCode, watch_view};
use crate::exec::ApplyOptions;
use crate::reconcile::daemon::{self, DaemonOptions, Happening};
use crate::stackfile::Concern;

/// Follows stack.toml and everything it names, repairs what drifts at the engine, and runs the schedules. Ctrl-C ends it and leaves the
/// stack running.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Allow an edit to remove more than half of the running services.
    #[arg(long)]
    pub allow_removals: bool,
    /// Do not run the schedules.
    #[arg(long)]
    pub no_schedules: bool,
}

/// Everything is looked at this often, whatever the engine told.
const RESCAN: Duration = Duration::from_secs(60);

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (project, session) = context.session().await?;
    context.refuse_failed_lints(&project)?;
    project.write(&context.rendered(&project)?)?;
    let options = DaemonOptions {
        request: context.request(),
        selection: context.selection(Concern::Values)?,
        allow_removals: args.allow_removals,
        schedules: !args.no_schedules,
        rescan: RESCAN,
        apply: ApplyOptions::default(),
    };
    let interrupt = Interrupt::listen(&context.ui, ["", ""])?;
    let (tell, happenings) = mpsc::channel(256);
    let work = daemon::run(project, session, options, tell, &interrupt.stop);
    let (result, ()) = tokio::join!(work, show(context, args.json, happenings));
    result?;
    Ok(ExitCode::Done)
}

async fn show(context: &Context, json: bool, mut happenings: mpsc::Receiver<Happening>) {
    while let Some(happening) = happenings.recv().await {
        let now = Zoned::now();
        // That nobody reads the lines any more does not end the watch.
        if json {
            if let Some(object) = watch_view::json(&happening, &now) {
                context.ui.data(object.to_string()).ok();
            }
        } else {
            for line in watch_view::lines(&happening, &now, context.ui.has_color()) {
                context.ui.data(line).ok();
            }
        }
    }
}
