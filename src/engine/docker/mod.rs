//! The engine that is Docker's daemon, tried with 20.10 (API 1.41).
//!
//! **Invariant:** the client library's types do not leave this folder.

mod base64;
mod build;
mod build_context;
mod buildx;
mod command;
mod container;
mod create;
mod credentials;
mod dockerignore;
mod events;
mod failure;
mod host;
mod lines;
mod mounts;
mod networks;
mod observe;
mod perform;
mod pull;
mod pull_progress;
mod rare;
mod resources;
mod streams;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bollard::Docker;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use http_body_util::BodyExt;
use hyper::Method;
use tokio::sync::{OnceCell, mpsc};

use crate::model::{Builder, EngineFacts, ImageReference, Observed, ObservedContainer, Scope};
use crate::plan::{Action, ContainerRef};

use self::host::Surroundings;
use self::transport::{Target, Transport};
use super::{
    ActionProgress, CALL_TIMEOUT, Engine, EngineError, EngineEvent, ExecSession, ExecSpec,
    ExecState, ListedContainer, LogChunk, LogOptions, Performed,
};

/// The newest API version that this room was written for; a newer engine is spoken to in this one.
const NEWEST_API: (u32, u32) = (1, 49);

/// Docker, spoken to over its API. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct DockerEngine {
    transport: Arc<Transport>,
    docker: Docker,
    facts: Arc<OnceCell<EngineFacts>>,
    around: Arc<Surroundings>,
}

impl DockerEngine {
    /// Finds the engine: `host`, else `DOCKER_HOST`, else Docker's current context, else the usual socket. Nothing is sent yet.
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] for an address that is not understood.
    pub fn connect(host: Option<&str>) -> Result<Self, EngineError> {
        let around = Surroundings::of_process();
        let target = host::find(host, &around)?;
        let transport = Transport::new(target);
        let sender = Arc::clone(&transport);
        let send = move |request| {
            let transport = Arc::clone(&sender);
            async move { transport.send(request).await }
        };
        let docker = Docker::connect_with_custom_transport(
            send,
            Some("http://docker"),
            CALL_TIMEOUT.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| failure::translate(transport.target(), "connect", &error))?;
        Ok(Self {
            transport,
            docker,
            facts: Arc::new(OnceCell::new()),
            around: Arc::new(around),
        })
    }

    /// Returns how many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.transport.requests()
    }

    /// Asks the engine what it is, once. Every other call comes behind this one, since it fixes the API version.
    async fn known(&self) -> Result<&EngineFacts, EngineError> {
        self.facts.get_or_try_init(|| self.ask_facts()).await
    }

    async fn ask_facts(&self) -> Result<EngineFacts, EngineError> {
        let answer = self
            .within("version", CALL_TIMEOUT, self.docker.version())
            .await?;
        let text = answer.api_version.unwrap_or_default();
        let parse = |text: &str| {
            let (major, minor) = text.split_once('.')?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        };
        let newest: (u32, u32) = parse(&text).ok_or_else(|| EngineError::Failed {
            what: "version".to_owned(),
            message: format!("{text:?} is no API version"),
            status: 200,
        })?;
        let api = newest.min(NEWEST_API);
        self.transport.set_api(api);
        Ok(EngineFacts {
            version: answer.version.unwrap_or_default(),
            api,
            address: self.transport.target().to_string(),
            is_local: matches!(self.transport.target(), Target::Unix(_)),
        })
    }

    /// Returns the client once the version is fixed.
    async fn client(&self) -> Result<&Docker, EngineError> {
        self.known().await?;
        Ok(&self.docker)
    }

    /// Waits for a call of the client, at most `limit`, and translates its error.
    async fn within<T>(
        &self,
        what: &str,
        limit: Duration,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, EngineError> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(failure::translate(self.transport.target(), what, &error)),
            Err(_) => Err(failure::timed_out(what, limit.as_secs())),
        }
    }

    /// Makes a plain call and returns its status, below 400, and its whole answer.
    async fn call(
        &self,
        what: &str,
        limit: Duration,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(u16, Bytes), EngineError> {
        self.known().await?;
        let exchange = async {
            let response = self.transport.plain(method, path, &[], body).await?;
            let status = response.status().as_u16();
            let bytes = response.into_body().collect().await?.to_bytes();
            Ok::<_, bollard::errors::Error>((status, bytes))
        };
        let (status, bytes) = self.within(what, limit, exchange).await?;
        if status < 400 {
            Ok((status, bytes))
        } else {
            Err(failure::by_status(what, status, &message_of(&bytes)))
        }
    }

    /// Posts a file, where there is one, and returns the long answer once its head is here.
    async fn open_with_file(
        &self,
        what: &str,
        path: &str,
        headers: &[(&'static str, String)],
        file: Option<std::fs::File>,
        limit: Duration,
    ) -> Result<hyper::body::Incoming, EngineError> {
        self.known().await?;
        let exchange = self.transport.post_file(path, headers, file);
        let response = self.within(what, limit, exchange).await?;
        self.accepted(what, response).await
    }

    /// Makes a plain call with a long answer and returns it once its head is here.
    async fn open(
        &self,
        what: &str,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<hyper::body::Incoming, EngineError> {
        self.known().await?;
        let exchange = self.transport.plain(method, path, headers, body);
        let response = self.within(what, CALL_TIMEOUT, exchange).await?;
        self.accepted(what, response).await
    }

    /// Returns the body of an answer that is no refusal.
    async fn accepted(
        &self,
        what: &str,
        response: hyper::Response<hyper::body::Incoming>,
    ) -> Result<hyper::body::Incoming, EngineError> {
        let status = response.status().as_u16();
        if status < 400 {
            return Ok(response.into_body());
        }
        let body = async { Ok(response.into_body().collect().await?.to_bytes()) };
        let bytes = self.within(what, CALL_TIMEOUT, body).await?;
        Err(failure::by_status(what, status, &message_of(&bytes)))
    }
}

/// Returns what stands for a container in a path.
fn key(container: &ContainerRef) -> &str {
    match container {
        ContainerRef::Id(id) => id.as_str(),
        ContainerRef::Name(name) => name,
    }
}

/// Escapes a part of a path or query: all but letters, digits and `-._~`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Returns the words of an error's body: `{"message": …}`, else the body itself.
fn message_of(body: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| Some(value.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

impl Engine for DockerEngine {
    fn facts(&self) -> BoxFuture<'_, Result<EngineFacts, EngineError>> {
        async move { self.known().await.cloned() }.boxed()
    }

    fn observe<'a>(&'a self, scope: &'a Scope) -> BoxFuture<'a, Result<Observed, EngineError>> {
        self.look_at(scope).boxed()
    }

    fn inspect<'a>(
        &'a self,
        container: &'a ContainerRef,
    ) -> BoxFuture<'a, Result<Option<ObservedContainer>, EngineError>> {
        self.look_at_container(container).boxed()
    }

    fn find<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ObservedContainer>, EngineError>> {
        self.find_by_labels(labels).boxed()
    }

    fn list<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<Vec<ListedContainer>, EngineError>> {
        self.list_by_labels(labels).boxed()
    }

    fn projects(&self) -> BoxFuture<'_, Result<BTreeSet<String>, EngineError>> {
        self.list_projects().boxed()
    }

    fn perform<'a>(&'a self, action: &'a Action) -> BoxFuture<'a, Result<Performed, EngineError>> {
        self.perform_action(action, None).boxed()
    }

    fn registry_digest<'a>(
        &'a self,
        image: &'a ImageReference,
    ) -> BoxFuture<'a, Result<String, EngineError>> {
        self.ask_digest(image).boxed()
    }

    fn builder(&self) -> Builder {
        if buildx::is_here(self.around.config_folder.as_deref(), &self.around.path) {
            Builder::Buildx
        } else {
            Builder::Engine
        }
    }

    fn perform_telling<'a>(
        &'a self,
        action: &'a Action,
        progress: &'a mpsc::Sender<ActionProgress>,
    ) -> BoxFuture<'a, Result<Performed, EngineError>> {
        self.perform_action(action, Some(progress)).boxed()
    }

    fn events(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<EngineEvent, EngineError>>, EngineError>>
    {
        self.subscribe().boxed()
    }

    fn logs<'a>(
        &'a self,
        container: &'a ContainerRef,
        options: &'a LogOptions,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<LogChunk, EngineError>>, EngineError>> {
        self.read_logs(container, options).boxed()
    }

    fn exec<'a>(&'a self, spec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecSession, EngineError>> {
        self.start_exec(spec).boxed()
    }

    fn exec_state<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<ExecState, EngineError>> {
        self.look_at_exec(id).boxed()
    }
}
