//! DAGs on a real engine, by the command line: every kind of task, order, failures, timeouts, and what a kill leaves.
#![allow(
    clippy::disallowed_methods,
    reason = "tests look at the disk and the clock"
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod recovery;
mod runs;
