//! Runs of DAGs.
//!
//! One owner holds the run and is the only one that changes it; workers perform one try each and report how it ended. The start of a try
//! is in the journal before the act, its end after it, so that a run that was interrupted at any point is gone on with: what is
//! still at work is found again and waited for, and what has ended is never run again.
#![expect(
    clippy::disallowed_methods,
    reason = "the clock of a run enters here, and logs of tries are files"
)]

mod bash;
mod cancel;
mod context;
mod docker;
mod error;
mod http;
mod logs;
mod needs;
mod owner;
mod prepare;
mod progress;
mod service_exec;
mod worker;

pub use cancel::*;
pub use error::*;
pub use logs::last_line;
pub use progress::*;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::compose::ComposeGeneration;
use crate::dag::{RunCause, RunState};
use crate::engine::Engine;
use crate::model::{DagName, Resolved, RunId, Stack, TaskName};
use crate::plan::GATE_TIMEOUT;
use crate::store::{Journal, StateDir};

use super::Stop;

/// Which run to perform, and how.
#[derive(Clone)]
pub struct RunRequest {
    /// The engine; a DAG of bash tasks, and of http tasks to other hosts, needs none.
    pub engine: Option<Arc<dyn Engine>>,
    /// The stack.
    pub stack: Arc<Stack<Resolved>>,
    /// The DAG.
    pub dag: DagName,
    /// Where the run is written down.
    pub journal: Journal,
    /// Where the logs are kept.
    pub state_dir: StateDir,
    /// Why it runs.
    pub cause: RunCause,
    /// What it is for: the start of its interval.
    pub logical_date: Timestamp,
    /// The end of its interval.
    pub data_interval_end: Timestamp,
    /// Parameters that go over those of the DAG.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// The run to go on with; `None`: the latest open one of the DAG, unless `new`.
    pub resume: Option<RunId>,
    /// A task of the run `resume` that is to be run once more, although the run has ended.
    pub retry: Option<TaskName>,
    /// Whether a new run is begun although an open one is there.
    pub new: bool,
    /// Whether services that tasks need are started where they do not run.
    pub start_services: bool,
    /// How long to wait for each service that a task needs.
    pub gate_timeout: Duration,
    /// Whose rules the labels of started services follow.
    pub compose: ComposeGeneration,
}

impl RunRequest {
    /// Returns the request to run a DAG by hand at `now`.
    pub fn manual(
        engine: Option<Arc<dyn Engine>>,
        stack: Arc<Stack<Resolved>>,
        dag: DagName,
        journal: Journal,
        state_dir: StateDir,
        now: Timestamp,
    ) -> Self {
        Self {
            engine,
            stack,
            dag,
            journal,
            state_dir,
            cause: RunCause::Manual,
            logical_date: now,
            data_interval_end: now,
            params: serde_json::Map::new(),
            resume: None,
            retry: None,
            new: false,
            start_services: true,
            gate_timeout: GATE_TIMEOUT,
            compose: ComposeGeneration::default(),
        }
    }
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// The run with its tasks, tries and ends.
    pub run: RunState,
    /// Whether it was gone on with.
    pub resumed: bool,
}

/// Performs a run to its end and returns it; tells what happens on `progress`, of which no one has to read.
///
/// `stop.gently` cancels the run: what is at work is asked to stop, and the run ends as cancelled. `stop.now` kills what is at work.
///
/// # Errors
/// [`RunError`]; what was begun by then stays open in the journal and can be gone on with.
pub async fn run_dag(
    request: RunRequest,
    progress: mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<RunReport, RunError> {
    let prepared = prepare::prepare(&request, &progress, stop).await?;
    let resumed = prepared.resumed;
    let owner = owner::Owner {
        state: prepared.state,
        shared: prepared.shared,
        journal: request.journal,
        _lock: prepared.lock,
        progress,
        commands: prepared.commands,
        workers: JoinSet::new(),
        tries: HashMap::new(),
        cancels: BTreeMap::new(),
        retries: BTreeSet::new(),
        kill: CancellationToken::new(),
        is_heard: true,
    };
    let run = owner.run(stop).await?;
    Ok(RunReport { run, resumed })
}
