//! Decodes attributes by their shape, as the language says what may stand where.

use indexmap::IndexMap;

use crate::model::{Attribute, Attributes, Form, Segment};

use super::super::language::{Field, Shape, Table};
use super::super::tree::{Node, Value};
use super::super::variables::scalar;
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    /// Decodes those of the keys that are there, and extension keys.
    pub(super) fn carry(&mut self, fields: &'static [Field]) -> Attributes<F> {
        let mut found = IndexMap::new();
        for Field { key, shape, .. } in fields {
            if let Some(value) = self.with(key, |decoder, node, path| {
                decoder.attribute(node, path, *shape)
            }) {
                found.insert((*key).to_owned(), value);
            }
        }
        for (key, node) in self.node.table().into_iter().flatten() {
            if key.starts_with("x-")
                && let Some(value) = self.decoder.anything(node, &self.path.join(key))
            {
                found.insert(key.clone(), value);
            }
        }
        found
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    fn attribute(&mut self, node: &Node, path: &At<'_>, shape: Shape) -> Option<Attribute<F>> {
        Some(match shape {
            Shape::Text | Shape::Grammar(_) | Shape::Name(_) | Shape::Date => {
                Attribute::Text(self.text(node, path)?)
            }
            Shape::Loose => Attribute::Text(self.loose_text(node, path)?),
            Shape::Path => self.path_attribute(node, path)?,
            Shape::Flag => Attribute::Flag(self.value(node, path, Self::known_bool)?),
            Shape::Number | Shape::Range(..) => {
                Attribute::Number(self.value(node, path, Self::known_integer)?)
            }
            Shape::Real => Attribute::Real(self.value(node, path, Self::known_real)?),
            Shape::Cpus => Attribute::Cpus(self.value(node, path, Self::known_cpus)?),
            Shape::Size => Attribute::Size(self.value(node, path, Self::known_bytes)?),
            Shape::Duration => Attribute::Duration(self.value(node, path, Self::known_duration)?),
            Shape::Mode => Attribute::Mode(self.known_mode(node, path)?),
            Shape::Count if node.raw_text() == Some("all") => Attribute::Number(F::literal(-1)),
            Shape::Count => Attribute::Number(self.value(node, path, Self::known_integer)?),
            Shape::Word(words) => {
                Attribute::Text(self.value(node, path, |decoder, node, path| {
                    decoder.word(node, path, words)?;
                    decoder.known_text(node, path)
                })?)
            }
            Shape::Command | Shape::Test(_) => self.words_attribute(node, path)?,
            Shape::Hosts => list(self.extra_hosts(node, path)?),
            Shape::List(inner) | Shape::Array(inner) => {
                let mut items = Vec::new();
                for (index, item) in self.items(node, path).iter().enumerate() {
                    items.extend(self.attribute(item, &path.join(index), *inner));
                }
                Attribute::List(items)
            }
            Shape::Map(_) | Shape::Section(..) if node.table().is_none() => {
                self.wrong_type(node, path, "a table");
                return None;
            }
            Shape::Map(inner) | Shape::Pairs(inner) | Shape::Section(_, inner) => {
                self.map_attribute(node, path, *inner, false)?
            }
            Shape::Names(inner) => self.map_attribute(node, path, *inner, true)?,
            Shape::Table(table) => self.table_attribute(node, path, table)?,
            Shape::Short(table) => self.short_attribute(node, path, table)?,
            Shape::Devices(table) => self.devices_attribute(node, path, table)?,
            Shape::Fixed(_) if self.variable_in(node).is_some() => {
                self.wrong_type(node, path, "a value");
                return None;
            }
            Shape::Fixed(inner) | Shape::Layered(inner) => self.attribute(node, path, *inner)?,
            Shape::Either(shapes) => {
                let has_table = node.table().is_some();
                let fits = shapes.iter().find(|shape| shape.is_table() == has_table);
                self.attribute(node, path, *fits.or(shapes.first())?)?
            }
            Shape::Any => self.anything(node, path)?,
        })
    }

    fn path_attribute(&mut self, node: &Node, path: &At<'_>) -> Option<Attribute<F>> {
        let text = self.text(node, path)?;
        Some(match F::known(&text) {
            Some(known) if is_address(known) => Attribute::Text(text),
            Some(known) => Attribute::Path(F::literal(self.host_path(known))),
            None => Attribute::Path(text),
        })
    }

    fn known_real(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        let text = match &node.value {
            Value::Text(_) => self.known_text(node, path)?,
            _ => scalar(node, self.mode()).unwrap_or_default(),
        };
        if let Ok(number) = text.parse::<f64>()
            && number.is_finite()
        {
            return Some(number.to_string());
        }
        self.wrong_type(node, path, "a number");
        None
    }

    /// A text with variables stays one: where it splits is known when they are filled in.
    fn words_attribute(&mut self, node: &Node, path: &At<'_>) -> Option<Attribute<F>> {
        if let Some(template) = self.variable_in(node) {
            return F::raw(template.clone()).map(Attribute::Text);
        }
        let words = self.words(node, path)?;
        F::known(&words).cloned().map(list)
    }

    /// Decodes a table with keys of the user's. Nothing in the place of a value is empty text, or stays nothing.
    fn map_attribute(
        &mut self,
        node: &Node,
        path: &At<'_>,
        inner: Shape,
        keeps_null: bool,
    ) -> Option<Attribute<F>> {
        let nothing = || match keeps_null {
            true => Attribute::Null,
            false => Attribute::Text(F::literal(String::new())),
        };
        let mut map = IndexMap::new();
        if let Some(items) = node.list() {
            let name = |item: &Node| item.raw_text()?.split('=').next().map(str::to_owned);
            if items.iter().filter_map(name).any(|name| name.contains('$')) {
                self.no_pairs(node, path);
                return None;
            }
            for (index, item) in items.iter().enumerate() {
                let at = path.join(index);
                let text = self.text(item, &at)?;
                let (key, value) = self.pair(item, &text);
                map.insert(key, value.map_or_else(nothing, Attribute::Text));
            }
            return Some(Attribute::Map(map));
        }
        let Some(table) = node.table() else {
            self.wrong_type(node, path, "a table, or a list of \"KEY=value\"");
            return None;
        };
        for (key, value) in table {
            let value = match value.value {
                Value::Null => Some(nothing()),
                _ => self.attribute(value, &path.join(key), inner),
            };
            map.extend(value.map(|value| (key.clone(), value)));
        }
        Some(Attribute::Map(map))
    }

    /// Splits `KEY=value`; the key stands before any variable.
    fn pair(&self, item: &Node, text: &F::Value<String>) -> (String, Option<F::Value<String>>) {
        if let Some(known) = F::known(text) {
            return match known.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(F::literal(value.to_owned()))),
                None => (known.clone(), None),
            };
        }
        let mut template = match self.variable_in(item) {
            Some(template) => template.clone(),
            None => return (String::new(), None),
        };
        match template.segments.first_mut() {
            Some(Segment::Plain(plain)) if plain.contains('=') => {
                let (key, rest) = plain.split_once('=').unwrap_or_default();
                let key = key.to_owned();
                *plain = rest.to_owned();
                (key, F::raw(template))
            }
            _ => (template.to_string(), None),
        }
    }

    pub(super) fn table_attribute(
        &mut self,
        node: &Node,
        path: &At<'_>,
        table: &'static Table,
    ) -> Option<Attribute<F>> {
        let mut reader = Reader::open(self, node, path, table)?;
        let mut found = IndexMap::new();
        for group in table.groups {
            found.extend(reader.carry(group));
        }
        reader.finish();
        Some(Attribute::Table(found))
    }

    fn short_attribute(
        &mut self,
        node: &Node,
        path: &At<'_>,
        table: &'static Table,
    ) -> Option<Attribute<F>> {
        let (Some(Field { key, shape, .. }), None) = (table.fields().next(), node.table()) else {
            return self.table_attribute(node, path, table);
        };
        let value = self.attribute(node, path, *shape)?;
        Some(Attribute::Table(
            [((*key).to_owned(), value)].into_iter().collect(),
        ))
    }

    fn devices_attribute(
        &mut self,
        node: &Node,
        path: &At<'_>,
        table: &'static Table,
    ) -> Option<Attribute<F>> {
        match node.raw_text() {
            Some("all") => {
                let every = ("count".to_owned(), Attribute::Number(F::literal(-1)));
                let every = Attribute::Table([every].into_iter().collect());
                Some(Attribute::List(vec![every]))
            }
            Some(_) => {
                let message = format!("{path} has to be \"all\" or a list of tables");
                self.tell(Diagnostic::error(
                    Code::WrongType,
                    message,
                    node.at.label(""),
                ));
                None
            }
            None => {
                let mut items = Vec::new();
                for (index, item) in self.items(node, path).iter().enumerate() {
                    items.extend(self.table_attribute(item, &path.join(index), table));
                }
                Some(Attribute::List(items))
            }
        }
    }

    /// Takes a value as it is.
    pub(super) fn anything(&mut self, node: &Node, path: &At<'_>) -> Option<Attribute<F>> {
        Some(match &node.value {
            Value::Table(table) => {
                let mut map = IndexMap::new();
                for (key, value) in table.iter() {
                    let value = self.anything(value, &path.join(key))?;
                    map.insert(key.clone(), value);
                }
                Attribute::Map(map)
            }
            Value::List(items) => {
                let each = items.iter().enumerate();
                let each = each.filter_map(|(index, item)| self.anything(item, &path.join(index)));
                Attribute::List(each.collect())
            }
            Value::Text(_) | Value::Date(_) => Attribute::Text(self.loose_text(node, path)?),
            Value::Integer { value, .. } => Attribute::Number(F::literal(*value)),
            Value::Float(_) => Attribute::Real(F::literal(scalar(node, self.mode())?)),
            Value::Bool(value) => Attribute::Flag(F::literal(*value)),
            Value::Null => Attribute::Null,
            Value::Poison => return None,
        })
    }
}

fn list<F: Form>(texts: Vec<F::Value<String>>) -> Attribute<F> {
    Attribute::List(texts.into_iter().map(Attribute::Text).collect())
}

/// Returns whether a build context is no path but an address: `https://…`, `docker-image://…`, `service:x`, `git@host:x`.
fn is_address(text: &str) -> bool {
    text.contains("://")
        || text.starts_with("service:")
        || text.starts_with("target:")
        || text.starts_with("git@")
        || text.starts_with("github.com/")
}
