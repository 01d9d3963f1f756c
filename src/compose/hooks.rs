//! The commands that a service has run in its containers: after a start, before a stop.

use std::collections::BTreeMap;

use crate::model::{Attribute, Resolved, Service};

/// A command of `post_start` or `pre_stop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The command.
    pub command: Vec<String>,
    /// The user; `None`: the container's.
    pub user: Option<String>,
    /// Whether it has all rights.
    pub privileged: bool,
    /// The folder; `None`: the container's.
    pub working_dir: Option<String>,
    /// Variables beside those of the container; `None` as value sends the bare name.
    pub environment: BTreeMap<String, Option<String>>,
}

/// Returns the commands that follow a start, in order.
pub fn post_start(service: &Service<Resolved>) -> Vec<Hook> {
    hooks(service, "post_start")
}

/// Returns the commands that come before a stop, in order.
pub fn pre_stop(service: &Service<Resolved>) -> Vec<Hook> {
    hooks(service, "pre_stop")
}

fn hooks(service: &Service<Resolved>, key: &str) -> Vec<Hook> {
    match service.more.get(key) {
        Some(Attribute::List(items)) => items.iter().filter_map(hook).collect(),
        _ => Vec::new(),
    }
}

fn hook(attribute: &Attribute<Resolved>) -> Option<Hook> {
    let text = |key: &str| match attribute.get(&[key]) {
        Some(Attribute::Text(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        _ => None,
    };
    let command = match attribute.get(&["command"])? {
        Attribute::List(words) => words.iter().filter_map(plain).collect(),
        Attribute::Text(text) => vec![text.clone()],
        _ => return None,
    };
    let environment = match attribute.get(&["environment"]) {
        Some(Attribute::Map(map)) => {
            let entry =
                |(name, value): (&String, &Attribute<Resolved>)| (name.clone(), plain(value));
            map.iter().map(entry).collect()
        }
        _ => BTreeMap::new(),
    };
    Some(Hook {
        command,
        user: text("user"),
        privileged: attribute.get(&["privileged"]) == Some(&Attribute::Flag(true)),
        working_dir: text("working_dir"),
        environment,
    })
}

fn plain(attribute: &Attribute<Resolved>) -> Option<String> {
    match attribute {
        Attribute::Text(text) => Some(text.clone()),
        _ => None,
    }
}
