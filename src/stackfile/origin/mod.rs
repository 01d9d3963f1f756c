//! Why a value is what it is: the layers that spoke of it, and where the variables in it come from.
//!
//! Nothing of this is kept while a stack is read. The layers are looked at again, one by one, when somebody asks; what is in effect is
//! taken from the same functions that lay them for reading.

mod built_in;
mod explanation;
mod history;
mod shown;
mod variable;

pub use explanation::{
    Act, Contribution, Explanation, KeyOrigin, Layer, Outcome, Unexplained, VariableOrigin,
    VariableSource, explain_path, is_section,
};
