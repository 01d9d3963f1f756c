//! Volumes that nobody named: they go from a container to the one that takes its place, and away with the stack.

use std::collections::BTreeMap;

use crate::model::{ContainerSpec, MountSpec, MountSpecSource, ObservedContainer, looks_anonymous};

use super::compare::plain_path;
use super::planner::Planner;

impl Planner<'_> {
    /// Lets a new container mount the volumes of the one that it replaces wherever it would get a fresh one, as Compose does: where its
    /// image declares a volume that nothing else is mounted at, and where the stack asks for one without a name.
    pub(super) fn inherit_volumes(&self, spec: &mut ContainerSpec, old: &ObservedContainer) {
        let image = self.observed.images.get(&spec.config.image);
        let image = image.and_then(Option::as_ref);
        for (target, volume) in &old.volumes {
            let is_here = |path: &str| plain_path(path) == plain_path(target);
            let mut mounts = spec.config.mounts.iter_mut();
            if let Some(mount) = mounts.find(|mount| is_here(&mount.target)) {
                if let MountSpecSource::Volume { name, .. } = &mut mount.source {
                    name.get_or_insert_with(|| volume.clone());
                }
                continue;
            }
            // What an image declares that is still to be pulled is not known: no data is left behind on that account.
            let is_declared = image.map_or(looks_anonymous(volume), |image| {
                image.volumes.iter().any(|path| is_here(path))
            });
            let is_in_memory = spec.config.tmpfs.keys().any(|path| is_here(path));
            if is_declared && !is_in_memory {
                let source = MountSpecSource::Volume {
                    name: Some(volume.clone()),
                    nocopy: false,
                    subpath: None,
                    labels: BTreeMap::new(),
                };
                spec.config.mounts.push(MountSpec {
                    target: target.clone(),
                    source,
                    read_only: false,
                });
            }
        }
        spec.config.mounts.sort();
    }
}

/// Returns the volumes without a name of their own that containers mount, each with where.
pub(super) fn anonymous_volumes<'c>(
    containers: impl Iterator<Item = &'c ObservedContainer>,
) -> BTreeMap<String, String> {
    containers
        .flat_map(|container| container.volumes.iter().map(move |it| (container, it)))
        .filter(|(_, (_, volume))| looks_anonymous(volume))
        .map(|(container, (target, volume))| {
            (volume.clone(), format!("{target} of {}", container.name))
        })
        .collect()
}
