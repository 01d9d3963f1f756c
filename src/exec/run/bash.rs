//! A `bash` task: a command on this machine.
//!
//! It outlives stackgen: it has a process group of its own and writes straight into its log, and the shell round it notes its pid and its
//! exit code beside the log. So a later process finds it at work and waits for it, or takes its exit code.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::dag::Outcome;
use crate::model::{BashTask, Resolved, Task};

use super::logs;
use super::worker::{Interrupt, Job, STOP_GRACE, by_exit_code, failed};

/// The shell round the command. The command comes by the environment, since everybody can read an argument; its exit code is
/// moved into place whole.
const WRAPPER: &str = r#"printf %s "$$" >"$1"
_stackgen_command=$STACKGEN_TASK_COMMAND; unset STACKGEN_TASK_COMMAND
( shift "$#"; eval "$_stackgen_command" ); _stackgen_code=$?
printf %s "$_stackgen_code" >"$2.new" && mv -f "$2.new" "$2"
exit "$_stackgen_code""#;

/// How often a command that another process began is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// What is left of a try that another process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing: the command was never begun.
    NotBegun,
    /// It is at work.
    AtWork(Pid),
    /// It ended.
    Ended(i64),
    /// It was begun, and is gone without an exit code.
    Lost,
}

pub(super) async fn run(job: &Job, task: &Task<Resolved>, bash: &BashTask<Resolved>) -> Outcome {
    let (pid_path, exit_path) = (job.note_path("pid"), job.note_path("exit"));
    if job.is_found {
        match find(&pid_path, &exit_path) {
            Found::NotBegun if job.cancel.is_cancelled() => return Outcome::Cancelled,
            Found::NotBegun => {}
            Found::Ended(code) => return by_exit_code(task, code),
            Found::Lost => return lost(),
            Found::AtWork(pid) => {
                job.tell_doing(format!("bash, process {pid}"), true);
                return wait_for_found(job, task, pid, &pid_path, &exit_path).await;
            }
        }
    }
    let child = match start(job, bash, &pid_path, &exit_path) {
        Ok(child) => child,
        Err(error) => return failed(format!("bash cannot be started: {error}")),
    };
    job.tell_doing("bash", false);
    wait(job, task, child).await
}

fn start(
    job: &Job,
    bash: &BashTask<Resolved>,
    pid_path: &Path,
    exit_path: &Path,
) -> std::io::Result<Child> {
    let folder = &job.shared.stack.parts().folder;
    let cwd = bash
        .cwd
        .as_ref()
        .map_or_else(|| folder.clone(), |cwd| folder.join(cwd));
    if !cwd.is_dir() {
        return Err(std::io::Error::other(format!(
            "there is no folder {}",
            cwd.display()
        )));
    }
    let log = logs::open(&job.log_path(), false)?;
    let header = &job.shared.header;
    Command::new("bash")
        .args(["-c", WRAPPER, "stackgen-task"])
        .args([pid_path, exit_path])
        .env("STACKGEN_TASK_COMMAND", &bash.command)
        // What Airflow's BashOperator sets.
        .env("AIRFLOW_CTX_DAG_ID", header.dag.as_str())
        .env("AIRFLOW_CTX_TASK_ID", job.task.as_str())
        .env("AIRFLOW_CTX_DAG_RUN_ID", header.run_id.as_str())
        .env("AIRFLOW_CTX_TRY_NUMBER", job.attempt.to_string())
        .envs(&bash.env)
        .current_dir(cwd)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

async fn wait(job: &Job, task: &Task<Resolved>, mut child: Child) -> Outcome {
    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    let why = tokio::select! {
        biased;
        ended = child.wait() => return by_status(task, ended),
        why = job.interrupted(task) => why,
    };
    let Some(pid) = pid else {
        return by_status(task, child.wait().await);
    };
    let gone = async {
        child.wait().await.ok();
    };
    stop(job, pid, gone).await;
    child.wait().await.ok();
    why.outcome()
}

fn by_status(task: &Task<Resolved>, status: std::io::Result<std::process::ExitStatus>) -> Outcome {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Err(error) => failed(format!("it cannot be waited for: {error}")),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => by_exit_code(task, i64::from(code)),
            (None, signal) => by_exit_code(task, 128 + i64::from(signal.unwrap_or(0))),
        },
    }
}

async fn wait_for_found(
    job: &Job,
    task: &Task<Resolved>,
    pid: Pid,
    pid_path: &Path,
    exit_path: &Path,
) -> Outcome {
    let gone = async {
        loop {
            match find(pid_path, exit_path) {
                Found::AtWork(_) => tokio::time::sleep(LOOK_INTERVAL).await,
                Found::Ended(code) => return by_exit_code(task, code),
                Found::NotBegun | Found::Lost => return lost(),
            }
        }
    };
    tokio::pin!(gone);
    let why: Interrupt = tokio::select! {
        biased;
        outcome = &mut gone => return outcome,
        why = job.interrupted(task) => why,
    };
    stop(job, pid, async { drop(gone.await) }).await;
    why.outcome()
}

fn lost() -> Outcome {
    failed("it ended while stackgen was away, without an exit code; how far it came is not known")
}

/// Looks for what another process began.
fn find(pid_path: &Path, exit_path: &Path) -> Found {
    let exit_code = || {
        let text = std::fs::read_to_string(exit_path).ok()?;
        text.trim().parse().ok().map(Found::Ended)
    };
    if let Some(ended) = exit_code() {
        return ended;
    }
    let Some(pid) = std::fs::read_to_string(pid_path)
        .ok()
        .and_then(|text| Pid::from_raw(text.trim().parse().ok()?))
    else {
        return Found::NotBegun;
    };
    if is_wrapper(pid, exit_path) {
        return Found::AtWork(pid);
    }
    // It may have ended between the two looks.
    exit_code().unwrap_or(Found::Lost)
}

/// Returns whether a pid is still that of the shell round the command: pids are used again, its arguments are not.
fn is_wrapper(pid: Pid, exit_path: &Path) -> bool {
    let arguments: PathBuf = format!("/proc/{pid}/cmdline").into();
    let Ok(arguments) = std::fs::read(arguments) else {
        return false;
    };
    arguments
        .split(|byte| *byte == 0)
        .any(|argument| argument == exit_path.as_os_str().as_encoded_bytes())
}

/// Stops a process group: asks first, and kills what is left of it after the grace. `gone` is the end of its leader, which obeys at
/// once; whatever the leader had begun may need longer.
async fn stop(job: &Job, group: Pid, gone: impl Future<Output = ()>) {
    signal(group, Signal::TERM);
    let all_gone = async {
        gone.await;
        while rustix::process::test_kill_process_group(group).is_ok() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::select! {
        () = all_gone => return,
        () = job.kill.cancelled() => {}
        () = tokio::time::sleep(STOP_GRACE) => {}
    }
    signal(group, Signal::KILL);
}

/// Sends a signal to a whole process group. One that is gone already is fine.
fn signal(group: Pid, signal: Signal) {
    rustix::process::kill_process_group(group, signal).ok();
}
