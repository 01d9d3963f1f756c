//! One action, with what is done when its answer is lost.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use crate::compose::labels;
use crate::engine::{ActionProgress, Engine, EngineError, Performed};
use crate::model::{ContainerStatus, NetworkSpec, ObservedContainer, ProjectName, Scope};
use crate::plan::{Action, ContainerRef};

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StepFailure {
    pub(super) message: String,
    pub(super) details: Vec<String>,
    /// Whether it did not fail but was given up.
    pub(super) is_cancelled: bool,
}

impl StepFailure {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            details: Vec::new(),
            is_cancelled: false,
        }
    }

    pub(super) fn cancelled() -> Self {
        Self {
            is_cancelled: true,
            ..Self::new("given up".to_owned())
        }
    }
}

/// Performs an action. Where the answer was lost, looks whether it took effect, and does it once more only if it did not.
pub(super) async fn perform(engine: &dyn Engine, action: &Action) -> Result<(), StepFailure> {
    perform_telling(engine, action, None).await
}

/// Performs an action as [`perform`] does, and tells how it goes.
pub(super) async fn perform_telling(
    engine: &dyn Engine,
    action: &Action,
    progress: Option<&mpsc::Sender<ActionProgress>>,
) -> Result<(), StepFailure> {
    let Err(error) = call(engine, action, progress).await else {
        return Ok(());
    };
    let is_lost = matches!(
        error,
        EngineError::TimedOut { .. } | EngineError::Broken { .. }
    );
    // What a command did before its answer was lost cannot be seen: it is never run twice.
    let is_command = matches!(action, Action::RunCommand(_));
    if is_command || !is_lost && !error.is_transient() {
        return Err(failure(&error));
    }
    if is_lost && took_effect(engine, action).await == Some(true) {
        return Ok(());
    }
    match call(engine, action, progress).await {
        Ok(_) => Ok(()),
        // The first call may have come through after we looked.
        Err(EngineError::Conflict { .. }) if took_effect(engine, action).await == Some(true) => {
            Ok(())
        }
        Err(error) => Err(failure(&error)),
    }
}

async fn call(
    engine: &dyn Engine,
    action: &Action,
    progress: Option<&mpsc::Sender<ActionProgress>>,
) -> Result<Performed, EngineError> {
    match progress {
        Some(progress) => engine.perform_telling(action, progress).await,
        None => engine.perform(action).await,
    }
}

/// Performs actions that take something back; goes on after a failure, and returns what failed.
pub(super) async fn take_back(engine: &dyn Engine, actions: &[Action]) -> Vec<String> {
    let mut failures = Vec::new();
    for action in actions {
        if let Err(failure) = perform(engine, action).await {
            failures.push(failure.message);
        }
    }
    failures
}

fn failure(error: &EngineError) -> StepFailure {
    let mut failure = StepFailure::new(error.to_string());
    match error {
        EngineError::Socket {
            command: Some(command),
            ..
        } => failure.details.push(format!("run: {command}")),
        EngineError::Unreachable { hint, .. } => failure.details.push(hint.clone()),
        EngineError::Command { output, .. } => {
            let lines = output.iter().map(|line| format!("output: {line}"));
            failure.details.extend(lines);
        }
        EngineError::BuildFailed { output, .. } => failure.details.clone_from(output),
        _ => {}
    }
    failure
}

/// Returns whether an action is in effect; `None` where that cannot be told, or where doing it again does no harm.
async fn took_effect(engine: &dyn Engine, action: &Action) -> Option<bool> {
    match action {
        Action::CreateContainer(spec) => {
            let name = ContainerRef::Name(spec.name.clone());
            let found = engine.inspect(&name).await.ok()?;
            Some(found.is_some_and(|it| is_same_slot(&it, &spec.config.labels)))
        }
        Action::StartContainer { container } | Action::UnpauseContainer { container } => {
            let found = engine.inspect(container).await.ok()??;
            Some(found.state.status == ContainerStatus::Running)
        }
        Action::StopContainer { container, .. } => {
            let found = engine.inspect(container).await.ok()??;
            Some(matches!(
                found.state.status,
                ContainerStatus::Exited | ContainerStatus::Created | ContainerStatus::Dead
            ))
        }
        Action::RemoveContainer { container, .. } => {
            Some(engine.inspect(container).await.ok()?.is_none())
        }
        Action::RenameContainer { container, to } => match container {
            ContainerRef::Id(_) => Some(engine.inspect(container).await.ok()??.name == *to),
            ContainerRef::Name(_) => {
                let old = engine.inspect(container).await.ok()?;
                let new = engine.inspect(&ContainerRef::Name(to.clone())).await.ok()?;
                Some(old.is_none() && new.is_some())
            }
        },
        Action::ConnectNetwork {
            container, network, ..
        } => {
            let found = engine.inspect(container).await.ok()??;
            Some(found.config.endpoints.contains_key(network))
        }
        Action::DisconnectNetwork { container, network } => {
            let found = engine.inspect(container).await.ok()??;
            Some(!found.config.endpoints.contains_key(network))
        }
        Action::CreateNetwork(spec) => has_network(engine, spec).await,
        Action::PullImage { .. }
        | Action::BuildImage(_)
        | Action::TagImage { .. }
        | Action::RemoveNetwork { .. }
        | Action::CreateVolume(_)
        | Action::RemoveVolume { .. }
        | Action::CopyFiles { .. }
        | Action::RestartContainer { .. }
        | Action::SignalContainer { .. }
        | Action::RunCommand(_)
        | Action::UpdateContainer { .. }
        | Action::Await { .. }
        | Action::FixSocket(_) => None,
    }
}

/// Returns whether a container is of the project, service and number that `labels` name.
fn is_same_slot(container: &ObservedContainer, labels: &BTreeMap<String, String>) -> bool {
    let identity = [
        labels::PROJECT,
        labels::SERVICE,
        labels::CONTAINER_NUMBER,
        labels::WORKING_DIR,
        labels::CONFIG_HASH,
    ];
    identity
        .iter()
        .all(|label| container.config.labels.get(*label) == labels.get(*label))
}

/// Returns whether our network is there. Names of networks are not unique, so that a second create would make a second network.
async fn has_network(engine: &dyn Engine, spec: &NetworkSpec) -> Option<bool> {
    let project = spec.labels.get(labels::PROJECT)?;
    let scope = Scope {
        project: ProjectName::new(project.as_str()).ok()?,
        images: BTreeSet::new(),
        networks: BTreeSet::from([spec.name.clone()]),
        volumes: BTreeSet::new(),
        container_names: BTreeSet::new(),
        sockets: BTreeMap::new(),
        files: BTreeSet::new(),
    };
    let observed = engine.observe(&scope).await.ok()?;
    let mut networks = observed.networks.iter();
    Some(networks.any(|it| it.name == spec.name && it.labels == spec.labels))
}
