//! What is sent to a real engine, seen in the log of every request: how much stackgen asks, how soon it goes on, and what is left for
//! docker compose to do beside it. Fails without an engine, unless `STACKGEN_TEST_NO_DOCKER=1`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests write files and run programs"
)]

mod beside_compose;
mod counts;
#[path = "../support/peers.rs"]
mod peers;
#[path = "../support/request_log.rs"]
mod request_log;
mod scene;
mod soon;
#[path = "../support/mod.rs"]
mod support;
