//! Why a run could not be performed.

use crate::dag::IllegalTransition;
use crate::engine::EngineError;
use crate::model::{DagName, RunId, ServiceName, TaskName};
use crate::store::StoreError;

/// A run that could not begin or go on. That a task failed is no error but how the run ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No such DAG.
    #[error("there is no DAG {dag}")]
    NoDag {
        /// The name.
        dag: DagName,
        /// The names there are.
        known: Vec<DagName>,
    },
    /// No such run, or it has ended.
    #[error("there is no open run {run} of {dag}")]
    NoOpenRun {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
    },
    /// A task that is not to be run once more.
    #[error(transparent)]
    CannotRetry {
        /// Why.
        source: IllegalTransition,
    },
    /// Another process is at work on the run.
    #[error("run {run} of {dag} is at work in another process ({holder})")]
    AtWork {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
        /// Which process.
        holder: String,
    },
    /// An open run has a task that stack.toml no longer has, or has as another kind.
    #[error("task {task} of the open run {run} is no longer in stack.toml")]
    TaskGone {
        /// The run.
        run: RunId,
        /// The task.
        task: TaskName,
    },
    /// A template in a task that cannot be filled in.
    #[error("{at}: {message}")]
    Template {
        /// Where: `dags.D.tasks.T.bash.command`.
        at: String,
        /// What is wrong.
        message: String,
    },
    /// Tasks that need an engine, and there is none.
    #[error("task {task} needs an engine")]
    NoEngine {
        /// The first such task.
        task: TaskName,
    },
    /// Services that are needed and do not run, and may not be started.
    #[error("services that tasks need do not run: {}", names(.services))]
    ServicesMissing {
        /// The services.
        services: Vec<ServiceName>,
    },
    /// Services that are needed could not be started.
    #[error("services that tasks need could not be started: {message}")]
    ServicesFailed {
        /// The first failure, in one line.
        message: String,
        /// More about it.
        details: Vec<String>,
    },
    /// The plan to start services is blocked, such as by a foreign container of the same name.
    #[error("services that tasks need cannot be started: {why}")]
    ServicesBlocked {
        /// Why.
        why: String,
    },
    /// Images that are not at the engine and could not be fetched.
    #[error("images that tasks need are missing: {}", missing(.images))]
    ImagesMissing {
        /// Each with the tasks that need it.
        images: Vec<(String, Vec<TaskName>)>,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal and this program do not agree on what can happen.
    #[error("run {run} of {dag} has a journal that cannot be")]
    Illegal {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
        /// What cannot be.
        #[source]
        source: IllegalTransition,
    },
}

fn names(services: &[ServiceName]) -> String {
    let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    names.join(", ")
}

fn missing(images: &[(String, Vec<TaskName>)]) -> String {
    let list: Vec<String> = images
        .iter()
        .map(|(image, tasks)| {
            let tasks: Vec<&str> = tasks.iter().map(TaskName::as_str).collect();
            format!("{image} ({})", tasks.join(", "))
        })
        .collect();
    list.join(", ")
}
