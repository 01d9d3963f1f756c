//! Images: which are pulled and built, and that they are here before anything is touched.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::compose::{PullPolicy, build_needs, build_spec, built_images, image_of, pull_policy};
use crate::model::{
    ImageReference, Observed, ObservedImage, Resolved, SecretText, Service, ServiceName, Stack,
};

use super::planner::Planner;
use super::{Action, Bring, Note, Plan, PlanOptions, Reason, Resource, StepId, Summary, Verdict};

/// Which images [`refresh`] brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// Those that are pulled.
    pub pull: PullWhich,
    /// Those that are built.
    pub build: BuildWhich,
    /// How they are built.
    pub wish: BuildWish,
}

/// Which images are pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullWhich {
    /// None.
    None,
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

/// Which images are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildWhich {
    /// None.
    None,
    /// Those whose policy is `build`.
    ByPolicy,
    /// All that can be.
    All,
}

/// How images are built, beside what stack.toml says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildWish {
    /// Builds every layer anew.
    pub no_cache: bool,
    /// Asks the registry for newer base images.
    pub pull: bool,
    /// Build arguments, over those of stack.toml; `None` as value: that of the environment.
    pub args: BTreeMap<String, Option<SecretText>>,
}

/// Returns a plan that brings images of the selected services and does nothing else. It comes before [`diff`](super::diff), which then
/// sees what came: a container is replaced only where its image has really moved, and the plan shows it.
pub fn refresh(
    stack: &Stack<Resolved>,
    observed: &Observed,
    options: &PlanOptions,
    which: &Refresh,
) -> Plan {
    let mut planner = Planner::new(stack, observed, options);
    let mut builds = Builds::new(&which.wish);
    let selected = planner.selected.clone();
    builds.wanted = selected
        .iter()
        .filter(|name| {
            let service = stack.service(name);
            service.is_some_and(|service| is_built(service, which.build))
        })
        .cloned()
        .collect();
    for name in builds.wanted.clone() {
        planner.plan_build(&name, Reason::Forced, &mut builds);
    }
    let mut seen: BTreeSet<(ImageReference, Option<String>)> = BTreeSet::new();
    for name in &selected {
        let Some(service) = stack.service(name) else {
            continue;
        };
        // One that only has a name as a built one is in no registry.
        let Some(image) = &service.container.image else {
            continue;
        };
        let here = observed.images.get(image).and_then(Option::as_ref);
        let platform = service.container.platform.clone();
        if builds.done.contains_key(image)
            || !is_pulled(service, image, here, &which.pull)
            || !seen.insert((image.clone(), platform.clone()))
        {
            continue;
        }
        let reason = match here {
            Some(_) => Reason::Forced,
            None => Reason::Missing,
        };
        planner.plan_pull(image, platform, reason);
    }
    planner.finish()
}

fn is_built(service: &Service<Resolved>, which: BuildWhich) -> bool {
    let can_be = service.more.contains_key("build");
    match which {
        BuildWhich::None => false,
        BuildWhich::ByPolicy => can_be && pull_policy(service) == Some(PullPolicy::Build),
        BuildWhich::All => can_be,
    }
}

fn is_pulled(
    service: &Service<Resolved>,
    image: &ImageReference,
    here: Option<&ObservedImage>,
    which: &PullWhich,
) -> bool {
    let policy = pull_policy(service).unwrap_or(PullPolicy::Missing);
    let has_build = service.more.contains_key("build");
    let is_for_building = matches!(policy, PullPolicy::Build | PullPolicy::BuildMissing);
    match which {
        PullWhich::None => false,
        PullWhich::ByPolicy { now, pulled } => {
            here.is_some_and(|here| is_old(policy, image, here, *now, pulled))
        }
        PullWhich::Asked { ignore_buildable } => {
            let is_enough = service.container.pull_policy.is_some() && here.is_some();
            match policy {
                PullPolicy::Never | PullPolicy::Build => false,
                PullPolicy::Missing if is_enough => false,
                PullPolicy::Missing
                | PullPolicy::BuildMissing
                | PullPolicy::Always
                | PullPolicy::Every(_) => !(has_build && *ignore_buildable),
            }
        }
        PullWhich::Always => !is_for_building,
        PullWhich::Missing => here.is_none() && !is_for_building,
    }
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
        PullPolicy::Missing | PullPolicy::Never | PullPolicy::Build | PullPolicy::BuildMissing => {
            return false;
        }
    };
    // A pull that brings nothing new leaves the engine's own time as it was.
    let last = pulled.get(image.as_str()).copied().max(here.tagged_at);
    last.is_none_or(|last| now.duration_since(last).unsigned_abs() >= age)
}

/// The builds of a plan in the making.
struct Builds<'w> {
    wish: &'w BuildWish,
    /// Services that are built although their images are here.
    wanted: BTreeSet<ServiceName>,
    /// The step of each image that is built; `None` while it is being planned, and where it cannot be built.
    done: BTreeMap<ImageReference, Option<StepId>>,
}

impl<'w> Builds<'w> {
    fn new(wish: &'w BuildWish) -> Self {
        Self {
            wish,
            wanted: BTreeSet::new(),
            done: BTreeMap::new(),
        }
    }
}

impl Planner<'_> {
    /// Plans the pulls and builds of the images that new containers need. All of them come before the first touch of anything, so that a
    /// missing image leaves everything as it is.
    pub(super) fn plan_images(&mut self, needed: &[(ServiceName, ImageReference)]) {
        let wish = BuildWish::default();
        let mut builds = Builds::new(&wish);
        let mut seen: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for (name, image) in needed {
            let Some(service) = self.stack.service(name) else {
                continue;
            };
            if self.options.locked && image.digest().is_none() {
                // What the lock pins was planned already, and what it does not have was refused.
                continue;
            }
            let policy = pull_policy(service).unwrap_or(PullPolicy::Missing);
            let is_missing = self.is_missing(image);
            let is_forced = policy == PullPolicy::Always && self.options.bring == Bring::ByPolicy;
            let platform = service.container.platform.clone();
            if !(is_missing || is_forced) || !seen.insert((image.to_string(), platform.clone())) {
                continue;
            }
            if is_missing && let Some(builder) = self.built_by(name, image) {
                match self.options.build_missing {
                    true => self.plan_build(&builder, Reason::Missing, &mut builds),
                    false => {
                        self.image_missing(image, name);
                        None
                    }
                };
                continue;
            }
            if policy == PullPolicy::Never || self.options.bring == Bring::Nothing {
                self.image_missing(image, name);
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

    /// What was not asked for is not known to be missing.
    fn is_missing(&self, image: &ImageReference) -> bool {
        matches!(self.observed.images.get(image), Some(None))
    }

    fn image_missing(&mut self, image: &ImageReference, service: &ServiceName) {
        let (image, service) = (image.to_string(), service.clone());
        self.notes.push(Note::ImageMissing { image, service });
    }

    /// Returns the service whose build makes an image: the one that needs it, unless its policy is to pull, else another one that names it.
    fn built_by(&self, name: &ServiceName, image: &ImageReference) -> Option<ServiceName> {
        let is_built = |name: &ServiceName| {
            let policy = self.stack.service(name).and_then(pull_policy);
            let can_be = self.stack.service(name)?.more.contains_key("build");
            let builds = matches!(policy, Some(PullPolicy::Build | PullPolicy::BuildMissing));
            Some(can_be && builds)
        };
        if is_built(name) == Some(true) {
            return Some(name.clone());
        }
        let mut others = built_images(self.stack);
        let other = others.find(|(other, built)| built == image && is_built(other) == Some(true));
        other.map(|(other, _)| other.clone())
    }

    pub(super) fn plan_pull(
        &mut self,
        image: &ImageReference,
        platform: Option<String>,
        reason: Reason,
    ) -> StepId {
        let change = self.image_change(image, reason);
        let image = image.clone();
        let action = Action::PullImage { image, platform };
        let step = self.step(change, action, [], Vec::new());
        self.pulls.insert(step);
        step
    }

    /// Plans a build, and those before it that it begins with where they are missing or to be built too; or says why it cannot be done.
    fn plan_build(
        &mut self,
        name: &ServiceName,
        reason: Reason,
        builds: &mut Builds<'_>,
    ) -> Option<StepId> {
        let image = image_of(self.stack, name)?;
        if let Some(step) = builds.done.get(&image) {
            return *step;
        }
        // A build that needs itself ends here, and fails with the builder's own words.
        builds.done.insert(image.clone(), None);
        let mut needs = BTreeSet::new();
        for other in build_needs(self.stack, name) {
            let Some(base) = image_of(self.stack, &other) else {
                continue;
            };
            let reason = match self.is_missing(&base) {
                true => Reason::Missing,
                false if builds.wanted.contains(&other) => Reason::Forced,
                false => continue,
            };
            needs.extend(self.plan_build(&other, reason, builds));
        }
        let mut spec = match build_spec(
            self.stack,
            name,
            self.options.builder,
            self.observed.engine.api,
        )? {
            Ok(spec) => spec,
            Err(beyond) => {
                self.notes
                    .extend(beyond.into_iter().map(|it| Note::NotSupported {
                        what: format!("services.{name}.{}", it.attribute),
                        why: it.why,
                    }));
                return None;
            }
        };
        spec.no_cache |= builds.wish.no_cache;
        spec.pull |= builds.wish.pull;
        spec.args.extend(builds.wish.args.clone());
        let change = self.image_change(&image, reason);
        let action = Action::BuildImage(Box::new(spec));
        let step = self.step(change, action, needs, Vec::new());
        self.pulls.insert(step);
        builds.done.insert(image, Some(step));
        Some(step)
    }

    pub(super) fn image_change(&mut self, image: &ImageReference, reason: Reason) -> usize {
        let resource = Resource::Image(image.to_string());
        self.change(resource, Verdict::Create, vec![reason], Summary::default())
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
