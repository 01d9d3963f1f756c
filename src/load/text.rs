//! Reads one file as text, with a bound.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::model::{FILE_BYTES, FILES, TOTAL_BYTES};

use super::LoadError;

/// What the files of one stack may still hold.
#[derive(Debug, Clone)]
pub(super) struct ReadBudget {
    files: usize,
    bytes: u64,
}

impl Default for ReadBudget {
    fn default() -> Self {
        Self {
            files: FILES,
            bytes: TOTAL_BYTES,
        }
    }
}

impl ReadBudget {
    /// Reads a file as [`read_text`] does, and takes it from the budget.
    pub(super) fn read(&mut self, path: &Path) -> Result<Option<String>, LoadError> {
        let too_many = || LoadError::TooMany {
            path: path.to_owned(),
        };
        self.files = self.files.checked_sub(1).ok_or_else(too_many)?;
        let text = read_text(path)?;
        let length = text.as_ref().map_or(0, |text| text.len() as u64);
        let too_much = || LoadError::TooMuch {
            path: path.to_owned(),
        };
        self.bytes = self.bytes.checked_sub(length).ok_or_else(too_much)?;
        Ok(text)
    }
}

/// Returns the text of a compose file that is to be imported.
///
/// # Errors
/// [`LoadError`] where it is missing, too large, no text or not readable.
pub fn compose_file(path: &Path) -> Result<String, LoadError> {
    read_text(path)?.ok_or_else(|| LoadError::Missing {
        path: path.to_owned(),
        named_by: "the import".to_owned(),
    })
}

/// Returns the text of the `.env` file of a folder, or `None` where there is none.
///
/// # Errors
/// [`LoadError`] where it is too large, no text or not readable.
pub fn env_file(folder: &Path) -> Result<Option<String>, LoadError> {
    read_text(&folder.join(".env"))
}

/// Returns the text of a file, or `None` where there is no such file.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe would wait for a writer.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    // A device or pipe may go on for ever, and what it gives is gone afterwards.
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(LoadError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(LoadError::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|error| LoadError::NotUtf8 {
            path: path.to_owned(),
            at: error.utf8_error().valid_up_to(),
        })
}
