//! A tag that names another image than the one that a container was made from.

use crate::key_path;
use crate::model::ImageReference;

use super::locked::Wanted;
use super::slots::Slot;
use super::{FieldChange, Shown};

/// Returns how the image differs of a container that is replaced, where its tag names another one now.
pub(super) fn image_moved(slot: &Slot<'_>) -> Option<FieldChange> {
    let now = match (slot.wanted, &slot.spec.image_id) {
        (Wanted::ToCome(locked), _) => locked.short(),
        (Wanted::Here(_) | Wanted::Unknown, id) => id.as_ref()?.short(),
    };
    let old = slot.others.first().filter(|_| slot.kept.is_none())?;
    let path = key_path!["image"];
    // Another reference in the file says it already.
    let is_told = slot.difference.fields.iter().any(|it| it.path == path);
    let show = |name: &ImageReference, id: &str| Shown::Plain(format!("{name} ({id})"));
    let before = old.image_id.short();
    (before != now && !is_told).then(|| FieldChange {
        path,
        old: Some(show(&old.config.image, before)),
        new: Some(show(&slot.spec.config.image, now)),
    })
}
