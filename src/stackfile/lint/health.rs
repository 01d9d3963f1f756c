//! What services wait for.

use std::time::Duration;

use indexmap::IndexMap;

use crate::key_path;
use crate::model::{Condition, Form, Healthcheck, KeyPath, ProfileName, ServiceName};

use super::super::Code;
use super::Linting;

/// How long the engine waits between two probes where nothing is said.
const ENGINE_INTERVAL: Duration = Duration::from_secs(30);
/// The first probe comes after one interval, so a longer one than this is felt at every start.
const LONG: Duration = Duration::from_secs(5);

/// Returns the services that something waits for as healthy, with the first place that does.
fn awaited<F: Form>(linting: &Linting<'_, F>) -> IndexMap<ServiceName, KeyPath> {
    let mut awaited = IndexMap::new();
    for (name, service) in linting.stack.services() {
        for (other, dependency) in &service.depends_on {
            if dependency.condition == Condition::Healthy {
                let at = key_path!["services", name, "depends_on", other];
                awaited.entry(other.clone()).or_insert(at);
            }
        }
    }
    for (dag, definition) in linting.stack.dags() {
        for (task, definition) in &definition.tasks {
            for (other, condition) in &definition.needs {
                if *condition == Condition::Healthy {
                    let at = key_path!["dags", dag, "tasks", task, "needs", other];
                    awaited.entry(other.clone()).or_insert(at);
                }
            }
        }
    }
    awaited
}

/// Tells services that something waits for as healthy, and for which no check is written.
pub(super) fn missing<F: Form>(linting: &mut Linting<'_, F>) {
    for (name, waits) in awaited(linting) {
        let service = linting.stack.service(&name);
        if service.is_some_and(|service| service.container.healthcheck.is_none()) {
            let at = key_path!["services", name];
            let message = format!("{at} is waited for as healthy and has no healthcheck");
            let help = format!(
                "healthcheck = {{ test = [\"CMD\", …] }} in [{at}]; without it the image has to bring one"
            );
            linting.key(Code::MissingHealthcheck, &at, message, "", &help);
            linting.also(linting.places.key(&waits, "waited for here"));
        }
    }
}

/// Tells health checks that keep others waiting although the service may be up long since.
pub(super) fn slow_start<F: Form>(linting: &mut Linting<'_, F>) {
    for (name, waits) in awaited(linting) {
        let service = linting.stack.service(&name);
        let Some(check) = service.and_then(|service| service.container.healthcheck.as_ref()) else {
            continue;
        };
        let Some(interval) = first_probe(check).filter(|interval| *interval > LONG) else {
            continue;
        };
        let seconds = interval.as_secs();
        let path = key_path!["services", name, "healthcheck"];
        let message = format!(
            "services.{name} is waited for, and first asked after {seconds} s at every start"
        );
        let help = "interval = \"2s\", or start_interval = \"2s\" beside a start_period (engine 25 and newer)";
        let code = Code::SlowStart;
        if check.interval.is_some() {
            linting.value(code, &path.join("interval"), message, "", help);
        } else {
            linting.key(code, &path, message, "the engine's interval is 30 s", help);
        }
        linting.also(linting.places.key(&waits, "waited for here"));
    }
}

/// Returns after how long a service is asked for the first time; `None` where a variable or the image decides.
fn first_probe<F: Form>(check: &Healthcheck<F>) -> Option<Duration> {
    if check.disable || check.start_interval.is_some() {
        return None;
    }
    match &check.interval {
        Some(interval) => F::known(interval).copied(),
        None => check.test.as_ref().map(|_| ENGINE_INTERVAL),
    }
}

/// Tells services that wait for one which is switched off by its profile.
pub(super) fn inactive_dependency<F: Form>(linting: &mut Linting<'_, F>) {
    let mut found = Vec::new();
    for (name, service) in linting.stack.active_services() {
        for (other, dependency) in &service.depends_on {
            let Some(needed) = linting.stack.service(other) else {
                continue;
            };
            if dependency.required && !linting.stack.is_active(needed) {
                let profiles = needed.profiles.iter().map(ProfileName::as_str);
                found.push((
                    name.clone(),
                    other.clone(),
                    profiles.collect::<Vec<_>>().join(" or "),
                ));
            }
        }
    }
    for (name, other, profiles) in found {
        let at = key_path!["services", name, "depends_on", other];
        let message = format!("services.{name} depends on {other}, which is switched off");
        let label = format!("on with --profile {profiles}");
        let help = format!(
            "the same profiles for both, or {other} = {{ condition = \"service_started\", required = false }}"
        );
        linting.key(Code::InactiveDependency, &at, message, &label, &help);
        let place = linting
            .places
            .value(&key_path!["services", other, "profiles"], "its profiles");
        linting.also(place);
    }
}
