//! Ending open runs, whoever is at work on them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::dag::RunEnd;
use crate::engine::Engine;
use crate::model::{DagName, Resolved, RunId, Stack};
use crate::store::{Journal, RunSummary, StateDir};

use super::owner::blocking;
use super::{RunError, RunReport, RunRequest, Stop, run_dag};

/// How often to look whether another process has ended its run.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long runs may take to end: a task that is asked to stop has ten seconds, and ten more to be gone.
pub const CANCEL_PATIENCE: Duration = Duration::from_secs(30);

/// Which open runs to end.
#[derive(Clone)]
pub struct CancelRequest {
    /// The engine; only runs with containers need one.
    pub engine: Option<Arc<dyn Engine>>,
    /// The stack.
    pub stack: Arc<Stack<Resolved>>,
    /// Where the runs are written down.
    pub journal: Journal,
    /// Where their logs and locks are.
    pub state_dir: StateDir,
    /// Whose runs; `None`: those of all DAGs.
    pub dag: Option<DagName>,
    /// How long to wait for all of them together.
    pub patience: Duration,
}

/// A run that was open and was asked to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelledRun {
    /// Its DAG.
    pub dag: DagName,
    /// The run.
    pub run_id: RunId,
    /// How it ended, or why it is still open.
    pub end: Result<RunEnd, String>,
}

impl CancelRequest {
    /// Returns the runs that are open.
    ///
    /// # Errors
    /// [`RunError::Store`].
    pub async fn open_runs(&self) -> Result<Vec<RunSummary>, RunError> {
        let journal = self.journal.clone();
        let mut open = blocking(move || journal.open_runs()).await?;
        open.retain(|run| self.dag.as_ref().is_none_or(|dag| run.dag == *dag));
        Ok(open)
    }
}

/// Asks all open runs to end and waits until they have, within the request's patience.
///
/// A run that another process is at work on is ended by that process. One whose process is no more is taken up here: what it left
/// at work is found and stopped, and the end is written down.
///
/// # Errors
/// [`RunError::Store`]. That a run could not be ended is told with it.
pub async fn cancel_open_runs(request: &CancelRequest) -> Result<Vec<CancelledRun>, RunError> {
    let open = request.open_runs().await?;
    // All of them are asked before the first is waited for.
    for run in &open {
        let (journal, dag, id) = (request.journal.clone(), run.dag.clone(), run.run_id.clone());
        blocking(move || journal.request_cancel(&dag, &id, Timestamp::now())).await?;
    }
    let deadline = Instant::now() + request.patience;
    let mut cancelled = Vec::new();
    for run in open {
        let end = await_end(request, &run, deadline).await?;
        cancelled.push(CancelledRun {
            dag: run.dag,
            run_id: run.run_id,
            end,
        });
    }
    Ok(cancelled)
}

async fn await_end(
    request: &CancelRequest,
    run: &RunSummary,
    deadline: Instant,
) -> Result<Result<RunEnd, String>, RunError> {
    loop {
        let (journal, dag, id) = (request.journal.clone(), run.dag.clone(), run.run_id.clone());
        let found = blocking(move || journal.run(&dag, &id)).await?;
        if let Some((end, _)) = found.and_then(|found| found.end) {
            return Ok(Ok(end));
        }
        let taken = tokio::time::timeout_at(deadline, take_up(request, run)).await;
        match taken {
            Ok(Ok(_) | Err(RunError::NoOpenRun { .. })) => {}
            Ok(Err(RunError::AtWork { holder, .. })) => {
                if Instant::now() + LOOK_INTERVAL > deadline {
                    return Ok(Err(format!("{holder} has not ended it")));
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Ok(Err(RunError::Store(error))) => return Err(error.into()),
            Ok(Err(error)) => return Ok(Err(error.to_string())),
            Err(_) => return Ok(Err("what it left at work has not stopped".to_owned())),
        }
    }
}

/// Goes on with a cancelled run, which ends it.
async fn take_up(request: &CancelRequest, run: &RunSummary) -> Result<RunReport, RunError> {
    let request = RunRequest {
        resume: Some(run.run_id.clone()),
        start_services: false,
        ..RunRequest::manual(
            request.engine.clone(),
            Arc::clone(&request.stack),
            run.dag.clone(),
            request.journal.clone(),
            request.state_dir.clone(),
            Timestamp::now(),
        )
    };
    // Nobody listens: the receiver is gone at once.
    let (progress, _) = mpsc::channel(1);
    run_dag(request, progress, &Stop::default()).await
}
