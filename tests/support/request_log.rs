//! A socket that passes everything on to the engine and notes every request and every event that goes through it.
//!
//! Whoever is pointed at it (`DOCKER_HOST`) talks to the engine as ever: bodies, streams and upgraded connections pass through as they
//! come. Requests of one connection come one behind the other, as all clients of Docker send them.
#![allow(
    dead_code,
    clippy::disallowed_methods,
    reason = "each test binary uses its own part of this; tests may look at the clock and the environment"
)]

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

/// A request as it went to the engine.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// When its head was there.
    pub(crate) at: Instant,
    /// `GET`, `POST` and so on.
    pub(crate) method: String,
    /// The path without the API version and the query.
    pub(crate) path: String,
    /// The query, as sent.
    pub(crate) query: String,
    /// The status of the answer; `None` while there is none.
    pub(crate) status: Option<u16>,
    /// What a create answered as the id (of a volume: the name).
    pub(crate) made: Option<String>,
}

/// An event that the engine sent.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// When it passed.
    pub(crate) at: Instant,
    /// The engine's word, such as `health_status: healthy`.
    pub(crate) action: String,
    /// The name of what it is about.
    pub(crate) name: String,
}

#[derive(Debug, Default)]
struct Notes {
    requests: Vec<Request>,
    events: Vec<Event>,
    /// How many of the requests were taken.
    taken: usize,
}

/// The log, and the socket that feeds it.
pub(crate) struct RequestLog {
    folder: tempfile::TempDir,
    notes: Arc<Mutex<Notes>>,
    runtime: Option<Runtime>,
}

impl RequestLog {
    /// Opens the socket, before the engine that the environment names.
    ///
    /// # Panics
    /// Where no socket can be made, or the engine is not behind one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be had");
        let notes = Arc::new(Mutex::new(Notes::default()));
        let (upstream, log) = (engine_socket(), Arc::clone(&notes));
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(folder.path().join("docker.sock")).expect("a socket can be made")
        };
        runtime.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, log) = (upstream.clone(), Arc::clone(&log));
                connections.spawn(async move {
                    // A connection that breaks is seen by both of its ends.
                    let _ = Connection::serve(client, &upstream, log).await;
                });
            }
        });
        Self {
            folder,
            notes,
            runtime: Some(runtime),
        }
    }

    /// Returns the address for `DOCKER_HOST`.
    pub(crate) fn address(&self) -> String {
        let socket = self.folder.path().join("docker.sock");
        format!("unix://{}", socket.display())
    }

    /// Returns the requests since the last call of this, in the order of their heads.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut notes = lock(&self.notes);
        let first = notes.taken;
        notes.taken = notes.requests.len();
        notes.requests[first..].to_vec()
    }

    /// Returns the requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.notes).requests.clone()
    }

    /// Returns the events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        lock(&self.notes).events.clone()
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A test may be asynchronous itself, and must not wait here.
            runtime.shutdown_background();
        }
    }
}

fn lock(notes: &Mutex<Notes>) -> std::sync::MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn engine_socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let path = if host.is_empty() {
        "/var/run/docker.sock"
    } else {
        host.strip_prefix("unix://")
            .expect("these tests need an engine behind a socket of this machine")
    };
    PathBuf::from(path)
}

impl Request {
    /// Returns `METHOD PATH`, with what stands for one object as `{}`.
    pub(crate) fn shape(&self) -> String {
        let parts: Vec<&str> = self.path.trim_start_matches('/').split('/').collect();
        let path = match parts.as_slice() {
            ["images", .., verb @ ("json" | "push" | "tag" | "history")] => {
                format!("images/{{}}/{verb}")
            }
            [
                kind @ ("containers" | "networks" | "volumes" | "exec" | "images"),
                word,
            ] if !matches!(*word, "json" | "create" | "prune" | "search") => {
                format!("{kind}/{{}}")
            }
            [kind @ ("containers" | "networks" | "exec"), _, rest @ ..] if !rest.is_empty() => {
                format!("{kind}/{{}}/{}", rest.join("/"))
            }
            _ => parts.join("/"),
        };
        format!("{} /{path}", self.method)
    }

    /// Returns the value of a word of the query, without escapes.
    pub(crate) fn word(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| unescape(value))
        })
    }

    /// Returns whether it changes something at the engine. To attach, to wait and to run a command in a container does not.
    pub(crate) fn mutates(&self) -> bool {
        let is_talk = self.path.starts_with("/exec/")
            || [
                "/attach", "/wait", "/resize", "/exec", "/auth", "/session", "/grpc",
            ]
            .iter()
            .any(|end| self.path.ends_with(end));
        match self.method.as_str() {
            "GET" | "HEAD" => false,
            "POST" => !is_talk,
            _ => true,
        }
    }

    /// Returns the id or name of the object that it is about; of a create, the name that it asks for.
    pub(crate) fn object(&self) -> Option<String> {
        let mut parts = self.path.trim_start_matches('/').split('/');
        let kind = parts.next()?;
        let word = parts.next()?;
        match (kind, word) {
            ("containers", "create") => self.word("name"),
            ("networks" | "volumes", "create") => self.made.clone(),
            _ => Some(unescape(word)),
        }
    }
}

/// Fails where a request that changes something is about an object that is not of the project: neither by its name nor made by a
/// request of this log, nor among `known`, the ids of what was there before.
pub(crate) fn all_ours(requests: &[Request], project: &str, known: &BTreeSet<String>) {
    let made = requests.iter().filter(|it| it.path.ends_with("/create"));
    let mut ours: BTreeSet<String> = made.filter_map(|it| it.made.clone()).collect();
    ours.extend(known.iter().cloned());
    let is_image = |path: &str| path.starts_with("/images/") || path.starts_with("/build");
    for request in requests
        .iter()
        .filter(|it| it.mutates() && !is_image(&it.path))
    {
        let object = request.object().unwrap_or_default();
        let is_ours = object.contains(project) || ours.contains(&object);
        assert!(is_ours, "not of {project}: {request:?}");
    }
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: u8| (byte as char).to_digit(16);
        let escaped = (byte == b'%').then(|| {
            let (high, low) = (rest.next().and_then(hex), rest.next().and_then(hex));
            high.zip(low)
                .map_or(b'%', |(high, low)| (high * 16 + low) as u8)
        });
        bytes.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One client with a connection to the engine of its own.
struct Connection {
    client: BufReader<OwnedReadHalf>,
    to_client: OwnedWriteHalf,
    engine: BufReader<OwnedReadHalf>,
    to_engine: OwnedWriteHalf,
    notes: Arc<Mutex<Notes>>,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilEnd,
}

/// The head of a request or an answer.
struct Head {
    bytes: Vec<u8>,
    first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head; `None` where the connection has ended.
    async fn read(from: &mut BufReader<OwnedReadHalf>) -> Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            if from.read_until(b'\n', &mut bytes).await? == 0 {
                return Ok(None);
            }
            if matches!(&bytes[before..], b"\r\n" | b"\n") && before > 0 {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let fields = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_lowercase(), value.trim().to_owned()))
        });
        let fields = fields.collect();
        Ok(Some(Self {
            bytes,
            first,
            fields,
        }))
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    fn body(&self, otherwise: Body) -> Body {
        let is_chunked = self.field("transfer-encoding");
        if is_chunked.is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
            return Body::Chunked;
        }
        let length = self.field("content-length").and_then(|it| it.parse().ok());
        length.map_or(otherwise, Body::Length)
    }

    fn status(&self) -> u16 {
        let word = self.first.split(' ').nth(1);
        word.and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    fn closes(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default();
        connection.eq_ignore_ascii_case("close")
    }
}

impl Connection {
    async fn serve(client: UnixStream, upstream: &Path, notes: Arc<Mutex<Notes>>) -> Result<()> {
        let engine = UnixStream::connect(upstream).await?;
        let (client, to_client) = client.into_split();
        let (engine, to_engine) = engine.into_split();
        let mut connection = Self {
            client: BufReader::new(client),
            to_client,
            engine: BufReader::new(engine),
            to_engine,
            notes,
        };
        while connection.exchange().await? {}
        Ok(())
    }

    /// Passes one request and its answer on; returns whether another may follow.
    async fn exchange(&mut self) -> Result<bool> {
        let Some(head) = Head::read(&mut self.client).await? else {
            return Ok(false);
        };
        let number = self.note(&head);
        let method = head.first.split(' ').next().unwrap_or_default().to_owned();
        self.to_engine.write_all(&head.bytes).await?;
        copy_body(&mut self.client, &mut self.to_engine, head.body(Body::None)).await?;
        let answer = loop {
            let answer = Head::read(&mut self.engine).await?;
            let answer = answer.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
            self.to_client.write_all(&answer.bytes).await?;
            if answer.status() != 100 {
                break answer;
            }
        };
        let status = answer.status();
        lock(&self.notes).requests[number].status = Some(status);
        if status == 101 {
            self.both_ways().await?;
            return Ok(false);
        }
        let body = match (status, method.as_str()) {
            (204 | 304, _) | (_, "HEAD") => Body::None,
            _ => answer.body(Body::UntilEnd),
        };
        let path = lock(&self.notes).requests[number].path.clone();
        if path == "/events" && body == Body::Chunked {
            self.pass_events().await?;
        } else if method == "POST" && (path.ends_with("/create") || path.ends_with("/exec")) {
            let bytes = self.answer_bytes(body).await?;
            lock(&self.notes).requests[number].made = made(&bytes);
        } else {
            self.pass_answer(body).await?;
        }
        Ok(!answer.closes() && body != Body::UntilEnd)
    }

    fn note(&self, head: &Head) -> usize {
        let mut words = head.first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = match path
            .strip_prefix("/v1.")
            .and_then(|rest| rest.split_once('/'))
        {
            Some((_, rest)) => format!("/{rest}"),
            None => path.to_owned(),
        };
        let mut notes = lock(&self.notes);
        notes.requests.push(Request {
            at: Instant::now(),
            method,
            path,
            query: query.to_owned(),
            status: None,
            made: None,
        });
        notes.requests.len() - 1
    }

    /// Passes bytes both ways until both sides have ended.
    async fn both_ways(&mut self) -> Result<()> {
        let up = async {
            tokio::io::copy_buf(&mut self.client, &mut self.to_engine).await?;
            self.to_engine.shutdown().await
        };
        let down = async {
            tokio::io::copy_buf(&mut self.engine, &mut self.to_client).await?;
            self.to_client.shutdown().await
        };
        tokio::pin!(up);
        // What the engine has to say is over when it hangs up, whether the client has or not.
        tokio::select! {
            result = down => result,
            result = async { up.as_mut().await.ok(); std::future::pending().await } => result,
        }
    }

    /// Passes an answer on; ends where the client hangs up in the middle of it.
    async fn pass_answer(&mut self, body: Body) -> Result<()> {
        let answer = copy_body(&mut self.engine, &mut self.to_client, body);
        tokio::select! {
            result = answer => result,
            () = hung_up(&mut self.client) => Err(ErrorKind::ConnectionAborted.into()),
        }
    }

    /// Passes a short answer on and returns its bytes.
    async fn answer_bytes(&mut self, body: Body) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        copy_body(&mut self.engine, &mut bytes, body).await?;
        self.to_client.write_all(&bytes).await?;
        Ok(bytes)
    }

    /// Passes events on and notes each. The engine sends one or several whole ones in a chunk.
    async fn pass_events(&mut self) -> Result<()> {
        loop {
            let next = read_chunk(&mut self.engine);
            let (bytes, content) = tokio::select! {
                next = next => next?,
                () = hung_up(&mut self.client) => return Err(ErrorKind::ConnectionAborted.into()),
            };
            let at = Instant::now();
            self.to_client.write_all(&bytes).await?;
            if content.is_empty() {
                return Ok(());
            }
            let values = serde_json::Deserializer::from_slice(&content).into_iter();
            let events =
                values.map_while(|value: serde_json::Result<serde_json::Value>| value.ok());
            for event in events {
                let text = |path: &str| {
                    let value = event.pointer(path).and_then(|value| value.as_str());
                    value.unwrap_or_default().to_owned()
                };
                lock(&self.notes).events.push(Event {
                    at,
                    action: text("/Action"),
                    name: text("/Actor/Attributes/name"),
                });
            }
        }
    }
}

/// Returns the id in the answer to a create; of a volume, which has none, the name.
fn made(answer: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(answer);
    // The answer may be chunked; its one line of JSON is what counts.
    let json = text.get(text.find('{')?..=text.rfind('}')?)?;
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let word = value.get("Id").or_else(|| value.get("Name"))?;
    Some(word.as_str()?.to_owned())
}

/// Returns when the client has gone; never where it goes on to talk.
async fn hung_up(client: &mut BufReader<OwnedReadHalf>) {
    match client.fill_buf().await {
        Ok(bytes) if !bytes.is_empty() => std::future::pending().await,
        _ => {}
    }
}

/// Reads a chunk with its frame; returns the bytes as they came, and the content.
async fn read_chunk(from: &mut BufReader<OwnedReadHalf>) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    if from.read_until(b'\n', &mut bytes).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let line = String::from_utf8_lossy(&bytes).into_owned();
    let size = line.trim().split(';').next().unwrap_or_default();
    let size = usize::from_str_radix(size, 16)
        .map_err(|_| Error::new(ErrorKind::InvalidData, format!("{line:?} is no size")))?;
    let start = bytes.len();
    bytes.resize(start + size + 2, 0);
    from.read_exact(&mut bytes[start..]).await?;
    let content = bytes[start..start + size].to_vec();
    Ok((bytes, content))
}

async fn copy_body(
    from: &mut BufReader<OwnedReadHalf>,
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    body: Body,
) -> Result<()> {
    match body {
        Body::None => {}
        Body::Length(length) => {
            tokio::io::copy_buf(&mut from.take(length), to).await?;
        }
        Body::UntilEnd => {
            tokio::io::copy_buf(from, to).await?;
            to.shutdown().await?;
        }
        Body::Chunked => loop {
            let (bytes, content) = read_chunk(from).await?;
            to.write_all(&bytes).await?;
            if content.is_empty() {
                break;
            }
        },
    }
    Ok(())
}
