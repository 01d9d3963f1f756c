//! What the parts of the planner share: the plan in the making, and what they found out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::FixedState;

use crate::compose::{
    Host, Ownership, container_ownership, implied_dependencies, labels, object_ownership,
};
use crate::model::{
    Condition, ContainerId, ContainerStatus, Observed, ObservedContainer, Resolved, ServiceName,
    Stack,
};

use super::compare::Context;
use super::fingerprint::fingerprint;
use super::index::{Index, owns};
use super::{
    Action, Change, Note, Plan, PlanOptions, Reason, Resource, Step, StepId, Subject, Summary,
    Verdict,
};

/// A plan in the making.
pub(super) struct Planner<'a> {
    pub(super) stack: &'a Stack<Resolved>,
    pub(super) observed: &'a Observed,
    pub(super) options: &'a PlanOptions,
    pub(super) host: Host<'a>,
    pub(super) context: Context<'a>,
    /// The snapshot by name.
    pub(super) index: Index<'a>,
    /// The services that the plan is about, dependencies first.
    pub(super) selected: Vec<ServiceName>,
    /// The same without an order.
    selection: HashSet<&'a str, FixedState>,
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
    /// What makes a container bear its name, by service and number: only then can another one be made that refers to it.
    pub(super) names_ready: BTreeMap<(ServiceName, u32), StepId>,
    /// Waits that are planned already, so that all dependants share them.
    pub(super) waits: BTreeMap<(ServiceName, u32, Condition), StepId>,
    /// Stops and removals of containers that give host ports free, by the published port.
    pub(super) freed: BTreeMap<String, Vec<StepId>>,
    /// Containers that are stopped before their turn, since another one takes a port of theirs, or they follow what is stopped.
    pub(super) stopped: BTreeMap<ContainerId, StepId>,
    /// What is removed, by its place in `changes`: two containers of one number, or networks of one name, are one resource.
    removals: BTreeMap<Resource, usize>,
    /// Services of which it is noted already that Compose's hash goes stale.
    pub(super) stale: BTreeSet<ServiceName>,
    /// Names that containers of the stack have or get: none of them is used for anything else.
    pub(super) reserved: HashSet<String, FixedState>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        stack: &'a Stack<Resolved>,
        observed: &'a Observed,
        options: &'a PlanOptions,
    ) -> Self {
        let selected = select(stack, options);
        let services = stack.services();
        let selection = selected.iter().filter_map(|it| services.get_key_value(it));
        Self {
            stack,
            observed,
            options,
            host: Host {
                sockets: &observed.sockets,
                compose: options.compose,
                salt: &options.salt,
            },
            context: Context::new(stack, observed, options),
            index: Index::new(stack, observed, options),
            selection: selection.map(|(name, _)| name.as_str()).collect(),
            selected,
            changes: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            pulls: BTreeSet::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            sockets: BTreeMap::new(),
            starts: BTreeMap::new(),
            names_ready: BTreeMap::new(),
            waits: BTreeMap::new(),
            freed: BTreeMap::new(),
            stopped: BTreeMap::new(),
            removals: BTreeMap::new(),
            stale: BTreeSet::new(),
            reserved: HashSet::default(),
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

    /// Adds an entry for a resource that is removed, unless there is one already, and returns its place.
    pub(super) fn removal(
        &mut self,
        resource: Resource,
        reason: Reason,
        summary: Summary,
    ) -> usize {
        if let Some(change) = self.removals.get(&resource) {
            return *change;
        }
        let change = self.change(resource.clone(), Verdict::Remove, vec![reason], summary);
        self.removals.insert(resource, change);
        change
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
            marks: Vec::new(),
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

    /// Returns whether the plan is about a service.
    pub(super) fn is_selected(&self, service: &ServiceName) -> bool {
        self.selection.contains(service.as_str())
    }

    /// Returns whether a container is ours.
    pub(super) fn owns(&self, container: &ObservedContainer) -> bool {
        owns(self.stack, self.options, container)
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
        !self.index.namesakes.is_empty()
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
        self.index.containers_of(service.as_str()).to_vec()
    }

    pub(super) fn finish(mut self) -> Plan {
        self.images_first();
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
            fingerprint: fingerprint(self.observed, &self.index, &self.options.salt),
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
            let Some(service) = stack.service(&name) else {
                continue;
            };
            let implied = implied_dependencies(stack, service);
            let implied = implied.iter().map(|(name, _)| name);
            let dependencies = service.depends_on.keys().chain(implied);
            for dependency in dependencies.filter(|name| stack.service(name).is_some()) {
                if wanted.insert(dependency.clone()) {
                    open.push(dependency.clone());
                }
            }
        }
    }
    let mut ordered = dependency_order(stack);
    ordered.retain(|name| wanted.contains(name));
    ordered
}

/// Returns all services, each behind everything that it depends on, else in the order of the file.
///
/// A cycle, which the checks of a stack refuse, is cut somewhere. No recursion, since a chain may be as long as the stack is large.
pub(super) fn dependency_order(stack: &Stack<Resolved>) -> Vec<ServiceName> {
    let services = stack.services();
    let mut ordered = Vec::with_capacity(services.len());
    let mut is_seen = vec![false; services.len()];
    // A service, and what of its dependencies is still to be looked at, the next one last.
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    for first in 0..services.len() {
        let mut next = Some(first);
        loop {
            if let Some(place) = next.filter(|place| !std::mem::replace(&mut is_seen[*place], true))
            {
                open.push((place, dependencies(stack, place)));
            }
            let Some((place, dependencies)) = open.last_mut() else {
                break;
            };
            next = dependencies.pop();
            if next.is_none() {
                ordered.extend(services.get_index(*place).map(|(name, _)| name.clone()));
                open.pop();
            }
        }
    }
    ordered
}

/// Returns the places of the services that one depends on, the first one last.
fn dependencies(stack: &Stack<Resolved>, place: usize) -> Vec<usize> {
    let services = stack.services();
    let Some((_, service)) = services.get_index(place) else {
        return Vec::new();
    };
    let named = service.depends_on.keys();
    let named = named.filter_map(|name| services.get_index_of(name));
    let implied = implied_dependencies(stack, service).into_iter();
    let implied = implied.filter_map(|(name, _)| services.get_index_of(&name));
    let mut all: Vec<usize> = named.chain(implied).collect();
    all.reverse();
    all
}
