//! Comments of compose files: those on lines of their own, which say something about the key or item right below.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::item::{Item, Table, Toml};
use super::yaml::At;

/// The comments of every file that was read.
#[derive(Debug, Default)]
pub(super) struct Comments {
    /// By the line of what stands below them.
    above: HashMap<At, Arc<str>>,
    /// What the first file begins with.
    pub(super) header: Vec<String>,
}

impl Comments {
    /// Returns how many lines of a text look like comments, and their bytes.
    pub(super) fn size(text: &str) -> (usize, usize) {
        let comments = text
            .lines()
            .filter(|line| line.trim_start().starts_with('#'));
        comments.fold((0, 0), |(lines, bytes), line| {
            (lines + 1, bytes + line.len())
        })
    }

    /// Finds the comments of a file. Text of several lines may look like one; but it is indented more than the key that follows it, so
    /// that a comment is one where it is indented like what stands below.
    pub(super) fn read(&mut self, file: usize, text: &str) {
        let mut pending: Vec<(usize, String)> = Vec::new();
        let mut has_begun = false;
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            if let Some(comment) = trimmed.strip_prefix('#') {
                pending.push((indent, plain(comment)));
                continue;
            }
            let lines = std::mem::take(&mut pending);
            if !has_begun && file == 0 {
                self.begin(lines);
            } else if !trimmed.is_empty() {
                let others = lines.iter().rposition(|(other, _)| *other != indent);
                let own = others.map_or(0, |at| at + 1);
                let own: Vec<&str> = lines[own..].iter().map(|(_, it)| it.as_str()).collect();
                let line = index + 1;
                if !own.is_empty() {
                    self.above.insert(At { file, line }, own.join("\n").into());
                }
            }
            has_begun |= !trimmed.is_empty();
        }
    }

    /// Adds lines to what the first file begins with.
    fn begin(&mut self, lines: Vec<(usize, String)>) {
        if !lines.is_empty() && !self.header.is_empty() {
            self.header.push(String::new());
        }
        self.header.extend(lines.into_iter().map(|(_, line)| line));
    }

    /// Puts comments above the items that they were above of.
    pub(super) fn attach(&self, table: &mut Table) {
        table.values_mut().for_each(|item| self.attach_to(item));
    }

    pub(super) fn attach_to(&self, item: &mut Item) {
        if item.comment.is_none() {
            item.comment = self.above.get(&item.at).cloned();
        }
        match &mut item.value {
            Toml::Table(inner) => self.attach(inner),
            Toml::List(items) => items.iter_mut().for_each(|item| self.attach_to(item)),
            Toml::Text(_) | Toml::Bare(_) => {}
        }
    }

    /// Keeps the first of each: what several services got from one place has its comment as often.
    pub(super) fn keep_first(&self, tables: &mut Table) {
        let mut seen = HashSet::new();
        tables
            .values_mut()
            .for_each(|item| self.keep_first_of(item, &mut seen));
    }

    fn keep_first_of(&self, item: &mut Item, seen: &mut HashSet<At>) {
        let is_of_file =
            item.comment.is_some() && item.comment.as_ref() == self.above.get(&item.at);
        if is_of_file && !seen.insert(item.at) {
            item.comment = None;
        }
        match &mut item.value {
            Toml::Table(inner) => inner
                .values_mut()
                .for_each(|item| self.keep_first_of(item, seen)),
            Toml::List(items) => items
                .iter_mut()
                .for_each(|item| self.keep_first_of(item, seen)),
            Toml::Text(_) | Toml::Bare(_) => {}
        }
    }
}

/// Returns a comment without its first blank and without what TOML allows in none.
fn plain(comment: &str) -> String {
    let comment = comment.strip_prefix(' ').unwrap_or(comment).trim_end();
    let is_fine = |c: &char| !c.is_control() || *c == '\t';
    comment.chars().filter(is_fine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_belong_to_what_stands_below_at_the_same_depth() {
        let text = "# head\n#  two\n\n# more\nname: x\nservices:\n  # the web\n  #  server\n  web:\n    command: |\n      # text\n      more\n    #up\n  # down\n  db:\n    ports:\n    # first\n    - 80\n    # end\nx: 1\n";
        let mut comments = Comments::default();
        comments.read(0, text);
        assert_eq!(comments.header, ["head", " two", "", "more"]);
        let mut found: Vec<(usize, &str)> = comments
            .above
            .iter()
            .map(|(at, text)| (at.line, &**text))
            // Line 12 is within a text: nothing stands there.
            .filter(|(line, _)| *line != 12)
            .collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [(9, "the web\n server"), (15, "down"), (18, "first")]
        );
    }
}
