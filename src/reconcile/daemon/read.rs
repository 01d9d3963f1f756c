//! Reading files that someone may be writing at this moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::load::{LoadError, Request, templates};
use crate::model::{ContentSource, FileRole, MountSource, Resolved, Sources, Stack};
use crate::reconcile::project::load_sources;
use crate::stackfile::Selection;
use crate::watch::Interest;

/// The pause between two reads that have to be equal.
const PAUSE: Duration = Duration::from_millis(100);
/// After so many reads the last one is taken as it is: someone writes without end.
const MOST_READS: usize = 50;

/// Everything that a stack is read from.
pub(super) type Files = (Sources, BTreeMap<String, String>);

/// Reads everything once.
pub(super) fn read_once(request: &Request, selection: &Selection) -> Result<Files, LoadError> {
    let sources = load_sources(request, selection)?;
    let templates = templates(&sources);
    Ok((sources, templates))
}

/// Reads until two reads with a pause between them agree, so that half a file is never taken for a whole one.
pub(super) async fn read_settled(
    request: &Request,
    selection: &Selection,
) -> Result<Files, LoadError> {
    let mut last = read_once(request, selection);
    for _ in 0..MOST_READS {
        tokio::time::sleep(PAUSE).await;
        let next = read_once(request, selection);
        let is_settled = match (&last, &next) {
            (Ok(last), Ok(next)) => last == next,
            // A save may remove the file for a moment; only what stays missing is missing.
            (Err(last), Err(next)) => last.to_string() == next.to_string(),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        last = next;
        if is_settled {
            break;
        }
    }
    last
}

/// Returns which files can change a stack: what was read, what would be read if it were there, and files that containers mount.
pub(super) fn interest((sources, _): &Files, stack: Option<&Stack<Resolved>>) -> Interest {
    let folder = &sources.folder;
    let mut files: BTreeSet<PathBuf> = sources
        .files
        .iter()
        .map(|file| sources.absolute(&file.path))
        .collect();
    files.insert(folder.join(".env"));
    let mut folders = BTreeSet::from([(folder.join("templates"), "j2".to_owned())]);
    // A new file may match a pattern of `include`: every folder that holds an included one is followed as a whole.
    for (_, file) in sources.with_role(FileRole::Include) {
        let path = sources.absolute(&file.path);
        let extension = path
            .extension()
            .map(|text| text.to_string_lossy().into_owned());
        if let (Some(parent), Some(extension)) = (path.parent(), extension) {
            folders.insert((parent.to_owned(), extension));
        }
    }
    if let Some(stack) = stack {
        let parts = stack.parts();
        // A file that its container may write is seen to be changed at the next look; followed, its own writes would never give peace.
        let services = stack.services().values();
        let mounts = services.flat_map(|service| &service.container.volumes);
        let mounted = mounts.filter_map(|mount| match &mount.source {
            MountSource::Bind { path, .. } if mount.read_only => Some(PathBuf::from(path)),
            _ => None,
        });
        files.extend(mounted.filter(|path| path.is_file()));
        let contents = parts.configs.values().chain(parts.secrets.values());
        files.extend(contents.filter_map(|content| match &content.source {
            ContentSource::File(path) => Some(folder.join(path)),
            ContentSource::Content(_)
            | ContentSource::Environment { .. }
            | ContentSource::External
            | ContentSource::Driver => None,
        }));
    }
    Interest { files, folders }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test edits files")]
    async fn half_a_file_is_never_taken_for_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.toml");
        std::fs::write(&path, "half").unwrap();
        let request = Request {
            file: None,
            directory: folder.path().to_owned(),
            environment: BTreeMap::new(),
        };
        let writer = async {
            for text in ["half a", "half a file", "a whole file"] {
                tokio::time::sleep(PAUSE / 2).await;
                std::fs::write(&path, text).unwrap();
            }
        };
        let selection = Selection::default();
        let (read, ()) = tokio::join!(read_settled(&request, &selection), writer);
        let (sources, _) = read.unwrap();
        assert_eq!(sources.main().text.as_deref(), Some("a whole file"));
    }
}
