//! An imported stack as the text of stack.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::model::KeyPath;

use super::item::{Item, Table, Toml};
use super::project::Imported;
use super::toml_text::{key, lines, string};
use super::{ImportWarning, toml_text};

/// A line should not be longer.
const WIDTH: usize = 100;
/// Tables that read better as tables, unless they have one entry.
const TABLES: [&str; 5] = ["environment", "healthcheck", "labels", "build", "deploy"];
/// Sections whose entries are always tables of their own.
const SECTIONS: [&str; 3] = ["services", "mixins", "defaults"];

/// The text of stack.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The text.
    pub text: String,
    /// Of what stands at the bytes that were asked for: the bytes of each key and item.
    keys: Vec<(Range<usize>, KeyPath)>,
}

impl Written {
    /// Returns the path of the key or item that stands at a byte of the text, one of those that were asked for.
    pub fn path_at(&self, byte: usize) -> Option<&KeyPath> {
        self.keys
            .iter()
            .filter(|(range, _)| range.contains(&byte))
            .min_by_key(|(range, _)| range.len())
            .map(|(_, path)| path)
    }
}

impl Imported {
    /// Writes stack.toml. What `left_out` names becomes a comment, with the reason above it.
    pub fn write(&self, left_out: &BTreeMap<KeyPath, String>) -> Written {
        self.write_with(left_out, &BTreeSet::new())
    }

    /// Writes stack.toml as [`Self::write`] does, and remembers what stands at these bytes of it. All places together would take many
    /// times as much room as the text.
    pub fn write_with(
        &self,
        left_out: &BTreeMap<KeyPath, String>,
        asked: &BTreeSet<usize>,
    ) -> Written {
        let mut writer = Writer {
            text: String::new(),
            keys: Vec::new(),
            left_out,
            asked,
        };
        for line in &self.header {
            writer.comment(line);
        }
        writer.body(&self.tables, &KeyPath::default());
        Written {
            text: writer.text,
            keys: writer.keys,
        }
    }

    /// Returns the warnings: those of the import, and one for each part that `left_out` names.
    pub fn warnings_with(&self, left_out: &BTreeMap<KeyPath, String>) -> Vec<ImportWarning> {
        let mut warnings: BTreeSet<ImportWarning> = self.warnings.iter().cloned().collect();
        for (path, reason) in left_out {
            let at = find(&self.tables, path.keys()).map_or_else(Default::default, |item| item.at);
            let (file, line) = self.place(at);
            warnings.insert(ImportWarning {
                path: file,
                line,
                message: format!("{path} is left as a comment: {reason}"),
            });
        }
        warnings.into_iter().collect()
    }
}

fn find<'t>(table: &'t Table, keys: &[String]) -> Option<&'t Item> {
    let (first, rest) = keys.split_first()?;
    let mut item = table.get(first)?;
    for key in rest {
        item = match &item.value {
            Toml::Table(table) => table.get(key)?,
            Toml::List(items) => items.get(key.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    Some(item)
}

struct Writer<'a> {
    text: String,
    keys: Vec<(Range<usize>, KeyPath)>,
    left_out: &'a BTreeMap<KeyPath, String>,
    asked: &'a BTreeSet<usize>,
}

impl Writer<'_> {
    /// Remembers what was written since `start`, if it was asked for.
    fn remember(&mut self, start: usize, path: &KeyPath) {
        let range = start..self.text.len();
        if self.asked.range(range.clone()).next().is_some() {
            self.keys.push((range, path.clone()));
        }
    }

    /// Writes the entries of a table: those that fit on lines first, then the tables.
    fn body(&mut self, table: &Table, path: &KeyPath) {
        let mut tables = Vec::new();
        for (name, item) in table {
            let at = path.join(name);
            if let Some(reason) = self.left_out.get(&at) {
                self.comment_out(name, item, reason);
            } else if self.is_table(name, item, &at) {
                tables.push((at, item));
            } else {
                self.comments(item, &at);
                self.entry(name, item, &at);
            }
        }
        for (at, item) in tables {
            let Some(inner) = item.table() else { continue };
            let has_own_lines = inner.is_empty()
                || inner
                    .iter()
                    .any(|(name, item)| !self.is_table(name, item, &at.join(name)));
            if has_own_lines {
                self.header(item, &at);
            } else if let Some(comment) = &item.comment {
                self.text.push('\n');
                self.comment(comment);
            }
            self.body(inner, &at);
        }
    }

    fn header(&mut self, item: &Item, path: &KeyPath) {
        self.text.push('\n');
        if let Some(comment) = &item.comment {
            self.comment(comment);
        }
        let start = self.text.len();
        let names: Vec<String> = path.keys().iter().map(|name| key(name)).collect();
        self.text.push_str(&format!("[{}]\n", names.join(".")));
        self.remember(start, path);
    }

    /// Writes a comment, which may have several lines.
    fn comment(&mut self, comment: &str) {
        for line in comment.split('\n') {
            self.text.push_str(format!("# {line}").trim_end());
            self.text.push('\n');
        }
    }

    /// Returns whether an entry has a header of its own.
    fn is_table(&self, name: &str, item: &Item, path: &KeyPath) -> bool {
        let Some(table) = item.table() else {
            return false;
        };
        if self.left_out.contains_key(path) || item.is_null() {
            return false;
        }
        let keys = path.keys();
        if keys.len() == 1 || (keys.len() == 2 && SECTIONS.contains(&keys[0].as_str())) {
            return true;
        }
        if table.is_empty() {
            return false;
        }
        let has_left_out = self.left_out.keys().any(|left| path.leads_to(left));
        let is_block = TABLES.contains(&name) && table.len() > 1;
        has_left_out
            || is_block
            || has_comments(table)
            || key(name).len() + 3 + inline(item).len() > WIDTH
    }

    /// Writes what is said above an entry: its comment, and what is left out within it.
    fn comments(&mut self, item: &Item, path: &KeyPath) {
        if let Some(comment) = &item.comment {
            self.comment(comment);
        }
        if let Toml::List(items) = &item.value {
            for (index, inner) in items.iter().enumerate() {
                let at = path.join(index);
                for (name, value) in inner.table().into_iter().flatten() {
                    if let Some(reason) = self.left_out.get(&at.join(name)) {
                        self.comment_out(
                            &format!("{}.{index}.{name}", path.last().unwrap_or_default()),
                            value,
                            reason,
                        );
                    }
                }
            }
        }
    }

    fn comment_out(&mut self, name: &str, item: &Item, reason: &str) {
        self.text.push_str(&format!("# {reason}:\n"));
        let name = if name.contains('.') {
            name.to_owned()
        } else {
            key(name)
        };
        self.text
            .push_str(&format!("# {name} = {}\n", inline(item)));
    }

    fn entry(&mut self, name: &str, item: &Item, path: &KeyPath) {
        let start = self.text.len();
        self.text.push_str(&key(name));
        self.remember(start, path);
        self.text.push_str(" = ");
        match &item.value {
            Toml::Text(text) if text.trim_end_matches('\n').contains('\n') => {
                self.text.push_str(&lines(text));
            }
            Toml::List(items) => self.list(items, path, self.text.len() - start),
            _ => self.inline(item, path),
        }
        self.text.push('\n');
    }

    fn list(&mut self, items: &[Item], path: &KeyPath, before: usize) {
        let is_short = before
            + items
                .iter()
                .map(|item| inline(item).len() + 2)
                .sum::<usize>()
            <= WIDTH;
        let has_lines = items
            .iter()
            .any(|item| matches!(&item.value, Toml::Text(text) if text.contains('\n')));
        let is_left_out = |index: usize| self.left_out.contains_key(&path.join(index));
        let has_left_out = (0..items.len()).any(is_left_out);
        let has_comments = items.iter().any(|item| item.comment.is_some());
        if is_short && !has_lines && !has_left_out && !has_comments {
            self.text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    self.text.push_str(", ");
                }
                self.item(item, &path.join(index));
            }
            self.text.push(']');
            return;
        }
        self.text.push_str("[\n");
        for (index, item) in items.iter().enumerate() {
            let at = path.join(index);
            if let Some(reason) = self.left_out.get(&at) {
                self.text
                    .push_str(&format!("  # {reason}:\n  # {},\n", inline(item)));
                continue;
            }
            for line in item.comment.iter().flat_map(|comment| comment.split('\n')) {
                self.text.push_str(format!("  # {line}").trim_end());
                self.text.push('\n');
            }
            self.text.push_str("  ");
            self.item(item, &at);
            self.text.push_str(",\n");
        }
        self.text.push(']');
    }

    fn item(&mut self, item: &Item, path: &KeyPath) {
        let start = self.text.len();
        match &item.value {
            Toml::Text(text) if text.contains('\n') => self.text.push_str(&lines(text)),
            _ => self.inline(item, path),
        }
        self.remember(start, path);
    }

    /// Writes a value on one line.
    fn inline(&mut self, item: &Item, path: &KeyPath) {
        match &item.value {
            Toml::Text(text) => self.text.push_str(&string(text)),
            Toml::Bare(text) => self.text.push_str(text),
            Toml::List(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.text.push_str(", ");
                    }
                    self.inline(item, &path.join(index));
                }
                self.text.push(']');
            }
            Toml::Table(table) => {
                let kept: Vec<(&String, &Item)> = table
                    .iter()
                    .filter(|(name, _)| !self.left_out.contains_key(&path.join(name)))
                    .collect();
                self.text.push_str(if kept.is_empty() { "{" } else { "{ " });
                for (index, (name, item)) in kept.iter().enumerate() {
                    if index > 0 {
                        self.text.push_str(", ");
                    }
                    let at = path.join(name);
                    let start = self.text.len();
                    self.text.push_str(&key(name));
                    self.remember(start, &at);
                    self.text.push_str(" = ");
                    self.inline(item, &at);
                }
                self.text.push_str(if kept.is_empty() { "}" } else { " }" });
            }
        }
    }
}

/// Returns whether there are comments within a table, which have no place on one line.
fn has_comments(table: &Table) -> bool {
    table
        .values()
        .any(|item| item.comment.is_some() || item.table().is_some_and(has_comments))
}

/// Returns a value on one line.
fn inline(item: &Item) -> String {
    match &item.value {
        Toml::Text(text) => toml_text::string(text),
        Toml::Bare(text) => text.clone(),
        Toml::List(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Toml::Table(table) if table.is_empty() => "{}".to_owned(),
        Toml::Table(table) => {
            let entries: Vec<String> = table
                .iter()
                .map(|(name, item)| format!("{} = {}", key(name), inline(item)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}
