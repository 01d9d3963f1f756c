//! Services.

use indexmap::IndexMap;

use super::{Attributes, ContainerOptions, Form, ProfileName, ServiceName, Words};

/// A service of the stack: containers of one kind, and what they wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service<F: Form> {
    /// What its containers are like.
    pub container: ContainerOptions<F>,
    /// A fixed container name; default `PROJECT-SERVICE-NUMBER`.
    pub container_name: Option<F::Value<String>>,
    /// What has to be so before it is started.
    pub depends_on: IndexMap<ServiceName, Dependency<F>>,
    /// Profiles that switch it on; empty: always on.
    pub profiles: Vec<ProfileName>,
    /// How many containers; default 1.
    pub scale: u32,
    /// Whether it stays up or ends.
    pub lifecycle: Lifecycle,
    /// How its process reads its files again without an end; absent: only by a restart.
    pub reload: Option<Box<Reload<F>>>,
    /// Attributes that are rendered as they are: `build`, `deploy` and others, of which [`Service::beyond_engine`] names those that
    /// stackgen's engine cannot do.
    pub more: Attributes<F>,
}

/// How a process reads its files again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload<F: Form> {
    /// What is done.
    pub how: ReloadHow<F>,
    /// The files that it is for: paths inside, folders of them, or names of configs and secrets; empty: all.
    pub files: Vec<F::Value<String>>,
}

/// What makes a process read its files again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadHow<F: Form> {
    /// A signal to the container's first process, such as `SIGHUP`.
    Signal(String),
    /// A command in the container.
    Command {
        /// The command.
        command: Words<F>,
        /// The user that runs it; absent: the container's.
        user: Option<F::Value<String>>,
    },
}

/// Whether a service is meant to stay up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// It stays up; a container that ended is drift.
    Daemon,
    /// It ends; with 0 and an unchanged definition it is done.
    OneShot(Rerun),
}

/// When a finished one-shot is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rerun {
    /// When its definition changed, or it did not end with 0.
    #[default]
    OnChange,
    /// At every apply, as Compose does.
    Always,
}

/// What a service waits for at another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency<F: Form> {
    /// The state that the other service has to reach.
    pub condition: Condition,
    /// What becomes of this service when the other one is replaced.
    pub on_replace: OnReplace,
    /// Whether a missing or failed other service is an error; default true.
    pub required: bool,
    /// Extension keys.
    pub more: Attributes<F>,
}

/// What becomes of a dependant when what it depends on is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum OnReplace {
    /// It runs on.
    #[default]
    Nothing,
    /// It is stopped before, and started when the other one is as it asks for: Compose's `restart: true`. So it is when the other one is restarted.
    Restart,
    /// It is replaced, too. Compose knows no such thing; for it this is [`OnReplace::Restart`].
    Recreate,
}

impl OnReplace {
    /// Returns whether Compose is told `restart: true`.
    pub fn restarts(self) -> bool {
        self != Self::Nothing
    }
}

/// A state that a dependant waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// `service_started`: it was started.
    Started,
    /// `service_healthy`: its health check passes.
    Healthy,
    /// `service_completed_successfully`: it ended with 0.
    Completed,
}

impl Condition {
    /// Returns Compose's name of the condition.
    pub fn compose_name(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }
}

impl std::fmt::Display for Condition {
    /// Writes stack.toml's short form.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Started => "started",
            Self::Healthy => "healthy",
            Self::Completed => "completed",
        })
    }
}
