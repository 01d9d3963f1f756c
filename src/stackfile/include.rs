//! Joins stack.toml and its includes into one tree: they share one namespace, and a name stands once.

use std::path::Path;

use crate::model::{FileId, FileRole, Sources};

use super::tree::{Node, Value};
use super::{Code, Diagnostic};

/// Tables whose entries are names; the others are joined key by key.
const SECTIONS: [&str; 9] = [
    "services", "networks", "volumes", "configs", "secrets", "sockets", "dags", "mixins",
    "overlays",
];

/// Joins the files; the first one is stack.toml.
pub(super) fn join(files: Vec<(FileId, Node)>, told: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut files = files.into_iter();
    let (_, mut root) = files.next()?;
    for (_, included) in files {
        let Value::Table(tables) = included.value else {
            continue;
        };
        for (key, node) in *tables {
            if key == "stack" {
                let message = "[stack] stands only in stack.toml itself";
                told.push(Diagnostic::error(
                    Code::UnknownKey,
                    message,
                    node.key.label(""),
                ));
                continue;
            }
            let Some(top) = root.table_mut() else {
                continue;
            };
            match top.get_mut(&key) {
                Some(base) => join_tables(base, node, &key, told),
                None => {
                    top.insert(key, node);
                }
            }
        }
    }
    Some(root)
}

/// Tells the files that `[stack] include` names and that are not there.
pub(super) fn tell_missing(sources: &Sources, root: &Node, told: &mut Vec<Diagnostic>) {
    let Some(named) = root.get("stack").and_then(|stack| stack.get("include")) else {
        return;
    };
    let items = named.list().unwrap_or(std::slice::from_ref(named));
    for item in items {
        let Some(name) = item.raw_text() else {
            continue;
        };
        let path = sources.absolute(Path::new(name));
        let is_missing = sources
            .with_role(FileRole::Include)
            .any(|(_, file)| file.text.is_none() && sources.absolute(&file.path) == path);
        if is_missing {
            let message = format!("{name} does not exist");
            let diagnostic = Diagnostic::error(Code::MissingInclude, message, item.at.label(""));
            told.push(diagnostic.with_help("include takes files and patterns like \"services/*.toml\"; a pattern may match nothing"));
        }
    }
}

fn join_tables(base: &mut Node, more: Node, section: &str, told: &mut Vec<Diagnostic>) {
    let (Value::Table(below), Value::Table(above)) = (&mut base.value, more.value) else {
        return;
    };
    for (key, node) in *above {
        let Some(first) = below.get_mut(&key) else {
            below.insert(key, node);
            continue;
        };
        // [defaults.service] and [policy.lints] may be spread over files.
        if !SECTIONS.contains(&section) && first.table().is_some() && node.table().is_some() {
            join_tables(first, node, section, told);
            continue;
        }
        let message = format!("{section}.{key} is defined twice");
        told.push(
            Diagnostic::error(Code::DuplicateName, message, node.key.label(""))
                .with_secondary(first.key.label("first here")),
        );
    }
}
