//! Desired and running, service by service.

use jiff::Timestamp;

use crate::compose::{Ownership, container_ownership, image_of, labels};
use crate::model::{
    ContainerStatus, EngineFacts, Health, Lifecycle, Observed, ObservedContainer, Resolved,
    Service, ServiceName, Stack,
};
use crate::plan::{FieldChange, Plan, Resource, Verdict};

/// A stack in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The project.
    pub project: String,
    /// The engine.
    pub engine: EngineFacts,
    /// One row for each service, in the order of stack.toml.
    pub services: Vec<ServiceStatus>,
    /// Changes to other things than services that a plan would make, such as `network:back`.
    pub other_changes: Vec<String>,
}

/// A service in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: ServiceName,
    /// Whether something is wrong.
    pub mark: Mark,
    /// What state it is in.
    pub state: StateWord,
    /// How many containers should run; 0 for a one-shot and for a service that is switched off.
    pub desired: u32,
    /// Its containers, by their number.
    pub containers: Vec<ObservedContainer>,
    /// What differs from stack.toml.
    pub drift: Vec<FieldChange>,
    /// The image.
    pub image: String,
    /// Published host ports.
    pub ports: Vec<String>,
    /// The profiles that would switch it on, where it is off.
    pub profiles: Vec<String>,
}

/// Whether something is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It does not do what it is for.
    Broken,
    /// It works and differs from stack.toml.
    Drifted,
    /// It could not be seen.
    Unknown,
    /// All is well.
    Fine,
}

/// What state a service is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateWord {
    /// It runs.
    Running,
    /// It runs, and its health is not known yet.
    Starting,
    /// The engine restarts it again and again.
    Restarts,
    /// It is frozen.
    Paused,
    /// It is there and does not run.
    Stopped,
    /// A one-shot that ended with 0.
    Done,
    /// A one-shot that ended with something else.
    Failed,
    /// It is not there.
    Missing,
    /// Its profile is not active.
    Off,
    /// It could not be seen.
    Unknown,
}

impl StateWord {
    /// Returns the word for people and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Starting => "starting",
            Self::Restarts => "restarts",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Off => "off",
            Self::Unknown => "unknown",
        }
    }
}

/// Puts what is desired beside what was observed; `plan` says what differs.
pub fn status(stack: &Stack<Resolved>, observed: &Observed, plan: &Plan) -> Status {
    let services = stack
        .services()
        .iter()
        .map(|(name, service)| row(stack, observed, plan, name, service))
        .collect();
    let other_changes = plan
        .changes
        .iter()
        .filter(|change| !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown))
        .filter(|change| !matches!(change.resource, Resource::Service(..) | Resource::Image(_)))
        .map(|change| change.resource.to_string())
        .collect();
    Status {
        project: stack.name().to_string(),
        engine: observed.engine.clone(),
        services,
        other_changes,
    }
}

fn row(
    stack: &Stack<Resolved>,
    observed: &Observed,
    plan: &Plan,
    name: &ServiceName,
    service: &Service<Resolved>,
) -> ServiceStatus {
    let containers = containers_of(stack, observed, name);
    let changes: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| matches!(&change.resource, Resource::Service(of, _) if of == name))
        .collect();
    let is_active = stack.is_active(service);
    let is_unknown = changes
        .iter()
        .any(|change| change.verdict == Verdict::Unknown);
    let is_changed = changes
        .iter()
        .any(|change| !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown));
    let state = if is_unknown {
        StateWord::Unknown
    } else {
        state(service, &containers, is_active)
    };
    let mark = match state {
        StateWord::Unknown => Mark::Unknown,
        StateWord::Restarts | StateWord::Paused | StateWord::Stopped | StateWord::Failed => {
            Mark::Broken
        }
        StateWord::Missing => Mark::Broken,
        StateWord::Off => Mark::Fine,
        StateWord::Running | StateWord::Starting | StateWord::Done => {
            if health(&containers) == Some(Health::Unhealthy) {
                Mark::Broken
            } else if is_changed {
                Mark::Drifted
            } else {
                Mark::Fine
            }
        }
    };
    let is_off = state == StateWord::Off;
    ServiceStatus {
        name: name.clone(),
        mark,
        state,
        desired: match service.lifecycle {
            Lifecycle::Daemon if is_active => service.scale,
            Lifecycle::Daemon | Lifecycle::OneShot(_) => 0,
        },
        drift: changes
            .iter()
            .flat_map(|change| change.fields.clone())
            .collect(),
        image: image_of(stack, name).map_or_else(String::new, |image| image.to_string()),
        ports: ports(&containers),
        profiles: if is_off {
            service.profiles.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        },
        containers: containers.into_iter().cloned().collect(),
    }
}

impl ServiceStatus {
    /// Returns how many of its containers run.
    pub fn running(&self) -> usize {
        let runs =
            |container: &&ObservedContainer| container.state.status == ContainerStatus::Running;
        self.containers.iter().filter(runs).count()
    }

    /// Returns what its health checks say, the worst of all; a one-shot's and a broken service's exit code; `-` where there is none.
    pub fn health_word(&self) -> String {
        let containers: Vec<_> = self.containers.iter().collect();
        let has_run =
            |container: &&ObservedContainer| container.state.status != ContainerStatus::Created;
        let exit = self
            .containers
            .last()
            .filter(has_run)
            .map(|container| container.state.exit_code);
        match self.state {
            StateWord::Done | StateWord::Failed | StateWord::Stopped | StateWord::Restarts => {
                exit.map_or("-".to_owned(), |code| format!("exit {code}"))
            }
            StateWord::Off | StateWord::Missing | StateWord::Unknown => "-".to_owned(),
            StateWord::Running | StateWord::Starting | StateWord::Paused => {
                match health(&containers) {
                    Some(Health::Healthy) => "healthy",
                    Some(Health::Starting) => "starting",
                    Some(Health::Unhealthy) => "unhealthy",
                    None => "-",
                }
                .to_owned()
            }
        }
    }

    /// Returns when it came into its state: the start of the first container that runs, or the end of the last one.
    pub fn since(&self) -> Option<Timestamp> {
        match self.state {
            StateWord::Done | StateWord::Failed | StateWord::Stopped => self
                .containers
                .iter()
                .filter_map(|container| container.state.finished_at)
                .max(),
            _ => self
                .containers
                .iter()
                .filter_map(|container| container.state.started_at)
                .min(),
        }
    }
}

impl Status {
    /// Returns how many services are up, one-shots that are done among them, and how many should be.
    pub fn up(&self) -> (usize, usize) {
        let wanted = |row: &&ServiceStatus| row.state != StateWord::Off;
        let is_up = |row: &&ServiceStatus| {
            matches!(
                row.state,
                StateWord::Running | StateWord::Starting | StateWord::Done
            )
        };
        let rows = self.services.iter().filter(wanted);
        (rows.clone().filter(is_up).count(), rows.count())
    }

    /// Returns how many things differ from stack.toml or do not work.
    pub fn differing(&self) -> usize {
        let rows = self.services.iter().filter(|row| row.mark != Mark::Fine);
        rows.count() + self.other_changes.len()
    }
}

/// Returns the containers of a service that are this stack's, by their number.
pub(super) fn containers_of<'a>(
    stack: &Stack<Resolved>,
    observed: &'a Observed,
    service: &ServiceName,
) -> Vec<&'a ObservedContainer> {
    let (project, folder) = (stack.name(), &stack.parts().folder);
    let mut found: Vec<_> = observed
        .containers
        .iter()
        .filter(|container| {
            let labels = &container.config.labels;
            labels
                .get(labels::SERVICE)
                .is_some_and(|name| name == service.as_str())
                && labels
                    .get(labels::ONEOFF)
                    .is_none_or(|oneoff| oneoff != "True")
                && container_ownership(labels, project, folder) == Ownership::Ours
        })
        .collect();
    found.sort_by_key(|container| {
        let number = container.config.labels.get(labels::CONTAINER_NUMBER);
        (
            number.and_then(|text| text.parse::<u32>().ok()),
            container.name.clone(),
        )
    });
    found
}

fn state(
    service: &Service<Resolved>,
    containers: &[&ObservedContainer],
    is_active: bool,
) -> StateWord {
    let is_in = |status| {
        containers
            .iter()
            .any(|container| container.state.status == status)
    };
    if containers.is_empty() {
        return match (is_active, service.scale) {
            (true, 1..) => StateWord::Missing,
            _ => StateWord::Off,
        };
    }
    if is_in(ContainerStatus::Restarting) {
        return StateWord::Restarts;
    }
    if is_in(ContainerStatus::Paused) {
        return StateWord::Paused;
    }
    if is_in(ContainerStatus::Running) {
        return match health(containers) {
            Some(Health::Starting) => StateWord::Starting,
            Some(Health::Healthy | Health::Unhealthy) | None => StateWord::Running,
        };
    }
    let ended_well = containers.iter().all(|container| {
        container.state.status == ContainerStatus::Exited && container.state.exit_code == 0
    });
    match service.lifecycle {
        Lifecycle::OneShot(_) if ended_well => StateWord::Done,
        Lifecycle::OneShot(_) if is_in(ContainerStatus::Exited) => StateWord::Failed,
        Lifecycle::OneShot(_) | Lifecycle::Daemon => StateWord::Stopped,
    }
}

/// Returns the worst that the health checks of containers say.
fn health(containers: &[&ObservedContainer]) -> Option<Health> {
    let mut healths: Vec<Health> = containers
        .iter()
        .filter_map(|container| container.state.health)
        .collect();
    healths.sort_by_key(|health| match health {
        Health::Unhealthy => 0,
        Health::Starting => 1,
        Health::Healthy => 2,
    });
    healths.first().copied()
}

fn ports(containers: &[&ObservedContainer]) -> Vec<String> {
    let mut ports: Vec<String> = containers
        .iter()
        .flat_map(|container| &container.bound_ports)
        .filter(|port| !port.published.is_empty())
        .map(|port| port.published.clone())
        .collect();
    ports.sort();
    ports.dedup();
    ports
}
