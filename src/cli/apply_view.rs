//! How an apply goes, as it goes: live on a terminal, in plain lines elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::exec::ApplyProgress;
use crate::model::Condition;
use crate::plan::{Action, CommandPurpose, Plan, Resource, StepId, Verdict};

use super::apply_live::{End, LiveLines};
use super::dag_live::look;
use super::pull_lines::{PullLines, pull_words};
use super::ui::Ui;

/// What takes less is not worth telling how long it took.
const LONG: Duration = Duration::from_millis(100);

/// Shows what happens until nothing more can.
pub(crate) async fn show(ui: &Ui, plan: &Plan, mut progress: mpsc::Receiver<ApplyProgress>) {
    let mut view = View::new(ui, plan);
    while let Some(event) = progress.recv().await {
        view.take(&event);
    }
    view.finish();
}

struct View<'a> {
    ui: &'a Ui,
    plan: &'a Plan,
    /// Live lines, where there is a terminal to turn them on.
    live: Option<LiveLines>,
    begun: BTreeSet<StepId>,
    done: BTreeSet<StepId>,
    pulls: PullLines,
}

impl<'a> View<'a> {
    fn new(ui: &'a Ui, plan: &'a Plan) -> Self {
        let has_step: BTreeSet<usize> = plan.steps.iter().map(|step| step.change).collect();
        let names: Vec<String> = has_step
            .iter()
            .map(|change| name_of(&plan.changes[*change].resource))
            .collect();
        let live = || LiveLines::new(ui, look(ui).unicode, names.iter().map(String::as_str));
        Self {
            ui,
            plan,
            live: ui.is_live().then(live),
            begun: BTreeSet::new(),
            done: BTreeSet::new(),
            pulls: PullLines::default(),
        }
    }

    fn take(&mut self, event: &ApplyProgress) {
        match event {
            ApplyProgress::Started { step } => {
                self.begun.insert(*step);
                self.tell_live(self.change_of(*step), doing(self.action(*step)).to_owned());
            }
            ApplyProgress::Waiting { step, seen } => {
                let words = waiting(self.action(*step), seen);
                self.tell_live(self.change_of(*step), words);
            }
            ApplyProgress::Pulling { step, pull, .. } => {
                let change = self.change_of(*step);
                if self.live.is_some() {
                    self.tell_live(change, pull_words(pull));
                } else if let Some(words) = self.pulls.words(change, pull) {
                    self.tell(change, &words);
                }
            }
            ApplyProgress::Building { step, line, .. } => {
                let change = self.change_of(*step);
                if self.live.is_some() {
                    self.tell_live(change, format!("building: {line}"));
                } else if self.ui.is_verbose() {
                    self.tell(change, line);
                }
            }
            ApplyProgress::Done { step, took } => self.done(*step, *took),
            ApplyProgress::Failed { step, message } => {
                let words = match &self.live {
                    Some(_) => message,
                    // Said at length at the end, where it is not lost among other lines.
                    None => "failed",
                };
                self.end(self.change_of(*step), End::Failed, words);
            }
            ApplyProgress::Undoing { change } => {
                self.tell(*change, "what was begun is taken back");
            }
            ApplyProgress::Undone { change, failures } if failures.is_empty() => {
                self.end(*change, End::Back, "is as it was before");
            }
            ApplyProgress::Undone { change, failures } => {
                let words = format!("could not be put back whole: {}", failures.join("; "));
                self.end(*change, End::Failed, &words);
            }
        }
    }

    fn done(&mut self, step: StepId, took: Duration) {
        self.done.insert(step);
        let change = self.change_of(step);
        if self.live.is_some() {
            let mut own = self.plan.steps.iter().filter(|it| it.change == change);
            if own.all(|it| self.done.contains(&it.id)) {
                self.end(change, End::Well, &reached(self.plan, change));
            } else if let Some(others) = self.waits_for(change) {
                self.tell_live(change, format!("waits for {others}"));
            }
            return;
        }
        let Some(words) = done(self.action(step)) else {
            return;
        };
        let is_wait = matches!(self.action(step), Action::Await { .. });
        let words = if is_wait && took >= LONG {
            format!("{words}  {:.1} s", took.as_secs_f64())
        } else {
            words
        };
        self.tell(change, &words);
    }

    /// Returns what a change waits for of which nothing is at work at the moment.
    fn waits_for(&self, change: usize) -> Option<String> {
        let own = self.plan.steps.iter().filter(|step| step.change == change);
        let mut open = own.filter(|step| !self.done.contains(&step.id));
        if open.clone().any(|step| self.begun.contains(&step.id)) {
            return None;
        }
        let needs = open.next()?.needs.iter();
        let others: BTreeSet<usize> = needs
            .filter(|need| !self.done.contains(need))
            .map(|need| self.change_of(*need))
            .filter(|other| *other != change)
            .collect();
        let names: Vec<String> = others.iter().map(|other| self.name(*other)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Says something about a resource: in its live line, or in a line of its own.
    fn tell(&mut self, change: usize, words: &str) {
        if self.live.is_none() {
            let name = self.name(change);
            self.ui.words(format!("{name}  {words}"));
            return;
        }
        self.tell_live(change, words.to_owned());
    }

    /// Says how something came to its end.
    fn end(&mut self, change: usize, end: End, words: &str) {
        let name = self.name(change);
        match &mut self.live {
            Some(live) => live.end(change, &name, end, words),
            None => self.tell(change, words),
        }
    }

    fn tell_live(&mut self, change: usize, words: String) {
        let name = self.name(change);
        if let Some(live) = &mut self.live {
            live.say(change, &name, &words);
        }
    }

    fn finish(&mut self) {
        let open = self.live.as_ref().map(LiveLines::at_work);
        for change in open.into_iter().flatten() {
            self.end(change, End::GivenUp, "not finished");
        }
        if let Some(live) = &self.live {
            live.close();
        }
    }

    fn action(&self, step: StepId) -> &'a Action {
        &self.plan.steps[step.0].action
    }

    fn change_of(&self, step: StepId) -> usize {
        self.plan.steps[step.0].change
    }

    fn name(&self, change: usize) -> String {
        name_of(&self.plan.changes[change].resource)
    }
}

/// Returns what a resource is called for people.
pub(crate) fn name_of(resource: &Resource) -> String {
    match resource {
        Resource::Service(name, 1) => name.to_string(),
        Resource::Service(name, number) => format!("{name} #{number}"),
        Resource::Network(name) => format!("network {name}"),
        Resource::Volume(name) => format!("volume {name}"),
        Resource::Socket(name) => format!("socket {name}"),
        Resource::Image(name) => format!("image {name}"),
        Resource::Orphan(_, name) => name.clone(),
    }
}

/// Returns what a wait sees at the moment.
fn waiting(action: &Action, seen: &str) -> String {
    match action {
        Action::Await {
            condition: Condition::Healthy,
            ..
        } if seen == "starting" => "starting (health)".to_owned(),
        Action::Await {
            condition: Condition::Completed,
            ..
        } if seen == "running" => "running, to its end".to_owned(),
        _ => seen.to_owned(),
    }
}

/// Returns what became of a change that came to its end well.
fn reached(plan: &Plan, change: usize) -> String {
    let is_service = matches!(plan.changes[change].resource, Resource::Service(..));
    let own = plan.steps.iter().filter(|step| step.change == change);
    let gate = own.clone().rev().find_map(|step| match &step.action {
        Action::Await { .. } => done(&step.action),
        _ => None,
    });
    let word = match plan.changes[change].verdict {
        Verdict::Create | Verdict::Start if is_service => "started",
        Verdict::Recreate => "replaced",
        Verdict::Restart => "restarted",
        Verdict::Reload => "reloaded",
        Verdict::Update if is_service => "updated",
        Verdict::Remove => "removed",
        Verdict::Nothing
        | Verdict::Unknown
        | Verdict::Create
        | Verdict::Start
        | Verdict::Update => {
            let mut words = own.rev().filter_map(|step| done(&step.action));
            return words.next().unwrap_or_default();
        }
    };
    match gate {
        // Whoever is well was started.
        Some(gate) if word == "started" => gate,
        Some(gate) => format!("{word}, {gate}"),
        None => word.to_owned(),
    }
}

/// Returns what is being done, in a word or two.
fn doing(action: &Action) -> &'static str {
    match action {
        Action::PullImage { .. } => "pulling",
        Action::BuildImage(_) => "building",
        Action::TagImage { .. } => "tagging",
        Action::CreateNetwork(_) | Action::CreateVolume(_) | Action::CreateContainer(_) => {
            "creating"
        }
        Action::RemoveNetwork { .. }
        | Action::RemoveVolume { .. }
        | Action::RemoveContainer { .. } => "removing",
        Action::CopyFiles { .. } => "copying files",
        Action::ConnectNetwork { .. } => "connecting",
        Action::DisconnectNetwork { .. } => "disconnecting",
        Action::StartContainer { .. } => "starting",
        Action::StopContainer { .. } => "stopping",
        Action::RestartContainer { .. } => "restarting",
        Action::UnpauseContainer { .. } => "unpausing",
        Action::SignalContainer { .. } => "reloading",
        Action::RunCommand(run) => match run.purpose {
            CommandPurpose::PostStart => "running post_start",
            CommandPurpose::PreStop => "running pre_stop",
            CommandPurpose::Reload => "reloading",
        },
        Action::RenameContainer { .. } => "renaming",
        Action::UpdateContainer { .. } => "updating",
        Action::Await { condition, .. } => match condition {
            Condition::Started => "starting",
            Condition::Healthy => "starting (health)",
            Condition::Completed => "running, to its end",
        },
        Action::FixSocket(_) => "setting rights",
    }
}

/// Returns what was done; `None` for steps that only prepare others.
fn done(action: &Action) -> Option<String> {
    let word = match action {
        Action::PullImage { .. } => "pulled",
        Action::BuildImage(_) => "built",
        Action::TagImage { .. } => "tagged",
        Action::CreateNetwork(_) | Action::CreateVolume(_) | Action::CreateContainer(_) => {
            "created"
        }
        Action::RemoveNetwork { .. }
        | Action::RemoveVolume { .. }
        | Action::RemoveContainer { .. } => "removed",
        Action::StartContainer { .. } => "started",
        Action::StopContainer { .. } => "stopped",
        Action::RestartContainer { .. } => "restarted",
        Action::UnpauseContainer { .. } => "unpaused",
        Action::UpdateContainer { .. } => "updated",
        Action::ConnectNetwork { network, .. } => return Some(format!("connected to {network}")),
        Action::DisconnectNetwork { network, .. } => {
            return Some(format!("disconnected from {network}"));
        }
        Action::FixSocket(_) => "rights set",
        Action::Await { condition, .. } => match condition {
            Condition::Started => "running",
            Condition::Healthy => "healthy",
            Condition::Completed => "completed",
        },
        Action::SignalContainer { signal, .. } => return Some(format!("reloaded by {signal}")),
        Action::RunCommand(run) => match run.purpose {
            CommandPurpose::PostStart => "post_start done",
            CommandPurpose::PreStop => "pre_stop done",
            CommandPurpose::Reload => "reloaded",
        },
        Action::CopyFiles { .. } | Action::RenameContainer { .. } => return None,
    };
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ContainerRef;

    #[test]
    fn a_wait_says_what_it_sees() {
        let wait = |condition| Action::Await {
            container: ContainerRef::Name("web".to_owned()),
            condition,
            timeout: Duration::from_secs(1),
        };
        for (condition, seen, words) in [
            (Condition::Healthy, "starting", "starting (health)"),
            (
                Condition::Healthy,
                "restarting, exited with code 1",
                "restarting, exited with code 1",
            ),
            (Condition::Completed, "running", "running, to its end"),
            (Condition::Started, "created", "created"),
        ] {
            assert_eq!(waiting(&wait(condition), seen), words);
        }
    }
}
