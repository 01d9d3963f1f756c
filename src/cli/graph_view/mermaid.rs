//! Groups of nodes as a Mermaid flowchart.

use super::Group;

/// Writes groups of nodes as a Mermaid flowchart, each group in a subgraph.
///
/// Nodes are numbered: an id of Mermaid's cannot hold every name, and words such as `end` mean something to it.
pub(crate) fn mermaid(name: &str, groups: &[Group]) -> String {
    let title = serde_json::Value::from(name);
    let mut text = format!("---\ntitle: {title}\n---\nflowchart LR\n");
    for (group_index, group) in groups.iter().enumerate() {
        let id = |index: usize| format!("g{group_index}n{index}");
        text.push_str(&format!(
            "  subgraph g{group_index}[{}]\n    direction LR\n",
            quoted(&[&group.title, &group.note])
        ));
        for (index, node) in group.nodes.iter().enumerate() {
            let class = if node.is_off { ":::off" } else { "" };
            let facts = node.facts.join(", ");
            let label = quoted(&[&node.name, &node.work(), &facts]);
            text.push_str(&format!("    {}[{label}]{class}\n", id(index)));
        }
        for (index, node) in group.nodes.iter().enumerate() {
            for (before, word) in &node.after {
                let from = group.nodes.iter().position(|other| other.name == *before);
                let Some(from) = from.map(id) else { continue };
                let label = match word.as_str() {
                    "" => String::new(),
                    word => format!("|{}|", quoted(&[word])),
                };
                text.push_str(&format!("    {from} -->{label} {}\n", id(index)));
            }
        }
        text.push_str("  end\n");
    }
    text + "  classDef off stroke-dasharray: 4 4\n"
}

/// Returns the lines that are not empty as one quoted label. In quotes Mermaid still minds entities, HTML and Markdown in backquotes.
fn quoted(lines: &[&str]) -> String {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let lines: Vec<String> = lines.map(|line| escaped(line)).collect();
    format!("\"{}\"", lines.join("<br>"))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' => {
                out.push_str(&format!("#{};", c as u32));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::nodes::sample::{group, node};
    use super::*;

    #[test]
    fn names_are_text_whatever_they_are() {
        let nodes = vec![
            node("end", &[], "once"),
            node("a\"]; b`*c*`", &[("end", "completed")], ""),
        ];
        let expected = r#"---
title: "p"
---
flowchart LR
  subgraph g0["services"]
    direction LR
    g0n0["end<br>once"]
    g0n1["a#34;]; b#96;*c*#96;"]
    g0n0 -->|"completed"| g0n1
  end
  classDef off stroke-dasharray: 4 4
"#;
        assert_eq!(mermaid("p", &[group(nodes)]), expected);
    }
}
