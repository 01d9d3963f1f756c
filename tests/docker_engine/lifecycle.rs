//! Containers, networks and volumes are made, changed and removed; what is so already succeeds.

use crate::support::docker;
use crate::world::{World, collect, words};
use futures_util::StreamExt;
use stackgen::engine::docker::DockerEngine;
use stackgen::engine::{Engine, EngineError, LogOptions, Performed};
use stackgen::model::{
    Bytes, ContainerStatus, EndpointSpec, FileSpec, ImageReference, Limits, NanoCpus, NetworkSpec,
    Restart, SecretText,
};
use stackgen::plan::{Action, ContainerRef};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_container_joins_and_leaves_a_second_network() {
    let Some(world) = World::new("networks") else {
        return;
    };
    let front = world.network("front", None).await;
    let back = world.network("back", None).await;
    let mut spec = world.spec("web");
    spec.config.network_mode = None;
    let endpoint = |alias: &str| EndpointSpec {
        aliases: vec![alias.to_owned()],
        ..EndpointSpec::default()
    };
    spec.config.endpoints.insert(front.clone(), endpoint("f"));
    spec.config.main_network = Some(front.clone());
    let container = world.create(&spec).await;
    let connect = Action::ConnectNetwork {
        container: container.clone(),
        network: back.clone(),
        endpoint: endpoint("b"),
    };
    let disconnect = Action::DisconnectNetwork {
        container: container.clone(),
        network: back.clone(),
    };
    assert_eq!(world.act(connect.clone()).await, Performed::Done);
    world.start(&container).await;
    assert_eq!(world.act(connect).await, Performed::WasSo);
    let seen = world.look(&container).await;
    assert_eq!(seen.config.main_network.as_deref(), Some(front.as_str()));
    assert_eq!(seen.config.endpoints[&front].aliases, ["f"]);
    assert_eq!(seen.config.endpoints[&back].aliases, ["b"]);
    let observed = world.engine.observe(&world.scope()).await.unwrap();
    for network in &observed.networks {
        assert_eq!(
            network.containers,
            std::collections::BTreeMap::from([(seen.id.clone(), seen.name.clone())]),
            "{}",
            network.name
        );
        assert_eq!(seen.network_ids[&network.name], network.id);
    }
    assert_eq!(observed.networks.len(), 2);
    let remove = Action::RemoveNetwork {
        id: seen.network_ids[&back].clone(),
        name: back.clone(),
    };
    let in_use = world.engine.perform(&remove).await.unwrap_err();
    assert!(matches!(in_use, EngineError::Conflict { .. }), "{in_use}");
    assert_eq!(world.act(disconnect.clone()).await, Performed::Done);
    assert_eq!(world.act(disconnect).await, Performed::WasSo);
    assert_eq!(world.act(remove.clone()).await, Performed::Done);
    assert_eq!(world.act(remove).await, Performed::WasSo);
}

#[tokio::test]
async fn files_arrive_with_owner_mode_and_content_before_the_start() {
    let Some(world) = World::new("files") else {
        return;
    };
    let mut spec = world.spec("files");
    spec.config.command = Some(words(&[
        "sh",
        "-c",
        "cat /run/secrets/token; exec sleep 600",
    ]));
    let container = world.create(&spec).await;
    let file = |target: &str, uid, gid, mode| FileSpec {
        target: target.to_owned(),
        content: SecretText::new("s3cret\n"),
        uid,
        gid,
        mode,
    };
    let files = vec![
        file("/run/secrets/token", 33, 44, 0o440),
        file("/etc/app.conf", 0, 0, 0o644),
    ];
    let copy = Action::CopyFiles {
        container: container.clone(),
        files,
    };
    world.act(copy).await;
    world.start(&container).await;
    let (out, _, code) = world
        .run(
            &container,
            &[
                "stat",
                "-c",
                "%u:%g:%a",
                "/run/secrets/token",
                "/etc/app.conf",
                "/etc",
            ],
        )
        .await;
    assert_eq!(
        (out.as_str(), code),
        ("33:44:440\n0:0:644\n0:0:755\n", Some(0))
    );
    let logs = world
        .engine
        .logs(&container, &LogOptions::default())
        .await
        .unwrap();
    assert_eq!(collect(logs).await.0, "s3cret\n");
}

#[tokio::test]
async fn what_is_so_already_succeeds() {
    let Some(world) = World::new("idempotence") else {
        return;
    };
    let spec = world.spec("once");
    let container = world.create(&spec).await;
    assert_eq!(world.stop(&container, None).await, Performed::WasSo);
    assert_eq!(world.start(&container).await, Performed::Done);
    assert_eq!(world.start(&container).await, Performed::WasSo);
    let unpause = Action::UnpauseContainer {
        container: container.clone(),
    };
    assert_eq!(world.act(unpause.clone()).await, Performed::WasSo);
    assert!(docker(&["pause", &spec.name]).status.success());
    assert_eq!(
        world.look(&container).await.state.status,
        ContainerStatus::Paused
    );
    assert_eq!(world.act(unpause).await, Performed::Done);
    let rename = Action::RenameContainer {
        container: container.clone(),
        to: world.project.of("renamed"),
    };
    assert_eq!(world.act(rename.clone()).await, Performed::Done);
    assert_eq!(world.act(rename).await, Performed::WasSo);
    let by_name = ContainerRef::Name(world.project.of("renamed"));
    assert!(world.engine.inspect(&by_name).await.unwrap().is_some());
    let restart = Action::RestartContainer {
        container: container.clone(),
        grace: Some(Duration::from_secs(1)),
    };
    assert_eq!(world.act(restart).await, Performed::Done);
    let remove = |force| Action::RemoveContainer {
        container: container.clone(),
        force,
        anonymous_volumes: true,
    };
    let running = world.engine.perform(&remove(false)).await.unwrap_err();
    assert!(matches!(running, EngineError::Conflict { .. }), "{running}");
    assert_eq!(world.act(remove(true)).await, Performed::Done);
    assert_eq!(world.act(remove(true)).await, Performed::WasSo);
    assert_eq!(world.stop(&container, None).await, Performed::WasSo);
    assert_eq!(world.engine.inspect(&container).await, Ok(None));
    let start = Action::StartContainer { container };
    let gone = world.engine.perform(&start).await.unwrap_err();
    assert!(matches!(gone, EngineError::NotFound { .. }), "{gone}");
}

#[tokio::test]
async fn a_name_is_never_taken_for_the_beginning_of_an_id() {
    let Some(world) = World::new("prefix") else {
        return;
    };
    let container = world.create(&world.spec("bystander")).await;
    let ContainerRef::Id(id) = &container else {
        panic!("no id")
    };
    let name = ContainerRef::Name(id.short().to_owned());
    let remove = Action::RemoveContainer {
        container: name.clone(),
        force: true,
        anonymous_volumes: false,
    };
    assert_eq!(world.act(remove).await, Performed::WasSo);
    assert_eq!(world.engine.inspect(&name).await, Ok(None));
    assert!(world.engine.inspect(&container).await.unwrap().is_some());
}

#[tokio::test]
async fn a_process_that_does_not_listen_is_killed_after_its_grace() {
    let Some(world) = World::new("grace") else {
        return;
    };
    let mut spec = world.spec("deaf");
    spec.config.init = None;
    spec.config.stop_timeout_s = Some(60);
    spec.config.command = Some(words(&[
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 1; done",
    ]));
    let container = world.create(&spec).await;
    world.start(&container).await;
    let follow = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let mut logs = world.engine.logs(&container, &follow).await.unwrap();
    logs.next().await.unwrap().unwrap();
    let begin = Instant::now();
    world.stop(&container, Some(Duration::from_secs(2))).await;
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_secs(2) && took < Duration::from_secs(20),
        "{took:?}"
    );
    let seen = world.look(&container).await;
    assert_eq!(
        (seen.state.status, seen.state.exit_code),
        (ContainerStatus::Exited, 137)
    );
}

#[tokio::test]
async fn limits_and_restart_policy_change_while_it_runs() {
    let Some(world) = World::new("update") else {
        return;
    };
    let mut spec = world.spec("limited");
    spec.config.limits.memory = Some(Bytes(32 << 20));
    let container = world.create(&spec).await;
    world.start(&container).await;
    let before = world.look(&container).await;
    let limits = Limits {
        memory: Some(Bytes(128 << 20)),
        cpus: Some(NanoCpus(250_000_000)),
        pids: Some(40),
        ..Limits::default()
    };
    let update = Action::UpdateContainer {
        container: container.clone(),
        limits: Box::new(limits.clone()),
        restart: Restart::UnlessStopped,
    };
    assert_eq!(world.act(update).await, Performed::Done);
    let mut after = world.look(&container).await;
    assert_eq!(
        after.state.started_at, before.state.started_at,
        "it was restarted"
    );
    after.config.limits.memory_swap = None;
    assert_eq!(
        (after.config.limits, after.config.restart),
        (limits, Restart::UnlessStopped)
    );
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let Some(world) = World::new("errors") else {
        return;
    };
    let spec = world.spec("taken");
    world.create(&spec).await;
    let again = Action::CreateContainer(Box::new(spec.clone()));
    let taken = world.engine.perform(&again).await.unwrap_err();
    assert!(
        matches!(&taken, EngineError::Conflict { message, .. } if message.contains("in use")),
        "{taken}"
    );
    let image = ImageReference::parse("localhost:1/stackgen-test/nothing:1").unwrap();
    let pull = Action::PullImage {
        image: image.clone(),
        platform: None,
    };
    let mut missing = world.spec("missing");
    missing.config.image = image.clone();
    let mut task = missing.clone();
    task.service = None;
    let create = |spec| Action::CreateContainer(Box::new(spec));
    for action in [pull, create(missing), create(task)] {
        match world.engine.perform(&action).await {
            Err(EngineError::NoImage { image: named, .. }) => assert_eq!(named, image.as_str()),
            other => panic!("{}: {other:?}", action.name()),
        }
    }
    let network = world.network("twice", None).await;
    let twice = NetworkSpec {
        name: network,
        driver: String::new(),
        options: BTreeMap::new(),
        internal: true,
        attachable: false,
        enable_ipv4: None,
        enable_ipv6: None,
        labels: world.labels(),
        ipam_driver: None,
        ipam_options: BTreeMap::new(),
        pools: Vec::new(),
    };
    let twice = Action::CreateNetwork(Box::new(twice));
    let twice = world.engine.perform(&twice).await.unwrap_err();
    assert!(matches!(twice, EngineError::Conflict { .. }), "{twice}");
    let nobody = DockerEngine::connect(Some("unix:///nonexistent/docker.sock")).unwrap();
    match nobody.facts().await {
        Err(EngineError::Unreachable { hint, .. }) => assert!(hint.contains("systemctl"), "{hint}"),
        other => panic!("{other:?}"),
    }
}
