//! What happens at the engine, as hints.
//!
//! An engine that is not read slows down for everybody, so a task of its own always reads. It hands on through a channel of
//! [`CAPACITY`] events. Where the reader is so late that the channel is full, an event is lost and, once there is room, the stream ends with
//! [`EngineError::Broken`]: to the reader the same as a lost connection, upon which it looks again at everything.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::Method;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::engine::{EngineError, EngineEvent, EventOutcome, EventSubject};
use crate::model::ContainerId;

use super::DockerEngine;
use super::{escape, lines};

type EventStream = BoxStream<'static, Result<EngineEvent, EngineError>>;

/// How many events may wait for the reader.
const CAPACITY: usize = 4096;

/// By type alone: with a label filter, engine 20.10 sends no events of networks and volumes.
const FILTERS: &str = r#"{"type":["container","network","volume"]}"#;

impl DockerEngine {
    pub(super) async fn subscribe(&self) -> Result<EventStream, EngineError> {
        let is_local = self.known().await?.is_local;
        let mut path = format!("/events?filters={}", escape(FILTERS));
        if is_local {
            // The engine sends the head of its answer before it listens for events. Asking from this moment on brings those in between.
            // The clock of another machine may be ahead or behind, so there it is left out.
            let now = Timestamp::now();
            let nanos = now.subsec_nanosecond();
            path.push_str(&format!("&since={}.{nanos:09}", now.as_second()));
        }
        let what = "events".to_owned();
        let body = self
            .open(&what, Method::GET, &path, &[], Bytes::new())
            .await?;
        let events = lines::values(body, self.transport.target().clone(), what);
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let stop = CancellationToken::new();
        self.transport
            .tasks()
            .spawn(drain(events, sender, stop.clone()));
        let state = (receiver, stop.drop_guard());
        let stream = stream::unfold(state, |(mut receiver, guard)| async move {
            let event = receiver.recv().await?;
            Some((event, (receiver, guard)))
        });
        Ok(stream.boxed())
    }
}

/// Reads events until the connection or the reader is gone. Cancelling it drops the connection; nothing is lost by that.
async fn drain(
    mut events: BoxStream<'static, Result<Value, EngineError>>,
    sender: mpsc::Sender<Result<EngineEvent, EngineError>>,
    stop: CancellationToken,
) {
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = events.next() => next,
        };
        let event = match next {
            None => return,
            Some(Ok(value)) => match event(&value) {
                Some(event) => Ok(event),
                None => continue,
            },
            Some(Err(error)) => Err(error),
        };
        let is_last = event.is_err();
        if sender.try_send(event).is_err() || is_last {
            break;
        }
    }
    // The connection first: unread, it would slow the engine while this waits for room.
    drop(events);
    if sender.capacity() == 0 {
        let late = EngineError::Broken {
            what: "events".to_owned(),
            message: "the reader was too slow".to_owned(),
        };
        // Waits for room; ends when the reader is gone.
        let _ = sender.send(Err(late)).await;
    }
}

/// Reads an event; `None` for what nobody is to hear: probes of health checks and commands run in containers, of which there are many
/// and whose text holds whole command lines.
fn event(value: &Value) -> Option<EngineEvent> {
    let text = |key: &str| value.get(key)?.as_str();
    let actor = value.get("Actor")?;
    let id = actor.get("ID")?.as_str()?;
    let whole = text("Action")?;
    let action = whole.split(':').next().unwrap_or(whole).trim();
    if action.starts_with("exec_") {
        return None;
    }
    let attributes = actor.get("Attributes").and_then(Value::as_object);
    let attribute = |key: &str| attributes?.get(key)?.as_str();
    let subject = match text("Type")? {
        "container" => EventSubject::Container {
            id: ContainerId::new(id).ok()?,
            name: attribute("name").unwrap_or_default().to_owned(),
            labels: labels(attributes),
        },
        "network" => EventSubject::Network(attribute("name").unwrap_or(id).to_owned()),
        "volume" => EventSubject::Volume(id.to_owned()),
        _ => return None,
    };
    let nanos = value.get("timeNano").and_then(Value::as_i64);
    Some(EngineEvent {
        subject,
        action: action.to_owned(),
        outcome: outcome(whole, attribute("exitCode")),
        at: nanos.and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok()),
    })
}

/// Reads what came of a health check or of a process.
fn outcome(action: &str, exit_code: Option<&str>) -> Option<EventOutcome> {
    match action {
        "health_status: healthy" => Some(EventOutcome::Healthy),
        "health_status: unhealthy" => Some(EventOutcome::Unhealthy),
        "die" => Some(EventOutcome::Exited(exit_code?.parse().ok()?)),
        _ => None,
    }
}

/// Returns the labels. The engine mixes them with facts of its own, whose names are left out here.
fn labels(attributes: Option<&serde_json::Map<String, Value>>) -> BTreeMap<String, String> {
    const OWN: [&str; 5] = ["name", "image", "exitCode", "signal", "execID"];
    let all = attributes.into_iter().flatten();
    all.filter(|(key, _)| !OWN.contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent(kind: &str, action: &str) -> Value {
        json!({
            "Type": kind, "Action": action, "timeNano": 1_700_000_000_000_000_001_i64,
            "Actor": {"ID": "abc", "Attributes": {
                "name": "web-1", "image": "busybox", "exitCode": "1", "com.docker.compose.project": "p"
            }}
        })
    }

    #[test]
    fn what_came_of_it_is_told_beside_the_word_and_commands_not_at_all() {
        let healthy = event(&sent("container", "health_status: healthy")).unwrap();
        assert_eq!(healthy.action, "health_status");
        assert_eq!(healthy.outcome, Some(EventOutcome::Healthy));
        let died = event(&sent("container", "die")).unwrap();
        assert_eq!(died.outcome, Some(EventOutcome::Exited(1)));
        let started = event(&sent("container", "start")).unwrap();
        assert_eq!(started.outcome, None);
        assert_eq!(
            healthy.at.unwrap().as_nanosecond(),
            1_700_000_000_000_000_001
        );
        for action in ["exec_create: sh -c secret", "exec_start: x", "exec_die"] {
            assert_eq!(event(&sent("container", action)), None, "{action}");
        }
    }

    #[test]
    fn subjects_are_told_by_type_and_labels_lack_the_engines_own_words() {
        let EventSubject::Container { name, labels, .. } =
            event(&sent("container", "die")).unwrap().subject
        else {
            panic!("no container");
        };
        assert_eq!(name, "web-1");
        assert_eq!(
            labels.into_keys().collect::<Vec<_>>(),
            ["com.docker.compose.project"]
        );
        let network = event(&sent("network", "connect")).unwrap().subject;
        assert_eq!(network, EventSubject::Network("web-1".to_owned()));
        let volume = event(&sent("volume", "create")).unwrap().subject;
        assert_eq!(volume, EventSubject::Volume("abc".to_owned()));
        assert_eq!(event(&sent("image", "pull")), None);
    }

    #[tokio::test]
    async fn late_readers_are_told_that_they_lost_something() {
        let (sender, mut receiver) = mpsc::channel(2);
        let events = stream::iter((0..5).map(|_| Ok(sent("volume", "create")))).boxed();
        let reading = drain(events, sender, CancellationToken::new());
        let reader = async {
            let mut seen = Vec::new();
            tokio::task::yield_now().await;
            while let Some(event) = receiver.recv().await {
                seen.push(event.is_ok());
            }
            seen
        };
        let ((), seen) = futures_util::future::join(reading, reader).await;
        assert_eq!(seen, [true, true, false]);
    }
}
