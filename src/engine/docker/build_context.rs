//! What of a folder goes to the engine's builder: a tar of everything that `.dockerignore` does not leave out.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::dockerignore::Ignore;

/// The name in the archive of a Dockerfile that is no file of the context.
const OWN_DOCKERFILE: &str = ".dockerfile.stackgen";

const IGNORE_FILE: &str = ".dockerignore";

/// The context of a build as an archive, in a file that has no name.
#[derive(Debug)]
pub(super) struct Context {
    /// The archive, from its beginning.
    pub(super) archive: File,
    /// The Dockerfile's name in it.
    pub(super) dockerfile: String,
}

/// Why there is no context.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub(super) struct ContextError {
    path: PathBuf,
    source: io::Error,
}

/// Packs `folder`. `dockerfile` is relative to it, or absolute; `inline` is the text of one.
pub(super) fn pack(
    folder: &Path,
    dockerfile: Option<&str>,
    inline: Option<&str>,
) -> Result<Context, ContextError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| ContextError { path, source }
    };
    let (name, own) = match inline {
        Some(text) => (OWN_DOCKERFILE.to_owned(), Some(text.as_bytes().to_vec())),
        None => dockerfile_of(folder, dockerfile.unwrap_or("Dockerfile"))?,
    };
    let ignore_path = folder.join(IGNORE_FILE);
    let mut ignore_text = match std::fs::read_to_string(&ignore_path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(fail(&ignore_path)(error)),
    };
    let ignore = Ignore::parse(&ignore_text);
    let archive = tempfile::tempfile().map_err(fail(&std::env::temp_dir()))?;
    let mut builder = Builder::new(io::BufWriter::new(archive));
    // The engine reads both, and leaves them out of what COPY sees where they are to be left out.
    let always = [name.as_str(), IGNORE_FILE];
    let mut packer = Packer {
        folder,
        ignore: &ignore,
        always: &always,
        has_own: own.is_some(),
        builder: &mut builder,
    };
    packer.folder("")?;
    if let Some(text) = own {
        ignore_text.push_str(&format!("\n{OWN_DOCKERFILE}\n"));
        put(&mut builder, OWN_DOCKERFILE, &text).map_err(fail(folder))?;
        put(&mut builder, IGNORE_FILE, ignore_text.as_bytes()).map_err(fail(folder))?;
    }
    let finish = || {
        let mut writer = builder.into_inner()?;
        writer.flush()?;
        let mut archive = writer.into_inner().map_err(|error| error.into_error())?;
        archive.rewind()?;
        Ok(archive)
    };
    let archive = finish().map_err(fail(folder))?;
    Ok(Context {
        archive,
        dockerfile: name,
    })
}

/// Returns the Dockerfile's name in the archive, and its text where it is no file of the context.
fn dockerfile_of(
    folder: &Path,
    dockerfile: &str,
) -> Result<(String, Option<Vec<u8>>), ContextError> {
    let path = folder.join(dockerfile);
    let text = std::fs::read(&path).map_err(|source| ContextError {
        path: path.clone(),
        source,
    })?;
    let parts = Path::new(dockerfile).components();
    let is_inside = parts.clone().all(|part| {
        matches!(
            part,
            std::path::Component::Normal(_) | std::path::Component::CurDir
        )
    });
    if is_inside {
        let parts = parts.filter_map(|part| {
            let is_named = matches!(part, std::path::Component::Normal(_));
            is_named.then(|| part.as_os_str().to_string_lossy().into_owned())
        });
        return Ok((parts.collect::<Vec<_>>().join("/"), None));
    }
    Ok((OWN_DOCKERFILE.to_owned(), Some(text)))
}

fn put<W: Write>(builder: &mut Builder<W>, name: &str, text: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    builder.append_data(&mut header, name, text)
}

struct Packer<'a, W: Write> {
    folder: &'a Path,
    ignore: &'a Ignore,
    /// What is in whatever `.dockerignore` says.
    always: &'a [&'a str],
    /// Whether `.dockerignore` is written anew.
    has_own: bool,
    builder: &'a mut Builder<W>,
}

impl<W: Write> Packer<'_, W> {
    /// Packs what is in a folder of the context, sorted, so that the same files give the same archive.
    fn folder(&mut self, below: &str) -> Result<(), ContextError> {
        // Joined with nothing, a path would end in a slash.
        let path = match below {
            "" => self.folder.to_owned(),
            below => self.folder.join(below),
        };
        let fail = |source| ContextError {
            path: path.clone(),
            source,
        };
        let entries = std::fs::read_dir(&path).map_err(fail)?;
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(fail)?.file_name());
        }
        names.sort();
        for name in names {
            let name = name.to_string_lossy();
            let inner = match below {
                "" => name.into_owned(),
                below => format!("{below}/{name}"),
            };
            self.entry(&inner)?;
        }
        Ok(())
    }

    fn entry(&mut self, name: &str) -> Result<(), ContextError> {
        if self.has_own && name == IGNORE_FILE {
            return Ok(());
        }
        let path = self.folder.join(name);
        let fail = |source| ContextError {
            path: path.clone(),
            source,
        };
        let is_out = self.ignore.excludes(name) && !self.always.contains(&name);
        let found = path.symlink_metadata().map_err(fail)?;
        if found.is_dir() {
            let holds_always = self.always.iter().any(|it| {
                it.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('/'))
            });
            if !is_out {
                self.append(name, &path, &found).map_err(fail)?;
            }
            if !is_out || self.ignore.has_exceptions() || holds_always {
                self.folder(name)?;
            }
            return Ok(());
        }
        if is_out {
            return Ok(());
        }
        self.append(name, &path, &found).map_err(fail)
    }

    /// Puts one thing in, owned by root as the docker command has it. Sockets, pipes and devices are no part of a context.
    fn append(&mut self, name: &str, path: &Path, found: &std::fs::Metadata) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_metadata(found);
        header.set_uid(0);
        header.set_gid(0);
        if found.is_symlink() {
            header.set_size(0);
            header.set_entry_type(EntryType::Symlink);
            let target = std::fs::read_link(path)?;
            return self.builder.append_link(&mut header, name, target);
        }
        if found.is_dir() {
            header.set_size(0);
            return self
                .builder
                .append_data(&mut header, format!("{name}/"), io::empty());
        }
        if found.is_file() {
            let file = File::open(path)?;
            // A file that grows while it is read must not run over its place.
            return self
                .builder
                .append_data(&mut header, name, file.take(found.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(context: Context) -> (String, Vec<String>) {
        let mut archive = tar::Archive::new(context.archive);
        let names = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            entry.path().unwrap().to_string_lossy().into_owned()
        });
        (context.dockerfile, names.collect())
    }

    #[test]
    fn what_is_ignored_stays_here_and_the_dockerfile_goes_along() {
        let folder = folder(&[
            ("Dockerfile", "FROM x"),
            (".dockerignore", "*\n!app\napp/secret\nDockerfile\n"),
            ("app/main", "1"),
            ("app/secret", "2"),
            ("data/big", "3"),
        ]);
        std::os::unix::fs::symlink("main", folder.path().join("app/link")).unwrap();
        let context = pack(folder.path(), None, None).unwrap();
        let (dockerfile, names) = names(context);
        assert_eq!(dockerfile, "Dockerfile");
        assert_eq!(
            names,
            [
                ".dockerignore",
                "Dockerfile",
                "app/",
                "app/link",
                "app/main"
            ]
        );
    }

    #[test]
    fn a_dockerfile_from_elsewhere_goes_along_and_is_not_seen_by_copy() {
        let outer = folder(&[("context/a", "1"), ("other.Dockerfile", "FROM y")]);
        let inner = outer.path().join("context");
        for (dockerfile, inline) in [(Some("../other.Dockerfile"), None), (None, Some("FROM y"))] {
            let mut context = pack(&inner, dockerfile, inline).unwrap();
            let mut text = String::new();
            context.archive.read_to_string(&mut text).unwrap();
            context.archive.rewind().unwrap();
            assert!(text.contains("FROM y") && text.contains("\n.dockerfile.stackgen\n"));
            let (dockerfile, names) = names(context);
            assert_eq!(dockerfile, OWN_DOCKERFILE);
            assert_eq!(names, ["a", OWN_DOCKERFILE, IGNORE_FILE]);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = folder(&[]);
        let error = pack(folder.path(), None, None).unwrap_err();
        assert!(error.to_string().contains("Dockerfile: "), "{error}");
        let gone = folder.path().join("gone");
        let error = pack(&gone, None, Some("FROM x")).unwrap_err();
        assert!(error.to_string().contains("gone: "), "{error}");
    }
}
