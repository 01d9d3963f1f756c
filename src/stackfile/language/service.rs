//! Services.

use super::build::{BLKIO, BUILD, CREDENTIALS, DEVELOP, HOOK, PROVIDER};
use super::container::CONTAINER;
use super::deploy::{DEPLOY, DEVICE_REQUEST};
use super::table::key;
use super::{Field, Kind, Shape, Table};

use Shape::{
    Array, Devices, Either, Fixed, Flag, List, Loose, Name, Names, Number, Path, Range, Real,
    Section, Short, Text, Word,
};

/// The words for conditions, stackgen's and Compose's.
pub(super) static CONDITIONS: &[&str] = &[
    "started",
    "healthy",
    "completed",
    "service_started",
    "service_healthy",
    "service_completed_successfully",
];

/// A service.
pub static SERVICE: Table = Table::new(
    "service",
    "a service",
    "A service: one or more containers from one image. What `[defaults.service]` and its mixins say lies under its own keys.",
    &[CONTAINER, OWN, CARRIED],
)
.exclusive(&[&["networks", "network_mode"]])
.elsewhere(&[(
    "extends",
    "[mixins.NAME] with what is shared, and mixins = [\"NAME\"] in the services",
)])
.example(
    "[services.api]\nimage       = \"example.org/api:1.4\"\nports       = [\"127.0.0.1:8000:8000\"]\nenvironment = { LOG_LEVEL = \"info\", DB = \"${DB_URL:?say where the database is}\" }\ndepends_on  = { database = \"healthy\" }\nrestart     = \"unless-stopped\"\n",
);

static OWN: &[Field] = &[
    key("container_name", Text, "The container's name at the engine; the default is `PROJECT-SERVICE-NUMBER`. A service with one cannot have replicas.").like(&["\"shop-api\""]),
    key("depends_on", Either(&[
        Array(&Name(Kind::Service)),
        Section(Kind::Service, &Either(&[Fixed(&Word(CONDITIONS)), Shape::Table(&DEPENDENCY)])),
    ]), "Services that have to be started, healthy or completed before this one starts, and that outlive it.")
        .like(&["{ database = \"healthy\" }", "[\"database\"]", "{ database = { condition = \"service_healthy\" } }"]),
    key("profiles", List(&Name(Kind::Profile)), "The service is part of the stack only if one of these profiles is switched on; without any, always."),
    key("scale", Fixed(&Range(0, u32::MAX as i64)), "How many containers run.").or("1"),
    key("oneshot", Fixed(&Flag), "Whether it is a job that ends: exit code 0 is success, and it runs again only when it changes. Implied where someone waits for it as completed.").or("false"),
    key("rerun", Fixed(&Word(&["changed", "always"])), "When a job runs again: if it changed, or at every apply.").or("\"changed\""),
    MIXINS,
];

/// The mixins of something.
pub(super) const MIXINS: Field = key(
    "mixins",
    List(&Fixed(&Name(Kind::Mixin))),
    "Fragments from `[mixins]` that lie under its own keys, later ones over earlier ones.",
);

/// What is carried into the rendered file by its shape, in the order in which compose-go writes it, since its config-hash depends on that.
pub(in crate::stackfile) static CARRIED: &[Field] = &[
    key(
        "attach",
        Flag,
        "Whether `docker compose up` shows what the service prints.",
    )
    .or("true"),
    key(
        "build",
        Short(&BUILD),
        "How the image is built: the folder of the build, or a table.",
    ),
    key(
        "develop",
        Shape::Table(&DEVELOP),
        "What `docker compose watch` does while developing.",
    ),
    key("blkio_config", Shape::Table(&BLKIO), "Limits of block I/O."),
    key("cpu_count", Number, "How many CPUs it may use, on Windows.").like(&["2"]),
    key(
        "cpu_percent",
        Real,
        "The share of the CPUs that it may use, on Windows.",
    )
    .like(&["50"]),
    key(
        "cpu_rt_period",
        Number,
        "The period of the real-time scheduler in microseconds.",
    )
    .like(&["1000000"]),
    key(
        "cpu_rt_runtime",
        Number,
        "Microseconds of real time in each period.",
    )
    .like(&["950000"]),
    key(
        "credential_spec",
        Shape::Table(&CREDENTIALS),
        "The managed service account, on Windows.",
    ),
    key(
        "deploy",
        Shape::Table(&DEPLOY),
        "Replicas, limits and restart policy, and how a Swarm runs the service.",
    ),
    key(
        "device_cgroup_rules",
        List(&Loose),
        "Rules of the cgroup for devices.",
    )
    .like(&["[\"c 1:3 mr\"]"]),
    key(
        "provider",
        Shape::Table(&PROVIDER),
        "A program of Compose that provides the service in place of a container.",
    ),
    key(
        "external_links",
        List(&Loose),
        "Containers outside of the stack, by name and alias.",
    )
    .like(&["[\"legacy-db:db\"]"]),
    key(
        "gpus",
        Devices(&DEVICE_REQUEST),
        "GPUs: `all`, or a list of requests.",
    )
    .like(&[
        "\"all\"",
        "[{ driver = \"nvidia\", count = 1, capabilities = [\"gpu\"] }]",
    ]),
    key(
        "isolation",
        Text,
        "The isolation of the container, on Windows.",
    )
    .like(&["\"default\""]),
    key(
        "label_file",
        List(&Path),
        "Files with `NAME=value` lines for the labels; `labels` goes before them.",
    )
    .like(&["\"web.labels\"", "[\"web.labels\"]"]),
    key(
        "links",
        List(&Loose),
        "Other services, by name and alias. `depends_on` and network aliases say the same better.",
    )
    .like(&["[\"database:db\"]"]),
    key(
        "models",
        Names(&Shape::Table(&SERVICE_MODEL)),
        "Entries of `[models]` that the service uses.",
    )
    .like(&["[\"llm\"]", "{ llm = { endpoint_var = \"LLM_URL\" } }"]),
    key("pull_refresh_after", Text, "How old a pulled image may be.").like(&["\"24h\""]),
    key(
        "use_api_socket",
        Flag,
        "Gives the container the engine's socket and the credentials of the registries.",
    )
    .or("false"),
    key(
        "volumes_from",
        List(&Loose),
        "Takes over the mounts of another service or, as `container:NAME`, container.",
    )
    .like(&["[\"database:ro\"]"]),
    key(
        "post_start",
        List(&Shape::Table(&HOOK)),
        "Commands that Compose runs inside the container after its start.",
    ),
    key(
        "pre_stop",
        List(&Shape::Table(&HOOK)),
        "Commands that Compose runs inside the container before it stops.",
    ),
];

/// A dependency.
pub static DEPENDENCY: Table = Table::new(
    "dependency",
    "a dependency",
    "A dependency in its long form.",
    &[&[
        key("condition", Fixed(&Word(CONDITIONS)), "What is waited for.").or("\"started\""),
        key(
            "restart",
            Fixed(&Flag),
            "Whether this service is started again after the other one was replaced.",
        )
        .or("false"),
        key(
            "required",
            Fixed(&Flag),
            "Whether it is a mistake if the other one is not part of the stack.",
        )
        .or("true"),
    ]],
);

static SERVICE_MODEL: Table = Table::new(
    "service_model",
    "a model of a service",
    "How a service learns of a model.",
    &[&[
        key(
            "endpoint_var",
            Text,
            "The environment variable that gets the model's address.",
        )
        .like(&["\"LLM_URL\""]),
        key(
            "model_var",
            Text,
            "The environment variable that gets the model's name.",
        )
        .like(&["\"LLM_NAME\""]),
    ]],
);
