//! Who runs the steps of a plan and the tasks of a run, and how they stop.
//!
//! **Invariant:** it makes no choices. A step is performed as soon as its needs are met, and a change whose step failed is undone.

mod apply;
mod hints;
mod ledger;
mod perform;
mod run;
mod stop;
mod wait;

pub use apply::*;
pub use run::*;
pub use stop::*;
