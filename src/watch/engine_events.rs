//! Follows the events of the engine as hints.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use crate::engine::{Engine, EngineEvent, EventSubject};
use crate::model::ProjectName;

use super::{Inbox, Rescan, Trigger};

/// The label that Compose, and stackgen with it, puts on everything of a project.
const PROJECT_LABEL: &str = "com.docker.compose.project";
/// The longest wait before a lost stream is asked for again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Follows the engine's events for one project and never ends; drop it to stop.
///
/// `connected` is told whether the engine can be heard. After a lost stream everything is to be looked at, since events were missed.
pub async fn follow_engine(
    engine: Arc<dyn Engine>,
    project: ProjectName,
    inbox: Arc<Inbox>,
    connected: impl Fn(bool) + Send,
) {
    let mut wait = Duration::from_millis(250);
    let mut is_first = true;
    loop {
        if let Ok(mut events) = engine.events().await {
            connected(true);
            if !is_first {
                inbox.put(Trigger::Rescan(Rescan::StreamLost));
            }
            wait = Duration::from_millis(250);
            while let Some(Ok(event)) = events.next().await {
                if let Some(trigger) = trigger(&event, &project) {
                    inbox.put(trigger);
                }
            }
        }
        is_first = false;
        connected(false);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Returns what an event means for a project; `None`: nothing.
fn trigger(event: &EngineEvent, project: &ProjectName) -> Option<Trigger> {
    let name = match &event.subject {
        EventSubject::Container { name, labels, .. } => {
            let is_ours = labels
                .get(PROJECT_LABEL)
                .is_some_and(|label| label == project.as_str());
            (is_ours && matters(&event.action)).then_some(name)?
        }
        // Events of networks and volumes carry no labels at engine 20.10; the names of ours begin with the project's.
        EventSubject::Network(name) | EventSubject::Volume(name) => {
            (name.starts_with(project.as_str()) && event.action == "destroy").then_some(name)?
        }
    };
    Some(Trigger::Engine {
        name: name.clone(),
        action: event.action.clone(),
    })
}

/// Returns whether an action can leave a container other than it should be. Words like `attach`, `top` and `resize` cannot.
fn matters(action: &str) -> bool {
    matches!(
        action,
        "create"
            | "start"
            | "die"
            | "stop"
            | "kill"
            | "oom"
            | "pause"
            | "unpause"
            | "destroy"
            | "rename"
            | "update"
            | "health_status"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::model::ContainerId;

    use super::*;

    fn container(project: &str, action: &str) -> EngineEvent {
        EngineEvent {
            subject: EventSubject::Container {
                id: ContainerId::new("0123456789abcdef").unwrap(),
                name: "p-web-1".into(),
                labels: BTreeMap::from([(PROJECT_LABEL.to_owned(), project.to_owned())]),
            },
            action: action.into(),
            outcome: None,
            at: None,
        }
    }

    #[test]
    fn only_what_happens_to_the_projects_own_objects_wakes_the_loop() {
        let project = ProjectName::new("p").unwrap();
        assert!(trigger(&container("p", "destroy"), &project).is_some());
        assert!(trigger(&container("q", "destroy"), &project).is_none());
        assert!(trigger(&container("p", "top"), &project).is_none());
        let network = |name: &str| EngineEvent {
            subject: EventSubject::Network(name.into()),
            action: "destroy".into(),
            outcome: None,
            at: None,
        };
        assert!(trigger(&network("p_back"), &project).is_some());
        assert!(trigger(&network("other"), &project).is_none());
    }
}
