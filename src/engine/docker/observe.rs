//! Looking at the engine: few requests, and what fails for one object is said of that object alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::Volume;
use bollard::query_parameters::ListVolumesOptions;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use hyper::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::compose::labels::{PROJECT, TASK_PROJECT};
use crate::engine::{CALL_TIMEOUT, EngineError, ListedContainer, files, sockets};
use crate::model::{
    ContainerId, ContainerStatus, ImageId, ImageReference, Observed, ObservedContainer,
    ObservedFile, ObservedImage, ObservedSocket, ObservedVolume, Scope, SocketName, Unknown,
};
use crate::plan::ContainerRef;

use super::container::{self, filled};
use super::networks::SeenNetworks;
use super::{DockerEngine, escape};

/// How many inspects are under way at once.
const IN_FLIGHT: usize = 8;

/// A container of a list: all that is needed to look at it, and its name in case that fails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    id: String,
    name: String,
}

impl DockerEngine {
    pub(super) async fn look_at(&self, scope: &Scope) -> Result<Observed, EngineError> {
        let engine = self.known().await?.clone();
        let mut unknown = Vec::new();
        let (listed, networks, volumes, images, files) = futures_util::future::join5(
            self.list_scope(scope),
            self.look_at_networks(scope),
            self.look_at_volumes(scope),
            self.look_at_images(&scope.images),
            look_at_files(&scope.files, engine.is_local),
        )
        .await;
        let listed = listed?;
        let mut containers = self.look_at_all(listed, &mut unknown).await;
        let networks = networks.unwrap_or_else(|error| {
            unknown.push(unseen("networks", &error));
            SeenNetworks::default()
        });
        unknown.extend(networks.unknown);
        let is_known = |id: &ContainerId| containers.iter().any(|it| it.id == *id);
        let mut attached = networks.networks.iter().flat_map(|it| it.containers.keys());
        if !attached.all(is_known) {
            // Somebody is on a network of ours: a task of the project, or a stranger.
            containers.extend(self.look_at_tasks(scope, &mut unknown).await?);
            containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        }
        for container in containers.iter_mut().filter(|_| !files.is_empty()) {
            container.files = files::observe_mounted(container, &files);
        }
        let volumes = volumes.unwrap_or_else(|error| {
            unknown.push(unseen("volumes", &error));
            Vec::new()
        });
        unknown.extend(images.1);
        Ok(Observed {
            sockets: look_at_sockets(&scope.sockets, engine.is_local),
            engine,
            containers,
            networks: networks.networks,
            foreign_subnets: networks.foreign_subnets,
            volumes,
            images: images.0,
            files,
            unknown,
        })
    }

    pub(super) async fn look_at_container(
        &self,
        container: &ContainerRef,
    ) -> Result<Option<ObservedContainer>, EngineError> {
        let key = super::key(container);
        let found = self.inspect_by(key).await?;
        // The engine also takes the beginning of an id for a name.
        Ok(found.filter(|found| match container {
            ContainerRef::Id(id) => found.id.as_str().starts_with(id.as_str()),
            ContainerRef::Name(name) => found.name == *name,
        }))
    }

    pub(super) async fn find_by_labels(
        &self,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<ObservedContainer>, EngineError> {
        let wanted = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let listed = self.list("label", wanted.collect()).await?;
        let mut unknown = Vec::new();
        let found = self.look_at_all(listed, &mut unknown).await;
        // Whoever asks wants all of them: a part of the answer would pass for the whole.
        match unknown.into_iter().next() {
            Some(unseen) => Err(EngineError::Failed {
                what: unseen.what,
                message: unseen.why,
                status: 500,
            }),
            None => Ok(found),
        }
    }

    pub(super) async fn list_projects(&self) -> Result<BTreeSet<String>, EngineError> {
        let list: Vec<Labelled> = self.list_raw("label", &[PROJECT.to_owned()]).await?;
        let labels = list.into_iter().filter_map(|container| container.labels);
        Ok(labels
            .filter_map(|mut labels| labels.remove(PROJECT))
            .collect())
    }

    pub(super) async fn list_by_labels(
        &self,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<ListedContainer>, EngineError> {
        let wanted = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let wanted: Vec<String> = wanted.collect();
        let list: Vec<Summary> = self.list_raw("label", &wanted).await?;
        let listed = list.into_iter().filter_map(|summary| {
            Some(ListedContainer {
                name: own_name(summary.names.as_deref().unwrap_or_default()).to_owned(),
                status: status(&summary.state),
                id: ContainerId::new(summary.id).ok()?,
            })
        });
        Ok(listed.collect())
    }

    /// Lists the project's containers, and those that hold a name that the stack wants.
    async fn list_scope(&self, scope: &Scope) -> Result<BTreeSet<Listed>, EngineError> {
        let label = format!("{PROJECT}={}", scope.project);
        let mut listed = self.list("label", vec![label]).await?;
        let names: BTreeSet<&str> = listed.iter().map(|listed| listed.name.as_str()).collect();
        let missing: Vec<String> = scope
            .container_names
            .iter()
            .filter(|name| !names.contains(name.as_str()))
            // The filter is a regular expression; a name has no special character but the dot.
            .map(|name| format!("^/{}$", name.replace('.', "\\.")))
            .collect();
        if !missing.is_empty() {
            listed.extend(self.list("name", missing).await?);
        }
        Ok(listed)
    }

    /// Looks at the containers of the project's tasks, which carry none of Compose's labels.
    async fn look_at_tasks(
        &self,
        scope: &Scope,
        unknown: &mut Vec<Unknown>,
    ) -> Result<Vec<ObservedContainer>, EngineError> {
        let label = format!("{TASK_PROJECT}={}", scope.project);
        let listed = self.list("label", vec![label]).await?;
        Ok(self.look_at_all(listed, unknown).await)
    }

    async fn list(
        &self,
        filter: &str,
        values: Vec<String>,
    ) -> Result<BTreeSet<Listed>, EngineError> {
        let list: Vec<Summary> = self.list_raw(filter, &values).await?;
        let listed = list.into_iter().map(|summary| Listed {
            name: own_name(summary.names.as_deref().unwrap_or_default()).to_owned(),
            id: summary.id,
        });
        Ok(listed.collect())
    }

    async fn list_raw<T: DeserializeOwned>(
        &self,
        filter: &str,
        values: &[String],
    ) -> Result<Vec<T>, EngineError> {
        let filters = serde_json::json!({ filter: values }).to_string();
        let path = format!("/containers/json?all=true&filters={}", escape(&filters));
        self.get("list of containers", &path).await
    }

    /// Gets something and reads of it what `T` has: the client's types would hold all that the engine says.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &str,
    ) -> Result<T, EngineError> {
        let call = self.call(what, CALL_TIMEOUT, Method::GET, path, Bytes::new());
        let (_, body) = call.await?;
        serde_json::from_slice(&body).map_err(|error| EngineError::Failed {
            what: what.to_owned(),
            message: format!("the answer is not understood: {error}"),
            status: 200,
        })
    }

    /// Inspects containers. One that is gone by now is left out, one that cannot be seen is said so.
    async fn look_at_all(
        &self,
        listed: BTreeSet<Listed>,
        unknown: &mut Vec<Unknown>,
    ) -> Vec<ObservedContainer> {
        let mut looks = stream::iter(listed)
            .map(|listed| async move {
                let result = self.inspect_by(&listed.id).await;
                (listed, result)
            })
            .buffer_unordered(IN_FLIGHT);
        let mut containers = Vec::new();
        while let Some((listed, result)) = looks.next().await {
            match result {
                Ok(found) => containers.extend(found),
                Err(error) => unknown.push(Unknown {
                    what: format!("container {}", short(&listed.id)),
                    container_name: filled(Some(listed.name)),
                    why: error.to_string(),
                }),
            }
        }
        containers.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        unknown.sort_by(|a, b| a.what.cmp(&b.what));
        containers
    }

    /// Inspects by id or name; `None`: it is not there.
    pub(super) async fn inspect_by(
        &self,
        key: &str,
    ) -> Result<Option<ObservedContainer>, EngineError> {
        let what = format!("inspect of container {key}");
        let path = format!("/containers/{}/json", super::escape(key));
        let answer = self
            .call(&what, CALL_TIMEOUT, Method::GET, &path, Bytes::new())
            .await;
        match answer {
            Ok((_, body)) => match container::read(&body) {
                Ok(found) => Ok(Some(found)),
                Err(message) => Err(EngineError::Failed {
                    what,
                    message,
                    status: 200,
                }),
            },
            Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn look_at_volumes(&self, scope: &Scope) -> Result<Vec<ObservedVolume>, EngineError> {
        let call = self
            .client()
            .await?
            .list_volumes(None::<ListVolumesOptions>);
        let list = self.within("list of volumes", CALL_TIMEOUT, call).await?;
        let mut volumes: Vec<ObservedVolume> = list
            .volumes
            .unwrap_or_default()
            .into_iter()
            .filter(|volume| is_ours(&volume.labels, scope) || scope.volumes.contains(&volume.name))
            .map(volume)
            .collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    async fn look_at_images(
        &self,
        images: &BTreeSet<ImageReference>,
    ) -> (
        BTreeMap<ImageReference, Option<ObservedImage>>,
        Vec<Unknown>,
    ) {
        let mut looks = stream::iter(images.clone())
            .map(|image| async move {
                let result = self.look_at_image(&image).await;
                (image, result)
            })
            .buffer_unordered(IN_FLIGHT);
        let (mut seen, mut unknown) = (BTreeMap::new(), Vec::new());
        while let Some((image, result)) = looks.next().await {
            match result {
                Ok(found) => {
                    seen.insert(image, found);
                }
                Err(error) => unknown.push(unseen(&format!("image {image}"), &error)),
            }
        }
        unknown.sort_by(|a, b| a.what.cmp(&b.what));
        (seen, unknown)
    }

    /// Looks up an image by its reference; `None`: it is not here.
    pub(super) async fn look_at_image(
        &self,
        image: &ImageReference,
    ) -> Result<Option<ObservedImage>, EngineError> {
        let what = format!("image {image}");
        let call = self.client().await?.inspect_image(image.as_str());
        let found = match self.within(&what, CALL_TIMEOUT, call).await {
            Ok(found) => found,
            Err(EngineError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let id =
            ImageId::new(found.id.unwrap_or_default()).map_err(|error| EngineError::Failed {
                what,
                message: error.to_string(),
                status: 200,
            })?;
        let config = found.config.unwrap_or_default();
        let (defaults, volumes) = container::image_defaults(image.clone(), config);
        let mut digests = found.repo_digests.unwrap_or_default();
        digests.sort();
        let platform = [found.os, found.architecture, found.variant];
        let platform: Vec<String> = platform.into_iter().filter_map(filled).collect();
        let tagged_at = found.metadata.and_then(|metadata| metadata.last_tag_time);
        Ok(Some(ObservedImage {
            volumes,
            digests,
            platform: platform.join("/"),
            tagged_at: tagged_at.and_then(|text| text.parse().ok()),
            ..ObservedImage::new(id, defaults)
        }))
    }
}

/// What a list says of a container, as far as it is minded.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    id: String,
    names: Option<Vec<String>>,
    #[serde(default)]
    state: String,
}

/// As [`Summary`], for its labels.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Labelled {
    labels: Option<HashMap<String, String>>,
}

/// Returns which of a container's names in a list is its own: one that is linked to has further names, with a second slash.
pub(super) fn own_name(names: &[String]) -> &str {
    let mut own = names.iter().filter_map(|name| name.strip_prefix('/'));
    own.find(|name| !name.contains('/')).unwrap_or_default()
}

/// Reads the engine's word for where a container is in its life.
fn status(word: &str) -> ContainerStatus {
    match word {
        "running" | "stopping" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "restarting" => ContainerStatus::Restarting,
        "removing" => ContainerStatus::Removing,
        "exited" => ContainerStatus::Exited,
        "dead" => ContainerStatus::Dead,
        _ => ContainerStatus::Created,
    }
}

pub(super) fn is_ours(labels: &HashMap<String, String>, scope: &Scope) -> bool {
    labels.get(PROJECT).map(String::as_str) == Some(scope.project.as_str())
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

pub(super) fn unseen(what: &str, error: &EngineError) -> Unknown {
    Unknown {
        what: what.to_owned(),
        container_name: None,
        why: error.to_string(),
    }
}

fn volume(volume: Volume) -> ObservedVolume {
    ObservedVolume {
        name: volume.name,
        driver: volume.driver,
        options: volume.options.into_iter().collect(),
        labels: volume.labels.into_iter().collect(),
    }
}

/// Looks at files of the host, on a thread for what may block: a slow disk must not hold up the answers of the engine.
async fn look_at_files(paths: &BTreeSet<String>, is_local: bool) -> BTreeMap<String, ObservedFile> {
    if !is_local || paths.is_empty() {
        return BTreeMap::new();
    }
    let paths = paths.clone();
    let look = tokio::task::spawn_blocking(move || files::observe_files(&paths));
    // A thread that panicked has seen nothing.
    look.await.unwrap_or_default()
}

fn look_at_sockets(
    sockets: &BTreeMap<SocketName, std::path::PathBuf>,
    is_local: bool,
) -> BTreeMap<SocketName, ObservedSocket> {
    let look = |path: &std::path::Path| match is_local {
        true => sockets::observe_socket(path),
        false => ObservedSocket::Unknown {
            why: "the engine runs on another machine".to_owned(),
        },
    };
    sockets
        .iter()
        .map(|(name, path)| (name.clone(), look(path)))
        .collect()
}
