//! `stackgen down`: the stack goes, in reverse order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, Failure, consent, obstacles};
use crate::compose::labels;
use crate::exec::{ApplyOptions, CANCEL_PATIENCE, CancelRequest};
use crate::plan::{DownOptions, Note, Plan};
use crate::reconcile::{Planned, Session};
use crate::store::Journal;

use super::apply::{finish, perform};
use super::plan::plan_text;

/// Stops and removes the stack's containers and networks. Volumes stay unless `--volumes` says so.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Remove the volumes too, with all that is in them; each is named and asked for.
    #[arg(long)]
    pub volumes: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// How long a stop may take before the process is killed, in seconds; default: what the service says.
    #[arg(short = 't', long = "stop-timeout", value_name = "SECONDS")]
    pub stop_timeout: Option<u64>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> CommandResult {
    let (project, session) = context.session().await?;
    let _lock = session.lock().await?;
    let options = DownOptions {
        volumes: args.volumes,
        stop_grace: args.stop_timeout.map(Duration::from_secs),
    };
    let mut planned = session.plan_down(&options).await?;
    let volumes = volumes(&session, &planned);
    let kept = || {
        if !args.volumes && !volumes.is_empty() {
            let names = volumes.join(", ");
            context.ui.words(format!(
                "Volumes stay: {names}. Remove them too with: stackgen down --volumes"
            ));
        }
    };
    if !context.ui.is_quiet() && !planned.plan.is_empty() {
        context
            .ui
            .data(plan_text(context, &project, &planned.plan))?;
    }
    refuse_namesakes(&planned.plan)?;
    obstacles::refuse(obstacles::at_the_engine(&planned.plan), "changed")?;
    let agreed = consent::unconsented(&planned.plan, &[]);
    if args.volumes && !args.yes && !planned.plan.is_empty() {
        consent::ask(&context.ui, &planned.plan, true, &[])?;
    }
    // The runs first: a task whose service goes away would count as failed, and be tried again.
    if cancel_runs(context, &session).await? {
        planned = session.plan_down(&options).await?;
        obstacles::refuse(obstacles::at_the_engine(&planned.plan), "changed")?;
        if !args.yes {
            // What came to light only now was not agreed to.
            consent::ask(&context.ui, &planned.plan, true, &agreed)?;
        }
    }
    if planned.plan.is_empty() {
        let project = session.stack.name();
        context.ui.words(format!(
            "{project}: nothing of it is running, and nothing is to be removed."
        ));
        kept();
        return Ok(ExitCode::Done);
    }
    let plan = &planned.plan;
    let (report, took) = perform(context, &session, plan, &ApplyOptions::default()).await?;
    let ended = finish(context, plan, &report, took)?;
    if ended == ExitCode::Done {
        kept();
    }
    Ok(ended)
}

/// Refuses where nothing of this stack is there, and a project of the same name is another folder's: nobody is to think it were down.
fn refuse_namesakes(plan: &Plan) -> Result<(), Failure> {
    let others = plan.notes.iter().filter_map(|note| match note {
        Note::NotOurs { kind, name, why } => Some(format!("{kind} {name} {why}")),
        _ => None,
    });
    let others: Vec<String> = others.collect();
    if !plan.is_empty() || others.is_empty() {
        return Ok(());
    }
    let message = format!("{}; nothing was changed", others.join("; "));
    Err(Failure::new(ExitCode::Refused, message)
        .hint("take it down from its own folder, or take it over first: stackgen apply --adopt"))
}

/// Returns the stack's volumes at the engine.
fn volumes(session: &Session, planned: &Planned) -> Vec<String> {
    let project = session.stack.name().as_str();
    let is_own = |labels: &BTreeMap<String, String>| {
        labels
            .get(labels::PROJECT)
            .is_some_and(|name| name == project)
    };
    let volumes = planned.observed.volumes.iter();
    volumes
        .filter(|volume| is_own(&volume.labels))
        .map(|volume| volume.name.clone())
        .collect()
}

/// Ends the runs of this stack that are open, and returns whether there were any. One that cannot be ended is named, and does not keep the
/// stack up.
async fn cancel_runs(context: &Context, session: &Session) -> Result<bool, Failure> {
    let request = CancelRequest {
        engine: Some(Arc::clone(&session.engine)),
        stack: Arc::clone(&session.stack),
        journal: Journal::open(&session.state)?,
        state_dir: session.state.clone(),
        dag: None,
        patience: CANCEL_PATIENCE,
    };
    super::dag::cancel_runs(&context.ui, &request).await
}
