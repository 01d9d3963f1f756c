//! The engine's events, handed to everyone who waits, and what they have told so far.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::engine::{Engine, EngineEvent, EventOutcome, EventSubject};
use crate::model::ContainerId;
use crate::plan::ContainerRef;

/// How many hints may lie unread; whoever falls behind looks again at everything, so that none is ever missed.
const CAPACITY: usize = 1024;
/// How long to wait before the stream is asked for again.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);
/// How long a stream may be silent before it counts as lost: it may have ended without a word.
const SILENCE: Duration = Duration::from_secs(60);

/// Something may have changed.
#[derive(Debug, Clone)]
pub(super) enum Hint {
    /// At one container.
    Container { id: ContainerId, name: String },
    /// Anywhere: the stream was joined anew.
    Anything,
}

/// What the events since its start say of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It was started, and nothing has come of it yet.
    Started,
    /// Something came of it.
    Became(EventOutcome),
}

/// What is known by events alone, from the moment on that the stream was joined.
#[derive(Debug, Default)]
struct Known {
    joined: Option<Instant>,
    told: HashMap<ContainerId, Told>,
    /// Who bears a name now.
    names: HashMap<String, ContainerId>,
}

/// One subscription at the engine for all who wait. The task that reads it ends when this is dropped.
pub(super) struct Hints {
    sender: broadcast::Sender<Hint>,
    known: Arc<Mutex<Known>>,
    _reader: JoinSet<()>,
}

/// One listener's part of it.
pub(super) struct Listener {
    pub(super) hints: broadcast::Receiver<Hint>,
    known: Arc<Mutex<Known>>,
}

impl Hints {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        let known = Arc::new(Mutex::new(Known::default()));
        let mut reader = JoinSet::new();
        reader.spawn(read(engine, sender.clone(), Arc::clone(&known)));
        Self {
            sender,
            known,
            _reader: reader,
        }
    }

    /// Returns the hints from now on. Whoever waits subscribes before it looks for the first time.
    pub(super) fn subscribe(&self) -> Listener {
        Listener {
            hints: self.sender.subscribe(),
            known: Arc::clone(&self.known),
        }
    }
}

impl Listener {
    /// Returns what was told of a container since it was last started; `None` where no start was heard.
    pub(super) fn told(&self, container: &ContainerRef) -> Option<Told> {
        let known = lock(&self.known);
        let id = match container {
            ContainerRef::Id(id) => id,
            ContainerRef::Name(name) => known.names.get(name)?,
        };
        known.told.get(id).copied()
    }

    /// Returns whether everything that happened since `moment` was heard, or is still to be.
    pub(super) fn hears_since(&self, moment: Instant) -> bool {
        lock(&self.known).joined.is_some_and(|at| at <= moment)
    }
}

/// The lock is held for single steps in memory, so that a panic while it is held leaves nothing half done.
fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn take(&mut self, id: &ContainerId, name: &str, event: &EngineEvent) {
        self.names.insert(name.to_owned(), id.clone());
        match (event.action.as_str(), event.outcome) {
            ("start", _) => {
                self.told.insert(id.clone(), Told::Started);
            }
            (_, Some(outcome)) => {
                // Of a container whose start was not heard, one event is not all there is to know.
                if let Some(told) = self.told.get_mut(id) {
                    *told = Told::Became(outcome);
                }
            }
            ("destroy" | "pause" | "unpause" | "oom" | "update", None) => {
                self.told.remove(id);
            }
            _ => {}
        }
    }
}

/// Reads events without end; after every loss of the stream everybody looks again.
async fn read(engine: Arc<dyn Engine>, sender: broadcast::Sender<Hint>, known: Arc<Mutex<Known>>) {
    loop {
        if let Ok(mut events) = engine.events().await {
            *lock(&known) = Known {
                joined: Some(Instant::now()),
                ..Known::default()
            };
            // No receiver is no mistake: nobody waits at the moment.
            let _ = sender.send(Hint::Anything);
            while let Ok(Some(Ok(event))) = tokio::time::timeout(SILENCE, events.next()).await {
                if let EventSubject::Container { id, name, .. } = &event.subject {
                    lock(&known).take(id, name, &event);
                    let (id, name) = (id.clone(), name.clone());
                    let _ = sender.send(Hint::Container { id, name });
                }
            }
            lock(&known).joined = None;
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}
