//! Decodes the tasks of a DAG.

use std::time::Duration;

use indexmap::IndexMap;

use crate::model::{
    Attachment, BashTask, Condition, ContainerOptions, ExecTask, Form, HttpBody, HttpTask, Json,
    MountSource, NetworkName, ServiceName, Task, TaskKind, TaskName, TriggerRule,
};

use super::super::language;
use super::super::tree::{Node, Value};
use super::super::{Code, Diagnostic};
use super::service::CONDITIONS;
use super::{At, Decoder, Reader};

const KINDS: [&str; 4] = ["docker", "exec", "bash", "http"];

/// Airflow's default for `retry_delay`.
const RETRY_DELAY: Duration = Duration::from_secs(300);

/// How long an HTTP request may take.
const HTTP_TIMEOUT: Duration = Duration::from_secs(60);

impl<'a, F: Form> Decoder<'a, F> {
    pub(super) fn task(&mut self, node: &Node, path: &At<'_>) -> Option<Task<F>> {
        let mut reader = Reader::open(self, node, path, &language::TASK)?;
        let after = reader.names("after", TaskName::new);
        let needs = reader.with("needs", Decoder::needs).unwrap_or_default();
        let kind = reader.task_kind();
        let is_bash = matches!(kind, Some(TaskKind::Bash(_)));
        let known_duration = Decoder::known_duration;
        let task = (
            reader.word("owner").unwrap_or_else(|| "airflow".to_owned()),
            reader.count("retries").unwrap_or(0),
            reader
                .with("retry_delay", known_duration)
                .unwrap_or(RETRY_DELAY),
            reader.flag("retry_exponential_backoff").unwrap_or(false),
            reader.with("max_retry_delay", known_duration),
            reader.with("execution_timeout", known_duration),
            reader.choice(
                "trigger_rule",
                &TriggerRule::ALL.map(|(rule, name)| (name, rule)),
            ),
            reader.count("priority_weight").unwrap_or(1),
            reader.exit_codes(is_bash),
        );
        // Words for people alone, which the DAG's own description covers.
        let _ = reader.word("description");
        reader.finish();
        let (owner, retries, retry_delay, backoff, max_delay, timeout, rule, weight, skip) = task;
        Some(Task {
            after,
            needs,
            kind: kind?,
            owner,
            retries,
            retry_delay,
            retry_exponential_backoff: backoff,
            max_retry_delay: max_delay,
            execution_timeout: timeout,
            trigger_rule: rule.unwrap_or_default(),
            priority_weight: weight,
            skip_on_exit_code: skip,
        })
    }

    fn needs(&mut self, node: &Node, path: &At<'_>) -> Option<IndexMap<ServiceName, Condition>> {
        let mut needs = IndexMap::new();
        if let Some(items) = node.list() {
            for (index, item) in items.iter().enumerate() {
                if let Some(text) = self.known_text(item, &path.join(index)) {
                    let name = self.name(item, text, ServiceName::new);
                    needs.extend(name.map(|name| (name, Condition::Started)));
                }
            }
            return Some(needs);
        }
        let Some(table) = node.table() else {
            self.wrong_type(
                node,
                path,
                "a table like { postgres = \"healthy\" }, or a list of names",
            );
            return None;
        };
        for (key, inner) in table.iter() {
            let name = self.key_name(key, inner, ServiceName::new);
            let condition = self.choice(inner, &path.join(key), &CONDITIONS);
            needs.extend(name.zip(condition));
        }
        Some(needs)
    }

    fn docker_task(&mut self, node: &Node, path: &At<'_>) -> Option<TaskKind<F>> {
        let mut reader = Reader::open(self, node, path, &language::DOCKER_TASK)?;
        let options = reader.container();
        if let Some(what) = beyond_tasks(&options) {
            let message = format!("{path}: a task cannot have {what} yet");
            let label = reader.node.key.label("");
            let told = Diagnostic::error(Code::NotSupported, message, label);
            reader.decoder.tell(told);
        }
        // `mixins` are merged in by now.
        let _ = reader.known_texts("mixins");
        reader.finish();
        Some(TaskKind::Docker(Box::new(options)))
    }

    fn exec_task(&mut self, node: &Node, path: &At<'_>) -> Option<TaskKind<F>> {
        let mut reader = Reader::open(self, node, path, &language::EXEC_TASK)?;
        let service = reader.with("service", |decoder, node, path| {
            let text = decoder.known_text(node, path)?;
            decoder.name(node, text, ServiceName::new)
        });
        let command = reader.with("command", Decoder::words);
        let environment = reader.environment("environment");
        let user = reader.text("user");
        let working_dir = reader.text("working_dir");
        reader.finish();
        for key in ["service", "command"] {
            self.required(node, path, key);
        }
        Some(TaskKind::Exec(ExecTask {
            service: service?,
            command: command?,
            environment,
            user,
            working_dir,
        }))
    }

    fn bash_task(&mut self, node: &Node, path: &At<'_>) -> Option<TaskKind<F>> {
        if node.table().is_none() {
            return self.text(node, path).map(|command| {
                TaskKind::Bash(BashTask {
                    command,
                    env: IndexMap::new(),
                    cwd: None,
                })
            });
        }
        let mut reader = Reader::open(self, node, path, &language::BASH_TASK)?;
        let command = reader.text("command");
        let env = reader.map("env");
        let cwd = reader.text("cwd");
        reader.finish();
        self.required(node, path, "command");
        Some(TaskKind::Bash(BashTask {
            command: command?,
            env,
            cwd,
        }))
    }

    fn http_task(&mut self, node: &Node, path: &At<'_>) -> Option<TaskKind<F>> {
        let mut reader = Reader::open(self, node, path, &language::HTTP_TASK)?;
        reader.exclusive(&["json", "body"]);
        let url = reader.text("url");
        let method = reader.text("method");
        let headers = reader.map("headers");
        let json = reader.with("json", Decoder::json).map(HttpBody::Json);
        let body = reader.text("body").map(HttpBody::Text);
        let expect = reader
            .with("expect", Decoder::status_codes)
            .unwrap_or_default();
        let timeout = reader.with("timeout", Decoder::known_duration);
        let network = reader.with("network", |decoder, node, path| {
            let text = decoder.known_text(node, path)?;
            decoder.name(node, text, NetworkName::new)
        });
        reader.finish();
        self.required(node, path, "url");
        Some(TaskKind::Http(HttpTask {
            url: url?,
            method: method.unwrap_or_else(|| F::literal("GET".to_owned())),
            headers,
            body: json.or(body),
            expect,
            timeout: timeout.unwrap_or(HTTP_TIMEOUT),
            network,
        }))
    }

    fn status_codes(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<u16>> {
        let items = match &node.value {
            Value::Integer { .. } => std::slice::from_ref(node),
            _ => self.items(node, path),
        };
        let mut codes = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = path.join(index);
            let Some(number) = self.known_integer(item, &at) else {
                continue;
            };
            match u16::try_from(number)
                .ok()
                .filter(|code| (100..600).contains(code))
            {
                Some(code) => codes.push(code),
                None => {
                    let message = format!("{at}: {number} is no HTTP status");
                    self.bad_value(Code::BadValue, item, message, "100 to 599", None);
                }
            }
        }
        Some(codes)
    }

    /// Decodes a table as a JSON object.
    pub(super) fn json_object(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<IndexMap<String, Json<F>>> {
        match self.json(node, path)? {
            Json::Object(members) => Some(members),
            _ => {
                self.wrong_type(node, path, "a table");
                None
            }
        }
    }

    /// Decodes any value of TOML as JSON; `{ null = true }` is null.
    pub(super) fn json(&mut self, node: &Node, path: &At<'_>) -> Option<Json<F>> {
        if node.is_mark("null") {
            return Some(Json::Null);
        }
        Some(match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer { value, .. } => Json::Number(value.to_string()),
            Value::Float(value) if value.is_finite() => Json::Number(value.to_string()),
            Value::Float(_) => {
                let message = format!("{path}: JSON has no such number");
                self.bad_value(Code::BadValue, node, message, "", None);
                return None;
            }
            Value::Text(_) => Json::Text(self.text(node, path)?),
            Value::Date(date) => Json::Text(F::literal(date.to_string())),
            Value::List(items) => {
                let mut list = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    list.push(self.json(item, &path.join(index))?);
                }
                Json::List(list)
            }
            Value::Table(table) => {
                let mut object = IndexMap::new();
                for (key, inner) in table.iter() {
                    object.insert(key.clone(), self.json(inner, &path.join(key))?);
                }
                Json::Object(object)
            }
            Value::Poison => return None,
        })
    }

    /// Tells that a key is missing.
    fn required(&mut self, node: &Node, path: &At<'_>, key: &str) {
        if !node.has_like(&[key]) {
            let message = format!("{path} has no {key}");
            let told = Diagnostic::error(Code::MissingKey, message, node.key.label(""));
            self.tell(told.with_help(format!("{key} = …")));
        }
    }
}

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    fn task_kind(&mut self) -> Option<TaskKind<F>> {
        self.exclusive(&KINDS);
        let docker = self.with("docker", Decoder::docker_task);
        let exec = self.with("exec", Decoder::exec_task);
        let bash = self.with("bash", Decoder::bash_task);
        let http = self.with("http", Decoder::http_task);
        if !self.node.has_like(&KINDS) {
            let message = format!("{} does not say what it does", self.path);
            let diagnostic = Diagnostic::error(Code::MissingKey, message, self.node.key.label(""))
                .with_help("one of docker = {…}, exec = {…}, bash = \"…\", http = {…}");
            self.decoder.tell(diagnostic);
        }
        docker.or(exec).or(bash).or(http)
    }

    fn exit_codes(&mut self, is_bash: bool) -> Vec<i64> {
        let codes = self.with("skip_on_exit_code", |decoder, node, path| {
            if matches!(node.value, Value::Integer { .. }) {
                return decoder.known_integer(node, path).map(|code| vec![code]);
            }
            let mut codes = Vec::new();
            for (index, item) in decoder.items(node, path).iter().enumerate() {
                codes.extend(decoder.known_integer(item, &path.join(index)));
            }
            Some(codes)
        });
        codes.unwrap_or_else(|| if is_bash { vec![99] } else { Vec::new() })
    }
}

/// Returns what a container asks for that only newer engines can do: a task runs at once, without a plan that could say so.
fn beyond_tasks<F: Form>(options: &ContainerOptions<F>) -> Option<String> {
    for mount in options.volumes.iter().filter_map(F::known) {
        if let MountSource::Other { kind, .. } = &mount.source {
            return Some(format!("a mount of type {kind}"));
        }
        if let Some(key) = mount.options.keys().find(|key| !key.starts_with("x-")) {
            return Some(format!("{key} of a mount"));
        }
    }
    let Attachment::Networks(networks) = &options.attachment else {
        return None;
    };
    let mut keys = networks.values().flat_map(|endpoint| endpoint.more.keys());
    keys.find(|key| !key.starts_with("x-"))
        .map(|key| format!("{key} of a network"))
}
