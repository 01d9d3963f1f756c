//! Lints: what is allowed in a stack.toml, and seldom meant.
//!
//! Each lint is a function of a checked stack and the places of its values; its level comes from `[policy.lints]`.

mod exposure;
mod health;
mod host;
mod image;
mod levels;
mod linting;
mod relative;
mod secret;
mod unused;

pub(super) use levels::Levels;
pub(super) use linting::Linting;
