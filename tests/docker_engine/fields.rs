//! What is asked of a container comes back from a look at it.

use crate::support::block_device;
use crate::world::{World, map, subnet, words};
use stackgen::engine::{Engine, EngineError, Performed};
use stackgen::model::{
    BlockIo, Bytes, ContainerConfig, ContainerSpec, ContainerStatus, EndpointSpec, HealthSpec,
    Limits, MountSpec, MountSpecSource, NanoCpus, PortSpec, Protocol, RareConfig, RareEndpoint,
    Recursive, Restart, VolumeSpec,
};
use stackgen::plan::Action;
use std::collections::BTreeMap;
use std::time::Duration;

/// What few containers ask for, as far as this engine needs no special hardware for it.
fn rare() -> RareConfig {
    let rate = |rate| {
        block_device()
            .map(|path| (path, rate))
            .into_iter()
            .collect()
    };
    RareConfig {
        block_io: BlockIo {
            read_bps: rate(1 << 20),
            read_iops: rate(100),
            write_bps: rate(2 << 20),
            write_iops: rate(200),
            ..BlockIo::default()
        },
        cpu_count: Some(1),
        device_cgroup_rules: words(&["c 1:3 mr"]),
        isolation: Some("default".to_owned()),
        has_open_system_paths: true,
        ..RareConfig::default()
    }
}

/// A container that uses every field that engine 20.10 takes.
fn everything(world: &World, network: &str, volume: &str, folder: &str) -> ContainerSpec {
    let mount = |target: &str, source, read_only| MountSpec {
        target: target.to_owned(),
        source,
        read_only,
    };
    let named = |nocopy| MountSpecSource::Volume {
        name: Some(volume.to_owned()),
        nocopy,
        subpath: None,
        labels: BTreeMap::new(),
    };
    let unnamed = MountSpecSource::Volume {
        name: None,
        nocopy: false,
        subpath: None,
        labels: world.labels(),
    };
    let bind = |create_host_path, recursive| MountSpecSource::Bind {
        path: folder.to_owned(),
        create_host_path,
        propagation: None,
        selinux: None,
        recursive,
    };
    let tmpfs = MountSpecSource::Tmpfs {
        size: Some(Bytes(1 << 20)),
        mode: Some(0o1777),
    };
    let port = |target, protocol, published: &str| PortSpec {
        target,
        protocol,
        host_ip: "127.0.0.1".to_owned(),
        published: published.to_owned(),
    };
    let mut spec = world.spec("all");
    let endpoint = EndpointSpec {
        aliases: vec![spec.name.clone(), "all".to_owned(), "other".to_owned()],
        ipv4_address: Some(format!("{}.9", subnet())),
        rare: Box::new(RareEndpoint {
            link_local_ips: words(&["169.254.8.8"]),
            driver_opts: map(&[("com.example.a", "1")]),
            links: ["elsewhere:other".to_owned()].into(),
            ..RareEndpoint::default()
        }),
        ..EndpointSpec::default()
    };
    let base = spec.config.clone();
    spec.config = ContainerConfig {
        command: Some(words(&["-c", "sleep 600"])),
        entrypoint: Some(words(&["/bin/sh"])),
        environment: BTreeMap::from([
            ("A".to_owned(), Some("1=2".to_owned())),
            ("EMPTY".to_owned(), Some(String::new())),
        ]),
        hostname: Some("box".to_owned()),
        domainname: Some("example.test".to_owned()),
        user: Some("0:0".to_owned()),
        working_dir: Some("/tmp".to_owned()),
        stop_signal: Some("SIGINT".to_owned()),
        stop_timeout_s: Some(3),
        stdin_open: true,
        exposed: ["99/udp", "8080/tcp", "5353/udp"].map(str::to_owned).into(),
        ports: vec![
            port(5353, Protocol::Udp, ""),
            port(8080, Protocol::Tcp, "28100-28180"),
        ],
        health: Some(HealthSpec {
            test: words(&["CMD", "true"]),
            interval: Some(Duration::from_secs(7)),
            timeout: Some(Duration::from_millis(1500)),
            retries: Some(4),
            start_period: Some(Duration::from_secs(2)),
            start_interval: None,
        }),
        mounts: vec![
            mount("/m1", bind(true, Recursive::Enabled), true),
            mount("/m2", bind(false, Recursive::Disabled), false),
            mount("/m3", named(false), false),
            mount("/m4", named(true), true),
            mount("/m5", tmpfs, false),
            mount("/m6", unnamed, false),
        ],
        tmpfs: map(&[("/t", "size=64k")]),
        network_mode: None,
        endpoints: BTreeMap::from([(network.to_owned(), endpoint)]),
        main_network: Some(network.to_owned()),
        dns: words(&["9.9.9.9"]),
        dns_search: words(&["example.test"]),
        dns_options: words(&["ndots:2"]),
        extra_hosts: words(&["a:10.0.0.1", "b:10.0.0.2"]),
        restart: Restart::OnFailure(Some(3)),
        cap_add: words(&["NET_ADMIN", "SYS_TIME"]),
        cap_drop: words(&["MKNOD"]),
        group_add: words(&["1001", "999"]),
        security_opt: words(&["no-new-privileges:true"]),
        sysctls: map(&[("net.core.somaxconn", "256")]),
        ulimits: BTreeMap::from([("nofile".to_owned(), (1000, 2000))]),
        devices: vec![(
            "/dev/null".to_owned(),
            "/dev/nil".to_owned(),
            "rw".to_owned(),
        )],
        logging: Some(("json-file".to_owned(), map(&[("max-size", "1m")]))),
        limits: Limits {
            cpus: Some(NanoCpus(500_000_000)),
            cpu_shares: Some(512),
            cpuset: Some("0".to_owned()),
            memory: Some(Bytes(64 << 20)),
            memory_reservation: Some(Bytes(32 << 20)),
            pids: Some(50),
            ..Limits::default()
        },
        shm_size: Some(Bytes(1 << 20)),
        oom_score_adj: Some(100),
        read_only: true,
        init: Some(true),
        ipc: Some("shareable".to_owned()),
        pid: None,
        uts: None,
        cgroup: Some("private".to_owned()),
        runtime: Some("runc".to_owned()),
        mac_address: Some("02:42:0a:d5:4d:09".to_owned()),
        rare: Box::new(rare()),
        ..base
    };
    spec
}

#[tokio::test]
async fn every_field_comes_back_as_it_was_asked_for() {
    let Some(world) = World::new("every_field") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let network = world
        .network("net", Some(&format!("{}.0/24", subnet())))
        .await;
    let volume = world.project.of("data");
    let volume_spec = VolumeSpec {
        name: volume.clone(),
        driver: "local".to_owned(),
        options: BTreeMap::new(),
        labels: world.labels(),
    };
    assert_eq!(
        world.act(Action::CreateVolume(volume_spec.clone())).await,
        Performed::Done
    );
    assert_eq!(
        world.act(Action::CreateVolume(volume_spec)).await,
        Performed::WasSo
    );
    let spec = everything(
        &world,
        &network,
        &volume,
        &folder.path().display().to_string(),
    );
    let container = world.create(&spec).await;
    for is_started in [false, true] {
        if is_started {
            assert_eq!(world.start(&container).await, Performed::Done);
        }
        let seen = world.look(&container).await;
        let mut config = seen.config.clone();
        // What image and daemon add, and a desired container does not say.
        let label = config.labels.remove("com.docker.compose.image");
        assert_eq!(label.as_deref(), Some(seen.image_id.as_str()));
        config
            .labels
            .retain(|key, _| key.starts_with("com.docker."));
        assert!(config.environment.remove("PATH").is_some());
        if let Some((_, options)) = &mut config.logging {
            // The daemon adds its own options for the same driver.
            options.retain(|key, _| key == "max-size");
        }
        for endpoint in config.endpoints.values_mut() {
            let address = endpoint.mac_address.take();
            // Newer engines tell it from the creation on.
            let is_told = is_started || address.is_some();
            assert_eq!(address, config.mac_address.clone().filter(|_| is_told));
        }
        let swap = config.limits.memory_swap.take();
        assert!(
            swap.is_none_or(|swap| swap.0 == 128 << 20 || swap.0 == -1),
            "{swap:?}"
        );
        assert_eq!(config, spec.config, "started: {is_started}");
        assert_eq!(seen.name, spec.name);
    }
    let seen = world.look(&container).await;
    assert_eq!(seen.addresses[&network], format!("{}.9", subnet()));
    assert_eq!(seen.bound_ports.len(), 2, "{:?}", seen.bound_ports);
    assert!(seen.created.is_some() && seen.state.started_at.is_some());
    assert_eq!(seen.state.finished_at, None);
}

#[tokio::test]
async fn defaults_are_told_apart_from_what_was_asked_for() {
    let Some(world) = World::new("defaults") else {
        return;
    };
    let mut spec = world.spec("plain");
    spec.config.init = None;
    let container = world.create(&spec).await;
    let seen = world.look(&container).await;
    assert_eq!(seen.state.status, ContainerStatus::Created);
    assert_eq!(seen.state.health, None);
    assert_eq!(seen.state.started_at, None);
    assert_eq!(seen.config.limits, Limits::default());
    assert_eq!(seen.config.network_mode.as_deref(), Some("none"));
    assert!(
        seen.config.endpoints.is_empty(),
        "{:?}",
        seen.config.endpoints
    );
    assert_eq!(seen.config.restart, Restart::No);
    assert_eq!(seen.config.init, None);
    assert_eq!(seen.config.health, None);
    assert!(seen.config.mounts.is_empty() && seen.config.ports.is_empty());
}

#[tokio::test]
async fn newer_fields_are_refused_and_the_version_is_sent() {
    let Some(world) = World::new("version") else {
        return;
    };
    let facts = world.engine.facts().await.unwrap();
    assert!(facts.is_local && facts.api >= (1, 40), "{facts:?}");
    let mut spec = world.spec("new");
    spec.config.mounts = vec![MountSpec {
        target: "/m".to_owned(),
        source: MountSpecSource::Volume {
            name: Some(world.project.of("data")),
            nocopy: false,
            subpath: Some("sub".to_owned()),
            labels: BTreeMap::new(),
        },
        read_only: false,
    }];
    let result = world
        .engine
        .perform(&Action::CreateContainer(Box::new(spec)))
        .await;
    if facts.api < (1, 45) {
        assert!(
            matches!(&result, Err(EngineError::TooOld { needs, .. }) if needs == "1.45"),
            "{result:?}"
        );
    }
}
