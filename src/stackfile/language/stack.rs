//! The tables at the top of stack.toml.

use super::dag::DAG;
use super::grammar;
use super::network::{CONFIG, MODEL, NETWORK, SECRET, SOCKET, VOLUME};
use super::service::SERVICE;
use super::table::key;
use super::{Field, Kind, Shape, Table};

use Shape::{Any, Fixed, Grammar, Layered, List, Loose, Map, Name, Section, Text, Word};

/// The whole of stack.toml.
pub static ROOT: Table = Table::new(
    "stack.toml",
    "stack.toml",
    "What a stack is. Relative paths are taken from the folder of stack.toml.",
    &[HEAD, SECTIONS, CARRIED_SECTIONS, REST],
)
.elsewhere(&[
    ("version", "stack.toml needs no version; take the line out"),
    ("name", "[stack] name = \"…\""),
    ("include", "[stack] include = [\"…\"]"),
]);

static HEAD: &[Field] = &[
    key(
        "stack",
        Shape::Table(&STACK),
        "The stack itself. Stands only in stack.toml, not in files that it includes.",
    ),
    key(
        "vars",
        Map(&Loose),
        "Constants for `${…}`. Env files go before them, and the environment before both.",
    )
    .like(&["{ TAG = \"1.4\" }"]),
    key(
        "defaults",
        Shape::Table(&DEFAULTS),
        "What lies under everything of a kind.",
    ),
    key(
        "mixins",
        Section(Kind::Mixin, &Layered(&Shape::Table(&SERVICE))),
        "Named fragments of a service, for `mixins = [\"NAME\"]`.",
    )
    .like(&["{ base = { restart = \"always\" } }"]),
];

static SECTIONS: &[Field] = &[
    key(
        "services",
        Section(Kind::Service, &Layered(&Shape::Table(&SERVICE))),
        "The services, by name.",
    )
    .like(&["{ web = { image = \"nginx:1.27\" } }"]),
    key(
        "networks",
        Section(Kind::Network, &Shape::Table(&NETWORK)),
        "The networks, by name. `default` is there by itself where something needs it.",
    ),
    key(
        "volumes",
        Section(Kind::Volume, &Shape::Table(&VOLUME)),
        "The volumes, by name.",
    ),
    key(
        "configs",
        Section(Kind::Config, &Shape::Table(&CONFIG)),
        "Files for services, by name.",
    )
    .like(&["{ settings = { file = \"./settings.toml\" } }"]),
    key(
        "secrets",
        Section(Kind::Secret, &Shape::Table(&SECRET)),
        "Secret files for services, by name.",
    )
    .like(&["{ password = { environment = \"HOME\" } }"]),
    key(
        "sockets",
        Section(Kind::Socket, &Shape::Table(&SOCKET)),
        "Sockets of the host, by name.",
    ),
    key(
        "dags",
        Section(Kind::Dag, &Shape::Table(&DAG)),
        "The DAGs, by name.",
    ),
    key(
        "policy",
        Shape::Table(&POLICY),
        "What is allowed and forbidden.",
    ),
    key(
        "render",
        Shape::Table(&RENDER),
        "Templates and the files that they make, beside the built-in ones.",
    ),
];

/// Top-level tables that stackgen carries only.
pub(in crate::stackfile) static CARRIED_SECTIONS: &[Field] = &[key(
    "models",
    Map(&Shape::Table(&MODEL)),
    "Language models that Compose runs, by name.",
)
.like(&["{ llm = { model = \"ai/smollm2\" } }"])];

static REST: &[Field] = &[key(
    "overlays",
    Section(Kind::Overlay, &Layered(&Shape::Table(&OVERLAY))),
    "Tables that are merged over the rest by `--overlay NAME`.",
)];

/// `[stack]`.
pub static STACK: Table = Table::new(
    "stack",
    "stack",
    "The stack itself.",
    &[&[
        key("name", Fixed(&Name(Kind::Project)), "The Compose project name, which begins the name of every object; the default is the folder's name."),
        key("description", Fixed(&Text), "What it is for, in one line.").like(&["\"The shop and its database\""]),
        key("compat", Fixed(&Word(&["gentle", "strict"])), "Whether an update in place may leave Compose's hash label behind (`gentle`), so that the next `docker compose up` recreates the container, or the container is recreated at once (`strict`).").or("\"gentle\""),
        key("engine", Fixed(&Word(&["docker"])), "What runs it.").or("\"docker\""),
        key("include", List(&Fixed(&Text)), "Further files of the same language, by path or pattern. All share one namespace, and a name stands once.").like(&["[\"services/*.toml\"]"]),
        key("env_files", List(&Fixed(&Text)), "Files with values for `${…}`; later ones go before earlier ones.").or("[\".env\"]"),
        key("required_version", Fixed(&Text), "The oldest stackgen that understands the file.").like(&["\"0.1\""]),
    ]],
)
.example("[stack]\nname        = \"shop\"\ndescription = \"The shop and its database\"\ninclude     = [\"services/*.toml\"]\n");

/// `[defaults]`.
pub static DEFAULTS: Table = Table::new(
    "defaults",
    "defaults",
    "What lies under everything of a kind.",
    &[&[key(
        "service",
        Layered(&Shape::Table(&SERVICE)),
        "What lies under every service, and under its mixins.",
    )
    .like(&["{ restart = \"always\" }"])]],
)
.example("[defaults.service]\nrestart  = \"always\"\nnetworks = [\"back\"]\n");

/// An overlay.
pub static OVERLAY: Table = Table::new(
    "overlay",
    "an overlay",
    "The same tables again. They are merged over the base before anything else: tables deep, the rest replaced.",
    &[HEAD, SECTIONS, CARRIED_SECTIONS],
)
.example("[overlays.production.services.web]\nports       = { append = [\"443:443\"] }\nenvironment = { LOG_LEVEL = \"warning\", DEBUG = { reset = true } }\n");

/// `[policy]`.
pub static POLICY: Table = Table::new(
    "policy",
    "policy",
    "What is allowed and forbidden.",
    &[&[
        key("sensitive", List(&Fixed(&Text)), "Patterns of paths whose values are secret and print as `***`, beside those with names like PASSWORD or TOKEN.").like(&["[\"services.*.environment.DSN\"]"]),
        key("ignore", List(&Fixed(&Text)), "Paths whose drift is left alone.").like(&["[\"services.web.cpuset\"]"]),
        key("prevent_destroy", List(&Fixed(&Grammar(&grammar::VOLUME_REFERENCE))), "Volumes that are never removed.").like(&["[\"volume:data\"]"]),
        key("lints", Section(Kind::Lint, &Fixed(&Word(&["off", "warn", "fail"]))), "How single diagnostics count, by code. One that is set to `fail` ends `check` with 1 and `apply` with 3.").like(&["{ socket-read-only = \"fail\" }"]),
    ]],
)
.example("[policy]\nprevent_destroy = [\"volume:data\"]\nlints           = { socket-read-only = \"fail\" }\n");

/// `[render]`.
pub static RENDER: Table = Table::new(
    "render",
    "render",
    "Files that templates of the project's own make; docs/templates.md explains what they see.",
    &[&[key(
        "files",
        Map(&Shape::Short(&USER_FILE)),
        "For each path below generated/ the template that makes it. `{name}` in a path stands for the name of the thing.",
    )
    .like(&["{}"])]],
);

/// One file of `[render.files]`.
pub static USER_FILE: Table = Table::new(
    "render_file",
    "a file of [render.files]",
    "A file that a template makes, or one for each thing of a kind.",
    &[&[
        key(
            "template",
            Fixed(&Text),
            "The file name of the template, in the folder templates.",
        )
        .required()
        .like(&["\"site.conf.j2\""]),
        key(
            "for_each",
            Fixed(&Word(&["services", "networks", "volumes", "dags"])),
            "There is one file for each of these.",
        ),
        key("values", Map(&Any), "What the template sees as `values`.")
            .like(&["{ domain = \"example.org\" }"]),
    ]],
);
