//! The project's own templates, and what is said of broken ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use stackgen::model::{ForEach, Json, Stack, Template, Templated, UserFile};
use stackgen::render::{RenderError, render, render_user_files, template_data};

use crate::{request, stacks};

fn render_with(name: &str, text: &str) -> Result<Vec<String>, RenderError> {
    let stack = Stack::new(stacks::platform::<Template>("own", false)).unwrap();
    let mut request = request();
    request.templates.insert(name.to_owned(), text.to_owned());
    Ok(render(&Arc::new(stack), &request)?
        .into_iter()
        .map(|file| file.text)
        .collect())
}

#[test]
fn an_own_template_of_the_same_name_wins() {
    let files = render_with("docker-compose.yml.j2", "name: {{ name | yaml }}\n").unwrap();
    assert_eq!(files[1], "name: own\n");
}

#[test]
fn an_undefined_name_is_an_error_with_template_and_line() {
    let error = render_with("docker-compose.yml.j2", "a: 1\nb: {{ nmae | yaml }}\n").unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("docker-compose.yml.j2:2: "), "{text}");
    assert!(text.contains("nmae"), "{text}");
}

#[test]
fn a_structure_without_a_filter_is_an_error() {
    let error = render_with("tasks.json.j2", "\n\n{{ tasks }}").unwrap_err();
    assert!(
        error.to_string().starts_with("tasks.json.j2:3: "),
        "{error}"
    );
}

#[test]
fn a_template_that_cannot_be_parsed_is_an_error() {
    let error = render_with("airflow_dag.py.j2", "x\n{% if %}\n").unwrap_err();
    assert!(
        error.to_string().starts_with("airflow_dag.py.j2:2: "),
        "{error}"
    );
}

#[test]
fn a_loop_without_end_runs_out_of_fuel() {
    let text =
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    assert!(render_with("tasks.json.j2", text).is_err());
}

/// The names that docs/templates.md lists.
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../docs/templates.md");
    let (_, data) = page.split_once("## The data").unwrap();
    let rows = data.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

/// Adds the names that there are below `value`; what is documented as a whole is not looked into.
fn names(path: &str, value: &Value, documented: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    let inner = value.as_object().filter(|_| !documented.contains(path));
    let Some(inner) = inner else {
        found.insert(path.to_owned());
        return;
    };
    let is_section = |name: &str| path == name && name != "stack";
    let sections = [
        "services", "networks", "volumes", "configs", "secrets", "dags",
    ];
    for (key, value) in inner {
        let key = match path {
            _ if sections.into_iter().any(is_section) => "NAME",
            "dags.NAME.tasks" => "TASK",
            _ => key,
        };
        let dot = if path.is_empty() { "" } else { "." };
        names(&format!("{path}{dot}{key}"), value, documented, found);
    }
}

fn user_file(path: &str, for_each: Option<ForEach>, values: &[(&str, &str)]) -> UserFile {
    let text = |text: &str| Json::Text(Templated::Literal(text.to_owned()));
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), text(value)));
    UserFile {
        path: path.to_owned(),
        template: "own.j2".to_owned(),
        for_each,
        values: values.collect::<IndexMap<_, _>>(),
    }
}

fn render_own(text: &str, file: UserFile) -> Result<Vec<(String, String)>, RenderError> {
    let stack = Stack::new(stacks::platform::<Template>("own", false)).unwrap();
    let mut request = request();
    request
        .templates
        .insert("own.j2".to_owned(), text.to_owned());
    let files = render_user_files(&stack, &request, &[file])?;
    let files = files.into_iter();
    Ok(files
        .map(|file| (file.path.display().to_string(), file.text))
        .collect())
}

#[test]
fn the_data_of_templates_is_what_the_page_says_no_more_and_no_less() {
    let documented = documented();
    let stack = Stack::new(stacks::platform::<Template>("own", false)).unwrap();
    let mut data = template_data(&stack, &request());
    for section in [
        "services", "networks", "volumes", "configs", "secrets", "dags",
    ] {
        assert_ne!(data[section].as_object().unwrap().len(), 0, "{section}");
    }
    data["values"] = Value::Null;
    data["item"] = Value::Null;
    let mut found = BTreeSet::new();
    names("", &data, &documented, &mut found);
    assert_eq!(found, documented);
}

#[test]
fn every_name_on_the_page_can_be_written() {
    let mut text = String::new();
    for path in documented() {
        let line = match path.split_once(".NAME") {
            None => format!("{{{{ {path} | json }}}}"),
            Some((section, rest)) => {
                let inner = match rest.split_once(".tasks.TASK") {
                    None => format!("{{{{ thing{rest} | json }}}}"),
                    Some((_, rest)) => format!(
                        "{{% for _, task in thing.tasks | items %}}{{{{ task{rest} | json }}}}{{% endfor %}}"
                    ),
                };
                format!("{{% for _, thing in {section} | items %}}{inner}{{% endfor %}}")
            }
        };
        text.push_str(&format!("{line}\n"));
    }
    let file = user_file("{name}.txt", Some(ForEach::Dags), &[("a", "b")]);
    let files = render_own(&text, file).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].0, "generated/pipeline.txt");
}

#[test]
fn an_undefined_name_is_an_error_with_its_line_and_the_name_that_was_meant() {
    for (text, help) in [
        ("a\n{{ stack.nmae }}", "did you mean name?"),
        ("a\n{{ servces | json }}", "did you mean services?"),
        (
            "{% for _, service in services | items %}\n{{ service.iamge | yaml }}{% endfor %}",
            "did you mean image?",
        ),
        ("a\n{{ stack.name | yalm }}", "did you mean yaml?"),
    ] {
        let error = render_own(text, user_file("x", None, &[])).unwrap_err();
        let RenderError::Template {
            template,
            line,
            help: found,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((template.as_str(), line), ("own.j2", 2), "{text}");
        assert_eq!(found.as_deref(), Some(help), "{text}");
    }
}

#[test]
fn values_come_through_as_they_are_and_filters_quote_for_their_language() {
    let odd = "it's \"$HOME\"\n# ${X}";
    let file = user_file("x", None, &[("odd", odd)]);
    let text = "{{ values.odd | shell }}{{ values.odd | toml }}{{ values.odd | json }}";
    let files = render_own(text, file).unwrap();
    let (shell, rest) = files[0]
        .1
        .trim_end()
        .split_at(shell_words::quote(odd).len());
    assert_eq!(shell_words::split(shell).unwrap(), [odd]);
    let at = rest.rfind("\"it's \\\"").unwrap();
    let toml: toml::Table = toml::from_str(&format!("odd = {}", &rest[..at])).unwrap();
    assert_eq!(toml["odd"].as_str(), Some(odd));
    assert_eq!(serde_json::from_str::<Value>(&rest[at..]).unwrap(), odd);
    for broken in [
        "{{ none | toml }}",
        "{{ stack | shell }}",
        "{{ gone | toml }}",
    ] {
        assert!(
            render_own(broken, user_file("x", None, &[])).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn the_name_in_a_path_is_that_of_the_thing() {
    let file = user_file("of/{name}.txt", Some(ForEach::Services), &[]);
    let files = render_own("{{ item.name }}", file).unwrap();
    assert!(files.len() > 1);
    for (path, text) in files {
        assert_eq!(path, format!("generated/of/{}.txt", text.trim_end()));
    }
}
