//! Files of the repository that are made from the language.

use std::path::{Path, PathBuf};

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a committed file with what it has to be; `STACKGEN_BLESS=1` writes it anew.
pub(crate) fn assert_current(name: &str, text: &str) {
    let path: PathBuf = root().join(name);
    if std::env::var_os("STACKGEN_BLESS").is_some() {
        let folder = path.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("the folder can be made");
        std::fs::write(&path, text).expect("it can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(committed.as_str(), text);
    let diff = diff.unified_diff().to_string();
    assert!(
        diff.is_empty(),
        "{name} is not what the language says; STACKGEN_BLESS=1 writes it anew:\n{diff}"
    );
}
