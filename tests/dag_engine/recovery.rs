//! Runs whose process is killed.

use crate::bench::{Bench, states, text, wait_for};
use crate::support::is_left_out;

const LONG: &str = r#"
[volumes.data]
[dags.long.tasks.work]
docker = { image = "busybox:1.36", volumes = ["data:/data"], init = true, command = ["sh", "-c", "echo ran >> /data/count; echo begun; sleep 6; echo done"] }
[dags.long.tasks.count]
after = ["work"]
docker = { image = "busybox:1.36", volumes = ["data:/data"], command = ["cat", "/data/count"] }
"#;

#[test]
fn after_a_kill_the_container_of_a_task_is_found_again_and_waited_for() {
    if is_left_out("recovery") {
        return;
    }
    let bench = Bench::new(LONG);
    let first = bench.begin(&["dag", "run", "long"]);
    wait_for("container", || bench.task_containers().len() == 1);
    wait_for("first line", || {
        let told = bench.command(&["dag", "logs", "long", "work"]).output();
        told.expect("it runs").stdout == b"begun\n"
    });
    first.kill();
    let container = bench.task_containers();
    assert_eq!(container.len(), 1, "it outlives its runner");

    let second = bench.run(&["dag", "run", "long", "--json"], 0);
    assert_eq!(states(&second.result()), "work success 1, count success 1");
    let starts = second
        .events()
        .iter()
        .filter(|event| event["event"] == "attempt_started" && event["task"] == "work")
        .map(|event| event["is_past"].clone())
        .collect::<Vec<_>>();
    assert_eq!(starts, [true], "it was not begun again");
    let log = |task| bench.run(&["dag", "logs", "long", task], 0).out;
    assert_eq!(log("work"), "begun\ndone\n");
    assert_eq!(log("count"), "ran\n", "executed exactly once");
    assert!(bench.task_containers().is_empty());
}

const OPEN: &str = r#"
[dags.held.tasks.box]
retries = 3
docker = { image = "busybox:1.36", command = ["sleep", "4331"], init = true }
[dags.held.tasks.inside]
exec = { service = "worker", command = ["sh", "-c", "sleep 4332; echo not reached"] }
[dags.held.tasks.here]
bash = "echo $$BASHPID > pid; exec sleep 4333"
[dags.held.tasks.after]
after = ["box"]
bash = "touch after"
"#;

/// Begins a run of `held` and returns it once all of its tasks are at work.
fn held(bench: &Bench) -> crate::bench::Background {
    let run = bench.begin(&["dag", "run", "held", "--json"]);
    wait_for("run at work", || {
        bench.task_containers().len() == 1
            && bench.path("pid").exists()
            && bench.processes("worker").contains("sleep 4332")
    });
    run
}

fn is_at_work(bench: &Bench) -> bool {
    let pid = std::fs::read_to_string(bench.path("pid")).expect("a pid");
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", pid.trim()));
    arguments.is_ok_and(|arguments| arguments.contains("4333"))
}

fn ended(bench: &Bench) -> serde_json::Value {
    let status = bench.run(&["dag", "status", "held", "--json"], 0);
    let runs: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    runs[0].clone()
}

const CANCELLED: &str = "box cancelled 1, inside cancelled 1, here cancelled 1, after cancelled 0";

#[test]
fn down_ends_the_runs_that_are_at_work_and_then_the_stack() {
    if is_left_out("down") {
        return;
    }
    let bench = Bench::new(OPEN);
    let run = held(&bench);
    assert!(is_at_work(&bench));
    let told = bench.run(&["down"], 0);
    assert!(told.words.contains("cancelled"), "{told:?}");
    assert_eq!(run.code(), Some(1), "its process ends too");
    let run = ended(&bench);
    assert_eq!(
        (text(&run["state"]), states(&run).as_str()),
        ("cancelled", CANCELLED)
    );
    assert!(!is_at_work(&bench));
    assert!(bench.task_containers().is_empty());
    assert!(bench.services().is_empty());
}

#[test]
fn a_run_whose_process_was_killed_is_ended_with_all_that_it_left_at_work() {
    if is_left_out("cancel") {
        return;
    }
    let bench = Bench::new(OPEN);
    held(&bench).kill();
    assert!(is_at_work(&bench), "it outlives its runner");
    bench.run(&["dag", "cancel", "held"], 0);
    let run = ended(&bench);
    assert_eq!(
        (text(&run["state"]), states(&run).as_str()),
        ("cancelled", CANCELLED)
    );
    assert!(!is_at_work(&bench));
    assert!(bench.task_containers().is_empty());
    let processes = bench.processes("worker");
    assert!(!processes.contains("433"), "{processes}");
    let again = bench.run(&["dag", "cancel", "held"], 0);
    assert!(again.words.contains("no open run"), "{again:?}");
}
