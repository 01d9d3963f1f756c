//! Where each step of a plan is, and what may be begun next. It holds no engine and no clock but the moments it is told.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Action, Plan, Step, StepId};

use super::perform::StepFailure;
use super::{ApplyOptions, ApplyReport, StepOutcome, Stop};

/// How many containers are made at once; the engine does the work under one lock, and more would only wait in line.
const CREATES_AT_ONCE: usize = 2;
/// How many containers are started at once for each processor.
const STARTS_PER_CORE: usize = 2;
/// How many containers are removed at once: the engine kills, unmounts and forgets, and gains little beyond this.
const REMOVALS_AT_ONCE: usize = 8;

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running { since: Instant },
    Done,
    Failed(StepFailure),
    Cancelled,
}

/// Whether a change is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Undo {
    No,
    Running,
    Done(Vec<String>),
}

/// The state of a plan that is performed, with what has to be found quickly: each event may make any of thousands of steps ready.
pub(super) struct Ledger<'a> {
    plan: &'a Plan,
    states: Vec<State>,
    undone: Vec<Undo>,
    /// When each step was begun.
    begun: Vec<Option<Instant>>,
    /// The steps of each change.
    by_change: Vec<Vec<StepId>>,
    /// The steps that need each step.
    needed_by: Vec<Vec<StepId>>,
    /// How many of its needs each step still lacks.
    lacking: Vec<usize>,
    /// The steps that wait and lack nothing that they need, in the order of the plan.
    ready: BTreeSet<StepId>,
    /// How many steps of each kind are under way.
    running: [usize; Kind::ALL],
    /// The changes that others only wish for.
    wished: BTreeSet<usize>,
    /// Whether a step failed because of which nothing new is begun: of any change but what others only wish for.
    any_failed: bool,
    /// Whether any step failed or was given up.
    any_trouble: bool,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut by_change = vec![Vec::new(); plan.changes.len()];
        let mut needed_by = vec![Vec::new(); plan.steps.len()];
        let mut wished = BTreeSet::new();
        for step in &plan.steps {
            by_change[step.change].push(step.id);
            for need in &step.needs {
                needed_by[need.0].push(step.id);
            }
            wished.extend(step.after.iter().map(|id| plan.steps[id.0].change));
        }
        let lacking: Vec<usize> = plan.steps.iter().map(|step| step.needs.len()).collect();
        let ready = plan.steps.iter().filter(|step| step.needs.is_empty());
        Self {
            plan,
            states: vec![State::Waiting; plan.steps.len()],
            undone: vec![Undo::No; plan.changes.len()],
            begun: vec![None; plan.steps.len()],
            by_change,
            needed_by,
            lacking,
            ready: ready.map(|step| step.id).collect(),
            running: [0; Kind::ALL],
            wished,
            any_failed: false,
            any_trouble: false,
        }
    }

    pub(super) fn step(&self, id: StepId) -> &'a Step {
        &self.plan.steps[id.0]
    }

    /// Returns the steps that lack nothing that they need, in the order of the plan. Whether each may be begun, [`Ledger::may_begin`] says.
    pub(super) fn ready(&self) -> Vec<StepId> {
        self.ready.iter().copied().collect()
    }

    /// Returns when a step was begun.
    pub(super) fn begun(&self, id: StepId) -> Option<Instant> {
        self.begun[id.0]
    }

    /// Returns the steps of a change.
    pub(super) fn steps_of(&self, change: usize) -> impl Iterator<Item = (&'a Step, &State)> {
        let ids = self.by_change[change].iter();
        ids.map(|id| (self.step(*id), &self.states[id.0]))
    }

    /// Notes that a step is under way.
    pub(super) fn begin(&mut self, id: StepId) {
        let since = Instant::now();
        self.begun[id.0] = Some(since);
        self.states[id.0] = State::Running { since };
        self.ready.remove(&id);
        self.running[Kind::of(&self.step(id).action) as usize] += 1;
    }

    /// Notes how a step ended, and returns how long it took.
    pub(super) fn end(&mut self, id: StepId, result: Result<(), StepFailure>) -> Duration {
        let took = match &self.states[id.0] {
            State::Running { since } => since.elapsed(),
            State::Waiting | State::Done | State::Failed(_) | State::Cancelled => Duration::ZERO,
        };
        let step = self.step(id);
        self.running[Kind::of(&step.action) as usize] -= 1;
        self.states[id.0] = match result {
            Ok(()) => State::Done,
            Err(failure) if failure.is_cancelled => State::Cancelled,
            Err(failure) => State::Failed(failure),
        };
        match &self.states[id.0] {
            State::Done => self.hand_on(id),
            State::Failed(_) => {
                self.any_trouble = true;
                self.any_failed |= !self.wished.contains(&step.change);
            }
            State::Cancelled | State::Waiting | State::Running { .. } => self.any_trouble = true,
        }
        took
    }

    /// Tells those that need a step that it is done.
    fn hand_on(&mut self, id: StepId) {
        for other in std::mem::take(&mut self.needed_by[id.0]) {
            self.lacking[other.0] -= 1;
            if self.lacking[other.0] == 0 {
                self.ready.insert(other);
            }
        }
    }

    /// Returns the changes that were begun, cannot be ended, and of which nothing runs: they are to be taken back.
    pub(super) fn to_take_back(&self, stop: &Stop) -> Vec<usize> {
        if !self.any_trouble && !stop.gently.is_cancelled() && !stop.now.is_cancelled() {
            return Vec::new();
        }
        let changes = 0..self.plan.changes.len();
        let is_stuck = |change: &usize| {
            self.undone[*change] == Undo::No
                && self.is_open(*change)
                && !self.can_go_on(*change, stop)
        };
        changes.filter(is_stuck).collect()
    }

    /// Notes that a change is taken back, and returns how, in order.
    pub(super) fn begin_undo(&mut self, change: usize) -> Vec<Action> {
        self.undone[change] = Undo::Running;
        let forth = self
            .steps_of(change)
            .filter(|(step, state)| may_have_taken_effect(state, &step.action))
            .flat_map(|(step, _)| step.undo.iter().rev())
            .cloned();
        let mut back: Vec<Action> = forth.collect();
        back.reverse();
        back
    }

    /// Notes what became of taking back a change.
    pub(super) fn end_undo(&mut self, change: usize, failures: Vec<String>) {
        self.undone[change] = Undo::Done(failures);
    }

    pub(super) fn may_begin(&self, id: StepId, options: &ApplyOptions, stop: &Stop) -> bool {
        let step = self.step(id);
        // The cheapest question first: most of what is ready waits for room.
        if !self.has_room(&step.action, options) || stop.now.is_cancelled() {
            return false;
        }
        let is_ready = self.states[id.0] == State::Waiting
            && self.lacking[id.0] == 0
            && step.after.iter().all(|id| self.has_ended(*id, stop))
            && self.undone[step.change] == Undo::No
            && !self.has_failed(step.change);
        if !is_ready {
            return false;
        }
        if stop.gently.is_cancelled() {
            self.is_open(step.change)
        } else {
            // One image that cannot be had says nothing of the others, and all that cannot be had are told at once.
            !self.any_failed
                || self.has_begun(step.change)
                || !step.action.mutates()
                || step.action.brings_image()
        }
    }

    /// Returns whether a step has ended, well or not, or cannot be begun any more.
    fn has_ended(&self, id: StepId, stop: &Stop) -> bool {
        match &self.states[id.0] {
            State::Done | State::Failed(_) | State::Cancelled => true,
            State::Running { .. } => false,
            State::Waiting => !self.may_come(id, stop),
        }
    }

    /// Returns whether there is room for one more action of this kind.
    fn has_room(&self, action: &Action, options: &ApplyOptions) -> bool {
        let kind = Kind::of(action);
        let limit = match kind {
            Kind::Wait => return true,
            Kind::Create => CREATES_AT_ONCE,
            Kind::Start => STARTS_PER_CORE * options.cores.max(1),
            Kind::Remove => REMOVALS_AT_ONCE.min(options.parallel.max(1)),
            Kind::Other => options.parallel.max(1),
        };
        self.running[kind as usize] < limit
    }

    fn has_begun(&self, change: usize) -> bool {
        self.steps_of(change).any(|(step, state)| {
            step.action.mutates() && matches!(state, State::Done | State::Running { .. })
        })
    }

    fn has_failed(&self, change: usize) -> bool {
        self.any_trouble
            && self
                .steps_of(change)
                .any(|(_, state)| matches!(state, State::Failed(_) | State::Cancelled))
    }

    /// Returns whether a change has done something that would have to be taken back, and is not at its aim.
    pub(super) fn is_open(&self, change: usize) -> bool {
        let has_undo = self.steps_of(change).any(|(step, state)| {
            may_have_taken_effect(state, &step.action) && !step.undo.is_empty()
        });
        let is_complete = self
            .steps_of(change)
            .all(|(step, state)| step.tidies || *state == State::Done);
        has_undo && !is_complete
    }

    /// Returns whether a step of the change runs, or one that is still to come may be begun, now or when what it needs is done.
    fn can_go_on(&self, change: usize, stop: &Stop) -> bool {
        let is_running = self
            .steps_of(change)
            .any(|(_, state)| matches!(state, State::Running { .. }));
        if is_running {
            return true;
        }
        if self.has_failed(change) || stop.now.is_cancelled() {
            return false;
        }
        self.steps_of(change)
            .filter(|(step, state)| !step.tidies && **state == State::Waiting)
            .all(|(step, _)| self.may_come(step.id, stop))
    }

    /// Returns whether a step is done, runs, or may still be begun.
    fn may_come(&self, id: StepId, stop: &Stop) -> bool {
        match &self.states[id.0] {
            State::Done | State::Running { .. } => true,
            State::Failed(_) | State::Cancelled => false,
            State::Waiting => {
                let step = self.step(id);
                let is_barred = self.undone[step.change] != Undo::No
                    || self.has_failed(step.change)
                    || stop.now.is_cancelled()
                    || (stop.gently.is_cancelled() && !self.is_open(step.change))
                    || (self.any_failed && !self.has_begun(step.change) && step.action.mutates());
                !is_barred && step.needs.iter().all(|need| self.may_come(*need, stop))
            }
        }
    }

    pub(super) fn report(self, stop: &Stop) -> ApplyReport {
        let undone = |change: usize| matches!(self.undone[change], Undo::Done(_));
        let outcomes = self.plan.steps.iter().zip(&self.states);
        let outcomes = outcomes.map(|(step, state)| match state {
            State::Waiting | State::Running { .. } => StepOutcome::NotStarted,
            State::Done if undone(step.change) => StepOutcome::Undone,
            State::Done => StepOutcome::Done,
            State::Cancelled => StepOutcome::Cancelled,
            State::Failed(failure) => StepOutcome::Failed {
                message: failure.message.clone(),
                details: failure.details.clone(),
            },
        });
        let failures = self.undone.iter().enumerate();
        ApplyReport {
            outcomes: outcomes.collect(),
            undone: failures
                .filter_map(|(change, undo)| match undo {
                    Undo::Done(failures) => Some((change, failures.clone())),
                    Undo::No | Undo::Running => None,
                })
                .collect(),
            stopped: stop.gently.is_cancelled() || stop.now.is_cancelled(),
        }
    }
}

/// Returns whether what a step does may be in effect: it was done, or it failed and taking it back does no harm where it was not.
fn may_have_taken_effect(state: &State, action: &Action) -> bool {
    match state {
        State::Done => true,
        State::Failed(_) => matches!(
            action,
            Action::StopContainer { .. } | Action::StartContainer { .. }
        ),
        State::Waiting | State::Running { .. } | State::Cancelled => false,
    }
}

/// What bounds an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Create,
    Start,
    Remove,
    Wait,
    Other,
}

impl Kind {
    /// How many there are.
    const ALL: usize = Self::Other as usize + 1;

    fn of(action: &Action) -> Self {
        match action {
            Action::CreateContainer(_) => Self::Create,
            Action::StartContainer { .. } | Action::RestartContainer { .. } => Self::Start,
            Action::RemoveContainer { .. } => Self::Remove,
            Action::Await { .. } => Self::Wait,
            Action::PullImage { .. }
            | Action::BuildImage(_)
            | Action::TagImage { .. }
            | Action::CreateNetwork(_)
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume(_)
            | Action::RemoveVolume { .. }
            | Action::CopyFiles { .. }
            | Action::ConnectNetwork { .. }
            | Action::DisconnectNetwork { .. }
            | Action::StopContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::SignalContainer { .. }
            | Action::RunCommand(_)
            | Action::RenameContainer { .. }
            | Action::UpdateContainer { .. }
            | Action::FixSocket(_) => Self::Other,
        }
    }
}
