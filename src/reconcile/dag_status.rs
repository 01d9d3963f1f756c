//! DAGs with their last run and their next fire.

use jiff::Timestamp;

use crate::dag::{RunEnd, RunState, TaskEnd, TaskState, schedule};
use crate::model::{DagName, Form, RunId, Runner, Stack};
use crate::store::{Journal, StoreError};

/// A DAG in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DagStatus {
    /// Its name.
    pub name: DagName,
    /// Its last run.
    pub last: Option<LastRun>,
    /// When it fires next; `None`: only when asked, or somebody else fires it.
    pub next: Option<Timestamp>,
    /// The zone of its schedule.
    pub timezone: String,
}

/// The last run of a DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// The run.
    pub run_id: RunId,
    /// `success`, `failed`, `cancelled`, or `open` where it has not ended.
    pub state: &'static str,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The tasks that failed, with how often they were tried.
    pub failed_tasks: Vec<(String, usize)>,
}

impl DagStatus {
    /// Returns whether its last run failed.
    pub fn has_failed(&self) -> bool {
        self.last.as_ref().is_some_and(|run| run.state == "failed")
    }
}

/// Returns the word for how a run ended.
pub fn end_name(end: Option<RunEnd>) -> &'static str {
    match end {
        Some(RunEnd::Success) => "success",
        Some(RunEnd::Failed) => "failed",
        Some(RunEnd::Cancelled) => "cancelled",
        None => "open",
    }
}

/// Returns each DAG with its last run and when it is due next.
///
/// # Errors
/// Where the journal cannot be read.
pub fn dag_status<F: Form>(
    stack: &Stack<F>,
    journal: &Journal,
    now: Timestamp,
) -> Result<Vec<DagStatus>, StoreError> {
    let rows = stack.dags().iter().map(|(name, dag)| {
        let last = match journal.runs(Some(name), 1)?.pop() {
            Some(summary) => {
                let events = journal.events(name, &summary.run_id)?;
                let run = RunState::replay(&events).ok().map(|(run, _)| run);
                Some(LastRun {
                    run_id: summary.run_id,
                    state: end_name(summary.end.map(|(end, _)| end)),
                    started: summary.started,
                    ended: summary.end.map(|(_, at)| at),
                    failed_tasks: run.as_ref().map(failed_tasks).unwrap_or_default(),
                })
            }
            None => None,
        };
        let is_ours = dag.runner == Runner::Stackgen;
        let next = schedule::next(dag, now, 1)
            .ok()
            .and_then(|fires| fires.first().copied());
        Ok(DagStatus {
            name: name.clone(),
            last,
            next: next.filter(|_| is_ours),
            timezone: dag.timezone.clone(),
        })
    });
    rows.collect()
}

fn failed_tasks(run: &RunState) -> Vec<(String, usize)> {
    run.tasks()
        .filter(|(_, task)| *task.state() == TaskState::Ended(TaskEnd::Failed))
        .map(|(name, task)| (name.to_string(), task.attempts().len()))
        .collect()
}
