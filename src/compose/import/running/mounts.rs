//! Mounts of containers in the short forms, where these can say it.

use std::collections::BTreeMap;
use std::path::Path;

use super::container::Source;
use super::objects::Objects;
use super::value::{bare, list, put, put_flag, put_table, size, table, text};
use crate::compose::import::item::{Item, Table};
use crate::model::{MountSpec, MountSpecSource, Recursive, SecretName, looks_anonymous};

/// Where Compose puts secrets.
const SECRETS: &str = "/run/secrets/";

/// Writes what is mounted: volumes, host paths, memory, and secrets that are files.
pub(super) fn put_mounts(into: &mut Table, source: &Source<'_>, objects: &Objects, folder: &Path) {
    let config = &source.container.config;
    let mut secrets = Vec::new();
    let mut mounts = Vec::new();
    for mount in &config.mounts {
        if is_of_image(mount, source) {
            continue;
        }
        match secret(mount) {
            Some((key, path)) if objects.secrets.get(key) == Some(&path.to_owned()) => {
                secrets.push(text(key));
            }
            _ => mounts.push(mount_item(mount, objects, folder)),
        }
    }
    let filled = |items: Vec<Item>| (!items.is_empty()).then(|| list(items));
    put(into, "volumes", filled(mounts));
    let memory = super::container::memory_file_systems(&config.tmpfs);
    put(
        into,
        "tmpfs",
        filled(memory.iter().map(|it| text(it)).collect()),
    );
    put(into, "secrets", filled(secrets));
}

/// Returns the files that look like secrets of Compose, by their keys; a key that means two files is none.
pub(super) fn secret_files(sources: &[Source<'_>]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mounts = sources.iter().flat_map(|it| &it.container.config.mounts);
    for (key, path) in mounts.filter_map(secret) {
        let entry = files.entry(key.to_owned());
        let known = entry.or_insert_with(|| Some(path.to_owned()));
        if known.as_deref() != Some(path) {
            *known = None;
        }
    }
    files
        .into_iter()
        .filter_map(|(key, path)| Some((key, path?)))
        .collect()
}

/// Returns key and file of a mount as Compose makes it of a secret.
fn secret(mount: &MountSpec) -> Option<(&str, &str)> {
    let key = mount.target.strip_prefix(SECRETS)?;
    match &mount.source {
        MountSpecSource::Bind {
            path,
            create_host_path: false,
            propagation: None,
            selinux: None,
            recursive: Recursive::Enabled,
        } if mount.read_only && SecretName::new(key).is_ok() => Some((key, path)),
        _ => None,
    }
}

/// Returns whether a mount is a volume without a name that the image asks for.
fn is_of_image(mount: &MountSpec, source: &Source<'_>) -> bool {
    let is_declared = source.image.is_none_or(|image| {
        let target = mount.target.trim_end_matches('/');
        let mut declared = image.volumes.iter();
        declared.any(|path| path.trim_end_matches('/') == target)
    });
    is_declared && is_anonymous(mount)
}

fn is_anonymous(mount: &MountSpec) -> bool {
    matches!(&mount.source, MountSpecSource::Volume { name, .. }
        if name.as_deref().is_none_or(looks_anonymous))
}

fn mount_item(mount: &MountSpec, objects: &Objects, folder: &Path) -> Item {
    let mut options: Vec<&str> = Vec::new();
    if mount.read_only {
        options.push("ro");
    }
    let short = match &mount.source {
        _ if mount.target.contains(':') => None,
        MountSpecSource::Volume { .. } if is_anonymous(mount) => {
            options.is_empty().then(String::new)
        }
        MountSpecSource::Volume {
            name: Some(name),
            nocopy: false,
            subpath: None,
            labels,
        } if labels.is_empty() => {
            let key = objects.volume(name);
            // Compose takes a single letter for a drive.
            (key.len() > 1).then(|| key.to_owned())
        }
        MountSpecSource::Bind {
            path,
            create_host_path: true,
            propagation: None,
            selinux,
            recursive: Recursive::Enabled,
        } => {
            options.extend(selinux.as_deref());
            Some(below(path, folder)).filter(|path| !path.contains(':'))
        }
        MountSpecSource::Bind { .. }
        | MountSpecSource::Volume { .. }
        | MountSpecSource::Image { .. }
        | MountSpecSource::Tmpfs { .. } => None,
    };
    match (short, options.as_slice()) {
        (None, _) => long_mount(mount, objects, folder),
        (Some(source), []) if source.is_empty() => text(&mount.target),
        (Some(source), []) => text(&format!("{source}:{}", mount.target)),
        (Some(source), options) => {
            text(&format!("{source}:{}:{}", mount.target, options.join(",")))
        }
    }
}

fn long_mount(mount: &MountSpec, objects: &Objects, folder: &Path) -> Item {
    let mut entries = Table::new();
    let mut inner = Table::new();
    let kind = match &mount.source {
        MountSpecSource::Bind { .. } => "bind",
        MountSpecSource::Volume { .. } => "volume",
        MountSpecSource::Image { .. } => "image",
        MountSpecSource::Tmpfs { .. } => "tmpfs",
    };
    put(&mut entries, "type", Some(text(kind)));
    match &mount.source {
        MountSpecSource::Bind {
            path,
            create_host_path,
            propagation,
            selinux,
            recursive,
        } => {
            put(&mut entries, "source", Some(text(&below(path, folder))));
            let creates = Some(bare(create_host_path));
            put(&mut inner, "create_host_path", creates);
            put(&mut inner, "propagation", propagation.as_deref().map(text));
            put(&mut inner, "selinux", selinux.as_deref().map(text));
            let recursive = match recursive {
                Recursive::Enabled => None,
                Recursive::Disabled => Some("disabled"),
                Recursive::Writable => Some("writable"),
                Recursive::ReadOnly => Some("readonly"),
            };
            put(&mut inner, "recursive", recursive.map(text));
        }
        MountSpecSource::Volume {
            name,
            nocopy,
            subpath,
            labels,
        } => {
            let name = name.as_deref().filter(|name| !looks_anonymous(name));
            let source = name.map(|name| text(objects.volume(name)));
            put(&mut entries, "source", source);
            put_flag(&mut inner, "nocopy", *nocopy);
            put(&mut inner, "subpath", subpath.as_deref().map(text));
            let labels = labels.iter();
            let labels = labels.map(|(key, value)| (key.clone(), text(value)));
            put_table(&mut inner, "labels", labels.collect());
        }
        MountSpecSource::Image { reference, subpath } => {
            put(&mut entries, "source", Some(text(reference)));
            put(&mut inner, "subpath", subpath.as_deref().map(text));
        }
        MountSpecSource::Tmpfs { size: bytes, mode } => {
            put(&mut inner, "size", bytes.map(size));
            let mode = mode.map(|mode| text(&format!("{mode:04o}")));
            put(&mut inner, "mode", mode);
        }
    }
    put(&mut entries, "target", Some(text(&mount.target)));
    put_flag(&mut entries, "read_only", mount.read_only);
    put_table(&mut entries, kind, inner);
    table(entries)
}

/// Returns a path of the host, relative to the stack's folder where it lies in there.
pub(super) fn below(path: &str, folder: &Path) -> String {
    let is_folder = folder.parent().is_some();
    match Path::new(path).strip_prefix(folder) {
        Ok(inner) if is_folder && inner.as_os_str().is_empty() => ".".to_owned(),
        Ok(inner) if is_folder => format!("./{}", inner.to_string_lossy()),
        _ => path.to_owned(),
    }
}
