//! The way of one stack from its file to what runs, as functions that commands, the daemon and tests call alike.
//!
//! **Invariant:** it prints nothing and asks nothing.

#![expect(
    clippy::disallowed_methods,
    reason = "the daemon knows when things happen"
)]

mod compose_version;
pub mod daemon;
mod dag_status;
mod error;
mod holder;
mod images;
mod ports;
mod preflight;
mod project;
mod running;
mod saved;
mod session;
mod settling;
mod sockets;
mod status;

pub use compose_version::compose_generation;
pub use dag_status::{DagStatus, LastRun, dag_status, end_name};
pub use error::ReconcileError;
pub use holder::Process;
pub use ports::{Holder, TakenPort};
pub use preflight::{Obstacle, preflight};
pub use project::{HasMistakes, Project};
pub use running::observe_running;
pub use saved::{moved, saved_plan};
pub use session::{Planned, Session};
pub use settling::Fallen;
pub use sockets::{SocketState, sockets};
pub use status::{Mark, ServiceStatus, StateWord, Status, status};
