//! What the caller of the planner may choose.

use std::time::Duration;

use super::Marks;
use crate::compose::ComposeGeneration;
use crate::model::{Builder, ImageLock, KeyPath, ServiceName, VolumeName};

use super::Resource;

/// How long a gate may take where nothing else is said.
pub const GATE_TIMEOUT: Duration = Duration::from_secs(300);

/// What to plan for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanOptions {
    /// The only services to look at; empty: every active one. Naming a service of an inactive profile activates it.
    pub services: Vec<ServiceName>,
    /// Whether what the named services depend on is looked at too.
    pub with_dependencies: bool,
    /// Whether containers and networks that stack.toml no longer declares are removed.
    pub prune: bool,
    /// Whether only what is missing or does not run is made and started; nothing is replaced, changed or stopped.
    pub only_missing: bool,
    /// Whether the plan waits for every container that it starts, not only where another one depends on it.
    pub wait: bool,
    /// How long each gate may take.
    pub gate_timeout: Duration,
    /// Time before a stopped container is killed; `None`: what the container says.
    pub stop_grace: Option<Duration>,
    /// Whether objects of the same project from another folder are taken over.
    pub adopt: bool,
    /// The salt of digests of contents in labels.
    pub salt: String,
    /// What is known of containers beyond their labels: see [`Mark`].
    pub marks: Marks,
    /// Whose rules the hash label of new containers follows.
    pub compose: ComposeGeneration,
    /// The volumes that the user agreed to lose.
    pub destroy: Vec<VolumeName>,
    /// Whether containers are replaced even where nothing differs.
    pub force_recreate: bool,
    /// Which images the plan pulls.
    pub bring: Bring,
    /// Whether images that are missing and can be built are built.
    pub build_missing: bool,
    /// Who builds.
    pub builder: Builder,
    /// Which image each tag stands for, where there is a stack.lock.
    pub lock: Option<ImageLock>,
    /// Whether images are those of `lock`, whatever their tags name; without it, a tag that moved is only noted.
    pub locked: bool,
}

/// Which images a plan pulls for the containers that it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bring {
    /// Those that are missing, and those whose policy says always.
    #[default]
    ByPolicy,
    /// Those that are missing: what is to be refreshed was pulled before, by [`refresh`](super::refresh).
    Missing,
    /// None; a missing one blocks the plan.
    Nothing,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            services: Vec::new(),
            with_dependencies: true,
            prune: false,
            only_missing: false,
            wait: true,
            gate_timeout: GATE_TIMEOUT,
            stop_grace: None,
            adopt: false,
            salt: String::new(),
            marks: Marks::new(),
            compose: ComposeGeneration::default(),
            destroy: Vec::new(),
            force_recreate: false,
            bring: Bring::ByPolicy,
            build_missing: true,
            builder: Builder::default(),
            lock: None,
            locked: false,
        }
    }
}

/// How to take a stack down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DownOptions {
    /// Whether the volumes go too.
    pub volumes: bool,
    /// Time before a stopped container is killed; `None`: what the container says.
    pub stop_grace: Option<Duration>,
}

/// How a plan is written for people.
pub struct TextOptions<'a> {
    /// The number of columns.
    pub width: usize,
    /// Whether values are written whole and unchanged resources are listed.
    pub verbose: bool,
    /// Returns where in stack.toml a field of a resource is set, such as `stack.toml:12`.
    pub place: &'a dyn Fn(&Resource, &KeyPath) -> Option<String>,
}

impl Default for TextOptions<'_> {
    fn default() -> Self {
        Self {
            width: 100,
            verbose: false,
            place: &|_, _| None,
        }
    }
}
