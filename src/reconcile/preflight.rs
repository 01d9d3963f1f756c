//! What can be looked at before the first change, so that a plan that cannot succeed changes nothing.

use std::path::Path;

use crate::key_path;
use crate::model::{
    ContainerSpec, ContentSource, KeyPath, MountSource, MountSpecSource, ServiceName, clean_path,
};
use crate::plan::Action;

use super::holder::sees_the_engines_machine;
use super::ports::{TakenPort, taken_ports};
use super::{Planned, Session};

/// Something of this machine that is in the way of a plan. What is in its way at the engine is among the plan's own notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A port that something else holds.
    Port(TakenPort),
    /// A path that is to be mounted, that the engine must not make, and that is not there.
    MissingSource {
        /// The service.
        service: ServiceName,
        /// The path.
        path: String,
        /// Where the stack asks for it.
        place: KeyPath,
    },
}

/// Looks at everything of this machine that a plan needs, and returns all that is in its way. Nothing is known of an engine elsewhere.
pub async fn preflight(session: &Session, planned: &Planned) -> Vec<Obstacle> {
    let is_local = planned.observed.engine.is_local && sees_the_engines_machine();
    if !is_local {
        return Vec::new();
    }
    let mut found: Vec<Obstacle> = taken_ports(session, planned)
        .await
        .into_iter()
        .map(Obstacle::Port)
        .collect();
    for step in &planned.plan.steps {
        if let Action::CreateContainer(spec) = &step.action {
            found.extend(missing_sources(session, spec));
        }
    }
    // The containers of a scaled service ask for the same.
    let mut told = Vec::new();
    for obstacle in found {
        if !told.contains(&obstacle) {
            told.push(obstacle);
        }
    }
    told
}

fn missing_sources(session: &Session, spec: &ContainerSpec) -> Vec<Obstacle> {
    let Some(service) = &spec.service else {
        return Vec::new();
    };
    // A socket that is not there is among the notes of the plan.
    let sockets = session.stack.sockets();
    let is_socket = |path: &str| sockets.values().any(|it| it.path == Path::new(path));
    let paths = spec.config.mounts.iter().filter_map(|mount| {
        let MountSpecSource::Bind {
            path,
            create_host_path: false,
            ..
        } = &mount.source
        else {
            return None;
        };
        // What may not be looked at is left to the engine.
        let is_missing = Path::new(path).try_exists().is_ok_and(|exists| !exists);
        (is_missing && !is_socket(path)).then_some(path)
    });
    paths
        .map(|path| Obstacle::MissingSource {
            service: service.clone(),
            path: path.clone(),
            place: place(session, service, path),
        })
        .collect()
}

/// Returns where the stack asks for a path.
fn place(session: &Session, service: &ServiceName, path: &str) -> KeyPath {
    let parts = session.stack.parts();
    let is_it =
        |content: &ContentSource<_>| matches!(content, ContentSource::File(file) if file == path);
    if let Some((name, _)) = parts.configs.iter().find(|(_, it)| is_it(&it.source)) {
        return key_path!["configs", name, "file"];
    }
    if let Some((name, _)) = parts.secrets.iter().find(|(_, it)| is_it(&it.source)) {
        return key_path!["secrets", name, "file"];
    }
    let mounts = session.stack.service(service).into_iter();
    let mut mounts = mounts.flat_map(|it| &it.container.volumes).enumerate();
    let found = mounts.find(|(_, mount)| {
        matches!(&mount.source, MountSource::Bind { path: own, .. } if clean_path(own) == path)
    });
    match found {
        Some((index, _)) => key_path!["services", service, "volumes", index],
        None => key_path!["services", service],
    }
}
