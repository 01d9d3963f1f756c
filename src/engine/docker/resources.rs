//! Networks, volumes and files: what containers hang on.

use std::collections::BTreeMap;

use bollard::models::{
    Ipam, IpamConfig, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest,
    VolumeCreateRequest,
};
use bollard::query_parameters::RemoveVolumeOptions;
use bytes::Bytes;
use hyper::Method;
use jiff::Timestamp;

use crate::engine::{CALL_TIMEOUT, EngineError, Performed};
use crate::model::{EndpointSpec, FileSpec, NetworkId, NetworkSpec, VolumeSpec};
use crate::plan::ContainerRef;

use super::DockerEngine;
use super::{create, escape, key};

impl DockerEngine {
    pub(super) async fn create_network(
        &self,
        spec: &NetworkSpec,
    ) -> Result<Performed, EngineError> {
        let what = format!("network {}", spec.name);
        let body = network_body(spec).map_err(|error| EngineError::Refused {
            what: what.clone(),
            message: error.to_string(),
            status: 400,
        })?;
        self.post_json(&what, "/networks/create", body).await?;
        Ok(Performed::Done)
    }

    pub(super) async fn remove_network(
        &self,
        id: &NetworkId,
        name: &str,
    ) -> Result<Performed, EngineError> {
        let what = format!("removal of network {name}");
        let call = self.client().await?.remove_network(id.as_str());
        match self.within(&what, CALL_TIMEOUT, call).await {
            Ok(()) => Ok(Performed::Done),
            Err(EngineError::NotFound { .. }) => Ok(Performed::WasSo),
            // The engine says 403 where containers are still attached.
            Err(EngineError::Refused {
                what,
                message,
                status: 403,
            }) => Err(EngineError::Conflict { what, message }),
            Err(error) => Err(error),
        }
    }

    /// Makes a volume. The engine would hand out an existing one in silence, whosoever it is, so that is looked at before.
    pub(super) async fn create_volume(&self, spec: &VolumeSpec) -> Result<Performed, EngineError> {
        let what = format!("volume {}", spec.name);
        let look = self.client().await?.inspect_volume(&spec.name);
        match self.within(&what, CALL_TIMEOUT, look).await {
            Err(EngineError::NotFound { .. }) => {}
            Err(error) => return Err(error),
            Ok(found) => {
                let labels: BTreeMap<String, String> = found.labels.into_iter().collect();
                let is_it = spec
                    .labels
                    .iter()
                    .all(|(key, value)| labels.get(key) == Some(value));
                return match is_it {
                    true => Ok(Performed::WasSo),
                    false => Err(EngineError::Conflict {
                        what,
                        message: "a volume of this name with other labels is there".to_owned(),
                    }),
                };
            }
        }
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            driver: Some(spec.driver.clone()),
            driver_opts: Some(spec.options.clone().into_iter().collect()),
            labels: Some(spec.labels.clone().into_iter().collect()),
            cluster_volume_spec: None,
        };
        let call = self.docker.create_volume(request);
        self.within(&what, CALL_TIMEOUT, call).await?;
        Ok(Performed::Done)
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result<Performed, EngineError> {
        let what = format!("removal of volume {name}");
        let call = self
            .client()
            .await?
            .remove_volume(name, None::<RemoveVolumeOptions>);
        match self.within(&what, CALL_TIMEOUT, call).await {
            Ok(()) => Ok(Performed::Done),
            Err(EngineError::NotFound { .. }) => Ok(Performed::WasSo),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn connect_network(
        &self,
        container: &ContainerRef,
        network: &str,
        endpoint: &EndpointSpec,
    ) -> Result<Performed, EngineError> {
        let what = format!("connecting container {container} to network {network}");
        let api = self.known().await?.api;
        let request = NetworkConnectRequest {
            container: key(container).to_owned(),
            endpoint_config: Some(create::endpoint(endpoint, api)),
        };
        let call = self.docker.connect_network(network, request);
        let result = self.within(&what, CALL_TIMEOUT, call).await;
        self.unless(container, result.map(|()| Performed::Done), |found| {
            found.network_ids.contains_key(network)
        })
        .await
    }

    pub(super) async fn disconnect_network(
        &self,
        container: &ContainerRef,
        network: &str,
    ) -> Result<Performed, EngineError> {
        let what = format!("disconnecting container {container} from network {network}");
        let request = NetworkDisconnectRequest {
            container: key(container).to_owned(),
            force: Some(false),
        };
        let call = self.client().await?.disconnect_network(network, request);
        let result = match self.within(&what, CALL_TIMEOUT, call).await {
            // Where one of the two is gone, nothing is attached.
            Err(EngineError::NotFound { .. }) => return Ok(Performed::WasSo),
            other => other.map(|()| Performed::Done),
        };
        self.unless(container, result, |found| {
            !found.network_ids.contains_key(network)
        })
        .await
    }

    pub(super) async fn copy_files(
        &self,
        container: &ContainerRef,
        files: &[FileSpec],
    ) -> Result<Performed, EngineError> {
        if files.is_empty() {
            return Ok(Performed::WasSo);
        }
        let what = format!("copying files into container {container}");
        let archive = archive(files, Timestamp::now()).map_err(|error| EngineError::Refused {
            what: what.clone(),
            message: error.to_string(),
            status: 400,
        })?;
        // Without copyUIDGID, which maps owners by the image's passwd: the numbers in the archive count.
        let path = format!(
            "/containers/{}/archive?path=%2F&noOverwriteDirNonDir=true",
            escape(key(container))
        );
        self.call(
            &what,
            CALL_TIMEOUT,
            Method::PUT,
            &path,
            Bytes::from(archive),
        )
        .await?;
        Ok(Performed::Done)
    }
}

/// Returns the body as JSON: engines before API 1.44 only refuse a second network of the same name when asked to.
fn network_body(spec: &NetworkSpec) -> Result<Vec<u8>, serde_json::Error> {
    let pools = spec.pools.iter().map(|pool| IpamConfig {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary_addresses: (!pool.aux_addresses.is_empty())
            .then(|| pool.aux_addresses.clone().into_iter().collect()),
    });
    let has_options = !spec.ipam_options.is_empty();
    let has_ipam = spec.ipam_driver.is_some() || !spec.pools.is_empty() || has_options;
    let request = NetworkCreateRequest {
        name: spec.name.clone(),
        driver: Some(spec.driver.clone()).filter(|driver| !driver.is_empty()),
        internal: Some(spec.internal),
        attachable: Some(spec.attachable),
        ipam: has_ipam.then(|| Ipam {
            driver: spec.ipam_driver.clone(),
            config: Some(pools.collect()),
            options: has_options.then(|| spec.ipam_options.clone().into_iter().collect()),
        }),
        enable_ipv4: spec.enable_ipv4,
        enable_ipv6: spec.enable_ipv6,
        options: Some(spec.options.clone().into_iter().collect()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        ..NetworkCreateRequest::default()
    };
    let mut value = serde_json::to_value(request)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("CheckDuplicate".to_owned(), true.into());
    }
    serde_json::to_vec(&value)
}

/// Returns the files as a tar archive for `/`. Folders are left out, so that those in the container keep owner and mode; the engine
/// makes what is missing.
fn archive(files: &[FileSpec], now: Timestamp) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let content = file.content.expose().as_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid.into());
        header.set_gid(file.gid.into());
        header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
        let path = file.target.trim_start_matches('/');
        builder.append_data(&mut header, path, content)?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SecretText;

    #[test]
    fn archives_hold_files_only_with_owner_mode_and_content() {
        let long = format!("/run/{}/secret", "x".repeat(150));
        let files =
            [("/etc/app.conf", 0o440), (long.as_str(), 0o400)].map(|(target, mode)| FileSpec {
                target: target.to_owned(),
                content: SecretText::new("hello"),
                uid: 33,
                gid: 44,
                mode,
            });
        let bytes = archive(&files, Timestamp::UNIX_EPOCH).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut seen = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (33, 44));
            assert_eq!(text, "hello");
            let path = entry.path().unwrap().display().to_string();
            seen.push((format!("/{path}"), entry.header().mode().unwrap()));
        }
        let expected = files.map(|file| (file.target, file.mode));
        assert_eq!(seen, expected);
    }

    #[test]
    fn second_networks_of_a_name_are_refused() {
        let spec = NetworkSpec {
            name: "p_default".to_owned(),
            driver: String::new(),
            options: BTreeMap::new(),
            internal: false,
            attachable: false,
            enable_ipv4: None,
            enable_ipv6: None,
            labels: BTreeMap::new(),
            ipam_driver: None,
            ipam_options: BTreeMap::new(),
            pools: Vec::new(),
        };
        let body: serde_json::Value =
            serde_json::from_slice(&network_body(&spec).unwrap()).unwrap();
        assert_eq!(body["CheckDuplicate"], true);
        assert!(body["IPAM"].is_null());
        assert!(body["Driver"].is_null());
    }
}
