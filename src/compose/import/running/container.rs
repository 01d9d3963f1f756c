//! What a container was asked to be, less what its image, the daemon and Compose filled in.

use std::collections::BTreeMap;

use super::secrets::Secrets;
use super::value::{
    bare, duration, list, null, put, put_flag, put_table, put_texts, size, table, text, written,
};
use crate::compose::import::item::{Item, Table};
use crate::compose::labels;
use crate::model::{
    Bytes, ContainerConfig, HealthSpec, Limits, ObservedContainer, ObservedImage, PortSpec,
    Protocol, Resolved, Restart, ServiceName,
};

/// Size of /dev/shm where nothing is said.
const DEFAULT_SHM_SIZE: Bytes = Bytes(64 << 20);
/// Seconds before a stopped container is killed where nothing is said.
const DEFAULT_STOP_TIMEOUT_S: i64 = 10;

/// The container that tells what a service is, with its image.
pub(super) struct Source<'a> {
    pub(super) name: ServiceName,
    pub(super) container: &'a ObservedContainer,
    /// `None` where the image cannot be looked at: then its defaults are taken for the container's own.
    pub(super) image: Option<&'a ObservedImage>,
}

impl<'a> Source<'a> {
    fn config(&self) -> &'a ContainerConfig {
        &self.container.config
    }

    fn image_config(&self) -> Option<&'a ContainerConfig> {
        self.image.map(|image| &image.defaults)
    }

    /// Returns the variables that are not the image's.
    pub(super) fn own_environment(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let image = self.image_config().map(|image| &image.environment);
        self.config()
            .environment
            .iter()
            .filter(move |(name, value)| image.and_then(|image| image.get(*name)) != Some(*value))
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Returns the labels that are not the image's, Compose's or ours.
    pub(super) fn own_labels(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let image = self.image_config().map(|image| &image.labels);
        plain_labels(&self.config().labels).filter(move |(name, value)| {
            image.and_then(|image| image.get(*name)).map(String::as_str) != Some(*value)
        })
    }

    fn entrypoint(&self) -> Option<&'a [String]> {
        let image = self
            .image_config()
            .and_then(|image| words(&image.entrypoint));
        let own = words(&self.config().entrypoint);
        match (own, image) {
            (None, Some(_)) => Some(&[]),
            (own, image) => own.filter(|own| Some(*own) != image),
        }
    }

    /// Returns the command, unless it is the image's; an entrypoint of one's own takes the image's away.
    fn command(&self) -> Option<&'a [String]> {
        let has_entrypoint = self.entrypoint().is_some_and(|words| !words.is_empty());
        let image = self.image_config().and_then(|image| words(&image.command));
        words(&self.config().command).filter(|own| has_entrypoint || Some(*own) != image)
    }

    /// Returns the health check as far as it is not the image's.
    fn health(&self) -> HealthSpec {
        let own = self.config().health.clone().unwrap_or_default();
        let image = self
            .image_config()
            .and_then(|image| image.health.clone())
            .unwrap_or_default();
        let differs = |own, image| if own == image { None } else { own };
        HealthSpec {
            test: if own.test == image.test {
                Vec::new()
            } else {
                own.test
            },
            interval: differs(own.interval, image.interval),
            timeout: differs(own.timeout, image.timeout),
            start_period: differs(own.start_period, image.start_period),
            start_interval: differs(own.start_interval, image.start_interval),
            retries: own.retries.filter(|own| Some(*own) != image.retries),
        }
    }

    /// Returns every command line of its own.
    pub(super) fn command_lines(&self) -> Vec<Vec<String>> {
        let lines = [self.entrypoint(), self.command()].into_iter().flatten();
        lines
            .map(<[String]>::to_vec)
            .chain([self.health().test])
            .collect()
    }

    /// Returns whether a field that daemons have defaults for was asked for, as far as that is known.
    fn was_said(&self, field: &str) -> bool {
        let label = self.config().labels.get(labels::EXPLICIT);
        label.is_none_or(|label| label.split(',').any(|said| said == field))
    }

    /// Writes what the process is: command, user, variables.
    pub(super) fn put_process(&self, into: &mut Table, secrets: &Secrets) {
        let config = self.config();
        let inherited = |own: &Option<String>, image: fn(&ContainerConfig) -> &Option<String>| {
            let image = self
                .image_config()
                .and_then(|config| image(config).as_ref());
            own.as_ref()
                .filter(|own| Some(*own) != image)
                .map(|own| text(own))
        };
        let line = |words: &[String]| list(secrets.words(words));
        put(into, "entrypoint", self.entrypoint().map(line));
        put(into, "command", self.command().map(line));
        put(into, "user", inherited(&config.user, |image| &image.user));
        let folder = inherited(&config.working_dir, |image| &image.working_dir);
        put(into, "working_dir", folder);
        let signal = inherited(&config.stop_signal, |image| &image.stop_signal);
        put(into, "stop_signal", signal);
        let grace = config.stop_timeout_s;
        let grace = grace.filter(|seconds| *seconds != DEFAULT_STOP_TIMEOUT_S);
        put(
            into,
            "stop_grace_period",
            grace.map(|s| written(format!("{s}s"))),
        );
        put_flag(into, "tty", config.tty);
        put_flag(into, "stdin_open", config.stdin_open);
        if self.was_said("init") {
            put(into, "init", config.init.map(bare));
        }
        let restart = Some(config.restart).filter(|restart| *restart != Restart::No);
        put(
            into,
            "restart",
            restart.map(|restart| written(restart.to_string())),
        );
        let environment = self.own_environment().map(|(name, value)| {
            let item = value.map_or_else(null, |value| secrets.entry(name, value));
            (name.to_owned(), item)
        });
        put_table(into, "environment", environment.collect());
    }

    /// Writes the health check and what is told about the container.
    pub(super) fn put_about(&self, into: &mut Table, secrets: &Secrets) {
        put_table(into, "healthcheck", health_table(&self.health(), secrets));
        let own = self.own_labels();
        let own = own.map(|(name, value)| (name.to_owned(), secrets.entry(name, value)));
        put_table(into, "labels", own.collect());
        put_table(into, "annotations", text_table(&self.config().annotations));
        let Some((driver, options)) = &self.config().logging else {
            return;
        };
        let is_default = driver == "json-file" && options.is_empty();
        if self.was_said("logging") && !is_default {
            let mut logging = Table::new();
            put(&mut logging, "driver", Some(text(driver)));
            let options = options
                .iter()
                .map(|(name, value)| (name.clone(), secrets.entry(name, value)));
            put_table(&mut logging, "options", options.collect());
            put_table(into, "logging", logging);
        }
    }

    /// Writes how it is reached, but for its networks.
    pub(super) fn put_reach(&self, into: &mut Table) {
        let config = self.config();
        let ports: Vec<Item> = config.ports.iter().map(port).collect();
        put(into, "ports", (!ports.is_empty()).then(|| list(ports)));
        put_texts(into, "expose", &self.exposed());
        put_texts(into, "dns", &config.dns);
        put_texts(into, "dns_search", &config.dns_search);
        put_texts(into, "dns_opt", &config.dns_options);
        let hosts: Vec<String> = config
            .extra_hosts
            .iter()
            .map(|host| host.replacen(':', "=", 1))
            .collect();
        put_texts(into, "extra_hosts", &hosts);
    }

    /// Returns the exposed ports that neither the image nor a published port tells.
    fn exposed(&self) -> Vec<String> {
        let config = self.config();
        let is_published = |text: &str| {
            let mut ports = config.ports.iter();
            ports.any(|port| format!("{}/{}", port.target, port.protocol) == *text)
        };
        let image = self.image_config().map(|image| &image.exposed);
        config
            .exposed
            .iter()
            .filter(|port| !image.is_some_and(|image| image.contains(*port)))
            .filter(|port| !is_published(port))
            .map(|port| port.strip_suffix("/tcp").unwrap_or(port).to_owned())
            .collect()
    }

    /// Writes rights, namespaces and limits.
    pub(super) fn put_confinement(&self, into: &mut Table) {
        let config = self.config();
        put_flag(into, "privileged", config.privileged);
        put_flag(into, "read_only", config.read_only);
        put_texts(into, "cap_add", &config.cap_add);
        put_texts(into, "cap_drop", &config.cap_drop);
        put_texts(into, "group_add", &config.group_add);
        put_texts(into, "security_opt", &security_options(config));
        put_table(into, "sysctls", text_table(&config.sysctls));
        if self.was_said("ulimits") {
            put_table(into, "ulimits", ulimits(&config.ulimits));
        }
        let devices: Vec<String> = config.devices.iter().map(device).collect();
        put_texts(into, "devices", &devices);
        let said = |field: &str, value: &Option<String>, defaults: &[&str]| {
            let value = value
                .as_ref()
                .filter(|value| !defaults.contains(&value.as_str()));
            value
                .filter(|_| self.was_said(field))
                .map(|value| text(value))
        };
        put(into, "uts", said("uts", &config.uts, &[]));
        let user_namespace = said("userns_mode", &config.userns_mode, &[]);
        put(into, "userns_mode", user_namespace);
        let parent = said("cgroup_parent", &config.cgroup_parent, &[]);
        put(into, "cgroup_parent", parent);
        put(into, "runtime", said("runtime", &config.runtime, &["runc"]));
        put_table(into, "storage_opt", text_table(&config.storage_opt));
        let shm = config.shm_size.filter(|size| *size != DEFAULT_SHM_SIZE);
        let shm = shm.filter(|_| self.was_said("shm_size"));
        put(into, "shm_size", shm.map(size));
        put(into, "oom_score_adj", config.oom_score_adj.map(bare));
        put_flag(into, "oom_kill_disable", config.oom_kill_disable);
        put_limits(into, &config.limits);
    }
}

/// Returns the labels that are neither Compose's nor ours nor Docker Desktop's.
pub(super) fn plain_labels(all: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    let tools = ["com.docker.compose.", "stackgen.", "desktop.docker.io/"];
    all.iter()
        .filter(move |(name, _)| !tools.iter().any(|tool| name.starts_with(tool)))
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Returns the words of a command line that is there; the engine also says `[]` where there is none.
fn words(words: &Option<Vec<String>>) -> Option<&[String]> {
    words.as_deref().filter(|words| !words.is_empty())
}

pub(super) fn text_table(map: &BTreeMap<String, String>) -> Table {
    map.iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

fn health_table(health: &HealthSpec, secrets: &Secrets) -> Table {
    let mut into = Table::new();
    if health.is_disabled() {
        put_flag(&mut into, "disable", true);
        return into;
    }
    let test = match health.test.as_slice() {
        [] => None,
        [shell, _] if shell == "CMD-SHELL" => secrets.words(&health.test).pop(),
        _ => Some(list(secrets.words(&health.test))),
    };
    put(&mut into, "test", test);
    put(&mut into, "interval", health.interval.map(duration));
    put(&mut into, "timeout", health.timeout.map(duration));
    put(&mut into, "retries", health.retries.map(bare));
    put(&mut into, "start_period", health.start_period.map(duration));
    let start_interval = health.start_interval.map(duration);
    put(&mut into, "start_interval", start_interval);
    into
}

/// Writes a port in the short form.
fn port(port: &PortSpec) -> Item {
    let mut short = match port.host_ip.as_str() {
        "" => String::new(),
        ip if ip.contains(':') => format!("[{ip}]:"),
        ip => format!("{ip}:"),
    };
    // 0 is how the engine may say that it chooses.
    let published = port.published.trim_matches('0');
    let published = if published.is_empty() {
        ""
    } else {
        &port.published
    };
    if !published.is_empty() || !port.host_ip.is_empty() {
        short.push_str(&format!("{published}:"));
    }
    short.push_str(&port.target.to_string());
    if port.protocol != Protocol::Tcp {
        short.push_str(&format!("/{}", port.protocol));
    }
    written(short)
}

/// Returns the security options, less the one that the engine adds to a container that shares the host's namespaces.
fn security_options(config: &ContainerConfig) -> Vec<String> {
    let is_host = |mode: &Option<String>| mode.as_deref() == Some("host");
    let adds = config.privileged || is_host(&config.ipc) || is_host(&config.pid);
    let options = config.security_opt.iter();
    options
        .filter(|option| !adds || *option != "label=disable")
        .cloned()
        .collect()
}

fn ulimits(limits: &BTreeMap<String, (i64, i64)>) -> Table {
    let entry = |(name, (soft, hard)): (&String, &(i64, i64))| {
        let item = if soft == hard {
            bare(soft)
        } else {
            let both = [("soft", soft), ("hard", hard)];
            let both = both.map(|(key, limit)| (key.to_owned(), bare(limit)));
            table(both.into_iter().collect())
        };
        (name.clone(), item)
    };
    limits.iter().map(entry).collect()
}

fn device((host, inside, permissions): &(String, String, String)) -> String {
    let permissions = Some(permissions.as_str()).filter(|p| !matches!(*p, "" | "rwm"));
    match permissions {
        None => format!("{host}:{inside}"),
        Some(permissions) => format!("{host}:{inside}:{permissions}"),
    }
}

fn put_limits(into: &mut Table, limits: &Limits<Resolved>) {
    put(into, "cpus", limits.cpus.map(bare));
    put(into, "cpu_shares", limits.cpu_shares.map(bare));
    put(into, "cpu_quota", limits.cpu_quota.map(bare));
    put(into, "cpu_period", limits.cpu_period.map(bare));
    put(into, "cpuset", limits.cpuset.as_deref().map(text));
    put(into, "mem_limit", limits.memory.map(size));
    put(into, "mem_reservation", limits.memory_reservation.map(size));
    // The engine makes it twice the memory by itself.
    let twice = limits.memory.map(|memory| memory.0.saturating_mul(2));
    let swap = limits.memory_swap.filter(|swap| Some(swap.0) != twice);
    put(into, "memswap_limit", swap.map(size));
    put(into, "mem_swappiness", limits.memory_swappiness.map(bare));
    let pids = limits.pids.filter(|pids| *pids > 0);
    put(into, "pids_limit", pids.map(bare));
}

/// Writes in-memory file systems: `path` or `path:options`.
pub(super) fn memory_file_systems(tmpfs: &BTreeMap<String, String>) -> Vec<String> {
    let entry = |(path, options): (&String, &String)| match options.as_str() {
        "" => path.clone(),
        options => format!("{path}:{options}"),
    };
    tmpfs.iter().map(entry).collect()
}
