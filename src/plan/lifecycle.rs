//! Starts and stops with what belongs to them: the commands of a service, what follows it, and what is known afterwards.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::{self, Hook, labels};
use crate::model::{ContainerStatus, ObservedContainer, ReloadHow, ServiceName};

use super::planner::{Planner, is_up};
use super::slots::{Slot, Slots};
use super::touch::Touch;
use super::{Action, CommandPurpose, CommandRun, ContainerRef, DEFINITION, Mark, StepId};

impl<'a> Planner<'a> {
    /// Returns the commands that follow a start of a service's containers.
    pub(super) fn post_start(&self, service: &ServiceName) -> Vec<Hook> {
        let definition = self.stack.service(service);
        definition.map(compose::post_start).unwrap_or_default()
    }

    /// Returns the stop of a container.
    pub(super) fn stopping(&self, container: &ContainerRef) -> Action {
        Action::StopContainer {
            container: container.clone(),
            grace: self.options.stop_grace,
        }
    }

    fn command(&self, container: &ContainerRef, purpose: CommandPurpose, hook: Hook) -> Action {
        Action::RunCommand(Box::new(CommandRun {
            container: container.clone(),
            purpose,
            command: hook.command,
            environment: hook.environment,
            user: hook.user,
            working_dir: hook.working_dir,
            privileged: hook.privileged,
            timeout: self.options.gate_timeout,
        }))
    }

    /// Lets the commands follow that belong to a start; returns the step after which the container counts as started.
    pub(super) fn started(
        &mut self,
        slot: &Slot<'a>,
        container: &ContainerRef,
        start: StepId,
    ) -> StepId {
        let mut last = start;
        for hook in self.post_start(&slot.service) {
            let action = self.command(container, CommandPurpose::PostStart, hook);
            last = self.step(slot.change, action, [last], Vec::new());
        }
        self.starts
            .insert((slot.service.clone(), slot.number), last);
        last
    }

    /// Stops a container that may be started again, after the commands that come before a stop; returns the stop.
    pub(super) fn stop(
        &mut self,
        slot: &Slot<'a>,
        container: &ObservedContainer,
        needs: BTreeSet<StepId>,
    ) -> StepId {
        let needs = self.before_stop(slot.change, &slot.service, container, needs);
        let reference = ContainerRef::Id(container.id.clone());
        let mut undo = vec![Action::StartContainer {
            container: reference.clone(),
        }];
        let hooks = self.post_start(&slot.service).into_iter();
        undo.extend(hooks.map(|hook| self.command(&reference, CommandPurpose::PostStart, hook)));
        let action = self.stopping(&reference);
        self.step(slot.change, action, needs, undo)
    }

    /// Adds the commands that come before the stop of a container that runs; returns the steps after which it may be stopped.
    pub(super) fn before_stop(
        &mut self,
        change: usize,
        service: &ServiceName,
        container: &ObservedContainer,
        mut needs: BTreeSet<StepId>,
    ) -> BTreeSet<StepId> {
        let status = container.state.status;
        // A paused one was let go on by now.
        let is_running = matches!(status, ContainerStatus::Running | ContainerStatus::Paused);
        let definition = self.stack.service(service).filter(|_| is_running);
        let reference = ContainerRef::Id(container.id.clone());
        for hook in definition.map(compose::pre_stop).unwrap_or_default() {
            let action = self.command(&reference, CommandPurpose::PreStop, hook);
            needs = [self.step(change, action, needs, Vec::new())].into();
        }
        needs
    }

    /// Stops what follows a service that is about to be stopped, those first that follow others; returns the stops. Each is in the hands
    /// of its own change, which starts it again.
    pub(super) fn stop_followers(
        &mut self,
        slot: &Slot<'a>,
        slots: &Slots<'a>,
        ready: &BTreeSet<StepId>,
    ) -> BTreeSet<StepId> {
        let mut stopped = BTreeSet::new();
        for follower in slots.followers(&slot.service) {
            let running: Vec<&ObservedContainer> = follower.running().collect();
            let stops = running.iter().filter_map(|it| self.stopped.get(&it.id));
            stopped.extend(stops.copied());
            let open: Vec<&ObservedContainer> = running
                .into_iter()
                .filter(|it| !self.stopped.contains_key(&it.id))
                .collect();
            // Once for each: what many follow must not be gone through on every way to it.
            if open.is_empty() {
                continue;
            }
            let mut needs = ready.clone();
            needs.extend(self.stop_followers(follower, slots, ready));
            for container in open {
                let mut needs = needs.clone();
                if container.state.status == ContainerStatus::Paused {
                    needs = [self.unpause(follower, container, needs)].into();
                }
                let stop = self.stop(follower, container, needs);
                self.stopped.insert(container.id.clone(), stop);
                stopped.insert(stop);
            }
        }
        stopped
    }

    /// Lets a frozen container go on: nothing else can be asked of it.
    fn unpause(
        &mut self,
        slot: &Slot<'a>,
        container: &ObservedContainer,
        needs: BTreeSet<StepId>,
    ) -> StepId {
        let container = ContainerRef::Id(container.id.clone());
        self.step(
            slot.change,
            Action::UnpauseContainer { container },
            needs,
            Vec::new(),
        )
    }

    /// Stops and starts a container, or only starts it where it is stopped already before what it follows; returns the last step.
    pub(super) fn start_again(
        &mut self,
        slot: &Slot<'a>,
        kept: &ObservedContainer,
        mut ready: BTreeSet<StepId>,
        slots: &Slots<'a>,
    ) -> StepId {
        let container = ContainerRef::Id(kept.id.clone());
        if let Some(stop) = self.stopped.get(&kept.id) {
            ready.insert(*stop);
            let action = Action::StartContainer { container };
            return self.step(slot.change, action, ready, Vec::new());
        }
        ready.extend(self.stop_followers(slot, slots, &ready));
        if kept.state.status == ContainerStatus::Paused {
            ready = [self.unpause(slot, kept, ready)].into();
        }
        let ready = self.before_stop(slot.change, &slot.service, kept, ready);
        let grace = self.options.stop_grace;
        let action = Action::RestartContainer { container, grace };
        self.step(slot.change, action, ready, Vec::new())
    }

    /// Lets a process read its files again; returns the step.
    pub(super) fn reload(
        &mut self,
        slot: &Slot<'a>,
        container: ContainerRef,
        ready: BTreeSet<StepId>,
    ) -> StepId {
        let definition = self.stack.service(&slot.service);
        let reload = definition.and_then(|service| service.reload.as_deref());
        let action = match &reload.expect("a reload is declared").how {
            ReloadHow::Signal(signal) => Action::SignalContainer {
                container,
                signal: signal.clone(),
            },
            ReloadHow::Command { command, user } => {
                let hook = Hook {
                    command: command.clone(),
                    user: user.clone(),
                    privileged: false,
                    working_dir: None,
                    environment: BTreeMap::new(),
                };
                self.command(&container, CommandPurpose::Reload, hook)
            }
        };
        let step = self.step(slot.change, action, ready, Vec::new());
        self.mark_files(slot, step);
        step
    }

    /// Notes what the process of the container that stays has read once a step is done.
    pub(super) fn mark_files(&mut self, slot: &Slot<'a>, step: StepId) {
        let is_started = slot.touch != Touch::Nothing || slot.kept.is_some_and(|it| !is_up(it));
        if is_started {
            // Where only what is missing is made, nothing is copied anew.
            let only_missing = self.options.only_missing;
            let files = slot.difference.files.iter();
            let marks = files.filter(|file| !(file.is_copied && only_missing));
            self.steps[step.0]
                .marks
                .extend(marks.filter_map(|file| file.mark.clone()));
        }
    }

    /// Notes what definition a container is brought to while it runs: its label cannot say it.
    pub(super) fn mark_definition(
        &mut self,
        slot: &Slot<'a>,
        kept: &ObservedContainer,
        step: StepId,
    ) {
        let hash = slot.spec.config.labels.get(labels::CONFIG_HASH);
        self.steps[step.0].marks.extend(hash.map(|hash| Mark {
            container: kept.id.clone(),
            subject: DEFINITION.to_owned(),
            digest: hash.clone(),
        }));
    }
}
