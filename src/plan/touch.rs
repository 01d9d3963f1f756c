//! What takes a container that could stay as it is along: its files, and what it depends on.

use crate::compose::implied_dependencies;
use crate::model::{ContainerStatus, OnReplace, Reload, ReloadHow, Resolved, Service};

use super::files::FileDrift;
use super::planner::{Planner, is_up};
use super::slots::{Course, Slot, Slots, start_reason};
use super::{FileRemedy, Reason, Resource, Verdict};

/// What it takes that the process of the container that stays reads its files as they are now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// Nothing, or it is started anyway.
    Nothing,
    /// It is told to read them again.
    Reload,
    /// It is stopped and started.
    Restart,
    /// It has ended well, and runs once more.
    RunAgain,
}

impl<'a> Planner<'a> {
    /// Returns what it takes that the container that stays has its files as they are now.
    pub(super) fn touch(&self, slot: &Slot<'a>, definition: &Service<Resolved>) -> Touch {
        let files = &slot.difference.files;
        let Some(kept) = slot.kept.filter(|_| !files.is_empty()) else {
            return Touch::Nothing;
        };
        match kept.state.status {
            ContainerStatus::Running | ContainerStatus::Restarting | ContainerStatus::Paused => {}
            // What is started anyway is not started twice.
            _ if start_reason(kept, definition).is_some() => return Touch::Nothing,
            ContainerStatus::Exited => return Touch::RunAgain,
            ContainerStatus::Created | ContainerStatus::Removing | ContainerStatus::Dead => {
                return Touch::Nothing;
            }
        }
        let reload = definition.reload.as_deref();
        let reaches = |file: &FileDrift| {
            !file.is_replaced && reload.is_some_and(|reload| is_for(reload, file))
        };
        let is_running = kept.state.status == ContainerStatus::Running;
        if is_running && files.iter().all(reaches) {
            Touch::Reload
        } else {
            Touch::Restart
        }
    }

    /// Returns whether something is replaced that this one is to be replaced with.
    pub(super) fn dependency_takes_along(&self, slot: &Slot<'a>, before: &Slots<'a>) -> bool {
        let definition = self.stack.service(&slot.service);
        let depends_on = definition.into_iter().flat_map(|it| &it.depends_on);
        let taken = depends_on.filter(|(_, it)| it.on_replace == OnReplace::Recreate);
        let mut leaders = taken.flat_map(|(name, _)| before.of(name));
        leaders.any(|leader| leader.course == Course::Replace)
    }

    /// A running container is stopped and started with what it depends on, where it says so: when that is replaced, and also when it is
    /// restarted, as Compose does. What runs once is left to its work.
    pub(super) fn follow(
        &mut self,
        slot: &mut Slot<'a>,
        definition: &Service<Resolved>,
        before: &Slots<'a>,
    ) {
        let edges = definition.depends_on.iter();
        let edges = edges.filter(|(_, it)| it.on_replace.restarts());
        let implied = implied_dependencies(self.stack, definition).into_iter();
        let implied = implied.filter(|(_, restarts)| *restarts);
        let names = edges.map(|(name, _)| name.clone());
        let leaders: Vec<&Slot<'a>> = names
            .chain(implied.map(|(name, _)| name))
            .flat_map(|name| before.of(&name))
            .filter(|it| matches!(it.course, Course::Replace | Course::Restart))
            .collect();
        let is_replaced = slot.course == Course::Replace;
        let is_running = slot.kept.is_some_and(is_up) || is_replaced;
        if leaders.is_empty() || !is_running || slot.is_one_shot {
            return;
        }
        let change = &mut self.changes[slot.change];
        for leader in leaders {
            slot.follows.push(leader.service.clone());
            let dependency = Resource::Service(leader.service.clone(), leader.number);
            let reason = match leader.course {
                Course::Replace => Reason::DependencyReplaced { dependency },
                Course::Nothing
                | Course::Blocked
                | Course::Create
                | Course::Adjust
                | Course::Restart => Reason::DependencyRestarted { dependency },
            };
            if !change.reasons.contains(&reason) {
                change.reasons.push(reason);
            }
        }
        if !is_replaced {
            if slot.touch == Touch::Reload {
                change
                    .reasons
                    .retain(|it| !matches!(it, Reason::FileChanged { .. }));
            }
            change.verdict = change.verdict.max(Verdict::Restart);
            slot.course = Course::Restart;
            slot.touch = Touch::Restart;
        }
    }
}

/// Returns why files take what they take.
pub(super) fn file_reason(slot: &Slot<'_>, service: &Service<Resolved>) -> Option<Reason> {
    let files = &slot.difference.files;
    let reload = service.reload.as_deref();
    let remedy = match slot.touch {
        _ if files.is_empty() => return None,
        Touch::Reload => FileRemedy::Reload {
            how: reload.map(reload_words).unwrap_or_default(),
        },
        Touch::Restart => FileRemedy::Restart {
            is_replaced: files.iter().any(|file| file.is_replaced),
            is_declared: reload.is_some_and(|reload| files.iter().any(|it| is_for(reload, it))),
        },
        Touch::Nothing | Touch::RunAgain => FileRemedy::Start,
    };
    Some(Reason::FileChanged { remedy })
}

fn reload_words(reload: &Reload<Resolved>) -> String {
    match &reload.how {
        ReloadHow::Signal(signal) => format!("{signal} is sent"),
        ReloadHow::Command { command, .. } => {
            format!("`{}` is run in it", shell_words::join(command))
        }
    }
}

/// Returns whether a reload is for a file: one of its paths, or below one, or its config or secret.
fn is_for(reload: &Reload<Resolved>, file: &FileDrift) -> bool {
    let names = |wanted: &String| {
        let below = file.target.strip_prefix(wanted.trim_end_matches('/'));
        let is_at = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_at || file.field.last() == Some(wanted.as_str())
    };
    reload.files.is_empty() || reload.files.iter().any(names)
}
