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

/// Returns a number that is not 0.
pub(super) fn number(attribute: &Attribute<Resolved>) -> Option<Value> {
    value(attribute).filter(|number| *number != json!(0))
}

/// Returns `blkio_config`, whose devices compose-go writes with capital letters.
pub(super) fn block_io(attribute: &Attribute<Resolved>) -> Option<Value> {
    let mut config = value(attribute)?;
    for list in config.as_object_mut()?.values_mut() {
        for device in list.as_array_mut().into_iter().flatten() {
            let members = std::mem::take(device.as_object_mut()?);
            let members = members.into_iter().map(|(key, value)| {
                let key = match key.as_str() {
                    "path" => "Path",
                    "weight" => "Weight",
                    "rate" => "Rate",
                    other => other,
                };
                (key.to_owned(), value)
            });
            *device = Value::Object(members.collect());
        }
    }
    Some(config)
}

/// Returns requests for devices. Where neither a count nor single devices are named, compose-go writes that all are meant.
pub(super) fn device_requests(attribute: &Attribute<Resolved>) -> Option<Value> {
    let mut requests = value(attribute)?;
    for request in requests.as_array_mut()?.iter_mut() {
        let request = request.as_object_mut()?;
        if !request.contains_key("count") && !request.contains_key("device_ids") {
            let before = ["capabilities", "driver"];
            let before = before.iter().filter(|key| request.contains_key(**key));
            request.shift_insert(before.count(), "count".to_owned(), json!(-1));
        }
    }
    Some(requests)
}

/// Returns commands that are run in a container.
pub(super) fn hooks(attribute: &Attribute<Resolved>) -> Option<Value> {
    let mut hooks = value(attribute)?;
    for hook in hooks.as_array_mut()?.iter_mut() {
        let hook = hook.as_object_mut()?;
        if hook.get("privileged") == Some(&json!(false)) {
            hook.shift_remove("privileged");
        }
    }
    Some(hooks)
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
        let mut found = members.get(key).and_then(value);
        let devices = ["reservations", "devices"];
        if let Some(requests) = members.get(key).and_then(|it| it.get(&devices))
            && let Some(written) = found
                .as_mut()
                .and_then(|it| it.pointer_mut("/reservations/devices"))
            && let Some(requests) = device_requests(requests)
        {
            *written = requests;
        }
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
