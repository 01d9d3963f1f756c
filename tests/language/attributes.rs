//! docs/compose-attributes.md: every property path of the Compose Specification and how it is written in stack.toml.

use stackgen::stackfile::Code;
use stackgen::stackfile::language::{Field, ROOT, SERVICE, Shape, Table, samples, samples_of};

use crate::documents::assert_current;
use crate::walk::{beside, told};

const PATHS: &str = include_str!("compose-paths.txt");

/// How many paths the specification has.
const COUNT: usize = 405;

/// How one path is written.
enum Written {
    /// As entries of stack.toml, one for each form, each with what else its table needs.
    Entries(Vec<Entry>),
    /// In another way, in words.
    Elsewhere(String),
}

struct Entry {
    toml: String,
    needs: Vec<String>,
}

fn paths() -> Vec<&'static str> {
    PATHS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

/// What stands in the place of what only YAML needs.
fn elsewhere(path: &str) -> Option<String> {
    let instead = |table: &Table, key: &str| {
        let mut known = table.elsewhere.iter();
        known
            .find(|(other, _)| *other == key)
            .map(|(_, instead)| (*instead).to_owned())
    };
    match path {
        "version" => instead(&ROOT, "version"),
        "include[].env_file" => {
            Some("`[stack] env_files = […]`, for all files together".to_owned())
        }
        "include[].project_directory" => {
            Some("nothing: paths are relative to stack.toml's folder in every file".to_owned())
        }
        path if path.starts_with("include") => {
            instead(&ROOT, "include").map(|instead| format!("`{instead}`"))
        }
        "services.*.extends.file" => {
            Some("`[stack] include = […]` of the file with the mixin".to_owned())
        }
        path if path.starts_with("services.*.extends") => instead(&SERVICE, "extends"),
        _ => None,
    }
}

fn written(path: &str) -> Written {
    if let Some(words) = elsewhere(path) {
        return Written::Elsewhere(words);
    }
    if path == "name" {
        return written("stack.name");
    }
    let spaced = path.replace("[]", ".[]");
    let tokens: Vec<&str> = spaced.split('.').collect();
    let mut entries = Vec::new();
    in_table(&ROOT, &tokens, "", &[], &mut entries);
    Written::Entries(entries)
}

/// Writes what stands at a key of a table.
fn in_table(
    table: &'static Table,
    tokens: &[&str],
    prefix: &str,
    needs: &[String],
    found: &mut Vec<Entry>,
) {
    let Some(field) = tokens.first().and_then(|key| table.field(key)) else {
        return;
    };
    let mut needs = needs.to_vec();
    if !prefix.is_empty() {
        let beside = beside(table, Some(field.key)).into_iter();
        needs.extend(beside.map(|entry| format!("{prefix}.{entry}")));
    }
    let at = match prefix {
        "" => field.key.to_owned(),
        _ => format!("{prefix}.{}", field.key),
    };
    at_key(&field.shape, Some(field), &tokens[1..], &at, &needs, found);
}

/// Writes what stands at `prefix`: by dotted keys up to the first list, as inline values from there on.
fn at_key(
    shape: &'static Shape,
    field: Option<&Field>,
    rest: &[&str],
    prefix: &str,
    needs: &[String],
    found: &mut Vec<Entry>,
) {
    match (shape, rest.first()) {
        (_, None | Some(&"[]")) => {
            let values = match field {
                Some(field) if rest.is_empty() => samples_of(field),
                _ => values(shape, rest),
            };
            found.extend(values.into_iter().map(|value| Entry {
                toml: format!("{prefix} = {value}"),
                needs: needs.to_vec(),
            }));
        }
        (Shape::Fixed(inner) | Shape::Layered(inner), _) => {
            at_key(inner, None, rest, prefix, needs, found);
        }
        (Shape::Either(shapes), _) => {
            for shape in *shapes {
                at_key(shape, None, rest, prefix, needs, found);
            }
        }
        (Shape::Table(table) | Shape::Short(table), _) => {
            in_table(table, rest, prefix, needs, found);
        }
        (Shape::Map(inner) | Shape::Pairs(inner) | Shape::Names(inner), Some(&"*")) => {
            at_key(
                inner,
                None,
                &rest[1..],
                &format!("{prefix}.KEY"),
                needs,
                found,
            );
        }
        (Shape::Section(kind, inner), Some(&"*")) => {
            // Another one than the services that its values name.
            let name = if prefix == "services" {
                "api"
            } else {
                kind.example()
            };
            let at = format!("{prefix}.{name}");
            at_key(inner, None, &rest[1..], &at, needs, found);
        }
        (Shape::Hosts, Some(&"*")) => {
            for value in ["\"10.0.0.9\"", "[\"10.0.0.9\", \"::1\"]"] {
                found.push(Entry {
                    toml: format!("{prefix}.printer = {value}"),
                    needs: needs.to_vec(),
                });
            }
        }
        _ => {}
    }
}

/// Returns values of a shape in which the rest of a path stands.
fn values(shape: &'static Shape, rest: &[&str]) -> Vec<String> {
    let Some((token, rest)) = rest.split_first() else {
        return samples(shape);
    };
    let each = |inner: &'static Shape, put: &dyn Fn(&str) -> String| -> Vec<String> {
        values(inner, rest).iter().map(|it| put(it)).collect()
    };
    match (shape, *token) {
        (Shape::List(inner) | Shape::Array(inner), "[]") => each(inner, &|it| format!("[{it}]")),
        (Shape::Devices(table), "[]") => {
            let item = match rest.first() {
                Some(_) => in_line(table, rest),
                None => samples(&Shape::Devices(table))
                    .into_iter()
                    .skip(1)
                    .collect(),
            };
            let is_list = rest.is_empty();
            let put = |it: String| if is_list { it } else { format!("[{it}]") };
            item.into_iter().map(put).collect()
        }
        (Shape::Map(inner) | Shape::Pairs(inner) | Shape::Names(inner), "*") => {
            each(inner, &|it| format!("{{ KEY = {it} }}"))
        }
        (Shape::Table(table) | Shape::Short(table), key) => {
            let mut path = vec![key];
            path.extend(rest);
            in_line(table, &path)
        }
        (Shape::Fixed(inner) | Shape::Layered(inner), token) => {
            let mut path = vec![token];
            path.extend(rest);
            values(inner, &path)
        }
        (Shape::Either(shapes), token) => {
            let mut path = vec![token];
            path.extend(rest);
            shapes
                .iter()
                .flat_map(|shape| values(shape, &path))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Returns inline tables in which the rest of a path stands, beside what the table needs.
fn in_line(table: &'static Table, path: &[&str]) -> Vec<String> {
    let Some(field) = path.first().and_then(|key| table.field(key)) else {
        return Vec::new();
    };
    let found = match &path[1..] {
        [] => samples_of(field),
        rest => values(&field.shape, rest),
    };
    let put = |value: String| {
        let mut entries = beside(table, Some(field.key));
        entries.push(format!("{} = {value}", field.key));
        format!("{{ {} }}", entries.join(", "))
    };
    found.into_iter().map(put).collect()
}

/// Returns a whole stack.toml around an entry: what its table needs, and what its values name.
fn whole(entry: &Entry) -> String {
    let mut lines = vec![entry.toml.clone()];
    lines.extend(entry.needs.iter().cloned());
    for (key, value) in [
        ("services.api", "services.api.image = \"busybox:1.36\""),
        ("services.web", "services.web.image = \"busybox:1.36\""),
        (
            "services.database",
            "services.database.image = \"busybox:1.36\"",
        ),
        ("networks", "networks.back = {}"),
        ("volumes", "volumes.data = {}"),
        ("configs", "configs.settings.content = \"x\""),
        ("secrets", "secrets.password.environment = \"HOME\""),
        ("configs.credentials", "configs.credentials.content = \"x\""),
        ("secrets.credentials", "secrets.credentials.content = \"x\""),
        ("models", "models.llm.model = \"ai/smollm2\""),
    ] {
        let section = key.split('.').next().unwrap_or(key);
        let is_there = lines.iter().any(|line| {
            line.starts_with(&format!("{section} ="))
                || (!key.contains('.') && line.starts_with(&format!("{key}.")))
        });
        let is_said = |line: &String| {
            line.starts_with(&format!("{key}.image =")) || line.starts_with(&format!("{key} ="))
        };
        if !is_there && !lines.iter().any(is_said) {
            lines.push(value.to_owned());
        }
    }
    format!("{}\n", lines.join("\n"))
}

#[test]
fn every_path_has_a_form_that_the_decoder_takes() {
    let paths = paths();
    assert_eq!(paths.len(), COUNT);
    let mut wrong = Vec::new();
    let mut elsewhere = 0;
    for path in paths {
        let Written::Entries(entries) = written(path) else {
            elsewhere += 1;
            continue;
        };
        if entries.is_empty() {
            wrong.push(format!("{path} cannot be written"));
        }
        for entry in entries {
            let toml = whole(&entry);
            // Its env files are not there.
            let told = told(&toml);
            let errors = told
                .iter()
                .filter(|it| it.is_error() && it.code != Code::MissingEnvFile);
            wrong.extend(errors.map(|it| format!("{path}: {}\n{toml}", it.message)));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(elsewhere, 9);
}

/// Every whole file of this table, for the schema to accept.
pub(crate) fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in paths() {
        if let Written::Entries(entries) = written(path) {
            found.extend(entries.iter().map(|entry| (path.to_owned(), whole(entry))));
        }
    }
    found
}

#[test]
fn the_table_of_compose_attributes_is_current() {
    let mut text = String::from(
        "# Compose attributes in stack.toml\n\n\
         Every property path of the [Compose Specification](https://github.com/compose-spec/compose-spec) and how it is written in\n\
         stack.toml; several forms stand one below the other. `*` is a free key, `[]` an item of a list. Dotted keys are one way to\n\
         write TOML: `services.api.build.target = \"x\"` is `target = \"x\"` below `[services.api.build]`. What each means is in the\n\
         [reference](reference.md).\n\n\
         This page is made from the language's own tables by the test `the_table_of_compose_attributes_is_current`, and every form on\n\
         it is read by the decoder in `every_path_has_a_form_that_the_decoder_takes`.\n",
    );
    let mut section = "";
    for path in paths() {
        let top = path.split(['.', '[']).next().unwrap_or(path);
        if top != section {
            section = top;
            text.push_str(&format!(
                "\n## {top}\n\n| Compose | stack.toml |\n|---|---|\n"
            ));
        }
        let cell = match written(path) {
            Written::Elsewhere(words) => words,
            Written::Entries(entries) => {
                let forms = entries
                    .iter()
                    .map(|entry| format!("`{}`", entry.toml.replace('|', "\\|")));
                forms.collect::<Vec<_>>().join("<br>")
            }
        };
        text.push_str(&format!("| `{path}` | {cell} |\n"));
    }
    assert_current("docs/compose-attributes.md", &text);
}
