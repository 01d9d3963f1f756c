//! `dag list`, `dag show` and `dag next`: what stack.toml says about DAGs.

use jiff::Timestamp;

use crate::cli::context::Context;
use crate::cli::graph_view::{humane, schedule_words, task_group, tree};
use crate::cli::table::columns;
use crate::cli::ui::{FAINT, STRONG, styled};
use crate::cli::{CommandResult, ExitCode, Failure};
use crate::dag::schedule;
use crate::model::{Dag, Schedule, TaskName, Template};
use crate::stackfile::Concern;

use super::find;

pub(super) fn list(context: &Context, json: bool) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let stack = project.template()?;
    if json {
        let list: Vec<_> = stack
            .dags()
            .iter()
            .map(|(name, dag)| {
                let tasks: Vec<&str> = dag.tasks.keys().map(TaskName::as_str).collect();
                serde_json::json!({
                    "dag": name.as_str(),
                    "schedule": schedule_text(dag),
                    "timezone": dag.timezone,
                    "tasks": tasks,
                })
            })
            .collect();
        context.ui.data(serde_json::Value::from(list).to_string())?;
        return Ok(ExitCode::Done);
    }
    if stack.dags().is_empty() {
        context.ui.words("stack.toml has no [dags]");
        return Ok(ExitCode::Done);
    }
    let mut rows = vec![["DAG", "SCHEDULE", "TASKS"].map(|title| styled(FAINT, title))];
    rows.extend(stack.dags().iter().map(|(name, dag)| {
        let tasks: Vec<&str> = dag.tasks.keys().map(TaskName::as_str).collect();
        [name.to_string(), schedule_words(dag), tasks.join(", ")]
    }));
    context.ui.data(columns(&rows))?;
    Ok(ExitCode::Done)
}

/// Returns a schedule as stack.toml has it; `None`: only when asked.
fn schedule_text(dag: &Dag<Template>) -> Option<String> {
    match &dag.schedule {
        Schedule::Manual => None,
        Schedule::Cron(cron) => Some(cron.to_string()),
        Schedule::Every(interval) => Some(format!("every {}", humane(*interval))),
    }
}

pub(super) fn show(context: &Context, name: &str) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let (name, dag) = find(project.template()?, name)?;
    let title = styled(STRONG, name);
    context
        .ui
        .data(format!("{title}  {}", schedule_words(dag)))?;
    if let Some(description) = &dag.description {
        context.ui.data(description)?;
    }
    context.ui.data("")?;
    context
        .ui
        .data(tree(&task_group(name.as_str(), dag).nodes))?;
    Ok(ExitCode::Done)
}

pub(super) fn next(
    context: &Context,
    name: &str,
    from: Option<Timestamp>,
    count: usize,
    json: bool,
) -> CommandResult {
    let project = context.checked(Concern::File)?;
    let (name, dag) = find(project.template()?, name)?;
    let from = from.unwrap_or_else(Timestamp::now);
    let fires = schedule::next(dag, from, count)
        .map_err(|error| Failure::new(ExitCode::Invalid, format!("dags.{name}: {error}")))?;
    if json {
        let list: Vec<String> = fires.iter().map(ToString::to_string).collect();
        context.ui.data(serde_json::Value::from(list).to_string())?;
        return Ok(ExitCode::Done);
    }
    if fires.is_empty() {
        context.ui.words(format!(
            "{name} runs only when asked: stackgen dag run {name}"
        ));
        return Ok(ExitCode::Done);
    }
    let zone = jiff::tz::TimeZone::get(&dag.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    for fire in fires {
        let local = fire.to_zoned(zone.clone());
        context
            .ui
            .data(local.strftime("%Y-%m-%d %H:%M:%S %:z  %a").to_string())?;
    }
    Ok(ExitCode::Done)
}
