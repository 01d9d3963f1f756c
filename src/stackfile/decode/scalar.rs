//! Decodes single values.

use std::fmt::Debug;
use std::time::Duration;

use indexmap::IndexMap;

use crate::model::{
    Bytes, Form, ImageReference, InvalidName, NanoCpus, QuantityError, Restart, parse_duration,
};

use super::super::suggest::nearest;
use super::super::tree::{Node, Value};
use super::super::variables::scalar;
use super::super::{Code, Diagnostic};
use super::{At, Decoder};

impl<'a, F: Form> Decoder<'a, F> {
    /// Decodes a value that may depend on variables.
    pub(super) fn value<T>(
        &mut self,
        node: &Node,
        path: &At<'_>,
        decode: impl FnOnce(&mut Self, &Node, &At<'_>) -> Option<T>,
    ) -> Option<F::Value<T>>
    where
        T: Clone + Debug + PartialEq + Eq + Send + Sync,
    {
        if let Some(template) = self.variable_in(node) {
            return F::raw(template.clone());
        }
        decode(self, node, path).map(F::literal)
    }

    pub(super) fn text(&mut self, node: &Node, path: &At<'_>) -> Option<F::Value<String>> {
        self.value(node, path, Self::known_text)
    }

    /// Decodes a text where a number or truth value will do too, as in environment and labels.
    pub(super) fn loose_text(&mut self, node: &Node, path: &At<'_>) -> Option<F::Value<String>> {
        self.value(node, path, |decoder, node, path| {
            let text = scalar(node, decoder.mode());
            if text.is_none() {
                decoder.wrong_type(node, path, "text");
            }
            text
        })
    }

    pub(super) fn known_text(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        if let Value::Text(text) = &node.value
            && let Some(known) = text.known(self.mode())
        {
            return Some(known.to_owned());
        }
        let number = match &node.value {
            Value::Integer { text, .. } => Some(text.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        };
        match number {
            Some(written) => {
                let key = path.last();
                let message = format!("{path} has to be text");
                let help = if path.is_item() {
                    format!("write \"{written}\"")
                } else {
                    format!("write {key} = \"{written}\"")
                };
                self.tell(
                    Diagnostic::error(Code::WrongType, message, node.at.label(node.kind()))
                        .with_help(help),
                );
            }
            None => self.wrong_type(node, path, "text"),
        }
        None
    }

    pub(super) fn known_bool(&mut self, node: &Node, path: &At<'_>) -> Option<bool> {
        match &node.value {
            Value::Bool(value) => return Some(*value),
            Value::Text(text) => match text.known(self.mode()) {
                Some("true") => return Some(true),
                Some("false") => return Some(false),
                _ => {}
            },
            _ => {}
        }
        self.wrong_type(node, path, "true or false");
        None
    }

    pub(super) fn known_integer(&mut self, node: &Node, path: &At<'_>) -> Option<i64> {
        match &node.value {
            Value::Integer { value, .. } => return Some(*value),
            Value::Text(text) => {
                if let Some(Ok(value)) = text.known(self.mode()).map(str::parse) {
                    return Some(value);
                }
            }
            _ => {}
        }
        self.wrong_type(node, path, "a whole number");
        None
    }

    pub(super) fn known_u32(&mut self, node: &Node, path: &At<'_>) -> Option<u32> {
        let number = self.known_integer(node, path)?;
        match u32::try_from(number) {
            Ok(number) => Some(number),
            Err(_) => {
                let message = format!("{path} has to be a number from 0 on");
                self.bad_value(Code::BadValue, node, message, "", None);
                None
            }
        }
    }

    pub(super) fn known_duration(&mut self, node: &Node, path: &At<'_>) -> Option<Duration> {
        let key = path.last();
        if let Value::Integer { text, .. } = &node.value {
            let label = "a number; here stands text like \"10s\", \"1m30s\" or \"500ms\"";
            self.tell(
                Diagnostic::error(
                    Code::WrongType,
                    "a duration needs a unit",
                    node.at.label(label),
                )
                .with_help(format!("write {key} = \"{text}s\"")),
            );
            return None;
        }
        let text = self.known_text(node, path)?;
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let help = match error {
                    QuantityError::DurationWithoutUnit => format!("write {key} = \"{text}s\""),
                    _ => "a duration is text like \"10s\", \"1m30s\" or \"500ms\"".to_owned(),
                };
                let message = format!("{path}: {error}");
                self.bad_value(Code::BadDuration, node, message, "", Some(help));
                None
            }
        }
    }

    pub(super) fn known_bytes(&mut self, node: &Node, path: &At<'_>) -> Option<Bytes> {
        if let Value::Integer { value, .. } = node.value {
            return Some(Bytes(value));
        }
        let text = self.known_text(node, path)?;
        match Bytes::parse(&text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                let help = "a size is text like \"512m\" or \"1.5g\"".to_owned();
                self.bad_value(
                    Code::BadSize,
                    node,
                    format!("{path}: {error}"),
                    "",
                    Some(help),
                );
                None
            }
        }
    }

    pub(super) fn known_cpus(&mut self, node: &Node, path: &At<'_>) -> Option<NanoCpus> {
        let text = match &node.value {
            Value::Text(_) => self.known_text(node, path)?,
            Value::Integer { .. } | Value::Float(_) => scalar(node, self.mode())?,
            _ => {
                self.wrong_type(node, path, "a number of CPUs");
                return None;
            }
        };
        match NanoCpus::parse(&text) {
            Ok(cpus) => Some(cpus),
            Err(error) => {
                let help = "as in cpus = 0.5".to_owned();
                self.bad_value(
                    Code::BadValue,
                    node,
                    format!("{path}: {error}"),
                    "",
                    Some(help),
                );
                None
            }
        }
    }

    pub(super) fn known_image(&mut self, node: &Node, path: &At<'_>) -> Option<ImageReference> {
        let text = self.known_text(node, path)?;
        match ImageReference::parse(&text) {
            Ok(image) => Some(image),
            Err(error) => {
                let help =
                    "an image is [host[:port]/]name[:tag][@digest], in lower case".to_owned();
                self.bad_value(
                    Code::BadImage,
                    node,
                    format!("{path}: {error}"),
                    "",
                    Some(help),
                );
                None
            }
        }
    }

    pub(super) fn known_restart(&mut self, node: &Node, path: &At<'_>) -> Option<Restart> {
        const HELP: &str = "no, always, unless-stopped, on-failure or on-failure:TIMES, as text";
        if let Value::Bool(_) = node.value {
            let message = format!("{path} has to be text");
            let told = Diagnostic::error(Code::WrongType, message, node.at.label(node.kind()));
            self.tell(told.with_help(HELP));
            return None;
        }
        let text = self.known_text(node, path)?;
        let policy = match text.as_str() {
            "no" => Some(Restart::No),
            "always" => Some(Restart::Always),
            "unless-stopped" => Some(Restart::UnlessStopped),
            "on-failure" => Some(Restart::OnFailure(None)),
            _ => text
                .strip_prefix("on-failure:")
                .and_then(|times| times.parse().ok())
                .map(|times| Restart::OnFailure(Some(times))),
        };
        if policy.is_none() {
            let message = format!("{path}: {text:?} is no restart policy");
            self.bad_value(Code::BadValue, node, message, "", Some(HELP.to_owned()));
        }
        policy
    }

    /// Decodes a file mode: text in octal, or an octal number. A decimal one is a slip.
    pub(super) fn known_mode(&mut self, node: &Node, path: &At<'_>) -> Option<u32> {
        let key = path.last();
        let parsed = match &node.value {
            Value::Integer {
                value, radix: 8, ..
            } => u32::try_from(*value).ok(),
            Value::Integer { text, .. } => {
                let digits = text.trim_start_matches('0');
                let message = format!("{path}: a mode is written in octal");
                self.tell(
                    Diagnostic::error(Code::WrongType, message, node.at.label("a decimal number"))
                        .with_help(format!(
                            "write {key} = 0o{digits}, or {key} = \"0{digits}\""
                        )),
                );
                return None;
            }
            _ => {
                let text = self.known_text(node, path)?;
                u32::from_str_radix(text.trim_start_matches("0o"), 8).ok()
            }
        };
        if parsed.is_none_or(|mode| mode > 0o7777) {
            let message = format!("{path} is no file mode");
            let help = Some(format!("as in {key} = \"0444\""));
            self.bad_value(Code::BadValue, node, message, "", help);
        }
        parsed.filter(|mode| *mode <= 0o7777)
    }

    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        path: &At<'_>,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let at = self.word(node, path, &words)?;
        choices.get(at).map(|(_, value)| *value)
    }

    /// Returns which of the words it is.
    pub(super) fn word(&mut self, node: &Node, path: &At<'_>, words: &[&str]) -> Option<usize> {
        if !matches!(node.value, Value::Text(_)) {
            self.wrong_type(
                node,
                path,
                &format!("one of the words {}", words.join(", ")),
            );
            return None;
        }
        let text = self.known_text(node, path)?;
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            let help = match nearest(&text, words.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("one of: {}", words.join(", ")),
            };
            let message = format!("{path} cannot be {text:?}");
            self.bad_value(Code::BadValue, node, message, "", Some(help));
        }
        found
    }

    /// Makes a name of a text; one that breaks the rules is told.
    pub(super) fn name<N>(
        &mut self,
        node: &Node,
        text: String,
        new: fn(String) -> Result<N, InvalidName>,
    ) -> Option<N> {
        match new(text) {
            Ok(name) => Some(name),
            Err(error) => {
                self.bad_name(&node.at, &error);
                None
            }
        }
    }

    /// Makes a name of the key of a table entry.
    pub(super) fn key_name<N>(
        &mut self,
        key: &str,
        node: &Node,
        new: fn(String) -> Result<N, InvalidName>,
    ) -> Option<N> {
        match new(key.to_owned()) {
            Ok(name) => Some(name),
            Err(error) => {
                self.bad_name(&node.key, &error);
                None
            }
        }
    }

    fn bad_name(&mut self, site: &super::super::tree::Site, error: &InvalidName) {
        let message = format!("{:?} is not a {}", error.text, error.kind);
        self.tell(Diagnostic::error(Code::BadName, message, site.label("")).with_help(error.rule));
    }

    /// Returns the items of a list, or one value as the only item.
    pub(super) fn items<'n>(&mut self, node: &'n Node, path: &At<'_>) -> &'n [Node] {
        match &node.value {
            Value::List(items) => items,
            Value::Text(_) => std::slice::from_ref(node),
            _ => {
                self.wrong_type(node, path, "a list");
                &[]
            }
        }
    }

    /// Decodes a list of texts; one text is a list of one.
    pub(super) fn texts(&mut self, node: &Node, path: &At<'_>) -> Option<Vec<F::Value<String>>> {
        let mut texts = Vec::new();
        for (index, item) in self.items(node, path).iter().enumerate() {
            texts.extend(self.text(item, &path.join(index)));
        }
        Some(texts)
    }

    /// Decodes a list of texts in which numbers are fine too.
    pub(super) fn loose_texts(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<Vec<F::Value<String>>> {
        let mut texts = Vec::new();
        for (index, item) in self.items(node, path).iter().enumerate() {
            texts.extend(self.loose_text(item, &path.join(index)));
        }
        Some(texts)
    }

    /// Decodes a table of texts; numbers and truth values become text, null becomes empty.
    pub(super) fn map(
        &mut self,
        node: &Node,
        path: &At<'_>,
    ) -> Option<IndexMap<String, F::Value<String>>> {
        let Some(table) = node.table() else {
            self.no_pairs(node, path);
            return None;
        };
        let mut map = IndexMap::with_capacity(table.len());
        for (key, inner) in table {
            let value = if inner.value == Value::Null {
                Some(F::literal(String::new()))
            } else {
                self.loose_text(inner, &path.join(key))
            };
            if let Some(value) = value {
                map.insert(key.clone(), value);
            }
        }
        Some(map)
    }

    /// Tells that there is neither a table nor a list of pairs. A list that was not made a table has an item that is no text, or a name
    /// that depends on a variable.
    pub(super) fn no_pairs(&mut self, node: &Node, path: &At<'_>) {
        let items = node.list().unwrap_or_default();
        if items.iter().any(|item| item.is_poison(self.mode())) {
            return;
        }
        let named = |item: &&Node| {
            let name = item.raw_text().and_then(|text| text.split('=').next());
            name.is_some_and(|name| name.contains('$'))
        };
        let Some(item) = items.iter().find(named) else {
            self.wrong_type(node, path, "a table, or a list of \"KEY=value\"");
            return;
        };
        let message = format!("{path}: a name cannot depend on a variable");
        let told = Diagnostic::error(Code::WrongType, message, item.at.label(""));
        self.tell(told.with_help("${…} stands for a value, behind the ="));
    }
}
