//! What depends on what; what is ready; how a run advances on an event.
//!
//! **Invariant:** pure. A run is a fold over its events: the live path performs the commands, the replay drops them, and nothing else
//! changes a run.

mod event;
pub mod graph;
mod run_state;
pub mod schedule;
pub mod trigger_rule;

pub use event::*;
pub use graph::{Graph, GraphError};
pub use run_state::*;
pub use schedule::{Fire, ScheduleError, Timetable};
