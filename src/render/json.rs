//! JSON in templates, as it is: most of it goes into a filter whole, and need not become values of the template engine before.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr};
use serde_json::Value as Json;

/// A list or map of JSON that becomes values where a template looks into it.
#[derive(Debug)]
struct Lazy(Json);

/// A map of JSON that is not even made before a template asks for it, and is made again when it asks again: of a large stack, one service
/// at a time is in memory.
struct Deferred(Box<dyn Fn() -> Json + Send + Sync>);

impl std::fmt::Debug for Deferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (self.0)().fmt(f)
    }
}

impl Object for Deferred {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Arc::new(Lazy((self.0)())).get_value(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Arc::new(Lazy((self.0)())).enumerate()
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Arc::new(Lazy((self.0)())).enumerator_len()
    }
}

/// Returns a map that is made by `make` when it is asked for.
pub(super) fn deferred(make: impl Fn() -> Json + Send + Sync + 'static) -> Value {
    Value::from_object(Deferred(Box::new(make)))
}

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

    /// Told here, since an empty list or map is not true, and the entries of a map do not tell how many they are.
    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match &self.0 {
            Json::Array(items) => Some(items.len()),
            json => Some(json.as_object().map_or(0, serde_json::Map::len)),
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

/// Returns a map for templates whose entries can be had without a copy, with more entries than the JSON has.
pub(super) fn view(json: Json, more: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let map = match json {
        Json::Object(map) => map,
        _ => Default::default(),
    };
    let mut view: IndexMap<Value, Value> = map
        .into_iter()
        .map(|(key, json)| (Value::from(key), lazy(json)))
        .collect();
    view.extend(more.into_iter().map(|(key, value)| (key.into(), value)));
    Value::from_object(view)
}

/// Returns the JSON of a value that was made of a list or map of JSON.
pub(super) fn whole(value: &Value) -> Option<Cow<'_, Json>> {
    if let Some(lazy) = value.downcast_object_ref::<Lazy>() {
        return Some(Cow::Borrowed(&lazy.0));
    }
    let deferred = value.downcast_object_ref::<Deferred>()?;
    Some(Cow::Owned((deferred.0)()))
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
            "hollow": {}, "bare": [], "text": "t"
        });
        let template = "{{ a.b.c[1].d }} {{ a.b.c[0] + 1 }} {{ a.b.c | length }} {{ a.b.c[2] is none }} \
            {% for k, v in a | items %}{{ k }}={{ v is string }} {% endfor %}\
            {% for item in list %}{{ item is mapping }}{% for k in item %}{{ k }}{% endfor %} {% endfor %}\
            {{ 'empty' if not hollow }} {{ 'full' if a }} {{ 'bare' if not bare }} {{ a.b.nothing is defined }} {{ text }} {{ a | tojson }}";
        let a = data["a"].clone();
        let with_deferred = view(data.clone(), [("a", deferred(move || a.clone()))]);
        let environment = Environment::new();
        let by = |value: Value| environment.render_str(template, value).unwrap();
        assert_eq!(
            by(view(data.clone(), [])),
            by(Value::from(minijinja::value::Serde(data.clone())))
        );
        assert_eq!(by(with_deferred), by(view(data, [])));
    }
}
