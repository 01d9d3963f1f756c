//! From what inspect says about a container to our words for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::models::{
    ContainerConfig as EngineConfig, ContainerInspectResponse, ContainerState as EngineState,
    ContainerStateStatusEnum, HealthConfig, HealthStatusEnum, HostConfig, MountType,
    NetworkSettings, PortMap, RestartPolicy, RestartPolicyNameEnum,
};
use jiff::Timestamp;
use serde::Deserialize;

use crate::model::{
    Bytes, ContainerConfig, ContainerId, ContainerState, ContainerStatus, EndpointSpec, Health,
    HealthSpec, ImageId, ImageReference, Limits, NanoCpus, NetworkId, ObservedContainer, PortSpec,
    Protocol, Resolved, Restart,
};

use super::{mounts, rare};

/// Says what is missing in an answer, which a real engine always sends.
pub(super) type Incomplete = String;

/// What the client's types leave out.
#[derive(Deserialize)]
struct Extra {
    #[serde(rename = "Config")]
    config: Option<ExtraConfig>,
}

#[derive(Deserialize)]
struct ExtraConfig {
    #[serde(rename = "MacAddress")]
    mac_address: Option<String>,
}

/// Reads the body of an inspect.
///
/// # Errors
/// What is missing or not understood.
pub(super) fn read(body: &[u8]) -> Result<ObservedContainer, Incomplete> {
    let inspect: ContainerInspectResponse = serde_json::from_slice(body)
        .map_err(|error| format!("inspect is not understood: {error}"))?;
    let extra: Extra = serde_json::from_slice(body)
        .map_err(|error| format!("inspect is not understood: {error}"))?;
    let mac_address = extra.config.and_then(|config| config.mac_address);
    let id = ContainerId::new(inspect.id.unwrap_or_default()).map_err(|error| error.to_string())?;
    let image_id =
        ImageId::new(inspect.image.unwrap_or_default()).map_err(|error| error.to_string())?;
    let settings = inspect.network_settings.unwrap_or_default();
    let host = inspect.host_config.unwrap_or_default();
    let config = inspect.config.unwrap_or_default();
    let image = reference(config.image.as_deref(), &image_id)?;
    let beyond = beyond(&host, &settings);
    let mut facts = configuration(image, config, host, &settings, &id);
    facts.mac_address = filled(mac_address);
    Ok(ObservedContainer {
        name: inspect
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        created: inspect.created.as_deref().and_then(time),
        image_id,
        state: state(
            inspect.state.unwrap_or_default(),
            inspect.restart_count.unwrap_or_default(),
        ),
        config: facts,
        bound_ports: ports(settings.ports.as_ref()),
        addresses: addresses(&settings),
        network_ids: network_ids(&settings),
        volumes: mounts::volumes(inspect.mounts.unwrap_or_default()),
        files: BTreeMap::new(),
        beyond,
        id,
    })
}

/// Returns the image as it was asked for; where that is no reference, such as a short id, the image's id stands for it.
fn reference(asked: Option<&str>, id: &ImageId) -> Result<ImageReference, Incomplete> {
    asked
        .and_then(|text| ImageReference::parse(text).ok())
        .map_or_else(|| ImageReference::parse(id.as_str()), Ok)
        .map_err(|error| error.to_string())
}

/// Returns what was asked for beyond what an import writes.
fn beyond(host: &HostConfig, settings: &NetworkSettings) -> Vec<&'static str> {
    fn is_filled<T>(list: &Option<Vec<T>>) -> bool {
        list.as_ref().is_some_and(|list| !list.is_empty())
    }
    let limits_io = host.blkio_weight.is_some_and(|weight| weight > 0)
        || is_filled(&host.blkio_weight_device)
        || is_filled(&host.blkio_device_read_bps)
        || is_filled(&host.blkio_device_write_bps)
        || is_filled(&host.blkio_device_read_iops)
        || is_filled(&host.blkio_device_write_iops);
    let mut networks = settings.networks.iter().flatten();
    let has_links = is_filled(&host.links) || networks.any(|(_, it)| is_filled(&it.links));
    let mounts = host.mounts.iter().flatten();
    let is_odd = |kind: MountType| matches!(kind, MountType::CLUSTER | MountType::NPIPE);
    let has_odd_mounts = mounts.filter_map(|mount| mount.typ).any(is_odd);
    let all = [
        ("blkio_config", limits_io),
        (
            "cpu_rt_period",
            positive(host.cpu_realtime_period).is_some(),
        ),
        (
            "cpu_rt_runtime",
            positive(host.cpu_realtime_runtime).is_some(),
        ),
        ("device_cgroup_rules", is_filled(&host.device_cgroup_rules)),
        ("gpus", is_filled(&host.device_requests)),
        ("links", has_links),
        ("volumes of other types", has_odd_mounts),
        ("volumes_from", is_filled(&host.volumes_from)),
    ];
    let there = all.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(name, _)| name).collect()
}

fn configuration(
    image: ImageReference,
    config: EngineConfig,
    host: HostConfig,
    settings: &NetworkSettings,
    id: &ContainerId,
) -> ContainerConfig {
    let mut facts = from_image_part(image, config);
    let mode = host.network_mode.clone().unwrap_or_default();
    network_part(&mut facts, &mode, settings, id);
    facts.limits = limits(&host);
    facts.rare = Box::new(rare::read(&host));
    facts.mounts = mounts::read(
        host.binds.as_deref().unwrap_or_default(),
        host.mounts.as_deref().unwrap_or_default(),
    );
    ContainerConfig {
        ports: ports(host.port_bindings.as_ref()),
        annotations: sorted_map(host.annotations),
        tmpfs: sorted_map(host.tmpfs),
        dns: host.dns.unwrap_or_default(),
        dns_search: host.dns_search.unwrap_or_default(),
        dns_options: host.dns_options.unwrap_or_default(),
        extra_hosts: sorted(host.extra_hosts),
        restart: restart(host.restart_policy.as_ref()),
        cap_add: capabilities(host.cap_add),
        cap_drop: capabilities(host.cap_drop),
        group_add: sorted(host.group_add),
        security_opt: sorted(host.security_opt),
        sysctls: sorted_map(host.sysctls),
        ulimits: host
            .ulimits
            .unwrap_or_default()
            .into_iter()
            .filter_map(|limit| Some((limit.name?, (limit.soft?, limit.hard?))))
            .collect(),
        devices: {
            let mut devices: Vec<_> = host
                .devices
                .unwrap_or_default()
                .into_iter()
                .map(|device| {
                    (
                        device.path_on_host.unwrap_or_default(),
                        device.path_in_container.unwrap_or_default(),
                        device.cgroup_permissions.unwrap_or_default(),
                    )
                })
                .collect();
            devices.sort();
            devices
        },
        logging: host
            .log_config
            .and_then(|log| Some((filled(log.typ)?, sorted_map(log.config)))),
        shm_size: positive(host.shm_size).map(Bytes),
        oom_score_adj: host.oom_score_adj.filter(|value| *value != 0),
        oom_kill_disable: host.oom_kill_disable.unwrap_or_default(),
        privileged: host.privileged.unwrap_or_default(),
        read_only: host.readonly_rootfs.unwrap_or_default(),
        init: host.init,
        ipc: filled(host.ipc_mode),
        pid: filled(host.pid_mode),
        uts: filled(host.uts_mode),
        userns_mode: filled(host.userns_mode),
        cgroup: filled(host.cgroupns_mode.map(|mode| mode.to_string())),
        cgroup_parent: filled(host.cgroup_parent),
        runtime: filled(host.runtime),
        storage_opt: sorted_map(host.storage_opt),
        ..facts
    }
}

/// Reads what a container has in common with an image.
fn from_image_part(image: ImageReference, config: EngineConfig) -> ContainerConfig {
    ContainerConfig {
        command: config.cmd,
        entrypoint: config.entrypoint,
        environment: environment(config.env.unwrap_or_default()),
        hostname: filled(config.hostname),
        domainname: filled(config.domainname),
        user: filled(config.user),
        working_dir: filled(config.working_dir),
        stop_signal: filled(config.stop_signal),
        stop_timeout_s: config.stop_timeout,
        tty: config.tty.unwrap_or_default(),
        stdin_open: config.open_stdin.unwrap_or_default(),
        exposed: config
            .exposed_ports
            .unwrap_or_default()
            .into_iter()
            .collect(),
        health: config.healthcheck.map(health_check),
        labels: sorted_map(config.labels),
        ..ContainerConfig::new(image)
    }
}

/// Reads the defaults that an image gives.
pub(super) fn image_defaults(
    image: ImageReference,
    config: bollard::models::ImageConfig,
) -> (ContainerConfig, BTreeSet<String>) {
    let volumes = config.volumes.unwrap_or_default().into_iter().collect();
    let defaults = ContainerConfig {
        command: config.cmd,
        entrypoint: config.entrypoint,
        environment: environment(config.env.unwrap_or_default()),
        user: filled(config.user),
        working_dir: filled(config.working_dir),
        stop_signal: filled(config.stop_signal),
        exposed: config
            .exposed_ports
            .unwrap_or_default()
            .into_iter()
            .collect(),
        health: config.healthcheck.map(health_check),
        labels: sorted_map(config.labels),
        ..ContainerConfig::new(image)
    };
    (defaults, volumes)
}

/// Reads how it is attached. Where it shares or lacks a network, there are no endpoints of ours.
fn network_part(
    facts: &mut ContainerConfig,
    mode: &str,
    settings: &NetworkSettings,
    id: &ContainerId,
) {
    let networks = settings.networks.iter().flatten();
    let built_in = match mode {
        "" | "default" => Some("bridge"),
        "host" | "none" | "bridge" => Some(mode),
        _ if mode.starts_with("container:") => Some(mode),
        _ => None,
    };
    facts.endpoints = networks
        .clone()
        .filter(|(name, _)| Some(name.as_str()) != built_in)
        .map(|(name, endpoint)| {
            let fixed = endpoint.ipam_config.clone().unwrap_or_default();
            let spec = EndpointSpec {
                aliases: aliases(endpoint.aliases.as_deref().unwrap_or_default(), id),
                ipv4_address: filled(fixed.ipv4_address),
                ipv6_address: filled(fixed.ipv6_address),
                // The one in use; the engine does not say whether it was asked for.
                mac_address: filled(endpoint.mac_address.clone()),
                rare: Box::new(rare::read_endpoint(endpoint)),
            };
            (name.clone(), spec)
        })
        .collect();
    facts.network_mode = built_in.map(str::to_owned);
    if built_in.is_none() {
        // The mode may be the network's id; its name is what counts.
        let by_id = networks
            .clone()
            .find(|(_, endpoint)| endpoint.network_id.as_deref() == Some(mode));
        let name = by_id.map_or(mode, |(name, _)| name.as_str());
        facts.main_network = Some(name.to_owned());
    }
}

/// Takes off what the daemon puts behind the aliases: the short id, then the host name.
fn aliases(all: &[String], id: &ContainerId) -> Vec<String> {
    all.iter()
        .take_while(|alias| *alias != id.short())
        .cloned()
        .collect()
}

fn addresses(settings: &NetworkSettings) -> BTreeMap<String, String> {
    let networks = settings.networks.iter().flatten();
    networks
        .filter_map(|(name, endpoint)| Some((name.clone(), filled(endpoint.ip_address.clone())?)))
        .collect()
}

fn network_ids(settings: &NetworkSettings) -> BTreeMap<String, NetworkId> {
    let networks = settings.networks.iter().flatten();
    networks
        .filter_map(|(name, endpoint)| {
            let id = NetworkId::new(endpoint.network_id.clone()?).ok()?;
            Some((name.clone(), id))
        })
        .collect()
}

fn limits(host: &HostConfig) -> Limits<Resolved> {
    Limits {
        cpus: positive(host.nano_cpus).map(NanoCpus),
        cpu_shares: positive(host.cpu_shares),
        cpu_quota: host.cpu_quota.filter(|quota| *quota != 0),
        cpu_period: positive(host.cpu_period),
        cpuset: filled(host.cpuset_cpus.clone()),
        memory: positive(host.memory).map(Bytes),
        memory_reservation: positive(host.memory_reservation).map(Bytes),
        memory_swap: host.memory_swap.filter(|swap| *swap != 0).map(Bytes),
        // -1 is how the daemon writes that it was not given.
        memory_swappiness: host.memory_swappiness.filter(|value| *value >= 0),
        pids: host.pids_limit.filter(|limit| *limit != 0),
    }
}

fn ports(map: Option<&PortMap>) -> Vec<PortSpec> {
    let mut ports: Vec<PortSpec> = map
        .into_iter()
        .flatten()
        .filter_map(|(key, bindings)| Some((port(key)?, bindings.as_deref().unwrap_or_default())))
        .flat_map(|((target, protocol), bindings)| {
            bindings.iter().map(move |binding| PortSpec {
                target,
                protocol,
                host_ip: binding.host_ip.clone().unwrap_or_default(),
                published: binding.host_port.clone().unwrap_or_default(),
            })
        })
        .collect();
    ports.sort();
    ports
}

/// Reads `80/tcp`.
fn port(key: &str) -> Option<(u16, Protocol)> {
    let (number, protocol) = key.split_once('/').unwrap_or((key, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return None,
    };
    Some((number.parse().ok()?, protocol))
}

fn health_check(check: HealthConfig) -> HealthSpec {
    let span = |nanos: Option<i64>| {
        let nanos = u64::try_from(nanos.unwrap_or_default()).unwrap_or_default();
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    };
    HealthSpec {
        test: check.test.unwrap_or_default(),
        interval: span(check.interval),
        timeout: span(check.timeout),
        retries: check
            .retries
            .and_then(|retries| u32::try_from(retries).ok())
            .filter(|retries| *retries > 0),
        start_period: span(check.start_period),
        start_interval: span(check.start_interval),
    }
}

fn restart(policy: Option<&RestartPolicy>) -> Restart {
    let Some(policy) = policy else {
        return Restart::No;
    };
    match policy.name {
        None | Some(RestartPolicyNameEnum::EMPTY | RestartPolicyNameEnum::NO) => Restart::No,
        Some(RestartPolicyNameEnum::ALWAYS) => Restart::Always,
        Some(RestartPolicyNameEnum::UNLESS_STOPPED) => Restart::UnlessStopped,
        Some(RestartPolicyNameEnum::ON_FAILURE) => Restart::OnFailure(
            policy
                .maximum_retry_count
                .and_then(|count| u32::try_from(count).ok())
                .filter(|count| *count > 0),
        ),
    }
}

fn state(state: EngineState, restart_count: i64) -> ContainerState {
    let health = state.health.unwrap_or_default();
    ContainerState {
        status: status(state.status),
        health: match health.status {
            Some(HealthStatusEnum::STARTING) => Some(Health::Starting),
            Some(HealthStatusEnum::HEALTHY) => Some(Health::Healthy),
            Some(HealthStatusEnum::UNHEALTHY) => Some(Health::Unhealthy),
            None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => None,
        },
        exit_code: state.exit_code.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        restart_count,
        pid: positive(state.pid),
        started_at: state.started_at.as_deref().and_then(time),
        finished_at: state.finished_at.as_deref().and_then(time),
        health_log: health
            .log
            .unwrap_or_default()
            .into_iter()
            .map(|result| result.output.unwrap_or_default().trim_end().to_owned())
            .collect(),
    }
}

fn status(status: Option<ContainerStateStatusEnum>) -> ContainerStatus {
    match status {
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => {
            ContainerStatus::Running
        }
        Some(ContainerStateStatusEnum::PAUSED) => ContainerStatus::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => ContainerStatus::Restarting,
        Some(ContainerStateStatusEnum::REMOVING) => ContainerStatus::Removing,
        Some(ContainerStateStatusEnum::EXITED) => ContainerStatus::Exited,
        Some(ContainerStateStatusEnum::DEAD) => ContainerStatus::Dead,
        None | Some(ContainerStateStatusEnum::EMPTY | ContainerStateStatusEnum::CREATED) => {
            ContainerStatus::Created
        }
    }
}

/// Reads a time of the engine's; year 1 is its word for never.
fn time(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .filter(|time| *time > Timestamp::UNIX_EPOCH)
}

fn environment(list: Vec<String>) -> BTreeMap<String, Option<String>> {
    list.into_iter()
        .map(|entry| match entry.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (entry, None),
        })
        .collect()
}

fn capabilities(list: Option<Vec<String>>) -> Vec<String> {
    let names = list.unwrap_or_default().into_iter();
    let bare = names.map(|name| {
        let upper = name.to_ascii_uppercase();
        upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
    });
    sorted(Some(bare.collect()))
}

fn sorted(list: Option<Vec<String>>) -> Vec<String> {
    let mut list = list.unwrap_or_default();
    list.sort();
    list
}

pub(super) fn sorted_map(
    map: Option<std::collections::HashMap<String, String>>,
) -> BTreeMap<String, String> {
    map.unwrap_or_default().into_iter().collect()
}

/// Empty means absent in the engine's answers.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn positive(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number > 0)
}
