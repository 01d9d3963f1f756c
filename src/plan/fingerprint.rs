//! Digests of a snapshot, of its objects and of a plan.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::compose::mounted_digest;
use crate::model::{Observed, ObservedContainer, ObservedNetwork};

use super::index::Index;
use super::{Fingerprint, Plan};

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
    for (path, file) in &observed.files {
        let content = file.content.map(|content| mounted_digest(salt, &content));
        (path, file.id, content).hash(&mut input);
    }
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

/// Returns a digest of one part, which nobody can guess who lacks the salt.
pub fn salted(salt: &str, part: impl AsRef<[u8]>) -> Fingerprint {
    let mut digest = Sha256::new();
    for part in [salt.as_bytes(), part.as_ref()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let hex = digest.finalize();
    Fingerprint(hex.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns a digest of every object of a snapshot, such as `container shop-web-1`, so that what moved can be named. What counts is what
/// counts in the digest of the whole.
pub fn object_fingerprints(observed: &Observed, salt: &str) -> BTreeMap<String, Fingerprint> {
    let mut objects: BTreeMap<String, Input> = BTreeMap::new();
    // Two networks may have one name, and then they are one entry.
    let mut input = |what: String, add: &dyn Fn(&mut Input)| add(objects.entry(what).or_default());
    let mut containers: Vec<&ObservedContainer> = observed.containers.iter().collect();
    containers.sort_by_key(|it| &it.id);
    for it in containers {
        input(format!("container {}", it.name), &|input| {
            add_container(input, it)
        });
    }
    let mut networks: Vec<&ObservedNetwork> = observed.networks.iter().collect();
    networks.sort_by_key(|it| &it.id);
    for it in networks {
        input(format!("network {}", it.name), &|input| {
            add_network(input, it)
        });
    }
    for it in &observed.volumes {
        input(format!("volume {}", it.name), &|input| it.hash(input));
    }
    for (reference, image) in &observed.images {
        input(format!("image {reference}"), &|input| image.hash(input));
    }
    for (name, socket) in &observed.sockets {
        input(format!("socket {name}"), &|input| socket.hash(input));
    }
    for it in &observed.unknown {
        input(it.what.clone(), &|input| it.why.hash(input));
    }
    let objects = objects.into_iter();
    objects
        .map(|(what, input)| (what, salted(salt, input.0)))
        .collect()
}

/// Returns a digest of a plan: of its changes, steps and notes as they are, with the values that are not shown.
pub fn plan_fingerprint(plan: &Plan, salt: &str) -> Fingerprint {
    salted(
        salt,
        format!("{:?}{:?}{:?}", plan.changes, plan.steps, plan.notes),
    )
}
