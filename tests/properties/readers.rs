//! Rendered files before readers that others wrote: Python's own parser for the files of Airflow, PyYAML for the compose files.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::round_trip::{file, files_of, stack_of};
use crate::stack::stack;
use crate::tree::Tree;

/// How many stacks are shown to Python, in one process.
const READ: u64 = 500;

/// The texts of a DAG that are rendered as they are, with `$$` for a dollar.
fn texts_of(dag: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |tree: Option<&Tree>| match tree {
        Some(Tree::Text(text)) => found.push(text.replace("$$", "$")),
        Some(Tree::List(items)) => {
            let texts = items.iter().filter_map(|item| match item {
                Tree::Text(text) => Some(text.replace("$$", "$")),
                _ => None,
            });
            found.extend(texts);
        }
        _ => {}
    };
    take(dag.get("description"));
    take(dag.get("tags"));
    for (_, task) in dag.get("tasks").map(Tree::entries).unwrap_or_default() {
        take(task.get("owner"));
    }
    found
}

/// One stack, for the script: its compose file with what our reader makes of it, its files of Airflow with texts that are in them.
fn line(seed: u64) -> Option<Value> {
    let tree = stack(seed);
    let stack = stack_of(&tree).ok()?;
    let files = files_of(&stack.template);
    let yaml = file(&files, "docker-compose.yml");
    let value: Value = serde_saphyr::from_str(yaml).ok()?;
    let dags = tree.get("dags").map(Tree::entries).unwrap_or_default();
    let dags = dags.iter().map(|(name, dag)| {
        let text = file(&files, &format!("dags/{name}.py"));
        json!({ "name": name, "text": text, "texts": texts_of(dag) })
    });
    let dags: Vec<Value> = dags.collect();
    Some(json!({ "seed": seed, "yaml": yaml, "value": value, "dags": dags }))
}

/// Runs Python with this script; Debian's own where another lacks PyYAML.
fn python(input: &str) -> String {
    let has_yaml = |python: &&str| {
        let mut command = Command::new(python);
        let output = command.args(["-c", "import yaml"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_yaml);
    let python = found.expect("there is a Python with PyYAML: scripts/install-deps.sh --tests");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties/readers.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "readers.py failed");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn python_reads_what_is_rendered_of_random_stacks() {
    let lines: Vec<String> = crate::seeds(0, READ)
        .map(|seed| line(seed).unwrap_or_else(|| panic!("STACKGEN_PROPERTY_SEED={seed}")))
        .map(|line| line.to_string())
        .collect();
    assert_eq!(
        python(&lines.join("\n")),
        format!("{} stacks\n", lines.len())
    );
}
