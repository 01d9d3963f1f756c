//! A service in compose-go's JSON: its members in the order of the struct `ServiceConfig`.

use serde_json::{Value, json};

use crate::compose::files::secret_target;
use crate::compose::mounts::{granted, is_mounted, socket_target};
use crate::compose::{ComposeGeneration, Host};
use crate::model::{
    Attachment, Attribute, Attributes, ContainerOptions, Endpoint, FileReference, Grant,
    Healthcheck, Limits, Logging, Mount, MountSource, ObservedSocket, Port, Resolved, Restart,
    Service, Stack, Ulimit, format_duration, seccomp_file,
};

use super::attribute::{block_io, deploy, develop, device_requests, hooks, number};
use super::json::{GoMap, float32};

/// Returns the JSON that is hashed. build, pull_policy, scale, depends_on and profiles are no part of it.
pub(super) fn definition(
    stack: &Stack<Resolved>,
    service: &Service<Resolved>,
    host: &Host<'_>,
) -> Value {
    let options = &service.container;
    let mut map = GoMap::default();
    annotations_to_cpus(&mut map, options, &service.more);
    let more = &service.more;
    map.put("command", words(options.command.as_ref()));
    map.list(
        "configs",
        options.configs.iter().map(|reference| {
            file_reference(
                reference,
                reference.source.as_str(),
                reference.target.clone(),
            )
        }),
    );
    map.text("container_name", service.container_name.as_ref());
    map.attribute("credential_spec", more);
    map.put_some("deploy", more.get("deploy").and_then(deploy));
    map.attribute("device_cgroup_rules", more);
    map.list("devices", options.devices.iter().map(|text| device(text)));
    map.words("dns", &options.dns);
    map.words("dns_opt", &options.dns_opt);
    map.words("dns_search", &options.dns_search);
    map.text("domainname", options.domainname.as_ref());
    map.put("entrypoint", words(options.entrypoint.as_ref()));
    map.attribute("provider", more);
    let environment = options.environment.iter();
    map.sorted(
        "environment",
        environment.map(|(key, value)| (key.as_str(), json!(value))),
    );
    map.words("expose", &options.expose);
    map.attribute("external_links", more);
    let mut hosts: Vec<String> = options
        .extra_hosts
        .iter()
        .map(|host| hash_host(host))
        .collect();
    hosts.sort();
    map.words("extra_hosts", &hosts);
    map.words("group_add", &groups(stack, options, host));
    map.put_some("gpus", more.get("gpus").and_then(device_requests));
    map.text("hostname", options.hostname.as_ref());
    map.put_some("healthcheck", options.healthcheck.as_deref().map(health));
    map.text(
        "image",
        options.image.as_ref().map(ToString::to_string).as_ref(),
    );
    map.put_some("init", options.init.map(Value::Bool));
    map.text("ipc", options.ipc.as_ref());
    map.attribute("isolation", more);
    map.texts("labels", &options.labels);
    map.attribute("label_file", more);
    map.attribute("links", more);
    map.put_some("logging", options.logging.as_deref().map(logging));
    memory_to_ports(&mut map, options, more);
    map.flag("privileged", options.privileged.unwrap_or_default());
    map.flag("read_only", options.read_only.unwrap_or_default());
    let restart = options.restart.as_ref().map(Restart::to_string);
    map.text("restart", restart.as_ref());
    map.text("runtime", options.runtime.as_ref());
    map.list(
        "secrets",
        options.secrets.iter().map(|reference| {
            // Compose fills the default in and leaves a relative target as it is.
            let name = reference.source.as_str();
            let target = reference
                .target
                .clone()
                .unwrap_or_else(|| secret_target(None, name));
            file_reference(reference, name, Some(target))
        }),
    );
    security_to_end(&mut map, stack, service, host);
    map.finish()
}

fn annotations_to_cpus(
    map: &mut GoMap,
    options: &ContainerOptions<Resolved>,
    more: &Attributes<Resolved>,
) {
    let none = Limits::default();
    let limits = options.limits.as_deref().unwrap_or(&none);
    map.texts("annotations", &options.annotations);
    map.attribute("attach", more);
    map.put_some("develop", more.get("develop").and_then(develop));
    map.put_some("blkio_config", more.get("blkio_config").and_then(block_io));
    map.words("cap_add", &options.cap_add);
    map.words("cap_drop", &options.cap_drop);
    map.text("cgroup_parent", options.cgroup_parent.as_ref());
    map.text("cgroup", options.cgroup.as_ref());
    map.put_some("cpu_count", more.get("cpu_count").and_then(number));
    map.put_some("cpu_percent", more.get("cpu_percent").and_then(number));
    map.number("cpu_period", limits.cpu_period);
    map.number("cpu_quota", limits.cpu_quota);
    map.put_some("cpu_rt_period", more.get("cpu_rt_period").and_then(number));
    map.put_some(
        "cpu_rt_runtime",
        more.get("cpu_rt_runtime").and_then(number),
    );
    let cpus = limits.cpus.filter(|cpus| cpus.0 != 0);
    map.put_some("cpus", cpus.map(|cpus| float32(cpus.0 as f64 / 1e9)));
    map.text("cpuset", limits.cpuset.as_ref());
    map.number("cpu_shares", limits.cpu_shares);
}

fn memory_to_ports(
    map: &mut GoMap,
    options: &ContainerOptions<Resolved>,
    more: &Attributes<Resolved>,
) {
    let none = Limits::default();
    let limits = options.limits.as_deref().unwrap_or(&none);
    map.size("mem_limit", limits.memory.map(|size| size.0));
    map.size(
        "mem_reservation",
        limits.memory_reservation.map(|size| size.0),
    );
    map.size("memswap_limit", limits.memory_swap.map(|size| size.0));
    map.size("mem_swappiness", limits.memory_swappiness);
    map.text("mac_address", options.mac_address.as_ref());
    map.attribute("models", more);
    match &options.attachment {
        Attachment::Mode(mode) => map.put("network_mode", mode.as_str()),
        Attachment::Networks(networks) if networks.is_empty() => {
            map.put("networks", json!({"default": null}));
        }
        Attachment::Networks(networks) => map.sorted(
            "networks",
            networks
                .iter()
                .map(|(name, at)| (name.as_str(), endpoint(at))),
        ),
    }
    map.flag(
        "oom_kill_disable",
        options.oom_kill_disable.unwrap_or_default(),
    );
    map.number("oom_score_adj", options.oom_score_adj);
    map.text("pid", options.pid.as_ref());
    map.number("pids_limit", limits.pids);
    map.text("platform", options.platform.as_ref());
    map.list("ports", options.ports.iter().map(port));
}

fn security_to_end(
    map: &mut GoMap,
    stack: &Stack<Resolved>,
    service: &Service<Resolved>,
    host: &Host<'_>,
) {
    let (options, more) = (&service.container, &service.more);
    let security = options.security_opt.iter();
    let security = security.map(|option| rendered_option(stack, option));
    map.words("security_opt", &security.collect::<Vec<_>>());
    map.size("shm_size", options.shm_size.map(|size| size.0));
    map.flag("stdin_open", options.stdin_open.unwrap_or_default());
    let grace = options.stop_grace_period.map(format_duration);
    map.text("stop_grace_period", grace.as_ref());
    map.text("stop_signal", options.stop_signal.as_ref());
    map.texts("storage_opt", &options.storage_opt);
    map.texts("sysctls", &options.sysctls);
    map.words("tmpfs", &options.tmpfs);
    map.flag("tty", options.tty.unwrap_or_default());
    let ulimits = options.ulimits.iter();
    map.sorted(
        "ulimits",
        ulimits.map(|(name, limit)| (name.as_str(), ulimit(limit))),
    );
    let has_socket = more.get("use_api_socket") == Some(&Attribute::Flag(true));
    map.flag("use_api_socket", has_socket);
    map.text("user", options.user.as_ref());
    map.text("userns_mode", options.userns_mode.as_ref());
    map.text("uts", options.uts.as_ref());
    let volumes = options
        .volumes
        .iter()
        .map(|volume| mount(volume, host.compose));
    map.list("volumes", volumes.chain(sockets(stack, options, host)));
    map.attribute("volumes_from", more);
    map.text("working_dir", options.working_dir.as_ref());
    map.put_some("post_start", more.get("post_start").and_then(hooks));
    map.put_some("pre_stop", more.get("pre_stop").and_then(hooks));
    if host.compose == ComposeGeneration::V5 {
        // 2.40 does not know it.
        map.attribute("pull_refresh_after", more);
    }
}

/// Returns a security option as it stands in the rendered file: Compose hashes the path of a profile as it is written there.
fn rendered_option(stack: &Stack<Resolved>, option: &str) -> String {
    let path = seccomp_file(option).filter(|path| !path.starts_with(['/', '~']));
    let Some(path) = path else {
        return option.to_owned();
    };
    let parts = stack.parts();
    let folder = parts.compose_file.parent().unwrap_or(&parts.folder);
    let below = folder.strip_prefix(&parts.folder).unwrap_or(folder);
    let up = "../".repeat(below.components().count());
    let path = path.trim_start_matches("./");
    match up.as_str() {
        "" => format!("seccomp=./{path}"),
        up => format!("seccomp={up}{path}"),
    }
}

/// Absent is null, cleared is an empty list.
fn words(words: Option<&Vec<String>>) -> Value {
    words.map_or(Value::Null, |words| json!(words))
}

fn hash_host(host: &str) -> String {
    match host.split_once(['=', ':']) {
        Some((name, address)) => format!("{name}={}", address.trim_matches(['[', ']'])),
        None => host.to_owned(),
    }
}

fn device(text: &str) -> Value {
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or(source);
    let permissions = parts.next().unwrap_or("rwm");
    json!({"source": source, "target": target, "permissions": permissions})
}

/// The groups of sockets as the rendered file has them, with 0 for what was not seen.
fn groups(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    host: &Host<'_>,
) -> Vec<String> {
    let mut groups = options.group_add.clone();
    for (name, socket) in granted(stack, options) {
        if socket.grant == Grant::Group {
            groups.push(match host.sockets.get(name) {
                Some(ObservedSocket::Present { gid, .. }) => gid.to_string(),
                Some(
                    ObservedSocket::Missing
                    | ObservedSocket::NotASocket { .. }
                    | ObservedSocket::Unknown { .. },
                )
                | None => "0".to_owned(),
            });
        }
    }
    groups
}

fn file_reference<N: Clone + std::fmt::Debug + PartialEq + Eq>(
    reference: &FileReference<N, Resolved>,
    source: &str,
    target: Option<String>,
) -> Value {
    let mut map = GoMap::default();
    map.put("source", source);
    map.text("target", target.as_ref());
    map.text("uid", reference.uid.as_ref());
    map.text("gid", reference.gid.as_ref());
    map.text(
        "mode",
        reference.mode.map(|mode| format!("0{mode:03o}")).as_ref(),
    );
    map.finish()
}

fn health(check: &Healthcheck<Resolved>) -> Value {
    let mut map = GoMap::default();
    map.words("test", check.test.as_deref().unwrap_or_default());
    map.text("timeout", check.timeout.map(format_duration).as_ref());
    map.text("interval", check.interval.map(format_duration).as_ref());
    map.put_some("retries", check.retries.map(|retries| json!(retries)));
    map.text(
        "start_period",
        check.start_period.map(format_duration).as_ref(),
    );
    map.text(
        "start_interval",
        check.start_interval.map(format_duration).as_ref(),
    );
    map.flag("disable", check.disable);
    map.finish()
}

fn logging(logging: &Logging<Resolved>) -> Value {
    let mut map = GoMap::default();
    map.text("driver", logging.driver.as_ref());
    map.texts("options", &logging.options);
    map.finish()
}

fn endpoint(endpoint: &Endpoint<Resolved>) -> Value {
    if *endpoint == Endpoint::default() {
        return Value::Null;
    }
    let mut map = GoMap::default();
    map.words("aliases", &endpoint.aliases);
    map.attribute("driver_opts", &endpoint.more);
    let gateway = endpoint.more.get("gw_priority");
    map.put_some("gw_priority", gateway.and_then(number));
    map.attribute("interface_name", &endpoint.more);
    map.text("ipv4_address", endpoint.ipv4_address.as_ref());
    map.text("ipv6_address", endpoint.ipv6_address.as_ref());
    map.attribute("link_local_ips", &endpoint.more);
    map.text("mac_address", endpoint.mac_address.as_ref());
    map.number("priority", Some(endpoint.priority));
    map.finish()
}

fn port(port: &Port<Resolved>) -> Value {
    let mut map = GoMap::default();
    map.text("name", port.name.as_ref());
    map.put("mode", port.mode.as_deref().unwrap_or("ingress"));
    map.text("host_ip", port.host_ip.as_ref());
    map.put("target", port.target);
    map.text("published", port.published.as_ref());
    map.put("protocol", port.protocol.to_string());
    map.text("app_protocol", port.app_protocol.as_ref());
    map.finish()
}

fn ulimit(limit: &Ulimit<Resolved>) -> Value {
    if limit.soft == limit.hard {
        json!(limit.soft)
    } else {
        json!({"soft": limit.soft, "hard": limit.hard})
    }
}

fn mount(mount: &Mount<Resolved>, compose: ComposeGeneration) -> Value {
    let mut map = GoMap::default();
    let mut extra = GoMap::default();
    let (kind, source) = match &mount.source {
        MountSource::Bind {
            path,
            create_host_path,
            propagation,
            selinux,
        } => {
            extra.text("selinux", selinux.as_ref());
            extra.text("propagation", propagation.as_ref());
            create_host(&mut extra, *create_host_path, compose);
            ("bind", Some(path))
        }
        MountSource::Volume {
            volume,
            nocopy,
            subpath,
        } => {
            extra.attribute("labels", &mount.options);
            extra.flag("nocopy", *nocopy);
            extra.text("subpath", subpath.as_ref());
            ("volume", volume.as_ref())
        }
        MountSource::Tmpfs { size, mode } => {
            extra.size("size", size.map(|size| size.0));
            extra.number("mode", mode.map(i64::from));
            ("tmpfs", None)
        }
        MountSource::Other { kind, source } => {
            extra.attribute("subpath", &mount.options);
            (kind.as_str(), source.as_ref())
        }
    };
    extra.attribute("recursive", &mount.options);
    map.put("type", kind);
    map.text("source", source);
    map.put("target", mount.target.as_str());
    map.flag("read_only", mount.read_only);
    map.attribute("consistency", &mount.more);
    let mut extra = Some(extra.finish()).filter(|extra| kind == "bind" || *extra != json!({}));
    for (part, keys) in MOUNT_PARTS {
        if part == kind {
            map.put_some(part, extra.take());
        } else if let Some(Attribute::Table(members)) = mount.more.get(part) {
            map.put(part, other_part(keys, members, compose));
        }
    }
    map.put_some(kind, extra);
    map.finish()
}

/// The options of each kind of mount, in the order of compose-go.
const MOUNT_PARTS: [(&str, &[&str]); 4] = [
    (
        "bind",
        &["selinux", "propagation", "create_host_path", "recursive"],
    ),
    ("volume", &["labels", "nocopy", "subpath"]),
    ("tmpfs", &["size", "mode"]),
    ("image", &["subpath"]),
];

/// Returns options of another kind than the mount's, which Compose keeps beside its own.
fn other_part(keys: &[&str], members: &Attributes<Resolved>, compose: ComposeGeneration) -> Value {
    let mut part = GoMap::default();
    for key in keys {
        match members.get(*key) {
            Some(Attribute::Flag(create)) if *key == "create_host_path" => {
                create_host(&mut part, Some(*create), compose);
            }
            _ => part.attribute(key, members),
        }
    }
    part.finish()
}

/// 2.40 writes the flag where it is true, 5.0 and newer where it is false.
fn create_host(map: &mut GoMap, create: Option<bool>, compose: ComposeGeneration) {
    match (compose, create) {
        (ComposeGeneration::V2, Some(true)) => map.put("create_host_path", true),
        (ComposeGeneration::V5, Some(false)) => map.put("create_host_path", false),
        (ComposeGeneration::V2, Some(false))
        | (ComposeGeneration::V5, Some(true))
        | (ComposeGeneration::V2 | ComposeGeneration::V5, None) => {}
    }
}

/// Sockets as the rendered file has them: an optional one that is not there is the empty device.
fn sockets<'a>(
    stack: &'a Stack<Resolved>,
    options: &'a ContainerOptions<Resolved>,
    host: &'a Host<'_>,
) -> impl Iterator<Item = Value> + 'a {
    granted(stack, options).map(|(name, socket)| {
        let source = if is_mounted(socket, host.sockets.get(name)) {
            socket.path.to_string_lossy().into_owned()
        } else {
            "/dev/null".to_owned()
        };
        let mut bind = GoMap::default();
        create_host(&mut bind, Some(false), host.compose);
        let target = socket_target(socket);
        json!({"type": "bind", "source": source, "target": target, "bind": bind.finish()})
    })
}
