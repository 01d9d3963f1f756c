//! Fetching images, with the credentials that `docker login` left.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::engine::{CALL_TIMEOUT, EngineError, Performed};
use crate::model::ImageReference;

use super::DockerEngine;
use super::{base64, escape, host, lines};

/// How long the engine may say nothing while it pulls.
const SILENCE: Duration = Duration::from_secs(60);

/// The key of Docker Hub in config.json.
const HUB: &str = "https://index.docker.io/v1/";

impl DockerEngine {
    pub(super) async fn pull(
        &self,
        image: &ImageReference,
        platform: Option<&str>,
    ) -> Result<Performed, EngineError> {
        let what = format!("pull of image {image}");
        let (repository, tag) = split(image.as_str());
        let mut path = format!(
            "/images/create?fromImage={}&tag={}",
            escape(repository),
            escape(tag)
        );
        if let Some(platform) = platform {
            path.push_str(&format!("&platform={}", escape(platform)));
        }
        let mut headers = Vec::new();
        if let Some(credentials) = self.credentials(registry(repository)).await {
            let text = base64::encode_url(credentials.to_string().as_bytes());
            headers.push(("x-registry-auth", text));
        }
        let no_image = |message: String| EngineError::NoImage {
            image: image.to_string(),
            message,
        };
        let body = self
            .open(&what, Method::POST, &path, &headers, Bytes::new())
            .await
            .map_err(|error| match error {
                EngineError::NotFound { message, .. }
                | EngineError::Conflict { message, .. }
                | EngineError::Refused { message, .. }
                | EngineError::Failed { message, .. } => no_image(message),
                other @ (EngineError::Unreachable { .. }
                | EngineError::TimedOut { .. }
                | EngineError::Broken { .. }
                | EngineError::NoImage { .. }
                | EngineError::TooOld { .. }
                | EngineError::Socket { .. }) => other,
            })?;
        let mut progress = lines::values(body, self.transport.target().clone(), what.clone());
        loop {
            match tokio::time::timeout(SILENCE, progress.next()).await {
                Err(_) => {
                    return Err(EngineError::TimedOut {
                        what,
                        seconds: SILENCE.as_secs(),
                    });
                }
                Ok(None) => return Ok(Performed::Done),
                Ok(Some(line)) => {
                    if let Some(message) = line?.get("error").and_then(Value::as_str) {
                        return Err(no_image(message.to_owned()));
                    }
                }
            }
        }
    }

    /// Returns what Docker's config.json has for a registry. A helper that fails counts as none: the registry then says what it wants.
    async fn credentials(&self, registry: &str) -> Option<Value> {
        let folder = self.config_folder.as_deref()?;
        let config = host::read_json(&folder.join("config.json"))?;
        let helper = config
            .get("credHelpers")
            .and_then(|helpers| helpers.get(registry))
            .or_else(|| config.get("credsStore"))
            .and_then(Value::as_str);
        match helper {
            Some(helper) => ask_helper(Path::new(helper), registry).await,
            None => stored(config.get("auths")?, registry),
        }
    }
}

/// Splits a reference into repository and tag or digest. Without a tag the engine would pull all of them.
fn split(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        // A digest says more than a tag in front of it.
        let (repository, _) = split(name);
        return (repository, digest);
    }
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    }
}

/// Returns the key in config.json of the registry that holds a repository.
fn registry(repository: &str) -> &str {
    match repository.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

/// Reads an entry of `auths`.
fn stored(auths: &Value, registry: &str) -> Option<Value> {
    let entry = auths
        .get(registry)
        .or_else(|| auths.get(format!("https://{registry}")))?;
    let text = |key: &str| {
        let value = entry.get(key)?.as_str()?;
        (!value.is_empty()).then_some(value)
    };
    if let Some(token) = text("identitytoken") {
        return Some(json!({"identitytoken": token, "serveraddress": registry}));
    }
    let decoded = String::from_utf8(base64::decode(text("auth")?)?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    let password = password.trim_end_matches('\0');
    Some(json!({"username": user, "password": password, "serveraddress": registry}))
}

/// Runs `docker-credential-X get`, which takes the registry on its standard input.
async fn ask_helper(helper: &Path, registry: &str) -> Option<Value> {
    let mut child = Command::new(format!("docker-credential-{}", helper.display()))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut input = child.stdin.take()?;
    input.write_all(registry.as_bytes()).await.ok()?;
    drop(input);
    let output = tokio::time::timeout(CALL_TIMEOUT, child.wait_with_output())
        .await
        .ok()?
        .ok()?;
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    let user = answer.get("Username")?.as_str()?;
    let secret = answer.get("Secret")?.as_str()?;
    Some(match user {
        "<token>" => json!({"identitytoken": secret, "serveraddress": registry}),
        _ => json!({"username": user, "password": secret, "serveraddress": registry}),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_as_the_engine_wants_them() {
        for (image, repository, tag, key) in [
            ("busybox", "busybox", "latest", HUB),
            ("apache/airflow:2.10.5", "apache/airflow", "2.10.5", HUB),
            ("host:5000/a/b", "host:5000/a/b", "latest", "host:5000"),
            (
                "registry.example/a/b:1",
                "registry.example/a/b",
                "1",
                "registry.example",
            ),
            ("a:1@sha256:00", "a", "sha256:00", HUB),
            ("localhost/a", "localhost/a", "latest", "localhost"),
        ] {
            assert_eq!(split(image), (repository, tag), "{image}");
            assert_eq!(registry(repository), key, "{image}");
        }
    }

    #[test]
    fn stored_credentials_are_read() {
        let auths = json!({
            "registry.example": {"auth": base64::encode_url(b"me:pa:ss")},
            "https://old.test": {"identitytoken": "t"},
            "empty.test": {},
        });
        let found = stored(&auths, "registry.example").unwrap();
        assert_eq!(
            (&found["username"], &found["password"]),
            (&json!("me"), &json!("pa:ss"))
        );
        assert_eq!(stored(&auths, "old.test").unwrap()["identitytoken"], "t");
        assert_eq!(stored(&auths, "empty.test"), None);
        assert_eq!(stored(&auths, "other.test"), None);
    }
}
