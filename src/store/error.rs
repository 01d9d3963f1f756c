//! What can go wrong on disk.

use std::path::PathBuf;

use crate::model::{DagName, RunId};

/// Something that could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("cannot {what} {path}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process works on the same project.
    #[error("locked by another process: {holder}")]
    Locked {
        /// Who holds the lock, as it wrote itself down.
        holder: String,
    },
    /// A folder or file that belongs to someone else, or is open to others.
    #[error("{path} is not safe to use: {why}", path = path.display())]
    Unsafe {
        /// The path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// stack.lock is not understood.
    #[error("{path} cannot be understood: {why}", path = path.display())]
    BadLock {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The journal could not be read or written.
    #[error("cannot {what} the journal {path}", path = path.display())]
    Journal {
        /// What was tried, as a verb.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A saved plan that cannot be used: it is none, or it is damaged.
    #[error("{path} cannot be applied: {why}", path = path.display())]
    BadPlan {
        /// Its path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The journal or a saved plan was written by a newer stackgen.
    #[error("{path} has format {found}, this stackgen knows up to {known}", path = path.display())]
    NewerFormat {
        /// Its path.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that is known here.
        known: i64,
    },
    /// A record of the journal that cannot be understood.
    #[error("record {sequence} of run {run} of {dag} cannot be read: {why}")]
    BadRecord {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
        /// The record's number.
        sequence: u64,
        /// Why.
        why: String,
    },
    /// Another process wrote to the run in the meantime; nothing was written.
    #[error("run {run} of {dag} was changed by another process")]
    Overtaken {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
    },
    /// The same thing is in the journal already, such as the end of this very try; nothing was written.
    #[error("record {sequence} of run {run} of {dag} is a second one of its kind")]
    Twice {
        /// The DAG.
        dag: DagName,
        /// The run.
        run: RunId,
        /// The number that the record would have had.
        sequence: u64,
    },
}
