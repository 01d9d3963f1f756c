//! Opening a run: a new one, or one that was interrupted.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::dag::{Command, IllegalTransition, RunCause, RunEvent, RunHeader, RunState, shapes};
use crate::model::{Dag, Resolved, RunId, Task, TaskKind, TaskName};
use crate::store::{RunLock, RunSummary, StoreError};

use super::owner::blocking;
use super::worker::Shared;
use super::{RunError, RunProgress, RunRequest, Stop, context, http, needs};

/// A run that can begin or go on.
pub(super) struct Prepared {
    pub(super) state: RunState,
    pub(super) commands: VecDeque<Command>,
    pub(super) shared: Arc<Shared>,
    pub(super) lock: RunLock,
    pub(super) resumed: bool,
}

/// Opens the run that is asked for, and makes sure of everything that can be known before the first task begins.
pub(super) async fn prepare(
    request: &RunRequest,
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    let dag = request
        .stack
        .dags()
        .get(&request.dag)
        .ok_or_else(|| RunError::NoDag {
            dag: request.dag.clone(),
            known: request.stack.dags().keys().cloned().collect(),
        })?;
    match open_run(request).await? {
        Some(run) => resume(request, dag, run, progress, stop).await,
        None => begin(request, dag, progress, stop).await,
    }
}

/// Returns the open run to go on with.
async fn open_run(request: &RunRequest) -> Result<Option<RunId>, RunError> {
    if request.retry.is_some() {
        return Ok(request.resume.clone());
    }
    let (journal, dag) = (request.journal.clone(), request.dag.clone());
    let open: Vec<RunSummary> = blocking(move || journal.open_runs()).await?;
    let mut open = open.into_iter().filter(|run| run.dag == dag);
    match &request.resume {
        Some(wanted) if open.any(|run| run.run_id == *wanted) => Ok(Some(wanted.clone())),
        Some(wanted) => Err(RunError::NoOpenRun {
            dag: request.dag.clone(),
            run: wanted.clone(),
        }),
        None if request.new => Ok(None),
        None => Ok(open.next_back().map(|run| run.run_id)),
    }
}

async fn begin(
    request: &RunRequest,
    dag: &Dag<Resolved>,
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    let run_id = new_run_id(request).await?;
    let header = RunHeader {
        run_id: run_id.clone(),
        dag: request.dag.clone(),
        cause: request.cause,
        at: Timestamp::now(),
        logical_date: request.logical_date,
        data_interval_end: request.data_interval_end,
        params: context::parameters(dag, &request.params),
        tasks: shapes(dag),
        max_active_tasks: dag.max_active_tasks,
    };
    let (state, commands) =
        RunState::begin(header.clone()).map_err(|source| RunError::Illegal {
            dag: request.dag.clone(),
            run: run_id.clone(),
            source,
        })?;
    make_ready(request, dag, &state, progress, stop).await?;
    let lock = lock(request, &run_id).await?;
    let event = RunEvent::Started(header.clone());
    let (journal, name, written) = (request.journal.clone(), request.dag.clone(), event.clone());
    blocking(move || journal.append(&name, &run_id, 0, &written)).await?;
    tell(progress, event, false).await;
    Ok(Prepared {
        state,
        commands: commands.into(),
        shared: shared(request, dag, header, progress),
        lock,
        resumed: false,
    })
}

async fn resume(
    request: &RunRequest,
    dag: &Dag<Resolved>,
    run_id: RunId,
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<Prepared, RunError> {
    let lock = lock(request, &run_id).await?;
    let (journal, name, run) = (request.journal.clone(), request.dag.clone(), run_id.clone());
    let mut events = blocking(move || journal.events(&name, &run)).await?;
    if let Some(task) = &request.retry {
        events.push(retry(request, &run_id, task, &events).await?);
    }
    let (state, commands) = RunState::replay(&events).map_err(|source| RunError::Illegal {
        dag: request.dag.clone(),
        run: run_id.clone(),
        source,
    })?;
    let gone = state
        .tasks()
        .find(|(name, task)| task.end().is_none() && !dag.tasks.contains_key(*name));
    if let Some((task, _)) = gone {
        return Err(RunError::TaskGone {
            run: run_id,
            task: task.clone(),
        });
    }
    let last = events.last().map_or(state.header().at, RunEvent::at);
    progress
        .send(RunProgress::Resumed {
            dag: request.dag.clone(),
            run_id,
            last,
        })
        .await
        .ok();
    for event in events {
        tell(progress, event, true).await;
    }
    // Nothing is begun any more in a run that is to be stopped, so nothing is needed.
    if state.cancel_requested().is_none() {
        make_ready(request, dag, &state, progress, stop).await?;
    }
    let header = state.header().clone();
    Ok(Prepared {
        commands: commands.into(),
        shared: shared(request, dag, header, progress),
        state,
        lock,
        resumed: true,
    })
}

/// Writes down that a task is to be run once more.
async fn retry(
    request: &RunRequest,
    run_id: &RunId,
    task: &TaskName,
    events: &[RunEvent],
) -> Result<RunEvent, RunError> {
    let event = RunEvent::RetryRequested {
        task: task.clone(),
        at: Timestamp::now(),
    };
    RunState::replay(events)
        .and_then(|(mut state, _)| state.step(&event))
        .map_err(|source| match source {
            IllegalTransition::CannotRetry { .. } | IllegalTransition::UnknownTask(_) => {
                RunError::CannotRetry { source }
            }
            source => RunError::Illegal {
                dag: request.dag.clone(),
                run: run_id.clone(),
                source,
            },
        })?;
    let (journal, dag, run) = (request.journal.clone(), request.dag.clone(), run_id.clone());
    let (known, written) = (events.len() as u64, event.clone());
    blocking(move || journal.append(&dag, &run, known, &written)).await?;
    Ok(event)
}

/// Checks the templates of what is still to be run, and makes sure of what it needs.
async fn make_ready(
    request: &RunRequest,
    dag: &Dag<Resolved>,
    state: &RunState,
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<(), RunError> {
    let open: Vec<(&TaskName, &Task<Resolved>)> = dag
        .tasks
        .iter()
        .filter(|(name, _)| state.task(name).is_some_and(|task| task.end().is_none()))
        .collect();
    context::check(state.header(), open.iter().copied()).map_err(|(task, error)| {
        RunError::Template {
            at: format!("dags.{}.tasks.{task}.{}", request.dag, error.at),
            message: error.message,
        }
    })?;
    let needs_engine = |task: &Task<Resolved>| {
        !task.needs.is_empty()
            || match &task.kind {
                TaskKind::Docker(_) | TaskKind::Exec(_) => true,
                TaskKind::Bash(_) => false,
                TaskKind::Http(http) => http::service(&request.stack, http).is_some(),
            }
    };
    let Some((task, _)) = open.iter().find(|(_, task)| needs_engine(task)) else {
        return Ok(());
    };
    let engine = request.engine.as_ref().ok_or_else(|| RunError::NoEngine {
        task: (*task).clone(),
    })?;
    needs::make_ready(request, engine, &open, progress, stop).await
}

async fn lock(request: &RunRequest, run: &RunId) -> Result<RunLock, RunError> {
    let (state_dir, dag, id) = (request.state_dir.clone(), request.dag.clone(), run.clone());
    match blocking(move || state_dir.lock_run(&dag, &id)).await {
        Ok(lock) => Ok(lock),
        Err(StoreError::Locked { holder }) => Err(RunError::AtWork {
            dag: request.dag.clone(),
            run: run.clone(),
            holder,
        }),
        Err(error) => Err(error.into()),
    }
}

/// Returns an id in Airflow's form that no run of the DAG has: a second one within the same second gets a number.
async fn new_run_id(request: &RunRequest) -> Result<RunId, RunError> {
    let (kind, at) = match request.cause {
        RunCause::Manual => ("manual", Timestamp::now()),
        RunCause::Scheduled => ("scheduled", request.logical_date),
    };
    let base = format!("{kind}__{}", at.strftime("%Y-%m-%dT%H:%M:%SZ"));
    let (journal, dag) = (request.journal.clone(), request.dag.clone());
    let taken = blocking(move || journal.runs(Some(&dag), usize::MAX)).await?;
    let is_free = |id: &str| !taken.iter().any(|run| run.run_id.as_str() == id);
    let numbered = (2..).map(|number| format!("{base}_{number}"));
    let id = std::iter::once(base.clone())
        .chain(numbered)
        .find(|id| is_free(id))
        .unwrap_or(base);
    Ok(RunId::new(id).expect("it is not empty"))
}

fn shared(
    request: &RunRequest,
    dag: &Dag<Resolved>,
    header: RunHeader,
    progress: &mpsc::Sender<RunProgress>,
) -> Arc<Shared> {
    Arc::new(Shared {
        engine: request.engine.clone(),
        stack: Arc::clone(&request.stack),
        dag: dag.clone(),
        header,
        state_dir: request.state_dir.clone(),
        progress: progress.clone(),
        gate_timeout: request.gate_timeout,
    })
}

async fn tell(progress: &mpsc::Sender<RunProgress>, event: RunEvent, is_past: bool) {
    let progress_event = RunProgress::Happened { event, is_past };
    progress
        .send_timeout(progress_event, std::time::Duration::from_secs(1))
        .await
        .ok();
}
