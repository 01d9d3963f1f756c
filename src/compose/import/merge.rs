//! Compose's rules for several `-f` files and for `extends`.

use super::yaml::{Map, Mark, Node, Value};

/// Attributes that are a list of `KEY=value` or a map.
pub(super) const PAIRS: [&str; 11] = [
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "args",
    "ssh",
    "driver_opts",
    "options",
    "storage_opt",
    "additional_contexts",
    "aux_addresses",
];

/// Attributes that the later file replaces as a whole.
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Maps whose entries the later file replaces, each as a whole. One without a value counts: a bare name says where the
/// value comes from now.
const REPLACED_ENTRIES: [&str; 7] = [
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "args",
    "additional_contexts",
    "ulimits",
];

/// Lays `over` over `base`. `key` is the attribute that both are.
pub(super) fn merge(base: &mut Node, over: Node, key: &str) {
    if over.mark == Mark::Override {
        *base = over;
        return;
    }
    if over.is_null() {
        if matches!(key, "command" | "entrypoint") {
            *base = over;
        }
        return;
    }
    base.anchors.extend(over.anchors.iter().cloned());
    if REPLACED.contains(&key) || other_driver(base, &over, key) {
        base.value = over.value;
        base.at = over.at;
        return;
    }
    let over = alike(base, over, key);
    match (&mut base.value, over.value) {
        (Value::Map(below), Value::Map(above)) if REPLACED_ENTRIES.contains(&key) => {
            replace_entries(below, above);
        }
        (Value::Map(below), Value::Map(above)) => merge_maps(below, above),
        (Value::List(below), Value::List(above)) => {
            below.extend(above);
            make_unique(below, key);
        }
        (_, value) => {
            base.value = value;
            base.at = over.at;
        }
    }
}

/// Lays the entries of one map over another.
pub(super) fn merge_maps(below: &mut Map, above: Map) {
    for (key, node) in above {
        if node.mark == Mark::Reset {
            below.shift_remove(&key);
            continue;
        }
        match below.get_mut(&key) {
            Some(base) => merge(base, node, &key),
            None => {
                below.insert(key, node);
            }
        }
    }
}

/// Puts the entries of one map in the place of those of another.
fn replace_entries(below: &mut Map, above: Map) {
    for (key, node) in above {
        if node.mark == Mark::Reset {
            below.shift_remove(&key);
        } else {
            below.insert(key, node);
        }
    }
}

/// Drops what is marked `!reset` and found nothing below it.
pub(super) fn drop_resets(node: &mut Node) {
    match &mut node.value {
        Value::Map(map) => {
            map.retain(|_, inner| inner.mark != Mark::Reset);
            map.values_mut().for_each(drop_resets);
        }
        Value::List(items) => items.iter_mut().for_each(drop_resets),
        Value::Scalar { .. } => {}
    }
}

/// Options of another logging driver are not the old driver's.
fn other_driver(base: &Node, over: &Node, key: &str) -> bool {
    let driver = |node: &Node| node.get("driver").and_then(Node::scalar).map(str::to_owned);
    key == "logging"
        && driver(base)
            .zip(driver(over))
            .is_some_and(|(below, above)| below != above)
}

/// Brings both sides into one form, where an attribute has several.
fn alike(base: &mut Node, mut over: Node, key: &str) -> Node {
    let forms: Option<fn(&mut Node)> = match key {
        key if PAIRS.contains(&key) => Some(pairs_to_map),
        "depends_on" => Some(|node| names_to_map(node, Some("condition"))),
        "networks" => Some(|node| names_to_map(node, None)),
        "build" => Some(build_to_map),
        "extra_hosts" => Some(map_to_pairs),
        "env_file" | "label_file" | "dns" | "dns_search" | "tmpfs" => Some(scalar_to_list),
        _ => None,
    };
    if let Some(change) = forms {
        change(base);
        change(&mut over);
    }
    over
}

fn pairs_to_map(node: &mut Node) {
    let Some(items) = node.list() else { return };
    let mut map = Map::new();
    for item in items {
        let text = item.scalar().unwrap_or_default();
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Node::text(value, item.at)),
            None => (text, Node::null(item.at)),
        };
        map.insert(key.to_owned(), value);
    }
    node.value = Value::Map(map);
}

fn names_to_map(node: &mut Node, with_condition: Option<&str>) {
    let Some(items) = node.list() else { return };
    let entries = items.iter().filter_map(|item| {
        let value = match with_condition {
            Some(key) => {
                let started = Node::text("service_started", item.at);
                Node::new(Value::Map(Map::from([(key.to_owned(), started)])), item.at)
            }
            None => Node::null(item.at),
        };
        Some((item.scalar()?.to_owned(), value))
    });
    node.value = Value::Map(entries.collect());
}

fn build_to_map(node: &mut Node) {
    if let Some(context) = node.scalar() {
        let context = Node::text(context, node.at);
        node.value = Value::Map(Map::from([("context".to_owned(), context)]));
    }
}

fn map_to_pairs(node: &mut Node) {
    let Some(map) = node.map() else { return };
    let mut items = Vec::new();
    for (host, addresses) in map {
        let one = std::slice::from_ref(addresses);
        for address in addresses.list().unwrap_or(one) {
            let text = format!("{host}={}", address.scalar().unwrap_or_default());
            items.push(Node::text(text, address.at));
        }
    }
    node.value = Value::List(items);
}

fn scalar_to_list(node: &mut Node) {
    if node.scalar().is_some() {
        node.value = Value::List(vec![node.clone()]);
    }
}

/// Keeps one of the items that mean the same thing, the last, in the place of the first.
fn make_unique(items: &mut Vec<Node>, key: &str) {
    let mut unique: indexmap::IndexMap<String, Node> = indexmap::IndexMap::new();
    for (index, item) in items.drain(..).enumerate() {
        let identity = identity(&item, key).unwrap_or_else(|| format!("\0{index}"));
        unique.insert(identity, item);
    }
    items.extend(unique.into_values());
}

fn identity(item: &Node, key: &str) -> Option<String> {
    let field = |name: &str| item.get(name).and_then(Node::scalar).unwrap_or_default();
    let text = item.scalar();
    match key {
        "volumes" => Some(
            text.map_or_else(|| field("target"), mount_target)
                .to_owned(),
        ),
        "devices" => Some(
            text.map_or_else(|| field("target"), mount_target)
                .to_owned(),
        ),
        "ports" => Some(match text {
            Some(text) => port_identity(text),
            None => {
                let protocol = Some(field("protocol")).filter(|word| !word.is_empty());
                format!(
                    "{}:{}:{}/{}",
                    field("host_ip"),
                    field("published"),
                    field("target"),
                    protocol.unwrap_or("tcp")
                )
            }
        }),
        "secrets" | "configs" => Some(match text {
            Some(text) => text.to_owned(),
            None if field("target").is_empty() => field("source").to_owned(),
            None => field("target").to_owned(),
        }),
        "config" => Some(field("subnet").to_owned()),
        _ => text.map(str::to_owned),
    }
}

fn port_identity(text: &str) -> String {
    let (address, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (before, target) = address.rsplit_once(':').unwrap_or(("", address));
    let (host, published) = before.rsplit_once(':').unwrap_or(("", before));
    format!("{host}:{published}:{target}/{protocol}")
}

/// Returns the path inside of a short mount; a colon within `${…}` does not part it.
pub(super) fn mount_target(text: &str) -> &str {
    let parts = split_outside_braces(text);
    parts.get(1).or(parts.first()).copied().unwrap_or(text)
}

/// Splits at colons outside of `${…}`.
pub(super) fn split_outside_braces(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (index, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::super::convert::convert;
    use super::super::yaml::parse;
    use super::*;
    use crate::model::ImportBudget;

    fn merged(base: &str, over: &str) -> Node {
        let read = |text: &str| {
            parse("x.yml".as_ref(), 0, text, &mut ImportBudget::default()).expect("it is YAML")
        };
        let mut base = read(base);
        merge(&mut base, read(over), "");
        base
    }

    #[test]
    fn entries_are_laid_over_each_other_as_compose_does_it() {
        for (base, over, expected) in [
            (
                "environment: {A: 1, B: 2}",
                "environment: {A: }",
                "environment: {A: , B: 2}",
            ),
            (
                "environment: [A=1]",
                "environment: [A]",
                "environment: {A: }",
            ),
            ("labels: {a: 1}", "labels: [a]", "labels: {a: ''}"),
            (
                "ulimits: {n: 1, m: {soft: 1, hard: 2}}",
                "ulimits: {m: 3}",
                "ulimits: {n: 1, m: 3}",
            ),
            (
                "ulimits: {n: {soft: 1, hard: 2}}",
                "ulimits: {n: {soft: 0}}",
                "ulimits: {n: {soft: 0}}",
            ),
            (
                "logging: {options: {a: 1}}",
                "logging: {options: {a: }}",
                "logging: {options: {a: 1}}",
            ),
            ("hostname: a", "hostname: ", "hostname: a"),
            ("command: a", "command: ", "command: "),
        ] {
            let expected = parse("y.yml".as_ref(), 0, expected, &mut ImportBudget::default());
            let expected = expected.expect("it is YAML");
            let found = merged(base, over);
            assert_eq!(convert(&found, ""), convert(&expected, ""), "{base} {over}");
        }
    }
}
