//! Output of containers and of commands in them.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use hyper::Method;
use serde_json::{Value, json};

use crate::engine::{
    CALL_TIMEOUT, EngineError, ExecSession, ExecSpec, ExecState, LogChunk, LogOptions, OutputStream,
};
use crate::plan::ContainerRef;

use super::DockerEngine;
use super::{escape, key, lines};

type Output = BoxStream<'static, Result<LogChunk, EngineError>>;

/// Each piece of output without a terminal begins with its stream, three zeros and its length.
const HEADER: usize = 8;

impl DockerEngine {
    pub(super) async fn read_logs(
        &self,
        container: &ContainerRef,
        options: &LogOptions,
    ) -> Result<Output, EngineError> {
        let what = format!("logs of container {container}");
        let found = self.look_at_container(container).await?;
        let found = found.ok_or_else(|| EngineError::NotFound {
            what: what.clone(),
            message: "no such container".to_owned(),
        })?;
        let path = format!(
            "/containers/{}/logs?{}",
            escape(found.id.as_str()),
            log_query(options)
        );
        let body = self
            .open(&what, Method::GET, &path, &[], Bytes::new())
            .await?;
        let chunks = lines::chunks(body, self.transport.target().clone(), what);
        // No limit on silence: a container may have nothing to say for days. A connection that breaks ends the stream.
        Ok(match found.config.tty {
            true => plain(chunks),
            false => split(chunks),
        })
    }

    pub(super) async fn start_exec(&self, spec: &ExecSpec) -> Result<ExecSession, EngineError> {
        let what = format!("command in container {}", spec.container);
        let path = format!("/containers/{}/exec", escape(key(&spec.container)));
        let (_, answer) = self
            .post_json(&what, &path, exec_body(spec).to_string().into_bytes())
            .await?;
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        let id = answer.get("Id").and_then(Value::as_str).unwrap_or_default();
        let path = format!("/exec/{}/start", escape(id));
        let start = json!({"Detach": false, "Tty": false}).to_string();
        // Without an upgrade the engine sends the output as a body; nothing is ever written to the command.
        let body = self
            .open(&what, Method::POST, &path, &[], start.into())
            .await?;
        let chunks = lines::chunks(body, self.transport.target().clone(), what);
        Ok(ExecSession {
            id: id.to_owned(),
            output: split(chunks),
        })
    }

    pub(super) async fn look_at_exec(&self, id: &str) -> Result<ExecState, EngineError> {
        let what = format!("command {id}");
        let call = self.client().await?.inspect_exec(id);
        let state = self.within(&what, CALL_TIMEOUT, call).await?;
        let is_running = state.running.unwrap_or_default();
        Ok(ExecState {
            is_running,
            exit_code: state.exit_code.filter(|_| !is_running),
            pid: state.pid.unwrap_or_default(),
        })
    }
}

fn exec_body(spec: &ExecSpec) -> Value {
    let variables = spec.environment.iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    });
    json!({
        "AttachStdin": false,
        "AttachStdout": true,
        "AttachStderr": true,
        "Tty": false,
        "Cmd": spec.command,
        "Privileged": spec.privileged,
        "Env": variables.collect::<Vec<_>>(),
        "User": spec.user.as_deref().unwrap_or_default(),
        "WorkingDir": spec.working_dir.as_deref().unwrap_or_default(),
    })
}

fn log_query(options: &LogOptions) -> String {
    let tail = options
        .tail
        .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let mut query = format!(
        "stdout=true&stderr=true&follow={}&timestamps={}&tail={tail}",
        options.follow, options.timestamps
    );
    if let Some(since) = options.since {
        // The engine means "from then on", we mean "after".
        let nanos = since.as_nanosecond() + 1;
        let (seconds, rest) = (
            nanos.div_euclid(1_000_000_000),
            nanos.rem_euclid(1_000_000_000),
        );
        query.push_str(&format!("&since={seconds}.{rest:09}"));
    }
    query
}

/// A terminal has one stream, without headers.
fn plain(
    chunks: impl Stream<Item = Result<Bytes, EngineError>> + Send + Unpin + 'static,
) -> Output {
    let wrap = |bytes| LogChunk {
        stream: OutputStream::Stdout,
        bytes,
    };
    chunks.map(move |chunk| chunk.map(wrap)).boxed()
}

/// Takes the pieces of both streams apart. A piece is handed on as it comes, even if its rest is still to come.
fn split(
    chunks: impl Stream<Item = Result<Bytes, EngineError>> + Send + Unpin + 'static,
) -> Output {
    let state = (chunks, Frames::default());
    stream::try_unfold(state, |(mut chunks, mut frames)| async move {
        loop {
            if let Some(chunk) = frames.next() {
                return Ok(Some((chunk, (chunks, frames))));
            }
            match chunks.next().await {
                Some(chunk) => frames.buffer.extend_from_slice(&chunk?),
                None => return Ok(None),
            }
        }
    })
    .boxed()
}

/// What came and was not handed on yet.
#[derive(Default)]
struct Frames {
    buffer: BytesMut,
    /// The piece that is under way: its stream and how much of it is still to come.
    current: Option<(OutputStream, usize)>,
}

impl Frames {
    fn next(&mut self) -> Option<LogChunk> {
        loop {
            match self.current {
                Some((_, 0)) => self.current = None,
                Some((stream, left)) => {
                    let length = left.min(self.buffer.len());
                    if length == 0 {
                        return None;
                    }
                    self.current = Some((stream, left - length));
                    let bytes = self.buffer.split_to(length).freeze();
                    return Some(LogChunk { stream, bytes });
                }
                None => {
                    if self.buffer.len() < HEADER {
                        return None;
                    }
                    let mut header = self.buffer.split_to(HEADER);
                    let stream = match header.get_u8() {
                        2 => OutputStream::Stderr,
                        _ => OutputStream::Stdout,
                    };
                    header.advance(3);
                    self.current = Some((stream, header.get_u32() as usize));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let mut bytes = vec![stream, 0, 0, 0];
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    #[tokio::test]
    async fn output_is_taken_apart_however_it_is_cut() {
        let whole = [
            frame(1, "out\n"),
            frame(2, ""),
            frame(2, "error"),
            frame(1, "x"),
        ]
        .concat();
        for size in 1..=whole.len() {
            let cuts: Vec<_> = whole
                .chunks(size)
                .map(|cut| Ok(Bytes::copy_from_slice(cut)))
                .collect();
            let mut out = (String::new(), String::new());
            let mut pieces = split(stream::iter(cuts));
            while let Some(piece) = pieces.next().await {
                let piece = piece.unwrap();
                let text = std::str::from_utf8(&piece.bytes).unwrap();
                match piece.stream {
                    OutputStream::Stdout => out.0.push_str(text),
                    OutputStream::Stderr => out.1.push_str(text),
                }
            }
            assert_eq!(
                (out.0.as_str(), out.1.as_str()),
                ("out\nx", "error"),
                "{size}"
            );
        }
    }

    #[test]
    fn since_means_after() {
        let options = LogOptions {
            since: Some("2026-03-02T09:14:07.999999999Z".parse().unwrap()),
            tail: Some(5),
            ..LogOptions::default()
        };
        let query = log_query(&options);
        assert!(query.contains("tail=5"), "{query}");
        assert!(query.contains("since=1772442848.000000000"), "{query}");
    }
}
