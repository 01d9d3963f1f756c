//! The attributes of the Compose Specification that are decoded by their shape: one line each, in the order in which compose-go writes
//! them, since its config-hash depends on that order.

use super::shape::{Field, Shape};

use Shape::{
    Any, Count, Cpus, Devices, Duration, Flag, Hosts, List, Loose, Map, Mode, Names, Number, Path,
    Real, Short, Size, Table, Text, Texts, Ulimit, Word, Words,
};

/// Those of a service.
pub(super) const SERVICE: &[Field] = &[
    ("attach", Flag),
    ("build", Short(BUILD)),
    ("develop", Table(DEVELOP)),
    ("blkio_config", Table(BLKIO)),
    ("cpu_count", Number),
    ("cpu_percent", Real),
    ("cpu_rt_period", Number),
    ("cpu_rt_runtime", Number),
    ("credential_spec", Table(CREDENTIALS)),
    ("deploy", Table(DEPLOY)),
    ("device_cgroup_rules", Texts),
    ("provider", Table(PROVIDER)),
    ("external_links", Texts),
    ("gpus", Devices(DEVICE_REQUEST)),
    ("isolation", Text),
    ("label_file", List(&Path)),
    ("links", Texts),
    ("models", Names(&Table(SERVICE_MODEL))),
    ("pull_refresh_after", Text),
    ("use_api_socket", Flag),
    ("volumes_from", Texts),
    ("post_start", List(&Table(HOOK))),
    ("pre_stop", List(&Table(HOOK))),
];

const BUILD: &[Field] = &[
    ("context", Path),
    ("dockerfile", Text),
    ("dockerfile_inline", Text),
    ("entitlements", Texts),
    ("args", Names(&Loose)),
    ("provenance", Loose),
    ("sbom", Loose),
    ("ssh", Names(&Loose)),
    ("labels", Map(&Loose)),
    ("cache_from", Texts),
    ("cache_to", Texts),
    ("no_cache", Flag),
    ("additional_contexts", Map(&Path)),
    ("pull", Flag),
    ("extra_hosts", Hosts),
    ("isolation", Text),
    ("network", Text),
    ("target", Text),
    ("secrets", List(&Short(BUILD_SECRET))),
    ("shm_size", Size),
    ("tags", Texts),
    ("ulimits", Map(&Ulimit)),
    ("platforms", Texts),
    ("privileged", Flag),
];

const BUILD_SECRET: &[Field] = &[
    ("source", Text),
    ("target", Text),
    ("uid", Loose),
    ("gid", Loose),
    ("mode", Mode),
];

const DEVELOP: &[Field] = &[("watch", List(&Table(WATCH)))];

const WATCH: &[Field] = &[
    ("path", Path),
    (
        "action",
        Word(&[
            ("rebuild", ()),
            ("sync", ()),
            ("restart", ()),
            ("sync+restart", ()),
            ("sync+exec", ()),
        ]),
    ),
    ("target", Text),
    ("exec", Table(HOOK)),
    ("include", Texts),
    ("ignore", Texts),
    ("initial_sync", Flag),
];

const HOOK: &[Field] = &[
    ("command", Words),
    ("user", Loose),
    ("privileged", Flag),
    ("working_dir", Text),
    ("environment", Names(&Loose)),
];

const BLKIO: &[Field] = &[
    ("weight", Number),
    ("weight_device", List(&Table(BLKIO_WEIGHT))),
    ("device_read_bps", List(&Table(BLKIO_RATE))),
    ("device_read_iops", List(&Table(BLKIO_RATE))),
    ("device_write_bps", List(&Table(BLKIO_RATE))),
    ("device_write_iops", List(&Table(BLKIO_RATE))),
];

const BLKIO_WEIGHT: &[Field] = &[("path", Text), ("weight", Number)];

const BLKIO_RATE: &[Field] = &[("path", Text), ("rate", Size)];

const CREDENTIALS: &[Field] = &[("config", Text), ("file", Text), ("registry", Text)];

const DEPLOY: &[Field] = &[
    ("mode", Text),
    ("replicas", Number),
    ("labels", Map(&Loose)),
    ("update_config", Table(UPDATE)),
    ("rollback_config", Table(UPDATE)),
    ("resources", Table(RESOURCES)),
    ("restart_policy", Table(RESTART)),
    ("placement", Table(PLACEMENT)),
    ("endpoint_mode", Text),
];

const UPDATE: &[Field] = &[
    ("parallelism", Number),
    ("delay", Duration),
    ("failure_action", Text),
    ("monitor", Duration),
    ("max_failure_ratio", Real),
    ("order", Text),
];

const RESOURCES: &[Field] = &[
    ("limits", Table(LIMITS)),
    ("reservations", Table(RESERVATIONS)),
];

const LIMITS: &[Field] = &[("cpus", Cpus), ("memory", Size), ("pids", Number)];

const RESERVATIONS: &[Field] = &[
    ("cpus", Cpus),
    ("memory", Size),
    ("devices", List(&Table(DEVICE_REQUEST))),
    ("generic_resources", List(&Table(GENERIC))),
];

const GENERIC: &[Field] = &[("discrete_resource_spec", Table(DISCRETE))];

const DISCRETE: &[Field] = &[("kind", Text), ("value", Number)];

const DEVICE_REQUEST: &[Field] = &[
    ("capabilities", Texts),
    ("driver", Text),
    ("count", Count),
    ("device_ids", Texts),
    ("options", Map(&Loose)),
];

const RESTART: &[Field] = &[
    (
        "condition",
        Word(&[
            ("none", ()),
            ("on-failure", ()),
            ("any", ()),
            ("no", ()),
            ("always", ()),
            ("unless-stopped", ()),
        ]),
    ),
    ("delay", Duration),
    ("max_attempts", Number),
    ("window", Duration),
];

const PLACEMENT: &[Field] = &[
    ("constraints", Texts),
    ("preferences", List(&Table(&[("spread", Text)]))),
    ("max_replicas_per_node", Number),
];

const PROVIDER: &[Field] = &[("type", Text), ("options", Map(&Any))];

const SERVICE_MODEL: &[Field] = &[("endpoint_var", Text), ("model_var", Text)];

/// Those of a network of a service that only some engines know.
pub(super) const ENDPOINT: &[Field] = &[
    ("gw_priority", Number),
    ("interface_name", Text),
    ("link_local_ips", Texts),
    ("driver_opts", Map(&Loose)),
];

/// Those of a network beside the ones that every engine knows.
pub(super) const NETWORK: &[Field] = &[("enable_ipv4", Flag)];

/// Those of a network's address management.
pub(super) const IPAM: &[Field] = &[("options", Map(&Loose))];

/// Those of an address range.
pub(super) const POOL: &[Field] = &[("aux_addresses", Map(&Text))];

/// Those of a config or secret that only Swarm knows.
pub(super) const CONTENT: &[Field] = &[
    ("driver", Text),
    ("driver_opts", Map(&Loose)),
    ("template_driver", Text),
];

/// Those of a mount, whatever it mounts.
pub(super) const MOUNT: &[Field] = &[("consistency", Text)];

/// Those of a bind.
pub(super) const BIND: &[Field] = &[("recursive", Text)];

/// Those of a mounted volume.
pub(super) const VOLUME_MOUNT: &[Field] = &[("labels", Map(&Loose))];

/// Those of a mounted image.
pub(super) const IMAGE_MOUNT: &[Field] = &[("subpath", Text)];

/// Top-level tables that stackgen carries only.
pub(super) const TOP: &[Field] = &[("models", Map(&Table(MODEL)))];

const MODEL: &[Field] = &[
    ("name", Text),
    ("model", Text),
    ("context_size", Number),
    ("runtime_flags", Texts),
];

/// Keys without options: those of a volume and the like, for their extension keys.
pub(super) const NONE: &[Field] = &[];
