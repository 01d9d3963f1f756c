//! Changing things: one function an action. None of them decides anything; each succeeds where its work is done already.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use tokio::sync::mpsc;

use crate::engine::{ActionProgress, CALL_TIMEOUT, EngineError, Performed, sockets};
use crate::model::{
    ContainerId, ContainerSpec, ContainerStatus, ImageId, Limits, ObservedContainer, Resolved,
    Restart,
};
use crate::plan::{Action, ContainerRef, SocketFix};

use super::DockerEngine;
use super::{create, escape, key};

/// The engine's own stop grace.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// How often a container that is being removed is looked at.
const REMOVAL_POLL: Duration = Duration::from_millis(100);

impl DockerEngine {
    pub(super) async fn perform_action(
        &self,
        action: &Action,
        progress: Option<&mpsc::Sender<ActionProgress>>,
    ) -> Result<Performed, EngineError> {
        if let Some(name) = ambiguous_name(action)
            && self.look_at_container(name).await?.is_none()
        {
            return gone(action, name);
        }
        match action {
            Action::PullImage { image, platform } => {
                self.pull(image, platform.as_deref(), progress).await
            }
            Action::BuildImage(spec) => self.build(spec, progress).await,
            Action::TagImage { source, image } => self.tag(source, image).await,
            Action::CreateNetwork(spec) => self.create_network(spec).await,
            Action::RemoveNetwork { id, name } => self.remove_network(id, name).await,
            Action::CreateVolume(spec) => self.create_volume(spec).await,
            Action::RemoveVolume { name } => self.remove_volume(name).await,
            Action::CreateContainer(spec) => self.create_container(spec).await,
            Action::CopyFiles { container, files } => self.copy_files(container, files).await,
            Action::ConnectNetwork {
                container,
                network,
                endpoint,
            } => self.connect_network(container, network, endpoint).await,
            Action::DisconnectNetwork { container, network } => {
                self.disconnect_network(container, network).await
            }
            Action::StartContainer { container } => self.start(container).await,
            Action::StopContainer { container, grace } => self.stop(container, *grace).await,
            Action::RestartContainer { container, grace } => self.restart(container, *grace).await,
            Action::UnpauseContainer { container } => self.unpause(container).await,
            Action::SignalContainer { container, signal } => self.signal(container, signal).await,
            Action::RunCommand(run) => self.run_command(run).await,
            Action::RenameContainer { container, to } => self.rename(container, to).await,
            Action::UpdateContainer {
                container,
                limits,
                restart,
            } => self.update(container, limits, *restart).await,
            Action::RemoveContainer {
                container,
                force,
                anonymous_volumes,
            } => self.remove(container, *force, *anonymous_volumes).await,
            Action::Await { container, .. } => Err(EngineError::Refused {
                what: format!("waiting for container {container}"),
                message: "engines do not wait".to_owned(),
                status: 400,
            }),
            Action::FixSocket(fix) => self.fix_socket(fix).await,
        }
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<Performed, EngineError> {
        let what = format!("container {}", spec.name);
        let api = self.known().await?.api;
        create::check_version(&spec.config, api)?;
        let looked_up: Option<ImageId>;
        let image_id = match (&spec.image_id, &spec.service) {
            (None, Some(_)) => {
                looked_up = self.image_id(&spec.config).await?;
                looked_up.as_ref()
            }
            (known, _) => known.as_ref(),
        };
        let by_id: ContainerSpec;
        let spec = if spec.config.rare.volumes_from.is_empty() {
            spec
        } else {
            by_id = self.with_ids(spec).await?;
            &by_id
        };
        let body = create::body(spec, image_id, api).map_err(|error| EngineError::Refused {
            what: what.clone(),
            message: error.to_string(),
            status: 400,
        })?;
        let mut path = format!("/containers/create?name={}", escape(&spec.name));
        if let Some(platform) = &spec.config.platform {
            path.push_str(&format!("&platform={}", escape(platform)));
        }
        match self.post_json(&what, &path, body).await {
            Ok((_, body)) => created(&what, &body),
            Err(EngineError::NotFound { message, .. }) if message.contains("No such image") => {
                Err(EngineError::NoImage {
                    image: spec.config.image.to_string(),
                    message,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the specification with the containers whose mounts it takes over by their ids: a name would mean another container once
    /// that one is replaced, and nobody could see it.
    async fn with_ids(&self, spec: &ContainerSpec) -> Result<ContainerSpec, EngineError> {
        let mut spec = spec.clone();
        for entry in &mut spec.config.rare.volumes_from {
            let (name, mode) = entry.split_at(entry.find(':').unwrap_or(entry.len()));
            let container = ContainerRef::Name(name.to_owned());
            // Of one that is not there the engine tells.
            if let Some(found) = self.look_at_container(&container).await? {
                *entry = format!("{}{mode}", found.id.as_str());
            }
        }
        Ok(spec)
    }

    async fn image_id(
        &self,
        config: &crate::model::ContainerConfig,
    ) -> Result<Option<ImageId>, EngineError> {
        match self.look_at_image(&config.image).await? {
            Some(image) => Ok(Some(image.id)),
            None => Err(EngineError::NoImage {
                image: config.image.to_string(),
                message: "no such image".to_owned(),
            }),
        }
    }

    async fn start(&self, container: &ContainerRef) -> Result<Performed, EngineError> {
        let what = format!("start of container {container}");
        let path = format!("/containers/{}/start", escape(key(container)));
        self.post(&what, &path, CALL_TIMEOUT).await
    }

    async fn stop(
        &self,
        container: &ContainerRef,
        grace: Option<Duration>,
    ) -> Result<Performed, EngineError> {
        let what = format!("stop of container {container}");
        let limit = self.stop_limit(container, grace).await?;
        let path = with_grace(container, "stop", grace);
        match self.post(&what, &path, limit).await {
            // What is gone does not run.
            Err(EngineError::NotFound { .. }) => Ok(Performed::WasSo),
            other => other,
        }
    }

    async fn restart(
        &self,
        container: &ContainerRef,
        grace: Option<Duration>,
    ) -> Result<Performed, EngineError> {
        let what = format!("restart of container {container}");
        let limit = self.stop_limit(container, grace).await?;
        let path = with_grace(container, "restart", grace);
        self.post(&what, &path, limit).await
    }

    /// Returns how long a stop may take until it counts as lost: the engine answers only when the process has ended.
    async fn stop_limit(
        &self,
        container: &ContainerRef,
        grace: Option<Duration>,
    ) -> Result<Duration, EngineError> {
        if let Some(grace) = grace {
            return Ok(CALL_TIMEOUT + grace);
        }
        let found = self.look_at_container(container).await?;
        let own = found.and_then(|found| found.config.stop_timeout_s);
        let own = own.and_then(|seconds| u64::try_from(seconds).ok());
        Ok(CALL_TIMEOUT + own.map_or(DEFAULT_GRACE, Duration::from_secs))
    }

    async fn unpause(&self, container: &ContainerRef) -> Result<Performed, EngineError> {
        let what = format!("unpause of container {container}");
        let path = format!("/containers/{}/unpause", escape(key(container)));
        let result = self.post(&what, &path, CALL_TIMEOUT).await;
        self.unless(container, result, |found| {
            found.state.status == ContainerStatus::Running
        })
        .await
    }

    async fn signal(
        &self,
        container: &ContainerRef,
        signal: &str,
    ) -> Result<Performed, EngineError> {
        let what = format!("signal {signal} to container {container}");
        let path = format!(
            "/containers/{}/kill?signal={}",
            escape(key(container)),
            escape(signal)
        );
        self.post(&what, &path, CALL_TIMEOUT).await
    }

    async fn rename(&self, container: &ContainerRef, to: &str) -> Result<Performed, EngineError> {
        let what = format!("rename of container {container} to {to}");
        let path = format!(
            "/containers/{}/rename?name={}",
            escape(key(container)),
            escape(to)
        );
        let result = self.post(&what, &path, CALL_TIMEOUT).await;
        self.unless(container, result, |found| found.name == to)
            .await
    }

    /// Takes a refusal for done if the container is as wanted. Errors that leave the outcome open stay errors: finding out is not for here.
    pub(super) async fn unless(
        &self,
        container: &ContainerRef,
        result: Result<Performed, EngineError>,
        is_so: impl Fn(&ObservedContainer) -> bool,
    ) -> Result<Performed, EngineError> {
        match result {
            Err(
                error @ (EngineError::Conflict { .. }
                | EngineError::Refused { .. }
                | EngineError::Failed { .. }),
            ) => match self.look_at_container(container).await {
                Ok(Some(found)) if is_so(&found) => Ok(Performed::WasSo),
                Ok(_) | Err(_) => Err(error),
            },
            other => other,
        }
    }

    async fn update(
        &self,
        container: &ContainerRef,
        limits: &Limits<Resolved>,
        restart: Restart,
    ) -> Result<Performed, EngineError> {
        let what = format!("update of container {container}");
        let path = format!("/containers/{}/update", escape(key(container)));
        let body = update_body(limits, restart).map_err(|error| EngineError::Refused {
            what: what.clone(),
            message: error.to_string(),
            status: 400,
        })?;
        self.post_json(&what, &path, body).await?;
        Ok(Performed::Done)
    }

    async fn remove(
        &self,
        container: &ContainerRef,
        force: bool,
        anonymous_volumes: bool,
    ) -> Result<Performed, EngineError> {
        let what = format!("removal of container {container}");
        let path = format!(
            "/containers/{}?force={force}&v={anonymous_volumes}",
            escape(key(container))
        );
        let limit = CALL_TIMEOUT + DEFAULT_GRACE;
        match self
            .call(&what, limit, Method::DELETE, &path, Bytes::new())
            .await
        {
            Ok(_) => Ok(Performed::Done),
            Err(EngineError::NotFound { .. }) => Ok(Performed::WasSo),
            Err(error @ EngineError::Conflict { .. }) => {
                match self.wait_for_removal(container).await? {
                    true => Ok(Performed::WasSo),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Waits while somebody else's removal goes on; returns whether the container is gone.
    async fn wait_for_removal(&self, container: &ContainerRef) -> Result<bool, EngineError> {
        let polls = CALL_TIMEOUT.as_millis() / REMOVAL_POLL.as_millis();
        for _ in 0..polls {
            match self.look_at_container(container).await? {
                None => return Ok(true),
                Some(found) if found.state.status == ContainerStatus::Removing => {
                    tokio::time::sleep(REMOVAL_POLL).await;
                }
                Some(_) => return Ok(false),
            }
        }
        Ok(false)
    }

    async fn fix_socket(&self, fix: &SocketFix) -> Result<Performed, EngineError> {
        if self.known().await?.is_local {
            return sockets::fix_socket(fix);
        }
        Err(EngineError::Socket {
            path: fix.path.display().to_string(),
            message: "the engine runs on another machine".to_owned(),
            command: None,
        })
    }

    /// Posts without a body; 304 says that it was so already.
    pub(super) async fn post(
        &self,
        what: &str,
        path: &str,
        limit: Duration,
    ) -> Result<Performed, EngineError> {
        let (status, _) = self
            .call(what, limit, Method::POST, path, Bytes::new())
            .await?;
        Ok(match status {
            304 => Performed::WasSo,
            _ => Performed::Done,
        })
    }

    pub(super) async fn post_json(
        &self,
        what: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Bytes), EngineError> {
        self.call(what, CALL_TIMEOUT, Method::POST, path, body.into())
            .await
    }
}

/// Returns the container's name if the engine could take it for the beginning of another container's id, once nobody has it.
fn ambiguous_name(action: &Action) -> Option<&ContainerRef> {
    let is_like_an_id = |container: &&ContainerRef| match container {
        ContainerRef::Name(name) => name.chars().all(|c| c.is_ascii_hexdigit()),
        ContainerRef::Id(_) => false,
    };
    action
        .container()
        .filter(|_| action.mutates())
        .filter(is_like_an_id)
}

/// Says what an action on a container that is not there comes to.
fn gone(action: &Action, container: &ContainerRef) -> Result<Performed, EngineError> {
    match action {
        Action::StopContainer { .. }
        | Action::RemoveContainer { .. }
        | Action::DisconnectNetwork { .. } => Ok(Performed::WasSo),
        Action::PullImage { .. }
        | Action::BuildImage(_)
        | Action::TagImage { .. }
        | Action::CreateNetwork(_)
        | Action::RemoveNetwork { .. }
        | Action::CreateVolume(_)
        | Action::RemoveVolume { .. }
        | Action::CreateContainer(_)
        | Action::CopyFiles { .. }
        | Action::ConnectNetwork { .. }
        | Action::StartContainer { .. }
        | Action::RestartContainer { .. }
        | Action::UnpauseContainer { .. }
        | Action::SignalContainer { .. }
        | Action::RunCommand(_)
        | Action::RenameContainer { .. }
        | Action::UpdateContainer { .. }
        | Action::Await { .. }
        | Action::FixSocket(_) => Err(EngineError::NotFound {
            what: format!("container {container}"),
            message: format!("{} found no container of this name", action.name()),
        }),
    }
}

/// Returns the path of `stop` or `restart` of a container.
fn with_grace(container: &ContainerRef, verb: &str, grace: Option<Duration>) -> String {
    let query = grace_query(grace);
    format!("/containers/{}/{verb}{query}", escape(key(container)))
}

fn grace_query(grace: Option<Duration>) -> String {
    // Whole seconds are all that the engine takes; upwards, so that half a second is not none.
    let seconds = |grace: Duration| grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    grace.map_or_else(String::new, |grace| format!("?t={}", seconds(grace)))
}

fn created(what: &str, body: &[u8]) -> Result<Performed, EngineError> {
    let id = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| Some(value.get("Id")?.as_str()?.to_owned()))
        .and_then(|id| ContainerId::new(id).ok());
    id.map(Performed::Created)
        .ok_or_else(|| EngineError::Failed {
            what: what.to_owned(),
            message: "its answer has no id".to_owned(),
            status: 201,
        })
}

/// Returns the body of an update: only what the engine can change. A limit that is absent stays as it is, since the engine
/// takes 0 for "unchanged", except for `pids`.
fn update_body(limits: &Limits<Resolved>, restart: Restart) -> Result<Vec<u8>, serde_json::Error> {
    let memory = limits.memory.map(|size| size.0);
    let body = bollard::models::ContainerUpdateBody {
        nano_cpus: limits.cpus.map(|cpus| cpus.0),
        cpu_shares: limits.cpu_shares,
        cpu_quota: limits.cpu_quota,
        cpu_period: limits.cpu_period,
        cpuset_cpus: limits.cpuset.clone(),
        memory,
        memory_reservation: limits.memory_reservation.map(|size| size.0),
        // Memory cannot rise above the old sum of memory and swap, so that both go together; twice is what a creation gives.
        memory_swap: limits
            .memory_swap
            .map(|size| size.0)
            .or(memory.map(|size| size.saturating_mul(2))),
        pids_limit: Some(limits.pids.unwrap_or(0)),
        restart_policy: Some(create::restart_policy(restart)),
        ..bollard::models::ContainerUpdateBody::default()
    };
    serde_json::to_vec(&body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes as Size;

    #[test]
    fn memory_is_raised_together_with_its_swap() {
        let limits = Limits {
            memory: Some(Size(64)),
            ..Limits::default()
        };
        let body = update_body(&limits, Restart::OnFailure(Some(3))).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["Memory"], &body["MemorySwap"]),
            (&64.into(), &128.into())
        );
        assert_eq!(body["PidsLimit"], 0);
        assert_eq!(body["RestartPolicy"]["MaximumRetryCount"], 3);
        assert!(body["NanoCpus"].is_null());
    }

    #[test]
    fn grace_is_rounded_up_to_whole_seconds() {
        for (grace, query) in [
            (None, ""),
            (Some(Duration::ZERO), "?t=0"),
            (Some(Duration::from_millis(500)), "?t=1"),
            (Some(Duration::from_secs(60)), "?t=60"),
        ] {
            assert_eq!(grace_query(grace), query);
        }
    }
}
