//! Small files for every table and every key, made by walking the language.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stackgen::model::{FileRole, SourceFile, Sources};
use stackgen::stackfile::language::{Field, ROOT, Shape, Table, samples_of};
use stackgen::stackfile::{Diagnostic, Selection, read};

/// What is said about a stack.toml.
pub(crate) fn told(toml: &str) -> Vec<Diagnostic> {
    let sources = Sources {
        folder: PathBuf::from("/srv/shop"),
        files: vec![SourceFile {
            path: PathBuf::from("stack.toml"),
            role: FileRole::Main,
            text: Some(toml.into()),
        }],
        environment: BTreeMap::from([("HOME".to_owned(), "/root".to_owned())]),
    };
    read(&sources, &Selection::default()).diagnostics
}

/// A file with one key, and the place of that key.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    /// Such as `healthcheck.retries`.
    pub(crate) what: String,
    /// The text of the file.
    pub(crate) toml: String,
}

/// Returns a file for each form of each key of each table.
pub(crate) fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    for (table, path) in paths() {
        for field in table.fields() {
            for sample in samples_of(field) {
                let toml = file(
                    table,
                    &path,
                    &format!("{} = {sample}", field.key),
                    Some(field),
                );
                let what = format!("{}.{}", table.name, field.key);
                found.push(Example { what, toml });
            }
        }
    }
    found
}

/// Returns a file for each table in which it has a key that it does not know.
pub(crate) fn strangers() -> Vec<(&'static Table, Example)> {
    let each = paths().into_iter().map(|(table, path)| {
        let toml = file(table, &path, "zzz = 1", None);
        let what = format!("{}.zzz", table.name);
        (table, Example { what, toml })
    });
    each.collect()
}

/// How a table is reached: the keys that lead to it, each with the table that it is a key of.
pub(crate) type Way = Vec<(&'static Table, &'static Field)>;

/// Returns every table of the language with a way to it.
pub(crate) fn paths() -> Vec<(&'static Table, Way)> {
    let mut found: Vec<(&'static Table, Way)> = vec![(&ROOT, Vec::new())];
    let mut next = 0;
    while next < found.len() {
        let (table, path) = found[next].clone();
        // A mixin is read in the services that use it.
        for field in table.fields().filter(|field| field.key != "mixins") {
            field.shape.tables(&mut |inner| {
                if !found.iter().any(|(known, _)| std::ptr::eq(*known, inner)) {
                    let mut path = path.clone();
                    path.push((table, field));
                    found.push((inner, path));
                }
            });
        }
        next += 1;
    }
    found
}

/// Returns a file in which `entry` stands in `table`, beside what the table needs.
fn file(table: &'static Table, path: &Way, entry: &str, own: Option<&Field>) -> String {
    let mut entries = beside(table, own.map(|field| field.key));
    entries.push(entry.to_owned());
    let mut table = table;
    for (parent, field) in path.iter().rev() {
        let value = wrapped(
            &field.shape,
            table,
            &format!("{{ {} }}", entries.join(", ")),
        );
        let value = value.expect("the table stands in this key");
        entries = beside(parent, Some(field.key));
        entries.push(format!("{} = {value}", field.key));
        table = parent;
    }
    format!("{}\n", entries.join("\n"))
}

/// Returns what a table needs beside a key: what is required, and what makes that key count.
pub(crate) fn beside(table: &Table, key: Option<&str>) -> Vec<String> {
    let more = match (table.name, key) {
        ("mount", Some("bind")) => "type = \"bind\", source = \"/srv\"",
        ("mount", Some("image")) => "type = \"image\", source = \"busybox:1.36\"",
        ("mount", Some("tmpfs")) => "type = \"tmpfs\"",
        ("mount", Some("type")) => "source = \"/srv\"",
        ("config" | "secret", Some("file" | "content" | "environment" | "external")) => "",
        ("config" | "secret", _) => "file = \"./text\"",
        ("service", Some("image" | "build")) => "",
        ("service", _) => "image = \"busybox:1.36\"",
        ("dag", Some("default_args")) => "tasks = { load = { bash = \"true\" } }",
        ("task", Some("docker" | "exec" | "bash" | "http")) => "",
        ("task", _) => "bash = \"true\"",
        ("reload", Some("signal" | "command")) => "",
        ("reload", _) => "command = [\"true\"]",
        _ => "",
    };
    let required = table
        .fields()
        .filter(|field| field.is_required && Some(field.key) != key);
    let required = required.map(|field| format!("{} = {}", field.key, samples_of(field)[0]));
    let more = (!more.is_empty()).then(|| more.to_owned());
    required.chain(more).collect()
}

/// Puts the text of a table into the place that a shape has for it.
fn wrapped(shape: &'static Shape, table: &'static Table, text: &str) -> Option<String> {
    let within = |inner| wrapped(inner, table, text);
    match shape {
        Shape::Table(found) | Shape::Short(found) => {
            std::ptr::eq(*found, table).then(|| text.to_owned())
        }
        Shape::Devices(found) => std::ptr::eq(*found, table).then(|| format!("[{text}]")),
        Shape::List(inner) | Shape::Array(inner) => Some(format!("[{}]", within(inner)?)),
        Shape::Map(inner) | Shape::Pairs(inner) | Shape::Names(inner) => {
            Some(format!("{{ KEY = {} }}", within(inner)?))
        }
        Shape::Section(kind, inner) => {
            Some(format!("{{ {} = {} }}", kind.example(), within(inner)?))
        }
        Shape::Fixed(inner) | Shape::Layered(inner) => within(inner),
        Shape::Either(shapes) => shapes.iter().find_map(within),
        _ => None,
    }
}
