//! Fetching images.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::Method;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::{ActionProgress, CALL_TIMEOUT, EngineError, Performed};
use crate::model::ImageReference;

use super::DockerEngine;
use super::pull_progress::Layers;
use super::{escape, lines};

/// How long the engine may say nothing while it pulls.
const SILENCE: Duration = Duration::from_secs(60);

/// How often at most it is told how far a pull is; the engine itself writes a line for every piece of every layer.
const TELL_EVERY: Duration = Duration::from_millis(100);

impl DockerEngine {
    /// Asks the registry of an image which digest its tag has now.
    pub(super) async fn ask_digest(&self, image: &ImageReference) -> Result<String, EngineError> {
        let what = format!("digest of image {image}");
        let (repository, _) = split(image.as_str());
        let headers = self.registry_headers(repository).await;
        // The slashes of a name are those of the path here.
        let name = escape(image.as_str()).replace("%2F", "/");
        let path = format!("/distribution/{name}/json");
        let body = self.open(&what, Method::GET, &path, &headers, Bytes::new());
        let body = body.await.map_err(|error| no_image(image, error))?;
        let mut values = lines::values(body, self.transport.target().clone(), what.clone());
        let answer = tokio::time::timeout(CALL_TIMEOUT, values.next()).await;
        let answer = answer.map_err(|_| EngineError::TimedOut {
            what: what.clone(),
            seconds: CALL_TIMEOUT.as_secs(),
        })?;
        let answer = answer.transpose()?.unwrap_or_default();
        let digest = answer.pointer("/Descriptor/digest").and_then(Value::as_str);
        digest.map(str::to_owned).ok_or(EngineError::Failed {
            what,
            message: "its answer has no digest".to_owned(),
            status: 200,
        })
    }

    /// Gives an image another name.
    pub(super) async fn tag(
        &self,
        source: &str,
        image: &ImageReference,
    ) -> Result<Performed, EngineError> {
        let what = format!("tag {image}");
        let (repository, tag) = split(image.as_str());
        let (source, repository, tag) = (escape(source), escape(repository), escape(tag));
        let path = format!("/images/{source}/tag?repo={repository}&tag={tag}");
        self.post(&what, &path, CALL_TIMEOUT).await
    }

    /// Fetches an image. A layer that breaks off is tried again by the engine itself, as for `docker pull`, and nothing more is.
    pub(super) async fn pull(
        &self,
        image: &ImageReference,
        platform: Option<&str>,
        progress: Option<&mpsc::Sender<ActionProgress>>,
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
        let headers = self.registry_headers(repository).await;
        let body = self
            .open(&what, Method::POST, &path, &headers, Bytes::new())
            .await
            .map_err(|error| no_image(image, error))?;
        let mut values = lines::values(body, self.transport.target().clone(), what.clone());
        let mut layers = Layers::default();
        let mut told = Instant::now();
        let tell = |layers: &Layers| {
            if let Some(progress) = progress {
                // Where nobody listens or the listener is behind, the next one says it all.
                let _ = progress.try_send(ActionProgress::Pull(layers.progress()));
            }
        };
        loop {
            match tokio::time::timeout(SILENCE, values.next()).await {
                Err(_) => {
                    return Err(EngineError::TimedOut {
                        what,
                        seconds: SILENCE.as_secs(),
                    });
                }
                Ok(None) => {
                    tell(&layers);
                    return Ok(Performed::Done);
                }
                Ok(Some(line)) => {
                    let line = line?;
                    if let Some(message) = line.get("error").and_then(Value::as_str) {
                        return Err(EngineError::NoImage {
                            image: image.to_string(),
                            message: message.to_owned(),
                        });
                    }
                    if layers.take(&line) && told.elapsed() >= TELL_EVERY {
                        tell(&layers);
                        told = Instant::now();
                    }
                }
            }
        }
    }
}

/// Says what a refusal of the engine means for an image.
fn no_image(image: &ImageReference, error: EngineError) -> EngineError {
    match error {
        EngineError::NotFound { message, .. }
        | EngineError::Conflict { message, .. }
        | EngineError::Refused { message, .. }
        | EngineError::Failed { message, .. } => EngineError::NoImage {
            image: image.to_string(),
            message,
        },
        other @ (EngineError::Unreachable { .. }
        | EngineError::TimedOut { .. }
        | EngineError::Broken { .. }
        | EngineError::NoImage { .. }
        | EngineError::BuildFailed { .. }
        | EngineError::TooOld { .. }
        | EngineError::Command { .. }
        | EngineError::Socket { .. }) => other,
    }
}

/// Splits a reference into repository and tag or digest. Without a tag the engine would pull all of them.
pub(super) fn split(image: &str) -> (&str, &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_as_the_engine_wants_them() {
        for (image, repository, tag) in [
            ("busybox", "busybox", "latest"),
            ("apache/airflow:2.10.5", "apache/airflow", "2.10.5"),
            ("host:5000/a/b", "host:5000/a/b", "latest"),
            ("registry.example/a/b:1", "registry.example/a/b", "1"),
            ("a:1@sha256:00", "a", "sha256:00"),
            ("localhost/a", "localhost/a", "latest"),
        ] {
            assert_eq!(split(image), (repository, tag), "{image}");
        }
    }
}
