//! What is defined and used by nothing.

use std::collections::BTreeSet;

use crate::key_path;
use crate::model::{Attachment, FileRole, Form, MountSource, Sources, TaskKind, TemplateText};

use super::super::Code;
use super::super::tree::{Node, Value};
use super::Linting;

/// Tells volumes that no container mounts.
pub(super) fn volumes<F: Form>(linting: &mut Linting<'_, F>) {
    let mut used = mentioned(linting.tree);
    for (_, options) in linting.containers() {
        for mount in &options.volumes {
            let Some(mount) = F::known(mount) else {
                // What it mounts depends on a variable without a value.
                return;
            };
            match &mount.source {
                MountSource::Volume {
                    volume: Some(volume),
                    ..
                } => match F::known(volume) {
                    Some(name) => used.insert(name.clone()),
                    None => return,
                },
                MountSource::Other {
                    source: Some(source),
                    ..
                } => F::known(source).is_some_and(|source| used.insert(source.clone())),
                MountSource::Volume { volume: None, .. }
                | MountSource::Bind { .. }
                | MountSource::Tmpfs { .. }
                | MountSource::Other { source: None, .. } => false,
            };
        }
    }
    for name in without(linting.stack.volumes().keys(), &used) {
        let help = format!("volumes = [\"{name}:/PATH\"] in a service mounts it, or take it out");
        tell(
            linting,
            Code::UnusedVolume,
            "volumes",
            &name,
            "no container mounts it",
            &help,
        );
    }
}

/// Tells networks that nothing is attached to.
pub(super) fn networks<F: Form>(linting: &mut Linting<'_, F>) {
    let mut used = mentioned(linting.tree);
    for (_, options) in linting.containers() {
        if let Attachment::Networks(networks) = &options.attachment {
            used.extend(networks.keys().map(ToString::to_string));
        }
    }
    let dags = linting.stack.dags().values();
    for task in dags.flat_map(|dag| dag.tasks.values()) {
        if let TaskKind::Http(http) = &task.kind {
            used.extend(http.network.iter().map(ToString::to_string));
        }
    }
    for name in without(linting.stack.networks().keys(), &used) {
        let help = format!("networks = [\"{name}\"] in a service attaches it, or take it out");
        tell(
            linting,
            Code::UnusedNetwork,
            "networks",
            &name,
            "nothing is attached to it",
            &help,
        );
    }
}

/// Tells configs that no container has.
pub(super) fn configs<F: Form>(linting: &mut Linting<'_, F>) {
    let mut used = mentioned(linting.tree);
    for (_, options) in linting.containers() {
        used.extend(options.configs.iter().map(|file| file.source.to_string()));
    }
    for name in without(linting.stack.parts().configs.keys(), &used) {
        let help = format!("configs = [\"{name}\"] in a service brings it there, or take it out");
        tell(
            linting,
            Code::UnusedConfig,
            "configs",
            &name,
            "no container has it",
            &help,
        );
    }
}

/// Tells secrets that no container has.
pub(super) fn secrets<F: Form>(linting: &mut Linting<'_, F>) {
    let mut used = mentioned(linting.tree);
    for (_, options) in linting.containers() {
        used.extend(options.secrets.iter().map(|file| file.source.to_string()));
    }
    for name in without(linting.stack.parts().secrets.keys(), &used) {
        let help = format!("secrets = [\"{name}\"] in a service brings it there, or take it out");
        tell(
            linting,
            Code::UnusedSecret,
            "secrets",
            &name,
            "no container has it",
            &help,
        );
    }
}

/// Tells sockets that no service asks for, and whose permissions stackgen does not set either.
pub(super) fn sockets<F: Form>(linting: &mut Linting<'_, F>) {
    let mut used = mentioned(linting.tree);
    for (_, options) in linting.containers() {
        used.extend(options.sockets.iter().map(ToString::to_string));
    }
    let sockets = linting.stack.sockets().iter();
    let idle = sockets.filter(|(_, socket)| {
        socket.mode.is_none() && socket.owner.is_none() && socket.group.is_none()
    });
    for name in without(idle.map(|(name, _)| name), &used) {
        let help = format!("sockets = [\"{name}\"] in a service grants it, or take it out");
        tell(
            linting,
            Code::UnusedSocket,
            "sockets",
            &name,
            "no service asks for it",
            &help,
        );
    }
}

/// Tells mixins that no service and no task names.
pub(super) fn mixins<F: Form>(linting: &mut Linting<'_, F>) {
    let tree = linting.tree;
    let mut used = BTreeSet::new();
    for section in ["services", "dags", "mixins", "defaults", "overlays"] {
        if let Some(node) = tree.get(section) {
            lists_of(node, "mixins", &mut used);
        }
    }
    let names = tree.get("mixins").and_then(Node::table).into_iter();
    for name in without(names.flat_map(|table| table.keys()), &used) {
        let help = format!("mixins = [\"{name}\"] in a service lays it under, or take it out");
        tell(
            linting,
            Code::UnusedMixin,
            "mixins",
            &name,
            "no service uses it",
            &help,
        );
    }
}

/// Tells `[vars]` that no `${…}` names. Templates of one's own may name them too, so they are left alone where there are any.
pub(super) fn variables<F: Form>(linting: &mut Linting<'_, F>) {
    let tree = linting.tree;
    if tree.get("render").is_some() {
        return;
    }
    let mut used = BTreeSet::new();
    named_variables(tree, &mut used);
    env_files(linting.sources, &mut used);
    let names = tree.get("vars").and_then(Node::table).into_iter();
    for name in without(names.flat_map(|table| table.keys()), &used) {
        let help = format!("take the line out, or write ${{{name}}} where it is meant");
        tell(
            linting,
            Code::UnusedVariable,
            "vars",
            &name,
            "no ${…} names it",
            &help,
        );
    }
}

fn tell<F: Form>(
    linting: &mut Linting<'_, F>,
    code: Code,
    section: &str,
    name: &str,
    label: &str,
    help: &str,
) {
    let at = key_path![section, name];
    let message = format!("{at} is used by nothing");
    linting.key(code, &at, message, label, help);
}

fn without<N: ToString>(names: impl Iterator<Item = N>, used: &BTreeSet<String>) -> Vec<String> {
    names
        .map(|name| name.to_string())
        .filter(|name| !used.contains(name))
        .collect()
}

/// Returns every name that overlays, mixins and builds mention: what only they use is no lint's business.
fn mentioned(tree: &Node) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for section in ["overlays", "mixins", "defaults"] {
        if let Some(node) = tree.get(section) {
            words(node, &mut names);
        }
    }
    let services = tree.get("services").and_then(Node::table);
    for service in services.into_iter().flat_map(|table| table.values()) {
        if let Some(build) = service.get("build") {
            words(build, &mut names);
        }
    }
    names
}

/// Collects the keys of a tree, and its texts up to their first colon.
fn words(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::Table(table) => {
            for (key, inner) in table.iter() {
                names.insert(key.clone());
                words(inner, names);
            }
        }
        Value::List(items) => items.iter().for_each(|item| words(item, names)),
        Value::Text(text) => {
            let name = text.raw.split(':').next().unwrap_or_default();
            names.insert(name.to_owned());
        }
        _ => {}
    }
}

/// Collects the texts of all lists under `key`, anywhere in a tree, `append` of it too.
fn lists_of(node: &Node, key: &str, names: &mut BTreeSet<String>) {
    let Some(table) = node.table() else { return };
    for (name, inner) in table {
        if name == key {
            words(inner, names);
        }
        lists_of(inner, key, names);
    }
}

/// Collects the variables that a tree names: in `${…}`, as bare entries of environments, and as sources of secrets.
fn named_variables(node: &Node, names: &mut BTreeSet<String>) {
    match &node.value {
        Value::Table(table) => {
            for (key, inner) in table.iter() {
                match &inner.value {
                    Value::Null => {
                        names.insert(key.clone());
                    }
                    Value::Text(text) if key == "environment" => {
                        names.insert(text.raw.to_string());
                    }
                    _ => {}
                }
                named_variables(inner, names);
            }
        }
        Value::List(items) => items.iter().for_each(|item| named_variables(item, names)),
        Value::Text(text) => variables_in(&text.raw, names),
        _ => {}
    }
}

fn env_files(sources: &Sources, names: &mut BTreeSet<String>) {
    for file in &sources.files {
        if let (FileRole::StackEnv | FileRole::ServiceEnv, Some(text)) = (file.role, &file.text) {
            text.lines().for_each(|line| variables_in(line, names));
            // A bare name takes the value of the variable.
            let bare = text.lines().map(str::trim);
            names.extend(bare.filter(|line| !line.contains('=')).map(str::to_owned));
        }
    }
}

fn variables_in(text: &str, names: &mut BTreeSet<String>) {
    if text.contains('$')
        && let Ok(parsed) = TemplateText::parse(text)
    {
        names.extend(parsed.variables().into_iter().map(str::to_owned));
    }
}
