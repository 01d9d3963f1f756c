//! Mistakes as values: what is wrong, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use crate::model::FileId;

use super::Code;

/// Up to how many mistakes are looked at; a file with more is of another kind than stackgen takes it for.
pub(super) const MISTAKES: usize = 1_000;

/// Up to how many characters of a message are kept.
const LONGEST: usize = 1_000;

/// Cuts the middle out of what is too long to be read.
fn shortened(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST / 2).collect();
    let end: Vec<char> = text.chars().rev().take(100).collect();
    let end: String = end.into_iter().rev().collect();
    format!("{start}…{end}")
}

/// Whether a diagnostic forbids going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is done.
    Error,
    /// It is shown, and work goes on.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// What a diagnostic is about: the file alone, or the values of variables too.
///
/// Commands that need no values (`render`, `graph`, `schema`) pass over those of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Concern {
    /// It is wrong whatever the variables are.
    File,
    /// It is wrong with today's values.
    #[default]
    Values,
}

/// A place with a word on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Annotation {
    /// The file.
    pub file: FileId,
    /// The bytes in it.
    pub span: Range<usize>,
    /// What is there; empty where the message says it already.
    pub label: String,
}

/// One mistake: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of mistake.
    pub code: Code,
    /// Whether it forbids going on.
    pub severity: Severity,
    /// What is wrong, in the user's terms, with the path of the thing.
    pub message: String,
    /// Where it is wrong.
    pub primary: Annotation,
    /// Places that explain it.
    pub secondary: Vec<Annotation>,
    /// A picture of it that stands in the place of the source lines, such as a cycle as a path.
    pub drawing: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// What to type.
    pub help: Option<String>,
    /// Whether the file is wrong or the values.
    pub concern: Concern,
}

impl Diagnostic {
    /// Returns an error about the file.
    pub fn error(code: Code, message: impl Into<String>, primary: Annotation) -> Self {
        let label = shortened(primary.label);
        Self {
            code,
            severity: Severity::Error,
            message: shortened(message.into()),
            primary: Annotation { label, ..primary },
            secondary: Vec::new(),
            drawing: Vec::new(),
            notes: Vec::new(),
            help: None,
            concern: Concern::File,
        }
    }

    /// Returns a warning about the file.
    pub fn warning(code: Code, message: impl Into<String>, primary: Annotation) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message, primary)
        }
    }

    /// Adds what to type.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Adds a place that explains it.
    #[must_use]
    pub fn with_secondary(mut self, annotation: Annotation) -> Self {
        self.secondary.push(annotation);
        self
    }

    /// Makes it one about today's values.
    #[must_use]
    pub fn about_values(mut self) -> Self {
        self.concern = Concern::Values;
        self
    }

    /// Returns whether it forbids going on.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Returns what diagnostics are sorted by: the file, the place in it, the code.
    pub(super) fn sort_key(&self) -> (FileId, usize, usize, Code) {
        let at = &self.primary;
        (at.file, at.span.start, at.span.end, self.code)
    }
}
