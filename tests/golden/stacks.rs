//! Stacks made by hand, in either form.

use std::time::Duration;

use indexmap::IndexMap;
use stackgen::model::*;

/// A form that literal values can be lifted into.
pub trait Lift: Form {
    fn lift<T: Clone + std::fmt::Debug + PartialEq + Eq + Send + Sync>(value: T) -> Self::Value<T>;
    /// A text with one variable that has a default: `BEFORE${NAME-DEFAULT}AFTER`.
    fn variable(before: &str, name: &str, default: &str, after: &str) -> Self::Value<String>;
}

impl Lift for Resolved {
    fn lift<T: Clone + std::fmt::Debug + PartialEq + Eq + Send + Sync>(value: T) -> T {
        value
    }

    fn variable(before: &str, _name: &str, default: &str, after: &str) -> String {
        format!("{before}{default}{after}")
    }
}

impl Lift for Template {
    fn lift<T: Clone + std::fmt::Debug + PartialEq + Eq + Send + Sync>(value: T) -> Templated<T> {
        Templated::Literal(value)
    }

    fn variable(before: &str, name: &str, default: &str, after: &str) -> Templated<String> {
        Templated::Raw(Box::new(raw(before, name, default, after)))
    }
}

pub fn raw(before: &str, name: &str, default: &str, after: &str) -> TemplateText {
    let plain = |text: &str| Segment::Plain(text.to_owned());
    let default = TemplateText {
        segments: vec![plain(default)],
    };
    let variable = Variable {
        name: name.to_owned(),
        operator: Operator::Default(Minds::Unset, default),
        span: 0..0,
    };
    let segments = [plain(before), Segment::Variable(variable), plain(after)];
    let is_empty = |segment: &Segment| matches!(segment, Segment::Plain(text) if text.is_empty());
    TemplateText {
        segments: segments
            .into_iter()
            .filter(|segment| !is_empty(segment))
            .collect(),
    }
}

pub fn text<F: Lift>(text: &str) -> F::Value<String> {
    F::lift(text.to_owned())
}

pub fn texts<F: Lift>(items: &[&str]) -> Vec<F::Value<String>> {
    items.iter().map(|item| text::<F>(item)).collect()
}

pub fn words<F: Lift>(items: &[&str]) -> Words<F> {
    F::lift(texts::<F>(items))
}

pub fn map<F: Lift>(items: &[(&str, &str)]) -> IndexMap<String, F::Value<String>> {
    items
        .iter()
        .map(|(key, value)| ((*key).to_owned(), text::<F>(value)))
        .collect()
}

pub fn image<F: Lift>(reference: &str) -> Option<F::Value<ImageReference>> {
    Some(F::lift(ImageReference::parse(reference).unwrap()))
}

pub fn service<F: Lift>(container: ContainerOptions<F>) -> Service<F> {
    Service {
        container,
        container_name: None,
        depends_on: IndexMap::new(),
        profiles: Vec::new(),
        scale: 1,
        lifecycle: Lifecycle::Daemon,
        reload: None,
        more: IndexMap::new(),
    }
}

pub fn networks<F: Lift>(names: &[&str]) -> Attachment<F> {
    let entries = names
        .iter()
        .map(|name| (NetworkName::new(*name).unwrap(), Endpoint::default()));
    Attachment::Networks(entries.collect())
}

pub fn parts<F: Lift>(name: &str) -> StackParts<F> {
    StackParts {
        name: ProjectName::new(name).unwrap(),
        description: None,
        folder: format!("/srv/{name}").into(),
        compose_file: format!("/srv/{name}/generated/docker-compose.yml").into(),
        services: IndexMap::new(),
        networks: IndexMap::new(),
        volumes: IndexMap::new(),
        configs: IndexMap::new(),
        secrets: IndexMap::new(),
        sockets: IndexMap::new(),
        dags: IndexMap::new(),
        policy: Policy::default(),
        compat: Compat::Gentle,
        profiles: Vec::new(),
        vars: IndexMap::new(),
        more: IndexMap::new(),
    }
}

fn volume<F: Lift>(name: &str, target: &str, read_only: bool) -> F::Value<Mount<F>> {
    F::lift(Mount {
        target: text::<F>(target),
        read_only: F::lift(read_only),
        source: MountSource::Volume {
            volume: Some(text::<F>(name)),
            nocopy: false,
            subpath: None,
        },
        options: IndexMap::new(),
        more: IndexMap::new(),
    })
}

fn bind<F: Lift>(path: F::Value<String>, target: &str, create: bool) -> F::Value<Mount<F>> {
    F::lift(Mount {
        target: text::<F>(target),
        read_only: F::lift(false),
        source: MountSource::Bind {
            path,
            create_host_path: Some(create),
            propagation: None,
            selinux: None,
        },
        options: IndexMap::new(),
        more: IndexMap::new(),
    })
}

fn depends_on<F: Lift>(entries: &[(&str, Condition)]) -> IndexMap<ServiceName, Dependency<F>> {
    let entry = |(name, condition): &(&str, Condition)| {
        let dependency = Dependency {
            condition: *condition,
            on_replace: OnReplace::Nothing,
            required: true,
            more: IndexMap::new(),
        };
        (ServiceName::new(*name).unwrap(), dependency)
    };
    entries.iter().map(entry).collect()
}

fn check<F: Lift>(url: &str) -> Option<Healthcheck<F>> {
    Some(Healthcheck {
        test: Some(texts::<F>(&["CMD", "wget", "-q", "-O-", url])),
        interval: Some(F::lift(Duration::from_secs(1))),
        timeout: Some(F::lift(Duration::from_secs(90))),
        retries: Some(F::lift(10)),
        start_period: None,
        start_interval: None,
        disable: false,
        more: IndexMap::new(),
    })
}

fn port<F: Lift>(published: F::Value<String>, target: u16) -> F::Value<Port<F>> {
    F::lift(Port {
        target: F::lift(target),
        published: Some(published),
        host_ip: None,
        protocol: F::lift(Protocol::Tcp),
        name: None,
        app_protocol: None,
        mode: None,
        more: IndexMap::new(),
    })
}

/// A path of the host: as written in the template form, absolute in the resolved one.
fn path<F: Lift>(name: &str, is_resolved: bool) -> F::Value<String> {
    text::<F>(&if is_resolved {
        format!("/srv/render-golden/{name}")
    } else {
        format!("./{name}")
    })
}

/// A stack of the quickstart's shape, with one of everything that a service can have.
pub fn platform<F: Lift>(project: &str, is_resolved: bool) -> StackParts<F> {
    let mut stack = parts::<F>(project);
    stack.description = Some("One of everything".to_owned());
    let busybox = || ContainerOptions::<F> {
        image: image::<F>("busybox:1.36"),
        attachment: networks::<F>(&["back"]),
        restart: Some(F::lift(Restart::UnlessStopped)),
        init: Some(F::lift(true)),
        ..ContainerOptions::default()
    };
    let name = |name: &str| ServiceName::new(name).unwrap();
    let mut database = service(ContainerOptions::<F> {
        command: Some(words::<F>(&["httpd", "-f", "-p", "5432"])),
        volumes: vec![volume::<F>("rows", "/data", false)],
        configs: vec![FileReference {
            source: ConfigName::new("rows.cgi").unwrap(),
            target: Some(text::<F>("/srv/cgi-bin/rows")),
            uid: None,
            gid: None,
            mode: Some(0o555),
            more: IndexMap::new(),
        }],
        secrets: vec![FileReference {
            source: SecretName::new("token").unwrap(),
            target: None,
            uid: None,
            gid: None,
            mode: None,
            more: IndexMap::new(),
        }],
        healthcheck: check::<F>("http://127.0.0.1:5432/").map(Box::new),
        expose: texts::<F>(&["5432"]),
        stop_grace_period: Some(F::lift(Duration::from_millis(90_500))),
        ..busybox()
    });
    database.container.labels = map::<F>(&[("team.owner", "data <&> more"), ("on", "yes")]);
    stack.services.insert(name("database"), database);

    let mut setup = service(ContainerOptions::<F> {
        command: Some(words::<F>(&[
            "sh",
            "-ec",
            "echo \"$ROWS\" | grep -q .\n\nexit 0",
        ])),
        restart: Some(F::lift(Restart::No)),
        ..busybox()
    });
    setup.lifecycle = Lifecycle::OneShot(Rerun::OnChange);
    setup.depends_on = depends_on::<F>(&[("database", Condition::Healthy)]);
    setup.container.environment = [
        ("ROWS", "http://database:5432/"),
        ("EMPTY", ""),
        ("NO", "no"),
    ]
    .map(|(key, value)| (key.to_owned(), Some(text::<F>(value))))
    .into();
    stack.services.insert(name("setup"), setup);

    let mut api = service(ContainerOptions::<F> {
        ports: vec![
            port::<F>(F::variable("", "API_PORT", "8000", ""), 8000),
            port::<F>(text::<F>("9000-9003"), 90),
        ],
        healthcheck: check::<F>("http://127.0.0.1:8000/").map(Box::new),
        attachment: networks::<F>(&["back", "front"]),
        ..busybox()
    });
    api.depends_on = depends_on::<F>(&[
        ("database", Condition::Healthy),
        ("setup", Condition::Completed),
    ]);
    if let Attachment::Networks(networks) = &mut api.container.attachment {
        networks["front"].aliases = texts::<F>(&["web"]);
        networks["front"].priority = 10;
    }
    stack.services.insert(name("api"), api);
    stack
        .services
        .insert(name("everything"), everything::<F>(busybox(), is_resolved));

    let network = |name: &str| NetworkName::new(name).unwrap();
    stack.networks.insert(network("back"), Network::default());
    stack.networks.insert(network("front"), front::<F>());
    let key = |name: &str| VolumeName::new(name).unwrap();
    stack.volumes.insert(key("rows"), Volume::default());
    stack.volumes.insert(
        key("inbox"),
        Volume {
            labels: map::<F>(&[("kept", "yes")]),
            ..Volume::default()
        },
    );
    let content = |source| FileContent {
        external: F::lift(false),
        source,
        name: None,
        labels: IndexMap::new(),
        more: IndexMap::new(),
    };
    let script = "#!/bin/sh\n[ \"$REQUEST_METHOD\" = POST ] && cat\n";
    stack.configs.insert(
        ConfigName::new("rows.cgi").unwrap(),
        content(ContentSource::Content(text::<F>(script))),
    );
    stack.secrets.insert(
        SecretName::new("token").unwrap(),
        content(ContentSource::Environment {
            variable: "API_TOKEN".to_owned(),
            value: F::lift(SecretText::new("t0p")),
        }),
    );
    stack.sockets.insert(
        SocketName::new("docker").unwrap(),
        socket("/var/run/docker.sock", Grant::Group, false),
    );
    stack.sockets.insert(
        SocketName::new("db-host").unwrap(),
        socket("/run/pg/.s.PGSQL.5432", Grant::Mount, true),
    );
    stack
        .dags
        .insert(DagName::new("pipeline").unwrap(), pipeline::<F>());
    stack
}

fn socket(path: &str, grant: Grant, optional: bool) -> Socket {
    Socket {
        path: path.into(),
        target: None,
        grant,
        mode: None,
        owner: None,
        group: None,
        allow_world_access: false,
        optional,
        services: Vec::new(),
    }
}

fn front<F: Lift>() -> Network<F> {
    Network {
        driver: Some(text::<F>("bridge")),
        internal: F::lift(true),
        labels: map::<F>(&[("a", "b")]),
        ipam: Ipam {
            driver: None,
            config: vec![IpamPool {
                subnet: Some(text::<F>("172.31.77.0/24")),
                ip_range: None,
                gateway: Some(text::<F>("172.31.77.1")),
                more: IndexMap::new(),
            }],
            more: IndexMap::new(),
        },
        ..Network::default()
    }
}

fn everything<F: Lift>(base: ContainerOptions<F>, is_resolved: bool) -> Service<F> {
    let mut service = service(ContainerOptions::<F> {
        entrypoint: Some(F::lift(Vec::new())),
        command: Some(words::<F>(&["sleep", "1000"])),
        hostname: Some(text::<F>("host")),
        domainname: Some(text::<F>("example.org")),
        user: Some(text::<F>("0:0")),
        working_dir: Some(text::<F>("/tmp")),
        stop_signal: Some(text::<F>("SIGINT")),
        tty: Some(F::lift(true)),
        stdin_open: Some(F::lift(false)),
        volumes: vec![
            bind::<F>(path::<F>("data", is_resolved), "/bind", true),
            bind::<F>(text::<F>("/etc/hostname"), "/other", false),
            F::lift(Mount {
                target: text::<F>("/memory"),
                read_only: F::lift(false),
                source: MountSource::Tmpfs {
                    size: Some(F::lift(Bytes(1 << 20))),
                    mode: Some(0o1777),
                },
                options: IndexMap::new(),
                more: IndexMap::new(),
            }),
            F::lift(Mount {
                target: text::<F>("/anonymous"),
                read_only: F::lift(false),
                source: MountSource::Volume {
                    volume: None,
                    nocopy: false,
                    subpath: None,
                },
                options: IndexMap::new(),
                more: IndexMap::new(),
            }),
            volume::<F>("inbox", "/inbox", true),
        ],
        tmpfs: texts::<F>(&["/run:size=1m"]),
        sockets: vec![
            SocketName::new("docker").unwrap(),
            SocketName::new("db-host").unwrap(),
        ],
        dns: texts::<F>(&["10.0.0.2"]),
        dns_search: texts::<F>(&["example.org"]),
        dns_opt: texts::<F>(&["ndots:1"]),
        extra_hosts: texts::<F>(&["db=10.0.0.3", "alpha=10.0.0.4"]),
        restart: Some(F::lift(Restart::OnFailure(Some(3)))),
        cap_add: texts::<F>(&["NET_ADMIN"]),
        cap_drop: texts::<F>(&["MKNOD"]),
        group_add: texts::<F>(&["12"]),
        security_opt: texts::<F>(&["no-new-privileges:true"]),
        sysctls: map::<F>(&[("net.core.somaxconn", "1024")]),
        ulimits: [
            (
                "nofile".to_owned(),
                Ulimit {
                    soft: F::lift(1000),
                    hard: F::lift(2000),
                },
            ),
            (
                "nproc".to_owned(),
                Ulimit {
                    soft: F::lift(500),
                    hard: F::lift(500),
                },
            ),
        ]
        .into(),
        devices: texts::<F>(&["/dev/null:/dev/other"]),
        logging: Some(Box::new(Logging {
            driver: Some(text::<F>("json-file")),
            options: map::<F>(&[("max-size", "1m")]),
            more: IndexMap::new(),
        })),
        limits: Some(Box::new(Limits {
            cpus: Some(F::lift(NanoCpus(500_000_000))),
            cpu_shares: Some(F::lift(512)),
            cpuset: Some(text::<F>("0")),
            memory: Some(F::lift(Bytes(64 << 20))),
            memory_reservation: Some(F::lift(Bytes(32 << 20))),
            memory_swap: Some(F::lift(Bytes(-1))),
            pids: Some(F::lift(100)),
            ..Limits::default()
        })),
        shm_size: Some(F::lift(Bytes(32 << 20))),
        oom_score_adj: Some(F::lift(-100)),
        read_only: Some(F::lift(true)),
        init: Some(F::lift(false)),
        pull_policy: Some(text::<F>("missing")),
        ..base
    });
    service.container_name = Some(text::<F>("render-golden-everything"));
    service.profiles = vec![ProfileName::new("debug").unwrap()];
    service.container.healthcheck = Some(Box::new(Healthcheck {
        test: None,
        interval: None,
        timeout: None,
        retries: None,
        start_period: None,
        start_interval: None,
        disable: true,
        more: IndexMap::new(),
    }));
    service
}

fn pipeline<F: Lift>() -> Dag<F> {
    let task = |after: &[&str], kind: TaskKind<F>| Task {
        after: after
            .iter()
            .map(|name| TaskName::new(*name).unwrap())
            .collect(),
        needs: IndexMap::new(),
        kind,
        owner: "data".to_owned(),
        retries: 2,
        retry_delay: Duration::from_secs(30),
        retry_exponential_backoff: false,
        max_retry_delay: None,
        execution_timeout: None,
        trigger_rule: TriggerRule::AllSuccess,
        priority_weight: 1,
        skip_on_exit_code: Vec::new(),
    };
    let mut tasks = IndexMap::new();
    let mut add = |name: &str, task: Task<F>| tasks.insert(TaskName::new(name).unwrap(), task);
    add(
        "scrape",
        task(&[], TaskKind::Docker(Box::new(scrape::<F>()))),
    );
    let mut count = task(
        &["scrape"],
        TaskKind::Exec(ExecTask {
            service: ServiceName::new("api").unwrap(),
            command: words::<F>(&["sh", "-c", "echo {{ run_id }} {{ ds }} ${#} {{.State}}"]),
            environment: [(
                "LEVEL".to_owned(),
                Some(F::variable("", "LOG_LEVEL", "info", "")),
            )]
            .into(),
            user: None,
            working_dir: None,
        }),
    );
    count
        .needs
        .insert(ServiceName::new("api").unwrap(), Condition::Healthy);
    add("count", count);
    let mut report = task(
        &["scrape"],
        TaskKind::Bash(BashTask {
            command: text::<F>("echo \"run {{ run_id }}\" 'on' $(hostname)\nexit 99"),
            env: map::<F>(&[("A", "b")]),
            cwd: None,
        }),
    );
    report.skip_on_exit_code = vec![99];
    report.retries = 0;
    add("report", report);
    let mut publish = task(
        &["count", "report"],
        TaskKind::Http(HttpTask {
            url: text::<F>("http://api:8000/predict"),
            method: text::<F>("POST"),
            headers: map::<F>(&[("X-Run", "{{ run_id }}")]),
            body: Some(HttpBody::Json(Json::Object(
                [
                    ("run".to_owned(), Json::Text(text::<F>("{{ run_id }}"))),
                    ("n".to_owned(), Json::Number("1".to_owned())),
                ]
                .into(),
            ))),
            expect: Vec::new(),
            timeout: Duration::from_secs(60),
            network: None,
        }),
    );
    publish.trigger_rule = TriggerRule::AllDone;
    add("publish.all", publish);
    Dag {
        description: Some("Scraped, counted \"and\" published".to_owned()),
        schedule: Schedule::Manual,
        timezone: "Europe/Paris".to_owned(),
        start_date: Some(jiff::civil::datetime(2024, 1, 1, 0, 0, 0, 0)),
        end_date: None,
        catchup: false,
        max_active_runs: 1,
        max_active_tasks: 16,
        runner: Runner::Stackgen,
        tags: vec!["books".to_owned()],
        params: [("day".to_owned(), Json::Null)].into(),
        tasks,
    }
}

fn scrape<F: Lift>() -> ContainerOptions<F> {
    ContainerOptions {
        image: image::<F>("busybox:1.36"),
        command: Some(words::<F>(&[
            "sh",
            "-c",
            "cat /run/secrets/token > /inbox/{{ ds }}",
            "run.sh",
        ])),
        environment: [
            (
                "LEVEL".to_owned(),
                Some(F::variable("", "LOG_LEVEL", "info", "")),
            ),
            (
                "PGPASSWORD".to_owned(),
                Some(F::variable("", "PGPASSWORD", "", "")),
            ),
        ]
        .into(),
        volumes: vec![volume::<F>("inbox", "/inbox", false)],
        attachment: networks::<F>(&["back"]),
        secrets: vec![FileReference {
            source: SecretName::new("token").unwrap(),
            target: None,
            uid: None,
            gid: None,
            mode: None,
            more: IndexMap::new(),
        }],
        ..ContainerOptions::default()
    }
}
