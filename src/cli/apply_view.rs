//! How an apply goes, as it goes: live on a terminal, in plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

use crate::exec::ApplyProgress;
use crate::model::Condition;
use crate::plan::{Action, CommandPurpose, Plan, Resource, StepId};

use super::pull_lines::{PullLines, pull_words};
use super::ui::Ui;

/// How often a live line turns its sign.
const TICK: Duration = Duration::from_millis(100);

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
    live: Option<MultiProgress>,
    lines: BTreeMap<usize, ProgressBar>,
    pulls: PullLines,
}

impl<'a> View<'a> {
    fn new(ui: &'a Ui, plan: &'a Plan) -> Self {
        let is_live = std::io::stderr().is_terminal() && !ui.is_quiet();
        Self {
            ui,
            plan,
            live: is_live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            lines: BTreeMap::new(),
            pulls: PullLines::default(),
        }
    }

    fn take(&mut self, event: &ApplyProgress) {
        match event {
            ApplyProgress::Started { step } => {
                let (change, words) = (self.change_of(*step), doing(self.action(*step)));
                self.tell_live(change, words.to_owned());
            }
            ApplyProgress::Waiting { step, seen } => {
                let words = format!("{}: {seen}", doing(self.action(*step)));
                self.tell_live(self.change_of(*step), words);
            }
            ApplyProgress::Pulling { step, pull, .. } => {
                let change = self.change_of(*step);
                if self.live.is_some() {
                    self.tell_live(change, pull_words(pull));
                } else if let Some(words) = self.pulls.words(change, pull) {
                    self.tell(change, &words, false);
                }
            }
            ApplyProgress::Building { step, line, .. } => {
                let change = self.change_of(*step);
                if self.live.is_some() {
                    self.tell_live(change, format!("building: {line}"));
                } else if self.ui.is_verbose() {
                    self.tell(change, line, false);
                }
            }
            ApplyProgress::Done { step, took } => self.done(*step, *took),
            ApplyProgress::Failed { step, message } => {
                let words = match &self.live {
                    Some(_) => format!("failed: {message}"),
                    // Said at length at the end, where it is not lost among other lines.
                    None => "failed".to_owned(),
                };
                self.tell(self.change_of(*step), &words, true);
            }
            ApplyProgress::Undoing { change } => {
                self.tell(*change, "what was begun is taken back", false);
            }
            ApplyProgress::Undone { change, failures } => {
                let words = if failures.is_empty() {
                    "is as it was before".to_owned()
                } else {
                    format!("could not be put back whole: {}", failures.join("; "))
                };
                self.tell(*change, &words, true);
            }
        }
    }

    fn done(&mut self, step: StepId, took: Duration) {
        let change = self.change_of(step);
        let Some(words) = done(self.action(step)) else {
            // Plain lines said "started"; the live line must not go on saying that it is waited for.
            if matches!(self.action(step), Action::Await { .. }) {
                self.tell_live(change, "running".to_owned());
            }
            return;
        };
        let is_wait = matches!(self.action(step), Action::Await { .. });
        let words = if is_wait && took >= TICK {
            format!("{words}  {:.1} s", took.as_secs_f64())
        } else {
            words
        };
        let last = self.plan.steps.iter().rev().find(|it| it.change == change);
        let is_last = last.is_some_and(|it| it.id == step);
        self.tell(change, &words, is_last);
    }

    /// Says something about a resource: in its live line, which ends with its last word, or in a line of its own.
    fn tell(&mut self, change: usize, words: &str, is_last: bool) {
        if self.live.is_none() {
            let name = self.name(change);
            self.ui.words(format!("{name}  {words}"));
            return;
        }
        self.tell_live(change, words.to_owned());
        if let Some(line) = self.lines.get(&change).filter(|_| is_last) {
            line.abandon();
        }
    }

    fn tell_live(&mut self, change: usize, words: String) {
        let Some(live) = &self.live else {
            return;
        };
        let name = self.name(change);
        let line = self.lines.entry(change).or_insert_with(|| {
            let line = live.add(ProgressBar::new_spinner());
            line.set_style(
                ProgressStyle::with_template("{spinner} {prefix:<24} {wide_msg} {elapsed}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            line.set_prefix(name);
            line.enable_steady_tick(TICK);
            line
        });
        line.set_message(words);
    }

    fn finish(&self) {
        for line in self.lines.values().filter(|line| !line.is_finished()) {
            line.abandon();
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
            Condition::Started => "waiting until it runs",
            Condition::Healthy => "waiting until it is healthy",
            Condition::Completed => "waiting until it completes",
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
