//! `stackgen import --running`: what docker compose or stackgen started comes back as a stack.toml that finds nothing to change.
#![expect(
    clippy::disallowed_methods,
    reason = "it writes files and runs programs"
)]

#[path = "support/peers.rs"]
mod peers;
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use stackgen::compose::import::{RunningRequest, import_running};
use stackgen::model::{
    ContainerConfig, ContainerId, ContainerState, ContainerStatus, EngineFacts, HealthSpec,
    ImageId, ImageReference, Observed, ObservedContainer, ObservedImage, ProjectName, Restart,
};
use support::{Project, docker, ensure_busybox, is_left_out};

/// A project with about everything that an engine can be asked about a container.
const COMPOSE: &str = r#"
x-logging: &logging {driver: json-file, options: {max-size: 1m, max-file: "2"}}
x-wait: &wait ["sh", "-c", "trap 'exit 0' TERM; echo $$HOME; while :; do sleep 0.2; done"]
services:
  db:
    image: busybox:1.36
    logging: *logging
    command: *wait
    environment:
      POSTGRES_PASSWORD: ${DB_PASSWORD}
      POSTGRES_USER: app
      PRICE: 5$$
      EMPTY: ""
    volumes: ["data:/data", "./conf:/conf:ro", "/cache", {type: volume, source: d, target: /drive}]
    healthcheck: {test: ["CMD", "true"], interval: 1s, timeout: 2s, retries: 5, start_period: 1m}
    mem_limit: 64m
    cpus: 0.5
    stop_grace_period: 3s
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 512}
    networks:
      back: {aliases: [database], ipv4_address: SUBNET.0.10}
  setup:
    image: busybox:1.36
    logging: *logging
    command: ["true"]
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
  migrate:
    image: busybox:1.36
    logging: *logging
    command: ["true"]
    network_mode: none
  web:
    image: busybox:1.36
    logging: *logging
    command: *wait
    scale: 2
    ports: ["127.0.0.1::8080", "9000/udp"]
    networks: {front: {priority: 10}, back: {}}
    depends_on:
      db: {condition: service_healthy, restart: true}
      setup: {condition: service_completed_successfully}
    environment:
      DATABASE_URL: postgres://app:${DB_PASSWORD}@db/app
      API_TOKEN: tokentoken1
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    extra_hosts: ["gateway:10.0.0.1", "six:::1"]
    tmpfs: ["/scratch:size=1m", "/run"]
    labels: {com.example.team: shop, com.example.rule: "Host(`a`)"}
    secrets: [token]
  side:
    image: busybox:1.36
    logging: *logging
    command: *wait
    network_mode: "service:db"
  named:
    image: busybox:1.36
    logging: *logging
    container_name: NAME-one
    hostname: one
    domainname: example.test
    user: "1000:1000"
    working_dir: /tmp
    entrypoint: ["sh", "-c"]
    command: ["trap 'exit 0' TERM; while :; do sleep 0.2; done"]
    expose: ["99"]
    init: true
    restart: on-failure:3
    read_only: true
    sysctls: {net.core.somaxconn: 1024}
    shm_size: 32m
    group_add: ["44"]
    security_opt: ["no-new-privileges:true"]
    stop_signal: SIGINT
    tty: true
    pids_limit: 50
    devices: ["/dev/null:/dev/nothing:rw"]
    dns: ["10.0.0.2"]
    dns_search: ["example.test"]
    volumes:
      - {type: tmpfs, target: /mem, tmpfs: {size: 1048576}}
      - {type: bind, source: ./conf, target: /c2, bind: {create_host_path: false}}
      - {type: volume, source: data, target: /nc, volume: {nocopy: true}}
networks:
  front: {labels: {tier: front}}
  back: {internal: true, ipam: {config: [{subnet: SUBNET.0.0/24}]}}
volumes:
  data: {labels: {kept: "yes"}}
  d: {}
secrets:
  token: {file: ./token}
"#;

#[test]
fn what_compose_2_started_is_taken_over_as_it_is() {
    taken_over("docker-compose-2", 230);
}

#[test]
fn what_compose_5_started_is_taken_over_as_it_is() {
    taken_over("docker-compose-5", 240);
}

fn taken_over(peer: &str, third: u32) {
    if is_left_out("import_running") {
        return;
    }
    ensure_busybox();
    let project = Project::new("import-running");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    let subnet = format!("10.{third}.{}", std::process::id() % 250);
    let text = COMPOSE
        .replace("SUBNET.0", &subnet)
        .replace("NAME", &project.name);
    write(folder, "compose.yml", &text);
    write(folder, ".env", "DB_PASSWORD=hunter2secret\n");
    write(folder, "token", "sesame");
    std::fs::create_dir(folder.join("conf")).expect("a folder can be made");
    let up = Command::new(peers::peer(peer))
        .args(["-p", &project.name, "up", "-d"])
        .current_dir(folder)
        .output()
        .expect("it runs");
    assert!(up.status.success(), "{}", words(&up));
    until_ended(&project.of("migrate-1"));

    let imported = stackgen(folder, &["import", "--running", &project.name]);
    assert!(imported.status.success(), "{}", words(&imported));
    let said = words(&imported);
    assert!(
        said.contains("put their values into .env as API_TOKEN"),
        "{said}"
    );
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
    let stack = read(folder, "stack.toml");
    for secret in ["hunter2secret", "tokentoken1"] {
        assert!(!stack.contains(secret) && !said.contains(secret), "{stack}");
    }
    let expected = expected(&project.name, &subnet);
    assert_eq!(stack, expected, "{stack}");

    write(
        folder,
        ".env",
        "DB_PASSWORD=hunter2secret\nAPI_TOKEN=tokentoken1\n",
    );
    let check = stackgen(folder, &["check", "--json"]);
    assert!(check.status.success(), "{}\n{stack}", words(&check));
    unchanged(folder, &stack);

    // What stackgen makes of it is written the same way again.
    let down = stackgen(folder, &["down", "-y"]);
    assert!(down.status.success(), "{}", words(&down));
    let apply = stackgen(folder, &["apply", "-y"]);
    assert!(apply.status.success(), "{}", words(&apply));
    std::fs::remove_file(folder.join("stack.toml")).expect("it is there");
    let again = stackgen(folder, &["import", "--running", &project.name]);
    assert!(again.status.success(), "{}", words(&again));
    assert_eq!(read(folder, "stack.toml"), stack);
    unchanged(folder, &stack);
}

fn unchanged(folder: &Path, stack: &str) {
    let plan = stackgen(folder, &["plan", "--exit-code"]);
    assert_eq!(plan.status.code(), Some(0), "{}\n{stack}", words(&plan));
}

/// What has to be written: nothing of image, daemon or Compose, and no secret.
fn expected(project: &str, subnet: &str) -> String {
    include_str!("import_running/expected.toml")
        .replace("PROJECT", project)
        .replace("SUBNET.0", subnet)
}

#[test]
fn a_project_that_is_not_there_is_told_with_those_that_are() {
    if is_left_out("import_running") {
        return;
    }
    ensure_busybox();
    let project = Project::new("import-there");
    let label = format!("com.docker.compose.project={}", project.name);
    let name = project.of("one");
    let run = docker(&["create", "--name", &name, "--label", &label, "busybox:1.36"]);
    assert!(run.status.success(), "{}", words(&run));
    let folder = tempfile::tempdir().expect("a folder can be made");
    for name in ["nobody-has-this", "Not A Name"] {
        let output = stackgen(folder.path(), &["import", "--running", name]);
        assert_eq!(output.status.code(), Some(65), "{}", words(&output));
        let said = words(&output);
        assert!(
            said.contains(&format!("there is no project {name:?}")),
            "{said}"
        );
        assert!(said.contains(&project.name), "{said}");
        assert!(!folder.path().join("stack.toml").exists());
    }
}

#[test]
fn what_an_engine_knows_beyond_the_file_is_told() {
    if is_left_out("import_running") {
        return;
    }
    ensure_busybox();
    let project = Project::new("import-beyond");
    let label = |name: &str, value: &str| format!("--label=com.docker.compose.{name}={value}");
    let run = docker(&[
        "create",
        "--name",
        &project.of("odd-1"),
        &label("project", &project.name),
        &label("service", "odd"),
        "--device-cgroup-rule=c 1:3 mr",
        "busybox:1.36",
    ]);
    assert!(run.status.success(), "{}", words(&run));
    let folder = tempfile::tempdir().expect("a folder can be made");
    let arguments = ["import", "--stdout", "--running", &project.name];
    let said = words(&stackgen(folder.path(), &arguments));
    assert!(said.contains("# add device_cgroup_rules: import"), "{said}");
    assert!(
        said.contains("services.odd has device_cgroup_rules,"),
        "{said}"
    );
}

/// A running container of project `shop`, number 1 of its service.
fn container(service: &str, change: impl FnOnce(&mut ObservedContainer)) -> ObservedContainer {
    let mut config = ContainerConfig::new(ImageReference::parse("app:1").expect("it is one"));
    config.network_mode = Some("none".to_owned());
    for (label, value) in [
        ("project", "shop"),
        ("service", service),
        ("container-number", "1"),
        ("oneoff", "False"),
        ("project.working_dir", "/srv/shop"),
    ] {
        let label = format!("com.docker.compose.{label}");
        config.labels.insert(label, value.to_owned());
    }
    let mut container = ObservedContainer {
        id: ContainerId::new(format!("{service}00000000000000")).expect("it is one"),
        name: format!("shop-{service}-1"),
        created: None,
        image_id: ImageId::new(format!("sha256:{}", "a".repeat(64))).expect("it is one"),
        state: ContainerState {
            status: ContainerStatus::Running,
            ..ContainerState::default()
        },
        config,
        bound_ports: Vec::new(),
        addresses: BTreeMap::new(),
        network_ids: BTreeMap::new(),
        volumes: BTreeMap::new(),
        files: BTreeMap::new(),
        beyond: Vec::new(),
    };
    change(&mut container);
    container
}

fn set(container: &mut ObservedContainer, name: &str, value: &str) {
    let environment = &mut container.config.environment;
    environment.insert(name.to_owned(), Some(value.to_owned()));
}

fn list(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

/// Imports containers of an image with defaults of every kind; returns text, warnings and the variables without a value.
fn imported(
    containers: Vec<ObservedContainer>,
    variables: &[(&str, &str)],
) -> (String, String, Vec<String>) {
    let id = ImageReference::parse(&format!("sha256:{}", "a".repeat(64))).expect("it is one");
    let mut defaults = ContainerConfig::new(id.clone());
    defaults.command = list(&["serve"]);
    defaults.entrypoint = list(&["/entry"]);
    defaults.user = Some("app".to_owned());
    defaults.working_dir = Some("/app".to_owned());
    defaults.health = Some(HealthSpec {
        test: vec!["CMD-SHELL".to_owned(), "probe".to_owned()],
        retries: Some(3),
        ..HealthSpec::default()
    });
    let path = [("PATH".to_owned(), Some("/bin".to_owned()))];
    defaults.environment = path.into();
    let image = ObservedImage::new(ImageId::new(id.as_str()).expect("it is one"), defaults);
    let observed = Observed {
        engine: EngineFacts {
            version: "20.10.24".to_owned(),
            api: (1, 41),
            address: "/run/docker.sock".to_owned(),
            is_local: true,
        },
        containers,
        networks: Vec::new(),
        foreign_subnets: BTreeMap::new(),
        volumes: Vec::new(),
        images: [(id, Some(image))].into(),
        sockets: BTreeMap::new(),
        files: BTreeMap::new(),
        unknown: Vec::new(),
    };
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let imported = import_running(&RunningRequest {
        project: &ProjectName::new("shop").expect("it is one"),
        observed: &observed,
        folder: Path::new("/srv/shop"),
        variables: &variables.iter().map(pair).collect(),
    });
    let nothing = BTreeMap::new();
    let warnings = imported.warnings_with(&nothing);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    let unset = imported.unset().iter().cloned().collect();
    (imported.write(&nothing).text, warnings.join("\n"), unset)
}

#[test]
fn what_the_image_brings_is_left_out() {
    let as_image = |it: &mut ObservedContainer| {
        set(it, "PATH", "/bin");
        it.config.user = Some("app".to_owned());
        it.config.working_dir = Some("/app".to_owned());
        it.config.entrypoint = list(&["/entry"]);
        it.config.command = list(&["serve"]);
        it.config.health = Some(HealthSpec {
            test: vec!["CMD-SHELL".to_owned(), "probe".to_owned()],
            retries: Some(3),
            ..HealthSpec::default()
        });
    };
    let plain = container("plain", as_image);
    // An entrypoint of one's own takes the image's command away, so that the same command is one's own again.
    let own = container("own", |it| {
        as_image(it);
        it.config.entrypoint = list(&["/mine"]);
        set(it, "PATH", "/opt/bin");
        let health = it.config.health.as_mut().expect("it has one");
        health.retries = Some(5);
    });
    let cleared = container("cleared", |it| {
        as_image(it);
        it.config.entrypoint = None;
        it.config.health = Some(HealthSpec {
            test: vec!["NONE".to_owned()],
            ..HealthSpec::default()
        });
    });
    let (text, warnings, _) = imported(vec![cleared, own, plain], &[]);
    let expected = r#"# Made by: stackgen import --running shop

[stack]
name = "shop"

[defaults.service]
image = "app:1"
network_mode = "none"

[services.cleared]
entrypoint = []
healthcheck = { disable = true }

[services.own]
entrypoint = ["/mine"]
command = ["serve"]
environment = { PATH = "/opt/bin" }
healthcheck = { retries = 5 }

[services.plain]
"#;
    assert_eq!((text.as_str(), warnings.as_str()), (expected, ""));
}

#[test]
fn no_secret_is_written_wherever_it_stands() {
    let one = container("one", |it| {
        set(it, "DB_PASSWORD", "first-secret");
        set(it, "API_KEY", "known-key");
        set(it, "USE_TOKEN", "true");
    });
    let two = container("two", |it| {
        set(it, "DB_PASSWORD", "second-secret");
        set(it, "DSN", "db://me:first-secret@one/x");
        set(it, "BACKUP", "s3://id:third$secret@store");
        let run = [
            "run",
            "--requirepass",
            "fourth-secret",
            "--level=5",
            "$HOME",
        ];
        it.config.command = list(&run);
        let test = "cli -a fourth-secret ping && PGPASSWORD=second-secret psql";
        it.config.health = Some(HealthSpec {
            test: vec!["CMD-SHELL".to_owned(), test.to_owned()],
            ..HealthSpec::default()
        });
    });
    let (text, _, unset) = imported(vec![one, two], &[("SHOP_API_KEY", "known-key")]);
    for secret in [
        "first-secret",
        "second-secret",
        "third",
        "fourth-secret",
        "known-key",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    for line in [
        r#"API_KEY = "${SHOP_API_KEY}""#,
        r#"DB_PASSWORD = "${ONE_DB_PASSWORD}""#,
        r#"USE_TOKEN = "true""#,
        r#"command = ["run", "--requirepass", "${REQUIREPASS}", "--level=5", "$$HOME"]"#,
        r#"BACKUP = "s3://id:${BACKUP_PASSWORD}@store""#,
        r#"DB_PASSWORD = "${TWO_DB_PASSWORD}""#,
        r#"DSN = "db://me:${ONE_DB_PASSWORD}@one/x""#,
        r#"test = "cli -a ${REQUIREPASS} ping && PGPASSWORD=${TWO_DB_PASSWORD} psql""#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(
        unset,
        [
            "BACKUP_PASSWORD",
            "ONE_DB_PASSWORD",
            "REQUIREPASS",
            "TWO_DB_PASSWORD"
        ]
    );
}

#[test]
fn what_the_file_cannot_say_is_told() {
    let web = container("web", |_| {});
    let second = container("web", |it| {
        let label = "com.docker.compose.container-number";
        it.config.labels.insert(label.to_owned(), "2".to_owned());
        it.name = "shop-web-2".to_owned();
        it.config.user = Some("else".to_owned());
    });
    let label = "com.docker.compose.depends_on";
    let job = container("job", |it| {
        it.state.status = ContainerStatus::Exited;
        let gone = "gone:service_healthy:false,web:service_started:true";
        it.config.labels.insert(label.to_owned(), gone.to_owned());
    });
    let broken = container("broken", |it| {
        it.state.status = ContainerStatus::Exited;
        it.state.exit_code = 1;
        it.config.restart = Restart::Always;
        it.name = "by-hand".to_owned();
        let folder = "com.docker.compose.project.working_dir".to_owned();
        it.config.labels.insert(folder, "/elsewhere".to_owned());
        let digest = "salt:0".to_owned();
        it.config.labels.insert("stackgen.files".to_owned(), digest);
    });
    let linked = container("linked", |it| it.beyond = vec!["gpus", "links"]);
    let stray = container("stray", |it| {
        let label = "com.docker.compose.oneoff";
        it.config.labels.insert(label.to_owned(), "True".to_owned());
    });
    let (text, warnings, _) = imported(vec![broken, job, linked, stray, web, second], &[]);
    for line in [
        "scale = 2",
        "oneshot = true",
        r#"depends_on = { web = { condition = "started", restart = true } }"#,
        r#"container_name = "by-hand""#,
        "# configs or secrets were copied into it, which the engine does not show: add them here",
        "# add gpus, links: import does not read that from an engine",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let expected = "\
container 2 of services.web differs from the first in user; the file has the first
services.broken does not run (exit code 1); apply will start it
services.broken has configs or secrets that were copied into it, which the engine does not show: add them, or apply will replace it without
services.job depends on \"gone\", which has no container; that was left out
services.linked has gpus, links, which import does not read from an engine: add that
the container shop-stray-1 belongs to no service and was left out
the containers were started in /elsewhere: keep stack.toml there, or take them over from here with stackgen apply --adopt";
    assert_eq!(warnings, expected);
}

fn until_ended(container: &str) {
    let output = docker(&["wait", container]);
    assert!(output.status.success(), "{}", words(&output));
}

fn stackgen(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
    for name in ["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"] {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("stackgen runs")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("it is there")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("it can be written");
}
