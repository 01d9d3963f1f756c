//! One task as an operator with its arguments.

use minijinja::Value;
use minijinja::value::Serde;

use crate::model::{
    Attachment, BashTask, ContainerOptions, ExecTask, HttpBody, HttpTask, NetworkName, Stack, Task,
    TaskKind, TaskName, Template, Templated,
};
use crate::render::python;
use crate::render::template_text::Rebase;
use crate::render::view::container::container;
use crate::render::view::map::MapBuilder;

use super::expression::{Scribe, is_secret};
use super::storage::{files, host_path, mounts};

/// Keyword arguments in order.
#[derive(Debug, Default)]
pub(super) struct Arguments(Vec<(String, Value)>);

impl Arguments {
    pub(super) fn put(&mut self, key: &str, value: Value) {
        self.0.push((key.to_owned(), value));
    }

    fn put_some(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the arguments as a list of pairs.
    pub(super) fn into_value(self) -> Value {
        let pairs = self
            .0
            .into_iter()
            .map(|(key, value)| Value::from(vec![Value::from(key), value]));
        Value::from(pairs.collect::<Vec<_>>())
    }
}

/// A task as an operator.
#[derive(Debug)]
pub(super) struct Made {
    /// The class.
    pub(super) operator: &'static str,
    /// Its arguments.
    pub(super) arguments: Arguments,
    /// What Airflow does not do.
    pub(super) notes: Vec<String>,
}

/// Returns a task as an operator.
pub(super) fn task_arguments(
    stack: &Stack<Template>,
    name: &TaskName,
    task: &Task<Template>,
    scribe: &mut Scribe,
) -> Made {
    let mut arguments = Arguments::default();
    arguments.put("task_id", Value::from(name.as_str()));
    let mut notes = Vec::new();
    let operator = match &task.kind {
        TaskKind::Docker(options) => {
            notes = docker(&mut arguments, stack, options, scribe);
            put_skip(&mut arguments, &task.skip_on_exit_code);
            "StackContainer"
        }
        TaskKind::Exec(exec) => {
            exec_arguments(&mut arguments, exec, &task.skip_on_exit_code, scribe);
            "PythonOperator"
        }
        TaskKind::Bash(bash) => {
            bash_arguments(&mut arguments, bash, scribe);
            arguments.put(
                "skip_on_exit_code",
                Value::from(task.skip_on_exit_code.clone()),
            );
            "StackBash"
        }
        TaskKind::Http(http) => {
            http_arguments(&mut arguments, http, scribe);
            "StackBash"
        }
    };
    if !task.needs.is_empty() {
        let needs: Vec<String> = task
            .needs
            .iter()
            .map(|(service, condition)| format!("{service} {condition}"))
            .collect();
        notes.push(format!("needs {}", needs.join(", ")));
    }
    Made {
        operator,
        arguments,
        notes,
    }
}

fn put_skip(arguments: &mut Arguments, codes: &[i64]) {
    if !codes.is_empty() {
        arguments.put("skip_on_exit_code", Value::from(codes.to_vec()));
    }
}

/// Attributes that DockerOperator takes, or that mean nothing to a container that ends by itself.
const CARRIED: [&str; 24] = [
    "image",
    "command",
    "entrypoint",
    "environment",
    "user",
    "working_dir",
    "hostname",
    "volumes",
    "networks",
    "network_mode",
    "secrets",
    "configs",
    "privileged",
    "cap_add",
    "mem_limit",
    "tty",
    "dns",
    "dns_search",
    "labels",
    "pull_policy",
    "restart",
    "init",
    "shm_size",
    "ipc",
];

fn docker(
    arguments: &mut Arguments,
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    scribe: &mut Scribe,
) -> Vec<String> {
    process(arguments, options, scribe);
    let mounts = mounts(stack, options, scribe);
    if !mounts.is_empty() {
        arguments.put("mounts", Value::from(mounts));
    }
    let files = files(stack, options, scribe);
    if !files.is_empty() {
        arguments.put("files", Value::from(files));
    }
    let (network, mut notes) = network(stack, options, scribe);
    arguments.put_some("network_mode", network);
    resources(arguments, options, scribe);
    for (key, value) in [("auto_remove", "success"), ("docker_url", "")] {
        match value {
            "" => arguments.put(key, python::expression("DOCKER_URL".to_owned())),
            value => arguments.put(key, Value::from(value)),
        }
    }
    arguments.put("mount_tmp_dir", Value::from(false));
    notes.extend(left_out(stack, options));
    notes
}

/// Names the attributes that DockerOperator has no argument for.
fn left_out(stack: &Stack<Template>, options: &ContainerOptions<Template>) -> Option<String> {
    let mut map = MapBuilder::default();
    container(&mut map, stack, options, &Rebase::new("".as_ref()));
    let serde_json::Value::Object(map) = map.finish() else {
        return None;
    };
    let left: Vec<&str> = map
        .keys()
        .map(String::as_str)
        .filter(|key| !CARRIED.contains(key))
        .collect();
    (!left.is_empty()).then(|| format!("DockerOperator cannot do: {}", left.join(", ")))
}

fn process(arguments: &mut Arguments, options: &ContainerOptions<Template>, scribe: &mut Scribe) {
    if let Some(image) = &options.image {
        let image = match image {
            Templated::Literal(image) => Templated::Literal(image.as_str().to_owned()),
            Templated::Raw(raw) => Templated::Raw(raw.clone()),
        };
        arguments.put("image", scribe.text(&image, true));
    }
    let entrypoint = options.entrypoint.as_ref();
    arguments.put_some(
        "entrypoint",
        entrypoint.map(|words| scribe.words(words, false)),
    );
    let command = options.command.as_ref();
    arguments.put_some("command", command.map(|words| scribe.words(words, true)));
    environment(arguments, options, scribe);
    for (key, value) in [
        ("user", &options.user),
        ("working_dir", &options.working_dir),
        ("hostname", &options.hostname),
    ] {
        arguments.put_some(key, value.as_ref().map(|value| scribe.text(value, false)));
    }
}

/// What is secret by name goes into `private_environment`, which Airflow neither shows nor stores.
fn environment(
    arguments: &mut Arguments,
    options: &ContainerOptions<Template>,
    scribe: &mut Scribe,
) {
    let mut open = Vec::new();
    let mut private = Vec::new();
    for (key, value) in &options.environment {
        match value {
            Some(value) if is_secret(key, value) => {
                private.push((key.clone(), scribe.text(value, false)));
            }
            Some(value) => open.push((key.clone(), scribe.text(value, true))),
            None => {
                scribe.needs.insert(key.clone());
                let code = format!("os.environ.get({}, \"\")", python::string(key));
                private.push((key.clone(), python::expression(code)));
            }
        }
    }
    for (key, entries) in [("environment", open), ("private_environment", private)] {
        if !entries.is_empty() {
            arguments.put(key, Value::from_pairs(entries));
        }
    }
}

fn network(
    stack: &Stack<Template>,
    options: &ContainerOptions<Template>,
    scribe: &mut Scribe,
) -> (Option<Value>, Vec<String>) {
    let networks = match &options.attachment {
        Attachment::Mode(mode) => return (Some(scribe.text(mode, false)), Vec::new()),
        Attachment::Networks(networks) => networks,
    };
    let main = networks
        .iter()
        .min_by_key(|(key, endpoint)| (std::cmp::Reverse(endpoint.priority), *key))
        .map(|(key, _)| key);
    let others: Vec<&str> = networks
        .keys()
        .filter(|key| Some(*key) != main)
        .map(NetworkName::as_str)
        .collect();
    let note = (!others.is_empty()).then(|| {
        format!(
            "DockerOperator joins one network, so not {}",
            others.join(", ")
        )
    });
    let main = main.map(|key| network_name(stack, key, scribe));
    (main, note.into_iter().collect())
}

fn network_name(stack: &Stack<Template>, key: &NetworkName, scribe: &mut Scribe) -> Value {
    match stack.networks().get(key) {
        Some(network) => match &network.name {
            Some(name) => scribe.text(name, false),
            None => name_at_engine(stack, key.as_str(), &network.external, scribe),
        },
        None => Value::from(format!("{}_{key}", stack.name())),
    }
}

/// Returns the name of a network or volume that has none of its own: the key alone where it is external.
pub(super) fn name_at_engine(
    stack: &Stack<Template>,
    key: &str,
    external: &Templated<bool>,
    scribe: &mut Scribe,
) -> Value {
    let ours = format!("{}_{key}", stack.name());
    match external {
        Templated::Literal(true) => Value::from(key),
        Templated::Literal(false) => Value::from(ours),
        Templated::Raw(text) => python::expression(format!(
            "({} if {} == \"true\" else {})",
            python::string(key),
            scribe.code(text, false),
            python::string(&ours),
        )),
    }
}

fn resources(arguments: &mut Arguments, options: &ContainerOptions<Template>, scribe: &mut Scribe) {
    let memory = options
        .limits
        .as_ref()
        .and_then(|limits| limits.memory.as_ref());
    arguments.put_some(
        "mem_limit",
        memory.map(|value| scribe.typed(value, |bytes| Value::from(bytes.0))),
    );
    let shm = options.shm_size.as_ref();
    arguments.put_some(
        "shm_size",
        shm.map(|value| scribe.typed(value, |bytes| Value::from(bytes.0))),
    );
    for (key, flag) in [("privileged", &options.privileged), ("tty", &options.tty)] {
        if let Some(Templated::Literal(true)) = flag {
            arguments.put(key, Value::from(true));
        }
    }
    let ipc = options.ipc.as_ref();
    arguments.put_some("ipc_mode", ipc.map(|value| scribe.text(value, false)));
    for (key, list) in [
        ("cap_add", &options.cap_add),
        ("dns", &options.dns),
        ("dns_search", &options.dns_search),
    ] {
        if !list.is_empty() {
            let items: Vec<Value> = list.iter().map(|item| scribe.text(item, false)).collect();
            arguments.put(key, Value::from(items));
        }
    }
    if !options.labels.is_empty() {
        let labels: Vec<(String, Value)> = options
            .labels
            .iter()
            .map(|(key, value)| (key.clone(), scribe.text(value, false)))
            .collect();
        arguments.put("labels", Value::from_pairs(labels));
    }
    if let Some(Templated::Literal(policy)) = &options.pull_policy
        && policy == "always"
    {
        arguments.put("force_pull", Value::from(true));
    }
}

fn exec_arguments(
    arguments: &mut Arguments,
    exec: &ExecTask<Template>,
    skip: &[i64],
    scribe: &mut Scribe,
) {
    arguments.put(
        "python_callable",
        python::expression("exec_in_service".to_owned()),
    );
    let mut call = vec![
        ("service".to_owned(), Value::from(exec.service.as_str())),
        ("command".to_owned(), scribe.words(&exec.command, true)),
    ];
    if !exec.environment.is_empty() {
        let mut entries: Vec<(String, Value)> = Vec::new();
        for (key, value) in &exec.environment {
            let value = match value {
                Some(value) => scribe.text(value, true),
                None => Value::from(()),
            };
            entries.push((key.clone(), value));
        }
        call.push(("environment".to_owned(), Value::from_pairs(entries)));
    }
    for (key, value) in [("user", &exec.user), ("workdir", &exec.working_dir)] {
        if let Some(value) = value {
            call.push((key.to_owned(), scribe.text(value, true)));
        }
    }
    if !skip.is_empty() {
        call.push(("skip_on_exit_code".to_owned(), Value::from(Serde(skip))));
    }
    arguments.put("op_kwargs", Value::from_pairs(call));
}

fn bash_arguments(arguments: &mut Arguments, bash: &BashTask<Template>, scribe: &mut Scribe) {
    arguments.put("bash_command", scribe.text(&bash.command, true));
    if !bash.env.is_empty() {
        let entries: Vec<(String, Value)> = bash
            .env
            .iter()
            .map(|(key, value)| (key.clone(), scribe.text(value, true)))
            .collect();
        arguments.put("env", Value::from_pairs(entries));
        arguments.put("append_env", Value::from(true));
    }
    if let Some(cwd) = &bash.cwd {
        arguments.put("cwd", host_path(cwd, scribe));
    }
}

/// curl gets everything by variables, so that nothing of the request is ever read by the shell.
fn http_arguments(arguments: &mut Arguments, http: &HttpTask<Template>, scribe: &mut Scribe) {
    let mut env = vec![
        ("STACKGEN_URL".to_owned(), scribe.text(&http.url, true)),
        (
            "STACKGEN_METHOD".to_owned(),
            scribe.text(&http.method, true),
        ),
    ];
    let mut words = String::new();
    let has_type = |name: &String| name.eq_ignore_ascii_case("content-type");
    if matches!(http.body, Some(HttpBody::Json(_))) && !http.headers.keys().any(has_type) {
        words.push_str(" --header 'Content-Type: application/json'");
    }
    for (index, (name, value)) in http.headers.iter().enumerate() {
        let variable = format!("STACKGEN_HEADER_{index}");
        words.push_str(&format!(" --header \"${variable}\""));
        let value = python::literal(&scribe.text(value, true)).unwrap_or_default();
        let code = format!("{} + {value}", python::string(&format!("{name}: ")));
        env.push((variable, python::expression(code)));
    }
    if let Some(body) = &http.body {
        words.push_str(" --data-binary \"$STACKGEN_BODY\"");
        let body = match body {
            HttpBody::Text(text) => scribe.text(text, true),
            HttpBody::Json(json) => {
                let code = python::literal(&scribe.json(json, true)).unwrap_or_default();
                python::expression(format!("json.dumps({code})"))
            }
        };
        env.push(("STACKGEN_BODY".to_owned(), body));
    }
    let timeout = http.timeout.as_secs().max(1);
    let expected: Vec<String> = http.expect.iter().map(ToString::to_string).collect();
    let expected = if expected.is_empty() {
        "2??".to_owned()
    } else {
        expected.join("|")
    };
    let command = format!(
        "answer=$(mktemp) && trap 'rm -f \"$answer\"' EXIT\n\
         status=$(curl --silent --show-error --max-time {timeout} --request \"$STACKGEN_METHOD\"{words} \
         --output \"$answer\" --write-out '%{{http_code}}' \"$STACKGEN_URL\") || exit 1\n\
         cat \"$answer\"\n\
         echo\n\
         case \"$status\" in {expected}) ;; *) echo \"status $status\" >&2; exit 1 ;; esac"
    );
    arguments.put("bash_command", Value::from(command));
    arguments.put("env", Value::from_pairs(env));
    arguments.put("append_env", Value::from(true));
}
