//! `stackgen schema`, as check-jsonschema understands it: what is right is accepted, and what is wrong refused, as far as a schema can
//! see it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use stackgen::stackfile::language::schema;
use stackgen::stackfile::{Code, Diagnostic};

use crate::attributes;
use crate::bad_files::{BAD, HEAD};
use crate::documents::root;
use crate::peers;
use crate::walk::{examples, strangers, told};

/// Returns the checker, which a script of ours installs.
fn checker() -> PathBuf {
    peers::run_script("scripts/schema-checker.sh");
    peers::folder().join("check-jsonschema/bin/check-jsonschema")
}

/// Checks files against the schema; returns what is wrong with those that are refused.
fn refused(files: &[PathBuf]) -> BTreeMap<PathBuf, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("stack.schema.json");
    std::fs::write(&place, schema().to_string()).expect("it is written");
    let output = Command::new(checker())
        .args([
            "--output-format",
            "json",
            "--default-filetype",
            "toml",
            "--schemafile",
        ])
        .arg(&place)
        .args(files)
        .output()
        .expect("the checker runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said}{}", String::from_utf8_lossy(&output.stderr)));
    let mut found = BTreeMap::new();
    for list in ["errors", "parse_errors"] {
        for error in report[list].as_array().into_iter().flatten() {
            let name = error["filename"].as_str().unwrap_or_default();
            let what = format!("{}: {}\n", error["path"], error["message"]);
            found
                .entry(PathBuf::from(name))
                .or_insert_with(String::new)
                .push_str(&what);
        }
    }
    let is_fine = report["status"] == "ok";
    assert_eq!(is_fine, found.is_empty(), "{said}");
    found
}

/// Writes texts into a folder; returns where each is.
fn written(folder: &Path, texts: impl IntoIterator<Item = String>) -> Vec<PathBuf> {
    let each = texts.into_iter().enumerate().map(|(at, text)| {
        let path = folder.join(format!("{at}.toml"));
        std::fs::write(&path, text).expect("it is written");
        path
    });
    each.collect()
}

/// Returns every stack.toml below a folder.
fn stacks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it can be listed") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(stacks(&path));
        } else if path.file_name().is_some_and(|name| name == "stack.toml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_command_prints_the_schema_without_any_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_stackgen"))
        .arg("schema")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("it runs");
    assert!(output.status.success());
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(printed, schema());
}

#[test]
fn every_stack_of_ours_is_accepted() {
    let mut files = stacks(&root().join("examples"));
    assert!(!files.is_empty());
    files.push(root().join("stack.toml"));
    files.push(root().join("tests/corpus/kitchen-sink.toml"));
    files.push(root().join("src/cli/command/starter.toml"));
    let refused = refused(&files);
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_form_of_every_key_is_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = examples().into_iter().map(|example| example.toml);
    let texts = texts.chain(attributes::files().into_iter().map(|(_, toml)| toml));
    let files = written(folder.path(), texts.collect::<BTreeSet<_>>());
    let refused = refused(&files);
    let told: Vec<String> = refused
        .iter()
        .map(|(path, what)| {
            format!(
                "{what}{}",
                std::fs::read_to_string(path).unwrap_or_default()
            )
        })
        .collect();
    assert!(
        told.is_empty(),
        "{} of {}\n{}",
        told.len(),
        files.len(),
        told.join("\n")
    );
}

/// Layers: what may stand in place of a value, and what of a required key.
const LAYERS: [&str; 8] = [
    "services.web = { image = \"a\", ports = { append = [\"80:80\"] }, environment = { A = { null = true }, B = { reset = true } } }",
    "services.web = { image = \"a\", ports = { append = [\"80:80\"], remove = [\"81:81\"] }, command = { reset = true } }",
    "mixins.base = { environment = { append = { A = \"1\" } }, ulimits = { nofile = { soft = 1 } }, x-note = [1, { a = 2 }] }",
    "defaults.service = { privileged = \"${PRIVILEGED:-false}\", mem_limit = \"${LIMIT}\", ports = [\"${PORT}:80\"], cpus = \"$CPUS\" }",
    "overlays.big = { services = { web = { reset = true } }, networks = { back = { driver = { reset = true } } }, sockets = { docker = { mode = \"0600\" } } }",
    "networks.back = { null = true }\nvolumes = { data = { null = true } }",
    "overlays.big = { networks = { back = { null = true } }, volumes = { data = { null = true } } }",
    "dags.d = { start_date = 2024-01-01T06:00:00, default_args = { retries = 1 }, tasks = { a = { bash = \"true\", retries = { reset = true } } } }",
];

#[test]
fn operations_marks_and_variables_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(folder.path(), LAYERS.map(str::to_owned));
    let refused = refused(&files);
    assert!(refused.is_empty(), "{refused:#?}");
}

/// One mistake each, of the kinds that a schema can see.
const SLIPS: [&str; 26] = [
    "services.web.ports = [\"80:\"]",
    "services.web.ports = \"80:80\"",
    "services.web.ports = [{ published = \"80\" }]",
    "services.web.ports = [{ target = 70000 }]",
    "services.web.ports = [{ target = 80, protocol = \"icmp\" }]",
    "services.web.volumes = [\"data:relative\"]",
    "services.web.mem_limit = \"lots\"",
    "services.web.restart = \"allways\"",
    "services.web.user = 0",
    "services.web.cpus = \"two\"",
    "services.web.configs = [{ source = \"c\", mode = \"0999\" }]",
    "services.web.healthcheck.test = [\"curl\"]",
    "services.web.depends_on = { a = \"heathy\" }",
    "services.web.environment = { A = [\"x\"] }",
    "services.\"a b\".image = \"a\"",
    "stack.name = \"Data\"",
    "dags.d.schedule = \"0 0 32 * *\"",
    "dags.d.schedule = \"0 0 * * * *\"",
    "dags.d.start_date = \"yesterday\"",
    "dags.d = { every = \"1m\", schedule = \"@daily\" }",
    "dags.d.retries = 1",
    "configs.c = { content = \"x\", file = \"y\" }",
    "sockets.docker = { mode = \"0660\" }",
    "networks.back.driver = { append = [\"a\"] }",
    "networks.back = { null = false }",
    "configs.c = { null = true }",
];

#[test]
fn slips_and_unknown_keys_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let strangers = strangers().into_iter().map(|(_, example)| example.toml);
    let files = written(folder.path(), strangers.chain(SLIPS.map(str::to_owned)));
    let refused = refused(&files);
    for file in &files {
        let text = std::fs::read_to_string(file).expect("it is there");
        assert!(refused.contains_key(file), "the schema accepts: {text}");
        // What the schema refuses is a mistake to stackgen too.
        assert!(told(&text).iter().any(Diagnostic::is_error), "{text}");
    }
}

/// Kinds of bad files that no schema can see, and why.
const UNSEEN: [(&str, &str); 5] = [
    (
        "bad reference",
        "a schema does not compare a name with the keys of another table",
    ),
    (
        "cycle in services",
        "a schema does not follow names from table to table",
    ),
    (
        "cycle in tasks",
        "a schema does not follow names from table to table",
    ),
    (
        "duplicate port",
        "a schema does not compare the values of two services",
    ),
    ("unset variable", "a schema knows no environment"),
];

#[test]
fn bad_files_are_refused_as_far_as_a_schema_can_see() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = written(
        folder.path(),
        BAD.iter().map(|bad| format!("{HEAD}{}", bad.text)),
    );
    let refused = refused(&files);
    for (bad, file) in BAD.iter().zip(&files) {
        let reason = UNSEEN
            .iter()
            .find(|(what, _)| *what == bad.what)
            .map(|(_, reason)| reason);
        let is_refused = refused.contains_key(file);
        assert_eq!(
            is_refused,
            reason.is_none(),
            "{}: {:?}",
            bad.what,
            bad.mistakes
        );
    }
}

/// Returns whether a schema can see a mistake: by its kind, unless a variable hides the value.
fn is_visible(diagnostic: &Diagnostic, text: &str) -> bool {
    let kinds = [
        Code::NotToml,
        Code::UnknownKey,
        Code::WrongType,
        Code::BadName,
        Code::BadCron,
        Code::BadDuration,
        Code::BadSize,
        Code::BadImage,
        Code::BadPort,
        Code::BadMount,
        Code::BadDate,
    ];
    let start = diagnostic.primary.span.start.min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    // An octal number is a number like any other to a schema.
    let is_octal = diagnostic.message.contains("is written in octal");
    diagnostic.is_error() && kinds.contains(&diagnostic.code) && !line.contains('$') && !is_octal
}

/// Cases of tests/diagnostics with a mistake of a visible kind that a schema does not see all the same, and why.
const HIDDEN: [(&str, &str); 0] = [];

#[test]
fn the_cases_of_diagnostics_are_refused_as_far_as_a_schema_can_see() {
    let folder = root().join("tests/diagnostics");
    let listed = std::fs::read_dir(&folder).expect("the cases are there");
    let paths = listed.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let refused = refused(&files);
    let mut wrong = Vec::new();
    for file in &files {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Ok(text) = std::fs::read_to_string(file) else {
            continue;
        };
        let visible: Vec<String> = told(&text)
            .iter()
            .filter(|diagnostic| is_visible(diagnostic, &text))
            .map(|diagnostic| diagnostic.message.clone())
            .collect();
        let is_hidden = HIDDEN.iter().any(|(hidden, _)| *hidden == name);
        if !visible.is_empty() && !refused.contains_key(file) && !is_hidden {
            wrong.push(format!("{name}: {visible:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(refused.len() >= 8, "{}", refused.len());
}
