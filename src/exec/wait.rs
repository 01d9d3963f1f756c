//! Waiting until a container is in a state: woken by events, and decided by them where they say all of it, else by inspect.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;

use crate::engine::{Engine, EventOutcome, LogOptions};
use crate::model::{Condition, ContainerStatus, Health, ObservedContainer, Restart};
use crate::plan::{ContainerRef, StepId};

use super::ApplyProgress;
use super::hints::{Hint, Listener, Told};
use super::perform::StepFailure;

/// How many lines of output a failure shows.
const LOG_LINES: u64 = 10;
/// How many outputs of the health check a failure shows.
const HEALTH_LINES: usize = 3;
/// How long to wait before an inspect that failed for a moment is tried again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long the event of a start that the engine has answered may take. None comes where the container ran already.
const START_IS_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// How long the output may take that a failure shows.
const LOG_TIMEOUT: Duration = Duration::from_secs(5);

/// What is waited for.
pub(super) struct Wait {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) container: ContainerRef,
    pub(super) condition: Condition,
    pub(super) timeout: Duration,
    /// What the container is called for people.
    pub(super) subject: String,
    pub(super) step: StepId,
    /// When the start that this follows was begun; `None` where it follows none.
    pub(super) started: Option<Instant>,
    /// Whether events alone tell when a container like this has come to the state.
    pub(super) is_known: bool,
}

/// What one look says.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Reached,
    Pending(String),
    Impossible(String),
}

/// Waits. Fails as soon as the state cannot be reached any more, and at the deadline.
pub(super) async fn wait(
    order: Wait,
    mut listener: Listener,
    progress: mpsc::Sender<ApplyProgress>,
) -> Result<(), StepFailure> {
    let deadline = Instant::now() + order.timeout;
    let mut last = String::new();
    let mut is_told_soon = order.is_known && order.hears_its_start(&listener);
    loop {
        let mut look_again_at = deadline;
        let told = listener.told(&order.container).filter(|_| order.is_known);
        let heard = told.map(|told| by_event(told, order.condition));
        let seen = match heard.flatten() {
            Some(seen) => seen,
            None if told.is_none() && is_told_soon => {
                is_told_soon = false;
                look_again_at = deadline.min(Instant::now() + START_IS_TOLD_WITHIN);
                Seen::Pending(String::new())
            }
            None => match look(&order, deadline).await? {
                Some(seen) => seen,
                None => {
                    look_again_at = deadline.min(Instant::now() + LOOK_AGAIN_AFTER);
                    Seen::Pending(String::new())
                }
            },
        };
        match seen {
            Seen::Reached => return Ok(()),
            Seen::Impossible(why) => {
                let message = format!("{} {why}", order.subject);
                let found = order.engine.inspect(&order.container).await.ok().flatten();
                return Err(explain(&order, message, found.as_ref()).await);
            }
            Seen::Pending(seen) if !seen.is_empty() && seen != last => {
                last.clone_from(&seen);
                let step = order.step;
                // A view that cannot keep up misses a word, not an end.
                let _ = progress.try_send(ApplyProgress::Waiting { step, seen });
            }
            Seen::Pending(_) => {}
        }
        woken(&order, &mut listener.hints, look_again_at).await;
        if Instant::now() >= deadline {
            return at_deadline(&order, &last).await;
        }
    }
}

impl Wait {
    /// Returns whether the event of the start that this follows was heard, or is still to be.
    fn hears_its_start(&self, listener: &Listener) -> bool {
        self.started
            .is_some_and(|moment| listener.hears_since(moment))
    }
}

/// Looks once; `None` where that failed for a moment, or took until the deadline.
async fn look(order: &Wait, deadline: Instant) -> Result<Option<Seen>, StepFailure> {
    let looked = tokio::time::timeout_at(deadline, order.engine.inspect(&order.container));
    match looked.await {
        Ok(Ok(Some(found))) => Ok(Some(judge(&found, order.condition))),
        Ok(Ok(None)) => {
            let message = format!("{} was removed while it was waited for", order.subject);
            Err(StepFailure::new(message))
        }
        Ok(Err(error)) if error.is_transient() => Ok(None),
        Ok(Err(error)) => Err(StepFailure::new(error.to_string())),
        Err(_) => Ok(None),
    }
}

/// Looks a last time: the state counts, not whether anybody told of it.
async fn at_deadline(order: &Wait, last: &str) -> Result<(), StepFailure> {
    let found = order.engine.inspect(&order.container).await.ok().flatten();
    let is_reached = |found| judge(found, order.condition) == Seen::Reached;
    if found.as_ref().is_some_and(is_reached) {
        return Ok(());
    }
    let what = match order.condition {
        Condition::Started => "did not run",
        Condition::Healthy => "was not healthy",
        Condition::Completed => "did not complete",
    };
    let seconds = order.timeout.as_secs();
    let seen = if last.is_empty() { "nothing" } else { last };
    let message = format!(
        "{} {what} within {seconds} s; last seen: {seen}",
        order.subject
    );
    Err(explain(order, message, found.as_ref()).await)
}

/// Says what events mean; `None` where only a look tells, above all why something went wrong.
fn by_event(told: Told, condition: Condition) -> Option<Seen> {
    let pending = |word: &str| Some(Seen::Pending(word.to_owned()));
    match (told, condition) {
        (Told::Became(EventOutcome::Exited(0)), Condition::Completed) => Some(Seen::Reached),
        (Told::Became(EventOutcome::Exited(_)), _) => None,
        (_, Condition::Started) => Some(Seen::Reached),
        (_, Condition::Completed) => pending("running"),
        (Told::Started, Condition::Healthy) => pending("starting"),
        (Told::Became(EventOutcome::Healthy), Condition::Healthy) => Some(Seen::Reached),
        (Told::Became(EventOutcome::Unhealthy), Condition::Healthy) => None,
    }
}

/// Waits for a hint at this container, at the longest until `until`.
async fn woken(order: &Wait, hints: &mut broadcast::Receiver<Hint>, until: Instant) {
    let concerns = |hint: &Hint| match (hint, &order.container) {
        (Hint::Anything, _) => true,
        (Hint::Container { id, .. }, ContainerRef::Id(own)) => id == own,
        (Hint::Container { name, .. }, ContainerRef::Name(own)) => name == own,
    };
    let hint = async {
        loop {
            match hints.recv().await {
                Ok(hint) if concerns(&hint) => return,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                // The reader lives as long as the apply; without it only the deadline is left.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    // Woken or not: the next look decides.
    tokio::time::timeout_at(until, hint).await.ok();
}

/// Says what a look means.
fn judge(container: &ObservedContainer, condition: Condition) -> Seen {
    let state = &container.state;
    let comes_back = match container.config.restart {
        Restart::Always | Restart::UnlessStopped => true,
        Restart::OnFailure(_) => state.exit_code != 0,
        Restart::No => false,
    };
    let ended = || {
        let killed = if state.oom_killed {
            ", killed for memory"
        } else {
            ""
        };
        let error = if state.error.is_empty() {
            String::new()
        } else {
            format!(": {}", state.error)
        };
        format!("exited with code {}{killed}{error}", state.exit_code)
    };
    match (state.status, condition) {
        (ContainerStatus::Dead | ContainerStatus::Removing, _) => {
            Seen::Impossible("is being removed".to_owned())
        }
        (ContainerStatus::Created, _) => Seen::Pending("created".to_owned()),
        (ContainerStatus::Exited, Condition::Completed) if state.exit_code == 0 => Seen::Reached,
        // `on-failure` gives up in the end, and then it is not restarting any more.
        (ContainerStatus::Exited, _) if comes_back => Seen::Pending(ended()),
        (ContainerStatus::Exited, _) => Seen::Impossible(ended()),
        (ContainerStatus::Restarting, Condition::Healthy | Condition::Completed) => {
            Seen::Pending(format!("restarting, {}", ended()))
        }
        (_, Condition::Started) => Seen::Reached,
        (_, Condition::Completed) => Seen::Pending("running".to_owned()),
        (_, Condition::Healthy) => match state.health {
            Some(Health::Healthy) => Seen::Reached,
            Some(Health::Unhealthy) => Seen::Impossible("is unhealthy".to_owned()),
            Some(Health::Starting) => Seen::Pending("starting".to_owned()),
            None => Seen::Impossible(
                "has no health check, and something waits for it to be healthy".to_owned(),
            ),
        },
    }
}

/// Adds what the health check and the container said last.
async fn explain(order: &Wait, message: String, found: Option<&ObservedContainer>) -> StepFailure {
    let mut failure = StepFailure::new(message);
    if let Some(found) = found.filter(|_| order.condition == Condition::Healthy) {
        let log = &found.state.health_log;
        let last = log.iter().skip(log.len().saturating_sub(HEALTH_LINES));
        failure
            .details
            .extend(last.map(|output| format!("health check: {}", output.trim_end())));
    }
    let options = LogOptions {
        tail: Some(LOG_LINES),
        ..LogOptions::default()
    };
    let text = async {
        let mut text = Vec::new();
        if let Ok(mut chunks) = order.engine.logs(&order.container, &options).await {
            while let Some(Ok(chunk)) = chunks.next().await {
                text.extend_from_slice(&chunk.bytes);
            }
        }
        text
    };
    let text = tokio::time::timeout(LOG_TIMEOUT, text)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    failure
        .details
        .extend(text.lines().map(|line| format!("output: {line}")));
    failure
}
