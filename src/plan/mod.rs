//! What to do about the difference between desired and observed, in what order, and why.
//!
//! **Invariant:** pure functions. No clock, no engine, no question to the user; who performs a plan decides nothing any more.
#![warn(clippy::wildcard_enum_match_arm)]

mod action;
mod away;
mod check;
mod columns;
mod compare;
mod diff;
mod down;
mod files;
mod fingerprint;
mod flatten;
mod images;
mod index;
mod lifecycle;
mod locked;
mod mark;
mod objects;
mod options;
mod orphans;
mod planner;
mod ports;
mod protocol;
mod rare;
mod reason_text;
mod rest;
mod retag;
mod saved;
mod slots;
mod step;
mod subnets;
mod text;
mod touch;
mod volumes;

pub use action::*;
pub use check::*;
pub use diff::*;
pub use down::*;
pub use fingerprint::*;
pub use images::*;
pub use mark::*;
pub use options::*;
pub use saved::*;
pub use step::*;
pub use text::*;
