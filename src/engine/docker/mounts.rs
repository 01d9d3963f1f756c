//! Mounts, both ways: the engine takes them as `Binds` texts or as `Mounts` objects, and each can say what the other cannot.

use bollard::models::{
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions, MountPoint,
    MountTmpfsOptions, MountType, MountVolumeOptions,
};
use std::collections::{BTreeMap, HashMap};

use crate::model::{Bytes, MountSpec, MountSpecSource, Recursive};

use super::container::sorted_map;

/// Reads what was asked for, sorted by target. Anonymous volumes that only the image declares are in neither list.
pub(super) fn read(binds: &[String], mounts: &[Mount]) -> Vec<MountSpec> {
    let texts = binds.iter().filter_map(|bind| from_text(bind));
    let mut all: Vec<MountSpec> = texts.chain(mounts.iter().filter_map(from_object)).collect();
    all.sort();
    all
}

/// Reads the volumes that are mounted, by target; those that nobody named have the name that the engine gave them.
pub(super) fn volumes(points: Vec<MountPoint>) -> BTreeMap<String, String> {
    let is_volume = |point: &MountPoint| point.typ.as_deref() == Some("volume");
    let points = points.into_iter().filter(is_volume);
    points
        .filter_map(|point| Some((point.destination?, point.name?)))
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// Splits mounts into what goes into `Binds` and what into `Mounts`, as Compose does.
///
/// One difference: a path with a propagation that the engine may make goes into `Binds` as well, since engines before API 1.43 drop
/// the wish to make it from a `Mounts` object.
pub(super) fn write(mounts: &[MountSpec]) -> (Vec<String>, Vec<Mount>) {
    let mut binds = Vec::new();
    let mut objects = Vec::new();
    for mount in mounts {
        match to_text(mount) {
            Some(text) => binds.push(text),
            None => objects.push(to_object(mount)),
        }
    }
    (binds, objects)
}

fn from_text(bind: &str) -> Option<MountSpec> {
    let mut parts = bind.splitn(3, ':');
    let (source, target) = match (parts.next()?, parts.next()) {
        (target, None) => (None, target),
        (source, Some(target)) => (Some(source), target),
    };
    let options: Vec<&str> = parts.next().unwrap_or_default().split(',').collect();
    let option = |names: &[&str]| {
        let found = options.iter().find(|option| names.contains(option));
        found.map(|option| (*option).to_owned())
    };
    let source = match source {
        Some(path) if path.starts_with('/') => MountSpecSource::Bind {
            path: path.to_owned(),
            create_host_path: true,
            propagation: option(&[
                "private", "rprivate", "shared", "rshared", "slave", "rslave",
            ]),
            selinux: option(&["z", "Z"]),
            recursive: Recursive::Enabled,
        },
        name => MountSpecSource::Volume {
            name: name.map(str::to_owned),
            nocopy: options.contains(&"nocopy"),
            subpath: None,
            labels: BTreeMap::new(),
        },
    };
    Some(MountSpec {
        target: target.to_owned(),
        source,
        read_only: options.contains(&"ro"),
    })
}

fn from_object(mount: &Mount) -> Option<MountSpec> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let source = match mount.typ? {
        MountType::BIND => {
            let options = mount.bind_options.clone().unwrap_or_default();
            MountSpecSource::Bind {
                path: mount.source.clone().unwrap_or_default(),
                create_host_path: options.create_mountpoint.unwrap_or_default(),
                propagation: filled(&options.propagation.map(|value| value.to_string())),
                selinux: None,
                recursive: recursive(&options),
            }
        }
        MountType::VOLUME => {
            let options = mount.volume_options.clone().unwrap_or_default();
            MountSpecSource::Volume {
                name: filled(&mount.source),
                nocopy: options.no_copy.unwrap_or_default(),
                subpath: filled(&options.subpath),
                labels: own_labels(options.labels),
            }
        }
        MountType::IMAGE => {
            let options = mount.image_options.clone().unwrap_or_default();
            MountSpecSource::Image {
                reference: mount.source.clone().unwrap_or_default(),
                subpath: filled(&options.subpath),
            }
        }
        MountType::TMPFS => {
            let options = mount.tmpfs_options.clone().unwrap_or_default();
            let size = options.size_bytes.filter(|size| *size > 0);
            let mode = options.mode.filter(|mode| *mode > 0);
            MountSpecSource::Tmpfs {
                size: size.map(Bytes),
                mode: mode.and_then(|mode| u32::try_from(mode).ok()),
            }
        }
        // No stack.toml asks for these on Linux.
        MountType::CLUSTER | MountType::NPIPE => return None,
    };
    Some(MountSpec {
        target: mount.target.clone().unwrap_or_default(),
        source,
        read_only: mount.read_only.unwrap_or_default(),
    })
}

fn to_text(mount: &MountSpec) -> Option<String> {
    let (source, extra) = match &mount.source {
        MountSpecSource::Bind {
            path,
            create_host_path: true,
            propagation,
            selinux,
            recursive: Recursive::Enabled,
        } => (path, [propagation.as_ref(), selinux.as_ref()]),
        MountSpecSource::Volume {
            name: Some(name),
            nocopy: false,
            subpath: None,
            labels,
        } if labels.is_empty() => (name, [None, None]),
        MountSpecSource::Bind { .. }
        | MountSpecSource::Volume { .. }
        | MountSpecSource::Image { .. }
        | MountSpecSource::Tmpfs { .. } => return None,
    };
    let mut text = format!("{source}:{}:{}", mount.target, access(mount.read_only));
    for option in extra.into_iter().flatten() {
        text.push(',');
        text.push_str(option);
    }
    Some(text)
}

fn access(read_only: bool) -> &'static str {
    if read_only { "ro" } else { "rw" }
}

fn to_object(mount: &MountSpec) -> Mount {
    let plain = Mount {
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        ..Mount::default()
    };
    match &mount.source {
        MountSpecSource::Bind {
            path,
            create_host_path,
            propagation,
            selinux: _,
            recursive,
        } => Mount {
            typ: Some(MountType::BIND),
            source: Some(path.clone()),
            bind_options: Some(MountBindOptions {
                propagation: propagation
                    .as_deref()
                    .and_then(|word| word.parse::<MountBindOptionsPropagationEnum>().ok()),
                create_mountpoint: create_host_path.then_some(true),
                non_recursive: (*recursive == Recursive::Disabled).then_some(true),
                read_only_non_recursive: (*recursive == Recursive::Writable).then_some(true),
                read_only_force_recursive: (*recursive == Recursive::ReadOnly).then_some(true),
            }),
            ..plain
        },
        MountSpecSource::Volume {
            name,
            nocopy,
            subpath,
            labels,
        } => Mount {
            typ: Some(MountType::VOLUME),
            source: name.clone(),
            volume_options: volume_options(*nocopy, subpath, labels),
            ..plain
        },
        MountSpecSource::Image { reference, subpath } => Mount {
            typ: Some(MountType::IMAGE),
            source: Some(reference.clone()),
            image_options: subpath.as_ref().map(|subpath| MountImageOptions {
                subpath: Some(subpath.clone()),
            }),
            ..plain
        },
        MountSpecSource::Tmpfs { size, mode } => Mount {
            typ: Some(MountType::TMPFS),
            tmpfs_options: Some(MountTmpfsOptions {
                size_bytes: size.map(|size| size.0),
                mode: mode.map(i64::from),
                options: None,
            }),
            ..plain
        },
    }
}

fn volume_options(
    nocopy: bool,
    subpath: &Option<String>,
    labels: &BTreeMap<String, String>,
) -> Option<MountVolumeOptions> {
    let has_options = nocopy || subpath.is_some() || !labels.is_empty();
    has_options.then(|| MountVolumeOptions {
        no_copy: nocopy.then_some(true),
        subpath: subpath.clone(),
        labels: (!labels.is_empty()).then(|| labels.clone().into_iter().collect()),
        ..MountVolumeOptions::default()
    })
}

fn recursive(options: &MountBindOptions) -> Recursive {
    let is_set = |flag: Option<bool>| flag.unwrap_or_default();
    if is_set(options.non_recursive) {
        Recursive::Disabled
    } else if is_set(options.read_only_non_recursive) {
        Recursive::Writable
    } else if is_set(options.read_only_force_recursive) {
        Recursive::ReadOnly
    } else {
        Recursive::Enabled
    }
}

/// What newer engines put on a volume that nobody named, among the labels that were asked for.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

fn own_labels(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    let mut labels = sorted_map(labels);
    labels.remove(ANONYMOUS);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(create: bool, propagation: Option<&str>, selinux: Option<&str>) -> MountSpecSource {
        MountSpecSource::Bind {
            path: "/srv/a".to_owned(),
            create_host_path: create,
            propagation: propagation.map(str::to_owned),
            selinux: selinux.map(str::to_owned),
            recursive: Recursive::Enabled,
        }
    }

    fn volume(name: Option<&str>, nocopy: bool, subpath: Option<&str>) -> MountSpecSource {
        MountSpecSource::Volume {
            name: name.map(str::to_owned),
            nocopy,
            subpath: subpath.map(str::to_owned),
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn what_the_engine_adds_to_a_volume_without_a_name_was_not_asked_for() {
        let labels = [(ANONYMOUS, ""), ("com.example.kept", "1")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = own_labels(Some(labels.into()));
        assert_eq!(own.into_keys().collect::<Vec<_>>(), ["com.example.kept"]);
    }

    #[test]
    fn mounts_survive_the_way_to_the_engine_and_back() {
        let tmpfs = MountSpecSource::Tmpfs {
            size: Some(Bytes(1024)),
            mode: Some(0o1770),
        };
        for (source, text) in [
            (bind(true, None, None), Some("/srv/a:/t:rw")),
            (bind(true, None, Some("Z")), Some("/srv/a:/t:rw,Z")),
            (
                bind(true, Some("rslave"), None),
                Some("/srv/a:/t:rw,rslave"),
            ),
            (bind(false, Some("rshared"), None), None),
            (bind(false, None, None), None),
            (volume(Some("v"), false, None), Some("v:/t:rw")),
            (volume(Some("v"), true, None), None),
            (volume(Some("v"), false, Some("sub")), None),
            (volume(None, false, None), None),
            (tmpfs, None),
        ] {
            for read_only in [false, true] {
                let mount = MountSpec {
                    target: "/t".to_owned(),
                    source: source.clone(),
                    read_only,
                };
                let (binds, objects) = write(std::slice::from_ref(&mount));
                let expected = text.map(|text| match read_only {
                    true => text.replace(":rw", ":ro"),
                    false => text.to_owned(),
                });
                assert_eq!(binds.first().cloned(), expected, "{mount:?}");
                assert_eq!(read(&binds, &objects), [mount]);
            }
        }
    }

    #[test]
    fn short_forms_of_the_docker_command_are_read() {
        for (text, target, source) in [
            ("/t", "/t", volume(None, false, None)),
            ("v:/t:nocopy", "/t", volume(Some("v"), true, None)),
            ("/srv/a:/t", "/t", bind(true, None, None)),
        ] {
            let read = read(&[text.to_owned()], &[]);
            assert_eq!(
                (read[0].target.as_str(), &read[0].source),
                (target, &source)
            );
        }
    }
}
