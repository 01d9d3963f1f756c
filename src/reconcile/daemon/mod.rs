//! The loop: a trigger, a look, a plan, an apply. And the schedules.
//!
//! One owner of all state ([`run`]); files, engine, reconciles and runs of DAGs are tasks that send it events.

mod happening;
mod holds;
mod owner;
mod read;
mod runs;
mod schedules;
mod work;

pub use happening::Happening;
pub use owner::{DaemonOptions, run};
