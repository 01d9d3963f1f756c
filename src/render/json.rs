//! JSON in templates, as it is: most of it goes into a filter whole, and need not become values of the template engine before.

use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};
use serde_json::Value as Json;

/// A list or map of JSON that becomes values where a template looks into it.
#[derive(Debug)]
struct Lazy(Json);

impl Object for Lazy {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match &self.0 {
            Json::Array(_) => ObjectRepr::Seq,
            _ => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = match &self.0 {
            Json::Array(items) => items.get(key.as_usize()?),
            json => json.get(key.as_str()?),
        };
        found.cloned().map(lazy)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.0 {
            Json::Array(items) => Enumerator::Seq(items.len()),
            _ => self.mapped_key_value_enumerator(|this| {
                let entries = this.0.as_object().into_iter().flatten();
                Box::new(entries.map(|(key, value)| (key.into(), lazy(value.clone()))))
            }),
        }
    }
}

/// Returns a value for templates, without looking into lists and maps.
fn lazy(json: Json) -> Value {
    match json {
        Json::Array(_) | Json::Object(_) => Value::from_object(Lazy(json)),
        scalar => Value::from(minijinja::value::Serde(scalar)),
    }
}

/// Returns a map for templates whose entries, and theirs, can be had without a copy: those are what the built-in templates go through.
pub(super) fn view(json: Json) -> Value {
    entries(json, |section| entries(section, lazy))
}

fn entries(json: Json, value: impl Fn(Json) -> Value) -> Value {
    match json {
        Json::Object(map) => {
            let entries = map.into_iter().map(|(key, json)| (key.into(), value(json)));
            Value::from_object(entries.collect::<IndexMap<Value, Value>>())
        }
        other => lazy(other),
    }
}

/// Returns the JSON of a value that was made of a list or map of JSON.
pub(super) fn whole(value: &Value) -> Option<&Json> {
    value.downcast_object_ref::<Lazy>().map(|lazy| &lazy.0)
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_sees_what_it_would_see_in_values_of_its_own() {
        let data = json!({
            "a": {"b": {"c": [1, {"d": "e"}, null, true]}, "x": "y"},
            "list": [{"k": 1.5}, []],
            "none": {}, "text": "t"
        });
        let template = "{{ a.b.c[1].d }} {{ a.b.c[0] + 1 }} {{ a.b.c | length }} {{ a.b.c[2] is none }} \
            {% for k, v in a | items %}{{ k }}={{ v is string }} {% endfor %}\
            {% for item in list %}{{ item is mapping }}{% for k in item %}{{ k }}{% endfor %} {% endfor %}\
            {{ 'empty' if not none }} {{ a.b.nothing is defined }} {{ text }} {{ a | tojson }}";
        let environment = Environment::new();
        let by = |value: Value| environment.render_str(template, value).unwrap();
        assert_eq!(
            by(view(data.clone())),
            by(Value::from(minijinja::value::Serde(data)))
        );
    }
}
