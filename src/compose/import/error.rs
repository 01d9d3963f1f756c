//! Why a compose file cannot be imported, and what of it could not be carried.

use std::fmt;
use std::path::PathBuf;

use crate::model::{FILE_BYTES, mebibytes};

/// Why compose files cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be had.
    #[error("{reason}")]
    Unreadable {
        /// Which and why.
        reason: String,
    },
    /// The text is larger than any compose file needs to be.
    #[error("{} is larger than {} MiB", path.display(), mebibytes(FILE_BYTES))]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is not YAML, or not what a compose file may be.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// Something that Compose would not take either.
    #[error("{}:{line}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// Something that deserves a look after an import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportWarning {
    /// The compose file; empty where it came from none.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What it is.
    pub message: String,
}

impl ImportWarning {
    /// Returns a warning about what runs, which has no lines.
    pub(super) fn of_no_file(message: impl Into<String>) -> Self {
        Self {
            path: PathBuf::new(),
            line: 0,
            message: message.into(),
        }
    }
}

impl fmt::Display for ImportWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.as_os_str().is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.message)
    }
}
