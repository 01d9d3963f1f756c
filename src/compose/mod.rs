//! The Compose Specification: what a service is at the engine, how it is labelled and hashed, and who owns an object.
//!
//! **Invariant:** pure functions of a stack and of the few host facts in [`Host`]. What Compose would do with the rendered file and what
//! stackgen does by itself are decided by the same rules here, so that either can take over from the other.

mod beyond;
mod build;
mod container;
mod digests;
mod files;
mod hash;
mod hooks;
mod implied;
pub mod import;
pub mod labels;
mod mounts;
mod names;
mod network;
mod objects;
mod ownership;
mod pull_policy;
mod rare;
mod versions;

pub use beyond::*;
pub use build::*;
pub use container::*;
pub use digests::*;
pub use files::{NamedFile, config_target, named_file, secret_target};
pub use hash::*;
pub use hooks::*;
pub use implied::*;
pub use mounts::socket_target;
pub use names::*;
pub use objects::*;
pub use ownership::*;
pub use pull_policy::*;
pub use versions::*;
