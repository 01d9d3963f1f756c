//! Images at the fake engine.

use sha2::{Digest, Sha256};

use crate::engine::{ActionProgress, EngineError, Performed, PullProgress};
use crate::model::{BuildSpec, ContainerConfig, ImageId, ImageReference, ObservedImage};
use crate::plan::Action;

use super::world::{World, image_id};

/// Returns what is told of an action: of a pull, an image of two layers, of which one is there already; of a build, two lines.
pub(super) fn told_of(action: &Action) -> Vec<ActionProgress> {
    let at = |layers_done, bytes_done| PullProgress {
        layers_done,
        layers: 2,
        bytes_done,
        bytes: 1000,
    };
    if let Action::PullImage { .. } = action {
        return [at(1, 0), at(2, 1000)].map(ActionProgress::Pull).into();
    }
    if let Action::BuildImage(spec) = action {
        let lines = [
            "Step 1/1 : FROM scratch".to_owned(),
            format!("Built {}", spec.image),
        ];
        return lines.map(ActionProgress::Build).into();
    }
    Vec::new()
}

impl World {
    pub(super) fn pull(&mut self, image: &ImageReference) -> Result<Performed, EngineError> {
        if self.registry.contains(image) {
            let mut found =
                ObservedImage::new(image_id(image), ContainerConfig::new(image.clone()));
            found
                .digests
                .extend(image.digest().map(|_| image.to_string()));
            self.images.insert(image.clone(), found);
            return Ok(Performed::Done);
        }
        Err(EngineError::NoImage {
            image: image.to_string(),
            message: "no such host".to_owned(),
        })
    }

    /// Returns what a registry says: every tag that it has stands for the digest of the image that a pull would bring.
    pub(super) fn digest(&self, image: &ImageReference) -> Result<String, EngineError> {
        let has_it = self.registry.contains(image);
        let no_image = || EngineError::NoImage {
            image: image.to_string(),
            message: "no such host".to_owned(),
        };
        let digest = Sha256::digest(image.as_str().as_bytes());
        let hex: String = digest.iter().map(|it| format!("{it:02x}")).collect();
        has_it.then(|| format!("sha256:{hex}")).ok_or_else(no_image)
    }

    /// Builds an image: the same specification makes the same one, as a builder with its cache does.
    pub(super) fn build(&mut self, spec: &BuildSpec) -> Performed {
        let mut digest = Sha256::new();
        digest.update(format!("{spec:?}"));
        let hex: String = digest
            .finalize()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let id = ImageId::new(format!("sha256:{hex}")).expect("it is not empty");
        let mut defaults = ContainerConfig::new(spec.image.clone());
        defaults.labels.clone_from(&spec.labels);
        let image = ObservedImage::new(id, defaults);
        self.images.insert(spec.image.clone(), image);
        Performed::Done
    }

    pub(super) fn tag(
        &mut self,
        source: &str,
        image: &ImageReference,
    ) -> Result<Performed, EngineError> {
        let mut all = self.images.values();
        let found = all.find(|it| {
            it.id.as_ref() == source || it.digests.iter().any(|digest| digest == source)
        });
        let mut found = found.cloned().ok_or_else(|| EngineError::NotFound {
            what: format!("image {source}"),
            message: "No such image".to_owned(),
        })?;
        found.defaults.image = image.clone();
        self.images.insert(image.clone(), found);
        Ok(Performed::Done)
    }
}
