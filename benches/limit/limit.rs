//! The least that any client has to send: a bare client of the engine's API that knows everything beforehand.
//!
//!     limit up      PROJECT FOLDER STARTS    creates in order, starts what may be started, STARTS at once
//!     limit no-op   PROJECT LOOKS            three lists, and inspects of all containers, LOOKS at once
//!     limit replace PROJECT FOLDER SERVICE   a list, then the cheapest way to another container, not the safest
//!     limit down    PROJECT REMOVALS         one forced removal a container, REMOVALS at once, then networks and volumes
//!
//! FOLDER has `order`, a line a service with what it waits for (`web database:healthy setup:completed`), the body of a create for each
//! (`web.json`, `@P@` being the project), and `volumes`. The engine's socket is `LIMIT_SOCKET`. Built by `rustc -O`, of std alone.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;

const API: &str = "/v1.41";

/// A connection that is kept.
struct Client {
    stream: UnixStream,
    read: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        let socket =
            std::env::var("LIMIT_SOCKET").unwrap_or_else(|_| "/var/run/docker.sock".into());
        let stream = UnixStream::connect(socket).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    fn fill(&mut self) -> bool {
        let mut bytes = [0; 65536];
        let count = self.stream.read(&mut bytes).unwrap();
        self.read.extend_from_slice(&bytes[..count]);
        count > 0
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read[..end]).into_owned();
                self.read.drain(..end + 2);
                return Some(line);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count && self.fill() {}
        self.read.drain(..count).collect()
    }

    fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let head = format!(
            "{method} {API}{path} HTTP/1.1\r\nHost: d\r\n{kind}Content-Length: {length}\r\n\r\n"
        );
        self.stream.write_all((head + body).as_bytes()).unwrap();
    }

    /// Reads the head of an answer: its status, its length, and whether it comes in chunks.
    fn head(&mut self) -> (u16, Option<usize>, bool) {
        let status = self.line().unwrap()[9..12].parse().unwrap();
        let (mut length, mut is_chunked) = (None, false);
        loop {
            let field = self.line().unwrap().to_ascii_lowercase();
            if field.is_empty() {
                return (status, length, is_chunked);
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
            is_chunked |= field.starts_with("transfer-encoding: chunked");
        }
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(self.line()?.trim(), 16).ok()?;
        let bytes = self.bytes(size);
        self.bytes(2);
        (size > 0).then_some(bytes)
    }

    /// Makes a request that has to be answered by one of `expected`.
    fn call(&mut self, method: &str, path: &str, body: &str, expected: &[u16]) -> String {
        self.send(method, path, body);
        let (status, length, is_chunked) = self.head();
        let mut bytes = Vec::new();
        if is_chunked {
            while let Some(chunk) = self.chunk() {
                bytes.extend(chunk);
            }
        } else if let Some(length) = length {
            bytes = self.bytes(length);
        }
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        assert!(
            expected.contains(&status),
            "{method} {path}: {status} {answer}"
        );
        answer
    }

    fn containers(&mut self, project: &str) -> Vec<String> {
        let path = format!("/containers/json?all=1&filters={}", of_project(project, ""));
        ids(&self.call("GET", &path, "", &[200]))
    }

    fn create(&mut self, project: &str, folder: &Path, service: &str) -> String {
        let body = std::fs::read_to_string(folder.join(format!("{service}.json"))).unwrap();
        let path = format!("/containers/create?name={project}-{service}-1");
        let answer = self.call("POST", &path, &body.replace("@P@", project), &[201]);
        texts(&answer, "Id").remove(0)
    }

    fn start(&mut self, id: &str) {
        self.call("POST", &format!("/containers/{id}/start"), "", &[204]);
    }

    fn remove(&mut self, id: &str) {
        self.call(
            "DELETE",
            &format!("/containers/{id}?force=1&v=1"),
            "",
            &[204, 404],
        );
    }
}

fn escape(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => {
            (byte as char).to_string()
        }
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

fn of_project(project: &str, more: &str) -> String {
    escape(&format!(
        "{{\"label\":[\"com.docker.compose.project={project}\"]{more}}}"
    ))
}

/// Returns every text of this key, however deep.
fn texts(json: &str, key: &str) -> Vec<String> {
    let key = format!("\"{key}\":\"");
    let parts = json.split(&key).skip(1);
    parts
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

/// Returns the ids of what a list shows; shorter texts of that key are something else.
fn ids(json: &str) -> Vec<String> {
    let mut ids = texts(json, "Id");
    ids.retain(|id| id.len() == 64);
    ids
}

/// Does something for each of `all`, `at_once` of them at a time.
fn each(all: &[String], at_once: usize, work: impl Fn(&mut Client, &str) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..at_once.min(all.len()) {
            scope.spawn(|| {
                let mut client = Client::new();
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(&mut client, one);
                }
            });
        }
    });
}

/// What has come about, as `service:condition`, and whoever waits for it.
type Facts = Arc<(Mutex<HashSet<String>>, Condvar)>;

fn tell(facts: &Facts, fact: String) {
    facts.0.lock().unwrap().insert(fact);
    facts.1.notify_all();
}

/// Follows the events of a project; returns once it hears them.
fn follow(project: &str, facts: &Facts) {
    let (facts, filters) = (
        Arc::clone(facts),
        of_project(project, ",\"event\":[\"die\",\"health_status\"]"),
    );
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let mut client = Client::new();
        client.send("GET", &format!("/events?filters={filters}"), "");
        client.head();
        ready.send(()).unwrap();
        while let Some(chunk) = client.chunk() {
            for event in String::from_utf8_lossy(&chunk).lines() {
                let Some(service) = texts(event, "com.docker.compose.service").pop() else {
                    continue;
                };
                if event.contains("health_status: healthy") {
                    tell(&facts, format!("{service}:healthy"));
                } else if event.contains("\"exitCode\":\"0\"") {
                    tell(&facts, format!("{service}:completed"));
                }
            }
        }
    });
    is_ready.recv().unwrap();
}

fn up(project: &str, folder: &Path, starts: usize) {
    let order = std::fs::read_to_string(folder.join("order")).unwrap();
    let services: Vec<Vec<&str>> = order
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    let facts = Facts::default();
    if services.iter().any(|words| words.len() > 1) {
        follow(project, &facts);
    }
    let mut client = Client::new();
    let labels = format!("{{\"com.docker.compose.project\":\"{project}\"}}");
    let network = format!(
        "{{\"Name\":\"{project}_net\",\"CheckDuplicate\":true,\"Driver\":\"bridge\",\"Labels\":{labels}}}"
    );
    client.call("POST", "/networks/create", &network, &[201]);
    for volume in std::fs::read_to_string(folder.join("volumes"))
        .unwrap()
        .lines()
    {
        let body = format!("{{\"Name\":\"{project}_{volume}\",\"Labels\":{labels}}}");
        client.call("POST", "/volumes/create", &body, &[201]);
    }
    let made: Mutex<HashMap<&str, String>> = Mutex::default();
    let begun: Mutex<HashSet<&str>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..starts {
            scope.spawn(|| start_what_may(&services, &made, &begun, &facts));
        }
        // In order and one at a time: the engine makes them under one lock.
        for words in &services {
            let id = client.create(project, folder, words[0]);
            made.lock().unwrap().insert(words[0], id);
            let _told = facts.0.lock().unwrap();
            facts.1.notify_all();
        }
    });
}

/// Starts one service after the other, each as soon as it is made and what it waits for has come about, until all were begun.
fn start_what_may<'a>(
    services: &'a [Vec<&'a str>],
    made: &Mutex<HashMap<&'a str, String>>,
    begun: &Mutex<HashSet<&'a str>>,
    facts: &Facts,
) {
    let mut client = Client::new();
    loop {
        let mut told = facts.0.lock().unwrap();
        let (service, id) = loop {
            let mut begun = begun.lock().unwrap();
            if begun.len() == services.len() {
                return;
            }
            let made = made.lock().unwrap();
            let next = services.iter().find_map(|words| {
                let id = made.get(words[0]).filter(|_| !begun.contains(words[0]))?;
                words[1..]
                    .iter()
                    .all(|fact| told.contains(*fact))
                    .then(|| (words[0], id.clone()))
            });
            if let Some(next) = next {
                begun.insert(next.0);
                break next;
            }
            drop((begun, made));
            told = facts.1.wait(told).unwrap();
        };
        drop(told);
        client.start(&id);
        tell(facts, format!("{service}:started"));
    }
}

fn no_op(project: &str, looks: usize) {
    let mut client = Client::new();
    let containers = client.containers(project);
    for kind in ["networks", "volumes"] {
        client.call(
            "GET",
            &format!("/{kind}?filters={}", of_project(project, "")),
            "",
            &[200],
        );
    }
    each(&containers, looks, |client, id| {
        client.call("GET", &format!("/containers/{id}/json"), "", &[200]);
    });
}

fn replace(project: &str, folder: &Path, service: &str) {
    let mut client = Client::new();
    client.containers(project);
    client.remove(&format!("{project}-{service}-1"));
    let id = client.create(project, folder, service);
    client.start(&id);
}

fn down(project: &str, removals: usize) {
    let mut client = Client::new();
    let containers = client.containers(project);
    each(&containers, removals, |client, id| client.remove(id));
    let networks = client.call(
        "GET",
        &format!("/networks?filters={}", of_project(project, "")),
        "",
        &[200],
    );
    for id in ids(&networks) {
        client.call("DELETE", &format!("/networks/{id}"), "", &[204]);
    }
    let volumes = client.call(
        "GET",
        &format!("/volumes?filters={}", of_project(project, "")),
        "",
        &[200],
    );
    for name in texts(&volumes, "Name") {
        client.call("DELETE", &format!("/volumes/{name}"), "", &[204]);
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["up", project, folder, starts] => up(project, Path::new(folder), starts.parse().unwrap()),
        ["no-op", project, looks] => no_op(project, looks.parse().unwrap()),
        ["replace", project, folder, service] => replace(project, Path::new(folder), service),
        ["down", project, removals] => down(project, removals.parse().unwrap()),
        _ => panic!("usage: see the head of this file"),
    }
}
