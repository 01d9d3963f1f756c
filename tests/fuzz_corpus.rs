//! Gives every file of `fuzz/corpus` to the fuzz target of its folder, so that what fuzzing once found stays found without a fuzzer.
#![expect(clippy::disallowed_methods, reason = "tests read their own files")]

use std::path::Path;

#[path = "../fuzz/src/targets.rs"]
#[allow(
    unreachable_pub,
    reason = "the fuzz targets are another crate, which uses these"
)]
mod targets;

#[test]
fn every_text_of_the_corpus_keeps_the_promises() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let files = std::fs::read_dir(corpus.join(name)).expect("it has a corpus");
        let mut count = 0;
        for file in files {
            let path = file.expect("it can be listed").path();
            let bytes = std::fs::read(&path).expect("it can be read");
            if let Ok(text) = std::str::from_utf8(&bytes) {
                target(text);
                count += 1;
            }
        }
        assert!(count > 0, "{name} has no text");
    }
}
