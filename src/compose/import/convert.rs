//! Values of YAML as values of stack.toml, by the attribute that they belong to.

use super::item::{Item, Table, Toml};
use super::merge::PAIRS;
use super::scalar::{Scalar, as_text, resolve};
use super::yaml::{At, Node, Value};

/// Attributes that Compose casts to true or false, `yes` and `off` included.
const FLAGS: [&str; 20] = [
    "attach",
    "attachable",
    "create_host_path",
    "disable",
    "enable_ipv4",
    "enable_ipv6",
    "external",
    "init",
    "initial_sync",
    "internal",
    "no_cache",
    "nocopy",
    "oom_kill_disable",
    "privileged",
    "pull",
    "read_only",
    "required",
    "stdin_open",
    "tty",
    "use_api_socket",
];

/// Attributes that are text whatever they look like.
const TEXTS: [&str; 22] = [
    "image",
    "command",
    "entrypoint",
    "test",
    "container_name",
    "hostname",
    "domainname",
    "user",
    "uid",
    "gid",
    "working_dir",
    "source",
    "published",
    "profiles",
    "dns",
    "dns_search",
    "dns_opt",
    "aliases",
    "subnet",
    "gateway",
    "tags",
    "name",
];

/// Of maps, those in which a key without a value takes it from the environment.
const KEEP_NULL: [&str; 3] = ["environment", "args", "ssh"];

/// Converts a value. A null in a map is left out, as Compose takes it for absent.
pub(super) fn convert(node: &Node, key: &str) -> Item {
    if key.starts_with("x-") {
        return as_it_is(node);
    }
    if PAIRS.contains(&key) && !matches!(node.value, Value::Scalar { .. }) {
        return pairs(node, KEEP_NULL.contains(&key));
    }
    match &node.value {
        Value::Scalar { text, is_plain } => scalar(text, *is_plain, key, node.at),
        Value::List(items) => {
            let items = items.iter().map(|item| convert(item, key)).collect();
            Item::new(Toml::List(items), node.at)
        }
        Value::Map(map) => {
            let entries = map
                .iter()
                .filter(|(_, inner)| !inner.is_null())
                .map(|(key, inner)| (key.clone(), convert(inner, key)));
            Item::new(Toml::Table(entries.collect()), node.at)
        }
    }
}

/// Converts what no key gives a meaning to: what an extension key holds.
fn as_it_is(node: &Node) -> Item {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => Item::null(node.at),
        Value::Scalar { text, is_plain } => scalar(text, *is_plain, "", node.at),
        Value::List(items) => {
            let items = items.iter().map(as_it_is).collect();
            Item::new(Toml::List(items), node.at)
        }
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(key, inner)| (key.clone(), as_it_is(inner)));
            Item::new(Toml::Table(entries.collect()), node.at)
        }
    }
}

/// Converts `KEY=value` texts or a map of scalars to a table of texts.
pub(super) fn pairs(node: &Node, keeps_null: bool) -> Item {
    let absent = |at: At| {
        if keeps_null {
            Item::null(at)
        } else {
            Item::text("", at)
        }
    };
    let mut table = Table::new();
    match &node.value {
        Value::List(items) => {
            for item in items {
                let text = match &item.value {
                    Value::Scalar { text, .. } => text.as_str(),
                    _ => continue,
                };
                match text.split_once('=') {
                    Some((key, value)) => {
                        table.insert(key.to_owned(), Item::text(value, item.at));
                    }
                    None => {
                        table.insert(text.to_owned(), absent(item.at));
                    }
                }
            }
        }
        Value::Map(map) => {
            for (key, inner) in map {
                let item = match &inner.value {
                    Value::Scalar { text, is_plain } => {
                        let text = if *is_plain {
                            as_text(text)
                        } else {
                            Some(text.clone())
                        };
                        text.map_or_else(|| absent(inner.at), |text| Item::text(text, inner.at))
                    }
                    _ => convert(inner, ""),
                };
                table.insert(key.clone(), item);
            }
        }
        Value::Scalar { .. } => return convert(node, ""),
    }
    Item::new(Toml::Table(table), node.at)
}

fn scalar(text: &str, is_plain: bool, key: &str, at: At) -> Item {
    if FLAGS.contains(&key) {
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => return Item::bare("true", at),
            "false" | "no" | "off" | "n" => return Item::bare("false", at),
            _ => {}
        }
    }
    if !is_plain {
        return Item::text(text, at);
    }
    let resolved = resolve(text);
    if key == "mode"
        && let Scalar::Integer(mode) = resolved
    {
        return Item::text(format!("{mode:04o}"), at);
    }
    if TEXTS.contains(&key) {
        return Item::text(as_text(text).unwrap_or_default(), at);
    }
    match resolved {
        Scalar::Null => Item::text("", at),
        Scalar::Bool(value) => Item::bare(value.to_string(), at),
        Scalar::Integer(number) => match i64::try_from(number) {
            Ok(number) => Item::bare(number.to_string(), at),
            Err(_) => Item::text(number.to_string(), at),
        },
        Scalar::Float(number) if number.is_finite() => Item::bare(format!("{number:?}"), at),
        Scalar::Float(_) | Scalar::Text => Item::text(text, at),
    }
}
