//! From the snapshot of a project to the tables of stack.toml.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::attachment::{Owners, is_fixed, network_service, put_attachment, put_dependencies};
use super::container::Source;
use super::mounts::put_mounts;
use super::objects::Objects;
use super::secrets::Secrets;
use super::value::{bare, put, put_flag, put_table, table, text};
use crate::compose::import::item::Table;
use crate::compose::import::mixin::{Sharing, fold, in_service};
use crate::compose::import::service::CONDITIONS;
use crate::compose::import::{ImportWarning, Imported};
use crate::compose::{Ownership, container_ownership, labels};
use crate::model::{
    ContainerId, ContainerStatus, ImageReference, MountSpecSource, Observed, ObservedContainer,
    ObservedImage, ProjectName, Restart, Scope, ServiceName,
};

/// What is said of a service whose configs or secrets are no files of the host.
const COPIED_IN: &str =
    "configs or secrets were copied into it, which the engine does not show: add them here";

/// What is said of a setting that all containers have, and that the engine does not tell from its own.
const MAYBE_DAEMON: &str = "what the daemon does by itself looks the same";

/// What runs, and where it is to be written.
#[derive(Debug, Clone, Copy)]
pub struct RunningRequest<'a> {
    /// The project.
    pub project: &'a ProjectName,
    /// The snapshot, with the images, networks and volumes that [`running_scope`] names.
    pub observed: &'a Observed,
    /// The absolute folder that stack.toml is for.
    pub folder: &'a Path,
    /// Variables that are set there, such as in `.env`: a secret that one of them holds is written as that one.
    pub variables: &'a BTreeMap<String, String>,
}

/// Returns what has to be looked at to import a project: what its containers, which have been `seen`, use.
pub fn running_scope(project: &ProjectName, seen: &[ObservedContainer]) -> Scope {
    let configs = || seen.iter().map(|container| &container.config);
    let volumes = configs().flat_map(|config| &config.mounts);
    Scope {
        project: project.clone(),
        images: seen
            .iter()
            .flat_map(|it| [image_by_id(it), Some(it.config.image.clone())])
            .flatten()
            .collect(),
        networks: configs()
            .flat_map(|config| config.endpoints.keys().cloned())
            .collect(),
        volumes: volumes
            .filter_map(|mount| match &mount.source {
                MountSpecSource::Volume { name, .. } => name.clone(),
                MountSpecSource::Bind { .. }
                | MountSpecSource::Image { .. }
                | MountSpecSource::Tmpfs { .. } => None,
            })
            .collect(),
        container_names: BTreeSet::new(),
        sockets: BTreeMap::new(),
        files: BTreeSet::new(),
    }
}

/// Returns the image that a container was really made of: its tag may have moved since.
fn image_by_id(container: &ObservedContainer) -> Option<ImageReference> {
    ImageReference::parse(container.image_id.as_str()).ok()
}

/// Makes a stack of the containers, networks and volumes of a project.
pub fn import_running(request: &RunningRequest<'_>) -> Imported {
    let mut running = Running::new(request);
    let secrets = Secrets::gather(&running.sources(), request.variables);
    let objects = Objects::gather(request.project, request.observed, &running.sources());
    let tables = running.tables(&secrets, &objects);
    let mut header = vec![format!(
        "Made by: stackgen import --running {}",
        request.project
    )];
    let all: Vec<&str> = secrets.all().into_iter().collect();
    if !all.is_empty() {
        header.push(format!(
            "Secrets are not in this file: {} get their values from .env or the environment.",
            all.join(", ")
        ));
    }
    Imported {
        warnings: running.warnings,
        files: Vec::new(),
        header,
        unset: secrets.unset().clone(),
        tables,
    }
}

/// The containers of each service by number; of two with one number the one that works comes first.
type Services<'a> = BTreeMap<ServiceName, BTreeMap<u32, Vec<&'a ObservedContainer>>>;

struct Running<'a> {
    request: &'a RunningRequest<'a>,
    services: Services<'a>,
    /// What each service waits for: condition and restart.
    waits: BTreeMap<ServiceName, BTreeMap<ServiceName, (String, bool)>>,
    warnings: Vec<ImportWarning>,
}

impl<'a> Running<'a> {
    fn new(request: &'a RunningRequest<'a>) -> Self {
        let mut running = Self {
            request,
            services: Services::new(),
            waits: BTreeMap::new(),
            warnings: Vec::new(),
        };
        running.group();
        running.read_dependencies();
        running.tell_about_folders();
        for unknown in &request.observed.unknown {
            running.warn(format!(
                "{} could not be seen: {}",
                unknown.what, unknown.why
            ));
        }
        running
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.warnings.push(ImportWarning::of_no_file(message));
    }

    fn group(&mut self) {
        let observed: &'a Observed = self.request.observed;
        for container in &observed.containers {
            let own = &container.config.labels;
            if own.get(labels::PROJECT).map(String::as_str) != Some(self.request.project.as_str()) {
                continue;
            }
            let is_oneoff = own.get(labels::ONEOFF).is_some_and(|word| word == "True");
            let service = own
                .get(labels::SERVICE)
                .and_then(|name| ServiceName::new(name).ok());
            match service.filter(|_| !is_oneoff) {
                Some(service) => {
                    let number = own
                        .get(labels::CONTAINER_NUMBER)
                        .and_then(|number| number.parse().ok());
                    let numbers = self.services.entry(service).or_default();
                    numbers
                        .entry(number.unwrap_or(1))
                        .or_default()
                        .push(container);
                }
                None => self.warn(format!(
                    "the container {} belongs to no service and was left out",
                    container.name
                )),
            }
        }
        let rank = |container: &&ObservedContainer| {
            (!is_up(container), std::cmp::Reverse(container.created))
        };
        for containers in self.services.values_mut().flat_map(BTreeMap::values_mut) {
            containers.sort_by_key(rank);
        }
    }

    fn read_dependencies(&mut self) {
        let mut told = Vec::new();
        for (service, numbers) in &self.services {
            let label = numbers
                .values()
                .flatten()
                .find_map(|container| container.config.labels.get(labels::DEPENDS_ON));
            let items = label.map(String::as_str).unwrap_or_default().split(',');
            let mut waits = BTreeMap::new();
            for item in items.filter(|item| !item.is_empty()) {
                let mut parts = item.split(':');
                let name = parts.next().unwrap_or_default();
                let condition = parts.next().unwrap_or("service_started");
                let short = CONDITIONS.iter().find(|(long, _)| *long == condition);
                let short = short.map_or("started", |(_, short)| short);
                match self.services.get_key_value(name) {
                    Some((name, _)) => {
                        let restarts = parts.next() == Some("true");
                        waits.insert(name.clone(), (short.to_owned(), restarts));
                    }
                    None => told.push(format!(
                        "services.{service} depends on {name:?}, which has no container; that was left out"
                    )),
                }
            }
            self.waits.insert(service.clone(), waits);
        }
        for message in told {
            self.warn(message);
        }
    }

    /// Says where the containers are from, if that is not where stack.toml is to be: there they would be somebody else's.
    fn tell_about_folders(&mut self) {
        let RunningRequest {
            project, folder, ..
        } = *self.request;
        let mut folders = BTreeSet::new();
        for container in self.services.values().flat_map(BTreeMap::values).flatten() {
            let own = &container.config.labels;
            let is_ours = container_ownership(own, project, folder) == Ownership::Ours;
            if let Some(from) = own.get(labels::WORKING_DIR).filter(|_| !is_ours) {
                folders.insert(from.clone());
            }
        }
        for from in folders {
            self.warn(format!(
                "the containers were started in {from}: keep stack.toml there, or take them over from here with stackgen apply --adopt"
            ));
        }
    }

    /// Returns the container that tells what each service is.
    fn sources(&self) -> Vec<Source<'a>> {
        let observed: &'a Observed = self.request.observed;
        let first = self.services.iter().filter_map(|(name, numbers)| {
            let container = numbers.values().next()?.first()?;
            Some(source(observed, name, container))
        });
        first.collect()
    }

    fn tables(&mut self, secrets: &Secrets, objects: &Objects) -> Table {
        let RunningRequest {
            project,
            observed,
            folder,
            ..
        } = *self.request;
        let mut services = Table::new();
        let sources = self.sources();
        for name in self.in_order() {
            let Some(source) = sources.iter().find(|source| source.name == name) else {
                continue;
            };
            let mut item = table(self.service(source, secrets, objects));
            item.comment = comment(source.container).map(Into::into);
            self.tell_about(source, secrets, objects);
            services.insert(name.to_string(), item);
        }
        let mut folded = fold(services, &Sharing::default());
        if let Some(logging) = folded.defaults.get_mut("logging") {
            logging.comment = Some(MAYBE_DAEMON.into());
        }
        let endpoints = sources.iter().flat_map(|it| &it.container.config.endpoints);
        let fixed = endpoints.filter(|(_, endpoint)| is_fixed(endpoint));
        let fixed = fixed.map(|(name, _)| name).collect();
        let mut tables = Table::new();
        let name = ("name".to_owned(), text(project.as_str()));
        put_table(&mut tables, "stack", [name].into_iter().collect());
        put_table(&mut tables, "defaults", in_service(folded.defaults));
        put_table(&mut tables, "mixins", folded.mixins);
        put_table(&mut tables, "services", folded.services);
        let networks = objects.network_tables(project, observed, &fixed);
        put_table(&mut tables, "networks", networks);
        let volumes = objects.volume_tables(project, observed);
        put_table(&mut tables, "volumes", volumes);
        put_table(&mut tables, "secrets", objects.secret_tables(folder));
        tables
    }

    /// Returns the services, each after those that it waits for.
    fn in_order(&self) -> Vec<ServiceName> {
        fn visit(
            name: &ServiceName,
            waits: &BTreeMap<ServiceName, BTreeMap<ServiceName, (String, bool)>>,
            seen: &mut BTreeSet<ServiceName>,
            order: &mut Vec<ServiceName>,
        ) {
            if !seen.insert(name.clone()) {
                return;
            }
            for other in waits.get(name).into_iter().flat_map(BTreeMap::keys) {
                visit(other, waits, seen, order);
            }
            order.push(name.clone());
        }
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for name in self.services.keys() {
            visit(name, &self.waits, &mut seen, &mut order);
        }
        order
    }

    fn owners(&self) -> Owners<'_> {
        let mut owners: BTreeMap<&ContainerId, (&ServiceName, &str)> = BTreeMap::new();
        for (service, numbers) in &self.services {
            for container in numbers.values().flatten() {
                owners.insert(&container.id, (service, &container.name));
            }
        }
        owners
    }

    fn service(&self, source: &Source<'_>, secrets: &Secrets, objects: &Objects) -> Table {
        let mut into = Table::new();
        let owners = self.owners();
        let image = source.container.config.image.as_str();
        let mut item = text(image);
        if self.is_built(&source.name, image) {
            item.comment =
                Some("built by Compose, from a folder that the engine does not know".into());
        }
        put(&mut into, "image", Some(item));
        self.put_count(&mut into, source);
        let mut waits = self.waits.get(&source.name).cloned().unwrap_or_default();
        // Sharing a network implies it.
        if let Some(other) = network_service(source, &owners) {
            let implied = ("started".to_owned(), true);
            waits.retain(|name, wait| name != other || *wait != implied);
        }
        put_dependencies(&mut into, &waits);
        source.put_process(&mut into, secrets);
        source.put_reach(&mut into);
        put_mounts(&mut into, source, objects, self.request.folder);
        put_attachment(&mut into, source, objects, &owners);
        source.put_confinement(&mut into);
        source.put_about(&mut into, secrets);
        into
    }

    /// Returns whether an image has the name that Compose gives to what it builds.
    fn is_built(&self, service: &ServiceName, image: &str) -> bool {
        let project = self.request.project;
        let name = image.split(':').next().unwrap_or(image);
        name == format!("{project}-{service}") || name == format!("{project}_{service}")
    }

    /// Writes the name of the only container, the number of several, and whether they end by themselves.
    fn put_count(&self, into: &mut Table, source: &Source<'_>) {
        let Some(numbers) = self.services.get(&source.name) else {
            return;
        };
        let container = source.container;
        let number = numbers.keys().next().copied().unwrap_or(1);
        let given = format!("{}-{}-{number}", self.request.project, source.name);
        // A replacement that was interrupted has the old id in front of its name.
        let is_given = container.name == given || container.name.ends_with(&format!("_{given}"));
        if numbers.len() == 1 && !is_given {
            put(into, "container_name", Some(text(&container.name)));
        }
        if numbers.len() > 1 {
            put(into, "scale", Some(bare(numbers.len())));
        }
        put_flag(
            into,
            "oneshot",
            self.is_one_shot(source) && !self.is_waited_for(source),
        );
    }

    /// Returns whether someone waits for the end of a service, which makes a job of it already.
    fn is_waited_for(&self, source: &Source<'_>) -> bool {
        let mut waits = self.waits.values();
        waits.any(|waits| {
            let wait = waits.get(&source.name);
            wait.is_some_and(|(condition, _)| condition == "completed")
        })
    }

    /// Returns whether a service ended well and is not meant to be started again, while others run.
    fn is_one_shot(&self, source: &Source<'_>) -> bool {
        let container = source.container;
        let ended = container.state.status == ContainerStatus::Exited;
        let is_left = matches!(
            container.config.restart,
            Restart::No | Restart::OnFailure(_)
        );
        let mut all = self.services.values().flat_map(BTreeMap::values).flatten();
        ended && container.state.exit_code == 0 && is_left && all.any(|other| is_up(other))
    }

    /// Says what the file cannot say about a service.
    fn tell_about(&mut self, source: &Source<'_>, secrets: &Secrets, objects: &Objects) {
        let name = &source.name;
        let container = source.container;
        let mut told = Vec::new();
        if source.image.is_none() {
            told.push(format!(
                "the image of services.{name} cannot be looked at; what it sets by itself is in the file as well"
            ));
        }
        let by_name = self.request.observed.images.get(&container.config.image);
        let moved = by_name.and_then(Option::as_ref);
        if moved.is_some_and(|image| image.id != container.image_id) {
            told.push(format!(
                "services.{name} runs an older image than {} names now; apply will replace it",
                container.config.image
            ));
        }
        if container.config.labels.contains_key(labels::FILES) {
            told.push(format!(
                "services.{name} has configs or secrets that were copied into it, which the engine does not show: add them, or apply will replace it without"
            ));
        }
        if !container.beyond.is_empty() {
            told.push(format!(
                "services.{name} has {}, which import does not read from an engine: add that",
                container.beyond.join(", ")
            ));
        }
        if !is_up(container) && !self.is_one_shot(source) {
            told.push(format!(
                "services.{name} does not run ({}); apply will start it",
                state(container)
            ));
        }
        let own = self.service(source, secrets, objects);
        for (number, containers) in self.services.get(name).into_iter().flatten().skip(1) {
            let other = self::source(self.request.observed, name, containers[0]);
            let other = self.service(&other, secrets, objects);
            let keys = own.keys().chain(other.keys());
            let differing: BTreeSet<&str> = keys
                .filter(|key| own.get(*key) != other.get(*key))
                .map(String::as_str)
                .collect();
            if !differing.is_empty() {
                let keys: Vec<&str> = differing.into_iter().collect();
                told.push(format!(
                    "container {number} of services.{name} differs from the first in {}; the file has the first",
                    keys.join(", ")
                ));
            }
        }
        for message in told {
            self.warn(message);
        }
    }
}

fn source<'a>(
    observed: &'a Observed,
    name: &ServiceName,
    container: &'a ObservedContainer,
) -> Source<'a> {
    let image: Option<&ObservedImage> = image_by_id(container)
        .and_then(|id| observed.images.get(&id))
        .and_then(Option::as_ref);
    Source {
        name: name.clone(),
        container,
        image,
    }
}

/// Returns what stands above a service of which something is missing.
fn comment(container: &ObservedContainer) -> Option<String> {
    let has_files = container.config.labels.contains_key(labels::FILES);
    let files = has_files.then(|| COPIED_IN.to_owned());
    let beyond = (!container.beyond.is_empty()).then(|| {
        let names = container.beyond.join(", ");
        format!("add {names}: import does not read that from an engine")
    });
    let lines: Vec<String> = files.into_iter().chain(beyond).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn is_up(container: &ObservedContainer) -> bool {
    matches!(
        container.state.status,
        ContainerStatus::Running | ContainerStatus::Restarting | ContainerStatus::Paused
    )
}

fn state(container: &ObservedContainer) -> String {
    match container.state.status {
        ContainerStatus::Created => "it was never started".to_owned(),
        ContainerStatus::Exited | ContainerStatus::Dead | ContainerStatus::Removing => {
            format!("exit code {}", container.state.exit_code)
        }
        ContainerStatus::Running | ContainerStatus::Paused | ContainerStatus::Restarting => {
            "it runs".to_owned()
        }
    }
}
