//! JSON as Go's encoder writes it.

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// An object whose empty members are left out, in the order in which they are put in: Go writes those of a struct in its order.
#[derive(Debug, Default)]
pub(super) struct GoMap(Map<String, Value>);

impl GoMap {
    /// Puts a member in, whatever it is.
    pub(super) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Puts a member in where there is one.
    pub(super) fn put_some(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Puts a text in where it is not empty.
    pub(super) fn text(&mut self, key: &str, text: Option<&String>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.put(key, text.as_str());
        }
    }

    /// Puts a number in where it is not 0.
    pub(super) fn number(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number.filter(|number| *number != 0) {
            self.put(key, number);
        }
    }

    /// Puts a size in, as decimal text, where it is not 0.
    pub(super) fn size(&mut self, key: &str, size: Option<i64>) {
        if let Some(size) = size.filter(|size| *size != 0) {
            self.put(key, size.to_string());
        }
    }

    /// Puts a truth value in where it is true.
    pub(super) fn flag(&mut self, key: &str, flag: bool) {
        if flag {
            self.put(key, true);
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
    pub(super) fn words(&mut self, key: &str, items: &[String]) {
        self.list(key, items.iter().cloned().map(Value::String));
    }

    /// Puts a map of texts in where it is not empty, sorted by key.
    pub(super) fn texts(&mut self, key: &str, items: &IndexMap<String, String>) {
        let entries = items.iter().map(|(k, v)| (k.as_str(), v.as_str().into()));
        self.sorted(key, entries);
    }

    /// Puts a map in where it is not empty, sorted by key.
    pub(super) fn sorted<'a>(
        &mut self,
        key: &str,
        entries: impl Iterator<Item = (&'a str, Value)>,
    ) {
        let mut entries: Vec<(&str, Value)> = entries.collect();
        entries.sort_by(|a, b| a.0.cmp(b.0));
        if !entries.is_empty() {
            let entries = entries.into_iter().map(|(k, v)| (k.to_owned(), v));
            self.put(key, Value::Object(entries.collect()));
        }
    }

    /// Returns the object.
    pub(super) fn finish(self) -> Value {
        Value::Object(self.0)
    }
}

/// Writes JSON without spaces, with the characters escaped that Go escapes for HTML's sake. They stand in strings alone.
pub(super) fn text(value: &Value) -> String {
    let plain = value.to_string();
    let escaped = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !escaped.iter().any(|c| plain.contains(*c)) {
        return plain;
    }
    let mut out = String::new();
    for c in plain.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out
}

/// Returns a number as Go writes a float32: its shortest digits, and none behind the point where they are 0.
pub(super) fn float32(number: f64) -> Value {
    let shortest = (number as f32).to_string();
    match (shortest.parse::<i64>(), shortest.parse::<f64>()) {
        (Ok(whole), _) => whole.into(),
        (Err(_), Ok(number)) => number.into(),
        (Err(_), Err(_)) => Value::Null,
    }
}
