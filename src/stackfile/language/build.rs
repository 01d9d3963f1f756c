//! How images are built, what is watched while developing, and block I/O. The keys stand in the order in which compose-go writes them, since
//! all of it is carried into the rendered file.

use super::container::ULIMIT;
use super::table::key;
use super::{Field, Shape, Table};

use Shape::{
    Command, Either, Fixed, Flag, Hosts, List, Loose, Map, Mode, Names, Number, Pairs, Path, Short,
    Size, Text, Word,
};

/// How the image is built.
pub static BUILD: Table = Table::new(
    "build",
    "build",
    "How the image is built. A text stands for `context`.",
    &[&[
        key("context", Path, "The folder that the build may read, or an address such as `https://…` or `git@…`; by default stack.toml's folder.").like(&["\"./app\"", "\"https://example.org/app.git#main\""]),
        key("dockerfile", Text, "The Dockerfile, relative to the context.").or("\"Dockerfile\""),
        key("dockerfile_inline", Text, "The text of the Dockerfile, in place of a file.").like(&["\"FROM busybox\""]),
        key("entitlements", List(&Loose), "Privileges that the build may use.").like(&["[\"network.host\"]"]),
        key("args", Names(&Loose), "Build arguments; a name without a value is taken from the environment."),
        key("provenance", Loose, "Whether a provenance attestation is added, or which."),
        key("sbom", Loose, "Whether a bill of materials is added, or which."),
        key("ssh", Names(&Loose), "SSH agents and keys that the build may use.").like(&["[\"default\"]", "{ deploy = \"~/.ssh/deploy.pem\" }"]),
        key("labels", Pairs(&Loose), "Labels of the image."),
        key("cache_from", List(&Loose), "Where the builder looks for cached layers.").like(&["[\"type=registry,ref=example.org/app:cache\"]"]),
        key("cache_to", List(&Loose), "Where the builder puts cached layers.").like(&["[\"type=local,dest=./cache\"]"]),
        key("no_cache", Flag, "Builds every layer anew.").or("false"),
        key("additional_contexts", Pairs(&Path), "Further contexts by name: a folder, an address, `docker-image://…` or `service:NAME`.").like(&["{ base = \"docker-image://alpine:3\" }", "[\"base=docker-image://alpine:3\"]"]),
        key("pull", Flag, "Asks the registry for newer base images.").or("false"),
        key("extra_hosts", Hosts, "Lines for /etc/hosts while building."),
        key("isolation", Text, "The isolation of the build's containers, on Windows.").like(&["\"default\""]),
        key("network", Text, "The network that RUN commands have: `host`, `none` or a network's name.").like(&["\"host\""]),
        key("target", Text, "The stage of the Dockerfile that is built; the default is the last.").like(&["\"runtime\""]),
        key("secrets", List(&Short(&BUILD_SECRET)), "Secrets that the build may read.").like(&["[\"password\"]", "[{ source = \"password\", target = \"db_password\" }]"]),
        key("shm_size", Size, "The size of /dev/shm while building.").like(&["\"256m\""]),
        key("tags", List(&Loose), "Further tags of the image.").like(&["[\"example.org/app:1.2\"]"]),
        key("ulimits", Map(&Either(&[Number, Shape::Table(&ULIMIT)])), "Limits of the build's processes.").like(&["{ nofile = { soft = 20000, hard = 40000 }, nproc = 65535 }"]),
        key("platforms", List(&Loose), "The platforms that are built for; the default is the engine's.").like(&["[\"linux/amd64\", \"linux/arm64\"]"]),
        key("privileged", Flag, "Builds with all capabilities.").or("false"),
    ]],
)
.example("[services.api.build]\ncontext    = \"./api\"\ndockerfile = \"Dockerfile.slim\"\nargs       = { PYTHON = \"3.13\" }\n");

/// A secret of a build.
pub static BUILD_SECRET: Table = Table::new(
    "build_secret",
    "a secret of a build",
    "A secret of a build. A text stands for `source`.",
    &[&[
        key("source", Text, "Its name under `[secrets]`.")
            .required()
            .like(&["\"password\""]),
        key(
            "target",
            Text,
            "The id by which the Dockerfile knows it; the default is `source`.",
        )
        .like(&["\"db_password\""]),
        key("uid", Loose, "The number of the user that owns the file."),
        key("gid", Loose, "The number of the group that owns the file."),
        key("mode", Mode, "The file's mode."),
    ]],
);

/// What `docker compose watch` does.
pub static DEVELOP: Table = Table::new(
    "develop",
    "develop",
    "What `docker compose watch` does while developing; stackgen only carries it into the rendered file.",
    &[&[key(
        "watch",
        List(&Shape::Table(&WATCH)),
        "Paths, and what a change below them causes.",
    )]],
);

/// A path that `docker compose watch` watches.
pub static WATCH: Table = Table::new(
    "watch",
    "a rule of watch",
    "A path, and what a change below it causes.",
    &[&[
        key("path", Path, "The folder or file that is watched.")
            .required()
            .like(&["\"./src\""]),
        key(
            "action",
            Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
            "What is done about a change.",
        )
        .required(),
        key(
            "target",
            Text,
            "Where changed files go inside the container, for `sync`.",
        )
        .like(&["\"/app/src\""]),
        key(
            "exec",
            Shape::Table(&HOOK),
            "What is run inside the container, for `sync+exec`.",
        ),
        key(
            "include",
            List(&Loose),
            "Patterns of files that count; the default is all.",
        )
        .like(&["[\"*.py\"]", "\"*.py\""]),
        key(
            "ignore",
            List(&Loose),
            "Patterns of files that do not count.",
        )
        .like(&["[\"node_modules/\"]", "\"node_modules/\""]),
        key(
            "initial_sync",
            Flag,
            "Copies everything once at the beginning, for `sync`.",
        )
        .or("false"),
    ]],
);

/// A command that is run inside a container.
pub(super) static HOOK: Table = Table::new(
    "hook",
    "a hook",
    "A command that is run inside the container.",
    &[&[
        key("command", Command, "The command.")
            .required()
            .like(&["[\"./migrate\"]", "\"./migrate\""]),
        key(
            "user",
            Loose,
            "The user that runs it; the default is the container's.",
        )
        .like(&["\"root\""]),
        key("privileged", Flag, "Runs it with all capabilities.").or("false"),
        key(
            "working_dir",
            Text,
            "The directory that it runs in; the default is the container's.",
        )
        .like(&["\"/app\""]),
        key(
            "environment",
            Names(&Loose),
            "Environment variables beside the container's.",
        ),
    ]],
);

/// Limits of block I/O.
pub static BLKIO: Table = Table::new(
    "blkio_config",
    "blkio_config",
    "Limits of block I/O.",
    &[&[
        key(
            "weight",
            Fixed(&Number),
            "The container's share of bandwidth, from 10 to 1000.",
        )
        .or("500"),
        key(
            "weight_device",
            List(&Shape::Table(&BLKIO_WEIGHT)),
            "Its share at single devices.",
        ),
        key(
            "device_read_bps",
            List(&Shape::Table(&BLKIO_RATE)),
            "The most bytes a second that are read.",
        ),
        key(
            "device_read_iops",
            List(&Shape::Table(&BLKIO_RATE)),
            "The most reads a second.",
        ),
        key(
            "device_write_bps",
            List(&Shape::Table(&BLKIO_RATE)),
            "The most bytes a second that are written.",
        ),
        key(
            "device_write_iops",
            List(&Shape::Table(&BLKIO_RATE)),
            "The most writes a second.",
        ),
    ]],
);

/// A share at one device.
pub static BLKIO_WEIGHT: Table = Table::new(
    "blkio_weight",
    "a weight of a device",
    "A share of bandwidth at one device.",
    &[&[
        key("path", Text, "The device.")
            .required()
            .like(&["\"/dev/sda\""]),
        key("weight", Fixed(&Number), "The share, from 10 to 1000.")
            .required()
            .like(&["400"]),
    ]],
);

/// A rate at one device.
pub static BLKIO_RATE: Table = Table::new(
    "blkio_rate",
    "a rate of a device",
    "A limit at one device.",
    &[&[
        key("path", Text, "The device.")
            .required()
            .like(&["\"/dev/sda\""]),
        key("rate", Size, "Bytes, or operations, a second.")
            .required()
            .like(&["\"12mb\"", "120"]),
    ]],
);

/// Accounts on Windows.
pub(super) static CREDENTIALS: Table = Table::new(
    "credential_spec",
    "credential_spec",
    "The managed service account of a container on Windows.",
    &[&[
        key("config", Text, "A config that holds the specification.").like(&["\"settings\""]),
        key(
            "file",
            Text,
            "A file in the engine's folder of specifications.",
        )
        .like(&["\"account.json\""]),
        key("registry", Text, "A value of the host's registry.").like(&["\"account\""]),
    ]],
);

/// A service that a program outside provides.
pub(super) static PROVIDER: Table = Table::new(
    "provider",
    "provider",
    "A program of Compose that provides the service in place of a container; stackgen only carries it into the rendered file.",
    &[PROVIDER_FIELDS],
);

static PROVIDER_FIELDS: &[Field] = &[
    key("type", Text, "The program.")
        .required()
        .like(&["\"model\""]),
    key("options", Map(&Shape::Any), "What it is called with.").like(&["{ size = \"small\" }"]),
];
