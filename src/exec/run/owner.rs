//! The owner of a run: the one loop that changes it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::dag::{Command, IllegalTransition, Outcome, RunEvent, RunState, TaskState};
use crate::model::TaskName;
use crate::store::{Journal, RunLock, StoreError};

use super::worker::{self, Job, Shared, failed};
use super::{RunError, RunProgress, Stop};

/// How often the journal is looked at for what others wrote: the wish to cancel.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait for a listener that is behind.
const LISTENER_PATIENCE: Duration = Duration::from_secs(1);

/// A run that is at work in this process.
pub(super) struct Owner {
    pub(super) state: RunState,
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    /// The right to advance the run; given back with the owner.
    pub(super) _lock: RunLock,
    pub(super) progress: mpsc::Sender<RunProgress>,
    pub(super) commands: VecDeque<Command>,
    pub(super) workers: JoinSet<Outcome>,
    pub(super) tries: HashMap<Id, (TaskName, u32)>,
    pub(super) cancels: BTreeMap<TaskName, CancellationToken>,
    pub(super) retries: BTreeSet<(Timestamp, TaskName)>,
    pub(super) kill: CancellationToken,
    pub(super) is_heard: bool,
}

impl Owner {
    /// Performs the run to its end.
    ///
    /// Dropping this aborts what waits for the tries, not the tries: containers and bash commands go on, and are found again.
    pub(super) async fn run(mut self, stop: &Stop) -> Result<RunState, RunError> {
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            while let Some(command) = self.commands.pop_front() {
                self.perform(command).await?;
            }
            if self.state.end().is_some() {
                return Ok(self.state);
            }
            let due = self.retries.first().cloned();
            tokio::select! {
                Some(ended) = self.workers.join_next_with_id() => self.take_end(ended).await?,
                () = sleep_until(due.as_ref().map(|(due, _)| *due)) => {
                    if let Some(key) = due {
                        self.retries.remove(&key);
                        let event = RunEvent::RetryDue { task: key.1, at: Timestamp::now() };
                        self.record(event).await?;
                    }
                }
                () = stop.gently.cancelled(), if self.state.cancel_requested().is_none() => {
                    self.record(RunEvent::CancelRequested { at: Timestamp::now() }).await?;
                }
                () = stop.now.cancelled(), if !self.kill.is_cancelled() => {
                    self.kill.cancel();
                    if self.state.cancel_requested().is_none() {
                        self.record(RunEvent::CancelRequested { at: Timestamp::now() }).await?;
                    }
                }
                _ = look.tick() => self.absorb().await?,
            }
        }
    }

    async fn perform(&mut self, command: Command) -> Result<(), RunError> {
        match command {
            Command::Start { task, attempt } => self.start(task, attempt).await,
            Command::ScheduleRetry { task, due, .. } => {
                self.retries.insert((due, task));
                Ok(())
            }
            Command::Cancel { task, .. } => {
                if let Some(cancel) = self.cancels.get(&task) {
                    cancel.cancel();
                }
                Ok(())
            }
            Command::Finish { state } => {
                self.record(RunEvent::Finished {
                    state,
                    at: Timestamp::now(),
                })
                .await
            }
        }
    }

    /// Begins a try, or looks for one that is at work by the journal.
    async fn start(&mut self, task: TaskName, attempt: u32) -> Result<(), RunError> {
        let running = |state: &RunState| match state.task(&task).map(|task| task.state().clone()) {
            Some(TaskState::Running { since, .. }) => Some(since),
            _ => None,
        };
        let found_since = running(&self.state);
        if found_since.is_none() {
            let event = RunEvent::AttemptStarted {
                task: task.clone(),
                attempt,
                at: Timestamp::now(),
            };
            self.record(event).await?;
        }
        // Another process may have cancelled the run before the start was written: then there is nothing to begin.
        let Some(since) = running(&self.state) else {
            return Ok(());
        };
        let cancel = CancellationToken::new();
        if self.state.cancel_requested().is_some() {
            cancel.cancel();
        }
        self.cancels.insert(task.clone(), cancel.clone());
        let job = Job {
            shared: Arc::clone(&self.shared),
            task: task.clone(),
            attempt,
            since,
            is_found: found_since.is_some(),
            cancel,
            kill: self.kill.clone(),
        };
        let worker = self.workers.spawn(worker::perform(job));
        self.tries.insert(worker.id(), (task, attempt));
        Ok(())
    }

    async fn take_end(&mut self, ended: Result<(Id, Outcome), JoinError>) -> Result<(), RunError> {
        let (id, outcome) = match ended {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (
                error.id(),
                failed("stackgen itself failed at it; this is a bug"),
            ),
        };
        let Some((task, attempt)) = self.tries.remove(&id) else {
            return Ok(());
        };
        self.cancels.remove(&task);
        self.record(RunEvent::AttemptFinished {
            task,
            attempt,
            outcome,
            at: Timestamp::now(),
        })
        .await
    }

    /// Writes down what happened and takes it in. Where another process wrote first, that is taken in before; an event that can no
    /// longer be is dropped then.
    async fn record(&mut self, event: RunEvent) -> Result<(), RunError> {
        loop {
            // The fold is asked first: an event that cannot be never reaches the journal.
            let mut next = self.state.clone();
            let commands = match next.step(&event) {
                Ok(commands) => commands,
                Err(source) => return self.refuse(&event, source),
            };
            match self.append(event.clone()).await {
                Ok(()) => {
                    self.state = next;
                    self.commands.extend(commands);
                    self.tell(event).await;
                    return Ok(());
                }
                Err(StoreError::Overtaken { .. }) => self.absorb().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A start, retry or end that a cancellation overtook is dropped; anything else is a mistake of this program.
    fn refuse(&self, event: &RunEvent, source: IllegalTransition) -> Result<(), RunError> {
        let is_overtaken = self.state.cancel_requested().is_some()
            && !matches!(event, RunEvent::AttemptFinished { .. });
        if is_overtaken {
            return Ok(());
        }
        Err(self.illegal(source))
    }

    fn illegal(&self, source: IllegalTransition) -> RunError {
        RunError::Illegal {
            dag: self.state.dag().clone(),
            run: self.state.run_id().clone(),
            source,
        }
    }

    async fn append(&self, event: RunEvent) -> Result<(), StoreError> {
        let (journal, known) = (self.journal.clone(), self.state.event_count());
        let (dag, run) = (self.state.dag().clone(), self.state.run_id().clone());
        blocking(move || journal.append(&dag, &run, known, &event)).await
    }

    /// Takes in what other processes wrote.
    async fn absorb(&mut self) -> Result<(), RunError> {
        let (journal, known) = (self.journal.clone(), self.state.event_count());
        let (dag, run) = (self.state.dag().clone(), self.state.run_id().clone());
        let events = blocking(move || journal.events_after(&dag, &run, known)).await?;
        for event in events {
            let commands = self
                .state
                .step(&event)
                .map_err(|source| self.illegal(source))?;
            self.commands.extend(commands);
            self.tell(event).await;
        }
        Ok(())
    }

    /// Tells of an event. Whoever listens gets each one, unless it does not read for long: then the run does not wait for it any more.
    async fn tell(&mut self, event: RunEvent) {
        let progress = RunProgress::Happened {
            event,
            is_past: false,
        };
        if self.is_heard {
            self.is_heard = self
                .progress
                .send_timeout(progress, LISTENER_PATIENCE)
                .await
                .is_ok();
        } else {
            self.progress.try_send(progress).ok();
        }
    }
}

/// Runs a call that blocks on a thread for such calls.
pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        // The call itself panicked: so does whoever asked for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn sleep_until(due: Option<Timestamp>) {
    match due {
        Some(due) => {
            let left = due.duration_since(Timestamp::now());
            tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}
