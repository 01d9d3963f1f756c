//! What few containers ask for, both ways.

use std::collections::BTreeMap;

use bollard::models::{
    DeviceRequest as EngineRequest, EndpointSettings, HostConfig, ResourcesBlkioWeightDevice,
    ThrottleDevice,
};

use crate::model::{BlockIo, DeviceRequest, RareConfig, RareEndpoint};

use super::container::{filled, sorted_map};

/// Puts what was asked for into the host's part of a container.
pub(super) fn write(rare: &RareConfig, host: HostConfig) -> HostConfig {
    // Empty lists open the paths; nothing leaves them to the engine.
    let open_paths = rare.has_open_system_paths.then(Vec::new);
    HostConfig {
        cpu_count: rare.cpu_count,
        cpu_percent: rare.cpu_percent,
        cpu_realtime_period: rare.cpu_rt_period,
        cpu_realtime_runtime: rare.cpu_rt_runtime,
        device_cgroup_rules: list(&rare.device_cgroup_rules),
        device_requests: list(&rare.device_requests)
            .map(|all| all.into_iter().map(engine_request).collect()),
        isolation: rare.isolation.as_deref().and_then(|it| it.parse().ok()),
        links: (!rare.links.is_empty()).then(|| rare.links.iter().cloned().collect()),
        volumes_from: list(&rare.volumes_from),
        masked_paths: open_paths.clone(),
        readonly_paths: open_paths,
        ..write_block_io(&rare.block_io, host)
    }
}

/// Reads what was asked for.
pub(super) fn read(host: &HostConfig) -> RareConfig {
    let is_open = |paths: &Option<Vec<String>>| paths.as_ref().is_some_and(Vec::is_empty);
    let requests = host.device_requests.iter().flatten();
    let links = host.links.iter().flatten();
    RareConfig {
        block_io: read_block_io(host),
        cpu_count: positive(host.cpu_count),
        cpu_percent: positive(host.cpu_percent),
        cpu_rt_period: positive(host.cpu_realtime_period),
        cpu_rt_runtime: positive(host.cpu_realtime_runtime),
        device_cgroup_rules: host.device_cgroup_rules.clone().unwrap_or_default(),
        device_requests: requests.map(device_request).collect(),
        isolation: filled(host.isolation.map(|it| it.to_string())),
        links: links.map(|link| plain_link(link)).collect(),
        volumes_from: host.volumes_from.clone().unwrap_or_default(),
        has_open_system_paths: is_open(&host.masked_paths) && is_open(&host.readonly_paths),
    }
}

/// Reads what was asked for of an attachment.
pub(super) fn read_endpoint(endpoint: &EndpointSettings) -> RareEndpoint {
    let fixed = endpoint.ipam_config.clone().unwrap_or_default();
    RareEndpoint {
        link_local_ips: fixed.link_local_ips.unwrap_or_default(),
        driver_opts: sorted_map(endpoint.driver_opts.clone()),
        gateway_priority: endpoint.gw_priority.unwrap_or_default(),
        links: endpoint.links.iter().flatten().cloned().collect(),
    }
}

/// Returns `/container:/self/alias`, as the engine reports a link on its default bridge, as `container:alias`.
pub(super) fn plain_link(link: &str) -> String {
    let (container, alias) = link.split_once(':').unwrap_or((link, link));
    let alias = alias.rsplit('/').next().unwrap_or(alias);
    format!("{}:{alias}", container.trim_start_matches('/'))
}

fn list<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}

fn positive(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number > 0)
}

fn engine_request(request: DeviceRequest) -> EngineRequest {
    EngineRequest {
        driver: Some(request.driver),
        count: Some(request.count),
        device_ids: list(&request.ids),
        capabilities: list(&request.capabilities).map(|all| vec![all]),
        options: (!request.options.is_empty()).then(|| request.options.into_iter().collect()),
    }
}

fn device_request(request: &EngineRequest) -> DeviceRequest {
    let capabilities = request.capabilities.clone().unwrap_or_default();
    DeviceRequest {
        driver: request.driver.clone().unwrap_or_default(),
        count: request.count.unwrap_or_default(),
        ids: request.device_ids.clone().unwrap_or_default(),
        capabilities: capabilities.into_iter().flatten().collect(),
        options: sorted_map(request.options.clone()),
    }
}

fn write_block_io(io: &BlockIo, host: HostConfig) -> HostConfig {
    let weights = io.weight_device.iter();
    let weights = weights.map(|(path, weight)| ResourcesBlkioWeightDevice {
        path: Some(path.clone()),
        weight: Some((*weight).into()),
    });
    HostConfig {
        blkio_weight: io.weight,
        blkio_weight_device: (!io.weight_device.is_empty()).then(|| weights.collect()),
        blkio_device_read_bps: rates(&io.read_bps),
        blkio_device_read_iops: rates(&io.read_iops),
        blkio_device_write_bps: rates(&io.write_bps),
        blkio_device_write_iops: rates(&io.write_iops),
        ..host
    }
}

fn rates(rates: &BTreeMap<String, i64>) -> Option<Vec<ThrottleDevice>> {
    let entries = rates.iter().map(|(path, rate)| ThrottleDevice {
        path: Some(path.clone()),
        rate: Some(*rate),
    });
    (!rates.is_empty()).then(|| entries.collect())
}

fn read_block_io(host: &HostConfig) -> BlockIo {
    let rates = |list: &Option<Vec<ThrottleDevice>>| {
        let entries = list.iter().flatten();
        let entries = entries.filter_map(|it| Some((it.path.clone()?, it.rate?)));
        entries.collect::<BTreeMap<_, _>>()
    };
    let weights = host.blkio_weight_device.iter().flatten();
    let weights = weights.filter_map(|it| {
        let weight = u16::try_from(it.weight?).ok()?;
        Some((it.path.clone()?, weight))
    });
    BlockIo {
        weight: host.blkio_weight.filter(|weight| *weight > 0),
        weight_device: weights.collect(),
        read_bps: rates(&host.blkio_device_read_bps),
        read_iops: rates(&host.blkio_device_read_iops),
        write_bps: rates(&host.blkio_device_write_bps),
        write_iops: rates(&host.blkio_device_write_iops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> RareConfig {
        let rate = |rate| BTreeMap::from([("/dev/sda".to_owned(), rate)]);
        RareConfig {
            block_io: BlockIo {
                weight: Some(300),
                weight_device: BTreeMap::from([("/dev/sda".to_owned(), 400)]),
                read_bps: rate(1),
                read_iops: rate(2),
                write_bps: rate(3),
                write_iops: rate(4),
            },
            cpu_count: Some(2),
            cpu_percent: Some(1200),
            cpu_rt_period: Some(1_000_000),
            cpu_rt_runtime: Some(950_000),
            device_cgroup_rules: vec!["c 1:3 mr".to_owned()],
            device_requests: vec![DeviceRequest {
                driver: "nvidia".to_owned(),
                count: -1,
                ids: Vec::new(),
                capabilities: vec!["compute".to_owned(), "gpu".to_owned()],
                options: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            }],
            isolation: Some("default".to_owned()),
            links: ["db:d".to_owned()].into(),
            volumes_from: vec!["db:ro".to_owned()],
            has_open_system_paths: true,
        }
    }

    #[test]
    fn all_of_it_survives_the_way_to_the_engine_and_back() {
        for rare in [everything(), RareConfig::default()] {
            assert_eq!(read(&write(&rare, HostConfig::default())), rare);
        }
    }

    #[test]
    fn links_of_the_default_bridge_are_read() {
        assert_eq!(plain_link("/db:/web/d"), "db:d");
        assert_eq!(plain_link("db:d"), "db:d");
    }
}
