//! How much each lint counts.

use std::collections::BTreeMap;

use crate::model::LintLevel;

use super::super::tree::Node;
use super::super::{Code, Diagnostic, Severity};

/// The levels that `[policy.lints]` sets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in super::super) struct Levels(BTreeMap<Code, LintLevel>);

impl Levels {
    /// Reads them from the merged tree, whatever else may be wrong with it.
    pub(in super::super) fn of(root: &Node) -> Self {
        let lints = root.get("policy").and_then(|policy| policy.get("lints"));
        let table = lints.and_then(Node::table).into_iter().flatten();
        let levels = table.filter_map(|(name, node)| {
            let word = node.raw_text()?;
            let level = [LintLevel::Off, LintLevel::Warn, LintLevel::Fail]
                .into_iter()
                .find(|level| level.name() == word)?;
            Some((Code::from_name(name)?, level))
        });
        Self(levels.collect())
    }

    /// Returns how much a code counts; that of a mistake is nobody's to set.
    pub(in super::super) fn level(&self, code: Code) -> Option<LintLevel> {
        let default = code.default_level()?;
        Some(self.0.get(&code).copied().unwrap_or(default))
    }

    /// Returns whether a lint is looked for.
    pub(super) fn is_on(&self, code: Code) -> bool {
        self.level(code) != Some(LintLevel::Off)
    }

    /// Takes out what is switched off.
    pub(in super::super) fn without_off(&self, mut told: Vec<Diagnostic>) -> Vec<Diagnostic> {
        told.retain(|diagnostic| self.is_on(diagnostic.code));
        told
    }

    /// Makes errors of those lints that are set to fail.
    pub(in super::super) fn fail(&self, told: &mut [Diagnostic]) {
        for diagnostic in told {
            if self.level(diagnostic.code) == Some(LintLevel::Fail) {
                diagnostic.severity = Severity::Error;
            }
        }
    }
}
