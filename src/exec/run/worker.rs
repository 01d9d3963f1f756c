//! One try of one task.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dag::{Failure, Outcome, RunHeader};
use crate::engine::Engine;
use crate::model::{Dag, Resolved, Stack, Task, TaskKind, TaskName, mask_url_passwords};
use crate::store::StateDir;

use super::context::Filler;
use super::{RunProgress, bash, docker, http, logs, needs, service_exec};

/// How long a task that is asked to stop may take before it is killed; the engine's own default.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(10);

/// What all tries of a run have in common.
pub(super) struct Shared {
    pub(super) engine: Option<Arc<dyn Engine>>,
    pub(super) stack: Arc<Stack<Resolved>>,
    pub(super) dag: Dag<Resolved>,
    pub(super) header: RunHeader,
    pub(super) state_dir: StateDir,
    pub(super) progress: mpsc::Sender<RunProgress>,
    pub(super) gate_timeout: Duration,
}

/// One try that is to be made, or to be found again.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) task: TaskName,
    pub(super) attempt: u32,
    /// When it began, by the journal.
    pub(super) since: Timestamp,
    /// Whether the journal had its start already when this process took up the run.
    pub(super) is_found: bool,
    /// Asks it to stop.
    pub(super) cancel: CancellationToken,
    /// Kills it.
    pub(super) kill: CancellationToken,
}

/// Why a try is stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// The run is cancelled.
    Cancelled,
    /// It took longer than it may.
    TimedOut(Duration),
}

impl Interrupt {
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Cancelled => Outcome::Cancelled,
            Self::TimedOut(timeout) => failed(format!(
                "not done within its execution_timeout of {}",
                crate::model::format_duration(timeout)
            )),
        }
    }
}

/// Returns a failure without an exit code.
pub(super) fn failed(message: impl Into<String>) -> Outcome {
    Outcome::Failed(Failure {
        exit_code: None,
        message: mask_url_passwords(&message.into()),
    })
}

/// Makes a try, or waits for one that was found, and returns how it ended.
pub(super) async fn perform(job: Job) -> Outcome {
    let Some(task) = job.shared.dag.tasks.get(&job.task) else {
        return failed("it is no longer in stack.toml");
    };
    let filler = Filler::new(&job.shared.header, &job.task, &task.owner, job.attempt);
    let kind = match filler.kind(&task.kind) {
        Ok(kind) => kind,
        Err(error) => return failed(format!("{}: {}", error.at, error.message)),
    };
    if !job.is_found
        && let Err(outcome) = needs::wait(&job, task).await
    {
        return outcome;
    }
    let work = async {
        match &kind {
            TaskKind::Bash(bash) => bash::run(&job, task, bash).await,
            TaskKind::Docker(options) => docker::run(&job, task, options).await,
            TaskKind::Exec(exec) => service_exec::run(&job, task, exec).await,
            TaskKind::Http(http) => http::run(&job, task, http).await,
        }
    };
    tokio::select! {
        outcome = work => {
            logs::tell_last_line(&job);
            outcome
        }
        () = logs::tail(&job) => failed("its log could not be followed"),
    }
}

impl Job {
    /// Returns where its output goes.
    pub(super) fn log_path(&self) -> PathBuf {
        self.shared.state_dir.log_path(
            &self.shared.header.dag,
            &self.shared.header.run_id,
            &self.task,
            self.attempt,
        )
    }

    /// Returns the path of a note about it beside its log, which a later process reads.
    pub(super) fn note_path(&self, kind: &str) -> PathBuf {
        self.log_path().with_extension(kind)
    }

    /// Tells something to whoever listens. One that is behind misses lines rather than holding up the run.
    pub(super) fn tell(&self, progress: RunProgress) {
        self.shared.progress.try_send(progress).ok();
    }

    /// Tells what the try does.
    pub(super) fn tell_doing(&self, what: impl Into<String>, is_found: bool) {
        self.tell(RunProgress::Doing {
            task: self.task.clone(),
            attempt: self.attempt,
            what: mask_url_passwords(&what.into()),
            is_found,
        });
    }

    /// Returns when the try has to be stopped. Never, where it has no timeout and the run is not cancelled.
    pub(super) async fn interrupted(&self, task: &Task<Resolved>) -> Interrupt {
        let deadline = async {
            match task.execution_timeout {
                Some(timeout) => {
                    let gone = Timestamp::now().duration_since(self.since);
                    let gone = Duration::try_from(gone).unwrap_or_default();
                    tokio::time::sleep(timeout.saturating_sub(gone)).await;
                    timeout
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Interrupt::Cancelled,
            timeout = deadline => Interrupt::TimedOut(timeout),
        }
    }

    /// Returns the engine, or the failure of a task that has none.
    pub(super) fn engine(&self) -> Result<Arc<dyn Engine>, Outcome> {
        let engine = self.shared.engine.clone();
        engine.ok_or_else(|| failed("it needs an engine, and there is none"))
    }
}

/// Returns what an exit code means for a task.
pub(super) fn by_exit_code(task: &Task<Resolved>, code: i64) -> Outcome {
    match code {
        0 => Outcome::Success,
        code if task.skip_on_exit_code.contains(&code) => Outcome::Skipped,
        code => Outcome::Failed(Failure {
            exit_code: Some(code),
            message: format!("exit code {code}"),
        }),
    }
}
