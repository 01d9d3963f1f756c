//! The projects of tests/corpus/projects, written as people write compose files: imported, checked, rendered, imported again, and compared
//! in meaning with what they were, by docker compose of both generations.

#![expect(
    clippy::disallowed_methods,
    reason = "it reads and writes files and runs programs"
)]

#[path = "support/peers.rs"]
mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use stackgen::compose::import::{ImportRequest, import};
use stackgen::compose::{
    ComposeGeneration, Host, beyond_engine, network_hash, service_hash, volume_hash,
};
use stackgen::load::{Request, compose_file};
use stackgen::model::with_causes;
use stackgen::reconcile::Project;
use stackgen::stackfile::{Concern, Selection, Severity};

/// So many there have to be.
const PROJECTS: usize = 60;

/// The names that Compose looks for in a folder, and those that it lays over them.
const FILES: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

/// Values for what the projects ask for without a default.
const VARIABLES: [(&str, &str); 5] = [
    ("AIRFLOW_SECRET_KEY", "b"),
    ("API_KEY", "key"),
    ("DOCKER_GID", "0"),
    ("GITLAB_HOME", "/srv/gitlab"),
    ("POSTGRES_PASSWORD", "a"),
];

#[test]
fn every_project_is_imported_without_a_mistake_and_its_rendered_file_means_the_same_stack() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut told = String::new();
    let projects = projects();
    for name in &projects {
        let same = |project: Prepared| project.same_again();
        if let Err(reason) = prepared(name, folder.path()).and_then(same) {
            writeln!(told, "{name}: {reason}").expect("a text can be written");
        }
    }
    assert!(told.is_empty(), "{told}");
    assert!(projects.len() >= PROJECTS, "{} projects", projects.len());
}

#[test]
fn every_project_comes_back_equal_by_docker_compose_2() {
    come_back_equal("docker-compose-2");
}

#[test]
fn every_project_comes_back_equal_by_docker_compose_5() {
    come_back_equal("docker-compose-5");
}

/// Not a test of anything, but a look at whether the corpus is like what people write.
#[test]
fn keys_are_about_as_frequent_as_in_real_files() {
    // In how many of a hundred files of the wild a key stands.
    const REAL: [(&str, usize); 28] = [
        ("image", 94),
        ("volumes", 74),
        ("environment", 70),
        ("restart", 59),
        ("ports", 55),
        ("version", 37),
        ("depends_on", 32),
        ("container_name", 29),
        ("healthcheck", 24),
        ("command", 24),
        ("networks", 18),
        ("labels", 11),
        ("user", 10),
        ("expose", 10),
        ("build", 8),
        ("network_mode", 7),
        ("stop_grace_period", 7),
        ("deploy", 6),
        ("hostname", 4),
        ("entrypoint", 4),
        ("env_file", 3),
        ("privileged", 3),
        ("cap_add", 2),
        ("links", 1),
        ("extends", 1),
        ("profiles", 1),
        ("sysctls", 1),
        ("secrets", 1),
    ];
    let projects = projects();
    let texts: Vec<String> = projects
        .iter()
        .map(|name| files_of(name).iter().map(|file| text(file)).collect())
        .collect();
    for (key, real) in REAL {
        let with = texts.iter().filter(|text| has_key(text, key)).count();
        println!(
            "{key:20} {:3} % here, {real:3} % in the wild",
            with * 100 / projects.len()
        );
        assert!(with > 0, "no project has {key}");
    }
}

/// Returns whether a key stands in a YAML text, roughly: in block or in flow style.
fn has_key(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let line = line.split(" #").next().unwrap_or_default();
        line.split(['{', ',']).any(|part| {
            let part = part.trim_start().trim_start_matches(['-', ' ', '"', '\'']);
            let rest = part.strip_prefix(key);
            rest.is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
        })
    })
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/projects")
}

/// Returns the names of the projects: files, and folders of several.
fn projects() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(corpus())
        .expect("there is a corpus")
        .map(|entry| entry.expect("it can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    names
}

/// Returns the compose files of a project, in order.
fn files_of(name: &str) -> Vec<PathBuf> {
    let path = corpus().join(name);
    if path.is_file() {
        return vec![path];
    }
    let files = FILES.iter().map(|file| path.join(file));
    files.filter(|file| file.is_file()).collect()
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A project in a folder of its own, imported and rendered.
struct Prepared {
    folder: PathBuf,
    stack: String,
    project: Project,
    rendered: String,
    /// The line for `config_diff.py --many`.
    pair: String,
}

fn prepared(name: &str, place: &Path) -> Result<Prepared, String> {
    let files = files_of(name);
    let from = corpus().join(name);
    let folder = place.join(name);
    if from.is_dir() {
        copy(&from, &folder);
    } else {
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::copy(&from, folder.join(name)).expect("it can be copied");
    }
    let names: Vec<PathBuf> = files
        .iter()
        .filter_map(|file| file.file_name().map(PathBuf::from))
        .collect();
    let stack = imported(&folder, &names)?;
    let project = opened(&folder, &stack)?;
    let rendered = compose_text(&project)?;
    std::fs::create_dir_all(folder.join("generated")).expect("a folder can be made");
    std::fs::write(folder.join("generated/docker-compose.yml"), &rendered).expect("it is written");
    let pair = serde_json::json!({
        "name": name,
        "a": names.iter().map(|file| folder.join(file).display().to_string()).collect::<Vec<_>>().join(","),
        "b": folder.join("generated/docker-compose.yml"),
        "project_directory": folder,
        "b_directory": folder.join("generated"),
        "env_file": existing(&folder, &[".env".to_owned()]),
        "b_env_file": existing(&folder, &env_files(&stack)),
    });
    Ok(Prepared {
        pair: pair.to_string(),
        folder,
        stack,
        project,
        rendered,
    })
}

impl Prepared {
    /// Imports what was rendered: it has to be the same stack, and the same file when it is rendered in turn.
    fn same_again(self) -> Result<(), String> {
        let mut again = imported(
            &self.folder,
            &[PathBuf::from("generated/docker-compose.yml")],
        )?;
        // Which env files there are is said by whoever runs compose with the file.
        let line = self
            .stack
            .lines()
            .find(|line| line.starts_with("env_files = "));
        if let Some(line) = line {
            again = again.replacen("[stack]\n", &format!("[stack]\n{line}\n"), 1);
        }
        let second = opened(&self.folder, &again)?;
        let (before, after) = (hashes(&self.project)?, hashes(&second)?);
        if before != after {
            let changed: Vec<&String> = before
                .iter()
                .filter(|(key, hash)| after.get(*key) != Some(*hash))
                .map(|(key, _)| key)
                .collect();
            return Err(format!(
                "other hashes: {changed:?}\n{}\n{again}",
                self.rendered
            ));
        }
        // Keys from a mixin stand before a service's own, and there are no mixins in a rendered file: the order of lines says nothing.
        let body = |text: &str| {
            let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        let (before, after) = (body(&self.rendered), body(&compose_text(&second)?));
        if before != after {
            let diff = similar::TextDiff::from_lines(&before, &after);
            return Err(format!("another file:\n{}", diff.unified_diff()));
        }
        Ok(())
    }
}

/// Returns the hashes of services that one generation of docker compose has for what was rendered.
fn composed_hashes(prepared: &Prepared, peer: &str) -> Result<BTreeMap<String, String>, String> {
    let mut command = Command::new(peers::peer(peer));
    for file in existing(&prepared.folder, &env_files(&prepared.stack)) {
        command.arg("--env-file").arg(file);
    }
    // Nothing else of this machine: a service may take any variable from whoever starts it, as `CI` without a value.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command
        .args(["--profile", "*", "-f", "generated/docker-compose.yml"])
        .args(["config", "--hash", "*"])
        .env_clear()
        .env("PATH", path)
        .envs(environment())
        .current_dir(&prepared.folder)
        .output()
        .expect("the peer runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = said.lines().filter_map(|line| line.split_once(' '));
    Ok(lines
        .map(|(service, hash)| (service.to_owned(), hash.to_owned()))
        .collect())
}

/// Compares our hash of every service with that of one generation of docker compose.
fn hashes_are_the_same(peer: &str, compose: ComposeGeneration) {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = std::fs::canonicalize(folder.path()).expect("it is there");
    let mut told = String::new();
    for name in projects() {
        // Compose gives ${COMPOSE_PROJECT_NAME} the project's name where nobody sets it; here it has its default.
        if name == "mailcow.yml" {
            continue;
        }
        let found = prepared(&name, &place).and_then(|it| {
            let theirs = composed_hashes(&it, peer)?;
            let stack = it.project.resolved().map_err(|error| error.to_string())?;
            let sockets = BTreeMap::new();
            let host = Host {
                sockets: &sockets,
                compose,
                salt: "",
            };
            let services = stack.services().iter();
            let others: Vec<String> = services
                // What cannot be applied gets no label.
                .filter(|(name, _)| beyond_engine(stack, name).is_empty())
                // `config` of 2.40 hashes before it reads env files and label files, and `up` after it.
                .filter(|(_, service)| {
                    let names_files = !service.container.env_file.is_empty()
                        || service.more.contains_key("label_file");
                    compose == ComposeGeneration::V5 || !names_files
                })
                .filter(|(name, service)| {
                    let ours = service_hash(stack, name, service, &host);
                    theirs.get(name.as_str()) != Some(&ours)
                })
                .map(|(name, _)| name.to_string())
                .collect();
            match others.as_slice() {
                [] => Ok(()),
                others => Err(format!("other hashes: {}", others.join(", "))),
            }
        });
        if let Err(reason) = found {
            writeln!(told, "{name}: {reason}").expect("a text can be written");
        }
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn every_service_has_the_hash_of_docker_compose_2() {
    hashes_are_the_same("docker-compose-2", ComposeGeneration::V2);
}

#[test]
fn every_service_has_the_hash_of_docker_compose_5() {
    hashes_are_the_same("docker-compose-5", ComposeGeneration::V5);
}

/// Returns Compose's own hashes, by both generations, of all that a stack has.
fn hashes(project: &Project) -> Result<BTreeMap<String, String>, String> {
    let stack = project.resolved().map_err(|error| error.to_string())?;
    let mut hashes = BTreeMap::new();
    for compose in [ComposeGeneration::V2, ComposeGeneration::V5] {
        let sockets = BTreeMap::new();
        let host = Host {
            sockets: &sockets,
            compose,
            salt: "",
        };
        for (name, service) in stack.services() {
            let hash = service_hash(stack, name, service, &host);
            hashes.insert(format!("service {name} {compose:?}"), hash);
        }
        for name in stack.networks().keys() {
            let hash = network_hash(stack, name, compose);
            hashes.insert(format!("network {name} {compose:?}"), hash);
        }
    }
    for name in stack.volumes().keys() {
        hashes.insert(format!("volume {name}"), volume_hash(stack, name));
    }
    Ok(hashes)
}

/// Returns stack.toml as imported from compose files. Everything has to come along: nothing becomes a comment.
fn imported(folder: &Path, files: &[PathBuf]) -> Result<String, String> {
    let request = ImportRequest {
        files: files.to_vec(),
        project: folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned()),
    };
    let mut read =
        |path: &Path| compose_file(&folder.join(path)).map_err(|error| with_causes(&error));
    let imported = import(&request, &mut read).map_err(|error| with_causes(&error))?;
    let warnings = imported.warnings_with(&BTreeMap::new());
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    if !warnings.is_empty() {
        return Err(warnings.join("\n"));
    }
    Ok(imported.write(&BTreeMap::new()).text)
}

/// Reads a stack.toml; an error in it is one here. Warnings are advice, and right in many of these files.
fn opened(folder: &Path, stack: &str) -> Result<Project, String> {
    std::fs::write(folder.join("stack.toml"), stack).expect("it is written");
    let request = Request {
        file: None,
        directory: folder.to_owned(),
        environment: environment(),
    };
    let project = Project::open(&request, &Selection::default()).map_err(|it| with_causes(&it))?;
    let errors: Vec<String> = project
        .diagnostics_for(Concern::Values)
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.message)
        .collect();
    if errors.is_empty() {
        Ok(project)
    } else {
        Err(format!("{}\n{stack}", errors.join("\n")))
    }
}

fn compose_text(project: &Project) -> Result<String, String> {
    let files = project.rendered().map_err(|error| with_causes(&error))?;
    let file = files
        .into_iter()
        .find(|file| file.path.ends_with("docker-compose.yml"));
    file.map(|file| file.text)
        .ok_or_else(|| "no compose file".to_owned())
}

fn environment() -> BTreeMap<String, String> {
    let home = ["HOME", "PWD"].map(|name| (name, "/home/user"));
    home.into_iter()
        .chain(VARIABLES)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Returns the env files that a stack.toml names, `.env` where it names none.
fn env_files(stack: &str) -> Vec<String> {
    let table: toml::Table = toml::from_str(stack).expect("what is read is TOML");
    match table["stack"].get("env_files").and_then(|it| it.as_array()) {
        Some(files) => files
            .iter()
            .filter_map(|file| file.as_str().map(str::to_owned))
            .collect(),
        None => vec![".env".to_owned()],
    }
}

fn existing(folder: &Path, files: &[String]) -> Vec<PathBuf> {
    let files = files.iter().map(|file| folder.join(file));
    files.filter(|file| file.is_file()).collect()
}

/// Compares every project with what was rendered of it, by one generation of docker compose.
fn come_back_equal(peer: &str) {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = std::fs::canonicalize(folder.path()).expect("it is there");
    let (lines, told): (Vec<_>, Vec<_>) = projects()
        .iter()
        .map(|name| prepared(name, &place).map_err(|reason| format!("{name}: {reason}")))
        .partition(Result::is_ok);
    let lines: Vec<String> = lines.into_iter().flatten().map(|it| it.pair).collect();
    let told: BTreeSet<String> = told.into_iter().filter_map(Result::err).collect();
    let pairs = place.join("pairs.jsonl");
    std::fs::write(&pairs, lines.join("\n") + "\n").expect("it is written");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/config_diff.py");
    let mut command = Command::new("python3");
    command.arg(script).arg("--many").arg(&pairs);
    command.arg("--compose").arg(peers::peer(peer));
    for name in ["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"] {
        command.env_remove(name);
    }
    let output = command
        .envs(environment())
        .current_dir(&place)
        .output()
        .expect("python3 can be run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = format!("{} pairs compared\n", lines.len());
    assert_eq!(said, all, "{complaints}");
    assert!(told.is_empty(), "{told:#?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("it can be copied");
        }
    }
}
