//! The folder `.stackgen` beside stack.toml: runs, logs, and the salt of digests in labels.

use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::model::{DagName, RunId, TaskName};

use super::StoreError;
use super::lock::open_locked;

/// The folder's name.
const NAME: &str = ".stackgen";

/// The folder in which stackgen keeps what it has to remember. Losing it loses history, never a container or a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
    salt: String,
}

/// The right to advance one run. Given back when it is dropped, and by the system when the process dies.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl StateDir {
    /// Opens `.stackgen` in `folder`, the folder of stack.toml, and makes it where it is missing: with mode 0700, and with a `.gitignore`
    /// that hides all of it.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Unsafe`] where it is a link or no folder.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        make_folder(&path)?;
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            write_new(&ignore, "*\n")?;
        }
        let salt = open_salt(&path.join("salt"))?;
        Ok(Self { path, salt })
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the random text that makes digests in labels useless for guessing what was digested.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// Returns a note that [`StateDir::keep_note`] kept; `None` where there is none or it cannot be read, since a note only saves work.
    pub fn note(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path.join(path_part(name))).ok()
    }

    /// Keeps a short text that can be found out again at any time. Failing to keep it is no error: the work is done again then.
    pub fn keep_note(&self, name: &str, text: &str) {
        let kept = tempfile::NamedTempFile::new_in(&self.path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.persist(self.path.join(path_part(name)))
                .map_err(|error| error.error)
        });
        if let Err(error) = kept {
            tracing::debug!(name, %error, "a note could not be kept");
        }
    }

    /// Returns where the journal is.
    pub fn database(&self) -> PathBuf {
        self.path.join("state.db")
    }

    /// Returns where the output of one try of a task is kept, whether it is there yet or not.
    pub fn log_path(&self, dag: &DagName, run: &RunId, task: &TaskName, attempt: u32) -> PathBuf {
        self.run_folder(dag, run)
            .join(format!("{}-{attempt}.log", path_part(task.as_str())))
    }

    /// Makes the folder of a run's logs.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Unsafe`].
    pub fn make_run_folder(&self, dag: &DagName, run: &RunId) -> Result<PathBuf, StoreError> {
        let folder = self.run_folder(dag, run);
        let logs = self.path.join("logs");
        for part in [&logs, &logs.join(path_part(dag.as_str())), &folder] {
            make_folder(part)?;
        }
        Ok(folder)
    }

    /// Takes the right to advance a run.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process has it.
    pub fn lock_run(&self, dag: &DagName, run: &RunId) -> Result<RunLock, StoreError> {
        let path = self.make_run_folder(dag, run)?.join(".lock");
        let file = open_locked(&path, &format!("pid {}", std::process::id()))?;
        Ok(RunLock { _file: file })
    }

    fn run_folder(&self, dag: &DagName, run: &RunId) -> PathBuf {
        self.path
            .join("logs")
            .join(path_part(dag.as_str()))
            .join(path_part(run.as_str()))
    }
}

/// Returns where a note is, for those who only look and must not make the folder.
pub(super) fn note_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(NAME).join(path_part(name))
}

/// Returns `name` as one part of a path: what could leave the folder or confuse a shell becomes `%XX`.
fn path_part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'+' | b':')
            || (byte == b'.' && index > 0);
        if is_plain {
            part.push(byte as char);
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let found = path.symlink_metadata().map_err(|source| StoreError::Io {
                what: "look at",
                path: path.to_owned(),
                source,
            })?;
            let why = if !found.is_dir() {
                "it is no folder"
            } else if found.mode() & 0o022 != 0 {
                "others may write to it"
            } else {
                return Ok(());
            };
            Err(StoreError::Unsafe {
                path: path.to_owned(),
                why: why.to_owned(),
            })
        }
        Err(source) => Err(StoreError::Io {
            what: "make",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file that is not there yet; one that another process made a moment ago is left alone.
fn write_new(path: &Path, text: &str) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let io = |source| StoreError::Io {
        what: "write",
        path: path.to_owned(),
        source,
    };
    // A temporary file of mode 0600, moved into place when it is whole: nobody reads half a salt.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io(error.error)),
    }
}

fn open_salt(path: &Path) -> Result<String, StoreError> {
    let io = |what| {
        move |source| StoreError::Io {
            what,
            path: path.to_owned(),
            source,
        }
    };
    if !path.exists() {
        let mut bytes = [0_u8; 16];
        std::io::Read::read_exact(
            &mut File::open("/dev/urandom").map_err(io("make"))?,
            &mut bytes,
        )
        .map_err(io("make"))?;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        write_new(path, &format!("{hex}\n"))?;
    }
    let text = std::fs::read_to_string(path).map_err(io("read"))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_and_hides_itself_from_git() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let mode = |name: &str| state.path().join(name).symlink_metadata().unwrap().mode() & 0o777;
        assert_eq!(mode(""), 0o700);
        assert_eq!(mode("salt"), 0o600);
        assert_eq!(
            std::fs::read_to_string(state.path().join(".gitignore")).unwrap(),
            "*\n"
        );
        assert_eq!(state.salt().len(), 32);
        assert_eq!(StateDir::open(folder.path()).unwrap(), state);
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(other.path(), folder.path().join(".stackgen")).unwrap();
        assert!(matches!(
            StateDir::open(folder.path()),
            Err(StoreError::Unsafe { .. })
        ));
    }

    #[test]
    fn no_name_leaves_the_folder() {
        for (name, part) in [
            (
                "manual__2026-03-02T09:14:07Z",
                "manual__2026-03-02T09:14:07Z",
            ),
            ("..", "%2E."),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("a b\n", "a%20b%0A"),
        ] {
            assert_eq!(path_part(name), part);
        }
    }

    #[test]
    fn a_run_is_advanced_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let (dag, run) = (DagName::new("d").unwrap(), RunId::new("r").unwrap());
        let first = state.lock_run(&dag, &run).unwrap();
        assert!(matches!(
            state.lock_run(&dag, &run),
            Err(StoreError::Locked { .. })
        ));
        drop(first);
        assert!(state.lock_run(&dag, &run).is_ok());
    }
}
