//! stack.toml as a tree, before it is text.

use std::sync::Arc;

use indexmap::IndexMap;

use super::yaml::At;

/// A value of stack.toml.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) value: Toml,
    /// Where in the compose files it came from.
    pub(super) at: At,
    /// A line above it.
    pub(super) comment: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Toml {
    Text(String),
    /// A number or truth value, as it is written.
    Bare(String),
    List(Vec<Item>),
    Table(Table),
}

pub(super) type Table = IndexMap<String, Item>;

impl PartialEq for Item {
    /// Compares the values, wherever they came from.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Item {
    pub(super) fn new(value: Toml, at: At) -> Self {
        Self {
            value,
            at,
            comment: None,
        }
    }

    pub(super) fn text(text: impl Into<String>, at: At) -> Self {
        Self::new(Toml::Text(text.into()), at)
    }

    pub(super) fn bare(text: impl Into<String>, at: At) -> Self {
        Self::new(Toml::Bare(text.into()), at)
    }

    /// Returns what stands for null.
    pub(super) fn null(at: At) -> Self {
        let mark = Self::bare("true", at);
        Self::new(Toml::Table(Table::from([("null".to_owned(), mark)])), at)
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Toml::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Toml::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns whether this is an operation on what lies below it: it means something else in a layer of its own.
    pub(super) fn is_null(&self) -> bool {
        self.table().is_some_and(|table| table.contains_key("null"))
    }
}
