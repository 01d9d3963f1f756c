//! What objects are called at the engine.

use crate::model::{
    ContainerOptions, MountSource, NetworkName, Resolved, ServiceName, Stack, VolumeName,
};

/// Returns the name of a service's container: `container_name`, else `PROJECT-SERVICE-NUMBER`.
pub fn container_name(stack: &Stack<Resolved>, service: &ServiceName, number: u32) -> String {
    stack
        .service(service)
        .and_then(|service| service.container_name.clone())
        .unwrap_or_else(|| format!("{}-{service}-{number}", stack.name()))
}

/// Returns a network's name at the engine: `name`, else the key of an external one, else `PROJECT_KEY`.
pub fn network_name(stack: &Stack<Resolved>, network: &NetworkName) -> String {
    let definition = stack.networks().get(network);
    let name = definition.and_then(|network| network.name.clone());
    let is_external = definition.is_some_and(|network| network.external);
    name.unwrap_or_else(|| default_name(stack, network.as_str(), is_external))
}

/// Returns a volume's name at the engine: `name`, else the key of an external one, else `PROJECT_KEY`.
pub fn volume_name(stack: &Stack<Resolved>, volume: &VolumeName) -> String {
    let definition = stack.volumes().get(volume);
    let name = definition.and_then(|volume| volume.name.clone());
    let is_external = definition.is_some_and(|volume| volume.external);
    name.unwrap_or_else(|| default_name(stack, volume.as_str(), is_external))
}

fn default_name(stack: &Stack<Resolved>, key: &str, is_external: bool) -> String {
    if is_external {
        key.to_owned()
    } else {
        format!("{}_{key}", stack.name())
    }
}

/// Returns the keys under `[volumes]` that a container mounts.
pub fn mounted_volumes(
    options: &ContainerOptions<Resolved>,
) -> impl Iterator<Item = VolumeName> + '_ {
    options
        .volumes
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Volume { volume, .. } => volume
                .as_ref()
                .and_then(|name| VolumeName::new(name.as_str()).ok()),
            MountSource::Bind { .. } | MountSource::Tmpfs { .. } | MountSource::Other { .. } => {
                None
            }
        })
}
