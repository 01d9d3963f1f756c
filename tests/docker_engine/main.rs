//! The engine room against a real Docker engine, 20.10 or newer. Fails without one, unless `STACKGEN_TEST_NO_DOCKER=1`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests wait, look at the clock and end with a panic"
)]

mod adoption;
mod applies;
mod binary;
mod drift;
mod drift_files;
mod equality;
mod fields;
mod hooks;
mod images;
mod kitchen_sink;
mod lifecycle;
mod look;
#[path = "../support/peers.rs"]
mod peers;
mod pulls;
#[path = "../support/registry.rs"]
mod registry;
#[path = "../stack_text/mod.rs"]
mod stack_text;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod world;
