//! How bytes get to the engine: one connection a request, with the API version in front of each path.
//!
//! The client library would leave the version out of the path, so that every call were answered in the engine's newest dialect whatever
//! was negotiated; and it does not tell 304 from 204, nor when a stream's head has come. Its typed calls and our plain ones
//! both go through here.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::{BollardRequest, body_full, body_try_stream};
use bytes::Bytes;
use futures_util::Stream;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::task::TaskTracker;

type ClientError = bollard::errors::Error;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A socket of this host.
    Unix(PathBuf),
    /// A host and port, in clear.
    Tcp(String, u16),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// The way to one engine.
pub(super) struct Transport {
    target: Target,
    api: OnceLock<(u32, u32)>,
    requests: AtomicU64,
    // Owns the tasks that move bytes. Each ends with its connection, which ends when the answer is read or dropped; the engine being
    // dropped therefore needs no wait.
    connections: TaskTracker,
}

impl Transport {
    pub(super) fn new(target: Target) -> Arc<Self> {
        Arc::new(Self {
            target,
            api: OnceLock::new(),
            requests: AtomicU64::new(0),
            connections: TaskTracker::new(),
        })
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Fixes the API version that all later requests carry.
    pub(super) fn set_api(&self, version: (u32, u32)) {
        // A second negotiation with the same engine gives the same answer, so that the first one may stay.
        let _ = self.api.set(version);
    }

    /// Owner of the small tasks of this room.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.connections
    }

    /// Sends one request on a connection of its own. Errors of connecting are `IOError`, later ones are not.
    pub(super) async fn send(
        &self,
        request: BollardRequest,
    ) -> Result<Response<Incoming>, ClientError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let request = self.address(request)?;
        match &self.target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                self.exchange(stream, request).await
            }
            Target::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                self.exchange(stream, request).await
            }
        }
    }

    async fn exchange<S>(
        &self,
        stream: S,
        request: BollardRequest,
    ) -> Result<Response<Incoming>, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        self.connections.spawn(async move {
            if let Err(error) = connection.await {
                // Whoever reads the answer sees the same error.
                tracing::debug!(%error, "connection to the engine ended");
            }
        });
        Ok(sender.send_request(request).await?)
    }

    /// Puts the version in front of the path, and makes the address one that HTTP takes over a socket.
    fn address(&self, request: BollardRequest) -> Result<BollardRequest, ClientError> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let versioned = match self.api.get() {
            Some((major, minor)) => format!("/v{major}.{minor}{path}"),
            None => path.to_owned(),
        };
        parts.uri = versioned.parse()?;
        let host = match &self.target {
            Target::Unix(_) => "docker".to_owned(),
            Target::Tcp(host, port) => format!("{host}:{port}"),
        };
        if let Ok(host) = HeaderValue::from_str(&host) {
            parts.headers.insert(HOST, host);
        }
        Ok(Request::from_parts(parts, body))
    }

    /// Posts an archive, piece by piece, so that it never is in memory as a whole.
    pub(super) async fn post_file(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        file: Option<std::fs::File>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut builder = Request::builder().method(Method::POST).uri(path);
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        let body = match file {
            Some(file) => {
                builder = builder.header(CONTENT_TYPE, "application/x-tar");
                body_try_stream(pieces(tokio::fs::File::from_std(file)))
            }
            None => body_full(Bytes::new()),
        };
        self.send(builder.body(body)?).await
    }

    /// Sends a request that the client library has no fitting call for.
    pub(super) async fn plain(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut builder = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            builder = builder.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            builder = builder.header(*name, value);
        }
        self.send(builder.body(body_full(body))?).await
    }
}

/// How much of a file is read at once.
const PIECE: usize = 256 * 1024;

/// Returns what is in a file, piece by piece.
fn pieces(file: tokio::fs::File) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    futures_util::stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let length = file.read(&mut piece).await?;
        piece.truncate(length);
        Ok((length > 0).then(|| (Bytes::from(piece), file)))
    })
}
