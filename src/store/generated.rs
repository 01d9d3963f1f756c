//! The generated files on disk.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use crate::render::Generated;

use super::StoreError;

/// The mode of a new file, before the umask takes from it.
const NEW_FILE_MODE: u32 = 0o644;

/// A generated file that is not what stack.toml renders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its path, relative to the stack's folder.
    pub path: PathBuf,
    /// What would change, as a unified diff.
    pub diff: String,
}

/// Writes generated files below `folder`, and says of each whether it changed. A file that is right already is not touched.
///
/// Each file is written beside its place and moved there when it is whole on disk, so that nobody ever reads half of it. An existing
/// file keeps its mode.
///
/// # Errors
/// [`StoreError::Unsafe`] where a link, or something else than a file or folder, is in the way; [`StoreError::Io`].
pub fn write(folder: &Path, files: &[Generated]) -> Result<Vec<(PathBuf, bool)>, StoreError> {
    let mut written = Vec::with_capacity(files.len());
    for file in files {
        let place = place(folder, &file.path)?;
        let has_changed = current_text(&place)?.as_deref() != Some(file.text.as_bytes());
        if has_changed {
            replace(&place, &file.text)?;
        }
        written.push((file.path.clone(), has_changed));
    }
    Ok(written)
}

/// Compares generated files with those on disk; facts of the host are left out.
///
/// # Errors
/// As [`write`].
pub fn compare(folder: &Path, files: &[Generated]) -> Result<Vec<Difference>, StoreError> {
    let mut differences = Vec::new();
    for file in files.iter().filter(|file| !file.is_host_fact) {
        let place = place(folder, &file.path)?;
        let current = current_text(&place)?;
        if current.as_deref() == Some(file.text.as_bytes()) {
            continue;
        }
        let is_new = current.is_none();
        let current = String::from_utf8_lossy(&current.unwrap_or_default()).into_owned();
        differences.push(Difference {
            path: file.path.clone(),
            diff: unified(&file.path, &current, &file.text, is_new),
        });
    }
    Ok(differences)
}

fn unified(path: &Path, current: &str, wanted: &str, is_new: bool) -> String {
    let name = path.display();
    let before = if is_new {
        "/dev/null".to_owned()
    } else {
        format!("a/{name}")
    };
    similar::TextDiff::from_lines(current, wanted)
        .unified_diff()
        .context_radius(3)
        .header(&before, &format!("b/{name}"))
        .to_string()
}

/// Returns the absolute path of a generated file after looking at each folder on the way to it: none may be a link.
pub(super) fn place(folder: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let mut place = folder.to_owned();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let Component::Normal(name) = part else {
            return Err(unsafe_path(path, "it leads out of the stack's folder"));
        };
        place.push(name);
        let is_last = parts.peek().is_none();
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => {
                return Err(unsafe_path(&place, "it is a symbolic link"));
            }
            Ok(found) if is_last && !found.is_file() => {
                return Err(unsafe_path(&place, "it is not a file"));
            }
            Ok(found) if !is_last && !found.is_dir() => {
                return Err(unsafe_path(&place, "it is not a folder"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io("look at", &place, error)),
        }
    }
    Ok(place)
}

pub(super) fn current_text(place: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(place) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", place, error)),
    }
}

fn replace(place: &Path, text: &str) -> Result<(), StoreError> {
    let folder = place
        .parent()
        .ok_or_else(|| unsafe_path(place, "it has no folder"))?;
    fs::create_dir_all(folder).map_err(|error| io("make", folder, error))?;
    let mode = match fs::symlink_metadata(place) {
        Ok(found) => Some(found.permissions().mode() & 0o777),
        Err(_) => None,
    };
    let mut file = tempfile::Builder::new()
        .prefix(".stackgen-")
        .permissions(fs::Permissions::from_mode(mode.unwrap_or(NEW_FILE_MODE)))
        .tempfile_in(folder)
        .map_err(|error| io("write to", folder, error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| io("write", place, error))?;
    if let Some(mode) = mode {
        // The umask has taken from the mode that the file had; give it back, and never more.
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode))
            .map_err(|error| io("set the mode of", place, error))?;
    }
    file.persist(place)
        .map_err(|error| io("write", place, error.error))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io("write to", folder, error))
}

pub(super) fn io(what: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

pub(super) fn unsafe_path(path: &Path, why: &str) -> StoreError {
    StoreError::Unsafe {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Generated {
        Generated {
            path: path.into(),
            text: text.to_owned(),
            is_host_fact: path.ends_with(".env"),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn unchanged_files_are_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let files = [file("generated/dags/a.py", "one\n")];
        assert_eq!(
            write(folder.path(), &files).unwrap(),
            [("generated/dags/a.py".into(), true)]
        );
        let before = fs::metadata(folder.path().join("generated/dags/a.py")).unwrap();
        assert_eq!(
            write(folder.path(), &files).unwrap(),
            [("generated/dags/a.py".into(), false)]
        );
        let after = fs::metadata(folder.path().join("generated/dags/a.py")).unwrap();
        assert_eq!(
            std::os::unix::fs::MetadataExt::ino(&before),
            std::os::unix::fs::MetadataExt::ino(&after)
        );
    }

    #[test]
    fn a_file_keeps_its_mode_and_leaves_no_other_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for kept in [0o600, 0o640, 0o666] {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(kept)).unwrap();
            write(folder.path(), &[file("x", &format!("new {kept}"))]).unwrap();
            assert_eq!(mode(&path), kept);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_are_refused_and_what_they_lead_to_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("file")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("folder")).unwrap();
        for path in ["file", "folder/target", "../out", "/etc/out"] {
            let result = write(folder.path(), &[file(path, "new")]);
            assert!(matches!(result, Err(StoreError::Unsafe { .. })), "{path}");
        }
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    }

    #[test]
    fn a_comparison_shows_lines_and_leaves_facts_of_the_host_out() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[file("a", "one\ntwo\n"), file(".env", "X=1\n")],
        )
        .unwrap();
        let differences = compare(
            folder.path(),
            &[
                file("a", "one\n2\n"),
                file(".env", "X=2\n"),
                file("new", "n\n"),
            ],
        )
        .unwrap();
        let texts: Vec<&str> = differences.iter().map(|d| d.diff.as_str()).collect();
        assert_eq!(
            texts,
            [
                "--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n",
                "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n",
            ]
        );
    }
}
