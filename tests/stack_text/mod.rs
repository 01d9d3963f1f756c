//! Stacks from the text of a stack.toml, for tests that need no file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stackgen::model::{FileRole, Resolved, SourceFile, Sources, Stack};
use stackgen::stackfile;

/// Returns the stack that a stack.toml in `/srv/shop` describes.
///
/// # Panics
/// Where it has a mistake.
pub(crate) fn stack(text: &str) -> Stack<Resolved> {
    let sources = Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![SourceFile {
            path: PathBuf::from("stack.toml"),
            role: FileRole::Main,
            text: Some(text.into()),
        }],
        environment: BTreeMap::new(),
    };
    let reading = stackfile::read(&sources, &stackfile::Selection::default());
    reading
        .resolved
        .unwrap_or_else(|| panic!("{:?}", reading.diagnostics))
}
