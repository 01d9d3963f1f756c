//! One pending slot for everything that can wake the loop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;

use tokio::sync::Notify;

/// Something that may have changed, and why someone thinks so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Something happened to this file, or in this folder.
    File(PathBuf),
    /// The engine said that something happened to an object of the project.
    Engine {
        /// The object's name.
        name: String,
        /// The engine's word for what happened.
        action: String,
    },
    /// It is time to look at everything again.
    Rescan(Rescan),
}

/// Why to look at everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rescan {
    /// It was some time ago that anybody looked.
    Due,
    /// A repair that had to wait may be tried again.
    Retry,
    /// Events were missed.
    StreamLost,
    /// Our own work is done; what happened meanwhile may have been something else.
    OwnWorkDone,
}

/// Everything that was put since the last take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// Files and folders.
    pub files: BTreeSet<PathBuf>,
    /// Objects at the engine with the last thing that happened to each.
    pub engine: BTreeMap<String, String>,
    /// Why everything is to be looked at.
    pub rescan: Option<Rescan>,
}

impl Pending {
    /// Returns whether nothing was put.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.engine.is_empty() && self.rescan.is_none()
    }

    /// Adds what came later.
    pub fn merge(&mut self, later: Self) {
        self.files.extend(later.files);
        self.engine.extend(later.engine);
        self.rescan = self.rescan.max(later.rescan);
    }

    fn add(&mut self, trigger: Trigger) {
        match trigger {
            Trigger::File(path) => {
                self.files.insert(path);
            }
            Trigger::Engine { name, action } => {
                self.engine.insert(name, action);
            }
            Trigger::Rescan(reason) => self.rescan = self.rescan.max(Some(reason)),
        }
    }
}

/// One slot that many put into and one takes from. However much is put, it grows no further than there are names: the same cause
/// twice is one.
#[derive(Debug, Default)]
pub struct Inbox {
    pending: Mutex<Pending>,
    filled: Notify,
}

impl Inbox {
    /// Puts a trigger.
    pub fn put(&self, trigger: Trigger) {
        self.with(|pending| pending.add(trigger));
        self.filled.notify_one();
    }

    /// Waits until there is something and takes all of it. Safe to drop while it waits.
    pub async fn take(&self) -> Pending {
        loop {
            let filled = self.filled.notified();
            let pending = self.with(std::mem::take);
            if !pending.is_empty() {
                return pending;
            }
            filled.await;
        }
    }

    /// Takes what there is without waiting.
    pub fn take_now(&self) -> Pending {
        self.with(std::mem::take)
    }

    /// Forgets what the engine said, since it was our own doing, and asks for one look at everything instead.
    pub fn forget_own_work(&self) {
        self.with(|pending| pending.engine.clear());
        self.put(Trigger::Rescan(Rescan::OwnWorkDone));
    }

    fn with<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        // A panic while the lock is held leaves nothing half done: every change is one insert or take.
        let mut pending = self.pending.lock().unwrap_or_else(|lock| lock.into_inner());
        change(&mut pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(name: &str, action: &str) -> Trigger {
        Trigger::Engine {
            name: name.into(),
            action: action.into(),
        }
    }

    #[tokio::test]
    async fn many_triggers_become_one_pending_with_the_latest_of_each_cause() {
        let inbox = Inbox::default();
        inbox.put(engine("web", "die"));
        inbox.put(engine("web", "destroy"));
        inbox.put(Trigger::File("a".into()));
        inbox.put(Trigger::Rescan(Rescan::StreamLost));
        inbox.put(Trigger::Rescan(Rescan::Due));
        let pending = inbox.take().await;
        assert_eq!(
            pending.engine,
            BTreeMap::from([("web".into(), "destroy".into())])
        );
        assert_eq!(pending.files.len(), 1);
        assert_eq!(pending.rescan, Some(Rescan::StreamLost));
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(5), inbox.take());
        assert!(waiting.await.is_err(), "nothing is left");
    }

    #[tokio::test]
    async fn what_is_put_while_someone_waits_wakes_them() {
        let inbox = std::sync::Arc::new(Inbox::default());
        let waiting = inbox.take();
        tokio::pin!(waiting);
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        inbox.put(engine("web", "die"));
        assert!(!waiting.await.is_empty());
    }

    #[tokio::test]
    async fn own_work_is_forgotten_but_edits_are_not() {
        let inbox = Inbox::default();
        inbox.put(engine("web", "die"));
        inbox.put(Trigger::File("stack.toml".into()));
        inbox.forget_own_work();
        let pending = inbox.take().await;
        assert!(pending.engine.is_empty());
        assert_eq!(pending.files.len(), 1);
        assert_eq!(pending.rescan, Some(Rescan::OwnWorkDone));
    }
}
