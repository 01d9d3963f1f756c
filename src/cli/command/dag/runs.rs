//! `dag status` and `dag logs`: what the journal says about runs.

use std::io::{Read, Seek};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::context::{Context, unknown};
use crate::cli::interrupt::Interrupt;
use crate::cli::status_view::span;
use crate::cli::table::columns;
use crate::cli::ui::{ERROR, GOOD, STRONG, WARNING, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::dag::{Outcome, RunState, TaskRun, TaskState};
use crate::model::{DagName, RunId, Stack, TaskName, Template};
use crate::reconcile::{Project, end_name};
use crate::stackfile::Concern;
use crate::store::{Journal, StateDir};

use super::find;

/// Which output is asked for.
pub(super) struct Wanted<'a> {
    pub(super) dag: &'a str,
    pub(super) task: &'a str,
    pub(super) attempt: Option<u32>,
    pub(super) run: Option<&'a str>,
    pub(super) follow: bool,
}

struct Kept {
    project: Project,
    state: StateDir,
    journal: Journal,
}

impl Kept {
    fn open(context: &Context) -> Result<Self, Failure> {
        let project = context.checked(Concern::File)?;
        let state = StateDir::open(&project.sources.folder)?;
        let journal = Journal::open(&state)?;
        Ok(Self {
            project,
            state,
            journal,
        })
    }

    fn stack(&self) -> Result<&Stack<Template>, Failure> {
        Ok(self.project.template()?)
    }

    fn run(&self, dag: &DagName, id: Option<&str>) -> Result<Option<RunState>, Failure> {
        last_run(&self.journal, dag, id)
    }
}

/// Returns the run of this id, else the last one; `None`: the DAG has never run.
pub(super) fn last_run(
    journal: &Journal,
    dag: &DagName,
    id: Option<&str>,
) -> Result<Option<RunState>, Failure> {
    let runs = journal.runs(Some(dag), usize::MAX)?;
    let summary = match id {
        None => runs.first(),
        Some(id) => {
            let found = runs.iter().find(|run| run.run_id.as_str() == id);
            let known = || runs.iter().map(|run| run.run_id.as_str()).take(5);
            Some(found.ok_or_else(|| unknown("run", id, known()))?)
        }
    };
    let Some(summary) = summary else {
        return Ok(None);
    };
    let events = journal.events(dag, &summary.run_id)?;
    let (run, _) = RunState::replay(&events)
        .map_err(|error| Failure::new(ExitCode::Failed, format!("{}: {error}", summary.run_id)))?;
    Ok(Some(run))
}

pub(super) fn status(
    context: &Context,
    name: Option<&str>,
    id: Option<&str>,
    json: bool,
) -> CommandResult {
    let kept = Kept::open(context)?;
    let stack = kept.stack()?;
    let names: Vec<&DagName> = match name {
        Some(name) => vec![find(stack, name)?.0],
        None => stack.dags().keys().collect(),
    };
    let now = Timestamp::now();
    let mut list = Vec::new();
    for name in names {
        match kept.run(name, id)? {
            Some(run) if json => list.push(run_json(&run)),
            Some(run) => context.ui.data(run_text(&run, now))?,
            None if json => {}
            None => context.ui.words(format!(
                "{name} has never run. Run it with: stackgen dag run {name}"
            )),
        }
    }
    if json {
        context.ui.data(serde_json::Value::from(list).to_string())?;
    }
    Ok(ExitCode::Done)
}

/// Returns a run in the shape of `dag run --json`.
pub(super) fn run_json(run: &RunState) -> serde_json::Value {
    let tasks: Vec<_> = run
        .tasks()
        .map(|(name, task)| {
            let attempts = task.attempts();
            let end = attempts.last().and_then(|attempt| attempt.end.as_ref());
            serde_json::json!({
                "task": name.as_str(),
                "state": state_name(task.state()),
                "attempts": attempts.len(),
                "start": attempts.first().map(|attempt| attempt.started.to_string()),
                "end": end.map(|(_, at)| at.to_string()),
            })
        })
        .collect();
    serde_json::json!({
        "run_id": run.run_id().as_str(),
        "dag": run.dag().as_str(),
        "state": end_name(run.end().map(|(end, _)| end)),
        "start": run.header().at.to_string(),
        "end": run.end().map(|(_, at)| at.to_string()),
        "tasks": tasks,
    })
}

fn state_name(state: &TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "waiting",
        TaskState::Running { .. } => "running",
        TaskState::RetryScheduled { .. } | TaskState::RetryReady { .. } => "retry",
        TaskState::Ended(end) => end.name(),
    }
}

fn run_text(run: &RunState, now: Timestamp) -> String {
    let state = end_name(run.end().map(|(end, _)| end));
    let until = run.end().map_or(now, |(_, at)| at);
    let took = span(until.duration_since(run.header().at).as_secs());
    let mut text = format!(
        "{}  {}   {}  {took}\n\n",
        styled(STRONG, run.dag()),
        run.run_id(),
        colored(state)
    );
    let rows: Vec<_> = run
        .tasks()
        .map(|(name, task)| task_row(run, name, task, now))
        .collect();
    for line in columns(&rows).lines() {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

fn task_row(run: &RunState, name: &TaskName, task: &TaskRun, now: Timestamp) -> [String; 4] {
    let attempts = task.attempts();
    let began = attempts.first().map(|attempt| attempt.started);
    let last_end = attempts.last().and_then(|attempt| attempt.end.as_ref());
    let until = last_end.map_or(now, |(_, at)| *at);
    let took = began.map_or_else(String::new, |began| {
        span(until.duration_since(began).as_secs())
    });
    let mut notes = Vec::new();
    if attempts.len() > 1 {
        notes.push(format!("{} tries", attempts.len()));
    }
    if let Some((Outcome::Failed(failure), _)) = last_end {
        notes.push(failure.message.clone());
    }
    let blamed: Vec<&str> = run.blamed(name).into_iter().map(TaskName::as_str).collect();
    if !blamed.is_empty() && attempts.is_empty() {
        notes.push(format!("because of {}", blamed.join(", ")));
    }
    [
        name.to_string(),
        colored(state_name(task.state())),
        took,
        notes.join(", "),
    ]
}

fn colored(state: &str) -> String {
    match state {
        "success" => styled(GOOD, state),
        "failed" | "upstream_failed" => styled(ERROR, state),
        "running" | "retry" | "open" => styled(WARNING, state),
        _ => state.to_owned(),
    }
}

pub(super) async fn logs(context: &Context, wanted: &Wanted<'_>) -> CommandResult {
    let kept = Kept::open(context)?;
    let (name, _) = find(kept.stack()?, wanted.dag)?;
    let Some(run) = kept.run(name, wanted.run)? else {
        return Err(
            Failure::new(ExitCode::Failed, format!("{name} has never run"))
                .hint(format!("run it with: stackgen dag run {name}")),
        );
    };
    let known = || run.tasks().map(|(name, _)| name.as_str());
    let task = TaskName::new(wanted.task)
        .ok()
        .and_then(|task| {
            run.task(&task)
                .map(|found| (task.clone(), found.attempts().len()))
        })
        .ok_or_else(|| unknown("task", wanted.task, known()))?;
    let (task, tries) = task;
    let attempt = wanted
        .attempt
        .unwrap_or(u32::try_from(tries).unwrap_or(u32::MAX))
        .max(1);
    let path = kept.state.log_path(name, run.run_id(), &task, attempt);
    if attempt as usize > tries && !wanted.follow {
        let what = match tries {
            0 => format!("{task} was not run in {}", run.run_id()),
            _ => format!(
                "{task} had {tries} tries in {}, not {attempt}",
                run.run_id()
            ),
        };
        return Err(Failure::new(ExitCode::Failed, what));
    }
    let shown = Shown {
        kept: &kept,
        dag: name,
        run: run.run_id(),
        task: &task,
        attempt,
    };
    shown.print(context, &path, wanted.follow).await
}

/// One try's log on its way to the terminal.
struct Shown<'a> {
    kept: &'a Kept,
    dag: &'a DagName,
    run: &'a RunId,
    task: &'a TaskName,
    attempt: u32,
}

impl Shown<'_> {
    async fn print(&self, context: &Context, path: &Path, follow: bool) -> CommandResult {
        let mut offset = print_from(context, path, 0)?;
        if !follow {
            return Ok(ExitCode::Done);
        }
        let interrupt = Interrupt::listen(&context.ui, ["", ""])?;
        loop {
            // Asked before the last look at the file, so that what was written up to the end is shown.
            let has_ended = self.has_ended()?;
            offset = print_from(context, path, offset)?;
            if has_ended {
                return Ok(ExitCode::Done);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
                () = interrupt.stop.gently.cancelled() => return Ok(ExitCode::Interrupted),
            }
        }
    }

    fn has_ended(&self) -> Result<bool, Failure> {
        let Some(run) = self.kept.run(self.dag, Some(self.run.as_str()))? else {
            return Ok(true);
        };
        let attempts = run
            .task(self.task)
            .map(TaskRun::attempts)
            .unwrap_or_default();
        let attempt = attempts
            .iter()
            .find(|attempt| attempt.number == self.attempt);
        Ok(run.end().is_some() || attempt.is_some_and(|attempt| attempt.end.is_some()))
    }
}

/// Prints a file from a place on and returns where it ends now. A file that is not there yet is empty.
fn print_from(context: &Context, path: &Path, offset: u64) -> Result<u64, Failure> {
    let Ok(mut file) = std::fs::File::open(path) else {
        return Ok(offset);
    };
    file.seek(std::io::SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    context.ui.bytes(&bytes)?;
    Ok(offset + bytes.len() as u64)
}
