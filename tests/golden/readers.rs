//! No text of stack.toml, however strange, changes the structure of a file or is read back as another one.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;
use stackgen::model::*;
use stackgen::render::render;

use crate::{request, stacks};

/// Puts `strange` wherever a stack has free text.
fn stack(strange: &str) -> Stack<Template> {
    let mut parts = stacks::platform::<Template>("strange", false);
    let text = || stacks::text::<Template>(strange);
    parts.description = Some(strange.to_owned());
    let service = parts.services.get_mut("setup").unwrap();
    // First, so that a text which happens to be "X" does not take the place of the value below.
    service
        .container
        .environment
        .insert(strange.to_owned(), None);
    service
        .container
        .environment
        .insert("X".to_owned(), Some(text()));
    service.container.labels.insert(strange.to_owned(), text());
    service.container.command = Some(Templated::Literal(vec![text(), text()]));
    service.container.hostname = Some(text());
    let content = ContentSource::Content(text());
    parts.configs.get_mut("rows.cgi").unwrap().source = content;
    let dag = parts.dags.get_mut("pipeline").unwrap();
    dag.description = Some(strange.to_owned());
    dag.tags = vec![strange.to_owned()];
    dag.params.insert(strange.to_owned(), Json::Text(text()));
    for task in dag.tasks.values_mut() {
        task.owner = strange.to_owned();
        match &mut task.kind {
            TaskKind::Docker(options) => options.command = Some(Templated::Literal(vec![text()])),
            TaskKind::Exec(exec) => exec.command = Templated::Literal(vec![text()]),
            TaskKind::Bash(bash) => bash.command = text(),
            TaskKind::Http(http) => {
                http.headers.insert(strange.to_owned(), text());
                http.body = Some(HttpBody::Json(Json::Text(text())));
            }
        }
    }
    Stack::new(parts).unwrap()
}

fn check(strange: &str) {
    let files = render(&Arc::new(stack(strange)), &request()).unwrap();
    let doubled = strange.replace('$', "$$");
    let compose: Value = serde_saphyr::from_str(&files[1].text).unwrap();
    let setup = &compose["services"]["setup"];
    assert_eq!(setup["environment"]["X"], doubled.as_str());
    assert_eq!(
        setup["environment"][strange],
        if strange == "X" {
            Value::from(doubled.as_str())
        } else {
            Value::Null
        }
    );
    assert_eq!(setup["labels"][strange], doubled.as_str());
    assert_eq!(setup["command"], serde_json::json!([doubled, doubled]));
    assert_eq!(setup["hostname"], doubled.as_str());
    assert_eq!(compose["configs"]["rows.cgi"]["content"], doubled.as_str());
    assert_eq!(compose["services"].as_object().unwrap().len(), 4);
    let tasks: Value = serde_json::from_str(&files[2].text).unwrap();
    assert_eq!(tasks["tasks"][2]["bash"]["command"], doubled.as_str());
    assert_eq!(tasks["tasks"].as_array().unwrap().len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_survives(strange in "\\PC*|[ -~\\n\\t]*|[\\x00-\\x7f]{0,9}|[-:?#&*!|>'\"%@`{}\\[\\], \\n]{0,8}") {
        check(&strange);
    }
}

const STRANGE: [&str; 35] = [
    "",
    "X",
    " ",
    "yes",
    "no",
    "on",
    "22:22",
    "017",
    "1e3",
    "0x1F",
    "2024-01-01",
    "~",
    "null",
    "true",
    "<<",
    "=",
    "a: b",
    "a #b",
    "- a",
    "\"",
    "'",
    "\\",
    "\n",
    "a\nb",
    "a\n\n",
    " a\nb",
    "\ta\nb",
    "a\n \nb",
    "\r\n",
    "\u{7}\u{85}\u{2028}\u{feff}",
    "🦀\u{1F468}\u{200D}",
    "${X} $$ $",
    "{{ x }} {% raw %} {# #}",
    "\"\"\" + import os #",
    "*/ --> ]]>",
];

#[test]
fn strange_texts_survive() {
    for strange in STRANGE {
        check(strange);
    }
}

/// Reads the constants of the Python file back with Python's own reader. Needs python3; Airflow needs it too.
#[test]
fn python_reads_every_text_back() {
    let script = r#"
import ast, json, sys
for strange, code in json.load(sys.stdin):
    tree = ast.parse(code)
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    assert strange in found, (strange, "is not in the file")
    calls = [k.value for node in ast.walk(tree) if isinstance(node, ast.Call) for k in node.keywords if k.arg == "task_id"]
    assert [k.value for k in calls] == ["scrape", "count", "report", "publish.all"], strange
"#;
    let files: Vec<(&str, String)> = STRANGE
        .iter()
        .map(|strange| {
            let files = render(&Arc::new(stack(strange)), &request()).unwrap();
            (*strange, files[0].text.clone())
        })
        .collect();
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let input = serde_json::to_vec(&files).unwrap();
    python.stdin.take().unwrap().write_all(&input).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
