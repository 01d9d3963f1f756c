//! The reference platform, on a real engine: stack.toml of this repository, its images and its pipeline.
//!
//! The tests run on a copy in a folder of its own, under a project name of its own, so that a platform that somebody runs from this
//! repository is not touched (but its ports have to be free). `STACKGEN_TEST_NO_DOCKER=1` says that a machine without Docker is meant.

#![expect(
    clippy::disallowed_methods,
    reason = "it copies a project and reads the environment"
)]

#[path = "support/peers.rs"]
mod peers;
mod platform {
    pub(crate) mod docker;
    pub(crate) mod sandbox;
}

use std::collections::{BTreeMap, BTreeSet};

use peers::peers;
use platform::docker::{docker, http, wait_until};
use platform::sandbox::{Sandbox, repository, run, with_docker};
use serde_json::{Value, json};

/// What `apply` starts, in the order of the file; airflow-cli has a profile that is off.
const DAEMONS: [&str; 11] = [
    "postgres",
    "redis",
    "airflow-webserver",
    "airflow-scheduler",
    "airflow-worker",
    "airflow-triggerer",
    "flower",
    "mlflow_service",
    "fastapi",
    "elasticsearch",
    "kibana",
];
const ROWS: u64 = 200;

#[test]
fn what_is_committed_under_generated_is_what_stack_toml_renders() {
    for folder in ["", "examples/quickstart", "examples/templates"] {
        let output = run(&repository().join(folder), &["render", "--check"]);
        assert_eq!(output.code, 0, "{folder}: {output}");
    }
}

#[test]
fn both_generations_of_compose_accept_the_rendered_file() {
    with_docker(|| {
        let sandbox = Sandbox::new();
        sandbox.stackgen(&["render"]).succeeds();
        let command = command_of_header(&sandbox.read("generated/docker-compose.yml"));
        for peer in peers() {
            let mut words = command.clone();
            words.extend(["config", "-q"].map(str::to_owned));
            sandbox.call(&peer.to_string_lossy(), &words).succeeds();
        }
    });
}

#[test]
fn the_rendered_file_differs_from_the_hand_written_one_only_where_it_is_meant_to() {
    with_docker(|| {
        let sandbox = Sandbox::new();
        sandbox.stackgen(&["render"]).succeeds();
        let hand_written = repository().join("examples/platform/images/reference-compose.yml");
        let mut words = vec![
            repository()
                .join("scripts/config_diff.py")
                .to_string_lossy()
                .into_owned(),
            hand_written.to_string_lossy().into_owned(),
            "generated/docker-compose.yml".to_owned(),
        ];
        let folder = sandbox.folder().to_string_lossy().into_owned();
        let generated = sandbox.folder().join("generated");
        for word in [
            "--ignore-name",
            "--json",
            "--env-file",
            ".env",
            "--project-directory",
            &folder,
            "--b-directory",
            &generated.to_string_lossy(),
            "--compose",
            &peers()[0].to_string_lossy(),
        ] {
            words.push(word.to_owned());
        }
        let output = sandbox.call("python3", &words);
        assert!(output.code <= 1, "{output}");
        let differences: Vec<Value> = serde_json::from_str(&output.stdout).expect("it is JSON");
        let found: BTreeSet<String> = differences.iter().flat_map(places_of).collect();
        let intended = intended_differences();
        let is_intended = |place: &String| intended.iter().any(|pattern| fits(pattern, place));
        let others: Vec<&String> = found.iter().filter(|place| !is_intended(place)).collect();
        assert!(others.is_empty(), "not meant: {others:#?}\n{output}");
        let is_stale = |pattern: &&String| !found.iter().any(|place| fits(pattern, place));
        let stale: Vec<&String> = intended.iter().filter(is_stale).collect();
        assert!(stale.is_empty(), "meant, but not so: {stale:#?}");
    });
}

#[test]
fn a_star_stands_for_one_part_of_a_path() {
    for (pattern, place, expected) in [
        ("services.*.secrets", "services.postgres.secrets", true),
        (
            "services.*.secrets",
            "services.postgres.environment.secrets",
            false,
        ),
        ("services.*.secrets", "services.postgres.secrets[0]", false),
        (
            "services.*.volumes -/data",
            "services.a.volumes -/data",
            true,
        ),
        (
            "services.*.volumes -/data",
            "services.a.volumes +/data",
            false,
        ),
        ("secrets", "secrets", true),
        ("secrets", "services.a.secrets", false),
    ] {
        assert_eq!(fits(pattern, place), expected, "{pattern} {place}");
    }
}

/// One test, because each of its steps needs the platform up, and that takes a minute.
#[test]
fn the_platform_comes_up_runs_its_pipeline_and_goes_away() {
    with_docker(|| {
        let sandbox = Sandbox::new();
        sandbox.stackgen(&["apply", "-y", "--wait"]).succeeds();
        everything_is_up(&sandbox);
        no_password_can_be_seen(&sandbox);
        the_ports_answer();
        compose_lists_all(&sandbox);
        a_second_plan_is_empty(&sandbox);
        airflow_takes_the_dag(&sandbox);
        a_changed_environment_recreates_one_service(&sandbox);
        the_pipeline_succeeds(&sandbox);
        a_failing_task_fails_its_dependents_alone(&sandbox);
        nothing_is_left_after_down(&sandbox);
    });
}

fn everything_is_up(sandbox: &Sandbox) {
    let containers = sandbox.containers();
    let names: BTreeSet<&str> = containers.keys().map(String::as_str).collect();
    let mut expected: BTreeSet<&str> = DAEMONS.into();
    expected.insert("airflow-init");
    assert_eq!(names, expected);
    for service in DAEMONS {
        let state = &containers[service]["State"];
        assert_eq!(state["Running"], true, "{service}: {state}");
        assert_eq!(state["Health"]["Status"], "healthy", "{service}: {state}");
    }
    let init = &containers["airflow-init"]["State"];
    assert_eq!(init["Status"], "exited", "{init}");
    assert_eq!(init["ExitCode"], 0, "{init}");
}

fn no_password_can_be_seen(sandbox: &Sandbox) {
    for (service, container) in sandbox.containers() {
        let text = container.to_string();
        for password in sandbox.passwords() {
            assert!(
                !text.contains(password),
                "inspect of {service} shows {password}"
            );
        }
    }
}

fn the_ports_answer() {
    for (port, path) in [
        (8080, "/health"),
        (5555, "/"),
        (5601, "/api/status"),
        (8000, "/health"),
        (5000, "/health"),
        (9200, "/_cluster/health"),
    ] {
        let (status, body) = http("GET", port, path, None);
        assert_eq!(status, 200, "port {port}: {body}");
    }
}

fn compose_lists_all(sandbox: &Sandbox) {
    let mut expected: BTreeSet<&str> = DAEMONS.into();
    expected.insert("airflow-init");
    for peer in peers() {
        let words = [
            "-p",
            sandbox.project(),
            "ps",
            "--all",
            "--format",
            "{{.Service}}",
        ];
        let output = sandbox.call(&peer.to_string_lossy(), &words);
        output.succeeds();
        let listed: BTreeSet<&str> = output.stdout.lines().map(str::trim).collect();
        assert_eq!(listed, expected, "{}", peer.display());
    }
}

fn a_second_plan_is_empty(sandbox: &Sandbox) {
    sandbox.stackgen(&["plan", "--exit-code"]).succeeds();
}

fn airflow_takes_the_dag(sandbox: &Sandbox) {
    let scheduler = sandbox.container_id("airflow-scheduler");
    let airflow = |words: &[&str]| {
        let mut all = vec!["exec", scheduler.as_str(), "airflow", "dags"];
        all.extend(words);
        docker(&all)
    };
    let errors = airflow(&["list-import-errors", "--output", "json"]);
    let errors = errors.lines().last().unwrap_or_default().trim();
    assert!(["[]", "No data found"].contains(&errors), "{errors}");
    wait_until("the scheduler knows the DAG", || {
        airflow(&["list", "--output", "json"]).contains("\"pipeline\"")
    });
}

fn a_changed_environment_recreates_one_service(sandbox: &Sandbox) {
    let before = sandbox.ids();
    sandbox.edit(
        "[services.fastapi]",
        "[services.fastapi]\nenvironment = { GREETING = \"hello\" }",
    );
    let plan = sandbox.stackgen(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 2, "{plan}");
    sandbox.stackgen(&["apply", "-y", "--wait"]).succeeds();
    let after = sandbox.ids();
    let changed: Vec<&String> = after
        .iter()
        .filter(|(service, id)| before.get(*service) != Some(*id))
        .map(|(service, _)| service)
        .collect();
    assert_eq!(changed, ["fastapi"]);
    assert_eq!(after.len(), before.len());
    a_second_plan_is_empty(sandbox);
}

fn the_pipeline_succeeds(sandbox: &Sandbox) {
    let output = sandbox.stackgen(&["dag", "run", "pipeline", "--json"]);
    output.succeeds();
    let run = output.last_line();
    assert_eq!(run["state"], "success", "{output}");
    let tasks = tasks_of(&run);
    assert_eq!(tasks.len(), 5, "{output}");
    for (name, task) in &tasks {
        assert_eq!(task["state"], "success", "{name}: {output}");
    }
    let moment = |task: &str, field: &str| -> jiff::Timestamp {
        let text = tasks[task][field].as_str().expect("a time is text");
        text.parse().expect("it is a time of RFC 3339")
    };
    let three = ["postgre_task", "elastic_task", "mlflow_task"];
    for task in three {
        assert!(
            moment(task, "start") >= moment("scraping_task", "end"),
            "{output}"
        );
    }
    assert!(
        moment("fastapi_task", "start") >= moment("elastic_task", "end"),
        "{output}"
    );
    let last_start = three.iter().map(|task| moment(task, "start")).max();
    let first_end = three.iter().map(|task| moment(task, "end")).min();
    assert!(last_start < first_end, "the three do not overlap: {output}");

    let postgres = sandbox.container_id("postgres");
    let query = [
        "exec",
        &postgres,
        "psql",
        "-U",
        "airflow",
        "-tAc",
        "select count(*) from books",
    ];
    assert_eq!(docker(&query).trim(), ROWS.to_string());
    let (_, counted) = http("GET", 9200, "/books/_count", None);
    let counted: Value = serde_json::from_str(&counted).expect("it is JSON");
    assert_eq!(counted["count"], ROWS);
    let run_id = run["run_id"].as_str().expect("a run id is text");
    let log = sandbox.stackgen(&["dag", "logs", "pipeline", "fastapi_task"]);
    assert!(
        log.stdout.contains("received") && log.stdout.contains(run_id),
        "{log}"
    );
    mlflow_has(run_id);
}

fn mlflow_has(run_id: &str) {
    let (_, experiment) = http(
        "GET",
        5000,
        "/api/2.0/mlflow/experiments/get-by-name?experiment_name=books",
        None,
    );
    let experiment: Value = serde_json::from_str(&experiment).expect("it is JSON");
    let query = json!({"experiment_ids": [experiment["experiment"]["experiment_id"]]}).to_string();
    let (_, found) = http("POST", 5000, "/api/2.0/mlflow/runs/search", Some(&query));
    let found: Value = serde_json::from_str(&found).expect("it is JSON");
    let run = found["runs"]
        .as_array()
        .expect("there are runs")
        .iter()
        .find(|run| run["info"]["run_name"] == run_id)
        .unwrap_or_else(|| panic!("no run {run_id} in {found}"));
    assert_eq!(run["info"]["status"], "FINISHED");
    let metrics = run["data"]["metrics"]
        .as_array()
        .expect("there are metrics");
    let books = metrics.iter().find(|metric| metric["key"] == "books");
    assert_eq!(
        books.expect("books were counted")["value"].as_f64(),
        Some(ROWS as f64)
    );
}

fn a_failing_task_fails_its_dependents_alone(sandbox: &Sandbox) {
    let before = sandbox.ids();
    sandbox.edit(
        "command = [\"load-elastic\"]",
        "command = [\"sh\", \"-c\", \"echo no such shelf; exit 3\"]",
    );
    sandbox.edit("retries           = 2", "retries           = 1");
    sandbox.edit("retry_delay       = \"30s\"", "retry_delay       = \"1s\"");
    let output = sandbox.stackgen(&["dag", "run", "pipeline", "--json"]);
    assert_eq!(output.code, 1, "{output}");
    let run = output.last_line();
    assert_eq!(run["state"], "failed", "{output}");
    let tasks = tasks_of(&run);
    let states: BTreeMap<&str, &str> = tasks
        .iter()
        .map(|(name, task)| {
            (
                name.as_str(),
                task["state"].as_str().expect("a state is text"),
            )
        })
        .collect();
    let expected = BTreeMap::from([
        ("scraping_task", "success"),
        ("postgre_task", "success"),
        ("elastic_task", "failed"),
        ("mlflow_task", "success"),
        ("fastapi_task", "upstream_failed"),
    ]);
    assert_eq!(states, expected, "{output}");
    assert_eq!(tasks["elastic_task"]["attempts"], 2, "{output}");
    let log = sandbox.stackgen(&["dag", "logs", "pipeline", "elastic_task"]);
    assert!(log.stdout.contains("no such shelf"), "{log}");
    assert_eq!(sandbox.ids(), before, "a run leaves the services alone");

    let words = sandbox.stackgen(&["dag", "run", "pipeline"]);
    assert_eq!(words.code, 1, "{words}");
    let shown = format!("{}{}", words.stdout, words.stderr);
    assert!(
        shown.contains("no such shelf"),
        "the log is not shown: {words}"
    );
}

fn nothing_is_left_after_down(sandbox: &Sandbox) {
    let volumes = sandbox.listed("volume");
    let nameless = sandbox.nameless_volumes();
    sandbox.stackgen(&["down"]).succeeds();
    assert!(sandbox.containers().is_empty());
    assert!(sandbox.listed("network").is_empty());
    assert_eq!(
        sandbox.listed("volume"),
        volumes,
        "down leaves volumes alone"
    );
    // Those of images too. They carry no label by which the guard could find them.
    assert!(!nameless.is_empty(), "the image of redis declares a volume");
    for volume in &nameless {
        docker(&["volume", "rm", volume]);
    }
}

/// Returns the command that the rendered file's header gives, without `docker compose` itself.
fn command_of_header(text: &str) -> Vec<String> {
    let line = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(|line| line.split_once("docker compose "))
        .expect("the header gives a command")
        .1;
    let words = line
        .split_whitespace()
        .map(|word| word.trim_matches(['`', '…']));
    let known = words
        .take_while(|word| !["up", "config", "ARGS", "..."].contains(word) && !word.is_empty());
    known.map(str::to_owned).collect()
}

/// Reads the patterns of the places at which the two compose files differ on purpose.
fn intended_differences() -> BTreeSet<String> {
    let list = repository().join("examples/platform/images/intended-differences.txt");
    let text = std::fs::read_to_string(list).expect("the list can be read");
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Returns where a difference is: its path, and in a list of mounts a place for each mount that only one side has.
fn places_of(difference: &Value) -> Vec<String> {
    let at = difference["at"].as_str().expect("at is text");
    let targets = |side: &str| -> Option<Vec<String>> {
        let mounts = difference[side].as_array()?.iter();
        mounts
            .map(|mount| Some(mount.get("target")?.as_str()?.to_owned()))
            .collect()
    };
    match (targets("a"), targets("b")) {
        (Some(a), Some(b)) => {
            let only_a = a.iter().map(|target| format!("{at} -{target}"));
            only_a
                .chain(b.iter().map(|target| format!("{at} +{target}")))
                .collect()
        }
        _ => vec![at.to_owned()],
    }
}

/// Returns whether a place fits a pattern, in which `*` stands for anything without a dot.
fn fits(pattern: &str, place: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == place,
        Some((before, after)) => place.strip_prefix(before).is_some_and(|rest| {
            let end = rest.find('.').unwrap_or(rest.len());
            (0..=end)
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| fits(after, &rest[at..]))
        }),
    }
}

fn tasks_of(run: &Value) -> BTreeMap<String, Value> {
    run["tasks"]
        .as_array()
        .expect("there are tasks")
        .iter()
        .map(|task| {
            (
                task["task"].as_str().expect("a name is text").to_owned(),
                task.clone(),
            )
        })
        .collect()
}
