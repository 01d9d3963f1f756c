//! The binary against a real engine: saved plans, what is refused and why.

#[path = "../cli/command.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "another test binary uses the rest of this"
)]
mod command;

use std::os::unix::fs::PermissionsExt;

use command::{Folder, Ran};

use crate::support::{BUSYBOX, Project, docker, ensure_busybox, is_left_out};

/// A folder with a stack of its own project, at the engine.
struct Site {
    project: Project,
    folder: Folder,
}

impl Site {
    /// `None` where tests against an engine are left out on purpose.
    fn new(test: &str, services: &str) -> Option<Self> {
        if is_left_out(test) {
            return None;
        }
        ensure_busybox();
        let project = Project::new("binary-test");
        let site = Self {
            folder: folder(),
            project,
        };
        site.write(services);
        Some(site)
    }

    fn write(&self, services: &str) {
        let head = format!("[stack]\nname = \"{}\"\n", self.project.name);
        let services = services.replace("BUSYBOX", &format!("{BUSYBOX:?}"));
        self.folder.write("stack.toml", &(head + &services));
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.folder.run(arguments)
    }

    /// Returns the id of a container.
    fn id(&self, name: &str) -> String {
        let name = self.project.of(name);
        let output = docker(&["inspect", "-f", "{{.Id}}", &name]).stdout;
        String::from_utf8_lossy(&output).trim().to_owned()
    }

    fn docker(&self, arguments: &[&str]) {
        let output = docker(arguments);
        assert!(output.status.success(), "{output:?}");
    }
}

/// Returns an empty folder from which the engine is reached.
pub(crate) fn folder() -> Folder {
    let host = std::env::var("DOCKER_HOST");
    let host = host.unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    Folder::empty().set("DOCKER_HOST", &host)
}

const WEB: &str = r#"
[services.web]
image = BUSYBOX
init = true
pull_policy = "never"
command = ["sleep", "600"]
environment = { LEVEL = "${LEVEL:-info}", DB_PASSWORD = "${DB_PASSWORD:-in-the-file}" }
"#;

#[test]
fn a_saved_plan_is_applied_as_it_was_shown_or_refused_with_what_moved() {
    let Some(mut site) = Site::new("saved_plan", WEB) else {
        return;
    };
    site.folder.write(".env", "DB_PASSWORD=hunter2\n");
    let path = site.folder.path().join("p.plan");
    site.run(&["plan", "--out", "p.plan"]).ends(0);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = site.folder.read("p.plan");
    for secret in ["hunter2", "in-the-file"] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(text.contains("${LEVEL:-info}"), "{text}");

    let stale = |site: &Site, why: &[&str]| {
        let before = site.id("web-1");
        let ran = site.run(&["apply", "-y", "p.plan"]).ends(3);
        assert_eq!(site.id("web-1"), before);
        for why in why {
            assert!(ran.stderr.contains(why), "{}", ran.stderr);
        }
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter"), "{}", ran.stderr);
    };
    let set = |site: Site, value: &str| Site {
        folder: site.folder.set("LEVEL", value),
        project: site.project,
    };
    site.folder.write(".env", "DB_PASSWORD=hunter3\n");
    stale(&site, &[".env has changed"]);
    site.folder.write(".env", "DB_PASSWORD=hunter2\n");
    site = set(site, "debug");
    stale(&site, &["variable LEVEL was not set"]);
    // The plan of another level is another plan.
    site.run(&["plan", "--out", "p.plan"]).ends(0);
    site = set(site, "trace");
    stale(&site, &["variable LEVEL has another value"]);
    site = set(site, "debug");

    // The options of the plan are its own.
    site.run(&["apply", "-y", "p.plan", "--prune"]).ends(64);
    site.run(&["-p", "other", "apply", "-y", "p.plan"]).ends(64);
    let ran = site.run(&["apply", "-y", "./p.plan"]).ends(0);
    assert!(ran.stdout.contains("service  web"), "{}", ran.stdout);
    let first = site.id("web-1");
    assert!(!first.is_empty());
    let container = format!("container {} was not there", site.project.of("web-1"));
    stale(&site, &[&container]);

    // A stop is a change of the snapshot.
    site.folder.write(
        "stack.toml",
        &site.folder.read("stack.toml").replace("600", "601"),
    );
    site.run(&["plan", "--out", "p.plan"]).ends(0);
    site.docker(&["stop", "-t", "0", &site.project.of("web-1")]);
    stale(
        &site,
        &[&format!(
            "container {} has changed",
            site.project.of("web-1")
        )],
    );
    site.run(&["plan", "--out", "p.plan"]).ends(0);
    site.run(&["apply", "-y", "p.plan"]).ends(0);
    assert_ne!(site.id("web-1"), first);

    site.folder.write("p.plan", &text[..text.len() / 2]);
    let ran = site.run(&["apply", "-y", "p.plan"]).ends(65);
    assert!(ran.stderr.contains("damaged"), "{}", ran.stderr);
    site.run(&["apply", "-y", "./none.plan"]).ends(65);
    site.run(&["apply", "-y", "web"]).ends(0);
}

/// `--adopt` is the way from one folder to another.
#[test]
fn the_same_name_from_another_folder_is_exit_3_until_it_is_adopted() {
    let Some(site) = Site::new("adopt", WEB) else {
        return;
    };
    site.run(&["apply", "-y"]).ends(0);
    let other = Site {
        project: Project::new("unused"),
        folder: folder(),
    };
    other
        .folder
        .write("stack.toml", &site.folder.read("stack.toml"));
    let first = site.id("web-1");
    for command in [&["apply", "-y"][..], &["-q", "apply", "-y"], &["down"]] {
        let ran = other.run(command).ends(3);
        let name = format!("container {}", site.project.of("web-1"));
        assert!(ran.stderr.contains(&name), "{}", ran.stderr);
        assert!(ran.stderr.contains("--adopt"), "{}", ran.stderr);
    }
    assert_eq!(site.id("web-1"), first);
    other.run(&["apply", "-y", "--adopt"]).ends(0);
    assert_ne!(site.id("web-1"), first);
    let ran = other.run(&["plan", "--exit-code"]).ends(0);
    assert!(
        ran.stdout.contains("all as stack.toml says"),
        "{}",
        ran.stdout
    );
    // It is the first folder that is the stranger now.
    site.run(&["apply", "-y"]).ends(3);
    other.run(&["down"]).ends(0);
    assert_eq!(site.id("web-1"), "");
}

#[test]
fn a_stranger_on_a_network_stops_down_before_anything_is_stopped() {
    let Some(site) = Site::new("stranger", WEB) else {
        return;
    };
    site.run(&["apply", "-y"]).ends(0);
    let (network, stranger) = (
        format!("{}_default", site.project.name),
        site.project.of("stranger"),
    );
    let run = [
        "run",
        "-d",
        "--init",
        "--name",
        &stranger,
        "--network",
        &network,
        BUSYBOX,
        "sleep",
        "600",
    ];
    site.docker(&run);
    let ran = site.run(&["plan"]).ends(0);
    assert!(ran.stdout.contains(&stranger), "{}", ran.stdout);
    let before = site.id("web-1");
    let ran = site.run(&["down"]).ends(3);
    let help = format!("docker network disconnect {network} {stranger}");
    assert!(ran.stderr.contains(&help), "{}", ran.stderr);
    assert_eq!(site.id("web-1"), before);
    site.docker(&["rm", "-f", &stranger]);
    site.run(&["down"]).ends(0);
}

/// A port of this machine, taken for as long as it is held.
fn taken_port() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn everything_in_the_way_is_told_at_once_and_nothing_is_touched() {
    let Some(site) = Site::new("preflight", "") else {
        return;
    };
    let (listener, port) = taken_port();
    let (other, theirs) = taken_port();
    drop(other);
    let holder = site.project.of("holder");
    let publish = format!("{theirs}:80");
    site.docker(&[
        "run", "-d", "--init", "--name", &holder, "-p", &publish, BUSYBOX, "sleep", "600",
    ]);
    let text = |port: u16, theirs: u16| {
        format!(
            r#"
[services.web]
image = BUSYBOX
init = true
command = ["sleep", "600"]
ports = ["{port}:80", "{theirs}:81"]
configs = ["page"]
volumes = [{{ type = "bind", source = "./none", target = "/none", bind = {{ create_host_path = false }} }}]
[configs.page]
file = "./page.html"
[volumes.data]
"#
        )
    };
    site.write(&text(port, theirs));
    let ran = site.run(&["apply", "-y"]).ends(3);
    let here = site.folder.path().canonicalize().unwrap();
    let pid = std::process::id();
    for words in [
        "4 things are in the way, and nothing was changed".to_owned(),
        format!("services.web publishes {port}, and process "),
        format!("({pid}) has it"),
        format!("services.web publishes {theirs}, and container {holder} has it"),
        format!(
            "services.web mounts {}/none, which is not there (stack.toml:10)",
            here.display()
        ),
        format!(
            "services.web mounts {}/page.html, which is not there (stack.toml:12)",
            here.display()
        ),
    ] {
        assert!(ran.stderr.contains(&words), "{words}\n{}", ran.stderr);
    }
    let network = format!("{}_default", site.project.name);
    assert!(!docker(&["network", "inspect", &network]).status.success());
    drop(listener);
    site.docker(&["rm", "-f", &holder]);
    site.folder.write("none/file", "");
    site.folder.write("page.html", "hello");
    site.run(&["apply", "-y"]).ends(0);
    // What it holds itself is not in its way, whether it is made anew or hands a port to another service.
    site.run(&["apply", "-y", "--force-recreate"]).ends(0);
    let moved = text(port, theirs).replace(&format!("\"{theirs}:81\""), "")
        + &format!(
            "[services.other]\nimage = BUSYBOX\ninit = true\ncommand = [\"sleep\", \"600\"]\nports = [\"{theirs}:81\"]\n"
        );
    site.write(&moved);
    site.run(&["apply", "-y"]).ends(0);
    site.run(&["down"]).ends(0);
}

/// What a process has read since its start stands in no label: it is kept beside the runs.
#[test]
fn a_reload_is_remembered_and_a_plan_from_before_an_edit_is_stale() {
    let services = r#"
[services.web]
image = BUSYBOX
init = true
pull_policy = "never"
command = ["sleep", "600"]
volumes = ["./app.conf:/etc/app.conf:ro"]
update.reload = ["sh", "-c", "cp /etc/app.conf /tmp/reloaded"]
"#;
    let Some(site) = Site::new("reload", services) else {
        return;
    };
    site.folder.write("app.conf", "one\n");
    site.run(&["apply", "-y"]).ends(0);
    let id = site.id("web-1");
    // In place, as a write does; a process that is younger than the edit would have read it.
    std::thread::sleep(std::time::Duration::from_millis(50));
    site.folder.write("app.conf", "two\n");
    let plan = site
        .run(&["plan", "--exit-code", "--out", "p.plan"])
        .ends(2);
    assert!(
        plan.stdout.contains("./app.conf changed"),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("1 to reload"), "{}", plan.stdout);
    site.run(&["apply", "-y"]).ends(0);
    let web = site.project.of("web-1");
    let read = docker(&["exec", &web, "cat", "/tmp/reloaded"]).stdout;
    assert_eq!(String::from_utf8_lossy(&read), "two\n");
    site.run(&["plan", "--exit-code"]).ends(0);
    assert_eq!(site.id("web-1"), id);
    site.folder.write("app.conf", "three\n");
    let stale = site.run(&["apply", "-y", "p.plan"]).ends(3);
    assert!(
        stale.stderr.contains("nothing was changed"),
        "{}",
        stale.stderr
    );
    // Without what was remembered it is done once more, and nothing worse.
    site.folder.write("app.conf", "two\n");
    std::fs::remove_file(site.folder.path().join(".stackgen/state.db")).unwrap();
    site.run(&["apply", "-y"]).ends(0);
    site.run(&["plan", "--exit-code"]).ends(0);
    assert_eq!(site.id("web-1"), id);
}

/// Volumes go by name and consent alone, orphans of the other kinds by `--prune`.
#[test]
fn volumes_are_never_pruned_and_go_with_the_stack_only_by_consent() {
    let Some(site) = Site::new("volumes", "") else {
        return;
    };
    let service = |name: &str, more: &str| {
        format!(
            "[services.{name}]\nimage = BUSYBOX\ninit = true\ncommand = [\"sleep\", \"600\"]\n{more}"
        )
    };
    let web = service("web", "volumes = [\"kept:/kept\", \"lost:/lost\"]\n");
    let old = service("old", "networks = [\"side\"]\nvolumes = [\"left:/left\"]\n");
    let policy = "[volumes.kept]\n[volumes.lost]\n[policy]\nprevent_destroy = [\"volume:kept\"]\n";
    site.write(&format!(
        "{web}{old}[networks.side]\n[volumes.left]\n{policy}"
    ));
    site.run(&["apply", "-y"]).ends(0);
    let exists = |kind: &str, name: &str| {
        let name = format!("{}_{name}", site.project.name);
        docker(&[kind, "inspect", &name]).status.success()
    };

    site.write(&format!("{web}{policy}"));
    let ran = site.run(&["plan"]).ends(0);
    let words: Vec<&str> = ran.stdout.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("volumes are never pruned"), "{words}");
    // Nobody can be asked, and a removal is asked for.
    site.run(&["apply", "--prune"]).ends(3);
    assert!(exists("network", "side") && !site.id("old-1").is_empty());
    let ran = site.run(&["plan", "--prune"]).ends(0);
    assert!(
        ran.stderr.contains("stackgen apply --prune"),
        "{}",
        ran.stderr
    );
    site.run(&["apply", "-y", "--prune"]).ends(0);
    assert!(!exists("network", "side") && site.id("old-1").is_empty());
    assert!(exists("volume", "left"));

    let ran = site.run(&["down", "--volumes"]).ends(3);
    assert!(
        ran.stdout.contains("lost") && ran.stdout.contains("left"),
        "{}",
        ran.stdout
    );
    assert!(!site.id("web-1").is_empty());
    let ran = site.run(&["down", "--volumes", "-y"]).ends(0);
    assert!(
        ran.stdout.contains("policy.prevent_destroy"),
        "{}",
        ran.stdout
    );
    assert!(exists("volume", "kept") && !exists("volume", "lost") && !exists("volume", "left"));
}
