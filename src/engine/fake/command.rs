//! Signals and commands in containers.

use crate::engine::{EngineError, Performed};
use crate::model::{ContainerStatus, ObservedContainer};
use crate::plan::{CommandPurpose, CommandRun, ContainerRef};

use super::world::{World, conflict};

impl World {
    pub(super) fn signal(&mut self, container: &ContainerRef) -> Result<Performed, EngineError> {
        self.command(container, None)
    }

    pub(super) fn run_command(&mut self, run: &CommandRun) -> Result<Performed, EngineError> {
        let is_up = self.find(&run.container).is_some_and(is_running);
        if run.purpose == CommandPurpose::PreStop && !is_up {
            return Ok(Performed::WasSo);
        }
        self.command(&run.container, Some(run))
    }

    /// A signal or a command needs a process; the commands of a script fail that it says fail.
    fn command(
        &mut self,
        container: &ContainerRef,
        run: Option<&CommandRun>,
    ) -> Result<Performed, EngineError> {
        let found = self.get(container)?.clone();
        if !is_running(&found) {
            let message = format!("Container {} is not running", found.name);
            return Err(conflict(format!("container {}", found.name), message));
        }
        let failing = self.script_of(&found).failing_command;
        match run.filter(|run| failing.as_ref() == Some(&run.command.join(" "))) {
            Some(run) => Err(EngineError::Command {
                what: format!("{} {:?}", run.purpose.name(), run.command.join(" ")),
                how: "ended with code 3".to_owned(),
                output: vec!["it went wrong".to_owned()],
            }),
            None => Ok(Performed::Done),
        }
    }
}

fn is_running(container: &ObservedContainer) -> bool {
    container.state.status == ContainerStatus::Running
}
