//! The programs that stackgen is compared with. A script of ours gets them, where the environment names no folder that has them.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "each test binary uses its own part of this; tests may look at the environment"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the folder that the programs are in, or are put into.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("STACKGEN_PEERS").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers"),
        PathBuf::from,
    )
}

/// Runs the script that puts programs into [`folder`].
pub(crate) fn run_script(name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let made = Command::new(script).arg(folder()).status();
    assert!(made.is_ok_and(|status| status.success()), "{name} failed");
}

/// Returns both generations of docker compose, the older one first.
pub(crate) fn peers() -> [PathBuf; 2] {
    let found = ["docker-compose-2", "docker-compose-5"].map(|name| folder().join(name));
    if !found.iter().all(|peer| peer.exists()) {
        run_script("scripts/peers.sh");
    }
    found
}

/// Returns docker's plug-in buildx.
pub(crate) fn buildx() -> PathBuf {
    let found = folder().join("docker-buildx");
    if !found.exists() {
        run_script("scripts/peers.sh");
    }
    found
}

/// Returns one generation of docker compose, such as `docker-compose-2`.
pub(crate) fn peer(name: &str) -> PathBuf {
    let found = peers().into_iter().find(|peer| peer.ends_with(name));
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

/// As [`peers`]; none where a machine without Docker is meant.
pub(crate) fn peers_if_any() -> Vec<PathBuf> {
    match std::env::var_os("STACKGEN_TEST_NO_DOCKER") {
        Some(_) => Vec::new(),
        None => peers().into(),
    }
}
