//! Networks, volumes and sockets.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::{
    self, Ownership, mounted_volumes, network_name, network_newer_than, network_spec,
    object_ownership, service_networks, volume_name, volume_spec,
};
use crate::key_path;
use crate::model::{
    Grant, IpamPoolSpec, KeyPath, NetworkName, NetworkSpec, ObservedNetwork, ObservedSocket,
    ServiceName, SocketName, VolumeName,
};

use super::planner::Planner;
use super::{Action, FieldChange, Note, Reason, Resource, Shown, SocketFix, Summary, Verdict};

impl Planner<'_> {
    /// Plans the networks that the selected services need.
    pub(super) fn plan_networks(&mut self) {
        let needed = if self.is_whole() {
            compose::needed_networks(self.stack)
        } else {
            self.selected_options().flat_map(service_networks).collect()
        };
        for key in in_order(self.stack.networks().keys(), needed) {
            self.plan_network(&key);
        }
    }

    fn selected_options(
        &self,
    ) -> impl Iterator<Item = &crate::model::ContainerOptions<crate::model::Resolved>> {
        let services = self.selected.iter();
        services.filter_map(|name| self.stack.service(name).map(|service| &service.container))
    }

    fn plan_network(&mut self, key: &NetworkName) {
        let name = network_name(self.stack, key);
        let definition = self.stack.networks().get(key);
        let is_external = definition.is_some_and(|network| network.external);
        let found: Vec<&ObservedNetwork> = self.index.networks(&name).to_vec();
        if is_external {
            // The engine's own networks are always there, whether they were looked up or not.
            if found.is_empty() && !matches!(name.as_str(), "bridge" | "host" | "none") {
                self.notes.push(Note::ExternalMissing {
                    kind: "network",
                    name,
                });
            }
            return;
        }
        let spec = network_spec(self.stack, key, self.options.compose);
        let has = self.observed.engine.api;
        let too_new = network_newer_than(&spec, has).into_iter();
        self.notes.extend(too_new.map(|it| Note::EngineTooOld {
            what: format!("networks.{key}.{}", it.attribute),
            needs: it.needs,
            has,
        }));
        let resource = Resource::Network(key.clone());
        let summary = Summary {
            what: if spec.driver.is_empty() {
                "bridge".to_owned()
            } else {
                spec.driver.clone()
            },
            ..Summary::default()
        };
        if self.could_not_see(&format!("network {name}"), &resource, &summary) {
            return;
        }
        let ours = found.iter().find(|network| self.may_use(&network.labels));
        match (ours, found.first()) {
            (Some(network), _) => {
                let fields = network_drift(&spec, network);
                self.change(resource.clone(), Verdict::Nothing, Vec::new(), summary);
                self.keep_drift(resource, fields);
            }
            (None, Some(foreign)) => {
                let owner = self.object_owner(&foreign.labels);
                self.notes.push(Note::ForeignInTheWay {
                    kind: "network",
                    name,
                    owner,
                });
            }
            (None, None) => {
                self.note_taken_subnets(key, &spec);
                let change = self.change(resource, Verdict::Create, vec![Reason::Missing], summary);
                let step = self.step(
                    change,
                    Action::CreateNetwork(Box::new(spec)),
                    [],
                    Vec::new(),
                );
                self.networks.insert(name, step);
            }
        }
    }

    /// Returns whether a network or volume with these labels may be used: it is ours, or the same project's and is taken over.
    fn may_use(&self, labels: &BTreeMap<String, String>) -> bool {
        let is_project = object_ownership(labels, self.stack.name()) == Ownership::Ours;
        is_project && (self.options.adopt || !self.is_shared_name())
    }

    fn object_owner(&self, labels: &BTreeMap<String, String>) -> String {
        match object_ownership(labels, self.stack.name()) {
            Ownership::Foreign { owner } => owner,
            Ownership::Unlabelled => "nobody by its labels".to_owned(),
            Ownership::Ours => format!("project {} of another folder", self.stack.name()),
        }
    }

    /// Says that something could not be seen, and returns whether it could not.
    fn could_not_see(&mut self, what: &str, resource: &Resource, summary: &Summary) -> bool {
        let Some(unknown) = self.index.unknown(what) else {
            return false;
        };
        let why = unknown.why.clone();
        let reason = Reason::Unseen { why: why.clone() };
        self.change(
            resource.clone(),
            Verdict::Unknown,
            vec![reason],
            summary.clone(),
        );
        self.notes.push(Note::Unseen {
            what: what.to_owned(),
            why,
        });
        true
    }

    fn keep_drift(&mut self, resource: Resource, fields: Vec<FieldChange>) {
        if !fields.is_empty() {
            self.notes.push(Note::DriftKept { resource, fields });
        }
    }

    /// Plans the volumes that the selected services need.
    pub(super) fn plan_volumes(&mut self) {
        let needed: BTreeSet<VolumeName> = if self.is_whole() {
            compose::needed_volumes(self.stack)
        } else {
            self.selected_options().flat_map(mounted_volumes).collect()
        };
        for key in in_order(self.stack.volumes().keys(), needed) {
            self.plan_volume(&key);
        }
    }

    fn plan_volume(&mut self, key: &VolumeName) {
        let name = volume_name(self.stack, key);
        let is_external = self
            .stack
            .volumes()
            .get(key)
            .is_some_and(|volume| volume.external);
        let found = self.index.volume(&name);
        if is_external {
            if found.is_none() {
                self.notes.push(Note::ExternalMissing {
                    kind: "volume",
                    name,
                });
            }
            return;
        }
        let spec = volume_spec(self.stack, key, self.options.compose);
        let resource = Resource::Volume(key.clone());
        let what = if spec.driver == "local" {
            String::new()
        } else {
            spec.driver.clone()
        };
        let summary = Summary {
            what,
            ..Summary::default()
        };
        if self.could_not_see(&format!("volume {name}"), &resource, &summary) {
            return;
        }
        match found {
            Some(volume) if self.may_use(&volume.labels) => {
                let mut fields = Vec::new();
                let driver = if spec.driver.is_empty() {
                    "local"
                } else {
                    &spec.driver
                };
                differ(
                    &mut fields,
                    key_path!["driver"],
                    Some(&volume.driver),
                    Some(driver),
                );
                map_drift(&mut fields, "driver_opts", &volume.options, &spec.options);
                self.change(resource.clone(), Verdict::Nothing, Vec::new(), summary);
                self.keep_drift(resource, fields);
            }
            Some(volume) => {
                let owner = self.object_owner(&volume.labels);
                self.notes.push(Note::ForeignInTheWay {
                    kind: "volume",
                    name,
                    owner,
                });
            }
            None => {
                let change = self.change(resource, Verdict::Create, vec![Reason::Missing], summary);
                let step = self.step(change, Action::CreateVolume(spec), [], Vec::new());
                self.volumes.insert(name, step);
            }
        }
    }

    /// Plans the host sockets that the selected services use, and says who gets them.
    pub(super) fn plan_sockets(&mut self) {
        let sockets: Vec<SocketName> = self.stack.sockets().keys().cloned().collect();
        for name in sockets {
            let users: Vec<ServiceName> = self
                .selected
                .iter()
                .filter(|service| {
                    let service = self.stack.service(service);
                    service.is_some_and(|service| service.container.sockets.contains(&name))
                })
                .cloned()
                .collect();
            if self.is_whole() || !users.is_empty() {
                self.plan_socket(&name, users);
            }
        }
    }

    fn plan_socket(&mut self, name: &SocketName, users: Vec<ServiceName>) {
        let Some(socket) = self.stack.sockets().get(name) else {
            return;
        };
        let unusable = |why: String| Note::SocketUnusable {
            socket: name.clone(),
            why,
        };
        let path = socket.path.display().to_string();
        let resource = Resource::Socket(name.clone());
        let (mode, owned_by, group) = match self.observed.sockets.get(name) {
            Some(ObservedSocket::Present {
                mode,
                uid,
                gid,
                owners,
                groups,
            }) => (*mode, (*uid, owners), (*gid, groups)),
            Some(ObservedSocket::Missing) if socket.optional => {
                self.notes.push(Note::SocketAbsent {
                    socket: name.clone(),
                });
                return;
            }
            Some(ObservedSocket::Missing) => {
                self.notes.push(unusable(format!("{path} is not there")));
                return;
            }
            Some(ObservedSocket::NotASocket { what }) => {
                self.notes.push(unusable(format!("{path} is {what}")));
                return;
            }
            Some(ObservedSocket::Unknown { why }) => {
                let (what, why) = (format!("socket {name}"), why.clone());
                self.notes.push(Note::Unseen { what, why });
                return;
            }
            None => return,
        };
        let mut fields = Vec::new();
        let octal = |mode: u32| format!("{:04o}", mode & 0o7777);
        let wanted = socket.mode.unwrap_or(mode);
        differ(
            &mut fields,
            key_path!["mode"],
            Some(&octal(mode)),
            Some(&octal(wanted)),
        );
        let owner = id_drift("owner", socket.owner.as_deref(), owned_by, &mut fields);
        let gid = group.0;
        let group = id_drift("group", socket.group.as_deref(), group, &mut fields);
        let summary = Summary {
            what: path,
            ..Summary::default()
        };
        if fields.is_empty() {
            self.change(resource, Verdict::Nothing, Vec::new(), summary);
        } else {
            let fix = SocketFix {
                socket: name.clone(),
                path: socket.path.clone(),
                mode: socket.mode.filter(|wanted| (wanted ^ mode) & 0o7777 != 0),
                owner,
                group,
                allow_world_access: socket.allow_world_access,
            };
            let drift = drift_reason(&fields);
            let change = self.change(resource, Verdict::Update, vec![drift], summary);
            self.changes[change].fields = fields;
            let step = self.step(change, Action::FixSocket(fix), [], Vec::new());
            self.sockets.insert(name.to_string(), step);
        }
        if !users.is_empty() {
            let gid = (socket.grant == Grant::Group).then_some(gid);
            let socket = name.clone();
            self.notes.push(Note::SocketGrant {
                socket,
                services: users,
                gid,
            });
        }
    }
}

/// Compares an owner or group by number, or by any of the names that the host has for the number; returns it if it has to be set.
fn id_drift(
    key: &str,
    wanted: Option<&str>,
    (id, names): (u32, &Vec<String>),
    fields: &mut Vec<FieldChange>,
) -> Option<String> {
    let wanted = wanted?;
    let is_so = match wanted.parse::<u32>() {
        Ok(number) => number == id,
        Err(_) => names.iter().any(|name| name == wanted) || (wanted == "root" && id == 0),
    };
    if is_so {
        return None;
    }
    let found = names.first().cloned().unwrap_or_else(|| id.to_string());
    differ(fields, key_path![key], Some(&found), Some(wanted));
    Some(wanted.to_owned())
}

/// Returns the keys that are needed: first those of the file in its order, then those that it does not name, such as `default`.
fn in_order<'k, K: Ord + Clone + std::hash::Hash + 'k>(
    file: impl Iterator<Item = &'k K>,
    mut needed: BTreeSet<K>,
) -> Vec<K> {
    let mut ordered: Vec<K> = file.filter_map(|key| needed.take(key)).collect();
    ordered.extend(needed);
    ordered
}

pub(super) fn drift_reason(fields: &[FieldChange]) -> Reason {
    let fields = fields.iter().map(|field| field.path.clone()).collect();
    Reason::ConfigDrift { fields }
}

fn differ(fields: &mut Vec<FieldChange>, path: KeyPath, old: Option<&str>, new: Option<&str>) {
    if old != new {
        let show = |text: &str| Shown::Plain(crate::model::mask_url_passwords(text));
        fields.push(FieldChange {
            path,
            old: old.map(show),
            new: new.map(show),
        });
    }
}

fn map_drift(
    fields: &mut Vec<FieldChange>,
    key: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = key_path![key, name];
        let get = |map: &BTreeMap<String, String>| map.get(name).cloned();
        differ(fields, path, get(old).as_deref(), get(new).as_deref());
    }
}

/// Returns how a network differs from what it should be. What was not asked for is the engine's choice.
fn network_drift(want: &NetworkSpec, have: &ObservedNetwork) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    let driver = if want.driver.is_empty() {
        "bridge"
    } else {
        &want.driver
    };
    differ(
        &mut fields,
        key_path!["driver"],
        Some(&have.driver),
        Some(driver),
    );
    map_drift(&mut fields, "driver_opts", &have.options, &want.options);
    let flags = [
        ("internal", have.internal, want.internal),
        ("attachable", have.attachable, want.attachable),
        (
            "enable_ipv6",
            have.enable_ipv6,
            want.enable_ipv6.unwrap_or(have.enable_ipv6),
        ),
    ];
    let ipv4 = have.enable_ipv4.unwrap_or(true);
    let flags = flags
        .into_iter()
        .chain([("enable_ipv4", ipv4, want.enable_ipv4.unwrap_or(ipv4))]);
    for (key, old, new) in flags {
        differ(
            &mut fields,
            key_path![key],
            Some(&old.to_string()),
            Some(&new.to_string()),
        );
    }
    if let Some(driver) = want.ipam_driver.as_deref().filter(|it| !it.is_empty()) {
        let path = key_path!["ipam", "driver"];
        differ(&mut fields, path, Some(&have.ipam_driver), Some(driver));
    }
    for (name, value) in &want.ipam_options {
        let path = key_path!["ipam", "options", name];
        let old = have.ipam_options.get(name).map(String::as_str);
        differ(&mut fields, path, old, Some(value));
    }
    let wanted = want.pools.iter().filter(|pool| pool.subnet.is_some());
    for pool in wanted {
        let is_there = have.pools.iter().any(|have| is_pool(pool, have));
        if !is_there {
            let old = have.pools.iter().filter_map(|pool| pool.subnet.as_deref());
            let old = old.collect::<Vec<_>>().join(", ");
            let old = (!old.is_empty()).then_some(old);
            differ(
                &mut fields,
                key_path!["ipam"],
                old.as_deref(),
                pool.subnet.as_deref(),
            );
        }
    }
    fields
}

fn is_pool(want: &IpamPoolSpec, have: &IpamPoolSpec) -> bool {
    let fits = |want: &Option<String>, have: &Option<String>| want.is_none() || want == have;
    fits(&want.subnet, &have.subnet)
        && fits(&want.ip_range, &have.ip_range)
        && fits(&want.gateway, &have.gateway)
        && want
            .aux_addresses
            .iter()
            .all(|(name, address)| have.aux_addresses.get(name) == Some(address))
}
