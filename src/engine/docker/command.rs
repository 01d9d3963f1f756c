//! A command in a container that is waited for: hooks and reloads.

use std::time::Duration;

use futures_util::StreamExt;

use crate::engine::{EngineError, ExecSpec, Performed};
use crate::model::ContainerStatus;
use crate::plan::{CommandPurpose, CommandRun};

use super::DockerEngine;

/// How much of what a command prints is kept for a failure.
const KEPT_BYTES: usize = 16 * 1024;
/// How many lines of it are told.
const TOLD_LINES: usize = 20;
/// How often a command is looked at whose output has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

impl DockerEngine {
    /// Runs a command to its end. It is not known how much of it was done where the answer is lost, so that nothing here is ever done twice.
    pub(super) async fn run_command(&self, run: &CommandRun) -> Result<Performed, EngineError> {
        if run.purpose == CommandPurpose::PreStop {
            let found = self.look_at_container(&run.container).await?;
            if found.is_none_or(|found| found.state.status != ContainerStatus::Running) {
                return Ok(Performed::WasSo);
            }
        }
        let mut output = Vec::new();
        let ended = tokio::time::timeout(run.timeout, self.run_to_end(run, &mut output)).await;
        let how = match ended {
            Ok(Ok(Some(0))) => return Ok(Performed::Done),
            Ok(Ok(Some(code))) => format!("ended with code {code}"),
            Ok(Ok(None)) => {
                "ended without an exit code: its container stopped or was restarted".to_owned()
            }
            // As an error that may be tried again it would be.
            Ok(Err(error)) => format!("could not be run: {error}"),
            Err(_) => format!("did not end within {} s", run.timeout.as_secs()),
        };
        Err(EngineError::Command {
            what: format!(
                "{} {:?}",
                run.purpose.name(),
                shell_words::join(&run.command)
            ),
            how,
            output: last_lines(&output),
        })
    }

    async fn run_to_end(
        &self,
        run: &CommandRun,
        output: &mut Vec<u8>,
    ) -> Result<Option<i64>, EngineError> {
        let mut session = self
            .start_exec(&ExecSpec {
                container: run.container.clone(),
                command: run.command.clone(),
                environment: run.environment.clone(),
                user: run.user.clone(),
                working_dir: run.working_dir.clone(),
                privileged: run.privileged,
            })
            .await?;
        while let Some(chunk) = session.output.next().await {
            // A connection that broke is no end: the state says whether there was one.
            let Ok(chunk) = chunk else { break };
            output.extend_from_slice(&chunk.bytes);
            let surplus = output.len().saturating_sub(KEPT_BYTES);
            output.drain(..surplus);
        }
        loop {
            match self.look_at_exec(&session.id).await {
                Ok(state) if !state.is_running => return Ok(state.exit_code),
                Ok(_) => {}
                Err(error) if error.is_transient() => {}
                // The engine forgets a command with the end of its container's process.
                Err(EngineError::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}

fn last_lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(TOLD_LINES);
    lines[first..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
