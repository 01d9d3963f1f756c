//! The task definitions as JSON, with `${…}` kept.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{
    BashTask, ContainerOptions, Dag, DagName, ExecTask, HttpBody, HttpTask, Json, Runner, Schedule,
    Stack, Task, TaskKind, TaskName, Template, Templated, format_duration,
};
use crate::render::RenderRequest;
use crate::render::template_text::{Rebase, text};

use super::container::{container, words};
use super::map::{MapBuilder, text_map};

/// Returns what `tasks.json.j2` sees.
pub(in crate::render) fn tasks_view(
    stack: &Stack<Template>,
    name: &DagName,
    dag: &Dag<Template>,
    request: &RenderRequest,
) -> Value {
    let rebase = Rebase::new(&request.output.join("tasks"));
    let tasks = dag
        .tasks
        .iter()
        .map(|(name, task)| task_view(stack, name, task, &rebase));
    json!({
        "source": request.source,
        "digest": request.digest,
        "project": stack.name().as_str(),
        "dag": name.as_str(),
        "definition": dag_view(dag),
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

fn dag_view(dag: &Dag<Template>) -> Value {
    let mut map = MapBuilder::default();
    map.put_some("description", dag.description.clone().map(Value::String));
    match &dag.schedule {
        Schedule::Manual => map.put("schedule", Value::Null),
        Schedule::Cron(cron) => map.put("schedule", cron.as_str()),
        Schedule::Every(every) => map.put("every", duration(*every)),
    }
    map.put("timezone", dag.timezone.as_str());
    let date = |date: jiff::civil::DateTime| Value::String(date.to_string());
    map.put_some("start_date", dag.start_date.map(date));
    map.put_some("end_date", dag.end_date.map(date));
    map.put("catchup", dag.catchup);
    map.put("max_active_runs", dag.max_active_runs);
    map.put("max_active_tasks", dag.max_active_tasks);
    map.put(
        "runner",
        match dag.runner {
            Runner::Stackgen => "stackgen",
            Runner::Airflow => "airflow",
        },
    );
    map.list("tags", dag.tags.iter().cloned().map(Value::String));
    if !dag.params.is_empty() {
        map.put("params", json_view(&Json::Object(dag.params.clone())));
    }
    map.finish()
}

fn task_view(
    stack: &Stack<Template>,
    name: &TaskName,
    task: &Task<Template>,
    rebase: &Rebase,
) -> Value {
    let mut map = MapBuilder::default();
    map.put("task", name.as_str());
    map.put(
        "after",
        task.after.iter().map(TaskName::as_str).collect::<Vec<_>>(),
    );
    if !task.needs.is_empty() {
        let needs = task
            .needs
            .iter()
            .map(|(service, condition)| (service.to_string(), condition.to_string().into()));
        map.put("needs", Value::Object(needs.collect()));
    }
    map.put("owner", task.owner.as_str());
    map.put("retries", task.retries);
    map.put("retry_delay", duration(task.retry_delay));
    if task.retry_exponential_backoff {
        map.put("retry_exponential_backoff", true);
    }
    map.put_some("max_retry_delay", task.max_retry_delay.map(duration));
    map.put_some("execution_timeout", task.execution_timeout.map(duration));
    map.put("trigger_rule", task.trigger_rule.name());
    map.put("priority_weight", task.priority_weight);
    // Without any, the default of a bash task would come back.
    if !task.skip_on_exit_code.is_empty() || matches!(task.kind, TaskKind::Bash(_)) {
        map.put("skip_on_exit_code", task.skip_on_exit_code.clone());
    }
    map.put(task.kind.name(), kind_view(stack, &task.kind, rebase));
    map.finish()
}

fn kind_view(stack: &Stack<Template>, kind: &TaskKind<Template>, rebase: &Rebase) -> Value {
    match kind {
        TaskKind::Docker(options) => docker(stack, options, rebase),
        TaskKind::Exec(exec) => exec_view(exec),
        TaskKind::Bash(bash) => bash_view(bash, rebase),
        TaskKind::Http(http) => http_view(http),
    }
}

fn docker(stack: &Stack<Template>, options: &ContainerOptions<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    container(&mut map, stack, options, rebase);
    map.finish()
}

fn exec_view(exec: &ExecTask<Template>) -> Value {
    let mut map = MapBuilder::default();
    map.put("service", exec.service.as_str());
    map.put("command", words(&exec.command));
    if !exec.environment.is_empty() {
        let entry = |(name, value): (&String, &Option<Templated<String>>)| {
            (name.clone(), value.as_ref().map_or(Value::Null, text))
        };
        let entries = exec.environment.iter().map(entry);
        map.put("environment", Value::Object(entries.collect()));
    }
    map.text("user", &exec.user);
    map.text("working_dir", &exec.working_dir);
    map.finish()
}

fn bash_view(bash: &BashTask<Template>, rebase: &Rebase) -> Value {
    let mut map = MapBuilder::default();
    map.put("command", text(&bash.command));
    map.text_map("env", &bash.env);
    map.put_some("cwd", bash.cwd.as_ref().map(|cwd| rebase.path(cwd)));
    map.finish()
}

fn http_view(http: &HttpTask<Template>) -> Value {
    let mut map = MapBuilder::default();
    map.put("url", text(&http.url));
    map.put("method", text(&http.method));
    if !http.headers.is_empty() {
        map.put("headers", text_map(&http.headers));
    }
    match &http.body {
        Some(HttpBody::Json(body)) => map.put("json", json_view(body)),
        Some(HttpBody::Text(body)) => map.put("body", text(body)),
        None => {}
    }
    if !http.expect.is_empty() {
        map.put("expect", http.expect.clone());
    }
    map.put("timeout", duration(http.timeout));
    map.put_some(
        "network",
        http.network.as_ref().map(|name| name.as_str().into()),
    );
    map.finish()
}

fn json_view(json: &Json<Template>) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Json::Text(value) => text(value),
        Json::List(items) => Value::Array(items.iter().map(json_view).collect()),
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(key, item)| (key.clone(), json_view(item)));
            Value::Object(entries.collect())
        }
    }
}

fn duration(duration: Duration) -> Value {
    Value::String(format_duration(duration))
}
