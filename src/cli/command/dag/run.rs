//! `dag run`: performs a run and shows it.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::cli::context::{Context, unknown};
use crate::cli::dag_live::follow;
use crate::cli::interrupt::Interrupt;
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::compose::ComposeGeneration;
use crate::dag::RunEnd;
use crate::engine::{Engine, EngineError};
use crate::exec::{RunReport, RunRequest, run_dag};
use crate::model::{Dag, DagName, Resolved, RunId, TaskKind, TaskName};
use crate::reconcile::compose_generation;
use crate::stackfile::Concern;
use crate::store::{Journal, StateDir};

use super::find;
use super::runs::{last_run, run_json};

/// What `dag run` and `dag retry` are asked for.
pub(super) struct Asked<'a> {
    pub(super) dag: &'a str,
    pub(super) new: bool,
    /// The task to run once more, and the run that it is a task of; by default the last one.
    pub(super) retry: Option<(&'a str, Option<&'a str>)>,
    pub(super) start_services: bool,
    pub(super) json: bool,
}

pub(super) async fn run(context: &Context, asked: &Asked<'_>) -> CommandResult {
    let json = asked.json;
    let project = context.checked(Concern::Values)?;
    let stack = Arc::clone(project.resolved()?);
    let (name, dag) = find(&stack, asked.dag)?;
    let engine = engine(context, dag).await?;
    let state = StateDir::open(&project.sources.folder)?;
    let journal = Journal::open(&state)?;
    let compose = match &engine {
        Some(_) => compose_generation(&project.sources.environment, &state),
        None => ComposeGeneration::default(),
    };
    let now = Timestamp::now();
    let (resume, retry) = match asked.retry {
        Some((task, id)) => {
            let (run, task) = to_retry(&journal, name, task, id)?;
            (Some(run), Some(task))
        }
        None => (None, None),
    };
    let request = RunRequest {
        resume,
        retry,
        new: asked.new,
        start_services: asked.start_services,
        compose,
        ..RunRequest::manual(
            engine,
            Arc::clone(&stack),
            name.clone(),
            journal,
            state.clone(),
            now,
        )
    };
    let interrupt = Interrupt::listen(
        &context.ui,
        [
            "Stopping: tasks at work are asked to end. Ctrl-C again kills them.",
            "Stopping now.",
        ],
    )?;
    let (sender, progress) = mpsc::channel(1024);
    let work = run_dag(request, sender, &interrupt.stop);
    let (report, ()) = tokio::join!(work, follow(&context.ui, json, &state, progress));
    finish(context, &report?, &interrupt, json)
}

/// Returns the run and the task that are meant.
fn to_retry(
    journal: &Journal,
    dag: &DagName,
    task: &str,
    id: Option<&str>,
) -> Result<(RunId, TaskName), Failure> {
    let run = last_run(journal, dag, id)?
        .ok_or_else(|| Failure::new(ExitCode::Failed, format!("{dag} has never run")))?;
    let known = || run.tasks().map(|(name, _)| name.as_str());
    let task = TaskName::new(task)
        .ok()
        .filter(|name| run.task(name).is_some())
        .ok_or_else(|| unknown("task", task, known()))?;
    Ok((run.run_id().clone(), task))
}

fn finish(
    context: &Context,
    report: &RunReport,
    interrupt: &Interrupt,
    json: bool,
) -> CommandResult {
    if json {
        context.ui.data(run_json(&report.run).to_string())?;
    }
    Ok(match report.run.end().map(|(end, _)| end) {
        Some(RunEnd::Success) => ExitCode::Done,
        _ if interrupt.is_stopped() => ExitCode::Interrupted,
        Some(RunEnd::Failed | RunEnd::Cancelled) | None => ExitCode::Failed,
    })
}

/// Returns the engine if the DAG needs one. One of bash tasks alone does not; one of http tasks may do without.
pub(super) async fn engine(
    context: &Context,
    dag: &Dag<Resolved>,
) -> Result<Option<Arc<dyn Engine>>, Failure> {
    let needs_one = dag.tasks.values().any(|task| {
        !task.needs.is_empty() || matches!(task.kind, TaskKind::Docker(_) | TaskKind::Exec(_))
    });
    let may_use_one = dag
        .tasks
        .values()
        .any(|task| matches!(task.kind, TaskKind::Http(_)));
    if !needs_one && !may_use_one {
        return Ok(None);
    }
    let engine = context.engine()?;
    match engine.facts().await {
        Ok(_) => Ok(Some(engine)),
        Err(EngineError::Unreachable { .. }) if !needs_one => Ok(None),
        Err(error) => Err(error.into()),
    }
}
