//! The stack: everything that stack.toml says, checked.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::{
    Attributes, Compat, ConfigName, ContainerOptions, Dag, DagName, FileContent, Form, KeyPath,
    Network, NetworkName, Policy, ProjectName, SecretName, Service, ServiceName, Socket,
    SocketName, TaskKind, TaskName, Volume, VolumeName,
};

/// The parts of a stack before they were checked against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackParts<F: Form> {
    /// The project name.
    pub name: ProjectName,
    /// One line on what the stack is for.
    pub description: Option<String>,
    /// The folder of stack.toml, absolute.
    pub folder: PathBuf,
    /// The rendered compose file, absolute; Compose's label `config_files` names it.
    pub compose_file: PathBuf,
    /// Services in the file's order.
    pub services: IndexMap<ServiceName, Service<F>>,
    /// Networks; holds `default` where a service uses it.
    pub networks: IndexMap<NetworkName, Network<F>>,
    /// Volumes.
    pub volumes: IndexMap<VolumeName, Volume<F>>,
    /// Configs.
    pub configs: IndexMap<ConfigName, FileContent<F>>,
    /// Secrets.
    pub secrets: IndexMap<SecretName, FileContent<F>>,
    /// Host sockets.
    pub sockets: IndexMap<SocketName, Socket>,
    /// DAGs.
    pub dags: IndexMap<DagName, Dag<F>>,
    /// What the user allows and forbids.
    pub policy: Policy,
    /// Whether Compose's hash label may go stale.
    pub compat: Compat,
    /// Profiles that are switched on.
    pub profiles: Vec<super::ProfileName>,
    /// `[vars]` in the file's order, for templates that name their defaults.
    pub vars: IndexMap<String, F::Value<String>>,
    /// Top-level tables that are rendered as they are: `models`, and extension keys.
    pub more: Attributes<F>,
}

/// Everything that stack.toml says: defaults filled in, every reference checked. Made by [`Stack::new`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack<F: Form> {
    parts: StackParts<F>,
}

/// A mistake that shows only when the parts of a stack are put side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// Where it is wrong.
    pub at: KeyPath,
}

/// What can be wrong between the parts of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// A name that nothing bears: of this kind (`service`, `network`, …), with the names there are.
    Unknown {
        /// What it should name, as in `[KINDs.NAME]`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// Services or tasks that wait for each other. Each element with the place of its wait and the word for it; the last one
    /// waits for the first.
    Cycle {
        /// `services` or `tasks`.
        kind: &'static str,
        /// The members in order, each with the place where it names the next and the condition it waits for.
        members: Vec<(String, KeyPath, String)>,
    },
    /// A host port that two services publish.
    PortTakenTwice {
        /// The port as `address:port/protocol`, the address left out where it is all of them.
        port: String,
        /// The service that has it first and where it says so.
        first: (ServiceName, KeyPath),
        /// The service that wants it too.
        second: ServiceName,
    },
    /// A container name that two services want.
    ContainerNameTakenTwice {
        /// The name.
        name: String,
        /// Where it is first.
        first: KeyPath,
    },
    /// A service without an image.
    NoImage,
    /// A service that asks for a socket that it may not have.
    SocketNotGranted {
        /// The socket.
        socket: SocketName,
        /// Those who may.
        allowed: Vec<ServiceName>,
    },
    /// A socket mode with rights for everybody, without `allow_world_access`.
    WorldAccess {
        /// The mode.
        mode: u32,
    },
    /// A fixed container name with more than one container.
    ContainerNameWithScale,
    /// A service waits for another one to be healthy that has `disable = true` or no check in file or image could be known.
    WaitsForDisabledCheck {
        /// The other service.
        service: ServiceName,
    },
}

/// Where the options of a container stand. Few of those that are gone through are told of, so it is a path only when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerPath<'a> {
    /// At a service.
    Service(&'a ServiceName),
    /// At a `docker` task of a DAG.
    Task(&'a DagName, &'a TaskName),
}

impl ContainerPath<'_> {
    /// Returns the path of the options.
    pub fn key_path(&self) -> KeyPath {
        match self {
            Self::Service(name) => crate::key_path!["services", name],
            Self::Task(dag, task) => crate::key_path!["dags", dag, "tasks", task, "docker"],
        }
    }

    /// Returns the path of one of the options.
    pub fn join(&self, key: impl std::fmt::Display) -> KeyPath {
        self.key_path().join(key)
    }
}

impl std::fmt::Display for ContainerPath<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.key_path().fmt(f)
    }
}

impl<F: Form> Stack<F> {
    /// Returns the project name.
    pub fn name(&self) -> &ProjectName {
        &self.parts.name
    }

    /// Returns all parts, for reading.
    pub fn parts(&self) -> &StackParts<F> {
        &self.parts
    }

    /// Returns the services in the file's order, those of inactive profiles too.
    pub fn services(&self) -> &IndexMap<ServiceName, Service<F>> {
        &self.parts.services
    }

    /// Returns a service.
    pub fn service(&self, name: &ServiceName) -> Option<&Service<F>> {
        self.parts.services.get(name)
    }

    /// Returns the networks.
    pub fn networks(&self) -> &IndexMap<NetworkName, Network<F>> {
        &self.parts.networks
    }

    /// Returns the volumes.
    pub fn volumes(&self) -> &IndexMap<VolumeName, Volume<F>> {
        &self.parts.volumes
    }

    /// Returns the sockets.
    pub fn sockets(&self) -> &IndexMap<SocketName, Socket> {
        &self.parts.sockets
    }

    /// Returns the DAGs.
    pub fn dags(&self) -> &IndexMap<DagName, Dag<F>> {
        &self.parts.dags
    }

    /// Returns whether a service is switched on: it names no profile, or one that is active.
    pub fn is_active(&self, service: &Service<F>) -> bool {
        service.profiles.is_empty()
            || service
                .profiles
                .iter()
                .any(|profile| self.parts.profiles.contains(profile) || profile.as_str() == "*")
            || self
                .parts
                .profiles
                .iter()
                .any(|profile| profile.as_str() == "*")
    }

    /// Returns the services that are switched on, in the file's order.
    pub fn active_services(&self) -> impl Iterator<Item = (&ServiceName, &Service<F>)> {
        self.parts
            .services
            .iter()
            .filter(|(_, service)| self.is_active(service))
    }

    /// Returns the options of every container that the stack can start: of services, then of `docker` tasks.
    pub fn containers(&self) -> impl Iterator<Item = (ContainerPath<'_>, &ContainerOptions<F>)> {
        let services = self
            .parts
            .services
            .iter()
            .map(|(name, service)| (ContainerPath::Service(name), &service.container));
        let tasks = self.parts.dags.iter().flat_map(|(dag, definition)| {
            definition
                .tasks
                .iter()
                .filter_map(move |(task, definition)| match &definition.kind {
                    TaskKind::Docker(options) => {
                        Some((ContainerPath::Task(dag, task), options.as_ref()))
                    }
                    TaskKind::Exec(_) | TaskKind::Bash(_) | TaskKind::Http(_) => None,
                })
        });
        services.chain(tasks)
    }

    /// Puts checked parts together; only the checks call it.
    pub(super) fn from_checked(parts: StackParts<F>) -> Self {
        Self { parts }
    }
}
