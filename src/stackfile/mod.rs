//! What the user wrote, where, and what is wrong with it.
//!
//! **Invariant:** it never stops at the first mistake and never reads a file: the same [`Sources`](crate::model::Sources) give the same
//! diagnostics.

mod check;
mod code;
mod decode;
mod diagnostic;
mod effective;
mod env_file;
mod fill;
mod growth;
mod include;
pub mod language;
mod layers;
mod lint;
mod named_variables;
mod origin;
mod pieces;
mod places;
mod problem;
mod reading;
mod suggest;
mod syntax;
mod text_position;
mod tree;
mod variables;

pub use check::check;
pub use code::Code;
pub use diagnostic::*;
pub use env_file::constants;
pub use named_variables::named_variables;
pub use origin::{
    Act, Contribution, Explanation, KeyOrigin, Layer, Outcome, Unexplained, VariableOrigin,
    VariableSource, explain_path, is_section,
};
pub use places::{Place, Places, line_and_column};
pub use reading::{Reading, Selection, fill_env_file_paths, read};
