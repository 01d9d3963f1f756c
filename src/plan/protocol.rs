//! The steps by which a container comes to be as it should be.
//!
//! A replacement is made under a name of its own and takes the place of the old container only when it is complete:
//!
//! ```text
//! create NAME.next -> networks, files -> stop old -> old becomes NAME.previous -> new becomes NAME -> start -> gate -> remove old
//! ```
//!
//! Every step before the last carries its undo, so that a failure anywhere puts the old container back under its name, running if it
//! was. Containers keep Compose's labels all the way, so after a crash the next plan finds both by service and number, whatever they
//! are called. A volume that nobody named is taken over by the new container.

use std::collections::BTreeSet;

use crate::compose::{implied_dependencies, shared_services};
use crate::model::{
    Condition, ContainerSpec, ContainerStatus, Health, ObservedContainer, ServiceName,
};

use super::flatten::{port_text, with_swap};
use super::planner::{Planner, is_up};
use super::slots::{Course, Slot, Slots};
use super::touch::Touch;
use super::{Action, ContainerRef, Note, StepId};

/// What a new container is called until it takes its place.
pub(super) const NEXT: &str = "next";
/// What an old container is called once a new one has its name.
pub(super) const PREVIOUS: &str = "previous";

impl<'a> Planner<'a> {
    /// Adds the steps for all slots; they come with dependencies first.
    pub(super) fn carry_out(&mut self, slots: &Slots<'a>) {
        self.hand_over_ports(slots);
        for slot in slots.iter() {
            let wished = if slot.course == Course::Nothing {
                BTreeSet::new()
            } else {
                self.wished(slot, slots)
            };
            let first = self.steps.len();
            match slot.course {
                Course::Nothing | Course::Blocked => {}
                Course::Create => self.create(slot, slots),
                Course::Adjust => self.adjust(slot, slots),
                Course::Restart => self.restart(slot, slots),
                Course::Replace => self.replace(slot, slots),
            }
            for step in &mut self.steps[first..] {
                if step.change == slot.change && starts_or_stops(&step.action) {
                    step.after.clone_from(&wished);
                }
            }
        }
    }

    fn create(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) {
        let name = slot.spec.name.clone();
        let before = self.pulls.clone();
        let ready = self.make(slot, &name, before, false);
        let mut needs = self.gates(slot, slots);
        needs.extend(ready);
        needs.extend(self.ports_freed(slot));
        let container = ContainerRef::Name(name);
        let action = Action::StartContainer {
            container: container.clone(),
        };
        // A container whose commands failed must not pass for one that is as it should be: it is stopped, and started again next time.
        let undo = match self.post_start(&slot.service).is_empty() {
            true => Vec::new(),
            false => vec![self.stopping(&container)],
        };
        let start = self.step(slot.change, action, needs, undo);
        let started = self.started(slot, &container, start);
        if self.options.wait {
            self.own_gate(slot, container, started);
        }
    }

    /// Makes a container under `name` with its networks and files; returns the steps after which it may be started.
    fn make(
        &mut self,
        slot: &Slot<'a>,
        name: &str,
        before: BTreeSet<StepId>,
        is_replacement: bool,
    ) -> BTreeSet<StepId> {
        let mut spec = ContainerSpec {
            name: name.to_owned(),
            ..slot.spec.clone()
        };
        if let Some(old) = slot.others.first() {
            self.inherit_volumes(&mut spec, old);
        }
        let container = ContainerRef::Name(name.to_owned());
        let mut needs = before;
        needs.extend(self.prerequisites(&spec, &slot.service));
        needs.extend(self.referred_to(slot));
        let later = self.later_networks(&spec);
        let (endpoints, files) = (spec.config.endpoints.clone(), spec.files.clone());
        let remove = Action::RemoveContainer {
            container: container.clone(),
            force: true,
            anonymous_volumes: false,
        };
        let undo = if is_replacement {
            vec![remove]
        } else {
            Vec::new()
        };
        let action = Action::CreateContainer(Box::new(spec));
        let created = self.step(slot.change, action, needs, undo);
        if !is_replacement {
            self.bears_its_name(slot, created);
        }
        let mut ready = BTreeSet::from([created]);
        for network in later {
            let endpoint = endpoints.get(&network).cloned().unwrap_or_default();
            let mut needs = BTreeSet::from([created]);
            needs.extend(self.networks.get(&network));
            let container = container.clone();
            let action = Action::ConnectNetwork {
                container,
                network,
                endpoint,
            };
            ready.insert(self.step(slot.change, action, needs, Vec::new()));
        }
        if !files.is_empty() {
            let action = Action::CopyFiles { container, files };
            ready.insert(self.step(slot.change, action, [created], Vec::new()));
        }
        ready
    }

    fn bears_its_name(&mut self, slot: &Slot<'a>, step: StepId) {
        let place = (slot.service.clone(), slot.number);
        self.names_ready.insert(place, step);
    }

    /// Returns the steps after which the containers bear their names that a new one refers to, by its namespaces, mounts or links.
    fn referred_to(&self, slot: &Slot<'a>) -> BTreeSet<StepId> {
        let service = self.stack.service(&slot.service).into_iter();
        let others = service.flat_map(|it| implied_dependencies(self.stack, it));
        let shared = shared_services(self.stack, &slot.service);
        let names = others.map(|(name, _)| name).chain(shared);
        names
            .flat_map(|name| self.names_ready.range((name.clone(), 0)..=(name, u32::MAX)))
            .map(|(_, step)| *step)
            .collect()
    }

    /// Returns the steps that make what a container is made with: networks, volumes, sockets.
    fn prerequisites(&self, spec: &ContainerSpec, service: &ServiceName) -> BTreeSet<StepId> {
        let mut needs = BTreeSet::new();
        let networks = spec.config.endpoints.keys();
        needs.extend(networks.filter_map(|name| self.networks.get(name)));
        for mount in &spec.config.mounts {
            if let crate::model::MountSpecSource::Volume {
                name: Some(name), ..
            } = &mount.source
            {
                needs.extend(self.volumes.get(name));
            }
        }
        let service = self.stack.service(service);
        for socket in service
            .into_iter()
            .flat_map(|service| &service.container.sockets)
        {
            needs.extend(self.sockets.get(socket.as_str()));
        }
        needs
    }

    fn replace(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) {
        let (old, leftovers) = slot.others.split_first().expect("something is replaced");
        let mut before = self.pulls.clone();
        for leftover in leftovers {
            let needs = self.pulls.clone();
            before.insert(self.step(slot.change, remove(leftover), needs, Vec::new()));
        }
        let final_name = &slot.spec.name;
        let next = self.free_name(final_name, NEXT, &[old]);
        let ready = self.make(slot, &next, before, true);
        let mut needs = self.gates(slot, slots);
        needs.extend(ready);
        needs.extend(self.ports_freed(slot));
        needs.extend(self.stop_followers(slot, slots, &needs));
        let away = self.put_away(slot, &[old], &next, needs);
        let to_next = ContainerRef::Name(next.clone());
        let to_final = ContainerRef::Name(final_name.clone());
        let action = Action::RenameContainer {
            container: to_next,
            to: final_name.clone(),
        };
        let back = Action::RenameContainer {
            container: to_final.clone(),
            to: next,
        };
        let renamed = self.step(slot.change, action, away, vec![back]);
        self.bears_its_name(slot, renamed);
        self.take_over(slot, to_final, BTreeSet::from([renamed]), &[old]);
    }

    /// Stops containers and takes the final name from the one that bears it; returns the steps after which the name is free.
    fn put_away(
        &mut self,
        slot: &Slot<'a>,
        old: &[&ObservedContainer],
        reserved: &str,
        needs: BTreeSet<StepId>,
    ) -> BTreeSet<StepId> {
        let mut away = needs.clone();
        for container in old {
            let reference = ContainerRef::Id(container.id.clone());
            let mut last = needs.clone();
            if container.state.status == ContainerStatus::Paused {
                // A frozen process cannot be asked to stop.
                let action = Action::UnpauseContainer {
                    container: reference.clone(),
                };
                last = [self.step(slot.change, action, last, Vec::new())].into();
            }
            if let Some(stopped) = self.stopped.get(&container.id) {
                last.insert(*stopped);
            } else if is_up(container) {
                last = [self.stop(slot, container, last)].into();
            }
            if container.name == slot.spec.name {
                let to = self.free_name(&slot.spec.name, PREVIOUS, old);
                let to = if to == reserved {
                    format!("{to}.1")
                } else {
                    to
                };
                let action = Action::RenameContainer {
                    container: reference.clone(),
                    to,
                };
                let to = container.name.clone();
                let undo = vec![Action::RenameContainer {
                    container: reference,
                    to,
                }];
                last = [self.step(slot.change, action, last, undo)].into();
            }
            away.extend(last);
        }
        away
    }

    /// Starts the container that has the final name now, waits until it is well, and removes the old ones.
    fn take_over(
        &mut self,
        slot: &Slot<'a>,
        container: ContainerRef,
        needs: BTreeSet<StepId>,
        old: &[&ObservedContainer],
    ) {
        let action = Action::StartContainer {
            container: container.clone(),
        };
        let stop = self.stopping(&container);
        let undo = if old.is_empty() && self.post_start(&slot.service).is_empty() {
            Vec::new()
        } else {
            vec![stop]
        };
        let start = self.step(slot.change, action, needs, undo);
        self.mark_files(slot, start);
        let mut last = self.started(slot, &container, start);
        if self.options.wait || !old.is_empty() {
            last = self.own_gate(slot, container, last);
        }
        for old in old {
            self.tidy(slot.change, remove(old), [last]);
        }
    }

    fn adjust(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) {
        let kept = slot.kept.expect("something stays");
        let container = ContainerRef::Id(kept.id.clone());
        let definition = self
            .stack
            .service(&slot.service)
            .expect("it is of the stack");
        let needs_start = slot.needs_start(definition);
        let mut ready = self.pulls.clone();
        ready.extend(self.prerequisites(&slot.spec, &slot.service));
        let others: Vec<&ObservedContainer> = slot.others.clone();
        let has_wrong_name = kept.name != slot.spec.name && !self.options.only_missing;
        if needs_start {
            // Only what is running stands in the way of a start; gates come first, so that the old ones run as long as they can.
            let gates = self.gates(slot, slots);
            ready.extend(gates);
            ready.extend(self.ports_freed(slot));
            ready = self.put_away(slot, &others, &kept.name, ready);
        } else if has_wrong_name {
            let holders = others
                .iter()
                .copied()
                .filter(|other| other.name == slot.spec.name);
            let holders: Vec<&ObservedContainer> = holders.collect();
            ready = self.put_away(slot, &holders, &kept.name, ready);
        }
        ready = self.in_place(slot, kept, ready);
        if kept.state.status == ContainerStatus::Paused {
            let action = Action::UnpauseContainer {
                container: container.clone(),
            };
            let unpaused = self.step(slot.change, action, ready, Vec::new());
            self.starts
                .insert((slot.service.clone(), slot.number), unpaused);
            for other in others {
                self.tidy(slot.change, remove(other), [unpaused]);
            }
        } else if needs_start {
            self.take_over(slot, container, ready, &others);
        } else {
            if slot.touch == Touch::Reload {
                ready = [self.reload(slot, container, ready)].into();
            }
            for other in others {
                self.tidy(slot.change, remove(other), ready.clone());
            }
        }
    }

    /// Changes limits, restart policy and networks of a container that stays.
    fn put_right(
        &mut self,
        slot: &Slot<'a>,
        kept: &ObservedContainer,
        mut ready: BTreeSet<StepId>,
    ) -> BTreeSet<StepId> {
        let container = ContainerRef::Id(kept.id.clone());
        if slot.difference.update {
            let update = |config: &crate::model::ContainerConfig| Action::UpdateContainer {
                container: container.clone(),
                // Memory cannot be raised above the swap of before, so both are always said.
                limits: Box::new(with_swap(&config.limits)),
                restart: config.restart,
            };
            let undo = vec![update(&kept.config)];
            let action = update(&slot.spec.config);
            let step = self.step(slot.change, action, ready, undo);
            self.mark_definition(slot, kept, step);
            ready = [step].into();
        }
        let join =
            |config: &crate::model::ContainerConfig, network: &String| Action::ConnectNetwork {
                container: container.clone(),
                network: network.clone(),
                endpoint: config.endpoints.get(network).cloned().unwrap_or_default(),
            };
        let leave = |network: &String| Action::DisconnectNetwork {
            container: container.clone(),
            network: network.clone(),
        };
        for network in &slot.difference.leave {
            let undo = vec![join(&kept.config, network)];
            ready = [self.step(slot.change, leave(network), ready, undo)].into();
        }
        for network in &slot.difference.join {
            let mut needs = ready.clone();
            needs.extend(self.networks.get(network));
            let undo = vec![leave(network)];
            let action = join(&slot.spec.config, network);
            ready = [self.step(slot.change, action, needs, undo)].into();
        }
        ready
    }

    fn restart(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) {
        let kept = slot.kept.expect("something runs");
        let container = ContainerRef::Id(kept.id.clone());
        let mut ready = self.gates(slot, slots);
        ready.extend(self.pulls.clone());
        ready.extend(self.prerequisites(&slot.spec, &slot.service));
        if kept.name != slot.spec.name {
            let holders = slot.others.iter().copied();
            let holders = holders.filter(|other| other.name == slot.spec.name);
            let holders: Vec<&ObservedContainer> = holders.collect();
            ready = self.put_away(slot, &holders, &kept.name, ready);
        }
        ready = self.in_place(slot, kept, ready);
        let start = self.start_again(slot, kept, ready, slots);
        self.mark_files(slot, start);
        let mut last = self.started(slot, &container, start);
        if self.options.wait {
            last = self.own_gate(slot, container, last);
        }
        for other in &slot.others {
            self.tidy(slot.change, remove(other), [last]);
        }
    }

    /// Puts right what can be while a container runs: its name, limits, networks and the files that are copied in.
    fn in_place(
        &mut self,
        slot: &Slot<'a>,
        kept: &ObservedContainer,
        mut ready: BTreeSet<StepId>,
    ) -> BTreeSet<StepId> {
        if self.options.only_missing {
            return ready;
        }
        let container = ContainerRef::Id(kept.id.clone());
        if kept.name != slot.spec.name {
            let rename = |to: &String| Action::RenameContainer {
                container: container.clone(),
                to: to.clone(),
            };
            let (action, undo) = (rename(&slot.spec.name), vec![rename(&kept.name)]);
            let renamed = self.step(slot.change, action, ready, undo);
            self.bears_its_name(slot, renamed);
            ready = [renamed].into();
        }
        ready = self.put_right(slot, kept, ready);
        let is_new = kept.state.status == ContainerStatus::Created;
        let changed = |target: &String| {
            let mut files = slot.difference.files.iter();
            files.any(|file| file.is_copied && file.target == *target)
        };
        // Whether files got into one that was never started before a crash, nobody knows.
        let files = slot.spec.files.iter();
        let files = files.filter(|file| is_new || changed(&file.target));
        let files: Vec<_> = files.cloned().collect();
        if !files.is_empty() {
            let action = Action::CopyFiles { container, files };
            ready = [self.step(slot.change, action, ready, Vec::new())].into();
        }
        ready
    }

    /// Returns the steps after which everything that a service depends on is as it asks for.
    fn gates(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) -> BTreeSet<StepId> {
        let mut conditions = self.conditions(slot, true);
        let definition = self.stack.service(&slot.service);
        let implied = definition.into_iter();
        let implied = implied.flat_map(|it| implied_dependencies(self.stack, it));
        conditions.extend(implied.map(|(parent, _)| (parent, Condition::Started)));
        self.gates_of(conditions, slots)
    }

    /// Returns the steps that come before, however they end: what a service depends on with `required = false`.
    fn wished(&mut self, slot: &Slot<'a>, slots: &Slots<'a>) -> BTreeSet<StepId> {
        let conditions = self.conditions(slot, false);
        self.gates_of(conditions, slots)
    }

    fn conditions(&self, slot: &Slot<'a>, required: bool) -> Vec<(ServiceName, Condition)> {
        let definition = self
            .stack
            .service(&slot.service)
            .expect("it is of the stack");
        definition
            .depends_on
            .iter()
            .filter(|(_, dependency)| dependency.required == required)
            .map(|(name, dependency)| (name.clone(), dependency.condition))
            .collect()
    }

    fn gates_of(
        &mut self,
        conditions: Vec<(ServiceName, Condition)>,
        slots: &Slots<'a>,
    ) -> BTreeSet<StepId> {
        let mut needs = BTreeSet::new();
        for (name, condition) in conditions {
            for other in slots.of(&name) {
                needs.extend(self.gate(other, condition));
            }
        }
        needs
    }

    /// Returns the step after which a container is in a state; `None` where it is already, or where nothing can be known.
    fn gate(&mut self, slot: &Slot<'a>, condition: Condition) -> Option<StepId> {
        let key = (slot.service.clone(), slot.number);
        let start = self.starts.get(&key).copied();
        if slot.course == Course::Blocked {
            return None;
        }
        let is_satisfied = start.is_none() && slot.kept.is_some_and(|kept| has(kept, condition));
        if is_satisfied || condition == Condition::Started {
            return start;
        }
        let key = (key.0, key.1, condition);
        if let Some(step) = self.waits.get(&key) {
            return Some(*step);
        }
        let container = match slot.kept {
            Some(kept) => ContainerRef::Id(kept.id.clone()),
            None => ContainerRef::Name(slot.spec.name.clone()),
        };
        Some(self.wait(slot, container, condition, start))
    }

    fn wait(
        &mut self,
        slot: &Slot<'a>,
        container: ContainerRef,
        condition: Condition,
        start: Option<StepId>,
    ) -> StepId {
        let timeout = self.options.gate_timeout;
        let action = Action::Await {
            container,
            condition,
            timeout,
        };
        let step = self.step(slot.change, action, start, Vec::new());
        let key = (slot.service.clone(), slot.number, condition);
        self.waits.insert(key, step);
        step
    }

    /// Waits until a container that was just started is well: healthy if it can tell, completed if it ends by itself, else started.
    fn own_gate(&mut self, slot: &Slot<'a>, container: ContainerRef, start: StepId) -> StepId {
        let condition = if slot.is_one_shot {
            Condition::Completed
        } else if self.options.wait && self.has_check(slot) {
            Condition::Healthy
        } else {
            Condition::Started
        };
        self.wait(slot, container, condition, Some(start))
    }

    /// Waits for what is as it should be and runs, but is not well: nobody may say of it that nothing is to be done. What is unhealthy is
    /// only told where the plan changes something, since that may be what makes it well again.
    pub(super) fn wait_for_the_unwell(&mut self, slots: &Slots<'a>) {
        if self.options.only_missing {
            return;
        }
        let changes_something = self.steps.iter().any(|step| step.action.mutates());
        let ends = self.ends();
        for slot in slots.iter() {
            let is_touched = self
                .starts
                .contains_key(&(slot.service.clone(), slot.number));
            let Some(kept) = slot.kept.filter(|it| is_up(it) && !is_touched) else {
                continue;
            };
            let Some((condition, state)) = self.is_unwell(slot, kept) else {
                continue;
            };
            self.notes.push(Note::NotWell {
                service: slot.service.clone(),
                number: slot.number,
                state: state.to_owned(),
            });
            let may_recover = kept.state.health == Some(Health::Unhealthy) && changes_something;
            let key = (slot.service.clone(), slot.number, condition);
            if self.options.wait && !may_recover && !self.waits.contains_key(&key) {
                let container = ContainerRef::Id(kept.id.clone());
                let step = self.wait(slot, container, condition, None);
                self.steps[step.0].needs.clone_from(&ends);
            }
        }
    }

    /// Returns the steps that no other step needs: after them everything is done.
    fn ends(&self) -> BTreeSet<StepId> {
        let mut ends: BTreeSet<StepId> = self.steps.iter().map(|step| step.id).collect();
        for need in self.steps.iter().flat_map(|step| &step.needs) {
            ends.remove(need);
        }
        ends
    }

    /// Returns what a container that is up should come to, and how it is instead.
    fn is_unwell(
        &self,
        slot: &Slot<'a>,
        kept: &ObservedContainer,
    ) -> Option<(Condition, &'static str)> {
        let status = kept.state.status;
        if status == ContainerStatus::Paused {
            return None;
        }
        if slot.is_one_shot {
            return Some((Condition::Completed, "not done yet"));
        }
        if !self.has_check(slot) {
            return None;
        }
        let state = match kept.state.health {
            _ if status == ContainerStatus::Restarting => "restarting",
            Some(Health::Unhealthy) => "unhealthy",
            Some(Health::Starting) => "not healthy yet",
            Some(Health::Healthy) | None => return None,
        };
        Some((Condition::Healthy, state))
    }

    /// Returns whether a container has a health check, of its own or its image's.
    fn has_check(&self, slot: &Slot<'a>) -> bool {
        // One that stays has what it was made with, where that is left as it is.
        let config = slot.kept.map_or(&slot.spec.config, |kept| &kept.config);
        let own = config.health.as_ref();
        if let Some(own) = own.filter(|own| !own.test.is_empty()) {
            return !own.is_disabled();
        }
        let image = self.observed.images.get(&slot.spec.config.image);
        let image = image.and_then(Option::as_ref);
        image.is_some_and(|image| {
            let check = image.defaults.health.as_ref();
            check.is_some_and(|check| !check.test.is_empty() && !check.is_disabled())
        })
    }

    /// Returns the removals that give free a host port that a container wants.
    fn ports_freed(&self, slot: &Slot<'a>) -> Vec<StepId> {
        if self.freed.is_empty() {
            return Vec::new();
        }
        let wanted = slot.spec.config.ports.iter().map(host_port);
        let freed = wanted.filter_map(|port| self.freed.get(&port));
        freed.flatten().copied().collect()
    }

    /// Returns `NAME.SUFFIX`, with a number behind it where somebody has that name who does not go away.
    fn free_name(&self, name: &str, suffix: &str, others: &[&ObservedContainer]) -> String {
        let is_taken = |wanted: &str| {
            self.index.container(wanted).is_some()
                || self.reserved.contains(wanted)
                || others.iter().any(|it| it.name == wanted)
        };
        let first = format!("{name}.{suffix}");
        let numbered = (2..).map(|number| format!("{name}.{suffix}{number}"));
        std::iter::once(first)
            .chain(numbered)
            .find(|name| !is_taken(name))
            .expect("names do not run out")
    }
}

/// Returns whether an action begins or ends the life of a process, for which it matters what else is there.
fn starts_or_stops(action: &Action) -> bool {
    matches!(
        action,
        Action::StartContainer { .. }
            | Action::StopContainer { .. }
            | Action::RestartContainer { .. }
            | Action::UnpauseContainer { .. }
    )
}

/// Returns what a port takes on the host, for comparing.
pub(super) fn host_port(port: &crate::model::PortSpec) -> String {
    let port = crate::model::PortSpec {
        target: 0,
        host_ip: String::new(),
        ..port.clone()
    };
    port_text(&port)
}

/// Returns the removal of a container and never of its volumes.
pub(super) fn remove(container: &ObservedContainer) -> Action {
    Action::RemoveContainer {
        container: ContainerRef::Id(container.id.clone()),
        force: true,
        anonymous_volumes: false,
    }
}

/// Returns whether a container is in a state already.
fn has(container: &ObservedContainer, condition: Condition) -> bool {
    let state = &container.state;
    match condition {
        Condition::Started => is_up(container),
        Condition::Healthy => {
            state.status == ContainerStatus::Running && state.health == Some(Health::Healthy)
        }
        Condition::Completed => state.status == ContainerStatus::Exited && state.exit_code == 0,
    }
}
