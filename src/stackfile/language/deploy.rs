//! `deploy`. On one host replicas, limits and the restart policy take effect; the rest is for a Swarm and only carried. The keys stand in
//! the order in which compose-go writes them.

use super::table::key;
use super::{Shape, Table};

use Shape::{Count, Cpus, Duration, List, Loose, Number, Pairs, Real, Size, Text, Word};

/// How the service runs.
pub static DEPLOY: Table = Table::new(
    "deploy",
    "deploy",
    "How the service runs. On one host `replicas`, `resources` and `restart_policy` take effect; the rest is for a Swarm.",
    &[&[
        key("mode", Text, "`replicated`, or `global` for one container on each node.").or("\"replicated\""),
        key("replicas", Number, "How many containers run. If `scale` is there too, both have to say the same.").or("1"),
        key("labels", Pairs(&Loose), "Labels of the service in a Swarm, not of its containers."),
        key("update_config", Shape::Table(&UPDATE), "How a Swarm replaces containers when the service changes."),
        key("rollback_config", Shape::Table(&UPDATE), "How a Swarm goes back after a failed update."),
        key("resources", Shape::Table(&RESOURCES), "Limits, and what is set aside."),
        key("restart_policy", Shape::Table(&RESTART), "When a container is started again; goes before `restart`."),
        key("placement", Shape::Table(&PLACEMENT), "Which nodes of a Swarm may run it."),
        key("endpoint_mode", Text, "How a Swarm makes the service found: `vip` or `dnsrr`.").or("\"vip\""),
    ]],
)
.example("[services.api.deploy]\nreplicas = 2\nresources.limits = { cpus = 0.5, memory = \"256m\" }\n");

static UPDATE: Table = Table::new(
    "update_config",
    "a table of update or rollback",
    "How a Swarm replaces the containers of a service.",
    &[&[
        key(
            "parallelism",
            Number,
            "How many are replaced at once; 0 is all.",
        )
        .or("1"),
        key("delay", Duration, "The time between two groups.").or("\"0s\""),
        key(
            "failure_action",
            Text,
            "What is done when one fails: `pause`, `continue` or `rollback`.",
        )
        .or("\"pause\""),
        key(
            "monitor",
            Duration,
            "How long a new one is watched for failure.",
        )
        .or("\"5s\""),
        key("max_failure_ratio", Real, "The share that may fail.").or("0"),
        key("order", Text, "`stop-first`, or `start-first`.").or("\"stop-first\""),
    ]],
);

static RESOURCES: Table = Table::new(
    "resources",
    "resources",
    "Limits, and what is set aside.",
    &[&[
        key(
            "limits",
            Shape::Table(&LIMITS),
            "The most that a container may use.",
        ),
        key(
            "reservations",
            Shape::Table(&RESERVATIONS),
            "What is set aside for a container.",
        ),
    ]],
);

static LIMITS: Table = Table::new(
    "limits",
    "limits",
    "The most that a container may use.",
    &[&[
        key(
            "cpus",
            Cpus,
            "CPUs, as a number such as 0.5. If `cpus` of the service is there too, both have to say the same.",
        ),
        key(
            "memory",
            Size,
            "Memory. If `mem_limit` is there too, both have to say the same.",
        ),
        key(
            "pids",
            Number,
            "Processes. If `pids_limit` is there too, both have to say the same.",
        )
        .like(&["200"]),
    ]],
);

static RESERVATIONS: Table = Table::new(
    "reservations",
    "reservations",
    "What is set aside for a container.",
    &[&[
        key("cpus", Cpus, "CPUs; only a Swarm sets them aside."),
        key(
            "memory",
            Size,
            "Memory. If `mem_reservation` is there too, both have to say the same.",
        ),
        key(
            "devices",
            List(&Shape::Table(&DEVICE_REQUEST)),
            "Devices such as GPUs.",
        ),
        key(
            "generic_resources",
            List(&Shape::Table(&GENERIC)),
            "Resources that the nodes of a Swarm declare.",
        ),
    ]],
);

static GENERIC: Table = Table::new(
    "generic_resource",
    "a generic resource",
    "A resource that the nodes of a Swarm declare.",
    &[&[key(
        "discrete_resource_spec",
        Shape::Table(&DISCRETE),
        "A countable one.",
    )
    .required()]],
);

static DISCRETE: Table = Table::new(
    "discrete_resource_spec",
    "discrete_resource_spec",
    "A countable resource.",
    &[&[
        key("kind", Text, "What it is.")
            .required()
            .like(&["\"gpu\""]),
        key("value", Number, "How many of it.")
            .required()
            .like(&["2"]),
    ]],
);

/// Devices that a driver hands out.
pub static DEVICE_REQUEST: Table = Table::new(
    "device_request",
    "a device request",
    "Devices that a driver hands out.",
    &[&[
        key(
            "capabilities",
            List(&Loose),
            "What the devices have to be able to do.",
        )
        .required()
        .like(&["[\"gpu\"]"]),
        key("driver", Text, "The driver that has them.").like(&["\"nvidia\""]),
        key(
            "count",
            Count,
            "How many, or `all`; not together with `device_ids`.",
        )
        .or("\"all\"")
        .like(&["1", "\"all\""]),
        key(
            "device_ids",
            List(&Loose),
            "Single ones; not together with `count`.",
        )
        .like(&["[\"0\", \"3\"]"]),
        key("options", Pairs(&Loose), "Options of the driver."),
    ]],
);

static RESTART: Table = Table::new(
    "restart_policy",
    "restart_policy",
    "When a container is started again.",
    &[&[
        key(
            "condition",
            Word(&[
                "none",
                "on-failure",
                "any",
                "no",
                "always",
                "unless-stopped",
            ]),
            "After which ends: `none`, `on-failure` or `any`.",
        )
        .or("\"any\""),
        key("delay", Duration, "The time before it, in a Swarm.").or("\"5s\""),
        key(
            "max_attempts",
            Number,
            "How often, for `on-failure`; the default is without limit.",
        )
        .like(&["3"]),
        key(
            "window",
            Duration,
            "How long it has to run to count as started, in a Swarm.",
        )
        .or("\"0s\""),
    ]],
);

static PLACEMENT: Table = Table::new(
    "placement",
    "placement",
    "Which nodes of a Swarm may run it.",
    &[&[
        key(
            "constraints",
            List(&Loose),
            "What has to be true of a node.",
        )
        .like(&["[\"node.labels.disktype == ssd\"]"]),
        key(
            "preferences",
            List(&Shape::Table(&PREFERENCE)),
            "How the containers are spread.",
        ),
        key(
            "max_replicas_per_node",
            Number,
            "How many may run on one node.",
        )
        .like(&["2"]),
    ]],
);

static PREFERENCE: Table = Table::new(
    "placement_preference",
    "a preference",
    "How the containers are spread over the nodes of a Swarm.",
    &[&[key(
        "spread",
        Text,
        "The label over whose values they are spread.",
    )
    .like(&["\"node.labels.zone\""])]],
);
