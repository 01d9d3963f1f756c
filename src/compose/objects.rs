//! Networks, volumes, and everything of a stack that is to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Attachment, Attribute, ContainerOptions, IpamPoolSpec, NetworkName, NetworkSpec, Resolved,
    Scope, Stack, TaskKind, VolumeName, VolumeSpec,
};

use super::files::mounted_paths;
use super::network::default_network;
use super::rare::text_map;
use super::{
    ComposeGeneration, built_images, container_name, labels, mounted_volumes, network_hash,
    network_name, volume_hash, volume_name,
};

/// Returns a network as it is asked of the engine.
pub fn network_spec(
    stack: &Stack<Resolved>,
    network: &NetworkName,
    compose: ComposeGeneration,
) -> NetworkSpec {
    let definition = stack.networks().get(network).cloned().unwrap_or_default();
    let hash = network_hash(stack, network, compose);
    NetworkSpec {
        name: network_name(stack, network),
        driver: definition.driver.unwrap_or_default(),
        options: definition.driver_opts.into_iter().collect(),
        internal: definition.internal,
        attachable: definition.attachable,
        enable_ipv4: match definition.more.get("enable_ipv4") {
            Some(Attribute::Flag(flag)) => Some(*flag),
            _ => None,
        },
        enable_ipv6: definition.enable_ipv6,
        labels: object_labels(
            stack,
            compose,
            definition.labels.into_iter().collect(),
            (labels::NETWORK, network.as_str()),
            hash,
        ),
        ipam_driver: definition.ipam.driver,
        ipam_options: text_map(definition.ipam.more.get("options")),
        pools: definition
            .ipam
            .config
            .into_iter()
            .map(|pool| IpamPoolSpec {
                subnet: pool.subnet,
                ip_range: pool.ip_range,
                gateway: pool.gateway,
                aux_addresses: text_map(pool.more.get("aux_addresses")),
            })
            .collect(),
    }
}

/// Returns a volume as it is asked of the engine.
pub fn volume_spec(
    stack: &Stack<Resolved>,
    volume: &VolumeName,
    compose: ComposeGeneration,
) -> VolumeSpec {
    let definition = stack.volumes().get(volume).cloned().unwrap_or_default();
    let hash = volume_hash(stack, volume);
    VolumeSpec {
        name: volume_name(stack, volume),
        driver: definition.driver.unwrap_or_else(|| "local".to_owned()),
        options: definition.driver_opts.into_iter().collect(),
        labels: object_labels(
            stack,
            compose,
            definition.labels.into_iter().collect(),
            (labels::VOLUME, volume.as_str()),
            hash,
        ),
    }
}

fn object_labels(
    stack: &Stack<Resolved>,
    compose: ComposeGeneration,
    mut all: BTreeMap<String, String>,
    (key_label, key): (&str, &str),
    hash: String,
) -> BTreeMap<String, String> {
    let version = compose.version();
    for (label, value) in [
        (labels::PROJECT, stack.name().as_str()),
        (key_label, key),
        (labels::CONFIG_HASH, &hash),
        (labels::VERSION, version),
    ] {
        all.insert(label.to_owned(), value.to_owned());
    }
    all
}

/// Returns the networks that a container is attached to. A service that names none is on `default`.
pub fn service_networks(options: &ContainerOptions<Resolved>) -> BTreeSet<NetworkName> {
    match &options.attachment {
        Attachment::Mode(_) => BTreeSet::new(),
        Attachment::Networks(networks) if networks.is_empty() => [default_network()].into(),
        Attachment::Networks(networks) => networks.keys().cloned().collect(),
    }
}

/// Returns the networks that a service that is switched on or a task uses.
pub fn needed_networks(stack: &Stack<Resolved>) -> BTreeSet<NetworkName> {
    let mut needed: BTreeSet<NetworkName> = stack
        .active_services()
        .flat_map(|(_, service)| service_networks(&service.container))
        .collect();
    for task in stack.dags().values().flat_map(|dag| dag.tasks.values()) {
        match &task.kind {
            TaskKind::Docker(options) => {
                if let Attachment::Networks(networks) = &options.attachment {
                    needed.extend(networks.keys().cloned());
                }
            }
            TaskKind::Http(http) => needed.extend(http.network.clone()),
            TaskKind::Exec(_) | TaskKind::Bash(_) => {}
        }
    }
    needed
}

/// Returns the volumes that a service that is switched on or a task uses.
pub fn needed_volumes(stack: &Stack<Resolved>) -> BTreeSet<VolumeName> {
    let services = stack
        .active_services()
        .map(|(_, service)| &service.container);
    let tasks = stack
        .dags()
        .values()
        .flat_map(|dag| dag.tasks.values())
        .filter_map(|task| match &task.kind {
            TaskKind::Docker(options) => Some(options.as_ref()),
            TaskKind::Exec(_) | TaskKind::Bash(_) | TaskKind::Http(_) => None,
        });
    services.chain(tasks).flat_map(mounted_volumes).collect()
}

/// Returns everything of a stack that is to be looked at, services of inactive profiles included.
pub fn scope(stack: &Stack<Resolved>) -> Scope {
    let names = stack.services().iter().flat_map(|(name, service)| {
        (1..=service.scale.max(1)).map(|number| container_name(stack, name, number))
    });
    let mut networks: BTreeSet<NetworkName> = stack.networks().keys().cloned().collect();
    networks.extend(needed_networks(stack));
    Scope {
        project: stack.name().clone(),
        images: stack
            .containers()
            .filter_map(|(_, options)| options.image.clone())
            .chain(built_images(stack).map(|(_, image)| image))
            .collect(),
        networks: networks
            .iter()
            .map(|network| network_name(stack, network))
            .collect(),
        volumes: stack
            .volumes()
            .keys()
            .map(|volume| volume_name(stack, volume))
            .collect(),
        container_names: names.collect(),
        files: stack
            .services()
            .values()
            .flat_map(|service| mounted_paths(stack, &service.container))
            .collect(),
        sockets: stack
            .sockets()
            .iter()
            .map(|(name, socket)| (name.clone(), socket.path.clone()))
            .collect(),
    }
}
