//! The Airflow file of a DAG, for Airflow 2.10 to 3.x alike.

mod expression;
mod storage;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minijinja::Value;
use minijinja::value::Serde;

use crate::model::{
    ContainerOptions, Dag, DagName, Json, Runner, Schedule, Stack, Task, TaskName, Template,
};
use crate::render::{RenderRequest, python};

use expression::Scribe;
use task::{Arguments, task_arguments};

/// What an Airflow file needs of the worker that runs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerNeeds {
    /// Variables that must be set in the environment of the worker.
    pub variables: BTreeSet<String>,
}

/// Returns, for each DAG that needs any, the variables that its Airflow worker has to have.
pub fn worker_needs(stack: &Stack<Template>) -> BTreeMap<DagName, WorkerNeeds> {
    let mut needs = BTreeMap::new();
    for (name, dag) in stack.dags() {
        let mut scribe = Scribe::default();
        for (task_name, task) in &dag.tasks {
            task_arguments(stack, task_name, task, &mut scribe);
        }
        if !scribe.needs.is_empty() {
            let variables = scribe.needs;
            needs.insert(name.clone(), WorkerNeeds { variables });
        }
    }
    needs
}

/// Returns, for each DAG, the variables that its Airflow worker needs and that no Airflow service of the stack has.
///
/// A service is Airflow's if it sets one of Airflow's own variables. Where the stack has none, somebody else's Airflow is meant: only the
/// DAGs that Airflow is to run count then.
pub fn worker_lacks(stack: &Stack<Template>) -> BTreeMap<DagName, BTreeSet<String>> {
    let is_airflow = |options: &ContainerOptions<Template>| {
        let mut names = options.environment.keys();
        names.any(|name| name.starts_with("AIRFLOW__"))
    };
    let workers: Vec<_> = stack
        .services()
        .values()
        .map(|service| &service.container)
        .filter(|options| is_airflow(options))
        .collect();
    let has = |name: &String| {
        let mut workers = workers.iter();
        workers.any(|options| options.environment.contains_key(name))
    };
    let mut lacks = BTreeMap::new();
    for (dag, needs) in worker_needs(stack) {
        let is_meant = !workers.is_empty() || stack.dags()[&dag].runner == Runner::Airflow;
        let missing: BTreeSet<String> = needs
            .variables
            .into_iter()
            .filter(|name| !has(name))
            .collect();
        if is_meant && !missing.is_empty() {
            lacks.insert(dag, missing);
        }
    }
    lacks
}

/// Returns what `airflow_dag.py.j2` sees.
pub(in crate::render) fn airflow_view(
    stack: &Stack<Template>,
    name: &DagName,
    dag: &Dag<Template>,
    request: &RenderRequest,
) -> Value {
    let variables = python_names(dag);
    let shared = shared_arguments(dag);
    let mut scribe = Scribe::default();
    let mut tasks = Vec::new();
    let mut needs = BTreeSet::new();
    for (task_name, task) in &dag.tasks {
        scribe.needs.clear();
        let mut made = task_arguments(stack, task_name, task, &mut scribe);
        if !scribe.needs.is_empty() {
            let names: Vec<&String> = scribe.needs.iter().collect();
            let code = format!("require_env({})", quoted_list(&names));
            made.arguments.put("pre_execute", python::expression(code));
        }
        needs.extend(scribe.needs.iter().cloned());
        made.arguments.extend(own_arguments(task, &shared));
        tasks.push(object([
            ("variable", Value::from(variables[task_name].as_str())),
            ("operator", Value::from(made.operator)),
            ("notes", Value::from(made.notes)),
            ("arguments", made.arguments.into_value()),
        ]));
    }
    let kinds: BTreeSet<&str> = dag.tasks.values().map(|task| task.kind.name()).collect();
    object([
        ("source", Value::from(request.source.as_str())),
        ("digest", Value::from(request.digest.as_str())),
        ("project", Value::from(stack.name().as_str())),
        ("name", Value::from(name.as_str())),
        ("description", Value::from(dag.description.clone())),
        ("needs", Value::from(needs.into_iter().collect::<Vec<_>>())),
        ("kinds", Value::from(Serde(kinds))),
        (
            "runner_is_stackgen",
            Value::from(dag.runner == Runner::Stackgen),
        ),
        ("arguments", dag_arguments(name, dag, &shared).into_value()),
        ("tasks", Value::from(tasks)),
        ("edges", Value::from(edges(dag, &variables))),
    ])
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::from_pairs(entries)
}

fn quoted_list(names: &[&String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| python::string(name)).collect();
    quoted.join(", ")
}

/// Words that a task's variable must not hide in the file.
const TAKEN: [&str; 24] = [
    "airflow",
    "datetime",
    "docker",
    "io",
    "json",
    "os",
    "pendulum",
    "shlex",
    "tarfile",
    "dag",
    "timedelta",
    "Mount",
    "False",
    "None",
    "True",
    "and",
    "as",
    "class",
    "def",
    "for",
    "if",
    "in",
    "is",
    "or",
];

/// Python's other keywords, and the functions of the file.
const ALSO_TAKEN: [&str; 35] = [
    "assert",
    "async",
    "await",
    "break",
    "continue",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "from",
    "global",
    "import",
    "lambda",
    "nonlocal",
    "not",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "DAG",
    "BashOperator",
    "DockerOperator",
    "PythonOperator",
    "require_env",
    "verbatim",
    "in_stack",
    "exec_in_service",
    "secret",
    "StackContainer",
    "StackBash",
    "PROJECT",
];

/// Returns a variable for each task: its own name where Python allows that.
fn python_names(dag: &Dag<Template>) -> BTreeMap<TaskName, String> {
    let is_free = |name: &str| !TAKEN.contains(&name) && !ALSO_TAKEN.contains(&name);
    let is_identifier = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut names = BTreeMap::new();
    for (index, task) in dag.tasks.keys().enumerate() {
        let name = task.as_str();
        let variable = if is_identifier(name) && is_free(name) && !name.starts_with("task__") {
            name.to_owned()
        } else {
            format!("task__{index}")
        };
        names.insert(task.clone(), variable);
    }
    names
}

fn edges(dag: &Dag<Template>, variables: &BTreeMap<TaskName, String>) -> Vec<String> {
    let edge = |(name, task): (&TaskName, &Task<Template>)| {
        let before: Vec<&str> = task
            .after
            .iter()
            .filter_map(|name| variables.get(name).map(String::as_str))
            .collect();
        match before.as_slice() {
            [] => None,
            [one] => Some(format!("{one} >> {}", variables[name])),
            many => Some(format!("[{}] >> {}", many.join(", "), variables[name])),
        }
    };
    dag.tasks.iter().filter_map(edge).collect()
}

/// Returns the arguments that every task of a DAG has alike; they go into `default_args`.
fn shared_arguments(dag: &Dag<Template>) -> Vec<(&'static str, String)> {
    let mut tasks = dag.tasks.values().map(retry_arguments);
    let Some(first) = tasks.next() else {
        return Vec::new();
    };
    tasks.fold(first, |shared, next| {
        shared
            .into_iter()
            .filter(|argument| next.contains(argument))
            .collect()
    })
}

/// Returns who owns a task and how it is tried again, as Python.
fn retry_arguments(task: &Task<Template>) -> Vec<(&'static str, String)> {
    let mut arguments = vec![
        ("owner", python::string(&task.owner)),
        ("retries", task.retries.to_string()),
        ("retry_delay", seconds(task.retry_delay)),
    ];
    if task.retry_exponential_backoff {
        arguments.push(("retry_exponential_backoff", "True".to_owned()));
    }
    if let Some(most) = task.max_retry_delay {
        arguments.push(("max_retry_delay", seconds(most)));
    }
    if let Some(limit) = task.execution_timeout {
        arguments.push(("execution_timeout", seconds(limit)));
    }
    arguments
}

fn own_arguments(task: &Task<Template>, shared: &[(&'static str, String)]) -> Arguments {
    let mut arguments = Arguments::default();
    for (key, code) in retry_arguments(task) {
        if !shared.contains(&(key, code.clone())) {
            arguments.put(key, python::expression(code));
        }
    }
    if task.trigger_rule != crate::model::TriggerRule::AllSuccess {
        arguments.put("trigger_rule", Value::from(task.trigger_rule.name()));
    }
    if task.priority_weight != 1 {
        arguments.put("priority_weight", Value::from(task.priority_weight));
        // stackgen counts a task's own weight; Airflow would add those of all tasks behind it.
        arguments.put("weight_rule", Value::from("absolute"));
    }
    arguments
}

pub(super) fn seconds(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("timedelta(seconds={})", duration.as_secs())
    } else {
        format!("timedelta(seconds={})", duration.as_secs_f64())
    }
}

fn dag_arguments(
    name: &DagName,
    dag: &Dag<Template>,
    shared: &[(&'static str, String)],
) -> Arguments {
    let mut arguments = Arguments::default();
    arguments.put("dag_id", Value::from(name.as_str()));
    if let Some(description) = &dag.description {
        arguments.put("description", Value::from(description.as_str()));
    }
    let zone = python::string(&dag.timezone);
    arguments.put("schedule", python::expression(schedule(dag, &zone)));
    let first = jiff::civil::datetime(2000, 1, 1, 0, 0, 0, 0);
    let start = dag.start_date.unwrap_or(first);
    arguments.put("start_date", python::expression(moment(start, &zone)));
    if let Some(end) = dag.end_date {
        arguments.put("end_date", python::expression(moment(end, &zone)));
    }
    // Airflow 2 and 3 differ in the default. Without a start there is nothing to catch up with.
    let catchup = dag.catchup && dag.start_date.is_some();
    arguments.put("catchup", Value::from(catchup));
    arguments.put("max_active_runs", Value::from(dag.max_active_runs));
    arguments.put("max_active_tasks", Value::from(dag.max_active_tasks));
    let defaults = shared
        .iter()
        .map(|(key, code)| ((*key).to_owned(), python::expression(code.clone())));
    arguments.put("default_args", Value::from_pairs(defaults));
    if !dag.params.is_empty() {
        let mut scribe = Scribe::default();
        let params = Json::Object(dag.params.clone());
        arguments.put("params", scribe.json(&params, false));
    }
    if !dag.tags.is_empty() {
        arguments.put("tags", Value::from(dag.tags.clone()));
    }
    // Jinja would drop the line end of a text.
    let keep = [("keep_trailing_newline", Value::from(true))];
    arguments.put("jinja_environment_kwargs", Value::from_pairs(keep));
    arguments
}

/// Airflow 2 and 3 make different timetables of one cron text, so the timetable is named.
fn schedule(dag: &Dag<Template>, zone: &str) -> String {
    if dag.runner == Runner::Stackgen {
        return "None".to_owned();
    }
    match &dag.schedule {
        Schedule::Manual => "None".to_owned(),
        Schedule::Cron(cron) => {
            let text = python::string(cron.as_str());
            format!("CronTriggerTimetable({text}, timezone={zone})")
        }
        Schedule::Every(every) => seconds(*every),
    }
}

fn moment(moment: jiff::civil::DateTime, zone: &str) -> String {
    format!(
        "pendulum.datetime({}, {}, {}, {}, {}, {}, tz={zone})",
        moment.year(),
        moment.month(),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}
