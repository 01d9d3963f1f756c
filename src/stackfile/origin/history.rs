//! What each layer says of one path, the lowest first.

use std::path::Path;

use indexmap::IndexMap;

use crate::model::{FileRole, KeyPath, Sources};

use super::super::env_file::{self, EnvEntry};
use super::super::fill::{Filler, Mode};
use super::super::layers::is_operation;
use super::super::tree::{Node, Site, Value};
use super::super::variables::{Variables, scalar};
use super::super::{Place, Selection, line_and_column};
use super::explanation::{Act, Contribution, Layer, find};
use super::shown::Shower;

/// The tables of all files, from before the layers were laid to after.
pub(super) struct History<'a> {
    pub(super) sources: &'a Sources,
    pub(super) selection: &'a Selection,
    /// stack.toml and its includes, without overlays.
    pub(super) base: &'a Node,
    /// With overlays, each service still apart from its mixins.
    pub(super) merged: &'a Node,
    /// As it is in effect.
    pub(super) laid: &'a Node,
}

/// A table that lies in a pile of others, and what is asked of it.
struct Sheet {
    layer: Layer,
    table: Vec<String>,
    rest: Vec<String>,
}

impl History<'_> {
    /// Returns what is said of `path`, the lowest layer first.
    pub(super) fn contributions(
        &self,
        path: &KeyPath,
        variables: &Variables<'_>,
        shower: &Shower,
    ) -> Vec<Contribution> {
        let mut found = self.of_service_env(path, variables, shower);
        for sheet in self.sheets(path) {
            for (overlay, root) in self.roots() {
                let Some(table) = find(root, &sheet.table) else {
                    continue;
                };
                for (act, node) in said(table, &sheet.rest) {
                    found.push(Contribution {
                        layer: sheet.layer.clone(),
                        overlay: overlay.map(str::to_owned),
                        act,
                        value: shower.written(node, path),
                        place: Some(self.place(&node.key, &node.at)),
                        is_in_effect: true,
                    });
                }
            }
        }
        if let [section, name] = path.keys()
            && section == "vars"
        {
            found.extend(self.of_variable(name, variables, shower));
        }
        found
    }

    /// Returns the base and the selected overlays in their order.
    fn roots(&self) -> Vec<(Option<&str>, &Node)> {
        let overlays = self.selection.overlays.iter();
        let overlays = overlays.filter_map(|name| {
            let node = self.base.get("overlays")?.get(name)?;
            Some((Some(name.as_str()), node))
        });
        std::iter::once((None, self.base)).chain(overlays).collect()
    }

    /// Returns the tables that are laid over each other for a path.
    fn sheets(&self, path: &KeyPath) -> Vec<Sheet> {
        let keys = path.keys();
        let sheet = |layer: Layer, table: &[String], rest: &[String]| Sheet {
            layer,
            table: table.to_vec(),
            rest: rest.to_vec(),
        };
        let below = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let own = |length: usize| {
            let (table, rest) = keys.split_at(length);
            sheet(Layer::Own(KeyPath::new(table.to_vec())), table, rest)
        };
        let part: Vec<&str> = keys.iter().map(String::as_str).collect();
        match part.as_slice() {
            ["services", _, ..] => {
                let rest = &keys[2..];
                let mut sheets = vec![sheet(
                    Layer::Defaults,
                    &below(["defaults", "service"]),
                    rest,
                )];
                sheets.extend(self.mixins(&keys[..2]).map(|name| {
                    let table = below(["mixins", &name]);
                    sheet(Layer::Mixin(name), &table, rest)
                }));
                sheets.push(own(2));
                sheets
            }
            ["dags", dag, "tasks", _, more @ ..] => {
                let mut sheets = Vec::new();
                if let ["docker", ..] = more {
                    let rest = &keys[5..];
                    sheets.extend(self.mixins(&keys[..5]).map(|name| {
                        let table = below(["mixins", &name]);
                        sheet(Layer::Mixin(name), &table, rest)
                    }));
                }
                let args = ["dags", dag, "default_args"].map(str::to_owned);
                sheets.push(sheet(
                    Layer::DefaultArgs((*dag).to_owned()),
                    &args,
                    &keys[4..],
                ));
                sheets.push(own(4));
                sheets
            }
            ["dags", dag, "start_date" | "end_date"] => {
                let args = ["dags", dag, "default_args"].map(str::to_owned);
                let args = sheet(Layer::DefaultArgs((*dag).to_owned()), &args, &keys[2..]);
                vec![args, own(2)]
            }
            ["stack" | "vars" | "policy" | "render", ..] => vec![own(1)],
            _ => vec![own(keys.len().min(2))],
        }
    }

    /// Returns the mixins that a service or a docker task uses, in their order.
    fn mixins(&self, user: &[String]) -> impl Iterator<Item = String> {
        let named = find(self.merged, user).and_then(|node| node.get("mixins"));
        let named = named.and_then(Node::list).unwrap_or_default();
        let names: Vec<String> = named
            .iter()
            .filter_map(|item| item.raw_text().map(str::to_owned))
            .collect();
        names.into_iter()
    }

    /// Returns what the env files of a service say of a variable of its environment: they lie below all layers.
    fn of_service_env(
        &self,
        path: &KeyPath,
        variables: &Variables<'_>,
        shower: &Shower,
    ) -> Vec<Contribution> {
        let Some(([.., key], name)) = path.keys().split_last().map(|(name, user)| (user, name))
        else {
            return Vec::new();
        };
        if key != "environment" {
            return Vec::new();
        }
        let user = &path.keys()[..path.keys().len() - 2];
        let Some(named) = find(self.laid, user).and_then(|node| node.get("env_file")) else {
            return Vec::new();
        };
        let filled = |node: &Node| {
            let mut node = node.clone();
            Filler::new(self.sources, variables, Mode::Resolve).fill(&mut node);
            node
        };
        let own = find(self.laid, user).and_then(|node| node.get("environment"));
        let own = own.map(filled);
        let mut merged: IndexMap<String, Option<String>> = IndexMap::new();
        let mut found = Vec::new();
        let named = filled(named);
        for item in named.list().unwrap_or(std::slice::from_ref(&named)) {
            let is_raw = item.get("format").is_some();
            let path = item.get("path").unwrap_or(item);
            for (entry, site) in scalar(path, Mode::Resolve)
                .map(|path| self.entries_of(&path, is_raw))
                .unwrap_or_default()
            {
                let inner = |name: &str| match own.as_ref().and_then(|own| own.get(name)) {
                    Some(value) => scalar(value, Mode::Resolve),
                    None => merged.get(name).cloned().flatten(),
                };
                let value = variables.entry_value_within(&entry, &inner).ok().flatten();
                if entry.name == *name {
                    let value = value.as_deref().unwrap_or_default();
                    found.push(self.by_env_file(name, value, &site, shower));
                }
                merged.insert(entry.name, value);
            }
        }
        found
    }

    fn entries_of(&self, path: &str, is_raw: bool) -> Vec<(EnvEntry, Site)> {
        let wanted = self.sources.absolute(Path::new(path));
        let mut files = self.sources.with_role(FileRole::ServiceEnv);
        let file = files.find(|(_, file)| self.sources.absolute(&file.path) == wanted);
        let Some((id, file)) = file else {
            return Vec::new();
        };
        let text = file.text.as_deref().unwrap_or_default();
        let entries = match is_raw {
            true => env_file::parse_raw(text),
            false => env_file::parse(text).0,
        };
        let placed = entries.into_iter().map(|entry| {
            let site = Site::new(id, entry.span.clone());
            (entry, site)
        });
        placed.collect()
    }

    /// Returns what env files and the environment say of a variable of the stack.
    pub(super) fn of_variable(
        &self,
        name: &str,
        variables: &Variables<'_>,
        shower: &Shower,
    ) -> Vec<Contribution> {
        let mut found = Vec::new();
        for (id, file) in self.sources.with_role(FileRole::StackEnv) {
            let (entries, _) = env_file::parse(file.text.as_deref().unwrap_or_default());
            for entry in entries.into_iter().filter(|entry| entry.name == name) {
                let site = Site::new(id, entry.span.clone());
                let value = variables
                    .entry_value(&entry)
                    .ok()
                    .flatten()
                    .unwrap_or_default();
                found.push(self.by_env_file(name, &value, &site, shower));
            }
        }
        if let Some(value) = self.sources.environment.get(name) {
            found.push(Contribution {
                layer: Layer::Environment,
                overlay: None,
                act: Act::Sets,
                value: shower.variable(name, value),
                place: None,
                is_in_effect: true,
            });
        }
        found
    }

    fn by_env_file(&self, name: &str, value: &str, site: &Site, shower: &Shower) -> Contribution {
        Contribution {
            layer: Layer::EnvFile,
            overlay: None,
            act: Act::Sets,
            value: shower.variable(name, value),
            place: Some(self.place(site, site)),
            is_in_effect: true,
        }
    }

    fn place(&self, key: &Site, value: &Site) -> Place {
        Place {
            file: value.file(),
            span: value.span(),
            key: key.span(),
            line: line_and_column(self.sources, key.file(), key.span().start).0,
        }
    }
}

/// Returns what a table says of what is at `rest` below it. An operation that appends and removes says two things.
fn said<'n>(node: &'n Node, rest: &[String]) -> Vec<(Act, &'n Node)> {
    if node.is_mark("reset") {
        return vec![(Act::Drops, node)];
    }
    if node.is_mark("null") {
        return vec![(Act::Sets, node)];
    }
    if is_operation(node) {
        return said_by_operation(node, rest);
    }
    let Some((key, deeper)) = rest.split_first() else {
        let act = match &node.value {
            Value::Table(_) => Act::Merges,
            _ => Act::Sets,
        };
        return vec![(act, node)];
    };
    match &node.value {
        Value::Table(table) => match table.get(key) {
            Some(inner) => said(inner, deeper),
            None => other_way(node, key)
                .map(|it| (Act::Drops, it))
                .into_iter()
                .collect(),
        },
        // A list, or a single value in the place of a table, replaces whatever was below it.
        _ => vec![(Act::Sets, node)],
    }
}

fn said_by_operation<'n>(node: &'n Node, rest: &[String]) -> Vec<(Act, &'n Node)> {
    let mut found = Vec::new();
    for (operation, items) in node.table().into_iter().flatten() {
        let is_append = operation == "append";
        match (&items.value, rest.split_first()) {
            (Value::Table(table), Some((key, deeper))) if is_append => {
                found.extend(
                    table
                        .get(key)
                        .map(|inner| said(inner, deeper))
                        .unwrap_or_default(),
                );
            }
            (Value::List(items), Some((key, _))) if !is_append && key.parse::<usize>().is_err() => {
                let named = items.iter().filter(|item| {
                    let text = item.raw_text().unwrap_or_default();
                    text.split('=').next() == Some(key)
                });
                found.extend(named.map(|item| (Act::Drops, item)));
            }
            _ if is_append => found.push((Act::Appends, items)),
            _ => found.push((Act::Removes, items)),
        }
    }
    found
}

/// Returns the key of a layer that takes another one away: `networks` and `network_mode` exclude each other.
fn other_way<'n>(table: &'n Node, key: &str) -> Option<&'n Node> {
    match key {
        "networks" => table.get("network_mode"),
        "network_mode" => table.get("networks"),
        _ => None,
    }
}
