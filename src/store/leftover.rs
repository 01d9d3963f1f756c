//! Generated files that were written once and are not rendered any more.
//!
//! What was written is noted in the folder `.stackgen`, by folder of output. A file that is as it was written goes with what it was made
//! from, as an Airflow that reads `generated/dags` would go on with a DAG that is gone. One that somebody changed since is theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::render::Generated;

use super::generated::{current_text, io, place};
use super::state_dir::note_path;
use super::{Difference, StateDir, StoreError, compare, write};

/// What became of a generated file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Written,
    /// It was right already.
    AsItWas,
    /// It is not rendered any more, and was removed.
    Removed,
    /// It is not rendered any more, and is left, since somebody changed it.
    LeftOver,
}

/// Writes all files of one folder of output as [`write`] does, and removes those that were written there before and are no more
/// among them. What holds facts of the host is no concern of this.
///
/// # Errors
/// As [`write`].
pub fn write_all(
    folder: &Path,
    output: &Path,
    files: &[Generated],
) -> Result<Vec<(PathBuf, Change)>, StoreError> {
    let written = write(folder, files)?.into_iter();
    let mut changes: Vec<(PathBuf, Change)> = written
        .map(|(path, has_changed)| match has_changed {
            true => (path, Change::Written),
            false => (path, Change::AsItWas),
        })
        .collect();
    let lasting = files.iter().filter(|file| !file.is_host_fact);
    let mut record: BTreeMap<PathBuf, String> = lasting
        .map(|file| (file.path.clone(), digest(file.text.as_bytes())))
        .collect();
    for leftover in leftovers(folder, output, files) {
        let change = if leftover.is_as_written() {
            remove(&leftover.place, &folder.join(output))?;
            Change::Removed
        } else {
            record.insert(leftover.path.clone(), leftover.written);
            Change::LeftOver
        };
        changes.push((leftover.path, change));
    }
    keep(folder, output, &record);
    Ok(changes)
}

/// Compares all files of one folder of output as [`compare`] does; one that is not rendered any more differs too.
///
/// # Errors
/// As [`compare`].
pub fn compare_all(
    folder: &Path,
    output: &Path,
    files: &[Generated],
) -> Result<Vec<Difference>, StoreError> {
    let mut differences = compare(folder, files)?;
    for leftover in leftovers(folder, output, files) {
        let text = String::from_utf8_lossy(&leftover.text);
        let diff = similar::TextDiff::from_lines(text.as_ref(), "")
            .unified_diff()
            .header(&format!("a/{}", leftover.path.display()), "/dev/null")
            .to_string();
        differences.push(Difference {
            path: leftover.path,
            diff,
        });
    }
    Ok(differences)
}

/// A file that is there and not rendered any more.
struct Leftover {
    /// Relative to the stack's folder.
    path: PathBuf,
    place: PathBuf,
    text: Vec<u8>,
    /// The digest of what was written.
    written: String,
}

impl Leftover {
    fn is_as_written(&self) -> bool {
        digest(&self.text) == self.written
    }
}

fn leftovers(folder: &Path, output: &Path, files: &[Generated]) -> Vec<Leftover> {
    let record = fs::read_to_string(note_path(folder, &note(output))).unwrap_or_default();
    let lines = record.lines().filter_map(|line| line.split_once("  "));
    lines
        .filter_map(|(written, path)| {
            let path = PathBuf::from(path);
            let is_rendered = files.iter().any(|file| file.path == path);
            if is_rendered || !path.starts_with(output) {
                return None;
            }
            let place = place(folder, &path).ok()?;
            let text = current_text(&place).ok()??;
            let written = written.to_owned();
            Some(Leftover {
                path,
                place,
                text,
                written,
            })
        })
        .collect()
}

/// Removes a file, and the folders below `output` that are empty then.
fn remove(place: &Path, output: &Path) -> Result<(), StoreError> {
    fs::remove_file(place).map_err(|error| io("remove", place, error))?;
    let folders = place.ancestors().skip(1);
    for folder in folders.take_while(|folder| *folder != output) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

/// Notes what was written, in the form of `sha256sum`. It only saves work for people: failing to is no error.
fn keep(folder: &Path, output: &Path, record: &BTreeMap<PathBuf, String>) {
    let lines = record.iter().filter_map(|(path, digest)| {
        let path = path.to_str().filter(|path| !path.contains('\n'))?;
        Some(format!("{digest}  {path}\n"))
    });
    let text: String = lines.collect();
    match StateDir::open(folder) {
        Ok(state) if state.note(&note(output)).as_deref() == Some(&text) => {}
        Ok(state) => state.keep_note(&note(output), &text),
        Err(error) => tracing::debug!(%error, "what was rendered could not be noted"),
    }
}

fn note(output: &Path) -> String {
    format!("rendered-{}", output.display())
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<Generated> {
        let file = |path: &&str| Generated {
            path: path.into(),
            text: format!("{path}\n"),
            is_host_fact: false,
        };
        paths.iter().map(file).collect()
    }

    #[test]
    fn what_is_not_rendered_any_more_goes_unless_somebody_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let (at, output) = (folder.path(), Path::new("generated"));
        let before = files(&[
            "generated/a",
            "generated/dags/b.py",
            "generated/c",
            "generated/d",
        ]);
        write_all(at, output, &before).unwrap();
        fs::write(at.join("generated/c"), "mine").unwrap();
        fs::write(at.join("generated/own"), "mine").unwrap();
        fs::remove_file(at.join("generated/d")).unwrap();
        let now = files(&["generated/a"]);
        let expected = [
            ("generated/a".into(), Change::AsItWas),
            ("generated/c".into(), Change::LeftOver),
            ("generated/dags/b.py".into(), Change::Removed),
        ];
        let differences = compare_all(at, output, &now).unwrap();
        let paths: Vec<&Path> = differences.iter().map(|it| it.path.as_path()).collect();
        assert_eq!(
            paths,
            [Path::new("generated/c"), Path::new("generated/dags/b.py")]
        );
        assert_eq!(
            differences[1].diff,
            "--- a/generated/dags/b.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-generated/dags/b.py\n"
        );
        assert_eq!(write_all(at, output, &now).unwrap(), expected);
        assert!(!at.join("generated/dags").exists());
        assert_eq!(fs::read_to_string(at.join("generated/c")).unwrap(), "mine");
        assert_eq!(
            fs::read_to_string(at.join("generated/own")).unwrap(),
            "mine"
        );
        // It is told until it is gone.
        assert_eq!(write_all(at, output, &now).unwrap(), expected[..2]);
        fs::remove_file(at.join("generated/c")).unwrap();
        assert_eq!(write_all(at, output, &now).unwrap(), expected[..1]);
        assert!(compare_all(at, output, &now).unwrap().is_empty());
    }

    #[test]
    fn each_folder_of_output_has_files_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (base, overlay) = (Path::new("generated"), Path::new("generated/prod"));
        write_all(at, base, &files(&["generated/a"])).unwrap();
        write_all(
            at,
            overlay,
            &files(&["generated/prod/a", "generated/prod/b"]),
        )
        .unwrap();
        write_all(at, base, &files(&["generated/a"])).unwrap();
        assert!(at.join("generated/prod/b").exists());
        write_all(at, overlay, &files(&["generated/prod/a"])).unwrap();
        assert!(!at.join("generated/prod/b").exists());
        assert!(at.join("generated/a").exists());
    }

    #[test]
    fn a_link_that_took_the_place_of_a_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (at, output) = (folder.path(), Path::new("generated"));
        write_all(at, output, &files(&["generated/x/a"])).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("a"), "generated/x/a\n").unwrap();
        fs::remove_dir_all(at.join("generated/x")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), at.join("generated/x")).unwrap();
        assert_eq!(write_all(at, output, &[]).unwrap(), []);
        assert!(elsewhere.path().join("a").exists());
    }
}
