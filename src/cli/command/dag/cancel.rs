//! `dag cancel`: ends the open runs of a DAG.

use std::sync::Arc;

use crate::cli::context::Context;
use crate::cli::{CommandResult, ExitCode, Failure, Ui};
use crate::exec::{CANCEL_PATIENCE, CancelRequest, cancel_open_runs};
use crate::reconcile::end_name;
use crate::stackfile::Concern;
use crate::store::{Journal, StateDir};

use super::find;
use super::run::engine;

pub(super) async fn cancel(context: &Context, name: &str) -> CommandResult {
    let project = context.checked(Concern::Values)?;
    let stack = Arc::clone(project.resolved()?);
    let (name, dag) = find(&stack, name)?;
    let state_dir = StateDir::open(&project.sources.folder)?;
    let request = CancelRequest {
        engine: engine(context, dag).await?,
        stack: Arc::clone(&stack),
        journal: Journal::open(&state_dir)?,
        state_dir,
        dag: Some(name.clone()),
        patience: CANCEL_PATIENCE,
    };
    if !cancel_runs(&context.ui, &request).await? {
        context.ui.words(format!("{name} has no open run"));
    }
    Ok(if request.open_runs().await?.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Failed
    })
}

/// Ends open runs, says which, and returns whether there were any.
pub(in crate::cli) async fn cancel_runs(ui: &Ui, request: &CancelRequest) -> Result<bool, Failure> {
    let open = request.open_runs().await?;
    for run in &open {
        ui.words(format!("cancelling {}  {}", run.dag, run.run_id));
    }
    for run in cancel_open_runs(request).await? {
        let how = match &run.end {
            Ok(end) => end_name(Some(*end)).to_owned(),
            Err(why) => format!("still open: {why}"),
        };
        ui.words(format!("{}  {}  {how}", run.dag, run.run_id));
    }
    Ok(!open.is_empty())
}
