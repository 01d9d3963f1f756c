//! What tasks need: services, images, networks and volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::compose::{self, labels};
use crate::dag::Outcome;
use crate::engine::{Engine, EngineError};
use crate::model::{
    Attachment, Condition, ContainerStatus, Health, ImageReference, NetworkName, ObservedContainer,
    Resolved, ServiceName, Stack, Task, TaskKind, TaskName, VolumeName,
};
use crate::plan::{Action, PlanOptions, diff, note_text};

use super::super::{ApplyOptions, StepOutcome, Stop, apply};
use super::worker::{Interrupt, Job, failed};
use super::{RunError, RunProgress, RunRequest};

/// How often a container is looked at although no event came: events are hints.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Makes sure that everything is there that the tasks need, before the first of them begins: images, networks and volumes of `docker`
/// tasks, and the services of all.
pub(super) async fn make_ready(
    request: &RunRequest,
    engine: &Arc<dyn Engine>,
    tasks: &[(&TaskName, &Task<Resolved>)],
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<(), RunError> {
    let stack = &request.stack;
    let mut scope = compose::scope(stack);
    scope.images.extend(images(tasks).into_keys());
    let observed = engine.observe(&scope).await?;
    fetch_images(engine, tasks, |image| {
        observed.images.get(image).is_some_and(Option::is_some)
    })
    .await?;
    let (networks, volumes) = used(tasks);
    let network_there = |name: &str| observed.networks.iter().any(|found| found.name == name);
    for network in networks {
        let is_external = stack.networks().get(&network).is_some_and(|n| n.external);
        if !is_external && !network_there(&compose::network_name(stack, &network)) {
            let spec = compose::network_spec(stack, &network, request.compose);
            engine
                .perform(&Action::CreateNetwork(Box::new(spec)))
                .await?;
        }
    }
    for volume in volumes {
        let name = compose::volume_name(stack, &volume);
        let is_external = stack.volumes().get(&volume).is_some_and(|v| v.external);
        if !is_external && !observed.volumes.iter().any(|found| found.name == name) {
            let spec = compose::volume_spec(stack, &volume, request.compose);
            engine.perform(&Action::CreateVolume(spec)).await?;
        }
    }
    start_services(request, engine, tasks, progress, stop).await
}

fn images(tasks: &[(&TaskName, &Task<Resolved>)]) -> BTreeMap<ImageReference, Vec<TaskName>> {
    let mut images: BTreeMap<ImageReference, Vec<TaskName>> = BTreeMap::new();
    for (name, task) in tasks {
        if let TaskKind::Docker(options) = &task.kind
            && let Some(image) = &options.image
        {
            images
                .entry(image.clone())
                .or_default()
                .push((*name).clone());
        }
    }
    images
}

async fn fetch_images(
    engine: &Arc<dyn Engine>,
    tasks: &[(&TaskName, &Task<Resolved>)],
    is_there: impl Fn(&ImageReference) -> bool,
) -> Result<(), RunError> {
    let mut missing = Vec::new();
    for (image, users) in images(tasks) {
        if is_there(&image) {
            continue;
        }
        let pull = Action::PullImage {
            image: image.clone(),
            platform: None,
        };
        match engine.perform(&pull).await {
            Ok(_) => {}
            Err(EngineError::Unreachable { address, why, hint }) => {
                return Err(EngineError::Unreachable { address, why, hint }.into());
            }
            Err(_) => missing.push((image.to_string(), users)),
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(RunError::ImagesMissing { images: missing })
    }
}

/// Returns the networks and volumes that `docker` tasks use.
fn used(tasks: &[(&TaskName, &Task<Resolved>)]) -> (BTreeSet<NetworkName>, BTreeSet<VolumeName>) {
    let (mut networks, mut volumes) = (BTreeSet::new(), BTreeSet::new());
    for (_, task) in tasks {
        if let TaskKind::Docker(options) = &task.kind {
            if let Attachment::Networks(endpoints) = &options.attachment {
                networks.extend(endpoints.keys().cloned());
            }
            volumes.extend(compose::mounted_volumes(options));
        }
    }
    (networks, volumes)
}

/// Returns the services that a task cannot do without: those it needs, and the one that it runs in.
pub(super) fn services(task: &Task<Resolved>) -> BTreeMap<ServiceName, Condition> {
    let mut services: BTreeMap<ServiceName, Condition> = task
        .needs
        .iter()
        .map(|(service, condition)| (service.clone(), *condition))
        .collect();
    if let TaskKind::Exec(exec) = &task.kind {
        services
            .entry(exec.service.clone())
            .or_insert(Condition::Started);
    }
    services
}

async fn start_services(
    request: &RunRequest,
    engine: &Arc<dyn Engine>,
    tasks: &[(&TaskName, &Task<Resolved>)],
    progress: &mpsc::Sender<RunProgress>,
    stop: &Stop,
) -> Result<(), RunError> {
    let wanted: BTreeSet<ServiceName> = tasks
        .iter()
        .flat_map(|(_, task)| services(task).into_keys())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let stack = &request.stack;
    let observed = engine.observe(&compose::scope(stack)).await?;
    let options = PlanOptions {
        services: wanted.iter().cloned().collect(),
        only_missing: true,
        wait: false,
        gate_timeout: request.gate_timeout,
        salt: request.state_dir.salt().to_owned(),
        compose: request.compose,
        ..PlanOptions::default()
    };
    let plan = diff(stack, &observed, &options);
    if !plan.steps.iter().any(|step| step.action.mutates()) {
        return Ok(());
    }
    if !request.start_services {
        return Err(RunError::ServicesMissing {
            services: not_running(stack, &observed.containers, &wanted),
        });
    }
    if let Some(note) = plan.blockers().next() {
        return Err(RunError::ServicesBlocked {
            why: note_text(note),
        });
    }
    let services = not_running(stack, &observed.containers, &wanted);
    progress.try_send(RunProgress::Starting { services }).ok();
    let (ignored, _) = mpsc::channel(1);
    let options = ApplyOptions::default();
    let report = apply(Arc::clone(engine), &plan, &options, ignored, stop).await;
    let failure = report.outcomes.iter().find_map(|outcome| match outcome {
        StepOutcome::Failed { message, details } => Some((message.clone(), details.clone())),
        StepOutcome::NotStarted
        | StepOutcome::Done
        | StepOutcome::Cancelled
        | StepOutcome::Undone => None,
    });
    match failure {
        Some((message, details)) => Err(RunError::ServicesFailed { message, details }),
        None if report.stopped => Err(RunError::ServicesFailed {
            message: "stopped before they were up".to_owned(),
            details: Vec::new(),
        }),
        None => Ok(()),
    }
}

fn not_running(
    stack: &Stack<Resolved>,
    containers: &[ObservedContainer],
    wanted: &BTreeSet<ServiceName>,
) -> Vec<ServiceName> {
    let runs = |service: &ServiceName| {
        containers.iter().any(|container| {
            container.state.status == ContainerStatus::Running
                && service_labels(stack, service)
                    .iter()
                    .all(|(label, value)| container.config.labels.get(label) == Some(value))
        })
    };
    wanted
        .iter()
        .filter(|service| !runs(service))
        .cloned()
        .collect()
}

/// Returns the labels by which a service's containers are found.
pub(super) fn service_labels(
    stack: &Stack<Resolved>,
    service: &ServiceName,
) -> BTreeMap<String, String> {
    BTreeMap::from([
        (labels::PROJECT.to_owned(), stack.name().to_string()),
        (labels::SERVICE.to_owned(), service.to_string()),
        (labels::ONEOFF.to_owned(), "False".to_owned()),
    ])
}

/// Returns a running container of a service, the one with the least number.
pub(super) async fn running_container(
    engine: &Arc<dyn Engine>,
    stack: &Stack<Resolved>,
    service: &ServiceName,
) -> Result<Option<ObservedContainer>, EngineError> {
    let mut found = engine.find(&service_labels(stack, service)).await?;
    found.retain(|container| container.state.status == ContainerStatus::Running);
    found.sort_by_key(|container| {
        let number = container.config.labels.get(labels::CONTAINER_NUMBER);
        number.and_then(|number| number.parse::<u32>().ok())
    });
    Ok(found.into_iter().next())
}

/// Waits until the services that a task needs are as it needs them.
pub(super) async fn wait(job: &Job, task: &Task<Resolved>) -> Result<(), Outcome> {
    for (service, condition) in &services(task) {
        let engine = job.engine()?;
        let ready = wait_for_service(job, &engine, service, *condition);
        let timeout = job.shared.gate_timeout;
        tokio::select! {
            biased;
            result = ready => result?,
            why = job.interrupted(task) => return Err(Interrupt::outcome(why)),
            () = tokio::time::sleep(timeout) => {
                return Err(failed(format!(
                    "{service} was not {condition} within {}",
                    crate::model::format_duration(timeout)
                )));
            }
        }
    }
    Ok(())
}

async fn wait_for_service(
    job: &Job,
    engine: &Arc<dyn Engine>,
    service: &ServiceName,
    condition: Condition,
) -> Result<(), Outcome> {
    let labels = service_labels(&job.shared.stack, service);
    let mut events = None;
    loop {
        let found = engine
            .find(&labels)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if found.iter().any(|container| meets(container, condition)) {
            return Ok(());
        }
        if let Some(why) = hopeless(&found, condition) {
            return Err(failed(format!("{service} {why}")));
        }
        job.tell(RunProgress::Waiting {
            task: job.task.clone(),
            what: format!("{service} to be {condition}"),
        });
        // Subscribed after the first look: most services are ready, and the next look closes the gap.
        match &mut events {
            None => {
                events = engine.events().await.ok();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Some(stream) => {
                if let Ok(None) = tokio::time::timeout(LOOK_INTERVAL, stream.next()).await {
                    events = None;
                }
            }
        }
    }
}

fn meets(container: &ObservedContainer, condition: Condition) -> bool {
    let state = &container.state;
    match condition {
        Condition::Started => state.status == ContainerStatus::Running,
        Condition::Healthy => {
            state.status == ContainerStatus::Running
                && matches!(state.health, None | Some(Health::Healthy))
        }
        Condition::Completed => state.status == ContainerStatus::Exited && state.exit_code == 0,
    }
}

/// Returns why waiting is in vain; `None` where it is not.
fn hopeless(found: &[ObservedContainer], condition: Condition) -> Option<String> {
    let all =
        |wanted: &dyn Fn(&ObservedContainer) -> bool| !found.is_empty() && found.iter().all(wanted);
    let first = found.first();
    if found.is_empty() {
        return Some("has no container".to_owned());
    }
    match condition {
        Condition::Healthy if all(&|c| c.state.health == Some(Health::Unhealthy)) => {
            let log = first.and_then(|c| c.state.health_log.last());
            let last = log
                .map(|log| format!(": {}", log.trim()))
                .unwrap_or_default();
            Some(format!("is unhealthy{last}"))
        }
        Condition::Completed
            if all(&|c| c.state.status == ContainerStatus::Exited && c.state.exit_code != 0) =>
        {
            first.map(|c| format!("ended with exit code {}", c.state.exit_code))
        }
        Condition::Started | Condition::Healthy | Condition::Completed => None,
    }
}
