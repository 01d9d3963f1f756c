//! Building images: by the engine itself, or through buildx.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::engine::{ActionProgress, EngineError, Performed};
use crate::model::{
    BuildSecret, BuildSpec, Builder, SecretText, is_secret_name, mask_url_passwords,
};

use super::DockerEngine;
use super::transport::Target;
use super::{build_context, buildx, escape, lines};

/// How long a build may say nothing: a compiler may well be silent for long.
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// How much of a build's output is kept for the case that it fails.
const KEPT: usize = 4 << 20;

/// Hands out what a build says, and keeps it.
struct Output<'a> {
    progress: Option<&'a mpsc::Sender<ActionProgress>>,
    lines: std::collections::VecDeque<String>,
    size: usize,
    /// What must not be seen: builders write the values of arguments into their output.
    hidden: Vec<&'a str>,
}

/// Returns the secrets that a builder may write: those of the build, and arguments that are secrets by their names.
fn hidden(spec: &BuildSpec) -> Vec<&str> {
    let secrets = spec.secrets.values().filter_map(|secret| match secret {
        BuildSecret::Text(text) => Some(text),
        BuildSecret::File(_) => None,
    });
    let args = spec.args.iter().filter(|(name, _)| is_secret_name(name));
    let args = args.filter_map(|(_, value)| value.as_ref());
    let texts = secrets.chain(args).map(SecretText::expose);
    texts.filter(|text| !text.trim().is_empty()).collect()
}

impl Output<'_> {
    fn masked(&self, text: &str) -> String {
        let hidden = self.hidden.iter();
        let masked = hidden.fold(text.to_owned(), |text, secret| text.replace(secret, "***"));
        mask_url_passwords(&masked)
    }

    async fn say(&mut self, text: &str) {
        for line in text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
        {
            let line = &self.masked(line);
            self.size += line.len();
            self.lines.push_back(line.to_owned());
            while self.size > KEPT {
                let first = self.lines.pop_front();
                self.size -= first.map_or(0, |line| line.len());
            }
            if let Some(progress) = self.progress {
                // Nobody has to listen.
                let _ = progress.send(ActionProgress::Build(line.to_owned())).await;
            }
        }
    }
}

impl DockerEngine {
    pub(super) async fn build(
        &self,
        spec: &BuildSpec,
        progress: Option<&mpsc::Sender<ActionProgress>>,
    ) -> Result<Performed, EngineError> {
        let mut output = Output {
            progress,
            lines: Default::default(),
            size: 0,
            hidden: hidden(spec),
        };
        let result = match spec.builder {
            Builder::Engine => self.build_by_engine(spec, &mut output).await,
            Builder::Buildx => self.build_by_buildx(spec, &mut output).await,
        };
        match result {
            Ok(()) => Ok(Performed::Done),
            Err(Stopped::Build(message)) => Err(EngineError::BuildFailed {
                image: spec.image.to_string(),
                message: output.masked(&message),
                output: output.lines.into(),
            }),
            Err(Stopped::Engine(error)) => Err(error),
        }
    }

    async fn build_by_engine(
        &self,
        spec: &BuildSpec,
        output: &mut Output<'_>,
    ) -> Result<(), Stopped> {
        let what = format!("build of image {}", spec.image);
        let mut query = query(spec, |name| self.around.variable(name));
        let folder = Path::new(&spec.context);
        let archive = if folder.is_absolute() {
            let packed = self.pack(spec).await?;
            query.push(("dockerfile", packed.dockerfile));
            Some(packed.archive)
        } else {
            query.push(("remote", spec.context.clone()));
            query.extend(spec.dockerfile.clone().map(|file| ("dockerfile", file)));
            None
        };
        let pairs = query.iter();
        let pairs: Vec<String> = pairs
            .map(|(key, value)| format!("{key}={}", escape(value)))
            .collect();
        let path = format!("/build?{}", pairs.join("&"));
        let headers = self.registries_headers().await;
        let body = self
            .open_with_file(&what, &path, &headers, archive, SILENCE)
            .await?;
        let mut values = lines::values(body, self.transport.target().clone(), what.clone());
        loop {
            let line = match tokio::time::timeout(SILENCE, values.next()).await {
                Err(_) => return Err(silent(what).into()),
                Ok(None) => return Ok(()),
                Ok(Some(line)) => line?,
            };
            if let Some(message) = line.get("error").and_then(Value::as_str) {
                return Err(Stopped::Build(message.trim().to_owned()));
            }
            output.say(&words(&line)).await;
        }
    }

    /// Packs the context beside the runtime's own work: it may be large.
    async fn pack(&self, spec: &BuildSpec) -> Result<build_context::Context, Stopped> {
        let (folder, file) = (spec.context.clone(), spec.dockerfile.clone());
        let inline = spec.dockerfile_inline.clone();
        let work =
            move || build_context::pack(Path::new(&folder), file.as_deref(), inline.as_deref());
        match self.transport.tasks().spawn_blocking(work).await {
            Ok(Ok(context)) => Ok(context),
            Ok(Err(error)) => Err(Stopped::Build(format!(
                "the context cannot be read: {error}"
            ))),
            Err(error) => Err(Stopped::Build(format!("internal: {error}"))),
        }
    }

    async fn build_by_buildx(
        &self,
        spec: &BuildSpec,
        output: &mut Output<'_>,
    ) -> Result<(), Stopped> {
        let call = buildx::call(spec);
        let host = match self.transport.target() {
            Target::Unix(path) => format!("unix://{}", path.display()),
            Target::Tcp(host, port) => format!("tcp://{host}:{port}"),
        };
        let cannot = |error: std::io::Error| {
            Stopped::Build(format!("the docker command cannot be run: {error}"))
        };
        let mut child = Command::new("docker")
            .args(&call.words)
            .envs(&call.environment)
            // The engine that we speak to, whatever the context in use is.
            .env("DOCKER_HOST", host)
            .env_remove("DOCKER_CONTEXT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot)?;
        let (sender, mut said) = mpsc::channel(64);
        let stdin = child.stdin.take();
        let write = async {
            if let (Some(mut stdin), Some(text)) = (stdin, call.input) {
                // A build that does not want it says so itself.
                let _ = stdin.write_all(text.as_bytes()).await;
            }
        };
        let out = pass_on(child.stdout.take(), sender.clone());
        let error = pass_on(child.stderr.take(), sender);
        let listen = async {
            loop {
                match tokio::time::timeout(SILENCE, said.recv()).await {
                    Err(_) => return Err(silent(format!("build of image {}", spec.image))),
                    Ok(None) => return Ok(()),
                    Ok(Some(line)) => output.say(&line).await,
                }
            }
        };
        let ((), (), (), listened) = tokio::join!(write, out, error, listen);
        listened?;
        let status = child.wait().await.map_err(cannot)?;
        if status.success() {
            return Ok(());
        }
        let reason = output.lines.iter().rev();
        let mut reason = reason.filter_map(|line| line.strip_prefix("ERROR: "));
        let reason = reason.next().map(str::to_owned);
        Err(Stopped::Build(reason.unwrap_or_else(|| {
            format!("docker buildx build ended with {status}")
        })))
    }
}

/// Why a build has ended early.
enum Stopped {
    /// The build itself failed.
    Build(String),
    /// The engine could not be spoken to, or refused.
    Engine(EngineError),
}

impl From<EngineError> for Stopped {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound { message, .. }
            | EngineError::Conflict { message, .. }
            | EngineError::Refused { message, .. }
            | EngineError::Failed { message, .. } => Self::Build(message),
            other @ (EngineError::Unreachable { .. }
            | EngineError::TimedOut { .. }
            | EngineError::Broken { .. }
            | EngineError::NoImage { .. }
            | EngineError::BuildFailed { .. }
            | EngineError::Command { .. }
            | EngineError::TooOld { .. }
            | EngineError::Socket { .. }) => Self::Engine(other),
        }
    }
}

fn silent(what: String) -> EngineError {
    EngineError::TimedOut {
        what,
        seconds: SILENCE.as_secs(),
    }
}

/// Sends the lines of a pipe on until it ends.
async fn pass_on(pipe: Option<impl AsyncRead + Unpin>, sender: mpsc::Sender<String>) {
    let Some(pipe) = pipe else {
        return;
    };
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).into_owned();
        if sender.send(text).await.is_err() {
            return;
        }
        line.clear();
    }
}

/// Returns what a line of the engine's says.
fn words(line: &Value) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    match (text("stream"), text("status"), text("id")) {
        (Some(stream), _, _) => stream.to_owned(),
        // How far each layer of a base image is would bury the rest.
        (None, Some(status), None) => status.to_owned(),
        (None, _, _) => String::new(),
    }
}

/// Returns what the engine is asked beside the context.
fn query(
    spec: &BuildSpec,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<(&'static str, String)> {
    let args: serde_json::Map<String, Value> = spec
        .args
        .iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Some(value) => value.expose().to_owned(),
                // Without a value it is not there, and the Dockerfile's default counts.
                None => variable(name)?,
            };
            Some((name.clone(), value.into()))
        })
        .collect();
    let ulimits = spec.ulimits.iter();
    let ulimits: Vec<Value> = ulimits
        .map(|(name, (soft, hard))| json!({"Name": name, "Soft": soft, "Hard": hard}))
        .collect();
    let mut query = vec![
        ("t", spec.image.to_string()),
        ("rm", "1".to_owned()),
        ("forcerm", "1".to_owned()),
        ("buildargs", Value::Object(args).to_string()),
        ("labels", json!(spec.labels).to_string()),
        ("cachefrom", json!(spec.cache_from).to_string()),
    ];
    query.extend(spec.tags.iter().map(|tag| ("t", tag.clone())));
    if !ulimits.is_empty() {
        query.push(("ulimits", Value::Array(ulimits).to_string()));
    }
    for (key, is_on) in [("nocache", spec.no_cache), ("pull", spec.pull)] {
        if is_on {
            query.push((key, "1".to_owned()));
        }
    }
    query.extend(spec.target.clone().map(|it| ("target", it)));
    query.extend(spec.network.clone().map(|it| ("networkmode", it)));
    query.extend(spec.shm_size.map(|it| ("shmsize", it.to_string())));
    query.extend(spec.platforms.first().map(|it| ("platform", it.clone())));
    query.extend(spec.extra_hosts.iter().map(|it| ("extrahosts", it.clone())));
    query
}
