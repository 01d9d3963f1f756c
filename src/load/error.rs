//! Why the files of a stack cannot be read.

use std::path::PathBuf;

use crate::model::{FILE_BYTES, FILES, TEMPLATE_BYTES, TOTAL_BYTES, mebibytes};

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
    #[error("{} is larger than {} MiB", path.display(), mebibytes(FILE_BYTES))]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Something stands in place of a file.
    #[error("{} is not a file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// All files of a stack together are larger than any stack needs.
    #[error("with {} the files of this stack are larger than {} MiB", path.display(), mebibytes(TOTAL_BYTES))]
    TooMuch {
        /// The file that was too much.
        path: PathBuf,
    },
    /// The templates are larger than any stack needs.
    #[error("with {} the templates of this stack are larger than {} MiB", path.display(), mebibytes(TEMPLATE_BYTES as u64))]
    TemplatesTooLarge {
        /// The template that was too much.
        path: PathBuf,
    },
    /// There are more files than any stack has.
    #[error("{} is one file too many: a stack may include {FILES}", path.display())]
    TooMany {
        /// The first file that was left out.
        path: PathBuf,
    },
    /// A pattern goes through more folders, or is longer, than any include needs.
    #[error("[stack] include has a pattern that goes too far: {}", pattern.chars().take(100).collect::<String>())]
    PatternTooWide {
        /// The pattern.
        pattern: String,
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
            Self::TooLarge { .. } => Some(format!(
                "no file of a stack may exceed {} MiB",
                mebibytes(FILE_BYTES)
            )),
            Self::TemplatesTooLarge { .. } => {
                Some("templates/*.j2 hold layout; what is long belongs into stack.toml".to_owned())
            }
            Self::NotAFile { .. } => Some("a pipe, a device or a folder stands there".to_owned()),
            Self::TooMuch { .. } | Self::TooMany { .. } => {
                Some("do its include patterns match more than they are meant to?".to_owned())
            }
            Self::PatternTooWide { .. } => {
                Some("name the folder of the files, as in \"services/*.toml\"".to_owned())
            }
            Self::NotUtf8 { .. } => Some("save it as UTF-8".to_owned()),
            Self::BadPattern { .. } => Some("as in include = [\"services/*.toml\"]".to_owned()),
            Self::Read { .. } => None,
        }
    }
}
