//! Reads one file as text, with a bound.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::LoadError;

/// No file of a stack may be larger; more than that is never read.
const LIMIT: u64 = 4 * 1024 * 1024;

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
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > LIMIT {
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
