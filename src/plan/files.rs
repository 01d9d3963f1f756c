//! Files of a container against what they should be: those that were copied in, and those of the host that are mounted.
//!
//! What a running process has read is told by digests: of its label, which says what was there when the container was made, or of a mark,
//! which says what a later reload or restart brought. A mounted file that was not touched since the process was started is what it has
//! read, whatever the digests say; and one that was replaced is another file than the container sees until its next start.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::{FileDigests, NamedFile, copied_digest, labels, mounted_digest, named_file};
use crate::model::{ContainerSpec, MountSpecSource, ObservedContainer, ObservedFile, ServiceName};

use super::compare::{Context, Difference, below, is_ignored};
use super::{FieldChange, Mark, Shown, file_mark};

/// A file whose content is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDrift {
    /// Its path inside.
    pub(super) target: String,
    /// What it is called in stack.toml.
    pub(super) field: crate::model::KeyPath,
    /// Whether it is copied in. Otherwise it is mounted.
    pub(super) is_copied: bool,
    /// Whether the container sees another file than the one that is there now.
    pub(super) is_replaced: bool,
    /// What is known once the process has read it.
    pub(super) mark: Option<Mark>,
}

/// Compares the files. Of a container without our labels, which Compose made, only that is said which can be seen.
pub(super) fn compare_files(
    context: &Context<'_>,
    service: &ServiceName,
    want: &ContainerSpec,
    have: &ObservedContainer,
    difference: &mut Difference,
) {
    let mut comparison = Comparison {
        context,
        service,
        want,
        have,
        difference,
    };
    comparison.copied();
    comparison.mounted();
}

struct Comparison<'a, 'c> {
    context: &'a Context<'c>,
    service: &'a ServiceName,
    want: &'a ContainerSpec,
    have: &'a ObservedContainer,
    difference: &'a mut Difference,
}

impl Comparison<'_, '_> {
    fn copied(&mut self) {
        let labels = &self.have.config.labels;
        let known = match labels.get(labels::FILES) {
            Some(label) => FileDigests::parse(label),
            // We made it, and copied nothing into it.
            None if labels.contains_key(labels::EXPLICIT) => FileDigests::default(),
            None => return,
        };
        if known.files.is_empty() && labels.contains_key(labels::FILES) {
            return;
        }
        let files = self.want.files.iter();
        let wanted: BTreeMap<&str, _> = files.map(|file| (file.target.as_str(), file)).collect();
        let old = known.files.keys().map(String::as_str);
        let targets: BTreeSet<&str> = old.chain(wanted.keys().copied()).collect();
        for target in targets {
            let (was, file) = (known.files.get(target), wanted.get(target));
            let (Some((was, _)), Some(file)) = (was, file) else {
                if self.tell(target, was.is_some(), file.is_some()).is_some() {
                    self.difference.replace = true;
                }
                continue;
            };
            let now = copied_digest(self.context.salt, file);
            let is_same = match self.mark_of(target) {
                Some(mark) => *mark == now,
                None => *was == copied_digest(&known.salt, file),
            };
            if is_same {
                continue;
            }
            let Some(field) = self.tell(target, true, true) else {
                continue;
            };
            // Its owner or mode may have changed with the definition, whose hash must not go stale.
            self.difference.replace |= self.difference.is_hash_stale;
            let mark = Some(self.new_mark(target, now));
            self.difference.files.push(FileDrift {
                target: target.to_owned(),
                field,
                is_copied: true,
                is_replaced: false,
                mark,
            });
        }
    }

    fn mounted(&mut self) {
        if self.context.files.is_empty() {
            return;
        }
        let label = self.have.config.labels.get(labels::MOUNTS);
        let label = label.map(|label| FileDigests::parse(label));
        for mount in &self.want.config.mounts {
            let MountSpecSource::Bind { path, .. } = &mount.source else {
                continue;
            };
            let is_mounted = self.have.config.mounts.iter().any(|it| {
                let same =
                    matches!(&it.source, MountSpecSource::Bind { path: own, .. } if own == path);
                it.target == mount.target && same
            });
            let now = self.context.files.get(path).filter(|_| is_mounted);
            let Some(now) = now else { continue };
            let known = label.as_ref().and_then(|label| {
                let (digest, inode) = label.files.get(&mount.target)?;
                Some((label.salt.as_str(), digest.as_str(), *inode))
            });
            let Some(is_replaced) = self.is_outdated(&mount.target, now, known) else {
                continue;
            };
            let Some(field) = self.tell(&mount.target, true, true) else {
                continue;
            };
            let content = now.content.as_ref();
            let digest = content.map(|content| mounted_digest(self.context.salt, content));
            self.difference.files.push(FileDrift {
                target: mount.target.clone(),
                field,
                is_copied: false,
                is_replaced,
                mark: digest.map(|digest| self.new_mark(&mount.target, digest)),
            });
        }
    }

    /// Returns `Some` if the process has not read a mounted file as it is now, with whether it sees another file.
    fn is_outdated(
        &self,
        target: &str,
        now: &ObservedFile,
        label: Option<(&str, &str, Option<u64>)>,
    ) -> Option<bool> {
        let started = self.have.state.started_at?;
        let is_newer = now.changed.is_some_and(|changed| changed > started);
        let is_known = match (self.mark_of(target), label, now.content.as_ref()) {
            (Some(mark), _, Some(content)) => {
                Some(*mark == mounted_digest(self.context.salt, content))
            }
            (None, Some((salt, digest, _)), Some(content)) => {
                Some(digest == mounted_digest(salt, content))
            }
            (_, _, None) | (None, None, _) => None,
        };
        if let Some(seen) = self.have.files.get(target).filter(|seen| seen.id != now.id) {
            let differs = match (&seen.content, &now.content) {
                (Some(seen), Some(now)) => seen != now,
                (None, _) | (_, None) => is_newer,
            };
            // What we call by this path may be another file for an engine that has its own file systems; nothing was touched then.
            let is_ours = is_newer || is_known != Some(true);
            return (differs && is_ours).then_some(true);
        }
        let is_outdated = is_newer && is_known == Some(false);
        let cannot_see = !self.have.files.contains_key(target);
        let inode = label.and_then(|(_, _, inode)| inode);
        let is_other = cannot_see && inode.is_some_and(|inode| inode != now.id.inode);
        is_outdated.then_some(is_other)
    }

    fn mark_of(&self, target: &str) -> Option<&String> {
        let key = (self.have.id.clone(), file_mark(target));
        self.context.marks.get(&key)
    }

    fn new_mark(&self, target: &str, digest: String) -> Mark {
        Mark {
            container: self.have.id.clone(),
            subject: file_mark(target),
            digest,
        }
    }

    /// Adds the field of a file and returns its path; `None` where the policy says to leave it.
    fn tell(&mut self, target: &str, was: bool, is: bool) -> Option<crate::model::KeyPath> {
        let stack = self.context.stack;
        let service = stack.service(self.service)?;
        let named = named_file(stack, &service.container, target).unwrap_or_else(|| NamedFile {
            field: crate::key_path!["configs", target],
            origin: "content".to_owned(),
            // Whose it was is not known any more.
            is_secret: true,
        });
        if is_ignored(self.context, self.service, &named.field) {
            let path = below(self.service, &named.field);
            self.difference.ignored.push(path);
            return None;
        }
        let shown = match named.is_secret {
            true => Shown::Secret,
            false => Shown::Content(named.origin),
        };
        self.difference.fields.push(FieldChange {
            path: named.field.clone(),
            old: was.then(|| shown.clone()),
            new: is.then_some(shown),
        });
        Some(named.field)
    }
}
