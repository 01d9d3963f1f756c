//! Import of compose files: the text of YAML in, the text of stack.toml and warnings out.
//!
//! **Invariant:** it starts from the raw YAML, so that `${…}`, profiles and env files stay as they were written, and whatever it cannot
//! carry becomes a comment with a warning: nothing is lost in silence. Files come from whoever calls it.

mod comment;
mod convert;
mod error;
mod item;
mod merge;
mod mixin;
mod paths;
mod project;
mod running;
mod scalar;
mod service;
mod text;
mod toml_text;
mod undeclared;
mod yaml;

pub use error::{ImportError, ImportWarning};
pub use project::{ImportRequest, Imported, import};
pub use running::{RunningRequest, import_running, running_scope};
pub use text::Written;
