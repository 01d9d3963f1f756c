//! When a service's image is pulled.

use std::time::Duration;

use crate::model::{Attribute, Resolved, Service, parse_duration};

/// When an image is pulled: `pull_policy` of the Compose Specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// When it is not here.
    Missing,
    /// Before every apply.
    Always,
    /// Not at all.
    Never,
    /// Not at all: it is built before every apply.
    Build,
    /// Not at all: it is built when it is not here.
    BuildMissing,
    /// When it is not here, or before an apply when the last pull is so long ago.
    Every(Duration),
}

/// Returns when a service's image is pulled; `None` where its policy is none that there is. Without a policy a service with `build` is
/// built, any other pulled when its image is missing.
pub fn pull_policy(service: &Service<Resolved>) -> Option<PullPolicy> {
    let has_build = service.more.contains_key("build");
    let policy = match service.container.pull_policy.as_deref() {
        None if has_build => PullPolicy::BuildMissing,
        None => return Some(refresh_after(service).map_or(PullPolicy::Missing, PullPolicy::Every)),
        Some("" | "missing" | "if_not_present") => PullPolicy::Missing,
        Some("always") => PullPolicy::Always,
        Some("never") => PullPolicy::Never,
        Some("build") => PullPolicy::Build,
        Some("daily") => PullPolicy::Every(DAY),
        Some("weekly") => PullPolicy::Every(7 * DAY),
        Some("refresh") => PullPolicy::Every(refresh_after(service)?),
        Some(text) => PullPolicy::Every(parse_duration(text.strip_prefix("every_")?).ok()?),
    };
    Some(policy)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn refresh_after(service: &Service<Resolved>) -> Option<Duration> {
    match service.more.get("pull_refresh_after")? {
        Attribute::Text(text) => parse_duration(text).ok(),
        Attribute::Duration(time) => Some(*time),
        _ => None,
    }
}
