//! Performing a plan.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use crate::engine::{ActionProgress, Engine, PullProgress};
use crate::model::{Condition, ContainerConfig, ImageReference, Restart};
use crate::plan::{Action, Plan, Step, StepId};

use super::Stop;
use super::hints::Hints;
use super::ledger::Ledger;
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
        ledger: Ledger::new(plan),
        work: JoinSet::new(),
        pieces: HashMap::new(),
    };
    apply.run().await;
    apply.ledger.report(stop)
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
    ledger: Ledger<'a>,
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
        for id in self.ledger.ready() {
            if self.ledger.may_begin(id, self.options, self.stop) {
                self.begin(id).await;
            }
        }
    }

    async fn begin(&mut self, id: StepId) {
        self.ledger.begin(id);
        self.tell(ApplyProgress::Started { step: id }).await;
        let step = self.ledger.step(id);
        let engine = self.engine.clone();
        if let Action::Await {
            container,
            condition,
            timeout,
        } = &step.action
        {
            let order = Wait {
                engine,
                container: container.clone(),
                condition: *condition,
                timeout: *timeout,
                subject: self.subject(id),
                step: id,
                started: self.started(step),
                is_known: self.is_known(step, *condition),
            };
            self.begin_wait(order);
            return;
        }
        let action = step.action.clone();
        if let Some(image) = long_action(&action) {
            let progress = self.progress.clone();
            let now = self.stop.now.clone();
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

    fn begin_wait(&mut self, order: Wait) {
        let id = order.step;
        let hints = self
            .hints
            .as_ref()
            .expect("a plan that waits has hints")
            .subscribe();
        let progress = self.progress.clone();
        // Where nothing would be taken back, nobody who asked to stop has to sit out the wait.
        let is_open = self.ledger.is_open(self.ledger.step(id).change);
        let (gently, now) = (self.stop.gently.clone(), self.stop.now.clone());
        self.spawn(Piece::Step(id), async move {
            let result = tokio::select! {
                result = wait(order, hints, progress) => result,
                () = now.cancelled() => Err(StepFailure::cancelled()),
                () = gently.cancelled(), if !is_open => Err(StepFailure::cancelled()),
            };
            Ended::Step(id, result)
        });
    }

    /// Returns when the start that a wait follows was begun; `None` where nothing of its change starts.
    fn started(&self, wait: &Step) -> Option<Instant> {
        let starts = self.ledger.steps_of(wait.change).filter(|(step, _)| {
            matches!(
                step.action,
                Action::StartContainer { .. } | Action::RestartContainer { .. }
            )
        });
        starts
            .filter_map(|(step, _)| self.ledger.begun(step.id))
            .max()
    }

    /// Returns whether the plan itself says of a container all that one has to know to understand its events.
    fn is_known(&self, wait: &Step, condition: Condition) -> bool {
        let mut steps = self.ledger.steps_of(wait.change);
        steps.any(|(step, _)| match &step.action {
            Action::CreateContainer(spec) => is_told_by_events(&spec.config, condition),
            _ => false,
        })
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
            Ended::Step(id, result) => {
                let failed = result.as_ref().err().filter(|it| !it.is_cancelled);
                let message = failed.map(|failure| failure.message.clone());
                let is_done = result.is_ok();
                let took = self.ledger.end(id, result);
                if let Some(message) = message {
                    self.tell(ApplyProgress::Failed { step: id, message }).await;
                } else if is_done {
                    self.tell(ApplyProgress::Done { step: id, took }).await;
                }
            }
            Ended::Undo(change, failures) => {
                self.ledger.end_undo(change, failures.clone());
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
        for change in self.ledger.to_take_back(self.stop) {
            let back = self.ledger.begin_undo(change);
            self.tell(ApplyProgress::Undoing { change }).await;
            let engine = self.engine.clone();
            self.spawn(Piece::Undo(change), async move {
                Ended::Undo(change, take_back(engine.as_ref(), &back).await)
            });
        }
    }

    async fn tell(&self, progress: ApplyProgress) {
        // Nobody has to listen.
        let _ = self.progress.send(progress).await;
    }
}

/// Returns whether events alone tell when a container that is made like this has come to a state: an end is only final where nothing
/// starts it again, and without a check of its own its image may have one or not.
fn is_told_by_events(config: &ContainerConfig, condition: Condition) -> bool {
    match condition {
        Condition::Started => true,
        Condition::Completed => matches!(config.restart, Restart::No | Restart::OnFailure(_)),
        Condition::Healthy => config
            .health
            .as_ref()
            .is_some_and(|check| !check.test.is_empty() && !check.is_disabled()),
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
