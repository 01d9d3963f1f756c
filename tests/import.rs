//! `stackgen import` and `stackgen init`: compose files to stack.toml and back, compared in meaning by docker compose itself.

#![expect(
    clippy::disallowed_methods,
    reason = "it writes files, runs programs and takes the time"
)]

#[path = "support/peers.rs"]
mod peers;

use peers::peers;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const WIKI: &str = "services:\n  wiki:\n    image: example/wiki:1\n";

#[test]
fn the_hand_written_platform_comes_back_equal() {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let from = repository().join("examples/platform/images/reference-compose.yml");
    std::fs::copy(from, folder.path().join("reference-compose.yml")).expect("it can be copied");
    round_trip(folder.path(), &["reference-compose.yml"]);
}

/// Compose files that build on others, or on parts of themselves: the folder in tests/corpus/layers, and its files.
const LAYERS: [(&str, &[&str]); 6] = [
    ("extends", &["compose.yml"]),
    ("include", &["compose.yml"]),
    ("merge-keys", &["compose.yml"]),
    ("override", &["a.yml", "b.yml"]),
    ("override", &["a.yml", "b.yml", "c.yml"]),
    ("scalars", &["compose.yml"]),
];

#[test]
fn files_that_build_on_others_come_back_equal() {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    for (name, files) in LAYERS {
        let folder = tempfile::tempdir().expect("a folder can be made");
        copy(
            &repository().join("tests/corpus/layers").join(name),
            folder.path(),
        );
        round_trip(folder.path(), files);
        if name == "include" {
            let stack = std::fs::read_to_string(folder.path().join("stack.toml"));
            let stack = stack.expect("it is there");
            assert!(
                stack.contains(r#"env_files = [".env", "other/o.env"]"#),
                "{stack}"
            );
        }
    }
}

#[test]
fn the_kitchen_sink_comes_back_equal() {
    if std::env::var_os("STACKGEN_TEST_NO_DOCKER").is_some() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let names = [
        "kitchen-sink.yml",
        "base.yml",
        "included.yml",
        "included2.yml",
        "empty.env",
        "labels.label",
    ];
    for name in names {
        let from = repository().join("tests/corpus").join(name);
        std::fs::copy(from, folder.path().join(name)).expect("it can be copied");
    }
    round_trip(folder.path(), &["kitchen-sink.yml"]);
    let check = stackgen(folder.path(), &["check"]);
    assert!(check.status.success(), "{check:?}");
}

#[test]
fn comments_stay_above_what_they_are_about() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(
        folder.path(),
        "compose.yml",
        r#"# The shop.
#   Ask Ann.

x-app: &app
  # never on a laptop
  restart: always
  image: example/app:1
  environment: {MODE: prod}
services:
  # serves
  # people
  web:
    <<: *app
    ports:
      # for the proxy
      - "80:8000"
      - "81:8001"
    command: |
      # not a comment
      run
    depends_on:
      # rows
      db: {condition: service_started}
  worker:
    <<: *app
  beat: *app
  db:
    #image: postgres:15
    image: postgres:16
# what stays
volumes:
  # backed up
  data: {}
"#,
    );
    let output = stackgen(
        folder.path(),
        &["import", "compose.yml", "--stdout", "-p", "shop"],
    );
    assert!(output.status.success(), "{output:?}");
    let expected = r#"# Made by: stackgen import compose.yml
# The shop.
#   Ask Ann.

[stack]
name = "shop"

[mixins.app]
image = "example/app:1"
# never on a laptop
restart = "always"
environment = { MODE = "prod" }

# serves
# people
[services.web]
mixins = ["app"]
ports = [
  # for the proxy
  "80:8000",
  "81:8001",
]
command = """
# not a comment
run
"""

[services.web.depends_on]
# rows
db = "started"

[services.worker]
mixins = ["app"]

[services.beat]
mixins = ["app"]

[services.db]
# image: postgres:15
image = "postgres:16"

# what stays
[volumes]
# backed up
data = {}
"#;
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn the_text_is_short_and_pleasant() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(
        folder.path(),
        "compose.yml",
        r#"
x-app: &app
  image: example/app:1
  restart: always
  environment: {MODE: prod, DEBUG: false}
services:
  web:
    <<: *app
    ports: ["80:8000"]
    depends_on: [db]
  worker:
    <<: *app
    depends_on: {db: {condition: service_healthy}}
    mystery: 1
  beat: *app
  db: {image: "postgres:16", volumes: ["data:/var/lib/postgresql/data"]}
"#,
    );
    let output = stackgen(
        folder.path(),
        &["import", "compose.yml", "--stdout", "-p", "shop"],
    );
    assert!(output.status.success(), "{output:?}");
    let expected = r#"# Made by: stackgen import compose.yml

[stack]
name = "shop"

[mixins.app]
image = "example/app:1"
restart = "always"

[mixins.app.environment]
MODE = "prod"
DEBUG = "false"

[services.web]
mixins = ["app"]
ports = ["80:8000"]
depends_on = { db = "started" }

[services.worker]
mixins = ["app"]
depends_on = { db = "healthy" }
# a service has no key `mystery`:
# mystery = 1

[services.beat]
mixins = ["app"]

[services.db]
image = "postgres:16"
volumes = ["data:/var/lib/postgresql/data"]

[volumes]
# not declared in the compose file
data = {}
"#;
    assert_eq!(text(&output.stdout), expected);
    let words = text(&output.stderr);
    for expected in [
        "compose.yml:14: services.worker.mystery is left as a comment: a service has no key `mystery`",
        "compose.yml:16: services.db uses the volume \"data\", which is not declared",
    ] {
        assert!(words.contains(expected), "{words}");
    }
}

#[test]
fn a_stack_toml_that_is_there_stays() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(folder.path(), "stack.toml", "mine");
    write(folder.path(), "wiki.yml", WIKI);
    for words in [&["import", "wiki.yml"][..], &["init"]] {
        let output = stackgen(folder.path(), words);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
    let kept = std::fs::read_to_string(folder.path().join("stack.toml")).expect("it is there");
    assert_eq!(kept, "mine");
}

#[test]
fn init_writes_a_starter_without_mistakes() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for words in [&["init"][..], &["check"], &["render"]] {
        let output = stackgen(folder.path(), words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
    let output = stackgen(folder.path(), &["check", "--json"]);
    assert_eq!(text(&output.stdout).trim(), "[]");
}

#[test]
fn init_begins_with_the_compose_file_of_the_folder() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write(folder.path(), "docker-compose.yml", WIKI);
    let output = stackgen(folder.path(), &["init"]);
    assert!(output.status.success(), "{output:?}");
    let stack = std::fs::read_to_string(folder.path().join("stack.toml")).expect("it is there");
    assert!(stack.contains("[services.wiki]"), "{stack}");
}

#[test]
fn a_bad_file_is_a_clear_error_at_once() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        let items = vec![below; 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let deep_flow = format!("a: {}", "[".repeat(10_000));
    let deep_block: String = (0..2_000)
        .map(|n| format!("{}a:\n", " ".repeat(n)))
        .collect();
    let large = format!("services:\n{}", "  # much ado\n".repeat(400_000));
    for (name, bytes, expected) in [
        ("bomb", bomb.as_bytes(), "more than 80000 values"),
        ("flow", deep_flow.as_bytes(), "nested deeper than 64"),
        ("block", deep_block.as_bytes(), "nested deeper than 64"),
        ("large", large.as_bytes(), "larger than 4 MiB"),
        (
            "utf8",
            b"services:\n  a: \xff\xfe\n",
            "is not UTF-8: byte 15",
        ),
        (
            "twice",
            b"services:\n  a: {image: x}\n  a: {image: y}\n",
            "bad.yml:3:1: the key \"a\" stands here twice; first in line 2",
        ),
        ("list", b"- a\n- b\n", "a compose file is a map"),
        ("open", b"services: {a: [\n", "bad.yml:"),
        (
            "two",
            b"a: 1\n---\nb: 2\n",
            "bad.yml:2:1: a second document",
        ),
        (
            "loop",
            b"services:\n  a: {extends: b}\n  b: {extends: a}\n",
            "extend each other without end",
        ),
        (
            "self",
            b"include: [bad.yml]\n",
            "include each other without end",
        ),
        (
            "nobody",
            b"services:\n  a: {extends: {service: nobody}}\n",
            "bad.yml:2: there is no service \"nobody\" to extend",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        std::fs::write(folder.path().join("bad.yml"), bytes).expect("it can be written");
        let start = Instant::now();
        let output = stackgen(folder.path(), &["import", "bad.yml"]);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{name}: {words}");
        assert!(words.contains(expected), "{name}: {words}");
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{name} took {:?}",
            start.elapsed()
        );
        assert!(!folder.path().join("stack.toml").exists(), "{name}");
    }
}

/// Imports compose files and renders the result; what docker compose makes of both has to be the same.
fn round_trip(folder: &Path, files: &[&str]) {
    let imported = stackgen(folder, &[&["import"], files].concat());
    assert!(imported.status.success(), "{files:?}: {imported:?}");
    let rendered = stackgen(folder, &["render"]);
    let stack = std::fs::read_to_string(folder.join("stack.toml")).expect("it is there");
    assert!(
        rendered.status.success(),
        "{files:?}: {}\n{stack}",
        text(&rendered.stderr)
    );
    for peer in peers() {
        let output = Command::new("python3")
            .arg(repository().join("scripts/config_diff.py"))
            .args([files.join(","), "generated/docker-compose.yml".to_owned()])
            .args(["--ignore-name", "--loose", "--project-directory"])
            .arg(folder)
            .arg("--b-directory")
            .arg(folder.join("generated"))
            .arg("--compose")
            .arg(&peer)
            .current_dir(folder)
            .envs(variables())
            .output()
            .expect("python3 is here");
        let words = text(&output.stdout) + &text(&output.stderr);
        assert!(
            output.status.success(),
            "{files:?} with {}:\n{words}\n{stack}",
            peer.display()
        );
    }
}

/// What the files ask for without a default.
fn variables() -> [(&'static str, &'static str); 5] {
    [
        ("S1", "s"),
        ("API_KEY", "key"),
        ("DOCKER_GID", "0"),
        ("POSTGRES_PASSWORD", "a"),
        ("AIRFLOW_SECRET_KEY", "b"),
    ]
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("it can be written");
}

fn stackgen(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackgen"));
    command.args(words).current_dir(folder).envs(variables());
    for name in ["COMPOSE_PROFILES", "COMPOSE_PROJECT_NAME", "COMPOSE_FILE"] {
        command.env_remove(name);
    }
    command.output().expect("stackgen runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
