//! Attributes that are rendered as they are, each in the form that its type has in the Compose Specification.

use serde_json::{Value, json};

use crate::model::{Attribute, Attributes, Template};
use crate::render::template_text::{Rebase, text, text_of, typed};

use super::container::{bytes, duration};
use super::map::MapBuilder;

impl MapBuilder {
    /// Puts all of them in.
    pub(super) fn attributes(&mut self, attributes: &Attributes<Template>, rebase: &Rebase) {
        for (key, attribute) in attributes {
            self.put(key, value(attribute, rebase));
        }
    }

    /// Puts those in that are extension keys: all that an external network or volume may have.
    pub(super) fn extensions(&mut self, attributes: &Attributes<Template>, rebase: &Rebase) {
        for (key, attribute) in attributes {
            if key.starts_with("x-") {
                self.put(key, value(attribute, rebase));
            }
        }
    }
}

fn value(attribute: &Attribute<Template>, rebase: &Rebase) -> Value {
    match attribute {
        Attribute::Null => Value::Null,
        Attribute::Text(value) => text(value),
        Attribute::Path(path) => rebase.path(path),
        Attribute::Flag(flag) => typed(flag, |flag| json!(flag)),
        Attribute::Number(number) => typed(number, |number| json!(number)),
        Attribute::Real(number) => typed(number, |number| real(number)),
        Attribute::Cpus(cpus) => text_of(cpus).into(),
        Attribute::Size(size) => typed(size, bytes),
        Attribute::Duration(time) => typed(time, duration),
        Attribute::Mode(mode) => json!(format!("0{mode:03o}")),
        Attribute::List(items) => items.iter().map(|item| value(item, rebase)).collect(),
        Attribute::Table(inner) | Attribute::Map(inner) => {
            let mut map = MapBuilder::default();
            map.attributes(inner, rebase);
            map.finish()
        }
    }
}

/// A whole number stays one: some readers take no other where they expect one.
fn real(number: &str) -> Value {
    match (number.parse::<i64>(), number.parse::<f64>()) {
        (Ok(whole), _) => json!(whole),
        (Err(_), Ok(real)) => json!(real),
        (Err(_), Err(_)) => json!(number),
    }
}
