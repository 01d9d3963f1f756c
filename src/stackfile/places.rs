//! Where each value came from.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::{FileId, KeyPath, Sources};

use super::Annotation;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The bytes of the value.
    pub span: Range<usize>,
    /// The bytes of its key; those of the value for a list item.
    pub key: Range<usize>,
    /// The line of the key, from 1.
    pub line: usize,
}

/// The place of every value, by its path after all layers were merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    places: BTreeMap<KeyPath, Place>,
}

impl Places {
    /// Returns where the value at `path` stands, in whichever layer it came from.
    pub fn find(&self, path: &KeyPath) -> Option<&Place> {
        self.places.get(path)
    }

    /// Returns the place of `path`, or of the nearest table or list around it.
    pub fn nearest(&self, path: &KeyPath) -> Option<&Place> {
        let mut path = path.clone();
        loop {
            if let Some(place) = self.find(&path) {
                return Some(place);
            }
            if path.keys().is_empty() {
                return None;
            }
            path = path.parent();
        }
    }

    /// Marks the value at `path`, or what is nearest to it.
    pub(super) fn value(&self, path: &KeyPath, label: impl Into<String>) -> Annotation {
        self.annotation(path, label.into(), |place| place.span.clone())
    }

    /// Marks the key at `path`, or what is nearest to it.
    pub(super) fn key(&self, path: &KeyPath, label: impl Into<String>) -> Annotation {
        self.annotation(path, label.into(), |place| place.key.clone())
    }

    fn annotation(
        &self,
        path: &KeyPath,
        label: String,
        span: impl Fn(&Place) -> Range<usize>,
    ) -> Annotation {
        let (file, span) = match self.nearest(path) {
            Some(place) => (place.file, span(place)),
            None => (FileId(0), 0..0),
        };
        Annotation { file, span, label }
    }

    pub(super) fn insert(&mut self, path: KeyPath, place: Place) {
        self.places.insert(path, place);
    }
}

/// Returns line and column of a byte of a file, both from 1. Columns count characters.
pub fn line_and_column(sources: &Sources, file: FileId, offset: usize) -> (usize, usize) {
    let text = sources.file(file).text.as_deref().unwrap_or_default();
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
