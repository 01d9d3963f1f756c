//! What the engine reports.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    ContainerConfig, ContainerId, ImageId, ImageReference, IpamPoolSpec, NetworkId, ProjectName,
    SocketName,
};

/// What to look at: everything of one project, and the foreign things that its stack refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The project whose containers, networks and volumes are listed by label.
    pub project: ProjectName,
    /// Images to look up.
    pub images: BTreeSet<ImageReference>,
    /// Networks to look up by name, whoever made them.
    pub networks: BTreeSet<String>,
    /// Volumes to look up by name, whoever made them.
    pub volumes: BTreeSet<String>,
    /// Container names that the stack wants, to find foreign holders of them.
    pub container_names: BTreeSet<String>,
    /// Sockets to look at, with their paths.
    pub sockets: BTreeMap<SocketName, std::path::PathBuf>,
    /// Paths of the host that containers mount: those that are files are looked at.
    pub files: BTreeSet<String>,
}

/// A snapshot of everything that matters to one stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// What the engine itself is.
    pub engine: EngineFacts,
    /// Containers with the project's label or with a name that the stack wants, sorted by name.
    pub containers: Vec<ObservedContainer>,
    /// Networks with the project's label or with a name that the stack wants, sorted by name.
    pub networks: Vec<ObservedNetwork>,
    /// The address ranges of every other network of the engine, by the network's name: no two may overlap.
    pub foreign_subnets: BTreeMap<String, Vec<String>>,
    /// Volumes with the project's label or with a name that the stack wants, sorted by name.
    pub volumes: Vec<ObservedVolume>,
    /// Images that were asked for; `None`: not there.
    pub images: BTreeMap<ImageReference, Option<ObservedImage>>,
    /// Sockets that were asked for.
    pub sockets: BTreeMap<SocketName, ObservedSocket>,
    /// The mounted files that could be looked at, by path.
    pub files: BTreeMap<String, ObservedFile>,
    /// What could not be seen. Nothing is made or removed on its account.
    pub unknown: Vec<Unknown>,
}

/// What the engine itself is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EngineFacts {
    /// Its version, such as `20.10.24`.
    pub version: String,
    /// The API version in use, as major and minor.
    pub api: (u32, u32),
    /// Where it is reached, for people: a socket's path or a URL.
    pub address: String,
    /// Whether it runs on this machine, so that host paths and sockets can be looked at.
    pub is_local: bool,
}

/// Something that could not be observed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What, such as `container 3f9c1d20a7be` or `network x`.
    pub what: String,
    /// The container's name, where it is one and the name is known.
    pub container_name: Option<String>,
    /// Why.
    pub why: String,
}

/// A container at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Its id.
    pub id: ContainerId,
    /// Its name without the leading slash.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The id of the image that it was made from.
    pub image_id: ImageId,
    /// What state it is in.
    pub state: ContainerState,
    /// What it is like, every default of image and daemon filled in.
    pub config: ContainerConfig,
    /// Ports that are really bound on the host while it runs.
    pub bound_ports: Vec<super::PortSpec>,
    /// Its address on each network, by the network's name at the engine; empty while it does not run.
    pub addresses: BTreeMap<String, String>,
    /// The ids of the networks that it is attached to, by name.
    pub network_ids: BTreeMap<String, NetworkId>,
    /// The volumes that are really mounted, by target: also the anonymous ones that only the image declares, which `config` lacks.
    pub volumes: BTreeMap<String, String>,
    /// What it has where a file of the host is mounted, by target, as far as that can be seen: another file, if the one on the host was
    /// replaced since its start.
    pub files: BTreeMap<String, ObservedFile>,
    /// Attributes that were asked for and that an import does not write, such as `gpus`, by their names in Compose.
    pub beyond: Vec<&'static str>,
}

/// The state of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Where it is in its life.
    pub status: ContainerStatus,
    /// What its health check says; `None`: it has none.
    pub health: Option<Health>,
    /// The exit code of its last end.
    pub exit_code: i64,
    /// What the engine says went wrong.
    pub error: String,
    /// Whether the kernel killed it for memory.
    pub oom_killed: bool,
    /// How often the engine restarted it.
    pub restart_count: i64,
    /// The number of its first process at the engine's machine; `None`: there is none.
    pub pid: Option<i64>,
    /// When it was started last.
    pub started_at: Option<Timestamp>,
    /// When it ended last.
    pub finished_at: Option<Timestamp>,
    /// The outputs of the last health checks, oldest first; the engine keeps five.
    pub health_log: Vec<String>,
}

impl Default for ContainerState {
    fn default() -> Self {
        Self {
            status: ContainerStatus::Created,
            health: None,
            exit_code: 0,
            error: String::new(),
            oom_killed: false,
            restart_count: 0,
            pid: None,
            started_at: None,
            finished_at: None,
            health_log: Vec::new(),
        }
    }
}

/// Where a container is in its life, by Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerStatus {
    /// Made and not started yet.
    Created,
    /// At work.
    Running,
    /// Frozen.
    Paused,
    /// Between an end and the next start.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Half removed.
    Dead,
}

/// What a health check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// Not known yet.
    Starting,
    /// Passes.
    Healthy,
    /// Failed too often in a row.
    Unhealthy,
}

/// A network at the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedNetwork {
    /// Its id; two networks may have one name.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// No way out.
    pub internal: bool,
    /// Others may attach.
    pub attachable: bool,
    /// IPv4; `None`: the engine is too old to say.
    pub enable_ipv4: Option<bool>,
    /// IPv6.
    pub enable_ipv6: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Driver of the address management.
    pub ipam_driver: String,
    /// Options of that driver.
    pub ipam_options: BTreeMap<String, String>,
    /// Address ranges; filled in by the engine where none was asked for.
    pub pools: Vec<IpamPoolSpec>,
    /// The running containers that are attached, whoever made them, with their names.
    pub containers: BTreeMap<ContainerId, String>,
}

/// A volume at the engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObservedVolume {
    /// Its name.
    pub name: String,
    /// Its driver.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// An image at the engine, with the defaults that it gives to containers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObservedImage {
    /// Its id.
    pub id: ImageId,
    /// What a container of it gets where nothing else is said; `image` is the reference it was looked up by.
    pub defaults: ContainerConfig,
    /// Paths that it declares as volumes, which become anonymous ones.
    pub volumes: BTreeSet<String>,
    /// The names by which registries know it, as `repository@sha256:…`, sorted; none where it was built, imported or loaded here.
    pub digests: Vec<String>,
    /// What it is made for, such as `linux/amd64`; empty where the engine does not say.
    pub platform: String,
    /// When it got the name that it was looked up by, as far as the engine knows.
    pub tagged_at: Option<Timestamp>,
}

impl ObservedImage {
    /// Returns an image of which nothing is known but its id and the defaults of its containers.
    pub fn new(id: ImageId, defaults: ContainerConfig) -> Self {
        Self {
            id,
            defaults,
            volumes: BTreeSet::new(),
            digests: Vec::new(),
            platform: String::new(),
            tagged_at: None,
        }
    }
}

/// A regular file of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedFile {
    /// Which file it is, whatever it is called.
    pub id: InodeId,
    /// When anything about it changed last: its content, rights or name. Nobody can set it.
    pub changed: Option<Timestamp>,
    /// A digest of its content; `None`: it is too large or cannot be read.
    pub content: Option<ContentDigest>,
}

/// Which file a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId {
    /// The file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A digest of a content, unsalted: as secret as a short content is, so it does not print.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentDigest([u8; 32]);

impl ContentDigest {
    /// Wraps a SHA-256 digest.
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the digest itself, to be salted.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A socket of the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ObservedSocket {
    /// There is nothing at its path.
    Missing,
    /// There is something else at its path.
    NotASocket {
        /// What it is, such as `a symbolic link`.
        what: String,
    },
    /// It is there.
    Present {
        /// Permission bits.
        mode: u32,
        /// The owner's number.
        uid: u32,
        /// The group's number.
        gid: u32,
        /// What this host calls the owner; several names may have one number.
        owners: Vec<String>,
        /// What this host calls the group.
        groups: Vec<String>,
    },
    /// It could not be looked at, such as at a remote engine.
    Unknown {
        /// Why.
        why: String,
    },
}
