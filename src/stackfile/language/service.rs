//! Services.

use super::build::{BLKIO, BUILD, CREDENTIALS, DEVELOP, HOOK, PROVIDER};
use super::container::CONTAINER;
use super::deploy::{DEPLOY, DEVICE_REQUEST};
use super::table::key;
use super::{Field, Kind, Shape, Table};

use Shape::{
    Array, Command, Devices, Either, Fixed, Flag, List, Loose, Name, Names, Number, Path, Range,
    Real, Section, Short, Text, Word,
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
    key("update", Shape::Table(&SERVICE_UPDATE), "How a change is brought to its containers. Compose knows nothing of it: it is not rendered."),
    MIXINS,
];

/// The signals that processes are told to read their files again by.
pub(in crate::stackfile) static SIGNALS: &[&str] = &[
    "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGINT", "SIGQUIT", "SIGTERM", "SIGCONT",
];

/// How a change is brought to containers.
pub static SERVICE_UPDATE: Table = Table::new(
    "update",
    "update",
    "How a change is brought to the containers of a service.",
    &[&[
        key("reload", Either(&[Fixed(&Word(SIGNALS)), Array(&Loose), Shape::Table(&RELOAD)]), "How the process reads its files again when the content of a config, a secret or a mounted file has changed: a signal, a command that is run in the container, or a table. Without it the container is restarted. A file that was replaced by another, as many editors do, takes a restart all the same: the container sees the old one until then.")
            .like(&["\"SIGHUP\"", "[\"nginx\", \"-s\", \"reload\"]", "{ signal = \"SIGUSR1\", files = [\"/etc/app.conf\"] }"]),
    ]],
)
.example("[services.proxy.update]\nreload = [\"nginx\", \"-s\", \"reload\"]\n");

/// A reload in its long form.
pub static RELOAD: Table = Table::new(
    "reload",
    "a reload",
    "A reload in its long form: a signal or a command.",
    &[&[
        key("signal", Fixed(&Word(SIGNALS)), "The signal to the container's first process."),
        key("command", Command, "The command that is run in the container; it has to end with 0.")
            .like(&["[\"nginx\", \"-s\", \"reload\"]"]),
        key("user", Text, "The user that runs the command; the default is the container's.").like(&["\"root\""]),
        key("files", List(&Loose), "What it is for: paths inside the container, folders of them, or names of configs and secrets. The default is every file.")
            .like(&["[\"/etc/nginx\"]"]),
    ]],
)
.exclusive(&[&["signal", "command"]]);

/// The words for what becomes of a dependant.
pub(super) static ON_REPLACE: &[&str] = &["nothing", "restart", "recreate"];

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
            "Compose's word for `on_replace = \"restart\"`.",
        )
        .or("false"),
        key(
            "on_replace",
            Fixed(&Word(ON_REPLACE)),
            "What becomes of this service when the other one is replaced: it runs on, or it is stopped before and started, or replaced, after it. When the other one is restarted, `restart` and `recreate` both restart it. The rendered file says `restart: true` for both.",
        )
        .or("\"nothing\""),
        key(
            "required",
            Fixed(&Flag),
            "Whether it is a mistake if the other one is not part of the stack.",
        )
        .or("true"),
    ]],
)
.exclusive(&[&["restart", "on_replace"]]);

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
