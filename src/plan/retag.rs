//! A tag that names another image than the one that a container was made from.

use crate::key_path;
use crate::model::{ImageId, ImageReference};

use super::slots::Slot;
use super::{FieldChange, Shown};

/// Returns how the image differs of a container that is replaced, where its tag names another one now.
pub(super) fn image_moved(slot: &Slot<'_>) -> Option<FieldChange> {
    let now = slot.spec.image_id.as_ref()?;
    let old = slot.others.first().filter(|_| slot.kept.is_none())?;
    let path = key_path!["image"];
    // Another reference in the file says it already.
    let is_told = slot.difference.fields.iter().any(|it| it.path == path);
    let show =
        |name: &ImageReference, id: &ImageId| Shown::Plain(format!("{name} ({})", id.short()));
    (old.image_id != *now && !is_told).then(|| FieldChange {
        path,
        old: Some(show(&old.config.image, &old.image_id)),
        new: Some(show(&slot.spec.config.image, now)),
    })
}
