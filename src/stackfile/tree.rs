//! The tree of values that the files spell, each with its place. Layers are merged on it before anything is decoded.

use std::ops::Range;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use crate::model::{FileId, TemplateText};

use super::Annotation;
use super::fill::Mode;
use super::suggest::nearest;

/// A range of bytes in a file, in little room: there are two for every value, and no file that is read is as long as 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Site {
    file: u32,
    start: u32,
    end: u32,
}

impl Site {
    pub(super) fn new(file: FileId, span: Range<usize>) -> Self {
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            file: narrow(file.0),
            start: narrow(span.start),
            end: narrow(span.end),
        }
    }

    pub(super) fn file(&self) -> FileId {
        FileId(self.file as usize)
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(super) fn label(&self, label: impl Into<String>) -> Annotation {
        Annotation {
            file: self.file(),
            span: self.span(),
            label: label.into(),
        }
    }
}

/// Hashed by a quick function: a stack has tens of thousands of small tables.
pub(super) type Table = IndexMap<String, Node, foldhash::fast::RandomState>;

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
    Table(Box<Table>),
    List(Vec<Node>),
    Text(Text),
    Integer {
        value: i64,
        radix: u32,
        text: Box<str>,
    },
    Float(f64),
    Bool(bool),
    Date(Box<Datetime>),
    /// `{ null = true }`, or a bare name in a list of key-value entries.
    Null,
    /// What a mistake left behind that has been told already.
    Poison,
}

/// A text as TOML gives it and, once its variables were looked at, what they make of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// The text as TOML gives it.
    pub(super) raw: Box<str>,
    /// How many bytes of the whole TOML string come before it; not 0 where a `KEY=value` was split.
    pub(super) offset: u32,
    /// What it is in each form; `None` where it holds no variable in any, or nobody looked yet.
    filled: Option<Box<Filled>>,
}

/// A text with variables in the forms of the stack; `None` where nobody asked for that form.
#[derive(Debug, Clone, PartialEq, Default)]
struct Filled {
    kept: Option<TextState>,
    resolved: Option<TextState>,
}

/// What the variables of a text make of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TextState {
    /// They are filled in.
    Known(String),
    /// They are kept.
    Template(TemplateText),
    /// There was a mistake, which has been told.
    Poison,
}

impl Text {
    pub(super) fn raw(text: impl Into<Box<str>>) -> Self {
        Self {
            raw: text.into(),
            offset: 0,
            filled: None,
        }
    }

    /// A text that is the part of another one behind so many bytes.
    pub(super) fn part(text: &str, offset: usize) -> Self {
        Self {
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            ..Self::raw(text)
        }
    }

    /// Says what the text is in one form.
    pub(super) fn fill(&mut self, mode: Mode, state: TextState) {
        let filled = self.filled.get_or_insert_default();
        match mode {
            Mode::Keep => filled.kept = Some(state),
            Mode::Resolve => filled.resolved = Some(state),
        }
    }

    /// Returns what the variables of the text make of it in one form; `None` where it holds none.
    pub(super) fn state(&self, mode: Mode) -> Option<&TextState> {
        let filled = self.filled.as_deref()?;
        match mode {
            Mode::Keep => filled.kept.as_ref(),
            Mode::Resolve => filled.resolved.as_ref(),
        }
    }

    /// Returns the text if in this form it depends on no variable, or these are filled in.
    pub(super) fn known(&self, mode: Mode) -> Option<&str> {
        match self.state(mode) {
            None => Some(&self.raw),
            Some(TextState::Known(text)) => Some(text),
            Some(TextState::Template(_) | TextState::Poison) => None,
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, at: Site) -> Self {
        Self { value, key: at, at }
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

    /// Returns whether a mistake made it what it is in this form, which has been told.
    pub(super) fn is_poison(&self, mode: Mode) -> bool {
        match &self.value {
            Value::Poison => true,
            Value::Text(text) => matches!(text.state(mode), Some(TextState::Poison)),
            _ => false,
        }
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

/// Turns a parsed TOML table into a tree, and uses it up: both at once take more room than anything that comes later. The text that
/// was parsed begins at `start` in its file.
pub(super) fn from_toml(file: FileId, start: usize, table: Spanned<DeTable<'_>>) -> Node {
    let made = Making { file, start };
    let at = made.site(table.span());
    Node::new(made.table(table.into_inner()), at)
}

/// Where the text stands of which a tree is made.
#[derive(Clone, Copy)]
struct Making {
    file: FileId,
    start: usize,
}

impl Making {
    fn site(self, span: Range<usize>) -> Site {
        Site::new(self.file, span.start + self.start..span.end + self.start)
    }

    fn table(self, table: DeTable<'_>) -> Value {
        let entries = table.into_iter().map(|(key, value)| {
            let mut node = self.node(value);
            node.key = self.site(key.span());
            (key.into_inner().into_owned(), node)
        });
        Value::Table(Box::new(entries.collect()))
    }

    fn node(self, value: Spanned<DeValue<'_>>) -> Node {
        let at = self.site(value.span());
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(Text::raw(text)),
            DeValue::Integer(number) => {
                let (text, radix) = (number.as_str(), number.radix());
                match i64::from_str_radix(text, radix) {
                    Ok(value) => Value::Integer {
                        value,
                        radix,
                        text: text.into(),
                    },
                    Err(_) => Value::Float(text.parse().unwrap_or(f64::INFINITY)),
                }
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(date) => Value::Date(Box::new(date)),
            DeValue::Array(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        Node::new(value, at)
    }
}
