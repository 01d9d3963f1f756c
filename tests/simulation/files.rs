//! Files that change after they were read.

use jiff::Timestamp;
use stackgen::engine::fake::FakeEngine;
use stackgen::model::{ContentDigest, InodeId, ObservedFile};
use stackgen::plan::{Marks, Plan, PlanOptions, Verdict};

use crate::stack_text::stack;
use crate::{converge, diff, engine, options, perform};

const STACK: &str = r#"
[stack]
name = "shop"

[vars]
TOKEN = "t"

[services.init]
image = "base:1"
oneshot = true
configs = ["app"]

[services.web]
image = "base:1"
volumes = ["./web.conf:/etc/web.conf"]
configs = ["app", { source = "inline", target = "/etc/inline" }]
secrets = [{ source = "token", uid = "7" }]
depends_on = { init = "completed" }

[configs.app]
file = "./app.conf"
[configs.inline]
content = "one"
[secrets.token]
environment = "TOKEN"
"#;

/// A file: its inode, when it changed, and what is in it.
fn file(inode: u64, changed: i64, content: u8) -> ObservedFile {
    ObservedFile {
        id: InodeId { device: 1, inode },
        changed: Timestamp::from_second(changed).ok(),
        content: Some(ContentDigest::new([content; 32])),
    }
}

/// The time of a change after every start so far.
const LATER: i64 = 1_000;

const WEB: &str = "/srv/shop/web.conf";

async fn running() -> FakeEngine {
    let engine = engine();
    engine.add_file(WEB, file(1, 0, 1));
    engine.add_file("/srv/shop/app.conf", file(2, 0, 1));
    converge(&engine, &stack(STACK)).await;
    engine
}

fn verdict(plan: &Plan, service: &str) -> Verdict {
    let name = format!("service:{service}:1");
    let change = plan
        .changes
        .iter()
        .find(|it| it.resource.to_string() == name);
    change.unwrap().verdict
}

/// Performs a plan and returns what is known afterwards.
async fn performed(engine: &FakeEngine, plan: &Plan) -> Marks {
    assert!(perform(engine, plan).await.is_success());
    let marks = plan.steps.iter().flat_map(|step| step.marks.clone());
    marks
        .map(|it| ((it.container, it.subject), it.digest))
        .collect()
}

fn knowing(marks: Marks) -> PlanOptions {
    PlanOptions { marks, ..options() }
}

#[tokio::test(start_paused = true)]
async fn a_file_is_drift_once_its_content_changed_after_the_start() {
    let engine = running().await;
    let stack = stack(STACK);
    for (file, expected, why) in [
        (file(1, LATER, 1), Verdict::Nothing, "it was only touched"),
        (
            file(9, LATER, 1),
            Verdict::Nothing,
            "it was replaced by the same",
        ),
        (
            file(1, 0, 2),
            Verdict::Nothing,
            "it was read so at the start",
        ),
        (file(1, LATER, 2), Verdict::Restart, "it changed"),
        (file(9, LATER, 2), Verdict::Restart, "it was replaced"),
    ] {
        engine.add_file(WEB, file);
        let plan = diff(&engine, &stack, &options()).await;
        assert_eq!(verdict(&plan, "web"), expected, "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_container_without_our_labels_has_read_is_only_told_by_its_inode() {
    let engine = running().await;
    let stack = stack(STACK);
    let forget = |it: &mut stackgen::model::ObservedContainer| {
        it.config
            .labels
            .retain(|name, _| !name.starts_with("stackgen."));
    };
    engine.change("shop-web-1", forget);
    engine.add_file(WEB, file(9, LATER, 2));
    assert!(diff(&engine, &stack, &options()).await.is_empty());
    let see = |seen: ObservedFile| {
        engine.change("shop-web-1", |it| {
            it.files.insert("/etc/web.conf".to_owned(), seen);
        });
    };
    see(file(9, LATER, 2));
    assert!(diff(&engine, &stack, &options()).await.is_empty());
    see(file(1, LATER, 2));
    assert!(
        diff(&engine, &stack, &options()).await.is_empty(),
        "the same in another file"
    );
    see(file(1, 0, 1));
    let plan = diff(&engine, &stack, &options()).await;
    assert_eq!(verdict(&plan, "web"), Verdict::Restart);
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_for_its_files_and_is_done_once() {
    let engine = running().await;
    let reload = |line: &str| {
        stack(&format!(
            "{STACK}\n[services.web.update]\nreload = {line}\n"
        ))
    };
    engine.add_file(WEB, file(1, LATER, 2));
    for (line, expected) in [
        ("\"SIGHUP\"", Verdict::Reload),
        ("[\"nginx\", \"-s\", \"reload\"]", Verdict::Reload),
        (
            "{ signal = \"SIGUSR1\", files = [\"/etc\"] }",
            Verdict::Reload,
        ),
        (
            "{ command = \"reload it\", files = [\"/etc/web.conf\"] }",
            Verdict::Reload,
        ),
        (
            "{ signal = \"SIGUSR1\", files = [\"app\"] }",
            Verdict::Restart,
        ),
    ] {
        let plan = diff(&engine, &reload(line), &options()).await;
        assert_eq!(verdict(&plan, "web"), expected, "{line}");
    }
    let stack = reload("\"SIGHUP\"");
    engine.reset_calls();
    let before = engine.containers();
    let plan = diff(&engine, &stack, &options()).await;
    let marks = performed(&engine, &plan).await;
    assert_eq!(engine.calls().len(), 1);
    assert!(engine.calls()[0].starts_with("signal_container"));
    assert_eq!(engine.containers(), before);
    assert!(
        diff(&engine, &stack, &knowing(marks.clone()))
            .await
            .is_empty()
    );
    // Without what is known it is done once more, and does no harm.
    assert_eq!(
        verdict(&diff(&engine, &stack, &options()).await, "web"),
        Verdict::Reload
    );
    engine.add_file(WEB, file(9, LATER, 3));
    let plan = diff(&engine, &stack, &knowing(marks)).await;
    assert_eq!(
        verdict(&plan, "web"),
        Verdict::Restart,
        "it sees the old file"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_done_runs_again_with_its_new_file_and_in_the_same_container() {
    let engine = running().await;
    let stack = stack(STACK);
    let before = engine.containers();
    engine.add_file("/srv/shop/app.conf", file(2, LATER, 2));
    let plan = diff(&engine, &stack, &options()).await;
    assert_eq!(verdict(&plan, "init"), Verdict::Start);
    assert_eq!(verdict(&plan, "web"), Verdict::Restart);
    let marks = performed(&engine, &plan).await;
    assert!(diff(&engine, &stack, &knowing(marks)).await.is_empty());
    let after = engine.containers();
    assert_eq!(before["shop-init-1"].id, after["shop-init-1"].id);
    assert_ne!(
        before["shop-init-1"].state.started_at,
        after["shop-init-1"].state.started_at
    );
}

#[tokio::test(start_paused = true)]
async fn contents_that_are_copied_in_come_by_a_copy_and_other_files_by_a_new_container() {
    let engine = running().await;
    let changed = stack(&STACK.replace("\"one\"", "\"two\""));
    engine.reset_calls();
    let plan = diff(&engine, &changed, &options()).await;
    assert_eq!(verdict(&plan, "web"), Verdict::Restart);
    let marks = performed(&engine, &plan).await;
    let calls: Vec<String> = engine.calls();
    let names: Vec<&str> = calls.iter().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(names, ["copy_files", "restart_container"]);
    assert!(
        diff(&engine, &changed, &knowing(marks.clone()))
            .await
            .is_empty()
    );
    // Back to what its label says: what it has now counts.
    let back = diff(&engine, &stack(STACK), &knowing(marks)).await;
    assert_eq!(verdict(&back, "web"), Verdict::Restart);
    for other in [
        STACK.replace("uid = \"7\"", "uid = \"8\""),
        STACK.replace(", { source = \"inline\", target = \"/etc/inline\" }", ""),
        STACK.replace("target = \"/etc/inline\"", "target = \"/etc/else\""),
    ] {
        let plan = diff(&engine, &stack(&other), &options()).await;
        assert_eq!(verdict(&plan, "web"), Verdict::Recreate, "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_leaves_a_file_alone_that_its_container_writes() {
    let engine = running().await;
    engine.add_file(WEB, file(1, LATER, 2));
    let text =
        format!("{STACK}\n[policy]\nignore = [\"services.web.volumes.\\\"/etc/web.conf\\\"\"]\n");
    let plan = diff(&engine, &stack(&text), &options()).await;
    assert!(plan.is_empty(), "{plan:#?}");
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
}
