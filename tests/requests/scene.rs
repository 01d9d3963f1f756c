//! One test's folder, project and log of requests.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::request_log::{Request, RequestLog, all_ours};
use crate::support::{Project, docker, ensure_busybox, is_left_out};

/// A stack in a folder of its own, and whoever works on it pointed at the log.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) project: Project,
    pub(crate) log: RequestLog,
    /// Every id that [`Scene::ids`] has found, with the volumes that nobody named.
    known: RefCell<BTreeSet<String>>,
}

impl Scene {
    /// Writes `text` as stack.toml, `NAME` in it being the project's name. `None` where tests against an engine are left out on purpose.
    pub(crate) fn new(test: &str, text: &str) -> Option<Self> {
        if is_left_out(test) {
            return None;
        }
        ensure_busybox();
        let scene = Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
            project: Project::new(&format!("requests-{test}")),
            log: RequestLog::new(),
            known: RefCell::default(),
        };
        scene.write("stack.toml", text);
        Some(scene)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let text = text.replace("NAME", &self.project.name);
        std::fs::write(self.folder.path().join(name), text).expect("the folder can be written to");
    }

    /// Runs stackgen before the log, and returns what it sent.
    pub(crate) fn stackgen(&self, words: &[&str]) -> Vec<Request> {
        self.run(Path::new(env!("CARGO_BIN_EXE_stackgen")), words);
        self.log.take()
    }

    /// Runs a docker compose on the rendered file before the log, and returns what it sent.
    pub(crate) fn compose(&self, peer: &Path, words: &[&str]) -> Vec<Request> {
        self.run_compose(peer, words);
        self.log.take()
    }

    /// As [`Scene::compose`], for what it prints.
    pub(crate) fn run_compose(&self, peer: &Path, words: &[&str]) -> String {
        let file = ["-f", "generated/docker-compose.yml"];
        let output = self.run(peer, &[&file, words].concat());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a program in the folder; it has to succeed.
    pub(crate) fn run(&self, program: &Path, words: &[&str]) -> Output {
        let output = Command::new(program)
            .args(words)
            .current_dir(self.folder.path())
            .env("DOCKER_HOST", self.log.address())
            // What is installed there as a plugin is the Compose of this machine.
            .env("DOCKER_CONFIG", self.folder.path().join("docker"))
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let told = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{words:?}: {told}");
        output
    }

    /// Returns the ids of the project's containers and networks and the names of its volumes.
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        let label = format!("label=com.docker.compose.project={}", self.project.name);
        let list = |words: &[&str]| printed(&[words, &["--filter", &label]].concat());
        let containers = list(&["ps", "-aq", "--no-trunc"]);
        let mounts = "{{range .Mounts}}{{.Name}} {{end}}";
        for container in &containers {
            let named = printed(&["inspect", "-f", mounts, container]);
            self.known.borrow_mut().extend(named);
        }
        let mut ids: BTreeSet<String> = containers.into_iter().collect();
        ids.extend(list(&["network", "ls", "-q", "--no-trunc"]));
        ids.extend(list(&["volume", "ls", "-q"]));
        self.known.borrow_mut().extend(ids.iter().cloned());
        ids
    }

    /// Fails where a request so far changed something that is not the project's.
    pub(crate) fn nothing_foreign_was_touched(&self) {
        self.ids();
        let known = self.known.borrow();
        all_ours(&self.log.requests(), &self.project.name, &known);
    }
}

/// Returns the words that docker prints.
fn printed(words: &[&str]) -> Vec<String> {
    let text = docker(words).stdout;
    let text = String::from_utf8_lossy(&text);
    text.split_whitespace().map(str::to_owned).collect()
}

/// Returns how often each shape of request was sent, such as `POST /containers/{}/start`.
pub(crate) fn shapes(requests: &[Request]) -> std::collections::BTreeMap<String, usize> {
    let mut shapes = std::collections::BTreeMap::new();
    for request in requests {
        *shapes.entry(request.shape()).or_default() += 1;
    }
    shapes
}

/// Returns what changed something, as `SHAPE OBJECT`.
pub(crate) fn changes(requests: &[Request]) -> Vec<String> {
    let changes = requests.iter().filter(|request| request.mutates());
    changes
        .map(|it| format!("{} {}", it.shape(), it.object().unwrap_or_default()))
        .collect()
}
