//! Runs that nobody disturbs.

use std::time::{Duration, Instant};

use crate::bench::{Bench, states, time};
use crate::support::is_left_out;

const KINDS: &str = r#"
[dags.kinds.tasks.box]
docker = { image = "busybox:1.36", command = ["sh", "-c", "echo one; echo two >&2"], networks = ["back"] }
[dags.kinds.tasks.inside]
after = ["box"]
exec = { service = "worker", command = ["echo", "inside of {{ dag.dag_id }}"] }
[dags.kinds.tasks.here]
after = ["box"]
bash = "echo here"
[dags.kinds.tasks.ask]
after = ["inside", "here"]
needs = { web = "healthy" }
http = { url = "http://web:8000/cgi-bin/ask", method = "POST", body = "hello" }
"#;

#[test]
fn every_kind_of_task_runs_and_only_missing_services_are_started() {
    if is_left_out("kinds") {
        return;
    }
    let bench = Bench::new(KINDS);
    bench.run(&["apply", "-y", "bystander"], 0);
    let before = bench.services();
    assert_eq!(before.len(), 1, "{before:?}");

    let refused = bench.run(&["dag", "run", "kinds", "--no-start"], 3);
    assert!(refused.words.contains("web"), "{refused:?}");
    assert!(refused.words.contains("worker"), "{refused:?}");
    assert_eq!(bench.services(), before, "nothing was started");

    let run = bench.run(&["dag", "run", "kinds", "--json"], 0).result();
    assert_eq!(
        states(&run),
        "box success 1, inside success 1, here success 1, ask success 1"
    );
    let after = bench.services();
    let names: Vec<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["bystander", "store", "web", "worker"],
        "web's dependency too"
    );
    assert_eq!(after[0], before[0], "the bystander was left alone");
    assert!(bench.task_containers().is_empty());

    let mut lines: Vec<String> = log(&bench, "box").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["one", "two"], "each line once");
    assert_eq!(log(&bench, "inside"), "inside of kinds\n");
    assert_eq!(log(&bench, "here"), "here\n");
    let answer = log(&bench, "ask");
    assert!(
        answer.contains("host=web:8000 method=POST body=hello"),
        "{answer}"
    );

    // A service that has drifted is used as it is.
    let drifted = bench.text().replace(
        "[services.web]\n",
        "[services.web]\nlabels = { new = \"1\" }\n",
    );
    bench.save(&drifted);
    bench.run(&["dag", "run", "kinds", "--no-start"], 0);
    assert_eq!(bench.services(), after, "nothing was recreated or stopped");
}

fn log(bench: &Bench, task: &str) -> String {
    bench.run(&["dag", "logs", "kinds", task], 0).out
}

const WIDE: &str = r#"
[dags.wide.tasks.first]
docker = { image = "busybox:1.36", command = ["true"] }
[dags.wide.tasks.left]
after = ["first"]
docker = { image = "busybox:1.36", command = ["sleep", "3"] }
[dags.wide.tasks.middle]
after = ["first"]
docker = { image = "busybox:1.36", command = ["sleep", "3"] }
[dags.wide.tasks.right]
after = ["first"]
docker = { image = "busybox:1.36", command = ["sleep", "3"] }
[dags.wide.tasks.last]
after = ["left", "middle", "right"]
bash = "true"
"#;

#[test]
fn tasks_of_one_level_run_side_by_side_and_the_next_level_waits_for_all() {
    if is_left_out("order") {
        return;
    }
    let bench = Bench::new(WIDE);
    let run = bench.run(&["dag", "run", "wide", "--json"], 0).result();
    let tasks = run["tasks"].as_array().expect("tasks");
    let spans: Vec<_> = tasks
        .iter()
        .map(|task| (time(&task["start"]), time(&task["end"])))
        .collect();
    let [first, left, middle, right, last] = spans[..] else {
        panic!("{run}")
    };
    let side = [left, middle, right];
    let last_start = side.iter().map(|span| span.0).max().expect("three");
    let first_end = side.iter().map(|span| span.1).min().expect("three");
    let last_end = side.iter().map(|span| span.1).max().expect("three");
    assert!(last_start < first_end, "all three at once: {run}");
    assert!(side.iter().all(|span| span.0 >= first.1), "{run}");
    assert!(last.0 >= last_end, "{run}");
}

const FAILING: &str = r#"
[dags.failing.tasks.bad]
retries = 2
retry_delay = "1s"
docker = { image = "busybox:1.36", command = ["sh", "-c", "echo try {{ ti.try_number }} says no; exit 4"] }
[dags.failing.tasks.after]
after = ["bad"]
bash = "touch after"
[dags.failing.tasks.beside]
bash = "true"
[dags.failing.tasks.cleanup]
after = ["bad"]
trigger_rule = "all_done"
bash = "true"
"#;

#[test]
fn a_docker_task_that_fails_is_tried_again_after_its_delay_and_each_try_keeps_its_log() {
    if is_left_out("failure") {
        return;
    }
    let bench = Bench::new(FAILING);
    let told = bench.run(&["dag", "run", "failing", "--json"], 1);
    assert_eq!(
        states(&told.result()),
        "bad failed 3, after upstream_failed 0, beside success 1, cleanup success 1"
    );
    assert!(!bench.path("after").exists());
    let of_bad = |event: &str| {
        let is = |line: &serde_json::Value| line["event"] == event && line["task"] == "bad";
        let mut events = told.events();
        events.retain(is);
        events
    };
    let (starts, ends) = (of_bad("attempt_started"), of_bad("attempt_finished"));
    assert_eq!((starts.len(), ends.len()), (3, 3));
    for (end, start) in ends.iter().zip(&starts[1..]) {
        assert_eq!(end["message"], "exit code 4");
        let pause = time(&start["at"]).duration_since(time(&end["at"]));
        assert!(pause.as_millis() >= 1000, "{pause}");
    }
    for number in ["1", "2", "3"] {
        let log = bench.run(&["dag", "logs", "failing", "bad", "--try", number], 0);
        assert_eq!(log.out, format!("try {number} says no\n"));
    }
    assert!(bench.task_containers().is_empty());

    let words = bench.run(&["dag", "run", "failing"], 1).words;
    for part in ["exit code 4", "try 3 says no", "dag logs failing bad"] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

const SLOW: &str = r#"
[dags.slow.tasks.box]
execution_timeout = "3s"
docker = { image = "busybox:1.36", command = ["sleep", "4321"], init = true }
[dags.slow.tasks.inside]
execution_timeout = "3s"
exec = { service = "worker", command = ["sh", "-c", "echo begun; sleep 4322; echo not reached"] }
"#;

#[test]
fn what_takes_longer_than_it_may_is_stopped_inside_its_container_too() {
    if is_left_out("timeout") {
        return;
    }
    let bench = Bench::new(SLOW);
    bench.run(&["apply", "-y", "worker"], 0);
    let begun = Instant::now();
    let told = bench.run(&["dag", "run", "slow", "--json"], 1);
    assert!(begun.elapsed() < Duration::from_secs(40));
    assert_eq!(states(&told.result()), "box failed 1, inside failed 1");
    assert!(told.out.contains("execution_timeout of 3s"), "{told:?}");
    assert!(bench.task_containers().is_empty());
    let processes = bench.processes("worker");
    assert!(processes.contains("infinity"), "{processes}");
    assert!(!processes.contains("432"), "{processes}");
    let log = bench.run(&["dag", "logs", "slow", "inside"], 0);
    assert_eq!(log.out, "begun\n");
}

const NO_SHELL: &str = r#"
[services.bare]
command = ["sh", "-c", "rm /bin/sh; exec sleep infinity"]
[dags.bare.tasks.inside]
execution_timeout = "2s"
exec = { service = "bare", command = ["sleep", "4323"] }
"#;

#[test]
fn where_the_image_has_no_shell_the_process_is_stopped_from_the_host() {
    // Only root may signal the processes of root.
    if is_left_out("no shell") || !rustix::process::geteuid().is_root() {
        return;
    }
    let bench = Bench::new(NO_SHELL);
    bench.run(&["dag", "run", "bare"], 1);
    let processes = bench.processes("bare");
    assert!(processes.contains("infinity"), "{processes}");
    assert!(!processes.contains("4323"), "{processes}");
}
