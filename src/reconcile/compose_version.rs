//! Which generation of Docker Compose this machine has.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::compose::ComposeGeneration;
use crate::store::StateDir;

/// Where Docker's CLI looks for plugins beside the user's own folder, in its order (docker/cli `cli-plugins/manager`).
const PLUGIN_FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// The note in the state folder that holds the last answer.
const NOTE: &str = "compose-version";

/// Returns whose rules the hashes in labels have to follow: those of the Compose that this machine has. Where there is none, the newest
/// generation is as good as any.
///
/// Asking a Compose takes from 30 ms to 2 s, so its answer is kept in the state folder until the binary is another one.
pub fn compose_generation(
    environment: &BTreeMap<String, String>,
    state: &StateDir,
) -> ComposeGeneration {
    let Some((binary, metadata)) = candidates(environment)
        .into_iter()
        .find_map(|path| Some((path.clone(), std::fs::metadata(path).ok()?)))
    else {
        return ComposeGeneration::default();
    };
    let identity = format!(
        "{} {} {} {}",
        binary.display(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec()
    );
    let known = state.note(NOTE).and_then(|note| {
        let (of, version) = note.split_once('\n')?;
        (of == identity).then(|| version.to_owned())
    });
    let version = known.or_else(|| {
        let version = ask(&binary)?;
        state.keep_note(NOTE, &format!("{identity}\n{version}"));
        Some(version)
    });
    version
        .as_deref()
        .map_or_else(ComposeGeneration::default, generation)
}

/// Returns where a Compose may be, the plugin of the CLI before a program of its own.
fn candidates(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let config = environment.get("DOCKER_CONFIG").map(PathBuf::from);
    let home = environment
        .get("HOME")
        .map(|home| Path::new(home).join(".docker"));
    let own = config.or(home).map(|folder| folder.join("cli-plugins"));
    let plugins = own.into_iter().chain(PLUGIN_FOLDERS.map(PathBuf::from));
    let path = environment.get("PATH").cloned().unwrap_or_default();
    plugins
        .chain(std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join("docker-compose"))
        .collect()
}

/// Asks a Compose for its version. The plugin is a program that answers without the CLI, too.
fn ask(binary: &Path) -> Option<String> {
    let output = Command::new(binary)
        .args(["version", "--short"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn generation(version: &str) -> ComposeGeneration {
    let major = version.trim_start_matches('v').split('.').next();
    match major.and_then(|text| text.parse::<u32>().ok()) {
        Some(0..=4) => ComposeGeneration::V2,
        Some(_) | None => ComposeGeneration::V5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts a Compose of this version into a folder, which counts how often it is asked.
    fn install(folder: &Path, version: &str) {
        use std::os::unix::fs::PermissionsExt;
        let count = folder.join("asked");
        let text = format!(
            "#!/bin/sh\necho x >> '{}'\necho {version}\n",
            count.display()
        );
        let binary = folder.join("docker-compose");
        // A new file each time, since a program that runs cannot be written to.
        let _ = std::fs::remove_file(&binary);
        std::fs::write(&binary, text).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_compose_is_asked_once_until_it_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = folder.path().join("cli-plugins");
        std::fs::create_dir_all(&plugins).unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        let config = folder.path().display().to_string();
        let environment = BTreeMap::from([("DOCKER_CONFIG".to_owned(), config)]);
        let asked = || {
            std::fs::read_to_string(plugins.join("asked"))
                .unwrap()
                .lines()
                .count()
        };

        install(&plugins, "2.40.3");
        assert_eq!(
            compose_generation(&environment, &state),
            ComposeGeneration::V2
        );
        assert_eq!(
            compose_generation(&environment, &state),
            ComposeGeneration::V2
        );
        assert_eq!(asked(), 1);
        install(&plugins, "5.6.1-another");
        assert_eq!(
            compose_generation(&environment, &state),
            ComposeGeneration::V5
        );
        assert_eq!(asked(), 2);
    }

    #[test]
    fn the_major_version_decides() {
        assert_eq!(generation("2.40.3"), ComposeGeneration::V2);
        assert_eq!(generation("v2.20.0-desktop"), ComposeGeneration::V2);
        assert_eq!(generation("5.6.1"), ComposeGeneration::V5);
    }
}
