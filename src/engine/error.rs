//! What can go wrong at an engine.

/// An engine call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Nobody answers.
    #[error("no engine answers at {address}: {why}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        why: String,
        /// What to do about it, as a sentence.
        hint: String,
    },
    /// The thing is not there (404).
    #[error("{what} is not there: {message}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The thing is in the way or in another state than needed (409).
    #[error("{what}: {message}")]
    Conflict {
        /// What was asked for.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The engine refused what was asked (400 and other 4xx).
    #[error("the engine refused {what}: {message}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The engine's words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// The engine failed (5xx).
    #[error("the engine failed at {what}: {message}")]
    Failed {
        /// What was asked for.
        what: String,
        /// The engine's words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer did not come in time; whether the call took effect is not known.
    #[error("{what}: no answer within {seconds} s")]
    TimedOut {
        /// What was asked for.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection broke before the answer was there; whether the call took effect is not known.
    #[error("{what}: the connection broke: {message}")]
    Broken {
        /// What was asked for.
        what: String,
        /// What the system said.
        message: String,
    },
    /// The image is not here and cannot be fetched.
    #[error("image {image} is not here and cannot be pulled: {message}")]
    NoImage {
        /// The image.
        image: String,
        /// The engine's words.
        message: String,
    },
    /// The build of an image failed.
    #[error("image {image} could not be built: {message}")]
    BuildFailed {
        /// The image.
        image: String,
        /// The builder's last words.
        message: String,
        /// All that it said, line by line.
        output: Vec<String>,
    },
    /// Something that this engine is too old for.
    #[error("{what} needs engine API {needs}, this engine has {has}")]
    TooOld {
        /// What was asked for.
        what: String,
        /// The API version needed.
        needs: String,
        /// The API version there is.
        has: String,
    },
    /// A command in a container did not end well.
    #[error("{what} {how}")]
    Command {
        /// What was run, such as `post_start "./migrate"`.
        what: String,
        /// How it ended, such as `ended with code 3`.
        how: String,
        /// The end of what it printed.
        output: Vec<String>,
    },
    /// A host socket could not be changed.
    #[error("{path}: {message}")]
    Socket {
        /// The socket's path.
        path: String,
        /// What is wrong.
        message: String,
        /// The one command to run, where more rights are needed.
        command: Option<String>,
    },
}

impl EngineError {
    /// Returns whether the same call may succeed a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Failed { status, .. } => *status == 503,
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Refused { .. }
            | Self::NoImage { .. }
            | Self::BuildFailed { .. }
            | Self::TooOld { .. }
            | Self::Command { .. }
            | Self::Socket { .. } => false,
        }
    }
}
