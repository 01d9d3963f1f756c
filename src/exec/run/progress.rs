//! What a run tells while it is at work.

use jiff::Timestamp;

use crate::dag::RunEvent;
use crate::model::{DagName, RunId, ServiceName, TaskName};

/// Something that happened in a run. The events alone, folded, are the run as it stands; the rest is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunProgress {
    /// An open run is gone on with. Its events so far follow.
    Resumed {
        /// Its DAG.
        dag: DagName,
        /// The run.
        run_id: RunId,
        /// When its last event was written.
        last: Timestamp,
    },
    /// Services are started that tasks need.
    Starting {
        /// The services.
        services: Vec<ServiceName>,
    },
    /// Something happened that is now in the journal, or was found there.
    Happened {
        /// What.
        event: RunEvent,
        /// Whether it happened before this process took up the run.
        is_past: bool,
    },
    /// What a try does, such as `container data-platform-pipeline-load-1`, `exec in …`, `POST http://…`.
    Doing {
        /// The task.
        task: TaskName,
        /// The try.
        attempt: u32,
        /// What.
        what: String,
        /// Whether it was found at work, and not begun now.
        is_found: bool,
    },
    /// What a try waits for, such as `postgres to be healthy`.
    Waiting {
        /// The task.
        task: TaskName,
        /// What for.
        what: String,
    },
    /// The newest line of a task's output.
    Line {
        /// The task.
        task: TaskName,
        /// The line, without its end.
        line: String,
    },
}
