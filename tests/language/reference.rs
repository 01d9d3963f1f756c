//! docs/reference.md: every table and key of stack.toml.

use std::fmt::Write;

use stackgen::stackfile::language::{Field, Shape, Table, samples_of};

use crate::documents::assert_current;
use crate::walk::{Way, paths};

const HEAD: &str = r#"# Reference of stack.toml

Every table of stack.toml and every key. Names and meanings are those of the Compose Specification where it has them;
[compose-attributes.md](compose-attributes.md) has its attributes one by one. `stackgen schema` prints the same as a JSON Schema:
`stackgen schema > stack.schema.json`, and `#:schema ./stack.schema.json` as the first line of stack.toml, give an editor with a TOML
extension completion and a check while writing. This page is made from the language's own tables by the test
`the_reference_is_current`.

## What holds everywhere

- **Variables.** In a text `${NAME}` is filled in: from the environment, else from an env file, else from `[vars]`. `${NAME:-default}`,
  `${NAME:?what to say}` and `${NAME:+other}` mean what they mean to Compose, `$$` is a dollar. A text with a variable may stand for a
  number, a size, a duration or a truth value as well, but where it says *fixed*.
- **Layers.** An overlay is merged over the tables first; then, for each service, `[defaults.service]`, its mixins in their order, and its
  own keys. Tables merge deep, the rest is replaced. `{ append = […] }` adds to a list or table, `{ remove = […] }` takes from it,
  `{ reset = true }` drops what a lower layer says, `{ null = true }` writes a null. They stand in overlays, defaults, mixins, services,
  tasks and `docker` tasks.
- **Keys that begin with `x-`** may stand in every table and are carried into the rendered file.
- **Required** is what a table needs after its layers are merged.

| value | is written as |
|---|---|
| text | `"…"` |
| text or number | `"1"`, `1`, `1.5` or `true`; it becomes text |
| flag | `true` or `false`, also as text |
| size | bytes as a number, or text with a unit: `"512m"`, `"1.5g"`; units are binary |
| duration | text with units: `"90s"`, `"1m30s"`, `"500ms"`, `"2d"` |
| CPUs | a number such as `0.5` |
| mode | text in octal, `"0444"`, or `0o444` |
| path | text, relative to the folder of stack.toml; `~` is the home folder |
| command | a list of words, or a text that is split into words as a shell does |
| date | `2026-01-31` or `2026-01-31T06:00:00`, without an offset |
| map of X | a table with keys of your own |
| pairs | a map, or a list of `"KEY=value"` |
"#;

/// Returns where a table stands, such as `services.NAME.healthcheck`.
fn place(table: &'static Table, way: &Way) -> String {
    let mut place = String::new();
    let tables = way.iter().skip(1).map(|(table, _)| *table).chain([table]);
    for ((_, field), inner) in way.iter().zip(tables) {
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(field.key);
        place.push_str(&step(&field.shape, inner).unwrap_or_default());
    }
    place
}

/// Returns what leads from a shape to a table within: nothing, `.NAME` or `[]`.
fn step(shape: &'static Shape, table: &'static Table) -> Option<String> {
    let within = |inner, before: &str| step(inner, table).map(|rest| format!("{before}{rest}"));
    match shape {
        Shape::Table(found) | Shape::Short(found) => std::ptr::eq(*found, table).then(String::new),
        Shape::Devices(found) => std::ptr::eq(*found, table).then(|| "[]".to_owned()),
        Shape::List(inner) | Shape::Array(inner) => within(inner, "[]"),
        Shape::Map(inner) | Shape::Pairs(inner) | Shape::Names(inner) => within(inner, ".NAME"),
        Shape::Section(_, inner) => within(inner, ".NAME"),
        Shape::Fixed(inner) | Shape::Layered(inner) => within(inner, ""),
        Shape::Either(shapes) => shapes.iter().find_map(|shape| within(shape, "")),
        _ => None,
    }
}

fn link(table: &Table) -> String {
    format!("[{}](#{})", table.name, table.name.replace('.', ""))
}

/// Returns what may stand in the place of a key, in words.
fn words(shape: &Shape) -> String {
    let quoted = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        words.join(", ")
    };
    match shape {
        Shape::Text => "text".to_owned(),
        Shape::Loose => "text or number".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::Flag => "flag".to_owned(),
        Shape::Number => "whole number".to_owned(),
        Shape::Range(least, most) if *most == i64::from(u32::MAX) => {
            format!("whole number from {least} on")
        }
        Shape::Range(least, most) => format!("whole number from {least} to {most}"),
        Shape::Real => "number".to_owned(),
        Shape::Cpus => "CPUs".to_owned(),
        Shape::Size => "size".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Mode => "mode".to_owned(),
        Shape::Count => "whole number or `all`".to_owned(),
        Shape::Date => "date".to_owned(),
        Shape::Word(known) => quoted(known),
        Shape::Grammar(grammar) => grammar.what.to_owned(),
        Shape::Name(kind) => format!("name of a {}", kind.what()),
        Shape::Fixed(inner) => format!("{}, fixed", words(inner)),
        Shape::Command => "command".to_owned(),
        Shape::Test(known) => format!(
            "list that begins with {}, or text for the shell",
            quoted(known)
        ),
        Shape::Hosts => "map of addresses, or list of `\"name=address\"`".to_owned(),
        Shape::List(inner) | Shape::Array(inner) => format!("list of {}", words(inner)),
        Shape::Map(inner) => format!("map of {}", words(inner)),
        Shape::Pairs(inner) | Shape::Names(inner) => match inner {
            Shape::Loose => "pairs".to_owned(),
            inner => format!("map of {}, or list of names", words(inner)),
        },
        Shape::Section(kind, inner) => format!("by {} name: {}", kind.what(), words(inner)),
        Shape::Table(table) => link(table),
        Shape::Short(table) => {
            let first = table.fields().next().map(|field| words(&field.shape));
            format!("{}, or {}", first.unwrap_or_default(), link(table))
        }
        Shape::Devices(table) => format!("`\"all\"`, or list of {}", link(table)),
        Shape::Either(shapes) => {
            let forms: Vec<String> = shapes.iter().map(words).collect();
            forms.join(", or ")
        }
        Shape::Layered(inner) => words(inner),
        Shape::Any => "anything".to_owned(),
    }
}

fn row(field: &Field) -> String {
    let default = match (field.is_required, field.default) {
        (true, _) => "required".to_owned(),
        (_, Some(default)) => format!("`{default}`"),
        _ => String::new(),
    };
    let mut doc = field.doc.to_owned();
    // One line, so that the shape is seen at once.
    if !field.examples.is_empty() {
        let samples = samples_of(field)
            .iter()
            .map(|it| format!("`{it}`"))
            .collect::<Vec<_>>();
        write!(doc, " For example {}.", samples.join(" or ")).expect("text takes text");
    }
    let cells = [
        format!("`{}`", field.key),
        words(&field.shape),
        default,
        doc,
    ];
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

#[test]
fn the_reference_is_current() {
    let mut text = HEAD.to_owned();
    for (table, way) in paths() {
        write!(text, "\n## {}\n\n{}\n", table.name, table.doc).expect("text takes text");
        let place = place(table, &way);
        if !place.is_empty() {
            write!(text, "\nStands at `{place}`.\n").expect("text takes text");
        }
        for keys in table.exclusive {
            let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            write!(text, "\nIt can have one of {}.\n", keys.join(", ")).expect("text takes text");
        }
        if !table.example.is_empty() {
            write!(text, "\n```toml\n{}```\n", table.example).expect("text takes text");
        }
        text.push_str("\n| key | value | default | what it does |\n|---|---|---|---|\n");
        text.extend(table.fields().map(row));
    }
    assert_current("docs/reference.md", &text);
}

#[test]
fn every_key_is_described() {
    for (table, _) in paths() {
        assert!(table.doc.ends_with('.'), "{}", table.name);
        for field in table.fields() {
            let what = format!("{}.{}: {}", table.name, field.key, field.doc);
            assert!(field.doc.ends_with('.') && field.doc.len() >= 9, "{what}");
        }
    }
}

#[test]
fn every_example_of_a_table_is_toml() {
    for (table, _) in paths() {
        let parsed: Result<toml::Table, _> = toml::from_str(table.example);
        assert!(parsed.is_ok(), "{}: {parsed:?}", table.name);
    }
}
