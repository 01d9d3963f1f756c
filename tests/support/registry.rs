//! A registry of images on this machine, which a real engine pulls from: what `docker save` writes, served over plain HTTP. Engines take
//! registries of 127.0.0.0/8 without TLS.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the helpers of tests are outside of #[test] functions"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A registry. It serves until the test's process ends.
#[derive(Clone)]
pub(crate) struct Registry {
    address: SocketAddr,
    content: Arc<Mutex<Content>>,
    /// The `Authorization` that every request has to have.
    wants: Option<&'static str>,
}

#[derive(Default)]
struct Content {
    /// Manifests, configurations and layers, by digest.
    blobs: BTreeMap<String, Vec<u8>>,
    /// Which manifest each tag names, by `repository:tag`.
    tags: BTreeMap<String, String>,
    /// Every request, such as `GET /v2/`.
    requests: Vec<String>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self::that_wants(None)
    }

    /// Returns a registry that serves nobody without this `Authorization`.
    pub(crate) fn that_wants(wants: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            content: Arc::default(),
            wants,
        };
        let served = registry.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                std::thread::spawn(move || served.serve(&stream));
            }
        });
        registry
    }

    /// Returns what an image of this registry is called.
    pub(crate) fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }

    /// Puts the image of an archive by `docker save` under a tag, and returns its digest.
    pub(crate) fn put(&self, repository: &str, tag: &str, saved: &[u8]) -> String {
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(saved).entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(name, bytes);
        }
        let list: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        let mut content = self.content.lock().unwrap();
        let mut put = |bytes: &[u8], kind: &str| {
            let digest = digest(bytes);
            content.blobs.insert(digest.clone(), bytes.to_vec());
            json!({"mediaType": kind, "size": bytes.len(), "digest": digest})
        };
        let file = |name: &Value| &files[name.as_str().unwrap()];
        let config = put(
            file(&list[0]["Config"]),
            "application/vnd.docker.container.image.v1+json",
        );
        let layers = list[0]["Layers"].as_array().unwrap().iter();
        let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        let layers: Vec<Value> = layers.map(|name| put(file(name), layer)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let manifest = manifest.to_string().into_bytes();
        let digest = digest(&manifest);
        content.blobs.insert(digest.clone(), manifest);
        content
            .tags
            .insert(format!("{repository}:{tag}"), digest.clone());
        digest
    }

    /// Returns every request so far that asked for this.
    pub(crate) fn asked(&self, part: &str) -> usize {
        let content = self.content.lock().unwrap();
        let requests = content.requests.iter();
        requests.filter(|line| line.contains(part)).count()
    }

    fn serve(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        // An engine tries TLS first, which is no line of text.
        let Some(request) = lines.next() else {
            return;
        };
        let given: Vec<String> = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let is_it = name.eq_ignore_ascii_case("authorization");
                is_it.then(|| value.to_owned())
            })
            .collect();
        let is_let_in = self
            .wants
            .is_none_or(|wants| given.iter().any(|it| it == wants));
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap_or_default());
        let found = self.find(path).filter(|_| is_let_in);
        self.content.lock().unwrap().requests.push(request.clone());
        let (status, kind, body) = match found {
            Some((kind, body)) => ("200 OK", kind, body),
            None if !is_let_in => (
                "401 Unauthorized\r\nwww-authenticate: Basic realm=\"test\"",
                "application/json",
                b"{}".to_vec(),
            ),
            None => ("404 Not Found", "application/json", b"{}".to_vec()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ndocker-distribution-api-version: registry/2.0\r\ncontent-type: {kind}\r\ndocker-content-digest: {}\r\ncontent-length: {}\r\n\r\n",
            digest(&body),
            body.len()
        );
        let mut stream = stream;
        // Whoever has gone away wants no answer.
        let _ = stream.write_all(head.as_bytes());
        if method != "HEAD" {
            let _ = stream.write_all(&body);
        }
    }

    fn find(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return Some(("application/json", b"{}".to_vec()));
        }
        let content = self.content.lock().unwrap();
        if let Some((repository, name)) = rest.split_once("/manifests/") {
            let tag = format!("{repository}:{name}");
            let digest = content.tags.get(&tag).map_or(name, String::as_str);
            return Some((MANIFEST, content.blobs.get(digest)?.clone()));
        }
        let (_, digest) = rest.split_once("/blobs/")?;
        let blob = content.blobs.get(digest)?.clone();
        Some(("application/octet-stream", blob))
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
