//! What is at the fake engine, and what each call does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::compose::labels;
use crate::engine::{EngineError, EngineEvent, EventOutcome, EventSubject, Performed};
use crate::model::{
    Bytes, ContainerConfig, ContainerId, ContainerSpec, ContainerState, ContainerStatus,
    EndpointSpec, EngineFacts, Health, ImageId, ImageReference, Limits, MountSpecSource, NetworkId,
    NetworkSpec, Observed, ObservedContainer, ObservedFile, ObservedImage, ObservedNetwork,
    ObservedSocket, ObservedVolume, Resolved, Scope, VolumeSpec,
};
use crate::plan::{Action, ContainerRef};

use super::{Fault, Script};

/// Something that will happen to a container.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) after: Duration,
    container: ContainerId,
    /// The start it belongs to.
    start: i64,
    what: Happening,
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Exit(i64),
    Health(Health),
}

#[derive(Default)]
pub(super) struct World {
    pub(super) containers: BTreeMap<ContainerId, ObservedContainer>,
    pub(super) networks: Vec<ObservedNetwork>,
    pub(super) volumes: BTreeMap<String, ObservedVolume>,
    pub(super) images: BTreeMap<ImageReference, ObservedImage>,
    pub(super) registry: BTreeSet<ImageReference>,
    pub(super) files: BTreeMap<String, ObservedFile>,
    pub(super) scripts: BTreeMap<String, Script>,
    pub(super) calls: Vec<String>,
    pub(super) fault: Option<(usize, Fault)>,
    pub(super) events: Vec<EngineEvent>,
    pub(super) due: Vec<Due>,
    pub(super) made: u64,
    started: i64,
    /// The start that each container is in.
    starts: BTreeMap<ContainerId, i64>,
}

pub(super) fn facts() -> EngineFacts {
    EngineFacts {
        version: "20.10.24".to_owned(),
        api: (1, 41),
        address: "fake".to_owned(),
        is_local: true,
    }
}

pub(super) fn image_id(image: &ImageReference) -> ImageId {
    ImageId::new(format!("sha256:{image}")).expect("it is not empty")
}

pub(super) fn not_found(container: &ContainerRef) -> EngineError {
    EngineError::NotFound {
        what: format!("container {container}"),
        message: "No such container".to_owned(),
    }
}

pub(super) fn conflict(what: String, message: String) -> EngineError {
    EngineError::Conflict { what, message }
}

/// Returns a call in words: its name and what it is about.
pub(super) fn describe(action: &Action) -> String {
    let subject = match action {
        Action::PullImage { image, .. } => image.to_string(),
        Action::BuildImage(spec) => spec.image.to_string(),
        Action::TagImage { source, image } => format!("{source} {image}"),
        Action::CreateNetwork(spec) => spec.name.clone(),
        Action::RemoveNetwork { name, .. } | Action::RemoveVolume { name } => name.clone(),
        Action::CreateVolume(spec) => spec.name.clone(),
        Action::CreateContainer(spec) => spec.name.clone(),
        Action::RenameContainer { container, to } => format!("{container} {to}"),
        Action::ConnectNetwork {
            container, network, ..
        }
        | Action::DisconnectNetwork { container, network } => format!("{container} {network}"),
        Action::CopyFiles { container, .. }
        | Action::StartContainer { container }
        | Action::StopContainer { container, .. }
        | Action::RestartContainer { container, .. }
        | Action::UnpauseContainer { container }
        | Action::SignalContainer { container, .. }
        | Action::UpdateContainer { container, .. }
        | Action::RemoveContainer { container, .. }
        | Action::Await { container, .. } => container.to_string(),
        Action::RunCommand(run) => format!("{} {}", run.container, run.command.join(" ")),
        Action::FixSocket(fix) => fix.socket.to_string(),
    };
    format!("{} {subject}", action.name())
}

impl World {
    pub(super) fn find(&self, container: &ContainerRef) -> Option<&ObservedContainer> {
        match container {
            ContainerRef::Id(id) => self.containers.get(id),
            ContainerRef::Name(name) => self.containers.values().find(|it| it.name == *name),
        }
    }

    pub(super) fn get(
        &mut self,
        container: &ContainerRef,
    ) -> Result<&mut ObservedContainer, EngineError> {
        let id = self.find(container).map(|it| it.id.clone());
        id.and_then(|id| self.containers.get_mut(&id))
            .ok_or_else(|| not_found(container))
    }

    pub(super) fn script_of(&self, container: &ObservedContainer) -> Script {
        let service = container.config.labels.get(labels::SERVICE);
        let script = service.and_then(|service| self.scripts.get(service));
        script.cloned().unwrap_or_default()
    }

    pub(super) fn output_of(&self, container: &ContainerRef) -> String {
        self.find(container)
            .map(|it| self.script_of(it).output)
            .unwrap_or_default()
    }

    fn tell(&mut self, container: &ObservedContainer, action: &str) {
        self.events.push(event(container, action));
    }

    pub(super) fn observe(&self, scope: &Scope) -> Observed {
        let project = scope.project.as_str();
        let is_of_project = |labels: &BTreeMap<String, String>| {
            [labels::PROJECT, labels::TASK_PROJECT]
                .iter()
                .any(|label| labels.get(*label).is_some_and(|it| it == project))
        };
        let mut containers: Vec<ObservedContainer> = self
            .containers
            .values()
            .filter(|it| {
                is_of_project(&it.config.labels) || scope.container_names.contains(&it.name)
            })
            .cloned()
            .collect();
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let networks = self.networks.iter();
        let is_wanted =
            |it: &ObservedNetwork| is_of_project(&it.labels) || scope.networks.contains(&it.name);
        let volumes = self.volumes.values();
        let images = scope.images.iter();
        let sockets = scope.sockets.keys();
        Observed {
            engine: facts(),
            containers,
            foreign_subnets: self
                .networks
                .iter()
                .filter(|it| !is_wanted(it))
                .map(|it| (it.name.clone(), subnets(it)))
                .collect(),
            networks: networks
                .filter(|it| is_wanted(it))
                .map(|it| self.with_attached(it))
                .collect(),
            volumes: volumes
                .filter(|it| is_of_project(&it.labels) || scope.volumes.contains(&it.name))
                .cloned()
                .collect(),
            images: images
                .map(|it| (it.clone(), self.images.get(it).cloned()))
                .collect(),
            sockets: sockets
                .map(|name| {
                    let socket = ObservedSocket::Present {
                        mode: 0o660,
                        uid: 0,
                        gid: 998,
                        owners: vec!["root".to_owned()],
                        groups: vec!["docker".to_owned()],
                    };
                    (name.clone(), socket)
                })
                .collect(),
            files: self.files.clone(),
            unknown: Vec::new(),
        }
    }

    /// Returns a network with the running containers that are attached to it.
    fn with_attached(&self, network: &ObservedNetwork) -> ObservedNetwork {
        let mut network = network.clone();
        let running = self.containers.values();
        let running = running.filter(|it| it.state.status == ContainerStatus::Running);
        let attached = running.filter(|it| it.network_ids.values().any(|at| *at == network.id));
        let attached = attached.map(|it| (it.id.clone(), it.name.clone()));
        network.containers.extend(attached);
        network
    }

    pub(super) fn perform(&mut self, action: &Action) -> Result<Performed, EngineError> {
        match action {
            Action::PullImage { image, .. } => self.pull(image),
            Action::BuildImage(spec) => Ok(self.build(spec)),
            Action::TagImage { source, image } => self.tag(source, image),
            Action::CreateNetwork(spec) => Ok(self.create_network(spec)),
            Action::RemoveNetwork { id, name } => self.remove_network(id, name),
            Action::CreateVolume(spec) => Ok(self.create_volume(spec)),
            Action::RemoveVolume { name } => self.remove_volume(name),
            Action::CreateContainer(spec) => self.create(spec),
            Action::CopyFiles { container, .. } => {
                self.get(container)?;
                Ok(Performed::Done)
            }
            Action::ConnectNetwork {
                container,
                network,
                endpoint,
            } => self.connect(container, network, endpoint),
            Action::DisconnectNetwork { container, network } => {
                let container = self.get(container)?;
                container.network_ids.remove(network);
                container.config.endpoints.remove(network);
                Ok(Performed::Done)
            }
            Action::StartContainer { container } => self.start(container),
            Action::StopContainer { container, .. } => self.stop(container),
            Action::RestartContainer { container, .. } => {
                self.stop(container)?;
                self.start(container)
            }
            Action::UnpauseContainer { container } => {
                self.get(container)?.state.status = ContainerStatus::Running;
                Ok(Performed::Done)
            }
            Action::SignalContainer { container, .. } => self.signal(container),
            Action::RunCommand(run) => self.run_command(run),
            Action::RenameContainer { container, to } => self.rename(container, to),
            Action::UpdateContainer {
                container,
                limits,
                restart,
            } => {
                let config = &mut self.get(container)?.config;
                config.limits = with_swap(limits);
                config.restart = *restart;
                Ok(Performed::Done)
            }
            Action::RemoveContainer {
                container, force, ..
            } => self.remove(container, *force),
            Action::Await { .. } => Err(EngineError::Refused {
                what: "waiting".to_owned(),
                message: "engines do not wait".to_owned(),
                status: 400,
            }),
            Action::FixSocket(_) => Ok(Performed::Done),
        }
    }

    fn create_network(&mut self, spec: &NetworkSpec) -> Performed {
        self.made += 1;
        self.networks.push(ObservedNetwork {
            id: NetworkId::new(format!("network{}", self.made)).expect("it is not empty"),
            name: spec.name.clone(),
            driver: if spec.driver.is_empty() {
                "bridge".to_owned()
            } else {
                spec.driver.clone()
            },
            options: spec.options.clone(),
            internal: spec.internal,
            attachable: spec.attachable,
            enable_ipv4: None,
            enable_ipv6: spec.enable_ipv6.unwrap_or_default(),
            labels: spec.labels.clone(),
            ipam_driver: spec
                .ipam_driver
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            ipam_options: spec.ipam_options.clone(),
            pools: spec.pools.clone(),
            containers: BTreeMap::new(),
        });
        Performed::Done
    }

    fn remove_network(&mut self, id: &NetworkId, name: &str) -> Result<Performed, EngineError> {
        let is_up = |it: &&ObservedContainer| it.state.status == ContainerStatus::Running;
        let mut running = self.containers.values().filter(is_up);
        if running.any(|it| it.network_ids.values().any(|at| at == id)) {
            let message =
                format!("error while removing network: network {name} has active endpoints");
            return Err(EngineError::Refused {
                what: format!("network {name}"),
                message,
                status: 403,
            });
        }
        self.networks.retain(|it| it.id != *id);
        Ok(Performed::Done)
    }

    fn create_volume(&mut self, spec: &VolumeSpec) -> Performed {
        if self.volumes.contains_key(&spec.name) {
            return Performed::WasSo;
        }
        let driver = if spec.driver.is_empty() {
            "local"
        } else {
            &spec.driver
        };
        let volume = ObservedVolume {
            name: spec.name.clone(),
            driver: driver.to_owned(),
            options: spec.options.clone(),
            labels: spec.labels.clone(),
        };
        self.volumes.insert(spec.name.clone(), volume);
        Performed::Done
    }

    fn remove_volume(&mut self, name: &str) -> Result<Performed, EngineError> {
        let mounts = |it: &ObservedContainer| it.volumes.values().any(|own| own == name);
        if self.containers.values().any(mounts) {
            return Err(conflict(
                format!("volume {name}"),
                "volume is in use".to_owned(),
            ));
        }
        self.volumes.remove(name);
        Ok(Performed::Done)
    }

    fn create(&mut self, spec: &ContainerSpec) -> Result<Performed, EngineError> {
        let what = format!("container {}", spec.name);
        if self.find(&ContainerRef::Name(spec.name.clone())).is_some() {
            let message = format!("The container name \"/{}\" is already in use", spec.name);
            return Err(conflict(what, message));
        }
        let Some(image) = self.images.get(&spec.config.image).cloned() else {
            return Err(EngineError::NoImage {
                image: spec.config.image.to_string(),
                message: "No such image".to_owned(),
            });
        };
        self.made += 1;
        let id = ContainerId::new(format!("{:012x}{}", self.made, "0".repeat(52)))
            .expect("it is not empty");
        let mut config = fill_in(&spec.config, &image.defaults, &id);
        config
            .labels
            .insert(labels::IMAGE.to_owned(), image.id.to_string());
        // Engines of this age take one network at the creation.
        let main = config.main_network.clone();
        config
            .endpoints
            .retain(|name, _| Some(name) == main.as_ref());
        let mut container = ObservedContainer {
            id: id.clone(),
            name: spec.name.clone(),
            created: jiff::Timestamp::from_second(self.made as i64).ok(),
            image_id: image.id,
            state: ContainerState::default(),
            config,
            bound_ports: Vec::new(),
            addresses: BTreeMap::new(),
            network_ids: BTreeMap::new(),
            volumes: self.volumes_of(spec, &image.volumes),
            files: BTreeMap::new(),
            beyond: Vec::new(),
        };
        if let Some(main) = main {
            container
                .network_ids
                .insert(main.clone(), self.network_id(&main)?);
        }
        for endpoint in container.config.endpoints.values_mut() {
            endpoint.aliases.push(id.short().to_owned());
        }
        self.tell(&container, "create");
        self.containers.insert(id.clone(), container);
        Ok(Performed::Created(id))
    }

    /// Returns what volumes a new container mounts, by target, and makes those that nobody named.
    fn volumes_of(
        &mut self,
        spec: &ContainerSpec,
        declared: &BTreeSet<String>,
    ) -> BTreeMap<String, String> {
        let mut named: BTreeMap<String, Option<String>> = spec
            .config
            .mounts
            .iter()
            .map(|mount| (mount.target.clone(), volume_name(mount).cloned()))
            .collect();
        for target in declared {
            named.entry(target.clone()).or_default();
        }
        let is_volume = |target: &String| {
            let mut mounts = spec.config.mounts.iter();
            mounts.all(|it| {
                it.target != *target || matches!(it.source, MountSpecSource::Volume { .. })
            })
        };
        named.retain(|target, _| is_volume(target));
        let mut volumes = BTreeMap::new();
        for (target, name) in named {
            let name = name.unwrap_or_else(|| {
                self.made += 1;
                format!("{:064x}", self.made)
            });
            self.create_volume(&VolumeSpec {
                name: name.clone(),
                driver: String::new(),
                options: BTreeMap::new(),
                labels: BTreeMap::new(),
            });
            volumes.insert(target, name);
        }
        volumes
    }

    fn network_id(&self, name: &str) -> Result<NetworkId, EngineError> {
        let found = self.networks.iter().find(|it| it.name == name);
        found
            .map(|it| it.id.clone())
            .ok_or_else(|| EngineError::NotFound {
                what: format!("network {name}"),
                message: format!("network {name} not found"),
            })
    }

    fn connect(
        &mut self,
        container: &ContainerRef,
        network: &str,
        endpoint: &EndpointSpec,
    ) -> Result<Performed, EngineError> {
        let id = self.network_id(network)?;
        let container = self.get(container)?;
        if container.network_ids.contains_key(network) {
            let what = format!("network {network}");
            return Err(conflict(
                what,
                "endpoint already exists in network".to_owned(),
            ));
        }
        let mut endpoint = endpoint.clone();
        endpoint.aliases.push(container.id.short().to_owned());
        container.network_ids.insert(network.to_owned(), id);
        container
            .config
            .endpoints
            .insert(network.to_owned(), endpoint);
        Ok(Performed::Done)
    }

    fn start(&mut self, container: &ContainerRef) -> Result<Performed, EngineError> {
        let found = self
            .find(container)
            .cloned()
            .ok_or_else(|| not_found(container))?;
        if found.state.status == ContainerStatus::Running {
            return Ok(Performed::WasSo);
        }
        let running = self.containers.values();
        let mut running = running.filter(|it| it.state.status == ContainerStatus::Running);
        let clashes = |it: &ObservedContainer| {
            it.config.ports.iter().any(|theirs| {
                let mine = found.config.ports.iter();
                mine.filter(|port| !port.published.is_empty())
                    .any(|port| port.published == theirs.published)
            })
        };
        if running.any(clashes) {
            return Err(EngineError::Failed {
                what: format!("start of container {}", found.name),
                message: "port is already allocated".to_owned(),
                status: 500,
            });
        }
        self.started += 1;
        let start = self.started;
        self.starts.insert(found.id.clone(), start);
        let script = self.script_of(&found);
        let check = found.config.health.as_ref();
        let has_check = check.is_some_and(|check| !check.is_disabled() && !check.test.is_empty());
        let state = &mut self.get(container)?.state;
        state.status = ContainerStatus::Running;
        state.started_at = jiff::Timestamp::from_second(start).ok();
        state.health = has_check.then_some(Health::Starting);
        self.tell(&found, "start");
        let due = |after, what| Due {
            after,
            container: found.id.clone(),
            start,
            what,
        };
        if has_check {
            let health = if script.is_unhealthy {
                Health::Unhealthy
            } else {
                Health::Healthy
            };
            let after = script.healthy_after.unwrap_or_default();
            self.due.push(due(after, Happening::Health(health)));
        }
        if let Some((after, code)) = script.exits {
            self.due.push(due(after, Happening::Exit(code)));
        }
        Ok(Performed::Done)
    }

    /// Lets what was due happen, if the container is still in the same start.
    pub(super) fn happen(&mut self, due: &Due) -> Option<EngineEvent> {
        let is_current = self.starts.get(&due.container) == Some(&due.start);
        let container = self
            .containers
            .get_mut(&due.container)
            .filter(|_| is_current)?;
        if container.state.status != ContainerStatus::Running {
            return None;
        }
        let action = match due.what {
            Happening::Exit(code) => {
                container.state.status = ContainerStatus::Exited;
                container.state.exit_code = code;
                "die"
            }
            Happening::Health(health) => {
                container.state.health = Some(health);
                container.state.health_log.push(format!("{health:?}"));
                "health_status"
            }
        };
        Some(event(container, action))
    }

    fn stop(&mut self, container: &ContainerRef) -> Result<Performed, EngineError> {
        let found = self.get(container)?;
        if !matches!(
            found.state.status,
            ContainerStatus::Running | ContainerStatus::Restarting
        ) {
            return Ok(Performed::WasSo);
        }
        found.state.status = ContainerStatus::Exited;
        found.state.exit_code = 143;
        let found = found.clone();
        self.starts.remove(&found.id);
        self.tell(&found, "die");
        Ok(Performed::Done)
    }

    fn rename(&mut self, container: &ContainerRef, to: &str) -> Result<Performed, EngineError> {
        if self.find(&ContainerRef::Name(to.to_owned())).is_some() {
            let message = format!("The container name \"/{to}\" is already in use");
            return Err(conflict(format!("container {to}"), message));
        }
        let found = self.get(container)?;
        found.name = to.to_owned();
        let found = found.clone();
        self.tell(&found, "rename");
        Ok(Performed::Done)
    }

    fn remove(&mut self, container: &ContainerRef, force: bool) -> Result<Performed, EngineError> {
        let Some(found) = self.find(container).cloned() else {
            return Ok(Performed::WasSo);
        };
        if found.state.status == ContainerStatus::Running && !force {
            let message = "You cannot remove a running container".to_owned();
            return Err(conflict(format!("container {}", found.name), message));
        }
        self.containers.remove(&found.id);
        self.tell(&found, "destroy");
        Ok(Performed::Done)
    }
}

fn subnets(network: &ObservedNetwork) -> Vec<String> {
    let pools = network.pools.iter();
    pools.filter_map(|pool| pool.subnet.clone()).collect()
}

/// Returns the name of the volume that a mount shows, if it is one and has a name.
fn volume_name(mount: &crate::model::MountSpec) -> Option<&String> {
    match &mount.source {
        MountSpecSource::Volume { name, .. } => name.as_ref(),
        MountSpecSource::Bind { .. }
        | MountSpecSource::Image { .. }
        | MountSpecSource::Tmpfs { .. } => None,
    }
}

fn event(container: &ObservedContainer, action: &str) -> EngineEvent {
    EngineEvent {
        subject: EventSubject::Container {
            id: container.id.clone(),
            name: container.name.clone(),
            labels: container.config.labels.clone(),
        },
        action: action.to_owned(),
        outcome: match (action, container.state.health) {
            ("die", _) => Some(EventOutcome::Exited(container.state.exit_code)),
            ("health_status", Some(Health::Healthy)) => Some(EventOutcome::Healthy),
            ("health_status", Some(Health::Unhealthy)) => Some(EventOutcome::Unhealthy),
            _ => None,
        },
        at: None,
    }
}

/// Returns what inspect shows of a container: what was asked for, over the image's defaults, over the daemon's.
fn fill_in(asked: &ContainerConfig, image: &ContainerConfig, id: &ContainerId) -> ContainerConfig {
    let mut config = asked.clone();
    if config.entrypoint.as_ref().is_none_or(Vec::is_empty) {
        if config.command.as_ref().is_none_or(Vec::is_empty) {
            config.command.clone_from(&image.command);
        }
        if config.entrypoint.is_none() {
            config.entrypoint.clone_from(&image.entrypoint);
        }
    }
    for (name, value) in &image.environment {
        config
            .environment
            .entry(name.clone())
            .or_insert_with(|| value.clone());
    }
    for (name, value) in &image.labels {
        config
            .labels
            .entry(name.clone())
            .or_insert_with(|| value.clone());
    }
    config.exposed.extend(image.exposed.iter().cloned());
    config.user = config.user.or_else(|| image.user.clone());
    config.working_dir = config.working_dir.or_else(|| image.working_dir.clone());
    config.health = config.health.or_else(|| image.health.clone());
    config.hostname.get_or_insert_with(|| id.short().to_owned());
    config
        .logging
        .get_or_insert_with(|| ("json-file".to_owned(), BTreeMap::new()));
    config.shm_size.get_or_insert(Bytes(64 * 1024 * 1024));
    config.ipc.get_or_insert_with(|| "private".to_owned());
    config.cgroup.get_or_insert_with(|| "private".to_owned());
    config.runtime.get_or_insert_with(|| "runc".to_owned());
    config.limits = with_swap(&config.limits);
    config
}

fn with_swap(limits: &Limits<Resolved>) -> Limits<Resolved> {
    let mut limits = limits.clone();
    if let (Some(memory), None) = (limits.memory, limits.memory_swap) {
        limits.memory_swap = Some(Bytes(memory.0 * 2));
    }
    limits
}
