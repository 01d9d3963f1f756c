//! stackgen: one `stack.toml` becomes a running data platform.
//!
//! The way from text to containers, each step a room of its own (see ARCHITECTURE.md):
//!
//! ```text
//! load --Sources--> stackfile --Stack<Template>--> render --> generated/
//!                       |
//!                       +--Stack<Resolved>--+
//!                                           |
//! engine --observe--> Observed -----------> plan --Plan--> exec --> engine
//!                                                            |
//!                                                            +----> store
//! ```

pub mod cli;
pub mod compose;
pub mod dag;
pub mod engine;
pub mod exec;
pub mod load;
pub mod model;
pub mod plan;
pub mod reconcile;
pub mod render;
pub mod stackfile;
pub mod store;
pub mod watch;
