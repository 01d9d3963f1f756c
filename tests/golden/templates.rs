//! The project's own templates, and what is said of broken ones.

use stackgen::model::{Stack, Template};
use stackgen::render::{RenderError, render};

use crate::{request, stacks};

fn render_with(name: &str, text: &str) -> Result<Vec<String>, RenderError> {
    let stack = Stack::new(stacks::platform::<Template>("own", false)).unwrap();
    let mut request = request();
    request.templates.insert(name.to_owned(), text.to_owned());
    Ok(render(&stack, &request)?
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
