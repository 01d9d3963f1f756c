//! DAGs without any engine.

use crate::command::{Folder, GOOD};

#[test]
fn dags_and_their_next_fires_are_listed_as_json() {
    let folder = Folder::new(GOOD);
    let list = folder.run(&["dag", "list", "--json"]).ends(0).json();
    assert_eq!(list[0]["dag"], "local");
    assert_eq!(list[0]["schedule"], "30 1 * * *");
    assert_eq!(list[0]["tasks"], serde_json::json!(["first", "second"]));
    let next = [
        "dag",
        "next",
        "local",
        "--from",
        "2026-03-29T01:30:00Z",
        "-n",
        "2",
        "--json",
    ];
    let fires = folder.run(&next).ends(0).json();
    assert_eq!(
        fires,
        serde_json::json!(["2026-03-29T01:30:00Z", "2026-03-30T01:30:00Z"])
    );
}

#[test]
fn a_dag_of_bash_tasks_runs_without_an_engine() {
    let folder = Folder::new(GOOD);
    let ran = folder.run(&["dag", "run", "local", "--json"]).ends(0);
    let last = ran.stdout.lines().last().expect("a line");
    let result: serde_json::Value = serde_json::from_str(last).expect(last);
    assert_eq!(result["dag"], "local");
    assert_eq!(result["state"], "success");
    assert_eq!(result["tasks"][1]["task"], "second");
    assert_eq!(result["tasks"][1]["state"], "success");
    assert_eq!(result["tasks"][1]["attempts"], 1);
    let run = result["run_id"].as_str().expect("a run id");
    let log = folder.run(&["dag", "logs", "local", "first"]).ends(0);
    assert_eq!(log.stdout, format!("first of {run}\n"));
    let status = folder
        .run(&["dag", "status", "local", "--json"])
        .ends(0)
        .json();
    assert_eq!(status[0]["run_id"], run);
}

#[test]
fn a_task_that_fails_ends_the_run_with_1_and_its_dependents_are_not_run() {
    let folder = Folder::new(GOOD);
    let ran = folder.run(&["dag", "run", "broken", "--json"]).ends(1);
    let last = ran.stdout.lines().last().expect("a line");
    let result: serde_json::Value = serde_json::from_str(last).expect(last);
    assert_eq!(result["state"], "failed");
    let states: Vec<_> = result["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| task["state"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(states, ["failed", "upstream_failed", "success"]);
    let words = folder.run(&["dag", "run", "broken"]).ends(1);
    let all = words.stdout + &words.stderr;
    assert!(all.contains("exit code 7"), "{all}");
    assert!(all.contains("so it goes"), "the log is shown: {all}");
}

#[test]
fn a_run_that_is_interrupted_ends_with_130_and_is_cancelled() {
    let folder = Folder::new("[stack]\nname = \"d\"\n[dags.long.tasks.a]\nbash = \"sleep 60\"\n");
    let child = folder
        .command(&["dag", "run", "long", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    let journal = folder.path().join(".stackgen/logs");
    let began = std::time::Instant::now();
    while !journal.exists() {
        assert!(began.elapsed().as_secs() < 20, "the run has begun");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = child.id().to_string();
    std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("kill");
    let output = child.wait_with_output().expect("it ends");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{stdout}");
    assert!(
        began.elapsed().as_secs() < 30,
        "it did not wait for the task"
    );
    assert!(stdout.contains("\"cancelled\""), "{stdout}");
}

#[test]
fn a_failed_run_says_how_to_look_and_to_go_on_and_a_retry_does() {
    let folder = Folder::new(GOOD);
    let failed = folder.run(&["dag", "run", "broken"]).ends(1);
    for line in [
        "  whole log    stackgen dag logs broken ",
        "  once more    stackgen dag retry broken ",
        "      exit code 1",
    ] {
        assert!(failed.stderr.contains(line), "{line}: {}", failed.stderr);
    }
    let retry = failed
        .stderr
        .lines()
        .find_map(|line| line.trim().strip_prefix("once more    stackgen "))
        .and_then(|line| line.split("   ").next())
        .expect("the command");
    let words: Vec<&str> = retry.split(' ').chain(["--json"]).collect();
    let again = folder.run(&words).ends(1);
    let last = again.stdout.lines().last().expect("a line");
    let run: serde_json::Value = serde_json::from_str(last).expect(last);
    assert_eq!(run["tasks"][0]["attempts"], 2, "{run}");
    assert_eq!(run["tasks"][2]["attempts"], 1, "{run}");
    folder.run(&["dag", "retry", "broken", "nope"]).ends(64);
}

#[test]
fn render_names_what_an_airflow_worker_lacks_and_nothing_else() {
    const AIRFLOW: &str = r#"
[stack]
name = "d"
[services.worker]
image = "apache/airflow:2.10.5"
environment = { AIRFLOW__CORE__EXECUTOR = "CeleryExecutor", HAS = "1" }
[dags.d.tasks.a]
docker = { image = "busybox:1.36", command = ["echo", "${HAS}", "${LACKS}"] }
"#;
    let lines = |text: &str| {
        let folder = Folder::new(text);
        let words = folder.run(&["render"]).ends(0).stderr;
        let warnings = words.lines().filter(|line| line.starts_with("warning:"));
        warnings.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(AIRFLOW),
        ["warning: in Airflow, d needs LACKS in the environment of the worker"]
    );
    let without = AIRFLOW.replace("AIRFLOW__CORE__EXECUTOR", "OTHER");
    assert!(lines(&without).is_empty(), "nobody's Airflow is meant");
}
