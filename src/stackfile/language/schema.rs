//! The JSON Schema of stack.toml.
//!
//! It is draft 7: the newest that the editors' TOML extensions and the validators on the command line all know. There `$ref` hides what
//! stands beside it, so that a key's own description needs an `allOf` around the reference.

use serde_json::{Map, Value, json};

use super::grammar::{DATE, DURATION, MODE, SIZE};
use super::{Field, Kind, ROOT, Shape, Table};

/// Numbers with a fraction or an exponent, as text.
const REAL: &str = "[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?";
const INTEGER: &str = "[-+]?[0-9]+";

/// Returns the JSON Schema of stack.toml.
pub fn schema() -> Value {
    let mut writer = Writer {
        definitions: Map::new(),
    };
    let place = Place {
        is_layered: false,
        is_fixed: false,
    };
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": ROOT.name,
    });
    let root = writer.object(&ROOT, place);
    writer.definitions.insert("mark".to_owned(), mark());
    writer.definitions.sort_keys();
    if let (Value::Object(schema), Value::Object(root)) = (&mut schema, root) {
        schema.extend(root);
        let definitions = Value::Object(writer.definitions);
        schema.insert("definitions".to_owned(), definitions);
    }
    schema
}

/// What TOML has no word for.
fn mark() -> Value {
    json!({
        "description": "{ null = true } writes a null; { reset = true } drops what a layer below says.",
        "type": "object",
        "properties": { "null": { "const": true }, "reset": { "const": true } },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// The null of one that stands in no layer.
fn null() -> Value {
    json!({
        "description": "{ null = true }, which is an empty one.",
        "type": "object",
        "properties": { "null": { "const": true } },
        "required": ["null"],
        "additionalProperties": false,
    })
}

/// Returns a table with keys of the user's.
fn map_of(pattern: Option<&str>, values: Value) -> Value {
    match pattern {
        Some(pattern) => json!({
            "type": "object",
            "patternProperties": { pattern: values },
            "additionalProperties": false,
        }),
        None => json!({ "type": "object", "additionalProperties": values }),
    }
}

/// What holds around a value.
#[derive(Clone, Copy)]
struct Place {
    /// Whether it is merged over other layers.
    is_layered: bool,
    /// Whether it cannot depend on a variable.
    is_fixed: bool,
}

impl Place {
    /// Within an item of a list: lists are replaced as a whole.
    fn item(self) -> Self {
        Self {
            is_layered: false,
            ..self
        }
    }

    /// Returns text that matches, or holds a variable where it may.
    fn pattern(self, pattern: &str) -> String {
        match self.is_fixed {
            true => format!("^({pattern})$"),
            false => format!("^({pattern})$|\\$"),
        }
    }

    /// Returns a scalar that may be written as text as well.
    fn scalar(self, kind: &str, pattern: &str) -> Value {
        json!({ "type": [kind, "string"], "pattern": self.pattern(pattern) })
    }
}

struct Writer {
    definitions: Map<String, Value>,
}

impl Writer {
    /// Returns a reference to the definition of a table, which it makes at the first time.
    fn reference(&mut self, table: &'static Table, place: Place) -> Value {
        let name = match place.is_layered {
            true => format!("{}.layer", table.name),
            false => table.name.to_owned(),
        };
        if !self.definitions.contains_key(&name) {
            // The place is taken first, so that a table may hold itself.
            self.definitions.insert(name.clone(), Value::Null);
            let object = self.object(table, place);
            self.definitions.insert(name.clone(), object);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn object(&mut self, table: &'static Table, place: Place) -> Value {
        let mut properties = Map::new();
        for field in table.fields() {
            properties.insert(field.key.to_owned(), self.field(field, place));
        }
        let mut object = json!({
            "description": table.doc,
            "type": "object",
            "properties": properties,
            "patternProperties": { "^x-": {} },
            "additionalProperties": false,
        });
        // A layer may leave out what another one has, and may take away what excludes its own.
        if place.is_layered {
            return object;
        }
        let required = table.fields().filter(|field| field.is_required);
        let required: Vec<&str> = required.map(|field| field.key).collect();
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        let mut both = Vec::new();
        for keys in table.exclusive {
            for (at, first) in keys.iter().enumerate() {
                let others = keys[at + 1..].iter();
                both.extend(others.map(|other| json!({ "not": { "required": [first, other] } })));
            }
        }
        if !both.is_empty() {
            object["allOf"] = Value::Array(both);
        }
        object
    }

    fn field(&mut self, field: &'static Field, place: Place) -> Value {
        let value = self.entry(&field.shape, place);
        let mut schema = Map::new();
        schema.insert("description".to_owned(), field.doc.into());
        if let Some(default) = field.default.and_then(json_of) {
            schema.insert("default".to_owned(), default);
        }
        match value {
            Value::Object(value) if !value.contains_key("$ref") => schema.extend(value),
            value => {
                schema.insert("allOf".to_owned(), json!([value]));
            }
        }
        Value::Object(schema)
    }

    /// Returns what may stand at a key, operations of layers included.
    fn entry(&mut self, shape: &'static Shape, place: Place) -> Value {
        let mut forms = self.forms(shape, place);
        if place.is_layered {
            if shape.is_collection() {
                let items = any_of(self.forms(shape, place.item()));
                forms.push(json!({
                    "type": "object",
                    "properties": { "append": items, "remove": { "type": "array" } },
                    "additionalProperties": false,
                    "minProperties": 1,
                }));
            }
            forms.push(json!({ "$ref": "#/definitions/mark" }));
        }
        any_of(forms)
    }

    /// Returns a schema for each form of a shape.
    fn forms(&mut self, shape: &'static Shape, place: Place) -> Vec<Value> {
        match shape {
            Shape::Command => texts_or(None),
            Shape::Test(words) => texts_or(Some(words)),
            Shape::Hosts => {
                let mut forms = texts_or(None);
                forms.push(
                    json!({ "type": "object", "additionalProperties": any_of(texts_or(None)) }),
                );
                forms
            }
            Shape::List(inner) => {
                let mut forms = self.one_as_text(inner, place.item());
                forms.push(self.array(inner, place));
                forms
            }
            Shape::Array(inner) => vec![self.array(inner, place)],
            Shape::Map(inner) => vec![self.map(None, inner, place)],
            Shape::Pairs(inner) | Shape::Names(inner) => {
                let list = json!({ "type": "array", "items": { "type": "string" } });
                vec![self.map(None, inner, place), list]
            }
            Shape::Section(kind, inner) if !kind.all().is_empty() => {
                vec![self.named(*kind, inner, place)]
            }
            Shape::Section(kind, inner) => {
                let mut values = self.entry(inner, place);
                if kind.may_be_null() && !place.is_layered {
                    values = any_of(vec![values, null()]);
                }
                vec![map_of(kind.pattern(), values)]
            }
            Shape::Table(table) => vec![self.reference(table, place)],
            Shape::Short(table) => {
                let first = table.fields().next();
                let first = first.map(|field| self.forms(&field.shape, place.item()));
                let mut forms = first.unwrap_or_default();
                forms.push(self.reference(table, place));
                forms
            }
            Shape::Devices(table) => {
                let items = self.reference(table, place.item());
                vec![
                    json!({ "const": "all" }),
                    json!({ "type": "array", "items": items }),
                ]
            }
            Shape::Either(shapes) => {
                let each = shapes.iter();
                each.flat_map(|shape| self.forms(shape, place)).collect()
            }
            Shape::Fixed(inner) => self.forms(
                inner,
                Place {
                    is_fixed: true,
                    ..place
                },
            ),
            Shape::Layered(inner) => self.forms(
                inner,
                Place {
                    is_layered: true,
                    ..place
                },
            ),
            Shape::Any => vec![json!({})],
            scalar => scalar_forms(scalar, place),
        }
    }

    fn array(&mut self, inner: &'static Shape, place: Place) -> Value {
        let items = any_of(self.forms(inner, place.item()));
        json!({ "type": "array", "items": items })
    }

    fn map(&mut self, pattern: Option<&str>, inner: &'static Shape, place: Place) -> Value {
        map_of(pattern, self.entry(inner, place))
    }

    /// Returns a table of which all keys are known.
    fn named(&mut self, kind: Kind, inner: &'static Shape, place: Place) -> Value {
        let mut properties = Map::new();
        for (name, line) in kind.all() {
            let mut value = self.entry(inner, place);
            value["description"] = line.into();
            properties.insert(name.to_owned(), value);
        }
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }

    /// Returns the forms of an item that are text: such a one does as a list of one.
    fn one_as_text(&mut self, shape: &'static Shape, place: Place) -> Vec<Value> {
        match shape {
            Shape::Table(_) | Shape::Devices(_) | Shape::Any => Vec::new(),
            Shape::Either(shapes) => {
                let each = shapes.iter();
                each.flat_map(|shape| self.one_as_text(shape, place))
                    .collect()
            }
            Shape::Short(table) => {
                let first = table.fields().next();
                first
                    .map(|field| self.one_as_text(&field.shape, place))
                    .unwrap_or_default()
            }
            // Only a text is taken for a list of one, not a number.
            Shape::Loose => vec![json!({ "type": "string" })],
            Shape::Fixed(Shape::Number | Shape::Range(..)) => Vec::new(),
            shape => self.forms(shape, place),
        }
    }
}

fn scalar_forms(shape: &Shape, place: Place) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let with_bounds = |mut schema: Value, least: i64, most: i64| {
        schema["minimum"] = least.into();
        schema["maximum"] = most.into();
        schema
    };
    vec![match *shape {
        Shape::Loose => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Flag => place.scalar("boolean", "true|false"),
        Shape::Number => place.scalar("integer", INTEGER),
        Shape::Range(least, most) => with_bounds(place.scalar("integer", INTEGER), least, most),
        Shape::Real | Shape::Cpus => place.scalar("number", REAL),
        Shape::Size => place.scalar("integer", SIZE),
        Shape::Mode => with_bounds(place.scalar("integer", MODE), 0, 0o7777),
        Shape::Count => place.scalar("integer", &format!("all|{INTEGER}")),
        Shape::Duration => json!({ "type": "string", "pattern": place.pattern(DURATION) }),
        Shape::Date => json!({ "type": "string", "pattern": format!("^{DATE}$") }),
        Shape::Word(words) if place.is_fixed => json!({ "enum": words }),
        Shape::Word(words) => {
            let variable = json!({ "type": "string", "pattern": "\\$" });
            return vec![json!({ "enum": words }), variable];
        }
        Shape::Grammar(grammar) if grammar.takes_number => place.scalar("integer", grammar.pattern),
        Shape::Grammar(grammar) => {
            json!({ "type": "string", "pattern": place.pattern(grammar.pattern) })
        }
        Shape::Name(kind) => name(kind),
        _ => text,
    }]
}

fn name(kind: Kind) -> Value {
    match kind.pattern() {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string" }),
    }
}

/// Returns a text, and a list of texts that begins with one of the words, if there are any.
fn texts_or(first: Option<&[&str]>) -> Vec<Value> {
    let text = json!({ "type": "string" });
    let list = match first {
        Some(words) => {
            json!({ "type": "array", "items": [{ "enum": words }], "additionalItems": text })
        }
        None => json!({ "type": "array", "items": text }),
    };
    vec![text, list]
}

fn any_of(mut forms: Vec<Value>) -> Value {
    forms.dedup();
    match forms.len() {
        1 => forms.remove(0),
        _ => json!({ "anyOf": forms }),
    }
}

/// Returns a value of TOML as JSON.
fn json_of(toml: &str) -> Option<Value> {
    let mut table: Map<String, Value> = toml::from_str(&format!("value = {toml}")).ok()?;
    table.remove("value")
}

impl Shape {
    /// Returns whether it is a list or a table with keys of the user's, to which layers can add.
    fn is_collection(&self) -> bool {
        match self {
            Self::Command | Self::Test(_) | Self::Hosts | Self::List(_) | Self::Array(_) => true,
            Self::Map(_) | Self::Pairs(_) | Self::Names(_) | Self::Section(..) => true,
            Self::Devices(_) => true,
            Self::Fixed(inner) | Self::Layered(inner) => inner.is_collection(),
            Self::Either(shapes) => shapes.iter().any(Self::is_collection),
            _ => false,
        }
    }
}
