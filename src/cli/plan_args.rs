//! The flags that shape a plan: `plan` and `apply` share them, so that the one shows what the other does.

use std::time::Duration;

use crate::model::ServiceName;
use crate::plan::{GATE_TIMEOUT, PlanOptions};

/// What a plan is made for.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PlanArgs {
    /// Wait until every service is well (the default).
    #[arg(long, overrides_with = "no_wait")]
    pub wait: bool,
    /// Wait only where another service depends on it.
    #[arg(long)]
    pub no_wait: bool,
    /// Remove containers and networks that stack.toml no longer declares; never volumes.
    #[arg(long)]
    pub prune: bool,
    /// Leave out what the named services depend on.
    #[arg(long, requires = "services")]
    pub no_deps: bool,
    /// How long each wait for a service may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = GATE_TIMEOUT.as_secs())]
    pub timeout: u64,
    /// How long a stop may take before the process is killed, in seconds; default: what the service says.
    #[arg(short = 't', long = "stop-timeout", value_name = "SECONDS")]
    pub stop_timeout: Option<u64>,
    /// Take over what another folder made under this project name; its containers are made anew.
    #[arg(long)]
    pub adopt: bool,
    /// Replace containers even where nothing differs.
    #[arg(long)]
    pub force_recreate: bool,
    /// Use exactly the images that stack.lock names; one that is not in it, or cannot be had as it is locked, is refused.
    #[arg(long)]
    pub locked: bool,
}

impl PlanArgs {
    /// Returns the options of a plan about these services; none: all of them.
    pub(crate) fn options(&self, services: Vec<ServiceName>) -> PlanOptions {
        PlanOptions {
            services,
            with_dependencies: !self.no_deps,
            prune: self.prune,
            wait: self.wait || !self.no_wait,
            gate_timeout: Duration::from_secs(self.timeout),
            stop_grace: self.stop_timeout.map(Duration::from_secs),
            adopt: self.adopt,
            force_recreate: self.force_recreate,
            locked: self.locked,
            ..PlanOptions::default()
        }
    }

    /// Returns whether any flag was given that makes a plan another one.
    pub(crate) fn is_any_given(&self) -> bool {
        self.options(Vec::new()) != PlanOptions::default()
    }
}
