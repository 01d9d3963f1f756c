//! The owner of everything that the daemon knows.

use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use crate::exec::{ApplyOptions, ApplyReport, StepOutcome, Stop};
use crate::load::Request;
use crate::model::{DagName, Resolved, ServiceName, Stack, with_causes};
use crate::plan::Plan;
use crate::reconcile::{Project, ReconcileError, Session};
use crate::stackfile::{Concern, Selection};
use crate::store::{Change, Journal};
use crate::watch::{FileWatch, Inbox, Pending, Rescan, Trigger, follow_engine};

use super::Happening;
use super::holds::{Holds, LIMIT};
use super::read::{Files, interest, read_settled};
use super::runs::Ended;
use super::schedules::Schedules;
use super::work::{Job, Outcome, Said, reconcile};

/// How the daemon watches.
#[derive(Debug, Clone)]
pub struct DaemonOptions {
    /// Which stack.
    pub request: Request,
    /// What of it.
    pub selection: Selection,
    /// Whether an edit may remove more than half of the running services.
    pub allow_removals: bool,
    /// Whether schedules are run.
    pub schedules: bool,
    /// After how long everything is looked at regardless.
    pub rescan: Duration,
    /// How plans are performed.
    pub apply: ApplyOptions,
}

/// How long a run that was asked to stop may take before it is killed.
pub(super) const RUN_GRACE: Duration = Duration::from_secs(10);
/// How long the engine's events are gathered before anybody looks.
const ENGINE_PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for the lock of another process.
const LOCK_PAUSE: Duration = Duration::from_secs(5);

/// Watches a stack until `stop` says so, and tells what happens.
///
/// `stop.gently`: nothing new is begun, and runs of DAGs that are open are waited for. `stop.now`: they are cancelled.
///
/// # Errors
/// Where it cannot begin: another process watches the stack, files cannot be followed, the engine does not answer.
pub async fn run(
    project: Project,
    session: Session,
    options: DaemonOptions,
    tell: mpsc::Sender<Happening>,
    stop: &Stop,
) -> Result<(), ReconcileError> {
    let _lock = session.watch_lock().await?;
    let mut daemon = Daemon::new(project, session, options, tell)?;
    daemon.begin().await?;
    daemon.watch(stop).await?;
    daemon.end(stop).await;
    Ok(())
}

pub(super) struct Daemon {
    options: DaemonOptions,
    /// The last stack without mistakes, on its engine.
    pub(super) session: Session,
    /// What was read last, with or without mistakes.
    seen: Files,
    inbox: Arc<Inbox>,
    file_watch: FileWatch,
    holds: Holds,
    given_up: std::collections::BTreeSet<String>,
    pub(super) schedules: Schedules,
    pub(super) journal: Journal,
    /// Set by an edit that took services out, until they are gone.
    prune: bool,
    /// The last refusal, so that the same one is not said at every look.
    last_said: String,
    /// What the engine told before the reconcile that is at work.
    cause: Vec<(String, String)>,
    is_engine_away: bool,
    pub(super) tell: mpsc::Sender<Happening>,
    pub(super) stop_runs: Stop,
    pub(super) runs: JoinSet<Ended>,
    /// The DAG of each task in `runs`, so that one that panicked can be named.
    pub(super) open: HashMap<Id, DagName>,
    /// The one alarm that is set, if any.
    alarms: JoinSet<()>,
}

/// The reconcile that is at work; never more than one.
type Work = JoinSet<(Outcome, Holds)>;

impl Daemon {
    fn new(
        project: Project,
        session: Session,
        options: DaemonOptions,
        tell: mpsc::Sender<Happening>,
    ) -> Result<Self, ReconcileError> {
        let inbox = Arc::new(Inbox::default());
        let mut file_watch = FileWatch::new(Arc::clone(&inbox))?;
        let seen = (project.sources, project.templates);
        file_watch.follow(interest(&seen, Some(&session.stack)))?;
        let journal = Journal::open(&session.state)?;
        Ok(Self {
            options,
            session,
            seen,
            inbox,
            file_watch,
            holds: Holds::default(),
            given_up: std::collections::BTreeSet::new(),
            schedules: Schedules::default(),
            journal,
            prune: false,
            last_said: String::new(),
            cause: Vec::new(),
            is_engine_away: false,
            tell,
            stop_runs: Stop::default(),
            runs: JoinSet::new(),
            open: HashMap::new(),
            alarms: JoinSet::new(),
        })
    }

    pub(super) async fn say(&self, happening: Happening) {
        // Where nobody listens any more, the work goes on.
        self.tell.send(happening).await.ok();
    }

    async fn begin(&mut self) -> Result<(), ReconcileError> {
        if self.options.schedules {
            self.schedules
                .follow(&self.session.stack, &self.journal, Timestamp::now())?;
        }
        self.say(Happening::Watching {
            project: self.session.stack.name().to_string(),
            services: self.session.stack.active_services().count(),
            schedules: self.schedules.count(),
        })
        .await;
        self.inbox.put(Trigger::Rescan(Rescan::Due));
        if self.options.schedules {
            for run in self.journal.open_runs()? {
                if self.session.stack.dags().contains_key(&run.dag) {
                    self.schedules.resumed(&run.dag);
                    self.start_run(run.dag, None, Some(run.run_id));
                }
            }
        }
        Ok(())
    }

    async fn watch(&mut self, stop: &Stop) -> Result<(), ReconcileError> {
        let (connected, mut connections) = tokio::sync::watch::channel(true);
        let mut followers = JoinSet::new();
        followers.spawn(follow_engine(
            Arc::clone(&self.session.engine),
            self.session.stack.name().clone(),
            Arc::clone(&self.inbox),
            move |is_connected| {
                connected.send_replace(is_connected);
            },
        ));
        let mut rescan = tokio::time::interval(self.options.rescan);
        rescan.tick().await;
        let (said, mut sayings) = mpsc::channel(4);
        let mut work = Work::new();
        let inbox = Arc::clone(&self.inbox);
        loop {
            let sleep = pin!(tokio::time::sleep(self.schedules.sleep(Timestamp::now())));
            tokio::select! {
                () = stop.gently.cancelled() => break,
                pending = inbox.take(), if work.is_empty() => {
                    self.on_pending(pending, &mut work, &said, stop).await?;
                }
                Some(Said::Planned(plan)) = sayings.recv() => self.on_planned(plan).await,
                Some(done) = work.join_next() => self.on_done(done).await,
                Some(ended) = self.runs.join_next_with_id() => self.on_run_ended(ended).await,
                Ok(()) = connections.changed() => {
                    let is_connected = *connections.borrow_and_update();
                    self.on_connection(is_connected, "its event stream ended").await;
                }
                _ = rescan.tick() => inbox.put(Trigger::Rescan(Rescan::Due)),
                () = sleep => {}
            }
            self.begin_due_runs();
        }
        // What is at work ends by itself: a step that was begun is finished, none is begun.
        while let Some(done) = work.join_next().await {
            self.on_done(done).await;
        }
        Ok(())
    }

    /// Looks at the files where they may have changed, then begins a reconcile.
    async fn on_pending(
        &mut self,
        pending: Pending,
        work: &mut Work,
        said: &mpsc::Sender<Said>,
        stop: &Stop,
    ) -> Result<(), ReconcileError> {
        let mut pending = pending;
        if !pending.engine.is_empty() {
            // One act at the engine is several events: a removal that is under way would look like a container that has to be replaced.
            tokio::time::sleep(ENGINE_PAUSE).await;
            pending.merge(self.inbox.take_now());
        }
        let mut is_edit = false;
        if !pending.files.is_empty() || pending.rescan.is_some() {
            is_edit = self.read(pending.files.iter().cloned().collect()).await?;
        }
        let is_about_files_only = pending.engine.is_empty() && pending.rescan.is_none();
        let is_mounted = |path: &PathBuf| {
            !self
                .seen
                .0
                .files
                .iter()
                .any(|file| self.seen.0.absolute(&file.path) == *path)
        };
        if is_about_files_only && !is_edit && !pending.files.iter().any(is_mounted) {
            return Ok(());
        }
        if is_edit {
            self.last_said.clear();
        }
        // Said only if a plan comes of it: most of what the engine tells changes nothing.
        self.cause = pending.engine.into_iter().collect();
        let job = Job {
            session: self.session.clone(),
            prune: self.prune,
            allow_removals: self.options.allow_removals,
            apply: self.options.apply.clone(),
        };
        let holds = std::mem::take(&mut self.holds);
        let (said, stop) = (said.clone(), stop.clone());
        work.spawn(async move {
            let outcome = reconcile(&job, &holds, said, &stop).await;
            (outcome, holds)
        });
        Ok(())
    }

    /// Reads everything again and returns whether there is a new stack without mistakes.
    async fn read(&mut self, woke: Vec<PathBuf>) -> Result<bool, ReconcileError> {
        let files = match read_settled(&self.options.request, &self.options.selection).await {
            Ok(files) => files,
            Err(error) => {
                let why = with_causes(&error);
                if self.last_said != why {
                    self.last_said.clone_from(&why);
                    self.say(Happening::Unreadable { why }).await;
                }
                return Ok(false);
            }
        };
        if files == self.seen {
            return Ok(false);
        }
        let (sources, templates) = files.clone();
        let mut project = Project::new(sources, templates, &self.options.selection);
        // What `apply` refuses is not applied here either.
        let failed = project.failed_lints(&self.options.selection);
        project.diagnostics.extend(failed);
        self.file_watch
            .follow(interest(&files, Some(&self.session.stack)))?;
        self.seen = files;
        let Some(stack) = project
            .resolved
            .clone()
            .filter(|_| !project.has_errors(Concern::Values))
        else {
            self.say(Happening::Broken {
                project: Box::new(project),
            })
            .await;
            return Ok(false);
        };
        if stack.name() != self.session.stack.name() {
            self.say(Happening::Refused {
                why: format!("the project is called {} now", stack.name()),
                help: "take the old one down and start watch again".to_owned(),
            })
            .await;
            return Ok(false);
        }
        let folder = project.sources.folder.clone();
        self.say(Happening::Edited {
            files: woke
                .into_iter()
                .map(|path| {
                    path.strip_prefix(&folder)
                        .map(PathBuf::from)
                        .unwrap_or(path)
                })
                .collect(),
        })
        .await;
        self.adopt(stack)?;
        self.render(&project).await;
        Ok(true)
    }

    /// Takes over a new stack without mistakes.
    fn adopt(&mut self, stack: Arc<Stack<Resolved>>) -> Result<(), ReconcileError> {
        let is_gone = |name: &ServiceName| !stack.services().contains_key(name);
        if self.session.stack.services().keys().any(is_gone) {
            self.prune = true;
        }
        self.session.stack = stack;
        self.holds.clear();
        self.given_up.clear();
        self.file_watch
            .follow(interest(&self.seen, Some(&self.session.stack)))?;
        if self.options.schedules {
            self.schedules
                .follow(&self.session.stack, &self.journal, Timestamp::now())?;
        }
        Ok(())
    }

    async fn render(&self, project: &Project) {
        let written = project
            .rendered()
            .and_then(|files| Ok(project.write(&files)?));
        match written {
            Ok(files) => {
                let files: Vec<PathBuf> = files
                    .into_iter()
                    .filter(|(_, change)| matches!(change, Change::Written | Change::Removed))
                    .map(|(path, _)| path)
                    .collect();
                if !files.is_empty() {
                    self.say(Happening::Rendered { files }).await;
                }
            }
            Err(error) => {
                self.say(Happening::Unreadable {
                    why: with_causes(&error),
                })
                .await;
            }
        }
    }
}

impl Daemon {
    async fn on_planned(&mut self, plan: Arc<Plan>) {
        let objects = std::mem::take(&mut self.cause);
        if !objects.is_empty() {
            self.say(Happening::Drifted { objects }).await;
        }
        self.say(Happening::Planned { plan }).await;
    }

    async fn on_done(&mut self, done: Result<(Outcome, Holds), tokio::task::JoinError>) {
        let outcome = match done {
            Ok((outcome, holds)) => {
                self.holds = holds;
                outcome
            }
            // A panic ends one reconcile, not the loop.
            Err(error) => Outcome::Refused {
                why: format!("internal: {error}"),
                help: "please report it; the next look is in a minute".to_owned(),
            },
        };
        if !matches!(outcome, Outcome::Failed(_)) {
            self.on_connection(true, "").await;
        }
        match outcome {
            Outcome::InSync => {
                self.last_said.clear();
                self.prune = false;
                self.holds.forget_calm(&[], Instant::now());
            }
            Outcome::Held => self.retry_later().await,
            Outcome::Refused { why, help } => {
                if self.last_said != why {
                    self.last_said.clone_from(&why);
                    self.say(Happening::Refused { why, help }).await;
                }
            }
            Outcome::Locked { holder } => {
                if self.last_said != holder {
                    self.last_said.clone_from(&holder);
                    self.say(Happening::Locked { holder }).await;
                }
                self.wake_in(LOCK_PAUSE);
            }
            Outcome::Failed(error) => self.on_connection(false, &with_causes(&error)).await,
            Outcome::Applied { plan, report, took } => {
                self.on_applied(&plan, &report).await;
                let is_success = report.is_success();
                self.say(Happening::Applied { plan, report, took }).await;
                if !is_success {
                    self.retry_later().await;
                }
                self.inbox.forget_own_work();
            }
        }
    }

    /// Notes of each change whether it was done, so that what fails again and again is left alone in the end.
    async fn on_applied(&mut self, plan: &Plan, report: &ApplyReport) {
        let now = Instant::now();
        let mut differing = Vec::new();
        for (index, change) in plan.changes.iter().enumerate() {
            let mut outcomes = plan
                .steps
                .iter()
                .zip(&report.outcomes)
                .filter(|(step, _)| step.change == index)
                .map(|(_, outcome)| outcome)
                .peekable();
            if outcomes.peek().is_none() {
                continue;
            }
            let outcomes: Vec<_> = outcomes.collect();
            let has_failed = outcomes
                .iter()
                .any(|outcome| matches!(outcome, StepOutcome::Failed { .. }));
            let is_done = outcomes
                .iter()
                .all(|outcome| **outcome == StepOutcome::Done);
            let name = change.resource.to_string();
            // What was not begun because something before it failed is no failure of its own.
            if has_failed || is_done {
                let failures = self.holds.tried(&name, now, is_done);
                if failures >= LIMIT && self.given_up.insert(name.clone()) {
                    self.say(Happening::GaveUp {
                        resource: name.clone(),
                        failures,
                    })
                    .await;
                }
            }
            differing.push(name);
        }
        self.holds.forget_calm(&differing, now);
    }

    /// Wakes the loop when the first of the repairs that wait may be tried again.
    async fn retry_later(&mut self) {
        let now = Instant::now();
        let next = self.holds.next(now);
        if let Some((resource, until)) = next {
            let wait = until.duration_since(now);
            let saying = format!("{resource} {}", self.holds.failures(&resource));
            if self.last_said != saying {
                self.last_said = saying;
                self.say(Happening::Waiting {
                    resource,
                    seconds: wait.as_secs() + 1,
                })
                .await;
            }
            self.wake_in(wait);
        }
    }

    fn wake_in(&mut self, wait: Duration) {
        let inbox = Arc::clone(&self.inbox);
        self.alarms.abort_all();
        self.alarms.spawn(async move {
            tokio::time::sleep(wait).await;
            inbox.put(Trigger::Rescan(Rescan::Retry));
        });
    }

    async fn on_connection(&mut self, is_connected: bool, why: &str) {
        if is_connected != self.is_engine_away {
            return;
        }
        self.is_engine_away = !is_connected;
        let happening = if is_connected {
            Happening::EngineBack
        } else {
            Happening::EngineAway {
                why: why.to_owned(),
            }
        };
        self.say(happening).await;
    }
}
