//! Services of compose files in the short, pleasant forms of stack.toml.

use super::convert::convert;
use super::item::{Item, Table, Toml};
use super::yaml::{Node, Value};

/// Conditions of Compose with stack.toml's words.
pub(super) const CONDITIONS: [(&str, &str); 3] = [
    ("service_started", "started"),
    ("service_healthy", "healthy"),
    ("service_completed_successfully", "completed"),
];

/// Converts a service.
pub(super) fn service(node: &Node) -> Item {
    let mut table = Table::new();
    for (key, inner) in node.map().into_iter().flatten() {
        if inner.is_null() {
            continue;
        }
        let item = match key.as_str() {
            "depends_on" => depends_on(inner),
            "networks" => networks(inner),
            "command" | "entrypoint" => words(inner, key),
            _ => convert(inner, key),
        };
        table.insert(key.clone(), item);
    }
    // What a container is made of is what one looks for first.
    if let Some(index) = table.get_index_of("image") {
        table.move_index(index, 0);
    }
    Item::new(Toml::Table(table), node.at)
}

/// An empty text clears the image's, as an empty list does.
fn words(node: &Node, key: &str) -> Item {
    match node.scalar() {
        Some(text) if text.trim().is_empty() => Item::new(Toml::List(Vec::new()), node.at),
        _ => convert(node, key),
    }
}

fn depends_on(node: &Node) -> Item {
    let mut table = Table::new();
    match &node.value {
        Value::List(items) => {
            for item in items {
                if let Some(name) = item.scalar() {
                    table.insert(name.to_owned(), Item::text("started", item.at));
                }
            }
        }
        Value::Map(map) => {
            for (name, inner) in map {
                table.insert(name.clone(), dependency(inner));
            }
        }
        Value::Scalar { .. } => return convert(node, ""),
    }
    Item::new(Toml::Table(table), node.at)
}

/// Converts a dependency: the bare condition where nothing more is said.
fn dependency(node: &Node) -> Item {
    let mut item = convert(node, "");
    let Some(table) = item.table_mut() else {
        return Item::text("started", node.at);
    };
    table.retain(|key, item| {
        let default = match key.as_str() {
            "required" => "true",
            "restart" => "false",
            _ => return true,
        };
        item.value != Toml::Bare(default.to_owned())
    });
    if let Some(condition) = table.get_mut("condition")
        && let Toml::Text(word) = &mut condition.value
        && let Some((_, short)) = CONDITIONS.iter().find(|(long, _)| long == word)
    {
        *word = (*short).to_owned();
    }
    match (table.get("condition"), table.len()) {
        (Some(condition), 1) => condition.clone(),
        _ => item,
    }
}

/// Converts the networks of a service: the bare names where nothing more is said of any.
fn networks(node: &Node) -> Item {
    let Some(map) = node.map() else {
        return convert(node, "aliases");
    };
    if map.values().all(Node::is_null) {
        let names = map.iter().map(|(name, inner)| Item::text(name, inner.at));
        return Item::new(Toml::List(names.collect()), node.at);
    }
    let entries = map.iter().map(|(name, inner)| {
        let item = if inner.is_null() {
            Item::new(Toml::Table(Table::new()), inner.at)
        } else {
            convert(inner, "")
        };
        (name.clone(), item)
    });
    Item::new(Toml::Table(entries.collect()), node.at)
}
