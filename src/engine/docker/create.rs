//! From the specification of a container to the body of the call that makes it, field by field as Compose sends it.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, EndpointIpamConfig, EndpointSettings, HealthConfig,
    HostConfig, HostConfigLogConfig, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};

use crate::compose::labels::IMAGE;
use crate::compose::{MANY_NETWORKS, TooNew, newer_than};
use crate::engine::EngineError;
use crate::model::{
    ContainerConfig, ContainerSpec, EndpointSpec, HealthSpec, ImageId, Limits, PortSpec, Resolved,
    Restart,
};

use super::{mounts, rare};

/// Refuses what the engine would drop in silence. Plans refuse it before; this is for whoever comes without one.
///
/// # Errors
/// [`EngineError::TooOld`] with the first such thing.
pub(super) fn check_version(config: &ContainerConfig, api: (u32, u32)) -> Result<(), EngineError> {
    match newer_than(config, api).into_iter().next() {
        Some(TooNew { attribute, needs }) => Err(EngineError::TooOld {
            what: attribute,
            needs: format!("{}.{}", needs.0, needs.1),
            has: format!("{}.{}", api.0, api.1),
        }),
        None => Ok(()),
    }
}

/// The MAC address on the main network, wherever it was said.
fn main_mac(config: &ContainerConfig) -> Option<&String> {
    let endpoint = config
        .main_network()
        .and_then(|name| config.endpoints.get(name));
    config
        .mac_address
        .as_ref()
        .or_else(|| endpoint?.mac_address.as_ref())
}

/// Returns the body as JSON, which can say what the client's type cannot.
pub(super) fn body(
    spec: &ContainerSpec,
    image_id: Option<&ImageId>,
    api: (u32, u32),
) -> Result<Vec<u8>, serde_json::Error> {
    let config = &spec.config;
    let mut value = serde_json::to_value(create_body(spec, image_id, api))?;
    if let Some(address) = main_mac(config)
        && api < MANY_NETWORKS
        && let Some(object) = value.as_object_mut()
    {
        object.insert("MacAddress".to_owned(), address.as_str().into());
    }
    serde_json::to_vec(&value)
}

fn create_body(
    spec: &ContainerSpec,
    image_id: Option<&ImageId>,
    api: (u32, u32),
) -> ContainerCreateBody {
    let config = &spec.config;
    let mut labels: HashMap<String, String> = config.labels.clone().into_iter().collect();
    if let Some(id) = image_id
        && spec.service.is_some()
    {
        labels.insert(IMAGE.to_owned(), id.to_string());
    }
    let published = config.ports.iter().map(port_key);
    let exposed = config.exposed.iter().cloned().chain(published);
    let mut exposed: Vec<String> = exposed.collect();
    exposed.sort();
    exposed.dedup();
    ContainerCreateBody {
        hostname: config.hostname.clone(),
        domainname: config.domainname.clone(),
        user: config.user.clone(),
        attach_stdin: Some(false),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: Some(exposed),
        tty: Some(config.tty),
        open_stdin: Some(config.stdin_open),
        stdin_once: Some(false),
        env: Some(environment(&config.environment)),
        cmd: config.command.clone(),
        healthcheck: config.health.as_ref().map(health_check),
        image: Some(config.image.as_str().to_owned()),
        working_dir: config.working_dir.clone(),
        entrypoint: config.entrypoint.clone(),
        labels: Some(labels),
        stop_signal: config.stop_signal.clone(),
        stop_timeout: config.stop_timeout_s,
        host_config: Some(host_config(config)),
        networking_config: networking(config, api),
        ..ContainerCreateBody::default()
    }
}

fn host_config(config: &ContainerConfig) -> HostConfig {
    let (binds, mounts) = mounts::write(&config.mounts);
    let map = |map: &std::collections::BTreeMap<String, String>| -> HashMap<String, String> {
        map.clone().into_iter().collect()
    };
    let mode = config
        .network_mode
        .clone()
        .or_else(|| config.main_network().map(str::to_owned))
        .unwrap_or_else(|| "none".to_owned());
    HostConfig {
        binds: Some(binds),
        mounts: Some(mounts),
        port_bindings: Some(port_bindings(&config.ports)),
        network_mode: Some(mode),
        // Without a name, as Compose sends it where nothing is said.
        restart_policy: Some(match config.restart {
            Restart::No => RestartPolicy::default(),
            Restart::Always | Restart::UnlessStopped | Restart::OnFailure(_) => {
                restart_policy(config.restart)
            }
        }),
        annotations: (!config.annotations.is_empty()).then(|| map(&config.annotations)),
        cap_add: Some(capabilities(&config.cap_add)),
        cap_drop: Some(capabilities(&config.cap_drop)),
        cgroupns_mode: config.cgroup.as_deref().and_then(|mode| mode.parse().ok()),
        cgroup_parent: config.cgroup_parent.clone(),
        dns: Some(config.dns.clone()),
        dns_options: Some(config.dns_options.clone()),
        dns_search: Some(config.dns_search.clone()),
        extra_hosts: Some(config.extra_hosts.clone()),
        group_add: Some(config.group_add.clone()),
        init: config.init,
        ipc_mode: config.ipc.clone(),
        log_config: config
            .logging
            .as_ref()
            .map(|(driver, options)| HostConfigLogConfig {
                typ: Some(driver.clone()),
                config: Some(map(options)),
            }),
        oom_kill_disable: Some(config.oom_kill_disable),
        oom_score_adj: config.oom_score_adj,
        pid_mode: config.pid.clone(),
        privileged: Some(config.privileged),
        readonly_rootfs: Some(config.read_only),
        runtime: config.runtime.clone(),
        security_opt: Some(config.security_opt.clone()),
        shm_size: config.shm_size.map(|size| size.0),
        storage_opt: (!config.storage_opt.is_empty()).then(|| map(&config.storage_opt)),
        sysctls: (!config.sysctls.is_empty()).then(|| map(&config.sysctls)),
        tmpfs: (!config.tmpfs.is_empty()).then(|| map(&config.tmpfs)),
        ulimits: Some(ulimits(config)),
        devices: Some(devices(config)),
        userns_mode: config.userns_mode.clone(),
        uts_mode: config.uts.clone(),
        ..rare::write(&config.rare, limits(&config.limits))
    }
}

/// Returns capabilities with their whole names, as Compose sends them.
fn capabilities(names: &[String]) -> Vec<String> {
    let whole = |name: &String| match name.as_str() {
        "ALL" => name.clone(),
        _ => format!("CAP_{name}"),
    };
    names.iter().map(whole).collect()
}

fn limits(limits: &Limits<Resolved>) -> HostConfig {
    HostConfig {
        nano_cpus: limits.cpus.map(|cpus| cpus.0),
        cpu_shares: limits.cpu_shares,
        cpu_quota: limits.cpu_quota,
        cpu_period: limits.cpu_period,
        cpuset_cpus: limits.cpuset.clone(),
        memory: limits.memory.map(|size| size.0),
        memory_reservation: limits.memory_reservation.map(|size| size.0),
        memory_swap: limits.memory_swap.map(|size| size.0),
        memory_swappiness: limits.memory_swappiness,
        pids_limit: limits.pids,
        ..HostConfig::default()
    }
}

pub(super) fn restart_policy(restart: Restart) -> RestartPolicy {
    let (name, count) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure(count) => (RestartPolicyNameEnum::ON_FAILURE, count.map(i64::from)),
    };
    RestartPolicy {
        name: Some(name),
        maximum_retry_count: count,
    }
}

/// Older engines take one network; the caller connects the others afterwards.
fn networking(config: &ContainerConfig, api: (u32, u32)) -> Option<NetworkingConfig> {
    if config.network_mode.is_some() {
        return None;
    }
    let main = config.main_network()?;
    let takes_all = api >= MANY_NETWORKS;
    let endpoints = config
        .endpoints
        .iter()
        .filter(|(name, _)| takes_all || *name == main)
        .map(|(name, spec)| {
            let mut settings = endpoint(spec, api);
            if takes_all && name == main {
                settings.mac_address = main_mac(config).cloned();
            }
            (name.clone(), settings)
        });
    Some(NetworkingConfig {
        endpoints_config: Some(endpoints.collect()),
    })
}

/// Returns how a container is attached to one network.
pub(super) fn endpoint(spec: &EndpointSpec, api: (u32, u32)) -> EndpointSettings {
    let rare = &spec.rare;
    let has_address = spec.ipv4_address.is_some()
        || spec.ipv6_address.is_some()
        || !rare.link_local_ips.is_empty();
    EndpointSettings {
        links: (!rare.links.is_empty()).then(|| rare.links.iter().cloned().collect()),
        driver_opts: (!rare.driver_opts.is_empty())
            .then(|| rare.driver_opts.clone().into_iter().collect()),
        gw_priority: Some(rare.gateway_priority).filter(|priority| *priority != 0),
        aliases: Some(spec.aliases.clone()),
        ipam_config: has_address.then(|| EndpointIpamConfig {
            ipv4_address: spec.ipv4_address.clone(),
            ipv6_address: spec.ipv6_address.clone(),
            link_local_ips: (!rare.link_local_ips.is_empty()).then(|| rare.link_local_ips.clone()),
        }),
        mac_address: spec.mac_address.clone().filter(|_| api >= MANY_NETWORKS),
        ..EndpointSettings::default()
    }
}

fn environment(variables: &std::collections::BTreeMap<String, Option<String>>) -> Vec<String> {
    let entries = variables.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    });
    entries.collect()
}

fn health_check(health: &HealthSpec) -> HealthConfig {
    let nanos = |span: Option<Duration>| {
        span.map(|span| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
    };
    HealthConfig {
        test: (!health.test.is_empty()).then(|| health.test.clone()),
        interval: nanos(health.interval),
        timeout: nanos(health.timeout),
        retries: health.retries.map(i64::from),
        start_period: nanos(health.start_period),
        start_interval: nanos(health.start_interval),
    }
}

fn port_key(port: &PortSpec) -> String {
    format!("{}/{}", port.target, port.protocol)
}

fn port_bindings(ports: &[PortSpec]) -> PortMap {
    let mut map = PortMap::new();
    for port in ports {
        let bindings = map.entry(port_key(port)).or_default();
        bindings.get_or_insert_default().push(PortBinding {
            host_ip: Some(port.host_ip.clone()),
            host_port: Some(port.published.clone()),
        });
    }
    map
}

fn ulimits(config: &ContainerConfig) -> Vec<ResourcesUlimits> {
    let limits = config.ulimits.iter();
    let limits = limits.map(|(name, (soft, hard))| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(*soft),
        hard: Some(*hard),
    });
    limits.collect()
}

fn devices(config: &ContainerConfig) -> Vec<DeviceMapping> {
    let devices = config.devices.iter();
    let devices = devices.map(|(host, inside, permissions)| DeviceMapping {
        path_on_host: Some(host.clone()),
        path_in_container: Some(inside.clone()),
        cgroup_permissions: Some(permissions.clone()),
    });
    devices.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ImageReference, ServiceName};

    fn spec() -> ContainerSpec {
        let mut config = ContainerConfig::new(ImageReference::parse("busybox:1.36").unwrap());
        for network in ["back", "front"] {
            config
                .endpoints
                .insert(network.to_owned(), EndpointSpec::default());
        }
        config.main_network = Some("front".to_owned());
        config.mac_address = Some("02:42:ac:11:00:09".to_owned());
        ContainerSpec {
            name: "p-web-1".to_owned(),
            service: Some(ServiceName::new("web").unwrap()),
            number: 1,
            image_id: None,
            config,
            files: Vec::new(),
        }
    }

    fn sent(spec: &ContainerSpec, api: (u32, u32)) -> serde_json::Value {
        let id = ImageId::new("sha256:abc").unwrap();
        serde_json::from_slice(&body(spec, Some(&id), api).unwrap()).unwrap()
    }

    #[test]
    fn old_engines_get_the_main_network_only_and_new_ones_all() {
        for (api, networks, top_mac) in [
            ((1, 41), vec!["front"], Some("02:42:ac:11:00:09")),
            ((1, 44), vec!["back", "front"], None),
        ] {
            let sent = sent(&spec(), api);
            let endpoints = sent["NetworkingConfig"]["EndpointsConfig"].as_object();
            let mut names: Vec<&String> = endpoints.unwrap().keys().collect();
            names.sort();
            assert_eq!(names, networks);
            assert_eq!(sent["MacAddress"].as_str(), top_mac);
            assert_eq!(sent["HostConfig"]["NetworkMode"], "front");
        }
    }

    #[test]
    fn image_label_is_for_services_and_not_for_tasks() {
        let mut spec = spec();
        assert_eq!(sent(&spec, (1, 41))["Labels"][IMAGE], "sha256:abc");
        spec.service = None;
        assert!(sent(&spec, (1, 41))["Labels"][IMAGE].is_null());
    }

    #[test]
    fn an_empty_command_clears_and_an_absent_one_inherits() {
        let mut spec = spec();
        assert!(sent(&spec, (1, 41))["Cmd"].is_null());
        spec.config.command = Some(Vec::new());
        assert_eq!(sent(&spec, (1, 41))["Cmd"], serde_json::json!([]));
    }

    #[test]
    fn what_the_engine_would_drop_in_silence_is_refused() {
        let mut annotated = spec().config;
        annotated.annotations.insert("a".to_owned(), "b".to_owned());
        match check_version(&annotated, (1, 41)) {
            Err(EngineError::TooOld { needs, .. }) => assert_eq!(needs, "1.43"),
            other => panic!("not refused: {other:?}"),
        }
        assert_eq!(check_version(&annotated, (1, 43)), Ok(()));
    }
}
