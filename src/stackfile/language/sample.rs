//! Values as they may be written, as TOML: one for each form that a shape has. The references show them, and tests decode them.

use super::{Field, Shape, Table};

/// Returns values for a key, at least one: its own examples, else one for each form of its shape.
pub fn samples_of(field: &Field) -> Vec<String> {
    match field.examples {
        [] => samples(&field.shape),
        examples => examples.iter().map(|&example| example.to_owned()).collect(),
    }
}

/// Returns a value for each form of a shape.
pub fn samples(shape: &Shape) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match *shape {
        Shape::Text | Shape::Loose => one("\"value\""),
        Shape::Path => one("\"./folder\""),
        Shape::Flag => one("true"),
        Shape::Number => one("1"),
        Shape::Range(least, _) => vec![least.max(1).to_string()],
        Shape::Real | Shape::Cpus => one("0.5"),
        Shape::Size => one("\"512m\""),
        Shape::Duration => one("\"30s\""),
        Shape::Mode => vec!["\"0440\"".to_owned(), "0o440".to_owned()],
        Shape::Count => vec!["1".to_owned(), "\"all\"".to_owned()],
        Shape::Date => one("2026-01-31"),
        Shape::Word(words) => vec![quoted(words.first().unwrap_or(&""))],
        Shape::Grammar(grammar) => vec![quoted(grammar.examples.first().unwrap_or(&""))],
        Shape::Name(kind) => vec![quoted(kind.example())],
        Shape::Command => vec![
            "[\"echo\", \"hello\"]".to_owned(),
            "\"echo hello\"".to_owned(),
        ],
        Shape::Test(_) => vec!["[\"CMD\", \"true\"]".to_owned(), "\"true\"".to_owned()],
        Shape::Hosts => vec![
            "{ printer = \"10.0.0.9\" }".to_owned(),
            "[\"printer=10.0.0.9\"]".to_owned(),
        ],
        Shape::List(inner) | Shape::Array(inner) => each(inner, |it| format!("[{it}]")),
        Shape::Map(inner) => each(inner, |it| format!("{{ KEY = {it} }}")),
        Shape::Pairs(inner) | Shape::Names(inner) => {
            let mut forms = each(inner, |it| format!("{{ KEY = {it} }}"));
            forms.push("[\"KEY=value\"]".to_owned());
            forms
        }
        Shape::Section(kind, inner) => each(inner, |it| format!("{{ {} = {it} }}", kind.example())),
        Shape::Table(table) => vec![table_sample(table)],
        Shape::Short(table) => {
            let first = table.fields().next();
            let mut forms = first.map(samples_of).unwrap_or_default();
            forms.truncate(1);
            forms.push(table_sample(table));
            forms
        }
        Shape::Devices(table) => {
            vec!["\"all\"".to_owned(), format!("[{}]", table_sample(table))]
        }
        Shape::Either(shapes) => shapes.iter().flat_map(samples).collect(),
        Shape::Fixed(inner) | Shape::Layered(inner) => samples(inner),
        Shape::Any => one("\"anything\""),
    }
}

/// Returns a table with its required keys, or with its first one where none is.
fn table_sample(table: &Table) -> String {
    let has_required = table.fields().any(|field| field.is_required);
    let fields = table.fields().enumerate();
    let shown = fields.filter(|(at, field)| field.is_required || (!has_required && *at == 0));
    let entries: Vec<String> = shown
        .filter_map(|(_, field)| Some(format!("{} = {}", field.key, samples_of(field).first()?)))
        .collect();
    format!("{{ {} }}", entries.join(", "))
}

fn each(inner: &Shape, put: impl Fn(&str) -> String) -> Vec<String> {
    samples(inner).iter().map(|it| put(it)).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
