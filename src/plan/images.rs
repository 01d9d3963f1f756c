//! Images: which are brought, and that they are here before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::compose::{PullPolicy, pull_policy};
use crate::model::{ImageReference, Observed, ObservedImage, Resolved, ServiceName, Stack};

use super::planner::Planner;
use super::{Action, Note, Plan, PlanOptions, Pull, Reason, Resource, StepId, Summary, Verdict};

/// Which images [`refresh`] pulls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refresh {
    /// Those that are here and whose policy asks for a newer one at this time: `always`, or so long ago. The times are those of the last
    /// pull, by image.
    ByPolicy {
        /// The time.
        now: Timestamp,
        /// When an image was pulled last.
        pulled: BTreeMap<String, Timestamp>,
    },
    /// All, but those whose policy forbids it, or asks only for what is missing and is not.
    Asked {
        /// Whether services that can be built are left out.
        ignore_buildable: bool,
    },
    /// All, whatever their policies say, but those that are built.
    Always,
    /// Those that are missing, whatever their policies say, but those that are built.
    Missing,
}

/// Returns a plan that pulls images of the selected services and does nothing else. It comes before [`diff`](super::diff), which then
/// sees what the pulls brought: a container is replaced only where its image has really moved, and the plan shows it.
pub fn refresh(
    stack: &Stack<Resolved>,
    observed: &Observed,
    options: &PlanOptions,
    which: &Refresh,
) -> Plan {
    let mut planner = Planner::new(stack, observed, options);
    let mut seen = BTreeSet::new();
    for name in planner.selected.clone() {
        let Some(service) = stack.service(&name) else {
            continue;
        };
        let Some(image) = &service.container.image else {
            continue;
        };
        let policy = pull_policy(service).unwrap_or(PullPolicy::Missing);
        let here = observed.images.get(image).and_then(Option::as_ref);
        let has_build = service.more.contains_key("build");
        let is_wanted = match which {
            Refresh::ByPolicy { now, pulled } => {
                here.is_some_and(|here| is_old(policy, image, here, *now, pulled))
            }
            Refresh::Asked { ignore_buildable } => {
                let asks_for_missing = service.container.pull_policy.is_some();
                match policy {
                    PullPolicy::Never => false,
                    PullPolicy::Build => {
                        service.container.pull_policy.is_none() && !ignore_buildable
                    }
                    PullPolicy::Missing => {
                        (here.is_none() || !asks_for_missing) && !(has_build && *ignore_buildable)
                    }
                    PullPolicy::Always | PullPolicy::Every(_) => !(has_build && *ignore_buildable),
                }
            }
            Refresh::Always => policy != PullPolicy::Build,
            Refresh::Missing => here.is_none() && policy != PullPolicy::Build,
        };
        let platform = service.container.platform.clone();
        if is_wanted && seen.insert((image.clone(), platform.clone())) {
            let reason = match here {
                Some(_) => Reason::Forced,
                None => Reason::Missing,
            };
            planner.plan_pull(image, platform, reason);
        }
    }
    planner.finish()
}

/// Returns whether an image that is here is to be pulled again. One whose age is not known counts as old.
fn is_old(
    policy: PullPolicy,
    image: &ImageReference,
    here: &ObservedImage,
    now: Timestamp,
    pulled: &BTreeMap<String, Timestamp>,
) -> bool {
    let age = match policy {
        PullPolicy::Always => return true,
        PullPolicy::Every(age) => age,
        PullPolicy::Missing | PullPolicy::Never | PullPolicy::Build => return false,
    };
    // A pull that brings nothing new leaves the engine's own time as it was.
    let last = pulled.get(image.as_str()).copied().max(here.tagged_at);
    last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= age)
}

impl Planner<'_> {
    /// Plans the pulls of the images that new containers need. Every pull comes before the first touch of anything, so that a missing
    /// image leaves everything as it is.
    pub(super) fn plan_pulls(&mut self, needed: &[(ServiceName, ImageReference)]) {
        let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for (name, image) in needed {
            let Some(service) = self.stack.service(name) else {
                continue;
            };
            let policy = pull_policy(service).unwrap_or(PullPolicy::Missing);
            // What was not asked for is not known to be missing.
            let is_missing = matches!(self.observed.images.get(image), Some(None));
            let is_forced = policy == PullPolicy::Always && self.options.pull == Pull::ByPolicy;
            let platform = service.container.platform.clone();
            if !(is_missing || is_forced) || !seen.insert((image.to_string(), platform.clone())) {
                continue;
            }
            let is_forbidden = matches!(policy, PullPolicy::Never | PullPolicy::Build);
            if is_forbidden || self.options.pull == Pull::Never {
                let (image, service) = (image.to_string(), name.clone());
                self.notes.push(Note::ImageMissing { image, service });
                continue;
            }
            let reason = if is_missing {
                Reason::Missing
            } else {
                Reason::Forced
            };
            self.plan_pull(image, platform, reason);
        }
    }

    fn plan_pull(&mut self, image: &ImageReference, platform: Option<String>, reason: Reason) {
        let change = self.change(
            Resource::Image(image.to_string()),
            Verdict::Create,
            vec![reason],
            Summary::default(),
        );
        let image = image.clone();
        let action = Action::PullImage { image, platform };
        let step = self.step(change, action, [], Vec::new());
        self.pulls.insert(step);
    }

    /// Puts the steps that bring images in front of all others, and makes every change wait for them: should one fail, nothing at all was
    /// touched.
    pub(super) fn images_first(&mut self) {
        if self.pulls.is_empty() {
            return;
        }
        let is_image = |id: &StepId| self.pulls.contains(id);
        let ids = || (0..self.steps.len()).map(StepId);
        let order: Vec<StepId> = ids()
            .filter(is_image)
            .chain(ids().filter(|id| !is_image(id)))
            .collect();
        let mut moved = vec![StepId(0); order.len()];
        for (at, id) in order.iter().enumerate() {
            moved[id.0] = StepId(at);
        }
        let images: BTreeSet<StepId> = self.pulls.iter().map(|id| moved[id.0]).collect();
        let renumber = |ids: &BTreeSet<StepId>| ids.iter().map(|id| moved[id.0]).collect();
        for step in &mut self.steps {
            step.id = moved[step.id.0];
            step.needs = renumber(&step.needs);
            step.after = renumber(&step.after);
            if step.needs.is_empty() && step.action.mutates() && !images.contains(&step.id) {
                step.needs.clone_from(&images);
            }
        }
        self.steps.sort_by_key(|step| step.id);
    }
}
