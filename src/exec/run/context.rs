//! The template variables of tasks, with Airflow's names and meaning, and the filling in of them.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use minijinja::value::{Object, ObjectRepr, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};

use crate::dag::{RunCause, RunHeader};
use crate::model::{
    BashTask, ContainerOptions, Dag, ExecTask, HttpBody, HttpTask, Json, KeyPath, Resolved, Task,
    TaskKind, TaskName,
};

/// How much work one template may make: far more than any real one does.
const FUEL: u64 = 1_000_000;

/// A template that cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateError {
    /// Where in the task's kind, such as `bash.command`.
    pub(super) at: KeyPath,
    /// What is wrong.
    pub(super) message: String,
}

/// Fills in the templates of one try.
pub(super) struct Filler {
    environment: Environment<'static>,
    context: Value,
}

impl Filler {
    /// Returns what fills in the templates of a try of a task of a run.
    pub(super) fn new(header: &RunHeader, task: &TaskName, owner: &str, attempt: u32) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("ds", |time: Value| format_time(&time, "%Y-%m-%d"));
        environment.add_filter("ds_nodash", |time: Value| format_time(&time, "%Y%m%d"));
        environment.add_filter("ts", |time: Value| format_time(&time, ISO));
        environment.add_filter("ts_nodash", |time: Value| {
            format_time(&time, "%Y%m%dT%H%M%S")
        });
        Self {
            environment,
            context: variables(header, task, owner, attempt),
        }
    }

    /// Fills in a text.
    fn text(&self, text: &str, at: &KeyPath) -> Result<String, TemplateError> {
        if !text.contains('{') {
            return Ok(text.to_owned());
        }
        self.environment
            .render_str(text, &self.context)
            .map_err(|error| TemplateError {
                at: at.clone(),
                message: explain(&error),
            })
    }

    /// Fills in what a task does.
    pub(super) fn kind(
        &self,
        kind: &TaskKind<Resolved>,
    ) -> Result<TaskKind<Resolved>, TemplateError> {
        let at = KeyPath::new([kind.name()]);
        Ok(match kind {
            TaskKind::Docker(options) => TaskKind::Docker(Box::new(self.options(options, &at)?)),
            TaskKind::Exec(task) => TaskKind::Exec(ExecTask {
                service: task.service.clone(),
                command: self.words(&task.command, &at.join("command"))?,
                environment: self.variables(&task.environment, &at.join("environment"))?,
                user: self.option(task.user.as_ref(), &at.join("user"))?,
                working_dir: self.option(task.working_dir.as_ref(), &at.join("working_dir"))?,
            }),
            TaskKind::Bash(task) => TaskKind::Bash(BashTask {
                command: self.text(&task.command, &at.join("command"))?,
                env: self.texts(&task.env, &at.join("env"))?,
                cwd: self.option(task.cwd.as_ref(), &at.join("cwd"))?,
            }),
            TaskKind::Http(task) => TaskKind::Http(HttpTask {
                url: self.text(&task.url, &at.join("url"))?,
                method: self.text(&task.method, &at.join("method"))?,
                headers: self.texts(&task.headers, &at.join("headers"))?,
                body: match &task.body {
                    None => None,
                    Some(HttpBody::Text(text)) => {
                        Some(HttpBody::Text(self.text(text, &at.join("body"))?))
                    }
                    Some(HttpBody::Json(json)) => {
                        Some(HttpBody::Json(self.json(json, &at.join("json"))?))
                    }
                },
                ..task.clone()
            }),
        })
    }

    fn options(
        &self,
        options: &ContainerOptions<Resolved>,
        at: &KeyPath,
    ) -> Result<ContainerOptions<Resolved>, TemplateError> {
        let words = |words: &Option<Vec<String>>, key| {
            words
                .as_ref()
                .map(|words| self.words(words, &at.join(key)))
                .transpose()
        };
        Ok(ContainerOptions {
            command: words(&options.command, "command")?,
            entrypoint: words(&options.entrypoint, "entrypoint")?,
            environment: self.variables(&options.environment, &at.join("environment"))?,
            working_dir: self.option(options.working_dir.as_ref(), &at.join("working_dir"))?,
            user: self.option(options.user.as_ref(), &at.join("user"))?,
            ..options.clone()
        })
    }

    fn words(&self, words: &[String], at: &KeyPath) -> Result<Vec<String>, TemplateError> {
        let words = words.iter().enumerate();
        words
            .map(|(index, word)| self.text(word, &at.join(index)))
            .collect()
    }

    fn option(&self, text: Option<&String>, at: &KeyPath) -> Result<Option<String>, TemplateError> {
        text.map(|text| self.text(text, at)).transpose()
    }

    fn texts(
        &self,
        texts: &IndexMap<String, String>,
        at: &KeyPath,
    ) -> Result<IndexMap<String, String>, TemplateError> {
        texts
            .iter()
            .map(|(key, text)| Ok((key.clone(), self.text(text, &at.join(key))?)))
            .collect()
    }

    fn variables(
        &self,
        texts: &IndexMap<String, Option<String>>,
        at: &KeyPath,
    ) -> Result<IndexMap<String, Option<String>>, TemplateError> {
        texts
            .iter()
            .map(|(key, text)| Ok((key.clone(), self.option(text.as_ref(), &at.join(key))?)))
            .collect()
    }

    fn json(&self, json: &Json<Resolved>, at: &KeyPath) -> Result<Json<Resolved>, TemplateError> {
        Ok(match json {
            Json::Text(text) => Json::Text(self.text(text, at)?),
            Json::List(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| self.json(item, &at.join(index)));
                Json::List(items.collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.json(value, &at.join(key))?)));
                Json::Object(entries.collect::<Result<_, _>>()?)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
        })
    }
}

/// Fills in every task of a DAG once, so that a wrong name is found before anything runs.
pub(super) fn check<'a>(
    header: &RunHeader,
    tasks: impl IntoIterator<Item = (&'a TaskName, &'a Task<Resolved>)>,
) -> Result<(), (TaskName, TemplateError)> {
    for (name, task) in tasks {
        Filler::new(header, name, &task.owner, 1)
            .kind(&task.kind)
            .map_err(|error| (name.clone(), error))?;
    }
    Ok(())
}

/// Returns a JSON value of stack.toml as one of `serde_json`.
pub(super) fn to_json(json: &Json<Resolved>) -> serde_json::Value {
    match json {
        Json::Null => serde_json::Value::Null,
        Json::Bool(value) => (*value).into(),
        // A number stands in its JSON form already; one that does not parse is kept as text.
        Json::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Json::Text(text) => text.as_str().into(),
        Json::List(items) => items.iter().map(to_json).collect(),
        Json::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), to_json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Returns the parameters of a run: those of the DAG, with `given` over them.
pub(super) fn parameters(
    dag: &Dag<Resolved>,
    given: &serde_json::Map<String, serde_json::Value>,
) -> serde_json::Value {
    let mut all: serde_json::Map<String, serde_json::Value> = dag
        .params
        .iter()
        .map(|(name, value)| (name.clone(), to_json(value)))
        .collect();
    all.extend(given.clone());
    all.into()
}

/// Airflow's `ts`, which is Python's ISO format.
const ISO: &str = "%Y-%m-%dT%H:%M:%S%.f+00:00";

fn variables(header: &RunHeader, task: &TaskName, owner: &str, attempt: u32) -> Value {
    let time = |at: Timestamp| Value::from_object(Time(at));
    let date = header.logical_date;
    let format = |format: &str| date.strftime(format).to_string();
    let run_type = match header.cause {
        RunCause::Manual => "manual",
        RunCause::Scheduled => "scheduled",
    };
    let task_instance = context! {
        try_number => attempt,
        task_id => task.as_str(),
        dag_id => header.dag.as_str(),
        run_id => header.run_id.as_str(),
    };
    context! {
        ds => format("%Y-%m-%d"),
        ds_nodash => format("%Y%m%d"),
        ts => format(ISO),
        ts_nodash => format("%Y%m%dT%H%M%S"),
        ts_nodash_with_tz => format("%Y%m%dT%H%M%S+0000"),
        run_id => header.run_id.as_str(),
        logical_date => time(date),
        execution_date => time(date),
        data_interval_start => time(date),
        data_interval_end => time(header.data_interval_end),
        params => Value::from(Serde(&header.params)),
        dag => context! { dag_id => header.dag.as_str() },
        task => context! { task_id => task.as_str(), owner => owner },
        ti => task_instance.clone(),
        task_instance => task_instance,
        dag_run => context! {
            run_id => header.run_id.as_str(),
            dag_id => header.dag.as_str(),
            run_type => run_type,
            logical_date => time(date),
            conf => Value::from(Serde(&header.params)),
        },
        task_instance_key_str => format!("{}__{task}__{}", header.dag, format("%Y%m%d")),
    }
}

/// A time as Airflow's templates see it: prints as Python's `str`, and has `strftime` and `isoformat`.
#[derive(Debug)]
struct Time(Timestamp);

impl Object for Time {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%d %H:%M:%S%.f+00:00"))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut minijinja::State<'_, '_>,
        method: &str,
        arguments: &[Value],
    ) -> Result<Value, Error> {
        match (method, arguments) {
            ("isoformat", []) => Ok(self.0.strftime(ISO).to_string().into()),
            ("strftime", [format]) => {
                let format = format.as_str().unwrap_or_default();
                format_time(&Value::from_dyn_object(self.clone()), format).map(Value::from)
            }
            _ => Err(Error::new(
                ErrorKind::UnknownMethod,
                format!("a time has strftime(format) and isoformat(), not {method}"),
            )),
        }
    }
}

fn format_time(time: &Value, format: &str) -> Result<String, Error> {
    let refuse = |message| Error::new(ErrorKind::InvalidOperation, message);
    let time = time
        .downcast_object_ref::<Time>()
        .ok_or_else(|| refuse("not a time".to_owned()))?;
    jiff::fmt::strtime::format(format, time.0)
        .map_err(|error| refuse(format!("{format:?} is no format of a time: {error}")))
}

/// Returns what is wrong with a template in one line.
fn explain(error: &Error) -> String {
    let detail = error.detail().unwrap_or_default();
    match (error.kind(), detail) {
        (ErrorKind::UndefinedError, detail) => {
            let name = match error.range() {
                Some(range) => error
                    .template_source()
                    .and_then(|source| source.get(range))
                    .map(|name| format!("{} is not defined", name.trim())),
                None => None,
            };
            let name = name.unwrap_or_else(|| format!("a name is not defined {detail}"));
            format!(
                "{name}; there are ds, ts, run_id, params.NAME, logical_date, data_interval_start, data_interval_end, ti.try_number, dag.dag_id and task.task_id"
            )
        }
        (kind, "") => kind.to_string(),
        (_, detail) => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DagName, RunId};

    fn filler() -> Filler {
        let header = RunHeader {
            run_id: RunId::new("manual__x").unwrap(),
            dag: DagName::new("pipeline").unwrap(),
            cause: RunCause::Manual,
            at: "2026-03-02T09:14:07Z".parse().unwrap(),
            logical_date: "2026-03-02T09:14:07Z".parse().unwrap(),
            data_interval_end: "2026-03-03T00:00:00Z".parse().unwrap(),
            params: serde_json::json!({ "rows": 12, "deep": { "x": "y" } }),
            tasks: Vec::new(),
            max_active_tasks: 1,
        };
        Filler::new(&header, &TaskName::new("load").unwrap(), "data", 2)
    }

    #[test]
    fn names_mean_what_they_mean_in_airflow() {
        for (template, text) in [
            ("{{ ds }} {{ ds_nodash }}", "2026-03-02 20260302"),
            ("{{ ts }}", "2026-03-02T09:14:07+00:00"),
            ("{{ ts_nodash }}", "20260302T091407"),
            ("{{ run_id }}", "manual__x"),
            ("{{ params.rows }} {{ params.deep.x }}", "12 y"),
            ("{{ logical_date }}", "2026-03-02 09:14:07+00:00"),
            ("{{ data_interval_end | ds }}", "2026-03-03"),
            ("{{ data_interval_start.strftime('%H:%M') }}", "09:14"),
            (
                "{{ ti.try_number }} {{ dag.dag_id }}.{{ task.task_id }}",
                "2 pipeline.load",
            ),
            ("{{ ds if ds is defined else run_id }}", "2026-03-02"),
            ("${HOME} {a} [[ -n x ]]", "${HOME} {a} [[ -n x ]]"),
        ] {
            let filled = filler().text(template, &KeyPath::default());
            assert_eq!(filled, Ok(text.to_owned()), "{template}");
        }
    }

    #[test]
    fn a_name_that_is_not_defined_is_named() {
        for (template, part) in [
            ("{{ dss }}", "dss is not defined"),
            ("{{ params.nope }}", "params.nope is not defined"),
            ("{{ ds", "unexpected end"),
            ("{{ logical_date.nope() }}", "not nope"),
        ] {
            let error = filler().text(template, &KeyPath::default()).unwrap_err();
            assert!(
                error.message.contains(part),
                "{template}: {}",
                error.message
            );
        }
    }
}
