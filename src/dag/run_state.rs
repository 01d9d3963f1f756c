//! A run: the fold over its events.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::model::{Dag, DagName, Form, RunId, TaskName};

use super::trigger_rule::{Upstream, Verdict, decide};
use super::{
    Command, Graph, GraphError, Outcome, RunEnd, RunEvent, RunHeader, TaskEnd, TaskShape, TaskState,
};

/// The longest that a delay grows to, as at Airflow.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(86_400);

/// A run as it stands after some events. Only [`RunState::step`] changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    header: RunHeader,
    tasks: IndexMap<TaskName, TaskRun>,
    cancel_requested: Option<Timestamp>,
    end: Option<(RunEnd, Timestamp)>,
    events: u64,
}

/// A task of a run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRun {
    shape: TaskShape,
    state: TaskState,
    attempts: Vec<Attempt>,
    /// How many of them were made before someone last asked for it once more.
    tries_before: u32,
    /// Whether its start was commanded and has not been reported yet.
    is_commanded: bool,
    is_leaf: bool,
    weight: u64,
}

/// A try of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// How and when it ended. Written once.
    pub end: Option<(Outcome, Timestamp)>,
}

/// An event that cannot happen in the state of its run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalTransition {
    /// The first event is not the start, or the start comes again.
    #[error("a run begins once, with its header")]
    NotAtTheStart,
    /// The run has ended.
    #[error("the run has ended")]
    RunEnded,
    /// The header has no such task.
    #[error("there is no task {0}")]
    UnknownTask(TaskName),
    /// A task cannot begin this try now.
    #[error("try {attempt} of {task} cannot begin: {why}")]
    CannotStart {
        /// The task.
        task: TaskName,
        /// The try.
        attempt: u32,
        /// Why.
        why: &'static str,
    },
    /// A try ends that is not at work; it may have ended before.
    #[error("try {attempt} of {task} is not at work")]
    NotAtWork {
        /// The task.
        task: TaskName,
        /// The try.
        attempt: u32,
    },
    /// A try was stopped although nobody asked for it.
    #[error("try {attempt} of {task} was stopped, and the run was not")]
    NotCancelled {
        /// The task.
        task: TaskName,
        /// The try.
        attempt: u32,
    },
    /// No retry is waited for.
    #[error("{0} does not wait for another try")]
    NoRetry(TaskName),
    /// The task is not to be run once more.
    #[error("{task} cannot be run once more: {why}")]
    CannotRetry {
        /// The task.
        task: TaskName,
        /// Why.
        why: String,
    },
    /// The run cannot end so now.
    #[error("the run cannot end as {0:?} now")]
    CannotFinish(RunEnd),
    /// The header's tasks are no order.
    #[error(transparent)]
    NoOrder(#[from] GraphError<TaskName>),
}

impl RunState {
    /// Begins a run, as its first event does, and returns what is to be done.
    ///
    /// # Errors
    /// [`IllegalTransition::NoOrder`].
    pub fn begin(header: RunHeader) -> Result<(Self, Vec<Command>), IllegalTransition> {
        let graph = Graph::new(
            header
                .tasks
                .iter()
                .map(|task| (&task.name, task.after.iter().collect())),
        )?;
        let weights: IndexMap<&TaskName, u64> = header
            .tasks
            .iter()
            .map(|task| (&task.name, u64::from(task.priority_weight)))
            .collect();
        let tasks = header.tasks.iter().map(|shape| {
            let after = graph.all_after(&shape.name);
            let weight = weights[&shape.name] + after.iter().map(|name| weights[name]).sum::<u64>();
            let task = TaskRun {
                shape: shape.clone(),
                state: TaskState::Waiting,
                attempts: Vec::new(),
                tries_before: 0,
                is_commanded: false,
                is_leaf: after.is_empty(),
                weight,
            };
            (shape.name.clone(), task)
        });
        let mut state = Self {
            tasks: tasks.collect(),
            cancel_requested: None,
            end: None,
            events: 1,
            header,
        };
        let commands = state.settle();
        Ok((state, commands))
    }

    /// Makes a run of all its events and returns it with what is still to be done: see [`RunState::outstanding`].
    ///
    /// # Errors
    /// [`IllegalTransition`] of the first event that cannot be.
    pub fn replay<'a>(
        events: impl IntoIterator<Item = &'a RunEvent>,
    ) -> Result<(Self, Vec<Command>), IllegalTransition> {
        let mut events = events.into_iter();
        let Some(RunEvent::Started(header)) = events.next() else {
            return Err(IllegalTransition::NotAtTheStart);
        };
        let (mut state, _) = Self::begin(header.clone())?;
        for event in events {
            state.step(event)?;
        }
        let outstanding = state.outstanding();
        Ok((state, outstanding))
    }

    /// Takes in what happened and returns what is to be done about it. An event that cannot be changes nothing.
    ///
    /// # Errors
    /// [`IllegalTransition`].
    pub fn step(&mut self, event: &RunEvent) -> Result<Vec<Command>, IllegalTransition> {
        if self.end.is_some() && !matches!(event, RunEvent::RetryRequested { .. }) {
            return Err(IllegalTransition::RunEnded);
        }
        let mut commands = match event {
            RunEvent::Started(_) => return Err(IllegalTransition::NotAtTheStart),
            RunEvent::AttemptStarted { task, attempt, at } => self.start(task, *attempt, *at)?,
            RunEvent::AttemptFinished {
                task,
                attempt,
                outcome,
                at,
            } => self.finish_attempt(task, *attempt, outcome, *at)?,
            RunEvent::RetryDue { task, .. } => self.make_retry_ready(task)?,
            RunEvent::CancelRequested { at } => self.cancel(*at),
            RunEvent::RetryRequested { task, .. } => self.retry(task)?,
            RunEvent::Finished { state, at } => self.finish(*state, *at)?,
        };
        self.events += 1;
        commands.extend(self.settle());
        Ok(commands)
    }

    /// Returns everything that was commanded and is not done: tries to begin, retries to wait for, tries to stop, the end to be written. A
    /// try that is at work is among the starts: its [`TaskRun::state`] says that it has begun, so it is looked for and waited for.
    pub fn outstanding(&self) -> Vec<Command> {
        let mut commands = Vec::new();
        for (name, task) in &self.tasks {
            let task_name = name.clone();
            match &task.state {
                TaskState::Running { attempt, .. } => {
                    commands.push(Command::Start {
                        task: task_name.clone(),
                        attempt: *attempt,
                    });
                    if self.cancel_requested.is_some() {
                        commands.push(Command::Cancel {
                            task: task_name,
                            attempt: *attempt,
                        });
                    }
                }
                TaskState::RetryScheduled { attempt, due } => {
                    commands.push(Command::ScheduleRetry {
                        task: task_name,
                        attempt: *attempt,
                        due: *due,
                    });
                }
                TaskState::Waiting | TaskState::RetryReady { .. } if task.is_commanded => {
                    commands.push(Command::Start {
                        task: task_name,
                        attempt: task.next_attempt(),
                    });
                }
                TaskState::Waiting | TaskState::RetryReady { .. } | TaskState::Ended(_) => {}
            }
        }
        commands.extend(self.finish_command());
        commands
    }

    /// Returns what was fixed when the run began.
    pub fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Returns the run's id.
    pub fn run_id(&self) -> &RunId {
        &self.header.run_id
    }

    /// Returns the run's DAG.
    pub fn dag(&self) -> &DagName {
        &self.header.dag
    }

    /// Returns the tasks in the file's order.
    pub fn tasks(&self) -> impl Iterator<Item = (&TaskName, &TaskRun)> {
        self.tasks.iter()
    }

    /// Returns a task.
    pub fn task(&self, name: &TaskName) -> Option<&TaskRun> {
        self.tasks.get(name)
    }

    /// Returns since when the run is to be stopped.
    pub fn cancel_requested(&self) -> Option<Timestamp> {
        self.cancel_requested
    }

    /// Returns how and when the run ended; `None` while it is open.
    pub fn end(&self) -> Option<(RunEnd, Timestamp)> {
        self.end
    }

    /// Returns of how many events this is the fold.
    pub fn event_count(&self) -> u64 {
        self.events
    }

    /// Returns the tasks because of which a task was not run: those directly before it that failed or were not run themselves.
    pub fn blamed(&self, name: &TaskName) -> Vec<&TaskName> {
        let Some(task) = self.tasks.get(name) else {
            return Vec::new();
        };
        let failed = |before: &&TaskName| {
            matches!(
                self.tasks.get(*before).map(|task| &task.state),
                Some(TaskState::Ended(TaskEnd::Failed | TaskEnd::UpstreamFailed))
            )
        };
        task.shape.after.iter().filter(failed).collect()
    }

    /// Returns the tasks that a retry of this one decides anew: those behind it that were not run.
    pub fn not_run_behind(&self, name: &TaskName) -> Vec<&TaskName> {
        let Some((name, _)) = self.tasks.get_key_value(name) else {
            return Vec::new();
        };
        let mut behind = vec![name];
        // Each task comes after the tasks it names, whatever their order in the file: look until nothing is added.
        loop {
            let found = self.tasks.iter().find(|(other, task)| {
                !behind.contains(other) && task.shape.after.iter().any(|it| behind.contains(&it))
            });
            match found {
                Some((other, _)) => behind.push(other),
                None => break,
            }
        }
        behind.retain(|other| {
            let task = &self.tasks[*other];
            *other != name && task.attempts.is_empty() && task.end().is_some()
        });
        behind
    }

    /// Opens the run again for one task that failed or was stopped, and for what was not run because of it.
    fn retry(&mut self, name: &TaskName) -> Result<Vec<Command>, IllegalTransition> {
        let end = self.task_mut(name)?.end();
        let refuse = |why: String| {
            let task = name.clone();
            Err(IllegalTransition::CannotRetry { task, why })
        };
        match end {
            _ if self.end.is_none() => return refuse("its run is open".to_owned()),
            Some(TaskEnd::Failed | TaskEnd::Cancelled) => {}
            Some(TaskEnd::UpstreamFailed) => {
                let blamed: Vec<&str> = self.blamed(name).iter().map(|it| it.as_str()).collect();
                return refuse(format!("it was not run because of {}", blamed.join(", ")));
            }
            Some(TaskEnd::Success | TaskEnd::Skipped) | None => {
                return refuse("it did not fail".to_owned());
            }
        }
        let behind: Vec<TaskName> = self.not_run_behind(name).into_iter().cloned().collect();
        for other in &behind {
            self.task_mut(other)?.state = TaskState::Waiting;
        }
        let task = self.task_mut(name)?;
        let attempt = task.next_attempt();
        task.tries_before = attempt - 1;
        // Its turn came once: the rule is not asked again. One that was stopped before its turn waits for it.
        task.state = match attempt {
            1 => TaskState::Waiting,
            attempt => TaskState::RetryReady { attempt },
        };
        self.end = None;
        self.cancel_requested = None;
        Ok(Vec::new())
    }

    fn task_mut(&mut self, name: &TaskName) -> Result<&mut TaskRun, IllegalTransition> {
        self.tasks
            .get_mut(name)
            .ok_or_else(|| IllegalTransition::UnknownTask(name.clone()))
    }

    fn start(
        &mut self,
        name: &TaskName,
        attempt: u32,
        at: Timestamp,
    ) -> Result<Vec<Command>, IllegalTransition> {
        let task = self.task_mut(name)?;
        let refuse = |why| IllegalTransition::CannotStart {
            task: name.clone(),
            attempt,
            why,
        };
        match task.state {
            TaskState::Waiting | TaskState::RetryReady { .. } if !task.is_commanded => {
                return Err(refuse("it is not its turn"));
            }
            TaskState::Waiting | TaskState::RetryReady { .. } => {}
            TaskState::Running { .. } => return Err(refuse("one is at work")),
            TaskState::RetryScheduled { .. } => return Err(refuse("its delay is not over")),
            TaskState::Ended(_) => return Err(refuse("the task has ended")),
        }
        if attempt != task.next_attempt() {
            return Err(refuse("another one is next"));
        }
        task.is_commanded = false;
        task.state = TaskState::Running { attempt, since: at };
        task.attempts.push(Attempt {
            number: attempt,
            started: at,
            end: None,
        });
        Ok(Vec::new())
    }

    fn finish_attempt(
        &mut self,
        name: &TaskName,
        attempt: u32,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<Vec<Command>, IllegalTransition> {
        let is_cancelled = self.cancel_requested.is_some();
        let seed = self.retry_seed(name, attempt);
        let task = self.task_mut(name)?;
        match task.state {
            TaskState::Running {
                attempt: running, ..
            } if running == attempt => {}
            _ => {
                return Err(IllegalTransition::NotAtWork {
                    task: name.clone(),
                    attempt,
                });
            }
        }
        let mut commands = Vec::new();
        task.state = match outcome {
            Outcome::Success => TaskState::Ended(TaskEnd::Success),
            Outcome::Skipped => TaskState::Ended(TaskEnd::Skipped),
            Outcome::Cancelled if !is_cancelled => {
                return Err(IllegalTransition::NotCancelled {
                    task: name.clone(),
                    attempt,
                });
            }
            Outcome::Cancelled => TaskState::Ended(TaskEnd::Cancelled),
            Outcome::Failed(_) if attempt >= task.most_tries() || is_cancelled => {
                TaskState::Ended(TaskEnd::Failed)
            }
            Outcome::Failed(_) => {
                let delay = retry_delay(&task.shape, attempt - task.tries_before, seed);
                let due = at.checked_add(delay).unwrap_or(Timestamp::MAX);
                commands.push(Command::ScheduleRetry {
                    task: name.clone(),
                    attempt: attempt + 1,
                    due,
                });
                TaskState::RetryScheduled {
                    attempt: attempt + 1,
                    due,
                }
            }
        };
        if let Some(last) = task.attempts.last_mut() {
            last.end = Some((outcome.clone(), at));
        }
        Ok(commands)
    }

    fn make_retry_ready(&mut self, name: &TaskName) -> Result<Vec<Command>, IllegalTransition> {
        let task = self.task_mut(name)?;
        let TaskState::RetryScheduled { attempt, .. } = task.state else {
            return Err(IllegalTransition::NoRetry(name.clone()));
        };
        task.state = TaskState::RetryReady { attempt };
        Ok(Vec::new())
    }

    fn cancel(&mut self, at: Timestamp) -> Vec<Command> {
        if self.cancel_requested.is_some() {
            return Vec::new();
        }
        self.cancel_requested = Some(at);
        let mut commands = Vec::new();
        for (name, task) in &mut self.tasks {
            match task.state {
                TaskState::Running { attempt, .. } => commands.push(Command::Cancel {
                    task: name.clone(),
                    attempt,
                }),
                TaskState::Waiting
                | TaskState::RetryScheduled { .. }
                | TaskState::RetryReady { .. } => {
                    task.is_commanded = false;
                    task.state = TaskState::Ended(TaskEnd::Cancelled);
                }
                TaskState::Ended(_) => {}
            }
        }
        commands
    }

    fn finish(&mut self, end: RunEnd, at: Timestamp) -> Result<Vec<Command>, IllegalTransition> {
        if self.finish_command() != Some(Command::Finish { state: end }) {
            return Err(IllegalTransition::CannotFinish(end));
        }
        self.end = Some((end, at));
        Ok(Vec::new())
    }

    /// Ends the tasks that their trigger rules end, and commands the starts for which there is a place.
    fn settle(&mut self) -> Vec<Command> {
        if self.end.is_some() {
            return Vec::new();
        }
        let mut ready = self.decide_waiting();
        // The weightiest first; among equals the file's order, since the sort is stable.
        ready.sort_by_key(|index| std::cmp::Reverse(self.tasks[*index].weight));
        let at_work = self
            .tasks
            .values()
            .filter(|task| task.is_commanded || matches!(task.state, TaskState::Running { .. }))
            .count();
        let places = (self.header.max_active_tasks.max(1) as usize).saturating_sub(at_work);
        let mut commands = Vec::new();
        for index in ready.into_iter().take(places) {
            let (name, task) = self
                .tasks
                .get_index_mut(index)
                .expect("an index of its own");
            task.is_commanded = true;
            commands.push(Command::Start {
                task: name.clone(),
                attempt: task.next_attempt(),
            });
        }
        commands.extend(self.finish_command());
        commands
    }

    /// Applies the trigger rules until nothing changes, and returns the tasks that may begin and were not told to.
    fn decide_waiting(&mut self) -> Vec<usize> {
        loop {
            let mut ready = Vec::new();
            let mut ended = Vec::new();
            for (index, task) in self.tasks.values().enumerate() {
                match task.state {
                    TaskState::Waiting if !task.is_commanded => match self.verdict(task) {
                        Verdict::Run => ready.push(index),
                        Verdict::End(end) => ended.push((index, end)),
                        Verdict::Wait => {}
                    },
                    TaskState::RetryReady { .. } if !task.is_commanded => ready.push(index),
                    _ => {}
                }
            }
            if ended.is_empty() {
                return ready;
            }
            for (index, end) in ended {
                self.tasks[index].state = TaskState::Ended(end);
            }
        }
    }

    fn verdict(&self, task: &TaskRun) -> Verdict {
        let ends = task
            .shape
            .after
            .iter()
            .map(|before| self.tasks.get(before).and_then(TaskRun::end));
        decide(task.shape.trigger_rule, Upstream::count(ends))
    }

    /// Returns the command to end the run, once every task has ended. The leaf tasks decide, as at Airflow.
    fn finish_command(&self) -> Option<Command> {
        let ends: Option<Vec<(bool, TaskEnd)>> = self
            .tasks
            .values()
            .map(|task| task.end().map(|end| (task.is_leaf, end)))
            .collect();
        let ends = ends.filter(|_| self.end.is_none())?;
        let any = |wanted: &dyn Fn(bool, TaskEnd) -> bool| {
            ends.iter().any(|(is_leaf, end)| wanted(*is_leaf, *end))
        };
        let state = if any(&|_, end| end == TaskEnd::Cancelled) {
            RunEnd::Cancelled
        } else if any(&|is_leaf, end| {
            is_leaf && matches!(end, TaskEnd::Failed | TaskEnd::UpstreamFailed)
        }) {
            RunEnd::Failed
        } else {
            RunEnd::Success
        };
        Some(Command::Finish { state })
    }

    /// Returns a number that is the same at every replay and different for each try.
    fn retry_seed(&self, task: &TaskName, attempt: u32) -> u64 {
        let text = format!(
            "{}#{task}#{}#{attempt}",
            self.header.dag, self.header.logical_date
        );
        let digest = Sha256::digest(text.as_bytes());
        digest[..8]
            .iter()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

impl TaskRun {
    /// Returns what decides when it runs.
    pub fn shape(&self) -> &TaskShape {
        &self.shape
    }

    /// Returns where it is.
    pub fn state(&self) -> &TaskState {
        &self.state
    }

    /// Returns its tries, the first one first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Returns how it ended; `None` while it has not.
    pub fn end(&self) -> Option<TaskEnd> {
        match self.state {
            TaskState::Ended(end) => Some(end),
            _ => None,
        }
    }

    /// Returns the number of the last try that it may have.
    pub fn most_tries(&self) -> u32 {
        self.tries_before
            .saturating_add(self.shape.retries)
            .saturating_add(1)
    }

    fn next_attempt(&self) -> u32 {
        self.attempts.last().map_or(1, |last| last.number + 1)
    }
}

/// Returns how long to wait after the failure of a try. With back-off the wait lies in `[base, 2 * base)`, where base is the delay
/// doubled at each try, in whole seconds; the same try always gets the same wait.
fn retry_delay(shape: &TaskShape, attempt: u32, seed: u64) -> Duration {
    let cap = shape.max_retry_delay.unwrap_or(MAX_RETRY_DELAY);
    if !shape.retry_exponential_backoff {
        return shape.retry_delay.min(cap);
    }
    let doubled =
        shape.retry_delay.as_secs_f64() * 2_f64.powi(attempt.saturating_sub(1).min(64) as i32);
    let base = doubled.ceil().clamp(1.0, MAX_RETRY_DELAY.as_secs_f64()) as u64;
    Duration::from_secs(base + seed % base)
        .min(MAX_RETRY_DELAY)
        .min(cap)
}

/// Returns the shape of a DAG's tasks, as it is fixed in the header of a run.
pub fn shapes<F: Form>(dag: &Dag<F>) -> Vec<TaskShape> {
    dag.tasks
        .iter()
        .map(|(name, task)| TaskShape {
            name: name.clone(),
            after: task.after.clone(),
            trigger_rule: task.trigger_rule,
            retries: task.retries,
            retry_delay: task.retry_delay,
            retry_exponential_backoff: task.retry_exponential_backoff,
            max_retry_delay: task.max_retry_delay,
            priority_weight: task.priority_weight,
        })
        .collect()
}
