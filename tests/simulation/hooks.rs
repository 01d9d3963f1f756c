//! Commands after a start and before a stop.

use stackgen::engine::Engine;
use stackgen::engine::fake::Script;
use stackgen::exec::StepOutcome;
use stackgen::model::ContainerStatus;
use stackgen::plan::{self, DownOptions};

use crate::stack_text::stack;
use crate::{apply, converge, diff, engine, options, perform};

const HOOKED: &str = r#"
[stack]
name = "shop"

[services.db]
image = "base:1"
environment = { LEVEL = "info" }
healthcheck = { test = "true", interval = "1s" }
post_start = [{ command = ["migrate"] }, { command = "warm up", user = "root" }]
pre_stop = [{ command = ["drain"] }]

[services.web]
image = "base:1"
depends_on = ["db"]
"#;

/// Returns the calls that begin, end or are made in a container, without ids.
fn calls(engine: &stackgen::engine::fake::FakeEngine) -> Vec<String> {
    let words = [
        "start_container",
        "stop_container",
        "run_command",
        "remove_container",
    ];
    let calls = engine.calls().into_iter();
    let counted = calls.filter(|call| words.iter().any(|word| call.starts_with(word)));
    let named = |call: String| {
        let mut words: Vec<&str> = call.split(' ').collect();
        if words[1].starts_with("0000") {
            words[1] = "old";
        }
        words.join(" ")
    };
    counted.map(named).collect()
}

#[tokio::test(start_paused = true)]
async fn commands_follow_a_start_in_order_and_dependants_wait_for_them() {
    let engine = engine();
    converge(&engine, &stack(HOOKED)).await;
    assert_eq!(
        calls(&engine),
        [
            "start_container shop-db-1",
            "run_command shop-db-1 migrate",
            "run_command shop-db-1 warm up",
            "start_container shop-web-1",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_replaced_container_is_prepared_for_its_stop() {
    let engine = engine();
    converge(&engine, &stack(HOOKED)).await;
    engine.reset_calls();
    converge(&engine, &stack(&HOOKED.replace("info", "debug"))).await;
    assert_eq!(
        calls(&engine),
        [
            "run_command old drain",
            "stop_container old",
            "start_container shop-db-1",
            "run_command shop-db-1 migrate",
            "run_command shop-db-1 warm up",
            "remove_container old",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn down_prepares_the_stop_and_what_does_not_run_needs_none() {
    let (engine, stack) = (engine(), stack(HOOKED));
    converge(&engine, &stack).await;
    engine.reset_calls();
    let scope = stackgen::compose::scope(&stack);
    let down = async || {
        let observed = engine.observe(&scope).await.unwrap();
        plan::down(&stack, &observed, &DownOptions::default())
    };
    let with_running = down().await;
    engine.change("shop-db-1", |it| it.state.status = ContainerStatus::Exited);
    let has_command = |plan: &plan::Plan| {
        let mut steps = plan.steps.iter();
        steps.any(|step| step.action.name() == "run_command")
    };
    assert!(has_command(&with_running));
    assert!(!has_command(&down().await));
    // It ended after it was looked at: there is nothing to prepare, and it goes all the same.
    assert!(perform(&engine, &with_running).await.is_success());
    assert_eq!(engine.containers().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_fails_fails_the_apply_with_its_output_and_is_run_again() {
    let (engine, stack) = (engine(), stack(HOOKED));
    let failing = |command: Option<&str>| Script {
        failing_command: command.map(str::to_owned),
        ..Script::default()
    };
    engine.script("db", failing(Some("warm up")));
    let report = apply(&engine, &stack).await;
    let failed = report.outcomes.iter().find_map(|outcome| match outcome {
        StepOutcome::Failed { message, details } => Some((message.clone(), details.clone())),
        _ => None,
    });
    let (message, details) = failed.unwrap();
    assert_eq!(message, "post_start \"warm up\" ended with code 3");
    assert_eq!(details, ["output: it went wrong"]);
    assert_eq!(
        engine.containers()["shop-web-1"].state.status,
        ContainerStatus::Created
    );
    // What runs without having been prepared would pass for what is as it should be.
    assert_eq!(
        engine.containers()["shop-db-1"].state.status,
        ContainerStatus::Exited
    );
    engine.script("db", failing(None));
    engine.reset_calls();
    converge(&engine, &stack).await;
    assert!(calls(&engine).contains(&"run_command old migrate".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_cannot_be_prepared_changes_nothing() {
    let engine = engine();
    converge(&engine, &stack(HOOKED)).await;
    let before = engine.containers();
    let failing_command = Some("drain".to_owned());
    engine.script(
        "db",
        Script {
            failing_command,
            ..Script::default()
        },
    );
    let changed = stack(&HOOKED.replace("info", "debug"));
    let report = apply(&engine, &changed).await;
    assert!(!report.is_success());
    assert_eq!(engine.containers(), before);
    assert!(diff(&engine, &changed, &options()).await.has_changes());
}
