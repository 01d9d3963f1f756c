//! What is asked of the engine: the specifications that actions carry.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{
    Bytes, ImageId, ImageReference, Limits, Protocol, RareConfig, Resolved, Restart, SecretText,
    ServiceName,
};

/// A container to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// The service that it belongs to; `None` for the container of a task.
    pub service: Option<ServiceName>,
    /// Its number within the service, from 1.
    pub number: u32,
    /// The id of the image if it is known already. The engine puts it into Compose's image label; where it is `None`, it looks it up
    /// when the container is made.
    pub image_id: Option<ImageId>,
    /// What it is like.
    pub config: ContainerConfig,
    /// Files that are copied into it before it is started: configs and secrets that are no files of the host.
    pub files: Vec<FileSpec>,
}

/// What a container is like, in the engine's terms. Desired and observed containers both have one; that which is observed has every
/// default of image and daemon filled in, and the planner takes these off before it compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerConfig {
    /// The image as it was asked for.
    pub image: ImageReference,
    /// The platform that was asked for.
    pub platform: Option<String>,
    /// The command; `None`: the image's; an empty list clears it.
    pub command: Option<Vec<String>>,
    /// The entrypoint; `None`: the image's; an empty list clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Variables; `None` as value: the bare name was sent.
    pub environment: BTreeMap<String, Option<String>>,
    /// Host name; `None`: the container's short id.
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// User and group; `None`: the image's.
    pub user: Option<String>,
    /// Folder that the process starts in; `None`: the image's.
    pub working_dir: Option<String>,
    /// Stop signal; `None`: the image's.
    pub stop_signal: Option<String>,
    /// Stop grace in whole seconds; `None`: the engine's 10 s.
    pub stop_timeout_s: Option<i64>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether standard input stays open.
    pub stdin_open: bool,
    /// Exposed ports, as `80/tcp`. Published ones are in here too.
    pub exposed: BTreeSet<String>,
    /// Published ports, sorted.
    pub ports: Vec<PortSpec>,
    /// Health check; `None`: the image's.
    pub health: Option<HealthSpec>,
    /// Labels, Compose's and our own among them.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Mounts, sorted by target.
    pub mounts: Vec<MountSpec>,
    /// In-memory file systems: path to options.
    pub tmpfs: BTreeMap<String, String>,
    /// `Some` where no network of the stack is joined: `host`, `none`, `bridge`, `container:…`.
    pub network_mode: Option<String>,
    /// Networks by their name at the engine.
    pub endpoints: BTreeMap<String, EndpointSpec>,
    /// The network that the container is created on, by its name at the engine; one of `endpoints`.
    pub main_network: Option<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Resolver options.
    pub dns_options: Vec<String>,
    /// Host entries, as `name:address`, sorted.
    pub extra_hosts: Vec<String>,
    /// Restart policy.
    pub restart: Restart,
    /// Added capabilities, sorted, without the `CAP_` prefix.
    pub cap_add: Vec<String>,
    /// Dropped capabilities, sorted, without the `CAP_` prefix.
    pub cap_drop: Vec<String>,
    /// Supplementary groups, sorted.
    pub group_add: Vec<String>,
    /// Security options, sorted.
    pub security_opt: Vec<String>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of the process: soft and hard.
    pub ulimits: BTreeMap<String, (i64, i64)>,
    /// Devices: host path, path inside, permissions; sorted.
    pub devices: Vec<(String, String, String)>,
    /// Log driver and its options; `None`: the daemon's.
    pub logging: Option<(String, BTreeMap<String, String>)>,
    /// Limits that can be changed while it runs.
    pub limits: Limits<Resolved>,
    /// Size of /dev/shm; `None`: the daemon's 64 MiB.
    pub shm_size: Option<Bytes>,
    /// OOM score adjustment; `None`: 0.
    pub oom_score_adj: Option<i64>,
    /// Whether the OOM killer is off.
    pub oom_kill_disable: bool,
    /// All rights on the host.
    pub privileged: bool,
    /// Read-only root file system.
    pub read_only: bool,
    /// Init as process 1; `None`: the daemon's default.
    pub init: Option<bool>,
    /// IPC namespace; `None`: the daemon's default.
    pub ipc: Option<String>,
    /// PID namespace; `None`: its own.
    pub pid: Option<String>,
    /// UTS namespace; `None`: its own.
    pub uts: Option<String>,
    /// User namespace; `None`: the daemon's.
    pub userns_mode: Option<String>,
    /// Cgroup namespace; `None`: the daemon's default.
    pub cgroup: Option<String>,
    /// Parent cgroup; `None`: the daemon's.
    pub cgroup_parent: Option<String>,
    /// OCI runtime; `None`: the daemon's.
    pub runtime: Option<String>,
    /// MAC address on the main network; `None`: the engine chooses.
    pub mac_address: Option<String>,
    /// Options of the storage driver.
    pub storage_opt: BTreeMap<String, String>,
    /// What few containers ask for.
    pub rare: Box<RareConfig>,
}

impl ContainerConfig {
    /// Returns a container of `image` with every default.
    pub fn new(image: ImageReference) -> Self {
        Self {
            image,
            platform: None,
            command: None,
            entrypoint: None,
            environment: BTreeMap::new(),
            hostname: None,
            domainname: None,
            user: None,
            working_dir: None,
            stop_signal: None,
            stop_timeout_s: None,
            tty: false,
            stdin_open: false,
            exposed: BTreeSet::new(),
            ports: Vec::new(),
            health: None,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            mounts: Vec::new(),
            tmpfs: BTreeMap::new(),
            network_mode: None,
            endpoints: BTreeMap::new(),
            main_network: None,
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            extra_hosts: Vec::new(),
            restart: Restart::No,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            group_add: Vec::new(),
            security_opt: Vec::new(),
            sysctls: BTreeMap::new(),
            ulimits: BTreeMap::new(),
            devices: Vec::new(),
            logging: None,
            limits: Limits::default(),
            shm_size: None,
            oom_score_adj: None,
            oom_kill_disable: false,
            privileged: false,
            read_only: false,
            init: None,
            ipc: None,
            pid: None,
            uts: None,
            userns_mode: None,
            cgroup: None,
            cgroup_parent: None,
            runtime: None,
            mac_address: None,
            storage_opt: BTreeMap::new(),
            rare: Box::default(),
        }
    }
}

impl ContainerConfig {
    /// Returns the network that the container is made on, by its name at the engine.
    pub fn main_network(&self) -> Option<&str> {
        let first = || self.endpoints.keys().next();
        let main = self.main_network.as_ref().or_else(first);
        main.map(String::as_str)
    }
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSpec {
    /// The port inside.
    pub target: u16,
    /// The protocol.
    pub protocol: Protocol,
    /// The host's address; empty: all.
    pub host_ip: String,
    /// The host's port or range; empty: the engine chooses.
    pub published: String,
}

/// A health check in the engine's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct HealthSpec {
    /// The test, beginning with `CMD`, `CMD-SHELL` or `NONE`; empty: the image's.
    pub test: Vec<String>,
    /// Time between two tests; `None`: the image's, else 30 s. The same for the others.
    pub interval: Option<Duration>,
    /// How long one test may take.
    pub timeout: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
    /// Time after the start in which failures do not count.
    pub start_period: Option<Duration>,
    /// Time between two tests in the start period (API 1.44).
    pub start_interval: Option<Duration>,
}

impl HealthSpec {
    /// Returns whether the check is switched off.
    pub fn is_disabled(&self) -> bool {
        self.test.first().is_some_and(|word| word == "NONE")
    }
}

/// A mount in the engine's terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MountSpec {
    /// The path inside.
    pub target: String,
    /// What is mounted.
    pub source: MountSpecSource,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What a mount shows, in the engine's terms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MountSpecSource {
    /// An absolute path of the host.
    Bind {
        /// The path.
        path: String,
        /// Whether the engine makes it if it is missing.
        create_host_path: bool,
        /// Mount propagation; `None`: `rprivate`.
        propagation: Option<String>,
        /// SELinux relabelling.
        selinux: Option<String>,
        /// What comes along of the mounts below it.
        recursive: Recursive,
    },
    /// A volume by its name at the engine; `None`: anonymous.
    Volume {
        /// The name.
        name: Option<String>,
        /// Whether the image's contents are not copied into it.
        nocopy: bool,
        /// A folder within it (API 1.45).
        subpath: Option<String>,
        /// Labels that it gets if the engine makes it.
        labels: BTreeMap<String, String>,
    },
    /// The files of an image (API 1.48).
    Image {
        /// Its reference.
        reference: String,
        /// A folder within it.
        subpath: Option<String>,
    },
    /// Memory.
    Tmpfs {
        /// Size in bytes.
        size: Option<Bytes>,
        /// Mode of its root.
        mode: Option<u32>,
    },
}

/// What comes along of the mounts below a path of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub enum Recursive {
    /// All of them; where the mount is read-only, they are too if the kernel can do it.
    #[default]
    Enabled,
    /// None.
    Disabled,
    /// All of them, and they stay writable although the mount is read-only (API 1.44).
    Writable,
    /// All of them, and it is an error if they cannot be made read-only (API 1.44).
    ReadOnly,
}

/// How a container is attached to one network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct EndpointSpec {
    /// Aliases in order, the container's and the service's name among them.
    pub aliases: Vec<String>,
    /// Fixed IPv4 address.
    pub ipv4_address: Option<String>,
    /// Fixed IPv6 address.
    pub ipv6_address: Option<String>,
    /// Fixed MAC address.
    pub mac_address: Option<String>,
    /// What few attachments ask for.
    pub rare: Box<RareEndpoint>,
}

/// What few attachments to a network ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct RareEndpoint {
    /// Link-local addresses.
    pub link_local_ips: Vec<String>,
    /// Options of the network's driver; the name of the interface (API 1.49) is one of them.
    pub driver_opts: BTreeMap<String, String>,
    /// The network with the highest one has the default gateway (API 1.48).
    pub gateway_priority: i64,
    /// Linked containers, as `container:alias`.
    pub links: BTreeSet<String>,
}

/// A file that is copied into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// The absolute path inside.
    pub target: String,
    /// Its content.
    pub content: SecretText,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The mode.
    pub mode: u32,
}

/// A network to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name at the engine.
    pub name: String,
    /// The driver; empty: the engine's default.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// No way out.
    pub internal: bool,
    /// Others may attach.
    pub attachable: bool,
    /// IPv4 (API 1.48); `None`: yes.
    pub enable_ipv4: Option<bool>,
    /// IPv6.
    pub enable_ipv6: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Driver of the address management; `None`: `default`.
    pub ipam_driver: Option<String>,
    /// Options of that driver.
    pub ipam_options: BTreeMap<String, String>,
    /// Address ranges: subnet, range, gateway.
    pub pools: Vec<IpamPoolSpec>,
}

/// One address range of a network to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct IpamPoolSpec {
    /// The subnet.
    pub subnet: Option<String>,
    /// The part of it that containers get addresses from.
    pub ip_range: Option<String>,
    /// The gateway.
    pub gateway: Option<String>,
    /// Addresses that are in use already, by the name of who has them.
    pub aux_addresses: BTreeMap<String, String>,
}

/// A volume to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Its name at the engine.
    pub name: String,
    /// The driver; `local` where none is named.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Returns whether the name of a volume is one that the engine gives to a volume without a name: 64 hexadecimal digits.
pub fn looks_anonymous(name: &str) -> bool {
    name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit())
}
