//! The options of a container as attributes of the Compose Specification, in their long forms.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::compose::socket_target;
use crate::model::{
    Attachment, Bytes, ContainerOptions, Endpoint, FileReference, Grant, Healthcheck, Limits,
    Mount, MountSource, Port, Stack, Template, Templated, Ulimit, Words, format_duration,
};
use crate::render::facts::{gid_variable, path_variable};
use crate::render::template_text::{Rebase, escaped, text, text_of, typed};

use super::map::MapBuilder;

/// Puts everything in that makes a container what it is.
pub(super) fn container(
    map: &mut MapBuilder,
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    rebase: &Rebase,
) {
    process(map, options, rebase);
    health(map, options.healthcheck.as_deref(), rebase);
    storage(map, stack, options, rebase);
    network(map, options, rebase);
    rights(map, stack, options, rebase);
    resources(map, options);
}

fn process(map: &mut MapBuilder, options: &ContainerOptions<Template>, rebase: &Rebase) {
    map.text("image", &options.image);
    map.text("platform", &options.platform);
    map.text("pull_policy", &options.pull_policy);
    map.put_some("entrypoint", options.entrypoint.as_ref().map(words));
    map.put_some("command", options.command.as_ref().map(words));
    map.text("user", &options.user);
    map.text("working_dir", &options.working_dir);
    map.text("hostname", &options.hostname);
    map.text("domainname", &options.domainname);
    map.list(
        "env_file",
        options.env_file.iter().map(|file| {
            let mut entry = MapBuilder::default();
            entry.put("path", rebase.path(&file.path));
            if !file.required {
                entry.put("required", false);
            }
            entry.put_some("format", file.format.as_ref().map(|format| json!(format)));
            entry.finish()
        }),
    );
    if !options.environment.is_empty() {
        map.put("environment", environment(options));
    }
    map.typed("init", &options.init, |flag| json!(flag));
    map.typed("tty", &options.tty, |flag| json!(flag));
    map.typed("stdin_open", &options.stdin_open, |flag| json!(flag));
    map.text("restart", &options.restart);
    map.text("stop_signal", &options.stop_signal);
    map.typed("stop_grace_period", &options.stop_grace_period, duration);
    map.text_map("labels", &options.labels);
    map.text_map("annotations", &options.annotations);
    if let Some(logging) = &options.logging {
        let mut entry = MapBuilder::default();
        entry.text("driver", &logging.driver);
        entry.text_map("options", &logging.options);
        entry.attributes(&logging.more, rebase);
        map.map("logging", entry);
    }
}

fn environment(options: &ContainerOptions<Template>) -> Value {
    let entry = |(name, value): (&String, &Option<Templated<String>>)| {
        (name.clone(), value.as_ref().map_or(Value::Null, text))
    };
    Value::Object(options.environment.iter().map(entry).collect())
}

/// Returns a command. One that is a single text with variables stays one: where it splits is known when they are filled in.
pub(super) fn words(words: &Words<Template>) -> Value {
    match words {
        Templated::Literal(words) => Value::Array(words.iter().map(text).collect()),
        Templated::Raw(_) => typed(words, |_| Value::Null),
    }
}

pub(super) fn duration(duration: &Duration) -> Value {
    Value::String(format_duration(*duration))
}

/// Sizes are decimal text, as `docker compose config` prints them; only -1 is taken as a number alone.
pub(super) fn bytes(bytes: &Bytes) -> Value {
    match bytes.0 {
        -1 => json!(-1),
        count => Value::String(count.to_string()),
    }
}

fn health(map: &mut MapBuilder, check: Option<&Healthcheck<Template>>, rebase: &Rebase) {
    let Some(check) = check else { return };
    let mut entry = MapBuilder::default();
    if let Some(test) = &check.test {
        entry.put("test", test.iter().map(text).collect::<Vec<_>>());
    }
    entry.typed("interval", &check.interval, duration);
    entry.typed("timeout", &check.timeout, duration);
    entry.typed("retries", &check.retries, |count| json!(count));
    entry.typed("start_period", &check.start_period, duration);
    entry.typed("start_interval", &check.start_interval, duration);
    if check.disable {
        entry.put("disable", true);
    }
    entry.attributes(&check.more, rebase);
    map.map("healthcheck", entry);
}

fn storage(
    map: &mut MapBuilder,
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    rebase: &Rebase,
) {
    let volumes = options.volumes.iter().map(|volume| match volume {
        Templated::Literal(mount) => mount_view(mount, rebase),
        Templated::Raw(short) => rebase.short_mount(short),
    });
    map.list("volumes", volumes.chain(sockets(stack, options)));
    map.texts("tmpfs", &options.tmpfs);
    let configs = options.configs.iter();
    map.list("configs", configs.map(|it| file_reference(it, rebase)));
    let secrets = options.secrets.iter();
    map.list("secrets", secrets.map(|it| file_reference(it, rebase)));
    map.typed("shm_size", &options.shm_size, bytes);
    map.text_map("storage_opt", &options.storage_opt);
}

fn mount_view(mount: &Mount<Template>, rebase: &Rebase) -> Value {
    let mut entry = MapBuilder::default();
    let mut extra = MapBuilder::default();
    let kind = match &mount.source {
        MountSource::Bind {
            path,
            create_host_path,
            propagation,
            selinux,
        } => {
            entry.put("type", "bind");
            entry.put("source", rebase.path(path));
            extra.put_some("create_host_path", create_host_path.map(Value::Bool));
            extra.text("propagation", propagation);
            extra.text("selinux", selinux);
            "bind"
        }
        MountSource::Volume {
            volume,
            nocopy,
            subpath,
        } => {
            entry.put("type", "volume");
            entry.text("source", volume);
            if *nocopy {
                extra.put("nocopy", true);
            }
            extra.text("subpath", subpath);
            "volume"
        }
        MountSource::Tmpfs { size, mode } => {
            entry.put("type", "tmpfs");
            extra.typed("size", size, bytes);
            extra.put_some("mode", mode.map(|mode| json!(mode)));
            "tmpfs"
        }
        MountSource::Other { kind, source } => {
            entry.put("type", kind.as_str());
            entry.text("source", source);
            kind
        }
    };
    extra.attributes(&mount.options, rebase);
    entry.attributes(&mount.more, rebase);
    entry.put("target", text(&mount.target));
    match &mount.read_only {
        Templated::Literal(false) => {}
        other => entry.put("read_only", typed(other, |flag| json!(flag))),
    }
    // Without the key, an empty `bind` says something else than none.
    match kind {
        "bind" => entry.put(kind, extra.finish()),
        _ => entry.map(kind, extra),
    }
    entry.finish()
}

/// Returns the mounts of granted sockets. Whether an optional one is there is a fact of the host: without it, an empty device takes its place.
fn sockets(stack: &Stack<Template>, options: &ContainerOptions<Template>) -> Vec<Value> {
    let granted = options
        .sockets
        .iter()
        .filter_map(|name| stack.sockets().get(name).map(|socket| (name, socket)));
    granted
        .map(|(name, socket)| {
            let source = if socket.optional {
                format!("${{{}:-/dev/null}}", path_variable(name))
            } else {
                escaped(&socket.path.to_string_lossy())
            };
            json!({
                "type": "bind",
                "source": source,
                "target": escaped(&socket_target(socket)),
                "bind": {"create_host_path": false},
            })
        })
        .collect()
}

fn file_reference<N: Clone + std::fmt::Debug + PartialEq + Eq + std::fmt::Display>(
    reference: &FileReference<N, Template>,
    rebase: &Rebase,
) -> Value {
    let mut entry = MapBuilder::default();
    entry.put("source", reference.source.to_string());
    entry.text("target", &reference.target);
    entry.text("uid", &reference.uid);
    entry.text("gid", &reference.gid);
    entry.put_some(
        "mode",
        reference.mode.map(|mode| json!(format!("0{mode:03o}"))),
    );
    entry.attributes(&reference.more, rebase);
    entry.finish()
}

fn network(map: &mut MapBuilder, options: &ContainerOptions<Template>, rebase: &Rebase) {
    match &options.attachment {
        Attachment::Mode(mode) => map.put("network_mode", text(mode)),
        Attachment::Networks(networks) => {
            let is_default = networks
                .iter()
                .all(|(name, at)| name.as_str() == "default" && *at == Endpoint::default());
            if !is_default {
                let entries = networks
                    .iter()
                    .map(|(name, at)| (name.to_string(), endpoint(at, rebase)));
                map.put("networks", Value::Object(entries.collect()));
            }
        }
    }
    map.texts("expose", &options.expose);
    map.list(
        "ports",
        options
            .ports
            .iter()
            .map(|port| typed(port, |port| port_view(port, rebase))),
    );
    map.text("mac_address", &options.mac_address);
    map.texts("dns", &options.dns);
    map.texts("dns_search", &options.dns_search);
    map.texts("dns_opt", &options.dns_opt);
    map.texts("extra_hosts", &options.extra_hosts);
}

fn endpoint(endpoint: &Endpoint<Template>, rebase: &Rebase) -> Value {
    if *endpoint == Endpoint::default() {
        return Value::Null;
    }
    let mut entry = MapBuilder::default();
    entry.texts("aliases", &endpoint.aliases);
    entry.text("ipv4_address", &endpoint.ipv4_address);
    entry.text("ipv6_address", &endpoint.ipv6_address);
    entry.text("mac_address", &endpoint.mac_address);
    if endpoint.priority != 0 {
        entry.put("priority", endpoint.priority);
    }
    entry.attributes(&endpoint.more, rebase);
    entry.finish()
}

fn port_view(port: &Port<Template>, rebase: &Rebase) -> Value {
    let mut entry = MapBuilder::default();
    entry.text("name", &port.name);
    // Compose fills this in where it reads the short form; written out, both forms hash alike.
    match &port.mode {
        Some(mode) => entry.put("mode", text(mode)),
        None => entry.put("mode", "ingress"),
    }
    entry.text("host_ip", &port.host_ip);
    entry.put("target", typed(&port.target, |target| json!(target)));
    entry.text("published", &port.published);
    entry.put("protocol", text(&port.protocol));
    entry.text("app_protocol", &port.app_protocol);
    entry.attributes(&port.more, rebase);
    entry.finish()
}

fn rights(
    map: &mut MapBuilder,
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    rebase: &Rebase,
) {
    map.texts("cap_add", &options.cap_add);
    map.texts("cap_drop", &options.cap_drop);
    let by_group = |name| {
        let socket = stack.sockets().get(name)?;
        let variable = gid_variable(name);
        (socket.grant == Grant::Group).then(|| Value::String(format!("${{{variable}:-0}}")))
    };
    let groups = options.group_add.iter().map(text);
    map.list(
        "group_add",
        groups.chain(options.sockets.iter().filter_map(by_group)),
    );
    let security = options.security_opt.iter();
    map.list("security_opt", security.map(|option| rebase.option(option)));
    map.typed("privileged", &options.privileged, |flag| json!(flag));
    map.typed("read_only", &options.read_only, |flag| json!(flag));
    map.text_map("sysctls", &options.sysctls);
    map.list("devices", options.devices.iter().map(device));
    map.text("ipc", &options.ipc);
    map.text("pid", &options.pid);
    map.text("uts", &options.uts);
    map.text("userns_mode", &options.userns_mode);
    map.text("cgroup", &options.cgroup);
    map.text("cgroup_parent", &options.cgroup_parent);
    map.text("runtime", &options.runtime);
}

/// Returns a device in its long form. One with variables stays short.
fn device(device: &Templated<String>) -> Value {
    typed(device, |device| {
        let mut parts = device.split(':').map(escaped);
        let source = parts.next().unwrap_or_default();
        let target = parts.next().unwrap_or_else(|| source.clone());
        let permissions = parts.next().unwrap_or_else(|| "rwm".to_owned());
        json!({"source": source, "target": target, "permissions": permissions})
    })
}

fn resources(map: &mut MapBuilder, options: &ContainerOptions<Template>) {
    if let Some(given) = &options.limits {
        limits(map, given);
    }
    map.typed("oom_score_adj", &options.oom_score_adj, |score| {
        json!(score)
    });
    map.typed("oom_kill_disable", &options.oom_kill_disable, |flag| {
        json!(flag)
    });
    if !options.ulimits.is_empty() {
        let entries = options
            .ulimits
            .iter()
            .map(|(name, limit)| (name.clone(), ulimit(limit)));
        map.put("ulimits", Value::Object(entries.collect::<Map<_, _>>()));
    }
}

fn ulimit(limit: &Ulimit<Template>) -> Value {
    let number = |value: &Templated<i64>| typed(value, |number| json!(number));
    if limit.soft == limit.hard {
        number(&limit.soft)
    } else {
        json!({"soft": number(&limit.soft), "hard": number(&limit.hard)})
    }
}

fn limits(map: &mut MapBuilder, limits: &Limits<Template>) {
    let number = |value: &i64| json!(value);
    map.put_some(
        "cpus",
        limits.cpus.as_ref().map(|cpus| text_of(cpus).into()),
    );
    map.typed("cpu_shares", &limits.cpu_shares, number);
    map.typed("cpu_quota", &limits.cpu_quota, number);
    map.typed("cpu_period", &limits.cpu_period, number);
    map.text("cpuset", &limits.cpuset);
    map.typed("mem_limit", &limits.memory, bytes);
    map.typed("mem_reservation", &limits.memory_reservation, bytes);
    map.typed("memswap_limit", &limits.memory_swap, bytes);
    map.typed("mem_swappiness", &limits.memory_swappiness, number);
    map.typed("pids_limit", &limits.pids, number);
}
