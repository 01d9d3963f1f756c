//! What of `deploy` has a meaning on one host.

use crate::model::{Attribute, ContainerOptions, Form, Limits, Restart};

/// Puts limits and restart policy of `deploy` into the options of the container; returns the replicas, where they are known.
pub(super) fn settle<F: Form>(
    container: &mut ContainerOptions<F>,
    deploy: Option<&Attribute<F>>,
) -> Option<u32> {
    let deploy = deploy?;
    container.deploy_limits = Some(Box::new(limits(deploy)));
    container.deploy_restart = deploy.get(&["restart_policy"]).and_then(restart);
    match deploy.get(&["replicas"]) {
        Some(Attribute::Number(number)) => {
            F::known(number).and_then(|number| u32::try_from(*number).ok())
        }
        _ => None,
    }
}

/// Returns the attributes that say something else than their twins in `deploy`, with those. As in Compose, a twin that is absent says
/// something else where the table around it is there.
pub(super) fn quarrels<F: Form>(
    container: &ContainerOptions<F>,
    scale: Option<u32>,
    deploy: Option<&Attribute<F>>,
) -> Vec<(&'static str, &'static str)> {
    let Some(deploy) = deploy else {
        return Vec::new();
    };
    let no_limits = Limits::default();
    let other = container.deploy_limits.as_deref().unwrap_or(&no_limits);
    let plain = container.limits.as_deref().unwrap_or(&no_limits);
    let limits = deploy.get(&["resources", "limits"]).is_some();
    let reservation = deploy.get(&["resources", "reservations"]).is_some();
    let replicas = match deploy.get(&["replicas"]) {
        Some(Attribute::Number(number)) => F::known(number).copied(),
        _ => None,
    };
    let scale = scale.map(i64::from);
    let differs = [
        (
            limits && plain.cpus.is_some() && plain.cpus != other.cpus,
            ("cpus", "deploy.resources.limits.cpus"),
        ),
        (
            limits && plain.memory.is_some() && plain.memory != other.memory,
            ("mem_limit", "deploy.resources.limits.memory"),
        ),
        (
            limits && plain.pids.is_some() && plain.pids != other.pids,
            ("pids_limit", "deploy.resources.limits.pids"),
        ),
        (
            reservation
                && plain.memory_reservation.is_some()
                && plain.memory_reservation != other.memory_reservation,
            ("mem_reservation", "deploy.resources.reservations.memory"),
        ),
        (
            replicas.is_some() && scale.is_some() && replicas != scale,
            ("scale", "deploy.replicas"),
        ),
    ];
    let differs = differs.into_iter().filter(|(differs, _)| *differs);
    differs.map(|(_, keys)| keys).collect()
}

fn limits<F: Form>(deploy: &Attribute<F>) -> Limits<F> {
    let limit = |key| deploy.get(&["resources", "limits", key]);
    let mut limits = Limits::default();
    if let Some(Attribute::Cpus(cpus)) = limit("cpus") {
        limits.cpus = Some(cpus.clone());
    }
    if let Some(Attribute::Size(memory)) = limit("memory") {
        limits.memory = Some(memory.clone());
    }
    if let Some(Attribute::Number(pids)) = limit("pids") {
        limits.pids = Some(pids.clone());
    }
    if let Some(Attribute::Size(memory)) = deploy.get(&["resources", "reservations", "memory"]) {
        limits.memory_reservation = Some(memory.clone());
    }
    limits
}

/// As Compose reads it: `any` is `always`; delay and window mean nothing to the engine.
fn restart<F: Form>(policy: &Attribute<F>) -> Option<Restart> {
    let times = match policy.get(&["max_attempts"]) {
        Some(Attribute::Number(times)) => {
            F::known(times).and_then(|times| u32::try_from(*times).ok())
        }
        _ => None,
    };
    let condition = match policy.get(&["condition"]) {
        Some(Attribute::Text(text)) => F::known(text).map(String::as_str)?,
        _ => "any",
    };
    match condition {
        "none" | "no" => Some(Restart::No),
        "on-failure" => Some(Restart::OnFailure(times.filter(|times| *times > 0))),
        "unless-stopped" => Some(Restart::UnlessStopped),
        _ => Some(Restart::Always),
    }
}
