//! DAGs and their tasks.

use super::container::CONTAINER;
use super::grammar;
use super::service::{CARRIED, MIXINS};
use super::table::{key, names};
use super::{Field, Kind, Shape, Table};

use Shape::{
    Any, Array, Command, Date, Duration, Either, Fixed, Flag, Grammar, Layered, List, Loose, Map,
    Name, Names, Number, Range, Section, Text, Word,
};

/// A number from 0 on that cannot depend on a variable.
const NATURAL: Shape = Fixed(&Range(0, u32::MAX as i64));

/// A DAG.
pub static DAG: Table = Table::new(
    "dag",
    "a DAG",
    "Tasks in the order of their dependencies, by hand or on a schedule. Words and defaults are Airflow's.",
    &[
        &[
            key("description", Fixed(&Text), "What it is for, in one line.").like(&["\"Scrape, load and index\""]),
            key("schedule", Fixed(&Grammar(&grammar::CRON)), "When it runs: a cron expression of five fields or a preset. Without it and `every`, only by hand."),
            key("every", Fixed(&Duration), "The time between two runs, in place of `schedule`.").like(&["\"15m\""]),
            key("timezone", Fixed(&Grammar(&grammar::TIMEZONE)), "The IANA time zone that `schedule` and the dates are in.").or("\"UTC\""),
            key("start_date", Date, "The first moment for which it runs; a local date, or date and time.").like(&["2026-01-31", "2026-01-31T06:00:00"]),
            key("end_date", Date, "The last moment for which it runs.").like(&["2026-12-31"]),
            key("catchup", Fixed(&Flag), "Whether runs that were missed are made up for.").or("false"),
            key("max_active_runs", NATURAL, "How many runs there may be at once.").or("16"),
            key("max_active_tasks", NATURAL, "How many tasks of a run there may be at once.").or("16"),
            key("runner", Fixed(&Word(&["stackgen", "airflow"])), "Who runs it on schedule: `stackgen watch`, or the Airflow that reads the rendered DAG file.").or("\"stackgen\""),
            key("tags", List(&Fixed(&Text)), "Words to find it by in Airflow.").like(&["[\"daily\"]"]),
            key("params", Map(&Any), "Values that templates in tasks can use as `params.NAME`, and that a run can be given others for.").like(&["{ limit = 100 }"]),
            key("tasks", Section(Kind::Task, &Layered(&Shape::Table(&TASK))), "The tasks, by name.").like(&["{ load = { bash = \"./load.sh\" } }"]),
            key("default_args", Shape::Table(&DEFAULT_ARGS), "What lies under every task."),
        ],
    ],
)
.exclusive(&[&["schedule", "every"]])
.unsupported(&["dagrun_timeout"])
.example(
    "[dags.pipeline]\nschedule = \"0 6 * * *\"\ntimezone = \"Europe/Paris\"\ndefault_args = { retries = 2 }\n\n[dags.pipeline.tasks.scrape]\ndocker = { image = \"scraper:1\", command = [\"scrape\"] }\n\n[dags.pipeline.tasks.load]\nafter = [\"scrape\"]\nneeds = { database = \"healthy\" }\nexec  = { service = \"database\", command = [\"psql\", \"-f\", \"/load.sql\"] }\n",
);

/// What lies under every task of a DAG.
pub static DEFAULT_ARGS: Table = Table::new(
    "default_args",
    "default_args",
    "What lies under every task of the DAG. Dates among it are the DAG's own.",
    &[TASK_FIELDS, DAG_ARGS],
)
.exclusive(&[KINDS])
.unsupported(UNSUPPORTED_TASK);

static DAG_ARGS: &[Field] = &[
    key("start_date", Date, "As in the DAG, which goes before it.").like(&["2026-01-31"]),
    key("end_date", Date, "As in the DAG, which goes before it.").like(&["2026-12-31"]),
];

/// The kinds of tasks.
const KINDS: &[&str] = &["docker", "exec", "bash", "http"];

/// What Airflow knows of tasks and stackgen cannot do yet.
const UNSUPPORTED_TASK: &[&str] = &["depends_on_past", "pool", "pool_slots", "params"];

/// A task.
pub static TASK: Table = Table::new(
    "task",
    "a task",
    "A task of a DAG: one of `docker`, `exec`, `bash` and `http`, and when and how often it is tried.",
    &[TASK_FIELDS],
)
.exclusive(&[KINDS])
.unsupported(UNSUPPORTED_TASK);

static TASK_FIELDS: &[Field] = &[
    key(
        "after",
        List(&Name(Kind::Task)),
        "Tasks that have to end before it; `trigger_rule` says how.",
    )
    .like(&["[\"extract\"]"]),
    key(
        "needs",
        Either(&[
            Array(&Name(Kind::Service)),
            Section(Kind::Service, &Fixed(&Word(super::service::CONDITIONS))),
        ]),
        "Services that have to be started, healthy or completed before it starts.",
    )
    .like(&["{ database = \"healthy\" }", "[\"database\"]"]),
    key(
        "docker",
        Layered(&Shape::Table(&DOCKER_TASK)),
        "Runs a container of its own, on the stack's networks.",
    )
    .like(&["{ image = \"scraper:1\", command = [\"scrape\"] }"]),
    key(
        "exec",
        Shape::Table(&EXEC_TASK),
        "Runs a command in a running service.",
    )
    .like(&["{ service = \"web\", command = [\"./reindex\"] }"]),
    key(
        "bash",
        Either(&[Text, Shape::Table(&BASH_TASK)]),
        "Runs a shell command on the host, by `bash -c`. Exit code 99 skips.",
    )
    .like(&[
        "\"./backup.sh\"",
        "{ command = \"./backup.sh\", cwd = \"scripts\" }",
    ]),
    key("http", Shape::Table(&HTTP_TASK), "Sends an HTTP request.")
        .like(&["{ url = \"http://web:8000/health\", network = \"back\" }"]),
    key("owner", Fixed(&Text), "Who answers for it, in Airflow.").or("\"airflow\""),
    key(
        "retries",
        NATURAL,
        "How often it is tried again after a failure.",
    )
    .or("0"),
    key(
        "retry_delay",
        Fixed(&Duration),
        "The time before another try.",
    )
    .or("\"5m\""),
    key(
        "retry_exponential_backoff",
        Fixed(&Flag),
        "Whether that time doubles with each try.",
    )
    .or("false"),
    key(
        "max_retry_delay",
        Fixed(&Duration),
        "The most that it may become.",
    )
    .like(&["\"1h\""]),
    key(
        "execution_timeout",
        Fixed(&Duration),
        "How long a try may take; without it there is no limit.",
    )
    .like(&["\"30m\""]),
    key(
        "trigger_rule",
        Fixed(&Word(&[
            "all_success",
            "all_failed",
            "all_done",
            "all_done_min_one_success",
            "all_skipped",
            "one_success",
            "one_failed",
            "one_done",
            "none_failed",
            "none_failed_min_one_success",
            "none_skipped",
            "always",
        ])),
        "How the tasks in `after` have to have ended.",
    )
    .or("\"all_success\""),
    key(
        "priority_weight",
        NATURAL,
        "Of the tasks that may start, the one with the most weight starts first.",
    )
    .or("1"),
    key(
        "skip_on_exit_code",
        Either(&[Fixed(&Number), List(&Fixed(&Number))]),
        "Exit codes that mean skipped, not failed; the default is none, and 99 for `bash`.",
    )
    .like(&["99", "[3, 99]"]),
    key("description", Fixed(&Text), "What it is for, for people.")
        .like(&["\"Loads what was scraped\""]),
];

/// The names of what a service carries and a task cannot have.
static BEYOND: [&str; CARRIED_COUNT] = names(CARRIED);
const CARRIED_COUNT: usize = 23;

/// A task that runs a container of its own.
pub static DOCKER_TASK: Table = Table::new(
    "docker_task",
    "a docker task",
    "A container of its own for a task, with the keys of a service that concern a container. Keys of mixins that only services have are left out.",
    &[CONTAINER, &[MIXINS]],
)
.exclusive(&[&["networks", "network_mode"]])
.unsupported(&BEYOND);

/// A task that runs a command in a running service.
pub static EXEC_TASK: Table = Table::new(
    "exec_task",
    "an exec task",
    "A command in a running service.",
    &[&[
        key("service", Fixed(&Name(Kind::Service)), "The service.").required(),
        key("command", Command, "The command.")
            .required()
            .like(&["[\"./reindex\"]", "\"./reindex\""]),
        key(
            "environment",
            Names(&Loose),
            "Environment variables beside the container's.",
        ),
        key(
            "user",
            Text,
            "The user that runs it; the default is the container's.",
        )
        .like(&["\"postgres\""]),
        key(
            "working_dir",
            Text,
            "The directory that it runs in; the default is the container's.",
        )
        .like(&["\"/app\""]),
    ]],
);

/// A task that runs a shell command on the host.
pub static BASH_TASK: Table = Table::new(
    "bash_task",
    "a bash task",
    "A shell command on the host.",
    &[&[
        key("command", Text, "The command.")
            .required()
            .like(&["\"./backup.sh\""]),
        key(
            "env",
            Map(&Loose),
            "Environment variables beside stackgen's own.",
        ),
        key(
            "cwd",
            Text,
            "The folder that it runs in; the default is stack.toml's.",
        )
        .like(&["\"scripts\""]),
    ]],
);

/// A task that sends an HTTP request.
pub static HTTP_TASK: Table = Table::new(
    "http_task",
    "an http task",
    "An HTTP request.",
    &[&[
        key("url", Text, "The address.").required().like(&["\"http://web:8000/health\""]),
        key("method", Text, "The method.").or("\"GET\""),
        key("headers", Map(&Loose), "Headers of the request.").like(&["{ Accept = \"application/json\" }"]),
        key("json", Any, "The body, sent as JSON; `{ null = true }` is null.").like(&["{ full = true }"]),
        key("body", Text, "The body, as it is."),
        key("expect", Either(&[Fixed(&Range(100, 599)), List(&Fixed(&Range(100, 599)))]), "Statuses that mean success; the default is every one from 200 to 299.").like(&["200", "[200, 404]"]),
        key("timeout", Fixed(&Duration), "How long it may take.").or("\"60s\""),
        key("network", Fixed(&Name(Kind::Network)), "The network from which it is sent, so that the names of services can be used; absent, the host."),
    ]],
)
.exclusive(&[&["json", "body"]]);
