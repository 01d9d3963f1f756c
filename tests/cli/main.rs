//! The built binary on folders of its own, without any engine: exit codes, mistakes, JSON, files.
#![allow(
    clippy::disallowed_methods,
    reason = "tests look at the disk and the clock"
)]

mod bad_files;
mod codes;
mod command;
mod dags;
mod exit_codes;
mod files;
mod mistakes;
mod origin;
