//! Taking a stack down.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::{implied_dependencies, labels, volume_name};
use crate::model::{Observed, ObservedContainer, Resolved, ServiceName, Stack, VolumeName};

use super::planner::{Planner, dependency_order, service_of};
use super::volumes::anonymous_volumes;
use super::{
    Action, DownOptions, Note, OrphanKind, Plan, PlanOptions, Reason, Resource, StepId, Summary,
};

/// Returns what to do so that nothing of the stack is left but, where they are not to go, its volumes.
///
/// Services of inactive profiles, containers that nothing declares any more and those of tasks go too; what is not ours stays. A service is
/// stopped after everything that depends on it.
pub fn down(stack: &Stack<Resolved>, observed: &Observed, options: &DownOptions) -> Plan {
    let plan_options = PlanOptions {
        stop_grace: options.stop_grace,
        ..PlanOptions::default()
    };
    let mut planner = Planner::new(stack, observed, &plan_options);
    remove_containers(&mut planner);
    for network in planner.index.networks.clone() {
        if planner.owns_object(&network.labels) {
            let resource = network_resource(stack, &network.name, &network.labels);
            let change = planner.removal(resource, Reason::Down, Summary::default());
            planner.remove_network(network, change);
        }
    }
    if options.volumes {
        remove_volumes(&mut planner);
    }
    planner.note_strangers();
    let namesakes = planner.index.namesakes.clone();
    for container in namesakes {
        let why = format!("belongs to {}", planner.owner_of(container));
        planner.notes.push(Note::NotOurs {
            kind: "container",
            name: container.name.clone(),
            why,
        });
    }
    planner.finish()
}

fn remove_containers(planner: &mut Planner<'_>) {
    let stack = planner.stack;
    let mut ended: BTreeMap<ServiceName, BTreeSet<StepId>> = BTreeMap::new();
    // What nothing declares, and the containers of tasks, may use any service: they go first.
    let mut first = BTreeSet::new();
    for container in planner.index.containers.clone() {
        let is_declared =
            service_of(container).is_some_and(|(name, _)| stack.services().contains_key(name));
        let is_ours = planner.owns(container) || is_task_of(planner, container);
        if is_ours && !is_declared {
            let resource = Resource::Orphan(OrphanKind::Container, container.name.clone());
            first.insert(planner.remove_container(container, resource, Reason::Down));
        }
    }
    let dependants = dependants(stack);
    for service in dependency_order(stack).iter().rev() {
        let mut needs = first.clone();
        for dependant in dependants.get(service).into_iter().flatten() {
            needs.extend(ended.get(*dependant).into_iter().flatten());
        }
        for (number, container) in planner.containers_of(service) {
            let summary = Summary {
                what: container.config.image.to_string(),
                ..Summary::default()
            };
            let resource = Resource::Service(service.clone(), number);
            let change = planner.removal(resource, Reason::Down, summary);
            let ending = planner.remove_after(container, change, needs.clone());
            ended
                .entry(service.clone())
                .or_default()
                .extend(ending.ended);
        }
        // One without a container hands on the wait for those that depend on it.
        ended.entry(service.clone()).or_insert(needs);
    }
}

/// Returns the services that depend on each one, or live in a namespace of it, or are linked to it, or take over its mounts.
fn dependants(stack: &Stack<Resolved>) -> BTreeMap<ServiceName, Vec<&ServiceName>> {
    let mut dependants: BTreeMap<ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, definition) in stack.services() {
        let named = definition.depends_on.keys().cloned();
        let implied = implied_dependencies(stack, definition).into_iter();
        for service in named.chain(implied.map(|(name, _)| name)) {
            dependants.entry(service).or_default().push(name);
        }
    }
    dependants
}

/// Returns whether a container belongs to a task of the project; such carry none of Compose's labels.
fn is_task_of(planner: &Planner<'_>, container: &ObservedContainer) -> bool {
    let labels = &container.config.labels;
    let project = labels.get(labels::TASK_PROJECT);
    project.is_some_and(|it| it == planner.stack.name().as_str()) && !planner.is_shared_name()
}

fn network_resource(
    stack: &Stack<Resolved>,
    name: &str,
    labels: &BTreeMap<String, String>,
) -> Resource {
    let key = labels.get(labels::NETWORK).map(String::as_str);
    match key.and_then(|key| stack.networks().get_key_value(key)) {
        Some((key, _)) => Resource::Network(key.clone()),
        None => Resource::Orphan(OrphanKind::Network, name.to_owned()),
    }
}

/// Removes our volumes but those that the policy protects, after all containers.
fn remove_volumes(planner: &mut Planner<'_>) {
    let stack = planner.stack;
    let containers = planner.steps.iter();
    let containers =
        containers.filter(|step| matches!(step.action, Action::RemoveContainer { .. }));
    let needs: BTreeSet<StepId> = containers.map(|step| step.id).collect();
    remove_anonymous_volumes(planner, &needs);
    let keys = stack.volumes().keys();
    let keys: BTreeMap<String, &VolumeName> =
        keys.map(|key| (volume_name(stack, key), key)).collect();
    for volume in planner.index.volumes.clone() {
        let key = keys.get(&volume.name).copied();
        let is_protected =
            key.is_some_and(|key| stack.parts().policy.prevent_destroy.contains(key));
        let is_external = key.is_some_and(|key| stack.volumes()[key].external);
        if is_external || !planner.owns_object(&volume.labels) {
            continue;
        }
        if is_protected {
            let name = volume.name.clone();
            planner.notes.push(Note::VolumeProtected { name });
            continue;
        }
        let resource = match key {
            Some(key) => Resource::Volume(key.clone()),
            None => Resource::Orphan(OrphanKind::Volume, volume.name.clone()),
        };
        let summary = Summary::default();
        let change = planner.removal(resource, Reason::Down, summary);
        let name = volume.name.clone();
        planner.step(
            change,
            Action::RemoveVolume { name },
            needs.clone(),
            Vec::new(),
        );
    }
}

/// Removes the volumes that nobody named. Told by their names from those of people, and taken from our containers alone, since their
/// labels say nothing. With a container the engine would remove only those that no replacement took over.
fn remove_anonymous_volumes(planner: &mut Planner<'_>, needs: &BTreeSet<StepId>) {
    let all = planner.index.containers.iter().copied();
    let (ours, others): (Vec<_>, Vec<_>) =
        all.partition(|it| planner.owns(it) || is_task_of(planner, it));
    let shared = anonymous_volumes(others.into_iter());
    let stack = planner.stack;
    // A name of that look may be one that stack.toml gives, and then somebody named it.
    let named: BTreeSet<String> = stack
        .volumes()
        .keys()
        .map(|key| volume_name(stack, key))
        .collect();
    for (name, place) in anonymous_volumes(ours.into_iter()) {
        if shared.contains_key(&name) || named.contains(&name) {
            continue;
        }
        let resource = Resource::Orphan(OrphanKind::Volume, name.clone());
        let summary = Summary {
            what: place,
            ..Summary::default()
        };
        let change = planner.removal(resource, Reason::Down, summary);
        let action = Action::RemoveVolume { name };
        planner.step(change, action, needs.clone(), Vec::new());
    }
}
