//! What is there and should not be.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::compose::{labels, network_name, volume_name};
use crate::model::{
    ContainerId, ContainerStatus, NetworkId, ObservedContainer, ObservedNetwork, ServiceName,
};

use super::planner::{Planner, is_up, service_of};
use super::protocol::{host_port, remove};
use super::{Action, Note, OrphanKind, Reason, Resource, StepId, Summary};

/// The steps by which a container goes away.
pub(super) struct Ending {
    /// After these its process is gone: what it depended on may stop.
    pub(super) ended: BTreeSet<StepId>,
    /// After this the container is gone, with its name and ports.
    pub(super) removal: StepId,
}

impl<'a> Planner<'a> {
    /// Returns whether a container of ours will be removed by this plan because nothing declares it.
    pub(super) fn will_go(&self, container: &ObservedContainer) -> bool {
        let Some((service, _)) = service_of(container) else {
            return false;
        };
        let is_orphan = !self.stack.services().contains_key(service);
        is_orphan && self.options.prune && self.is_whole() && !self.options.only_missing
    }

    /// Plans the removal of containers that are too many or that nothing declares any more.
    pub(super) fn plan_orphan_containers(&mut self) {
        if self.options.only_missing {
            return;
        }
        for service in self.selected.clone() {
            let containers = self.containers_of(&service);
            let numbers = self.numbers(&service, &containers);
            for (number, container) in containers {
                if !numbers.contains(&number) {
                    let resource = Resource::Service(service.clone(), number);
                    self.remove_container(container, resource, Reason::TooMany);
                }
            }
        }
        if !self.is_whole() {
            return;
        }
        for container in self.index.containers.clone() {
            let is_orphan = service_of(container)
                .is_some_and(|(service, _)| !self.stack.services().contains_key(service));
            if !is_orphan || !self.owns(container) {
                continue;
            }
            let (kind, name) = (OrphanKind::Container, container.name.clone());
            if self.options.prune {
                let resource = Resource::Orphan(kind, name);
                self.remove_container(container, resource, Reason::Orphan);
            } else {
                self.notes.push(Note::OrphanKept { kind, name });
            }
        }
    }

    /// Stops and removes a container and returns its removal.
    pub(super) fn remove_container(
        &mut self,
        container: &ObservedContainer,
        resource: Resource,
        reason: Reason,
    ) -> StepId {
        let summary = Summary {
            what: container.config.image.to_string(),
            ..Summary::default()
        };
        let change = self.removal(resource, reason, summary);
        let needs = self.pulls.clone();
        self.remove_after(container, change, needs).removal
    }

    /// Stops and removes a container; `needs` have to be done before it is stopped. Where it gets no time to end by itself, one call that
    /// kills and removes it is the same.
    pub(super) fn remove_after(
        &mut self,
        container: &ObservedContainer,
        change: usize,
        needs: BTreeSet<StepId>,
    ) -> Ending {
        let mut ended = needs;
        // A frozen process cannot be asked to stop; the removal kills it.
        let is_frozen = container.state.status == ContainerStatus::Paused;
        let is_asked = !is_frozen && self.options.stop_grace != Some(Duration::ZERO);
        if is_up(container) && !is_frozen {
            let service = service_of(container).map(|(service, _)| ServiceName::new(service));
            if let Some(Ok(service)) = service {
                ended = self.before_stop(change, &service, container, ended);
            }
        }
        if is_up(container) && is_asked {
            let container = super::ContainerRef::Id(container.id.clone());
            let action = self.stopping(&container);
            ended = [self.step(change, action, ended, Vec::new())].into();
        }
        let removal = self.step(change, remove(container), ended.clone(), Vec::new());
        for port in &container.config.ports {
            let freed = self.freed.entry(host_port(port));
            freed.or_default().push(removal);
        }
        if is_up(container) && !is_asked {
            ended = [removal].into();
        }
        Ending { ended, removal }
    }

    /// Plans the removal of networks that nothing declares any more, after everything that may leave them; volumes always stay.
    pub(super) fn plan_orphan_objects(&mut self) {
        if self.options.only_missing || !self.is_whole() {
            return;
        }
        let mut wanted: BTreeSet<String> = self
            .stack
            .networks()
            .keys()
            .map(|key| network_name(self.stack, key))
            .collect();
        let needed = crate::compose::needed_networks(self.stack);
        wanted.extend(needed.iter().map(|key| network_name(self.stack, key)));
        for network in self.index.networks.clone() {
            if wanted.contains(&network.name) || !self.owns_object(&network.labels) {
                continue;
            }
            let (kind, name) = (OrphanKind::Network, network.name.clone());
            if let Some(user) = self.user_of(network).filter(|_| self.options.prune) {
                let why = format!("is no longer in stack.toml, and container {user} is on it");
                let kind = "network";
                self.notes.push(Note::NotOurs { kind, name, why });
            } else if self.options.prune {
                let summary = Summary {
                    what: network.driver.clone(),
                    ..Summary::default()
                };
                let change = self.removal(Resource::Orphan(kind, name), Reason::Orphan, summary);
                self.remove_network(network, change);
            } else {
                self.notes.push(Note::OrphanKept { kind, name });
            }
        }
        let volumes: BTreeSet<String> = self
            .stack
            .volumes()
            .keys()
            .map(|key| volume_name(self.stack, key))
            .collect();
        for volume in self.index.volumes.clone() {
            if !volumes.contains(&volume.name) && self.owns_object(&volume.labels) {
                let (kind, name) = (OrphanKind::Volume, volume.name.clone());
                self.notes.push(Note::OrphanKept { kind, name });
            }
        }
    }

    /// Returns the running container of ours that stays on a network after all steps so far, such as one of an inactive profile.
    fn user_of(&self, network: &'a ObservedNetwork) -> Option<&'a str> {
        let leaves = |container: &ObservedContainer| {
            let id = super::ContainerRef::Id(container.id.clone());
            self.steps.iter().any(|step| {
                let goes = matches!(&step.action, Action::RemoveContainer { .. })
                    || matches!(&step.action, Action::DisconnectNetwork { network: name, .. } if *name == network.name);
                goes && step.action.container() == Some(&id)
            })
        };
        let is_on = |container: &ObservedContainer| {
            let mut networks = container.network_ids.values();
            is_up(container) && networks.any(|id| *id == network.id)
        };
        let mut all = self.index.containers.iter();
        let user = all.find(|it| is_on(it) && self.owns(it) && !leaves(it));
        // What could not be seen is only known by its name there.
        let mut attached = network.containers.values();
        let unseen = attached.find(|name| self.index.unknown_container(name).is_some());
        user.map(|it| it.name.as_str())
            .or(unseen.map(String::as_str))
    }

    /// Removes a network after every step by which a container may leave it.
    pub(super) fn remove_network(&mut self, network: &ObservedNetwork, change: usize) {
        let leaves = |action: &Action| {
            matches!(
                action,
                Action::RemoveContainer { .. } | Action::DisconnectNetwork { .. }
            )
        };
        let steps = self.steps.iter().filter(|step| leaves(&step.action));
        let needs: BTreeSet<StepId> = steps.map(|step| step.id).collect();
        let action = Action::RemoveNetwork {
            id: network.id.clone(),
            name: network.name.clone(),
        };
        self.step(change, action, needs, Vec::new());
    }

    /// Notes services that are switched off, and foreign containers of the same project name.
    pub(super) fn note_the_rest(&mut self) {
        if !self.is_whole() {
            return;
        }
        let stack = self.stack;
        for (service, definition) in stack.services() {
            if self.is_selected(service) {
                continue;
            }
            let profiles = &definition.profiles;
            let containers = self.containers_of(service);
            self.notes.push(Note::LeftOut {
                service: service.clone(),
                profiles: profiles.iter().map(ToString::to_string).collect(),
                running: containers.iter().any(|(_, container)| is_up(container)),
            });
        }
        let already: BTreeSet<String> = self.notes.iter().filter_map(foreign_container).collect();
        for container in self.index.namesakes.clone() {
            let name = container.name.clone();
            if !already.contains(&name) {
                let owner = self.owner_of(container);
                self.notes.push(Note::ForeignInTheWay {
                    kind: "container",
                    name,
                    owner,
                });
            }
        }
    }

    /// Says which running containers of somebody else are on networks of ours: where the network is to go they are in its way, and
    /// otherwise they are only left alone.
    pub(super) fn note_strangers(&mut self) {
        if !self.is_whole() {
            return;
        }
        let goes: BTreeSet<&NetworkId> = self
            .steps
            .iter()
            .filter_map(|step| {
                let Action::RemoveNetwork { id, .. } = &step.action else {
                    return None;
                };
                Some(id)
            })
            .collect();
        let known = self.index.containers.iter();
        let ours: BTreeSet<&ContainerId> = known
            .filter(|it| self.owns(it) || it.config.labels.contains_key(labels::TASK_PROJECT))
            .map(|it| &it.id)
            .collect();
        let unknown = self.observed.unknown.iter();
        // What could not be seen may well be ours.
        let unseen: BTreeSet<&String> = unknown
            .filter_map(|it| it.container_name.as_ref())
            .collect();
        let mut notes = Vec::new();
        for network in &self.index.networks {
            if !self.owns_object(&network.labels) {
                continue;
            }
            let attached = network.containers.iter();
            let is_stranger = |id, name| !ours.contains(id) && !unseen.contains(name);
            for (_, name) in attached.filter(|(id, name)| is_stranger(*id, *name)) {
                let network_name = network.name.clone();
                notes.push(if goes.contains(&network.id) {
                    Note::ForeignEndpoint {
                        network: network_name,
                        container: name.clone(),
                    }
                } else {
                    Note::NotOurs {
                        kind: "container",
                        name: name.clone(),
                        why: format!("on network {network_name}: not of this stack"),
                    }
                });
            }
        }
        self.notes.extend(notes);
    }
}

/// Returns the name of the foreign container that a note is about.
fn foreign_container(note: &Note) -> Option<String> {
    if let Note::ForeignInTheWay { kind, name, .. } = note
        && *kind == "container"
    {
        return Some(name.clone());
    }
    None
}
