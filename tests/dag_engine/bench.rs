//! A stack of busybox containers with DAGs, in a folder and under a project name of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Project, docker, ensure_busybox};

/// The services of every bench. `web` answers with the Host header it was asked with.
const SERVICES: &str = r##"
[defaults.service]
image = "busybox:1.36"
networks = ["back"]
init = true

[services.store]
command = ["httpd", "-f", "-p", "5000", "-h", "/"]
healthcheck = { test = ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:5000/etc/passwd"], interval = "1s", retries = 20 }

[services.web]
depends_on = { store = "healthy" }
command = ["httpd", "-f", "-p", "8000", "-h", "/"]
configs = [{ source = "ask", target = "/cgi-bin/ask", mode = 0o555 }]
healthcheck = { test = ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:8000/etc/passwd"], interval = "1s", retries = 20 }

[services.worker]
command = ["sleep", "infinity"]

[services.bystander]
command = ["sleep", "infinity"]

[networks.back]

[configs.ask]
content = '''
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "host=$$HTTP_HOST method=$$REQUEST_METHOD body=$$(cat)"
'''
"##;

/// A folder with a stack. What it made at the engine is removed with it, also on a panic.
pub(crate) struct Bench {
    pub(crate) project: Project,
    folder: tempfile::TempDir,
}

impl Bench {
    /// Makes a stack of the usual services and of `dags`.
    pub(crate) fn new(dags: &str) -> Self {
        ensure_busybox();
        let bench = Self {
            project: Project::new("dag-engine"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let name = &bench.project.name;
        bench.save(&format!("[stack]\nname = \"{name}\"\n{SERVICES}{dags}"));
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.path("stack.toml")).expect("stack.toml")
    }

    pub(crate) fn save(&self, text: &str) {
        std::fs::write(self.path("stack.toml"), text).expect("it is written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Begins a command whose output nobody reads.
    pub(crate) fn begin(&self, arguments: &[&str]) -> Background {
        let mut command = self.command(arguments);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        Background(quiet.spawn().expect("it starts"))
    }

    /// Runs a command that has to end with `code`.
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> Told {
        let output = self.command(arguments).output().expect("it runs");
        let told = Told::from(&output);
        let ended = output.status.code();
        assert_eq!(ended, Some(code), "{arguments:?}: {told:?}");
        told
    }

    /// Returns the ids of the services' containers with the moments they were started.
    pub(crate) fn services(&self) -> Vec<(String, String)> {
        let label = format!("label=com.docker.compose.project={}", self.project.name);
        let ids = Told::from(&docker(&["ps", "-aq", "--no-trunc", "--filter", &label]));
        let format =
            "{{index .Config.Labels \"com.docker.compose.service\"}} {{.Id}} {{.State.StartedAt}}";
        let mut services: Vec<_> = ids
            .out
            .lines()
            .map(|id| Told::from(&docker(&["inspect", "--format", format, id])).out)
            .filter_map(|line| {
                let (service, rest) = line.trim().split_once(' ')?;
                Some((service.to_owned(), rest.to_owned()))
            })
            .collect();
        services.sort();
        services
    }

    /// Returns the ids of the containers of tasks that are there, whatever their state.
    pub(crate) fn task_containers(&self) -> Vec<String> {
        let name = format!("name={}", self.project.name);
        let label = ["--filter", "label=stackgen.task"];
        let list = ["ps", "-aq", "--no-trunc", "--filter", &name];
        let ids = Told::from(&docker(&[&list[..], &label].concat())).out;
        ids.lines().map(str::to_owned).collect()
    }

    /// Returns the processes in the container of a service.
    pub(crate) fn processes(&self, service: &str) -> String {
        let container = format!("{}-{service}-1", self.project.name);
        Told::from(&docker(&["exec", &container, "ps", "-o", "args"])).out
    }
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) out: String,
    pub(crate) words: String,
}

impl From<&Output> for Told {
    fn from(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            out: text(&output.stdout),
            words: text(&output.stderr),
        }
    }
}

impl Told {
    /// Returns the lines of `--json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        let lines = self.out.lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// Returns the run, which is the last line.
    pub(crate) fn result(&self) -> Value {
        self.events().pop().expect("a last line")
    }
}

/// Returns each task of a run with its state and the number of its tries.
pub(crate) fn states(run: &Value) -> String {
    let tasks = run["tasks"].as_array().expect("tasks");
    let task = |task: &Value| {
        format!(
            "{} {} {}",
            text(&task["task"]),
            text(&task["state"]),
            task["attempts"]
        )
    };
    tasks.iter().map(task).collect::<Vec<_>>().join(", ")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

pub(crate) fn time(value: &Value) -> jiff::Timestamp {
    text(value).parse().expect("a time")
}

/// A command at work. Killed where a test ends before it does.
pub(crate) struct Background(pub(crate) Child);

impl Background {
    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it is at work");
        self.0.wait().expect("it ends");
    }
}

impl Background {
    /// Waits for its end and returns its exit code.
    pub(crate) fn code(mut self) -> Option<i32> {
        self.0.wait().expect("it ends").code()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub(crate) fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
