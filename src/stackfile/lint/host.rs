//! Containers with a hold on the machine they run on.

use crate::key_path;
use crate::model::{Attachment, ContainerOptions, Form, KeyPath, MountSource};

use super::super::Code;
use super::Linting;

/// Folders of the host that are the machine itself: who writes there is root on it.
const SYSTEM: [&str; 16] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var",
    "/var/lib/docker",
    "/var/run",
];

/// Those of them that are dangerous to read too: they hold sockets, which heed no `:ro`, or passwords.
const SECRET: [&str; 7] = [
    "/",
    "/etc",
    "/root",
    "/run",
    "/var",
    "/var/lib/docker",
    "/var/run",
];

/// Sockets of container engines.
const ENGINES: [&str; 4] = ["docker.sock", "podman.sock", "containerd.sock", "crio.sock"];

/// Tells containers with all rights.
pub(super) fn privileged<F: Form>(linting: &mut Linting<'_, F>) {
    for (path, options) in linting.containers() {
        if options.privileged.as_ref().and_then(F::known) == Some(&true) {
            let message = format!("{path} has all rights on this machine");
            let help = "single rights: cap_add = [\"NET_ADMIN\"], devices = [\"/dev/ttyUSB0\"]";
            let at = path.join("privileged");
            linting.value(Code::Privileged, &at, message, "root outside too", help);
        }
    }
}

/// Tells containers that share a namespace of the host.
pub(super) fn namespace<F: Form>(linting: &mut Linting<'_, F>) {
    for (path, options) in linting.containers() {
        for (key, what, label) in host_namespaces(options) {
            let message = format!("{path} runs in the {what} namespace of this machine");
            let help = match key {
                "network_mode" => {
                    "networks = […], and ports = […] for what is reached from outside"
                }
                _ => "without the line it has its own",
            };
            linting.value(Code::HostNamespace, &path.join(key), message, label, help);
        }
    }
}

/// A key, the namespace that it is about, and what sharing it means.
type Namespace = (&'static str, &'static str, &'static str);

fn host_namespaces<F: Form>(options: &ContainerOptions<F>) -> Vec<Namespace> {
    let mode = match &options.attachment {
        Attachment::Mode(mode) => Some(mode),
        Attachment::Networks(_) => None,
    };
    let namespaces = [
        (
            (
                "network_mode",
                "network",
                "reaches all that listens on localhost",
            ),
            mode,
        ),
        (
            ("pid", "process", "sees and signals every process"),
            options.pid.as_ref(),
        ),
        (
            ("ipc", "IPC", "shares memory with every process"),
            options.ipc.as_ref(),
        ),
        (
            ("uts", "host name", "can rename the machine"),
            options.uts.as_ref(),
        ),
        (
            ("userns_mode", "user", "root inside is root outside"),
            options.userns_mode.as_ref(),
        ),
        (
            ("cgroup", "cgroup", "sees the limits of everything"),
            options.cgroup.as_ref(),
        ),
    ];
    let is_host = |value: Option<&F::Value<String>>| {
        value
            .and_then(F::known)
            .is_some_and(|value| value == "host")
    };
    namespaces
        .into_iter()
        .filter(|(_, value)| is_host(*value))
        .map(|(namespace, _)| namespace)
        .collect()
}

/// A folder or file of the host as a container sees it.
struct Bind {
    at: KeyPath,
    path: String,
    is_read_only: bool,
}

fn binds<F: Form>(linting: &Linting<'_, F>) -> Vec<Bind> {
    let mut binds = Vec::new();
    for (path, options) in linting.containers() {
        for (index, mount) in options.volumes.iter().enumerate() {
            let Some(mount) = F::known(mount) else {
                continue;
            };
            if let MountSource::Bind { path: source, .. } = &mount.source
                && let Some(source) = F::known(source)
            {
                binds.push(Bind {
                    at: path.join("volumes").join(index),
                    path: source.clone(),
                    is_read_only: F::known(&mount.read_only) == Some(&true),
                });
            }
        }
    }
    binds
}

/// Tells mounts of folders that are the machine itself.
pub(super) fn mount<F: Form>(linting: &mut Linting<'_, F>) {
    for bind in binds(linting) {
        let path = match bind.path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let folders = if bind.is_read_only {
            &SECRET[..]
        } else {
            &SYSTEM[..]
        };
        if !folders.contains(&path) {
            continue;
        }
        let owner = bind.at.parent().parent();
        let (does, label) = if bind.is_read_only {
            ("read", "sockets and passwords are in it")
        } else {
            ("write to", "root on this machine")
        };
        let message = format!("{owner} can {does} {path} of this machine");
        let help = "mount the one folder or file that it needs";
        linting.value(Code::HostMount, &bind.at, message, label, help);
    }
}

/// Tells sockets of container engines that are mounted by hand. Those with `:ro` are for [`socket_read_only`].
pub(super) fn socket_mount<F: Form>(linting: &mut Linting<'_, F>) {
    let has_read_only = linting.levels.is_on(Code::SocketReadOnly);
    for bind in binds(linting) {
        if is_engine(&bind.path) && !(bind.is_read_only && has_read_only) {
            let owner = bind.at.parent().parent();
            let message = format!("{owner} has the socket of the engine by a mount of its own");
            let label = "root for whoever connects";
            let help = grant(linting, &bind.path);
            linting.value(Code::SocketMount, &bind.at, message, label, &help);
        }
    }
}

/// Tells sockets that are mounted read-only, which keeps nobody from writing to them.
pub(super) fn socket_read_only<F: Form>(linting: &mut Linting<'_, F>) {
    for bind in binds(linting) {
        if !bind.is_read_only || !bind.path.ends_with(".sock") {
            continue;
        }
        let message = "\":ro\" does not protect a socket".to_owned();
        let label = if is_engine(&bind.path) {
            "root for whoever connects"
        } else {
            "whoever connects can write"
        };
        let help = grant(linting, &bind.path);
        linting.value(Code::SocketReadOnly, &bind.at, message, label, &help);
    }
}

fn is_engine(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ENGINES.contains(&name)
}

/// Returns how a socket is granted openly: by a table that is there, or by one to be written.
fn grant<F: Form>(linting: &Linting<'_, F>, path: &str) -> String {
    let canonical = |path: &str| path.replacen("/var/run/", "/run/", 1);
    let known = linting
        .stack
        .sockets()
        .iter()
        .find(|(_, socket)| canonical(&socket.path.to_string_lossy()) == canonical(path));
    match known {
        Some((name, _)) => format!("sockets = [\"{name}\"] in its place says so openly"),
        None => {
            let name = if path.ends_with("docker.sock") {
                "docker"
            } else {
                "NAME"
            };
            format!("sockets = [\"{name}\"], and a table [sockets.{name}] with path = {path:?}")
        }
    }
}

/// Tells volumes whose name is one letter, which Compose takes for a drive of Windows in the short form of a mount.
pub(super) fn one_letter_volume<F: Form>(linting: &mut Linting<'_, F>) {
    let letters: Vec<String> = linting
        .stack
        .volumes()
        .keys()
        .map(ToString::to_string)
        .filter(|name| name.len() == 1 && name.chars().all(|c| c.is_ascii_alphabetic()))
        .collect();
    for name in letters {
        let at = key_path!["volumes", name];
        let message = format!("{at} has a name of one letter, as drives of Windows have");
        let label = format!("\"{name}:/data\" is a drive's folder to Compose");
        let help = format!(
            "a longer name; name = \"{}_{name}\" in its table keeps the data",
            linting.stack.name()
        );
        linting.key(Code::OneLetterVolume, &at, message, &label, &help);
    }
}
