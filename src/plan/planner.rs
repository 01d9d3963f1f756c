//! What the parts of the planner share: the plan in the making, and what they found out.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::compose::{Host, Ownership, container_ownership, labels, object_ownership};
use crate::model::{
    Condition, ContainerStatus, Observed, ObservedContainer, Resolved, ServiceName, Stack,
};

use super::compare::Context;
use super::{
    Action, Change, Fingerprint, Note, Plan, PlanOptions, Reason, Resource, Step, StepId, Subject,
    Summary, Verdict,
};

/// A plan in the making.
pub(super) struct Planner<'a> {
    pub(super) stack: &'a Stack<Resolved>,
    pub(super) observed: &'a Observed,
    pub(super) options: &'a PlanOptions,
    pub(super) host: Host<'a>,
    pub(super) context: Context<'a>,
    /// The services that the plan is about, dependencies first.
    pub(super) selected: Vec<ServiceName>,
    pub(super) changes: Vec<Change>,
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<Note>,
    /// Every pull, before which no container is touched.
    pub(super) pulls: BTreeSet<StepId>,
    /// What makes networks, volumes and sockets ready, by their name at the engine or in stack.toml.
    pub(super) networks: BTreeMap<String, StepId>,
    /// See `networks`.
    pub(super) volumes: BTreeMap<String, StepId>,
    /// See `networks`.
    pub(super) sockets: BTreeMap<String, StepId>,
    /// What starts the containers of a service, by service and number.
    pub(super) starts: BTreeMap<(ServiceName, u32), StepId>,
    /// Waits that are planned already, so that all dependants share them.
    pub(super) waits: BTreeMap<(ServiceName, u32, Condition), StepId>,
    /// Removals of containers that give host ports free: the published port and the step.
    pub(super) freed: Vec<(String, StepId)>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        stack: &'a Stack<Resolved>,
        observed: &'a Observed,
        options: &'a PlanOptions,
    ) -> Self {
        Self {
            stack,
            observed,
            options,
            host: Host {
                sockets: &observed.sockets,
                compose: options.compose,
                salt: &options.salt,
            },
            context: Context::new(stack, observed),
            selected: select(stack, options),
            changes: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            pulls: BTreeSet::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            sockets: BTreeMap::new(),
            starts: BTreeMap::new(),
            waits: BTreeMap::new(),
            freed: Vec::new(),
        }
    }

    /// Returns whether the plan is about the whole stack and not about services that were named.
    pub(super) fn is_whole(&self) -> bool {
        self.options.services.is_empty()
    }

    /// Adds an entry for a resource and returns its place.
    pub(super) fn change(
        &mut self,
        resource: Resource,
        verdict: Verdict,
        reasons: Vec<Reason>,
        summary: Summary,
    ) -> usize {
        self.changes.push(Change {
            resource,
            verdict,
            reasons,
            fields: Vec::new(),
            summary,
            loses_data: false,
        });
        self.changes.len() - 1
    }

    /// Adds a step and returns its number.
    pub(super) fn step(
        &mut self,
        change: usize,
        action: Action,
        needs: impl IntoIterator<Item = StepId>,
        undo: Vec<Action>,
    ) -> StepId {
        let id = StepId(self.steps.len());
        self.changes[change].loses_data |= action.loses_data();
        self.steps.push(Step {
            id,
            change,
            action,
            needs: needs.into_iter().collect(),
            after: BTreeSet::new(),
            undo,
            tidies: false,
        });
        id
    }

    /// Adds a step that only tidies up behind a change that has reached its aim.
    pub(super) fn tidy(
        &mut self,
        change: usize,
        action: Action,
        needs: impl IntoIterator<Item = StepId>,
    ) -> StepId {
        let id = self.step(change, action, needs, Vec::new());
        self.steps[id.0].tidies = true;
        id
    }

    /// Returns whether a container is ours. The one place of the planner where that is decided.
    pub(super) fn owns(&self, container: &ObservedContainer) -> bool {
        let folder = &self.stack.parts().folder;
        match container_ownership(&container.config.labels, self.stack.name(), folder) {
            Ownership::Ours => true,
            // From another folder, the same project is taken over where the user said so.
            Ownership::Foreign { .. } => {
                let owner = container.config.labels.get(labels::PROJECT);
                self.options.adopt && owner.is_some_and(|it| it == self.stack.name().as_str())
            }
            Ownership::Unlabelled => false,
        }
    }

    /// Returns the folder that a container which is taken over was made from; `None` for one that is ours by its labels. Labels cannot be
    /// changed, so that only a new container makes the change of owner last.
    pub(super) fn other_folder(&self, container: &'a ObservedContainer) -> Option<String> {
        let labels = &container.config.labels;
        let folder = &self.stack.parts().folder;
        match container_ownership(labels, self.stack.name(), folder) {
            Ownership::Foreign { .. } if self.owns(container) => {
                let from = labels.get(labels::WORKING_DIR).cloned();
                Some(from.unwrap_or_else(|| "an unknown folder".to_owned()))
            }
            Ownership::Foreign { .. } | Ownership::Ours | Ownership::Unlabelled => None,
        }
    }

    /// Returns whether a network or volume with these labels is ours: by its labels, unless a container of the same project belongs to
    /// another folder.
    pub(super) fn owns_object(&self, labels: &BTreeMap<String, String>) -> bool {
        object_ownership(labels, self.stack.name()) == Ownership::Ours && !self.is_shared_name()
    }

    /// Returns whether a container of the same project name belongs to another folder.
    pub(super) fn is_shared_name(&self) -> bool {
        self.namesakes().next().is_some()
    }

    /// Returns who owns something, for people.
    pub(super) fn owner_of(&self, container: &ObservedContainer) -> String {
        let folder = &self.stack.parts().folder;
        match container_ownership(&container.config.labels, self.stack.name(), folder) {
            Ownership::Foreign { owner } => owner,
            Ownership::Ours | Ownership::Unlabelled => "nobody by its labels".to_owned(),
        }
    }

    /// Returns our containers of a service with their numbers; those of `docker compose run` do not count.
    pub(super) fn containers_of(&self, service: &ServiceName) -> Vec<(u32, &'a ObservedContainer)> {
        let all = self.observed.containers.iter();
        all.filter(|container| self.owns(container))
            .filter_map(|container| {
                let (name, number) = service_of(container)?;
                (name == service.as_str()).then_some((number, container))
            })
            .collect()
    }

    pub(super) fn finish(self) -> Plan {
        let running = self.stack.services().keys().filter(|service| {
            let containers = self.containers_of(service);
            containers.iter().any(|(_, container)| is_up(container))
        });
        Plan {
            subject: Subject {
                project: self.stack.name().to_string(),
                services: self.stack.active_services().count(),
                running: running.count(),
            },
            fingerprint: fingerprint(self.observed, &self.options.salt),
            changes: self.changes,
            steps: self.steps,
            notes: self.notes,
        }
    }
}

/// Returns the service and number that a container's labels name; `None` for what `docker compose run` made.
pub(super) fn service_of(container: &ObservedContainer) -> Option<(&str, u32)> {
    let label = |name: &str| container.config.labels.get(name).map(String::as_str);
    if label(labels::ONEOFF).is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return None;
    }
    let number = label(labels::CONTAINER_NUMBER).and_then(|text| text.parse().ok());
    Some((label(labels::SERVICE)?, number.unwrap_or(1)))
}

/// Returns whether a container's process is there, or is just about to be.
pub(super) fn is_up(container: &ObservedContainer) -> bool {
    match container.state.status {
        ContainerStatus::Running | ContainerStatus::Paused | ContainerStatus::Restarting => true,
        ContainerStatus::Created
        | ContainerStatus::Removing
        | ContainerStatus::Exited
        | ContainerStatus::Dead => false,
    }
}

/// Returns the services that the plan is about, dependencies first.
fn select(stack: &Stack<Resolved>, options: &PlanOptions) -> Vec<ServiceName> {
    let mut wanted: BTreeSet<ServiceName> = if options.services.is_empty() {
        stack
            .active_services()
            .map(|(name, _)| name.clone())
            .collect()
    } else {
        options.services.iter().cloned().collect()
    };
    wanted.retain(|name| stack.service(name).is_some());
    if !options.services.is_empty() && options.with_dependencies {
        let mut open: Vec<ServiceName> = wanted.iter().cloned().collect();
        while let Some(name) = open.pop() {
            let dependencies = stack
                .service(&name)
                .into_iter()
                .flat_map(|s| s.depends_on.keys());
            for dependency in dependencies.filter(|name| stack.service(name).is_some()) {
                if wanted.insert(dependency.clone()) {
                    open.push(dependency.clone());
                }
            }
        }
    }
    let mut ordered = Vec::new();
    for name in stack.services().keys() {
        visit(stack, name, &wanted, &mut BTreeSet::new(), &mut ordered);
    }
    ordered
}

/// Adds a service behind everything that it depends on. `on_path` guards against a cycle, which the checks of a stack refuse.
pub(super) fn visit(
    stack: &Stack<Resolved>,
    name: &ServiceName,
    wanted: &BTreeSet<ServiceName>,
    on_path: &mut BTreeSet<ServiceName>,
    ordered: &mut Vec<ServiceName>,
) {
    if ordered.contains(name) || !on_path.insert(name.clone()) {
        return;
    }
    if let Some(service) = stack.service(name) {
        for dependency in service.depends_on.keys() {
            visit(stack, dependency, wanted, on_path, ordered);
        }
        for dependency in namespace_services(stack, name) {
            visit(stack, &dependency, wanted, on_path, ordered);
        }
    }
    if wanted.contains(name) {
        ordered.push(name.clone());
    }
}

/// Returns the services whose namespaces a service joins by `service:X`.
pub(super) fn namespace_services(stack: &Stack<Resolved>, name: &ServiceName) -> Vec<ServiceName> {
    let Some(service) = stack.service(name) else {
        return Vec::new();
    };
    let container = &service.container;
    let network = match &container.attachment {
        crate::model::Attachment::Mode(mode) => Some(mode),
        crate::model::Attachment::Networks(_) => None,
    };
    [network, container.ipc.as_ref(), container.pid.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|mode| mode.strip_prefix("service:"))
        .filter_map(|name| ServiceName::new(name).ok())
        .filter(|name| stack.service(name).is_some())
        .collect()
}

/// Returns a digest of what a plan is made from: not of health, times and counters, which move by themselves.
fn fingerprint(observed: &Observed, salt: &str) -> Fingerprint {
    let mut digest = Sha256::new();
    let mut add = |text: String| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text.as_bytes());
    };
    add(salt.to_owned());
    add(format!("{:?}", observed.engine));
    let mut containers: Vec<&ObservedContainer> = observed.containers.iter().collect();
    containers.sort_by(|a, b| a.id.cmp(&b.id));
    for container in containers {
        let state = &container.state;
        add(format!(
            "{:?} {} {:?} {:?} {} {:?} {:?}",
            container.id,
            container.name,
            container.image_id,
            state.status,
            state.exit_code,
            container.config,
            container.network_ids,
        ));
    }
    let mut networks: Vec<_> = observed.networks.iter().collect();
    networks.sort_by(|a, b| a.id.cmp(&b.id));
    for network in networks {
        add(format!("{network:?}"));
    }
    let mut volumes: Vec<_> = observed.volumes.iter().collect();
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    add(format!("{volumes:?}"));
    add(format!("{:?}", observed.images));
    add(format!("{:?}", observed.sockets));
    let hex = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Fingerprint(hex)
}
