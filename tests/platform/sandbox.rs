//! A copy of the reference platform in a folder and under a project name of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::docker;

/// The published ports are fixed, so there can be only one at a time; a fixed name lets the next test clear up after one that was killed.
const PROJECT: &str = "stackgen-test-platform";
const PASSWORDS: [(&str, &str); 3] = [
    ("POSTGRES_PASSWORD", "p@ss/word%of:postgres"),
    ("AIRFLOW_WEB_PASSWORD", "word-of-the-web-user"),
    ("AIRFLOW_SECRET_KEY", "key-of-the-web-server"),
];

/// `cargo test` runs the tests of a binary side by side; nextest has a group for them (.config/nextest.toml).
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a test that needs an engine, alone. Without an engine it fails, unless `STACKGEN_TEST_NO_DOCKER` says that this is meant.
pub(crate) fn with_docker(test: impl FnOnce()) {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    docker::docker(&["version"]);
    test();
}

/// The folder of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs stackgen in a folder.
pub(crate) fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
    command.args(words).current_dir(folder);
    for name in ["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"] {
        command.env_remove(name);
    }
    Output::of(&mut command)
}

/// How a program ended.
pub(crate) struct Output {
    pub(crate) words: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    fn of(command: &mut Command) -> Self {
        let words = format!("{command:?}");
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{words}: {error}"));
        Self {
            words,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the exit code is 0.
    pub(crate) fn succeeds(&self) {
        assert_eq!(self.code, 0, "{self}");
    }

    /// Returns the last line as JSON.
    pub(crate) fn last_line(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            words,
            code,
            stdout,
            stderr,
        } = self;
        write!(f, "{words} ended with {code}\n{stdout}\n{stderr}")
    }
}

/// The copy. What the engine has of it is removed with it.
pub(crate) struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// Makes the images unless they are there, and a copy of what the platform is made of.
    pub(crate) fn new() -> Self {
        docker::remove_all(PROJECT);
        let images = repository().join("examples/platform/images/build.sh");
        Output::of(&mut Command::new(images)).succeeds();
        let folder = tempfile::Builder::new()
            .prefix("platform-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a folder can be made");
        let sandbox = Self { folder };
        let tasks = sandbox.folder().join("examples/platform/tasks");
        std::fs::create_dir_all(&tasks).expect("a folder can be made");
        for file in ["stack.toml", "examples/platform/tasks/features.py"] {
            std::fs::copy(repository().join(file), sandbox.folder().join(file))
                .expect("a file can be copied");
        }
        let passwords = PASSWORDS
            .map(|(name, value)| format!("{name}={value}\n"))
            .concat();
        std::fs::write(sandbox.folder().join(".env"), passwords).expect("a file can be written");
        sandbox.edit("= \"data-platform\"", &format!("= \"{PROJECT}\""));
        sandbox
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn project(&self) -> &'static str {
        PROJECT
    }

    pub(crate) fn passwords(&self) -> [&'static str; 3] {
        PASSWORDS.map(|(_, value)| value)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder().join(file)).expect("a file can be read")
    }

    /// Replaces a text that stands once in stack.toml.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let text = self.read("stack.toml");
        assert_eq!(text.matches(old).count(), 1, "stack.toml has {old:?} once");
        std::fs::write(self.folder().join("stack.toml"), text.replace(old, new))
            .expect("a file can be written");
    }

    pub(crate) fn stackgen(&self, words: &[&str]) -> Output {
        run(self.folder(), words)
    }

    /// Runs another program in the folder, with what the hand-written compose file asks for in its environment.
    pub(crate) fn call(&self, program: &str, words: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        let mut command = Command::new(program);
        command
            .args(words)
            .current_dir(self.folder())
            .env("DOCKER_GID", "0");
        Output::of(&mut command)
    }

    pub(crate) fn listed(&self, kind: &str) -> Vec<String> {
        docker::listed(kind, PROJECT)
    }

    /// Returns what `docker inspect` says of the containers, by service.
    pub(crate) fn containers(&self) -> BTreeMap<String, Value> {
        docker::inspect(PROJECT)
    }

    /// Returns the volumes that nobody named: the engine made them because an image declares one.
    pub(crate) fn nameless_volumes(&self) -> Vec<String> {
        let containers = self.containers();
        let mounts = containers
            .values()
            .flat_map(|it| it["Mounts"].as_array().cloned().unwrap_or_default());
        mounts
            .filter_map(|mount| Some(mount["Name"].as_str()?.to_owned()))
            .filter(|name| name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit()))
            .collect()
    }

    /// Returns the ids of the containers by service.
    pub(crate) fn ids(&self) -> BTreeMap<String, String> {
        let id = |container: &Value| container["Id"].as_str().expect("an id is text").to_owned();
        self.containers()
            .iter()
            .map(|(service, container)| (service.clone(), id(container)))
            .collect()
    }

    pub(crate) fn container_id(&self, service: &str) -> String {
        self.ids()
            .remove(service)
            .unwrap_or_else(|| panic!("no container of {service}"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        docker::remove_all(PROJECT);
    }
}
