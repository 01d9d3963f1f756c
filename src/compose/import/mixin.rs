//! What services share, as mixins, where that makes the file shorter.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::item::{Item, Table, Toml};
use super::yaml::{At, Node};

/// Shared parts without an anchor are looked for only in stacks up to this size: the search is cubic.
const SERVICES: usize = 60;
/// No more mixins than this are made where no anchor asks for them.
const ROUNDS: usize = 4;
/// What all services have is taken for a default from this number of services on.
const EVERYBODY: usize = 3;
/// A part that no anchor names is worth a mixin from this many lines on.
const LINES: usize = 3;

/// Which anchors (and extended services) went into which part of which services.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    groups: IndexMap<(String, Vec<String>), Vec<String>>,
}

impl Sharing {
    /// Notes the anchors of a service.
    pub(super) fn note(&mut self, service: &str, node: &Node) {
        // Someone may extend it.
        self.groups
            .entry((service.to_owned(), Vec::new()))
            .or_default()
            .push(service.to_owned());
        self.note_below(service, node, &mut Vec::new());
    }

    fn note_below(&mut self, service: &str, node: &Node, path: &mut Vec<String>) {
        for anchor in &node.anchors {
            self.groups
                .entry((anchor.clone(), path.clone()))
                .or_default()
                .push(service.to_owned());
        }
        for (key, inner) in node.map().into_iter().flatten() {
            path.push(key.clone());
            self.note_below(service, inner, path);
            path.pop();
        }
    }
}

/// Services with what they share in places of its own.
pub(super) struct Folded {
    /// What all of them share, for `[defaults.service]`.
    pub(super) defaults: Table,
    pub(super) mixins: Table,
    pub(super) services: Table,
}

/// Takes what services share out of them.
pub(super) fn fold(services: Table, sharing: &Sharing) -> Folded {
    let mut folding = Folding {
        services,
        mixins: Table::new(),
        used: IndexMap::new(),
    };
    for ((anchor, path), users) in &sharing.groups {
        let users: BTreeSet<&String> = users.iter().collect();
        let users: Vec<String> = users.into_iter().cloned().collect();
        if users.len() < 2 {
            continue;
        }
        if let Some(shared) = folding.shared_at(&users, path) {
            folding.take_out(anchor, shared, &users);
        }
    }
    let defaults = folding.take_out_defaults();
    for _ in 0..ROUNDS {
        if !folding.take_out_largest() {
            break;
        }
    }
    let Folding {
        mut services,
        mixins,
        used,
    } = folding;
    for (service, names) in used {
        if let Some(item) = services.get_mut(&service) {
            let at = item.at;
            let names = names.iter().map(|name| Item::text(name, at)).collect();
            if let Some(table) = item.table_mut() {
                let names = Item::new(Toml::List(names), at);
                table.shift_insert(0, "mixins".to_owned(), names);
            }
        }
    }
    Folded {
        defaults,
        mixins,
        services,
    }
}

/// Returns the table `[defaults]` for what all services share.
pub(super) fn in_service(defaults: Table) -> Table {
    if defaults.is_empty() {
        return Table::new();
    }
    let service = Item::new(Toml::Table(defaults), At::default());
    Table::from([("service".to_owned(), service)])
}

struct Folding {
    services: Table,
    mixins: Table,
    used: IndexMap<String, Vec<String>>,
}

impl Folding {
    fn table(&self, service: &str) -> Option<&Table> {
        self.services.get(service)?.table()
    }

    /// Returns what services have in common at a path.
    fn shared_at(&self, users: &[String], path: &[String]) -> Option<Table> {
        let mut shared: Option<Table> = None;
        for user in users {
            let part = narrowed(self.table(user)?, path)?;
            shared = Some(match shared {
                None => part,
                Some(before) => intersection(&before, &part),
            });
        }
        shared.filter(|table| !table.is_empty())
    }

    /// Returns how many lines a mixin saves.
    fn gain(&self, shared: &Table, users: &[String]) -> isize {
        let lines = lines(shared).cast_signed();
        let users_count = users.len().cast_signed();
        let without = users.iter().filter(|user| !self.used.contains_key(*user));
        lines * (users_count - 1) - 2 - without.count().cast_signed()
    }

    fn take_out(&mut self, name: &str, shared: Table, users: &[String]) {
        if self.gain(&shared, users) <= 0 {
            return;
        }
        let name = self.free_name(name);
        for user in users {
            if let Some(table) = self.services.get_mut(user).and_then(Item::table_mut) {
                subtract(table, &shared);
            }
            self.used
                .entry(user.clone())
                .or_default()
                .push(name.clone());
        }
        let at = users
            .first()
            .and_then(|user| self.services.get(user))
            .map_or(At::default(), |item| item.at);
        self.mixins.insert(name, Item::new(Toml::Table(shared), at));
    }

    /// Takes out the attributes that are the same in every service, where there are enough of them for it to be no accident.
    fn take_out_defaults(&mut self) -> Table {
        let mut tables = self.services.values().filter_map(Item::table);
        let mut shared = tables.next().cloned().unwrap_or_default();
        for table in tables {
            shared.retain(|key, item| table.get(key) == Some(item));
        }
        let saved = lines(&shared) * self.services.len().saturating_sub(1);
        if self.services.len() < EVERYBODY || saved <= 2 {
            return Table::new();
        }
        for table in self.services.values_mut().filter_map(Item::table_mut) {
            table.retain(|key, _| !shared.contains_key(key));
        }
        shared
    }

    /// Takes out the part that saves most; returns whether there was one.
    fn take_out_largest(&mut self) -> bool {
        if self.services.len() > SERVICES {
            return false;
        }
        let tables: Vec<(&String, &Table)> = self
            .services
            .iter()
            .filter_map(|(name, item)| Some((name, item.table()?)))
            .collect();
        let mut best: Option<(isize, Table, Vec<String>)> = None;
        for (index, (_, first)) in tables.iter().enumerate() {
            for (_, second) in &tables[index + 1..] {
                let shared = intersection(first, second);
                if lines(&shared) < LINES {
                    continue;
                }
                let users: Vec<String> = tables
                    .iter()
                    .filter(|(_, table)| contains(table, &shared))
                    .map(|(name, _)| (*name).clone())
                    .collect();
                let gain = self.gain(&shared, &users);
                if users.len() >= 3 && gain > 0 && best.as_ref().is_none_or(|best| gain > best.0) {
                    best = Some((gain, shared, users));
                }
            }
        }
        let Some((_, shared, users)) = best else {
            return false;
        };
        let name = name_of(&shared, &users);
        self.take_out(&name, shared, &users);
        true
    }

    fn free_name(&self, wanted: &str) -> String {
        let kept: String = wanted
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let mut name = kept.clone();
        let mut number = 2;
        while self.mixins.contains_key(&name) {
            name = format!("{kept}-{number}");
            number += 1;
        }
        name
    }
}

/// Names a mixin after its image, else after what the names of its users begin with.
fn name_of(shared: &Table, users: &[String]) -> String {
    if let Some(Toml::Text(image)) = shared.get("image").map(|item| &item.value)
        && !image.contains('$')
    {
        let last = image.rsplit('/').next().unwrap_or(image);
        return last.split([':', '@']).next().unwrap_or(last).to_owned();
    }
    let mut prefix = users.first().cloned().unwrap_or_default();
    for user in users {
        while !user.starts_with(&prefix) {
            prefix.pop();
        }
    }
    let prefix = prefix.trim_end_matches(['-', '_', '.']);
    if prefix.len() > 2 {
        prefix.to_owned()
    } else {
        "common".to_owned()
    }
}

/// Returns a table with nothing but what stands at a path.
fn narrowed(table: &Table, path: &[String]) -> Option<Table> {
    let Some((first, rest)) = path.split_first() else {
        return Some(table.clone());
    };
    let item = table.get(first)?;
    if rest.is_empty() {
        return Some(Table::from([(first.clone(), item.clone())]));
    }
    let inner = narrowed(item.table()?, rest)?;
    let inner = Item::new(Toml::Table(inner), item.at);
    Some(Table::from([(first.clone(), inner)]))
}

/// Returns what two tables have in common, the tables in them likewise.
fn intersection(first: &Table, second: &Table) -> Table {
    let mut shared = Table::new();
    for (key, item) in first {
        let Some(other) = second.get(key) else {
            continue;
        };
        if item == other {
            shared.insert(key.clone(), item.clone());
        } else if let (Some(below), Some(above)) = (item.table(), other.table())
            && !item.is_null()
            && !other.is_null()
        {
            let inner = intersection(below, above);
            if !inner.is_empty() {
                shared.insert(key.clone(), Item::new(Toml::Table(inner), item.at));
            }
        }
    }
    shared
}

fn contains(table: &Table, part: &Table) -> bool {
    part.iter().all(|(key, item)| {
        table.get(key).is_some_and(|own| {
            own == item
                || own
                    .table()
                    .zip(item.table())
                    .is_some_and(|(own, part)| !part.is_empty() && contains(own, part))
        })
    })
}

/// Removes what is the same from a table.
fn subtract(table: &mut Table, part: &Table) {
    for (key, item) in part {
        let Some(own) = table.get_mut(key) else {
            continue;
        };
        let is_gone = *own == *item || {
            match (own.table_mut(), item.table()) {
                (Some(own), Some(part)) => {
                    subtract(own, part);
                    own.is_empty()
                }
                _ => false,
            }
        };
        if is_gone {
            table.shift_remove(key);
        }
    }
}

/// Returns about how many lines a table takes.
fn lines(table: &Table) -> usize {
    table
        .iter()
        .map(|(key, item)| match item.table() {
            Some(inner) if key != "depends_on" && inner.len() > 1 => 2 + lines(inner),
            _ => 1,
        })
        .sum()
}
