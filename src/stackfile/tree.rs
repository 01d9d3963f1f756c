//! The tree of values that the files spell, each with its place. Layers are merged on it before anything is decoded.

use std::ops::Range;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::model::{FileId, TemplateText};

use super::Annotation;
use super::suggest::nearest;

/// A range of bytes in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Site {
    pub(super) file: FileId,
    pub(super) span: Range<usize>,
}

impl Site {
    pub(super) fn new(file: FileId, span: Range<usize>) -> Self {
        Self { file, span }
    }

    pub(super) fn label(&self, label: impl Into<String>) -> Annotation {
        Annotation {
            file: self.file,
            span: self.span.clone(),
            label: label.into(),
        }
    }
}

pub(super) type Table = IndexMap<String, Node>;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    /// Where the value stands.
    pub(super) at: Site,
    /// Where its key stands; for a list item, the item.
    pub(super) key: Site,
}

/// A value of TOML, or what became of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Table(Table),
    List(Vec<Node>),
    Text(Text),
    Integer {
        value: i64,
        radix: u32,
        text: String,
    },
    Float(f64),
    Bool(bool),
    Date(Datetime),
    /// `{ null = true }`, or a bare name in a list of key-value entries.
    Null,
    /// What a mistake left behind that has been told already.
    Poison,
}

/// A text: at first as TOML gives it, later with its variables taken apart or filled in.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// The text as TOML gives it.
    pub(super) raw: String,
    /// How many bytes of the whole TOML string come before it; not 0 where a `KEY=value` was split.
    pub(super) offset: usize,
    pub(super) state: TextState,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextState {
    /// Not looked into yet.
    Raw,
    /// Known: it holds no variable, or they are filled in.
    Known(String),
    /// Holds variables.
    Template(TemplateText),
}

impl Text {
    pub(super) fn raw(text: impl Into<String>) -> Self {
        Self {
            raw: text.into(),
            offset: 0,
            state: TextState::Raw,
        }
    }

    /// Returns the text if it depends on no variable, or these are filled in.
    pub(super) fn known(&self) -> Option<&str> {
        match &self.state {
            TextState::Raw => Some(&self.raw),
            TextState::Known(text) => Some(text),
            TextState::Template(_) => None,
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, at: Site) -> Self {
        Self {
            value,
            key: at.clone(),
            at,
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the text before any variable is looked at.
    pub(super) fn raw_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(&text.raw),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.table()?.get(key)
    }

    /// Returns the value of a key, or the item of that number.
    pub(super) fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => self.get(key),
        }
    }

    /// Returns whether it has one of the keys, or a slip of one, which is told as an unknown key.
    pub(super) fn has_like(&self, keys: &[&str]) -> bool {
        self.table().is_some_and(|table| {
            table.keys().any(|key| {
                keys.contains(&key.as_str()) || nearest(key, keys.iter().copied()).is_some()
            })
        })
    }

    /// Returns whether it is the table `{ KEY = true }` and nothing else.
    pub(super) fn is_mark(&self, key: &str) -> bool {
        self.table().is_some_and(|table| {
            table.len() == 1
                && table
                    .get(key)
                    .is_some_and(|node| node.value == Value::Bool(true))
        })
    }

    /// Returns what the value is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Table(_) => "a table",
            Value::List(_) => "a list",
            Value::Text(_) => "text",
            Value::Integer { .. } | Value::Float(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Date(_) => "a date",
            Value::Null | Value::Poison => "nothing",
        }
    }
}

/// Turns a parsed TOML table into a tree.
pub(super) fn from_toml(file: FileId, table: &Spanned<DeTable<'_>>) -> Node {
    let at = Site::new(file, table.span());
    Node::new(Value::Table(table_of(file, table.get_ref())), at)
}

fn table_of(file: FileId, table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let mut node = node_of(file, value);
            node.key = Site::new(file, key.span());
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn node_of(file: FileId, value: &Spanned<DeValue<'_>>) -> Node {
    let at = Site::new(file, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(Text::raw(text.as_ref())),
        DeValue::Integer(number) => {
            let (text, radix) = (number.as_str(), number.radix());
            match i64::from_str_radix(text, radix) {
                Ok(value) => Value::Integer {
                    value,
                    radix,
                    text: text.to_owned(),
                },
                Err(_) => Value::Float(text.parse().unwrap_or(f64::INFINITY)),
            }
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(date) => Value::Date(*date),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| node_of(file, item)).collect())
        }
        DeValue::Table(table) => Value::Table(table_of(file, table)),
    };
    Node::new(value, at)
}
