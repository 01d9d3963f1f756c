//! How a run looks: the tasks as a tree with a Gantt chart, the end with what failed, and one line for each thing that happened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::dag::{Attempt, Outcome, RunEnd, RunEvent, RunState, TaskEnd, TaskRun, TaskState};
use crate::exec::{RunProgress, last_line};
use crate::model::TaskName;

use super::table::{cut, visible_width};
use super::ui::{ERROR, FAINT, GOOD, STRONG, styled};

/// The columns of the Gantt chart.
const BAR: usize = 20;

/// Beyond this depth a tree is wider than it is clear: the rest stands flush.
const MAX_DEPTH: usize = 8;

/// How a run is written.
pub(crate) struct Look {
    /// Columns; longer lines are cut.
    pub(crate) width: usize,
    /// Whether there are more than ASCII's characters.
    pub(crate) unicode: bool,
    /// The zone of the times.
    pub(crate) zone: TimeZone,
}

/// What is known of the tasks beyond the events.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// The newest line of output, or what is waited for.
    pub(crate) newest: BTreeMap<TaskName, String>,
    /// Tasks whose end was there before this process took up the run.
    pub(crate) earlier: Vec<TaskName>,
}

/// Returns the heading, the rows of the tasks and the counts: the picture while a run is at work.
pub(crate) fn picture(run: &RunState, details: &Details, now: Timestamp, look: &Look) -> String {
    let mut text = heading(run, now, look);
    text.push_str("\n\n");
    for line in rows(run, details, now, look) {
        text.push_str(&line);
        text.push('\n');
    }
    if run.end().is_none() {
        text.push_str(&format!("\n  {}", counts(run)));
        text.push_str("       Ctrl-C stops it; a second one at once\n");
    }
    text
}

/// Returns the end of a run: the picture, what failed and why, and the last sentence.
pub(crate) fn summary(
    run: &RunState,
    details: &Details,
    now: Timestamp,
    look: &Look,
    log: &dyn Fn(&TaskName, u32) -> PathBuf,
) -> String {
    let mut text = picture(run, details, now, look);
    for (name, task) in run.tasks() {
        if task.end() == Some(TaskEnd::Failed) {
            text.push('\n');
            text.push_str(&failure(run, name, task, look, log));
        }
    }
    text.push('\n');
    text.push_str(&verdict(run));
    text.push('\n');
    text
}

fn heading(run: &RunState, now: Timestamp, look: &Look) -> String {
    let (word, end) = match run.end() {
        Some((end, at)) => (end_word(end), at),
        None if run.cancel_requested().is_some() => ("stopping", now),
        None => ("running", now),
    };
    let left = format!("{}  {}", run.dag(), run.run_id());
    let right = format!("{word}  {}", long_time(span(run.header().at, end)));
    let room = look
        .width
        .min(86)
        .saturating_sub(visible_width(&left) + right.len());
    format!(
        "{}{}{right}",
        styled(STRONG, &left),
        " ".repeat(room.max(2))
    )
}

fn rows(run: &RunState, details: &Details, now: Timestamp, look: &Look) -> Vec<String> {
    let tree = tree(run, look.unicode);
    let names = tree.iter().map(|(_, label)| visible_width(label)).max();
    let names = names.unwrap_or(0).max(20);
    tree.iter()
        .filter_map(|(name, label)| Some((name, label, run.task(name)?)))
        .map(|(name, label, task)| {
            let (word, time) = state_words(task, now);
            let style = match task.state() {
                TaskState::Ended(TaskEnd::Success) => GOOD,
                TaskState::Ended(TaskEnd::Failed) => ERROR,
                TaskState::Running { .. } | TaskState::RetryScheduled { .. } => STRONG,
                _ => FAINT,
            };
            let bar = bar(run, task, now, look.unicode);
            let detail = detail(run, name, task, details);
            let line = format!(
                "  {label}{}  {}{} {time:>5}  {bar}  {detail}",
                " ".repeat(names - visible_width(label)),
                styled(style, word),
                " ".repeat(8_usize.saturating_sub(word.len())),
            );
            cut_coloured(line.trim_end(), look.width)
        })
        .collect()
}

/// Cuts a line only where it is too long, since cutting takes its colours.
fn cut_coloured(line: &str, width: usize) -> String {
    if visible_width(line) <= width {
        line.to_owned()
    } else {
        cut(line, width)
    }
}

/// Returns the tasks as a tree, each below the last of those it comes after.
fn tree(run: &RunState, unicode: bool) -> Vec<(TaskName, String)> {
    let mut children: BTreeMap<Option<&TaskName>, Vec<&TaskName>> = BTreeMap::new();
    for (name, task) in run.tasks() {
        let parent = task.shape().after.last();
        children.entry(parent).or_default().push(name);
    }
    let mut out = Vec::new();
    let roots = children.get(&None).cloned().unwrap_or_default();
    for root in roots {
        out.push((root.clone(), root.to_string()));
        branch(root, "", 1, &children, unicode, &mut out);
    }
    out
}

fn branch(
    name: &TaskName,
    indent: &str,
    depth: usize,
    children: &BTreeMap<Option<&TaskName>, Vec<&TaskName>>,
    unicode: bool,
    out: &mut Vec<(TaskName, String)>,
) {
    let below = children.get(&Some(name)).map_or(&[][..], Vec::as_slice);
    for (index, child) in below.iter().enumerate() {
        let is_last = index + 1 == below.len();
        let (fork, stem) = match (unicode, is_last) {
            _ if depth > MAX_DEPTH => ("", ""),
            (true, false) => ("├─ ", "│  "),
            (true, true) => ("└─ ", "   "),
            (false, false) => ("|- ", "|  "),
            (false, true) => ("`- ", "   "),
        };
        out.push(((*child).clone(), format!("{indent}{fork}{child}")));
        let deeper = format!("{indent}{stem}");
        branch(child, &deeper, depth + 1, children, unicode, out);
    }
}

/// Returns the word for a task's state, and its time.
fn state_words(task: &TaskRun, now: Timestamp) -> (&'static str, String) {
    let work: Duration = task
        .attempts()
        .last()
        .map(|last| span(last.started, end_of(last).unwrap_or(now)))
        .unwrap_or_default();
    let took = if task.attempts().is_empty() {
        String::new()
    } else {
        short_time(work)
    };
    match task.state() {
        TaskState::Waiting => ("waiting", String::new()),
        TaskState::Running { .. } => ("running", took),
        TaskState::RetryScheduled { due, .. } => ("retry in", short_time(span(now, *due))),
        TaskState::RetryReady { .. } => ("waiting", String::new()),
        TaskState::Ended(TaskEnd::Success) => ("success", took),
        TaskState::Ended(TaskEnd::Failed) => ("FAILED", took),
        TaskState::Ended(TaskEnd::Skipped) => ("skipped", took),
        TaskState::Ended(TaskEnd::UpstreamFailed) => ("not run", String::new()),
        TaskState::Ended(TaskEnd::Cancelled) => ("stopped", took),
    }
}

fn detail(run: &RunState, name: &TaskName, task: &TaskRun, details: &Details) -> String {
    let tries = task.most_tries();
    let newest = details.newest.get(name).cloned().unwrap_or_default();
    match task.state() {
        TaskState::Running { .. } => newest,
        TaskState::RetryScheduled { attempt, .. } | TaskState::RetryReady { attempt } => {
            format!("try {attempt} of {tries}, {}", last_message(task))
        }
        TaskState::Ended(TaskEnd::Failed) if task.attempts().len() > 1 => {
            format!("{} tries", task.attempts().len())
        }
        TaskState::Ended(TaskEnd::Failed) => last_message(task),
        TaskState::Ended(TaskEnd::UpstreamFailed) => {
            let blamed: Vec<&str> = run.blamed(name).into_iter().map(TaskName::as_str).collect();
            format!("upstream_failed: {}", blamed.join(", "))
        }
        TaskState::Ended(_) if details.earlier.contains(name) => {
            "earlier, not run again".to_owned()
        }
        TaskState::Waiting | TaskState::Ended(_) => String::new(),
    }
}

fn last_message(task: &TaskRun) -> String {
    match task.attempts().last().and_then(|last| last.end.as_ref()) {
        Some((Outcome::Failed(failure), _)) => failure.message.clone(),
        _ => String::new(),
    }
}

/// Returns the chart of one task over the whole run so far: not yet, at work, between two tries.
fn bar(run: &RunState, task: &TaskRun, now: Timestamp, unicode: bool) -> String {
    let [not_yet, at_work, between] = if unicode {
        ['░', '█', '·']
    } else {
        ['.', '#', '-']
    };
    let begin = run.header().at;
    let whole = span(begin, run.end().map_or(now, |(_, at)| at));
    let whole = whole.as_secs_f64().max(0.001);
    let cell = |at: Timestamp| span(begin, at).as_secs_f64() / whole * BAR as f64;
    let mut cells = [' '; BAR];
    let mut free = 0;
    for attempt in task.attempts() {
        let first = (cell(attempt.started) as usize).min(BAR - 1);
        let last = cell(end_of(attempt).unwrap_or(now)).ceil() as usize;
        let last = last.clamp(first + 1, BAR);
        let gap = if free == 0 { not_yet } else { between };
        cells[free.min(first)..first].fill(gap);
        cells[first..last].fill(at_work);
        free = last;
    }
    cells.iter().collect()
}

fn counts(run: &RunState) -> String {
    let (mut done, mut failed, mut running, mut waiting) = (0, 0, 0, 0);
    for (_, task) in run.tasks() {
        match task.state() {
            TaskState::Ended(TaskEnd::Failed | TaskEnd::UpstreamFailed) => failed += 1,
            TaskState::Ended(_) => done += 1,
            TaskState::Running { .. } => running += 1,
            _ => waiting += 1,
        }
    }
    let failed = match failed {
        0 => String::new(),
        failed => format!("{failed} failed, "),
    };
    format!("{done} done, {failed}{running} running, {waiting} waiting")
}

/// Returns what is said about one task that failed: each try with its message and last line of output.
fn failure(
    run: &RunState,
    name: &TaskName,
    task: &TaskRun,
    look: &Look,
    log: &dyn Fn(&TaskName, u32) -> PathBuf,
) -> String {
    let mut text = format!(
        "{}\n",
        styled(ERROR, format!("{name} failed: {}", last_message(task)))
    );
    for attempt in task.attempts() {
        let Some((Outcome::Failed(failure), at)) = &attempt.end else {
            continue;
        };
        let line = last_line(&log(name, attempt.number)).unwrap_or_default();
        let line = format!(
            "  try {}  {}  {}  {line}",
            attempt.number,
            clock(*at, look),
            failure.message
        );
        text.push_str(&cut(line.trim_end(), look.width));
        text.push('\n');
    }
    let dag = run.dag();
    let others = run.tasks().count() - 1 - run.not_run_behind(name).len();
    let others = match others {
        0 => String::new(),
        1 => "        the other one is not run again".to_owned(),
        others => format!("        the other {others} are not run again"),
    };
    text.push_str(&format!(
        "\n  whole log    stackgen dag logs {dag} {name}\n  once more    stackgen dag retry {dag} {name}{others}\n"
    ));
    text
}

fn verdict(run: &RunState) -> String {
    let of = |wanted: TaskEnd| {
        run.tasks()
            .filter(|(_, task)| task.end() == Some(wanted))
            .count()
    };
    let total = run.tasks().count();
    let begin = format!("{} of {total} tasks succeeded.", of(TaskEnd::Success));
    match run.end().map(|(end, _)| end) {
        Some(RunEnd::Success) => begin,
        Some(RunEnd::Cancelled) => format!("{begin} The run was stopped."),
        None => format!("{begin} The run is open."),
        Some(RunEnd::Failed) => {
            let is_leaf = |name: &TaskName| {
                !run.tasks()
                    .any(|(_, task)| task.shape().after.contains(name))
            };
            let failed = run.tasks().find(|(name, task)| {
                is_leaf(name)
                    && matches!(task.end(), Some(TaskEnd::Failed | TaskEnd::UpstreamFailed))
            });
            match failed {
                Some((name, task)) if task.end() == Some(TaskEnd::Failed) => {
                    format!(
                        "{begin} The run failed because its last task {name} did.      exit code 1"
                    )
                }
                Some((name, _)) => {
                    format!(
                        "{begin} The run failed because its last task {name} was not run.      exit code 1"
                    )
                }
                None => begin,
            }
        }
    }
}

/// Returns the line for something that happened, for pipes and logs; `None`: nothing worth a line.
pub(crate) fn line(run: Option<&RunState>, progress: &RunProgress, look: &Look) -> Option<String> {
    let row = |at: Timestamp, who: &str, what: String| {
        let width = run.map_or(0, |run| {
            let names = run.tasks().map(|(name, _)| name.as_str().len());
            names.max().unwrap_or(0).max(run.dag().as_str().len())
        });
        format!("{}  {who:<width$}  {what}", clock(at, look))
            .trim_end()
            .to_owned()
    };
    match progress {
        RunProgress::Resumed { run_id, .. } => Some(format!("going on with {run_id}")),
        RunProgress::Starting { services } => {
            let names: Vec<&str> = services.iter().map(|name| name.as_str()).collect();
            Some(format!("starting {}", names.join(", ")))
        }
        RunProgress::Happened { is_past: true, .. }
        | RunProgress::Line { .. }
        | RunProgress::Waiting { .. } => None,
        RunProgress::Doing {
            task,
            attempt,
            what,
            is_found,
        } => {
            let word = match (is_found, attempt) {
                (true, _) => "found    ",
                (false, _) => "started  ",
            };
            let which = match attempt {
                0 | 1 => what.clone(),
                attempt => format!("try {attempt}, {what}"),
            };
            Some(row(
                Timestamp::now(),
                task.as_str(),
                format!("{word} {which}"),
            ))
        }
        RunProgress::Happened { event, .. } => {
            let run = run?;
            happened(run, event).map(|(who, what)| row(event.at(), &who, what))
        }
    }
}

fn happened(run: &RunState, event: &RunEvent) -> Option<(String, String)> {
    let dag = run.dag().to_string();
    match event {
        RunEvent::Started(header) => Some((
            dag,
            format!(
                "run {} started, {} tasks",
                header.run_id,
                header.tasks.len()
            ),
        )),
        RunEvent::AttemptStarted { .. } | RunEvent::RetryDue { .. } => None,
        RunEvent::CancelRequested { .. } => Some((dag, "stopping".to_owned())),
        RunEvent::RetryRequested { task, .. } => Some((task.to_string(), "once more".to_owned())),
        RunEvent::AttemptFinished {
            task: name,
            attempt,
            outcome,
            at,
        } => {
            let task = run.task(name)?;
            let took = task
                .attempts()
                .last()
                .map(|last| short_time(span(last.started, *at)))
                .unwrap_or_default();
            let tries = task.most_tries();
            let what = match (outcome, task.state()) {
                (Outcome::Success, _) => format!("success   {took}"),
                (Outcome::Skipped, _) => format!("skipped   {took}"),
                (Outcome::Cancelled, _) => format!("stopped   {took}"),
                (Outcome::Failed(failure), TaskState::RetryScheduled { due, .. }) => format!(
                    "failed    {}; try {} of {tries} in {} s",
                    failure.message,
                    attempt + 1,
                    span(*at, *due).as_secs()
                ),
                (Outcome::Failed(failure), _) if *attempt > 1 => {
                    format!("FAILED    {}; {attempt} tries used", failure.message)
                }
                (Outcome::Failed(failure), _) => format!("FAILED    {}", failure.message),
            };
            Some((name.to_string(), what))
        }
        RunEvent::Finished { state, at } => {
            let total = run.tasks().count();
            let done = run
                .tasks()
                .filter(|(_, task)| task.end() == Some(TaskEnd::Success));
            let word = match state {
                RunEnd::Success => "success",
                RunEnd::Failed => "FAILED",
                RunEnd::Cancelled => "stopped",
            };
            let took = long_time(span(run.header().at, *at));
            Some((
                dag,
                format!("{word:<8}  {} of {total} succeeded, {took}", done.count()),
            ))
        }
    }
}

/// Returns a run as JSON promises it: the last line of `dag run --json`, and what `dag status --json` shows.
pub(crate) fn event_json(progress: &RunProgress) -> Option<serde_json::Value> {
    let RunProgress::Happened { event, is_past } = progress else {
        return None;
    };
    let at = event.at().to_string();
    let mut json = match event {
        RunEvent::Started(header) => serde_json::json!({
            "event": "run_started", "dag": header.dag.as_str(), "run_id": header.run_id.as_str(),
        }),
        RunEvent::AttemptStarted { task, attempt, .. } => serde_json::json!({
            "event": "attempt_started", "task": task.as_str(), "attempt": attempt,
        }),
        RunEvent::AttemptFinished {
            task,
            attempt,
            outcome,
            ..
        } => {
            let (state, message) = match outcome {
                Outcome::Success => ("success", None),
                Outcome::Skipped => ("skipped", None),
                Outcome::Cancelled => ("cancelled", None),
                Outcome::Failed(failure) => ("failed", Some(&failure.message)),
            };
            serde_json::json!({
                "event": "attempt_finished", "task": task.as_str(), "attempt": attempt,
                "state": state, "message": message,
            })
        }
        RunEvent::RetryDue { task, .. } => {
            serde_json::json!({ "event": "retry_due", "task": task.as_str() })
        }
        RunEvent::CancelRequested { .. } => serde_json::json!({ "event": "cancel_requested" }),
        RunEvent::RetryRequested { task, .. } => {
            serde_json::json!({ "event": "retry_requested", "task": task.as_str() })
        }
        RunEvent::Finished { state, .. } => {
            serde_json::json!({ "event": "run_finished", "state": end_word(*state) })
        }
    };
    json["at"] = at.into();
    json["is_past"] = (*is_past).into();
    Some(json)
}

fn end_word(end: RunEnd) -> &'static str {
    match end {
        RunEnd::Success => "success",
        RunEnd::Failed => "failed",
        RunEnd::Cancelled => "cancelled",
    }
}

fn end_of(attempt: &Attempt) -> Option<Timestamp> {
    attempt.end.as_ref().map(|(_, at)| *at)
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn clock(at: Timestamp, look: &Look) -> String {
    at.to_zoned(look.zone.clone())
        .strftime("%H:%M:%S")
        .to_string()
}

/// Writes `0:04`, `12:30` or `1:02:03`.
fn short_time(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 3600 {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    } else {
        long_time(time)
    }
}

/// Writes `0:01:16`.
fn long_time(time: Duration) -> String {
    let seconds = time.as_secs();
    format!(
        "{}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}
