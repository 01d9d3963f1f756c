//! Runs the binary in a folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with files, and no engine within reach.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new(stack: &str) -> Self {
        let made = Self::empty();
        made.write("stack.toml", stack);
        made
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("no-such.sock");
        let host = format!("unix://{}", socket.display());
        Self {
            folder,
            environment: BTreeMap::from([("DOCKER_HOST".to_owned(), host)]),
        }
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(path, text).expect("it is written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect(name)
    }

    /// Returns every path in the folder.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("it runs");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Ran {
    /// Returns itself if it ended with `code`.
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }
}

/// A stack without mistakes, with an engine's work and without.
pub(crate) const GOOD: &str = r#"
[stack]
name = "good"

[services.web]
image = "busybox:1.36"
command = ["sleep", "infinity"]

[services.job]
image = "busybox:1.36"
depends_on = { web = "started" }
oneshot = true

[dags.local]
schedule = "30 1 * * *"
timezone = "UTC"
[dags.local.tasks.first]
bash = "echo first of {{ run_id }}"
[dags.local.tasks.second]
after = ["first"]
bash = "echo second"

[dags.broken.tasks.fails]
bash = "echo so it goes; exit 7"
[dags.broken.tasks.never]
after = ["fails"]
bash = "echo never"
[dags.broken.tasks.other]
bash = "true"
"#;
