//! One file per command.

pub(super) mod apply;
pub(super) mod build;
pub(super) mod check;
pub(super) mod completions;
pub(super) mod dag;
pub(super) mod down;
pub(super) mod exec;
pub(super) mod explain;
pub(super) mod graph;
pub(super) mod images;
pub(super) mod import;
pub(super) mod init;
pub(super) mod lock;
pub(super) mod logs;
pub(super) mod man;
pub(super) mod plan;
pub(super) mod pull;
pub(super) mod render;
pub(super) mod schema;
pub(super) mod sockets;
pub(super) mod status;
pub(super) mod watch;
