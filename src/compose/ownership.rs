//! Who owns an object of the engine, from its labels alone. The one place where that is decided.

use std::collections::BTreeMap;
use std::path::Path;

use crate::model::ProjectName;

use super::labels;

/// Who owns an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// This stack does: it may be changed and removed.
    Ours,
    /// Somebody else does: another project, or the same project name from another folder.
    Foreign {
        /// Who, for people.
        owner: String,
    },
    /// Nobody says so by a label.
    Unlabelled,
}

/// Decides who owns a container: ours has our project label, and a working_dir that is the stack's folder or its `generated/`, which is
/// what Compose writes when it runs the rendered file.
pub fn container_ownership(
    labels: &BTreeMap<String, String>,
    project: &ProjectName,
    folder: &Path,
) -> Ownership {
    let Some(owner) = labels.get(labels::PROJECT) else {
        return Ownership::Unlabelled;
    };
    if owner != project.as_str() {
        return Ownership::Foreign {
            owner: format!("project {owner}"),
        };
    }
    match labels.get(labels::WORKING_DIR) {
        Some(from) if is_folder_of(folder, Path::new(from)) => Ownership::Ours,
        Some(from) => Ownership::Foreign {
            owner: format!("project {owner} of {from}"),
        },
        None => Ownership::Foreign {
            owner: format!("project {owner} of an unknown folder"),
        },
    }
}

/// Returns whether `from` is the stack's folder, its `generated/`, or a folder in there (an overlay's).
fn is_folder_of(folder: &Path, from: &Path) -> bool {
    let is_plain = from.is_absolute()
        && !from
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir));
    is_plain && (from == folder || from.starts_with(folder.join("generated")))
}

/// Decides who owns a network or volume: ours has our project label and a key label. That a container of the same project name belongs to
/// another folder speaks against it; the caller, who sees the containers, minds that.
pub fn object_ownership(labels: &BTreeMap<String, String>, project: &ProjectName) -> Ownership {
    let Some(owner) = labels.get(labels::PROJECT) else {
        return Ownership::Unlabelled;
    };
    let has_key = labels.contains_key(labels::NETWORK) || labels.contains_key(labels::VOLUME);
    if owner == project.as_str() && has_key {
        Ownership::Ours
    } else {
        Ownership::Foreign {
            owner: format!("project {owner}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        let entry = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        entries.iter().map(entry).collect()
    }

    fn project() -> ProjectName {
        ProjectName::new("shop").unwrap()
    }

    #[test]
    fn a_container_is_ours_by_project_and_folder_together() {
        let folder = Path::new("/srv/shop");
        for (labels, expected) in [
            (&[][..], Ownership::Unlabelled),
            (&[(labels::WORKING_DIR, "/srv/shop")], Ownership::Unlabelled),
            (
                &[
                    (labels::PROJECT, "shop"),
                    (labels::WORKING_DIR, "/srv/shop"),
                ],
                Ownership::Ours,
            ),
            (
                &[
                    (labels::PROJECT, "shop"),
                    (labels::WORKING_DIR, "/srv/shop/"),
                ],
                Ownership::Ours,
            ),
            (
                &[
                    (labels::PROJECT, "shop"),
                    (labels::WORKING_DIR, "/srv/shop/generated"),
                ],
                Ownership::Ours,
            ),
            (
                &[
                    (labels::PROJECT, "shop"),
                    (labels::WORKING_DIR, "/srv/shop/generated/prod"),
                ],
                Ownership::Ours,
            ),
        ] {
            assert_eq!(
                container_ownership(&labelled(labels), &project(), folder),
                expected,
                "{labels:?}"
            );
        }
        for labels in [
            &[
                (labels::PROJECT, "other"),
                (labels::WORKING_DIR, "/srv/shop"),
            ][..],
            &[
                (labels::PROJECT, "shop2"),
                (labels::WORKING_DIR, "/srv/shop"),
            ],
            &[
                (labels::PROJECT, "shop"),
                (labels::WORKING_DIR, "/srv/shop2"),
            ],
            &[(labels::PROJECT, "shop"), (labels::WORKING_DIR, "/srv")],
            &[
                (labels::PROJECT, "shop"),
                (labels::WORKING_DIR, "/srv/shop/sub"),
            ],
            &[
                (labels::PROJECT, "shop"),
                (labels::WORKING_DIR, "/srv/shop/generated/../../x"),
            ],
            &[
                (labels::PROJECT, "shop"),
                (labels::WORKING_DIR, "generated"),
            ],
            &[(labels::PROJECT, "shop"), (labels::WORKING_DIR, "")],
            &[(labels::PROJECT, "shop")],
        ] {
            let ownership = container_ownership(&labelled(labels), &project(), folder);
            assert!(matches!(ownership, Ownership::Foreign { .. }), "{labels:?}");
        }
    }

    #[test]
    fn a_network_or_volume_is_ours_by_project_and_key() {
        for (labels, is_ours) in [
            (
                &[(labels::PROJECT, "shop"), (labels::NETWORK, "x")][..],
                true,
            ),
            (&[(labels::PROJECT, "shop"), (labels::VOLUME, "x")], true),
            (&[(labels::PROJECT, "shop")], false),
            (&[(labels::NETWORK, "x")], false),
            (&[(labels::PROJECT, "other"), (labels::NETWORK, "x")], false),
            (&[], false),
        ] {
            let ownership = object_ownership(&labelled(labels), &project());
            assert_eq!(ownership == Ownership::Ours, is_ours, "{labels:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_without_our_project_label_is_ours(
            labels in proptest::collection::btree_map("(com\\.docker\\.compose\\.(service|network|volume|project\\.working_dir)|[a-z]{0,3})", "[a-z/]{0,9}", 0..6),
            other in "[a-z]{0,3}",
        ) {
            let folder = Path::new("/srv/shop");
            let mut labels = labels;
            proptest::prop_assert_eq!(container_ownership(&labels, &project(), folder), Ownership::Unlabelled);
            labels.insert(labels::PROJECT.to_owned(), other);
            proptest::prop_assert_ne!(container_ownership(&labels, &project(), folder), Ownership::Ours);
            proptest::prop_assert_ne!(object_ownership(&labels, &project()), Ownership::Ours);
        }
    }
}
