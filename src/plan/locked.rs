//! Images that stack.lock pins: what a service's image is to be, and how its tag comes to name it.

use crate::compose::image_of;
use crate::model::{ImageReference, LockedImage, ObservedImage, ServiceName};

use super::planner::Planner;
use super::{Action, Note, Reason};

/// What a service's image is to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// This one, which is here.
    Here(&'a ObservedImage),
    /// One that the lock pins and that is not here yet.
    ToCome(&'a LockedImage),
    /// Not known: nothing of that name is here, or it was not looked for.
    Unknown,
}

impl<'a> Wanted<'a> {
    pub(super) fn here(self) -> Option<&'a ObservedImage> {
        match self {
            Self::Here(image) => Some(image),
            Self::ToCome(_) | Self::Unknown => None,
        }
    }
}

impl<'a> Planner<'a> {
    /// Returns what the lock says of a service's image, where the plan is to go by it.
    fn locked(&self, service: &ServiceName, image: &ImageReference) -> Option<&'a LockedImage> {
        let lock = self.options.lock.as_ref().filter(|_| self.options.locked)?;
        let platform = self.stack.service(service)?.container.platform.clone();
        lock.images.get(&(image.clone(), platform))
    }

    fn image_here(&self, image: &ImageReference) -> Option<&'a ObservedImage> {
        self.observed.images.get(image).and_then(Option::as_ref)
    }

    /// Returns what a service's image is to be: what its tag names now, or what the lock pins.
    pub(super) fn wanted_image(&self, service: &ServiceName, image: &ImageReference) -> Wanted<'a> {
        let tagged = self.image_here(image);
        let Some(locked) = self.locked(service, image) else {
            return tagged.map_or(Wanted::Unknown, Wanted::Here);
        };
        if let Some(tagged) = tagged.filter(|it| locked.is(it)) {
            return Wanted::Here(tagged);
        }
        match locked {
            LockedImage::Digest(digest) => match self.image_here(&image.at_digest(digest)) {
                Some(pinned) => Wanted::Here(pinned),
                None => Wanted::ToCome(locked),
            },
            LockedImage::Id(_) => Wanted::Unknown,
        }
    }

    /// Makes the tags of the selected services name what the lock pins, and says of what that cannot be done. Containers are made by
    /// the tag as stack.toml has it, so that they are to docker compose what the rendered file asks for.
    pub(super) fn plan_locked(&mut self) {
        if self.options.locked {
            for name in self.selected.clone() {
                if let Some(image) = image_of(self.stack, &name)
                    && image.digest().is_none()
                {
                    self.plan_locked_image(&name, &image);
                }
            }
        } else {
            self.note_moves();
        }
    }

    fn plan_locked_image(&mut self, name: &ServiceName, image: &ImageReference) {
        let tagged = self.image_here(image);
        let Some(locked) = self.locked(name, image) else {
            self.not_locked(image, "stack.lock does not have it".to_owned());
            return;
        };
        if tagged.is_some_and(|it| locked.is(it)) || self.is_planned(image) {
            return;
        }
        let LockedImage::Digest(digest) = locked else {
            let here = tagged.map_or_else(
                || "it is not here".to_owned(),
                |it| format!("{} is here", it.id.short()),
            );
            let why = format!(
                "it is locked as {}, which is in no registry, and {here}",
                locked.short()
            );
            self.not_locked(image, why);
            return;
        };
        let pinned = image.at_digest(digest);
        let platform = self.stack.service(name);
        let platform = platform.and_then(|it| it.container.platform.clone());
        let pulled = match self.image_here(&pinned) {
            Some(_) => None,
            None => Some(self.plan_pull(&pinned, platform, Reason::Missing)),
        };
        let change = self.image_change(image, Reason::Locked);
        let action = Action::TagImage {
            source: pinned.to_string(),
            image: image.clone(),
        };
        let step = self.step(change, action, pulled, Vec::new());
        self.pulls.insert(step);
    }

    /// Several services may have one image.
    fn is_planned(&self, image: &ImageReference) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(&step.action, Action::TagImage { image: it, .. } if it == image))
    }

    fn not_locked(&mut self, image: &ImageReference, why: String) {
        let image = image.to_string();
        let note = Note::NotLocked { image, why };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says which tags name another image than the lock does, where the plan does not go by it.
    fn note_moves(&mut self) {
        let Some(lock) = &self.options.lock else {
            return;
        };
        for name in &self.selected {
            let Some(image) = image_of(self.stack, name) else {
                continue;
            };
            let platform = self.stack.service(name);
            let platform = platform.and_then(|it| it.container.platform.clone());
            let locked = lock.images.get(&(image.clone(), platform));
            if let (Some(locked), Some(here)) = (locked, self.image_here(&image))
                && !locked.is(here)
            {
                let note = Note::LockMoved {
                    locked: locked.short().to_owned(),
                    here: LockedImage::of(&image, here).short().to_owned(),
                    image: image.to_string(),
                };
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
    }
}
