//! One container against what it should be.

use std::collections::{BTreeMap, BTreeSet};

use globset::{Glob, GlobMatcher};

use crate::compose::{labels, needed_networks, network_name};
use crate::key_path;
use crate::model::{
    Compat, ContainerConfig, ContainerSpec, HealthSpec, KeyPath, MountSpec, MountSpecSource,
    NetworkId, NetworkName, ObservedContainer, ObservedFile, ObservedImage, Resolved, ServiceName,
    Stack, is_secret_name, looks_anonymous, mask_url_passwords,
};

use super::files::{FileDrift, compare_files};
use super::flatten::{Fields, flatten};
use super::{DEFINITION, FieldChange, Marks, PlanOptions, Shown};

/// How an observed container differs from what it should be, sorted by what putting it right takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Difference {
    /// Every field that differs.
    pub(super) fields: Vec<FieldChange>,
    /// Whether limits or the restart policy differ, and can be changed while it runs.
    pub(super) update: bool,
    /// Networks that it has to leave and to join, by their name at the engine. One that it is attached to in another way is in both.
    pub(super) leave: BTreeSet<String>,
    /// See `leave`.
    pub(super) join: BTreeSet<String>,
    /// Whether something differs that takes a new container.
    pub(super) replace: bool,
    /// Files whose content is not what it should be, and can be brought to the container that is there.
    pub(super) files: Vec<FileDrift>,
    /// Whether Compose's hash label says something else than the stack does now.
    pub(super) is_hash_stale: bool,
    /// Whether fields differ although the definition is the one that the container was brought to last.
    pub(super) is_by_hand: bool,
    /// Fields that differ and that the policy says to leave alone.
    pub(super) ignored: Vec<KeyPath>,
}

/// What comparing needs to know beyond the two containers.
pub(super) struct Context<'a> {
    pub(super) stack: &'a Stack<Resolved>,
    /// The engine's networks by name.
    pub(super) networks: BTreeMap<&'a str, Vec<&'a NetworkId>>,
    /// Names of containers by id.
    pub(super) names: BTreeMap<&'a str, &'a str>,
    /// Files of the host, by path.
    pub(super) files: &'a BTreeMap<String, ObservedFile>,
    /// The salt of digests.
    pub(super) salt: &'a str,
    /// What is known of containers beyond their labels.
    pub(super) marks: &'a Marks,
    /// What could not be seen, such as `network x`.
    unseen: BTreeSet<&'a str>,
    sensitive: Vec<GlobMatcher>,
    /// The stack's networks: the name at the engine, and the key.
    network_keys: Vec<(String, NetworkName)>,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        stack: &'a Stack<Resolved>,
        observed: &'a crate::model::Observed,
        options: &'a PlanOptions,
    ) -> Self {
        let mut networks: BTreeMap<&str, Vec<&NetworkId>> = BTreeMap::new();
        for network in &observed.networks {
            networks.entry(&network.name).or_default().push(&network.id);
        }
        let names = observed.containers.iter();
        // A pattern that is none matches nothing; the checks of the file tell about it.
        let sensitive = stack.parts().policy.sensitive.iter();
        Self {
            stack,
            networks,
            names: names.map(|c| (c.id.as_str(), c.name.as_str())).collect(),
            files: &observed.files,
            salt: &options.salt,
            marks: &options.marks,
            unseen: observed.unknown.iter().map(|it| it.what.as_str()).collect(),
            sensitive: sensitive
                .filter_map(|pattern| Glob::new(pattern).ok())
                .map(|glob| glob.compile_matcher())
                .collect(),
            network_keys: needed_networks(stack)
                .into_iter()
                .map(|key| (network_name(stack, &key), key))
                .collect(),
        }
    }

    /// Returns what stack.toml calls a network, by its name at the engine; one that is not of the stack has that name alone.
    fn key_of<'n>(&'n self, name: &'n str) -> &'n str {
        let mut keys = self.network_keys.iter();
        let found = keys.find(|(own, _)| own == name);
        found.map_or(name, |(_, key)| key.as_str())
    }

    /// Returns a value as it may be shown: not at all, or with the passwords in its URLs hidden.
    pub(super) fn show(&self, service: &ServiceName, path: &KeyPath, value: &str) -> Shown {
        let full = below(service, path).to_string();
        let by_name = path.keys().len() > 1 && path.last().is_some_and(is_secret_name);
        if by_name || self.sensitive.iter().any(|glob| glob.is_match(&full)) {
            return Shown::Secret;
        }
        Shown::Plain(mask_url_passwords(value))
    }

    fn change(
        &self,
        service: &ServiceName,
        path: &KeyPath,
        old: Option<&String>,
        new: Option<&String>,
    ) -> FieldChange {
        let show = |value: &String| self.show(service, path, value);
        let (old, new) = (old.map(show), new.map(show));
        // Two texts that differ only in what is hidden must not look the same.
        if old == new {
            return FieldChange {
                path: path.clone(),
                old: old.map(|_| Shown::Secret),
                new: new.map(|_| Shown::Secret),
            };
        }
        FieldChange {
            path: path.clone(),
            old,
            new,
        }
    }
}

pub(super) fn below(service: &ServiceName, path: &KeyPath) -> KeyPath {
    let keys = ["services", service.as_str()].into_iter();
    KeyPath::new(keys.chain(path.keys().iter().map(String::as_str)))
}

/// Compares `have` with `want`. `image` is what the image reference of `want` names now, where it is here.
pub(super) fn compare(
    context: &Context<'_>,
    service: &ServiceName,
    want: &ContainerSpec,
    have: &ObservedContainer,
    image: Option<&ObservedImage>,
) -> Difference {
    let hash = |labels: &BTreeMap<String, String>| labels.get(labels::CONFIG_HASH).cloned();
    let is_hash_stale = hash(&want.config.labels) != hash(&have.config.labels);
    // The defaults of another image would only show as differences that nobody made.
    let image = image.filter(|image| image.id == have.image_id);
    let (mut desired, mut observed) = (want.config.clone(), have.config.clone());
    if let Some(image) = image {
        lay_image_under(&mut desired, &image.defaults);
    }
    clean(context, want, have, &mut desired, &mut observed);
    match_mounts(&mut desired, &mut observed, image, is_hash_stale);

    let (mut desired, mut observed) = (flatten(&desired), flatten(&observed));
    let label = have.config.labels.get(labels::EXPLICIT);
    forgive_defaults(&desired, &mut observed, label, !is_hash_stale);
    if !is_hash_stale {
        forgive_dropped(&mut desired, &observed);
    }
    if image.is_none() {
        forgive_unknown_image(&desired, &mut observed);
    }
    let mut difference = Difference {
        is_hash_stale,
        ..Difference::default()
    };
    sort_out(context, service, &desired, &observed, &mut difference);
    compare_networks(context, service, want, have, &mut difference);
    difference.is_by_hand =
        !difference.fields.is_empty() && is_definition_known(context, want, have);
    compare_files(context, service, want, have, &mut difference);
    difference
}

/// Returns whether a container was made from this very definition, or brought to it while it ran.
fn is_definition_known(
    context: &Context<'_>,
    want: &ContainerSpec,
    have: &ObservedContainer,
) -> bool {
    let key = (have.id.clone(), DEFINITION.to_owned());
    let label = have.config.labels.get(labels::CONFIG_HASH);
    let known = context.marks.get(&key).or(label);
    known.is_some() && known == want.config.labels.get(labels::CONFIG_HASH)
}

/// Does to the desired container what the engine does with the image's defaults when it makes one.
fn lay_image_under(desired: &mut ContainerConfig, image: &ContainerConfig) {
    let is_empty = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    // An entrypoint of one's own clears the image's command; without one, an empty command is the image's.
    if is_empty(&desired.entrypoint) {
        if is_empty(&desired.command) {
            desired.command.clone_from(&image.command);
        }
        if desired.entrypoint.is_none() {
            desired.entrypoint.clone_from(&image.entrypoint);
        }
    }
    for (name, value) in &image.environment {
        let entry = desired.environment.entry(name.clone());
        entry.or_insert_with(|| value.clone());
    }
    for (name, value) in &image.labels {
        let entry = desired.labels.entry(name.clone());
        entry.or_insert_with(|| value.clone());
    }
    desired.exposed.extend(image.exposed.iter().cloned());
    let inherit = |own: &mut Option<String>, other: &Option<String>| {
        if own.as_ref().is_none_or(String::is_empty) {
            own.clone_from(other);
        }
    };
    inherit(&mut desired.user, &image.user);
    inherit(&mut desired.working_dir, &image.working_dir);
    inherit(&mut desired.stop_signal, &image.stop_signal);
    if let Some(inherited) = &image.health {
        desired.health = Some(match desired.health.take() {
            None => inherited.clone(),
            Some(own) => over_image_health(own, inherited),
        });
    }
}

fn over_image_health(own: HealthSpec, image: &HealthSpec) -> HealthSpec {
    HealthSpec {
        test: if own.test.is_empty() {
            image.test.clone()
        } else {
            own.test
        },
        interval: own.interval.or(image.interval),
        timeout: own.timeout.or(image.timeout),
        retries: own.retries.or(image.retries),
        start_period: own.start_period.or(image.start_period),
        start_interval: own.start_interval.or(image.start_interval),
    }
}

/// Takes off what the engine, Compose and stackgen add by themselves.
fn clean(
    context: &Context<'_>,
    want: &ContainerSpec,
    have: &ObservedContainer,
    desired: &mut ContainerConfig,
    observed: &mut ContainerConfig,
) {
    for config in [&mut *desired, &mut *observed] {
        config.labels.retain(|name, _| counts_as_drift(name));
        for mode in [&mut config.network_mode, &mut config.pid, &mut config.ipc] {
            *mode = mode.take().map(|mode| name_in_mode(context, mode));
        }
        for entry in &mut config.rare.volumes_from {
            *entry = name_in_entry(context, entry);
        }
        // All paths of the kernel are open to a privileged container, asked for or not.
        config.rare.has_open_system_paths &= !config.privileged;
        // The engine keeps links with the networks, except on its default bridge.
        if config.network_mode.is_none() {
            config.rare.links.clear();
        }
        // Networks are compared by themselves.
        config.endpoints.clear();
    }
    if !have.config.labels.contains_key(labels::EXPLICIT) {
        // Compose loses the mode of `volumes_from`.
        for entry in &mut desired.rare.volumes_from {
            let container = entry.split(':').next().unwrap_or_default().to_owned();
            if observed.rare.volumes_from.contains(&container) {
                *entry = container;
            }
        }
    }
    let shares_host_name = |config: &ContainerConfig| {
        let mode = config.network_mode.as_deref().unwrap_or_default();
        mode == "host" || mode.starts_with("container:") || config.uts.as_deref() == Some("host")
    };
    let is_default_name = observed.hostname.as_deref() == Some(have.id.short());
    if desired.hostname.is_none() && (is_default_name || shares_host_name(desired)) {
        observed.hostname = None;
    }
    if desired.platform.is_none() || observed.platform.is_none() {
        // The platform that was asked for cannot be seen on every engine.
        (desired.platform, observed.platform) = (None, None);
    }
    if desired.mac_address.is_none() {
        observed.mac_address = None;
    }
    let loosens_labels = |config: &ContainerConfig| {
        config.privileged
            || config.ipc.as_deref() == Some("host")
            || config.pid.as_deref() == Some("host")
    };
    if loosens_labels(desired)
        && !want
            .config
            .security_opt
            .iter()
            .any(|o| o == "label=disable")
    {
        observed.security_opt.retain(|o| o != "label=disable");
    }
}

/// Returns whether a label is compared: of Compose's only those that say whose the container is, of our own none.
fn counts_as_drift(name: &str) -> bool {
    let identity = [
        labels::PROJECT,
        labels::SERVICE,
        labels::CONTAINER_NUMBER,
        labels::ONEOFF,
    ];
    let is_tool = ["com.docker.compose.", "stackgen.", "desktop.docker.io/"]
        .iter()
        .any(|prefix| name.starts_with(prefix));
    identity.contains(&name) || !is_tool
}

/// Returns `container:ID` as `container:NAME`, so that both sides speak of the same.
fn name_in_mode(context: &Context<'_>, mode: String) -> String {
    let id = mode.strip_prefix("container:");
    match id.and_then(|id| context.names.get(id)) {
        Some(name) => format!("container:{name}"),
        None => mode,
    }
}

/// Returns an entry of `volumes_from` with the container's name in place of its id.
fn name_in_entry(context: &Context<'_>, entry: &str) -> String {
    let (id, mode) = entry.split_at(entry.find(':').unwrap_or(entry.len()));
    let name = context.names.get(id).copied().unwrap_or(id);
    format!("{name}{mode}")
}

/// Takes off anonymous volumes that are as they should be, and those that the image declares.
fn match_mounts(
    desired: &mut ContainerConfig,
    observed: &mut ContainerConfig,
    image: Option<&ObservedImage>,
    is_hash_stale: bool,
) {
    let path = |mount: &MountSpec| mount.target.trim_end_matches('/').to_owned();
    let is_volume = |mount: &MountSpec| matches!(mount.source, MountSpecSource::Volume { .. });
    let is_anonymous = |mount: &MountSpec| {
        matches!(&mount.source, MountSpecSource::Volume { name, .. }
            if name.as_deref().is_none_or(looks_anonymous))
    };
    let wanted: BTreeSet<String> = desired.mounts.iter().map(path).collect();
    let declared: Option<BTreeSet<&str>> = image.map(|image| {
        image
            .volumes
            .iter()
            .map(|p| p.trim_end_matches('/'))
            .collect()
    });
    observed.mounts.retain(|mount| {
        let by_image = declared.as_ref().map_or(is_anonymous(mount), |declared| {
            is_volume(mount) && declared.contains(path(mount).as_str())
        });
        // Made from this very definition, it took the volume over from the container before, of whose image that was.
        let is_inherited = !is_hash_stale && is_anonymous(mount);
        wanted.contains(&path(mount)) || !(by_image || is_inherited)
    });
    let there: BTreeSet<String> = observed
        .mounts
        .iter()
        .filter(|m| is_volume(m))
        .map(path)
        .collect();
    let settled: BTreeSet<String> = desired
        .mounts
        .iter()
        .filter(|mount| is_anonymous(mount) && there.contains(&path(mount)))
        .map(path)
        .collect();
    for config in [desired, observed] {
        config
            .mounts
            .retain(|mount| !settled.contains(&path(mount)));
    }
}

/// Returns a path without the slash at its end.
pub(super) fn plain_path(path: &str) -> &str {
    let plain = path.trim_end_matches('/');
    if plain.is_empty() { path } else { plain }
}

/// Fields that a daemon's own configuration fills in. What its defaults are cannot be asked.
const BY_DAEMON: [&str; 8] = [
    "logging",
    "runtime",
    "ipc",
    "userns_mode",
    "init",
    "ulimits",
    "shm_size",
    "cgroup_parent",
];

/// Returns which fields of [`BY_DAEMON`] a container sets, for its label.
pub(super) fn explicit(config: &ContainerConfig) -> String {
    let fields = flatten(config);
    let firsts: BTreeSet<&str> = fields.keys().filter_map(first).collect();
    let set = BY_DAEMON.into_iter().filter(|name| firsts.contains(name));
    set.collect::<Vec<_>>().join(",")
}

fn first(path: &KeyPath) -> Option<&str> {
    path.keys().first().map(String::as_str)
}

/// Takes off what the daemon's own configuration filled in where nothing was said. The container's label tells what was said. Without it,
/// as on one that Compose made, what a container does not say is a default while Compose's hash says that it was made from this very
/// definition; and logging, which daemons are often configured with, is one always, since a container that was updated in place has a
/// stale hash and would otherwise differ for ever.
fn forgive_defaults(
    desired: &Fields,
    observed: &mut Fields,
    label: Option<&String>,
    is_same_definition: bool,
) {
    let says_logging = desired.keys().any(|path| first(path) == Some("logging"));
    observed.retain(|path, _| {
        let name = first(path).unwrap_or_default();
        if desired.contains_key(path) {
            return true;
        }
        let was_said = label.map(|label| label.split(',').any(|it| it == name));
        let is_default = match was_said {
            Some(false) => true,
            Some(true) => is_same_definition,
            None => is_same_definition || (name == "logging" && !says_logging),
        };
        name != "cgroup" && !(is_default && BY_DAEMON.contains(&name))
    });
}

/// Takes off limits that the engine dropped, with a warning, since its kernel does not know them or another one goes before. None of them can be taken off a
/// container once it has them, so that nobody did.
fn forgive_dropped(desired: &mut Fields, observed: &Fields) {
    let by_kernel = [
        "blkio_config",
        "cpu_count",
        "cpu_percent",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "mem_swappiness",
        "oom_kill_disable",
    ];
    desired.retain(|path, _| {
        let name = first(path).unwrap_or_default();
        observed.contains_key(path) || !by_kernel.contains(&name)
    });
}

/// Takes off what an image that cannot be looked at may have brought.
fn forgive_unknown_image(desired: &Fields, observed: &mut Fields) {
    let by_image = [
        "command",
        "entrypoint",
        "environment",
        "labels",
        "user",
        "working_dir",
        "stop_signal",
        "expose",
        "healthcheck",
    ];
    observed.retain(|path, _| {
        let first = path.keys().first().map_or("", String::as_str);
        desired.contains_key(path) || !by_image.contains(&first)
    });
    if let Some(exposed) = desired.get(&key_path!["expose"]) {
        observed.insert(key_path!["expose"], exposed.clone());
    }
}

/// Compares field by field.
fn sort_out(
    context: &Context<'_>,
    service: &ServiceName,
    desired: &Fields,
    observed: &Fields,
    difference: &mut Difference,
) {
    let paths: BTreeSet<&KeyPath> = desired.keys().chain(observed.keys()).collect();
    for path in paths {
        let (old, new) = (observed.get(path), desired.get(path));
        if old == new {
            continue;
        }
        if is_ignored(context, service, path) {
            difference.ignored.push(below(service, path));
            continue;
        }
        difference
            .fields
            .push(context.change(service, path, old, new));
        if can_update(path, new, desired) {
            difference.update = true;
        } else {
            difference.replace = true;
        }
    }
    let is_strict = context.stack.parts().compat == Compat::Strict;
    if difference.update && difference.is_hash_stale && is_strict {
        difference.replace = true;
    }
}

pub(super) fn is_ignored(context: &Context<'_>, service: &ServiceName, path: &KeyPath) -> bool {
    let full = below(service, path);
    let mut ignored = context.stack.parts().policy.ignore.iter();
    ignored.any(|path| path.leads_to(&full))
}

/// Returns whether a field can be set while the container runs. A limit can be changed and not be taken off: 0 means `as it is` there.
fn can_update(path: &KeyPath, new: Option<&String>, desired: &Fields) -> bool {
    let limits = [
        "cpus",
        "cpu_shares",
        "cpu_quota",
        "cpu_period",
        "cpuset",
        "mem_limit",
        "mem_reservation",
        "pids_limit",
    ];
    match path.keys() {
        [key] if key == "restart" => true,
        // The default of twice the memory is set along with the memory.
        [key] if key == "memswap_limit" => desired.contains_key(&key_path!["mem_limit"]),
        [key] => limits.contains(&key.as_str()) && new.is_some(),
        _ => false,
    }
}

/// Compares the attachments, which can be changed while the container runs, unless the one it was made on is another.
fn compare_networks(
    context: &Context<'_>,
    service: &ServiceName,
    want: &ContainerSpec,
    have: &ObservedContainer,
    difference: &mut Difference,
) {
    if want.config.network_mode.is_some() || have.config.network_mode.is_some() {
        return;
    }
    let (desired, observed) = (&want.config.endpoints, &have.config.endpoints);
    let names: BTreeSet<&String> = desired.keys().chain(observed.keys()).collect();
    for name in names {
        let path = key_path!["networks", name];
        let show = |side: &ContainerConfig| {
            side.endpoints.get(name).map(|endpoint| {
                let mut side = ContainerConfig::new(side.image.clone());
                let mut endpoint = endpoint.clone();
                endpoint
                    .aliases
                    .retain(|alias| !is_given_alias(alias, want, have));
                if desired.get(name).is_none_or(|e| e.mac_address.is_none()) {
                    endpoint.mac_address = None;
                }
                side.endpoints.insert(name.clone(), endpoint);
                flatten(&side).remove(&path).unwrap_or_default()
            })
        };
        let (mut old, new) = (show(&have.config), show(&want.config));
        // One that is not asked for is left, whatever became of it.
        let is_gone = old.is_some() && new.is_some() && is_other_network(context, have, name);
        if is_gone {
            old = Some("attached to a network that is gone".to_owned());
        }
        if old == new {
            continue;
        }
        let told = key_path!["networks", context.key_of(name)];
        if is_ignored(context, service, &told) {
            difference.ignored.push(below(service, &told));
            continue;
        }
        difference
            .fields
            .push(context.change(service, &told, old.as_ref(), new.as_ref()));
        difference.replace |= is_gone;
        if old.is_some() {
            difference.leave.insert(name.clone());
        }
        if new.is_some() {
            difference.join.insert(name.clone());
        }
    }
    let (old, new) = (&have.config.main_network, &want.config.main_network);
    if let (Some(old_name), Some(new_name)) = (old, new)
        && old_name != new_name
    {
        let path = key_path!["networks"];
        difference
            .fields
            .push(context.change(service, &path, old.as_ref(), new.as_ref()));
        difference.replace = true;
    }
}

/// Returns whether the engine answers to an alias by itself: the id, the host name, the container's name.
fn is_given_alias(alias: &str, want: &ContainerSpec, have: &ObservedContainer) -> bool {
    alias == have.id.short()
        || alias == have.name
        || alias == want.name
        || have.config.hostname.as_deref() == Some(alias)
        || want.config.hostname.as_deref() == Some(alias)
}

/// Returns whether the container hangs on a network that was removed, while another one bears its name now or is about to.
fn is_other_network(context: &Context<'_>, have: &ObservedContainer, name: &str) -> bool {
    let Some(id) = have.network_ids.get(name) else {
        return false;
    };
    match context.networks.get(name) {
        Some(there) => !there.contains(&id),
        None => !context.unseen.contains(format!("network {name}").as_str()),
    }
}
