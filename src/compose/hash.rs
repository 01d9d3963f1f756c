//! Compose's config-hash: the SHA-256 of a definition's compact JSON as compose-go writes it.
//!
//! The rules were checked against the labels that `docker compose create` of 2.40.3 and 5.6.1 wrote for the same rendered file; both
//! generations differ in bind mounts alone.

mod attribute;
mod json;
mod service;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::{IpamPool, NetworkName, Resolved, Service, ServiceName, Stack, VolumeName};

use super::{Host, network_name, volume_name};
use json::GoMap;

/// Which rules of hashing count: they changed with Compose 5.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComposeGeneration {
    /// 2.40 and older.
    V2,
    /// 5.0 and newer.
    #[default]
    V5,
}

impl ComposeGeneration {
    /// Returns the version that is written into labels.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2 => "2.40.3",
            Self::V5 => "5.6.1",
        }
    }
}

/// Returns Compose's hash of a service, as it computes it from the rendered file on this host.
pub fn service_hash(
    stack: &Stack<Resolved>,
    _name: &ServiceName,
    service: &Service<Resolved>,
    host: &Host<'_>,
) -> String {
    digest(&service::definition(stack, service, host))
}

/// Returns Compose's hash of a network.
pub fn network_hash(
    stack: &Stack<Resolved>,
    network: &NetworkName,
    compose: ComposeGeneration,
) -> String {
    let definition = stack.networks().get(network).cloned().unwrap_or_default();
    let mut map = GoMap::default();
    map.put("name", network_name(stack, network));
    map.text("driver", definition.driver.as_ref());
    map.texts("driver_opts", &definition.driver_opts);
    let mut ipam = GoMap::default();
    ipam.text("driver", definition.ipam.driver.as_ref());
    ipam.list("config", definition.ipam.config.iter().map(pool));
    if compose == ComposeGeneration::V5 {
        // 2.40 reads them and leaves them out.
        ipam.attribute("options", &definition.ipam.more);
    }
    map.put("ipam", ipam.finish());
    map.flag("external", definition.external);
    map.flag("internal", definition.internal);
    map.flag("attachable", definition.attachable);
    map.texts("labels", &definition.labels);
    map.attribute("enable_ipv4", &definition.more);
    map.put_some("enable_ipv6", definition.enable_ipv6.map(Value::Bool));
    digest(&map.finish())
}

fn pool(pool: &IpamPool<Resolved>) -> Value {
    let mut map = GoMap::default();
    map.text("subnet", pool.subnet.as_ref());
    map.text("gateway", pool.gateway.as_ref());
    map.text("ip_range", pool.ip_range.as_ref());
    map.attribute("aux_addresses", &pool.more);
    map.finish()
}

/// Returns Compose's hash of a volume.
pub fn volume_hash(stack: &Stack<Resolved>, volume: &VolumeName) -> String {
    let definition = stack.volumes().get(volume).cloned().unwrap_or_default();
    let mut map = GoMap::default();
    map.put("name", volume_name(stack, volume));
    map.put(
        "driver",
        json!(definition.driver.as_deref().unwrap_or("local")),
    );
    map.texts("driver_opts", &definition.driver_opts);
    map.flag("external", definition.external);
    map.texts("labels", &definition.labels);
    digest(&map.finish())
}

fn digest(definition: &Value) -> String {
    hex(&Sha256::digest(json::text(definition)))
}

/// Returns the beginning of a digest, enough to tell two texts apart where they are shown.
pub fn short_digest(bytes: &[u8]) -> String {
    let mut digest = hex(&Sha256::digest(bytes));
    digest.truncate(12);
    digest
}

/// Writes bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
