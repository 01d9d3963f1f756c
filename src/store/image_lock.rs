//! The file stack.lock: which image each tag of stack.toml stands for. It is written whole and sorted, so that it can be kept in a
//! repository and its changes read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{ImageId, ImageLock, ImageReference, LockedImage};

use super::StoreError;

/// The file's name, beside stack.toml.
pub const IMAGE_LOCK: &str = "stack.lock";

/// The version of the format that this stackgen writes.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    image: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    platform: Option<String>,
    digest: Option<String>,
    id: Option<String>,
}

/// Reads stack.lock in `folder`; `None` where there is none.
///
/// # Errors
/// [`StoreError::Io`] where it cannot be read; [`StoreError::BadLock`] where it is not understood.
pub fn read_image_lock(folder: &Path) -> Result<Option<ImageLock>, StoreError> {
    let path = folder.join(IMAGE_LOCK);
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, &path).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io {
            what: "read",
            path,
            source,
        }),
    }
}

/// Writes stack.lock in `folder`, atomically.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_image_lock(folder: &Path, lock: &ImageLock) -> Result<PathBuf, StoreError> {
    let path = folder.join(IMAGE_LOCK);
    let io = |source| StoreError::Io {
        what: "write",
        path: path.clone(),
        source,
    };
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(io)?;
    file.write_all(text(lock).as_bytes()).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(&path).map_err(|error| io(error.error))?;
    Ok(path)
}

fn text(lock: &ImageLock) -> String {
    let mut text = format!(
        "# Which image each tag of stack.toml stands for. Made by `stackgen lock`; keep it with stack.toml, and change it by `stackgen lock` alone.\n\nversion = {VERSION}\n"
    );
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    for ((name, platform), image) in &lock.images {
        let _ = write!(text, "\n[[image]]\nname     = {}\n", quoted(name.as_str()));
        if let Some(platform) = platform {
            let _ = writeln!(text, "platform = {}", quoted(platform));
        }
        let _ = match image {
            LockedImage::Digest(digest) => writeln!(text, "digest   = {}", quoted(digest)),
            LockedImage::Id(id) => writeln!(text, "id       = {}", quoted(id.as_str())),
        };
    }
    text
}

fn parse(text: &str, path: &Path) -> Result<ImageLock, StoreError> {
    let bad = |why: String| StoreError::BadLock {
        path: path.to_owned(),
        why,
    };
    let file: File = toml::from_str(text).map_err(|error| bad(error.message().to_owned()))?;
    if file.version != VERSION {
        let why = format!(
            "it is of version {}, and this stackgen knows {VERSION}",
            file.version
        );
        return Err(bad(why));
    }
    let mut lock = ImageLock::default();
    for entry in file.image {
        let name = ImageReference::parse(&entry.name).map_err(|error| bad(error.to_string()))?;
        let image = match (entry.digest, entry.id) {
            (Some(digest), None) => {
                // Nothing but a digest may stand behind the @ of a pull.
                let full = format!("image@{digest}");
                ImageReference::parse(&full).map_err(|error| bad(error.to_string()))?;
                LockedImage::Digest(digest)
            }
            (None, Some(id)) => {
                LockedImage::Id(ImageId::new(id).map_err(|error| bad(error.to_string()))?)
            }
            _ => return Err(bad(format!("{name} needs either a digest or an id"))),
        };
        let key = (name, entry.platform);
        if lock.images.insert(key.clone(), image).is_some() {
            return Err(bad(format!("{} stands in it twice", key.0)));
        }
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> ImageLock {
        let name = |text: &str| ImageReference::parse(text).unwrap();
        let digest = format!("sha256:{}", "ab".repeat(32));
        let id = ImageId::new(format!("sha256:{}", "cd".repeat(32))).unwrap();
        let mut lock = ImageLock::default();
        let images = &mut lock.images;
        images.insert((name("web:1"), None), LockedImage::Digest(digest.clone()));
        let arm = Some("linux/arm64".to_owned());
        images.insert((name("web:1"), arm), LockedImage::Digest(digest));
        images.insert((name("shop-api"), None), LockedImage::Id(id));
        lock
    }

    #[test]
    fn what_is_written_is_read_and_is_sorted() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_image_lock(folder.path()).unwrap(), None);
        let path = write_image_lock(folder.path(), &lock()).unwrap();
        assert_eq!(read_image_lock(folder.path()).unwrap(), Some(lock()));
        let text = std::fs::read_to_string(path).unwrap();
        let names: Vec<&str> = text.lines().filter(|it| it.starts_with("name")).collect();
        assert_eq!(
            names,
            [
                "name     = \"shop-api\"",
                "name     = \"web:1\"",
                "name     = \"web:1\""
            ]
        );
        assert!(text.starts_with("# ") && text.contains("stackgen lock"));
    }

    #[test]
    fn a_file_that_is_not_understood_says_why() {
        let entry = |rest: &str| format!("version = 1\n[[image]]\nname = \"a\"\n{rest}");
        for (text, why) in [
            ("version = 2".to_owned(), "version 2"),
            ("version = ".to_owned(), ""),
            (entry(""), "either a digest or an id"),
            (entry("digest = \"sha256:zz\""), "is not an image reference"),
            (
                entry("digest = \"sha256:00@x\""),
                "is not an image reference",
            ),
            (entry("other = 1"), "unknown field"),
        ] {
            let error = parse(&text, Path::new("stack.lock"))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("stack.lock") && error.contains(why),
                "{text}: {error}"
            );
        }
    }
}
