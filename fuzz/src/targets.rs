//! What the fuzz targets do with a text. The test `fuzz_corpus` does the same with every file of `fuzz/corpus`.
//!
//! A target ends in a panic where a promise is broken: no input makes stackgen panic, and what it writes is read back as what was meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stackgen::cli::diagnostics::{DrawOptions, draw, json, short};
use stackgen::compose::import::{ImportRequest, import};
use stackgen::model::{FileRole, Segment, SourceFile, Sources, TemplateText};
use stackgen::render::{RenderRequest, render};
use stackgen::stackfile::{Reading, Selection, read};

/// A target by name.
pub type Target = fn(&str);

/// Every target.
pub const TARGETS: [(&str, Target); 5] = [
    ("env_file", env_file),
    ("interpolation", interpolation),
    ("stack_toml", stack_toml),
    ("strange_text", strange_text),
    ("yaml_import", yaml_import),
];

/// Reads a stack.toml, shows its mistakes in every form, and renders it where it has none.
pub fn stack_toml(text: &str) {
    let sources = sources(vec![file("stack.toml", FileRole::Main, text)]);
    let reading = shown(&sources);
    let again = read(&sources, &selection(text));
    assert_eq!(reading.diagnostics, again.diagnostics, "read twice");
    let _ = rendered(&reading);
}

/// Imports a compose file, which may include and extend itself, and reads and renders what comes of it.
pub fn yaml_import(text: &str) {
    let request = ImportRequest {
        files: vec![PathBuf::from("compose.yml")],
        project: Some("fuzz".to_owned()),
    };
    let mut reader = |path: &Path| match path.to_str() {
        Some("compose.yml") => Ok(text.to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let Ok(imported) = import(&request, &mut reader) else {
        return;
    };
    let written = imported.write(&BTreeMap::new()).text;
    let sources = sources(vec![file("stack.toml", FileRole::Main, &written)]);
    let reading = shown(&sources);
    let is_toml = reading
        .diagnostics
        .iter()
        .all(|diagnostic| diagnostic.code.name() != "not-toml");
    assert!(is_toml, "{written}\n{:?}", reading.diagnostics);
    let _ = rendered(&reading);
}

/// Reads a text as the env file of a stack, and as that of a service.
pub fn env_file(text: &str) {
    const STACK: &str = "[stack]\nname = \"fuzz\"\n[vars]\nV = \"${A:-x}\"\n[services.a]\nimage = \"x\"\nenv_file = [\"a.env\", { path = \"raw.env\", format = \"raw\", required = false }]\ncommand = [\"${A:-}\", \"${B-${V}}\"]\n";
    let sources = sources(vec![
        file("stack.toml", FileRole::Main, STACK),
        file(".env", FileRole::StackEnv, text),
        file("a.env", FileRole::ServiceEnv, text),
        file("raw.env", FileRole::ServiceEnv, text),
    ]);
    let reading = shown(&sources);
    // Values of this machine are not in what is rendered.
    let bare = read(&bare(&sources), &selection(STACK));
    if let (Some(with), Some(without)) = (rendered(&reading), rendered(&bare)) {
        assert_eq!(with, without, "rendered with and without values");
    }
}

/// Takes a text apart, writes it, takes that apart again, and fills in both.
pub fn interpolation(text: &str) {
    let Ok(parsed) = TemplateText::parse(text) else {
        return;
    };
    let written = parsed.to_string();
    let again = TemplateText::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_string(), written, "written twice");
    assert_eq!(again.variables(), parsed.variables());
    for salt in 0..3 {
        let lookup = |name: &str| match (name.len() + salt) % 3 {
            0 => None,
            1 => Some(String::new()),
            _ => Some(format!("<{name}$>")),
        };
        let unset = |it: Vec<stackgen::model::Unset>| {
            it.into_iter()
                .map(|it| (it.name, it.message))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            parsed.resolve(&lookup).map_err(unset),
            again.resolve(&lookup).map_err(unset),
            "filled in"
        );
    }
    if parsed.is_plain() {
        let plain: String = parsed.segments.iter().map(plain).collect();
        assert_eq!(parsed.resolve(&|_| None), Ok(plain.clone()));
        assert_eq!(plain.replace('$', "$$"), written);
    }
}

/// Puts a text wherever stack.toml takes any, renders that, and reads the text back from the compose file and tasks.json.
pub fn strange_text(text: &str) {
    // Of nothing else than dollars, so that the text stands for itself.
    let quoted = toml_string(&text.replace('$', "$$"));
    let stack = format!(
        "[stack]\nname = \"fuzz\"\ndescription = {quoted}\n[services.a]\nimage = \"x\"\ncommand = [{quoted}]\nhostname = {quoted}\n\
         labels = {{ {quoted} = {quoted}, l = {quoted} }}\n[services.a.environment]\nV = {quoted}\n[configs.c]\ncontent = {quoted}\n\
         [dags.d]\ndescription = {quoted}\ntags = [{quoted}]\n[dags.d.tasks.t]\nbash = {quoted}\n"
    );
    let sources = sources(vec![file("stack.toml", FileRole::Main, &stack)]);
    let reading = shown(&sources);
    let Some(files) = rendered(&reading) else {
        return;
    };
    let doubled = text.replace('$', "$$");
    let compose = yaml(&files[&PathBuf::from("generated/docker-compose.yml")]);
    let service = &compose["services"]["a"];
    for found in [
        &service["command"][0],
        &service["hostname"],
        &service["labels"]["l"],
        &service["environment"]["V"],
        &compose["configs"]["c"]["content"],
    ] {
        assert_eq!(found, doubled.as_str());
    }
    let resolved = reading.resolved.expect("nothing is wrong with it");
    let service = resolved.services().values().next().expect("there is one");
    assert_eq!(service.container.hostname.as_deref(), Some(text));
}

/// Reads a stack and draws what is wrong with it in every form.
fn shown(sources: &Sources) -> Reading {
    let text = sources.main().text.clone().unwrap_or_default();
    let reading = read(sources, &selection(&text));
    for (all, color, width) in [(false, false, 100), (true, true, 40)] {
        let _ = draw(
            &reading.diagnostics,
            sources,
            &DrawOptions { color, width, all },
        );
    }
    let _ = short(&reading.diagnostics, sources);
    let _ = json(&reading.diagnostics, sources).to_string();
    reading
}

/// Renders a stack without mistakes; the files are read back by readers of their kind.
fn rendered(reading: &Reading) -> Option<BTreeMap<PathBuf, String>> {
    let stack = reading.template.as_ref()?;
    let request = RenderRequest {
        source: "stack.toml".to_owned(),
        digest: "0".to_owned(),
        env_files: Vec::new(),
        output: PathBuf::from("generated"),
        templates: BTreeMap::new(),
    };
    let files = render(&std::sync::Arc::new(stack.clone()), &request)
        .expect("what is read can be rendered");
    for file in &files {
        match file.path.extension().and_then(|end| end.to_str()) {
            Some("yml") => {
                let compose = yaml(&file.text);
                let services: Vec<&str> = compose["services"]
                    .as_object()
                    .map(|it| it.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                let names = stack.services().keys().map(|name| name.as_str());
                let mut names: Vec<&str> = names.collect();
                let mut services = services;
                names.sort_unstable();
                services.sort_unstable();
                assert_eq!(services, names, "{}", file.text);
            }
            Some("json") => {
                let read: Result<Value, _> = serde_json::from_str(&file.text);
                assert!(read.is_ok(), "{read:?}\n{}", file.text);
            }
            _ => {}
        }
    }
    Some(
        files
            .into_iter()
            .map(|file| (file.path, file.text))
            .collect(),
    )
}

fn yaml(text: &str) -> Value {
    match serde_saphyr::from_str(text) {
        Ok(value) => value,
        Err(error) => panic!("{error}\n{text}"),
    }
}

fn plain(segment: &Segment) -> &str {
    match segment {
        Segment::Plain(text) => text,
        Segment::Variable(_) => "",
    }
}

/// Writes a basic string of TOML.
fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Asks for the overlay `o` where there is one.
fn selection(text: &str) -> Selection {
    let overlay = text.contains("overlays.o]").then(|| "o".to_owned());
    Selection {
        overlays: overlay.into_iter().collect(),
        ..Selection::default()
    }
}

fn sources(files: Vec<SourceFile>) -> Sources {
    Sources {
        folder: PathBuf::from("/srv/fuzz"),
        files,
        environment: BTreeMap::from([("SET".to_owned(), "value".to_owned())]),
    }
}

/// The same files with empty env files.
fn bare(sources: &Sources) -> Sources {
    let mut bare = sources.clone();
    for file in &mut bare.files {
        if file.role != FileRole::Main {
            file.text = Some("".into());
        }
    }
    bare
}

fn file(path: &str, role: FileRole, text: &str) -> SourceFile {
    SourceFile {
        path: PathBuf::from(path),
        role,
        text: Some(text.into()),
    }
}
