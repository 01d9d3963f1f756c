//! The trait that every engine implements.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::model::{
    Builder, ContainerId, ContainerStatus, EngineFacts, ImageReference, Observed,
    ObservedContainer, Scope,
};
use crate::plan::{Action, ContainerRef};

use super::EngineError;

/// What runs containers. One implementation talks to Docker, one is a fake that copies its measured behaviour.
pub trait Engine: Send + Sync + 'static {
    /// Returns what the engine itself is; asks it once and remembers.
    fn facts(&self) -> BoxFuture<'_, Result<EngineFacts, EngineError>>;

    /// Takes a snapshot of everything in `scope`.
    ///
    /// # Errors
    /// Only where nothing at all could be seen. What could not be seen in part stands in [`Observed::unknown`].
    fn observe<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Observed, EngineError>>;

    /// Looks at one container; `None` where it is not there.
    fn inspect<'a>(
        &'a self,
        container: &'a ContainerRef,
    ) -> BoxFuture<'a, Result<Option<ObservedContainer>, EngineError>>;

    /// Returns all containers, stopped ones too, that carry all of `labels`, sorted by name.
    fn find<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ObservedContainer>, EngineError>>;

    /// Returns the same as [`Engine::find`] says, but of each only what one list says: one request, however many there are.
    fn list<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ListedContainer>, EngineError>>;

    /// Returns the names of the Compose projects that have containers, running or not.
    fn projects(&self) -> BoxFuture<'_, Result<BTreeSet<String>, EngineError>>;

    /// Performs one action. `Await` is not for engines but for `exec`, which has the event stream; an engine refuses it.
    ///
    /// A start of what runs, a stop of what does not and a removal of what is gone succeed.
    fn perform<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Result<Performed, EngineError>>;

    /// Asks the registry of an image which digest its tag has now.
    fn registry_digest<'a>(
        &'a self,
        image: &'a ImageReference,
    ) -> BoxFuture<'a, Result<String, EngineError>>;

    /// Returns who builds images for this engine.
    fn builder(&self) -> Builder;

    /// Performs one action as [`Engine::perform`] does, and tells on `progress` how one that takes long goes. Nobody has to listen.
    fn perform_telling<'a>(
        &'a self,
        action: &'a Action,
        progress: &'a mpsc::Sender<ActionProgress>,
    ) -> BoxFuture<'a, Result<Performed, EngineError>>;

    /// Returns what happens from now on to containers, networks and volumes, without health probes and execs. The stream ends when the
    /// connection breaks; whoever reads it looks again at everything and calls this again. It is subscribed when the future
    /// is ready: what happens after that is in the stream.
    fn events(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>>;

    /// Returns the output of a container.
    fn logs<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: &'a LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<LogChunk, EngineError>>, EngineError>>;

    /// Starts a command in a running container and returns its output; the stream ends with the command.
    fn exec<'a>(&'a self, spec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecSession, EngineError>>;

    /// Returns the state of a command that [`Engine::exec`] started.
    fn exec_state<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ExecState, EngineError>>;
}

/// A container as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedContainer {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub status: ContainerStatus,
}

/// What a performed action brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Performed {
    /// It was done.
    Done,
    /// A container was made.
    Created(ContainerId),
    /// Nothing had to be done: it was so already.
    WasSo,
}

/// How far an action is that takes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionProgress {
    /// An image is being pulled.
    Pull(PullProgress),
    /// A builder said this.
    Build(String),
}

/// How far the pull of an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// Layers that are here and unpacked, those that were here before too.
    pub layers_done: usize,
    /// Layers of the image, as far as they are known.
    pub layers: usize,
    /// Bytes that were fetched.
    pub bytes_done: u64,
    /// Bytes that are to be fetched, as far as the registry has said; it grows while layers begin.
    pub bytes: u64,
}

/// Something that happened at the engine. A hint: the truth is what inspect says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// What it happened to.
    pub subject: EventSubject,
    /// The engine's word for it, such as `start`, `die`, `destroy`, `health_status`; without anything behind a colon.
    pub action: String,
    /// What came of it, where the word alone does not say.
    pub outcome: Option<EventOutcome>,
    /// When, by the engine's clock.
    pub at: Option<Timestamp>,
}

/// What came of a health check or of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    /// The container became healthy.
    Healthy,
    /// The container became unhealthy.
    Unhealthy,
    /// The process ended with this code.
    Exited(i64),
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventSubject {
    /// A container.
    Container {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: String,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
    /// A network, by its name.
    Network(String),
    /// A volume, by its name.
    Volume(String),
}

/// Which part of a container's output to return.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Whether to wait for more.
    pub follow: bool,
    /// Only the last so many lines; `None`: all.
    pub tail: Option<u64>,
    /// Only what came after this.
    pub since: Option<Timestamp>,
    /// Whether each line begins with its time.
    pub timestamps: bool,
}

/// A piece of output, not always a whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// Where it was written.
    pub stream: OutputStream,
    /// The bytes.
    pub bytes: bytes::Bytes,
}

/// Where output was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A command to be run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecSpec {
    /// The container.
    pub container: ContainerRef,
    /// The command.
    pub command: Vec<String>,
    /// Variables beside those of the container; `None` as value sends the bare name.
    pub environment: BTreeMap<String, Option<String>>,
    /// The user; `None`: the container's.
    pub user: Option<String>,
    /// The folder; `None`: the container's.
    pub working_dir: Option<String>,
    /// Whether it has all rights.
    pub privileged: bool,
}

/// A command at work in a container.
pub struct ExecSession {
    /// The engine's id of it.
    pub id: String,
    /// Its output; ends with the command.
    pub output: BoxStream<'static, Result<LogChunk, EngineError>>,
}

/// The state of a command in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecState {
    /// Whether it is still at work.
    pub is_running: bool,
    /// Its exit code once it has ended.
    pub exit_code: Option<i64>,
    /// Its process id on the host; 0 where it is not known.
    pub pid: i64,
}

/// How long an engine call may take before it counts as lost; streams count silence.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
