//! From text to a stack, to files, and back from the files to a stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use stackgen::compose::import::{ImportRequest, import};
use stackgen::model::*;
use stackgen::render::{Generated, RenderRequest, render};
use stackgen::stackfile::{Reading, Selection, read};

use crate::layers::{OVERLAY, in_layers};
use crate::texts::ENVIRONMENT;
use crate::tree::Tree;

/// What can go wrong with a stack.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The text is not read, though it should be.
    Read(String),
    /// A rendered file is not read back.
    Back(String),
    /// What is read back is something else.
    Other(String),
}

impl Failure {
    /// Returns whether both are of one kind; mistakes also have to say the same, but for names.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read(one), Self::Read(other)) => {
                one.split(' ').next_back() == other.split(' ').next_back()
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(told) => write!(f, "is not read: {told}"),
            Self::Back(told) => write!(f, "is not read back: {told}"),
            Self::Other(told) => write!(f, "comes back as another one: {told}"),
        }
    }
}

/// Env files that services name.
const ENV_FILES: [(&str, &str); 3] = [
    ("first.env", "FROM_FILE=1\nWORD=other\n"),
    (
        "second.env",
        "FROM_FILE='two # words'\nexport MORE=\"${WORD}\"\n",
    ),
    ("odd name#.env", "RAW='kept'\n"),
];

/// Label files that services name.
const LABEL_FILES: [(&str, &str); 1] = [("some.labels", "from.file=x\n")];

/// Reads the text of a stack.toml in this folder.
fn reading(text: &str, folder: &Path, selection: &Selection) -> Reading {
    let mut files = vec![SourceFile {
        path: PathBuf::from("stack.toml"),
        role: FileRole::Main,
        text: Some(text.into()),
    }];
    let named = ENV_FILES.map(|file| (file, FileRole::ServiceEnv));
    let labels = LABEL_FILES.map(|file| (file, FileRole::ServiceFile));
    for ((name, text), role) in named.into_iter().chain(labels) {
        // As it is named from stack.toml, and from a folder two below.
        files.extend(["", "../../"].map(|way| SourceFile {
            path: PathBuf::from(format!("{way}{name}")),
            role,
            text: Some(text.into()),
        }));
    }
    let environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let sources = Sources {
        folder: folder.to_owned(),
        files,
        environment: environment.into(),
    };
    read(&sources, selection)
}

/// Both forms of a stack.
pub struct Both {
    pub template: Stack<Template>,
    pub resolved: Stack<Resolved>,
}

fn both(text: &str, folder: &str) -> Result<Both, String> {
    both_with(text, folder, &Selection::default())
}

fn both_with(text: &str, folder: &str, selection: &Selection) -> Result<Both, String> {
    let reading = reading(text, Path::new(folder), selection);
    match (reading.template, reading.resolved) {
        (Some(template), Some(resolved)) => Ok(Both { template, resolved }),
        _ => {
            let told = reading.diagnostics.iter().filter(|it| it.is_error());
            let told: Vec<&str> = told.map(|it| it.message.as_str()).collect();
            Err(told.join("\n"))
        }
    }
}

/// Reads a tree as stack.toml in `/srv/shop`.
pub fn stack_of(tree: &Tree) -> Result<Both, Failure> {
    both(&tree.to_toml(), "/srv/shop").map_err(Failure::Read)
}

/// Checks that a stack means the same when its values are spread over all kinds of layers.
pub fn check_layers(tree: &Tree, seed: u64) -> Result<(), Failure> {
    let first = stack_of(tree)?;
    let text = in_layers(tree, seed).to_toml();
    let selection = Selection {
        overlays: vec![OVERLAY.to_owned()],
        ..Selection::default()
    };
    let second = both_with(&text, "/srv/shop", &selection)
        .map_err(|told| Failure::Back(format!("{told}\n{text}")))?;
    same(
        "the template",
        first.template.parts(),
        second.template.parts(),
    )
    .and_then(|()| same("the stack", first.resolved.parts(), second.resolved.parts()))
    .map_err(|failure| more(failure, &text))
}

/// Renders the files of a stack.
pub fn files_of(stack: &Stack<Template>) -> Vec<Generated> {
    let request = RenderRequest {
        source: "stack.toml".to_owned(),
        digest: "0123".to_owned(),
        env_files: Vec::new(),
        output: "generated".into(),
        templates: BTreeMap::new(),
    };
    render(&Arc::new(stack.clone()), &request).expect("what is read can be rendered")
}

/// Returns the text of a rendered file by the end of its path.
pub fn file<'f>(files: &'f [Generated], end: &str) -> &'f str {
    let mut files = files.iter();
    let file = files.find(|file| file.path.ends_with(end));
    &file.expect("it is rendered").text
}

/// Checks that a stack survives: text to model, to files, and from each file back to the same model.
pub fn check(tree: &Tree) -> Result<(), Failure> {
    let first = stack_of(tree)?;
    let files = files_of(&first.template);
    compose_file(&first, file(&files, "docker-compose.yml"))?;
    task_files(tree, &first, &files)
}

/// The compose file becomes a stack.toml by import, and that the same stack.
fn compose_file(first: &Both, yaml: &str) -> Result<(), Failure> {
    let parsed: Value =
        serde_saphyr::from_str(yaml).map_err(|error| Failure::Back(format!("{error}\n{yaml}")))?;
    let names = first.template.services().keys().map(ServiceName::as_str);
    let found = parsed["services"].as_object().into_iter().flatten();
    let found: Vec<&str> = found.map(|(name, _)| name.as_str()).collect();
    same(
        "the services of the file",
        &names.collect::<Vec<_>>(),
        &found,
    )?;
    let request = ImportRequest {
        files: vec!["generated/docker-compose.yml".into()],
        project: None,
    };
    let imported = import(&request, &mut |_| Ok(yaml.to_owned()))
        .map_err(|error| Failure::Back(format!("{error}\n{yaml}")))?;
    let warnings: Vec<&str> = imported
        .warnings
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    same("warnings of the import", &Vec::new(), &warnings)?;
    let text = imported.write(&BTreeMap::new()).text;
    let second = both(&text, "/srv/shop")
        .map_err(|told| Failure::Back(format!("{told}\n{text}\n{yaml}")))?;
    let again = files_of(&second.template);
    let again = file(&again, "docker-compose.yml");
    if lines(yaml) != lines(again) {
        let again: Value =
            serde_saphyr::from_str(again).map_err(|error| Failure::Back(error.to_string()))?;
        same("the file, rendered from what it became", &parsed, &again)
            .map_err(|failure| more(failure, &text))?;
    }
    compare(first, &second).map_err(|failure| more(failure, &format!("{text}\n{yaml}")))
}

fn more(failure: Failure, text: &str) -> Failure {
    match failure {
        Failure::Other(told) => Failure::Other(format!("{told}\n{text}")),
        other => other,
    }
}

/// Returns the lines in an order of their own: keys may change places. What differs in more than that is parsed.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), Failure> {
    if one == other {
        return Ok(());
    }
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let diff = similar::TextDiff::from_lines(&one, &other);
    Err(Failure::Other(format!("{what}:\n{}", diff.unified_diff())))
}

/// Compares what a compose file can hold.
fn compare(first: &Both, second: &Both) -> Result<(), Failure> {
    let (one, other) = (first.resolved.parts(), second.resolved.parts());
    same("name", &one.name, &other.name)?;
    for (name, service) in &one.services {
        let mut service = service.clone();
        without_sockets(&first.resolved, &mut service.container);
        let mut found = other.services[name].clone();
        for service in [&mut service, &mut found] {
            // Compose has no word for it.
            service.lifecycle = Lifecycle::Daemon;
            in_one_way(&mut service.container, "/srv/shop");
        }
        same(&format!("services.{name}"), &service, &found)?;
    }
    same("networks", &one.networks, &other.networks)?;
    same("volumes", &one.volumes, &other.volumes)?;
    same("configs", &one.configs, &other.configs)?;
    same("secrets", &one.secrets, &other.secrets)?;
    same("other tables", &one.more, &other.more)
}

/// Returns a path of the host without `.` and `..`.
fn absolute(path: &str, folder: &str) -> String {
    let mut clean = PathBuf::new();
    if path.starts_with('~') {
        return path.to_owned();
    }
    for part in Path::new(folder).join(path).components() {
        match part {
            std::path::Component::ParentDir => drop(clean.pop()),
            std::path::Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean.to_string_lossy().into_owned()
}

/// Writes in one way what means the same in two.
fn in_one_way(options: &mut ContainerOptions<Resolved>, folder: &str) {
    for file in &mut options.env_file {
        file.path = absolute(&file.path, folder);
    }
    let is_empty =
        |logging: &Logging<Resolved>| logging.driver.is_none() && logging.options.is_empty();
    options.logging.take_if(|logging| is_empty(logging));
    let nothing = Healthcheck::<Resolved> {
        test: None,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
        disable: false,
        more: Default::default(),
    };
    options.healthcheck.take_if(|check| **check == nothing);
    for port in &mut options.ports {
        port.mode.get_or_insert_with(|| "ingress".to_owned());
    }
    for device in &mut options.devices {
        let parts: Vec<&str> = device.split(':').collect();
        *device = match parts.as_slice() {
            [one] => format!("{one}:{one}:rwm"),
            [one, other] => format!("{one}:{other}:rwm"),
            _ => device.clone(),
        };
    }
}

/// Puts mounts and groups in the place of granted sockets, as a file has them that knows of none.
fn without_sockets(stack: &Stack<Resolved>, options: &mut ContainerOptions<Resolved>) {
    for name in std::mem::take(&mut options.sockets) {
        let socket = &stack.sockets()[&name];
        let path = socket.path.to_string_lossy().into_owned();
        let target = stackgen::compose::socket_target(socket);
        options.volumes.push(Mount {
            target,
            read_only: false,
            source: MountSource::Bind {
                path: if socket.optional {
                    "/dev/null".to_owned()
                } else {
                    path
                },
                create_host_path: Some(false),
                propagation: None,
                selinux: None,
            },
            options: Default::default(),
            more: Default::default(),
        });
        if socket.grant == Grant::Group {
            options.group_add.push("0".to_owned());
        }
    }
}

/// What `tasks/NAME.json` says is a DAG of stack.toml again: the same one. Its paths are told from its own folder.
fn task_files(tree: &Tree, first: &Both, files: &[Generated]) -> Result<(), Failure> {
    let Some(Tree::Table(dags)) = tree.get("dags") else {
        return Ok(());
    };
    let mut back = tree.clone();
    for service in back
        .get_mut("services")
        .into_iter()
        .flat_map(Tree::values_mut)
    {
        // Services are here for tasks to refer to, and their env files are in another folder.
        service.remove("env_file");
    }
    for (name, _) in dags {
        let json = file(files, &format!("tasks/{name}.json"));
        let parsed: Value =
            serde_json::from_str(json).map_err(|error| Failure::Back(error.to_string()))?;
        let made = dag_of(&parsed);
        if let Some(dag) = back.get_mut("dags").and_then(|dags| dags.get_mut(name)) {
            *dag = made;
        }
    }
    let text = back.to_toml();
    let second = both(&text, "/srv/shop/generated/tasks")
        .map_err(|told| Failure::Back(format!("{told}\n{text}")))?;
    for (name, dag) in first.resolved.dags() {
        let mut dag = dag.clone();
        for task in dag.tasks.values_mut() {
            if let TaskKind::Docker(options) = &mut task.kind {
                without_sockets(&first.resolved, options);
            }
        }
        let mut found = second.resolved.dags()[name].clone();
        for (dag, folder) in [
            (&mut dag, "/srv/shop"),
            (&mut found, "/srv/shop/generated/tasks"),
        ] {
            for task in dag.tasks.values_mut() {
                match &mut task.kind {
                    TaskKind::Docker(options) => in_one_way(options, folder),
                    TaskKind::Bash(BashTask { cwd: Some(cwd), .. }) => *cwd = absolute(cwd, folder),
                    _ => {}
                }
            }
        }
        same(&format!("dags.{name}"), &dag, &found)?;
    }
    Ok(())
}

fn dag_of(file: &Value) -> Tree {
    let mut definition = file["definition"].clone();
    // These are for people, and no variable is sought in them.
    for text in ["description", "tags"] {
        double(&mut definition[text]);
    }
    let mut dag = Tree::from_json(&definition);
    if let Tree::Table(entries) = &mut dag {
        entries.retain(|(_, value)| *value != Tree::Null);
    }
    let mut tasks = Vec::new();
    for task in file["tasks"].as_array().into_iter().flatten() {
        let mut entries = task.as_object().unwrap().clone();
        let name = entries.shift_remove("task").unwrap();
        double(&mut entries["owner"]);
        let task = Tree::from_json(&Value::Object(entries));
        tasks.push((name.as_str().unwrap().to_owned(), task));
    }
    dag.put("tasks", Tree::Table(tasks));
    dag
}

/// Doubles the dollars of a text, or of each text of a list.
fn double(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Array(items) => items.iter_mut().for_each(double),
        _ => {}
    }
}
