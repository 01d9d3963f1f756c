//! What is sent to an engine and how its failures are told, against a server of the test's own: newer versions, cut connections and odd
//! answers cannot be had from the real one.

#![expect(clippy::unwrap_used, reason = "tests end with a panic")]

use std::sync::{Arc, Mutex};

use stackgen::engine::docker::DockerEngine;
use stackgen::engine::{ActionProgress, Engine, EngineError, Performed, PullProgress};
use stackgen::model::{ContainerId, ImageReference};
use stackgen::plan::{Action, ContainerRef};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// A server that answers each request by a table of path endings, and remembers the request lines.
struct Server {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

type Table = &'static [(&'static str, &'static str)];

impl Server {
    fn new(table: Table) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let remembered = Arc::clone(&seen);
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let line = String::from_utf8_lossy(&head)
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                remembered.lock().unwrap().push(line);
                let answer = table.iter().find(|(end, _)| path.ends_with(end));
                let text = answer.map_or(
                    "HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n",
                    |(_, text)| text,
                );
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        Self {
            folder,
            seen,
            _tasks: tasks,
        }
    }

    fn engine(&self) -> DockerEngine {
        let path = self.folder.path().join("docker.sock");
        DockerEngine::connect(Some(&format!("unix://{}", path.display()))).unwrap()
    }

    fn last(&self) -> String {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }
}

const NEW: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Version\":\"99.0\",\"ApiVersion\":\"1.99\"}";
const OLD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Version\":\"20.10.24\",\"ApiVersion\":\"1.41\"}";

fn start() -> Action {
    Action::StartContainer {
        container: ContainerRef::Id(ContainerId::new("abc123").unwrap()),
    }
}

#[tokio::test]
async fn every_request_but_the_first_carries_the_version_that_both_know() {
    let done = ("/start", "HTTP/1.1 204 No Content\r\n\r\n");
    let tables: [(Table, &str); 2] = [
        (Box::leak(Box::new([("/version", OLD), done])), "/v1.41/"),
        (Box::leak(Box::new([("/version", NEW), done])), "/v1.49/"),
    ];
    for (table, prefix) in tables {
        let server = Server::new(table);
        let engine = server.engine();
        assert_eq!(engine.perform(&start()).await, Ok(Performed::Done));
        assert_eq!(engine.perform(&start()).await, Ok(Performed::Done));
        let seen = server.seen.lock().unwrap().clone();
        assert_eq!(seen.len(), 3, "it negotiated more than once: {seen:?}");
        assert_eq!(seen[0], "GET /version HTTP/1.1");
        assert_eq!(
            seen[2],
            format!("POST {prefix}containers/abc123/start HTTP/1.1")
        );
        assert_eq!(engine.requests(), 3);
    }
}

#[tokio::test]
async fn what_was_so_is_told_from_what_was_done() {
    let server = Server::new(&[
        ("/version", OLD),
        ("/start", "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ]);
    assert_eq!(
        server.engine().perform(&start()).await,
        Ok(Performed::WasSo)
    );
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_neither_done_nor_refused() {
    let server = Server::new(&[("/version", OLD), ("/start", "HTTP/1.1 20")]);
    let error = server.engine().perform(&start()).await.unwrap_err();
    assert!(matches!(error, EngineError::Broken { .. }), "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_pull_that_fails_half_way_names_the_image() {
    let body = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"status\":\"Pulling\"}\r\n{\"errorDetail\":{},\"error\":\"no space\"}\r\n";
    let server = Server::new(Box::leak(Box::new([
        ("/version", OLD),
        ("fromImage=a%2Fb&tag=1", body),
    ])));
    let pull = Action::PullImage {
        image: ImageReference::parse("a/b:1").unwrap(),
        platform: None,
    };
    match server.engine().perform(&pull).await {
        Err(EngineError::NoImage { image, message }) => {
            assert_eq!((image.as_str(), message.as_str()), ("a/b:1", "no space"));
        }
        other => panic!("{other:?}"),
    }
    assert!(server.last().starts_with("POST /v1.41/images/create"));
}

#[tokio::test]
async fn a_pull_tells_how_far_it_is() {
    let lines = [
        r#"{"status":"Pulling from a/b","id":"1"}"#,
        r#"{"status":"Already exists","progressDetail":{},"id":"aa"}"#,
        r#"{"status":"Downloading","progressDetail":{"current":5,"total":9},"id":"bb"}"#,
        r#"{"status":"Pull complete","progressDetail":{},"id":"bb"}"#,
        r#"{"status":"Digest: sha256:00"}"#,
    ];
    let body = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}\r\n",
        lines.join("\r\n")
    );
    let body: &'static str = Box::leak(body.into_boxed_str());
    let server = Server::new(Box::leak(Box::new([
        ("/version", OLD),
        ("fromImage=a%2Fb&tag=1&platform=linux%2Farm64", body),
    ])));
    let pull = Action::PullImage {
        image: ImageReference::parse("a/b:1").unwrap(),
        platform: Some("linux/arm64".to_owned()),
    };
    let (progress, mut told) = tokio::sync::mpsc::channel(8);
    let engine = server.engine();
    let done = engine.perform_telling(&pull, &progress).await;
    assert_eq!(done, Ok(Performed::Done));
    drop(progress);
    let mut last = None;
    while let Some(ActionProgress::Pull(pull)) = told.recv().await {
        last = Some(pull);
    }
    let expected = PullProgress {
        layers_done: 2,
        layers: 2,
        bytes_done: 9,
        bytes: 9,
    };
    assert_eq!(last, Some(expected));
}

#[tokio::test]
async fn a_stream_of_events_that_breaks_says_so_and_ends() {
    use futures_util::StreamExt;
    let event = r#"{"Type":"volume","Action":"create","Actor":{"ID":"v","Attributes":{}}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{event}\n\r\n",
        event.len() + 1
    );
    // The end of the path is the time, which the test does not know; a digit is enough.
    let answer: &'static str = Box::leak(answer.into_boxed_str());
    let mut table = vec![("/version", OLD)];
    table.extend(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|end| (end, answer)));
    let server = Server::new(Box::leak(table.into_boxed_slice()));
    let events: Vec<_> = server.engine().events().await.unwrap().collect().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0].as_ref().unwrap().action, "create");
    assert!(
        matches!(events[1], Err(EngineError::Broken { .. })),
        "{events:?}"
    );
}
