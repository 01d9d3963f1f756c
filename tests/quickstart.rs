//! The quickstart on a real engine: applied, run, watched, taken down.
#![allow(
    clippy::disallowed_methods,
    reason = "tests look at the disk, the clock and the environment"
)]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Project, docker, ensure_busybox, is_left_out};

/// A copy of examples/quickstart with a project name and a port of its own. What it made is removed with it.
struct Quickstart {
    folder: tempfile::TempDir,
    port: u16,
    project: Project,
}

impl Quickstart {
    fn new(more: &str) -> Self {
        ensure_busybox();
        let project = Project::new("cli-quickstart");
        let folder = tempfile::tempdir().expect("a folder");
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/quickstart/stack.toml"
        );
        let text = std::fs::read_to_string(example).expect("the quickstart");
        let named = text.replace(
            "name = \"quickstart\"",
            &format!("name = \"{}\"", project.name),
        );
        assert_ne!(text, named, "the name is replaced");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        let made = Self {
            folder,
            port,
            project,
        };
        std::fs::write(made.file(), named + more).expect("it is written");
        made
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("stack.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).expect("stack.toml")
    }

    /// Saves as editors do: a new file takes the place of the old one.
    fn save(&self, text: &str) {
        let other = self.folder.path().join("stack.toml~");
        std::fs::write(&other, text).expect("it is written");
        std::fs::rename(other, self.file()).expect("it is renamed");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("API_PORT", self.port.to_string())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command that has to end with `code`, and returns what it printed to stdout.
    fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(arguments).output().expect("it runs");
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {}",
            told(&output)
        );
        String::from_utf8(output.stdout).expect("text")
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let text = self.run(arguments, 0);
        serde_json::from_str(text.lines().last().unwrap_or_default()).expect(&text)
    }

    /// Returns the ids of the project's containers by service.
    fn ids(&self) -> std::collections::BTreeMap<String, String> {
        let label = format!("label=com.docker.compose.project={}", self.project.name);
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}}";
        let output = docker(&["ps", "-a", "--filter", &label, "--format", format]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(service, id)| (service.to_owned(), id.to_owned()))
            .collect()
    }

    fn objects(&self) -> String {
        let filter = format!("name={}", self.project.name);
        [
            &["ps", "-aq", "--filter", &filter][..],
            &["network", "ls", "-q", "--filter", &filter],
        ]
        .iter()
        .map(|list| String::from_utf8_lossy(&docker(list).stdout).into_owned())
        .collect()
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn the_quickstart_comes_up_runs_its_dag_and_goes_down_again() {
    if is_left_out("quickstart") {
        return;
    }
    let stack = Quickstart::new("");
    stack.run(&["plan", "--exit-code"], 2);
    stack.run(&["apply", "-y"], 0);
    let status = stack.json(&["status", "--json", "--exit-code"]);
    let states: Vec<_> = status["services"]
        .as_array()
        .expect("services")
        .iter()
        .map(|row| {
            (
                row["name"].as_str(),
                row["state"].as_str(),
                row["health"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            (Some("database"), Some("running"), Some("healthy")),
            (Some("setup"), Some("done"), Some("exit 0")),
            (Some("api"), Some("running"), Some("healthy")),
            (Some("worker"), Some("running"), Some("-")),
        ]
    );
    let ids = stack.ids();

    let run = stack.json(&["dag", "run", "pipeline", "--json"]);
    assert_eq!(run["state"], "success", "{run}");
    assert_eq!(run["tasks"].as_array().map(Vec::len), Some(5));
    let rows = stack.run(&["dag", "logs", "pipeline", "load"], 0);
    assert_eq!(
        rows.lines().last(),
        Some("6"),
        "five books and the first row"
    );
    let status = stack.json(&["status", "--json"]);
    assert_eq!(status["dags"][0]["last_run"]["state"], "success");

    stack.run(&["plan", "--exit-code"], 0);
    stack.run(&["apply", "-y"], 0);
    assert_eq!(stack.ids(), ids, "a second apply touches nothing");

    stack.run(&["down"], 0);
    assert_eq!(stack.objects(), "", "nothing is left");
}

/// The README's first command, with the build left out: the same script, on a copy of what it works on.
#[test]
fn the_script_of_the_readme_starts_the_quickstart_and_then_has_nothing_to_do() {
    if is_left_out("quickstart.sh") {
        return;
    }
    let stack = Quickstart::new("");
    let root = stack.folder.path();
    let copy = |from: &str| {
        let to = root.join(from);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("it is made");
        std::fs::copy(repository_file(from), to).expect("it is copied");
    };
    for script in ["quickstart.sh", "install-deps.sh", "busybox-image.sh"] {
        copy(&format!("scripts/{script}"));
    }
    std::fs::create_dir_all(root.join("examples/quickstart")).expect("it is made");
    std::fs::rename(stack.file(), root.join("examples/quickstart/stack.toml")).expect("it moves");

    let run = || {
        let mut command = Command::new("bash");
        command
            .arg("scripts/quickstart.sh")
            .current_dir(root)
            .env("API_PORT", stack.port.to_string())
            .env("STACKGEN_BIN", env!("CARGO_BIN_EXE_stackgen"))
            .stdin(Stdio::null());
        let output = command.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        told(&output)
    };
    let first = run();
    assert!(first.contains("4 of 4 services up"), "{first}");
    assert!(first.contains("5 of 5 tasks succeeded"), "{first}");
    let ids = stack.ids();
    let second = run();
    assert!(second.contains("Nothing is to be done"), "{second}");
    assert_eq!(stack.ids(), ids, "the second run touches nothing");

    // Its own words on how to take everything down are followed to the letter.
    let down = second
        .lines()
        .find_map(|line| line.trim().strip_suffix("(with --volumes: its rows too)"))
        .expect("it says how to take it down");
    let output = Command::new("bash")
        .args(["-c", down])
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(stack.objects(), "", "nothing is left");
}

fn repository_file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn an_image_that_nobody_has_is_named_before_any_container_is_touched() {
    if is_left_out("missing image") {
        return;
    }
    let stack = Quickstart::new("");
    let missing = "stackgen-no-such-image.invalid/x:1";
    let worker = format!("[services.worker]\nimage = \"{missing}\"");
    stack.save(&stack.text().replace("[services.worker]", &worker));
    let output = stack.command(&["apply", "-y"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains(missing), "{words}");
    assert!(words.contains("help:"), "{words}");
    assert!(stack.ids().is_empty(), "no container was touched");
}

#[test]
fn what_stands_in_the_way_of_a_start_is_named() {
    if is_left_out("starts that fail") {
        return;
    }
    let stack = Quickstart::new("");
    // A port that somebody has: said before anything is made.
    let holder = TcpListener::bind(("0.0.0.0", stack.port)).expect("the port is free");
    let output = stack.command(&["apply", "-y"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        words.contains(&format!("services.api publishes {}", stack.port)),
        "{words}"
    );
    assert_eq!(stack.objects(), "", "nothing was made");
    drop(holder);

    // A service that does not stay up is no success, though it did start.
    let name = &stack.project.name;
    stack.save(&format!(
        "[stack]\nname = \"{name}\"\n[services.falls]\nimage = \"busybox:1.36\"\nrestart = \"always\"\ncommand = [\"sh\", \"-c\", \"echo oh no; sleep 0.2; exit 3\"]\n"
    ));
    let output = stack.command(&["apply", "-y"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("falls did not stay up"), "{words}");
    assert!(words.contains("oh no"), "{words}");
}

#[test]
fn a_second_apply_meanwhile_is_locked_out() {
    if is_left_out("lock") {
        return;
    }
    let stack = Quickstart::new("");
    // A health check that takes its time keeps the first one waiting.
    stack.save(
        &stack
            .text()
            .replace("interval = \"1s\"", "interval = \"4s\""),
    );
    let mut first = stack
        .command(&["apply", "-y"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_for("the first container", || !stack.ids().is_empty());
    let second = stack.command(&["apply", "-y"]).output().expect("it runs");
    assert_eq!(second.status.code(), Some(75), "{}", told(&second));
    let words = String::from_utf8_lossy(&second.stderr);
    assert!(words.contains(&format!("pid {}", first.id())), "{words}");
    assert!(first.wait().expect("it ends").success());
}

/// A `stackgen watch` that is killed if a test ends early.
struct Watch {
    child: Child,
    log: PathBuf,
}

impl Watch {
    fn start(stack: &Quickstart) -> Self {
        let log = stack.folder.path().join("watch.log");
        let file = std::fs::File::create(&log).expect("a log");
        let child = stack
            .command(&["watch", "--json"])
            .stdout(file)
            .stderr(Stdio::inherit())
            .spawn()
            .expect("it starts");
        Self { child, log }
    }

    fn happenings(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(&self.log).expect("the log");
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn count(&self, what: &str) -> usize {
        self.happenings()
            .iter()
            .filter(|object| object["what"] == what)
            .count()
    }

    /// Interrupts it and returns how it ended.
    fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .expect("kill");
        wait_for("watch to end", || {
            matches!(self.child.try_wait(), Ok(Some(_)))
        });
        self.child.wait().expect("it ended").code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "waited for {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn watch_follows_edits_repairs_drift_and_runs_the_schedule() {
    if is_left_out("watch") {
        return;
    }
    let tick = "\n[dags.tick]\nevery = \"10s\"\n[dags.tick.tasks.one]\nbash = \"true\"\n";
    let stack = Quickstart::new(tick);
    stack.run(&["apply", "-y"], 0);
    let before = stack.ids();
    let watch = Watch::start(&stack);
    wait_for("watch to begin", || watch.count("watching") == 1);

    // An edit of one service's environment, by rename-save, recreates that one.
    let good = stack.text();
    let edited = good.replace(
        "command = [\"sleep\", \"infinity\"]",
        "command = [\"sleep\", \"infinity\"]\nenvironment = { LOG_LEVEL = \"debug\" }",
    );
    assert_ne!(good, edited);
    let saved = Instant::now();
    stack.save(&edited);
    wait_for("the edit to be planned", || watch.count("planned") >= 1);
    assert!(
        saved.elapsed() < Duration::from_secs(2),
        "within 2 s: {:?}",
        saved.elapsed()
    );
    wait_for("the edit to be applied", || watch.count("applied") >= 1);
    let after = stack.ids();
    assert_ne!(after["worker"], before["worker"]);
    for untouched in ["database", "setup", "api"] {
        assert_eq!(after[untouched], before[untouched], "{untouched}");
    }

    // A broken edit is reported with its place and changes nothing.
    stack.save(&edited.replace("[services.worker]", "[services.worker]\nrestrat = \"no\""));
    wait_for("the mistake to be told", || watch.count("broken") == 1);
    let told = watch.happenings();
    let broken = told
        .iter()
        .find(|object| object["what"] == "broken")
        .expect("told");
    assert_eq!(broken["diagnostics"][0]["code"], "unknown-key");
    assert!(broken["diagnostics"][0]["line"].is_u64(), "{broken}");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(stack.ids(), after, "the last good file stays");

    // A container that goes is made again, by the last good file.
    let api = format!("{}-api-1", stack.project.name);
    assert!(docker(&["rm", "-f", &api]).status.success());
    wait_for("the repair", || {
        let status = docker(&["inspect", "--format", "{{.State.Health.Status}}", &api]);
        String::from_utf8_lossy(&status.stdout).trim() == "healthy"
    });
    assert_ne!(stack.ids()["api"], after["api"]);
    stack.save(&edited);

    // Every ten seconds, three times, on time.
    let ticks = || {
        let told = watch.happenings();
        let is_tick = |object: &&serde_json::Value| {
            object["what"] == "run_started" && object["dag"] == "tick"
        };
        told.iter().filter(is_tick).cloned().collect::<Vec<_>>()
    };
    wait_for("three ticks", || ticks().len() >= 3);
    let time = |value: &serde_json::Value| -> jiff::Timestamp {
        value.as_str().expect("a time").parse().expect("a time")
    };
    let fired: Vec<_> = ticks()
        .iter()
        .map(|tick| (time(&tick["due"]), time(&tick["at"])))
        .collect();
    for (due, at) in &fired {
        let late = at.duration_since(*due);
        assert!(late.as_millis() < 1000, "on time: {late}");
    }
    for pair in fired.windows(2) {
        assert_eq!(pair[1].0.duration_since(pair[0].0).as_secs(), 10);
    }

    let running = stack.ids();
    assert_eq!(watch.interrupt(), Some(0));
    assert_eq!(stack.ids(), running, "the stack runs on");
    stack.run(&["plan", "--exit-code"], 0);
}
