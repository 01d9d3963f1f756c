//! Whether what was started stays up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;

use crate::compose::labels;
use crate::engine::EventOutcome;
use crate::engine::EventSubject;
use crate::model::{Condition, ContainerId, ContainerStatus, ObservedContainer, ServiceName};
use crate::plan::{Action, ContainerRef, Plan, Resource};

use super::{ReconcileError, Session};

/// How long a service without a health check has to stay up before an apply is called done.
const SETTLING: Duration = Duration::from_millis(700);
/// How many lines of output are shown of a service that did not stay up.
const LAST_WORDS: u64 = 3;

/// A service that was started and did not stay up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallen {
    /// The service.
    pub service: ServiceName,
    /// Its container, as it was seen afterwards.
    pub container: ObservedContainer,
    /// The last lines that it printed.
    pub output: Vec<String>,
}

impl Fallen {
    /// Returns whether it lies there ended, and does not come up again and again.
    pub fn has_ended(&self) -> bool {
        self.container.state.status == ContainerStatus::Exited
    }
}

impl Session {
    /// Looks once more, after a moment, at the services that a plan has started and that have no health check, and returns which of them did
    /// not stay up. Two requests, however many there are; only those that have fallen are inspected.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn fallen(&self, plan: &Plan) -> Result<Vec<Fallen>, ReconcileError> {
        let started = started(plan);
        if started.is_empty() {
            return Ok(Vec::new());
        }
        let died = self.died_within(SETTLING).await;
        let project = (labels::PROJECT.to_owned(), self.stack.name().to_string());
        let mut fallen = Vec::new();
        for listed in self.engine.list(&[project].into()).await? {
            let by_name = ContainerRef::Name(listed.name);
            let by_id = ContainerRef::Id(listed.id.clone());
            let Some(service) = started.get(&by_id).or_else(|| started.get(&by_name)) else {
                continue;
            };
            if listed.status == ContainerStatus::Running && !died.contains(&listed.id) {
                continue;
            }
            let Some(container) = self.engine.inspect(&by_id).await? else {
                continue;
            };
            if has_fallen(&container) {
                let mut output = self.last_lines(&container, LAST_WORDS).await;
                output.dedup();
                let service = (*service).clone();
                fallen.push(Fallen {
                    service,
                    container,
                    output,
                });
            }
        }
        fallen.sort_by(|a, b| a.container.name.cmp(&b.container.name));
        Ok(fallen)
    }

    /// Returns which containers ended within `time`: one that comes up again at once would be seen running.
    async fn died_within(&self, time: Duration) -> BTreeSet<ContainerId> {
        let mut died = BTreeSet::new();
        let events = self.engine.events().await;
        let listening = async {
            if let Ok(mut events) = events {
                while let Some(Ok(event)) = events.next().await {
                    if let (EventSubject::Container { id, .. }, Some(EventOutcome::Exited(_))) =
                        (event.subject, event.outcome)
                    {
                        died.insert(id);
                    }
                }
            }
            std::future::pending::<()>().await;
        };
        // It never ends by itself: the time is what is waited for.
        tokio::time::timeout(time, listening).await.ok();
        died
    }
}

/// Returns what a plan starts and has no health check, with its service.
fn started(plan: &Plan) -> BTreeMap<&ContainerRef, &ServiceName> {
    let steps = plan.steps.iter().filter_map(|step| {
        let Action::Await {
            container,
            condition: Condition::Started,
            ..
        } = &step.action
        else {
            return None;
        };
        match &plan.changes.get(step.change)?.resource {
            Resource::Service(name, _) => Some((container, name)),
            _ => None,
        }
    });
    steps.collect()
}

fn has_fallen(container: &ObservedContainer) -> bool {
    let state = &container.state;
    let has_ended = matches!(
        state.status,
        ContainerStatus::Exited | ContainerStatus::Restarting | ContainerStatus::Dead
    );
    has_ended || state.restart_count > 0
}
