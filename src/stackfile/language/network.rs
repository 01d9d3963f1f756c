//! Networks, volumes, configs, secrets, models and host sockets.

use super::table::key;
use super::{Field, Kind, Shape, Table};

use Shape::{Either, Fixed, Flag, List, Loose, Map, Mode, Name, Number, Pairs, Text, Word};

const NAME: Field = key(
    "name",
    Text,
    "Its name at the engine; the default is `PROJECT_KEY`, or the key alone for an external one.",
)
.like(&["\"shared\""]);

const EXTERNAL_FORMS: &[Shape] = &[Flag, Shape::Table(&EXTERNAL)];

const IS_EXTERNAL: Field = key(
    "external",
    Either(EXTERNAL_FORMS),
    "Whether it is there already and is neither made nor removed.",
)
.or("false")
.like(&["true"]);

const LABELS: Field = key("labels", Pairs(&Loose), "Labels of it at the engine.");

/// The form of old for something external.
pub static EXTERNAL: Table = Table::new(
    "external",
    "external",
    "Something external with its name, in Compose's form of old.",
    &[&[key(
        "name",
        Text,
        "Its name at the engine; `name` beside `external` says the same.",
    )
    .like(&["\"shared\""])]],
);

/// A network.
pub static NETWORK: Table = Table::new(
    "network",
    "a network",
    "A network of the stack. An empty table is a bridge with the engine's own addresses.",
    &[
        &[
            NAME,
            IS_EXTERNAL,
            key("driver", Text, "The driver, such as `bridge`, `macvlan` or `overlay`; the default is the engine's `bridge`.").like(&["\"bridge\""]),
            key("driver_opts", Map(&Loose), "Options of the driver.").like(&["{ \"com.docker.network.driver.mtu\" = 1450 }"]),
            key("internal", Flag, "Whether there is no way from it to the outside.").or("false"),
            key("attachable", Flag, "Whether containers outside of a Swarm's services may join.").or("false"),
            key("enable_ipv6", Flag, "Whether it has IPv6 addresses; the default is the daemon's."),
            LABELS,
            key("ipam", Shape::Table(&IPAM), "Which addresses it has."),
        ],
        NETWORK_CARRIED,
    ],
)
.example("[networks.back]\ninternal = true\nipam     = { config = [{ subnet = \"172.28.0.0/16\" }] }\n");

/// Those of a network that only some engines know.
pub(in crate::stackfile) static NETWORK_CARRIED: &[Field] = &[key(
    "enable_ipv4",
    Flag,
    "Whether it has IPv4 addresses. Without them it takes an engine with API 1.48.",
)
.or("true")];

/// A network's addresses.
pub static IPAM: Table = Table::new(
    "ipam",
    "ipam",
    "Which addresses a network has.",
    &[
        &[
            key("driver", Text, "The driver that hands them out.").or("\"default\""),
            key(
                "config",
                List(&Shape::Table(&POOL)),
                "Address ranges; the default is one of the daemon's choice.",
            )
            .like(&["[{ subnet = \"172.28.0.0/16\" }]"]),
        ],
        IPAM_CARRIED,
    ],
);

/// Those of a network's addresses that are only carried.
pub(in crate::stackfile) static IPAM_CARRIED: &[Field] =
    &[key("options", Map(&Loose), "Options of the driver.")];

/// A range of addresses.
pub static POOL: Table = Table::new(
    "address_range",
    "an address range",
    "A range of addresses of a network.",
    &[
        &[
            key("subnet", Text, "The subnet.").like(&["\"172.28.0.0/16\""]),
            key(
                "ip_range",
                Text,
                "The part of it from which containers get theirs.",
            )
            .like(&["\"172.28.5.0/24\""]),
            key(
                "gateway",
                Text,
                "The gateway; the default is the subnet's first address.",
            )
            .like(&["\"172.28.5.254\""]),
        ],
        POOL_CARRIED,
    ],
);

/// Those of an address range that are only carried.
pub(in crate::stackfile) static POOL_CARRIED: &[Field] = &[key(
    "aux_addresses",
    Map(&Text),
    "Addresses that are in use already, by the name of who has them.",
)
.like(&["{ router = \"172.28.1.5\" }"])];

/// A volume.
pub static VOLUME: Table = Table::new(
    "volume",
    "a volume",
    "A volume of the stack. An empty table is a local one.",
    &[&[
        NAME,
        IS_EXTERNAL,
        key("driver", Text, "The driver; the default is the engine's `local`.").like(&["\"local\""]),
        key("driver_opts", Map(&Loose), "Options of the driver. A relative `device` of a bind is taken from stack.toml's folder.").like(&["{ type = \"none\", o = \"bind\", device = \"./data\" }"]),
        LABELS,
    ]],
)
.example("[volumes.data]\n\n[volumes.shared]\nexternal = true\nname     = \"team-data\"\n");

const CONTENT: &[Field] = &[
    key(
        "file",
        Text,
        "The file that holds it, relative to stack.toml's folder.",
    )
    .like(&["\"./settings.toml\""]),
    key(
        "content",
        Text,
        "The text itself; `${…}` in it is filled in.",
    )
    .like(&["\"level = info\""]),
    key(
        "environment",
        Fixed(&Text),
        "The variable that holds it: of the environment, an env file or `[vars]`.",
    )
    .like(&["\"HOME\""]),
    NAME,
    IS_EXTERNAL,
    LABELS,
];

/// Those of a config or secret that only a Swarm knows.
pub(in crate::stackfile) static CONTENT_CARRIED: &[Field] = &[
    key("driver", Text, "The driver that keeps it, in a Swarm.").like(&["\"vault\""]),
    key("driver_opts", Map(&Loose), "Options of the driver."),
    key(
        "template_driver",
        Text,
        "The driver that fills in its templates, in a Swarm.",
    )
    .like(&["\"golang\""]),
];

/// A config.
pub static CONFIG: Table = Table::new(
    "config",
    "a config",
    "A file that services can have mounted. Where its text comes from is one of `file`, `content`, `environment` and `external`.",
    &[CONTENT, CONTENT_CARRIED],
)
.exclusive(&[&["file", "content", "environment"]])
.example("[configs.settings]\nfile = \"./settings.toml\"\n");

/// A secret.
pub static SECRET: Table = Table::new(
    "secret",
    "a secret",
    "A file that services can have mounted and whose text is never shown. Where it comes from is one of `file`, `content`, `environment` and `external`.",
    &[CONTENT, CONTENT_CARRIED],
)
.exclusive(&[&["file", "content", "environment"]])
.example("[secrets.password]\nenvironment = \"DB_PASSWORD\"\n");

/// A model.
pub static MODEL: Table = Table::new(
    "model",
    "a model",
    "A language model that Compose runs beside the services; stackgen only carries it into the rendered file.",
    &[&[
        key("name", Text, "Its name; the default is the key.").like(&["\"small\""]),
        key("model", Text, "The OCI artifact that holds it.")
            .required()
            .like(&["\"ai/smollm2\""]),
        key("context_size", Number, "How many tokens its context holds.").like(&["4096"]),
        key(
            "runtime_flags",
            List(&Loose),
            "Flags of the program that runs it.",
        )
        .like(&["[\"--verbose\"]"]),
    ]],
);

/// A host socket.
pub static SOCKET: Table = Table::new(
    "socket",
    "a socket",
    "A socket of the host: the permissions that it needs, and who may have it. Services get it by `sockets = [\"NAME\"]`.",
    &[&[
        key("path", Fixed(&Text), "The absolute path at the host.").required().like(&["\"/var/run/docker.sock\""]),
        key("target", Fixed(&Text), "The path inside of containers; the default is `path`.").like(&["\"/var/run/docker.sock\""]),
        key("grant", Fixed(&Word(&["group", "mount"])), "What a service gets: the mount alone, or the socket's group beside it.").or("\"mount\""),
        key("mode", Fixed(&Mode), "The mode that the socket has to have; absent, it stays as it is.").like(&["\"0660\""]),
        key("owner", Fixed(&Either(&[Number, Text])), "The user that has to own it, by name or number; absent, it stays as it is.").like(&["\"root\"", "0"]),
        key("group", Fixed(&Either(&[Number, Text])), "The group that has to own it, by name or number; absent, it stays as it is.").like(&["\"docker\"", "998"]),
        key("allow_world_access", Fixed(&Flag), "Lets `mode` have bits for everybody, which are refused otherwise.").or("false"),
        key("optional", Fixed(&Flag), "Whether it is no mistake if the socket is not there.").or("false"),
        key("services", List(&Name(Kind::Service)), "The services that may have it; without any, every service may.").like(&["[\"web\"]"]),
    ]],
)
.example("[sockets.docker]\npath     = \"/var/run/docker.sock\"\ngrant    = \"group\"\nmode     = \"0660\"\nservices = [\"runner\"]\n");
