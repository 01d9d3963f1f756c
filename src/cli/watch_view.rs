//! What the daemon tells, one line each, and as JSON.

use jiff::Zoned;
use serde_json::{Value, json};

use crate::dag::{Outcome, RunEvent};
use crate::exec::{RunProgress, StepOutcome};
use crate::plan::{Change, Plan, Verdict};
use crate::reconcile::daemon::Happening;
use crate::stackfile::Concern;

use super::apply_view::name_of;
use super::diagnostics;
use super::ui::{ERROR, FAINT, GOOD, WARNING, styled};

/// A line about something that happened: a word for it, and what.
struct Line {
    style: anstyle::Style,
    word: &'static str,
    text: String,
}

fn line(style: anstyle::Style, word: &'static str, text: impl Into<String>) -> Line {
    Line {
        style,
        word,
        text: text.into(),
    }
}

const PLAIN: anstyle::Style = anstyle::Style::new();

/// Returns the lines for people, each with the time in front; none for what is of no interest.
pub(crate) fn lines(happening: &Happening, now: &Zoned, has_color: bool) -> Vec<String> {
    let time = now.strftime("%H:%M:%S").to_string();
    let mut text: Vec<String> = said(happening)
        .into_iter()
        .map(|line| {
            let word = styled(line.style, format!("{:<8}", line.word));
            format!("{}  {word}  {}", styled(FAINT, &time), line.text)
        })
        .collect();
    if let Happening::Broken { project } = happening {
        let options = diagnostics::DrawOptions {
            color: has_color,
            ..diagnostics::DrawOptions::default()
        };
        let found = project.diagnostics_for(Concern::Values);
        text.push(diagnostics::draw(&found, &project.sources, &options));
    }
    text
}

fn said(happening: &Happening) -> Vec<Line> {
    let one = match happening {
        Happening::Watching {
            project,
            services,
            schedules,
        } => line(
            PLAIN,
            "watching",
            format!("{project}: {services} services, {schedules} schedules"),
        ),
        Happening::Edited { files } => line(PLAIN, "edit", paths(files)),
        Happening::Broken { .. } => {
            line(ERROR, "broken", "nothing is done; the last good file stays")
        }
        Happening::Unreadable { why } => {
            line(ERROR, "broken", format!("{why}; the last good files stay"))
        }
        Happening::Rendered { files } => line(PLAIN, "rendered", paths(files)),
        Happening::Drifted { objects } => {
            let list: Vec<String> = objects
                .iter()
                .map(|(name, action)| format!("{name} ({action})"))
                .collect();
            line(WARNING, "drift", list.join(", "))
        }
        Happening::Planned { plan } => return changes(plan).map(planned).collect(),
        Happening::Applied { plan, report, took } => {
            return applied(plan, &report.outcomes, took.as_secs_f64());
        }
        Happening::Refused { why, help } => line(ERROR, "refused", format!("{why}; {help}")),
        Happening::Waiting { resource, seconds } => line(
            WARNING,
            "waiting",
            format!("{} is tried again in {seconds} s", plain_name(resource)),
        ),
        Happening::GaveUp { resource, failures } => line(
            ERROR,
            "gave up",
            format!(
                "{} failed {failures} times in a row and is left alone until a file changes",
                plain_name(resource)
            ),
        ),
        Happening::Locked { holder } => line(WARNING, "locked", format!("waiting for {holder}")),
        Happening::EngineAway { why } => line(ERROR, "engine", format!("does not answer: {why}")),
        Happening::EngineBack => line(GOOD, "engine", "answers again"),
        Happening::Run { dag, progress, .. } => {
            return run(dag.as_str(), progress).into_iter().collect();
        }
        Happening::RunEnded {
            dag,
            run_id,
            state,
            took,
        } => {
            let style = if *state == "success" { GOOD } else { ERROR };
            let seconds = took.as_secs_f64();
            line(
                style,
                "run",
                format!("{dag}  {state}  {seconds:.1} s  {run_id}"),
            )
        }
        Happening::RunFailed { dag, why } => line(ERROR, "run", format!("{dag}  failed: {why}")),
        Happening::Stopping { runs } => {
            let names: Vec<&str> = runs.iter().map(crate::model::DagName::as_str).collect();
            line(
                WARNING,
                "stopping",
                format!(
                    "waiting for runs of {}; Ctrl-C again cancels them",
                    names.join(", ")
                ),
            )
        }
        Happening::Stopped => line(PLAIN, "stopped", "the stack runs on"),
    };
    vec![one]
}

fn paths(files: &[std::path::PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if names.is_empty() {
        "files changed".to_owned()
    } else {
        names.join(", ")
    }
}

fn changes(plan: &Plan) -> impl Iterator<Item = &Change> {
    plan.changes
        .iter()
        .filter(|change| !matches!(change.verdict, Verdict::Nothing | Verdict::Unknown))
}

/// Returns what a resource is called for people, from its name in JSON: `web` for `service:web:1`, `network back` for `network:back`.
fn plain_name(resource: &str) -> String {
    let service = resource.strip_prefix("service:");
    match service.and_then(|rest| rest.rsplit_once(':')) {
        Some((name, "1")) => name.to_owned(),
        Some((name, number)) => format!("{name} #{number}"),
        None => resource.replacen(':', " ", 1),
    }
}

fn planned(change: &Change) -> Line {
    let fields: Vec<String> = change
        .fields
        .iter()
        .map(|field| field.path.to_string())
        .collect();
    let why = if fields.is_empty() {
        String::new()
    } else {
        format!("  {}", fields.join(", "))
    };
    line(
        PLAIN,
        "plan",
        format!(
            "{} {}{why}",
            change.verdict.name(),
            name_of(&change.resource)
        ),
    )
}

fn applied(plan: &Plan, outcomes: &[StepOutcome], took: f64) -> Vec<Line> {
    let mut lines = Vec::new();
    let of_change = |index: usize| {
        plan.steps
            .iter()
            .zip(outcomes)
            .filter(move |(step, _)| step.change == index)
            .map(|(_, outcome)| outcome)
    };
    for (index, change) in plan.changes.iter().enumerate() {
        let verdict = change.verdict.name();
        let resource = name_of(&change.resource);
        if of_change(index).next().is_none() {
            continue;
        }
        let failed = of_change(index).find_map(|outcome| match outcome {
            StepOutcome::Failed { message, .. } => Some(message),
            _ => None,
        });
        if let Some(message) = failed {
            lines.push(line(
                ERROR,
                "failed",
                format!("{verdict} {resource}: {message}"),
            ));
        } else if of_change(index).all(|outcome| *outcome == StepOutcome::Done) {
            lines.push(line(
                GOOD,
                "done",
                format!("{verdict} {resource}  {took:.1} s"),
            ));
        } else {
            lines.push(line(WARNING, "not done", format!("{verdict} {resource}")));
        }
    }
    lines
}

fn run(dag: &str, progress: &RunProgress) -> Option<Line> {
    match progress {
        RunProgress::Happened { is_past: true, .. }
        | RunProgress::Waiting { .. }
        | RunProgress::Doing { .. }
        | RunProgress::Line { .. } => None,
        RunProgress::Resumed { run_id, .. } => {
            Some(line(PLAIN, "run", format!("{dag}  goes on  {run_id}")))
        }
        RunProgress::Starting { services } => {
            let names: Vec<&str> = services
                .iter()
                .map(crate::model::ServiceName::as_str)
                .collect();
            Some(line(
                PLAIN,
                "run",
                format!("{dag}  starts {}", names.join(", ")),
            ))
        }
        RunProgress::Happened { event, .. } => event_line(dag, event),
    }
}

fn event_line(dag: &str, event: &RunEvent) -> Option<Line> {
    match event {
        RunEvent::Started(header) => Some(line(
            PLAIN,
            "run",
            format!("{dag}  started  {}", header.run_id),
        )),
        RunEvent::AttemptFinished {
            task,
            attempt,
            outcome,
            ..
        } => Some(match outcome {
            Outcome::Success => line(GOOD, "task", format!("{dag}.{task}  success")),
            Outcome::Skipped => line(PLAIN, "task", format!("{dag}.{task}  skipped")),
            Outcome::Cancelled => line(WARNING, "task", format!("{dag}.{task}  cancelled")),
            Outcome::Failed(failure) => line(
                ERROR,
                "task",
                format!("{dag}.{task}  try {attempt} failed: {}", failure.message),
            ),
        }),
        RunEvent::AttemptStarted { .. }
        | RunEvent::RetryDue { .. }
        | RunEvent::CancelRequested { .. }
        | RunEvent::RetryRequested { .. }
        | RunEvent::Finished { .. } => None,
    }
}

/// Returns what happened as one JSON object; `None` for what is of no interest.
pub(crate) fn json(happening: &Happening, now: &Zoned) -> Option<Value> {
    let mut object = match happening {
        Happening::Watching {
            project,
            services,
            schedules,
        } => {
            json!({"what": "watching", "project": project, "services": services, "schedules": schedules})
        }
        Happening::Edited { files } => json!({"what": "edited", "files": files}),
        Happening::Broken { project } => json!({
            "what": "broken",
            "diagnostics": diagnostics::json(&project.diagnostics, &project.sources),
        }),
        Happening::Unreadable { why } => json!({"what": "unreadable", "why": why}),
        Happening::Rendered { files } => json!({"what": "rendered", "files": files}),
        Happening::Drifted { objects } => {
            let list: Vec<_> = objects
                .iter()
                .map(|(name, action)| json!({"name": name, "action": action}))
                .collect();
            json!({"what": "drifted", "objects": list})
        }
        Happening::Planned { plan } => {
            let list: Vec<_> = changes(plan)
                .map(|change| {
                    json!({"resource": change.resource.to_string(), "verdict": change.verdict.name()})
                })
                .collect();
            json!({"what": "planned", "changes": list})
        }
        Happening::Applied { plan, report, took } => {
            let failures: Vec<_> = plan
                .steps
                .iter()
                .zip(&report.outcomes)
                .filter_map(|(step, outcome)| match outcome {
                    StepOutcome::Failed { message, .. } => {
                        let change = plan.changes.get(step.change)?;
                        Some(json!({"resource": change.resource.to_string(), "why": message}))
                    }
                    _ => None,
                })
                .collect();
            json!({
                "what": "applied",
                "success": report.is_success(),
                "failures": failures,
                "seconds": took.as_secs_f64(),
            })
        }
        Happening::Refused { why, help } => json!({"what": "refused", "why": why, "help": help}),
        Happening::Waiting { resource, seconds } => {
            json!({"what": "waiting", "resource": resource, "seconds": seconds})
        }
        Happening::GaveUp { resource, failures } => {
            json!({"what": "gave_up", "resource": resource, "failures": failures})
        }
        Happening::Locked { holder } => json!({"what": "locked", "holder": holder}),
        Happening::EngineAway { why } => json!({"what": "engine_away", "why": why}),
        Happening::EngineBack => json!({"what": "engine_back"}),
        Happening::Run { dag, due, progress } => match progress {
            RunProgress::Happened {
                event: RunEvent::Started(header),
                is_past: false,
            } => json!({
                "what": "run_started",
                "dag": dag.as_str(),
                "run_id": header.run_id.as_str(),
                "due": due.map(|due| due.to_string()),
            }),
            _ => return None,
        },
        Happening::RunEnded {
            dag,
            run_id,
            state,
            took,
        } => json!({
            "what": "run_ended",
            "dag": dag.as_str(),
            "run_id": run_id.as_str(),
            "state": state,
            "seconds": took.as_secs_f64(),
        }),
        Happening::RunFailed { dag, why } => {
            json!({"what": "run_failed", "dag": dag.as_str(), "why": why})
        }
        Happening::Stopping { runs } => {
            let names: Vec<&str> = runs.iter().map(crate::model::DagName::as_str).collect();
            json!({"what": "stopping", "runs": names})
        }
        Happening::Stopped => json!({"what": "stopped"}),
    };
    object["at"] = Value::from(now.timestamp().to_string());
    Some(object)
}
