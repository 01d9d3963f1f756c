//! One apply at a time.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::StoreError;

/// The lock of one project at one engine. It is given back when it is dropped, and by the system when the process dies.
#[derive(Debug)]
pub struct ApplyLock {
    file: File,
}

impl ApplyLock {
    /// Takes the lock of `project` at the engine at `engine_address`, in the user's runtime folder.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with who holds it; [`StoreError::Unsafe`] where the folder belongs to someone else.
    pub fn acquire(project: &str, engine_address: &str) -> Result<Self, StoreError> {
        Self::acquire_in(&runtime_folder()?, project, engine_address)
    }

    /// Takes the lock with its file in `folder`.
    ///
    /// # Errors
    /// As [`ApplyLock::acquire`].
    pub fn acquire_in(
        folder: &Path,
        project: &str,
        engine_address: &str,
    ) -> Result<Self, StoreError> {
        let path = folder.join(file_name(project, engine_address));
        let file = open_locked(&path, &holder())?;
        Ok(Self { file })
    }
}

/// Opens a file that only one process at a time may have, and writes `holder` into it for those who come later.
pub(super) fn open_locked(path: &Path, holder: &str) -> Result<File, StoreError> {
    let io = |what| {
        let path = path.to_owned();
        move |source| StoreError::Io { what, path, source }
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(io("open"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // The holder may be just about to write: an empty text is fine.
            let _ = file.read_to_string(&mut holder);
            return Err(StoreError::Locked {
                holder: holder.trim_end().to_owned(),
            });
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(io("lock")(source)),
    }
    file.set_len(0).map_err(io("empty"))?;
    writeln!(file, "{holder}").map_err(io("write"))?;
    Ok(file)
}

impl Drop for ApplyLock {
    fn drop(&mut self) {
        // The text goes with the lock; the file stays, since removing it would let two processes hold two files of one name.
        let _ = self.file.set_len(0);
    }
}

/// Returns what the holder writes down about itself: pid, user, command and start.
fn holder() -> String {
    // An argument may be a path that is no text.
    let command: Vec<_> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let command = command.join(" ");
    let user = std::env::var("USER")
        .unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw()));
    format!(
        "pid {} of {user}, started {}: {command}",
        std::process::id(),
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
}

/// Returns the file's name: readable, and distinct for each engine.
fn file_name(project: &str, engine_address: &str) -> String {
    let engine: String = engine_address
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{}.{project}.lock", engine.trim_matches('-'))
}

/// Returns the user's runtime folder with our own folder in it, made where it is missing.
fn runtime_folder() -> Result<PathBuf, StoreError> {
    let uid = rustix::process::getuid().as_raw();
    let given = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let system = PathBuf::from(format!("/run/user/{uid}"));
    let folder = match given.into_iter().chain([system]).find(|path| path.is_dir()) {
        Some(runtime) => runtime.join("stackgen"),
        None => PathBuf::from(format!("/tmp/stackgen-{uid}")),
    };
    make_private(&folder, uid)?;
    Ok(folder)
}

/// Makes `folder` with mode 0700, or makes sure that it is ours and no link: `/tmp` is open to everybody.
fn make_private(folder: &Path, uid: u32) -> Result<(), StoreError> {
    let io = |what| {
        let path = folder.to_owned();
        move |source| StoreError::Io { what, path, source }
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = folder.symlink_metadata().map_err(io("look at"))?;
            let why = if !found.is_dir() {
                Some("it is no folder")
            } else if found.uid() != uid {
                Some("it belongs to another user")
            } else if found.mode() & 0o022 != 0 {
                Some("others may write to it")
            } else {
                None
            };
            why.map_or(Ok(()), |why| {
                Err(StoreError::Unsafe {
                    path: folder.to_owned(),
                    why: why.to_owned(),
                })
            })
        }
        Err(source) => Err(io("make")(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_learns_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let first = ApplyLock::acquire_in(folder.path(), "p", "/var/run/docker.sock").unwrap();
        let second = ApplyLock::acquire_in(folder.path(), "p", "/var/run/docker.sock");
        match second {
            Err(StoreError::Locked { holder }) => {
                assert!(
                    holder.contains(&format!("pid {} ", std::process::id())),
                    "{holder}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(ApplyLock::acquire_in(folder.path(), "q", "/var/run/docker.sock").is_ok());
        assert!(ApplyLock::acquire_in(folder.path(), "p", "tcp://h:1").is_ok());
        drop(first);
        assert!(ApplyLock::acquire_in(folder.path(), "p", "/var/run/docker.sock").is_ok());
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let refused = make_private(&link, rustix::process::getuid().as_raw());
        assert!(
            matches!(refused, Err(StoreError::Unsafe { .. })),
            "{refused:?}"
        );
        assert!(
            make_private(
                &folder.path().join("new"),
                rustix::process::getuid().as_raw()
            )
            .is_ok()
        );
    }
}
