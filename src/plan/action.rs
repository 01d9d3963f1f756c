//! One engine call each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{
    BuildSpec, Condition, ContainerId, ContainerSpec, EndpointSpec, FileSpec, ImageReference,
    Limits, NetworkId, NetworkSpec, Resolved, Restart, SocketName, VolumeSpec,
};

/// A container that an action acts on: by its id where it is known, by its name where it is still to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContainerRef {
    /// A container that was observed.
    Id(ContainerId),
    /// A container that an earlier step makes or renames.
    Name(String),
}

impl std::fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.pad(id.short()),
            Self::Name(name) => f.pad(name),
        }
    }
}

/// One call to the engine, with exactly what that call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Fetches an image that is not there.
    PullImage {
        /// The image.
        image: ImageReference,
        /// The platform, where one is named.
        platform: Option<String>,
    },
    /// Builds an image.
    BuildImage(Box<BuildSpec>),
    /// Gives an image that is here a name, which another image may have had.
    TagImage {
        /// The image by its id or digest.
        source: String,
        /// The name.
        image: ImageReference,
    },
    /// Makes a network.
    CreateNetwork(Box<NetworkSpec>),
    /// Removes a network.
    RemoveNetwork {
        /// Its id, since names are not unique.
        id: NetworkId,
        /// Its name, for people.
        name: String,
    },
    /// Makes a volume.
    CreateVolume(VolumeSpec),
    /// Removes a volume with all that is in it.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Makes a container. Where the engine takes one network only, the others follow by [`Action::ConnectNetwork`].
    CreateContainer(Box<ContainerSpec>),
    /// Copies files into a container that is not running.
    CopyFiles {
        /// The container.
        container: ContainerRef,
        /// The files.
        files: Vec<FileSpec>,
    },
    /// Attaches a container to a network.
    ConnectNetwork {
        /// The container.
        container: ContainerRef,
        /// The network's name at the engine.
        network: String,
        /// How.
        endpoint: EndpointSpec,
    },
    /// Detaches a container from a network.
    DisconnectNetwork {
        /// The container.
        container: ContainerRef,
        /// The network's name at the engine.
        network: String,
    },
    /// Starts a container.
    StartContainer {
        /// The container.
        container: ContainerRef,
    },
    /// Stops a container.
    StopContainer {
        /// The container.
        container: ContainerRef,
        /// Time before it is killed; `None`: what the container says, else the engine's 10 s.
        grace: Option<Duration>,
    },
    /// Stops and starts a container.
    RestartContainer {
        /// The container.
        container: ContainerRef,
        /// Time before it is killed.
        grace: Option<Duration>,
    },
    /// Lets a frozen container go on.
    UnpauseContainer {
        /// The container.
        container: ContainerRef,
    },
    /// Sends a signal to the container's first process.
    SignalContainer {
        /// The container.
        container: ContainerRef,
        /// The signal, such as `SIGHUP`.
        signal: String,
    },
    /// Runs a command in a container and waits for its end; it fails unless the command ends with 0.
    RunCommand(Box<CommandRun>),
    /// Gives a container another name.
    RenameContainer {
        /// The container.
        container: ContainerRef,
        /// The new name.
        to: String,
    },
    /// Changes limits and restart policy without touching the processes.
    UpdateContainer {
        /// The container.
        container: ContainerRef,
        /// All its limits from now on.
        limits: Box<Limits<Resolved>>,
        /// Its restart policy from now on.
        restart: Restart,
    },
    /// Removes a container and never its named volumes.
    RemoveContainer {
        /// The container.
        container: ContainerRef,
        /// Whether it is killed first if it runs.
        force: bool,
        /// Whether its anonymous volumes go too.
        anonymous_volumes: bool,
    },
    /// Waits until a container is in a state.
    Await {
        /// The container.
        container: ContainerRef,
        /// The state.
        condition: Condition,
        /// How long at most.
        timeout: Duration,
    },
    /// Sets mode, owner and group of a host socket.
    FixSocket(SocketFix),
}

/// A command that is run in a container, and waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRun {
    /// The container.
    pub container: ContainerRef,
    /// What it is run for.
    pub purpose: CommandPurpose,
    /// The command.
    pub command: Vec<String>,
    /// Variables beside those of the container; `None` as value sends the bare name.
    pub environment: BTreeMap<String, Option<String>>,
    /// The user; `None`: the container's.
    pub user: Option<String>,
    /// The folder; `None`: the container's.
    pub working_dir: Option<String>,
    /// Whether it has all rights.
    pub privileged: bool,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a command in a container is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommandPurpose {
    /// It comes after the start.
    PostStart,
    /// It comes before the stop. Where the container does not run there is nothing to prepare, and it succeeds.
    PreStop,
    /// It lets the process read its files again.
    Reload,
}

impl CommandPurpose {
    /// Returns the word of stack.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
            Self::Reload => "reload",
        }
    }
}

/// How a host socket is to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFix {
    /// The socket's name in stack.toml.
    pub socket: SocketName,
    /// Its path.
    pub path: PathBuf,
    /// The mode to set; `None`: as it is.
    pub mode: Option<u32>,
    /// The owner to set, a name or number; `None`: as it is.
    pub owner: Option<String>,
    /// The group to set, a name or number; `None`: as it is.
    pub group: Option<String>,
    /// Whether the user agreed to rights for everybody.
    pub allow_world_access: bool,
}

impl Action {
    /// Returns the container that the action acts on; none where it makes one, or is about something else.
    pub fn container(&self) -> Option<&ContainerRef> {
        match self {
            Self::CopyFiles { container, .. }
            | Self::ConnectNetwork { container, .. }
            | Self::DisconnectNetwork { container, .. }
            | Self::StartContainer { container }
            | Self::StopContainer { container, .. }
            | Self::RestartContainer { container, .. }
            | Self::UnpauseContainer { container }
            | Self::SignalContainer { container, .. }
            | Self::RenameContainer { container, .. }
            | Self::UpdateContainer { container, .. }
            | Self::RemoveContainer { container, .. }
            | Self::Await { container, .. } => Some(container),
            Self::RunCommand(run) => Some(&run.container),
            Self::CreateContainer(_)
            | Self::PullImage { .. }
            | Self::BuildImage(_)
            | Self::TagImage { .. }
            | Self::CreateNetwork(_)
            | Self::RemoveNetwork { .. }
            | Self::CreateVolume(_)
            | Self::RemoveVolume { .. }
            | Self::FixSocket(_) => None,
        }
    }

    /// Returns whether the action destroys data that cannot be had again.
    pub fn loses_data(&self) -> bool {
        match self {
            Self::RemoveVolume { .. } => true,
            Self::RemoveContainer {
                anonymous_volumes, ..
            } => *anonymous_volumes,
            Self::PullImage { .. }
            | Self::BuildImage(_)
            | Self::TagImage { .. }
            | Self::CreateNetwork(_)
            | Self::RemoveNetwork { .. }
            | Self::CreateVolume(_)
            | Self::CreateContainer(_)
            | Self::CopyFiles { .. }
            | Self::ConnectNetwork { .. }
            | Self::DisconnectNetwork { .. }
            | Self::StartContainer { .. }
            | Self::StopContainer { .. }
            | Self::RestartContainer { .. }
            | Self::UnpauseContainer { .. }
            | Self::SignalContainer { .. }
            | Self::RunCommand(_)
            | Self::RenameContainer { .. }
            | Self::UpdateContainer { .. }
            | Self::Await { .. }
            | Self::FixSocket(_) => false,
        }
    }

    /// Returns whether the action changes anything; waiting does not.
    pub fn mutates(&self) -> bool {
        !matches!(self, Self::Await { .. })
    }

    /// Returns whether the action brings an image, and touches nothing that runs or is kept.
    pub fn brings_image(&self) -> bool {
        matches!(
            self,
            Self::PullImage { .. } | Self::BuildImage(_) | Self::TagImage { .. }
        )
    }

    /// Returns the action's name in JSON and journal: the engine call in snake case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "pull_image",
            Self::BuildImage(_) => "build_image",
            Self::TagImage { .. } => "tag_image",
            Self::CreateNetwork(_) => "create_network",
            Self::RemoveNetwork { .. } => "remove_network",
            Self::CreateVolume(_) => "create_volume",
            Self::RemoveVolume { .. } => "remove_volume",
            Self::CreateContainer(_) => "create_container",
            Self::CopyFiles { .. } => "copy_files",
            Self::ConnectNetwork { .. } => "connect_network",
            Self::DisconnectNetwork { .. } => "disconnect_network",
            Self::StartContainer { .. } => "start_container",
            Self::StopContainer { .. } => "stop_container",
            Self::RestartContainer { .. } => "restart_container",
            Self::UnpauseContainer { .. } => "unpause_container",
            Self::SignalContainer { .. } => "signal_container",
            Self::RunCommand(_) => "run_command",
            Self::RenameContainer { .. } => "rename_container",
            Self::UpdateContainer { .. } => "update_container",
            Self::RemoveContainer { .. } => "remove_container",
            Self::Await { .. } => "await",
            Self::FixSocket(_) => "fix_socket",
        }
    }
}
