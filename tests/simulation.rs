//! Plans performed at the fake engine, in paused time: what an apply leaves behind, whatever goes wrong on the way.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside of #[test] functions"
)]

#[path = "simulation/dependants.rs"]
mod dependants;
#[path = "simulation/files.rs"]
mod files;
mod guarded;
#[path = "simulation/hooks.rs"]
mod hooks;
mod stack_text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use guarded::{Guarded, Owner};
use proptest::prelude::*;
use stack_text::stack;
use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::engine::fake::{FakeEngine, Fault, Script};
use stackgen::exec::{self, ApplyOptions, ApplyReport, StepOutcome, Stop};
use stackgen::model::{ContainerStatus, Health, ImageReference, Resolved, Stack};
use stackgen::plan::{self, DownOptions, Plan, PlanOptions};

/// Returns an engine that has the images of the tests.
fn engine() -> FakeEngine {
    let engine = FakeEngine::new();
    for image in ["base:1", "base:2"] {
        engine.add_plain_image(
            &ImageReference::parse(image).unwrap(),
            &format!("sha256:{image}"),
        );
    }
    engine.script(
        "init",
        Script {
            exits: Some((Duration::from_secs(1), 0)),
            ..Script::default()
        },
    );
    engine
}

async fn diff(engine: &FakeEngine, stack: &Stack<Resolved>, options: &PlanOptions) -> Plan {
    let observed = engine.observe(&compose::scope(stack)).await.unwrap();
    let plan = plan::diff(stack, &observed, options);
    assert_eq!(plan::check(&plan), vec![], "{plan:#?}");
    plan
}

async fn perform(engine: &FakeEngine, plan: &Plan) -> ApplyReport {
    perform_asked(engine, plan, Duration::ZERO, |_| ()).await
}

/// Performs a plan, and asks something of it after a time.
async fn perform_asked(
    engine: &FakeEngine,
    plan: &Plan,
    after: Duration,
    ask: impl FnOnce(&Stop),
) -> ApplyReport {
    let (progress, mut events) = tokio::sync::mpsc::channel(64);
    let read = async { while events.recv().await.is_some() {} };
    let engine: Arc<dyn Engine> = Arc::new(Guarded::new(engine, Owner::shop()));
    let options = ApplyOptions::default();
    let stop = Stop::default();
    let asked = async {
        tokio::time::sleep(after).await;
        ask(&stop);
    };
    tokio::join!(
        exec::apply(engine, plan, &options, progress, &stop),
        read,
        asked
    )
    .0
}

/// Returns an engine on which the shop runs.
async fn running_shop() -> FakeEngine {
    let engine = engine();
    converge(&engine, &stack(SHOP)).await;
    engine
}

async fn apply(engine: &FakeEngine, stack: &Stack<Resolved>) -> ApplyReport {
    let plan = diff(engine, stack, &options()).await;
    perform(engine, &plan).await
}

fn options() -> PlanOptions {
    PlanOptions {
        salt: "salt".to_owned(),
        gate_timeout: Duration::from_secs(30),
        ..PlanOptions::default()
    }
}

/// Applies and makes sure that it went well and left nothing to do.
async fn converge(engine: &FakeEngine, stack: &Stack<Resolved>) {
    let report = apply(engine, stack).await;
    assert!(report.is_success(), "{report:#?}");
    let again = diff(engine, stack, &options()).await;
    assert!(again.is_empty(), "{again:#?}");
}

/// Returns every container as `NAME STATE`.
fn shape(engine: &FakeEngine) -> Vec<String> {
    let containers = engine.containers().into_values();
    containers
        .map(|it| format!("{} {:?}", it.name, it.state.status))
        .collect()
}

const SHOP: &str = r#"
[stack]
name = "shop"

[services.db]
image = "base:1"
healthcheck = { test = "true", interval = "1s" }
volumes = ["data:/data"]
mem_limit = "1g"

[services.init]
image = "base:1"
depends_on = { db = "healthy" }
oneshot = true

[services.web]
image = "base:1"
environment = { LEVEL = "info" }
networks = ["front", "back"]
ports = ["8080:80"]
depends_on = { init = "completed" }

[networks.front]
[networks.back]
[volumes.data]
"#;

const SETTLED: [&str; 3] = [
    "shop-db-1 Running",
    "shop-init-1 Exited",
    "shop-web-1 Running",
];

#[tokio::test(start_paused = true)]
async fn after_an_apply_nothing_is_to_be_done() {
    let (engine, stack) = (engine(), stack(SHOP));
    converge(&engine, &stack).await;
    assert_eq!(shape(&engine), SETTLED);
    assert_eq!(
        engine.network_names(),
        ["shop_back", "shop_default", "shop_front"]
    );
    assert_eq!(engine.volume_names(), ["shop_data"]);
}

#[tokio::test(start_paused = true)]
async fn starts_wait_for_conditions_and_creates_do_not() {
    let (engine, stack) = (engine(), stack(SHOP));
    converge(&engine, &stack).await;
    let calls = engine.calls();
    let at = |call: &str| {
        let place = calls.iter().position(|it| it == call);
        place.unwrap_or_else(|| panic!("{call} not in {calls:#?}"))
    };
    assert!(at("start_container shop-db-1") < at("start_container shop-init-1"));
    assert!(at("start_container shop-init-1") < at("start_container shop-web-1"));
    assert!(at("create_container shop-web-1") < at("start_container shop-init-1"));
    // One call each: 3 networks, 1 volume, 3 creates, 1 connect, 3 starts.
    assert_eq!(calls.len(), 11, "{calls:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_variable_replaces_that_container_only() {
    let engine = running_shop().await;
    let before = engine.containers();
    engine.reset_calls();
    converge(&engine, &stack(&SHOP.replace("info", "debug"))).await;
    let after = engine.containers();
    assert_eq!(shape(&engine), SETTLED);
    assert_eq!(before["shop-db-1"].id, after["shop-db-1"].id);
    assert_ne!(before["shop-web-1"].id, after["shop-web-1"].id);
    assert_eq!(
        after["shop-web-1"].config.environment["LEVEL"].as_deref(),
        Some("debug")
    );
    assert_eq!(engine.calls().len(), 7, "{:#?}", engine.calls());
}

#[tokio::test(start_paused = true)]
async fn a_changed_limit_is_set_while_the_container_runs() {
    let engine = running_shop().await;
    let before = engine.containers();
    engine.reset_calls();
    converge(&engine, &stack(&SHOP.replace("1g", "2g"))).await;
    assert_eq!(before["shop-db-1"].id, engine.containers()["shop-db-1"].id);
    assert_eq!(engine.calls().len(), 1, "{:#?}", engine.calls());
}

#[tokio::test(start_paused = true)]
async fn what_was_done_by_hand_is_put_right() {
    let (engine, stack) = (engine(), stack(SHOP));
    converge(&engine, &stack).await;
    let before = engine.containers();
    engine.change("shop-db-1", |it| it.state.status = ContainerStatus::Paused);
    engine.change("shop-web-1", |it| {
        it.config.endpoints.remove("shop_back");
        it.network_ids.remove("shop_back");
        it.name = "renamed".to_owned();
    });
    converge(&engine, &stack).await;
    assert_eq!(shape(&engine), SETTLED);
    assert_eq!(
        before["shop-web-1"].id,
        engine.containers()["shop-web-1"].id
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_one_shot_is_run_again_and_a_finished_one_is_not() {
    let (engine, stack) = (engine(), stack(SHOP));
    engine.script(
        "init",
        Script {
            exits: Some((Duration::from_secs(1), 3)),
            output: "no such table\n".to_owned(),
            ..Script::default()
        },
    );
    let report = apply(&engine, &stack).await;
    let failed: Vec<_> = report
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            StepOutcome::Failed { message, details } => Some((message.as_str(), details.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        failed,
        [(
            "init exited with code 3",
            vec!["output: no such table".to_owned()]
        )]
    );
    assert_eq!(shape(&engine)[2], "shop-web-1 Created");
    engine.script(
        "init",
        Script {
            exits: Some((Duration::from_secs(1), 0)),
            ..Script::default()
        },
    );
    converge(&engine, &stack).await;
    assert_eq!(shape(&engine), SETTLED);
}

#[tokio::test(start_paused = true)]
async fn a_new_container_that_does_not_get_well_gives_way_to_the_old_one() {
    let engine = running_shop().await;
    let before = engine.containers();
    engine.script(
        "db",
        Script {
            is_unhealthy: true,
            ..Script::default()
        },
    );
    let report = apply(&engine, &stack(&SHOP.replace("/data", "/other"))).await;
    assert!(!report.is_success());
    assert_eq!(shape(&engine), SETTLED);
    assert_eq!(before["shop-db-1"].id, engine.containers()["shop-db-1"].id);
    assert!(
        report
            .undone
            .iter()
            .all(|(_, failures)| failures.is_empty()),
        "{report:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_fails_at_any_call_puts_the_old_one_back() {
    // A panic of ours is a failure like any other: of that one step.
    for fault in [Fault::Refuse, Fault::Panic] {
        replacement_fails_at_any_call(fault).await;
    }
}

async fn replacement_fails_at_any_call(fault: Fault) {
    let changed = stack(&SHOP.replace("info", "debug"));
    let mut call = 0;
    loop {
        call += 1;
        let engine = engine();
        converge(&engine, &stack(SHOP)).await;
        let before = engine.containers();
        engine.reset_calls();
        engine.fail_call(call, fault);
        let report = apply(&engine, &changed).await;
        if report.is_success() {
            break;
        }
        let after = engine.containers();
        if engine.calls()[call - 1].starts_with("remove_container") {
            // The last step only tidies up: the new one is good and stays.
            assert_ne!(before["shop-web-1"].id, after["shop-web-1"].id);
        } else {
            assert_eq!(
                shape(&engine),
                SETTLED,
                "call {call}: {:#?}",
                engine.calls()
            );
            assert_eq!(
                before["shop-web-1"].id, after["shop-web-1"].id,
                "call {call}"
            );
        }
        converge(&engine, &changed).await;
        assert_eq!(shape(&engine), SETTLED, "call {call}");
    }
    assert_eq!(call, 8, "a replacement on two networks takes seven calls");
}

/// Kills the apply of `to` at an engine that has `from`, after each call in turn, and applies again.
async fn killed_anywhere(from: Option<&str>, to: &str) -> usize {
    let to = stack(to);
    let mut call = 0;
    loop {
        call += 1;
        let engine = engine();
        if let Some(from) = from {
            converge(&engine, &stack(from)).await;
        }
        engine.reset_calls();
        engine.fail_call(call, Fault::Kill);
        let is_done = tokio::select! {
            report = apply(&engine, &to) => report.is_success(),
            () = engine.killed() => false,
        };
        if is_done {
            return call - 1;
        }
        engine.reset_calls();
        converge(&engine, &to).await;
        assert_eq!(shape(&engine), SETTLED, "killed after call {call}");
        assert_eq!(engine.network_names().len(), 3, "killed after call {call}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_after_any_call_the_next_apply_converges() {
    assert_eq!(killed_anywhere(None, SHOP).await, 11);
    // Web alone: create, connect, stop, rename, rename, start, remove.
    let web = SHOP.replace("info", "debug");
    assert_eq!(killed_anywhere(Some(SHOP), &web).await, 7);
    // All three: six calls each, and one more for the second network. The one-shot is not stopped.
    let all = SHOP.replace("base:1", "base:2");
    assert_eq!(killed_anywhere(Some(SHOP), &all).await, 18);
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_or_answer_is_looked_up_and_never_done_twice() {
    let changed = stack(&SHOP.replace("base:1", "base:2"));
    for fault in [Fault::LoseCall, Fault::LoseAnswer] {
        for call in 1..=18 {
            let engine = engine();
            converge(&engine, &stack(SHOP)).await;
            engine.reset_calls();
            engine.fail_call(call, fault);
            let report = apply(&engine, &changed).await;
            assert!(report.is_success(), "{fault:?} at {call}: {report:#?}");
            assert_eq!(shape(&engine), SETTLED, "{fault:?} at {call}");
        }
        for call in 1..=11 {
            let engine = engine();
            engine.fail_call(call, fault);
            converge(&engine, &stack(SHOP)).await;
            assert_eq!(engine.network_names().len(), 3, "{fault:?} at {call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_never_touched() {
    let (engine, stack) = (engine(), stack(SHOP));
    converge(&engine, &stack).await;
    let strangers = [("stranger", None), ("shop-web-2", Some("/elsewhere"))];
    for (index, (name, folder)) in strangers.into_iter().enumerate() {
        let mut container = engine.containers()["shop-web-1"].clone();
        container.id = stackgen::model::ContainerId::new(format!("stranger{index}")).unwrap();
        container.name = name.to_owned();
        container.config.labels.clear();
        if let Some(folder) = folder {
            let label = |label: &str, value: &str| (label.to_owned(), value.to_owned());
            container.config.labels.extend([
                label(compose::labels::PROJECT, "shop"),
                label(compose::labels::SERVICE, "web"),
                label(compose::labels::WORKING_DIR, folder),
            ]);
        }
        engine.add_container(container);
    }
    let observed = engine.observe(&compose::scope(&stack)).await.unwrap();
    let down = plan::down(
        &stack,
        &observed,
        &DownOptions {
            volumes: true,
            ..DownOptions::default()
        },
    );
    assert_eq!(plan::check(&down), vec![]);
    perform(&engine, &down).await;
    assert_eq!(shape(&engine), ["shop-web-2 Running", "stranger Running"]);
    // While a namesake is there, its networks and volumes cannot be told from ours, and a new apply is refused.
    assert_eq!(engine.network_names().len(), 3);
    let plan = plan::diff(&stack, &observed, &options());
    let in_the_way: Vec<_> = plan
        .blockers()
        .filter_map(|note| match note {
            plan::Note::ForeignInTheWay { kind, name, .. } => Some(format!("{kind} {name}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        in_the_way,
        [
            "network shop_front",
            "network shop_back",
            "network shop_default",
            "volume shop_data",
            "container shop-web-2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn down_leaves_nothing_but_volumes() {
    let (engine, stack) = (engine(), stack(SHOP));
    converge(&engine, &stack).await;
    let observed = engine.observe(&compose::scope(&stack)).await.unwrap();
    let down = plan::down(&stack, &observed, &DownOptions::default());
    assert_eq!(plan::check(&down), vec![]);
    assert!(perform(&engine, &down).await.is_success());
    assert_eq!(shape(&engine), Vec::<String>::new());
    assert_eq!(engine.network_names(), Vec::<String>::new());
    assert_eq!(engine.volume_names(), ["shop_data"]);
    let calls = engine.calls();
    let at = |call: &str| calls.iter().rposition(|it| it.starts_with(call)).unwrap();
    assert!(at("stop_container") < at("remove_network"));
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_leaves_everything_as_it_is() {
    let engine = running_shop().await;
    engine.reset_calls();
    let changed = SHOP.replace(
        "[services.web]\nimage = \"base:1\"",
        "[services.web]\nimage = \"gone:1\"",
    );
    let report = apply(&engine, &stack(&changed)).await;
    assert!(!report.is_success());
    assert_eq!(engine.calls(), ["pull_image gone:1"]);
    assert_eq!(shape(&engine), SETTLED);
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_once_puts_the_old_one_back() {
    let engine = running_shop().await;
    let before = engine.containers();
    engine.script(
        "db",
        Script {
            healthy_after: Some(Duration::from_secs(20)),
            ..Script::default()
        },
    );
    let plan = diff(
        &engine,
        &stack(&SHOP.replace("/data", "/other")),
        &options(),
    )
    .await;
    let after = Duration::from_secs(5);
    let report = perform_asked(&engine, &plan, after, |stop| stop.now.cancel()).await;
    assert!(report.stopped);
    assert_eq!(shape(&engine), SETTLED);
    assert_eq!(before["shop-db-1"].id, engine.containers()["shop-db-1"].id);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_no_event_tells_of_is_seen_all_the_same() {
    let engine = engine();
    let never = Script {
        healthy_after: Some(Duration::from_secs(3600)),
        ..Script::default()
    };
    engine.script("db", never);
    let silent = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        engine.change("shop-db-1", |db| db.state.health = Some(Health::Healthy));
    };
    let shop = stack(SHOP);
    let patient = PlanOptions {
        gate_timeout: Duration::from_secs(600),
        ..options()
    };
    let plan = diff(&engine, &shop, &patient).await;
    let began = tokio::time::Instant::now();
    let (report, ()) = tokio::join!(perform(&engine, &plan), silent);
    assert!(report.is_success(), "{report:#?}");
    // A stream that says nothing for a minute counts as lost, and is joined anew.
    assert!(began.elapsed() < Duration::from_secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_gets_no_time_to_end_is_killed_and_removed_in_one_call_each() {
    let engine = running_shop().await;
    let shop = stack(SHOP);
    let observed = engine.observe(&compose::scope(&shop)).await.unwrap();
    let down = DownOptions {
        stop_grace: Some(Duration::ZERO),
        ..DownOptions::default()
    };
    engine.reset_calls();
    let report = perform(&engine, &plan::down(&shop, &observed, &down)).await;
    assert!(report.is_success(), "{report:#?}");
    let mut calls: Vec<String> = engine.calls();
    calls.retain(|call| !call.starts_with("remove_"));
    assert_eq!(calls, Vec::<String>::new());
    assert!(engine.containers().is_empty());
}

/// A small stack of up to five services, each depending on some before it, in any order in the file.
fn small_stacks() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let service = (any::<bool>(), any::<bool>(), 0..32u8, 1..3u32);
    prop::collection::vec(service, 1..5).prop_flat_map(|services| {
        let texts: Vec<String> = services
            .iter()
            .enumerate()
            .map(|(index, (has_check, is_one_shot, after, scale))| {
                let condition = |other: usize| match services[other] {
                    (_, true, ..) => "completed",
                    (true, false, ..) => "healthy",
                    (false, false, ..) => "started",
                };
                let after: Vec<String> = (0..index)
                    .filter(|other| after & (1 << other) != 0)
                    .map(|other| format!("s{other} = \"{}\"", condition(other)))
                    .collect();
                let check = if *has_check { "healthcheck = { test = \"true\" }\n" } else { "" };
                format!(
                    "[services.s{index}]\nimage = \"base:1\"\noneshot = {is_one_shot}\nscale = {scale}\n{check}depends_on = {{ {} }}\n",
                    after.join(", ")
                )
            })
            .collect();
        (Just(texts.clone()), Just(texts).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_converges_and_the_order_of_the_file_does_not_matter((texts, shuffled) in small_stacks()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut shapes = Vec::new();
            for texts in [texts, shuffled] {
                let stack = stack(&format!("[stack]\nname = \"shop\"\n{}", texts.concat()));
                let engine = engine();
                for (index, text) in (0..5).map(|index| (index, texts.concat())) {
                    let one_shot = format!("[services.s{index}]\nimage = \"base:1\"\noneshot = true");
                    if text.contains(&one_shot) {
                        let exits = Some((Duration::from_secs(1), 0));
                        engine.script(&format!("s{index}"), Script { exits, ..Script::default() });
                    }
                }
                converge(&engine, &stack).await;
                let mut calls = engine.calls();
                calls.sort();
                shapes.push((shape(&engine), calls));
                // The order in which the engine lists things does not matter either.
                let mut observed = engine.observe(&compose::scope(&stack)).await.unwrap();
                let plan = plan::diff(&stack, &observed, &options());
                observed.containers.reverse();
                observed.networks.reverse();
                prop_assert_eq!(plan, plan::diff(&stack, &observed, &options()));
            }
            prop_assert_eq!(&shapes[0], &shapes[1]);
            Ok(())
        })?;
    }
}

const CACHE: &str = r#"
[stack]
name = "shop"

[services.cache]
image = "redis:1"
environment = { LEVEL = "info" }
volumes = ["/scratch"]
"#;

/// Returns an engine with an image that declares a volume.
fn engine_with_declared_volume() -> FakeEngine {
    let engine = engine();
    let image = ImageReference::parse("redis:1").unwrap();
    engine.add_image(stackgen::model::ObservedImage {
        volumes: ["/data".to_owned()].into(),
        ..stackgen::model::ObservedImage::new(
            stackgen::model::ImageId::new("sha256:redis").unwrap(),
            stackgen::model::ContainerConfig::new(image),
        )
    });
    engine
}

#[tokio::test(start_paused = true)]
async fn volumes_without_a_name_outlive_their_container() {
    let engine = engine_with_declared_volume();
    converge(&engine, &stack(CACHE)).await;
    let before = engine.containers()["shop-cache-1"].clone();
    assert_eq!(before.volumes.len(), 2);
    for level in ["debug", "warn"] {
        converge(&engine, &stack(&CACHE.replace("info", level))).await;
        let after = engine.containers()["shop-cache-1"].clone();
        assert_ne!(before.id, after.id);
        assert_eq!(before.volumes, after.volumes);
    }
    assert_eq!(engine.volume_names().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn volumes_without_a_name_go_with_the_stack_only_where_volumes_are_to_go() {
    for (volumes, left) in [(false, 3), (true, 1)] {
        let engine = engine_with_declared_volume();
        let foreign = format!("{:064x}", 0xf00d);
        engine.add_volume(stackgen::model::ObservedVolume {
            name: foreign.clone(),
            driver: "local".to_owned(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        });
        converge(&engine, &stack(CACHE)).await;
        let changed = stack(&CACHE.replace("info", "debug"));
        converge(&engine, &changed).await;
        let observed = engine.observe(&compose::scope(&changed)).await.unwrap();
        let down = DownOptions {
            volumes,
            ..DownOptions::default()
        };
        let plan = plan::down(&changed, &observed, &down);
        assert_eq!(plan::check(&plan), vec![]);
        assert!(perform(&engine, &plan).await.is_success());
        assert_eq!(engine.volume_names().len(), left);
        assert!(engine.volume_names().contains(&foreign));
    }
}

/// Returns the message of every step that failed.
fn failures(report: &ApplyReport) -> Vec<&str> {
    let outcomes = report.outcomes.iter();
    let failed = outcomes.filter_map(|outcome| match outcome {
        StepOutcome::Failed { message, .. } => Some(message.as_str()),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn what_runs_and_is_not_well_is_waited_for_and_never_passed_over() {
    let text = "[stack]\nname = \"shop\"\n[services.db]\nimage = \"base:1\"\nhealthcheck = { test = \"true\" }\n";
    let stack = stack(text);
    let engine = engine();
    let ill = Script {
        is_unhealthy: true,
        output: "no space left\n".to_owned(),
        ..Script::default()
    };
    engine.script("db", ill);
    assert_eq!(failures(&apply(&engine, &stack).await), ["db is unhealthy"]);
    let again = diff(&engine, &stack, &options()).await;
    assert!(!again.has_changes());
    assert!(!again.is_empty(), "nothing is said of an unhealthy service");
    let told = plan::text(&again, &plan::TextOptions::default());
    assert!(told.contains("db runs and is unhealthy"), "{told}");
    assert!(
        told.contains("nothing to change; apply waits for db"),
        "{told}"
    );
    assert_eq!(
        failures(&perform(&engine, &again).await),
        ["db is unhealthy"]
    );
    // Something that is changed may be what makes it well: it is told, and not waited for.
    let more = format!("{text}[services.web]\nimage = \"base:1\"\n");
    let report = apply(&engine, &self::stack(&more)).await;
    assert!(report.is_success(), "{report:#?}");
    // One that is about to get well is waited for.
    let late = Script {
        healthy_after: Some(Duration::from_secs(9)),
        ..Script::default()
    };
    engine.script("db", late);
    engine.change("shop-db-1", |it| it.state.status = ContainerStatus::Exited);
    let plan = diff(&engine, &self::stack(text), &options()).await;
    let start = plan.steps[0].action.clone();
    assert_eq!(start.name(), "start_container");
    engine.perform(&start).await.unwrap();
    converge(&engine, &self::stack(text)).await;
    let health = engine.containers()["shop-db-1"].state.health;
    assert_eq!(health, Some(stackgen::model::Health::Healthy));
}

const WISH: &str = r#"
[stack]
name = "shop"

[services.cache]
image = "base:1"
healthcheck = { test = "true", interval = "1s" }

[services.init]
image = "base:1"
oneshot = true

[services.web]
image = "base:1"
depends_on.cache = { condition = "service_healthy", required = false }
depends_on.init = { condition = "service_completed_successfully", required = false }
depends_on.nobody = { condition = "service_started", required = false }

[services.proxy]
image = "base:1"
depends_on.web = { condition = "service_started" }
"#;

#[tokio::test(start_paused = true)]
async fn a_failed_dependency_that_is_not_required_holds_nobody_up() {
    let engine = engine();
    let fails = Script {
        exits: Some((Duration::from_secs(1), 7)),
        ..Script::default()
    };
    let ill = Script {
        is_unhealthy: true,
        healthy_after: Some(Duration::from_secs(5)),
        ..Script::default()
    };
    engine.script("init", fails);
    engine.script("cache", ill);
    let report = apply(&engine, &stack(WISH)).await;
    let mut failed = failures(&report);
    failed.sort_unstable();
    assert_eq!(failed, ["cache is unhealthy", "init exited with code 7"]);
    let shape = shape(&engine);
    assert!(
        shape.contains(&"shop-web-1 Running".to_owned()),
        "{shape:?}"
    );
    assert!(
        shape.contains(&"shop-proxy-1 Running".to_owned()),
        "{shape:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_is_not_required_is_waited_for_while_it_may_come() {
    let engine = engine();
    converge(&engine, &stack(WISH)).await;
    let calls = engine.calls();
    let at = |call: &str| calls.iter().position(|it| it == call).unwrap();
    assert!(at("start_container shop-init-1") < at("start_container shop-web-1"));
    assert!(at("start_container shop-cache-1") < at("start_container shop-web-1"));
}

#[tokio::test(start_paused = true)]
async fn what_a_daemon_has_a_default_for_is_drift_once_it_is_no_longer_asked_for() {
    let engine = engine();
    let plain =
        "[stack]\nname = \"shop\"\n[services.web]\nimage = \"base:1\"\nmem_limit = \"1g\"\n";
    let logs = format!("{plain}shm_size = \"1g\"\nlogging = {{ driver = \"local\" }}\n");
    converge(&engine, &stack(&logs)).await;
    let plan = diff(&engine, &stack(plain), &options()).await;
    let fields = plan.changes.iter().flat_map(|it| &it.fields);
    let fields: Vec<String> = fields.map(|it| it.path.keys()[0].clone()).collect();
    assert_eq!(fields, ["logging", "shm_size"], "{plan:#?}");
    converge(&engine, &stack(plain)).await;
    // What the daemon fills in is none, also where the hash goes stale by an update in place.
    converge(&engine, &stack(&plain.replace("1g", "2g"))).await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_stop_does_not_sit_out_the_wait_for_a_new_container() {
    let engine = engine();
    let late = Script {
        healthy_after: Some(Duration::from_secs(20)),
        ..Script::default()
    };
    engine.script("db", late);
    let plan = diff(&engine, &stack(SHOP), &options()).await;
    let began = tokio::time::Instant::now();
    let after = Duration::from_secs(1);
    let report = perform_asked(&engine, &plan, after, |stop| stop.gently.cancel()).await;
    assert!(report.stopped && !report.is_success(), "{report:#?}");
    assert!(began.elapsed() < Duration::from_secs(3), "it sat it out");
    assert_eq!(shape(&engine)[0], "shop-db-1 Running");
}

/// A port goes from one service to another in one apply, also where the one that gives it up depends on the one that takes it.
#[tokio::test(start_paused = true)]
async fn a_port_that_one_service_gives_up_is_free_for_another() {
    let text = |a: &str, b: &str| {
        format!(
            r#"
[stack]
name = "shop"
[services.a]
image = "base:1"
ports = ["{a}:80"]
depends_on = {{ b = "healthy" }}
[services.b]
image = "base:1"
ports = ["{b}:80"]
healthcheck = {{ test = "true", interval = "1s" }}
"#
        )
    };
    let engine = engine();
    converge(&engine, &stack(&text("8080", "8081"))).await;
    let before = engine.containers();
    for (a, b) in [("8082", "8080"), ("8080", "8082"), ("8082", "8080")] {
        converge(&engine, &stack(&text(a, b))).await;
    }
    // One that comes to nothing puts both back.
    let sick = Script {
        is_unhealthy: true,
        ..Script::default()
    };
    engine.script("b", sick);
    let old = engine.containers();
    assert_ne!(old["shop-a-1"].id, before["shop-a-1"].id);
    let report = apply(&engine, &stack(&text("8080", "8082"))).await;
    assert!(!report.is_success());
    assert_eq!(shape(&engine), ["shop-a-1 Running", "shop-b-1 Running"]);
    for name in ["shop-a-1", "shop-b-1"] {
        assert_eq!(engine.containers()[name].id, old[name].id);
    }
}

/// What random pairs of desired and observed have found, each in the smallest form.
mod found {
    use super::*;
    use stackgen::model::{ContainerId, ObservedContainer, Unknown};
    use stackgen::plan::{Action, Note, Verdict};

    fn copy(of: &ObservedContainer, id: &str, name: &str) -> ObservedContainer {
        let mut copy = of.clone();
        copy.id = ContainerId::new(id).unwrap();
        copy.name = name.to_owned();
        copy
    }

    fn verdicts(plan: &Plan) -> Vec<String> {
        let changes = plan
            .changes
            .iter()
            .filter(|it| it.verdict != Verdict::Nothing);
        changes
            .map(|it| format!("{} {}", it.verdict.name(), it.resource))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_hangs_on_a_network_that_is_made_anew_is_made_anew_with_it() {
        let engine = running_shop().await;
        engine.change("shop-web-1", |it| it.state.status = ContainerStatus::Exited);
        let networks = engine.networks();
        let front = networks.iter().find(|it| it.name == "shop_front").unwrap();
        let (id, name) = (front.id.clone(), front.name.clone());
        let gone = Action::RemoveNetwork { id, name };
        engine.perform(&gone).await.unwrap();
        let plan = diff(&engine, &stack(SHOP), &options()).await;
        assert_eq!(
            verdicts(&plan),
            ["create network:front", "recreate service:web:1"]
        );
        converge(&engine, &stack(SHOP)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn two_containers_of_a_number_that_is_too_many_are_one_resource() {
        let engine = running_shop().await;
        for (id, name) in [("second", "shop-web-2"), ("third", "shop-web-2.next")] {
            let mut more = copy(&engine.containers()["shop-web-1"], id, name);
            let number = compose::labels::CONTAINER_NUMBER.to_owned();
            more.config.labels.insert(number, "2".to_owned());
            engine.add_container(more);
        }
        let plan = diff(&engine, &stack(SHOP), &options()).await;
        assert_eq!(verdicts(&plan), ["remove service:web:2"]);
        converge(&engine, &stack(SHOP)).await;
        assert_eq!(shape(&engine), SETTLED);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_stays_while_a_container_that_is_left_alone_is_on_it() {
        let engine = running_shop().await;
        let rest = SHOP.replace("networks = [\"front\", \"back\"]", "profiles = [\"off\"]");
        let rest = rest.replace("[networks.front]\n[networks.back]\n", "");
        let prune = PlanOptions {
            prune: true,
            ..options()
        };
        let plan = diff(&engine, &stack(&rest), &prune).await;
        assert_eq!(verdicts(&plan), Vec::<String>::new());
        let kept = plan.notes.iter().filter_map(|it| match it {
            Note::NotOurs { name, .. } => Some(name.as_str()),
            _ => None,
        });
        assert_eq!(kept.collect::<Vec<_>>(), ["shop_back", "shop_front"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_one_shot_that_is_done_is_kept_before_one_that_is_frozen() {
        let engine = running_shop().await;
        let mut frozen = copy(
            &engine.containers()["shop-init-1"],
            "frozen",
            "shop-init-1.next",
        );
        frozen.state.status = ContainerStatus::Paused;
        engine.add_container(frozen);
        let missing = PlanOptions {
            only_missing: true,
            ..options()
        };
        let plan = diff(&engine, &stack(SHOP), &missing).await;
        assert_eq!(verdicts(&plan), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_the_check_that_a_container_does_not_have_yet() {
        let engine = running_shop().await;
        let checked = SHOP.replace("ports = [", "healthcheck = { test = \"true\" }\nports = [");
        engine.change("shop-web-1", |it| it.state.status = ContainerStatus::Exited);
        let missing = PlanOptions {
            only_missing: true,
            ..options()
        };
        let plan = diff(&engine, &stack(&checked), &missing).await;
        assert!(perform(&engine, &plan).await.is_success(), "{plan:#?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_seen_under_a_temporary_name_is_left_alone_too() {
        let engine = running_shop().await;
        let stack = stack(SHOP);
        let mut observed = engine.observe(&compose::scope(&stack)).await.unwrap();
        observed.containers.retain(|it| it.name != "shop-web-1");
        observed.unknown.push(Unknown {
            what: "container 0123".to_owned(),
            container_name: Some("shop-web-1.previous2".to_owned()),
            why: "no answer".to_owned(),
        });
        let plan = plan::diff(&stack, &observed, &options());
        assert_eq!(verdicts(&plan), ["unknown service:web:1"]);
        assert_eq!(plan.steps, vec![]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_volume_that_was_taken_over_before_the_image_was_there_is_no_drift() {
        let engine = engine_with_declared_volume();
        converge(&engine, &stack(CACHE)).await;
        let late = ImageReference::parse("late:1").unwrap();
        engine.offer_image(&late);
        converge(&engine, &stack(&CACHE.replace("redis:1", "late:1"))).await;
        assert_eq!(engine.containers()["shop-cache-1"].volumes.len(), 2);
    }
}
