//! Where the engine is: argument, environment, Docker's current context, the default socket, in this order.

use std::path::{Path, PathBuf};

use crate::engine::EngineError;

use super::transport::Target;

/// The socket of an engine that was installed the usual way.
pub(super) const DEFAULT_SOCKET: &str = "unix:///var/run/docker.sock";

/// What the environment says about Docker.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// `DOCKER_HOST`.
    pub host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub context: Option<String>,
    /// Whether `DOCKER_TLS_VERIFY` asks for TLS.
    pub wants_tls: bool,
    /// The folder of Docker's config.json.
    pub config_folder: Option<PathBuf>,
    /// The folders that commands are looked for in.
    pub path: Vec<PathBuf>,
}

impl Surroundings {
    /// Reads the environment of this process: the one place of this room that does.
    pub(super) fn of_process() -> Self {
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let config_folder = read("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| read("HOME").map(|home| Path::new(&home).join(".docker")));
        Self {
            host: read("DOCKER_HOST"),
            context: read("DOCKER_CONTEXT"),
            wants_tls: read("DOCKER_TLS_VERIFY").is_some(),
            config_folder,
            path: read("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect()),
        }
    }

    /// Returns a variable of the environment of this process, for a build argument that names no value.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Finds the engine.
///
/// # Errors
/// [`EngineError::Unreachable`] with a hint for an address that is not understood, a context that is not there, or TLS.
pub(super) fn find(host: Option<&str>, around: &Surroundings) -> Result<Target, EngineError> {
    let (address, origin) = match (host, &around.host) {
        (Some(host), _) => (host.to_owned(), "--host".to_owned()),
        (None, Some(host)) => (host.clone(), "DOCKER_HOST".to_owned()),
        (None, None) => match context_host(around)? {
            Some((name, host)) => (host, format!("Docker's context {name:?}")),
            None => (DEFAULT_SOCKET.to_owned(), "the default".to_owned()),
        },
    };
    parse(&address, &origin, around.wants_tls)
}

fn parse(address: &str, origin: &str, wants_tls: bool) -> Result<Target, EngineError> {
    let refuse = |why: &str, hint: &str| EngineError::Unreachable {
        address: address.to_owned(),
        why: format!("{why} (from {origin})"),
        hint: hint.to_owned(),
    };
    if let Some(path) = address.strip_prefix("unix://") {
        return Ok(Target::Unix(PathBuf::from(path)));
    }
    if address.starts_with('/') {
        return Ok(Target::Unix(PathBuf::from(address)));
    }
    let remainder = address
        .strip_prefix("tcp://")
        .or_else(|| address.strip_prefix("http://"));
    let Some(remainder) = remainder else {
        return Err(refuse(
            "this kind of address is not supported",
            "use unix:///path or tcp://host:port; for ssh, forward the socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST",
        ));
    };
    if wants_tls {
        // Without this the call would go out in clear although the user asked for TLS.
        return Err(refuse(
            "DOCKER_TLS_VERIFY is set and TLS is not supported",
            "unset DOCKER_TLS_VERIFY only if the network is trusted, or forward the socket: ssh -L /tmp/docker.sock:/var/run/docker.sock HOST",
        ));
    }
    let authority = remainder.trim_end_matches('/');
    match authority.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() => match port.parse() {
            Ok(port) => Ok(Target::Tcp(name.trim_matches(['[', ']']).to_owned(), port)),
            Err(_) => Err(refuse("the port is not a number", "use tcp://host:2375")),
        },
        _ if !authority.is_empty() => Ok(Target::Tcp(authority.to_owned(), 2375)),
        _ => Err(refuse("the host is missing", "use tcp://host:2375")),
    }
}

/// Returns the name and address of the context in use; `None` for the default one.
fn context_host(around: &Surroundings) -> Result<Option<(String, String)>, EngineError> {
    let Some(folder) = &around.config_folder else {
        return Ok(None);
    };
    let configured = || {
        let config = read_json(&folder.join("config.json"))?;
        Some(config.get("currentContext")?.as_str()?.to_owned())
    };
    let name = around.context.clone().or_else(configured);
    let Some(name) = name.filter(|name| !name.is_empty() && name != "default") else {
        return Ok(None);
    };
    match context_address(folder, &name) {
        Some(host) => Ok(Some((name, host))),
        None => Err(EngineError::Unreachable {
            address: format!("context {name}"),
            why: "Docker's context is not there".to_owned(),
            hint: "list the contexts with `docker context ls`, pick one with `docker context use NAME`".to_owned(),
        }),
    }
}

/// Looks through the contexts' files; their folders are named by a hash, so the name is read from inside.
fn context_address(folder: &Path, name: &str) -> Option<String> {
    let metas = std::fs::read_dir(folder.join("contexts/meta")).ok()?;
    metas
        .flatten()
        .filter_map(|entry| read_json(&entry.path().join("meta.json")))
        .find(|meta| meta.get("Name").and_then(|value| value.as_str()) == Some(name))
        .and_then(|meta| {
            let host = meta.pointer("/Endpoints/docker/Host")?.as_str()?;
            Some(host.to_owned())
        })
}

/// Reads a JSON file of Docker's; one that is missing or broken counts as absent, as for the docker command.
pub(super) fn read_json(path: &Path) -> Option<serde_json::Value> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context_folder(name: &str, host: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder.path().join("contexts/meta/0123abcd");
        std::fs::create_dir_all(&meta).unwrap();
        let text = format!(r#"{{"Name":"{name}","Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let config = format!(r#"{{"currentContext":"{name}"}}"#);
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        folder
    }

    #[test]
    fn argument_beats_environment_beats_context_beats_default() {
        let folder = context_folder("remote", "unix:///run/context.sock");
        let mut around = Surroundings::default();
        let unix = |path: &str| Ok(Target::Unix(PathBuf::from(path)));
        assert_eq!(find(None, &around), unix("/var/run/docker.sock"));
        around.config_folder = Some(folder.path().to_owned());
        assert_eq!(find(None, &around), unix("/run/context.sock"));
        around.host = Some("tcp://example.test:2376".to_owned());
        assert_eq!(
            find(None, &around),
            Ok(Target::Tcp("example.test".to_owned(), 2376))
        );
        assert_eq!(find(Some("/run/a.sock"), &around), unix("/run/a.sock"));
    }

    #[test]
    fn missing_context_names_the_way_to_another_one() {
        let folder = context_folder("remote", "unix:///run/context.sock");
        let around = Surroundings {
            context: Some("gone".to_owned()),
            config_folder: Some(folder.path().to_owned()),
            ..Surroundings::default()
        };
        let Err(EngineError::Unreachable { hint, address, .. }) = find(None, &around) else {
            panic!("a context that is not there was taken");
        };
        assert_eq!(address, "context gone");
        assert!(hint.contains("docker context ls"), "{hint}");
    }

    #[test]
    fn tls_is_refused_and_never_dropped_in_silence() {
        let around = Surroundings {
            wants_tls: true,
            ..Surroundings::default()
        };
        assert!(find(Some("tcp://h:2376"), &around).is_err());
        assert!(find(Some("unix:///run/a.sock"), &around).is_ok());
    }

    #[test]
    fn strange_addresses_are_refused() {
        for address in [
            "ssh://host",
            "fd://",
            "tcp://",
            "tcp://host:port",
            "npipe:////./pipe/x",
        ] {
            assert!(
                find(Some(address), &Surroundings::default()).is_err(),
                "{address}"
            );
        }
    }
}
