//! Who is away while a plan is performed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::model::{Condition, ServiceName, TaskKind};

use super::planner::{Planner, is_up};
use super::slots::{Course, Slots};
use super::text::kind_and_name;
use super::{Action, Note, Plan, Resource, Verdict};

impl Planner<'_> {
    /// Notes the tasks that use a service which is away for a while.
    pub(super) fn note_tasks(&mut self, slots: &Slots<'_>) {
        let away: BTreeSet<&ServiceName> = slots
            .iter()
            .filter(|slot| match slot.course {
                Course::Restart => true,
                Course::Replace => slot.others.iter().any(|it| is_up(it)),
                Course::Nothing | Course::Blocked | Course::Create | Course::Adjust => false,
            })
            .map(|slot| &slot.service)
            .collect();
        if away.is_empty() {
            return;
        }
        for (dag, definition) in self.stack.dags() {
            for (name, task) in &definition.tasks {
                let mut services: BTreeSet<ServiceName> = task.needs.keys().cloned().collect();
                if let TaskKind::Exec(exec) = &task.kind {
                    services.insert(exec.service.clone());
                }
                services.retain(|service| away.contains(service));
                if !services.is_empty() {
                    self.notes.push(Note::TaskNeeds {
                        task: format!("dags.{dag}.{name}"),
                        services: services.into_iter().collect(),
                    });
                }
            }
        }
    }
}

/// Returns who is away, and until when at most.
pub(super) fn away(plan: &Plan) -> Vec<(&'static str, String)> {
    let changes = plan.changes.iter().enumerate().filter(|(_, change)| {
        let is_away = matches!(change.verdict, Verdict::Restart | Verdict::Recreate);
        is_away && matches!(change.resource, Resource::Service(..))
    });
    let names: Vec<(usize, String)> = changes
        .map(|(index, change)| (index, kind_and_name(&change.resource).1))
        .collect();
    let width = names
        .iter()
        .map(|(_, name)| name.width())
        .max()
        .unwrap_or(0);
    let gates: BTreeMap<usize, String> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Await {
                condition, timeout, ..
            } => Some((step.change, until(*condition, *timeout))),
            Action::PullImage { .. }
            | Action::BuildImage(_)
            | Action::TagImage { .. }
            | Action::CreateNetwork(_)
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume(_)
            | Action::RemoveVolume { .. }
            | Action::CreateContainer(_)
            | Action::CopyFiles { .. }
            | Action::ConnectNetwork { .. }
            | Action::DisconnectNetwork { .. }
            | Action::StartContainer { .. }
            | Action::StopContainer { .. }
            | Action::RestartContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::SignalContainer { .. }
            | Action::RunCommand(_)
            | Action::RenameContainer { .. }
            | Action::UpdateContainer { .. }
            | Action::RemoveContainer { .. }
            | Action::FixSocket(_) => None,
        })
        .collect();
    let line = |(place, (index, name)): (usize, &(usize, String))| {
        let until = gates.get(index).map_or("until it runs", String::as_str);
        let gap = " ".repeat(width - name.width());
        (
            if place == 0 { "Away" } else { "" },
            format!("{name}{gap}   {until}"),
        )
    };
    names.iter().enumerate().map(line).collect()
}

fn until(condition: Condition, timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    match condition {
        Condition::Started => "until it runs".to_owned(),
        Condition::Healthy => format!("until healthy, {seconds} s at most"),
        Condition::Completed => format!("until done, {seconds} s at most"),
    }
}
