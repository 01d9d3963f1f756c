//! Flags, words, colours, exit codes.
//!
//! **Invariant:** no rule lives here. Each command is a file: an `Args` whose doc comments are the help, and a `run` that parses, calls
//! the library and prints. What the CLI can do, a test can do through the same function.

#![expect(
    clippy::disallowed_methods,
    reason = "commands know where and when they run"
)]

mod apply_live;
mod apply_view;
mod args;
mod command;
mod consent;
mod context;
mod dag_live;
mod dag_view;
pub mod diagnostics;
mod exit_code;
mod failure;
mod graph_view;
mod help;
mod interrupt;
mod main;
mod obstacles;
mod origin_view;
mod plan_args;
pub mod plan_json;
mod pull_lines;
mod saved_plan;
mod source_line;
mod status_view;
mod table;
mod ui;
mod watch_view;

pub use args::{Cli, Command, Global, command_line, parse};
pub use exit_code::ExitCode;
pub use failure::{CommandResult, Failure};
pub use main::main;
pub use ui::{Color, Ui};
