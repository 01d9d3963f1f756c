//! Groups of nodes for Graphviz.

use super::Group;

/// Writes groups of nodes for Graphviz, each group in a box of its own.
pub(crate) fn dot(name: &str, groups: &[Group]) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
        quoted(name)
    );
    for Group { title, nodes, .. } in groups {
        let id = |name: &str| quoted(&format!("{title}:{name}"));
        text.push_str(&format!(
            "  subgraph {} {{\n    label={};\n",
            quoted(&format!("cluster_{title}")),
            quoted(title)
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
    use super::super::nodes::sample::{group, node};
    use super::*;

    #[test]
    fn no_name_can_break_out_of_its_quotes() {
        let text = dot("p", &[group(vec![node("a\"]; b", &[], "")])]);
        assert!(text.contains(r#"[label="a\"]; b"]"#), "{text}");
    }
}
