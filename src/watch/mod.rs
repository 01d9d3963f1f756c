//! What changed outside, as one stream of triggers.
//!
//! **Invariant:** a trigger says that something may have changed and why someone thinks so, never what is to be done.

mod engine_events;
mod files;
mod inbox;

pub use engine_events::follow_engine;
pub use files::{FileWatch, Interest, WatchError};
pub use inbox::{Inbox, Pending, Rescan, Trigger};
