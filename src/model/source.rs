//! What was read from the outside: every file and variable that decides what a stack is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The number of a file within [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub usize);

/// Every byte that was read: stack.toml, its includes, the env files, the environment. What a stack is depends on nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The folder of stack.toml, absolute, with links resolved.
    pub folder: PathBuf,
    /// The files; the first is stack.toml itself.
    pub files: Vec<SourceFile>,
    /// The environment of the process.
    pub environment: BTreeMap<String, String>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileRole {
    /// stack.toml.
    Main,
    /// A file that stack.toml includes.
    Include,
    /// An env file of the stack, whose variables `${…}` sees.
    StackEnv,
    /// An env file of a service (`env_file`).
    ServiceEnv,
    /// Another file that a service names and whose content counts: `label_file`, a seccomp profile.
    ServiceFile,
    /// A template of the project's own, `templates/*.j2`.
    Template,
    /// `.env.example`, which only help texts mention; present only where there is one.
    EnvExample,
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as it is shown: relative to the folder of stack.toml where it is below it.
    pub path: PathBuf,
    /// What it is for.
    pub role: FileRole,
    /// Its text; `None` where there is no such file.
    pub text: Option<Arc<str>>,
}

impl Sources {
    /// Returns stack.toml's file.
    pub fn main(&self) -> &SourceFile {
        &self.files[0]
    }

    /// Returns a file by its number.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0]
    }

    /// Returns the files of one role with their numbers.
    pub fn with_role(&self, role: FileRole) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files
            .iter()
            .enumerate()
            .filter(move |(_, file)| file.role == role)
            .map(|(index, file)| (FileId(index), file))
    }

    /// Returns `path` as seen from stack.toml's folder; an absolute one stays as it is.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

/// Returns an absolute path as the engine has it: without `.`, `..`, doubled and trailing slashes, by text alone as Compose does.
pub fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
