//! Stacks to files, and back through the readers that others use.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod hashes;
mod readers;
mod stacks;
mod templates;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stackgen::model::{Stack, Template};
use stackgen::render::{Generated, RenderRequest, render};

pub fn request() -> RenderRequest {
    RenderRequest {
        source: "stack.toml".to_owned(),
        digest: "0123".to_owned(),
        env_files: vec![".env".to_owned()],
        output: "generated".into(),
        templates: BTreeMap::new(),
    }
}

/// Compares with the file of that name beside this test. `STACKGEN_BLESS=1` writes it instead.
fn check(file: &Generated) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/platform")
        .join(file.path.strip_prefix("generated").unwrap());
    #[expect(clippy::disallowed_methods, reason = "golden files are on disk")]
    if std::env::var("STACKGEN_BLESS").is_ok() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &file.text).unwrap();
    }
    #[expect(clippy::disallowed_methods, reason = "golden files are on disk")]
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(expected.as_str(), file.text.as_str());
    let diff = diff.unified_diff().to_string();
    assert_eq!(diff, "", "{} is not what it was", golden.display());
}

#[test]
fn a_stack_with_one_of_everything_renders_to_the_recorded_files() {
    let stack = Stack::new(stacks::platform::<Template>("render-golden", false)).unwrap();
    let files = render(&Arc::new(stack), &request()).unwrap();
    let paths: Vec<&str> = files.iter().filter_map(|file| file.path.to_str()).collect();
    assert_eq!(
        paths,
        [
            "generated/dags/pipeline.py",
            "generated/docker-compose.yml",
            "generated/tasks/pipeline.json"
        ]
    );
    for file in &files {
        check(file);
    }
}
