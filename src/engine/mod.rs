//! How to observe and perform: one trait, with Docker and a fake behind it.
//!
//! **Invariant:** it performs single actions and decides nothing. The types of the client library do not leave `docker/`.
#![warn(clippy::wildcard_enum_match_arm)]
#![expect(
    clippy::disallowed_methods,
    reason = "this room reads Docker's configuration, the host's user tables and the clock of this machine"
)]

mod api;
pub mod docker;
mod error;
pub mod fake;
pub mod files;
pub mod sockets;

pub use api::*;
pub use error::*;
