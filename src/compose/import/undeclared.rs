//! What services use and no file declares: a fragment of a project is imported all the same.

use std::collections::BTreeMap;

use super::item::{Item, Table, Toml};
use super::merge::split_outside_braces;
use super::yaml::At;

/// Declares them, with a comment; returns what to say about it.
pub(super) fn declare(services: &Table, sections: &mut BTreeMap<&str, Table>) -> Vec<(At, String)> {
    let mut told = Vec::new();
    for (service, item) in services {
        for (section, name, at) in used(item) {
            let Some(table) = sections.get_mut(section) else {
                continue;
            };
            if table.contains_key(&name) || (section == "networks" && name == "default") {
                continue;
            }
            let mut entries = Table::new();
            if matches!(section, "configs" | "secrets") {
                entries.insert("external".to_owned(), Item::bare("true", at));
            }
            let mut item = Item::new(Toml::Table(entries), at);
            item.comment = Some("not declared in the compose file".into());
            table.insert(name.clone(), item);
            let what = &section[..section.len() - 1];
            told.push((
                at,
                format!("services.{service} uses the {what} {name:?}, which is not declared; [{section}.{name}] declares it"),
            ));
        }
    }
    told
}

/// Returns what a service uses: section, name and where it says so.
fn used(service: &Item) -> Vec<(&'static str, String, At)> {
    let mut found = Vec::new();
    let get = |key: &str| service.table().and_then(|table| table.get(key));
    match get("networks").map(|item| &item.value) {
        Some(Toml::List(items)) => {
            for item in items {
                if let Toml::Text(name) = &item.value {
                    found.push(("networks", name.clone(), item.at));
                }
            }
        }
        Some(Toml::Table(table)) => {
            found.extend(
                table
                    .iter()
                    .map(|(name, item)| ("networks", name.clone(), item.at)),
            );
        }
        _ => {}
    }
    for section in ["volumes", "configs", "secrets"] {
        if let Some(Toml::List(items)) = get(section).map(|item| &item.value) {
            found.extend(items.iter().filter_map(|item| {
                let name = match section {
                    "volumes" => volume(item)?,
                    _ => content(item)?,
                };
                Some((section, name, item.at))
            }));
        }
    }
    found.retain(|(_, name, _)| !name.contains('$') && !name.is_empty());
    found
}

fn volume(item: &Item) -> Option<String> {
    let text_of = |table: &Table, key: &str| match table.get(key).map(|item| &item.value) {
        Some(Toml::Text(text)) => Some(text.clone()),
        _ => None,
    };
    match &item.value {
        Toml::Text(text) => {
            let parts = split_outside_braces(text);
            let is_name = parts.len() > 1 && !parts[0].starts_with(['.', '/', '~']);
            is_name.then(|| parts[0].to_owned())
        }
        Toml::Table(table) => {
            let is_volume = text_of(table, "type").is_none_or(|kind| kind == "volume");
            text_of(table, "source").filter(|_| is_volume)
        }
        _ => None,
    }
}

fn content(item: &Item) -> Option<String> {
    match &item.value {
        Toml::Text(name) => Some(name.clone()),
        Toml::Table(table) => match table.get("source").map(|item| &item.value) {
            Some(Toml::Text(name)) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}
