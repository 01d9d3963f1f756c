//! What can go wrong when a stack is rendered.

/// A template that could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template is broken, or names something that there is not.
    #[error("{template}:{line}: {message}, in `{source_line}`")]
    Template {
        /// The template's file name.
        template: String,
        /// The line in it, from 1; 0 where it is not known.
        line: usize,
        /// What is wrong.
        message: String,
        /// The text of that line.
        source_line: String,
        /// The name that was probably meant.
        help: Option<String>,
    },
    /// A broken invariant of this room.
    #[error("internal: {0}")]
    Internal(String),
}
