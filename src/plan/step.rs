//! The plan: which resources change, why, and by which steps in which order.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::{KeyPath, NetworkName, ServiceName, SocketName, VolumeName};

use super::{Action, Mark};

/// The ordered answer to the difference between what is desired and what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What the plan is about, for its first line.
    pub subject: Subject,
    /// A digest of the snapshot that the plan was made from. If the world moved, plan again.
    pub fingerprint: Fingerprint,
    /// One entry for each resource that was looked at, in the order of stack.toml, those without any change too.
    pub changes: Vec<Change>,
    /// The steps; a step's needs always stand before it.
    pub steps: Vec<Step>,
    /// What the planner saw and left alone, and what the reader should know.
    pub notes: Vec<Note>,
}

/// What a plan is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The project.
    pub project: String,
    /// Services that are switched on.
    pub services: usize,
    /// Services of which a container runs.
    pub running: usize,
}

/// A digest, as lower-case hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub String);

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The resource.
    pub resource: Resource,
    /// What is done, the gentlest that does it.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// What to say behind the verdict in one line, such as `postgres:13  :5432  after redis`: image, ports, what it waits for.
    pub summary: Summary,
    /// Whether data would be lost.
    pub loses_data: bool,
}

/// Facts about a resource for its one line in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The image, driver or path.
    pub what: String,
    /// Published host ports, such as `8080`.
    pub ports: Vec<String>,
    /// What it waits for.
    pub after: Vec<String>,
    /// Whether it runs once.
    pub once: bool,
}

/// A thing that a plan can change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// An image.
    Image(String),
    /// A network, by its key; a network that is no longer in stack.toml, by its name.
    Network(NetworkName),
    /// A volume, by its key.
    Volume(VolumeName),
    /// A host socket.
    Socket(SocketName),
    /// A container of a service, by its number from 1.
    Service(ServiceName, u32),
    /// A container, network or volume of the project that stack.toml no longer declares: its kind and name.
    Orphan(OrphanKind, String),
}

/// What an orphan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrphanKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

impl fmt::Display for Resource {
    /// Writes the resource as in JSON: `service:web:1`, `network:x`, `volume:y`, `socket:z`, `image:i`, `orphan:container:c`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => write!(f, "image:{image}"),
            Self::Network(name) => write!(f, "network:{name}"),
            Self::Volume(name) => write!(f, "volume:{name}"),
            Self::Socket(name) => write!(f, "socket:{name}"),
            Self::Service(name, number) => write!(f, "service:{name}:{number}"),
            Self::Orphan(OrphanKind::Container, name) => write!(f, "orphan:container:{name}"),
            Self::Orphan(OrphanKind::Network, name) => write!(f, "orphan:network:{name}"),
            Self::Orphan(OrphanKind::Volume, name) => write!(f, "orphan:volume:{name}"),
        }
    }
}

/// What is done with a resource, from the gentlest to the hardest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is as it should be.
    Nothing,
    /// It could not be seen and is left alone.
    Unknown,
    /// It is made.
    Create,
    /// It is changed while it runs.
    Update,
    /// It is told to read its files again.
    Reload,
    /// It is started: it is there and does not run.
    Start,
    /// It is stopped and started.
    Restart,
    /// It is replaced.
    Recreate,
    /// It is removed.
    Remove,
}

impl Verdict {
    /// Returns the word for people and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
            Self::Create => "create",
            Self::Update => "update",
            Self::Reload => "reload",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Recreate => "recreate",
            Self::Remove => "remove",
        }
    }
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is not there.
    Missing,
    /// Fields differ.
    ConfigDrift {
        /// The paths, as in [`Change::fields`].
        fields: Vec<KeyPath>,
    },
    /// It is not as it was made although its definition is the same: somebody changed it.
    ChangedByHand,
    /// A file that it has read has another content now.
    FileChanged {
        /// What brings it to the process.
        remedy: FileRemedy,
    },
    /// The tag names another image now.
    ImageChanged,
    /// stack.lock pins another image than its tag names.
    Locked,
    /// Something that it hangs on is replaced.
    DependencyReplaced {
        /// What.
        dependency: Resource,
    },
    /// Something that it hangs on is restarted.
    DependencyRestarted {
        /// What.
        dependency: Resource,
    },
    /// It should run and does not.
    NotRunning {
        /// Its state in words, such as `exited with code 1`.
        state: String,
    },
    /// It is frozen.
    Paused,
    /// Its name is left over from an interrupted replacement.
    WrongName {
        /// The name it has.
        name: String,
    },
    /// It is left over from an interrupted replacement.
    Leftover,
    /// It is more than the scale asks for.
    TooMany,
    /// stack.toml no longer declares it.
    Orphan,
    /// It was made from another folder, which its labels name for as long as it lives, and is taken over.
    OtherFolder {
        /// The folder.
        folder: String,
    },
    /// The user asked for it.
    Forced,
    /// The whole stack is taken down.
    Down,
    /// It could not be seen.
    Unseen {
        /// Why.
        why: String,
    },
}

/// What brings the new content of a file to the process that has read the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRemedy {
    /// It is told to read its files again.
    Reload {
        /// How, in words: the signal or the command.
        how: String,
    },
    /// It is stopped and started.
    Restart {
        /// Whether the container sees another file than the one that is there now, which only a start changes.
        is_replaced: bool,
        /// Whether a reload is declared for any of the files.
        is_declared: bool,
    },
    /// It is started anyway, or runs once more.
    Start,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field below the resource, such as `environment.LOG_LEVEL`.
    pub path: KeyPath,
    /// What it is; `None`: nothing.
    pub old: Option<Shown>,
    /// What it will be; `None`: nothing.
    pub new: Option<Shown>,
}

/// A value as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The value itself.
    Plain(String),
    /// It is a secret; only that it differs is said.
    Secret,
    /// The content of a file, by where it comes from, such as `./app.conf`; of the content itself it is only said that it differs.
    Content(String),
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.pad(text),
            Self::Secret => f.pad("***"),
            Self::Content(origin) => f.pad(origin),
        }
    }
}

/// The number of a step within its plan, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub usize);

/// One action, and what has to be done before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number: its place in [`Plan::steps`].
    pub id: StepId,
    /// The change that it belongs to: its place in [`Plan::changes`].
    pub change: usize,
    /// What is done.
    pub action: Action,
    /// The steps that have to have succeeded before.
    pub needs: BTreeSet<StepId>,
    /// The steps that have to have ended before, or cannot come any more, whatever became of them: what is depended on with
    /// `required = false`. Their failure holds up nothing but what needs them.
    pub after: BTreeSet<StepId>,
    /// What takes this step back, should a later step of the same change fail; performed in the reverse order of the steps.
    pub undo: Vec<Action>,
    /// What is known once it is done, and cannot be seen at the container.
    pub marks: Vec<Mark>,
    /// Whether the change has reached its aim before this step, which only tidies up: should it fail, nothing is taken back.
    pub tidies: bool,
}

/// Something the reader of a plan should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A service of an inactive profile.
    LeftOut {
        /// The service.
        service: ServiceName,
        /// Its profiles.
        profiles: Vec<String>,
        /// Whether a container of it runs, and is left alone.
        running: bool,
    },
    /// An owned object that stack.toml no longer declares, and that stays because `--prune` was not given.
    OrphanKept {
        /// What it is.
        kind: OrphanKind,
        /// Its name.
        name: String,
    },
    /// A foreign object under a name that the stack wants: the plan cannot be applied.
    ForeignInTheWay {
        /// What it is, such as `container`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Whose it is, as far as its labels tell.
        owner: String,
    },
    /// An object of somebody else that the stack has to do with and that is left alone.
    NotOurs {
        /// What it is, such as `container`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What it has to do with the stack and whose it is, such as `on network shop_default, not of this stack`.
        why: String,
    },
    /// A container of somebody else on a network that is to be removed: the plan cannot be applied.
    ForeignEndpoint {
        /// The network's name at the engine.
        network: String,
        /// The container's name.
        container: String,
    },
    /// An address range of a network to be made that another network has already: the plan cannot be applied.
    SubnetTaken {
        /// The network's key.
        network: NetworkName,
        /// The range that is asked for.
        subnet: String,
        /// The network that has it, and its range.
        by: String,
    },
    /// A volume that stays although the stack goes with its volumes, since the policy protects it.
    VolumeProtected {
        /// Its name at the engine.
        name: String,
    },
    /// An external network or volume that is not there: the plan cannot be applied.
    ExternalMissing {
        /// `network` or `volume`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A socket that is granted to services.
    SocketGrant {
        /// The socket.
        socket: SocketName,
        /// The services.
        services: Vec<ServiceName>,
        /// The group by which they get at it.
        gid: Option<u32>,
    },
    /// An optional socket that is not there.
    SocketAbsent {
        /// The socket.
        socket: SocketName,
    },
    /// A socket that has to be there, and is not, or is something else: the plan cannot be applied.
    SocketUnusable {
        /// The socket.
        socket: SocketName,
        /// Why.
        why: String,
    },
    /// An image that the lock does not pin, or that cannot be had as it is pinned: the plan cannot be applied.
    NotLocked {
        /// The image.
        image: String,
        /// What is wrong.
        why: String,
    },
    /// A tag that names another image than the lock says, where the plan does not go by the lock.
    LockMoved {
        /// The image.
        image: String,
        /// What the lock has, shortened.
        locked: String,
        /// What is here, shortened.
        here: String,
    },
    /// An image that is not here and must not be pulled: the plan cannot be applied.
    ImageMissing {
        /// The image.
        image: String,
        /// A service that needs it.
        service: ServiceName,
    },
    /// An attribute that is rendered, and that stackgen cannot do at the engine: the plan cannot be applied.
    NotSupported {
        /// The attribute with its path, such as `services.web.build`.
        what: String,
        /// What to do about it.
        why: &'static str,
    },
    /// An attribute that this engine is too old for and would drop in silence: the plan cannot be applied.
    EngineTooOld {
        /// The attribute with its path, such as `services.web.annotations`.
        what: String,
        /// The API version that brought it.
        needs: (u32, u32),
        /// The API version that the engine has.
        has: (u32, u32),
    },
    /// Compose's hash label goes stale by an update in place.
    StaleComposeHash {
        /// The service.
        service: ServiceName,
    },
    /// A container that is as it should be and runs, but is not well.
    NotWell {
        /// The service.
        service: ServiceName,
        /// Its number.
        number: u32,
        /// How it is, such as `unhealthy`.
        state: String,
    },
    /// A task that uses services which are away for a while.
    TaskNeeds {
        /// The task, such as `dags.pipeline.load`.
        task: String,
        /// The services.
        services: Vec<ServiceName>,
    },
    /// Drift that the policy says to leave alone.
    DriftIgnored {
        /// The path.
        path: KeyPath,
    },
    /// Drift of a volume or network that cannot be put right without losing data or stopping others, and is left alone.
    DriftKept {
        /// The resource.
        resource: Resource,
        /// The fields that differ.
        fields: Vec<FieldChange>,
    },
    /// Something that could not be seen and is left alone.
    Unseen {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
}

impl Note {
    /// Returns whether the plan cannot be applied because of this.
    pub fn blocks(&self) -> bool {
        match self {
            Self::ForeignInTheWay { .. }
            | Self::ForeignEndpoint { .. }
            | Self::SubnetTaken { .. }
            | Self::ExternalMissing { .. }
            | Self::SocketUnusable { .. }
            | Self::ImageMissing { .. }
            | Self::NotLocked { .. }
            | Self::NotSupported { .. }
            | Self::EngineTooOld { .. } => true,
            Self::LeftOut { .. }
            | Self::NotOurs { .. }
            | Self::VolumeProtected { .. }
            | Self::OrphanKept { .. }
            | Self::SocketGrant { .. }
            | Self::SocketAbsent { .. }
            | Self::LockMoved { .. }
            | Self::StaleComposeHash { .. }
            | Self::NotWell { .. }
            | Self::TaskNeeds { .. }
            | Self::DriftIgnored { .. }
            | Self::DriftKept { .. }
            | Self::Unseen { .. } => false,
        }
    }
}

impl Plan {
    /// Returns how many resources change.
    pub fn change_count(&self) -> usize {
        self.changes
            .iter()
            .filter(|change| !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown))
            .count()
    }

    /// Returns whether anything differs from what it should be. A plan without any difference may still have to wait for a container
    /// that runs and is not well yet; exit codes and the daemon go by this.
    pub fn has_changes(&self) -> bool {
        self.change_count() > 0
    }

    /// Returns whether nothing is to be done, waiting included.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.change_count() == 0
    }

    /// Returns the notes because of which the plan cannot be applied.
    pub fn blockers(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| note.blocks())
    }
}
