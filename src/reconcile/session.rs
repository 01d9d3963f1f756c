//! A stack that has no mistakes, with the engine that it is to run on.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::compose::{self, ComposeGeneration, labels};
use crate::engine::{Engine, LogOptions};
use crate::exec::{self, ApplyOptions, ApplyProgress, ApplyReport, StepOutcome, Stop};
use crate::model::{LockedImage, Observed, ObservedContainer, Resolved, ServiceName, Stack};
use crate::plan::{self, ContainerRef, DownOptions, Plan, PlanOptions};
use crate::store::{ApplyLock, StateDir, keep_marks, read_marks};

use super::{Project, ReconcileError};

/// A stack and its engine: what plan, apply, status and the daemon work with.
#[derive(Clone)]
pub struct Session {
    /// The stack.
    pub stack: Arc<Stack<Resolved>>,
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Where runs and secrets of this folder are kept; its salt goes into digests in labels.
    pub state: StateDir,
    /// Whose rules the config-hash follows.
    pub compose: ComposeGeneration,
}

/// A plan with the snapshot that it was made from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was seen.
    pub observed: Observed,
    /// What to do.
    pub plan: Plan,
}

impl Session {
    /// Brings a project without mistakes together with its engine.
    ///
    /// # Errors
    /// [`ReconcileError::Mistakes`] where there is one.
    pub fn new(
        project: &Project,
        engine: Arc<dyn Engine>,
        state: StateDir,
        compose: ComposeGeneration,
    ) -> Result<Self, ReconcileError> {
        Ok(Self {
            stack: Arc::clone(project.resolved()?),
            engine,
            state,
            compose,
        })
    }

    /// Takes the lock of the project at this engine, so that one process at a time changes the stack.
    ///
    /// # Errors
    /// [`StoreError::Locked`](crate::store::StoreError::Locked) with who holds it.
    pub async fn lock(&self) -> Result<ApplyLock, ReconcileError> {
        self.lock_of(self.stack.name().as_str()).await
    }

    /// Takes the lock of whoever watches the project: its schedules must not fire twice.
    ///
    /// # Errors
    /// As [`Session::lock`].
    pub async fn watch_lock(&self) -> Result<ApplyLock, ReconcileError> {
        self.lock_of(&format!("{}.watch", self.stack.name())).await
    }

    async fn lock_of(&self, name: &str) -> Result<ApplyLock, ReconcileError> {
        let facts = self.engine.facts().await?;
        Ok(ApplyLock::acquire(name, &facts.address)?)
    }

    /// Looks at everything that matters to the stack.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn observe(&self) -> Result<Observed, ReconcileError> {
        let scope = compose::scope(&self.stack);
        Ok(self.engine.observe(&scope).await?)
    }

    /// Plans what makes the engine have what the stack asks for.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn plan(&self, options: &PlanOptions) -> Result<Planned, ReconcileError> {
        let mut scope = compose::scope(&self.stack);
        if let Some(lock) = options.lock.as_ref().filter(|_| options.locked) {
            let pinned = lock
                .images
                .iter()
                .filter_map(|((image, _), locked)| match locked {
                    LockedImage::Digest(digest) => Some(image.at_digest(digest)),
                    LockedImage::Id(_) => None,
                });
            scope.images.extend(pinned);
        }
        let observed = self.engine.observe(&scope).await?;
        let plan = self.plan_from(&observed, options);
        Ok(Planned { observed, plan })
    }

    /// Plans from a snapshot that was taken already.
    pub fn plan_from(&self, observed: &Observed, options: &PlanOptions) -> Plan {
        plan::diff(&self.stack, observed, &self.options(options))
    }

    /// Returns options with what this session knows.
    pub(super) fn options(&self, options: &PlanOptions) -> PlanOptions {
        // Without them a container may be reloaded once more than it needs: no reason not to plan.
        let marks = read_marks(&self.state).unwrap_or_else(|error| {
            tracing::warn!(%error, "what is known of containers could not be read");
            plan::Marks::new()
        });
        let mut all = self.stack.services().values();
        let builds = all.any(|service| service.more.contains_key("build"));
        PlanOptions {
            salt: self.state.salt().to_owned(),
            marks,
            compose: self.compose,
            // Looked for only where somebody wants it.
            builder: if builds {
                self.engine.builder()
            } else {
                options.builder
            },
            ..options.clone()
        }
    }

    /// Plans how to take the stack down.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn plan_down(&self, options: &DownOptions) -> Result<Planned, ReconcileError> {
        let mut observed = self.observe().await?;
        // Those that have ended are on no network, and go with the stack all the same.
        let name = self.stack.name().to_string();
        let tasks = BTreeMap::from([(labels::TASK_PROJECT.to_owned(), name)]);
        for task in self.engine.find(&tasks).await? {
            if observed.containers.iter().all(|it| it.id != task.id) {
                observed.containers.push(task);
            }
        }
        let plan = plan::down(&self.stack, &observed, options);
        Ok(Planned { observed, plan })
    }

    /// Returns the containers of a service that are this stack's, by their number.
    pub fn containers_of<'a>(
        &self,
        observed: &'a Observed,
        service: &ServiceName,
    ) -> Vec<&'a ObservedContainer> {
        super::status::containers_of(&self.stack, observed, service)
    }

    /// Returns the last lines that a container printed; none where they cannot be had.
    pub async fn last_lines(&self, container: &ObservedContainer, count: u64) -> Vec<String> {
        let options = LogOptions {
            tail: Some(count),
            ..LogOptions::default()
        };
        let container = ContainerRef::Id(container.id.clone());
        let Ok(chunks) = self.engine.logs(&container, &options).await else {
            return Vec::new();
        };
        let chunks: Vec<_> = chunks.collect().await;
        let bytes: Vec<u8> = chunks
            .into_iter()
            .flatten()
            .flat_map(|chunk| chunk.bytes.to_vec())
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Performs a plan.
    pub async fn apply(
        &self,
        plan: &Plan,
        options: &ApplyOptions,
        progress: mpsc::Sender<ApplyProgress>,
        stop: &Stop,
    ) -> ApplyReport {
        let report = exec::apply(Arc::clone(&self.engine), plan, options, progress, stop).await;
        self.keep_marks(plan, &report).await;
        report
    }

    /// Keeps what the steps that were done brought about and nobody can see. What is not kept is done again.
    async fn keep_marks(&self, plan: &Plan, report: &ApplyReport) {
        let steps = plan.steps.iter().zip(&report.outcomes);
        let done = steps.filter(|(_, outcome)| **outcome == StepOutcome::Done);
        let marks: Vec<plan::Mark> = done.flat_map(|(step, _)| step.marks.clone()).collect();
        if marks.is_empty() {
            return;
        }
        let there = match self.observe().await {
            Ok(observed) => observed.containers.into_iter().map(|it| it.id).collect(),
            // Nobody is forgotten who could not be seen.
            Err(_) => match read_marks(&self.state) {
                Ok(marks) => marks.into_keys().map(|(container, _)| container).collect(),
                Err(_) => return,
            },
        };
        if let Err(error) = keep_marks(&self.state, &marks, &there) {
            tracing::warn!(%error, "what was done could not be kept");
        }
    }
}
