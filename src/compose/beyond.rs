//! What a stack asks for, and this engine adapter cannot do: it is rendered, and a plan with it cannot be applied.

use crate::model::{
    Attribute, Attributes, ContentSource, Mount, MountSource, Resolved, ServiceName, Stack,
};

/// Attributes that reach the container.
const APPLIED: [&str; 11] = [
    "blkio_config",
    "cpu_count",
    "cpu_percent",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "device_cgroup_rules",
    "external_links",
    "gpus",
    "isolation",
    "label_file",
    "links",
];

/// Attributes without effect on the container that Compose makes, or that are dealt with elsewhere.
const HARMLESS: [&str; 9] = [
    "attach",
    "build",
    "credential_spec",
    "deploy",
    "develop",
    "post_start",
    "pre_stop",
    "pull_refresh_after",
    "volumes_from",
];

/// What cannot be done, and why.
const REFUSED: [(&str, &str); 3] = [
    (
        "models",
        "Docker's model runner serves it by a plugin of docker's; start it with docker compose",
    ),
    (
        "use_api_socket",
        "it copies the credentials of every registry into the container; grant the socket alone, with sockets",
    ),
    (
        "provider",
        "a program of docker compose provides it, and no container; start it with docker compose",
    ),
];

/// Why a pull policy that there is none of is refused.
const NO_POLICY: &str = "there is no such policy: missing, always, never, build, daily, weekly, every_TIME, or refresh with pull_refresh_after";

/// Something that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// The attribute below the service, such as `build`.
    pub attribute: String,
    /// What to do about it.
    pub why: &'static str,
}

const LATER: &str = "stackgen renders it, and cannot apply it yet";

fn beyond(attribute: impl Into<String>, why: &'static str) -> Beyond {
    Beyond {
        attribute: attribute.into(),
        why,
    }
}

/// Returns what a service asks for that cannot be applied.
pub fn beyond_engine(stack: &Stack<Resolved>, service: &ServiceName) -> Vec<Beyond> {
    let Some(definition) = stack.service(service) else {
        return Vec::new();
    };
    let options = &definition.container;
    let mut found = Vec::new();
    let is_built = definition.more.contains_key("build");
    if is_built && super::image_of(stack, service).is_none() {
        found.push(beyond("build", super::NO_IMAGE_NAME));
    }
    if super::pull_policy(definition).is_none() {
        found.push(beyond("pull_policy", NO_POLICY));
    }
    add(&mut found, &definition.more);
    for mount in &options.volumes {
        add_mount(&mut found, mount);
    }
    let parts = stack.parts();
    let configs = options.configs.iter().map(|it| it.source.as_str());
    let configs = configs.map(|name| ("configs", name, parts.configs.get(name)));
    let secrets = options.secrets.iter().map(|it| it.source.as_str());
    let secrets = secrets.map(|name| ("secrets", name, parts.secrets.get(name)));
    for (kind, name, content) in configs.chain(secrets) {
        let is_swarm = content.is_some_and(|content| {
            let is_there = matches!(
                content.source,
                ContentSource::External | ContentSource::Driver
            );
            is_there || content.more.keys().any(|key| !key.starts_with("x-"))
        });
        if is_swarm {
            let why = "only Swarm has configs and secrets of its own";
            found.push(beyond(format!("{kind}.{name}"), why));
        }
    }
    found
}

fn add(found: &mut Vec<Beyond>, attributes: &Attributes<Resolved>) {
    for (key, attribute) in attributes {
        let name = key.as_str();
        let is_dealt_with = APPLIED.contains(&name) || HARMLESS.contains(&name);
        if is_dealt_with || name.starts_with("x-") || !is_asked(attribute) {
            continue;
        }
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
        found.push(beyond(name, refused.map_or(LATER, |(_, why)| why)));
    }
}

fn add_mount(found: &mut Vec<Beyond>, mount: &Mount<Resolved>) {
    let words = ["", "enabled", "disabled", "writable", "readonly"];
    if let Some(Attribute::Text(word)) = mount.options.get("recursive")
        && !words.contains(&word.as_str())
    {
        let why = "there is no such word: enabled, disabled, writable or readonly";
        found.push(beyond(
            format!("volumes.{}.bind.recursive", mount.target),
            why,
        ));
    }
    let why = match &mount.source {
        MountSource::Other { kind, .. } if kind == "npipe" => "only Windows has named pipes",
        MountSource::Other { kind, .. } if kind == "cluster" => "only Swarm has cluster volumes",
        MountSource::Bind { .. }
        | MountSource::Volume { .. }
        | MountSource::Tmpfs { .. }
        | MountSource::Other { .. } => return,
    };
    found.push(beyond(format!("volumes.{}", mount.target), why));
}

/// What is empty, false or the default asks for nothing.
fn is_asked(attribute: &Attribute<Resolved>) -> bool {
    match attribute {
        Attribute::Null | Attribute::Flag(false) => false,
        Attribute::Text(text) => !text.is_empty() && text != "default",
        other => !other.is_empty(),
    }
}
