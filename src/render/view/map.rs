//! A map in the making: what is absent or empty does not get in.

use std::fmt::{Debug, Display};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::model::Templated;
use crate::render::template_text;

/// A map whose keys keep the order in which they were put in.
#[derive(Debug, Default)]
pub(super) struct MapBuilder(Map<String, Value>);

impl MapBuilder {
    /// Puts a value in.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Puts a value in where there is one.
    pub(super) fn put_some(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Puts a text in where there is one.
    pub(super) fn text<T: Display>(&mut self, key: &str, value: &Option<Templated<T>>) {
        self.put_some(key, value.as_ref().map(template_text::text));
    }

    /// Puts a value in where there is one, as `literal` makes it.
    pub(super) fn typed<T: Clone + Debug>(
        &mut self,
        key: &str,
        value: &Option<Templated<T>>,
        literal: impl FnOnce(&T) -> Value,
    ) {
        let value = value.as_ref();
        self.put_some(key, value.map(|value| template_text::typed(value, literal)));
    }

    /// Puts a truth value in, unless it is known to be false.
    pub(super) fn flag(&mut self, key: &str, value: &Templated<bool>) {
        if *value != Templated::Literal(false) {
            self.put(key, template_text::typed(value, |flag| Value::Bool(*flag)));
        }
    }

    /// Puts a list in where it is not empty.
    pub(super) fn list(&mut self, key: &str, items: impl IntoIterator<Item = Value>) {
        let items: Vec<Value> = items.into_iter().collect();
        if !items.is_empty() {
            self.put(key, items);
        }
    }

    /// Puts a list of texts in where it is not empty.
    pub(super) fn texts(&mut self, key: &str, items: &[Templated<String>]) {
        self.list(key, items.iter().map(template_text::text));
    }

    /// Puts a map of texts in where it is not empty.
    pub(super) fn text_map(&mut self, key: &str, items: &IndexMap<String, Templated<String>>) {
        if !items.is_empty() {
            self.put(key, text_map(items));
        }
    }

    /// Puts a map in where it is not empty.
    pub(super) fn map(&mut self, key: &str, map: MapBuilder) {
        if !map.0.is_empty() {
            self.put(key, map.finish());
        }
    }

    /// Returns the map.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.0)
    }
}

/// Returns a map of texts.
pub(super) fn text_map(items: &IndexMap<String, Templated<String>>) -> Value {
    let entries = items
        .iter()
        .map(|(key, value)| (key.clone(), template_text::text(value)));
    Value::Object(entries.collect())
}
