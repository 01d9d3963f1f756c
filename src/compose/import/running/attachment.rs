//! How a container is attached: networks with what was asked for, shared namespaces, names.

use std::collections::BTreeMap;

use super::container::Source;
use super::objects::Objects;
use super::value::{bare, list, put, put_table, table, text, texts};
use crate::compose::import::item::{Item, Table};
use crate::model::{ContainerId, EndpointSpec, ServiceName};

/// The network of services that name none.
const DEFAULT: &str = "default";

/// Whose containers there are, for namespaces that are shared.
pub(super) type Owners<'a> = BTreeMap<&'a ContainerId, (&'a ServiceName, &'a str)>;

/// Writes networks or network mode, the other namespaces, and the names that a container has.
pub(super) fn put_attachment(
    into: &mut Table,
    source: &Source<'_>,
    objects: &Objects,
    owners: &Owners<'_>,
) {
    let config = &source.container.config;
    let mode = config.network_mode.as_deref();
    let shares_names = mode.is_some_and(|mode| mode == "host" || mode.starts_with("container:"))
        || config.uts.as_deref() == Some("host");
    let hostname = config.hostname.as_deref();
    let hostname = hostname.filter(|name| *name != source.container.id.short() && !shares_names);
    put(into, "hostname", hostname.map(text));
    put(into, "domainname", config.domainname.as_deref().map(text));
    put(into, "mac_address", config.mac_address.as_deref().map(text));
    let namespace = |mode: &str| text(&namespace(mode, owners));
    match mode {
        Some(mode) => put(into, "network_mode", Some(namespace(mode))),
        None => put(into, "networks", networks(source, objects)),
    }
    let ipc = config.ipc.as_deref();
    let ipc = ipc.filter(|mode| !matches!(*mode, "private" | "shareable"));
    put(into, "ipc", ipc.map(namespace));
    put(into, "pid", config.pid.as_deref().map(namespace));
}

/// Returns a namespace with the service that it is shared with in place of its container.
fn namespace(mode: &str, owners: &Owners<'_>) -> String {
    match owner(mode, owners) {
        Some(service) => format!("service:{service}"),
        None => mode.to_owned(),
    }
}

/// Returns the service whose network a container shares.
pub(super) fn network_service<'a>(
    source: &Source<'_>,
    owners: &Owners<'a>,
) -> Option<&'a ServiceName> {
    owner(source.container.config.network_mode.as_deref()?, owners)
}

fn owner<'a>(mode: &str, owners: &Owners<'a>) -> Option<&'a ServiceName> {
    let container = mode.strip_prefix("container:")?;
    let mut owners = owners.iter();
    let found = owners.find(|(id, (_, name))| id.as_str() == container || *name == container);
    found.map(|(_, (service, _))| *service)
}

/// Writes the networks: nothing for the one that every service is on, names where there is no more to say.
fn networks(source: &Source<'_>, objects: &Objects) -> Option<Item> {
    let config = &source.container.config;
    let main = config
        .main_network
        .as_deref()
        .map(|name| objects.network(name));
    let mut keys: BTreeMap<&str, &EndpointSpec> = BTreeMap::new();
    for (name, endpoint) in &config.endpoints {
        keys.insert(objects.network(name), endpoint);
    }
    let first = keys.keys().next().copied();
    let mut entries = Table::new();
    for (key, endpoint) in keys {
        let mut inner = endpoint_table(source, endpoint);
        // Of equal ones the first by name would be the main network.
        if main == Some(key) && first != main {
            put(&mut inner, "priority", Some(bare(1)));
        }
        entries.insert(key.to_owned(), table(inner));
    }
    let is_plain = |item: &Item| item.table().is_none_or(Table::is_empty);
    if entries.values().all(is_plain) {
        let names: Vec<&String> = entries.keys().collect();
        let is_default =
            matches!(names.as_slice(), [] | [_]) && names.iter().all(|it| *it == DEFAULT);
        return (!is_default).then(|| texts(names));
    }
    Some(table(entries))
}

/// Writes what was asked for beyond the attachment itself.
fn endpoint_table(source: &Source<'_>, endpoint: &EndpointSpec) -> Table {
    let container = source.container;
    let given = [
        container.name.as_str(),
        source.name.as_str(),
        container.id.short(),
        container.config.hostname.as_deref().unwrap_or_default(),
    ];
    let mut entries = Table::new();
    let mut aliases: Vec<&String> = Vec::new();
    for alias in &endpoint.aliases {
        if !given.contains(&alias.as_str()) && !aliases.contains(&alias) {
            aliases.push(alias);
        }
    }
    let aliases = aliases
        .into_iter()
        .map(|alias| text(alias))
        .collect::<Vec<_>>();
    put(
        &mut entries,
        "aliases",
        (!aliases.is_empty()).then(|| list(aliases)),
    );
    let address = |address: &Option<String>| address.as_deref().map(text);
    put(
        &mut entries,
        "ipv4_address",
        address(&endpoint.ipv4_address),
    );
    put(
        &mut entries,
        "ipv6_address",
        address(&endpoint.ipv6_address),
    );
    entries
}

/// Returns whether a container has an address of its own choice in a network.
pub(super) fn is_fixed(endpoint: &EndpointSpec) -> bool {
    endpoint.ipv4_address.is_some() || endpoint.ipv6_address.is_some()
}

/// Writes what a service waits for; `states` are condition and restart by service.
pub(super) fn put_dependencies(into: &mut Table, states: &BTreeMap<ServiceName, (String, bool)>) {
    let entries = states.iter().map(|(service, (condition, restarts))| {
        let short = text(condition);
        let item = if *restarts {
            let both = [("condition", short), ("restart", bare(true))];
            table(
                both.map(|(key, item)| (key.to_owned(), item))
                    .into_iter()
                    .collect(),
            )
        } else {
            short
        };
        (service.to_string(), item)
    });
    put_table(into, "depends_on", entries.collect());
}
