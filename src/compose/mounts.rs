//! Mounts: volumes, binds, memory, and granted sockets.

use crate::model::{
    Attributes, ContainerOptions, Grant, Mount, MountSource, MountSpec, MountSpecSource,
    ObservedSocket, Recursive, Resolved, Socket, SocketName, Stack, VolumeName, clean_path,
};

use super::rare::{text, text_map};
use super::{ComposeGeneration, Host, volume_name};

/// Returns the mounts of a container, sorted by target. Of two with one target the first wins: volumes, sockets, secrets, configs.
pub(super) fn mounts(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    host: &Host<'_>,
    delivered: Vec<MountSpec>,
) -> Vec<MountSpec> {
    let volumes = options.volumes.iter();
    let volumes = volumes.map(|mount| mount_spec(stack, mount, host.compose));
    let sockets = granted(stack, options)
        .filter(|(name, socket)| is_mounted(socket, host.sockets.get(*name)))
        .map(|(_, socket)| socket_mount(socket));
    let mut mounts: Vec<MountSpec> = Vec::new();
    for mount in volumes.chain(sockets).chain(delivered) {
        if mounts.iter().all(|other| other.target != mount.target) {
            mounts.push(mount);
        }
    }
    mounts.sort();
    mounts
}

fn mount_spec(
    stack: &Stack<Resolved>,
    mount: &Mount<Resolved>,
    compose: ComposeGeneration,
) -> MountSpec {
    let source = match &mount.source {
        MountSource::Bind {
            path,
            create_host_path,
            propagation,
            selinux,
        } => MountSpecSource::Bind {
            path: clean_path(path),
            create_host_path: create_host_path.unwrap_or(compose == ComposeGeneration::V5),
            propagation: propagation.clone(),
            selinux: selinux.clone(),
            recursive: recursive(&mount.options),
        },
        MountSource::Volume {
            volume,
            nocopy,
            subpath,
        } => MountSpecSource::Volume {
            name: volume
                .as_ref()
                .map(|key| match VolumeName::new(key.as_str()) {
                    Ok(name) => volume_name(stack, &name),
                    Err(_) => key.clone(),
                }),
            nocopy: *nocopy,
            subpath: subpath.clone(),
            labels: text_map(mount.options.get("labels")),
        },
        MountSource::Tmpfs { size, mode } => MountSpecSource::Tmpfs {
            size: *size,
            mode: *mode,
        },
        // A plan with one of another kind cannot be applied: `beyond_engine`.
        MountSource::Other { source, .. } => MountSpecSource::Image {
            reference: source.clone().unwrap_or_default(),
            subpath: text(mount.options.get("subpath")),
        },
    };
    MountSpec {
        target: mount.target.clone(),
        source,
        read_only: mount.read_only,
    }
}

/// Returns what comes along of the mounts below a bind; a plan with another word cannot be applied: `beyond_engine`.
fn recursive(options: &Attributes<Resolved>) -> Recursive {
    match text(options.get("recursive")).as_deref() {
        Some("disabled") => Recursive::Disabled,
        Some("writable") => Recursive::Writable,
        Some("readonly") => Recursive::ReadOnly,
        _ => Recursive::Enabled,
    }
}

/// Returns the sockets that a container asks for, with their definitions.
pub(super) fn granted<'a>(
    stack: &'a Stack<Resolved>,
    options: &'a ContainerOptions<Resolved>,
) -> impl Iterator<Item = (&'a SocketName, &'a Socket)> {
    options
        .sockets
        .iter()
        .filter_map(|name| stack.sockets().get(name).map(|socket| (name, socket)))
}

/// Returns whether a socket is mounted: always, unless it is optional and not there.
pub(super) fn is_mounted(socket: &Socket, observed: Option<&ObservedSocket>) -> bool {
    match observed {
        Some(ObservedSocket::Missing | ObservedSocket::NotASocket { .. }) => !socket.optional,
        Some(ObservedSocket::Present { .. } | ObservedSocket::Unknown { .. }) | None => true,
    }
}

fn socket_mount(socket: &Socket) -> MountSpec {
    MountSpec {
        target: socket_target(socket),
        source: MountSpecSource::Bind {
            path: socket.path.to_string_lossy().into_owned(),
            // A missing socket must be an error: the engine would make a folder in its place, which the daemon behind it then cannot bind.
            create_host_path: false,
            propagation: None,
            selinux: None,
            recursive: Recursive::Enabled,
        },
        read_only: false,
    }
}

/// Returns the path of a socket inside a container.
pub fn socket_target(socket: &Socket) -> String {
    let path = socket.target.as_ref().unwrap_or(&socket.path);
    // Doubled slashes go, as the engine takes them off.
    let path: std::path::PathBuf = path.components().collect();
    path.to_string_lossy().into_owned()
}

/// Returns the groups by which a container gets at its sockets, as far as they were seen.
pub(super) fn socket_groups(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    host: &Host<'_>,
) -> Vec<u32> {
    granted(stack, options)
        .filter(|(_, socket)| socket.grant == Grant::Group)
        .filter_map(|(name, _)| match host.sockets.get(name) {
            Some(ObservedSocket::Present { gid, .. }) => Some(*gid),
            Some(
                ObservedSocket::Missing
                | ObservedSocket::NotASocket { .. }
                | ObservedSocket::Unknown { .. },
            )
            | None => None,
        })
        .collect()
}
