//! Why a command did not do what it was asked for: words, hints and the exit code.

use std::io;

use crate::engine::EngineError;
use crate::exec::RunError;
use crate::load::LoadError;
use crate::model::{ServiceName, with_causes};
use crate::reconcile::{HasMistakes, ReconcileError};
use crate::store::StoreError;

use super::ExitCode;

/// A command that ends without having done its work. The message says what is wrong; hints say the exact next command or edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub code: ExitCode,
    /// What is wrong, in one line; empty: everything was said already.
    pub message: String,
    /// What to do about it, each as a sentence.
    pub hints: Vec<String>,
}

/// What a command returns.
pub type CommandResult = Result<ExitCode, Failure>;

impl Failure {
    /// Returns a failure that ends with `code`.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    /// Returns a failure of which everything was printed already.
    pub fn silent(code: ExitCode) -> Self {
        Self::new(code, "")
    }

    /// Returns it with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Returns what to do about an image that cannot be pulled.
pub(crate) fn no_image_hint(image: &str) -> String {
    let login = match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => {
            format!("docker login {host}")
        }
        _ => "docker login".to_owned(),
    };
    format!(
        "check its name and tag, `{login}` if the registry asks for it, build or load {image} on this engine, or name another image"
    )
}

impl From<io::Error> for Failure {
    /// Output that nobody reads any more ends a command quietly.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent(ExitCode::Done)
        } else {
            Self::new(ExitCode::Failed, format!("cannot write: {error}"))
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let failure = |code| Self::new(code, error.to_string());
        match &error {
            EngineError::Unreachable { hint, .. } => failure(ExitCode::Unreachable).hint(hint),
            EngineError::NoImage { image, .. } => {
                failure(ExitCode::Failed).hint(no_image_hint(image))
            }
            EngineError::BuildFailed { output, .. } => {
                let mut failure = failure(ExitCode::Failed);
                failure.hints.extend(output.last().cloned());
                failure
            }
            EngineError::Socket {
                command: Some(command),
                ..
            } => failure(ExitCode::Failed).hint(format!("run: {command}")),
            EngineError::TooOld { .. } => failure(ExitCode::Refused),
            EngineError::NotFound { .. }
            | EngineError::Conflict { .. }
            | EngineError::Refused { .. }
            | EngineError::Failed { .. }
            | EngineError::TimedOut { .. }
            | EngineError::Broken { .. }
            | EngineError::Command { .. }
            | EngineError::Socket { command: None, .. } => failure(ExitCode::Failed),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let failure = Self::new(ExitCode::Invalid, with_causes(&error));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Locked { .. } => Self::new(ExitCode::Locked, with_causes(&error))
                .hint("wait for it to end, or stop it; the lock goes with its process"),
            StoreError::BadLock { .. } => Self::new(ExitCode::Invalid, with_causes(&error))
                .hint("make it anew with: stackgen lock"),
            _ => Self::new(ExitCode::Failed, with_causes(&error)),
        }
    }
}

impl From<HasMistakes> for Failure {
    /// The mistakes were drawn already.
    fn from(_: HasMistakes) -> Self {
        Self::silent(ExitCode::Invalid)
    }
}

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Load(error) => error.into(),
            ReconcileError::Engine(error) => error.into(),
            ReconcileError::Store(error) => error.into(),
            ReconcileError::Mistakes(error) => error.into(),
            ReconcileError::Render(error) => Self::new(ExitCode::Invalid, with_causes(&error)),
            ReconcileError::Watch(error) => Self::new(ExitCode::Failed, with_causes(&error)),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let failure = |code| Self::new(code, with_causes(&error));
        match &error {
            RunError::Engine(error) => error.clone().into(),
            RunError::NoDag { .. } | RunError::NoOpenRun { .. } => failure(ExitCode::Usage),
            RunError::AtWork { .. } => failure(ExitCode::Locked),
            RunError::NoEngine { .. } => failure(ExitCode::Unreachable),
            RunError::Template { .. } => failure(ExitCode::Invalid),
            RunError::ServicesMissing { services } => {
                let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
                failure(ExitCode::Refused).hint(format!(
                    "start them with: stackgen apply {}",
                    names.join(" ")
                ))
            }
            RunError::ServicesBlocked { .. } | RunError::CannotRetry { .. } => {
                failure(ExitCode::Refused)
            }
            RunError::TaskGone { .. } => {
                failure(ExitCode::Refused).hint("put the task back, or begin a new run with --new")
            }
            RunError::ImagesMissing { .. } => failure(ExitCode::Failed)
                .hint("build or load them on this engine, or name other images in stack.toml"),
            RunError::ServicesFailed { details, .. } => {
                let mut failure = failure(ExitCode::Failed);
                failure.hints.extend(details.iter().cloned());
                failure
            }
            RunError::Store(_) | RunError::Illegal { .. } => failure(ExitCode::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_does_not_answer_ends_with_69_and_its_hint() {
        let failure = Failure::from(EngineError::Unreachable {
            address: "/nowhere.sock".into(),
            why: "no such file".into(),
            hint: "is Docker running?".into(),
        });
        assert_eq!(failure.code, ExitCode::Unreachable);
        assert_eq!(failure.hints, ["is Docker running?"]);
    }

    #[test]
    fn a_broken_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure, Failure::silent(ExitCode::Done));
    }
}
