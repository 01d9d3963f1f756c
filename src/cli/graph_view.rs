//! Services and DAGs as a tree of text and for Graphviz.

use std::collections::BTreeMap;

use crate::model::{Dag, Form, Lifecycle, Schedule, Stack, TaskKind};

use super::table::visible_width;
use super::ui::{FAINT, STRONG, styled};

/// A thing with what it comes after and a word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: String,
    /// What it comes after, with the word for the state that it waits for.
    pub(crate) after: Vec<(String, String)>,
    /// What it is.
    pub(crate) note: String,
    /// Whether it is switched off.
    pub(crate) is_off: bool,
}

/// Returns the services of a stack.
pub(crate) fn service_nodes<F: Form>(stack: &Stack<F>) -> Vec<Node> {
    let nodes = stack.services().iter().map(|(name, service)| {
        let is_off = !stack.is_active(service);
        let mut notes = Vec::new();
        if service.lifecycle != Lifecycle::Daemon {
            notes.push("once".to_owned());
        }
        if service.scale != 1 {
            notes.push(format!("{} containers", service.scale));
        }
        if is_off {
            let profiles: Vec<_> = service.profiles.iter().map(ToString::to_string).collect();
            notes.push(format!("off: profile {}", profiles.join(", ")));
        }
        Node {
            name: name.to_string(),
            after: service
                .depends_on
                .iter()
                .map(|(other, dependency)| (other.to_string(), dependency.condition.to_string()))
                .collect(),
            note: notes.join(", "),
            is_off,
        }
    });
    nodes.collect()
}

/// Returns the tasks of a DAG.
pub(crate) fn task_nodes<F: Form>(dag: &Dag<F>) -> Vec<Node> {
    let nodes = dag.tasks.iter().map(|(name, task)| {
        let mut note = task.kind.name().to_owned();
        if let TaskKind::Exec(exec) = &task.kind {
            note.push_str(&format!(" in {}", exec.service));
        }
        let needs: Vec<_> = task
            .needs
            .iter()
            .map(|(service, condition)| format!("{service} {condition}"))
            .collect();
        if !needs.is_empty() {
            note.push_str(&format!(", needs {}", needs.join(", ")));
        }
        if task.retries > 0 {
            let tries = if task.retries == 1 {
                "retry"
            } else {
                "retries"
            };
            note.push_str(&format!(", {} {tries}", task.retries));
        }
        Node {
            name: name.to_string(),
            after: task
                .after
                .iter()
                .map(|other| (other.to_string(), String::new()))
                .collect(),
            note,
            is_off: false,
        }
    });
    nodes.collect()
}

/// Returns a schedule in words: the cron expression and its zone, `every 15m`, or `when asked`.
pub(crate) fn schedule_words<F: Form>(dag: &Dag<F>) -> String {
    match &dag.schedule {
        Schedule::Manual => "when asked".to_owned(),
        Schedule::Cron(cron) => format!("{cron}  {}", dag.timezone),
        Schedule::Every(interval) => format!("every {}", humane(*interval)),
    }
}

/// Returns a duration as stack.toml writes it: `90s`, `15m`, `2h`.
pub(crate) fn humane(duration: std::time::Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        _ if duration.subsec_millis() > 0 => format!("{}ms", duration.as_millis()),
        seconds if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

/// Draws nodes as a tree: each stands once, under the one of its predecessors that is the furthest from the start.
pub(crate) fn tree(nodes: &[Node]) -> String {
    let depths = depths(nodes);
    let mut children: BTreeMap<Option<&str>, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        children
            .entry(parent(node, &depths))
            .or_default()
            .push(node);
    }
    let mut lines = Vec::new();
    for root in children.get(&None).into_iter().flatten() {
        branch(root, "", "", &children, &mut lines);
    }
    let width = lines
        .iter()
        .map(|(line, _)| visible_width(line))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (line, note) in lines {
        let gap = " ".repeat(width - visible_width(&line) + 3);
        text.push_str(format!("{line}{gap}{note}").trim_end());
        text.push('\n');
    }
    text
}

fn branch<'a>(
    node: &'a Node,
    lead: &str,
    below: &str,
    children: &BTreeMap<Option<&str>, Vec<&'a Node>>,
    lines: &mut Vec<(String, String)>,
) {
    let name = if node.is_off {
        styled(FAINT, &node.name)
    } else {
        styled(STRONG, &node.name)
    };
    let note = match note(node) {
        note if note.is_empty() => note,
        note => styled(FAINT, note),
    };
    lines.push((format!("{lead}{name}"), note));
    let below_this = children
        .get(&Some(node.name.as_str()))
        .map_or(&[][..], Vec::as_slice);
    for (index, child) in below_this.iter().enumerate() {
        let is_last = index + 1 == below_this.len();
        let (hook, rest) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        branch(
            child,
            &format!("{below}{hook}"),
            &format!("{below}{rest}"),
            children,
            lines,
        );
    }
}

fn note(node: &Node) -> String {
    let after: Vec<String> = node
        .after
        .iter()
        .map(|(name, word)| format!("{name} {word}").trim_end().to_owned())
        .collect();
    let is_plain = after.len() == 1 && node.after[0].1.is_empty();
    match (after.is_empty() || is_plain, node.note.is_empty()) {
        (true, _) => node.note.clone(),
        (false, true) => format!("after {}", after.join(", ")),
        (false, false) => format!("{}, after {}", node.note, after.join(", ")),
    }
}

/// Returns how far each node is from the start. The checks of a stack have made sure that there is no cycle.
fn depths(nodes: &[Node]) -> BTreeMap<&str, usize> {
    let mut depths: BTreeMap<&str, usize> =
        nodes.iter().map(|node| (node.name.as_str(), 0)).collect();
    for _ in nodes {
        for node in nodes {
            let before = node
                .after
                .iter()
                .filter_map(|(name, _)| depths.get(name.as_str()));
            if let Some(depth) = before.max().map(|depth| depth + 1) {
                depths.insert(&node.name, depth);
            }
        }
    }
    depths
}

fn parent<'a>(node: &'a Node, depths: &BTreeMap<&str, usize>) -> Option<&'a str> {
    let deepest = node
        .after
        .iter()
        .rev()
        .max_by_key(|(name, _)| depths.get(name.as_str()));
    deepest.map(|(name, _)| name.as_str())
}

/// Writes groups of nodes for Graphviz, each group in a box of its own.
pub(crate) fn dot(name: &str, groups: &[(String, Vec<Node>)]) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
        quoted(name)
    );
    for (group, nodes) in groups {
        let id = |name: &str| quoted(&format!("{group}:{name}"));
        text.push_str(&format!(
            "  subgraph {} {{\n    label={};\n",
            quoted(&format!("cluster_{group}")),
            quoted(group)
        ));
        for node in nodes {
            let style = if node.is_off { " style=dashed" } else { "" };
            text.push_str(&format!(
                "    {} [label={}{style}];\n",
                id(&node.name),
                quoted(&node.name)
            ));
        }
        text.push_str("  }\n");
        for node in nodes {
            for (before, word) in &node.after {
                let label = if word.is_empty() {
                    String::new()
                } else {
                    format!(" [label={}]", quoted(word))
                };
                text.push_str(&format!("  {} -> {}{label};\n", id(before), id(&node.name)));
            }
        }
    }
    text + "}\n"
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, after: &[(&str, &str)], note: &str) -> Node {
        Node {
            name: name.into(),
            after: after
                .iter()
                .map(|(a, b)| ((*a).into(), (*b).into()))
                .collect(),
            note: note.into(),
            is_off: false,
        }
    }

    #[test]
    fn each_node_stands_once_under_its_latest_predecessor() {
        let nodes = [
            node("redis", &[], ""),
            node("postgres", &[], ""),
            node(
                "init",
                &[("redis", "healthy"), ("postgres", "healthy")],
                "once",
            ),
            node("worker", &[("redis", "healthy"), ("init", "completed")], ""),
            node("web", &[("init", "completed")], ""),
        ];
        let drawn = anstream::adapter::strip_str(&tree(&nodes)).to_string();
        let expected = "\
redis
└─ init        once, after redis healthy, postgres healthy
   ├─ worker   after redis healthy, init completed
   └─ web      after init completed
postgres
";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn no_name_can_break_out_of_its_quotes() {
        let nodes = vec![node("a\"]; b", &[], "")];
        let text = dot("p", &[("services".into(), nodes)]);
        assert!(text.contains(r#"[label="a\"]; b"]"#), "{text}");
    }
}
