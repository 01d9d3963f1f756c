//! What a plan finds as it should be.

use std::collections::BTreeSet;

use super::text::count;
use super::{Plan, Resource, Verdict};

/// Returns what is as it should be, such as `8 services, 1 network and 3 volumes are as they should be`.
pub(super) fn rest(plan: &Plan) -> Option<String> {
    let mut counts: [(&str, BTreeSet<String>); 4] =
        ["service", "network", "volume", "socket"].map(|kind| (kind, BTreeSet::new()));
    let mut differ = BTreeSet::new();
    for change in &plan.changes {
        let (kind, name) = match &change.resource {
            Resource::Service(name, _) => ("service", name.to_string()),
            Resource::Network(name) => ("network", name.to_string()),
            Resource::Volume(name) => ("volume", name.to_string()),
            Resource::Socket(name) => ("socket", name.to_string()),
            Resource::Image(_) | Resource::Orphan(..) => continue,
        };
        if change.verdict != Verdict::Nothing {
            differ.insert((kind, name));
        } else if let Some((_, names)) = counts.iter_mut().find(|(it, _)| *it == kind) {
            names.insert(name);
        }
    }
    let mut parts = Vec::new();
    let mut number = 0;
    for (kind, names) in &counts {
        let same = names
            .iter()
            .filter(|name| !differ.contains(&(*kind, (*name).clone())));
        let same = same.count();
        number += same;
        if same > 0 {
            parts.push(count(same, kind));
        }
    }
    let last = parts.pop()?;
    let list = if parts.is_empty() {
        last
    } else {
        format!("{} and {last}", parts.join(", "))
    };
    let verb = if number == 1 {
        "is as it"
    } else {
        "are as they"
    };
    Some(format!("{list} {verb} should be"))
}

/// Returns how many images of containers to be made are here already.
pub(super) fn images_here(plan: &Plan, brought: &[(&str, Vec<String>)]) -> usize {
    let made = plan.changes.iter().filter(|change| {
        let is_service = matches!(change.resource, Resource::Service(..));
        is_service && matches!(change.verdict, Verdict::Create | Verdict::Recreate)
    });
    let images: BTreeSet<&String> = made.map(|change| &change.summary.what).collect();
    let here = images.into_iter().filter(|image| {
        !brought
            .iter()
            .any(|(_, it)| it.iter().any(|it| names(it, image)))
    });
    here.count()
}

/// Returns whether what is brought is this image; one that gets a tag has more words behind it.
fn names(brought: &str, image: &str) -> bool {
    let rest = brought.strip_prefix(image);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}
