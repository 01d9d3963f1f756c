//! Where the decoder is.

use std::fmt;

use crate::model::KeyPath;

/// A path of keys that is held together by the calls of the decoder: one step costs nothing, and a [`KeyPath`] is made only where
/// something is told.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct At<'p> {
    above: Option<&'p At<'p>>,
    step: Step<'p>,
}

/// One step of a path.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Step<'p> {
    /// Into the value of a key.
    Key(&'p str),
    /// Into an item of a list, from 0.
    Item(usize),
}

impl<'p> From<&'p str> for Step<'p> {
    fn from(key: &'p str) -> Self {
        Self::Key(key)
    }
}

impl<'p> From<&'p String> for Step<'p> {
    fn from(key: &'p String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Item(item) => item.fmt(f),
        }
    }
}

impl<'p> At<'p> {
    /// The root of the tree.
    pub(in super::super) const TOP: Self = Self {
        above: None,
        step: Step::Key(""),
    };

    /// Returns this path with one more step at its end.
    pub(in super::super) fn join(&'p self, step: impl Into<Step<'p>>) -> Self {
        Self {
            above: Some(self),
            step: step.into(),
        }
    }

    /// Returns the last key; of the root, nothing.
    pub(super) fn last(&self) -> String {
        self.step.to_string()
    }

    /// Returns whether it is an item of a list.
    pub(super) fn is_item(&self) -> bool {
        match self.step {
            Step::Item(_) => true,
            Step::Key(key) => key.parse::<usize>().is_ok(),
        }
    }

    /// Returns the path as a value.
    pub(super) fn key_path(&self) -> KeyPath {
        let mut steps = Vec::new();
        let mut at = self;
        while let Some(above) = at.above {
            steps.push(at.step.to_string());
            at = above;
        }
        steps.reverse();
        KeyPath::new(steps)
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key_path().fmt(f)
    }
}
