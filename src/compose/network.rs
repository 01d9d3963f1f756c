//! How a container is attached to networks.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::model::{
    Attachment, ContainerConfig, Endpoint, EndpointSpec, NetworkName, RareEndpoint, Resolved, Stack,
};

use super::rare::{number_of, text, text_map, texts};
use super::{container_name, network_name};

/// The driver's option that names the interface inside, as Compose writes it.
pub(super) const INTERFACE_NAME_OPTION: &str = "com.docker.network.endpoint.ifname";

/// The network of services that name none.
pub(super) fn default_network() -> NetworkName {
    NetworkName::new("default").expect("`default` follows the rules of a network name")
}

/// Puts network mode and endpoints into `config`. `names` are the aliases that the container has on every network.
pub(super) fn attach(
    config: &mut ContainerConfig,
    stack: &Stack<Resolved>,
    attachment: &Attachment<Resolved>,
    names: &[String],
) {
    match attachment {
        Attachment::Mode(mode) => config.network_mode = Some(namespace(stack, mode)),
        Attachment::Networks(networks) => {
            config.main_network = main_network(networks).map(|key| network_name(stack, key));
            config.endpoints = endpoints(stack, networks, names);
        }
    }
}

fn endpoints(
    stack: &Stack<Resolved>,
    networks: &IndexMap<NetworkName, Endpoint<Resolved>>,
    names: &[String],
) -> BTreeMap<String, EndpointSpec> {
    networks
        .iter()
        .map(|(key, endpoint)| {
            let mut aliases = names.to_vec();
            aliases.extend(endpoint.aliases.iter().cloned());
            let mut driver_opts = text_map(endpoint.more.get("driver_opts"));
            if let Some(name) = text(endpoint.more.get("interface_name")) {
                driver_opts.insert(INTERFACE_NAME_OPTION.to_owned(), name);
            }
            let rare = RareEndpoint {
                link_local_ips: texts(endpoint.more.get("link_local_ips")),
                driver_opts,
                gateway_priority: number_of(endpoint.more.get("gw_priority")).unwrap_or_default(),
                links: BTreeSet::new(),
            };
            let spec = EndpointSpec {
                aliases,
                ipv4_address: endpoint.ipv4_address.clone(),
                ipv6_address: endpoint.ipv6_address.clone(),
                mac_address: endpoint.mac_address.clone(),
                rare: Box::new(rare),
            };
            (network_name(stack, key), spec)
        })
        .collect()
}

/// Returns the network that the container is created on: the highest priority, of equal ones the first by key.
fn main_network(networks: &IndexMap<NetworkName, Endpoint<Resolved>>) -> Option<&NetworkName> {
    networks
        .iter()
        .min_by_key(|(key, endpoint)| (std::cmp::Reverse(endpoint.priority), *key))
        .map(|(key, _)| key)
}

/// Returns a namespace as the engine takes it: `service:X` becomes the first container of X, by name.
pub(super) fn namespace(stack: &Stack<Resolved>, mode: &str) -> String {
    let service = mode
        .strip_prefix("service:")
        .and_then(|name| stack.services().get_key_value(name));
    match service {
        Some((name, _)) => format!("container:{}", container_name(stack, name, 1)),
        None => mode.to_owned(),
    }
}
