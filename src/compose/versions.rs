//! What only newer engines know. An older one drops most of it in silence, so that it is refused before anything is changed.

use crate::model::{
    ContainerConfig, EndpointSpec, MountSpec, MountSpecSource, NetworkSpec, Recursive,
};

use super::network::INTERFACE_NAME_OPTION;
use super::rare::CDI;

/// The first version that takes all networks of a container at its creation, and MAC addresses by network.
pub const MANY_NETWORKS: (u32, u32) = (1, 44);

const ANNOTATIONS: (u32, u32) = (1, 43);
const START_INTERVAL: (u32, u32) = (1, 44);
const RECURSIVE_READ_ONLY: (u32, u32) = (1, 44);
const DEVICES_BY_NAME: (u32, u32) = (1, 44);
const SUBPATH: (u32, u32) = (1, 45);
const IMAGE_MOUNT: (u32, u32) = (1, 48);
const GATEWAY_PRIORITY: (u32, u32) = (1, 48);
const NO_IPV4: (u32, u32) = (1, 48);
const INTERFACE_NAME: (u32, u32) = (1, 49);

/// Something that an engine is too old for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooNew {
    /// The attribute with its path below the service or network, such as `healthcheck.start_interval`.
    pub attribute: String,
    /// The API version that brought it.
    pub needs: (u32, u32),
}

/// Returns what a container asks for that an engine of this API version does not know.
pub fn newer_than(config: &ContainerConfig, api: (u32, u32)) -> Vec<TooNew> {
    let mut wishes = Wishes {
        api,
        found: Vec::new(),
    };
    wishes.add("annotations", ANNOTATIONS, !config.annotations.is_empty());
    let health = config.health.as_ref();
    let has_start_interval = health.is_some_and(|health| health.start_interval.is_some());
    wishes.add(
        "healthcheck.start_interval",
        START_INTERVAL,
        has_start_interval,
    );
    let mut requests = config.rare.device_requests.iter();
    let has_device_names = requests.any(|request| request.driver == CDI);
    wishes.add("devices (by a CDI name)", DEVICES_BY_NAME, has_device_names);
    for mount in &config.mounts {
        add_mount(&mut wishes, mount);
    }
    let main = config.main_network();
    for (network, endpoint) in &config.endpoints {
        add_endpoint(&mut wishes, network, endpoint, main == Some(network));
    }
    wishes.found
}

/// Returns what a network asks for that an engine of this API version does not know.
pub fn network_newer_than(spec: &NetworkSpec, api: (u32, u32)) -> Vec<TooNew> {
    let mut wishes = Wishes {
        api,
        found: Vec::new(),
    };
    wishes.add("enable_ipv4", NO_IPV4, spec.enable_ipv4 == Some(false));
    wishes.found
}

struct Wishes {
    api: (u32, u32),
    found: Vec<TooNew>,
}

impl Wishes {
    fn add(&mut self, attribute: impl Into<String>, needs: (u32, u32), is_wished: bool) {
        if is_wished && self.api < needs {
            let attribute = attribute.into();
            self.found.push(TooNew { attribute, needs });
        }
    }
}

fn add_mount(wishes: &mut Wishes, mount: &MountSpec) {
    match &mount.source {
        MountSpecSource::Volume { subpath, .. } => {
            let attribute = format!("volumes.{}.volume.subpath", mount.target);
            wishes.add(attribute, SUBPATH, subpath.is_some());
        }
        MountSpecSource::Bind { recursive, .. } => {
            let attribute = format!("volumes.{}.bind.recursive", mount.target);
            let is_new = matches!(recursive, Recursive::Writable | Recursive::ReadOnly);
            wishes.add(attribute, RECURSIVE_READ_ONLY, is_new);
        }
        MountSpecSource::Image { .. } => {
            let attribute = format!("volumes.{} (the files of an image)", mount.target);
            wishes.add(attribute, IMAGE_MOUNT, true);
        }
        MountSpecSource::Tmpfs { .. } => {}
    }
}

/// Older engines know one MAC address, that on the main network.
fn add_endpoint(wishes: &mut Wishes, network: &str, endpoint: &EndpointSpec, is_main: bool) {
    let attribute = format!("networks.{network}.mac_address");
    let is_wished = endpoint.mac_address.is_some() && !is_main;
    wishes.add(attribute, MANY_NETWORKS, is_wished);
    let attribute = format!("networks.{network}.gw_priority");
    let is_wished = endpoint.rare.gateway_priority != 0;
    wishes.add(attribute, GATEWAY_PRIORITY, is_wished);
    let attribute = format!("networks.{network}.interface_name");
    let is_wished = endpoint
        .rare
        .driver_opts
        .contains_key(INTERFACE_NAME_OPTION);
    wishes.add(attribute, INTERFACE_NAME, is_wished);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{HealthSpec, ImageReference};

    fn plain() -> ContainerConfig {
        let mut config = ContainerConfig::new(ImageReference::parse("busybox:1.36").unwrap());
        for network in ["back", "front"] {
            config
                .endpoints
                .insert(network.to_owned(), EndpointSpec::default());
        }
        config.main_network = Some("front".to_owned());
        config
    }

    #[test]
    fn what_the_engine_would_drop_in_silence_is_found_with_its_version() {
        let mut annotated = plain();
        annotated.annotations.insert("a".to_owned(), "b".to_owned());
        let mut hasty = plain();
        hasty.health = Some(HealthSpec {
            start_interval: Some(Duration::from_secs(1)),
            ..HealthSpec::default()
        });
        let mut second_mac = plain();
        let mut first_mac = plain();
        let mac = Some("02:42:ac:11:00:0a".to_owned());
        for (config, network) in [(&mut second_mac, "back"), (&mut first_mac, "front")] {
            let endpoint = config.endpoints.get_mut(network).unwrap();
            endpoint.mac_address.clone_from(&mac);
        }
        let mut part = plain();
        part.mounts.push(MountSpec {
            target: "/m".to_owned(),
            source: MountSpecSource::Volume {
                name: Some("v".to_owned()),
                nocopy: false,
                subpath: Some("s".to_owned()),
                labels: std::collections::BTreeMap::new(),
            },
            read_only: false,
        });
        for (config, attribute, needs) in [
            (annotated, "annotations", (1, 43)),
            (hasty, "healthcheck.start_interval", (1, 44)),
            (second_mac, "networks.back.mac_address", (1, 44)),
            (part, "volumes./m.volume.subpath", (1, 45)),
        ] {
            let attribute = attribute.to_owned();
            assert_eq!(newer_than(&config, (1, 41)), [TooNew { attribute, needs }]);
            assert_eq!(newer_than(&config, needs), []);
        }
        for config in [plain(), first_mac] {
            assert_eq!(newer_than(&config, (1, 41)), []);
        }
    }
}
