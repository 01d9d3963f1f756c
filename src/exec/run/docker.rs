//! A `docker` task: a container of its own.
//!
//! It is found by its labels, so that it is never started twice: a later process waits for the one that is at work, or takes the exit code
//! of one that has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::compose::{self, ComposeGeneration, Host, labels};
use crate::dag::Outcome;
use crate::engine::{Engine, EngineError, EventSubject, LogOptions};
use crate::model::{
    ContainerId, ContainerOptions, ContainerSpec, ContainerStatus, ObservedContainer, Resolved,
    Task,
};
use crate::plan::{Action, ContainerRef};

use super::logs;
use super::needs::LOOK_INTERVAL;
use super::worker::{Job, STOP_GRACE, by_exit_code, failed};

/// How long the end of a container's output may take after the container itself has ended.
const LOG_PATIENCE: Duration = Duration::from_secs(10);

/// Engines from this API on take all networks when a container is made.
const MANY_NETWORKS: (u32, u32) = (1, 44);

pub(super) async fn run(
    job: &Job,
    task: &Task<Resolved>,
    options: &ContainerOptions<Resolved>,
) -> Outcome {
    let engine = match job.engine() {
        Ok(engine) => engine,
        Err(outcome) => return outcome,
    };
    match make(job, &engine, options).await {
        Ok(None) => Outcome::Cancelled,
        Ok(Some(container)) => finish(job, task, &engine, container).await,
        Err(error) => failed(error.to_string()),
    }
}

/// Finds the container of the try, or makes it; starts it where it was never started. `None`: the run was cancelled before.
async fn make(
    job: &Job,
    engine: &Arc<dyn Engine>,
    options: &ContainerOptions<Resolved>,
) -> Result<Option<ContainerRef>, EngineError> {
    let labels = task_labels(job);
    let found = engine.find(&labels).await?.into_iter().next();
    if let Some(found) = &found
        && found.state.status != ContainerStatus::Created
    {
        job.tell_doing(format!("container {}", found.name), true);
        return Ok(Some(ContainerRef::Id(found.id.clone())));
    }
    if let Some(found) = found {
        // Made and never started: files or networks may be missing, so it is made anew.
        remove(engine, &ContainerRef::Id(found.id)).await?;
    }
    if job.cancel.is_cancelled() {
        return Ok(None);
    }
    let (container, name) = create(job, engine, options, labels).await?;
    engine
        .perform(&Action::StartContainer {
            container: container.clone(),
        })
        .await?;
    job.tell_doing(format!("container {name}"), false);
    Ok(Some(container))
}

async fn create(
    job: &Job,
    engine: &Arc<dyn Engine>,
    options: &ContainerOptions<Resolved>,
    labels: BTreeMap<String, String>,
) -> Result<(ContainerRef, String), EngineError> {
    let stack = &job.shared.stack;
    let scope = compose::scope(stack);
    let sockets = scope
        .sockets
        .iter()
        .map(|(name, path)| (name.clone(), crate::engine::sockets::observe_socket(path)))
        .collect();
    let host = Host {
        sockets: &sockets,
        compose: ComposeGeneration::default(),
        salt: job.shared.state_dir.salt(),
    };
    let header = &job.shared.header;
    let name = format!(
        "{}-{}-{}-{}",
        stack.name(),
        header.dag,
        job.task,
        job.attempt
    );
    let mut spec = compose::task_container_spec(stack, options, &name, labels, &host);
    let made = create_once(engine, &spec).await;
    let container = match made {
        // The name belongs to another run of the same DAG.
        Err(EngineError::Conflict { .. }) => {
            let digest = Sha256::digest(header.run_id.as_str());
            spec.name = format!("{name}-{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2]);
            create_once(engine, &spec).await?
        }
        made => made?,
    };
    if !spec.files.is_empty() {
        let files = spec.files.clone();
        let container = container.clone();
        engine
            .perform(&Action::CopyFiles { container, files })
            .await?;
    }
    Ok((container, spec.name))
}

async fn create_once(
    engine: &Arc<dyn Engine>,
    spec: &ContainerSpec,
) -> Result<ContainerRef, EngineError> {
    engine
        .perform(&Action::CreateContainer(Box::new(spec.clone())))
        .await?;
    let container = ContainerRef::Name(spec.name.clone());
    if engine.facts().await?.api < MANY_NETWORKS {
        for (network, endpoint) in &spec.config.endpoints {
            if spec.config.main_network.as_ref() != Some(network) {
                engine
                    .perform(&Action::ConnectNetwork {
                        container: container.clone(),
                        network: network.clone(),
                        endpoint: endpoint.clone(),
                    })
                    .await?;
            }
        }
    }
    Ok(container)
}

/// Returns the labels by which the container of a try is found. Compose's are not among them: no `down` takes it for a service.
fn task_labels(job: &Job) -> BTreeMap<String, String> {
    let header = &job.shared.header;
    [
        (labels::TASK_PROJECT, job.shared.stack.name().to_string()),
        (labels::DAG, header.dag.to_string()),
        (labels::RUN, header.run_id.to_string()),
        (labels::TASK, job.task.to_string()),
        (labels::ATTEMPT, job.attempt.to_string()),
    ]
    .into_iter()
    .map(|(label, value)| (label.to_owned(), value))
    .collect()
}

/// Waits for the end of a container, keeps its output, and removes it.
async fn finish(
    job: &Job,
    task: &Task<Resolved>,
    engine: &Arc<dyn Engine>,
    container: ContainerRef,
) -> Outcome {
    let copy = copy_logs(job, engine, &container);
    tokio::pin!(copy);
    let mut is_copied = false;
    let ended = wait_for_end(engine, &container);
    tokio::pin!(ended);
    let interrupted = job.interrupted(task);
    tokio::pin!(interrupted);
    let outcome = loop {
        tokio::select! {
            biased;
            ended = &mut ended => break outcome_of(task, ended),
            why = &mut interrupted => {
                stop(job, engine, &container).await;
                break why.outcome();
            }
            () = &mut copy, if !is_copied => is_copied = true,
        }
    };
    if !is_copied {
        tokio::time::timeout(LOG_PATIENCE, &mut copy).await.ok();
    }
    // Its output is kept by now. That it cannot be removed does not change how it ended.
    remove(engine, &container).await.ok();
    outcome
}

fn outcome_of(
    task: &Task<Resolved>,
    ended: Result<Option<ObservedContainer>, EngineError>,
) -> Outcome {
    match ended {
        Ok(Some(container)) if container.state.oom_killed => {
            failed("killed by the kernel: out of memory")
        }
        Ok(Some(container)) => match by_exit_code(task, container.state.exit_code) {
            Outcome::Failed(mut failure) if !container.state.error.is_empty() => {
                failure.message = format!("{}: {}", failure.message, container.state.error);
                Outcome::Failed(failure)
            }
            outcome => outcome,
        },
        Ok(None) => failed("its container was removed before it ended"),
        Err(error) => failed(error.to_string()),
    }
}

/// Waits until a container has ended; `None`: it is gone. Events wake, inspecting decides.
async fn wait_for_end(
    engine: &Arc<dyn Engine>,
    container: &ContainerRef,
) -> Result<Option<ObservedContainer>, EngineError> {
    let mut events = engine.events().await.ok();
    let mut failures = 0;
    loop {
        match engine.inspect(container).await {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => {
                failures = 0;
                if matches!(
                    found.state.status,
                    ContainerStatus::Exited | ContainerStatus::Dead
                ) {
                    return Ok(Some(found));
                }
                wait_for_event(&mut events, &found.id).await;
            }
            // An engine that is restarted is away for a while; the container may go on meanwhile.
            Err(error) if error.is_transient() && failures < 30 => {
                failures += 1;
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Err(error) => return Err(error),
        }
        if events.is_none() {
            events = engine.events().await.ok();
        }
    }
}

type Events =
    futures_util::stream::BoxStream<'static, Result<crate::engine::EngineEvent, EngineError>>;

/// Waits for an event about the end of a container, or for a while.
async fn wait_for_event(events: &mut Option<Events>, id: &ContainerId) {
    let Some(stream) = events else {
        tokio::time::sleep(LOOK_INTERVAL).await;
        return;
    };
    let ends: BTreeSet<&str> = ["die", "destroy", "stop", "kill", "oom"].into();
    let next = async {
        loop {
            match stream.next().await {
                Some(Ok(event)) => match &event.subject {
                    EventSubject::Container { id: of, .. }
                        if of == id && ends.contains(event.action.as_str()) =>
                    {
                        return true;
                    }
                    EventSubject::Container { .. }
                    | EventSubject::Network(_)
                    | EventSubject::Volume(_) => {}
                },
                Some(Err(_)) | None => return false,
            }
        }
    };
    if let Ok(false) = tokio::time::timeout(LOOK_INTERVAL * 5, next).await {
        *events = None;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn stop(job: &Job, engine: &Arc<dyn Engine>, container: &ContainerRef) {
    let stop = Action::StopContainer {
        container: container.clone(),
        grace: None,
    };
    tokio::select! {
        _ = engine.perform(&stop) => {}
        () = job.kill.cancelled() => {
            let now = Action::StopContainer { container: container.clone(), grace: Some(Duration::ZERO) };
            tokio::time::timeout(STOP_GRACE, engine.perform(&now)).await.ok();
        }
    }
}

async fn remove(engine: &Arc<dyn Engine>, container: &ContainerRef) -> Result<(), EngineError> {
    engine
        .perform(&Action::RemoveContainer {
            container: container.clone(),
            force: true,
            anonymous_volumes: true,
        })
        .await
        .map(drop)
}

/// Copies all output of a container into the try's log, from its beginning: what an earlier process had copied is written again.
async fn copy_logs(job: &Job, engine: &Arc<dyn Engine>, container: &ContainerRef) {
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let (Ok(mut file), Ok(mut chunks)) = (
        logs::open(&job.log_path(), true),
        engine.logs(container, &options).await,
    ) else {
        return;
    };
    while let Some(Ok(chunk)) = chunks.next().await {
        if file.write_all(&chunk.bytes).is_err() {
            return;
        }
    }
}
