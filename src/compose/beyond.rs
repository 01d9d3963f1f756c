//! What a stack asks for, and this engine adapter cannot do: it is rendered, and a plan with it cannot be applied.

use crate::model::{
    Attachment, Attribute, Attributes, ContentSource, Mount, MountSource, NetworkName, Resolved,
    ServiceName, Stack,
};

/// Attributes without effect on the container that Compose makes, or that are dealt with elsewhere.
const HARMLESS: [&str; 7] = [
    "attach",
    "build",
    "consistency",
    "credential_spec",
    "deploy",
    "develop",
    "pull_refresh_after",
];

/// Something that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// The attribute below the service or network, such as `deploy.resources.reservations.devices`.
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
    if options.image.is_none() && definition.more.contains_key("build") {
        let why = "building comes later; build it with docker compose and name it by image";
        found.push(beyond("build", why));
    }
    add(&mut found, "", &definition.more);
    let devices = ["resources", "reservations", "devices"];
    let deploy = definition.more.get("deploy");
    if deploy
        .and_then(|deploy| deploy.get(&devices))
        .is_some_and(is_asked)
    {
        found.push(beyond("deploy.resources.reservations.devices", LATER));
    }
    if let Attachment::Networks(networks) = &options.attachment {
        for (name, endpoint) in networks {
            add(&mut found, &format!("networks.{name}."), &endpoint.more);
        }
    }
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

/// Returns what a network asks for that cannot be applied.
pub fn network_beyond_engine(stack: &Stack<Resolved>, network: &NetworkName) -> Vec<Beyond> {
    let mut found = Vec::new();
    let Some(definition) = stack.networks().get(network).filter(|it| !it.external) else {
        return found;
    };
    add(&mut found, "", &definition.more);
    for pool in &definition.ipam.config {
        add(&mut found, "ipam.config.", &pool.more);
    }
    found
}

fn add(found: &mut Vec<Beyond>, before: &str, attributes: &Attributes<Resolved>) {
    for (key, attribute) in attributes {
        if !HARMLESS.contains(&key.as_str()) && !key.starts_with("x-") && is_asked(attribute) {
            found.push(beyond(format!("{before}{key}"), LATER));
        }
    }
}

fn add_mount(found: &mut Vec<Beyond>, mount: &Mount<Resolved>) {
    if let MountSource::Other { kind, .. } = &mount.source {
        found.push(beyond(format!("volumes: a mount of type {kind}"), LATER));
        return;
    }
    for (key, attribute) in &mount.options {
        // The default, said in words.
        let is_default = *attribute == Attribute::Text("enabled".to_owned());
        if is_asked(attribute) && !is_default && !key.starts_with("x-") {
            found.push(beyond(format!("volumes: {key} of a mount"), LATER));
        }
    }
}

/// What is empty, false or the default asks for nothing.
fn is_asked(attribute: &Attribute<Resolved>) -> bool {
    match attribute {
        Attribute::Null | Attribute::Flag(false) => false,
        Attribute::Text(text) => !text.is_empty() && text != "default",
        other => !other.is_empty(),
    }
}
