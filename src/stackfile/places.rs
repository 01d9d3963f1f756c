//! Where each value came from.

use std::ops::Range;
use std::sync::Arc;

use crate::model::{FileId, KeyPath, Sources};

use super::Annotation;
use super::tree::Node;

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
#[derive(Debug, Clone)]
pub struct Places {
    /// The merged tree: it has the places already, so that no path has to be written down for each of them.
    root: Arc<Node>,
    /// Where the lines of each file begin, but for the first.
    line_starts: Arc<[Vec<usize>]>,
}

impl Places {
    pub(super) fn new(root: Node, sources: &Sources) -> Self {
        let starts = |text: &str| text.match_indices('\n').map(|(at, _)| at + 1).collect();
        let texts = sources.files.iter().map(|file| file.text.as_deref());
        Self {
            line_starts: texts.map(|text| starts(text.unwrap_or_default())).collect(),
            root: Arc::new(root),
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
        let place = self.nearest(path);
        Annotation {
            file: place.file,
            span: span(&place),
            label,
        }
    }

    /// Returns where the value at `path` stands, in whichever layer it came from.
    pub fn find(&self, path: &KeyPath) -> Option<Place> {
        let mut keys = path.keys().iter();
        let node = keys.try_fold(&*self.root, |node, key| below(node, key))?;
        Some(self.place(node))
    }

    /// Returns the place of `path`, or of the nearest table or list around it.
    pub fn nearest(&self, path: &KeyPath) -> Place {
        let mut node = &*self.root;
        for key in path.keys() {
            match below(node, key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        self.place(node)
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    fn place(&self, node: &Node) -> Place {
        let (file, key) = (node.key.file(), node.key.span());
        let starts = &self.line_starts[file.0];
        Place {
            file,
            span: node.at.span(),
            line: starts.partition_point(|start| *start <= key.start) + 1,
            key,
        }
    }
}

/// Returns the value of a key of a table, or the item of a list at an index.
fn below<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match node.list() {
        Some(items) => items.get(key.parse::<usize>().ok()?),
        None => node.get(key),
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
