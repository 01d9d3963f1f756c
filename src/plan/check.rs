//! What has to hold for every plan, said apart from the code that makes plans.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an invariant is about the actions that it names; a new one is none of its business"
)]

use std::collections::BTreeSet;

use crate::model::MountSpecSource;

use super::{Action, ContainerRef, Plan, Resource, Step, StepId, Verdict};

/// Something about a plan that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The step that it is about, where it is about one.
    pub step: Option<StepId>,
    /// What is wrong.
    pub message: String,
}

/// Returns every invariant that `plan` breaks; none for a plan that may be performed.
pub fn check(plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let mut messages = numbers(plan, index, step);
        if messages.is_empty() {
            messages.extend(order(plan, step));
            messages.extend(foundations(plan, step));
            messages.extend(after_the_end(plan, step));
            messages.extend(consent(plan, step));
            messages.extend(way_back(plan, step));
        }
        findings.extend(messages.into_iter().map(|message| Finding {
            step: Some(step.id),
            message,
        }));
    }
    findings.extend(twice(plan));
    for change in plan.changes.iter().enumerate().filter(|(index, change)| {
        let has_step = plan.steps.iter().any(|step| step.change == *index);
        !has_step && !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown)
    }) {
        findings.push(Finding {
            step: None,
            message: format!("{} changes and has no step", change.1.resource),
        });
    }
    findings
}

/// Steps are numbered by their place, belong to a change, and need only what stands before them, so that there is no cycle.
fn numbers(plan: &Plan, index: usize, step: &Step) -> Vec<String> {
    let mut messages = Vec::new();
    if step.id.0 != index {
        messages.push(format!("it has the number {} at place {index}", step.id.0));
    }
    if step.change >= plan.changes.len() {
        messages.push("it belongs to no change".to_owned());
    }
    for need in step.needs.union(&step.after).filter(|need| need.0 >= index) {
        messages.push(format!(
            "it needs step {}, which does not come before",
            need.0
        ));
    }
    messages
}

/// Returns everything that has to be done before a step.
fn all_needs(plan: &Plan, step: &Step) -> BTreeSet<StepId> {
    let mut all = BTreeSet::new();
    let mut open: Vec<StepId> = step.needs.iter().copied().collect();
    while let Some(id) = open.pop() {
        if all.insert(id) {
            open.extend(plan.steps[id.0].needs.iter().copied());
        }
    }
    all
}

/// Everything is touched after all pulls only, and a container that the plan makes only after it is made or has got its name.
fn order(plan: &Plan, step: &Step) -> Vec<String> {
    let mut messages = Vec::new();
    let before = all_needs(plan, step);
    for pull in &plan.steps {
        let changes = step.action.mutates() && !step.action.brings_image();
        if changes && pull.action.brings_image() && !before.contains(&pull.id) {
            messages.push(format!(
                "it changes something before the image of step {} is here",
                pull.id.0
            ));
        }
    }
    let Some(container) = touched(&step.action) else {
        return messages;
    };
    if let ContainerRef::Name(name) = &container {
        let gives_name = |id: &StepId| {
            let action = &plan.steps[id.0].action;
            matches!(action, Action::CreateContainer(spec) if spec.name == *name)
                || matches!(action, Action::RenameContainer { to, .. } if to == name)
        };
        let is_create = matches!(step.action, Action::CreateContainer(_));
        if !is_create && !before.iter().any(gives_name) {
            messages.push(format!("nothing before it makes container {name}"));
        }
    }
    messages
}

/// Returns the container that an action is about, one that it makes by the name that it makes it under.
fn touched(action: &Action) -> Option<ContainerRef> {
    if let Action::CreateContainer(spec) = action {
        return Some(ContainerRef::Name(spec.name.clone()));
    }
    action.container().cloned()
}

/// Networks and volumes that the plan makes are there before a container uses them, and networks that it removes are left before.
fn foundations(plan: &Plan, step: &Step) -> Vec<String> {
    let mut messages = Vec::new();
    let before = all_needs(plan, step);
    for other in plan
        .steps
        .iter()
        .filter(|other| !before.contains(&other.id))
    {
        let (uses, name) = match &other.action {
            Action::CreateNetwork(spec) => (uses_network(&step.action, &spec.name), &spec.name),
            Action::CreateVolume(spec) => (uses_volume(&step.action, &spec.name), &spec.name),
            _ => continue,
        };
        if uses {
            messages.push(format!(
                "it uses {name} before step {} makes it",
                other.id.0
            ));
        }
    }
    if matches!(step.action, Action::RemoveNetwork { .. }) {
        let leaves = |action: &Action| {
            matches!(
                action,
                Action::RemoveContainer { .. } | Action::DisconnectNetwork { .. }
            )
        };
        let late = plan.steps.iter().find(|other| {
            other.id != step.id && leaves(&other.action) && !before.contains(&other.id)
        });
        if let Some(late) = late {
            messages.push(format!(
                "it does not wait for step {} to leave it",
                late.id.0
            ));
        }
    }
    messages
}

fn uses_network(action: &Action, name: &str) -> bool {
    match action {
        Action::CreateContainer(spec) => spec.config.main_network.as_deref() == Some(name),
        Action::ConnectNetwork { network, .. } => network == name,
        _ => false,
    }
}

fn uses_volume(action: &Action, name: &str) -> bool {
    let Action::CreateContainer(spec) = action else {
        return false;
    };
    spec.config.mounts.iter().any(|mount| {
        matches!(&mount.source, MountSpecSource::Volume { name: Some(volume), .. } if volume == name)
    })
}

/// Nothing is done with a container after its removal.
fn after_the_end(plan: &Plan, step: &Step) -> Option<String> {
    let container = step.action.container()?;
    let ContainerRef::Id(_) = container else {
        return None;
    };
    let before = all_needs(plan, step);
    let removed = before.iter().find(|id| {
        let action = &plan.steps[id.0].action;
        matches!(action, Action::RemoveContainer { .. }) && action.container() == Some(container)
    });
    let removed = removed?;
    Some(format!("step {} has removed its container", removed.0))
}

/// No resource has two entries, and no name is given to two containers, networks or volumes.
fn twice(plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut resources = BTreeSet::new();
    for change in &plan.changes {
        // One image may be pulled for two platforms.
        let is_image = matches!(change.resource, Resource::Image(_));
        if !resources.insert(&change.resource) && !is_image {
            findings.push(Finding {
                step: None,
                message: format!("{} has two entries", change.resource),
            });
        }
    }
    let mut made = BTreeSet::new();
    for step in &plan.steps {
        let name = match &step.action {
            Action::CreateContainer(spec) => ("container", &spec.name),
            Action::CreateNetwork(spec) => ("network", &spec.name),
            Action::CreateVolume(spec) => ("volume", &spec.name),
            Action::RenameContainer { to, .. } => ("container", to),
            _ => continue,
        };
        if !made.insert(name) {
            findings.push(Finding {
                step: Some(step.id),
                message: format!("{} {} is made twice", name.0, name.1),
            });
        }
    }
    findings
}

/// Data is lost only where the change says so, and a resource is removed only where the plan says so or something takes its place.
fn consent(plan: &Plan, step: &Step) -> Vec<String> {
    let change = &plan.changes[step.change];
    let mut messages = Vec::new();
    if step.action.loses_data() && !change.loses_data {
        messages.push("it loses data and its change does not say so".to_owned());
    }
    let is_volume = matches!(step.action, Action::RemoveVolume { .. });
    let is_network = matches!(step.action, Action::RemoveNetwork { .. });
    if (is_volume || is_network) && change.verdict != Verdict::Remove {
        messages.push("it removes what the plan does not say it removes".to_owned());
    }
    if matches!(change.verdict, Verdict::Nothing | Verdict::Unknown) && step.action.mutates() {
        messages.push("it changes what the plan says is left alone".to_owned());
    }
    messages
}

/// In a replacement, everything that takes the old container away, or puts the new one in its place, can be taken back.
fn way_back(plan: &Plan, step: &Step) -> Vec<String> {
    let change = &plan.changes[step.change];
    let is_service = matches!(change.resource, Resource::Service(..));
    if !is_service || change.verdict != Verdict::Recreate || step.tidies {
        return Vec::new();
    }
    let must = matches!(
        step.action,
        Action::StopContainer { .. }
            | Action::RenameContainer { .. }
            | Action::StartContainer { .. }
    );
    if must && step.undo.is_empty() {
        vec!["it is part of a replacement and cannot be taken back".to_owned()]
    } else {
        Vec::new()
    }
}
