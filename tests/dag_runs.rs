//! Runs of DAGs from end to end, without an engine: bash and http tasks, the journal, and what is left after a kill.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests touch the disk, the clock and processes, and end where something is not as it should be"
)]

mod dag_support;

use std::path::Path;
use std::time::Duration;

use dag_support::{Fixture, bash, http, states};
use stackgen::dag::{Outcome, RunEnd, RunEvent, RunState};
use stackgen::exec::{RunError, Stop, run_dag};
use stackgen::model::{RunId, TriggerRule};

/// What a child process of these tests is told its folder by.
const CHILD_FOLDER: &str = "STACKGEN_TEST_DAG_FOLDER";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_in_order_and_the_run_succeeds() {
    let fixture = Fixture::new(vec![
        ("scrape", bash("echo scrape >> order")),
        ("load", bash("echo load >> order").after(&["scrape"])),
        (
            "index",
            bash("sleep 0.2; echo index >> order").after(&["load"]),
        ),
        (
            "serve",
            bash("echo serve >> order").after(&["index", "load"]),
        ),
    ]);
    let report = fixture.run().await.unwrap();
    assert_eq!(report.run.end().map(|(end, _)| end), Some(RunEnd::Success));
    assert_eq!(fixture.read("order"), "scrape\nload\nindex\nserve\n");
    assert_eq!(fixture.events(&report.run).len(), 2 + 2 * 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_task_is_tried_again_and_then_its_dependents_are_not_run() {
    let fixture = Fixture::new(vec![
        (
            "bad",
            bash("echo no >&2; echo try >> tries; exit 3").retries(2),
        ),
        ("after", bash("echo ran > after").after(&["bad"])),
        ("beside", bash("true")),
        (
            "cleanup",
            bash("echo ran > cleanup")
                .after(&["bad"])
                .rule(TriggerRule::AllDone),
        ),
    ]);
    let report = fixture.run().await.unwrap();
    assert_eq!(report.run.end().map(|(end, _)| end), Some(RunEnd::Failed));
    assert_eq!(
        states(&report.run),
        "bad failed 3, after upstream_failed 0, beside success 1, cleanup success 1"
    );
    assert_eq!(fixture.read("tries"), "try\ntry\ntry\n");
    let last = report.run.tasks().next().unwrap().1.attempts()[2].clone();
    match last.end {
        Some((Outcome::Failed(failure), _)) => assert_eq!(failure.exit_code, Some(3)),
        other => panic!("{other:?}"),
    }
    let log = fixture.log(&report.run, "bad", 3);
    assert_eq!(std::fs::read_to_string(log).unwrap(), "no\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_99_skips_a_bash_task_and_what_comes_after_it() {
    let fixture = Fixture::new(vec![
        ("skip", bash("exit 99")),
        ("child", bash("true").after(&["skip"])),
        (
            "join",
            bash("true").after(&["child"]).rule(TriggerRule::NoneFailed),
        ),
    ]);
    let report = fixture.run().await.unwrap();
    assert_eq!(
        states(&report.run),
        "skip skipped 1, child skipped 0, join success 1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_takes_too_long_is_killed_with_its_children() {
    let fixture = Fixture::new(vec![(
        "slow",
        bash("sleep 30 & echo $! > child; sleep 30").timeout(Duration::from_millis(400)),
    )]);
    let begun = std::time::Instant::now();
    let report = fixture.run().await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(states(&report.run), "slow failed 1");
    let child = fixture.read("child");
    assert!(!is_alive(child.trim()), "the task's child is still alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gentle_stop_cancels_the_run() {
    let fixture = Fixture::new(vec![
        ("slow", bash("touch begun; exec sleep 30")),
        ("after", bash("true").after(&["slow"])),
    ]);
    let stop = Stop::default();
    let begun = fixture.path("begun");
    let gently = stop.gently.clone();
    let watcher = tokio::spawn(async move {
        wait_for(&begun).await;
        gently.cancel();
    });
    let report = fixture.run_with(fixture.request(), &stop).await.unwrap();
    watcher.await.unwrap();
    assert_eq!(
        report.run.end().map(|(end, _)| end),
        Some(RunEnd::Cancelled)
    );
    assert_eq!(states(&report.run), "slow cancelled 1, after cancelled 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cancelled_task_runs_has_time_to_clean_up() {
    let program = "trap 'sleep 0.3; touch cleaned; exit' TERM; touch begun; sleep 30 & wait";
    let fixture = Fixture::new(vec![(
        "slow",
        bash(&format!("bash -c \"{program}\"; true")),
    )]);
    let stop = Stop::default();
    let (begun, gently) = (fixture.path("begun"), stop.gently.clone());
    let watcher = tokio::spawn(async move {
        wait_for(&begun).await;
        gently.cancel();
    });
    let report = fixture.run_with(fixture.request(), &stop).await.unwrap();
    watcher.await.unwrap();
    assert_eq!(states(&report.run), "slow cancelled 1");
    assert!(fixture.path("cleaned").exists(), "it was killed at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_can_cancel_a_run() {
    let fixture = Fixture::new(vec![("slow", bash("touch begun; exec sleep 30"))]);
    let (journal, dag, begun) = (fixture.journal(), fixture.dag(), fixture.path("begun"));
    let watcher = tokio::spawn(async move {
        wait_for(&begun).await;
        let run = journal.open_runs().unwrap()[0].run_id.clone();
        journal
            .request_cancel(&dag, &run, "2026-01-01T00:00:00Z".parse().unwrap())
            .unwrap();
    });
    let report = fixture.run().await.unwrap();
    watcher.await.unwrap();
    assert_eq!(
        report.run.end().map(|(end, _)| end),
        Some(RunEnd::Cancelled)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_filled_in_and_a_wrong_name_stops_everything() {
    let fixture = Fixture::new(vec![(
        "say",
        bash(
            "echo '{{ dag.dag_id }} {{ task.task_id }} {{ ti.try_number }} {{ params.who }}' > said",
        ),
    )]);
    let mut request = fixture.request();
    request.params.insert("who".into(), "you".into());
    fixture.run_with(request, &Stop::default()).await.unwrap();
    assert_eq!(fixture.read("said"), "pipeline say 1 you\n");

    let wrong = Fixture::new(vec![
        ("first", bash("touch ran")),
        ("second", bash("echo {{ dss }}").after(&["first"])),
    ]);
    match wrong.run().await {
        Err(RunError::Template { at, message }) => {
            assert_eq!(at, "dags.pipeline.tasks.second.bash.command");
            assert!(message.starts_with("dss is not defined"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!wrong.path("ran").exists());
    assert!(wrong.journal().open_runs().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_max_active_tasks_are_at_work_and_the_weightiest_start_first() {
    let task = |name: &str| bash(&format!("echo {name} >> order; sleep 0.1"));
    let fixture = Fixture::new(vec![
        ("light", task("light")),
        ("middle", task("middle").weight(5)),
        ("heavy", task("heavy").weight(9)),
    ])
    .max_active_tasks(1);
    fixture.run().await.unwrap();
    assert_eq!(fixture.read("order"), "heavy\nmiddle\nlight\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_task_needs_no_engine_for_another_host() {
    let (address, server) = dag_support::http_server(vec![(503, "busy"), (200, "fine")]);
    let fixture = Fixture::new(vec![(
        "call",
        http(&format!("http://{address}/predict?run={{{{ run_id }}}}")).retries(1),
    )]);
    let report = fixture.run().await.unwrap();
    assert_eq!(states(&report.run), "call success 2");
    let requests = server.join().unwrap();
    assert!(
        requests[0].starts_with("GET /predict?run=manual__"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0]
            .to_lowercase()
            .contains(&format!("host: {address}"))
    );
    let first = report.run.tasks().next().unwrap().1.attempts()[0].clone();
    match first.end {
        Some((Outcome::Failed(failure), _)) => {
            assert_eq!(failure.message, "503 Service Unavailable")
        }
        other => panic!("{other:?}"),
    }
    let log = std::fs::read_to_string(fixture.log(&report.run, "call", 1)).unwrap();
    assert!(log.ends_with("503 Service Unavailable\nbusy\n"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_run_is_advanced_by_one_process_only() {
    let fixture = Fixture::new(vec![("slow", bash("touch begun; sleep 1"))]);
    let (first, second) = (fixture.request(), fixture.request());
    let running = tokio::spawn(dag_support::run(first, Stop::default()));
    wait_for(&fixture.path("begun")).await;
    match dag_support::run(second, Stop::default()).await {
        Err(RunError::AtWork { .. }) => {}
        other => panic!("{other:?}"),
    }
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_task_without_an_engine_is_refused_before_anything_runs() {
    let fixture = Fixture::new(vec![
        ("first", bash("touch ran")),
        ("second", dag_support::docker("busybox:1.36", &["true"])),
    ]);
    assert!(matches!(
        fixture.run().await,
        Err(RunError::NoEngine { .. })
    ));
    assert!(!fixture.path("ran").exists());
}

/// The DAG that is killed in its middle: each task counts its runs.
fn killed(folder: &Path) -> Fixture {
    Fixture::at(
        folder,
        vec![
            ("one", bash("echo one >> count")),
            (
                "two",
                bash("echo two >> count; touch middle; sleep 2; echo end >> count").after(&["one"]),
            ),
            (
                "quick",
                bash("echo quick >> count; touch quick; sleep 0.3").after(&["one"]),
            ),
            (
                "three",
                bash("echo three >> count").after(&["two", "quick"]),
            ),
        ],
    )
}

/// Not a test by itself: the process that [`a_killed_run_goes_on_and_nothing_runs_twice`] kills.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    if let Ok(folder) = std::env::var(CHILD_FOLDER) {
        killed(Path::new(&folder)).run().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_and_nothing_runs_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed"])
        .env(CHILD_FOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for(&folder.path().join("middle")).await;
    wait_for(&folder.path().join("quick")).await;
    child.kill().unwrap();
    child.wait().unwrap();

    // `two` is at work all the time, `quick` ends while nobody looks.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let fixture = killed(folder.path());
    let report = fixture.run().await.unwrap();
    assert!(report.resumed);
    assert_eq!(
        states(&report.run),
        "one success 1, two success 1, quick success 1, three success 1"
    );
    let mut count: Vec<String> = fixture.read("count").lines().map(str::to_owned).collect();
    assert_eq!(count.pop().as_deref(), Some("three"));
    count.sort();
    assert_eq!(count, ["end", "one", "quick", "two"]);

    let events = fixture.events(&report.run);
    let ends = |wanted: &str| {
        let is_end = |event: &&RunEvent| matches!(event, RunEvent::AttemptFinished { task, attempt: 1, .. } if task.as_str() == wanted);
        events.iter().filter(is_end).count()
    };
    for task in ["one", "two", "quick", "three"] {
        assert_eq!(ends(task), 1, "{task}");
    }
    assert_eq!(RunState::replay(&events).unwrap().0, report.run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_whose_process_vanished_counts_as_failed_and_is_tried_again() {
    let fixture = Fixture::new(vec![("task", bash("echo x >> count").retries(1))]);
    // A process that began the task and died with it, as at a power cut: its notes are there, its pid is not.
    let run = RunId::new("manual__old").unwrap();
    fixture.begin_and_abandon(&run, "task", "999999999");
    let report = fixture.run().await.unwrap();
    assert!(report.resumed);
    assert_eq!(states(&report.run), "task success 2");
    assert_eq!(fixture.read("count"), "x\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_begins_another_run_beside_an_open_one() {
    let fixture = Fixture::new(vec![("task", bash("true"))]);
    fixture.begin_and_abandon(&RunId::new("manual__old").unwrap(), "task", "999999999");
    let mut request = fixture.request();
    request.new = true;
    let report = fixture.run_with(request, &Stop::default()).await.unwrap();
    assert!(!report.resumed);
    assert_eq!(fixture.journal().open_runs().unwrap().len(), 1);
    assert_eq!(fixture.journal().runs(None, 10).unwrap().len(), 2);
}

/// The journal grows by two records a task, whatever the shape of the DAG.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_a_hundred_tasks_takes_two_records_each() {
    let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    let tasks = names.iter().enumerate().map(|(index, name)| {
        let before = index.checked_sub(1).map(|before| names[before].as_str());
        let before: Vec<&str> = before.into_iter().collect();
        (name.as_str(), bash("true").after(&before))
    });
    let fixture = Fixture::new(tasks.collect());
    let report = fixture.run().await.unwrap();
    let header = report.run.header();
    assert_eq!(report.run.end().map(|(end, _)| end), Some(RunEnd::Success));
    let events = fixture
        .journal()
        .events(&header.dag, &header.run_id)
        .unwrap();
    assert_eq!(events.len(), 1 + 2 * 100 + 1);
}

async fn wait_for(path: &Path) {
    for _ in 0..500 {
        if path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} did not come", path.display());
}

fn is_alive(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn an_unknown_dag_is_named() {
    let fixture = Fixture::new(vec![("task", bash("true"))]);
    let mut request = fixture.request();
    request.dag = stackgen::model::DagName::new("nope").unwrap();
    let (sender, _receiver) = tokio::sync::mpsc::channel(8);
    let error = run_dag(request, sender, &Stop::default())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no DAG nope");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_runs_the_failed_task_and_what_was_not_run_because_of_it_and_nothing_else() {
    let fixture = Fixture::new(vec![
        ("before", bash("echo before >> ran")),
        (
            "bad",
            bash("echo bad >> ran; test -e mended")
                .after(&["before"])
                .retries(1),
        ),
        ("after", bash("echo after >> ran").after(&["bad"])),
        ("last", bash("echo last >> ran").after(&["after"])),
        (
            "cleanup",
            bash("echo cleanup >> ran")
                .after(&["bad"])
                .rule(TriggerRule::AllDone),
        ),
    ]);
    let failed = fixture.run().await.unwrap().run;
    assert_eq!(failed.end().map(|(end, _)| end), Some(RunEnd::Failed));
    assert_eq!(fixture.read("ran"), "before\nbad\nbad\ncleanup\n");

    let retry = |task: &str| {
        let mut request = fixture.request();
        request.resume = Some(failed.run_id().clone());
        request.retry = Some(stackgen::model::TaskName::new(task).unwrap());
        request
    };
    // It fails again: with all its tries, each with a number and a log of its own.
    let again = fixture.run_with(retry("bad"), &Stop::default()).await;
    assert_eq!(
        states(&again.unwrap().run),
        "before success 1, bad failed 4, after upstream_failed 0, last upstream_failed 0, cleanup success 1"
    );

    std::fs::write(fixture.path("mended"), "").unwrap();
    let mended = fixture.run_with(retry("bad"), &Stop::default()).await;
    let mended = mended.unwrap().run;
    assert_eq!(mended.end().map(|(end, _)| end), Some(RunEnd::Success));
    assert_eq!(
        states(&mended),
        "before success 1, bad success 5, after success 1, last success 1, cleanup success 1"
    );
    assert_eq!(
        fixture.read("ran"),
        "before\nbad\nbad\ncleanup\nbad\nbad\nbad\nafter\nlast\n"
    );
    let events = fixture.events(&mended);
    let (replayed, outstanding) = RunState::replay(&events).unwrap();
    assert_eq!(replayed, mended);
    assert!(outstanding.is_empty());
    assert!(fixture.journal().open_runs().unwrap().is_empty());

    for (task, why) in [
        ("bad", "it did not fail"),
        ("nope", "there is no task nope"),
    ] {
        let error = fixture.run_with(retry(task), &Stop::default()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_journal_of_the_first_format_is_moved_on_and_only_a_retry_follows_an_end() {
    let fixture = Fixture::new(vec![("task", bash("false"))]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = runtime.block_on(fixture.run()).unwrap().run;
    let database = rusqlite::Connection::open(fixture.state_dir().database()).unwrap();
    // As the first format had it.
    database
        .execute_batch(
            "DROP TRIGGER only_a_retry_follows_an_end; DROP INDEX one_start_a_run;
             CREATE UNIQUE INDEX one_start_and_end_a_run ON event (dag, run, kind) WHERE kind IN ('started', 'finished');
             DELETE FROM header WHERE format = 2;",
        )
        .unwrap();
    let mut request = fixture.request();
    request.resume = Some(run.run_id().clone());
    request.retry = Some(stackgen::model::TaskName::new("task").unwrap());
    let again = runtime.block_on(fixture.run_with(request, &Stop::default()));
    assert_eq!(states(&again.unwrap().run), "task failed 2");
    let format: i64 = database
        .query_row("SELECT max(format) FROM header", [], |row| row.get(0))
        .unwrap();
    assert_eq!(format, 2);
    let ends = fixture.events(&run);
    assert!(matches!(ends.last(), Some(RunEvent::Finished { .. })));
    let known = ends.len() as u64;
    let at = jiff::Timestamp::now();
    let task = stackgen::model::TaskName::new("task").unwrap();
    let (dag, id) = (run.dag(), run.run_id());
    for event in [
        RunEvent::Finished {
            state: RunEnd::Failed,
            at,
        },
        RunEvent::AttemptStarted {
            task,
            attempt: 3,
            at,
        },
    ] {
        let refused = fixture.journal().append(dag, id, known, &event);
        assert!(refused.is_err(), "{event:?}");
    }
}
