//! A stack from what runs: the containers, networks and volumes of one Compose project as stack.toml.
//!
//! **Invariant:** it writes what was asked of the engine, never what image, daemon or Compose filled in, and never a secret.

mod attachment;
mod commands;
mod container;
mod mounts;
mod objects;
mod project;
mod secrets;
mod value;

pub use project::{RunningRequest, import_running, running_scope};
