//! From desired and observed to the text of a plan.
#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside of #[test] functions"
)]

#[path = "plan/drift.rs"]
mod drift;
mod stack_text;

use std::time::Duration;

use stack_text::stack;
use stackgen::compose;
use stackgen::engine::Engine;
use stackgen::engine::fake::{FakeEngine, Script};
use stackgen::exec::{self, ApplyOptions, Stop};
use stackgen::model::{Bytes, ImageReference, Observed, Resolved, Restart, Stack};
use stackgen::plan::{self, Action, DownOptions, Plan, PlanOptions, TextOptions};

const SHOP: &str = r#"
[stack]
name = "shop"

[services.db]
image = "base:1"
healthcheck = { test = "true" }
environment = { DB_PASSWORD = "one", URL = "pg://u:one@h/d" }
mem_limit = "1g"

[services.init]
image = "base:1"
depends_on = { db = "healthy" }
oneshot = true

[services.web]
image = "base:1"
environment = { LEVEL = "info" }
ports = ["8080:80"]
depends_on = { init = "completed" }

[services.tool]
image = "base:1"
profiles = ["debug"]

[volumes.data]
"#;

fn options() -> PlanOptions {
    PlanOptions {
        salt: "salt".to_owned(),
        ..PlanOptions::default()
    }
}

/// Returns an engine to which `text` was applied.
async fn running(text: &str) -> FakeEngine {
    let engine = images();
    apply(&engine, text).await;
    engine
}

/// Returns an engine on which nothing runs, with the image of the tests.
fn images() -> FakeEngine {
    let engine = FakeEngine::new();
    engine.add_plain_image(&ImageReference::parse("base:1").unwrap(), "sha256:one");
    let exits = Some((Duration::from_secs(1), 0));
    engine.script(
        "init",
        Script {
            exits,
            ..Script::default()
        },
    );
    engine
}

async fn apply(engine: &FakeEngine, text: &str) {
    let plan = plan_of(engine, text, &options()).await;
    let (progress, events) = tokio::sync::mpsc::channel(1);
    drop(events);
    let shared = std::sync::Arc::new(engine.clone());
    let report = exec::apply(
        shared,
        &plan,
        &ApplyOptions::default(),
        progress,
        &Stop::default(),
    )
    .await;
    assert!(report.is_success(), "{report:#?}");
}

async fn observe(engine: &FakeEngine, stack: &Stack<Resolved>) -> Observed {
    engine.observe(&compose::scope(stack)).await.unwrap()
}

async fn plan_of(engine: &FakeEngine, text: &str, options: &PlanOptions) -> Plan {
    let stack = stack(text);
    let plan = plan::diff(&stack, &observe(engine, &stack).await, options);
    assert_eq!(plan::check(&plan), vec![], "{plan:#?}");
    plan
}

async fn text_of(engine: &FakeEngine, text: &str) -> String {
    let plan = plan_of(engine, text, &options()).await;
    plan::text(&plan, &TextOptions::default())
}

#[tokio::test(start_paused = true)]
async fn the_first_plan_has_one_line_for_each_thing() {
    let engine = FakeEngine::new();
    insta::assert_snapshot!(text_of(&engine, SHOP).await, @r#"
    shop: 3 services, nothing running

    +   network  default  create  bridge
    +   service  db       create  base:1
    +   service  init     create  base:1         once, after db
    +   service  web      create  base:1  :8080  after init

    To pull   base:1
    Left out  tool (profile debug)
    Order     1  db
              2  init
              3  web

    Plan: 4 to create. Nothing is interrupted, no data is lost.
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_stack_plans_nothing() {
    let engine = running(SHOP).await;
    insta::assert_snapshot!(text_of(&engine, SHOP).await, @r#"
    shop: 3 services, 2 running, 1 network: all as stack.toml says
    "#);
}

#[tokio::test(start_paused = true)]
async fn fields_are_shown_and_secrets_are_not() {
    let engine = running(SHOP).await;
    let changed = SHOP
        .replace("\"one\"", "\"two\"")
        .replace("u:one@", "u:two@")
        .replace("info", "debug");
    let text = text_of(&engine, &changed).await;
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    assert!(words.all(|word| word != "one" && word != "two"), "{text}");
    insta::assert_snapshot!(text, @r#"
    shop: 3 services, 2 running, 2 differ from stack.toml

    -/+ service db: recreate
        environment.DB_PASSWORD        differs (secret)
        environment.URL                differs (secret)

    -/+ service web: recreate
        environment.LEVEL              "info" → "debug"

        1 service and 1 network are as they should be

    Left out  tool (profile debug)
    Away      db    until healthy, 300 s at most
              web   until it runs
    Order     1  db, web

    Plan: 2 to recreate. No data is lost.
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_changed_in_place_and_taken_off_by_a_new_container() {
    let engine = running(SHOP).await;
    insta::assert_snapshot!(text_of(&engine, &SHOP.replace("1g", "2g")).await, @r#"
    shop: 3 services, 2 running, 1 differs from stack.toml

    ~   service db: update in place
        mem_limit                      1GiB → 2GiB

        2 services and 1 network are as they should be

    Note      `docker compose up` would recreate db once: its hash label keeps the old value
    Left out  tool (profile debug)

    Plan: 1 to update. Nothing is interrupted, no data is lost.
    "#);
    let without = SHOP.replace("mem_limit = \"1g\"", "");
    insta::assert_snapshot!(text_of(&engine, &without).await, @r#"
    shop: 3 services, 2 running, 1 differs from stack.toml

    -/+ service db: recreate
        mem_limit                      1GiB → (none)

        2 services and 1 network are as they should be

    Left out  tool (profile debug)
    Away      db   until healthy, 300 s at most

    Plan: 1 to recreate. No data is lost.
    "#);
    let strict = SHOP
        .replace("1g", "2g")
        .replace("name = \"shop\"", "name = \"shop\"\ncompat = \"strict\"");
    let plan = plan_of(&engine, &strict, &options()).await;
    assert!(
        plan.changes
            .iter()
            .any(|it| it.verdict == plan::Verdict::Recreate)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_declared_stays_unless_it_is_pruned() {
    let engine = running(SHOP).await;
    let (head, tail) = SHOP.split_once("[services.web]").unwrap();
    let (_, tail) = tail.split_once("[services.tool]").unwrap();
    let without = format!("{head}[services.tool]{tail}");
    insta::assert_snapshot!(text_of(&engine, &without).await, @r#"
    shop: 2 services, 1 running, 1 network: all as stack.toml says

    Note      container shop-web-1 is no longer in stack.toml; --prune removes it
    "#);
    let prune = PlanOptions {
        prune: true,
        ..options()
    };
    let plan = plan_of(&engine, &without, &prune).await;
    insta::assert_snapshot!(plan::text(&plan, &TextOptions::default()), @r#"
    shop: 2 services, 1 running, 1 differs from stack.toml

    -   container  shop-web-1  remove  base:1  no longer in stack.toml

        2 services and 1 network are as they should be

    Left out  tool (profile debug)

    Plan: 1 to remove. No data is lost.
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_seen_is_left_alone() {
    let engine = running(SHOP).await;
    let stack = stack(SHOP);
    let mut observed = observe(&engine, &stack).await;
    observed.containers.retain(|it| it.name != "shop-web-1");
    observed.unknown.push(stackgen::model::Unknown {
        what: "container shop-web-1".to_owned(),
        container_name: Some("shop-web-1".to_owned()),
        why: "no answer within 10 s".to_owned(),
    });
    let plan = plan::diff(&stack, &observed, &options());
    assert_eq!(plan.steps, vec![]);
    insta::assert_snapshot!(plan::text(&plan, &TextOptions::default()), @r#"
    shop: 3 services, 1 running, 0 differ from stack.toml, 1 unknown

    ?   service web: unknown, left alone
        why   no answer within 10 s

        2 services and 1 network are as they should be

    Plan: no step for web. Look again with: stackgen plan
    "#);
}

#[tokio::test(start_paused = true)]
async fn named_services_bring_their_dependencies_unless_they_must_not() {
    let engine = FakeEngine::new();
    engine.add_plain_image(&ImageReference::parse("base:1").unwrap(), "sha256:one");
    let service = |name: &str| stackgen::model::ServiceName::new(name).unwrap();
    let named = PlanOptions {
        services: vec![service("init")],
        ..options()
    };
    let plan = plan_of(&engine, SHOP, &named).await;
    let resources = |plan: &Plan| -> Vec<String> {
        plan.changes
            .iter()
            .map(|it| it.resource.to_string())
            .collect()
    };
    assert_eq!(
        resources(&plan),
        ["network:default", "service:db:1", "service:init:1"]
    );
    let alone = PlanOptions {
        with_dependencies: false,
        ..named
    };
    let plan = plan_of(&engine, SHOP, &alone).await;
    assert_eq!(resources(&plan), ["network:default", "service:init:1"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_missing_is_made_for_a_run() {
    let engine = running(SHOP).await;
    engine.change("shop-web-1", |it| {
        it.state.status = stackgen::model::ContainerStatus::Exited;
    });
    let missing = PlanOptions {
        only_missing: true,
        ..options()
    };
    let changed = SHOP.replace("1g", "2g").replace("info", "debug");
    let plan = plan_of(&engine, &changed, &missing).await;
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.name()).collect();
    assert_eq!(actions, ["start_container", "await"]);
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_compared_by_mode_and_by_names_or_numbers() {
    let engine = running(SHOP).await;
    let plan = async |lines: &str| {
        let text = format!("{SHOP}\n[sockets.db]\npath = \"/run/db.sock\"\n{lines}\n");
        plan_of(&engine, &text, &options()).await
    };
    for same in [
        "",
        "mode = \"0660\"\nowner = \"root\"\ngroup = \"docker\"",
        "owner = \"0\"\ngroup = \"998\"",
    ] {
        assert!(plan(same).await.is_empty(), "{same}");
    }
    let plan = plan("mode = \"0600\"\nowner = \"postgres\"\ngroup = \"999\"").await;
    let fields: Vec<String> = plan
        .changes
        .iter()
        .flat_map(|change| &change.fields)
        .map(|it| {
            format!(
                "{} {} {}",
                it.path,
                it.old.as_ref().unwrap(),
                it.new.as_ref().unwrap()
            )
        })
        .collect();
    assert_eq!(
        fields,
        ["mode 0660 0600", "owner root postgres", "group docker 999"]
    );
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.action.name()).collect();
    assert_eq!(actions, ["fix_socket"]);
}

/// What a service depends on is stopped as soon as the service has stopped: nothing waits for a removal but the network.
#[tokio::test(start_paused = true)]
async fn down_waits_for_stops_and_not_for_removals() {
    let engine = running(SHOP).await;
    let shop = stack(SHOP);
    let observed = observe(&engine, &shop).await;
    let down = plan::down(&shop, &observed, &DownOptions::default());
    let action = |id: &plan::StepId| &down.steps[id.0].action;
    let mut stops_that_wait = 0;
    for step in &down.steps {
        if !matches!(step.action, Action::StopContainer { .. }) {
            continue;
        }
        for need in &step.needs {
            assert!(
                matches!(action(need), Action::StopContainer { .. }),
                "{} waits for {}",
                step.action.name(),
                action(need).name()
            );
            stops_that_wait += 1;
        }
    }
    assert!(stops_that_wait > 0, "the dependants stop first");
}

#[tokio::test(start_paused = true)]
async fn what_is_rendered_and_cannot_be_applied_blocks_the_plan_by_its_name() {
    let text = r#"
[stack]
name = "shop"

[services.built]
build = "."

[services.web]
image = "base:1"
build = "."
attach = false
provider = { type = "cloud" }
models = ["llm"]
use_api_socket = true
secrets = ["outer"]
volumes = [{ type = "npipe", source = "p", target = "/p" }, { type = "cluster", source = "c", target = "/c" }, { type = "bind", source = "/b", target = "/b", bind.recursive = "deep" }]

[services.plain]
image = "base:1"
links = ["web"]
deploy = { labels = { a = "b" }, restart_policy.condition = "any", resources.limits.memory = "64m" }

[models.llm]
model = "ai/x"

[secrets.outer]
external = true
"#;
    let plan = plan_of(&FakeEngine::new(), text, &options()).await;
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    insta::assert_snapshot!(blockers.join("\n"), @r"
    services.web.provider: a program of docker compose provides it, and no container; start it with docker compose
    services.web.models: Docker's model runner serves it by a plugin of docker's; start it with docker compose
    services.web.use_api_socket: it copies the credentials of every registry into the container; grant the socket alone, with sockets
    services.web.volumes./p: only Windows has named pipes
    services.web.volumes./c: only Swarm has cluster volumes
    services.web.volumes./b.bind.recursive: there is no such word: enabled, disabled, writable or readonly
    services.web.secrets.outer: only Swarm has configs and secrets of its own
    ");
}

/// Attributes that few services have, all of which an engine of API 1.41 knows.
const RARE: &str = r#"
[stack]
name = "shop"

[services.store]
image = "base:1"
volumes = ["data:/data"]
environment = { ROUND = "1" }

[services.web]
image = "base:1"
scale = 2
blkio_config = { weight = 300, device_read_bps = [{ path = "/dev/sda", rate = "12mb" }] }
cpu_count = 2
cpu_percent = 50
cpu_rt_period = 1000000
cpu_rt_runtime = 950000
device_cgroup_rules = ["c 1:3 mr"]
devices = ["/dev/null:/dev/n:r"]
gpus = [{ driver = "nvidia", count = 1, capabilities = ["compute"] }]
deploy.resources.reservations.devices = [{ capabilities = ["tpu"], device_ids = ["a"] }]
isolation = "default"
links = ["store:s"]
external_links = ["outer:o"]
security_opt = ["systempaths=unconfined", "no-new-privileges:true"]
networks.default = { driver_opts = { o = "1" }, link_local_ips = ["169.254.8.8"] }
volumes = [
  { type = "bind", source = "/srv", target = "/srv", bind.recursive = "disabled" },
  { type = "volume", target = "/v", volume.labels = { k = "v" } },
]

[services.reader]
image = "base:1"
volumes_from = ["store:ro", "container:other"]

[networks.default]
ipam = { options = { a = "b" }, config = [{ subnet = "10.91.0.0/24", aux_addresses = { h = "10.91.0.9" } }] }

[volumes.data]
"#;

#[tokio::test(start_paused = true)]
async fn rare_attributes_reach_the_engine_and_their_drift_is_seen() {
    let engine = running(RARE).await;
    assert_eq!(
        plan_of(&engine, RARE, &options()).await.change_count(),
        0,
        "{}",
        text_of(&engine, RARE).await
    );
    let web = engine.containers()["shop-web-2"].config.clone();
    let links: Vec<&str> = web.rare.links.iter().map(String::as_str).collect();
    assert_eq!(
        links,
        [
            "outer:o",
            "shop-store-1:s",
            "shop-store-1:shop-store-2",
            "shop-store-1:store-2"
        ]
    );
    assert_eq!(web.rare.cpu_percent, Some(5000));
    assert_eq!(web.rare.device_requests[0].ids, ["a"]);
    assert_eq!(web.rare.device_requests[1].capabilities, ["compute", "gpu"]);
    assert_eq!(web.security_opt, ["no-new-privileges:true"]);
    let reader = &engine.containers()["shop-reader-1"];
    assert_eq!(
        reader.config.rare.volumes_from,
        ["shop-store-1:ro", "other"]
    );
    engine.change("shop-web-1", |it| {
        let rare = &mut it.config.rare;
        rare.block_io.weight = Some(500);
        rare.block_io.write_iops.insert("/dev/sda".to_owned(), 7);
        rare.device_cgroup_rules.clear();
        rare.device_requests.pop();
        rare.has_open_system_paths = false;
        for endpoint in it.config.endpoints.values_mut() {
            endpoint.rare.links.clear();
            endpoint.rare.driver_opts.clear();
        }
        it.config.mounts.retain(|mount| mount.target != "/srv");
    });
    let plan = plan_of(&engine, RARE, &options()).await;
    let changed = plan.changes.iter().flat_map(|change| &change.fields);
    let paths: Vec<String> = changed.map(|field| field.path.to_string()).collect();
    insta::assert_snapshot!(paths.join("\n"), @r#"
    blkio_config.device_write_iops."/dev/sda"
    blkio_config.weight
    device_cgroup_rules
    gpus
    security_opt.systempaths
    volumes."/srv"
    networks.default
    "#);
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_mounts_follows_the_container_that_has_them() {
    let engine = running(RARE).await;
    let changed = RARE.replace("ROUND = \"1\"", "ROUND = \"2\"");
    let plan = plan_of(&engine, &changed, &options()).await;
    let replaced = plan
        .changes
        .iter()
        .filter(|it| it.verdict == plan::Verdict::Recreate);
    let replaced: Vec<String> = replaced.map(|it| it.resource.to_string()).collect();
    assert_eq!(replaced, ["service:store:1", "service:reader:1"]);
    let created = plan.steps.iter().filter_map(|step| match &step.action {
        Action::CreateContainer(spec) => spec.service.as_ref().map(ToString::to_string),
        _ => None,
    });
    assert_eq!(created.collect::<Vec<_>>(), ["store", "reader"]);
    // Made before the rename, it would get the mounts of the old one.
    let place = |is_it: &dyn Fn(&Action) -> bool| {
        let step = plan.steps.iter().find(|step| is_it(&step.action));
        step.unwrap().id
    };
    let renamed =
        place(&|it| matches!(it, Action::RenameContainer { to, .. } if to == "shop-store-1"));
    let reader = place(&|it| {
        matches!(it, Action::CreateContainer(spec)
            if spec.service.as_ref().is_some_and(|name| name.as_str() == "reader"))
    });
    assert!(plan.steps[reader.0].needs.contains(&renamed));
}

#[tokio::test(start_paused = true)]
async fn a_container_that_refers_to_another_is_made_after_it() {
    let text = r#"
[stack]
name = "shop"

[services.user]
image = "base:1"
network_mode = "service:owner"

[services.owner]
image = "base:1"
"#;
    let plan = plan_of(&FakeEngine::new(), text, &options()).await;
    let created = |name: &str| {
        let is_it =
            |action: &Action| matches!(action, Action::CreateContainer(spec) if spec.name == name);
        let step = plan.steps.iter().find(|step| is_it(&step.action));
        step.unwrap()
    };
    let owner = created("shop-owner-1").id;
    assert!(created("shop-user-1").needs.contains(&owner));
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_is_too_old_for_is_refused_before_any_change() {
    let text = r#"
[stack]
name = "shop"

[services.web]
image = "base:1"
scale = 2
annotations = { team = "red" }
healthcheck = { test = "true", start_interval = "1s" }
volumes = [{ type = "volume", source = "data", target = "/d", volume.subpath = "x" }]
networks = { back = { mac_address = "02:42:ac:11:00:0a" }, front = { priority = 1 } }

[services.db]
image = "base:1"

[networks.back]
[networks.front]
[volumes.data]
"#;
    let engine = FakeEngine::new();
    let stack = stack(text);
    let mut observed = observe(&engine, &stack).await;
    let plan = plan::diff(&stack, &observed, &options());
    let blockers: Vec<String> = plan.blockers().map(plan::note_text).collect();
    insta::assert_snapshot!(blockers.join("\n"), @r"
    services.web.annotations needs an engine with API 1.43, and this one has 1.41
    services.web.healthcheck.start_interval needs an engine with API 1.44, and this one has 1.41
    services.web.volumes./d.volume.subpath needs an engine with API 1.45, and this one has 1.41
    services.web.networks.shop_back.mac_address needs an engine with API 1.44, and this one has 1.41
    ");
    let is_of_web = |action: &Action| match action {
        Action::CreateContainer(spec) => spec.name.starts_with("shop-web-"),
        _ => false,
    };
    assert!(plan.steps.iter().all(|step| !is_of_web(&step.action)));
    observed.engine.api = (1, 45);
    let plan = plan::diff(&stack, &observed, &options());
    assert_eq!(plan.blockers().count(), 0);
    let web = plan.steps.iter().filter(|step| is_of_web(&step.action));
    assert_eq!(web.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn limits_and_restart_policy_of_deploy_reach_the_engine() {
    let text = r#"
[stack]
name = "shop"

[services.web]
image = "base:1"
restart = "no"
mem_reservation = "8m"
deploy = { replicas = 2, restart_policy = { condition = "on-failure", max_attempts = 3 }, resources.limits.memory = "64m" }
"#;
    let engine = running(text).await;
    let observed = observe(&engine, &stack(text)).await;
    assert_eq!(observed.containers.len(), 2);
    let config = &observed.containers[0].config;
    assert_eq!(config.restart, Restart::OnFailure(Some(3)));
    assert_eq!(config.limits.memory, Some(Bytes(64 << 20)));
    assert_eq!(config.limits.memory_reservation, Some(Bytes(8 << 20)));
    assert_eq!(plan_of(&engine, text, &options()).await.change_count(), 0);
}

/// Returns the text of every note because of which a plan cannot be applied.
fn blocked(plan: &Plan) -> Vec<String> {
    plan.blockers().map(plan::note_text).collect()
}

async fn perform(engine: &FakeEngine, plan: &Plan) {
    let (progress, events) = tokio::sync::mpsc::channel(1);
    drop(events);
    let shared = std::sync::Arc::new(engine.clone());
    let options = ApplyOptions::default();
    let report = exec::apply(shared, plan, &options, progress, &Stop::default()).await;
    assert!(report.is_success(), "{report:#?}");
}

/// Labels cannot be changed: only a new container makes a takeover last.
#[tokio::test(start_paused = true)]
async fn the_same_name_from_another_folder_is_refused_and_taken_over_for_good_by_adopt() {
    const DB: &str = r#"
[stack]
name = "shop"
[services.db]
image = "base:1"
volumes = ["data:/data"]
[volumes.data]
"#;
    let engine = running(DB).await;
    engine.change("shop-db-1", |it| {
        let label = compose::labels::WORKING_DIR.to_owned();
        it.config.labels.insert(label, "/elsewhere".to_owned());
    });
    let plan = plan_of(&engine, DB, &options()).await;
    assert_eq!(
        blocked(&plan),
        [
            "network shop_default is in the way and belongs to project shop of another folder",
            "volume shop_data is in the way and belongs to project shop of another folder",
            "container shop-db-1 is in the way and belongs to project shop of /elsewhere",
        ]
    );
    let adopt = PlanOptions {
        adopt: true,
        ..options()
    };
    let plan = plan_of(&engine, DB, &adopt).await;
    insta::assert_snapshot!(plan::text(&plan, &TextOptions::default()), @r#"
    shop: 1 service, 1 differs from stack.toml

    -/+ service db: recreate
        why   it was made from /elsewhere, which its labels say as long as it lives

        1 network and 1 volume are as they should be

    Away      db   until it runs

    Plan: 1 to recreate. No data is lost.
    "#);
    perform(&engine, &plan).await;
    // From now on it is ours without asking, with the same network and volume.
    assert!(plan_of(&engine, DB, &options()).await.is_empty());
    assert_eq!(engine.network_names(), ["shop_default"]);
    assert_eq!(engine.volume_names(), ["shop_data"]);
}

/// Returns a container that looks like one of the shop and is nobody's, on the same networks.
fn add_stranger(engine: &FakeEngine, like: &str, name: &str) {
    let mut stranger = engine.containers()[like].clone();
    stranger.id = stackgen::model::ContainerId::new(format!("{name}000000000000")).unwrap();
    stranger.name = name.to_owned();
    stranger.config.labels.clear();
    engine.add_container(stranger);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_on_a_network_is_left_alone_and_stands_in_the_way_of_its_removal() {
    let engine = running(SHOP).await;
    add_stranger(&engine, "shop-db-1", "debug");
    let plan = plan_of(&engine, SHOP, &options()).await;
    assert!(plan.is_empty());
    let text = plan::text(&plan, &TextOptions::default());
    let line = "Left alone container debug on network shop_default: not of this stack";
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&text).contains(line), "{text}");

    let shop = stack(SHOP);
    let down = plan::down(
        &shop,
        &observe(&engine, &shop).await,
        &DownOptions::default(),
    );
    let in_the_way = ["network shop_default is to be removed, and container debug is on it"];
    assert_eq!(blocked(&down), in_the_way);

    let elsewhere = SHOP.replace(
        "image = \"base:1\"\n",
        "image = \"base:1\"\nnetworks = [\"other\"]\n",
    ) + "[networks.other]\n";
    let prune = PlanOptions {
        prune: true,
        ..options()
    };
    assert_eq!(
        blocked(&plan_of(&engine, &elsewhere, &prune).await),
        in_the_way
    );
    assert_eq!(
        blocked(&plan_of(&engine, &elsewhere, &options()).await),
        [""; 0]
    );
}

#[tokio::test(start_paused = true)]
async fn a_network_whose_range_another_one_has_is_refused_before_anything_is_done() {
    let engine = running("[stack]\nname = \"other\"\n[services.a]\nimage = \"base:1\"\nnetworks = [\"n\"]\n[networks.n]\nipam = { config = [{ subnet = \"10.77.0.0/16\" }] }\n").await;
    let with = |subnet: &str| {
        format!(
            "[stack]\nname = \"shop\"\n[services.a]\nimage = \"base:1\"\nnetworks = [\"m\"]\n[networks.m]\nipam = {{ config = [{{ subnet = \"{subnet}\" }}] }}\n"
        )
    };
    let plan = plan_of(&engine, &with("10.77.3.0/24"), &options()).await;
    assert_eq!(
        blocked(&plan),
        ["networks.m asks for 10.77.3.0/24, which overlaps with 10.77.0.0/16 of network other_n"]
    );
    let plan = plan_of(&engine, &with("10.78.0.0/16"), &options()).await;
    assert_eq!(blocked(&plan), [""; 0]);
    perform(&engine, &plan).await;
    // Its own range is not in its way.
    let again = plan_of(&engine, &with("10.78.0.0/16"), &options()).await;
    assert!(again.is_empty());
}

#[tokio::test(start_paused = true)]
async fn down_with_volumes_leaves_protected_foreign_and_unlabelled_ones() {
    let text = "[stack]\nname = \"shop\"\n[services.a]\nimage = \"base:1\"\nvolumes = [\"one:/1\", \"two:/2\", \"ext:/3\"]\n[volumes.one]\n[volumes.two]\n[volumes.ext]\nexternal = true\nname = \"ext\"\n[policy]\nprevent_destroy = [\"volume:two\"]\n";
    let engine = FakeEngine::new();
    let volume = |name: &str, project: Option<&str>| stackgen::model::ObservedVolume {
        name: name.to_owned(),
        driver: "local".to_owned(),
        options: Default::default(),
        labels: project
            .map(|it| (compose::labels::PROJECT.to_owned(), it.to_owned()))
            .into_iter()
            .collect(),
    };
    engine.add_volume(volume("ext", None));
    engine.add_volume(volume("shop_loose", None));
    // Of our project by name, and without the key that whoever made it for us would have given it.
    engine.add_volume(volume("shop_keyless", Some("shop")));
    engine.add_volume(volume("theirs", Some("other")));
    engine.add_plain_image(&ImageReference::parse("base:1").unwrap(), "sha256:one");
    perform(&engine, &plan_of(&engine, text, &options()).await).await;

    let shop = stack(text);
    let all = DownOptions {
        volumes: true,
        ..DownOptions::default()
    };
    let down = plan::down(&shop, &observe(&engine, &shop).await, &all);
    let lost: Vec<String> = down
        .changes
        .iter()
        .filter(|change| change.loses_data)
        .map(|change| change.resource.to_string())
        .collect();
    assert_eq!(lost, ["volume:one"]);
    let notes: Vec<String> = down.notes.iter().map(plan::note_text).collect();
    assert_eq!(
        notes,
        ["volume shop_two stays: policy.prevent_destroy names it"]
    );
    perform(&engine, &down).await;
    assert_eq!(
        engine.volume_names(),
        ["ext", "shop_keyless", "shop_loose", "shop_two", "theirs"]
    );
}

/// What scripts and dashboards rely on: names and meaning of PRODUCT's table, whatever else is added.
#[tokio::test(start_paused = true)]
async fn the_json_of_a_plan_has_a_step_for_each_resource_and_an_action_for_each_call() {
    let engine = running(SHOP).await;
    let changed = SHOP
        .replace("\"one\"", "\"two\"")
        .replace("1g", "2g")
        .replace("info", "debug");
    let plan = plan_of(&engine, &changed, &options()).await;
    let json = stackgen::cli::plan_json::json(&plan);
    assert_eq!(json["changes"], 2);
    let steps = json["steps"].as_array().unwrap();
    let of = |resource: &str| {
        let step = steps.iter().find(|it| it["resource"] == resource);
        step.unwrap_or_else(|| panic!("no {resource} in {json:#}"))
    };
    for step in steps {
        for key in [
            "id", "resource", "verdict", "reasons", "fields", "actions", "needs",
        ] {
            assert!(step.get(key).is_some(), "{key} of {step:#}");
        }
        let id = step["id"].as_u64().unwrap();
        let calls = plan
            .steps
            .iter()
            .filter(|it| it.change as u64 == id)
            .count();
        assert_eq!(step["actions"].as_array().unwrap().len(), calls, "{step:#}");
        for need in step["needs"].as_array().unwrap() {
            assert!(steps.iter().any(|it| it["id"] == *need), "{step:#}");
        }
    }
    let db = of("service:db:1");
    assert_eq!(db["verdict"], "recreate");
    assert_eq!(db["reasons"], serde_json::json!(["config_drift"]));
    let field = |path: &str| {
        let fields = db["fields"].as_array().unwrap();
        fields.iter().find(|it| it["path"] == path).unwrap().clone()
    };
    let secret = field("environment.DB_PASSWORD");
    assert_eq!(
        (&secret["old"], &secret["new"]),
        (&"***".into(), &"***".into())
    );
    assert_eq!(field("mem_limit")["old"], "1GiB");
    assert_eq!(field("mem_limit")["new"], "2GiB");
    assert_eq!(of("network:default")["verdict"], "nothing");
    // A finished one-shot stays, and web does not wait for what is not done again.
    assert_eq!(of("service:init:1")["verdict"], "nothing");
    assert_eq!(of("service:web:1")["verdict"], "recreate");
    assert_eq!(
        db["actions"],
        serde_json::json!([
            "create_container",
            "stop_container",
            "rename_container",
            "rename_container",
            "start_container",
            "await",
            "remove_container"
        ])
    );
    assert!(json["notes"].is_array());
    let text = json.to_string();
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    assert!(words.all(|word| word != "one" && word != "two"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn no_line_is_wider_than_100_columns_and_verbose_cuts_nothing() {
    let long = "x".repeat(300);
    let text = |value: &str, script: &str| {
        format!(
            r#"
[stack]
name = "shop"
[services.a-service-with-quite-a-long-name]
image = "registry.example.test/some/team/and/a/rather/long/path/of/an/image:1"
command = ["sh", "-c", "{script}"]
environment = {{ A_VARIABLE_WITH_A_NAME_THAT_IS_LONGER_THAN_ALL_OTHERS_PUT_TOGETHER = "{value}", W = "日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語{value}" }}
depends_on = {{ db = "started", another-service-with-a-long-name = "started", a-third-service-with-a-long-name = "started" }}
stop_grace_period = "25s"
[services.db]
image = "base:1"
[services.another-service-with-a-long-name]
image = "base:1"
[services.a-third-service-with-a-long-name]
image = "base:1"
depends_on = {{ db = "started" }}
"#
        )
    };
    let image = ImageReference::parse(
        "registry.example.test/some/team/and/a/rather/long/path/of/an/image:1",
    );
    let engine = FakeEngine::new();
    engine.add_plain_image(&ImageReference::parse("base:1").unwrap(), "sha256:one");
    engine.add_plain_image(&image.unwrap(), "sha256:two");
    let place = |_: &plan::Resource, _: &stackgen::model::KeyPath| {
        Some("services/of-the-platform.toml:1234".to_owned())
    };
    let width = |text: &str| {
        text.lines()
            .map(unicode_width::UnicodeWidthStr::width)
            .max()
    };
    let written = |plan: &Plan, verbose| {
        let options = TextOptions {
            width: 100,
            verbose,
            place: &place,
        };
        plan::text(plan, &options)
    };
    let first = plan_of(&engine, &text("a", "true"), &options()).await;
    let fresh = written(&first, false);
    assert!(width(&fresh) <= Some(100), "{fresh}");
    perform(&engine, &first).await;
    let changed = text(&long, "one\\ntwo\\nthree");
    let second = plan_of(&engine, &changed, &options()).await;
    let short = written(&second, false);
    assert!(width(&short) <= Some(100), "{short}");
    assert!(short.contains("xx…xx"), "{short}");
    let whole = written(&second, true);
    assert!(whole.contains(&long), "{whole}");
}

#[tokio::test(start_paused = true)]
async fn a_text_of_several_lines_is_a_diff_where_more_is_asked_for() {
    let text = |script: &str| {
        format!(
            "[stack]\nname = \"shop\"\n[services.a]\nimage = \"base:1\"\nenvironment = {{ SCRIPT = \"{script}\" }}\n"
        )
    };
    let engine = running(&text("one\\ntwo\\nthree")).await;
    let plan = plan_of(&engine, &text("one\\n2\\nthree"), &options()).await;
    let verbose = TextOptions {
        verbose: true,
        ..TextOptions::default()
    };
    let text = plan::text(&plan, &verbose);
    let start = text.find("-/+").unwrap();
    insta::assert_snapshot!(&text[start..], @r#"
    -/+ service a: recreate
        environment.SCRIPT
          @@ -1,3 +1,3 @@
           one
          -two
          +2
           three

        network  default  as it should be  bridge

    Away      a   until it runs

    Plan: 1 to recreate. No data is lost.
    "#);
}
