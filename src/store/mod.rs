//! What stackgen keeps on disk: the lock of a project, the journal of runs, the generated files.
//!
//! **Invariant:** it writes atomically and never through a link; the journal is append-only.
#![warn(clippy::wildcard_enum_match_arm)]
#![expect(clippy::disallowed_methods, reason = "store owns the disk")]

mod error;
mod generated;
mod image_lock;
mod journal;
mod leftover;
mod lock;
mod marks;
mod plan_file;
mod record;
mod state_dir;

pub use error::*;
pub use generated::*;
pub use image_lock::*;
pub use journal::*;
pub use leftover::*;
pub use lock::*;
pub use marks::*;
pub use plan_file::*;
pub use state_dir::*;
