//! A snapshot by name, so that nothing is looked for by going through all of it, and in one order, however the engine listed it.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::compose::{Ownership, container_ownership, labels};
use crate::model::{
    Observed, ObservedContainer, ObservedNetwork, ObservedVolume, Resolved, Stack, Unknown,
};

use super::PlanOptions;
use super::planner::service_of;
use super::protocol::{NEXT, PREVIOUS};

/// A map that is only asked and never gone through, since it has no order.
type ByName<'a, T> = HashMap<&'a str, T, FixedState>;

/// The snapshot by name.
pub(super) struct Index<'a> {
    /// All containers, by name and id.
    pub(super) containers: Vec<&'a ObservedContainer>,
    /// All networks, by name and id.
    pub(super) networks: Vec<&'a ObservedNetwork>,
    /// All volumes, by name.
    pub(super) volumes: Vec<&'a ObservedVolume>,
    /// The containers of the same project name that belong to another folder.
    pub(super) namesakes: Vec<&'a ObservedContainer>,
    /// Our containers of each service with their numbers; those of `docker compose run` do not count.
    services: ByName<'a, Vec<(u32, &'a ObservedContainer)>>,
    by_name: ByName<'a, &'a ObservedContainer>,
    networks_by_name: ByName<'a, Vec<&'a ObservedNetwork>>,
    volumes_by_name: ByName<'a, &'a ObservedVolume>,
    unknown: ByName<'a, &'a Unknown>,
    unknown_containers: ByName<'a, &'a Unknown>,
}

impl<'a> Index<'a> {
    pub(super) fn new(
        stack: &Stack<Resolved>,
        observed: &'a Observed,
        options: &PlanOptions,
    ) -> Self {
        let mut containers: Vec<&ObservedContainer> = observed.containers.iter().collect();
        containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let mut networks: Vec<&ObservedNetwork> = observed.networks.iter().collect();
        networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let mut volumes: Vec<&ObservedVolume> = observed.volumes.iter().collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        let mut index = Self {
            namesakes: Vec::new(),
            services: ByName::default(),
            by_name: ByName::default(),
            networks_by_name: ByName::default(),
            volumes_by_name: volumes.iter().map(|it| (it.name.as_str(), *it)).collect(),
            unknown: ByName::default(),
            unknown_containers: ByName::default(),
            containers,
            networks,
            volumes,
        };
        index.sort_containers(stack, options);
        for network in &index.networks {
            let same = index.networks_by_name.entry(&network.name);
            same.or_default().push(network);
        }
        for unknown in &observed.unknown {
            index.unknown.entry(&unknown.what).or_insert(unknown);
            if let Some(name) = &unknown.container_name {
                let own = own_name(name);
                for name in [name.as_str(), own] {
                    index.unknown_containers.entry(name).or_insert(unknown);
                }
            }
        }
        index
    }

    fn sort_containers(&mut self, stack: &Stack<Resolved>, options: &PlanOptions) {
        for container in &self.containers {
            self.by_name.entry(&container.name).or_insert(container);
            if owns(stack, options, container) {
                if let Some((service, number)) = service_of(container) {
                    let service = self.services.entry(service);
                    service.or_default().push((number, container));
                }
            } else {
                let project = container.config.labels.get(labels::PROJECT);
                if project.is_some_and(|it| it == stack.name().as_str()) {
                    self.namesakes.push(container);
                }
            }
        }
    }

    pub(super) fn containers_of(&self, service: &str) -> &[(u32, &'a ObservedContainer)] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }

    pub(super) fn container(&self, name: &str) -> Option<&'a ObservedContainer> {
        self.by_name.get(name).copied()
    }

    /// Returns the networks of that name: the engine may have several.
    pub(super) fn networks(&self, name: &str) -> &[&'a ObservedNetwork] {
        self.networks_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn volume(&self, name: &str) -> Option<&'a ObservedVolume> {
        self.volumes_by_name.get(name).copied()
    }

    /// Returns what could not be seen, by what it is: `network x`.
    pub(super) fn unknown(&self, what: &str) -> Option<&'a Unknown> {
        self.unknown.get(what).copied()
    }

    /// Returns what could not be seen of a container, by its name.
    pub(super) fn unknown_container(&self, name: &str) -> Option<&'a Unknown> {
        self.unknown_containers.get(name).copied()
    }
}

/// Returns the name that a container has outside of a replacement.
fn own_name(name: &str) -> &str {
    let names = [NEXT, PREVIOUS].into_iter();
    let mut own = names.filter_map(|suffix| {
        let (own, number) = name.rsplit_once(&format!(".{suffix}"))?;
        let is_number = number.chars().all(|c| c.is_ascii_digit() || c == '.');
        is_number.then_some(own)
    });
    own.next().unwrap_or(name)
}

/// Returns whether a container is ours. The one place of the planner where that is decided.
pub(super) fn owns(
    stack: &Stack<Resolved>,
    options: &PlanOptions,
    container: &ObservedContainer,
) -> bool {
    let folder = &stack.parts().folder;
    match container_ownership(&container.config.labels, stack.name(), folder) {
        Ownership::Ours => true,
        // From another folder, the same project is taken over where the user said so.
        Ownership::Foreign { .. } => {
            let owner = container.config.labels.get(labels::PROJECT);
            options.adopt && owner.is_some_and(|it| it == stack.name().as_str())
        }
        Ownership::Unlabelled => false,
    }
}
