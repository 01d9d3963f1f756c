//! What becomes of a dependant when what it depends on is replaced or restarted.

use stackgen::engine::fake::{FakeEngine, Script};
use stackgen::plan::Verdict;

use crate::stack_text::stack;
use crate::{apply, converge, diff, engine, options};

const CHAIN: &str = r#"
[stack]
name = "shop"

[services.db]
image = "base:1"
environment = { LEVEL = "info" }
healthcheck = { test = "true", interval = "1s" }

[services.api]
image = "base:1"
depends_on.db = { condition = "healthy", on_replace = "restart" }

[services.web]
image = "base:1"
depends_on.api = { restart = true }

[services.job]
image = "base:1"
depends_on = ["db"]

[services.twin]
image = "base:1"
depends_on.db = { condition = "healthy", on_replace = "recreate" }
"#;

async fn running() -> FakeEngine {
    let engine = engine();
    converge(&engine, &stack(CHAIN)).await;
    engine.reset_calls();
    engine
}

/// Returns the starts and stops with the names of services in the place of ids.
fn calls(engine: &FakeEngine) -> Vec<String> {
    let before: Vec<(String, String)> = engine
        .containers()
        .into_values()
        .map(|it| (it.id.short().to_owned(), it.name))
        .collect();
    let calls = engine.calls().into_iter().filter_map(|call| {
        let (what, whom) = call.split_once(' ')?;
        let word = what
            .strip_suffix("_container")
            .filter(|it| ["start", "stop", "restart"].contains(it))?;
        let known = before.iter().find(|(id, _)| id == whom);
        let name = known.map_or(whom, |(_, name)| name.as_str());
        let name = name.strip_prefix("shop-").unwrap_or("replaced");
        Some(format!("{word} {}", name.trim_end_matches("-1")))
    });
    calls.collect()
}

#[tokio::test(start_paused = true)]
async fn dependants_stop_before_what_they_follow_and_start_after_it_is_well() {
    let engine = running().await;
    let before = engine.containers();
    converge(&engine, &stack(&CHAIN.replace("info", "debug"))).await;
    let after = engine.containers();
    let is_same = |name: &str| before[name].id == after[name].id;
    let has_run_on = |name: &str| before[name].state.started_at == after[name].state.started_at;
    assert!(!is_same("shop-db-1") && !is_same("shop-twin-1"));
    assert!(is_same("shop-api-1") && !has_run_on("shop-api-1"));
    assert!(is_same("shop-web-1") && !has_run_on("shop-web-1"));
    assert!(is_same("shop-job-1") && has_run_on("shop-job-1"));
    let calls = calls(&engine);
    let at = |call: &str| {
        calls
            .iter()
            .position(|it| it == call)
            .unwrap_or_else(|| panic!("{call}: {calls:?}"))
    };
    assert!(at("stop web") < at("stop api"), "{calls:?}");
    assert!(at("stop api") < at("start db"), "{calls:?}");
    assert!(at("start db") < at("start api"), "{calls:?}");
    assert!(at("start api") < at("start web"), "{calls:?}");
    assert!(at("start db") < at("start twin"), "{calls:?}");
    // The containers of db and twin that are gone now.
    assert_eq!(
        calls.iter().filter(|it| *it == "stop replaced").count(),
        2,
        "{calls:?}"
    );
    assert!(at("stop replaced") < at("start db"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_started_or_changed_in_place_takes_nobody_along() {
    let engine = running().await;
    for changed in [
        CHAIN.replace("healthcheck", "mem_limit = \"1g\"\nhealthcheck"),
        CHAIN.to_owned(),
    ] {
        let plan = diff(&engine, &stack(&changed), &options()).await;
        assert!(plan.change_count() <= 1, "{plan:#?}");
    }
    engine.change("shop-db-1", |it| {
        it.state.status = stackgen::model::ContainerStatus::Exited
    });
    let plan = diff(&engine, &stack(CHAIN), &options()).await;
    assert_eq!(plan.change_count(), 1, "{plan:#?}");
}

#[tokio::test(start_paused = true)]
async fn dependants_come_back_where_the_replacement_fails() {
    let engine = running().await;
    let before = engine.containers();
    engine.script(
        "db",
        Script {
            is_unhealthy: true,
            ..Script::default()
        },
    );
    let report = apply(&engine, &stack(&CHAIN.replace("info", "debug"))).await;
    assert!(!report.is_success());
    let after = engine.containers();
    for (name, container) in &before {
        assert_eq!(container.id, after[name].id, "{name}");
        assert_eq!(container.state.status, after[name].state.status, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_kill_on_the_way_converges() {
    let changed = stack(&CHAIN.replace("info", "debug"));
    let total = {
        let engine = running().await;
        converge(&engine, &changed).await;
        engine.calls().len()
    };
    assert!(total > 15);
    for number in 1..=total {
        let engine = running().await;
        engine.fail_call(number, stackgen::engine::fake::Fault::Kill);
        tokio::select! {
            _ = apply(&engine, &changed) => panic!("call {number} was not killed"),
            () = engine.killed() => {}
        }
        engine.reset_calls();
        converge(&engine, &changed).await;
        let all = engine.containers();
        assert_eq!(all.len(), 5, "call {number}");
        assert!(
            all.values()
                .all(|it| it.state.status == stackgen::model::ContainerStatus::Running),
            "call {number}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_in_a_namespace_of_what_is_replaced_is_replaced_once() {
    let text = CHAIN.replace(
        "depends_on.db = { on_replace = \"recreate\" }",
        "network_mode = \"service:db\"\ndepends_on.db = { on_replace = \"recreate\" }",
    );
    let engine = engine();
    converge(&engine, &stack(&text)).await;
    let plan = diff(&engine, &stack(&text.replace("info", "debug")), &options()).await;
    let twin = plan
        .changes
        .iter()
        .find(|it| it.resource.to_string() == "service:twin:1");
    let twin = twin.unwrap();
    assert_eq!(twin.verdict, Verdict::Recreate);
    assert_eq!(twin.reasons.len(), 1, "{:?}", twin.reasons);
}
