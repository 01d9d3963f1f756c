//! Performing a plan.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::engine::{ActionProgress, Engine, PullProgress};
use crate::model::ImageReference;
use crate::plan::{Action, Plan, StepId};

use super::Stop;
use super::hints::Hints;
use super::perform::{StepFailure, perform, perform_telling, take_back};
use super::wait::{Wait, wait};

/// How a plan is performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOptions {
    /// How many engine calls may be under way at once, beyond the bounds for creates and starts.
    pub parallel: usize,
    /// The number of processors, by which starts are bounded.
    pub cores: usize,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            parallel: 16,
            cores: 2,
        }
    }
}

/// Something that happened while a plan was performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyProgress {
    /// A step was begun.
    Started {
        /// The step.
        step: StepId,
    },
    /// A step waits, and this is what was seen last, such as `starting`.
    Waiting {
        /// The step.
        step: StepId,
        /// What was seen.
        seen: String,
    },
    /// A step pulls an image, and is so far.
    Pulling {
        /// The step.
        step: StepId,
        /// The image.
        image: ImageReference,
        /// How far it is.
        pull: PullProgress,
    },
    /// A step builds an image, and the builder said this.
    Building {
        /// The step.
        step: StepId,
        /// The image.
        image: ImageReference,
        /// What it said, one line.
        line: String,
    },
    /// A step was done.
    Done {
        /// The step.
        step: StepId,
        /// How long it took.
        took: Duration,
    },
    /// A step failed.
    Failed {
        /// The step.
        step: StepId,
        /// Why.
        message: String,
    },
    /// What a change had done is taken back.
    Undoing {
        /// The change: its place in the plan.
        change: usize,
    },
    /// What a change had done was taken back.
    Undone {
        /// The change: its place in the plan.
        change: usize,
        /// What could not be taken back.
        failures: Vec<String>,
    },
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// It was never begun.
    NotStarted,
    /// It was done.
    Done,
    /// It failed.
    Failed {
        /// Why, in one line.
        message: String,
        /// More about it: the last health checks and lines of output.
        details: Vec<String>,
    },
    /// It was given up because of a stop.
    Cancelled,
    /// It was done and taken back.
    Undone,
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyReport {
    /// What became of each step.
    pub outcomes: Vec<StepOutcome>,
    /// Changes that were to be taken back, and what of that failed; by place in the plan.
    pub undone: Vec<(usize, Vec<String>)>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

impl ApplyReport {
    /// Returns whether every step was done.
    pub fn is_success(&self) -> bool {
        self.outcomes
            .iter()
            .all(|outcome| *outcome == StepOutcome::Done)
    }
}

/// How many containers are made at once; the engine does the work under one lock, and more would only wait in line.
const CREATES_AT_ONCE: usize = 2;
/// How many containers are started at once for each processor.
const STARTS_PER_CORE: usize = 2;

/// Performs `plan` and returns what became of it. Tells of each step on `progress`, which has to be read or dropped.
///
/// - A step is begun as soon as its needs are done. After a failure no change is begun any more; those that were begun go on as far
///   as they can.
/// - A change that was begun and cannot be ended is taken back by the `undo` of its steps, in reverse; one that only failed to tidy up
///   behind itself is not.
/// - `stop.gently`: no change is begun, and only those go on, and are waited for, that would have to be taken back. `stop.now`: waits and pulls are given
///   up, calls under way are finished, and what is open is taken back.
pub async fn apply(
    engine: Arc<dyn Engine>,
    plan: &Plan,
    options: &ApplyOptions,
    progress: mpsc::Sender<ApplyProgress>,
    stop: &Stop,
) -> ApplyReport {
    let waits = |action: &Action| matches!(action, Action::Await { .. });
    let hints = plan
        .steps
        .iter()
        .any(|step| waits(&step.action))
        .then(|| Hints::new(engine.clone()));
    let mut apply = Apply {
        engine,
        plan,
        options,
        progress,
        stop,
        hints,
        states: vec![State::Waiting; plan.steps.len()],
        undone: vec![Undo::No; plan.changes.len()],
        work: JoinSet::new(),
        pieces: HashMap::new(),
    };
    apply.run().await;
    apply.report()
}

/// Where a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Running { since: Instant },
    Done,
    Failed(StepFailure),
    Cancelled,
}

/// Whether a change is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Undo {
    No,
    Running,
    Done(Vec<String>),
}

/// A piece of work.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Step(StepId),
    /// Taking back a change.
    Undo(usize),
}

/// What wakes the loop: the end of a piece of work.
enum Ended {
    Step(StepId, Result<(), StepFailure>),
    Undo(usize, Vec<String>),
}

/// The one owner of the state of an apply.
struct Apply<'a> {
    engine: Arc<dyn Engine>,
    plan: &'a Plan,
    options: &'a ApplyOptions,
    progress: mpsc::Sender<ApplyProgress>,
    stop: &'a Stop,
    hints: Option<Hints>,
    states: Vec<State>,
    undone: Vec<Undo>,
    /// Every task is awaited: a step ends by itself, by its deadline or by `stop.now`, and a dropped apply aborts them all.
    work: JoinSet<Ended>,
    /// What each task in `work` is about, so that one that panicked can be named.
    pieces: HashMap<Id, Piece>,
}

impl Apply<'_> {
    async fn run(&mut self) {
        loop {
            self.begin_steps().await;
            self.begin_undos().await;
            if self.work.is_empty() {
                return;
            }
            let stop = self.stop;
            tokio::select! {
                Some(ended) = self.work.join_next_with_id() => {
                    let ended = self.name(ended);
                    self.take(ended).await;
                }
                // Only to look again at what may be begun: the tokens are read where that is decided.
                () = stop.gently.cancelled(), if !stop.gently.is_cancelled() => {}
                () = stop.now.cancelled(), if !stop.now.is_cancelled() => {}
            }
        }
    }

    async fn begin_steps(&mut self) {
        for index in 0..self.plan.steps.len() {
            if self.may_begin(index) {
                self.begin(StepId(index)).await;
            }
        }
    }

    fn may_begin(&self, index: usize) -> bool {
        let step = &self.plan.steps[index];
        let is_ready = self.states[index] == State::Waiting
            && step
                .needs
                .iter()
                .all(|need| self.states[need.0] == State::Done)
            && step.after.iter().all(|id| self.has_ended(*id))
            && self.undone[step.change] == Undo::No
            && !self.has_failed(step.change);
        if !is_ready || self.stop.now.is_cancelled() {
            return false;
        }
        let is_wanted = if self.stop.gently.is_cancelled() {
            self.is_open(step.change)
        } else {
            // One image that cannot be had says nothing of the others, and all that cannot be had are told at once.
            !self.any_failed()
                || self.has_begun(step.change)
                || !step.action.mutates()
                || step.action.brings_image()
        };
        is_wanted && self.has_room(&step.action)
    }

    /// Returns whether anything failed because of which nothing new is begun: all but what others only wish for.
    fn any_failed(&self) -> bool {
        let is_wished = |change: usize| {
            let mut wished = self.plan.steps.iter().flat_map(|step| &step.after);
            wished.any(|id| self.plan.steps[id.0].change == change)
        };
        let steps = self.plan.steps.iter().zip(&self.states);
        steps
            .filter(|(_, state)| matches!(state, State::Failed(_)))
            .any(|(step, _)| !is_wished(step.change))
    }

    /// Returns whether a step has ended, well or not, or cannot be begun any more.
    fn has_ended(&self, id: StepId) -> bool {
        match &self.states[id.0] {
            State::Done | State::Failed(_) | State::Cancelled => true,
            State::Running { .. } => false,
            State::Waiting => !self.may_come(id),
        }
    }

    /// Returns whether there is room for one more action of this kind.
    fn has_room(&self, action: &Action) -> bool {
        let kind = Kind::of(action);
        let limit = match kind {
            Kind::Wait => return true,
            Kind::Create => CREATES_AT_ONCE,
            Kind::Start => STARTS_PER_CORE * self.options.cores.max(1),
            Kind::Other => self.options.parallel.max(1),
        };
        let running = self.plan.steps.iter().filter(|step| {
            matches!(self.states[step.id.0], State::Running { .. })
                && Kind::of(&step.action) == kind
        });
        running.count() < limit
    }

    fn has_begun(&self, change: usize) -> bool {
        self.steps_of(change).any(|(step, state)| {
            step.action.mutates() && matches!(state, State::Done | State::Running { .. })
        })
    }

    fn has_failed(&self, change: usize) -> bool {
        self.steps_of(change)
            .any(|(_, state)| matches!(state, State::Failed(_) | State::Cancelled))
    }

    /// Returns whether a change has done something that would have to be taken back, and is not at its aim.
    fn is_open(&self, change: usize) -> bool {
        let has_undo = self.steps_of(change).any(|(step, state)| {
            may_have_taken_effect(state, &step.action) && !step.undo.is_empty()
        });
        let is_complete = self
            .steps_of(change)
            .all(|(step, state)| step.tidies || *state == State::Done);
        has_undo && !is_complete
    }

    fn steps_of(&self, change: usize) -> impl Iterator<Item = (&crate::plan::Step, &State)> {
        let steps = self.plan.steps.iter().zip(&self.states);
        steps.filter(move |(step, _)| step.change == change)
    }

    async fn begin(&mut self, id: StepId) {
        self.states[id.0] = State::Running {
            since: Instant::now(),
        };
        self.tell(ApplyProgress::Started { step: id }).await;
        let action = self.plan.steps[id.0].action.clone();
        let (engine, now) = (self.engine.clone(), self.stop.now.clone());
        if let Action::Await {
            container,
            condition,
            timeout,
        } = action
        {
            let hints = self
                .hints
                .as_ref()
                .expect("a plan that waits has hints")
                .subscribe();
            let progress = self.progress.clone();
            let subject = self.subject(id);
            // Where nothing would be taken back, nobody who asked to stop has to sit out the wait.
            let is_open = self.is_open(self.plan.steps[id.0].change);
            let gently = self.stop.gently.clone();
            let order = Wait {
                engine,
                container,
                condition,
                timeout,
                subject,
                step: id,
            };
            self.spawn(Piece::Step(id), async move {
                let result = tokio::select! {
                    result = wait(order, hints, progress) => result,
                    () = now.cancelled() => Err(StepFailure::cancelled()),
                    () = gently.cancelled(), if !is_open => Err(StepFailure::cancelled()),
                };
                Ended::Step(id, result)
            });
            return;
        }
        if let Some(image) = long_action(&action) {
            let progress = self.progress.clone();
            self.spawn(Piece::Step(id), async move {
                // A call that changes something is never torn off, since nobody would know what became of it; a pull or build may be.
                let result = tokio::select! {
                    result = perform_long(engine.as_ref(), &action, id, image, progress) => result,
                    () = now.cancelled() => Err(StepFailure::cancelled()),
                };
                Ended::Step(id, result)
            });
            return;
        }
        self.spawn(Piece::Step(id), async move {
            Ended::Step(id, perform(engine.as_ref(), &action).await)
        });
    }

    /// Returns the name of what a step is about, for messages.
    fn subject(&self, id: StepId) -> String {
        match &self.plan.changes[self.plan.steps[id.0].change].resource {
            crate::plan::Resource::Service(name, 1) => name.to_string(),
            other => other.to_string(),
        }
    }

    async fn take(&mut self, ended: Ended) {
        match ended {
            Ended::Step(id, Ok(())) => {
                let took = match &self.states[id.0] {
                    State::Running { since } => since.elapsed(),
                    _ => Duration::ZERO,
                };
                self.states[id.0] = State::Done;
                self.tell(ApplyProgress::Done { step: id, took }).await;
            }
            Ended::Step(id, Err(failure)) if failure.is_cancelled => {
                self.states[id.0] = State::Cancelled;
            }
            Ended::Step(id, Err(failure)) => {
                let message = failure.message.clone();
                self.states[id.0] = State::Failed(failure);
                self.tell(ApplyProgress::Failed { step: id, message }).await;
            }
            Ended::Undo(change, failures) => {
                self.undone[change] = Undo::Done(failures.clone());
                self.tell(ApplyProgress::Undone { change, failures }).await;
            }
        }
    }

    fn spawn(&mut self, piece: Piece, work: impl Future<Output = Ended> + Send + 'static) {
        let task = self.work.spawn(work);
        self.pieces.insert(task.id(), piece);
    }

    /// Returns what has ended: the end of a task that panicked is the failure of its piece of work.
    fn name(&mut self, ended: Result<(Id, Ended), JoinError>) -> Ended {
        let (id, error) = match ended {
            Ok((id, ended)) => {
                self.pieces.remove(&id);
                return ended;
            }
            Err(error) => (error.id(), error),
        };
        let message = format!("internal: {error}");
        match self
            .pieces
            .remove(&id)
            .expect("each task is noted as it is spawned")
        {
            Piece::Step(id) => Ended::Step(id, Err(StepFailure::new(message))),
            Piece::Undo(change) => Ended::Undo(change, vec![message]),
        }
    }

    /// Begins to take back every change that was begun, cannot be ended, and of which nothing runs.
    async fn begin_undos(&mut self) {
        for change in 0..self.plan.changes.len() {
            if self.undone[change] != Undo::No || !self.is_open(change) || self.can_go_on(change) {
                continue;
            }
            self.undone[change] = Undo::Running;
            self.tell(ApplyProgress::Undoing { change }).await;
            let back: Vec<Action> = self
                .steps_of(change)
                .filter(|(step, state)| may_have_taken_effect(state, &step.action))
                .flat_map(|(step, _)| step.undo.iter().rev())
                .cloned()
                .collect();
            let engine = self.engine.clone();
            self.spawn(Piece::Undo(change), async move {
                let back: Vec<Action> = back.into_iter().rev().collect();
                Ended::Undo(change, take_back(engine.as_ref(), &back).await)
            });
        }
    }

    /// Returns whether a step of the change runs, or one that is still to come may be begun, now or when what it needs is done.
    fn can_go_on(&self, change: usize) -> bool {
        let is_running = self
            .steps_of(change)
            .any(|(_, state)| matches!(state, State::Running { .. }));
        if is_running {
            return true;
        }
        if self.has_failed(change) || self.stop.now.is_cancelled() {
            return false;
        }
        let needed: BTreeSet<StepId> = self
            .steps_of(change)
            .filter(|(step, state)| !step.tidies && **state == State::Waiting)
            .map(|(step, _)| step.id)
            .collect();
        needed.iter().all(|id| self.may_come(*id))
    }

    /// Returns whether a step is done, runs, or may still be begun.
    fn may_come(&self, id: StepId) -> bool {
        match &self.states[id.0] {
            State::Done | State::Running { .. } => true,
            State::Failed(_) | State::Cancelled => false,
            State::Waiting => {
                let step = &self.plan.steps[id.0];
                let is_barred = self.undone[step.change] != Undo::No
                    || self.has_failed(step.change)
                    || self.stop.now.is_cancelled()
                    || (self.stop.gently.is_cancelled() && !self.is_open(step.change))
                    || (self.any_failed() && !self.has_begun(step.change) && step.action.mutates());
                !is_barred && step.needs.iter().all(|need| self.may_come(*need))
            }
        }
    }

    async fn tell(&self, progress: ApplyProgress) {
        // Nobody has to listen.
        let _ = self.progress.send(progress).await;
    }

    fn report(self) -> ApplyReport {
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
            stopped: self.stop.gently.is_cancelled() || self.stop.now.is_cancelled(),
        }
    }
}

/// How much of what an engine tells may wait to be passed on.
const TOLD_AHEAD: usize = 16;

/// Returns the image that an action brings, where that takes long.
fn long_action(action: &Action) -> Option<ImageReference> {
    match action {
        Action::PullImage { image, .. } => Some(image.clone()),
        Action::BuildImage(spec) => Some(spec.image.clone()),
        _ => None,
    }
}

/// Brings an image and passes on how that goes.
async fn perform_long(
    engine: &dyn Engine,
    action: &Action,
    step: StepId,
    image: ImageReference,
    progress: mpsc::Sender<ApplyProgress>,
) -> Result<(), StepFailure> {
    let (sender, mut told) = mpsc::channel(TOLD_AHEAD);
    // The sender ends with the work, and so does what is passed on.
    let work = async move { perform_telling(engine, action, Some(&sender)).await };
    let pass_on = async {
        while let Some(told) = told.recv().await {
            let image = image.clone();
            let told = match told {
                ActionProgress::Pull(pull) => ApplyProgress::Pulling { step, image, pull },
                ActionProgress::Build(line) => ApplyProgress::Building { step, image, line },
            };
            let _ = progress.send(told).await;
        }
    };
    let (result, ()) = tokio::join!(work, pass_on);
    result
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
    Wait,
    Other,
}

impl Kind {
    fn of(action: &Action) -> Self {
        match action {
            Action::CreateContainer(_) => Self::Create,
            Action::StartContainer { .. } | Action::RestartContainer { .. } => Self::Start,
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
            | Action::RemoveContainer { .. }
            | Action::FixSocket(_) => Self::Other,
        }
    }
}
