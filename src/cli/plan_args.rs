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

    /// Returns the command that applies what these flags and words plan.
    pub(crate) fn apply_command(&self, services: &[String]) -> String {
        let flags = [
            (self.prune, "--prune"),
            (self.no_deps, "--no-deps"),
            (self.adopt, "--adopt"),
            (self.force_recreate, "--force-recreate"),
            (self.no_wait, "--no-wait"),
        ];
        let flags = flags.into_iter().filter(|(is_given, _)| *is_given);
        let mut words = vec!["stackgen apply".to_owned()];
        words.extend(services.iter().cloned());
        words.extend(flags.map(|(_, flag)| flag.to_owned()));
        if self.timeout != GATE_TIMEOUT.as_secs() {
            words.push(format!("--timeout {}", self.timeout));
        }
        words.extend(self.stop_timeout.map(|seconds| format!("-t {seconds}")));
        words.join(" ")
    }

    /// Returns whether any flag was given that makes a plan another one.
    pub(crate) fn is_any_given(&self) -> bool {
        self.options(Vec::new()) != PlanOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        services: Vec<String>,
        #[command(flatten)]
        plan: PlanArgs,
    }

    #[test]
    fn the_command_that_applies_a_plan_says_all_that_made_it() {
        for line in [
            "stackgen apply",
            "stackgen apply web db --prune --no-deps --adopt --force-recreate --no-wait --timeout 9 -t 3",
        ] {
            let words = line.split(' ').skip(1);
            // The first word stands for the program's name.
            let parsed = Line::parse_from(words);
            assert_eq!(parsed.plan.apply_command(&parsed.services), line);
        }
    }
}
