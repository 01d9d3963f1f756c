//! Images before a plan: which are pulled, and when that was done last.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use crate::compose::{PullPolicy, image_keys, pull_policy};
use crate::exec::{ApplyReport, StepOutcome};
use crate::model::{ImageKey, ImageLock, LockedImage, ObservedImage};
use crate::plan::{self, Action, BuildWhich, BuildWish, Plan, PlanOptions, PullWhich, Refresh};

use super::{Planned, ReconcileError, Session};

/// How many registries are asked at once.
const AT_ONCE: usize = 8;

/// The note in the state folder that says when images were pulled last: a pull that brings nothing new leaves no trace at the engine.
const PULLED: &str = "pulled.json";

impl Session {
    /// Returns which images an apply brings before it plans, by the policies of the services; `None` where no policy asks for that.
    pub fn refresh_by_policy(&self) -> Option<Refresh> {
        let asks = self.stack.active_services().any(|(_, service)| {
            matches!(
                pull_policy(service),
                Some(PullPolicy::Always | PullPolicy::Every(_) | PullPolicy::Build)
            )
        });
        asks.then(|| Refresh {
            pull: PullWhich::ByPolicy {
                now: Timestamp::now(),
                pulled: self.pulled(),
            },
            build: BuildWhich::ByPolicy,
            wish: BuildWish::default(),
        })
    }

    /// Returns what the image tags of the stack stand for: those of images that are here, else what the registry says. `asks_registries`:
    /// the registry is asked of those that are here too, but for those that no registry has.
    ///
    /// # Errors
    /// Where an image is not here and its registry cannot say.
    pub async fn make_lock(&self, asks_registries: bool) -> Result<ImageLock, ReconcileError> {
        let observed = self.observe().await?;
        let keys = image_keys(&self.stack);
        let mut locked = stream::iter(keys)
            .map(|key| {
                let here = observed.images.get(&key.0).and_then(Option::as_ref);
                self.lock_image(key, here, asks_registries)
            })
            .buffer_unordered(AT_ONCE);
        let mut lock = ImageLock::default();
        while let Some(image) = locked.next().await {
            let (key, image) = image?;
            lock.images.insert(key, image);
        }
        Ok(lock)
    }

    async fn lock_image(
        &self,
        key: ImageKey,
        here: Option<&ObservedImage>,
        asks_registry: bool,
    ) -> Result<(ImageKey, LockedImage), ReconcileError> {
        let image = match here {
            Some(here) if !asks_registry || here.digests.is_empty() => {
                LockedImage::of(&key.0, here)
            }
            _ => LockedImage::Digest(self.engine.registry_digest(&key.0).await?),
        };
        Ok((key, image))
    }

    /// Plans to bring images and nothing else.
    ///
    /// # Errors
    /// Where nothing could be seen.
    pub async fn plan_refresh(
        &self,
        options: &PlanOptions,
        which: &Refresh,
    ) -> Result<Planned, ReconcileError> {
        let observed = self.observe().await?;
        let options = self.options(options);
        let plan = plan::refresh(&self.stack, &observed, &options, which);
        Ok(Planned { observed, plan })
    }

    /// Remembers what was pulled just now.
    pub fn remember_pulls(&self, plan: &Plan, report: &ApplyReport) {
        let mut pulled = self.pulled();
        let before = pulled.clone();
        let now = Timestamp::now();
        for (step, outcome) in plan.steps.iter().zip(&report.outcomes) {
            if let (Action::PullImage { image, .. }, StepOutcome::Done) = (&step.action, outcome) {
                pulled.insert(image.to_string(), now);
            }
        }
        if pulled != before
            && let Ok(text) = serde_json::to_string(&pulled)
        {
            self.state.keep_note(PULLED, &text);
        }
    }

    fn pulled(&self) -> BTreeMap<String, Timestamp> {
        // A note that cannot be read only costs a pull.
        self.state
            .note(PULLED)
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }
}
