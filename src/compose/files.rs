//! Configs and secrets: those that are files of the host are mounted, the others are copied in.

use crate::key_path;
use crate::model::{
    ContainerOptions, ContentSource, FileContent, FileReference, FileSpec, KeyPath, MountSource,
    MountSpec, MountSpecSource, Recursive, Resolved, SecretText, Stack, clean_path,
};

/// The mode of a config or secret where none is said.
const DEFAULT_MODE: u32 = 0o444;

/// The configs and secrets of one container, in the engine's terms.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Those that are files of the host.
    pub(super) mounts: Vec<MountSpec>,
    /// The others.
    pub(super) files: Vec<FileSpec>,
}

/// Returns how a container gets its secrets and configs. Secrets come first: of two with one target Compose takes the first.
pub(super) fn delivered(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
) -> Delivered {
    let mut delivered = Delivered::default();
    for reference in &options.secrets {
        let target = secret_target(reference.target.as_deref(), reference.source.as_str());
        if let Some(content) = stack.parts().secrets.get(&reference.source) {
            deliver(&mut delivered, target, content, reference);
        }
    }
    for reference in &options.configs {
        let target = config_target(reference.target.as_deref(), reference.source.as_str());
        if let Some(content) = stack.parts().configs.get(&reference.source) {
            deliver(&mut delivered, target, content, reference);
        }
    }
    delivered
}

fn deliver<N: Clone + std::fmt::Debug + PartialEq + Eq>(
    delivered: &mut Delivered,
    target: String,
    content: &FileContent<Resolved>,
    reference: &FileReference<N, Resolved>,
) {
    let text = match &content.source {
        ContentSource::File(path) => {
            delivered.mounts.push(MountSpec {
                target,
                source: MountSpecSource::Bind {
                    path: path.clone(),
                    create_host_path: false,
                    propagation: None,
                    selinux: None,
                    recursive: Recursive::Enabled,
                },
                read_only: true,
            });
            return;
        }
        ContentSource::Content(text) => SecretText::new(text.as_str()),
        ContentSource::Environment { value, .. } => value.clone(),
        ContentSource::External | ContentSource::Driver => return,
    };
    let number = |text: &Option<String>| {
        text.as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    delivered.files.push(FileSpec {
        target,
        content: text,
        uid: number(&reference.uid),
        gid: number(&reference.gid),
        mode: reference.mode.unwrap_or(DEFAULT_MODE),
    });
}

/// Returns where a secret appears: `/run/secrets/NAME`; a relative target is taken below that folder.
pub fn secret_target(target: Option<&str>, name: &str) -> String {
    below("/run/secrets", target.unwrap_or(name))
}

/// Returns where a config appears: `/NAME`; a relative target is taken below the root.
pub fn config_target(target: Option<&str>, name: &str) -> String {
    below("", target.unwrap_or(name))
}

fn below(folder: &str, target: &str) -> String {
    if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{folder}/{target}")
    }
}

/// A file that a container has by its definition: where its content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its field below the service: `configs.NAME`, `secrets.NAME` or `volumes.TARGET`.
    pub field: KeyPath,
    /// Where its content comes from, for people: a path as from the stack's folder, `content` or `variable NAME`.
    pub origin: String,
    /// Whether its content is a secret.
    pub is_secret: bool,
}

/// Returns what the file at `target` is called in stack.toml.
pub fn named_file(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
    target: &str,
) -> Option<NamedFile> {
    let parts = stack.parts();
    let origin = |source: &ContentSource<Resolved>| match source {
        ContentSource::File(path) => from_folder(&parts.folder, path),
        ContentSource::Environment { variable, .. } => format!("variable {variable}"),
        ContentSource::Content(_) | ContentSource::External | ContentSource::Driver => {
            "content".to_owned()
        }
    };
    let named = |kind: &str, name: &str, source, is_secret| NamedFile {
        field: key_path![kind, name],
        origin: origin(source),
        is_secret,
    };
    for mount in options
        .volumes
        .iter()
        .filter(|mount| mount.target == target)
    {
        if let MountSource::Bind { path, .. } = &mount.source {
            return Some(NamedFile {
                field: key_path!["volumes", target],
                origin: from_folder(&parts.folder, &clean_path(path)),
                is_secret: false,
            });
        }
    }
    for reference in &options.secrets {
        let name = reference.source.as_str();
        let content = parts.secrets.get(&reference.source);
        let own = secret_target(reference.target.as_deref(), name);
        if let Some(content) = content.filter(|_| own == target) {
            return Some(named("secrets", name, &content.source, true));
        }
    }
    for reference in &options.configs {
        let name = reference.source.as_str();
        let content = parts.configs.get(&reference.source);
        let own = config_target(reference.target.as_deref(), name);
        if let Some(content) = content.filter(|_| own == target) {
            return Some(named("configs", name, &content.source, false));
        }
    }
    None
}

/// Returns a path as it may stand in stack.toml: below the stack's folder from there.
fn from_folder(folder: &std::path::Path, path: &str) -> String {
    match std::path::Path::new(path).strip_prefix(folder) {
        Ok(below) => format!("./{}", below.display()),
        Err(_) => path.to_owned(),
    }
}

/// Returns the paths of the host that a container mounts where it may be a file.
pub(super) fn mounted_paths(
    stack: &Stack<Resolved>,
    options: &ContainerOptions<Resolved>,
) -> Vec<String> {
    let mounted = options
        .volumes
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Bind { path, .. } => Some(clean_path(path)),
            MountSource::Volume { .. } | MountSource::Tmpfs { .. } | MountSource::Other { .. } => {
                None
            }
        });
    let delivered = delivered(stack, options).mounts;
    let delivered = delivered
        .into_iter()
        .filter_map(|mount| match mount.source {
            MountSpecSource::Bind { path, .. } => Some(path),
            MountSpecSource::Volume { .. }
            | MountSpecSource::Tmpfs { .. }
            | MountSpecSource::Image { .. } => None,
        });
    mounted.chain(delivered).collect()
}
