//! What `docker login` left for a registry.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::engine::CALL_TIMEOUT;

use super::DockerEngine;
use super::{base64, host};

/// The key of Docker Hub in config.json.
const HUB: &str = "https://index.docker.io/v1/";

impl DockerEngine {
    /// Returns the header by which the engine gets at a repository, where there are credentials for it.
    pub(super) async fn registry_headers(&self, repository: &str) -> Vec<(&'static str, String)> {
        let credentials = self.credentials(registry(repository)).await;
        let header = credentials.map(|credentials| {
            let text = base64::encode_url(credentials.to_string().as_bytes());
            ("x-registry-auth", text)
        });
        header.into_iter().collect()
    }

    /// Returns the header by which the engine gets at every registry that `docker login` was used for: whose images a Dockerfile begins
    /// with, only the engine finds out.
    pub(super) async fn registries_headers(&self) -> Vec<(&'static str, String)> {
        let folder = self.around.config_folder.as_deref();
        let config = folder.and_then(|folder| host::read_json(&folder.join("config.json")));
        let config = config.unwrap_or_default();
        let keys = ["auths", "credHelpers"].into_iter();
        let keys = keys.filter_map(|key| config.get(key)?.as_object());
        let registries: BTreeSet<&String> = keys.flat_map(|map| map.keys()).collect();
        let mut found = serde_json::Map::new();
        for registry in registries {
            if let Some(credentials) = self.credentials(registry).await {
                found.insert(registry.clone(), credentials);
            }
        }
        if found.is_empty() {
            return Vec::new();
        }
        let text = base64::encode_url(Value::Object(found).to_string().as_bytes());
        vec![("x-registry-config", text)]
    }

    /// Returns what Docker's config.json has for a registry. A helper that fails counts as none: the registry then says what it wants.
    async fn credentials(&self, registry: &str) -> Option<Value> {
        let folder = self.around.config_folder.as_deref()?;
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
    fn a_repository_says_where_its_credentials_stand() {
        for (repository, key) in [
            ("busybox", HUB),
            ("apache/airflow", HUB),
            ("host:5000/a/b", "host:5000"),
            ("registry.example/a/b", "registry.example"),
            ("localhost/a", "localhost"),
        ] {
            assert_eq!(registry(repository), key, "{repository}");
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
