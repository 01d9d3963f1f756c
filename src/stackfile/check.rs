//! Everything that can be said of a stack: its mistakes, those of overlays that nobody selected, and the lints.

use std::collections::{HashMap, HashSet};

use crate::model::{Form, OVERLAID, Sources, Stack, shortened};

use super::growth;
use super::lint::Linting;
use super::reading::{Identity, Merged, Reading, Selection, collect_sites, identity, join, settle};
use super::tree::{Node, Site};
use super::{Code, Diagnostic};

/// Reads a stack as [`read`](super::read) does, and looks further: at the overlays that are not selected, and by the lints. A lint that
/// `[policy.lints]` sets to fail is an error here, and yet the stack is there.
pub fn check(sources: &Sources, selection: &Selection) -> Reading {
    let mut told = Vec::new();
    let Some(root) = join(sources, &mut told) else {
        return Reading::of_nothing(sources, told);
    };
    let overlays = Overlays::unselected(&root, selection);
    let merged = Merged::lay(sources, selection, root, told);
    let mut reading = merged.read();
    let linted = match (&reading.template, &reading.resolved) {
        (Some(_), Some(stack)) => lints(sources, &merged, &reading, stack),
        (Some(stack), None) => lints(sources, &merged, &reading, stack),
        (None, _) => Vec::new(),
    };
    reading.diagnostics.extend(linted);
    overlays.check(sources, selection, &mut reading.diagnostics);
    reading.diagnostics.sort_by_key(identity);
    merged.levels.fail(&mut reading.diagnostics);
    reading
}

fn lints<F: Form>(
    sources: &Sources,
    merged: &Merged<'_>,
    reading: &Reading,
    stack: &Stack<F>,
) -> Vec<Diagnostic> {
    let Some(template) = &reading.template else {
        return Vec::new();
    };
    let linting = Linting {
        sources,
        stack,
        template,
        tree: merged.places.root(),
        variables: &merged.variables,
        places: &reading.places,
        levels: &merged.levels,
        told: Vec::new(),
    };
    settle(linting.run(), &merged.layers)
}

/// The overlays that are not selected, and the tree that they would be laid over.
struct Overlays {
    root: Option<Node>,
    names: Vec<String>,
}

impl Overlays {
    fn unselected(root: &Node, selection: &Selection) -> Self {
        let overlays = root.get("overlays").and_then(Node::table);
        let names: Vec<String> = overlays
            .into_iter()
            .flat_map(|table| table.keys())
            .filter(|name| !selection.overlays.contains(name))
            .cloned()
            .collect();
        Self {
            root: (!names.is_empty()).then(|| root.clone()),
            names,
        }
    }

    /// Lays each overlay alone over what is selected, and adds what is wrong then and was not before. Values are nobody's concern: those
    /// of an overlay are often known on another machine only.
    fn check(&self, sources: &Sources, selection: &Selection, told: &mut Vec<Diagnostic>) {
        let Some(root) = &self.root else {
            return;
        };
        let mut known: HashSet<Identity> = told.iter().map(identity).collect();
        // Each lays the whole stack once more.
        let most = (OVERLAID / growth::values(root).max(1)).max(1);
        for name in self.names.iter().take(most) {
            let mut selection = selection.clone();
            selection.overlays.push(name.clone());
            let mut sites = HashMap::new();
            if let Some(overlay) = root.get("overlays").and_then(|all| all.get(name)) {
                collect_sites(overlay, name, &mut sites);
            }
            let merged = Merged::lay(sources, &selection, root.clone(), Vec::new());
            for mut diagnostic in merged.mistakes() {
                if !known.insert(identity(&diagnostic)) {
                    continue;
                }
                let at = &diagnostic.primary;
                if !sites.contains_key(&Site::new(at.file, at.span.clone())) {
                    diagnostic.notes.push(format!("with --overlay {name}"));
                }
                told.push(diagnostic);
            }
        }
        told.extend(
            self.names
                .get(most)
                .map(|name| self.not_checked(name, root)),
        );
    }

    /// Tells the first overlay that is too much to be checked.
    fn not_checked(&self, name: &str, root: &Node) -> Diagnostic {
        let message = format!(
            "[overlays.{}] and those below it are not checked: so many of so large a stack take too long",
            shortened(name)
        );
        let overlay = root.get("overlays").and_then(|all| all.get(name));
        let at = overlay.map_or(&root.at, |overlay| &overlay.key);
        Diagnostic::warning(Code::TooLarge, message, at.label(""))
            .with_help("check one of them with: stackgen --overlay NAME check")
    }
}
