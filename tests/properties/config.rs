//! Two hundred random stacks through the real `docker compose config`, of both generations. Each is written twice: by stackgen as
//! YAML, and as JSON by a writer that knows nothing of stackgen. Compose has to find them equal.

use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::round_trip::{file, files_of, stack_of};
use crate::texts::ENVIRONMENT;
use crate::tree::Tree;

/// Returns the compose file of a tree: its sections that Compose knows, and in them its keys.
pub fn compose_json(tree: &Tree) -> Value {
    let mut file = Map::new();
    let name = tree.get("stack").and_then(|stack| stack.get("name"));
    file.insert(
        "name".to_owned(),
        name.map_or(Value::Null, |name| name.to_json("name")),
    );
    for section in [
        "services", "networks", "volumes", "configs", "secrets", "models",
    ] {
        if let Some(entries) = tree.get(section) {
            file.insert(section.to_owned(), entries.to_json(section));
        }
    }
    let services = file.get_mut("services").and_then(Value::as_object_mut);
    for service in services
        .into_iter()
        .flat_map(|services| services.values_mut())
    {
        let service = service.as_object_mut().unwrap();
        for own in ["oneshot", "rerun", "sockets"] {
            service.shift_remove(own);
        }
        if let Some(Value::Object(dependencies)) = service.get_mut("depends_on") {
            dependencies.values_mut().for_each(long_dependency);
        }
    }
    let mut file = Value::Object(file);
    let fixed = tree.get("vars").and_then(|vars| vars.get("FIXED"));
    if let Some(Tree::Text(fixed)) = fixed {
        fill(&mut file, fixed);
    }
    file
}

/// `"healthy"` in place of a table is stackgen's own.
fn long_dependency(dependency: &mut Value) {
    let condition = match dependency.as_str() {
        Some("started") => "service_started",
        Some("completed") => "service_completed_successfully",
        _ => return,
    };
    *dependency = json!({ "condition": condition });
}

/// Puts the constant in its place.
fn fill(value: &mut Value, fixed: &str) {
    match value {
        Value::String(text) => *text = text.replace("${FIXED}", fixed),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, fixed)),
        Value::Object(map) => map.values_mut().for_each(|item| fill(item, fixed)),
        _ => {}
    }
}

/// JSON may hold characters that YAML has to escape, and Compose reads it as YAML.
fn escaped(c: char) -> String {
    match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' => {
            format!("\\u{:04x}", u32::from(c))
        }
        '\u{10ffff}' => "\\U0010ffff".to_owned(),
        c => c.to_string(),
    }
}

/// JSON may hold keys that YAML has to announce: those of more than 1024 characters. Each stands at the beginning of a line.
fn with_long_key(line: &str) -> String {
    let is_key = |end: usize| {
        let before = line[..end].chars().rev();
        before.take_while(|c| *c == '\\').count().is_multiple_of(2)
    };
    let is_long = line.trim_start().starts_with('"')
        && line
            .match_indices("\": ")
            .find(|(end, _)| is_key(*end))
            .is_some_and(|(end, _)| end > 1_000);
    let mark = if is_long { "? " } else { "" };
    format!("{mark}{line}\n")
}

/// Takes out what has no twin in a compose file: sockets, which become mounts.
fn without_own(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    for section in ["sockets", "dags", "policy"] {
        tree.remove(section);
    }
    for service in tree
        .get_mut("services")
        .into_iter()
        .flat_map(Tree::values_mut)
    {
        service.remove("sockets");
    }
    tree
}

/// A stack in a folder, written by both writers.
pub struct Pair {
    tree: Tree,
    name: String,
    line: String,
}

/// Writes both files of a stack, in a folder of its own.
///
/// # Errors
/// What is wrong with the stack.
#[expect(clippy::disallowed_methods, reason = "Compose reads files")]
pub fn prepared(name: String, tree: &Tree, place: &Path) -> Result<Pair, String> {
    let tree = without_own(tree);
    let stack = stack_of(&tree).map_err(|failure| format!("{name} {failure}"))?;
    let files = files_of(&stack.template);
    let yaml = file(&files, "docker-compose.yml");
    let folder = place.join(&name);
    std::fs::create_dir_all(folder.join("generated")).unwrap();
    for (name, text) in [
        ("first.env", "FROM_FILE=1\n"),
        ("second.env", "FROM_FILE='2 # x'\n"),
        ("odd name#.env", "RAW='x'\n"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(folder.join("some.labels"), "from.file=x\n").unwrap();
    let json = serde_json::to_string_pretty(&compose_json(&tree)).unwrap();
    let json: String = json.lines().map(with_long_key).collect();
    let json: String = json.chars().map(escaped).collect();
    let (twin, rendered) = ("compose.json", "generated/docker-compose.yml");
    std::fs::write(folder.join(twin), json).unwrap();
    std::fs::write(folder.join(rendered), yaml).unwrap();
    let line = json!({
        "name": &name,
        "a": folder.join(twin),
        "b": folder.join(rendered),
        "project_directory": folder,
        "b_directory": folder.join("generated"),
    });
    let line = line.to_string();
    Ok(Pair { tree, name, line })
}

/// Compares both files of each stack in meaning.
///
/// # Errors
/// What Compose says to them, or where it finds them different.
#[expect(clippy::disallowed_methods, reason = "Compose reads files")]
pub fn check(pairs: &[Pair], peer: &Path, place: &Path) -> Result<(), String> {
    let list = place.join("pairs.jsonl");
    let lines: Vec<&str> = pairs.iter().map(|pair| pair.line.as_str()).collect();
    std::fs::write(&list, lines.join("\n") + "\n").unwrap();
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/config_diff.py"))
        .arg("--many")
        .arg(list)
        .arg("--compose")
        .arg(peer)
        .env_remove("COMPOSE_PROFILES")
        .env_remove("UNSET")
        .envs(ENVIRONMENT)
        .current_dir(place)
        .output()
        .expect("python3 can be run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    if said == format!("{} pairs compared\n", pairs.len()) {
        return Ok(());
    }
    let is_told = |pair: &&Pair| said.contains(&format!("{}:\n", pair.name));
    let first = pairs.iter().find(is_told);
    let first = first.map_or(String::new(), |pair| pair.tree.to_toml());
    Err(format!("{}: {said}{complaints}\n{first}", peer.display()))
}
