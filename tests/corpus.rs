//! What Compose knows, in stack.toml and as rendered: attribute by attribute, and as a whole against `docker compose config`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read and write their own files and run programs"
)]

#[path = "support/peers.rs"]
mod peers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use peers::peers_if_any;
use stackgen::model::{FileRole, SourceFile, Sources};
use stackgen::render::{RenderRequest, render};
use stackgen::stackfile::{Selection, read};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// Renders a stack.toml; in place of the compose file come the mistakes, where there are any.
fn rendered(toml: &str) -> String {
    let sources = Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![SourceFile {
            path: PathBuf::from("stack.toml"),
            role: FileRole::Main,
            text: Some(toml.into()),
        }],
        environment: BTreeMap::new(),
    };
    let reading = read(&sources, &Selection::default());
    let Some(stack) = reading.template else {
        let told = reading.diagnostics.iter();
        let told: Vec<&str> = told.map(|it| it.message.as_str()).collect();
        return format!("{}\n", told.join("\n"));
    };
    let request = RenderRequest {
        source: "stack.toml".to_owned(),
        digest: "0".to_owned(),
        env_files: Vec::new(),
        output: "generated".into(),
        templates: BTreeMap::new(),
    };
    let files = render(&Arc::new(stack), &request).expect("what is read can be rendered");
    let file = files
        .into_iter()
        .find(|file| file.path.ends_with("docker-compose.yml"));
    file.expect("there is a compose file").text
}

/// `attributes.txt` holds cases of `=== TITLE`, TOML, `---` and YAML. TOML without a table is what a service has beside its image.
#[test]
fn every_attribute_is_rendered_in_its_long_form() {
    let path = folder().join("attributes.txt");
    let recorded = std::fs::read_to_string(&path).expect("the cases are there");
    let mut now = String::new();
    for case in recorded.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').expect("a case has a title");
        let (toml, _) = rest.split_once("---\n").expect("a case has a result");
        let (text, start) = if toml.starts_with('[') {
            (format!("[stack]\nname = \"s\"\n{toml}"), "services:\n")
        } else {
            let text = format!("[stack]\nname = \"s\"\n[services.a]\nimage = \"x\"\n{toml}");
            (text, "    image: x\n")
        };
        let yaml = rendered(&text);
        let yaml = yaml.split_once(start).map_or(yaml.as_str(), |(_, it)| it);
        now.push_str(&format!("=== {title}\n{toml}---\n{}\n\n", yaml.trim_end()));
    }
    if std::env::var_os("STACKGEN_BLESS").is_some() {
        std::fs::write(&path, &now).expect("the cases can be written");
        return;
    }
    let diff = similar::TextDiff::from_lines(recorded.as_str(), now.as_str());
    assert_eq!(diff.unified_diff().to_string(), "");
}

#[test]
fn the_kitchen_sink_means_the_same_to_both_generations_of_compose() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kitchen-sink");
    let generated = place.join("generated");
    std::fs::create_dir_all(&generated).expect("the folder can be made");
    for entry in std::fs::read_dir(folder()).expect("the corpus is there") {
        let entry = entry.expect("it can be listed");
        if entry.path().is_dir() {
            continue;
        }
        std::fs::copy(entry.path(), place.join(entry.file_name())).expect("it can be copied");
    }
    let toml = std::fs::read_to_string(folder().join("kitchen-sink.toml")).expect("it is there");
    std::fs::write(generated.join("docker-compose.yml"), rendered(&toml)).expect("it is written");
    for peer in peers_if_any() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/config_diff.py");
        let output = Command::new("python3")
            .arg(script)
            .args(["kitchen-sink.yml", "generated/docker-compose.yml"])
            .args(["--b-directory", "generated", "--compose"])
            .arg(&peer)
            .env_remove("COMPOSE_PROFILES")
            .current_dir(&place)
            .output()
            .expect("python3 can be run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(said, "0 differences\n", "{}: {complaints}", peer.display());
    }
}
