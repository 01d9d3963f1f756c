//! What the user allows and forbids.

use std::collections::BTreeMap;

use super::{KeyPath, VolumeName};

/// The `[policy]` table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// How single diagnostics count, by code.
    pub lints: BTreeMap<String, LintLevel>,
    /// Paths whose drift is left alone, such as `services.x.cpuset`.
    pub ignore: Vec<KeyPath>,
    /// Volumes that are never removed.
    pub prevent_destroy: Vec<VolumeName>,
    /// Glob patterns of key paths whose values are secret.
    pub sensitive: Vec<String>,
}

/// How a lint counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LintLevel {
    /// It is not looked for.
    Off,
    /// It is shown.
    Warn,
    /// It is shown, `check` exits 1 and `apply` exits 3.
    Fail,
}

impl LintLevel {
    /// Returns the word of `[policy.lints]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl std::fmt::Display for LintLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Whether an update in place may leave Compose's hash label behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compat {
    /// It may, and the plan says so.
    #[default]
    Gentle,
    /// It may not; the container is recreated instead.
    Strict,
}
