//! What image references stand for: what stack.lock says.

use std::collections::BTreeMap;

use super::{ImageId, ImageReference, ObservedImage};

/// An image of a stack: its reference, and the platform where one is named.
pub type ImageKey = (ImageReference, Option<String>);

/// Which image each reference of a stack stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageLock {
    /// The images, sorted by reference and platform.
    pub images: BTreeMap<ImageKey, LockedImage>,
}

/// An image that does not move.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockedImage {
    /// By the digest under which registries have it, as `sha256:…`.
    Digest(String),
    /// By the engine's id: it was built or imported, and no registry has it.
    Id(ImageId),
}

impl LockedImage {
    /// Returns what an image that is here is: by the digest of its repository, else by its id.
    pub fn of(reference: &ImageReference, image: &ObservedImage) -> Self {
        match digest_of(reference, image) {
            Some(digest) => Self::Digest(digest.to_owned()),
            None => Self::Id(image.id.clone()),
        }
    }

    /// Returns whether an image that is here is this one.
    pub fn is(&self, image: &ObservedImage) -> bool {
        match self {
            Self::Digest(wanted) => {
                let mut digests = image.digests.iter();
                digests.any(|it| {
                    it.split_once('@')
                        .is_some_and(|(_, digest)| digest == wanted)
                })
            }
            Self::Id(id) => *id == image.id,
        }
    }

    /// Returns the first twelve digits.
    pub fn short(&self) -> &str {
        let digits = match self {
            Self::Digest(digest) => digest.strip_prefix("sha256:").unwrap_or(digest),
            Self::Id(id) => return id.short(),
        };
        digits.get(..12).unwrap_or(digits)
    }
}

/// Returns the digest by which an image's own repository has it. An engine leaves out the parts of a name that everybody knows.
fn digest_of<'a>(reference: &ImageReference, image: &'a ObservedImage) -> Option<&'a str> {
    let own = reference.repository();
    let all = || image.digests.iter().filter_map(|it| it.split_once('@'));
    let exact = all().find(|(repository, _)| *repository == own);
    let familiar = || {
        all().find(|(repository, _)| {
            own.strip_suffix(repository)
                .is_some_and(|rest| rest.ends_with('/'))
        })
    };
    exact.or_else(familiar).map(|(_, digest)| digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ContainerConfig;

    #[test]
    fn an_image_is_locked_by_the_digest_of_its_own_repository() {
        let name = |text: &str| ImageReference::parse(text).unwrap();
        let id = ImageId::new("sha256:0123456789abcdef").unwrap();
        let mut image = ObservedImage::new(id.clone(), ContainerConfig::new(name("busybox:1")));
        assert_eq!(
            LockedImage::of(&name("busybox:1"), &image),
            LockedImage::Id(id)
        );
        image.digests = vec![
            "busybox@sha256:aa".to_owned(),
            "host:5000/other/busybox@sha256:bb".to_owned(),
        ];
        for (reference, digest) in [
            ("busybox:1", "sha256:aa"),
            ("registry.example/library/busybox", "sha256:aa"),
            ("host:5000/other/busybox:3", "sha256:bb"),
        ] {
            let locked = LockedImage::of(&name(reference), &image);
            assert_eq!(
                locked,
                LockedImage::Digest(digest.to_owned()),
                "{reference}"
            );
            assert!(locked.is(&image));
        }
        assert_eq!(
            LockedImage::of(&name("bigbusybox"), &image).short(),
            "0123456789ab"
        );
    }
}
