//! The engine as the docker CLI shows it, and HTTP on published ports.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

/// Runs `docker` and returns what it prints.
pub(crate) fn docker(words: &[&str]) -> String {
    let output = Command::new("docker")
        .args(words)
        .output()
        .expect("docker can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "docker {}: {text}{}",
        words.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Returns the names or ids of what carries the project's label: `container`, `network` or `volume`.
pub(crate) fn listed(kind: &str, project: &str) -> Vec<String> {
    let filter = format!("label=com.docker.compose.project={project}");
    let mut words = match kind {
        "container" => vec!["ps", "--all", "--quiet", "--no-trunc"],
        other => vec![other, "ls", "--quiet"],
    };
    words.extend(["--filter", &filter]);
    docker(&words).lines().map(str::to_owned).collect()
}

/// Returns what `docker inspect` says of a project's containers, by service.
pub(crate) fn inspect(project: &str) -> BTreeMap<String, Value> {
    let ids = listed("container", project);
    if ids.is_empty() {
        return BTreeMap::new();
    }
    let mut words = vec!["inspect"];
    words.extend(ids.iter().map(String::as_str));
    let found: Vec<Value> = serde_json::from_str(&docker(&words)).expect("inspect prints JSON");
    found
        .into_iter()
        .map(|container| {
            let service = &container["Config"]["Labels"]["com.docker.compose.service"];
            (
                service.as_str().expect("it has a service").to_owned(),
                container,
            )
        })
        .collect()
}

/// Removes whatever carries the project's label. Failures are passed over: it runs after failures too.
pub(crate) fn remove_all(project: &str) {
    let tasks = format!("label=stackgen.project={project}");
    for id in docker(&["ps", "--all", "--quiet", "--filter", &tasks]).lines() {
        let _ = Command::new("docker").args(["rm", "--force", id]).output();
    }
    for (kind, removal) in [
        ("container", &["rm", "--force", "--volumes"][..]),
        ("network", &["network", "rm"][..]),
        ("volume", &["volume", "rm"][..]),
    ] {
        let found = listed(kind, project);
        if !found.is_empty() {
            let _ = Command::new("docker").args(removal).args(found).output();
        }
    }
}

/// Asks a published port and returns the status and the body.
pub(crate) fn http(method: &str, port: u16, path: &str, body: Option<&str>) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .unwrap_or_else(|error| panic!("nothing answers on port {port}: {error}"));
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout can be set");
    let body = body.unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the request can be sent");
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("the answer can be read");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("port {port}: no HTTP: {answer}"));
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}

/// Waits for a condition, at most a minute and a half.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..45 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_secs(2));
    }
    panic!("waited in vain until {what}");
}
