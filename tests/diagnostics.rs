//! What is said about a stack.toml with mistakes, letter by letter: every `tests/diagnostics/NAME.toml`, with `NAME.env` as its `.env`,
//! is drawn as in `NAME.txt`. `STACKGEN_BLESS=1` writes those anew.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read and write their own files"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use stackgen::cli::diagnostics::{DrawOptions, draw, json, short};
use stackgen::model::{FileRole, SourceFile, Sources};
use stackgen::stackfile::{Code, Reading, Selection, check};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

/// Reads the files of a case. A line `#--- PATH` in NAME.toml begins another file, and `#--- PATH is missing` one that is not there.
fn sources(name: &str) -> Sources {
    let read = |end: &str| std::fs::read_to_string(folder().join(format!("{name}.{end}"))).ok();
    let text = read("toml").unwrap_or_default();
    let mut parts = text.split("\n#--- ");
    let mut sources = sources_of(parts.next().map(|main| format!("{main}\n")), read("env"));
    for part in parts {
        let (path, text) = part.split_once('\n').unwrap_or((part, ""));
        let (path, text) = match path.strip_suffix(" is missing") {
            Some(path) => (path, None),
            None => (path, Some(text.into())),
        };
        if path == ".env" {
            sources.files[1].text = text;
            continue;
        }
        let role = match path.ends_with(".toml") {
            true => FileRole::Include,
            false => FileRole::ServiceEnv,
        };
        let path = PathBuf::from(path);
        sources.files.push(SourceFile { path, role, text });
    }
    sources
}

fn sources_of(main: Option<String>, env: Option<String>) -> Sources {
    let file = |path: &str, role: FileRole, text: Option<String>| SourceFile {
        path: PathBuf::from(path),
        role,
        text: text.map(Into::into),
    };
    Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![
            file("stack.toml", FileRole::Main, main),
            file(".env", FileRole::StackEnv, env),
            file(
                "templates/site.j2",
                FileRole::Template,
                Some("site\n".into()),
            ),
        ],
        environment: BTreeMap::new(),
    }
}

/// Returns what a first line like `# --overlay NAME` selects.
fn selection(sources: &Sources) -> Selection {
    let text = sources.main().text.as_deref().unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let overlays = first.strip_prefix("# --overlay ").into_iter();
    Selection {
        overlays: overlays.map(str::to_owned).collect(),
        ..Selection::default()
    }
}

fn reading(name: &str) -> (Sources, Reading) {
    let sources = sources(name);
    let reading = check(&sources, &selection(&sources));
    (sources, reading)
}

fn cases() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of cases is there")
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            Some(name.strip_suffix(".toml")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_case_is_drawn_as_written_down() {
    let mut wrong = Vec::new();
    for name in cases() {
        let (sources, reading) = reading(&name);
        let options = DrawOptions {
            all: true,
            ..DrawOptions::default()
        };
        let drawn = draw(&reading.diagnostics, &sources, &options);
        let path = folder().join(format!("{name}.txt"));
        if std::env::var_os("STACKGEN_BLESS").is_some() {
            std::fs::write(&path, &drawn).expect("the expectation can be written");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if drawn != expected {
            let diff = similar::TextDiff::from_lines(expected.as_str(), drawn.as_str());
            wrong.push(format!("{name}:\n{}", diff.unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_line_is_wider_than_a_hundred_columns_and_none_shows_a_secret() {
    for name in cases() {
        let (sources, reading) = reading(&name);
        let drawn = draw(&reading.diagnostics, &sources, &DrawOptions::default());
        for line in drawn.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
            assert!(!line.contains("hunter2"), "{name}: {line}");
        }
    }
}

#[test]
fn a_mistake_in_the_file_leaves_no_stack() {
    for name in cases() {
        let (_, reading) = reading(&name);
        let has_error = reading
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.is_error() && !diagnostic.code.is_lint());
        // An overlay that is not selected leaves the stack alone.
        if name.starts_with("overlay_unselected") {
            continue;
        }
        assert_eq!(reading.resolved.is_some(), !has_error, "{name}");
    }
}

#[test]
fn more_than_twenty_are_counted_unless_all_are_asked_for() {
    let (sources, reading) = reading("wrong_types");
    let many: Vec<_> = reading
        .diagnostics
        .iter()
        .cycle()
        .take(31)
        .cloned()
        .collect();
    let drawn = draw(&many, &sources, &DrawOptions::default());
    assert!(drawn.contains("\nand 11 more: --all\n"), "{drawn}");
    assert!(
        drawn.ends_with("stack.toml: 31 errors. Nothing was done.\n"),
        "{drawn}"
    );
}

#[test]
fn the_short_form_and_json_name_the_place() {
    let (sources, reading) = reading("five_mistakes");
    let first =
        "stack.toml:9:40: error[unset-variable]: POSTGRES_PASWORD is not set and has no default\n";
    assert!(short(&reading.diagnostics, &sources).starts_with(first));
    let json = json(&reading.diagnostics, &sources);
    let second = serde_json::json!({
        "code": "wrong-type", "severity": "error", "message": "a duration needs a unit",
        "file": "stack.toml", "line": 14, "column": 12, "help": "write interval = \"10s\"",
    });
    assert_eq!(json[1], second);
}

/// Codes whose example cannot be shown by one stack.toml alone: env files, includes and options have a part in them.
const NOT_BY_ONE_FILE: [Code; 6] = [
    Code::BadTemplate,
    Code::BadEnvFile,
    Code::MissingInclude,
    Code::TooLarge,
    Code::UnknownOverlay,
    Code::RelativeVariable,
];

/// Returns the TOML block of an explanation below `title`.
fn example(code: Code, title: &str) -> Option<&'static str> {
    let (_, rest) = code.explanation().split_once(&format!("\n{title}:\n"))?;
    let block = rest.trim_start().strip_prefix("```toml\n")?;
    block.split_once("```").map(|(text, _)| text)
}

#[test]
fn the_examples_of_every_explanation_are_wrong_and_right() {
    let mut failed = Vec::new();
    for code in Code::ALL.iter().copied() {
        let (wrong, right) = (example(code, "Wrong"), example(code, "Right"));
        let (Some(wrong), Some(right)) = (wrong, right) else {
            assert!(NOT_BY_ONE_FILE.contains(&code), "{code} has no examples");
            continue;
        };
        let codes = |text: &str| -> Vec<Code> {
            let sources = sources_of(Some(text.to_owned()), None);
            let reading = check(&sources, &Selection::default());
            reading.diagnostics.iter().map(|told| told.code).collect()
        };
        let found = (codes(wrong), codes(right));
        if !found.0.contains(&code) || !found.1.is_empty() {
            failed.push(format!("{code}: {found:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn there_are_sixty_cases_and_every_code_is_in_one() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let texts: String = cases
        .iter()
        .map(|name| std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect(name))
        .collect();
    let missing: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.name())
        .filter(|code| !texts.contains(&format!("[{code}]: ")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn twenty_mistakes_are_twenty_diagnostics() {
    let (_, reading) = reading("twenty_mistakes");
    let lines: BTreeSet<_> = reading
        .diagnostics
        .iter()
        .map(|told| (told.primary.file, told.primary.span.start))
        .collect();
    assert_eq!(reading.diagnostics.len(), 20);
    assert_eq!(lines.len(), 20, "each has a place of its own");
    assert!(reading.diagnostics.iter().all(|told| told.is_error()));
}

#[test]
fn what_follows_from_a_mistake_is_not_told() {
    let (_, reading) = reading("consequences");
    let text = sources("consequences").main().text.clone();
    let marked = text.expect("it is there").matches("# wrong").count();
    assert_eq!(reading.diagnostics.len(), marked);
}

#[test]
fn the_reference_stacks_have_nothing_to_be_told() {
    for name in ["stack.toml", "examples/quickstart/stack.toml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = std::fs::read_to_string(path).expect(name);
        let set = [
            "POSTGRES_PASSWORD",
            "AIRFLOW_WEB_PASSWORD",
            "AIRFLOW_SECRET_KEY",
        ];
        let mut sources = sources_of(Some(text), None);
        sources.environment = set.map(|name| (name.to_owned(), "x".to_owned())).into();
        let reading = check(&sources, &Selection::default());
        assert_eq!(reading.diagnostics, [], "{name}");
    }
}

#[test]
fn the_page_of_codes_is_what_the_codes_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics.md");
    let page = Code::page();
    if std::env::var_os("STACKGEN_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "write docs/diagnostics.md anew with STACKGEN_BLESS=1"
    );
}
