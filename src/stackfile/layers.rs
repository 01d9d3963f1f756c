//! Lays one table over another: maps deep, scalars and lists replaced, `append`, `remove`, `null` and `reset` as operations.

use super::tree::{Node, Site, Table, Text, Value};
use super::{Code, Diagnostic};

/// Attributes that may be a list of `KEY=value` and are a map in truth.
const PAIRS: [&str; 7] = [
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "args",
    "additional_contexts",
    "ssh",
];

/// Attributes that may be a list of `name=address` or `name:address`, where a name may have several addresses.
const HOSTS: &str = "extra_hosts";

/// Attributes that may be a list of names and are a map in truth.
const NAMES: [&str; 3] = ["depends_on", "networks", "models"];

/// Attributes in which the same attributes stand again.
const NESTED: [&str; 2] = ["build", "deploy"];

/// Makes maps of those attributes of a service that were written as lists, so that they merge by key.
pub(super) fn lists_to_maps(service: &mut Node) {
    let Some(table) = service.table_mut() else {
        return;
    };
    for (key, node) in table.iter_mut() {
        let convert: fn(Node) -> Option<(String, Node)> = match key.as_str() {
            key if PAIRS.contains(&key) => pair,
            key if NAMES.contains(&key) => name,
            HOSTS => host,
            key if NESTED.contains(&key) => {
                lists_to_maps(node);
                continue;
            }
            _ => continue,
        };
        if is_operation(node) {
            let append = node.table_mut().and_then(|table| table.get_mut("append"));
            append.into_iter().for_each(|inner| to_map(inner, convert));
            appended_map_to_map(node);
        } else {
            to_map(node, convert);
        }
    }
}

/// What is appended to a map is laid over it, as a map is anyway; so it may lie below another layer as well.
fn appended_map_to_map(node: &mut Node) {
    if let Value::Table(table) = &mut node.value
        && table.len() == 1
        && let Some(Value::Table(_)) = table.get("append").map(|inner| &inner.value)
        && let Some(inner) = table.shift_remove("append")
    {
        node.value = inner.value;
    }
}

/// Turns a list into a map; one with items that are no texts stays, for the decoder to complain, and so does one with a key that depends
/// on a variable.
fn to_map(node: &mut Node, convert: fn(Node) -> Option<(String, Node)>) {
    let Value::List(items) = &node.value else {
        return;
    };
    let mut table = Table::default();
    for item in items {
        let Some((key, value)) = convert(item.clone()).filter(|(key, _)| !key.contains('$')) else {
            return;
        };
        match (table.get_mut(&key).map(|node| &mut node.value), value.value) {
            // Only the addresses of a host are lists.
            (Some(Value::List(below)), Value::List(more)) => below.extend(more),
            (_, inner) => {
                let value = Node {
                    value: inner,
                    ..value
                };
                table.insert(key, value);
            }
        }
    }
    node.value = Value::Table(Box::new(table));
}

fn host(item: Node) -> Option<(String, Node)> {
    let text = item.raw_text()?;
    let at = text.find('=').or_else(|| text.find(':'))?;
    let address = Text::part(&text[at + 1..], at + 1);
    let key = text[..at].to_owned();
    let address = Node {
        value: Value::Text(address),
        ..item
    };
    let list = Node {
        value: Value::List(vec![address.clone()]),
        ..address
    };
    Some((key, list))
}

fn pair(item: Node) -> Option<(String, Node)> {
    let text = item.raw_text()?;
    let (key, value) = match text.split_once('=') {
        None => (text.to_owned(), Value::Null),
        Some((key, value)) => {
            let split = Text::part(value, key.len() + 1);
            (key.to_owned(), Value::Text(split))
        }
    };
    Some((key, Node { value, ..item }))
}

fn name(item: Node) -> Option<(String, Node)> {
    let key = item.raw_text()?.to_owned();
    let value = Value::Table(Box::default());
    Some((key, Node { value, ..item }))
}

/// Lays `over` on `base`.
pub(super) fn merge(base: &mut Node, over: Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    if is_operation(&over) {
        apply(base, over, path, told);
        return;
    }
    // A mark or an operation says nothing of what is laid over it.
    let is_waiting = is_operation(base) || base.is_mark("reset") || base.is_mark("null");
    match (&mut base.value, over.value) {
        (Value::Table(below), Value::Table(above)) if !is_waiting => {
            merge_tables(below, *above, path, told);
        }
        (_, value) => {
            base.value = value;
            base.at = over.at;
            base.key = over.key;
        }
    }
}

/// Lays the entries of one table on another.
pub(super) fn merge_tables(
    below: &mut Table,
    above: Table,
    path: &[&str],
    told: &mut Vec<Diagnostic>,
) {
    for (key, node) in above {
        if node.is_mark("reset") {
            // It stays until the last layer was laid: what a lower one says is dropped as well.
            below.insert(key, node);
            continue;
        }
        let mut inner = path.to_vec();
        inner.push(&key);
        match below.get_mut(&key) {
            Some(base) => merge(base, node, &inner, told),
            None => {
                below.insert(key, node);
            }
        }
    }
}

/// Returns whether a node is `{ append = […] }`, `{ remove = […] }` or both.
pub(super) fn is_operation(node: &Node) -> bool {
    node.table().is_some_and(|table| {
        !table.is_empty()
            && table.iter().all(|(key, node)| {
                matches!(key.as_str(), "append" | "remove")
                    && matches!(node.value, Value::List(_) | Value::Table(_))
            })
    })
}

/// Performs an operation on what lies below it. Below another operation it waits for the list.
fn apply(base: &mut Node, operation: Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    let Value::Table(operation_table) = operation.value.clone() else {
        return;
    };
    if base.is_mark("reset") || base.is_mark("null") {
        base.value = Value::Null;
    }
    if is_operation(base) {
        if let Some(table) = base.table_mut() {
            join_operations(table, *operation_table);
        }
        return;
    }
    for (key, node) in *operation_table {
        match key.as_str() {
            "append" => append(base, node, path, told),
            _ => remove(base, &node, path, told),
        }
    }
}

fn join_operations(below: &mut Table, above: Table) {
    for (key, node) in above {
        match (below.get_mut(&key).map(|node| &mut node.value), node.value) {
            (Some(Value::List(items)), Value::List(more)) => items.extend(more),
            (Some(Value::Table(items)), Value::Table(more)) => items.extend(*more),
            (_, value) => {
                below.insert(key, Node { value, ..node });
            }
        }
    }
}

fn append(base: &mut Node, items: Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    match (&mut base.value, items.value) {
        (Value::List(below), Value::List(above)) => below.extend(above),
        (Value::Table(below), Value::Table(above)) => merge_tables(below, *above, path, told),
        (Value::Null, value) => base.value = value,
        (_, value) => {
            let site = items.at;
            base.value = value;
            base.at = site;
        }
    }
}

fn remove(base: &mut Node, items: &Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    let attribute = path.last().copied().unwrap_or_default();
    for item in items.list().unwrap_or_default() {
        let gone = match &mut base.value {
            Value::List(below) => {
                let before = below.len();
                let wanted = identity(item, attribute);
                below.retain(|node| {
                    let found = identity(node, attribute);
                    found != wanted
                        && node
                            .raw_text()
                            .is_none_or(|text| item.raw_text() != Some(text))
                });
                below.len() < before
            }
            Value::Table(below) => item.raw_text().is_some_and(|text| {
                let mut ends: Vec<char> = vec!['='];
                if attribute == HOSTS {
                    ends.push(':');
                }
                let key = text
                    .split_once(ends.as_slice())
                    .map_or(text, |(key, _)| key);
                below.shift_remove(key).is_some()
            }),
            _ => false,
        };
        if !gone {
            let what = item.raw_text().unwrap_or("this").to_owned();
            let message = format!("{} has no {what:?} to remove", path.join("."));
            told.push(Diagnostic::warning(
                Code::NothingToRemove,
                message,
                item.at.label(""),
            ));
        }
    }
}

/// Returns what tells two items of a list apart: the target for mounts, target and protocol for ports, the source for configs and
/// secrets, else the item itself.
fn identity(item: &Node, attribute: &str) -> String {
    let text = item.raw_text();
    let field = |key: &str| {
        item.get(key).map(|node| match &node.value {
            Value::Text(text) => text.raw.to_string(),
            Value::Integer { text, .. } => text.to_string(),
            _ => String::new(),
        })
    };
    match attribute {
        "volumes" => match text {
            Some(text) => mount_target(text).to_owned(),
            None => field("target").unwrap_or_default(),
        },
        "ports" => match text {
            Some(text) => {
                let (address, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                let target = address.rsplit(':').next().unwrap_or(address);
                format!("{target}/{protocol}")
            }
            None => format!(
                "{}/{}",
                field("target").unwrap_or_default(),
                field("protocol").unwrap_or_else(|| "tcp".to_owned())
            ),
        },
        "configs" | "secrets" => match text {
            Some(text) => text.to_owned(),
            None => field("source").unwrap_or_default(),
        },
        _ => match &item.value {
            Value::Text(text) => text.raw.to_string(),
            Value::Integer { text, .. } => text.to_string(),
            other => format!("{other:?}"),
        },
    }
}

/// Returns the path inside of a short mount, `source:target:options`; a colon within `${…}` does not part it.
fn mount_target(text: &str) -> &str {
    let parts = super::decode::split_outside_braces(text, ':');
    parts.get(1).or(parts.first()).copied().unwrap_or(text)
}

/// Evaluates the operations that found nothing below them, and turns `{ null = true }` into nothing, in all of a service.
pub(super) fn settle(node: &mut Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    if node.is_mark("null") {
        node.value = Value::Null;
        return;
    }
    if is_operation(node) {
        let operation = node.clone();
        node.value = Value::List(Vec::new());
        if let Some(Value::Table(_)) = operation.get("append").map(|node| &node.value) {
            node.value = Value::Table(Box::default());
        }
        apply(node, operation, path, told);
    }
    match &mut node.value {
        Value::Table(table) => {
            table.retain(|_, inner| !inner.is_mark("reset"));
            let nested = |value: &Value| matches!(value, Value::Table(_) | Value::List(_));
            for (key, inner) in table.iter_mut().filter(|(_, it)| nested(&it.value)) {
                let mut deeper = path.to_vec();
                deeper.push(key);
                settle(inner, &deeper, told);
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, path, told)),
        _ => {}
    }
}

/// Returns an empty table that stands at `site`.
pub(super) fn empty_at(site: &Site) -> Node {
    Node::new(Value::Table(Box::default()), *site)
}
