//! Attributes of a service that stackgen carries by their shape alone, in the engine's terms.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Attribute, Attributes, BlockIo, ContainerOptions, DeviceRequest, RareConfig, Resolved, Service,
    ServiceName, Stack,
};

use super::container_name;

/// The driver of devices of the Container Device Interface.
pub(super) const CDI: &str = "cdi";

/// Asks the security options for open paths of the kernel. It is no option of the engine's.
pub(super) const OPEN_SYSTEM_PATHS: &str = "systempaths=unconfined";

/// Returns what the options of any container ask for.
pub(super) fn of_options(options: &ContainerOptions<Resolved>) -> RareConfig {
    let names = options.devices.iter().filter_map(|text| cdi_name(text));
    let ids: Vec<String> = names.map(str::to_owned).collect();
    let by_name = (!ids.is_empty()).then(|| DeviceRequest {
        driver: CDI.to_owned(),
        ids,
        ..DeviceRequest::default()
    });
    RareConfig {
        device_requests: by_name.into_iter().collect(),
        has_open_system_paths: options
            .security_opt
            .iter()
            .any(|it| it == OPEN_SYSTEM_PATHS),
        ..RareConfig::default()
    }
}

/// Returns the name of a device of the Container Device Interface, `vendor/class=name`, where a device is one: Compose takes it for one if
/// it is to be called the same inside.
pub(super) fn cdi_name(device: &str) -> Option<&str> {
    let mut parts = device.split(':');
    let source = parts.next()?;
    let is_same = parts.next().is_none_or(|target| target == source);
    let (kind, name) = source.split_once('=')?;
    let (vendor, class) = kind.split_once('/')?;
    let is_name =
        !vendor.is_empty() && !class.is_empty() && !class.contains('/') && !name.is_empty();
    (is_same && is_name).then_some(source)
}

/// Adds what a service asks for beyond the options that tasks have too. `number` is that of the container.
pub(super) fn add_service(
    rare: &mut RareConfig,
    stack: &Stack<Resolved>,
    service: &Service<Resolved>,
    number: u32,
) {
    let more = &service.more;
    rare.block_io = more.get("blkio_config").map(block_io).unwrap_or_default();
    rare.cpu_count = number_of(more.get("cpu_count"));
    // The engine counts hundredths.
    let percent = number_of(more.get("cpu_percent"));
    rare.cpu_percent = percent.map(|percent| percent.saturating_mul(100));
    rare.cpu_rt_period = number_of(more.get("cpu_rt_period"));
    rare.cpu_rt_runtime = number_of(more.get("cpu_rt_runtime"));
    rare.device_cgroup_rules = texts(more.get("device_cgroup_rules"));
    rare.isolation = text(more.get("isolation")).filter(|text| !text.is_empty());
    let reserved = ["resources", "reservations", "devices"];
    let reserved = more.get("deploy").and_then(|it| it.get(&reserved));
    let reserved = items(reserved).iter().map(device_request);
    let gpus = items(more.get("gpus")).iter().map(device_request);
    let gpus = gpus.map(|mut request| {
        request.capabilities.push("gpu".to_owned());
        request
    });
    let by_name = std::mem::take(&mut rare.device_requests);
    rare.device_requests = reserved.chain(by_name).chain(gpus).collect();
    rare.links = links(stack, more, number);
    rare.volumes_from = volumes_from(stack, more);
}

/// Returns the links as `container:alias`. As Compose has it, a linked service is also reachable by its name with the number of the
/// container that links to it.
fn links(stack: &Stack<Resolved>, more: &Attributes<Resolved>, number: u32) -> BTreeSet<String> {
    let mut links = BTreeSet::new();
    for link in texts(more.get("links")) {
        let (name, alias) = link.split_once(':').unwrap_or((&link, &link));
        let Some((service, definition)) = stack.services().get_key_value(name) else {
            continue;
        };
        for other in 1..=definition.scale {
            let container = container_name(stack, service, other);
            links.insert(format!("{container}:{alias}"));
            links.insert(format!("{container}:{name}-{number}"));
            links.insert(format!("{container}:{}-{name}-{number}", stack.name()));
        }
    }
    for link in texts(more.get("external_links")) {
        let (name, alias) = link.split_once(':').unwrap_or((&link, &link));
        links.insert(format!("{name}:{alias}"));
    }
    links
}

/// Returns whose mounts are taken over: of a service its first container, by name.
fn volumes_from(stack: &Stack<Resolved>, more: &Attributes<Resolved>) -> Vec<String> {
    let entry = |text: &String| match text.strip_prefix("container:") {
        Some(container) => container.to_owned(),
        None => {
            let (name, mode) = text.split_once(':').unwrap_or((text, ""));
            let container = stack
                .services()
                .get_key_value(name)
                .map_or_else(|| name.to_owned(), |(it, _)| container_name(stack, it, 1));
            match mode {
                "" => container,
                mode => format!("{container}:{mode}"),
            }
        }
    };
    texts(more.get("volumes_from")).iter().map(entry).collect()
}

/// Returns the services whose mounts a service takes over.
pub(super) fn volume_services<'a>(
    stack: &'a Stack<Resolved>,
    service: &'a Service<Resolved>,
) -> impl Iterator<Item = ServiceName> + 'a {
    let entries = texts(service.more.get("volumes_from")).into_iter();
    let entries = entries.filter(|text| !text.starts_with("container:"));
    entries.filter_map(|text| named(stack, &text))
}

/// Returns the services that a service is linked to.
pub(super) fn linked_services<'a>(
    stack: &'a Stack<Resolved>,
    service: &'a Service<Resolved>,
) -> impl Iterator<Item = ServiceName> + 'a {
    let links = texts(service.more.get("links")).into_iter();
    links.filter_map(|text| named(stack, &text))
}

/// Returns the service that stands before a colon.
fn named(stack: &Stack<Resolved>, text: &str) -> Option<ServiceName> {
    let name = text.split(':').next()?;
    let (name, _) = stack.services().get_key_value(name)?;
    Some(name.clone())
}

fn block_io(attribute: &Attribute<Resolved>) -> BlockIo {
    let weight = |at: Option<&Attribute<Resolved>>| {
        let number = number_of(at).filter(|number| *number != 0)?;
        u16::try_from(number).ok()
    };
    let rates = |key: &str| {
        let entries = items(attribute.get(&[key])).iter();
        let rate = |it: &Attribute<Resolved>| {
            Some((text(it.get(&["path"]))?, number_of(it.get(&["rate"]))?))
        };
        entries.filter_map(rate).collect::<BTreeMap<_, _>>()
    };
    let weights = items(attribute.get(&["weight_device"])).iter();
    BlockIo {
        weight: weight(attribute.get(&["weight"])),
        weight_device: weights
            .filter_map(|it| Some((text(it.get(&["path"]))?, weight(it.get(&["weight"]))?)))
            .collect(),
        read_bps: rates("device_read_bps"),
        read_iops: rates("device_read_iops"),
        write_bps: rates("device_write_bps"),
        write_iops: rates("device_write_iops"),
    }
}

fn device_request(attribute: &Attribute<Resolved>) -> DeviceRequest {
    let ids = texts(attribute.get(&["device_ids"]));
    // All, unless single ones are named.
    let default = if ids.is_empty() { -1 } else { 0 };
    DeviceRequest {
        driver: text(attribute.get(&["driver"])).unwrap_or_default(),
        count: number_of(attribute.get(&["count"])).unwrap_or(default),
        ids,
        capabilities: texts(attribute.get(&["capabilities"])),
        options: text_map(attribute.get(&["options"])),
    }
}

/// Returns a whole number, whatever it counts.
pub(super) fn number_of(attribute: Option<&Attribute<Resolved>>) -> Option<i64> {
    match attribute? {
        Attribute::Number(number) => Some(*number),
        Attribute::Size(size) => Some(size.0),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Compose cuts the fraction off as well"
        )]
        Attribute::Real(text) => text.parse::<f64>().ok().map(|number| number as i64),
        _ => None,
    }
}

pub(super) fn text(attribute: Option<&Attribute<Resolved>>) -> Option<String> {
    match attribute? {
        Attribute::Text(text) | Attribute::Path(text) => Some(text.clone()),
        _ => None,
    }
}

fn items(attribute: Option<&Attribute<Resolved>>) -> &[Attribute<Resolved>] {
    match attribute {
        Some(Attribute::List(items)) => items,
        _ => &[],
    }
}

pub(super) fn texts(attribute: Option<&Attribute<Resolved>>) -> Vec<String> {
    let items = items(attribute).iter();
    items.filter_map(|item| text(Some(item))).collect()
}

pub(super) fn text_map(attribute: Option<&Attribute<Resolved>>) -> BTreeMap<String, String> {
    let (Some(Attribute::Map(members)) | Some(Attribute::Table(members))) = attribute else {
        return BTreeMap::new();
    };
    let entries = members.iter();
    entries
        .map(|(key, value)| (key.clone(), text(Some(value)).unwrap_or_default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_container_device_interface_are_told_from_paths() {
        for (device, name) in [
            ("vendor.com/class=gpu0", Some("vendor.com/class=gpu0")),
            ("a.b/c=d:a.b/c=d:rwm", Some("a.b/c=d")),
            ("a.b/c=d:/dev/x", None),
            ("/dev/null:/dev/n:r", None),
            ("/dev/disk/by-id=x", None),
            ("a/b/c=d", None),
            ("a/b=", None),
        ] {
            assert_eq!(cdi_name(device), name, "{device}");
        }
    }
}
