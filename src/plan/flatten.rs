//! A container as a map of fields, so that two of them can be compared field by field.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::compose::short_digest;
use crate::key_path;
use crate::model::{
    Bytes, ContainerConfig, EndpointSpec, HealthSpec, KeyPath, Limits, MountSpec, MountSpecSource,
    PortSpec, Recursive, Resolved, Restart, format_duration,
};

use super::rare::put_rare;

/// Fields by the paths that they have in stack.toml below their service. What has the engine's fixed default is not in it.
pub(super) type Fields = BTreeMap<KeyPath, String>;

/// Size of /dev/shm where nothing is said, in bytes.
const DEFAULT_SHM_SIZE: i64 = 64 * 1024 * 1024;
/// Seconds before a stopped container is killed where nothing is said.
const DEFAULT_STOP_TIMEOUT_S: i64 = 10;

/// Returns the fields of `config`. Labels, networks and mounts have been cleaned of what the engine added.
pub(super) fn flatten(config: &ContainerConfig) -> Fields {
    let mut fields = Fields::new();
    let all = &mut fields;
    put(all, "image", Some(&config.image));
    put(all, "command", words(config.command.as_deref()));
    put(all, "entrypoint", words(config.entrypoint.as_deref()));
    for (name, value) in &config.environment {
        let value = value.as_deref().unwrap_or("(only the name)").to_owned();
        all.insert(key_path!["environment", name], value);
    }
    put(all, "hostname", text(config.hostname.as_deref()));
    put(all, "domainname", text(config.domainname.as_deref()));
    put(all, "user", text(config.user.as_deref()));
    let working_dir = text(config.working_dir.as_deref()).filter(|path| *path != "/");
    put(all, "working_dir", working_dir);
    let signal = text(config.stop_signal.as_deref());
    let signal = signal.filter(|signal| !matches!(*signal, "SIGTERM" | "TERM" | "15"));
    put(all, "stop_signal", signal);
    let grace = config.stop_timeout_s;
    let grace = grace.filter(|seconds| *seconds != DEFAULT_STOP_TIMEOUT_S);
    put(all, "stop_grace_period", grace.map(|s| format!("{s}s")));
    flag(all, "tty", config.tty);
    flag(all, "stdin_open", config.stdin_open);
    put(all, "expose", list(&exposed(config)));
    let ports: Vec<String> = config.ports.iter().map(port_text).collect();
    put(all, "ports", list(&sorted(&ports)));
    if let Some(health) = &config.health {
        put_health(all, health);
    }
    put_map(all, "labels", &config.labels);
    put_map(all, "annotations", &config.annotations);
    for mount in &config.mounts {
        let target = mount.target.trim_end_matches('/');
        all.insert(key_path!["volumes", target], mount_text(mount));
    }
    for (path, options) in &config.tmpfs {
        let options = if options.is_empty() {
            "mounted"
        } else {
            options
        };
        all.insert(key_path!["tmpfs", path], options.to_owned());
    }
    let mode = text(config.network_mode.as_deref());
    let mode = mode.map(|mode| if mode == "default" { "bridge" } else { mode });
    put(all, "network_mode", mode);
    for (network, endpoint) in &config.endpoints {
        all.insert(key_path!["networks", network], endpoint_text(endpoint));
    }
    put(all, "dns", list(&config.dns));
    put(all, "dns_search", list(&config.dns_search));
    put(all, "dns_opt", list(&config.dns_options));
    put(all, "extra_hosts", list(&sorted(&config.extra_hosts)));
    put(
        all,
        "restart",
        Some(restart(config.restart)).filter(|policy| *policy != Restart::No),
    );
    put(all, "cap_add", list(&sorted(&config.cap_add)));
    put(all, "cap_drop", list(&sorted(&config.cap_drop)));
    put(all, "group_add", list(&sorted(&config.group_add)));
    let security = config.security_opt.iter().map(|it| security_text(it));
    let security: Vec<String> = security.collect();
    put(all, "security_opt", list(&sorted(&security)));
    put_map(all, "sysctls", &config.sysctls);
    for (name, (soft, hard)) in &config.ulimits {
        all.insert(key_path!["ulimits", name], format!("{soft}:{hard}"));
    }
    let devices: Vec<String> = config.devices.iter().map(device_text).collect();
    put(all, "devices", list(&sorted(&devices)));
    if let Some((driver, options)) = &config.logging {
        put(all, "logging.driver", text(Some(driver)));
        put_map(all, "logging.options", options);
    }
    put_limits(all, &config.limits);
    let shm = config.shm_size;
    put(
        all,
        "shm_size",
        shm.filter(|size| size.0 != DEFAULT_SHM_SIZE && size.0 != 0),
    );
    put(
        all,
        "oom_score_adj",
        config.oom_score_adj.filter(|score| *score != 0),
    );
    flag(all, "oom_kill_disable", config.oom_kill_disable);
    flag(all, "privileged", config.privileged);
    flag(all, "read_only", config.read_only);
    put(all, "init", config.init);
    let ipc = text(config.ipc.as_deref()).filter(|mode| !matches!(*mode, "private" | "shareable"));
    put(all, "ipc", ipc);
    put(all, "pid", text(config.pid.as_deref()));
    put(all, "uts", text(config.uts.as_deref()));
    put(all, "userns_mode", text(config.userns_mode.as_deref()));
    put(all, "cgroup", text(config.cgroup.as_deref()));
    put(all, "cgroup_parent", text(config.cgroup_parent.as_deref()));
    let runtime = text(config.runtime.as_deref()).filter(|runtime| *runtime != "runc");
    put(all, "runtime", runtime);
    put(all, "mac_address", text(config.mac_address.as_deref()));
    put_map(all, "storage_opt", &config.storage_opt);
    put_rare(all, &config.rare);
    fields
}

/// Puts a value under a dotted key of ours; nothing for `None`.
pub(super) fn put(fields: &mut Fields, key: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        fields.insert(KeyPath::new(key.split('.')), value.to_string());
    }
}

pub(super) fn flag(fields: &mut Fields, key: &str, value: bool) {
    put(fields, key, value.then_some(true));
}

fn put_map(fields: &mut Fields, key: &str, map: &BTreeMap<String, String>) {
    let parent = KeyPath::new(key.split('.'));
    for (name, value) in map {
        fields.insert(parent.join(name), value.clone());
    }
}

/// Returns a text that is there and not empty; the engine reports what is absent as an empty text.
fn text(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn words(words: Option<&[String]>) -> Option<String> {
    words
        .filter(|words| !words.is_empty())
        .map(shell_words::join)
}

pub(super) fn list(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join(", "))
}

fn sorted(items: &[String]) -> Vec<String> {
    let mut items = items.to_vec();
    items.sort();
    items.dedup();
    items
}

/// Returns the exposed ports; a published one says so itself and is left out.
fn exposed(config: &ContainerConfig) -> Vec<String> {
    let published = |port: &str| {
        config
            .ports
            .iter()
            .any(|spec| format!("{}/{}", spec.target, spec.protocol) == port)
    };
    let with_protocol = config.exposed.iter().map(|port| {
        if port.contains('/') {
            port.clone()
        } else {
            format!("{port}/tcp")
        }
    });
    let ports: Vec<String> = with_protocol.filter(|port| !published(port)).collect();
    sorted(&ports)
}

/// Writes a port as in stack.toml's short form, with its protocol unless it is TCP.
pub(super) fn port_text(port: &PortSpec) -> String {
    let mut text = String::new();
    if !port.host_ip.is_empty() {
        text.push_str(&port.host_ip);
        text.push(':');
    }
    if !port.published.is_empty() && port.published != "0" {
        text.push_str(&port.published);
        text.push(':');
    }
    text.push_str(&port.target.to_string());
    if port.protocol != crate::model::Protocol::Tcp {
        text.push_str(&format!("/{}", port.protocol));
    }
    text
}

fn put_health(fields: &mut Fields, health: &HealthSpec) {
    if health.is_disabled() {
        put(fields, "healthcheck.disable", Some(true));
        return;
    }
    put(fields, "healthcheck.test", words(Some(&health.test)));
    let times = [
        ("healthcheck.interval", health.interval),
        ("healthcheck.timeout", health.timeout),
        ("healthcheck.start_period", health.start_period),
        ("healthcheck.start_interval", health.start_interval),
    ];
    for (key, time) in times {
        put(
            fields,
            key,
            time.filter(|time| !time.is_zero()).map(format_duration),
        );
    }
    put(
        fields,
        "healthcheck.retries",
        health.retries.filter(|retries| *retries != 0),
    );
}

/// Writes what is mounted. Whether the host path is made and how labels are set matters at creation only and cannot be seen later.
fn mount_text(mount: &MountSpec) -> String {
    let source = match &mount.source {
        MountSpecSource::Bind {
            path,
            propagation,
            recursive,
            ..
        } => {
            let propagation = propagation
                .as_deref()
                .filter(|p| !p.is_empty() && *p != "rprivate");
            let mut suffix = propagation.map(|p| format!(" ({p})")).unwrap_or_default();
            suffix.push_str(match recursive {
                Recursive::Enabled => "",
                Recursive::Disabled => " without what is mounted below",
                Recursive::Writable => " with what is mounted below writable",
                Recursive::ReadOnly => " with what is mounted below read-only",
            });
            format!(
                "{}{suffix}",
                if path == "/" {
                    path
                } else {
                    path.trim_end_matches('/')
                }
            )
        }
        MountSpecSource::Volume { name, subpath, .. } => {
            let name = name.as_deref().unwrap_or("(anonymous)");
            let subpath = subpath.as_deref().map(|path| format!("/{path}"));
            format!("{name}{}", subpath.unwrap_or_default())
        }
        MountSpecSource::Image { reference, subpath } => {
            let subpath = subpath.as_deref().map(|path| format!("/{path}"));
            format!("image {reference}{}", subpath.unwrap_or_default())
        }
        MountSpecSource::Tmpfs { size, mode } => {
            let size = size.map(|size| format!(" size={size}")).unwrap_or_default();
            let mode = mode
                .map(|mode| format!(" mode={mode:o}"))
                .unwrap_or_default();
            format!("tmpfs{size}{mode}")
        }
    };
    let access = if mount.read_only { ":ro" } else { "" };
    format!("{source}{access}")
}

/// Writes how a network is attached: `attached`, and what was asked for beyond.
fn endpoint_text(endpoint: &EndpointSpec) -> String {
    let mut parts = vec!["attached".to_owned()];
    if !endpoint.aliases.is_empty() {
        parts.push(format!("as {}", sorted(&endpoint.aliases).join(", ")));
    }
    let addresses = [
        &endpoint.ipv4_address,
        &endpoint.ipv6_address,
        &endpoint.mac_address,
    ];
    for address in addresses.into_iter().flatten().filter(|a| !a.is_empty()) {
        parts.push(format!("at {address}"));
    }
    let rare = &endpoint.rare;
    for address in &rare.link_local_ips {
        parts.push(format!("at {address}"));
    }
    for (name, value) in &rare.driver_opts {
        parts.push(format!("{name}={value}"));
    }
    if rare.gateway_priority != 0 {
        parts.push(format!("gateway priority {}", rare.gateway_priority));
    }
    if !rare.links.is_empty() {
        let links: Vec<&str> = rare.links.iter().map(String::as_str).collect();
        parts.push(format!("linked to {}", links.join(", ")));
    }
    parts.join(" ")
}

/// Writes a security option; of a seccomp profile, which is long, a digest stands for it.
fn security_text(option: &str) -> String {
    match option.strip_prefix("seccomp={") {
        Some(profile) => format!("seccomp profile {}", short_digest(profile.as_bytes())),
        None => option.to_owned(),
    }
}

fn device_text((host, inside, permissions): &(String, String, String)) -> String {
    let permissions = if permissions.is_empty() {
        "rwm"
    } else {
        permissions
    };
    format!("{host}:{inside}:{permissions}")
}

/// Returns the policy with `on-failure:0`, as the engine reports it, as `on-failure`.
fn restart(policy: Restart) -> Restart {
    match policy {
        Restart::OnFailure(Some(0)) => Restart::OnFailure(None),
        Restart::No | Restart::Always | Restart::UnlessStopped | Restart::OnFailure(_) => policy,
    }
}

/// Returns `limits` with the memory and swap that the engine makes of the memory alone.
pub(super) fn with_swap(limits: &Limits<Resolved>) -> Limits<Resolved> {
    let mut limits = limits.clone();
    let memory = limits.memory.filter(|memory| memory.0 > 0);
    let swap = limits.memory_swap.filter(|swap| swap.0 != 0);
    limits.memory_swap = match (memory, swap) {
        (Some(memory), None) => Some(Bytes(memory.0.saturating_mul(2))),
        (Some(_) | None, swap) => swap,
    };
    limits
}

/// Puts limits; 0 is the engine's way to say that there is none, and -1 that there is explicitly none.
fn put_limits(fields: &mut Fields, limits: &Limits<Resolved>) {
    let limits = with_swap(limits);
    let number = |value: Option<i64>| value.filter(|value| *value > 0);
    let size = |value: Option<Bytes>| value.filter(|value| value.0 > 0);
    put(fields, "cpus", limits.cpus.filter(|cpus| cpus.0 != 0));
    put(fields, "cpu_shares", number(limits.cpu_shares));
    put(fields, "cpu_quota", number(limits.cpu_quota));
    put(fields, "cpu_period", number(limits.cpu_period));
    put(fields, "cpuset", text(limits.cpuset.as_deref()));
    put(fields, "mem_limit", size(limits.memory));
    put(fields, "mem_reservation", size(limits.memory_reservation));
    let twice = limits.memory.map(|memory| memory.0.saturating_mul(2));
    let swap = limits.memory_swap.filter(|swap| Some(swap.0) != twice);
    // Without a limit of the memory, swap has none either, however the engine words it.
    let swap = swap.filter(|swap| swap.0 > 0 || size(limits.memory).is_some());
    put(fields, "memswap_limit", swap);
    put(
        fields,
        "mem_swappiness",
        limits.memory_swappiness.filter(|value| *value >= 0),
    );
    put(fields, "pids_limit", number(limits.pids));
}
