//! What happens in a run, and what is to be done about it: the alphabet of the fold in `run_state`.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{DagName, RunId, TaskName};

/// Something that happened in a run. The journal holds these and nothing else; a run is their fold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEvent {
    /// The run began.
    Started(RunHeader),
    /// A try of a task began. Written before the act.
    AttemptStarted {
        /// The task.
        task: TaskName,
        /// The try, from 1.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
    /// A try of a task ended.
    AttemptFinished {
        /// The task.
        task: TaskName,
        /// The try, from 1.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// When.
        at: Timestamp,
    },
    /// The wait before the next try is over.
    RetryDue {
        /// The task.
        task: TaskName,
        /// When.
        at: Timestamp,
    },
    /// Someone asked to stop the run.
    CancelRequested {
        /// When.
        at: Timestamp,
    },
    /// Someone asked to run a task of a run that has ended once more. The run is open again; no try of it is.
    RetryRequested {
        /// The task.
        task: TaskName,
        /// When.
        at: Timestamp,
    },
    /// The run ended.
    Finished {
        /// How.
        state: RunEnd,
        /// When.
        at: Timestamp,
    },
}

impl RunEvent {
    /// Returns when it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Started(header) => header.at,
            Self::AttemptStarted { at, .. }
            | Self::AttemptFinished { at, .. }
            | Self::RetryDue { at, .. }
            | Self::CancelRequested { at }
            | Self::RetryRequested { at, .. }
            | Self::Finished { at, .. } => *at,
        }
    }
}

/// What is fixed when a run begins. The shape of the DAG is in here, so that an edit of stack.toml cannot change a run that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHeader {
    /// The run.
    pub run_id: RunId,
    /// Its DAG.
    pub dag: DagName,
    /// Why it began.
    pub cause: RunCause,
    /// When.
    pub at: Timestamp,
    /// The start of the interval that it is for; Airflow's `logical_date`.
    pub logical_date: Timestamp,
    /// The end of that interval.
    pub data_interval_end: Timestamp,
    /// The parameters, as JSON.
    pub params: serde_json::Value,
    /// The tasks in the file's order, with what decides their order.
    pub tasks: Vec<TaskShape>,
    /// How many tasks may be at work at once.
    pub max_active_tasks: u32,
}

/// What decides when a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskShape {
    /// The task.
    pub name: TaskName,
    /// The tasks it comes after.
    pub after: Vec<TaskName>,
    /// Which ends of these let it run.
    pub trigger_rule: crate::model::TriggerRule,
    /// How many times it is tried again.
    pub retries: u32,
    /// The wait before that.
    pub retry_delay: Duration,
    /// Whether the wait doubles.
    pub retry_exponential_backoff: bool,
    /// The most that it may grow to.
    pub max_retry_delay: Option<Duration>,
    /// Who starts first.
    pub priority_weight: u32,
}

/// Why a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCause {
    /// Someone asked for it.
    Manual,
    /// Its schedule was due.
    Scheduled,
}

/// How a try of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It said that there is nothing to do.
    Skipped,
    /// It failed.
    Failed(Failure),
    /// It was stopped because the run was.
    Cancelled,
}

/// How a try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code, where there is one.
    pub exit_code: Option<i64>,
    /// What to say about it in one line, such as `exit code 1` or `503 Service Unavailable`.
    pub message: String,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every leaf task succeeded or was skipped.
    Success,
    /// A leaf task failed.
    Failed,
    /// It was stopped.
    Cancelled,
}

/// Where a task of a run is. States only move forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskState {
    /// It waits for tasks before it, or for a free place.
    Waiting,
    /// A try is at work.
    Running {
        /// The try, from 1.
        attempt: u32,
        /// Since when.
        since: Timestamp,
    },
    /// It failed and is tried again later.
    RetryScheduled {
        /// The try to come, from 2.
        attempt: u32,
        /// When it is due.
        due: Timestamp,
    },
    /// The wait is over; it starts as soon as there is a free place.
    RetryReady {
        /// The try to come.
        attempt: u32,
    },
    /// It ended.
    Ended(TaskEnd),
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskEnd {
    /// It succeeded.
    Success,
    /// It failed, and all its tries are used.
    Failed,
    /// It was skipped.
    Skipped,
    /// It was not run, since a task before it failed.
    UpstreamFailed,
    /// It was stopped or never started, since the run was stopped.
    Cancelled,
}

impl TaskEnd {
    /// Returns Airflow's word for it, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::UpstreamFailed => "upstream_failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What is to be done next in a run. `exec` performs it and reports back events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin a try.
    Start {
        /// The task.
        task: TaskName,
        /// The try, from 1.
        attempt: u32,
    },
    /// Report [`RunEvent::RetryDue`] at this time.
    ScheduleRetry {
        /// The task.
        task: TaskName,
        /// The try to come.
        attempt: u32,
        /// When.
        due: Timestamp,
    },
    /// Stop the try that is at work.
    Cancel {
        /// The task.
        task: TaskName,
        /// The try.
        attempt: u32,
    },
    /// Every task has ended: write [`RunEvent::Finished`].
    Finish {
        /// How.
        state: RunEnd,
    },
}
