//! A service or task as a container: every attribute in the engine's terms.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Attachment, ContainerConfig, ContainerOptions, ContainerSpec, Dependency, Endpoint, HealthSpec,
    Healthcheck, ImageReference, Limits, ObservedSocket, PortSpec, Resolved, Restart, Service,
    ServiceName, SocketName, Stack, seccomp_file,
};

use super::network::{attach, default_network, namespace};
use super::{
    ComposeGeneration, FileDigests, container_name, files, image_of, implied_dependencies, labels,
    mounts, rare, service_hash,
};

/// The facts of this host that decide what a container is like.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    /// The sockets as they were seen.
    pub sockets: &'a BTreeMap<SocketName, ObservedSocket>,
    /// Whose rules the config-hash follows.
    pub compose: ComposeGeneration,
    /// The salt of digests in labels.
    pub salt: &'a str,
}

/// Returns a service's container of that number, complete but for the image's id.
pub fn container_spec(
    stack: &Stack<Resolved>,
    service: &ServiceName,
    number: u32,
    host: &Host<'_>,
) -> ContainerSpec {
    let name = container_name(stack, service, number);
    let definition = stack
        .service(service)
        .expect("container_spec is asked for services of the stack");
    let mut options = definition.container.clone();
    if let Attachment::Networks(networks) = &mut options.attachment
        && networks.is_empty()
    {
        networks.insert(default_network(), Endpoint::default());
    }
    let mut spec = spec(
        stack,
        &options,
        &name,
        &[name.clone(), service.to_string()],
        host,
    );
    if let Some(image) = image_of(stack, service) {
        spec.config.image = image;
    }
    spec.service = Some(service.clone());
    spec.number = number;
    rare::add_service(&mut spec.config.rare, stack, definition, number);
    for endpoint in spec.config.endpoints.values_mut() {
        endpoint.rare.links.clone_from(&spec.config.rare.links);
    }
    spec.config
        .labels
        .extend(compose_labels(stack, service, definition, number, host));
    spec
}

/// Returns the container of a task. It carries `labels` beside its own, and none of Compose's. Without networks it is on the engine's
/// default bridge, as Airflow's DockerOperator has it.
pub fn task_container_spec(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    name: &str,
    labels: BTreeMap<String, String>,
    host: &Host<'_>,
) -> ContainerSpec {
    let mut spec = spec(stack, options, name, &[name.to_owned()], host);
    if spec.config.endpoints.is_empty() && spec.config.network_mode.is_none() {
        spec.config.network_mode = Some("bridge".to_owned());
    }
    spec.config.labels.extend(labels);
    spec
}

fn spec(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    name: &str,
    aliases: &[String],
    host: &Host<'_>,
) -> ContainerSpec {
    let delivered = files::delivered(stack, options);
    let mut config = plain_config(stack, options);
    attach(&mut config, stack, &options.attachment, aliases);
    config.mounts = mounts::mounts(stack, options, host, delivered.mounts);
    let groups = mounts::socket_groups(stack, options, host);
    config
        .group_add
        .extend(groups.iter().map(ToString::to_string));
    config.group_add.sort();
    config.group_add.dedup();
    if !delivered.files.is_empty() {
        let digests = FileDigests::of_copied(host.salt, &delivered.files);
        config
            .labels
            .insert(labels::FILES.to_owned(), digests.to_string());
    }
    ContainerSpec {
        name: name.to_owned(),
        service: None,
        number: 1,
        image_id: None,
        config,
        files: delivered.files,
    }
}

/// Returns Compose's labels of a container, less the image's id.
fn compose_labels(
    stack: &Stack<Resolved>,
    name: &ServiceName,
    service: &Service<Resolved>,
    number: u32,
    host: &Host<'_>,
) -> BTreeMap<String, String> {
    let file = &stack.parts().compose_file;
    let folder = file.parent().unwrap_or(&stack.parts().folder);
    [
        (labels::PROJECT, stack.name().to_string()),
        (labels::SERVICE, name.to_string()),
        (labels::CONTAINER_NUMBER, number.to_string()),
        (labels::ONEOFF, "False".to_owned()),
        (
            labels::CONFIG_HASH,
            service_hash(stack, name, service, host),
        ),
        (labels::DEPENDS_ON, depends_on_label(stack, service)),
        (labels::WORKING_DIR, folder.to_string_lossy().into_owned()),
        (labels::CONFIG_FILES, file.to_string_lossy().into_owned()),
        (labels::VERSION, host.compose.version().to_owned()),
    ]
    .map(|(label, value)| (label.to_owned(), value))
    .into()
}

fn depends_on_label(stack: &Stack<Resolved>, service: &Service<Resolved>) -> String {
    let item = |(name, dependency): (&ServiceName, &Dependency<Resolved>)| {
        let condition = dependency.condition.compose_name();
        format!("{name}:{condition}:{}", dependency.on_replace.restarts())
    };
    let implied = implied_dependencies(stack, service).into_iter();
    let implied = implied.map(|(name, restart)| format!("{name}:service_started:{restart}"));
    let items: Vec<String> = service.depends_on.iter().map(item).chain(implied).collect();
    items.join(",")
}

/// Returns everything that is translated attribute by attribute: all but networks, mounts and what sockets add.
fn plain_config(stack: &Stack<Resolved>, options: &ContainerOptions<Resolved>) -> ContainerConfig {
    // The checks of a stack refuse a service without an image; the fallback cannot show.
    let image = options.image.clone().unwrap_or_else(no_image);
    let namespaced = |mode: &Option<String>| mode.as_deref().map(|mode| namespace(stack, mode));
    ContainerConfig {
        platform: options.platform.clone(),
        command: options.command.clone(),
        entrypoint: options.entrypoint.clone(),
        environment: options.environment.clone().into_iter().collect(),
        hostname: options.hostname.clone(),
        domainname: options.domainname.clone(),
        user: options.user.clone(),
        working_dir: options.working_dir.clone(),
        stop_signal: options.stop_signal.clone(),
        stop_timeout_s: options
            .stop_grace_period
            .map(|grace| i64::try_from(grace.as_secs()).unwrap_or(i64::MAX)),
        tty: options.tty.unwrap_or_default(),
        stdin_open: options.stdin_open.unwrap_or_default(),
        exposed: exposed(options),
        ports: ports(options),
        health: options.healthcheck.as_deref().map(health),
        labels: options.labels.clone().into_iter().collect(),
        annotations: options.annotations.clone().into_iter().collect(),
        tmpfs: options.tmpfs.iter().map(|entry| tmpfs(entry)).collect(),
        dns: options.dns.clone(),
        dns_search: options.dns_search.clone(),
        dns_options: options.dns_opt.clone(),
        extra_hosts: sorted(options.extra_hosts.iter().map(|host| engine_host(host))),
        restart: options
            .deploy_restart
            .or(options.restart)
            .unwrap_or(Restart::No),
        cap_add: sorted(options.cap_add.iter().map(|name| capability(name))),
        cap_drop: sorted(options.cap_drop.iter().map(|name| capability(name))),
        group_add: sorted(options.group_add.iter().cloned()),
        security_opt: sorted(security_options(options)),
        sysctls: options.sysctls.clone().into_iter().collect(),
        ulimits: options
            .ulimits
            .iter()
            .map(|(name, limit)| (name.clone(), (limit.soft, limit.hard)))
            .collect(),
        devices: {
            let devices = options.devices.iter();
            let paths = devices.filter(|text| rare::cdi_name(text).is_none());
            sorted(paths.map(|text| device(text)))
        },
        logging: options.logging.as_ref().map(|logging| {
            let options = logging.options.clone().into_iter().collect();
            (logging.driver.clone().unwrap_or_default(), options)
        }),
        limits: limits(options),
        shm_size: options.shm_size,
        oom_score_adj: options.oom_score_adj,
        oom_kill_disable: options.oom_kill_disable.unwrap_or_default(),
        privileged: options.privileged.unwrap_or_default(),
        read_only: options.read_only.unwrap_or_default(),
        init: options.init,
        ipc: namespaced(&options.ipc),
        pid: namespaced(&options.pid),
        uts: options.uts.clone(),
        userns_mode: options.userns_mode.clone(),
        cgroup: options.cgroup.clone(),
        cgroup_parent: options.cgroup_parent.clone(),
        runtime: options.runtime.clone(),
        mac_address: options.mac_address.clone(),
        storage_opt: options.storage_opt.clone().into_iter().collect(),
        rare: Box::new(rare::of_options(options)),
        ..ContainerConfig::new(image)
    }
}

/// Returns the security options that the engine knows.
fn security_options(options: &ContainerOptions<Resolved>) -> impl Iterator<Item = String> + '_ {
    let all = options.security_opt.iter();
    let known = all.filter(|option| *option != rare::OPEN_SYSTEM_PATHS);
    known.map(
        |option| match (seccomp_file(option), &options.seccomp_profile) {
            (Some(_), Some(profile)) => format!("seccomp={profile}"),
            _ => option.clone(),
        },
    )
}

/// Returns the limits, those of `deploy` first.
fn limits(options: &ContainerOptions<Resolved>) -> Limits<Resolved> {
    let plain = options.limits.as_deref().cloned().unwrap_or_default();
    let Some(deploy) = &options.deploy_limits else {
        return plain;
    };
    Limits {
        cpus: deploy.cpus.or(plain.cpus),
        memory: deploy.memory.or(plain.memory),
        memory_reservation: deploy.memory_reservation.or(plain.memory_reservation),
        pids: deploy.pids.or(plain.pids),
        ..plain
    }
}

fn no_image() -> ImageReference {
    ImageReference::parse("scratch").expect("`scratch` is an image reference")
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect::<BTreeSet<T>>().into_iter().collect()
}

/// Returns `expose` and the targets of `ports` as `80/tcp`; ranges are written out, as the engine knows single ports only.
fn exposed(options: &ContainerOptions<Resolved>) -> BTreeSet<String> {
    let published = options
        .ports
        .iter()
        .map(|port| format!("{}/{}", port.target, port.protocol));
    let expose = options.expose.iter().flat_map(|text| {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let range = ports.split_once('-').unwrap_or((ports, ports));
        match (range.0.parse::<u16>(), range.1.parse::<u16>()) {
            (Ok(first), Ok(last)) => (first..=last)
                .map(|port| format!("{port}/{protocol}"))
                .collect(),
            _ => vec![text.clone()],
        }
    });
    published.chain(expose).collect()
}

fn ports(options: &ContainerOptions<Resolved>) -> Vec<PortSpec> {
    sorted(options.ports.iter().map(|port| PortSpec {
        target: port.target,
        protocol: port.protocol,
        host_ip: port.host_ip.clone().unwrap_or_default(),
        published: port.published.clone().unwrap_or_default(),
    }))
}

fn health(check: &Healthcheck<Resolved>) -> HealthSpec {
    if check.disable {
        return HealthSpec {
            test: vec!["NONE".to_owned()],
            ..HealthSpec::default()
        };
    }
    HealthSpec {
        test: check.test.clone().unwrap_or_default(),
        interval: check.interval,
        timeout: check.timeout,
        retries: check.retries,
        start_period: check.start_period,
        start_interval: check.start_interval,
    }
}

fn tmpfs(entry: &str) -> (String, String) {
    let (path, options) = entry.split_once(':').unwrap_or((entry, ""));
    (path.to_owned(), options.to_owned())
}

/// Returns `name=address` as the engine takes it, `name:address`, without brackets round the address.
fn engine_host(text: &str) -> String {
    match text.split_once(['=', ':']) {
        Some((name, address)) => {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            format!("{name}:{address}")
        }
        None => text.to_owned(),
    }
}

/// Returns a capability without its `CAP_` prefix: the engine answers with it, whoever asked without it.
fn capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

/// Returns `host:container:permissions` in its parts; the path inside is the host's and the permissions are all where none are said.
fn device(text: &str) -> (String, String, String) {
    let mut parts = text.split(':');
    let host = parts.next().unwrap_or_default();
    let inside = parts.next().unwrap_or(host);
    let permissions = parts.next().unwrap_or("rwm");
    (host.to_owned(), inside.to_owned(), permissions.to_owned())
}
