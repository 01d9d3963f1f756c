//! docker compose beside stackgen: what it still does to what stackgen applied, whether its commands work on it, and the other way round.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::peers::peers;
use crate::request_log::Request;
use crate::scene::{Scene, changes, shapes};
use crate::support::docker;

/// The quickstart of this repository, under another name and on a port that the engine picks.
fn quickstart() -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = folder.join("examples/quickstart/stack.toml");
    let text = std::fs::read_to_string(file).expect("it is there");
    text.replacen("name = \"quickstart\"", "name = \"NAME\"", 1)
        .replace("[\"${API_PORT}:8000\"]", "[\"127.0.0.1::8000\"]")
}

/// About everything that a container can be told and any engine takes.
const EVERYTHING: &str = r#"
[stack]
name = "NAME"

[defaults.service]
image = "busybox:1.36"
command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]

[services.database]
volumes = ["data:/data", "./conf:/conf:ro", "/cache", { type = "tmpfs", target = "/mem", tmpfs = { size = 1048576 } }]
healthcheck = { test = ["CMD", "true"], interval = "1s", timeout = "2s", retries = 5, start_period = "1m" }
mem_limit = "64m"
mem_reservation = "32m"
cpus = 0.5
cpu_shares = 512
pids_limit = 50
stop_grace_period = "3s"
stop_signal = "SIGTERM"
ulimits = { nofile = { soft = 1024, hard = 2048 }, nproc = 512 }
networks = { back = { aliases = ["store"] } }
environment = { USER_NAME = "app", PASSWORD = "sesame<&>", PRICE = "5$$", EMPTY = "" }
env_file = ["database.env"]

[services.setup]
oneshot = true
command = ["true"]
depends_on = { database = "healthy" }
networks = ["back"]

[services.web]
scale = 2
networks = { front = { priority = 10 }, back = {} }
ports = ["127.0.0.1::8080", "9000/udp"]
expose = ["99"]
depends_on = { database = { condition = "service_healthy", restart = true }, setup = "completed" }
cap_add = ["NET_ADMIN"]
cap_drop = ["MKNOD"]
extra_hosts = ["gateway:10.0.0.1"]
tmpfs = ["/scratch:size=1m"]
labels = { "com.example.team" = "shop", "com.example.rule" = "Host(`a`)" }
secrets = ["token"]
configs = [{ source = "page", target = "/srv/page" }]
logging = { driver = "json-file", options = { max-size = "1m" } }

[services.side]
network_mode = "none"
hostname = "aside"
domainname = "example.test"
user = "1000:1000"
working_dir = "/tmp"
init = true
restart = "on-failure:3"
read_only = true
shm_size = "32m"
group_add = ["44"]
security_opt = ["no-new-privileges:true"]
sysctls = { "net.ipv4.ip_unprivileged_port_start" = 1024 }
devices = ["/dev/null:/dev/nothing:rw"]
oom_score_adj = 100
tty = true
stdin_open = true
ipc = "private"

[networks.front]
labels = { tier = "front" }
[networks.back]
internal = true
[volumes.data]
labels = { kept = "yes" }
[secrets.token]
file = "./token"
[configs.page]
content = "hello"
"#;

fn everything() -> Option<Scene> {
    let scene = Scene::new("beside", EVERYTHING)?;
    std::fs::create_dir(scene.folder.path().join("conf")).expect("a folder can be made");
    scene.write("token", "sesame");
    scene.write("database.env", "FROM_FILE=1\n");
    Some(scene)
}

/// The generations of Compose whose hash label differs: each is the one that this machine has, so that stackgen writes its kind.
fn each_peer(scene: &Scene, test: impl Fn(&PathBuf)) {
    for peer in peers() {
        let plugins = scene.folder.path().join("docker/cli-plugins");
        std::fs::create_dir_all(&plugins).expect("a folder can be made");
        let link = plugins.join("docker-compose");
        std::fs::remove_file(&link).ok();
        std::os::unix::fs::symlink(&peer, link).expect("a link can be made");
        test(&peer);
    }
}

fn comes_and_goes(scene: &Scene, one_shots: &[&str]) {
    each_peer(scene, |peer| {
        scene.stackgen(&["apply", "-y"]);
        let before = scene.ids();
        let sent = scene.compose(peer, &["up", "-d"]);
        only_one_shots_are_started(scene, peer, &sent, one_shots);
        assert_eq!(scene.ids(), before, "{}", peer.display());
        commands_work(scene, peer);
        scene.nothing_foreign_was_touched();
        scene.compose(peer, &["down", "--volumes", "-t", "1"]);
        // What only tasks use, Compose does not know.
        scene.stackgen(&["down", "-y", "--volumes"]);
        assert_eq!(scene.ids(), BTreeSet::new(), "{}", peer.display());
    });
}

#[test]
fn compose_has_nothing_to_do_on_the_quickstart_and_its_commands_work() {
    let Some(scene) = Scene::new("quick", &quickstart()) else {
        return;
    };
    comes_and_goes(&scene, &["setup"]);
}

#[test]
fn compose_has_nothing_to_do_where_about_everything_is_asked_for() {
    let Some(scene) = everything() else {
        return;
    };
    comes_and_goes(&scene, &["setup"]);
}

/// Fails where a change was sent but the start of a finished one-shot, and the copy of its files before that.
fn only_one_shots_are_started(
    scene: &Scene,
    peer: &std::path::Path,
    sent: &[Request],
    one_shots: &[&str],
) {
    assert!(!sent.is_empty(), "it was pointed at the log");
    let names: Vec<String> = one_shots
        .iter()
        .map(|it| scene.project.of(&format!("{it}-1")))
        .collect();
    let ids: Vec<String> = names.iter().map(|name| id_of(name)).collect();
    let mut others = changes(sent);
    others.retain(|change| {
        let is_start = ["POST /containers/{}/start ", "PUT /containers/{}/archive "];
        let object = is_start.iter().find_map(|shape| change.strip_prefix(shape));
        !object.is_some_and(|object| names.iter().chain(&ids).any(|it| it == object))
    });
    assert!(
        others.is_empty(),
        "{}: {others:#?}\n{:#?}",
        peer.display(),
        shapes(sent)
    );
}

fn id_of(name: &str) -> String {
    let output = docker(&["inspect", "-f", "{{.Id}}", name]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// What people type: `ps`, `logs`, `exec`, `stop`, `start`.
fn commands_work(scene: &Scene, peer: &std::path::Path) {
    let services = |words: &[&str]| -> BTreeSet<String> {
        let list = scene.run_compose(peer, words);
        list.lines().map(|line| line.trim().to_owned()).collect()
    };
    let all = services(&["config", "--services"]);
    let listed = services(&["ps", "--all", "--format", "{{.Service}}"]);
    assert_eq!(listed, all, "{}", peer.display());
    scene.run_compose(peer, &["logs", "--no-color", "database"]);
    let said = scene.run_compose(peer, &["exec", "-T", "database", "echo", "hello"]);
    assert_eq!(said, "hello\n", "{}", peer.display());
    scene.run_compose(peer, &["stop", "-t", "1", "database"]);
    let running = ["ps", "--status", "running", "--format", "{{.Service}}"];
    assert!(
        !services(&running).contains("database"),
        "{}",
        peer.display()
    );
    scene.run_compose(peer, &["start", "database"]);
    assert!(
        services(&running).contains("database"),
        "{}",
        peer.display()
    );
    scene.log.take();
}

#[test]
fn what_compose_started_is_taken_over_and_nothing_is_sent_that_changes_it() {
    let Some(scene) = everything() else {
        return;
    };
    each_peer(&scene, |peer| {
        scene.stackgen(&["render"]);
        scene.compose(peer, &["up", "-d"]);
        let before = scene.ids();
        let sent = scene.stackgen(&["apply", "-y"]);
        assert_eq!(changes(&sent), Vec::<String>::new(), "{}", peer.display());
        scene.stackgen(&["plan", "--exit-code"]);
        assert_eq!(scene.ids(), before, "{}", peer.display());
        scene.nothing_foreign_was_touched();
        scene.stackgen(&["down", "-y", "--volumes", "-t", "1"]);
        assert_eq!(scene.ids(), BTreeSet::new(), "{}", peer.display());
    });
}
