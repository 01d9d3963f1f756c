//! Looking at networks, and at who is on them.

use std::collections::{BTreeMap, HashMap};

use bollard::models::Network;
use futures_util::StreamExt;
use futures_util::stream;
use serde::Deserialize;

use crate::engine::{CALL_TIMEOUT, EngineError};
use crate::model::{ContainerId, IpamPoolSpec, NetworkId, ObservedNetwork, Scope, Unknown};

use super::container::{filled, sorted_map};
use super::observe::{is_ours, own_name, unseen};
use super::{DockerEngine, escape};

/// How many networks are inspected, each in less time than a list of containers takes. Of more, one list says who is on them, so that a
/// look takes as many requests however many there are.
const INSPECTED: usize = 2;

/// What a look at the networks says.
#[derive(Default)]
pub(super) struct SeenNetworks {
    pub(super) networks: Vec<ObservedNetwork>,
    pub(super) foreign_subnets: BTreeMap<String, Vec<String>>,
    pub(super) unknown: Vec<Unknown>,
}

/// The containers on a network, with their names.
type Attached = BTreeMap<ContainerId, String>;

impl DockerEngine {
    /// Looks at networks: one list, since labels and names cannot be asked for in one filter, and who is on them, which it does not say.
    pub(super) async fn look_at_networks(
        &self,
        scope: &Scope,
    ) -> Result<SeenNetworks, EngineError> {
        let call = self.client().await?.list_networks(None);
        let all = self.within("list of networks", CALL_TIMEOUT, call).await?;
        let mut seen = SeenNetworks::default();
        for found in all {
            let name = found.name.clone().unwrap_or_default();
            let labels = found.labels.as_ref();
            if labels.is_some_and(|labels| is_ours(labels, scope)) || scope.networks.contains(&name)
            {
                match network(found) {
                    Some(network) => seen.networks.push(network),
                    None => seen.unknown.push(Unknown {
                        what: format!("network {name}"),
                        container_name: None,
                        why: "it has no id".to_owned(),
                    }),
                }
                continue;
            }
            // A swarm's address ranges are apart from those of this machine.
            if found.scope.as_deref().is_some_and(|it| it != "local") {
                continue;
            }
            let pools = found.ipam.and_then(|ipam| ipam.config).into_iter();
            let subnets: Vec<String> = pools.flatten().filter_map(|it| filled(it.subnet)).collect();
            if !subnets.is_empty() {
                seen.foreign_subnets.insert(name, subnets);
            }
        }
        if seen.networks.len() <= INSPECTED {
            self.inspect_networks(&mut seen).await;
        } else {
            self.list_attached(&mut seen).await;
        }
        let by_name =
            |a: &ObservedNetwork, b: &ObservedNetwork| (&a.name, &a.id).cmp(&(&b.name, &b.id));
        seen.networks.sort_by(by_name);
        seen.unknown.sort_by(|a, b| a.what.cmp(&b.what));
        Ok(seen)
    }

    /// Asks each network who is on it. One that is gone by now is left out, one that cannot be seen is said so.
    async fn inspect_networks(&self, seen: &mut SeenNetworks) {
        let mut looks = stream::iter(std::mem::take(&mut seen.networks))
            .map(|network| async move {
                let call = self.docker.inspect_network(network.id.as_str(), None);
                let what = format!("network {}", network.name);
                let result = self.within(&what, CALL_TIMEOUT, call).await;
                (what, network, result)
            })
            .buffer_unordered(INSPECTED);
        while let Some((what, network, result)) = looks.next().await {
            match result {
                Ok(found) => {
                    let attached = found.containers.unwrap_or_default().into_iter();
                    let attached = attached.filter_map(|(id, endpoint)| {
                        let id = ContainerId::new(id).ok()?;
                        let name = filled(endpoint.name);
                        let name = name.unwrap_or_else(|| id.short().to_owned());
                        Some((id, name))
                    });
                    seen.networks.push(ObservedNetwork {
                        containers: attached.collect(),
                        ..network
                    });
                }
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => seen.unknown.push(unseen(&what, &error)),
            }
        }
    }

    /// Asks who is on any of the networks.
    async fn list_attached(&self, seen: &mut SeenNetworks) {
        let ids: Vec<&str> = seen.networks.iter().map(|it| it.id.as_str()).collect();
        let filters = serde_json::json!({ "network": ids }).to_string();
        let path = format!("/containers/json?filters={}", escape(&filters));
        let listed: Result<Vec<OnNetworks>, _> = self.get("list of containers", &path).await;
        match listed {
            Ok(listed) => {
                let mut attached = by_network(listed);
                for network in &mut seen.networks {
                    network.containers = attached.remove(network.id.as_str()).unwrap_or_default();
                }
            }
            Err(error) => {
                let networks = std::mem::take(&mut seen.networks).into_iter();
                let unknown = networks.map(|it| unseen(&format!("network {}", it.name), &error));
                seen.unknown.extend(unknown);
            }
        }
    }
}

/// What a list says of a container's networks.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnNetworks {
    id: String,
    names: Option<Vec<String>>,
    network_settings: Option<Settings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Settings {
    networks: Option<HashMap<String, Endpoint>>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "NetworkID", default)]
    network_id: String,
}

fn by_network(listed: Vec<OnNetworks>) -> HashMap<String, Attached> {
    let mut networks: HashMap<String, Attached> = HashMap::new();
    for container in listed {
        let Ok(id) = ContainerId::new(container.id) else {
            continue;
        };
        let name = own_name(container.names.as_deref().unwrap_or_default()).to_owned();
        let joined = container.network_settings.and_then(|it| it.networks);
        for endpoint in joined.into_iter().flatten().map(|(_, endpoint)| endpoint) {
            let attached = networks.entry(endpoint.network_id).or_default();
            attached.insert(id.clone(), name.clone());
        }
    }
    networks
}

fn network(network: Network) -> Option<ObservedNetwork> {
    let ipam = network.ipam.unwrap_or_default();
    let pools = ipam.config.unwrap_or_default().into_iter();
    Some(ObservedNetwork {
        id: NetworkId::new(network.id.unwrap_or_default()).ok()?,
        name: network.name.unwrap_or_default(),
        driver: network.driver.unwrap_or_default(),
        options: sorted_map(network.options),
        internal: network.internal.unwrap_or_default(),
        attachable: network.attachable.unwrap_or_default(),
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6.unwrap_or_default(),
        labels: sorted_map(network.labels),
        ipam_driver: ipam.driver.unwrap_or_default(),
        ipam_options: sorted_map(ipam.options),
        pools: pools
            .map(|pool| IpamPoolSpec {
                subnet: filled(pool.subnet),
                ip_range: filled(pool.ip_range),
                gateway: filled(pool.gateway),
                aux_addresses: sorted_map(pool.auxiliary_addresses),
            })
            .collect(),
        containers: Attached::new(),
    })
}
