//! The engine's events, handed to everyone who waits.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use crate::engine::{Engine, EventSubject};
use crate::model::ContainerId;

/// How many hints may lie unread; whoever falls behind looks again at everything, so that none is ever missed.
const CAPACITY: usize = 1024;
/// How long to wait before the stream is asked for again.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// Something may have changed.
#[derive(Debug, Clone)]
pub(super) enum Hint {
    /// At one container.
    Container { id: ContainerId, name: String },
    /// Anywhere: the stream was joined anew.
    Anything,
}

/// One subscription at the engine for all who wait. The task that reads it ends when this is dropped.
pub(super) struct Hints {
    sender: broadcast::Sender<Hint>,
    _reader: JoinSet<()>,
}

impl Hints {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        let (sender, _) = broadcast::channel(CAPACITY);
        let mut reader = JoinSet::new();
        reader.spawn(read(engine, sender.clone()));
        Self {
            sender,
            _reader: reader,
        }
    }

    /// Returns the hints from now on. Whoever waits subscribes before it looks for the first time.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }
}

/// Reads events without end; after every loss of the stream everybody looks again.
async fn read(engine: Arc<dyn Engine>, sender: broadcast::Sender<Hint>) {
    loop {
        if let Ok(mut events) = engine.events().await {
            // No receiver is no mistake: nobody waits at the moment.
            let _ = sender.send(Hint::Anything);
            while let Some(Ok(event)) = events.next().await {
                if let EventSubject::Container { id, name, .. } = event.subject {
                    let _ = sender.send(Hint::Container { id, name });
                }
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}
