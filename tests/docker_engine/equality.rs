//! For every attribute of a service: containers that stackgen makes are those that `docker compose` makes of the rendered file, by both of
//! its generations. What differs on purpose stands with its reason in docs/differences.md, and nothing else may.

use crate::peers::peer;
use crate::support::{BUSYBOX, Project, block_device, ensure_busybox, is_left_out};
use globset::{Glob, GlobMatcher};
use serde_json::Value;
use stackgen::compose::{self, ComposeGeneration};
use stackgen::engine::docker::DockerEngine;
use stackgen::engine::{Engine, Performed};
use stackgen::exec::{self, ApplyOptions, Stop};
use stackgen::load;
use stackgen::model::{ProfileName, Resolved, Stack};
use stackgen::plan::{self, Action, Plan, PlanOptions};
use stackgen::stackfile::{Selection, language};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Attributes that no case has, each with the reason.
const EXCEPTIONS: [(&str, &str); 10] = [
    ("annotations", "take API 1.43; engine 20.10 has 1.41"),
    ("build", "makes an image and leaves the container as it is"),
    ("develop", "is for `docker compose watch` alone"),
    ("models", "are refused: a plugin of docker's serves them"),
    ("post_start", "runs beside the container's process"),
    ("pre_stop", "runs beside the container's process"),
    ("update", "is stackgen's own: how a change is carried out"),
    ("provider", "is refused: there is no container"),
    (
        "storage_opt",
        "is refused by the engine on most storage drivers",
    ),
    ("use_api_socket", "is refused: it hands out credentials"),
];

const VARIABLE: (&str, &str) = ("EQUALITY_SECRET", "between us");

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/equality")
}

fn case_text(name: &str) -> String {
    std::fs::read_to_string(cases().join(name)).unwrap()
}

/// A difference that is there on purpose, as docs/differences.md lists it.
struct Allowed {
    row: String,
    container: GlobMatcher,
    field: GlobMatcher,
}

fn glob(pattern: &str) -> GlobMatcher {
    Glob::new(pattern).unwrap().compile_matcher()
}

/// Reads the table of docs/differences.md: rows of `| what | fields | reason |`, with fields as `service: path`, several by `, `.
fn allowed() -> Vec<Allowed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/differences.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let fields = cells[1].split('`').skip(1).step_by(2);
        fields
            .map(|field| {
                let (container, field) = field.split_once(": ").unwrap();
                let row = row.to_owned();
                let (container, field) = (glob(container), glob(field));
                Allowed {
                    row,
                    container,
                    field,
                }
            })
            .collect::<Vec<_>>()
    })
    .collect()
}

/// A stack in a folder of its own, made once by stackgen and once by each Compose under the same name.
pub(crate) struct Case {
    project: Project,
    folder: tempfile::TempDir,
    engine: DockerEngine,
}

impl Case {
    fn new(name: &str) -> Self {
        let disk = block_device().unwrap_or_else(|| "/dev/null".to_owned());
        Self::of(&case_text(name).replace("DISK", &disk), "equal")
    }

    /// Makes a folder with the files of the cases beside this stack.toml, whose project is called NAME in it.
    pub(crate) fn of(text: &str, prefix: &str) -> Self {
        ensure_busybox();
        let project = Project::new(prefix);
        let folder = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(cases()).unwrap() {
            let from = file.unwrap().path();
            if from.extension().is_none_or(|it| it != "toml") {
                std::fs::copy(&from, folder.path().join(from.file_name().unwrap())).unwrap();
            }
        }
        std::fs::create_dir(folder.path().join("here")).unwrap();
        let text = text.replace("NAME", &project.name);
        let text = text.replace("busybox:1.36", BUSYBOX);
        std::fs::write(folder.path().join("stack.toml"), text).unwrap();
        let engine = DockerEngine::connect(None).unwrap();
        Self {
            project,
            folder,
            engine,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Reads the stack anew and writes its files.
    fn stack(&self) -> Arc<Stack<Resolved>> {
        let mut environment = load::process_environment();
        environment.insert(VARIABLE.0.to_owned(), VARIABLE.1.to_owned());
        let request = load::Request {
            file: Some(self.folder.path().join("stack.toml")),
            directory: self.folder.path().to_owned(),
            environment,
        };
        let selection = Selection {
            profiles: ["wanted", "debug"]
                .map(|it| ProfileName::new(it).unwrap())
                .into(),
            ..Selection::default()
        };
        let project = stackgen::reconcile::Project::open(&request, &selection).unwrap();
        let files = project.rendered().unwrap();
        project.write(&files).unwrap();
        Arc::clone(project.resolved().unwrap())
    }

    async fn plan(&self, stack: &Stack<Resolved>, compose: ComposeGeneration) -> Plan {
        let options = PlanOptions {
            salt: "salt".to_owned(),
            compose,
            ..PlanOptions::default()
        };
        let observed = self.engine.observe(&compose::scope(stack)).await.unwrap();
        let plan = plan::diff(stack, &observed, &options);
        let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
        assert!(blockers.is_empty(), "{blockers:?}");
        plan
    }

    /// Applies, and makes sure that nothing is left to do.
    pub(crate) async fn apply(&self, compose: ComposeGeneration) {
        let stack = self.stack();
        let plan = self.plan(&stack, compose).await;
        let (progress, mut events) = tokio::sync::mpsc::channel(64);
        let read = async { while events.recv().await.is_some() {} };
        let engine: Arc<dyn Engine> = Arc::new(self.engine.clone());
        let (options, stop) = (ApplyOptions::default(), Stop::default());
        let apply = exec::apply(engine, &plan, &options, progress, &stop);
        let report = tokio::join!(apply, read).0;
        assert!(report.is_success(), "{report:#?}");
        let again = self.plan(&stack, compose).await;
        assert!(again.is_empty(), "{again:#?}");
    }

    /// Makes everything and starts nothing.
    async fn create(&self, compose: ComposeGeneration) {
        let stack = self.stack();
        for step in self.plan(&stack, compose).await.steps {
            let is_start = matches!(
                step.action,
                Action::StartContainer { .. } | Action::Await { .. }
            );
            if !is_start {
                let done: Performed = self.engine.perform(&step.action).await.unwrap();
                drop(done);
            }
        }
    }

    fn compose(&self, name: &str, arguments: &[&str]) {
        let generated = self.folder.path().join("generated");
        let mut command = Command::new(peer(name));
        let values = generated.join(".env");
        if values.exists() {
            command.arg("--env-file").arg(values);
        }
        let output = command
            .arg("-f")
            .arg(generated.join("docker-compose.yml"))
            .args(["-p", &self.project.name, "--profile", "wanted"])
            .args(arguments)
            .env(VARIABLE.0, VARIABLE.1)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {said}");
    }

    /// Writes down what the project's containers are like, and removes them with all that is theirs.
    fn take(&self, file: &str) -> String {
        let file = self.folder.path().join(file).display().to_string();
        inspect_diff(&[&self.project.name, "--all-labels", "--save", &file]);
        self.project.clear();
        format!("@{file}")
    }
}

fn inspect_diff(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/inspect_diff.py");
    let output = Command::new("python3")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code().is_some_and(|code| code < 2), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Compares what stackgen makes of a case with what both generations make of it. Takes down the rows of the document that were needed,
/// and what no row allows.
async fn compare(
    name: &str,
    is_started: bool,
    needed: &mut BTreeSet<String>,
    told: &mut Vec<String>,
) {
    let case = Case::new(name);
    let allowed = allowed();
    for (program, compose) in [
        ("docker-compose-2", ComposeGeneration::V2),
        ("docker-compose-5", ComposeGeneration::V5),
    ] {
        match is_started {
            true => case.apply(compose).await,
            false => case.create(compose).await,
        }
        let ours = case.take("ours.json");
        match is_started {
            true => case.compose(program, &["up", "-d"]),
            false => case.compose(program, &["create"]),
        }
        let theirs = case.take("theirs.json");
        let found = inspect_diff(&[&ours, &theirs, "--all-labels", "--json"]);
        let found: Vec<Value> = serde_json::from_str(&found).unwrap();
        for difference in found {
            let at = difference["at"].as_str().unwrap();
            let (container, field) = at.split_once(": ").unwrap_or((at, ""));
            let mut rows = allowed
                .iter()
                .filter(|it| it.container.is_match(container) && it.field.is_match(field));
            match rows.next() {
                Some(row) => {
                    needed.insert(row.row.clone());
                }
                None => told.push(format!("{name}, {program}: {difference}")),
            }
        }
    }
}

#[tokio::test]
async fn containers_are_those_of_docker_compose() {
    if is_left_out("equality") {
        return;
    }
    let (mut needed, mut told) = (BTreeSet::new(), Vec::new());
    for (name, is_started) in [
        ("running.toml", true),
        ("shared.toml", true),
        ("created.toml", false),
    ] {
        compare(name, is_started, &mut needed, &mut told).await;
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    let listed: BTreeSet<String> = allowed().into_iter().map(|it| it.row).collect();
    let idle: Vec<&String> = listed.difference(&needed).collect();
    assert!(idle.is_empty(), "no longer a difference: {idle:#?}");
}

#[test]
fn every_attribute_of_a_service_is_in_a_case_or_excepted_with_a_reason() {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for name in ["running.toml", "shared.toml", "created.toml"] {
        let table: toml::Table = case_text(name).parse().unwrap();
        let services = table["services"].as_table().unwrap();
        let services = services.values().filter_map(toml::Value::as_table);
        used.extend(services.flat_map(|service| service.keys().cloned()));
    }
    let excepted: BTreeMap<&str, &str> = EXCEPTIONS.into();
    for field in language::SERVICE.fields() {
        let is_used = used.contains(field.key);
        let reason = excepted.get(field.key);
        assert!(
            is_used != reason.is_some(),
            "{} is in a case: {is_used}; excepted: {reason:?}",
            field.key
        );
    }
    let known: BTreeSet<&str> = language::SERVICE.fields().map(|field| field.key).collect();
    assert!(excepted.keys().all(|key| known.contains(key)));
}
