//! Inputs that mean harm, or are merely far too large: each ends with a clear, short message, within 64 MiB, and by no signal.
//!
//! Every case makes a folder, runs the binary in it and measures it. How long it takes is measured by `benches/hostile.py`, on a release
//! build and on the same folders, which `STACKGEN_HOSTILE_CASES=FOLDER cargo test --test hostile -- --ignored` writes.
#![expect(clippy::disallowed_methods, reason = "tests write their own files")]

mod case;
mod env_files;
mod stack_toml;
mod templates;
mod yaml;

use std::path::Path;

use case::Case;

fn all() -> Vec<&'static Case> {
    [stack_toml::ALL, env_files::ALL, templates::ALL, yaml::ALL].concat()
}

#[test]
#[ignore = "writes the folders of all cases to $STACKGEN_HOSTILE_CASES, for benches/hostile.py"]
fn the_cases_are_written() {
    let folder = std::env::var("STACKGEN_HOSTILE_CASES").expect("it names a folder");
    for case in all() {
        case.write(&Path::new(&folder).join(case.name));
    }
}
