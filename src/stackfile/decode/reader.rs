//! Reads the keys of one table. What the language knows of it is what it may hold; the rest is told as unknown.

use std::fmt::Debug;
use std::time::Duration;

use indexmap::IndexMap;

use crate::model::{Bytes, Form, InvalidName};

use super::super::language;
use super::super::suggest::nearest;
use super::super::tree::{Node, Site, Table, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder};

/// A table that is being decoded.
pub(in super::super) struct Reader<'d, 'a, 'n, F: Form> {
    pub(super) decoder: &'d mut Decoder<'a, F>,
    pub(super) path: &'n At<'n>,
    pub(super) node: &'n Node,
    table: &'n Table,
    language: &'static language::Table,
    /// The bits of the keys that are there.
    present: u64,
    /// What was asked for, to prove that the decoder and the language know the same keys.
    #[cfg(debug_assertions)]
    asked: Vec<&'static str>,
}

impl<'d, 'a, 'n, F: Form> Reader<'d, 'a, 'n, F> {
    /// Opens a table; what is none is told.
    pub(in super::super) fn open(
        decoder: &'d mut Decoder<'a, F>,
        node: &'n Node,
        path: &'n At<'n>,
        language: &'static language::Table,
    ) -> Option<Self> {
        let Some(table) = node.table() else {
            decoder.wrong_type(node, path, "a table");
            return None;
        };
        Some(Self {
            decoder,
            path,
            node,
            table,
            language,
            present: table.keys().fold(0, |bits, key| bits | bit_of(key)),
            #[cfg(debug_assertions)]
            asked: Vec::new(),
        })
    }

    /// Returns the value of a key, null for one that was written as null.
    pub(super) fn node_or_null(&mut self, key: &'static str) -> Option<&'n Node> {
        #[cfg(debug_assertions)]
        {
            let (what, known) = (self.language.name, self.language.field(key));
            assert!(known.is_some(), "{key} is no key of {what}");
            self.asked.push(key);
        }
        if self.present & bit_of(key) == 0 {
            return None;
        }
        self.table.get(key)
    }

    /// Returns the value of a key; null is absent.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'n Node> {
        self.node_or_null(key)
            .filter(|node| node.value != Value::Null)
    }

    pub(super) fn at(&self, key: &'n str) -> At<'n> {
        self.path.join(key)
    }

    /// Decodes the value of a key by a function of the decoder.
    pub(super) fn with<T>(
        &mut self,
        key: &'static str,
        decode: impl FnOnce(&mut Decoder<'a, F>, &'n Node, &At<'_>) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let path = self.at(key);
        decode(self.decoder, node, &path)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<F::Value<String>> {
        self.with(key, Decoder::text)
    }

    pub(super) fn bool(&mut self, key: &'static str) -> Option<F::Value<bool>> {
        self.with(key, |decoder, node, path| {
            decoder.value(node, path, Decoder::known_bool)
        })
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<F::Value<Duration>> {
        self.with(key, |decoder, node, path| {
            decoder.value(node, path, Decoder::known_duration)
        })
    }

    pub(super) fn bytes(&mut self, key: &'static str) -> Option<F::Value<Bytes>> {
        self.with(key, |decoder, node, path| {
            decoder.value(node, path, Decoder::known_bytes)
        })
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<F::Value<i64>> {
        self.with(key, |decoder, node, path| {
            decoder.value(node, path, Decoder::known_integer)
        })
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<F::Value<String>> {
        self.with(key, Decoder::texts).unwrap_or_default()
    }

    pub(super) fn map(&mut self, key: &'static str) -> IndexMap<String, F::Value<String>> {
        self.with(key, Decoder::map).unwrap_or_default()
    }

    /// Returns a truth value that cannot depend on a variable.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.with(key, Decoder::known_bool)
    }

    /// Returns a number that cannot depend on a variable.
    pub(super) fn count(&mut self, key: &'static str) -> Option<u32> {
        self.with(key, Decoder::known_u32)
    }

    /// Returns a text that cannot depend on a variable.
    pub(super) fn word(&mut self, key: &'static str) -> Option<String> {
        self.with(key, Decoder::known_text)
    }

    /// Returns names, each by its constructor.
    pub(super) fn names<N: Clone + Debug>(
        &mut self,
        key: &'static str,
        new: fn(String) -> Result<N, InvalidName>,
    ) -> Vec<N> {
        self.with(key, |decoder, node, path| {
            let mut names = Vec::new();
            for (index, item) in decoder.items(node, path).iter().enumerate() {
                let at = path.join(index);
                if let Some(text) = decoder.known_text(item, &at) {
                    names.extend(decoder.name(item, text, new));
                }
            }
            Some(names)
        })
        .unwrap_or_default()
    }

    /// Returns the one of the words that stands there.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        debug_assert!(
            self.language
                .field(key)
                .is_some_and(|field| field.shape.has_words(choices.iter().map(|(word, _)| *word))),
            "other words for {key}"
        );
        self.with(key, |decoder, node, path| {
            decoder.choice(node, path, choices)
        })
    }

    /// Tells that keys which exclude each other are both there.
    pub(super) fn exclusive(&mut self, keys: &[&'static str]) {
        debug_assert!(self.language.exclusive.contains(&keys), "{keys:?}");
        let mut here: Vec<(&&str, &Node)> = keys
            .iter()
            .filter_map(|key| Some((key, self.table.get(*key)?)))
            .collect();
        here.sort_by_key(|(_, node)| (node.key.file(), node.key.span().start));
        if let [(first, first_node), (second, node), ..] = here.as_slice() {
            let message = format!("{} has {first} and {second}, and can have one", self.path);
            let diagnostic = Diagnostic::error(Code::ConflictingKeys, message, node.key.label(""))
                .with_secondary(first_node.key.label("and here"));
            self.decoder.tell(diagnostic);
        }
    }

    /// Tells every key that the language does not know here.
    pub(super) fn finish(self) {
        #[cfg(debug_assertions)]
        for field in self.language.fields() {
            let (what, key) = (self.language.name, field.key);
            assert!(self.asked.contains(&key), "nobody reads {key} of {what}");
        }
        for (key, node) in self.table {
            if key.starts_with("x-") || self.language.knows(key) {
                continue;
            }
            if self.language.unsupported.contains(&key.as_str()) {
                let message = format!("{}: stackgen cannot do {key} yet", self.path);
                let label = "known to Compose";
                self.decoder.tell(Diagnostic::error(
                    Code::NotSupported,
                    message,
                    node.key.label(label),
                ));
                continue;
            }
            // To look for what was meant takes long, and of many mistakes the last are not told.
            if self.decoder.is_full() {
                break;
            }
            self.decoder
                .tell(unknown_key(self.language, key, &node.key));
        }
    }

    /// Warns of extension keys where the container's model has no place for them.
    pub(super) fn no_extensions(&mut self) {
        for (key, node) in self.table {
            if key.starts_with("x-") {
                let message = format!("{}: {key} is not carried to the rendered file", self.path);
                self.decoder.tell(Diagnostic::warning(
                    Code::NotSupported,
                    message,
                    node.key.label(""),
                ));
            }
        }
    }
}

/// Returns the bit of a key, which others may share. A container has some eighty keys and a service a handful of them: that one is not there
/// has to be known at the least cost.
fn bit_of(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let at = |index: usize| bytes.get(index).map_or(0, |byte| usize::from(*byte));
    let last = at(bytes.len().wrapping_sub(1));
    1 << ((bytes.len() + 3 * at(0) + 7 * last) % 64)
}

/// Makes the diagnostic for a key that a table does not have.
pub(in super::super) fn unknown_key(
    language: &language::Table,
    key: &str,
    at: &Site,
) -> Diagnostic {
    let message = format!("{} has no key `{key}`", language.what);
    let diagnostic = Diagnostic::error(Code::UnknownKey, message, at.label(""));
    let known = language.fields().map(|field| field.key);
    match nearest(key, known.chain(language.unsupported.iter().copied())) {
        Some(near) => diagnostic.with_help(format!("did you mean {near}?")),
        None => diagnostic,
    }
}
