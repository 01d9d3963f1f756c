//! What the daemon tells.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::exec::{ApplyReport, RunProgress};
use crate::model::{DagName, RunId};
use crate::plan::Plan;
use crate::reconcile::Project;

/// Something that happened while the daemon watched.
#[derive(Debug, Clone)]
pub enum Happening {
    /// It began to watch.
    Watching {
        /// The project.
        project: String,
        /// How many services are switched on.
        services: usize,
        /// How many DAGs run by a schedule.
        schedules: usize,
    },
    /// Files changed, and the stack is still, or again, without mistakes.
    Edited {
        /// Those that woke us.
        files: Vec<PathBuf>,
    },
    /// Files changed, and the stack has mistakes now. The last good one stays.
    Broken {
        /// The stack with its mistakes.
        project: Box<Project>,
    },
    /// Files changed and cannot be read. The last good ones stay.
    Unreadable {
        /// Why.
        why: String,
    },
    /// Files were rendered anew.
    Rendered {
        /// Those that changed.
        files: Vec<PathBuf>,
    },
    /// Something happened at the engine that made a difference.
    Drifted {
        /// The objects, with the engine's word for what happened to each.
        objects: Vec<(String, String)>,
    },
    /// There is something to do.
    Planned {
        /// What.
        plan: Arc<Plan>,
    },
    /// A plan was performed.
    Applied {
        /// The plan.
        plan: Arc<Plan>,
        /// What became of it.
        report: ApplyReport,
        /// How long it took.
        took: Duration,
    },
    /// There is something to do, and it is not done.
    Refused {
        /// Why.
        why: String,
        /// What to do about it.
        help: String,
    },
    /// A repair waits before it is tried again.
    Waiting {
        /// What is to be repaired.
        resource: String,
        /// How long.
        seconds: u64,
    },
    /// Something failed too often and is left alone until the file changes.
    GaveUp {
        /// What.
        resource: String,
        /// How often it failed in a row.
        failures: u32,
    },
    /// Another process works on the stack.
    Locked {
        /// Who.
        holder: String,
    },
    /// The engine does not answer.
    EngineAway {
        /// Why, where that is known.
        why: String,
    },
    /// The engine answers again.
    EngineBack,
    /// A run of a DAG goes on.
    Run {
        /// The DAG.
        dag: DagName,
        /// When it was due; `None`: it was found unfinished.
        due: Option<Timestamp>,
        /// What happened in it.
        progress: RunProgress,
    },
    /// A run of a DAG ended.
    RunEnded {
        /// The DAG.
        dag: DagName,
        /// The run.
        run_id: RunId,
        /// `success`, `failed` or `cancelled`.
        state: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// A run of a DAG could not begin or go on.
    RunFailed {
        /// The DAG.
        dag: DagName,
        /// Why.
        why: String,
    },
    /// It was asked to stop and waits for runs that are open.
    Stopping {
        /// Their DAGs.
        runs: Vec<DagName>,
    },
    /// It ended; the stack runs on.
    Stopped,
}
