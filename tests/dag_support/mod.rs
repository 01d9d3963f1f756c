//! DAGs made by hand, and folders to run them in.
#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use stackgen::dag::{Command, RunCause, RunEvent, RunHeader, RunState, TaskEnd, shapes};
use stackgen::engine::Engine;
use stackgen::exec::{RunError, RunReport, RunRequest, Stop, run_dag};
use stackgen::model::{
    BashTask, Compat, ContainerOptions, Dag, DagName, ExecTask, HttpTask, ImageReference, Policy,
    ProjectName, Resolved, RunId, Runner, Schedule, ServiceName, Stack, StackParts, Task, TaskKind,
    TaskName, TriggerRule,
};
use stackgen::store::{Journal, StateDir};

pub(crate) struct TaskBuilder(pub(crate) Task<Resolved>);

fn task(kind: TaskKind<Resolved>) -> TaskBuilder {
    let skip = match &kind {
        TaskKind::Bash(_) => vec![99],
        _ => Vec::new(),
    };
    TaskBuilder(Task {
        after: Vec::new(),
        needs: IndexMap::new(),
        kind,
        owner: "airflow".into(),
        retries: 0,
        retry_delay: Duration::from_millis(20),
        retry_exponential_backoff: false,
        max_retry_delay: None,
        execution_timeout: None,
        trigger_rule: TriggerRule::AllSuccess,
        priority_weight: 1,
        skip_on_exit_code: skip,
    })
}

pub(crate) fn bash(command: &str) -> TaskBuilder {
    task(TaskKind::Bash(BashTask {
        command: command.into(),
        env: IndexMap::new(),
        cwd: None,
    }))
}

pub(crate) fn http(url: &str) -> TaskBuilder {
    task(TaskKind::Http(HttpTask {
        url: url.into(),
        method: "GET".into(),
        headers: IndexMap::new(),
        body: None,
        expect: Vec::new(),
        timeout: Duration::from_secs(10),
        network: None,
    }))
}

pub(crate) fn docker(image: &str, command: &[&str]) -> TaskBuilder {
    task(TaskKind::Docker(Box::new(ContainerOptions {
        image: Some(ImageReference::parse(image).unwrap()),
        command: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        ..ContainerOptions::default()
    })))
}

pub(crate) fn exec(service: &str, command: &[&str]) -> TaskBuilder {
    task(TaskKind::Exec(ExecTask {
        service: ServiceName::new(service).unwrap(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        environment: IndexMap::new(),
        user: None,
        working_dir: None,
    }))
}

impl TaskBuilder {
    pub(crate) fn after(mut self, names: &[&str]) -> Self {
        let name = |name: &&str| TaskName::new(*name).unwrap();
        self.0.after = names.iter().map(name).collect();
        self
    }

    pub(crate) fn retries(mut self, retries: u32) -> Self {
        self.0.retries = retries;
        self
    }

    pub(crate) fn rule(mut self, rule: TriggerRule) -> Self {
        self.0.trigger_rule = rule;
        self
    }

    pub(crate) fn timeout(mut self, timeout: Duration) -> Self {
        self.0.execution_timeout = Some(timeout);
        self
    }

    pub(crate) fn weight(mut self, weight: u32) -> Self {
        self.0.priority_weight = weight;
        self
    }
}

pub(crate) fn dag(tasks: Vec<(&str, TaskBuilder)>) -> Dag<Resolved> {
    Dag {
        description: None,
        schedule: Schedule::Manual,
        timezone: "UTC".into(),
        start_date: None,
        end_date: None,
        catchup: false,
        max_active_runs: 16,
        max_active_tasks: 16,
        runner: Runner::Stackgen,
        tags: Vec::new(),
        params: IndexMap::new(),
        tasks: tasks
            .into_iter()
            .map(|(name, task)| (TaskName::new(name).unwrap(), task.0))
            .collect(),
    }
}

/// A folder with one stack of one DAG, `pipeline`.
pub(crate) struct Fixture {
    _folder: Option<tempfile::TempDir>,
    path: PathBuf,
    pub(crate) parts: StackParts<Resolved>,
    pub(crate) engine: Option<Arc<dyn Engine>>,
}

impl Fixture {
    pub(crate) fn new(tasks: Vec<(&str, TaskBuilder)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Self::at(folder.path(), tasks);
        fixture._folder = Some(folder);
        fixture
    }

    pub(crate) fn at(folder: &Path, tasks: Vec<(&str, TaskBuilder)>) -> Self {
        let parts = StackParts {
            name: ProjectName::new("dagtest").unwrap(),
            description: None,
            folder: folder.to_owned(),
            compose_file: folder.join("generated/docker-compose.yml"),
            services: IndexMap::new(),
            networks: IndexMap::new(),
            volumes: IndexMap::new(),
            configs: IndexMap::new(),
            secrets: IndexMap::new(),
            sockets: IndexMap::new(),
            dags: IndexMap::from([(DagName::new("pipeline").unwrap(), dag(tasks))]),
            policy: Policy::default(),
            compat: Compat::Gentle,
            profiles: Vec::new(),
            vars: IndexMap::new(),
            more: IndexMap::new(),
        };
        Self {
            _folder: None,
            path: folder.to_owned(),
            parts,
            engine: None,
        }
    }

    pub(crate) fn max_active_tasks(mut self, count: u32) -> Self {
        self.parts.dags[0].max_active_tasks = count;
        self
    }

    pub(crate) fn dag(&self) -> DagName {
        DagName::new("pipeline").unwrap()
    }

    pub(crate) fn state_dir(&self) -> StateDir {
        StateDir::open(&self.path).unwrap()
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.state_dir()).unwrap()
    }

    pub(crate) fn request(&self) -> RunRequest {
        let stack = Stack::new(self.parts.clone()).unwrap();
        RunRequest::manual(
            self.engine.clone(),
            Arc::new(stack),
            self.dag(),
            self.journal(),
            self.state_dir(),
            Timestamp::now(),
        )
    }

    pub(crate) async fn run(&self) -> Result<RunReport, RunError> {
        self.run_with(self.request(), &Stop::default()).await
    }

    pub(crate) async fn run_with(
        &self,
        request: RunRequest,
        stop: &Stop,
    ) -> Result<RunReport, RunError> {
        run(request, stop.clone()).await
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn log(&self, run: &RunState, task: &str, attempt: u32) -> PathBuf {
        let task = TaskName::new(task).unwrap();
        self.state_dir()
            .log_path(run.dag(), run.run_id(), &task, attempt)
    }

    pub(crate) fn events(&self, run: &RunState) -> Vec<RunEvent> {
        self.journal().events(run.dag(), run.run_id()).unwrap()
    }

    /// Writes a run of which one task was begun, by a process that is no more.
    pub(crate) fn begin_and_abandon(&self, run: &RunId, task: &str, pid: &str) {
        let now = Timestamp::now();
        let definition = &self.parts.dags[0];
        let header = RunHeader {
            run_id: run.clone(),
            dag: self.dag(),
            cause: RunCause::Manual,
            at: now,
            logical_date: now,
            data_interval_end: now,
            params: serde_json::json!({}),
            tasks: shapes(definition),
            max_active_tasks: 16,
        };
        let (_, commands) = RunState::begin(header.clone()).unwrap();
        let task = TaskName::new(task).unwrap();
        assert!(commands.contains(&Command::Start {
            task: task.clone(),
            attempt: 1
        }));
        let (journal, state_dir) = (self.journal(), self.state_dir());
        let started = RunEvent::AttemptStarted {
            task: task.clone(),
            attempt: 1,
            at: now,
        };
        let dag = self.dag();
        journal
            .append(&dag, run, 0, &RunEvent::Started(header))
            .unwrap();
        journal.append(&dag, run, 1, &started).unwrap();
        state_dir.make_run_folder(&dag, run).unwrap();
        let note = state_dir
            .log_path(&dag, run, &task, 1)
            .with_extension("pid");
        std::fs::write(note, pid).unwrap();
    }
}

pub(crate) async fn run(request: RunRequest, stop: Stop) -> Result<RunReport, RunError> {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(64);
    let listener = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    let report = run_dag(request, sender, &stop).await;
    listener.await.unwrap();
    report
}

/// Returns each task with its end and the number of its tries.
pub(crate) fn states(run: &RunState) -> String {
    let task = |(name, task): (&TaskName, &stackgen::dag::TaskRun)| {
        let end = task.end().map_or("open", TaskEnd::name);
        format!("{name} {end} {}", task.attempts().len())
    };
    run.tasks().map(task).collect::<Vec<_>>().join(", ")
}

/// Answers each request with the next of `answers`; joins to what was asked.
pub(crate) fn http_server(answers: Vec<(u16, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            requests.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            let reason = if status == 200 {
                "OK"
            } else {
                "Service Unavailable"
            };
            write!(
                stream,
                "HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
        }
        requests
    });
    (address, server)
}
