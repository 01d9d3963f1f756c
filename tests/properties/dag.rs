//! DAGs, with tasks of every kind.

use crate::container::{CONTAINER, LIMITS, plain_mounts};
use crate::maker::*;
use crate::texts;
use crate::tree::Tree;

/// Makes a DAG.
pub fn dag(m: &mut Maker) -> Tree {
    let mut dag = m.table(
        30,
        &[
            ("description", fixed_text),
            ("timezone", |m| m.word(&["UTC", "Europe/Paris"])),
            ("start_date", date),
            ("end_date", date),
            ("catchup", fixed_flag),
            ("max_active_runs", fixed_number),
            ("max_active_tasks", fixed_number),
            ("runner", |m| m.word(&["stackgen", "airflow"])),
            ("tags", |m| m.list(2, fixed_text)),
            ("params", |m| m.map(texts::name_or_word, anything_of_json)),
            ("default_args", default_args),
        ],
    );
    match m.dice.below(3) {
        0 => dag.put(
            "schedule",
            m.word(&["0 6 * * *", "*/5 * * * 1-5", "@daily"]),
        ),
        1 => dag.put("every", fixed_duration(m)),
        _ => {}
    }
    // What lies under every task can be of one kind only if all tasks are.
    let kind = m.dice.percent(25).then(|| m.dice.below(KINDS.len()));
    if let (Some(kind), Some(Tree::Table(_))) = (kind, dag.get("default_args")) {
        let lowest = default_kind(m, kind);
        let default_args = dag.get_mut("default_args").unwrap();
        default_args.put(KINDS[kind], lowest);
    }
    m.tasks.clear();
    let mut tasks = Tree::Table(Vec::new());
    for _ in 0..m.dice.within(1, 3) {
        let name = texts::name(&mut m.dice);
        if tasks.get(&name).is_none() {
            tasks.put(&name, task(m, kind));
            m.tasks.push(name);
        }
    }
    dag.put("tasks", tasks);
    dag
}

fn date(m: &mut Maker) -> Tree {
    match m.dice.below(3) {
        0 => Tree::Date("2024-01-31".to_owned()),
        1 => Tree::Date("2024-01-31T06:00:00".to_owned()),
        _ => Tree::text("2024-02-29"),
    }
}

const TASK: &[Field] = &[
    ("owner", fixed_text),
    ("retries", fixed_number),
    ("retry_delay", fixed_duration),
    ("retry_exponential_backoff", fixed_flag),
    ("max_retry_delay", fixed_duration),
    ("execution_timeout", fixed_duration),
    ("trigger_rule", |m| {
        m.word(&[
            "all_success",
            "all_failed",
            "all_done",
            "one_success",
            "none_failed",
            "none_skipped",
            "always",
        ])
    }),
    ("priority_weight", fixed_number),
    ("skip_on_exit_code", |m| match m.dice.below(3) {
        0 => Tree::Whole(99),
        1 => Tree::List(Vec::new()),
        _ => Tree::List(vec![Tree::Whole(3), Tree::Whole(-1)]),
    }),
    ("description", fixed_text),
];

/// What lies under every task.
fn default_args(m: &mut Maker) -> Tree {
    let mut lowest = m.table(40, TASK);
    let more: &[Field] = &[
        ("owner", strange),
        ("description", strange),
        ("start_date", date),
        ("end_date", date),
        ("needs", |m| {
            let name = m.name_of(&m.services.clone());
            Tree::List(vec![Tree::Text(name)])
        }),
    ];
    lowest.remove("owner");
    lowest.remove("description");
    for (key, value) in m.table(30, more).entries() {
        lowest.put(key, value.clone());
    }
    lowest
}

const KINDS: [&str; 4] = ["docker", "exec", "bash", "http"];

/// What lies under every task of this kind.
fn default_kind(m: &mut Maker, kind: usize) -> Tree {
    if KINDS[kind] == "bash" && m.dice.percent(70) {
        return word_or_strange(m);
    }
    let fields: &[Field] = match KINDS[kind] {
        "docker" => &[("user", text), ("environment", names)],
        "exec" => &[("user", text), ("working_dir", text)],
        "bash" => &[("env", options), ("cwd", path)],
        _ => &[("timeout", fixed_duration), ("headers", options)],
    };
    m.table(60, fields)
}

fn task(m: &mut Maker, kind: Option<usize>) -> Tree {
    let mut task = m.table(15, TASK);
    if !m.tasks.is_empty() && m.dice.percent(60) {
        let name = m.name_of(&m.tasks.clone());
        task.put("after", Tree::List(vec![Tree::Text(name)]));
    }
    let services = m.services.clone();
    if m.dice.percent(25) {
        let name = m.name_of(&services);
        let needs = if m.dice.percent(40) {
            Tree::List(vec![Tree::Text(name)])
        } else {
            Tree::Table(vec![(name, m.word(&["started", "service_started"]))])
        };
        task.put("needs", needs);
    }
    match kind.unwrap_or_else(|| m.dice.below(KINDS.len())) {
        0 => task.put("docker", docker(m)),
        1 => {
            let service = Tree::Text(m.name_of(&services));
            let mut exec = Tree::table([("service", service), ("command", command(m))]);
            let more: &[Field] = &[
                ("environment", names),
                ("user", text),
                ("working_dir", text),
            ];
            for (key, value) in m.table(40, more).entries() {
                exec.put(key, value.clone());
            }
            task.put("exec", exec);
        }
        2 => task.put("bash", bash(m)),
        _ => task.put("http", http(m)),
    }
    task
}

fn docker(m: &mut Maker) -> Tree {
    let mut docker = Tree::table([("image", image(m))]);
    for (key, value) in m.table(6, CONTAINER).entries() {
        let is_mounts = key == "volumes";
        let value = if is_mounts {
            plain_mounts(m)
        } else {
            value.clone()
        };
        docker.put(key, value);
    }
    for (key, value) in m.table(6, LIMITS).entries() {
        docker.put(key, value.clone());
    }
    if m.dice.percent(8) {
        let mode = m.word(&["host", "none", "bridge"]);
        docker.put("network_mode", mode);
        return docker;
    }
    if !m.networks.is_empty() && m.dice.percent(30) {
        let name = m.name_of(&m.networks.clone());
        docker.put("networks", Tree::List(vec![Tree::Text(name)]));
    }
    docker
}

fn bash(m: &mut Maker) -> Tree {
    if m.dice.percent(30) {
        return text(m);
    }
    let mut bash = Tree::table([("command", text(m))]);
    for (key, value) in m.table(40, &[("env", options), ("cwd", path)]).entries() {
        bash.put(key, value.clone());
    }
    bash
}

fn http(m: &mut Maker) -> Tree {
    let mut http = Tree::table([("url", text(m))]);
    let more: &[Field] = &[
        ("method", text),
        ("headers", options),
        ("expect", |m| {
            if m.dice.percent(30) {
                Tree::Whole(200)
            } else {
                Tree::List(vec![Tree::Whole(200), Tree::Whole(404)])
            }
        }),
        ("timeout", fixed_duration),
    ];
    for (key, value) in m.table(40, more).entries() {
        http.put(key, value.clone());
    }
    match m.dice.below(3) {
        0 => http.put("json", anything_of_json(m)),
        1 => http.put("body", text(m)),
        _ => {}
    }
    if !m.networks.is_empty() && m.dice.percent(30) {
        let name = m.name_of(&m.networks.clone());
        http.put("network", Tree::Text(name));
    }
    http
}

/// Any value that JSON has.
fn anything_of_json(m: &mut Maker) -> Tree {
    match m.dice.below(9) {
        0 => Tree::Null,
        1 => m.list(2, anything_of_json),
        2 => m.map(texts::name_or_word, anything_of_json),
        3 => loose(m),
        4 => Tree::Whole(i64::MIN + m.dice.below(3) as i64),
        _ => text(m),
    }
}
