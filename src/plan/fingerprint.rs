//! A digest of a snapshot.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::model::{Observed, ObservedContainer, ObservedNetwork};

use super::Fingerprint;
use super::index::Index;

/// Bytes to be digested, as the types give them to whoever hashes them: every text and list with its length or end.
#[derive(Default)]
struct Input(Vec<u8>);

impl Hasher for Input {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Returns a digest of what a plan is made from: not of health, times and counters, which move by themselves. Builds of stackgen may differ
/// in it, so that a plan saved by another one counts as stale.
pub(super) fn fingerprint(observed: &Observed, index: &Index<'_>, salt: &str) -> Fingerprint {
    let mut digest = Sha256::new();
    let mut input = Input::default();
    salt.hash(&mut input);
    observed.engine.hash(&mut input);
    index.containers.len().hash(&mut input);
    for container in &index.containers {
        add_container(&mut input, container);
        // In pieces, so that no copy of the whole snapshot is made.
        digest.update(&input.0);
        input.0.clear();
    }
    index.networks.len().hash(&mut input);
    for network in &index.networks {
        add_network(&mut input, network);
    }
    index.volumes.hash(&mut input);
    observed.images.hash(&mut input);
    observed.sockets.hash(&mut input);
    digest.update(&input.0);
    let hex = digest.finalize();
    Fingerprint(hex.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn add_container(input: &mut Input, container: &ObservedContainer) {
    let state = &container.state;
    container.id.hash(input);
    container.name.hash(input);
    container.image_id.hash(input);
    state.status.hash(input);
    state.exit_code.hash(input);
    container.config.hash(input);
    container.network_ids.hash(input);
}

fn add_network(input: &mut Input, network: &ObservedNetwork) {
    network.id.hash(input);
    network.name.hash(input);
    network.driver.hash(input);
    network.options.hash(input);
    [network.internal, network.attachable, network.enable_ipv6].hash(input);
    network.labels.hash(input);
    network.pools.hash(input);
    network.containers.hash(input);
}
