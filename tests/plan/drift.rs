//! What somebody did by hand and what changed in files, as the plan tells it.

use jiff::Timestamp;
use stackgen::engine::fake::FakeEngine;
use stackgen::model::{Bytes, ContainerStatus, ContentDigest, EndpointSpec, InodeId, ObservedFile};

use crate::{apply, images, text_of};

const APP: &str = r#"
[stack]
name = "app"

[services.db]
image = "base:1"
healthcheck = { test = "true" }
mem_limit = "1g"

[services.api]
image = "base:1"
configs = ["app.ini"]
secrets = ["token"]
depends_on.db = { condition = "healthy", on_replace = "restart" }

[services.proxy]
image = "base:1"
volumes = ["./proxy.conf:/etc/proxy.conf"]
networks = { default = { aliases = ["www"] } }
update.reload = ["proxy", "-s", "reload"]

[configs."app.ini"]
file = "config/app.ini"
[secrets.token]
file = "token"

[dags.load.tasks.fill]
bash = "true"
needs = ["api"]
[dags.load.tasks.read]
exec = { service = "api", command = ["true"] }
"#;

fn file(inode: u64, changed: i64, content: u8) -> ObservedFile {
    ObservedFile {
        id: InodeId { device: 1, inode },
        changed: Timestamp::from_second(changed).ok(),
        content: Some(ContentDigest::new([content; 32])),
    }
}

const FILES: [&str; 3] = ["config/app.ini", "token", "proxy.conf"];

/// Returns an engine on which all runs, made when every file was as it is.
async fn app() -> FakeEngine {
    let engine = images();
    for (inode, name) in (1..).zip(FILES) {
        engine.add_file(&format!("/srv/shop/{name}"), file(inode, 0, 1));
    }
    apply(&engine, APP).await;
    engine
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_is_said_to_be_changed_by_hand() {
    let engine = app().await;
    engine.change("app-db-1", |it| {
        (it.config.limits.memory, it.config.limits.memory_swap) =
            (Some(Bytes(64 << 20)), Some(Bytes(128 << 20)))
    });
    engine.change("app-proxy-1", |it| {
        let endpoints = &mut it.config.endpoints;
        endpoints.insert("debug-net".to_owned(), EndpointSpec::default());
        endpoints.insert("app_default".to_owned(), EndpointSpec::default());
    });
    insta::assert_snapshot!(text_of(&engine, APP).await, @r#"
    app: 3 services, 2 differ from stack.toml

    ~   service db: update in place                                                      changed by hand
        mem_limit                      64MiB → 1GiB

    ~   service proxy: update in place                                                   changed by hand
        networks.default               attached → "attached as proxy, www"
        networks.debug-net             attached → (none)

        1 service and 1 network are as they should be

    Plan: 2 to update. Nothing is interrupted, no data is lost.
    "#);
}

#[tokio::test(start_paused = true)]
async fn states_and_names_are_fields_with_what_they_will_be() {
    let engine = app().await;
    engine.change("app-db-1", |it| it.state.status = ContainerStatus::Paused);
    engine.change("app-api-1", |it| {
        it.state.status = ContainerStatus::Exited;
        it.state.exit_code = 137;
    });
    engine.change("app-proxy-1", |it| it.name = "mine".to_owned());
    insta::assert_snapshot!(text_of(&engine, APP).await, @r#"
    app: 3 services, 2 running, 3 differ from stack.toml

    +   service db: start
        state                          "paused" → "running"

    +   service api: start
        state                          "exited with code 137" → "running"

    ~   service proxy: update in place
        container_name                 "mine" → "app-proxy-1"
        why   it is called mine, left from an interrupted replacement or renamed by hand

        1 network is as it should be

    Plan: 2 to start, 1 to update. Nothing is interrupted, no data is lost.
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_told_by_its_path_with_what_it_takes_and_who_is_away() {
    let engine = app().await;
    for (inode, name) in [(1, "config/app.ini"), (2, "token"), (3, "proxy.conf")] {
        engine.add_file(&format!("/srv/shop/{name}"), file(inode, 1_000, 2));
    }
    insta::assert_snapshot!(text_of(&engine, APP).await, @r#"
    app: 3 services, 2 differ from stack.toml

    ^   service api: restart                                                            its file changed
        configs."app.ini"              ./config/app.ini changed
        secrets.token                  differs (secret)
        why   no reload is declared; `update.reload = "SIGHUP"` would spare the restart

    ~   service proxy: reload                                                           its file changed
        volumes."/etc/proxy.conf"      ./proxy.conf changed
        why   `proxy -s reload` is run in it, and its process runs on

        1 service and 1 network are as they should be

    Tasks     dags.load.fill needs api
    Tasks     dags.load.read needs api
    Away      api   until it runs

    Plan: 1 to reload, 1 to restart. No data is lost.
    "#);
    engine.add_file("/srv/shop/proxy.conf", file(9, 1_000, 2));
    engine.change("app-proxy-1", |it| {
        it.files.insert("/etc/proxy.conf".to_owned(), file(3, 0, 1));
    });
    let text = text_of(&engine, APP).await;
    let why =
        "why   the file was replaced, and the container sees the old one until its next start";
    assert!(
        text.contains(why) && text.contains("^   service proxy: restart"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependant_says_whom_it_follows() {
    let engine = app().await;
    let changed = APP.replace("mem_limit = \"1g\"", "environment = { LEVEL = \"debug\" }");
    insta::assert_snapshot!(text_of(&engine, &changed).await, @r#"
    app: 3 services, 2 differ from stack.toml

    -/+ service db: recreate
        environment.LEVEL              (none) → "debug"
        mem_limit                      1GiB → (none)

    ^   service api: restart
        why   db is replaced

        1 service and 1 network are as they should be

    Tasks     dags.load.fill needs api
    Tasks     dags.load.read needs api
    Away      db    until healthy, 300 s at most
              api   until it runs
    Order     1  db
              2  api

    Plan: 1 to restart, 1 to recreate. No data is lost.
    "#);
}
