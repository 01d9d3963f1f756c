//! What has to happen to each container of a service.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::compose::{
    FileDigests, MANY_NETWORKS, beyond_engine, container_spec, implied_dependencies, labels,
    newer_than, shared_services,
};
use crate::key_path;
use crate::model::{
    ContainerSpec, ContainerStatus, Lifecycle, ObservedContainer, ObservedImage, PortSpec, Rerun,
    Service, ServiceName,
};

use super::compare::{Difference, compare, explicit};
use super::objects::drift_reason;
use super::planner::{Planner, is_up};
use super::touch::{Touch, file_reason};
use super::{FieldChange, Note, Reason, Resource, Shown, Summary, Verdict};

/// One container that should be there, and what is there of it.
pub(super) struct Slot<'a> {
    pub(super) service: ServiceName,
    pub(super) number: u32,
    pub(super) spec: ContainerSpec,
    /// The entry of the plan.
    pub(super) change: usize,
    /// The container that stays.
    pub(super) kept: Option<&'a ObservedContainer>,
    /// Containers of the same number that go: the one that is replaced first, then what interrupted replacements left.
    pub(super) others: Vec<&'a ObservedContainer>,
    pub(super) course: Course,
    /// How the one that stays differs from what it should be.
    pub(super) difference: Difference,
    /// What the files of the one that stays take.
    pub(super) touch: Touch,
    /// The services because of whose replacement or restart this one is stopped, and started after them.
    pub(super) follows: Vec<ServiceName>,
    /// Whether it ends by itself.
    pub(super) is_one_shot: bool,
    /// What its image is to be.
    pub(super) wanted: super::locked::Wanted<'a>,
}

/// What is done about a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Nothing; others may wait for it still.
    Nothing,
    /// Nothing, since it could not be seen or something is in the way.
    Blocked,
    /// A first container is made.
    Create,
    /// The one that stays is put right: name, limits, networks, state.
    Adjust,
    /// It is stopped and started, for its files or since something that it hangs on is replaced.
    Restart,
    /// A new container takes the place of the old one.
    Replace,
}

/// All slots, dependencies first, and where those of each service are.
#[derive(Default)]
pub(super) struct Slots<'a> {
    all: Vec<Slot<'a>>,
    /// By service. It is only asked and never gone through, since it has no order.
    places: HashMap<ServiceName, Range<usize>, FixedState>,
    /// Where the slots are that follow a service.
    followers: HashMap<ServiceName, Vec<usize>, FixedState>,
}

impl<'a> Slots<'a> {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot<'a>> {
        self.all.iter()
    }

    /// Returns the slots of a service.
    pub(super) fn of(&self, service: &ServiceName) -> &[Slot<'a>] {
        let place = self.places.get(service).cloned().unwrap_or_default();
        &self.all[place]
    }

    /// Returns the slots that follow a service, those last that others may depend on.
    pub(super) fn followers(&self, service: &ServiceName) -> impl Iterator<Item = &Slot<'a>> {
        let places = self.followers.get(service).map_or(&[][..], Vec::as_slice);
        places.iter().rev().map(|place| &self.all[*place])
    }

    fn add(&mut self, service: ServiceName, slots: Vec<Slot<'a>>) {
        let first = self.all.len();
        for (index, slot) in slots.iter().enumerate() {
            for leader in &slot.follows {
                let followers = self.followers.entry(leader.clone()).or_default();
                followers.push(first + index);
            }
        }
        self.all.extend(slots);
        self.places.insert(service, first..self.all.len());
    }
}

impl Slot<'_> {
    /// Returns whether a new container is made.
    pub(super) fn creates(&self) -> bool {
        matches!(self.course, Course::Create | Course::Replace)
    }

    /// Returns whether the container that stays has to be started.
    pub(super) fn needs_start(&self, service: &Service<crate::model::Resolved>) -> bool {
        self.touch == Touch::RunAgain
            || self
                .kept
                .is_none_or(|container| start_reason(container, service).is_some())
    }

    /// Returns the containers of the slot that run and are not to stay as they run.
    pub(super) fn running(&self) -> impl Iterator<Item = &'_ ObservedContainer> {
        let kept = self.kept.filter(|_| self.course == Course::Restart);
        let others = self.others.iter().copied();
        let others = others.filter(|_| self.course == Course::Replace);
        kept.into_iter().chain(others).filter(|it| is_up(it))
    }
}

impl<'a> Planner<'a> {
    /// Finds out what has to happen to every container of the selected services, dependencies first.
    pub(super) fn survey(&mut self) -> Slots<'a> {
        let mut slots = Slots::default();
        for service in self.selected.clone() {
            let containers = self.containers_of(&service);
            let numbers = self.numbers(&service, &containers);
            let mut by_number: BTreeMap<u32, Vec<&'a ObservedContainer>> = BTreeMap::new();
            for (number, container) in containers {
                by_number.entry(number).or_default().push(container);
            }
            let mut mine = Vec::with_capacity(numbers.len());
            for number in numbers {
                let there = by_number.remove(&number).unwrap_or_default();
                mine.push(self.survey_slot(&service, number, there, &slots));
            }
            slots.add(service, mine);
        }
        slots
    }

    /// Returns the numbers that the containers of a service have: those there are, the lowest first, and the lowest free ones.
    pub(super) fn numbers(
        &self,
        service: &ServiceName,
        containers: &[(u32, &'a ObservedContainer)],
    ) -> BTreeSet<u32> {
        let scale = self
            .stack
            .service(service)
            .map_or(0, |service| service.scale) as usize;
        let there: BTreeSet<u32> = containers.iter().map(|(number, _)| *number).collect();
        let mut numbers: BTreeSet<u32> = there.into_iter().take(scale).collect();
        let mut free = 1;
        while numbers.len() < scale {
            numbers.insert(free);
            free += 1;
        }
        numbers
    }

    fn survey_slot(
        &mut self,
        service: &ServiceName,
        number: u32,
        containers: Vec<&'a ObservedContainer>,
        before: &Slots<'a>,
    ) -> Slot<'a> {
        let definition = self
            .stack
            .service(service)
            .expect("selected services are of the stack");
        let mut spec = container_spec(self.stack, service, number, &self.host);
        self.reserved.insert(spec.name.clone());
        let explicit = explicit(&spec.config);
        let mounts = &spec.config.mounts;
        let mounts = FileDigests::of_mounted(self.host.salt, mounts, &self.observed.files);
        let labels = &mut spec.config.labels;
        labels.insert(labels::EXPLICIT.to_owned(), explicit);
        if !mounts.files.is_empty() {
            labels.insert(labels::MOUNTS.to_owned(), mounts.to_string());
        }
        let wanted = self.wanted_image(service, &spec.config.image);
        let image = wanted.here();
        spec.image_id = image.map(|image| image.id.clone());
        let summary = self.summary(definition, &spec);
        let resource = Resource::Service(service.clone(), number);
        let change = self.change(resource, Verdict::Nothing, Vec::new(), summary);
        let mut slot = Slot {
            service: service.clone(),
            number,
            spec,
            change,
            kept: None,
            others: containers,
            course: Course::Nothing,
            difference: Difference::default(),
            touch: Touch::Nothing,
            follows: Vec::new(),
            wanted,
            is_one_shot: matches!(definition.lifecycle, Lifecycle::OneShot(_)),
        };
        if self.is_blocked(&slot) {
            slot.course = Course::Blocked;
            return slot;
        }
        self.choose(&mut slot, image, before);
        self.decide(&mut slot, definition, before);
        slot
    }

    fn summary(&self, service: &Service<crate::model::Resolved>, spec: &ContainerSpec) -> Summary {
        let published = |port: &PortSpec| {
            let is_open = !port.published.is_empty();
            is_open.then(|| port.published.clone())
        };
        let mut after: Vec<String> = service
            .depends_on
            .keys()
            .filter(|name| self.is_selected(name))
            .map(ToString::to_string)
            .collect();
        let implied = implied_dependencies(self.stack, service).into_iter();
        after.extend(implied.map(|(parent, _)| parent.to_string()));
        Summary {
            what: spec.config.image.to_string(),
            ports: spec.config.ports.iter().filter_map(published).collect(),
            after,
            once: matches!(service.lifecycle, Lifecycle::OneShot(_)),
        }
    }

    /// Says what could not be seen or is in the way of a container, and returns whether there is such a thing.
    fn is_blocked(&mut self, slot: &Slot<'a>) -> bool {
        let limits = beyond_engine(self.stack, &slot.service);
        if !limits.is_empty() {
            let service = &slot.service;
            self.notes
                .extend(limits.into_iter().map(|it| Note::NotSupported {
                    what: format!("services.{service}.{}", it.attribute),
                    why: it.why,
                }));
            return true;
        }
        if self.is_too_new(slot) {
            return true;
        }
        let name = &slot.spec.name;
        if let Some(unknown) = self.index.unknown_container(name) {
            let (what, why) = (unknown.what.clone(), unknown.why.clone());
            self.changes[slot.change].verdict = Verdict::Unknown;
            self.changes[slot.change].reasons = vec![Reason::Unseen { why: why.clone() }];
            self.notes.push(Note::Unseen { what, why });
            return true;
        }
        let holder = self.index.container(name);
        let is_mine = |it: &ObservedContainer| slot.others.iter().any(|mine| mine.id == it.id);
        match holder {
            Some(holder) if !self.owns(holder) => {
                let (name, owner) = (name.clone(), self.owner_of(holder));
                let note = Note::ForeignInTheWay {
                    kind: "container",
                    name,
                    owner,
                };
                self.notes.push(note);
                true
            }
            // Ours, but of another service or number, or of `docker compose run`: it has to go or be renamed by a person first.
            Some(holder) if !is_mine(holder) && !self.will_go(holder) => {
                let (name, owner) = (name.clone(), "another service of this stack".to_owned());
                let note = Note::ForeignInTheWay {
                    kind: "container",
                    name,
                    owner,
                };
                self.notes.push(note);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Says what the engine is too old for, once for all containers of a service, and returns whether there is such a thing.
    fn is_too_new(&mut self, slot: &Slot<'a>) -> bool {
        let has = self.observed.engine.api;
        let found = newer_than(&slot.spec.config, has);
        for it in &found {
            let note = Note::EngineTooOld {
                what: format!("services.{}.{}", slot.service, it.attribute),
                needs: it.needs,
                has,
            };
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        !found.is_empty()
    }

    /// Picks the container that stays: one that is as it should be, preferably running and under its name. The others go.
    fn choose(&mut self, slot: &mut Slot<'a>, image: Option<&ObservedImage>, before: &Slots<'a>) {
        let is_recreated = !self.options.only_missing
            && (self.options.force_recreate || self.dependency_takes_along(slot, before))
            || self.shared_is_replaced(slot, before);
        let definition = self
            .stack
            .service(&slot.service)
            .expect("it is of the stack");
        let rank = |container: &ObservedContainer| {
            let status = container.state.status;
            (
                // One that has done its work is as good as one that runs.
                start_reason(container, definition).is_none(),
                is_up(container),
                container.name == slot.spec.name,
                status == ContainerStatus::Exited,
                container.created,
            )
        };
        let mut candidates = std::mem::take(&mut slot.others);
        candidates.sort_by_key(|container| std::cmp::Reverse(rank(container)));
        let compared: Vec<Difference> = candidates
            .iter()
            .map(|have| compare(&self.context, &slot.service, &slot.spec, have, image))
            .collect();
        let fits = |(index, have): (usize, &&ObservedContainer)| {
            let is_dead = matches!(
                have.state.status,
                ContainerStatus::Dead | ContainerStatus::Removing
            );
            let is_to_come = matches!(slot.wanted, super::locked::Wanted::ToCome(_));
            let has_moved = is_to_come || image.is_some_and(|image| image.id != have.image_id);
            let is_elsewhere = self.other_folder(have).is_some();
            !compared[index].replace && !is_dead && !has_moved && !is_recreated && !is_elsewhere
        };
        let kept = candidates.iter().enumerate().position(fits);
        // Where only what is missing is to be made, what is there stays as it is.
        let kept =
            kept.or_else(|| (self.options.only_missing && !candidates.is_empty()).then_some(0));
        slot.difference = compared.get(kept.unwrap_or(0)).cloned().unwrap_or_default();
        slot.kept = kept.map(|index| candidates.remove(index));
        slot.others = candidates;
    }

    /// Returns whether a container whose namespace or mounts this one shares gets a new id.
    fn shared_is_replaced(&self, slot: &Slot<'a>, before: &Slots<'a>) -> bool {
        let parents = shared_services(self.stack, &slot.service);
        let mut others = parents.iter().flat_map(|parent| before.of(parent));
        others.any(Slot::creates)
    }

    /// Decides what is done, and says why.
    fn decide(
        &mut self,
        slot: &mut Slot<'a>,
        definition: &Service<crate::model::Resolved>,
        before: &Slots<'a>,
    ) {
        let only_missing = self.options.only_missing;
        if only_missing {
            slot.others.clear();
        }
        let drift = !slot.difference.fields.is_empty() && !only_missing;
        let mut reasons = Vec::new();
        let verdict;
        if !only_missing {
            slot.touch = self.touch(slot, definition);
        }
        match slot.kept {
            None if slot.others.is_empty() => {
                slot.course = Course::Create;
                (verdict, reasons) = (Verdict::Create, vec![Reason::Missing]);
            }
            None => {
                slot.course = Course::Replace;
                verdict = Verdict::Recreate;
                reasons.extend(self.replace_reasons(slot, before));
            }
            Some(kept) => {
                let start = start_reason(kept, definition);
                let has_wrong_name = kept.name != slot.spec.name && !only_missing;
                let takes_over = slot.others.iter().any(|other| is_up(other)) && start.is_some();
                if has_wrong_name {
                    reasons.push(Reason::WrongName {
                        name: kept.name.clone(),
                    });
                }
                if !slot.others.is_empty() {
                    reasons.push(Reason::Leftover);
                }
                if drift {
                    reasons.push(drift_reason(&slot.difference.fields));
                    reasons.extend(file_reason(slot, definition));
                }
                if drift && slot.difference.is_by_hand {
                    reasons.push(Reason::ChangedByHand);
                }
                let is_quiet = reasons.is_empty();
                reasons.extend(start.clone());
                slot.course = match slot.touch {
                    _ if reasons.is_empty() => Course::Nothing,
                    Touch::Restart => Course::Restart,
                    Touch::Nothing | Touch::Reload | Touch::RunAgain => Course::Adjust,
                };
                let starts = start.is_some() || slot.touch == Touch::RunAgain;
                verdict = match slot.touch {
                    _ if takes_over => Verdict::Recreate,
                    Touch::Restart => Verdict::Restart,
                    _ if starts => Verdict::Start,
                    Touch::Reload => Verdict::Reload,
                    _ if is_quiet => Verdict::Nothing,
                    Touch::Nothing | Touch::RunAgain => Verdict::Update,
                };
            }
        }
        let change = &mut self.changes[slot.change];
        (change.verdict, change.reasons) = (verdict, reasons);
        if !only_missing {
            change.fields = super::retag::image_moved(slot).into_iter().collect();
            change.fields.extend(slot.difference.fields.iter().cloned());
            change.fields.extend(condition(slot, definition));
            self.follow(slot, definition, before);
        }
        self.tell(slot);
    }

    fn replace_reasons(&self, slot: &Slot<'a>, before: &Slots<'a>) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if matches!(slot.wanted, super::locked::Wanted::ToCome(_)) {
            reasons.push(Reason::Locked);
        }
        let moved = slot.spec.image_id.as_ref();
        if moved.is_some_and(|id| slot.others.iter().all(|other| other.image_id != *id)) {
            reasons.push(Reason::ImageChanged);
        }
        if !slot.difference.fields.is_empty() {
            reasons.push(drift_reason(&slot.difference.fields));
        }
        if slot.difference.is_by_hand {
            reasons.push(Reason::ChangedByHand);
        }
        let parents = shared_services(self.stack, &slot.service);
        let others = parents.iter().flat_map(|parent| before.of(parent));
        for other in others.filter(|it| it.creates()) {
            let dependency = Resource::Service(other.service.clone(), other.number);
            reasons.push(Reason::DependencyReplaced { dependency });
        }
        let mut others = slot.others.iter();
        if let Some(folder) = others.find_map(|other| self.other_folder(other)) {
            reasons.push(Reason::OtherFolder { folder });
        }
        let is_taken_along = self.dependency_takes_along(slot, before);
        if reasons.is_empty() && !is_taken_along || self.options.force_recreate {
            reasons.push(Reason::Forced);
        }
        reasons
    }

    /// Adds the notes that follow from the comparison.
    fn tell(&mut self, slot: &Slot<'a>) {
        for path in &slot.difference.ignored {
            self.notes.push(Note::DriftIgnored { path: path.clone() });
        }
        let updates = matches!(slot.course, Course::Adjust | Course::Restart);
        if updates && slot.difference.update && slot.difference.is_hash_stale {
            let service = slot.service.clone();
            if self.stale.insert(service.clone()) {
                self.notes.push(Note::StaleComposeHash { service });
            }
        }
    }

    /// Returns the networks that a container joins beyond the one that it is made on, where the engine takes one only.
    pub(super) fn later_networks(&self, spec: &ContainerSpec) -> Vec<String> {
        if self.observed.engine.api >= MANY_NETWORKS {
            return Vec::new();
        }
        let main = spec.config.main_network.as_ref();
        let all = spec.config.endpoints.keys();
        all.filter(|name| Some(*name) != main).cloned().collect()
    }
}

/// Returns why a container that is as it should be has to be started, if it has to.
pub(super) fn start_reason(
    container: &ObservedContainer,
    service: &Service<crate::model::Resolved>,
) -> Option<Reason> {
    let state = &container.state;
    let words = match state.status {
        ContainerStatus::Running | ContainerStatus::Restarting => return None,
        ContainerStatus::Paused => return Some(Reason::Paused),
        ContainerStatus::Created => "was created and never started".to_owned(),
        ContainerStatus::Exited | ContainerStatus::Dead | ContainerStatus::Removing => {
            format!("exited with code {}", state.exit_code)
        }
    };
    let has_done_its_work = state.status == ContainerStatus::Exited
        && state.exit_code == 0
        && service.lifecycle == Lifecycle::OneShot(Rerun::OnChange);
    (!has_done_its_work).then_some(Reason::NotRunning { state: words })
}

/// Returns what is not of the definition and differs all the same: the name and the state of the container that stays.
fn condition(slot: &Slot<'_>, service: &Service<crate::model::Resolved>) -> Vec<FieldChange> {
    let Some(kept) = slot.kept else {
        return Vec::new();
    };
    let field = |path, old: String, new: &str| FieldChange {
        path,
        old: Some(Shown::Plain(old)),
        new: Some(Shown::Plain(new.to_owned())),
    };
    let has_wrong_name = kept.name != slot.spec.name;
    let name = has_wrong_name.then(|| {
        field(
            key_path!["container_name"],
            kept.name.clone(),
            &slot.spec.name,
        )
    });
    let state = match start_reason(kept, service) {
        Some(Reason::NotRunning { state }) => Some(state),
        Some(_) => Some("paused".to_owned()),
        None => None,
    };
    let state = state.map(|state| field(key_path!["state"], state, "running"));
    name.into_iter().chain(state).collect()
}
