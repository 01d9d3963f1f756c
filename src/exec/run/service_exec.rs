//! An `exec` task: a command in a running service.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rustix::process::{Pid, Signal};

use crate::dag::Outcome;
use crate::engine::{Engine, EngineError, ExecSpec, ExecState};
use crate::model::{ContainerId, ExecTask, Resolved, Task};
use crate::plan::ContainerRef;

use super::logs;
use super::needs;
use super::worker::{Job, STOP_GRACE, by_exit_code, failed};

/// How often a command is looked at whose output has ended, or that another process began.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn run(job: &Job, task: &Task<Resolved>, exec: &ExecTask<Resolved>) -> Outcome {
    let engine = match job.engine() {
        Ok(engine) => engine,
        Err(outcome) => return outcome,
    };
    let (id, container, output) = if job.is_found {
        let note = std::fs::read_to_string(job.note_path("exec")).ok();
        match note.and_then(read_note) {
            Some((id, container)) => {
                job.tell_doing(format!("exec in {}", exec.service), true);
                (id, container, None)
            }
            // It may have been begun without a note of it: begun again, it could run twice.
            None => return failed("stackgen was stopped as it began; whether it ran is not known"),
        }
    } else {
        match start(job, &engine, exec).await {
            Ok((id, container, output)) => {
                write_note(job, &id, &container);
                (id, container, Some(output))
            }
            Err(outcome) => return outcome,
        }
    };
    let target = Target {
        engine,
        id,
        container,
        user: exec.user.clone(),
        mark: format!("{MARK}={}", mark(job)),
    };
    finish(job, task, &target, output).await
}

type Output =
    futures_util::stream::BoxStream<'static, Result<crate::engine::LogChunk, EngineError>>;

async fn start(
    job: &Job,
    engine: &Arc<dyn Engine>,
    exec: &ExecTask<Resolved>,
) -> Result<(String, ContainerId, Output), Outcome> {
    let lost = |error: EngineError| failed(error.to_string());
    let container = needs::running_container(engine, &job.shared.stack, &exec.service)
        .await
        .map_err(lost)?
        .ok_or_else(|| failed(format!("no container of {} runs", exec.service)))?;
    let spec = ExecSpec {
        container: ContainerRef::Id(container.id.clone()),
        command: exec.command.clone(),
        environment: exec
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain([(MARK.to_owned(), Some(mark(job)))])
            .collect(),
        user: exec.user.clone(),
        working_dir: exec.working_dir.clone(),
        privileged: false,
    };
    let session = engine.exec(&spec).await.map_err(lost)?;
    job.tell_doing(format!("exec in {}", container.name), false);
    Ok((session.id, container.id, session.output))
}

async fn finish(
    job: &Job,
    task: &Task<Resolved>,
    target: &Target,
    output: Option<Output>,
) -> Outcome {
    let work = async {
        if let Some(output) = output {
            copy(job, output).await;
        }
        wait_for_end(&target.engine, &target.id).await
    };
    let why = tokio::select! {
        biased;
        ended = work => return match ended {
            Ok(Some(code)) => by_exit_code(task, code),
            Ok(None) => failed("it ended without an exit code"),
            Err(EngineError::NotFound { .. }) => {
                failed("its container was replaced or restarted; how far it came is not known")
            }
            Err(error) => failed(error.to_string()),
        },
        why = job.interrupted(task) => why,
    };
    target.stop(job).await;
    why.outcome()
}

async fn copy(job: &Job, mut output: Output) {
    let Ok(mut file) = logs::open(&job.log_path(), false) else {
        return;
    };
    while let Some(Ok(chunk)) = output.next().await {
        if file.write_all(&chunk.bytes).is_err() {
            return;
        }
    }
}

async fn wait_for_end(engine: &Arc<dyn Engine>, id: &str) -> Result<Option<i64>, EngineError> {
    let mut wait = Duration::from_millis(10);
    loop {
        match engine.exec_state(id).await {
            Ok(ExecState {
                is_running: false,
                exit_code,
                ..
            }) => return Ok(exit_code),
            Ok(_) => {}
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(error),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOK_INTERVAL);
    }
}

/// Signals, as the user of the command, every process of the container whose environment has a mark. Ends with 0 where it found one.
const SIGNAL_MARKED: &str = r#"exec 2>/dev/null; code=1
for process in /proc/[0-9]*; do
  case "$(cat "$process/environ")" in *"$2"*) kill -s "$1" "${process#/proc/}" && code=0 ;; esac
done
exit "$code""#;

/// The variable by which the processes of a try are known within their container.
const MARK: &str = "STACKGEN_ATTEMPT";

/// How long a signal may take to be sent.
const SIGNAL_PATIENCE: Duration = Duration::from_secs(5);

/// A command at work in a container, and what is needed to stop it.
struct Target {
    engine: Arc<dyn Engine>,
    id: String,
    container: ContainerId,
    user: Option<String>,
    /// What stands in the environment of all its processes.
    mark: String,
}

impl Target {
    /// Stops the command and all that it started: asked at first, then killed.
    async fn stop(&self, job: &Job) {
        self.signal(Signal::TERM).await;
        tokio::select! {
            _ = wait_for_end(&self.engine, &self.id) => {}
            () = job.kill.cancelled() => {}
            () = tokio::time::sleep(STOP_GRACE) => {}
        }
        // What the command left behind does not outlive it.
        self.signal(Signal::KILL).await;
    }

    /// Sends a signal. The engine has no call for that. Inside the container the processes are found by their mark, wherever the engine
    /// is; that takes a shell and `cat` in the image. Without these the command's process group is signalled from here, if it can be seen.
    async fn signal(&self, signal: Signal) {
        let inside = self.signal_inside(if signal == Signal::KILL {
            "KILL"
        } else {
            "TERM"
        });
        let is_sent = tokio::time::timeout(SIGNAL_PATIENCE, inside).await;
        if !is_sent.unwrap_or(false)
            && let Some(pid) = host_process(&self.engine, &self.id, &self.container).await
        {
            rustix::process::kill_process_group(pid, signal)
                .or_else(|_| rustix::process::kill_process(pid, signal))
                .ok();
        }
    }

    async fn signal_inside(&self, signal: &str) -> bool {
        let words = ["sh", "-c", SIGNAL_MARKED, "stackgen", signal, &self.mark];
        let spec = ExecSpec {
            container: ContainerRef::Id(self.container.clone()),
            command: words.map(str::to_owned).into(),
            environment: BTreeMap::new(),
            user: self.user.clone(),
            working_dir: None,
            privileged: false,
        };
        let Ok(mut session) = self.engine.exec(&spec).await else {
            return false;
        };
        while session.output.next().await.is_some() {}
        matches!(wait_for_end(&self.engine, &session.id).await, Ok(Some(0)))
    }
}

/// Returns the mark of a try. It is the same in every process that takes up the run, and no mark is the beginning of another.
fn mark(job: &Job) -> String {
    let header = &job.shared.header;
    format!(
        "{}/{}/{}/{};",
        header.dag, header.run_id, job.task, job.attempt
    )
}

/// Returns the command's process, if it is certain that the pid means the same here: its cgroup names the container.
async fn host_process(engine: &Arc<dyn Engine>, id: &str, container: &ContainerId) -> Option<Pid> {
    let state = engine.exec_state(id).await.ok()?;
    let pid = Pid::from_raw(i32::try_from(state.pid).ok()?)?;
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    (state.is_running && groups.contains(container.as_str())).then_some(pid)
}

fn write_note(job: &Job, id: &str, container: &ContainerId) {
    // Without the note a later process counts the try as failed: no reason to fail now.
    if let Ok(mut file) = logs::open(&job.note_path("exec"), true) {
        file.write_all(format!("{id} {container}").as_bytes()).ok();
    }
}

fn read_note(text: String) -> Option<(String, ContainerId)> {
    let (id, container) = text.split_once(' ')?;
    Some((id.to_owned(), ContainerId::new(container).ok()?))
}
