//! What few containers ask for, in the engine's terms.

use std::collections::{BTreeMap, BTreeSet};

/// Options of a container that are rarely used, so that they do not weigh on every other one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct RareConfig {
    /// Limits of block I/O.
    pub block_io: BlockIo,
    /// Number of CPUs, which counts on Windows only.
    pub cpu_count: Option<i64>,
    /// Share of the CPUs in hundredths of a percent, which counts on Windows only.
    pub cpu_percent: Option<i64>,
    /// Period of the real-time scheduler in microseconds.
    pub cpu_rt_period: Option<i64>,
    /// Real time in microseconds a period.
    pub cpu_rt_runtime: Option<i64>,
    /// Rules of the cgroup for devices, in order.
    pub device_cgroup_rules: Vec<String>,
    /// Devices that a driver hands out, in order.
    pub device_requests: Vec<DeviceRequest>,
    /// Isolation, which counts on Windows only.
    pub isolation: Option<String>,
    /// Linked containers, as `container:alias`. The engine keeps them on its default bridge only; see the attachments for other networks.
    pub links: BTreeSet<String>,
    /// Containers whose mounts are taken over, as `container` or `container:ro`, in order. Desired ones are names, observed ones may be
    /// ids: the engine keeps what it was told, and it is told ids.
    pub volumes_from: Vec<String>,
    /// Whether the paths of the kernel that are hidden or read-only otherwise are open.
    pub has_open_system_paths: bool,
}

/// Limits of block I/O; the maps are from the device's path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct BlockIo {
    /// Share of bandwidth, 10 to 1000.
    pub weight: Option<u16>,
    /// The same at one device.
    pub weight_device: BTreeMap<String, u16>,
    /// Bytes read a second.
    pub read_bps: BTreeMap<String, i64>,
    /// Reads a second.
    pub read_iops: BTreeMap<String, i64>,
    /// Bytes written a second.
    pub write_bps: BTreeMap<String, i64>,
    /// Writes a second.
    pub write_iops: BTreeMap<String, i64>,
}

/// Devices that a driver hands out, such as GPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct DeviceRequest {
    /// The driver; empty: whichever has the capabilities. `cdi` for devices of the Container Device Interface.
    pub driver: String,
    /// How many; -1 is all, 0 those of `ids`.
    pub count: i64,
    /// Single devices.
    pub ids: Vec<String>,
    /// What they have to be able to do.
    pub capabilities: Vec<String>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}
