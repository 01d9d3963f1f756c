//! Attributes that stackgen only carries, as compose-go's JSON has them: empty ones left out, the user's keys sorted.

use serde_json::{Map, Value, json};

use crate::model::{Attribute, Attributes, Resolved, format_duration};

use super::json::{GoMap, float32};

impl GoMap {
    /// Puts an attribute of that name in where there is one.
    pub(super) fn attribute(&mut self, key: &str, attributes: &Attributes<Resolved>) {
        self.put_some(key, attributes.get(key).and_then(value));
    }
}

/// Returns `develop`. compose-go writes what is run after a sync even where nothing is.
pub(super) fn develop(attribute: &Attribute<Resolved>) -> Option<Value> {
    let mut develop = value(attribute)?;
    let watches = develop.get_mut("watch").and_then(Value::as_array_mut);
    for watch in watches
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        if !watch.contains_key("exec") {
            let before = ["path", "action", "target"];
            let at = before
                .iter()
                .filter(|key| watch.contains_key(**key))
                .count();
            watch.shift_insert(at, "exec".to_owned(), json!({"command": null}));
        }
    }
    Some(develop)
}

/// Returns `deploy`: its replicas are no part of it, `resources` and `placement` always are.
pub(super) fn deploy(attribute: &Attribute<Resolved>) -> Option<Value> {
    let Attribute::Table(members) = attribute else {
        return None;
    };
    let mut map = GoMap::default();
    for key in [
        "mode",
        "labels",
        "update_config",
        "rollback_config",
        "resources",
        "restart_policy",
        "placement",
        "endpoint_mode",
    ] {
        let found = members.get(key).and_then(value);
        let always = matches!(key, "resources" | "placement").then(|| json!({}));
        map.put_some(key, found.or(always));
    }
    Some(map.finish())
}

fn value(attribute: &Attribute<Resolved>) -> Option<Value> {
    Some(match attribute {
        Attribute::Null => return None,
        Attribute::Text(text) | Attribute::Path(text) if text.is_empty() => return None,
        Attribute::Text(text) | Attribute::Path(text) => text.as_str().into(),
        Attribute::Flag(flag) => json!(flag),
        Attribute::Number(number) => json!(number),
        Attribute::Real(text) => float32(text.parse().ok()?),
        Attribute::Cpus(cpus) => float32(cpus.0 as f64 / 1e9),
        Attribute::Size(size) => size.0.to_string().into(),
        Attribute::Duration(time) => format_duration(*time).into(),
        Attribute::Mode(mode) => format!("0{mode:03o}").into(),
        Attribute::List(items) if items.is_empty() => return None,
        Attribute::List(items) => items.iter().filter_map(value).collect(),
        Attribute::Table(members) => object(members.iter().collect()),
        Attribute::Map(members) if members.is_empty() => return None,
        Attribute::Map(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.cmp(b.0));
            object(members)
        }
    })
}

/// Extension keys are no part of what is hashed.
fn object(members: Vec<(&String, &Attribute<Resolved>)>) -> Value {
    let members = members
        .into_iter()
        .filter(|(key, _)| !key.starts_with("x-"));
    let members = members.filter_map(|(key, member)| Some((key.clone(), value(member)?)));
    Value::Object(members.collect::<Map<_, _>>())
}
