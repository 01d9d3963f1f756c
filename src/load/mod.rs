//! Which files and variables there are: reads stack.toml, its includes, the env files and the environment.
//!
//! **Invariant:** it understands no more of stack.toml than which other files it names. What is wrong in it is said by `stackfile`.

#![expect(
    clippy::disallowed_methods,
    reason = "this room is the one that reads the user's files and environment"
)]

mod error;
mod request;
mod text;

pub use error::LoadError;
pub use request::{FillPaths, Request, load, process_environment, templates};
pub use text::{compose_file, env_file};
