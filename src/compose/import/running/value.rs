//! Values of containers as values of stack.toml. None of them came from a line of a file.

use std::time::Duration;

use crate::compose::import::item::{Item, Table, Toml};
use crate::compose::import::yaml::At;
use crate::model::{Bytes, format_duration};

/// Nowhere: what runs has no lines.
const NOWHERE: At = At { file: 0, line: 0 };

/// Returns a text that means itself: a `$` in it begins no variable.
pub(super) fn escaped(raw: &str) -> String {
    raw.replace('$', "$$")
}

pub(super) fn text(raw: &str) -> Item {
    written(escaped(raw))
}

/// Returns a text in which `${…}` are variables.
pub(super) fn written(text: impl Into<String>) -> Item {
    Item::text(text, NOWHERE)
}

pub(super) fn bare(value: impl std::fmt::Display) -> Item {
    Item::bare(value.to_string(), NOWHERE)
}

pub(super) fn null() -> Item {
    Item::null(NOWHERE)
}

pub(super) fn list(items: Vec<Item>) -> Item {
    Item::new(Toml::List(items), NOWHERE)
}

pub(super) fn texts<'t>(raw: impl IntoIterator<Item = &'t String>) -> Item {
    list(raw.into_iter().map(|raw| text(raw)).collect())
}

pub(super) fn table(table: Table) -> Item {
    Item::new(Toml::Table(table), NOWHERE)
}

/// Puts an item under a key; nothing for `None`.
pub(super) fn put(table: &mut Table, key: &str, item: Option<Item>) {
    if let Some(item) = item {
        table.insert(key.to_owned(), item);
    }
}

/// Puts a list of texts under a key, unless it is empty.
pub(super) fn put_texts(table: &mut Table, key: &str, raw: &[String]) {
    put(table, key, (!raw.is_empty()).then(|| texts(raw)));
}

/// Puts `key = true`, if it is so.
pub(super) fn put_flag(table: &mut Table, key: &str, is_so: bool) {
    put(table, key, is_so.then(|| bare(true)));
}

/// Puts a table under a key, unless it is empty.
pub(super) fn put_table(into: &mut Table, key: &str, inner: Table) {
    put(into, key, (!inner.is_empty()).then(|| table(inner)));
}

/// Writes a duration without the zeros that Go ends it with: `5m`, not `5m0s`.
pub(super) fn duration(duration: Duration) -> Item {
    let mut text = format_duration(duration);
    if text.ends_with("m0s") {
        text.truncate(text.len() - 2);
    }
    if text.ends_with("h0m") {
        text.truncate(text.len() - 2);
    }
    written(text)
}

/// Writes a size with the largest unit that leaves no fraction: `512m`.
pub(super) fn size(bytes: Bytes) -> Item {
    let units = [(1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k")];
    let exact = units
        .into_iter()
        .find(|(unit, _)| bytes.0 > 0 && bytes.0 % unit == 0);
    match exact {
        Some((unit, letter)) => written(format!("{}{letter}", bytes.0 / unit)),
        None => bare(bytes.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_short() {
        for (seconds, written) in [
            (30, "30s"),
            (60, "1m"),
            (90, "1m30s"),
            (3600, "1h"),
            (3660, "1h1m"),
            (36_610, "10h10m10s"),
        ] {
            let item = duration(Duration::from_secs(seconds));
            assert_eq!(item.value, Toml::Text(written.to_owned()));
        }
        for (bytes, written) in [(512 << 20, "512m"), (1 << 30, "1g"), (1536 << 20, "1536m")] {
            assert_eq!(size(Bytes(bytes)).value, Toml::Text(written.to_owned()));
        }
        for number in [-1, 1000] {
            assert_eq!(size(Bytes(number)).value, Toml::Bare(number.to_string()));
        }
    }
}
