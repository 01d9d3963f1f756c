//! Nodes as a tree of text.

use std::collections::BTreeMap;

use crate::cli::table::visible_width;
use crate::cli::ui::{FAINT, STRONG, styled};

use super::Node;

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
    let note = node.note();
    match (after.is_empty() || is_plain, note.is_empty()) {
        (true, _) => note,
        (false, true) => format!("after {}", after.join(", ")),
        (false, false) => format!("{note}, after {}", after.join(", ")),
    }
}

/// Returns how far each node is from the start. The checks of a stack have made sure that there is no cycle.
pub(super) fn depths(nodes: &[Node]) -> BTreeMap<&str, usize> {
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

#[cfg(test)]
mod tests {
    use super::super::nodes::sample::node;
    use super::*;

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
}
