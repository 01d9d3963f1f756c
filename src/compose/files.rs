//! Configs and secrets: those that are files of the host are mounted, the others are copied in.

use sha2::{Digest, Sha256};

use crate::model::{
    ContainerOptions, ContentSource, FileContent, FileReference, FileSpec, MountSpec,
    MountSpecSource, Recursive, Resolved, SecretText, Stack,
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

/// Returns `SALT:HEX`, a digest of files that tells nothing about their content to whoever lacks the salt and reads labels only.
///
/// Every part enters with its length, so that no two lists of files give one input.
pub fn files_digest(salt: &str, files: &[FileSpec]) -> String {
    let mut digest = Sha256::new();
    let mut add = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_be_bytes());
        digest.update(bytes);
    };
    add(salt.as_bytes());
    for file in files {
        add(file.target.as_bytes());
        for number in [file.uid, file.gid, file.mode] {
            add(&number.to_be_bytes());
        }
        add(file.content.expose().as_bytes());
    }
    format!("{salt}:{}", super::hash::hex(&digest.finalize()))
}
