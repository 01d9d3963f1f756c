//! The fields of a container that few ask for.

use std::collections::BTreeMap;

use crate::key_path;
use crate::model::{DeviceRequest, KeyPath, RareConfig};

use super::flatten::{Fields, flag, list, put};

/// Puts the fields of `rare`, by the paths that they have in stack.toml.
pub(super) fn put_rare(fields: &mut Fields, rare: &RareConfig) {
    let io = &rare.block_io;
    put(fields, "blkio_config.weight", io.weight);
    put_by_device(fields, "weight_device", &io.weight_device);
    put_by_device(fields, "device_read_bps", &io.read_bps);
    put_by_device(fields, "device_read_iops", &io.read_iops);
    put_by_device(fields, "device_write_bps", &io.write_bps);
    put_by_device(fields, "device_write_iops", &io.write_iops);
    let number = |number: Option<i64>| number.filter(|number| *number > 0);
    put(fields, "cpu_count", number(rare.cpu_count));
    let percent = number(rare.cpu_percent).map(|hundredths| hundredths / 100);
    put(fields, "cpu_percent", percent);
    put(fields, "cpu_rt_period", number(rare.cpu_rt_period));
    put(fields, "cpu_rt_runtime", number(rare.cpu_rt_runtime));
    put(
        fields,
        "device_cgroup_rules",
        list(&rare.device_cgroup_rules),
    );
    let requests = rare.device_requests.iter().map(request_text);
    put(fields, "gpus", list(&requests.collect::<Vec<_>>()));
    let isolation = rare.isolation.as_deref();
    let isolation = isolation.filter(|it| !matches!(*it, "" | "default"));
    put(fields, "isolation", isolation);
    let links: Vec<String> = rare.links.iter().cloned().collect();
    put(fields, "links", list(&links));
    put(fields, "volumes_from", list(&rare.volumes_from));
    flag(
        fields,
        "security_opt.systempaths",
        rare.has_open_system_paths,
    );
}

fn put_by_device<T: ToString>(fields: &mut Fields, key: &str, rates: &BTreeMap<String, T>) {
    for (device, rate) in rates {
        let path: KeyPath = key_path!["blkio_config", key, device];
        fields.insert(path, rate.to_string());
    }
}

/// Writes a request for devices, such as `nvidia all (compute, gpu)`.
fn request_text(request: &DeviceRequest) -> String {
    let driver = match request.driver.as_str() {
        "" => "any driver",
        driver => driver,
    };
    let which = match request.count {
        0 => request.ids.join(" "),
        -1 => "all".to_owned(),
        count => count.to_string(),
    };
    let mut text = format!("{driver} {which}");
    if !request.capabilities.is_empty() {
        text.push_str(&format!(" ({})", request.capabilities.join(", ")));
    }
    for (name, value) in &request.options {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}
