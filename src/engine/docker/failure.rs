//! From the client's errors to ours.

use std::io::ErrorKind;

use crate::engine::EngineError;
use crate::model::with_causes;

use super::transport::Target;

type ClientError = bollard::errors::Error;

/// Says what an error of the client means for `what`, such as `start of container web-1`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the client's errors are its own; a new one is as broken as those before"
)]
pub(super) fn translate(target: &Target, what: &str, error: &ClientError) -> EngineError {
    match error {
        ClientError::DockerResponseServerError {
            status_code,
            message,
        } => by_status(what, *status_code, message),
        ClientError::IOError { err } => unreachable(target, err),
        ClientError::RequestTimeoutError => timed_out(what, crate::engine::CALL_TIMEOUT.as_secs()),
        ClientError::JsonDataError { .. } | ClientError::JsonSerdeError { .. } => {
            EngineError::Failed {
                what: what.to_owned(),
                message: format!("its answer is not understood: {error}"),
                status: 200,
            }
        }
        other => EngineError::Broken {
            what: what.to_owned(),
            message: with_causes(other),
        },
    }
}

/// Says what an HTTP status means.
pub(super) fn by_status(what: &str, status: u16, message: &str) -> EngineError {
    let what = what.to_owned();
    let message = message.trim().to_owned();
    match status {
        404 => EngineError::NotFound { what, message },
        409 => EngineError::Conflict { what, message },
        400..=499 => EngineError::Refused {
            what,
            message,
            status,
        },
        _ => EngineError::Failed {
            what,
            message,
            status,
        },
    }
}

pub(super) fn timed_out(what: &str, seconds: u64) -> EngineError {
    EngineError::TimedOut {
        what: what.to_owned(),
        seconds,
    }
}

fn unreachable(target: &Target, error: &std::io::Error) -> EngineError {
    let hint = match (target, error.kind()) {
        (Target::Unix(_), ErrorKind::PermissionDenied) => {
            "join the socket's group with `sudo usermod -aG docker $USER` and log in again, or run with sudo"
        }
        (Target::Unix(_), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            "start Docker with `sudo systemctl start docker`; if it listens elsewhere, set DOCKER_HOST or pick a context with `docker context use NAME`"
        }
        (Target::Unix(_), _) => "check the socket with `docker version`",
        (Target::Tcp(..), _) => {
            "check that the engine listens there, and DOCKER_HOST or the context (`docker context ls`)"
        }
    };
    EngineError::Unreachable {
        address: target.to_string(),
        why: error.to_string(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_decide_the_kind_of_error() {
        for (status, kind) in [
            (404, "not there"),
            (409, "web: no"),
            (400, "refused"),
            (403, "refused"),
            (500, "failed"),
        ] {
            let text = by_status("web", status, "no\n").to_string();
            assert!(text.contains(kind), "{status}: {text}");
        }
        assert!(by_status("web", 503, "").is_transient());
        assert!(!by_status("web", 500, "").is_transient());
    }

    #[test]
    fn hints_name_the_next_command() {
        let target = Target::Unix("/var/run/docker.sock".into());
        for (kind, command) in [
            (ErrorKind::PermissionDenied, "usermod -aG docker"),
            (ErrorKind::NotFound, "systemctl start docker"),
        ] {
            let error = ClientError::IOError { err: kind.into() };
            let EngineError::Unreachable { hint, .. } = translate(&target, "x", &error) else {
                panic!("{kind} is not taken for unreachable");
            };
            assert!(hint.contains(command), "{hint}");
        }
    }
}
