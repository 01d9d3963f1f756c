//! What a step brings about that nobody can see at the container afterwards.

use std::collections::BTreeMap;

use crate::model::ContainerId;

/// What is known of a container since a step was done. A label would say it, could it be changed; so it is kept beside the runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The container.
    pub container: ContainerId,
    /// What it is about, as [`file_mark`] and [`DEFINITION`] name it.
    pub subject: String,
    /// A salted digest, or the hash of a definition.
    pub digest: String,
}

/// All that is known, by container and subject.
pub type Marks = BTreeMap<(ContainerId, String), String>;

/// The subject of a mark that holds the config-hash of the definition that a container was brought to while it ran.
pub const DEFINITION: &str = "definition";

/// Returns the subject of a mark that holds the digest of the file that a container's process has read.
pub fn file_mark(target: &str) -> String {
    format!("file:{target}")
}
