//! Networks and volumes: their keys, and what was asked of the engine about them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;

use super::container::{Source, plain_labels, text_table};
use super::mounts::{below, secret_files};
use super::value::{list, put, put_flag, put_table, table, text};
use crate::compose::import::item::{Item, Table};
use crate::compose::{Ownership, labels, object_ownership};
use crate::model::{
    IpamPoolSpec, MountSpecSource, Observed, ObservedNetwork, ObservedVolume, ProjectName,
    looks_anonymous,
};

/// The keys of everything that is not a service.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Keys of networks by their names at the engine.
    networks: BTreeMap<String, String>,
    /// Keys of volumes by their names at the engine.
    volumes: BTreeMap<String, String>,
    /// Files of secrets by their keys.
    pub(super) secrets: BTreeMap<String, String>,
    /// Volumes of the project that no container mounts.
    idle: BTreeSet<String>,
}

impl Objects {
    /// Finds what the services use, and every volume of the project.
    pub(super) fn gather(
        project: &ProjectName,
        observed: &Observed,
        sources: &[Source<'_>],
    ) -> Self {
        let mut objects = Self {
            secrets: secret_files(sources),
            ..Self::default()
        };
        let endpoints = sources
            .iter()
            .flat_map(|source| source.container.config.endpoints.keys());
        let own = observed.networks.iter().filter_map(|network| {
            let key = key_of(project, &network.labels, labels::NETWORK)?;
            Some((network.name.clone(), key))
        });
        objects.networks = keyed(own.collect(), endpoints);
        let mounted: BTreeSet<&String> = sources
            .iter()
            .flat_map(|source| &source.container.config.mounts)
            .filter_map(|mount| match &mount.source {
                MountSpecSource::Volume { name, .. } => name.as_ref(),
                MountSpecSource::Bind { .. }
                | MountSpecSource::Image { .. }
                | MountSpecSource::Tmpfs { .. } => None,
            })
            .filter(|name| !looks_anonymous(name))
            .collect();
        let own: BTreeMap<String, String> = observed
            .volumes
            .iter()
            .filter_map(|volume| {
                let key = key_of(project, &volume.labels, labels::VOLUME)?;
                Some((volume.name.clone(), key))
            })
            .collect();
        let idle = own.keys().filter(|name| !mounted.contains(name)).cloned();
        objects.idle = idle.collect();
        let all = mounted.into_iter().chain(&objects.idle);
        objects.volumes = keyed(own, all);
        objects
    }

    /// Returns the key of a network that a service is attached to.
    pub(super) fn network<'a>(&'a self, name: &'a str) -> &'a str {
        self.networks.get(name).map_or(name, String::as_str)
    }

    /// Returns the key of a volume that a service mounts.
    pub(super) fn volume<'a>(&'a self, name: &'a str) -> &'a str {
        self.volumes.get(name).map_or(name, String::as_str)
    }

    /// Writes the networks that services use; `fixed` are the names of those in which a container has an address of its own.
    pub(super) fn network_tables(
        &self,
        project: &ProjectName,
        observed: &Observed,
        fixed: &BTreeSet<&String>,
    ) -> Table {
        let mut tables = Table::new();
        for (name, key) in &self.networks {
            let mut found = observed.networks.iter().filter(|it| it.name == *name);
            let own = found.find(|it| object_ownership(&it.labels, project) == Ownership::Ours);
            let entries = match own {
                Some(network) => network_table(project, key, network, fixed.contains(name)),
                None => external(key, name),
            };
            if key != "default" || !entries.is_empty() {
                tables.insert(key.clone(), table(entries));
            }
        }
        tables.sort_keys();
        tables
    }

    /// Writes the volumes.
    pub(super) fn volume_tables(&self, project: &ProjectName, observed: &Observed) -> Table {
        let mut tables = Table::new();
        for (name, key) in &self.volumes {
            let own = observed.volumes.iter().find(|it| {
                it.name == *name && object_ownership(&it.labels, project) == Ownership::Ours
            });
            let entries = match own {
                Some(volume) => volume_table(project, key, volume),
                None => external(key, name),
            };
            let mut item = table(entries);
            if self.idle.contains(name) {
                item.comment = Some("no container mounts it".into());
            }
            tables.insert(key.clone(), item);
        }
        tables.sort_keys();
        tables
    }

    /// Writes the secrets.
    pub(super) fn secret_tables(&self, folder: &Path) -> Table {
        let file = |path: &String| {
            let file = Some(text(&below(path, folder)));
            let mut entries = Table::new();
            put(&mut entries, "file", file);
            table(entries)
        };
        let entries = self.secrets.iter();
        entries
            .map(|(key, path)| (key.clone(), file(path)))
            .collect()
    }
}

/// Returns the key of a network or volume that is the project's.
fn key_of(project: &ProjectName, own: &BTreeMap<String, String>, label: &str) -> Option<String> {
    let is_ours = object_ownership(own, project) == Ownership::Ours;
    own.get(label).filter(|_| is_ours).cloned()
}

/// Gives every name that is used a key: its own, else the name, as an external object has it.
fn keyed<'n>(
    own: BTreeMap<String, String>,
    used: impl Iterator<Item = &'n String>,
) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    let taken: BTreeSet<&String> = own.values().collect();
    for name in used {
        let key = own.get(name).cloned().unwrap_or_else(|| {
            let mut key = name.clone();
            while taken.contains(&key) {
                key = format!("external-{key}");
            }
            key
        });
        keys.insert(name.clone(), key);
    }
    keys
}

fn external(key: &str, name: &str) -> Table {
    let mut entries = Table::new();
    put_flag(&mut entries, "external", true);
    put(&mut entries, "name", (key != name).then(|| text(name)));
    entries
}

/// Returns the name of an object, unless it is the one that Compose gives.
fn own_name(project: &ProjectName, key: &str, name: &str) -> Option<Item> {
    (name != format!("{project}_{key}")).then(|| text(name))
}

fn network_table(
    project: &ProjectName,
    key: &str,
    network: &ObservedNetwork,
    has_fixed_addresses: bool,
) -> Table {
    let mut entries = Table::new();
    put(&mut entries, "name", own_name(project, key, &network.name));
    let driver = Some(network.driver.as_str()).filter(|it| !matches!(*it, "" | "bridge"));
    put(&mut entries, "driver", driver.map(text));
    put_table(&mut entries, "driver_opts", text_table(&network.options));
    put_flag(&mut entries, "internal", network.internal);
    put_flag(&mut entries, "attachable", network.attachable);
    put_flag(&mut entries, "enable_ipv6", network.enable_ipv6);
    let is_chosen = network.pools.iter().all(is_chosen_by_engine);
    if has_fixed_addresses || !is_chosen {
        let pools = network.pools.iter().map(pool).collect();
        let config = ("config".to_owned(), list(pools));
        put_table(&mut entries, "ipam", [config].into_iter().collect());
    }
    put_table(&mut entries, "labels", own_labels(&network.labels));
    entries
}

fn volume_table(project: &ProjectName, key: &str, volume: &ObservedVolume) -> Table {
    let mut entries = Table::new();
    put(&mut entries, "name", own_name(project, key, &volume.name));
    let driver = Some(volume.driver.as_str()).filter(|it| !matches!(*it, "" | "local"));
    put(&mut entries, "driver", driver.map(text));
    put_table(&mut entries, "driver_opts", text_table(&volume.options));
    put_table(&mut entries, "labels", own_labels(&volume.labels));
    entries
}

fn own_labels(all: &BTreeMap<String, String>) -> Table {
    plain_labels(all)
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

fn pool(pool: &IpamPoolSpec) -> Item {
    let mut entries = Table::new();
    put(&mut entries, "subnet", pool.subnet.as_deref().map(text));
    put(&mut entries, "ip_range", pool.ip_range.as_deref().map(text));
    put(&mut entries, "gateway", pool.gateway.as_deref().map(text));
    table(entries)
}

/// Returns whether an address range looks like one that the engine chose: it lies in Docker's own pools, and the gateway, which
/// nobody has to say, is its first address.
fn is_chosen_by_engine(pool: &IpamPoolSpec) -> bool {
    let subnet = pool.subnet.as_deref().unwrap_or_default();
    let Some((address, bits)) = subnet.split_once('/') else {
        return true;
    };
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        // IPv6 is never given unasked by engines that let one ask for it.
        return false;
    };
    let in_pools = match (address.octets(), bits) {
        ([172, second, 0, 0], "16") => (17..32).contains(&second),
        ([192, 168, third, 0], "20") => third % 16 == 0,
        _ => false,
    };
    let first = Ipv4Addr::from_bits(address.to_bits() + 1).to_string();
    in_pools && pool.ip_range.is_none() && pool.gateway.as_deref() == Some(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_engine_are_told_from_those_of_people() {
        let chosen = |subnet: &str, gateway: Option<&str>| {
            is_chosen_by_engine(&IpamPoolSpec {
                subnet: Some(subnet.to_owned()),
                ip_range: None,
                gateway: gateway.map(str::to_owned),
                ..IpamPoolSpec::default()
            })
        };
        assert!(chosen("172.18.0.0/16", Some("172.18.0.1")));
        assert!(chosen("192.168.32.0/20", Some("192.168.32.1")));
        assert!(!chosen("172.18.0.0/16", None));
        assert!(!chosen("172.18.0.0/16", Some("172.18.0.254")));
        assert!(!chosen("172.18.0.0/24", Some("172.18.0.1")));
        assert!(!chosen("10.1.0.0/16", Some("10.1.0.1")));
        assert!(!chosen("fd00::/64", Some("fd00::1")));
    }
}
