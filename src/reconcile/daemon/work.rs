//! One reconcile: plan, refuse or apply.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::compose::{Ownership, container_ownership, labels};
use crate::exec::{ApplyOptions, ApplyReport, Stop};
use crate::model::{ContainerStatus, Observed, ServiceName};
use crate::plan::{Change, Plan, PlanOptions, Resource, Verdict, note_text};
use crate::reconcile::{ReconcileError, Session};
use crate::store::StoreError;

use super::holds::{Holds, Permission};

/// What a reconcile is to do.
pub(super) struct Job {
    pub(super) session: Session,
    /// Whether what stack.toml no longer declares is removed: an edit took it out.
    pub(super) prune: bool,
    /// Whether an edit may remove more than half of what runs.
    pub(super) allow_removals: bool,
    /// How the plan is performed.
    pub(super) apply: ApplyOptions,
}

/// What became of a reconcile.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing was to be done.
    InSync,
    /// Everything that differs waits for its time, or was given up.
    Held,
    /// It was not done.
    Refused { why: String, help: String },
    /// It was performed, well or not.
    Applied {
        plan: Arc<Plan>,
        report: ApplyReport,
        took: Duration,
    },
    /// Another process works on the stack.
    Locked { holder: String },
    /// The engine does not answer, or fails.
    Failed(ReconcileError),
}

/// What is said while a reconcile goes on.
pub(super) enum Said {
    Planned(Arc<Plan>),
}

/// What of a plan may be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// Everything.
    All,
    /// Only these services.
    Some(Vec<ServiceName>),
    /// Nothing.
    Nothing,
}

/// Plans, and performs what may be done.
pub(super) async fn reconcile(
    job: &Job,
    holds: &Holds,
    said: mpsc::Sender<Said>,
    stop: &Stop,
) -> Outcome {
    match try_reconcile(job, holds, said, stop).await {
        Ok(outcome) => outcome,
        Err(ReconcileError::Store(StoreError::Locked { holder })) => Outcome::Locked { holder },
        Err(error) => Outcome::Failed(error),
    }
}

async fn try_reconcile(
    job: &Job,
    holds: &Holds,
    said: mpsc::Sender<Said>,
    stop: &Stop,
) -> Result<Outcome, ReconcileError> {
    let options = PlanOptions {
        prune: job.prune,
        ..PlanOptions::default()
    };
    let planned = job.session.plan(&options).await?;
    if !planned.plan.has_changes() {
        return Ok(Outcome::InSync);
    }
    let _lock = job.session.lock().await?;
    // Looked at again under the lock: whoever held it may have done the work.
    let observed = job.session.observe().await?;
    let mut plan = job.session.plan_from(&observed, &options);
    if !plan.has_changes() {
        return Ok(Outcome::InSync);
    }
    if job.prune
        && !job.allow_removals
        && let Some(refused) = mass_removal(&job.session, &observed)
    {
        return Ok(refused);
    }
    match choose(&plan, &job.session, holds, now()) {
        Chosen::All => {}
        Chosen::Nothing => return Ok(Outcome::Held),
        Chosen::Some(services) => {
            let options = PlanOptions {
                services,
                with_dependencies: false,
                ..options
            };
            plan = job.session.plan_from(&observed, &options);
            if !plan.has_changes() {
                return Ok(Outcome::Held);
            }
        }
    }
    if let Some(refused) = refusal(&plan) {
        return Ok(refused);
    }
    Ok(perform(job, plan, said, stop).await)
}

async fn perform(job: &Job, plan: Plan, said: mpsc::Sender<Said>, stop: &Stop) -> Outcome {
    let plan = Arc::new(plan);
    // The owner outlives every reconcile; where it is gone, nobody has to be told.
    said.send(Said::Planned(Arc::clone(&plan))).await.ok();
    let began = now();
    let (progress, mut unread) = mpsc::channel(64);
    let drain = async { while unread.recv().await.is_some() {} };
    let work = job.session.apply(&plan, &job.apply, progress, stop);
    let (report, ()) = tokio::join!(work, drain);
    Outcome::Applied {
        plan,
        report,
        took: began.elapsed(),
    }
}

fn now() -> Instant {
    Instant::now()
}

/// Returns what of a plan may be done, by what was tried before. What is no container of a service cannot be left out of a plan alone, so
/// everything waits for it.
pub(super) fn choose(plan: &Plan, session: &Session, holds: &Holds, now: Instant) -> Chosen {
    let mut held = BTreeSet::new();
    let mut is_blocked = false;
    for change in changed(plan) {
        if holds.permission(&change.resource.to_string(), now) == Permission::Go {
            continue;
        }
        match &change.resource {
            Resource::Service(name, _) => {
                held.insert(name.clone());
            }
            Resource::Image(_)
            | Resource::Network(_)
            | Resource::Volume(_)
            | Resource::Socket(_)
            | Resource::Orphan(..) => is_blocked = true,
        }
    }
    if is_blocked {
        return Chosen::Nothing;
    }
    if held.is_empty() {
        return Chosen::All;
    }
    let free: Vec<ServiceName> = session
        .stack
        .active_services()
        .map(|(name, _)| name.clone())
        .filter(|name| !held.contains(name))
        .collect();
    if free.is_empty() {
        Chosen::Nothing
    } else {
        Chosen::Some(free)
    }
}

/// Returns the changes that do something.
pub(super) fn changed(plan: &Plan) -> impl Iterator<Item = &Change> {
    plan.changes
        .iter()
        .filter(|change| !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown))
}

/// Returns why a plan may not be performed without anybody looking.
fn refusal(plan: &Plan) -> Option<Outcome> {
    let lost: Vec<String> = plan
        .changes
        .iter()
        .filter(|change| change.loses_data)
        .map(|change| change.resource.to_string())
        .collect();
    if !lost.is_empty() {
        return Some(Outcome::Refused {
            why: format!("the data of {} would be lost", lost.join(", ")),
            help: "look at it and agree by name: stackgen apply".to_owned(),
        });
    }
    plan.blockers().next().map(|note| Outcome::Refused {
        why: note_text(note),
        help: "look at it: stackgen plan".to_owned(),
    })
}

/// Returns a refusal where an edit took out more than half of the services that run.
fn mass_removal(session: &Session, observed: &Observed) -> Option<Outcome> {
    let (project, folder) = (session.stack.name(), &session.stack.parts().folder);
    let running: BTreeSet<&str> = observed
        .containers
        .iter()
        .filter(|container| container.state.status == ContainerStatus::Running)
        .filter(|container| {
            container_ownership(&container.config.labels, project, folder) == Ownership::Ours
        })
        .filter_map(|container| container.config.labels.get(labels::SERVICE))
        .map(String::as_str)
        .collect();
    let gone: Vec<&str> = running
        .iter()
        .copied()
        .filter(|name| !session.stack.services().contains_key(*name))
        .collect();
    (gone.len() * 2 > running.len()).then(|| Outcome::Refused {
        why: format!(
            "the edit removes {} of {} running services: {}",
            gone.len(),
            running.len(),
            gone.join(", ")
        ),
        help: "if that is meant: stackgen apply --prune, or watch --allow-removals".to_owned(),
    })
}
