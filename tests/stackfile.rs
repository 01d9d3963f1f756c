//! A stack.toml is read as it is meant: the stacks of this repository, layers, variables and forms.

#![expect(clippy::disallowed_methods, reason = "tests write files of their own")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use stackgen::key_path;
use stackgen::load::{LoadError, Request, load};
use stackgen::model::{
    Attachment, Attribute, ContainerOptions, ContentSource, FileRole, Lifecycle, MountSource,
    Resolved, Schedule, Service, ServiceName, SourceFile, Sources, Stack, TaskKind, Template,
    Templated,
};
use stackgen::stackfile::{Reading, Selection, fill_env_file_paths, read};

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Reads a text as the stack.toml of /srv/shop.
fn read_text(text: &str, env: &str, variables: &[(&str, &str)], selection: &Selection) -> Reading {
    let file = |path: &str, role: FileRole, text: &str| SourceFile {
        path: PathBuf::from(path),
        role,
        text: Some(text.into()),
    };
    let sources = Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![
            file("stack.toml", FileRole::Main, text),
            file(".env", FileRole::StackEnv, env),
            file(
                "web.env",
                FileRole::ServiceEnv,
                "A=file\nB=${ONE}-file\nC='${ONE}'\n",
            ),
        ],
        environment: environment(variables),
    };
    read(&sources, selection)
}

fn messages(reading: &Reading) -> Vec<&str> {
    let told = reading.diagnostics.iter();
    told.map(|diagnostic| diagnostic.message.as_str()).collect()
}

fn resolved(text: &str) -> Stack<Resolved> {
    let reading = read_text(
        text,
        "ONE=1\n",
        &[("HOME", "/home/ada")],
        &Selection::default(),
    );
    assert_eq!(messages(&reading), Vec::<&str>::new(), "{text}");
    reading
        .resolved
        .expect("a text without mistakes is a stack")
}

fn template(text: &str) -> Stack<Template> {
    let reading = read_text(text, "", &[], &Selection::default());
    reading
        .template
        .expect("a text without mistakes of its own is a stack")
}

fn service<'a, F: stackgen::model::Form>(stack: &'a Stack<F>, name: &str) -> &'a Service<F> {
    let name = ServiceName::new(name).expect("the name is valid");
    stack.service(&name).expect("the service is there")
}

fn web(stack: &Stack<Resolved>) -> &ContainerOptions<Resolved> {
    &service(stack, "web").container
}

fn written<T: std::fmt::Debug>(value: &Templated<T>) -> String {
    match value {
        Templated::Literal(value) => format!("{value:?}"),
        Templated::Raw(text) => text.to_string(),
    }
}

fn repository_stack(file: &str, variables: &[(&str, &str)]) -> Reading {
    let request = Request {
        file: Some(PathBuf::from(file)),
        directory: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        environment: environment(variables),
    };
    let mut sources = load(&request, &unfilled).expect("the file is there");
    // What a developer has in .env must not decide a test.
    sources.files.retain(|file| file.role != FileRole::StackEnv);
    read(&sources, &Selection::default())
}

/// For stacks without a variable in the path of an env file.
fn unfilled(_: &Sources, paths: &BTreeSet<String>) -> Vec<String> {
    panic!("{paths:?} need values");
}

const SECRETS: [(&str, &str); 3] = [
    ("POSTGRES_PASSWORD", "one"),
    ("AIRFLOW_WEB_PASSWORD", "two"),
    ("AIRFLOW_SECRET_KEY", "three"),
];

#[test]
fn the_reference_stack_has_no_mistake_and_its_layers_are_laid() {
    let reading = repository_stack("stack.toml", &SECRETS);
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let stack = reading.resolved.expect("it is a stack");
    assert_eq!(stack.services().len(), 13);
    assert_eq!(stack.active_services().count(), 12);
    let init = service(&stack, "airflow-init");
    assert_eq!(init.lifecycle, Lifecycle::OneShot(Default::default()));
    let secrets: Vec<_> = init
        .container
        .secrets
        .iter()
        .map(|file| file.source.as_str())
        .collect();
    assert_eq!(
        secrets,
        [
            "postgres_password",
            "airflow_secret_key",
            "airflow_web_password"
        ]
    );
    assert_eq!(init.container.user.as_deref(), Some("0:0"));
    let environment = &init.container.environment;
    assert!(environment.contains_key("_AIRFLOW_DB_MIGRATE"));
    assert!(environment.contains_key("AIRFLOW__CORE__EXECUTOR"));
    let web = service(&stack, "airflow-webserver");
    let waits: Vec<_> = web.depends_on.keys().map(ServiceName::as_str).collect();
    assert_eq!(waits, ["postgres", "redis", "airflow-init"]);
    let check = web.container.healthcheck.as_ref().expect("it has a check");
    assert!(check.test.is_some() && check.interval.is_some());
    let (_, dag) = stack.dags().first().expect("it has a DAG");
    for task in dag.tasks.values() {
        assert_eq!((task.owner.as_str(), task.retries), ("data", 2));
        assert_eq!(task.retry_delay, Duration::from_secs(30));
    }
    let load = dag.tasks.get("postgre_task").expect("the task is there");
    let TaskKind::Docker(options) = &load.kind else {
        panic!("it is a docker task");
    };
    assert!(options.image.is_some());
}

#[test]
fn the_reference_stack_without_secrets_renders_and_names_each() {
    let reading = repository_stack("stack.toml", &[]);
    assert!(reading.template.is_some());
    assert!(reading.resolved.is_none());
    let told = messages(&reading).join("\n");
    for (name, _) in SECRETS {
        assert!(told.contains(&format!("{name} is not set")), "{told}");
    }
    let help = reading.diagnostics[0].help.as_deref().unwrap_or_default();
    assert!(help.contains(".env"), "{help}");
}

#[test]
fn the_quickstart_stack_has_no_mistake() {
    let reading = repository_stack("examples/quickstart/stack.toml", &[("API_PORT", "9000")]);
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let template = reading.template.expect("it is a stack");
    let ports = &service(&template, "api").container.ports;
    assert_eq!(written(&ports[0]), "${API_PORT-8088}:8000");
    let stack = reading.resolved.expect("it is a stack");
    let port = &service(&stack, "api").container.ports[0];
    assert_eq!(
        (port.published.as_deref(), port.target),
        (Some("9000"), 8000)
    );
    let rows = stack
        .parts()
        .configs
        .get("rows.cgi")
        .expect("the config is there");
    let ContentSource::Content(text) = &rows.source else {
        panic!("it is text");
    };
    assert!(text.contains("[ \"$REQUEST_METHOD\" = POST ]"), "{text}");
    let (_, dag) = stack.dags().first().expect("it has a DAG");
    assert!(matches!(&dag.schedule, Schedule::Cron(cron) if cron.as_str() == "*/15 * * * *"));
}

#[test]
fn own_keys_go_over_mixins_in_order_and_those_over_defaults() {
    let stack = resolved(
        r#"
        [defaults.service]
        image = "a:1"
        environment = ["A=defaults", "D=defaults"]
        networks = ["back"]
        [mixins.one]
        environment = { A = "one", B = "one" }
        cap_add = ["X"]
        volumes = ["v:/a", "v:/b"]
        [mixins.two]
        environment = { B = "two" }
        [services.web]
        mixins = ["one", "two"]
        environment = { C = 3, D = { reset = true } }
        cap_add = { append = ["Y"] }
        volumes = { remove = ["/a"], append = ["v:/c:ro"] }
        [services.host]
        network_mode = "host"
        [networks.back]
        [volumes.v]
        "#,
    );
    let options = web(&stack);
    let environment: Vec<_> = options
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("null")))
        .collect();
    assert_eq!(environment, ["A=one", "B=two", "C=3"]);
    assert_eq!(options.cap_add, ["X", "Y"]);
    let targets: Vec<_> = options
        .volumes
        .iter()
        .map(|mount| mount.target.as_str())
        .collect();
    assert_eq!(targets, ["/b", "/c"]);
    assert!(options.volumes[1].read_only);
}

#[test]
fn overlays_lie_over_the_base_before_mixins_are_merged() {
    let text = r#"
        [mixins.base]
        image = "a:1"
        volumes = ["v:/a"]
        [services.web]
        mixins = ["base"]
        [volumes.v]
        [overlays.big]
        mixins.base.image = "b:2"
        services.web = { scale = 3, volumes = { append = ["v:/b"] } }
    "#;
    let selection = Selection {
        overlays: vec!["big".to_owned()],
        ..Selection::default()
    };
    let reading = read_text(text, "", &[], &selection);
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let stack = reading.resolved.expect("it is a stack");
    let service = service(&stack, "web");
    assert_eq!(service.scale, 3);
    assert_eq!(
        service.container.image.as_ref().map(|image| image.as_str()),
        Some("b:2")
    );
    assert_eq!(service.container.volumes.len(), 2);
    let wrong = Selection {
        overlays: vec!["bgi".to_owned()],
        ..Selection::default()
    };
    assert_eq!(
        messages(&read_text(text, "", &[], &wrong)),
        ["--overlay bgi: there is no [overlays.bgi]"]
    );
}

#[test]
fn the_template_form_keeps_variables_and_makes_constants_their_defaults() {
    let stack = template(
        r#"
        [vars]
        TAG = "1"
        IMAGE = "a:${TAG}"
        [services.web]
        image = "${IMAGE}"
        mem_limit = "${MEM:-1g}"
        command = ["echo", "${NONE}", "$$HOME", "${TAG:-2}", "${TAG:+x}"]
        volumes = ["${DATA:-./data}:/data", "./x:/x"]
        "#,
    );
    let options = &service(&stack, "web").container;
    let image = options.image.as_ref().map(written);
    assert_eq!(image.as_deref(), Some("${IMAGE-a:${TAG-1}}"));
    assert_eq!(
        options
            .limits
            .as_ref()
            .and_then(|limits| limits.memory.as_ref())
            .map(written)
            .as_deref(),
        Some("${MEM:-1g}")
    );
    let Some(Templated::Literal(words)) = &options.command else {
        panic!("a list is known");
    };
    let words: Vec<String> = words.iter().map(written).collect();
    let expected = [
        "\"echo\"",
        "${NONE:?set NONE in .env or in the environment}",
        "\"$HOME\"",
        "${TAG:-${TAG+2}${TAG-1}}",
        "\"x\"",
    ];
    assert_eq!(words, expected);
    assert_eq!(written(&options.volumes[0]), "${DATA:-./data}:/data");
    let Templated::Literal(mount) = &options.volumes[1] else {
        panic!("it is known");
    };
    let MountSource::Bind { path, .. } = &mount.source else {
        panic!("it is a bind");
    };
    assert_eq!(written(path), "\"./x\"");
}

#[test]
fn what_a_network_is_may_depend_on_variables() {
    let stack = |variables| {
        let text = r#"
            [services.web]
            image = "nginx:1.27"
            networks = ["front"]
            volumes = ["data:/d"]
            configs = ["motd"]
            [networks.front]
            external = "${SHARED:-false}"
            internal = "${INTERNAL:-true}"
            attachable = "${ATTACHABLE:-true}"
            enable_ipv6 = "${IPV6:-false}"
            [volumes.data]
            external = "${SHARED:-false}"
            [configs.motd]
            content = "hello"
            external = "${SHARED:-false}"
        "#;
        let reading = read_text(text, "", variables, &Selection::default());
        assert_eq!(messages(&reading), Vec::<&str>::new());
        reading.resolved.expect("nothing is wrong")
    };
    let ours = stack(&[]);
    let network = &ours.networks()["front"];
    let flags = [network.external, network.internal, network.attachable];
    assert_eq!(
        (flags, network.enable_ipv6),
        ([false, true, true], Some(false))
    );
    assert!(!ours.volumes()["data"].external);
    let source = &ours.parts().configs["motd"].source;
    assert_eq!(*source, ContentSource::Content("hello".to_owned()));

    let shared = stack(&[("SHARED", "true"), ("INTERNAL", "false"), ("IPV6", "true")]);
    let network = &shared.networks()["front"];
    let flags = [network.external, network.internal, network.attachable];
    assert_eq!(
        (flags, network.enable_ipv6),
        ([true, false, true], Some(true))
    );
    assert!(shared.volumes()["data"].external);
    let source = &shared.parts().configs["motd"].source;
    assert_eq!(*source, ContentSource::External);
}

#[test]
fn a_secret_that_a_variable_makes_ours_needs_a_source() {
    let text = r#"
        [services.web]
        image = "nginx:1.27"
        secrets = ["token"]
        [secrets]
        token = { external = "${SHARED:-false}" }
    "#;
    let reading = read_text(text, "", &[], &Selection::default());
    let expected = "secrets.token does not say where its content comes from";
    assert_eq!(messages(&reading), [expected]);
    let shared = [("SHARED", "true")];
    let reading = read_text(text, "", &shared, &Selection::default());
    assert_eq!(messages(&reading), Vec::<&str>::new());
}

#[test]
fn the_resolved_form_knows_this_machine() {
    let stack = resolved(
        r#"
        [services.web]
        image = "a:1"
        env_file = ["web.env", { path = "gone.env", required = false }]
        environment = { A = "own", ONE = { null = true }, GONE = { null = true } }
        volumes = ["~/x/../y:/y/", "./z:/z", "/abs:/abs"]
        [configs]
        c = { file = "./conf" }
        "#,
    );
    let options = web(&stack);
    let value = |name: &str| options.environment[name].as_deref();
    assert_eq!(value("A"), Some("own"));
    assert_eq!(value("B"), Some("1-file"));
    assert_eq!(value("C"), Some("${ONE}"));
    assert_eq!(value("ONE"), Some("1"));
    assert_eq!(value("GONE"), None);
    let paths: Vec<&str> = options
        .volumes
        .iter()
        .filter_map(|mount| match &mount.source {
            MountSource::Bind { path, .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(paths, ["/home/ada/y", "/srv/shop/z", "/abs"]);
    assert_eq!(options.volumes[0].target, "/y");
    let config = stack.parts().configs.get("c").expect("the config is there");
    assert_eq!(
        config.source,
        ContentSource::File("/srv/shop/conf".to_owned())
    );
    assert!(stack.networks().contains_key("default"));
}

#[test]
fn places_survive_the_layers() {
    let text = "[mixins.m]\nimage = \"a:1\"\n[services.web]\nmixins = [\"m\"]\ntty = true\n";
    let reading = read_text(text, "", &[], &Selection::default());
    let line = |path| reading.places.find(&path).map(|place| place.line);
    assert_eq!(line(key_path!["services", "web", "image"]), Some(2));
    assert_eq!(line(key_path!["services", "web", "tty"]), Some(5));
    assert_eq!(line(key_path!["services", "web"]), Some(3));
}

#[test]
fn includes_share_one_namespace_and_a_missing_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    };
    let request = |directory: &str| Request {
        file: None,
        directory: folder.path().join(directory),
        environment: BTreeMap::new(),
    };
    write("deep/er/x", "");
    assert!(matches!(
        load(&request("deep"), &unfilled),
        Err(LoadError::NoStackFile { .. })
    ));
    write(
        "stack.toml",
        "[stack]\nname = \"s\"\ninclude = [\"services/*.toml\"]\n",
    );
    write(
        "services/a.toml",
        "[services.a]\nimage = \"a:1\"\nenv_file = \"a.env\"\n",
    );
    write(
        "services/b.toml",
        "[services.a]\nimage = \"b:1\"\n[services.b]\nimage = \"b:1\"\n",
    );
    write("services/c.txt", "not TOML");
    write("a.env", "A=1\n");
    let sources = load(&request("deep/er"), &unfilled).expect("it is found above");
    let reading = read(&sources, &Selection::default());
    assert_eq!(messages(&reading), ["services.a is defined twice"]);
    write("services/b.toml", "[services.b]\nimage = \"b:1\"\n");
    let sources = load(&request("deep/er"), &unfilled).expect("it is found above");
    let stack = read(&sources, &Selection::default())
        .resolved
        .expect("it is a stack");
    let value = &service(&stack, "a").container.environment["A"];
    assert_eq!(value.as_deref(), Some("1"));
    write("stack.toml", "[stack]\ninclude = [\"gone.toml\"]\n");
    let sources = load(&request(""), &unfilled).expect("stack.toml is there");
    let reading = read(&sources, &Selection::default());
    assert_eq!(messages(&reading), ["gone.toml does not exist"]);
    write("stack.toml", &"#".repeat(4 * 1024 * 1024 + 1));
    assert!(matches!(
        load(&request(""), &unfilled),
        Err(LoadError::TooLarge { .. })
    ));
}

#[test]
fn operations_wait_for_the_list_below_them() {
    let stack = resolved(
        r#"
        [defaults.service]
        cap_add = ["A", "B"]
        tmpfs = ["/a", "/b"]
        dns = ["1.1.1.1"]
        ports = ["80:80", "81:80/udp", "82:82"]
        configs = ["c", { source = "d", target = "/d" }]
        labels = ["a=1", "b=2"]
        [mixins.one]
        cap_add = { append = ["C"] }
        cap_drop = { append = ["X"] }
        environment = { append = ["A=one", "B=one"] }
        [mixins.two]
        cap_add = { remove = ["A"], append = ["D"] }
        cap_drop = { append = ["Y"], remove = ["X"] }
        environment = { A = "two" }
        [services.web]
        image = "x"
        mixins = ["one", "two"]
        tmpfs = []
        dns = { reset = true }
        ports = { remove = ["80", { target = 82 }] }
        configs = { remove = ["d"] }
        labels = { remove = ["a"], append = { c = 3 } }
        command = { null = true }
        [configs]
        c = { content = "" }
        d = { content = "" }
        "#,
    );
    let options = web(&stack);
    assert_eq!(options.cap_add, ["B", "C", "D"]);
    assert_eq!(options.cap_drop, ["Y"]);
    assert!(options.tmpfs.is_empty() && options.dns.is_empty());
    let ports: Vec<_> = options
        .ports
        .iter()
        .map(|it| it.published.as_deref())
        .collect();
    assert_eq!(ports, [Some("81")]);
    let configs: Vec<_> = options
        .configs
        .iter()
        .map(|it| it.source.as_str())
        .collect();
    assert_eq!(configs, ["c"]);
    let labels: Vec<_> = options
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(labels, ["b=2", "c=3"]);
    let environment = &options.environment;
    assert_eq!(environment["A"].as_deref(), Some("two"));
    assert_eq!(environment["B"].as_deref(), Some("one"));
    assert_eq!(options.command, None);
}

#[test]
fn a_table_with_a_key_called_append_merges_like_any_other() {
    let stack = resolved(
        r#"
        [defaults.service]
        labels = { append = "x", a = "1" }
        [services.web]
        image = "x"
        labels = { b = "2" }
        "#,
    );
    let labels: Vec<&str> = web(&stack).labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["append", "a", "b"]);
}

#[test]
fn an_overlay_drops_and_nulls_what_the_base_and_its_mixins_say() {
    let text = r#"
        [mixins.m]
        cap_add = ["A"]
        environment = { null = true }
        init = true
        tty = true
        [services.web]
        image = "x"
        mixins = ["m"]
        init = false
        environment.A = "own"
        networks = ["n"]
        [networks.n]
        driver = "bridge"
        [overlays.o.networks.n]
        driver = { reset = true }
        [overlays.o.services.web]
        network_mode = "host"
        cap_add = { append = ["B"] }
        init = { reset = true }
        tty = { null = true }
    "#;
    let selection = Selection {
        overlays: vec!["o".to_owned()],
        ..Selection::default()
    };
    let reading = read_text(text, "", &[], &selection);
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let stack = reading.resolved.expect("it is a stack");
    let options = web(&stack);
    assert_eq!(options.cap_add, ["A", "B"]);
    assert_eq!((options.init, options.tty), (None, None));
    assert_eq!(options.environment["A"].as_deref(), Some("own"));
    assert_eq!(options.environment.len(), 1);
    assert!(matches!(&options.attachment, Attachment::Mode(mode) if mode == "host"));
    assert!(stack.networks().iter().all(|(_, it)| it.driver.is_none()));
}

#[test]
fn the_path_of_an_env_file_may_depend_on_variables() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |path: &str, text: &str| {
        std::fs::write(folder.path().join(path), text).expect("it can be written");
    };
    write(
        "stack.toml",
        "[vars]\nSTAGE = \"dev\"\n[overlays.prod.vars]\nSTAGE = \"prod\"\n[services.web]\nimage = \"x\"\n\
         env_file = [\"${STAGE}.env\", { path = \"./${GONE:-gone}.env\", required = false }]\n",
    );
    write("dev.env", "A=dev\n");
    write("prod.env", "A=prod\n");
    let read_with = |overlays: &[&str], variables: &[(&str, &str)]| {
        let request = Request {
            file: None,
            directory: folder.path().to_owned(),
            environment: environment(variables),
        };
        let selection = Selection {
            overlays: overlays.iter().map(|it| (*it).to_owned()).collect(),
            ..Selection::default()
        };
        let sources = load(&request, &|sources, paths| {
            fill_env_file_paths(sources, &selection, paths)
        });
        read(&sources.expect("stack.toml is there"), &selection)
    };
    for (overlays, variables, expected) in [
        (&[][..], &[][..], "dev"),
        (&["prod"][..], &[][..], "prod"),
        (&["prod"][..], &[("STAGE", "dev")][..], "dev"),
    ] {
        let reading = read_with(overlays, variables);
        assert_eq!(messages(&reading), Vec::<&str>::new());
        let stack = reading.resolved.expect("it is a stack");
        assert_eq!(web(&stack).environment["A"].as_deref(), Some(expected));
    }
    let reading = read_with(&[], &[("STAGE", "test")]);
    let missing = "services.web.env_file: test.env does not exist";
    assert_eq!(messages(&reading), [missing]);
    assert!(reading.template.is_some());
}

#[test]
fn a_variable_without_default_is_refused_empty_as_it_is_rendered() {
    let text = "[services.web]\nimage = \"x\"\nhostname = \"${EMPTY}\"\nuser = \"${EMPTY-}\"\n";
    let reading = read_text(text, "EMPTY=\n", &[], &Selection::default());
    assert_eq!(messages(&reading), ["EMPTY is empty and has no default"]);
    let template = reading.template.expect("it can be rendered");
    let options = &service(&template, "web").container;
    let hostname = options.hostname.as_ref().map(written);
    let expected = "${EMPTY:?set EMPTY in .env or in the environment}";
    assert_eq!(hostname.as_deref(), Some(expected));
}

#[test]
fn an_extension_key_that_has_no_place_is_told() {
    let text = "[services.web]\nimage = \"x\"\ndevices = [{ source = \"/dev/null\", x-d = 1 }]\n";
    let reading = read_text(text, "", &[], &Selection::default());
    let expected = "services.web.devices.0: x-d is not carried to the rendered file";
    assert_eq!(messages(&reading), [expected]);
    assert!(reading.resolved.is_some());
}

#[test]
fn a_task_takes_of_a_mixin_what_concerns_its_container() {
    let text = r#"
        [mixins.m]
        image = "x"
        init = true
        build = "."
        attach = false
        container_name = "c"
        deploy.replicas = 1
        pull_refresh_after = "1d"
        develop.watch = []
        [dags.d]
        schedule = "@daily"
        start_date = 2026-01-01
        tasks.t.docker.mixins = ["m"]
    "#;
    let reading = read_text(text, "", &[], &Selection::default());
    assert_eq!(messages(&reading), Vec::<&str>::new());
    let stack = reading.resolved.expect("it is a stack");
    let (_, dag) = stack.dags().first().expect("it has a DAG");
    let task = dag.tasks.values().next().expect("it has a task");
    let TaskKind::Docker(options) = &task.kind else {
        panic!("it is a docker task");
    };
    assert_eq!(options.init, Some(true));
    let text = text.replace(
        "docker.mixins",
        "docker.blkio_config = { weight = 10 }\ntasks.t.docker.mixins",
    );
    let reading = read_text(&text, "", &[], &Selection::default());
    let expected = "dags.d.tasks.t.docker: stackgen cannot do blkio_config yet";
    assert_eq!(messages(&reading), [expected]);
}

#[test]
fn build_arguments_without_a_value_take_that_of_the_environment() {
    let text = "[stack]\nname = \"shop\"\n[services.web.build]\ncontext = \".\"\nargs = [\"SET\", \"UNSET\", \"OWN=1\"]\n";
    let variables = [("SET", "from outside")];
    let stack = read_text(text, "", &variables, &Selection::default()).resolved;
    let stack = stack.expect("it has no mistake");
    let web = stack.services().values().next().expect("there is one");
    let args = web.more["build"].get(&["args"]).expect("it has some");
    let text = |name: &str| match args.get(&[name]) {
        Some(Attribute::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    assert_eq!(
        (text("SET"), text("UNSET"), text("OWN")),
        (Some("from outside"), None, Some("1"))
    );
}
