//! Images at the fake engine: which are brought, when, and that nothing is touched before they are here.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside of #[test] functions"
)]

mod stack_text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stack_text::stack;
use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::engine::fake::FakeEngine;
use stackgen::exec::{self, ApplyOptions, ApplyProgress, ApplyReport, StepOutcome, Stop};
use stackgen::model::{
    Builder, ContainerConfig, ImageId, ImageLock, ImageReference, LockedImage, ObservedImage,
    Resolved, Scope, Stack,
};
use stackgen::plan::{
    self, Action, Bring, BuildWhich, BuildWish, Plan, PlanOptions, PullWhich, Refresh, TextOptions,
};

const SHOP: &str = r#"
[stack]
name = "shop"

[services.db]
image = "db:1"

[services.web]
image = "web:1"
depends_on = { db = "started" }
"#;

fn image(text: &str) -> ImageReference {
    ImageReference::parse(text).unwrap()
}

fn options() -> PlanOptions {
    PlanOptions {
        salt: "salt".to_owned(),
        ..PlanOptions::default()
    }
}

async fn diff(engine: &FakeEngine, stack: &Stack<Resolved>, options: &PlanOptions) -> Plan {
    let mut observed = engine.observe(&scope(stack, options)).await.unwrap();
    if options.builder == Builder::Buildx {
        // The first whose BuildKit knows further contexts.
        observed.engine.api = (1, 42);
    }
    let plan = plan::diff(stack, &observed, options);
    assert_eq!(plan::check(&plan), vec![], "{plan:#?}");
    plan
}

/// Returns what a session looks at.
fn scope(stack: &Stack<Resolved>, options: &PlanOptions) -> Scope {
    let mut scope = compose::scope(stack);
    for ((image, _), locked) in options.lock.iter().flat_map(|lock| &lock.images) {
        if let LockedImage::Digest(digest) = locked {
            scope.images.insert(image.at_digest(digest));
        }
    }
    scope
}

async fn perform(engine: &FakeEngine, plan: &Plan) -> (ApplyReport, Vec<ApplyProgress>) {
    let (progress, mut events) = tokio::sync::mpsc::channel(64);
    let mut told = Vec::new();
    let read = async {
        while let Some(event) = events.recv().await {
            told.push(event);
        }
    };
    let engine: Arc<dyn Engine> = Arc::new(engine.clone());
    let (options, stop) = (ApplyOptions::default(), Stop::default());
    let (report, ()) = tokio::join!(exec::apply(engine, plan, &options, progress, &stop), read);
    (report, told)
}

/// Returns an engine on which `text` runs, with images `NAME:1` of these names.
async fn running(text: &str, names: &[&str]) -> FakeEngine {
    let engine = FakeEngine::new();
    for name in names {
        engine.add_plain_image(&image(name), &format!("sha256:{name}"));
    }
    let plan = diff(&engine, &stack(text), &options()).await;
    let (report, _) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    engine
}

#[tokio::test(start_paused = true)]
async fn nothing_at_all_is_touched_where_one_image_cannot_be_had() {
    let engine = FakeEngine::new();
    engine.offer_image(&image("web:1"));
    let plan = diff(&engine, &stack(SHOP), &options()).await;
    let (report, _) = perform(&engine, &plan).await;
    assert!(!report.is_success());
    let mut calls = engine.calls();
    calls.sort();
    // The other image is fetched all the same: whoever puts one right wants to know of all that are wrong.
    assert_eq!(calls, ["pull_image db:1", "pull_image web:1"]);
    assert_eq!(engine.network_names(), Vec::<String>::new());
    let failed = report.outcomes.iter().filter_map(|outcome| match outcome {
        StepOutcome::Failed { message, .. } => Some(message.as_str()),
        _ => None,
    });
    assert_eq!(
        failed.collect::<Vec<_>>(),
        ["image db:1 is not here and cannot be pulled: no such host"]
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_told_how_far_each_pull_is() {
    let engine = FakeEngine::new();
    for name in ["db:1", "web:1"] {
        engine.offer_image(&image(name));
    }
    let plan = diff(&engine, &stack(SHOP), &options()).await;
    let (report, told) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    for name in ["db:1", "web:1"] {
        let of_image = told.iter().filter_map(|event| match event {
            ApplyProgress::Pulling { image, pull, .. } if image.as_str() == name => {
                Some((pull.layers_done, pull.layers, pull.bytes_done, pull.bytes))
            }
            _ => None,
        });
        assert_eq!(
            of_image.collect::<Vec<_>>(),
            [(1, 2, 0, 1000), (2, 2, 1000, 1000)],
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_names_another_image_is_shown_by_field_and_recreates() {
    let engine = running(SHOP, &["db:1", "web:1"]).await;
    engine.add_plain_image(&image("web:1"), "sha256:0123456789abcdef0123");
    let plan = diff(&engine, &stack(SHOP), &options()).await;
    insta::assert_snapshot!(plan::text(&plan, &TextOptions::default()), @r#"
    shop: 2 services, 1 differs from stack.toml

    -/+ service web: recreate
        image                          "web:1 (web:1)" → "web:1 (0123456789ab)"
        why   its tag names another image now

        1 service and 1 network are as they should be

    Away      web   until it runs

    Plan: 1 to recreate. No data is lost.
    "#);
    let (report, _) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    let again = diff(&engine, &stack(SHOP), &options()).await;
    assert!(again.is_empty(), "{again:#?}");
}

#[tokio::test(start_paused = true)]
async fn another_tag_in_the_file_is_told_once() {
    let engine = running(SHOP, &["db:1", "web:1", "web:2"]).await;
    let text = SHOP.replace("web:1", "web:2");
    let plan = diff(&engine, &stack(&text), &options()).await;
    let web = plan.changes.last().unwrap();
    let fields: Vec<String> = web.fields.iter().map(|it| it.path.to_string()).collect();
    assert_eq!(fields, ["image"], "{web:#?}");
}

/// Returns the images that are pulled before a plan.
fn refreshed(text: &str, engine: &FakeEngine, pull: PullWhich) -> Vec<String> {
    let which = Refresh {
        pull,
        build: BuildWhich::None,
        wish: BuildWish::default(),
    };
    let stack = stack(text);
    let observed = futures_util::FutureExt::now_or_never(engine.observe(&compose::scope(&stack)));
    let observed = observed.unwrap().unwrap();
    let plan = plan::refresh(&stack, &observed, &options(), &which);
    assert_eq!(plan::check(&plan), vec![], "{plan:#?}");
    plan.steps
        .iter()
        .map(|step| match &step.action {
            plan::Action::PullImage { image, .. } => image.to_string(),
            other => panic!("{other:?}"),
        })
        .collect()
}

const POLICIES: &str = r#"
[stack]
name = "shop"
[services.always]
image = "always:1"
pull_policy = "always"
[services.built]
image = "built:1"
build = "."
[services.daily]
image = "daily:1"
pull_policy = "daily"
[services.half]
image = "half:1"
pull_policy = "every_12h"
[services.missing]
image = "missing:1"
pull_policy = "missing"
[services.never]
image = "never:1"
pull_policy = "never"
[services.plain]
image = "plain:1"
[services.refresh]
image = "refresh:1"
pull_policy = "refresh"
pull_refresh_after = "1w"
"#;

const NAMES: [&str; 8] = [
    "always", "built", "daily", "half", "missing", "never", "plain", "refresh",
];

/// Returns an engine where every image is here and was tagged at `at`.
fn all_here(at: Timestamp) -> FakeEngine {
    let engine = FakeEngine::new();
    for name in NAMES {
        let image = image(&format!("{name}:1"));
        let id = ImageId::new(format!("sha256:{name}")).unwrap();
        engine.add_image(ObservedImage {
            tagged_at: Some(at),
            ..ObservedImage::new(id, ContainerConfig::new(image))
        });
    }
    engine
}

#[test]
fn policies_say_what_an_apply_pulls_again() {
    let tagged: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let engine = all_here(tagged);
    let after = |hours: u64, pulled: BTreeMap<String, Timestamp>| {
        let now = tagged + Duration::from_secs(hours * 3600);
        refreshed(POLICIES, &engine, PullWhich::ByPolicy { now, pulled })
    };
    assert_eq!(after(1, BTreeMap::new()), ["always:1"]);
    assert_eq!(after(13, BTreeMap::new()), ["always:1", "half:1"]);
    assert_eq!(
        after(8 * 24, BTreeMap::new()),
        ["always:1", "daily:1", "half:1", "refresh:1"]
    );
    // A pull that brought nothing new leaves the engine's own time as it was.
    let pulled = tagged + Duration::from_secs(8 * 24 * 3600);
    let pulled = BTreeMap::from([("half:1".to_owned(), pulled)]);
    assert_eq!(
        after(8 * 24 + 1, pulled),
        ["always:1", "daily:1", "refresh:1"]
    );
    // What is missing is for the plan to pull.
    let now = tagged;
    let pulled = BTreeMap::new();
    let empty = FakeEngine::new();
    let none = refreshed(POLICIES, &empty, PullWhich::ByPolicy { now, pulled });
    assert_eq!(none, Vec::<String>::new());
}

#[test]
fn the_pull_command_minds_policies_as_compose_does() {
    let engine = all_here(Timestamp::UNIX_EPOCH);
    let asked = |ignore_buildable| {
        let which = PullWhich::Asked { ignore_buildable };
        refreshed(POLICIES, &engine, which).join(" ")
    };
    assert_eq!(
        asked(false),
        "always:1 built:1 daily:1 half:1 plain:1 refresh:1"
    );
    assert_eq!(asked(true), "always:1 daily:1 half:1 plain:1 refresh:1");
    let missing = refreshed(POLICIES, &FakeEngine::new(), PullWhich::Missing).join(" ");
    assert_eq!(
        missing,
        "always:1 daily:1 half:1 missing:1 never:1 plain:1 refresh:1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_that_must_not_be_pulled_blocks_the_plan() {
    let engine = FakeEngine::new();
    let never = PlanOptions {
        bring: Bring::Nothing,
        ..options()
    };
    for (text, options) in [
        (SHOP.to_owned(), never),
        (
            SHOP.replace("\"db:1\"", "\"db:1\"\npull_policy = \"never\""),
            options(),
        ),
    ] {
        let plan = diff(&engine, &stack(&text), &options).await;
        let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
        assert!(blockers[0].contains("db:1"), "{blockers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_there_is_none_of_is_refused_by_name() {
    let text = SHOP.replace("\"db:1\"", "\"db:1\"\npull_policy = \"sometimes\"");
    let plan = diff(&FakeEngine::new(), &stack(&text), &options()).await;
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    assert!(
        blockers[0].starts_with("services.db.pull_policy: there is no such policy"),
        "{blockers:?}"
    );
}

const BUILT: &str = r#"
[stack]
name = "shop"

[services.api]
build = { context = "/srv/api", additional_contexts = { base = "service:base" }, args = { TOKEN = "hush" } }

[services.base]
build = "/srv/base"
profiles = ["never"]

[services.worker]
image = "shop-api"

[services.web]
image = "web:1"
build = "/srv/web"
"#;

fn with_buildx() -> PlanOptions {
    PlanOptions {
        builder: Builder::Buildx,
        ..options()
    }
}

fn step_words(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter();
    let words = steps.filter_map(|step| match &step.action {
        Action::PullImage { image, .. } => Some(format!("pull {image}")),
        Action::BuildImage(spec) => {
            let needs: Vec<usize> = step.needs.iter().map(|id| id.0).collect();
            Some(format!("build {} after {needs:?}", spec.image))
        }
        _ => None,
    });
    words.collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_and_can_be_built_is_built_before_anything_is_touched() {
    let engine = FakeEngine::new();
    engine.add_plain_image(&image("web:1"), "sha256:web");
    let shop = stack(BUILT);
    let plan = diff(&engine, &shop, &with_buildx()).await;
    // The worker has no build of its own, and web is here.
    assert_eq!(
        step_words(&plan),
        ["build shop-base after []", "build shop-api after [0]"]
    );
    let text = plan::text(&plan, &TextOptions::default());
    assert!(
        text.contains("To build  shop-base, shop-api; the other image is here\n"),
        "{text}"
    );
    let (report, told) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    let calls = engine.calls();
    assert_eq!(
        calls[..2],
        ["build_image shop-base", "build_image shop-api"]
    );
    let mut said = told.iter().filter_map(|event| match event {
        ApplyProgress::Building { image, line, .. } => Some(format!("{image}: {line}")),
        _ => None,
    });
    assert_eq!(said.next_back().unwrap(), "shop-api: Built shop-api");
    assert!(diff(&engine, &shop, &with_buildx()).await.is_empty());
    let containers = engine.containers();
    assert_eq!(containers["shop-api-1"].config.image.as_str(), "shop-api");
    let labels = |name: &str| match &plan.steps[usize::from(name == "shop-api")].action {
        Action::BuildImage(spec) => spec.labels.clone(),
        other => panic!("{other:?}"),
    };
    let labels = labels("shop-api");
    assert_eq!(labels["com.docker.compose.project"], "shop");
    assert_eq!(labels["com.docker.compose.service"], "api");
    assert!(!labels.contains_key("com.docker.compose.image.builder"));
    assert!(!format!("{plan:?}").contains("hush"));
}

#[tokio::test(start_paused = true)]
async fn what_the_engines_own_builder_cannot_do_is_refused_by_name() {
    let engine = FakeEngine::new();
    let plan = diff(&engine, &stack(BUILT), &options()).await;
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    assert_eq!(blockers.len(), 1, "{blockers:?}");
    assert!(
        blockers[0].starts_with("services.api.build.additional_contexts: the engine's own builder"),
        "{blockers:?}"
    );
    // BuildKit itself is there, and too old: it is part of the engine.
    let observed = engine
        .observe(&compose::scope(&stack(BUILT)))
        .await
        .unwrap();
    let plan = plan::diff(&stack(BUILT), &observed, &with_buildx());
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    assert!(
        blockers[0].contains("Docker 23 is the first"),
        "{blockers:?}"
    );
    // What is here need not be built.
    for name in ["shop-api", "web:1"] {
        engine.add_plain_image(&image(name), &format!("sha256:{name}"));
    }
    let plan = diff(&engine, &stack(BUILT), &options()).await;
    assert_eq!(plan.blockers().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_leaves_everything_as_it_is() {
    let engine = FakeEngine::new();
    engine.add_plain_image(&image("web:1"), "sha256:web");
    let plan = diff(&engine, &stack(BUILT), &with_buildx()).await;
    engine.fail_call(1, stackgen::engine::fake::Fault::Refuse);
    let (report, _) = perform(&engine, &plan).await;
    assert!(!report.is_success());
    assert_eq!(engine.calls(), ["build_image shop-base"]);
    assert_eq!(engine.network_names(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn missing_images_are_not_built_where_that_is_not_wanted() {
    let engine = FakeEngine::new();
    let options = PlanOptions {
        build_missing: false,
        ..with_buildx()
    };
    let plan = diff(&engine, &stack(BUILT), &options).await;
    assert_eq!(step_words(&plan), Vec::<String>::new());
    assert!(plan.blockers().next().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_build_command_builds_what_is_here_too_and_an_apply_sees_what_moved() {
    let engine = FakeEngine::new();
    engine.add_plain_image(&image("web:1"), "sha256:web");
    let shop = stack(BUILT);
    let plan = diff(&engine, &shop, &with_buildx()).await;
    assert!(perform(&engine, &plan).await.0.is_success());
    let which = Refresh {
        pull: PullWhich::None,
        build: BuildWhich::All,
        wish: BuildWish {
            no_cache: true,
            args: BTreeMap::from([("ROUND".to_owned(), None)]),
            ..BuildWish::default()
        },
    };
    let mut observed = engine.observe(&compose::scope(&shop)).await.unwrap();
    observed.engine.api = (1, 42);
    let plan = plan::refresh(&shop, &observed, &with_buildx(), &which);
    assert_eq!(plan::check(&plan), vec![]);
    // base is off by its profile, and here.
    assert_eq!(
        step_words(&plan),
        ["build shop-api after []", "build web:1 after []"]
    );
    assert!(perform(&engine, &plan).await.0.is_success());
    let plan = diff(&engine, &shop, &with_buildx()).await;
    let moved = plan.changes.iter();
    let moved: Vec<String> = moved
        .filter(|change| change.verdict == plan::Verdict::Recreate)
        .map(|change| change.resource.to_string())
        .collect();
    assert_eq!(
        moved,
        ["service:api:1", "service:worker:1", "service:web:1"]
    );
}

#[test]
fn a_policy_of_building_builds_before_every_apply() {
    let text = BUILT.replace(
        "image = \"web:1\"",
        "image = \"web:1\"\npull_policy = \"build\"",
    );
    let shop = stack(&text);
    let engine = FakeEngine::new();
    engine.add_plain_image(&image("web:1"), "sha256:web");
    let observed = futures_util::FutureExt::now_or_never(engine.observe(&compose::scope(&shop)));
    let which = Refresh {
        pull: PullWhich::None,
        build: BuildWhich::ByPolicy,
        wish: BuildWish::default(),
    };
    let plan = plan::refresh(&shop, &observed.unwrap().unwrap(), &with_buildx(), &which);
    assert_eq!(step_words(&plan), ["build web:1 after []"]);
}

/// Returns options that go by a lock: `db:1` at one digest of its repository, and `web:1` by its id.
fn locked(db: &str) -> PlanOptions {
    let digest = LockedImage::Digest(db.to_owned());
    let id = LockedImage::Id(ImageId::new("sha256:web:1").unwrap());
    let images = [
        ((image("db:1"), None), digest),
        ((image("web:1"), None), id),
    ];
    PlanOptions {
        lock: Some(ImageLock {
            images: images.into(),
        }),
        locked: true,
        ..options()
    }
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef";

#[tokio::test(start_paused = true)]
async fn a_lock_brings_back_what_a_tag_was_and_containers_keep_their_tag() {
    let engine = running(SHOP, &["db:1", "web:1"]).await;
    engine.offer_image(&image("db:1").at_digest(DIGEST));
    let shop = stack(SHOP);
    let plan = diff(&engine, &shop, &locked(DIGEST)).await;
    insta::assert_snapshot!(plan::text(&plan, &TextOptions::default()), @r#"
    shop: 2 services, 1 differs from stack.toml

    -/+ service db: recreate
        image                          "db:1 (db:1)" → "db:1 (0123456789ab)"
        why   stack.lock pins another image than its tag names

        1 service and 1 network are as they should be

    To pull   db@sha256:0123456789abcdef0123456789abcdef
    To tag    db:1 as 0123456789ab, as it is locked
    Away      db   until it runs

    Plan: 1 to recreate. No data is lost.
    "#);
    let (report, _) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    let again = diff(&engine, &shop, &locked(DIGEST)).await;
    assert!(again.is_empty(), "{again:#?}");
    // What docker compose looks at is as in the rendered file.
    let db = engine.containers().remove("shop-db-1").unwrap();
    assert_eq!(db.config.image.as_str(), "db:1");
    // Without going by the lock, nothing is to do either.
    assert!(diff(&engine, &shop, &options()).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_was_moved_under_what_runs_is_put_back_without_touching_it() {
    let engine = FakeEngine::new();
    engine.offer_image(&image("db:1").at_digest(DIGEST));
    engine.add_plain_image(&image("web:1"), "sha256:web:1");
    let shop = stack(SHOP);
    let plan = diff(&engine, &shop, &locked(DIGEST)).await;
    assert!(perform(&engine, &plan).await.0.is_success());
    engine.add_plain_image(&image("db:1"), "sha256:newer");
    engine.reset_calls();
    let plan = diff(&engine, &shop, &locked(DIGEST)).await;
    let (report, _) = perform(&engine, &plan).await;
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(engine.calls(), [format!("tag_image db@{DIGEST} db:1")]);
}

#[tokio::test(start_paused = true)]
async fn what_the_lock_does_not_have_or_cannot_give_is_refused_by_name() {
    let engine = running(SHOP, &["db:1", "web:1"]).await;
    engine.add_plain_image(&image("web:1"), "sha256:fedcba9876543210");
    let mut options = locked(DIGEST);
    options
        .lock
        .as_mut()
        .unwrap()
        .images
        .remove(&(image("db:1"), None));
    let plan = diff(&engine, &stack(SHOP), &options).await;
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    assert_eq!(
        blockers,
        [
            "image db:1: stack.lock does not have it",
            "image web:1: it is locked as web:1, which is in no registry, and fedcba987654 is here"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_left_the_lock_is_noted_where_the_plan_does_not_go_by_it() {
    let engine = running(SHOP, &["db:1", "web:1"]).await;
    let options = PlanOptions {
        locked: false,
        ..locked(DIGEST)
    };
    let plan = diff(&engine, &stack(SHOP), &options).await;
    assert!(plan.is_empty());
    let notes: Vec<String> = plan.notes.iter().map(plan::note_text).collect();
    assert_eq!(
        notes,
        [
            "image db:1 is locked as 0123456789ab, and db:1 is here: --locked keeps to the lock, \
          `stackgen lock` takes what is here"
        ]
    );
}
