//! The options of a container, shared by services and by `docker` tasks.

use std::time::Duration;

use indexmap::IndexMap;

use super::{
    Attributes, Bytes, ConfigName, Form, ImageReference, NanoCpus, NetworkName, SecretName,
    SocketName,
};

/// A command line: in the template form a text with `${…}` stays whole, since where it splits depends on their values.
pub type Words<F> = <F as Form>::Value<Vec<<F as Form>::Value<String>>>;

/// Everything the Compose Specification lets one say about a container, less what makes it a service.
///
/// Fields are named after the attributes; absent, empty and null stay apart where Compose keeps them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerOptions<F: Form> {
    /// The image to run.
    pub image: Option<F::Value<ImageReference>>,
    /// Replaces the image's command; `Some` of an empty list clears it.
    pub command: Option<Words<F>>,
    /// Replaces the image's entrypoint; `Some` of an empty list clears it.
    pub entrypoint: Option<Words<F>>,
    /// Variables; `None` takes the value from the environment of whoever applies. In the resolved form `env_file` is merged in.
    pub environment: IndexMap<String, Option<F::Value<String>>>,
    /// Files with variables, below `environment`.
    pub env_file: Vec<EnvFile<F>>,
    /// The host name inside; default: the container's short id.
    pub hostname: Option<F::Value<String>>,
    /// The NIS domain name inside.
    pub domainname: Option<F::Value<String>>,
    /// The user, and group after a colon, that the process runs as.
    pub user: Option<F::Value<String>>,
    /// The folder that the process starts in.
    pub working_dir: Option<F::Value<String>>,
    /// The signal that asks the process to stop; default: the image's, else SIGTERM.
    pub stop_signal: Option<F::Value<String>>,
    /// How long a stop may take before the process is killed; default: the engine's 10 s.
    pub stop_grace_period: Option<F::Value<Duration>>,
    /// Whether the process gets a terminal.
    pub tty: Option<F::Value<bool>>,
    /// Whether standard input stays open.
    pub stdin_open: Option<F::Value<bool>>,
    /// Ports told to other containers only, such as `6379` or `80/udp`.
    pub expose: Vec<F::Value<String>>,
    /// Ports published on the host.
    pub ports: Vec<F::Value<Port<F>>>,
    /// How the engine finds out whether the process is well.
    pub healthcheck: Option<Box<Healthcheck<F>>>,
    /// Labels on the container.
    pub labels: IndexMap<String, F::Value<String>>,
    /// Annotations for the runtime (engine API 1.43 and newer).
    pub annotations: IndexMap<String, F::Value<String>>,
    /// What is mounted where.
    pub volumes: Vec<F::Value<Mount<F>>>,
    /// In-memory file systems, `path[:options]`.
    pub tmpfs: Vec<F::Value<String>>,
    /// Configs that appear as files.
    pub configs: Vec<FileReference<ConfigName, F>>,
    /// Secrets that appear as files below `/run/secrets`.
    pub secrets: Vec<FileReference<SecretName, F>>,
    /// Host sockets granted by stackgen.
    pub sockets: Vec<SocketName>,
    /// How it is attached to networks.
    pub attachment: Attachment<F>,
    /// Name servers.
    pub dns: Vec<F::Value<String>>,
    /// Domains searched by the resolver.
    pub dns_search: Vec<F::Value<String>>,
    /// Options of the resolver.
    pub dns_opt: Vec<F::Value<String>>,
    /// Host entries, `name=address`.
    pub extra_hosts: Vec<F::Value<String>>,
    /// What the engine does when the process ends; default `no`.
    pub restart: Option<F::Value<Restart>>,
    /// Capabilities added.
    pub cap_add: Vec<F::Value<String>>,
    /// Capabilities dropped.
    pub cap_drop: Vec<F::Value<String>>,
    /// Supplementary groups, by name or number.
    pub group_add: Vec<F::Value<String>>,
    /// Security options such as `no-new-privileges:true`.
    pub security_opt: Vec<F::Value<String>>,
    /// The content of the seccomp profile that `security_opt` names by a file. It is known in the resolved form only.
    pub seccomp_profile: Option<String>,
    /// Kernel parameters.
    pub sysctls: IndexMap<String, F::Value<String>>,
    /// Limits of the process.
    pub ulimits: IndexMap<String, Ulimit<F>>,
    /// Devices, `host:container:permissions`.
    pub devices: Vec<F::Value<String>>,
    /// Where its output goes; default: the daemon's driver.
    pub logging: Option<Box<Logging<F>>>,
    /// CPU and memory limits.
    pub limits: Option<Box<Limits<F>>>,
    /// Limits of `deploy.resources`, which win over `limits`.
    pub deploy_limits: Option<Box<Limits<F>>>,
    /// `deploy.restart_policy`, which wins over `restart`.
    pub deploy_restart: Option<Restart>,
    /// Size of /dev/shm.
    pub shm_size: Option<F::Value<Bytes>>,
    /// How eagerly the kernel kills it, -1000 to 1000.
    pub oom_score_adj: Option<F::Value<i64>>,
    /// Whether the kernel may not kill it for memory.
    pub oom_kill_disable: Option<F::Value<bool>>,
    /// Whether it has all rights on the host.
    pub privileged: Option<F::Value<bool>>,
    /// Whether its root file system is read-only.
    pub read_only: Option<F::Value<bool>>,
    /// Whether a small init runs as process 1; absent: the daemon's default.
    pub init: Option<F::Value<bool>>,
    /// The IPC namespace.
    pub ipc: Option<F::Value<String>>,
    /// The PID namespace.
    pub pid: Option<F::Value<String>>,
    /// The UTS namespace.
    pub uts: Option<F::Value<String>>,
    /// The user namespace.
    pub userns_mode: Option<F::Value<String>>,
    /// The cgroup namespace, `host` or `private`.
    pub cgroup: Option<F::Value<String>>,
    /// The parent cgroup.
    pub cgroup_parent: Option<F::Value<String>>,
    /// The OCI runtime; default: the daemon's.
    pub runtime: Option<F::Value<String>>,
    /// The platform of the image, such as `linux/amd64`.
    pub platform: Option<F::Value<String>>,
    /// The MAC address on the main network.
    pub mac_address: Option<F::Value<String>>,
    /// Options of the storage driver.
    pub storage_opt: IndexMap<String, F::Value<String>>,
    /// When the image is pulled; default `missing`.
    pub pull_policy: Option<F::Value<String>>,
}

impl<F: Form> Default for ContainerOptions<F> {
    fn default() -> Self {
        Self {
            image: None,
            command: None,
            entrypoint: None,
            environment: IndexMap::new(),
            env_file: Vec::new(),
            hostname: None,
            domainname: None,
            user: None,
            working_dir: None,
            stop_signal: None,
            stop_grace_period: None,
            tty: None,
            stdin_open: None,
            expose: Vec::new(),
            ports: Vec::new(),
            healthcheck: None,
            labels: IndexMap::new(),
            annotations: IndexMap::new(),
            volumes: Vec::new(),
            tmpfs: Vec::new(),
            configs: Vec::new(),
            secrets: Vec::new(),
            sockets: Vec::new(),
            attachment: Attachment::Networks(IndexMap::new()),
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_opt: Vec::new(),
            extra_hosts: Vec::new(),
            restart: None,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            group_add: Vec::new(),
            security_opt: Vec::new(),
            seccomp_profile: None,
            sysctls: IndexMap::new(),
            ulimits: IndexMap::new(),
            devices: Vec::new(),
            logging: None,
            limits: None,
            deploy_limits: None,
            deploy_restart: None,
            shm_size: None,
            oom_score_adj: None,
            oom_kill_disable: None,
            privileged: None,
            read_only: None,
            init: None,
            ipc: None,
            pid: None,
            uts: None,
            userns_mode: None,
            cgroup: None,
            cgroup_parent: None,
            runtime: None,
            platform: None,
            mac_address: None,
            storage_opt: IndexMap::new(),
            pull_policy: None,
        }
    }
}

/// Returns the file that a security option names as seccomp profile, `seccomp=FILE`.
pub fn seccomp_file(option: &str) -> Option<&str> {
    let profile = option.strip_prefix("seccomp=")?;
    let is_file = !matches!(profile, "" | "unconfined" | "builtin") && !profile.starts_with('{');
    is_file.then_some(profile)
}

/// One entry of `env_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile<F: Form> {
    /// Path, relative to stack.toml's folder.
    pub path: F::Value<String>,
    /// Whether a missing file is an error; default true.
    pub required: bool,
    /// `raw`: values are taken as they stand; absent: Compose's rules of quotes and variables.
    pub format: Option<String>,
}

/// A published port, in its long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port<F: Form> {
    /// The port inside.
    pub target: F::Value<u16>,
    /// The port on the host, or a range `8000-8010`; absent: the engine chooses one.
    pub published: Option<F::Value<String>>,
    /// The host's address; absent: all of them.
    pub host_ip: Option<F::Value<String>>,
    /// The protocol.
    pub protocol: F::Value<Protocol>,
    /// What the port is called, for people.
    pub name: Option<F::Value<String>>,
    /// The application protocol, such as `http`, for people.
    pub app_protocol: Option<F::Value<String>>,
    /// `host` or `ingress`, which only Swarm tells apart; default `ingress`.
    pub mode: Option<F::Value<String>>,
    /// Extension keys.
    pub more: Attributes<F>,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// A mount, in its long form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<F: Form> {
    /// The path inside.
    pub target: F::Value<String>,
    /// Whether the container may not write to it.
    pub read_only: F::Value<bool>,
    /// What is mounted.
    pub source: MountSource<F>,
    /// More options of its kind, rendered beside those of `source`: `recursive` of a bind, `labels` of a volume, `subpath` of an image.
    pub options: Attributes<F>,
    /// More attributes, which no engine on Linux heeds: `consistency`, and options of other kinds of mounts, as `bind` beside a volume.
    pub more: Attributes<F>,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource<F: Form> {
    /// A path of the host. In the template form as written; in the resolved form absolute.
    Bind {
        /// The host's path.
        path: F::Value<String>,
        /// Whether the engine makes a missing path as a folder: true for the short form and for a long form without `bind`. Absent
        /// where there is a `bind` that does not say: Compose 2 makes none then, Compose 5 does.
        create_host_path: Option<bool>,
        /// How mounts below it propagate, such as `rslave`.
        propagation: Option<F::Value<String>>,
        /// SELinux relabelling, `z` or `Z`.
        selinux: Option<F::Value<String>>,
    },
    /// A volume: a key of `[volumes]`, or an anonymous one.
    Volume {
        /// The key under `[volumes]`; absent: anonymous. It stays a text, since it may hold variables.
        volume: Option<F::Value<String>>,
        /// Whether the image's contents are not copied into a new volume.
        nocopy: bool,
        /// A folder within the volume (engine API 1.45 and newer).
        subpath: Option<F::Value<String>>,
    },
    /// A file system in memory.
    Tmpfs {
        /// Its size; default: half of the host's memory.
        size: Option<F::Value<Bytes>>,
        /// The mode of its root.
        mode: Option<u32>,
    },
    /// What only newer or other engines mount: an `image`, a `cluster` volume, a named pipe (`npipe`).
    Other {
        /// The type's name.
        kind: String,
        /// What is mounted.
        source: Option<F::Value<String>>,
    },
}

/// A config or secret as a service uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReference<N: Clone + std::fmt::Debug + PartialEq + Eq, F: Form> {
    /// The key under `[configs]` or `[secrets]`.
    pub source: N,
    /// The path inside; default `/NAME` for a config, `/run/secrets/NAME` for a secret, below which a relative one is taken.
    pub target: Option<F::Value<String>>,
    /// The owner's number; default 0.
    pub uid: Option<F::Value<String>>,
    /// The group's number; default 0.
    pub gid: Option<F::Value<String>>,
    /// The mode; default 0444.
    pub mode: Option<u32>,
    /// Extension keys.
    pub more: Attributes<F>,
}

/// How a container is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment<F: Form> {
    /// `network_mode`: host, none, bridge, `service:X` or `container:X`.
    Mode(F::Value<String>),
    /// Networks of the stack. A service without any is attached to `default`.
    Networks(IndexMap<NetworkName, Endpoint<F>>),
}

/// How a container is attached to one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint<F: Form> {
    /// Names it can be reached by, beyond the service's and the container's.
    pub aliases: Vec<F::Value<String>>,
    /// A fixed IPv4 address.
    pub ipv4_address: Option<F::Value<String>>,
    /// A fixed IPv6 address.
    pub ipv6_address: Option<F::Value<String>>,
    /// The highest one is the main network; default 0, ties by name.
    pub priority: i64,
    /// A fixed MAC address.
    pub mac_address: Option<F::Value<String>>,
    /// More attributes, which only newer engines know.
    pub more: Attributes<F>,
}

impl<F: Form> Default for Endpoint<F> {
    fn default() -> Self {
        Self {
            aliases: Vec::new(),
            ipv4_address: None,
            ipv6_address: None,
            priority: 0,
            mac_address: None,
            more: Attributes::<F>::new(),
        }
    }
}

/// A health check. What is absent is the image's, else the engine's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck<F: Form> {
    /// The test, beginning with `CMD`, `CMD-SHELL` or `NONE`; a plain string of the file became `CMD-SHELL`.
    pub test: Option<Vec<F::Value<String>>>,
    /// Time between two tests; engine default 30 s.
    pub interval: Option<F::Value<Duration>>,
    /// How long one test may take; engine default 30 s.
    pub timeout: Option<F::Value<Duration>>,
    /// Failures in a row that make it unhealthy; engine default 3.
    pub retries: Option<F::Value<u32>>,
    /// Time after the start in which failures do not count; engine default 0.
    pub start_period: Option<F::Value<Duration>>,
    /// Time between two tests during the start period (engine API 1.44 and newer).
    pub start_interval: Option<F::Value<Duration>>,
    /// Whether the image's check is switched off.
    pub disable: bool,
    /// Extension keys.
    pub more: Attributes<F>,
}

/// A limit of the process: soft and hard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit<F: Form> {
    /// The soft limit; -1 is none.
    pub soft: F::Value<i64>,
    /// The hard limit; -1 is none.
    pub hard: F::Value<i64>,
}

/// Where output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging<F: Form> {
    /// The log driver; absent: the daemon's.
    pub driver: Option<F::Value<String>>,
    /// Options of the driver.
    pub options: IndexMap<String, F::Value<String>>,
    /// Extension keys.
    pub more: Attributes<F>,
}

/// Limits that the engine can change while a container runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits<F: Form> {
    /// CPUs, in units of a thousand-millionth.
    pub cpus: Option<F::Value<NanoCpus>>,
    /// Relative weight of CPU time.
    pub cpu_shares: Option<F::Value<i64>>,
    /// CFS quota in microseconds a period.
    pub cpu_quota: Option<F::Value<i64>>,
    /// CFS period in microseconds.
    pub cpu_period: Option<F::Value<i64>>,
    /// The CPUs it may use, such as `0-3`.
    pub cpuset: Option<F::Value<String>>,
    /// Memory.
    pub memory: Option<F::Value<Bytes>>,
    /// Memory kept for it.
    pub memory_reservation: Option<F::Value<Bytes>>,
    /// Memory and swap together; -1 is no limit; default twice the memory.
    pub memory_swap: Option<F::Value<Bytes>>,
    /// How eagerly it is swapped, 0 to 100.
    pub memory_swappiness: Option<F::Value<i64>>,
    /// Number of processes; -1 is no limit.
    pub pids: Option<F::Value<i64>>,
}

impl<F: Form> Default for Limits<F> {
    fn default() -> Self {
        Self {
            cpus: None,
            cpu_shares: None,
            cpu_quota: None,
            cpu_period: None,
            cpuset: None,
            memory: None,
            memory_reservation: None,
            memory_swap: None,
            memory_swappiness: None,
            pids: None,
        }
    }
}

/// What the engine does when the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Restart {
    /// Nothing.
    No,
    /// Starts it again, also when the daemon starts.
    Always,
    /// As `Always`, unless it was stopped by hand.
    UnlessStopped,
    /// Starts it again after a failure, at most so many times; `None` is without end.
    OnFailure(Option<u32>),
}

impl std::fmt::Display for Restart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::No => f.pad("no"),
            Self::Always => f.pad("always"),
            Self::UnlessStopped => f.pad("unless-stopped"),
            Self::OnFailure(None) => f.pad("on-failure"),
            Self::OnFailure(Some(times)) => write!(f, "on-failure:{times}"),
        }
    }
}
