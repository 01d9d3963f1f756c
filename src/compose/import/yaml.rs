//! YAML as a tree, with anchors and merge keys resolved, and lines, tags and the names of anchors kept.

use std::collections::HashMap;
use std::path::Path;

use granit_parser::{Event, Parser, ScalarStyle, Tag, options};
use indexmap::IndexMap;

use crate::model::{DEPTH, FILE_BYTES, ImportBudget, shortened};

use super::ImportError;

/// The number of a file, and the line in it from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct At {
    pub(super) file: usize,
    pub(super) line: usize,
}

/// A value of YAML. A node that is a value of a map stands at its key.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) mark: Mark,
    pub(super) at: At,
    /// The anchors that this node was made of, by alias or merge key.
    pub(super) anchors: Vec<String>,
    /// Whether an anchor names it.
    pub(super) is_anchor: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Scalar { text: String, is_plain: bool },
    List(Vec<Node>),
    Map(Map),
}

pub(super) type Map = IndexMap<String, Node>;

/// A tag of Compose's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mark {
    #[default]
    None,
    Reset,
    Override,
}

impl Node {
    pub(super) fn new(value: Value, at: At) -> Self {
        Self {
            value,
            mark: Mark::None,
            at,
            anchors: Vec::new(),
            is_anchor: false,
        }
    }

    pub(super) fn text(text: impl Into<String>, at: At) -> Self {
        let value = Value::Scalar {
            text: text.into(),
            is_plain: false,
        };
        Self::new(value, at)
    }

    pub(super) fn null(at: At) -> Self {
        let value = Value::Scalar {
            text: String::new(),
            is_plain: true,
        };
        Self::new(value, at)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, is_plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns the text of a scalar that is not null.
    pub(super) fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    pub(super) fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns how many values it has, itself included, and the bytes of their texts with the keys that lead to them.
    pub(super) fn size(&self) -> (usize, usize) {
        let (mut values, mut bytes) = (0, 0);
        self.add_size(0, &mut values, &mut bytes);
        (values, bytes)
    }

    fn add_size(&self, path: usize, values: &mut usize, bytes: &mut usize) {
        *values += 1;
        *bytes += path + self.anchors.iter().map(String::len).sum::<usize>();
        match &self.value {
            Value::Scalar { text, .. } => *bytes += text.len(),
            Value::List(items) => items
                .iter()
                .for_each(|item| item.add_size(path, values, bytes)),
            Value::Map(map) => map
                .iter()
                .for_each(|(key, inner)| inner.add_size(path + key.len(), values, bytes)),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.get(key)
    }
}

/// Parses one file, and takes what is in it from the budget.
pub(super) fn parse(
    path: &Path,
    file: usize,
    text: &str,
    budget: &mut ImportBudget,
) -> Result<Node, ImportError> {
    if text.len() as u64 > FILE_BYTES {
        return Err(ImportError::TooLarge {
            path: path.to_owned(),
        });
    }
    let mut builder = Builder {
        path,
        file,
        open: Vec::new(),
        anchors: HashMap::new(),
        names: HashMap::new(),
        budget,
        keys: 0,
        root: None,
    };
    let options = options! { emit_anchor_events: true, emit_comments: false };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            let marker = error.marker();
            builder.error(marker.line(), marker.col(), said(&error.to_string()))
        })?;
        let place = (span.start.line(), span.start.col());
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let message = "a second document begins here; a file may hold one";
                return Err(builder.error(place.0, place.1, message));
            }
        }
        builder.take(event, place)?;
    }
    Ok(builder
        .root
        .unwrap_or_else(|| Node::null(At { file, line: 1 })))
}

/// Returns the message of the parser without the place, which is said in front of it.
fn said(message: &str) -> String {
    // The parser's own bound, which it meets while it looks ahead.
    if message.contains("recursion limit") {
        return format!("nested deeper than {DEPTH} levels");
    }
    match message
        .find(" at char ")
        .or_else(|| message.find(" at byte "))
    {
        Some(at) => message[..at].to_owned(),
        None => message.to_owned(),
    }
}

/// A list or map that is not closed yet.
struct Open {
    node: Node,
    /// The key that waits for its value, with its line.
    key: Option<(String, usize)>,
    /// Whether that key is `<<`, whose value is merged in.
    merges: bool,
    /// What merge keys bring, in their order.
    merged: Vec<Node>,
    anchor: usize,
    /// What was left when it was opened.
    before: ImportBudget,
    /// The bytes of the keys that lead to it.
    keys: usize,
}

struct Builder<'a> {
    path: &'a Path,
    file: usize,
    open: Vec<Open>,
    /// What anchors name, with how many values and bytes it has.
    anchors: HashMap<usize, (Node, (usize, usize))>,
    names: HashMap<usize, String>,
    budget: &'a mut ImportBudget,
    /// The bytes of the keys that lead to the next value.
    keys: usize,
    root: Option<Node>,
}

type Place = (usize, usize);

impl Builder<'_> {
    fn error(&self, line: usize, column: usize, message: impl Into<String>) -> ImportError {
        ImportError::Yaml {
            path: self.path.to_owned(),
            line,
            column: column + 1,
            message: message.into(),
        }
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), ImportError> {
        let at = At {
            file: self.file,
            line: place.0,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag
                    .as_deref()
                    .is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let bytes = self.keys + text.len();
                self.count((1, bytes), place)?;
                let value = Value::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain && !is_text,
                };
                let mut node = Node::new(value, at);
                node.mark = mark(tag.as_deref());
                if anchor > 0 {
                    node.is_anchor = true;
                    self.name(anchor, &node, (1, bytes), place)?;
                }
                self.put(node, place)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let node = Node::new(Value::List(Vec::new()), at);
                self.enter(node, anchor, tag.as_deref(), place)
            }
            Event::MappingStart(_, anchor, tag) => {
                let node = Node::new(Value::Map(Map::new()), at);
                self.enter(node, anchor, tag.as_deref(), place)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(place),
            Event::Anchor(id, name) => {
                self.count((0, name.len()), place)?;
                self.names.insert(id, name.into_owned());
                Ok(())
            }
            Event::Alias(id) => self.alias(id, at, place),
            _ => Ok(()),
        }
    }

    fn alias(&mut self, id: usize, at: At, place: Place) -> Result<(), ImportError> {
        let Some(size) = self.anchors.get(&id).map(|(_, size)| *size) else {
            let message = "an alias within what it stands for";
            return Err(self.error(place.0, place.1, message));
        };
        let name = self.names.get(&id).map_or(0, String::len);
        let keys = self.keys.saturating_mul(size.0);
        let bytes = size.1.saturating_add(keys).saturating_add(name);
        // Counted before it is copied: that is what stops a bomb.
        self.count((size.0, bytes), place)?;
        let (mut node, _) = self.anchors[&id].clone();
        node.at = at;
        node.anchors.extend(self.names.get(&id).cloned());
        self.put(node, place)
    }

    /// Keeps what an anchor names, which is a copy too.
    fn name(
        &mut self,
        anchor: usize,
        node: &Node,
        size: (usize, usize),
        place: Place,
    ) -> Result<(), ImportError> {
        self.count(size, place)?;
        self.anchors.insert(anchor, (node.clone(), size));
        Ok(())
    }

    fn count(&mut self, (values, bytes): (usize, usize), place: Place) -> Result<(), ImportError> {
        let taken = self.budget.take(values, bytes);
        taken.map_err(|excess| self.error(place.0, place.1, excess.to_string()))
    }

    fn enter(
        &mut self,
        mut node: Node,
        anchor: usize,
        tag: Option<&Tag>,
        place: Place,
    ) -> Result<(), ImportError> {
        if self.open.len() >= DEPTH {
            let message = format!("nested deeper than {DEPTH} levels");
            return Err(self.error(place.0, place.1, message));
        }
        let before = *self.budget;
        let keys = self.keys;
        self.count((1, keys), place)?;
        node.mark = mark(tag);
        node.is_anchor = anchor > 0;
        self.open.push(Open {
            node,
            key: None,
            merges: false,
            merged: Vec::new(),
            anchor,
            before,
            keys,
        });
        Ok(())
    }

    fn leave(&mut self, place: Place) -> Result<(), ImportError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let mut node = open.node;
        for merged in open.merged {
            self.merge(&mut node, merged, place)?;
        }
        if open.anchor > 0 {
            let size = self.budget.since(&open.before);
            self.name(open.anchor, &node, size, place)?;
        }
        self.keys = open.keys;
        self.put(node, place)
    }

    /// Lays what a merge key brings under a map: what the map has itself stays.
    fn merge(&self, node: &mut Node, merged: Node, place: Place) -> Result<(), ImportError> {
        let names = merged.anchors;
        match merged.value {
            Value::Map(below) => {
                if let Some(map) = node.map_mut() {
                    for (key, inner) in below {
                        map.entry(key).or_insert(inner);
                    }
                }
                node.anchors.extend(names);
                Ok(())
            }
            Value::List(items) => items
                .into_iter()
                .try_for_each(|item| self.merge(node, item, place)),
            Value::Scalar { .. } => Err(self.error(
                place.0,
                place.1,
                "a merge key (<<) takes a map or a list of maps",
            )),
        }
    }

    /// Puts a finished node where it belongs.
    fn put(&mut self, mut node: Node, place: Place) -> Result<(), ImportError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.value {
            Value::List(items) => items.push(node),
            Value::Map(map) => match open.key.take() {
                None => match node.value {
                    // A quoted `<<` is a key like any other.
                    Value::Scalar { text, is_plain } => {
                        open.merges = is_plain && text == "<<";
                        self.keys = open.keys + text.len();
                        open.key = Some((text, place.0));
                    }
                    _ => return Err(self.error(place.0, place.1, "a key that is no text")),
                },
                Some(_) if open.merges => {
                    self.keys = open.keys;
                    open.merged.push(node);
                }
                Some((key, line)) => {
                    self.keys = open.keys;
                    if let Some(first) = map.get(&key) {
                        let message = format!(
                            "the key {:?} stands here twice; first in line {}",
                            shortened(&key),
                            first.at.line
                        );
                        return Err(self.error(line, 0, message));
                    }
                    node.at.line = line;
                    map.insert(key, node);
                }
            },
            Value::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn mark(tag: Option<&Tag>) -> Mark {
    match tag.map(Tag::suffix) {
        Some("reset") => Mark::Reset,
        Some("override") => Mark::Override,
        _ => Mark::None,
    }
}
