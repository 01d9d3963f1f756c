//! Follows files through their folders.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::{Inbox, Trigger};

/// Why files cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system has no watch left, or none at all.
    #[error("cannot follow files")]
    Start(#[source] notify::Error),
    /// A folder cannot be followed.
    #[error("cannot follow {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: notify::Error,
    },
}

/// Which files are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interest {
    /// Single files, absolute. They need not be there.
    pub files: BTreeSet<PathBuf>,
    /// Folders in which every file of an extension counts, such as `templates` and `j2`.
    pub folders: BTreeSet<(PathBuf, String)>,
}

impl Interest {
    /// Returns whether something that happened to `path` matters.
    pub fn covers(&self, path: &Path) -> bool {
        let is_kind = |extension: &str| path.extension().is_some_and(|found| found == extension);
        self.files.contains(path)
            || self.folders.iter().any(|(folder, extension)| {
                path == folder || (path.parent() == Some(folder) && is_kind(extension))
            })
    }

    /// Returns the folders to be watched: an editor's rename-save replaces a file, and with it every watch on the file itself.
    fn to_watch(&self) -> BTreeSet<PathBuf> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let folders = self
            .folders
            .iter()
            .flat_map(|(folder, _)| [Some(folder.as_path()), folder.parent()])
            .flatten();
        parents
            .chain(folders)
            .filter(|folder| folder.is_dir())
            .map(Path::to_owned)
            .collect()
    }
}

/// Follows files until it is dropped, and puts a trigger for each that something happened to.
pub struct FileWatch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    interest: Arc<Mutex<Interest>>,
}

impl FileWatch {
    /// Returns a watch that follows nothing yet.
    ///
    /// # Errors
    /// Where the system has no watch left.
    pub fn new(inbox: Arc<Inbox>) -> Result<Self, WatchError> {
        let interest = Arc::new(Mutex::new(Interest::default()));
        let seen = Arc::clone(&interest);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            on_event(event, &seen, &inbox);
        })
        .map_err(WatchError::Start)?;
        Ok(Self {
            watcher,
            watched: BTreeSet::new(),
            interest,
        })
    }

    /// Follows these files instead of those before. A folder that went and came back is followed again.
    ///
    /// # Errors
    /// Where a folder cannot be followed.
    pub fn follow(&mut self, interest: Interest) -> Result<(), WatchError> {
        let wanted = interest.to_watch();
        *self
            .interest
            .lock()
            .unwrap_or_else(|lock| lock.into_inner()) = interest;
        for folder in self.watched.difference(&wanted) {
            // It may be gone already; then there is nothing to stop.
            self.watcher.unwatch(folder).ok();
        }
        for folder in wanted.difference(&self.watched) {
            self.watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .map_err(|source| WatchError::Folder {
                    folder: folder.clone(),
                    source,
                })?;
        }
        self.watched = wanted;
        Ok(())
    }
}

fn on_event(event: notify::Result<notify::Event>, interest: &Mutex<Interest>, inbox: &Inbox) {
    // An error means that events were lost: that is a reason to read everything again.
    let Ok(event) = event else {
        return inbox.put(Trigger::Rescan(super::Rescan::StreamLost));
    };
    if event.need_rescan() {
        return inbox.put(Trigger::Rescan(super::Rescan::StreamLost));
    }
    if !may_change_content(&event.kind) {
        return;
    }
    let interest = interest.lock().unwrap_or_else(|lock| lock.into_inner());
    for path in event.paths {
        if interest.covers(&path) {
            inbox.put(Trigger::File(path));
        }
    }
}

/// Returns whether an event can mean other content. Reading a file raises an access event: counting it, we would wake ourselves.
fn may_change_content(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(_) => false,
        EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn next(inbox: &Inbox) -> Option<super::super::Pending> {
        tokio::time::timeout(Duration::from_secs(2), inbox.take())
            .await
            .ok()
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test edits files")]
    async fn a_rename_save_is_seen_again_and_again_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let file = root.join("stack.toml");
        std::fs::write(&file, "a").unwrap();
        let inbox = Arc::new(Inbox::default());
        let mut watch = FileWatch::new(Arc::clone(&inbox)).unwrap();
        watch
            .follow(Interest {
                files: BTreeSet::from([file.clone()]),
                folders: BTreeSet::new(),
            })
            .unwrap();
        std::fs::write(root.join("other"), "x").unwrap();
        for text in ["b", "c"] {
            std::fs::write(root.join("stack.toml~"), text).unwrap();
            std::fs::rename(root.join("stack.toml~"), &file).unwrap();
            let pending = next(&inbox).await.expect("the save is seen");
            assert_eq!(pending.files, BTreeSet::from([file.clone()]));
        }
        std::fs::read(&file).unwrap();
        let silent = tokio::time::timeout(Duration::from_millis(200), inbox.take()).await;
        assert!(silent.is_err(), "reading is no change: {silent:?}");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test edits files")]
    async fn a_template_that_appears_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inbox = Arc::new(Inbox::default());
        let mut watch = FileWatch::new(Arc::clone(&inbox)).unwrap();
        let templates = root.join("templates");
        watch
            .follow(Interest {
                files: BTreeSet::new(),
                folders: BTreeSet::from([(templates.clone(), "j2".into())]),
            })
            .unwrap();
        std::fs::create_dir_all(&templates).unwrap();
        let pending = next(&inbox).await.expect("the new folder is seen");
        assert_eq!(pending.files, BTreeSet::from([templates]));
    }
}
