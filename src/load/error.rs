//! Why the files of a stack cannot be read.

use std::path::PathBuf;

/// Why the files of a stack cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no stack.toml here or above.
    #[error("no stack.toml in {} or any folder above it", directory.display())]
    NoStackFile {
        /// Where the search began.
        directory: PathBuf,
    },
    /// A file that was named is not there.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Who names it, such as `[stack] include`.
        named_by: String,
    },
    /// A file is larger than any stack needs.
    #[error("{} is larger than 4 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file is no text.
    #[error("{} is not UTF-8: byte {at} begins no character", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The offset of the first byte that is wrong.
        at: usize,
    },
    /// A pattern of `[stack] include` is none.
    #[error("{pattern:?} in [stack] include is not a pattern of file names")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: globset::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl LoadError {
    /// Returns what to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoStackFile { .. } => {
                Some("name the file with -f FILE, or go to the folder it is in".to_owned())
            }
            Self::Missing { named_by, .. } => Some(format!("{named_by} names it")),
            Self::TooLarge { .. } => Some("no file of a stack may exceed 4 MiB".to_owned()),
            Self::NotUtf8 { .. } => Some("save it as UTF-8".to_owned()),
            Self::BadPattern { .. } => Some("as in include = [\"services/*.toml\"]".to_owned()),
            Self::Read { .. } => None,
        }
    }
}
