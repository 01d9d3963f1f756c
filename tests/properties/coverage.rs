//! What the random stacks of the gate have in them: every key of the language, and strange text in every place of a text.

use std::collections::{BTreeMap, BTreeSet};

use stackgen::stackfile::language::{ROOT, SERVICE, Shape, Table};

use crate::stack::stack;
use crate::tree::Tree;

/// Keys that no random stack has, and why.
const NOT_RANDOM: [(&str, &str); 18] = [
    ("stack.toml.defaults", "layers are added by `layers`"),
    ("stack.toml.mixins", "layers are added by `layers`"),
    ("stack.toml.overlays", "layers are added by `layers`"),
    ("defaults.service", "layers are added by `layers`"),
    ("service.mixins", "layers are added by `layers`"),
    ("docker_task.mixins", "layers are added by `layers`"),
    ("overlay.*", "layers are added by `layers`"),
    (
        "stack.toml.render",
        "users' templates have tests of their own",
    ),
    ("render.*", "users' templates have tests of their own"),
    ("render_file.*", "users' templates have tests of their own"),
    ("default_args.after", "a task would come after itself"),
    ("config.driver", "Compose refuses it"),
    ("config.driver_opts", "Compose refuses it"),
    ("secret.content", "Compose refuses it"),
    ("service.update", "it is not rendered"),
    ("update.*", "it is not rendered"),
    ("reload.*", "it is not rendered"),
    (
        "dependency.on_replace",
        "it is rendered as `restart`, which is there",
    ),
];

/// A kind of text that a reader could take for something else, and what is one of it.
type Kind = (&'static str, fn(&str) -> bool);

const VARIABLE: &str = "a variable";

const KINDS: [Kind; 12] = [
    ("a truth value", |text| {
        let words = ["yes", "no", "on", "off", "y", "n", "true", "false"];
        words.contains(&text.to_lowercase().as_str())
    }),
    ("a number to the base of sixty", |text| {
        text.contains(':') && text.starts_with(|c: char| c.is_ascii_digit())
    }),
    ("an octal number", |text| text == "017" || text == "0o17"),
    ("a number with an exponent", |text| {
        text == "1e3" || text == "1E-3"
    }),
    ("a date", |text| text.starts_with("2024-01-01")),
    ("nothing", |text| text.is_empty()),
    ("several lines", |text| text.contains('\n')),
    ("a dollar", |text| text.contains("$$")),
    (VARIABLE, |text| text.replace("$$", "").contains("${")),
    ("an emoji", |text| text.contains('🦀')),
    ("a control character", |text| {
        text.contains(|c: char| c.is_control() && c != '\n')
    }),
    ("long", |text| text.len() > 1_000),
];

/// Texts with a grammar of their own, where most of these kinds are a mistake: some are tried as far as the grammar goes.
const GRAMMARS: &[&str] = &[
    // Versions, files and folders that have to be there, paths, variables and names of other things.
    "default_args.bash",
    "stack.toml.vars",
    "stack.include",
    "stack.env_files",
    "stack.required_version",
    "service.env_file",
    "service.label_file",
    "service.links",
    "service.volumes_from",
    "config.file",
    "config.environment",
    "secret.file",
    "secret.environment",
    "env_file.path",
    "bash_task.cwd",
    "build_secret.source",
    "file.source",
    "file.target",
    "mount.target",
    "socket.path",
    "socket.target",
    "device.source",
    "device.target",
    // Words of Compose's and of the engine's.
    "service.cgroup",
    "service.container_name",
    "service.network_mode",
    "service.platform",
    "service.pull_policy",
    "bind.selinux",
    "bind.recursive",
    "build.ssh",
    "update_config.order",
    "device.permissions",
    // Texts with parts.
    "service.devices",
    "service.expose",
    "service.tmpfs",
    "port.published",
    "port.host_ip",
];

/// What was found: how often a key stands in a table, and the kinds of text in a place, which tables may share.
#[derive(Default)]
struct Found {
    keys: BTreeMap<String, u64>,
    kinds: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Found {
    fn table(&mut self, table: &'static Table, tree: &Tree) {
        for (key, value) in tree.entries() {
            let Some(field) = table.field(key) else {
                continue;
            };
            let place = format!("{}.{key}", table.name);
            *self.keys.entry(place).or_default() += 1;
            self.value(&field.shape, value, &shared(table, key));
        }
    }

    fn value(&mut self, shape: &Shape, tree: &Tree, place: &str) {
        match (*shape, tree) {
            (Shape::Text | Shape::Loose | Shape::Command | Shape::Test(_), Tree::Text(text)) => {
                let kinds = KINDS.iter().filter(|(_, is_one)| is_one(text));
                let found = self.kinds.entry(place.to_owned()).or_default();
                found.extend(kinds.map(|(kind, _)| *kind));
            }
            (Shape::Table(table) | Shape::Short(table), Tree::Table(_)) => self.table(table, tree),
            (Shape::Short(table), value) => {
                if let Some(first) = table.fields().next() {
                    let short = Tree::table([(first.key, value.clone())]);
                    self.table(table, &short);
                }
            }
            (Shape::Devices(table), Tree::List(items)) => {
                items.iter().for_each(|item| self.table(table, item));
            }
            (Shape::Fixed(inner) | Shape::Layered(inner), _) => self.value(inner, tree, place),
            (Shape::Either(shapes), _) => {
                for shape in shapes {
                    self.value(shape, tree, place);
                }
            }
            (Shape::List(inner) | Shape::Array(inner), Tree::List(items)) => {
                items.iter().for_each(|item| self.value(inner, item, place));
            }
            (Shape::Command | Shape::Test(_), Tree::List(items)) => {
                let text = &Shape::Text;
                items.iter().for_each(|item| self.value(text, item, place));
            }
            (Shape::List(inner), one) => self.value(inner, one, place),
            (
                Shape::Map(inner)
                | Shape::Pairs(inner)
                | Shape::Names(inner)
                | Shape::Section(_, inner),
                Tree::Table(entries),
            ) => {
                let values = entries.iter().map(|(_, value)| value);
                values.for_each(|value| self.value(inner, value, place));
            }
            _ => {}
        }
    }
}

/// Returns the place of a key; a task's container shares its keys with a service.
fn shared(table: &Table, key: &str) -> String {
    let is_shared = table.name == "docker_task" && SERVICE.field(key).is_some();
    let name = if is_shared { SERVICE.name } else { table.name };
    format!("{name}.{key}")
}

/// Returns whether free text may stand in this place, and whether variables may be in it.
fn is_text(shape: &Shape) -> Option<bool> {
    match *shape {
        Shape::Text | Shape::Loose | Shape::Command => Some(true),
        Shape::Fixed(inner) => is_text(inner).map(|_| false),
        Shape::List(inner)
        | Shape::Array(inner)
        | Shape::Map(inner)
        | Shape::Pairs(inner)
        | Shape::Names(inner) => is_text(inner),
        Shape::Either(shapes) => shapes.iter().find_map(is_text),
        _ => None,
    }
}

/// What all the random stacks of the gate have in them.
fn found() -> Found {
    let mut found = Found::default();
    for seed in crate::all_seeds() {
        found.table(&ROOT, &stack(seed));
    }
    found
}

/// Returns keys that no stack has, though it is not known why.
fn without_key(found: &Found) -> Vec<String> {
    let mut missing = Vec::new();
    for table in ROOT.reachable() {
        for field in table.fields() {
            let place = format!("{}.{}", table.name, field.key);
            let is_meant = NOT_RANDOM
                .iter()
                .any(|(known, _)| *known == place || known.strip_suffix(".*") == Some(table.name));
            if found.keys.contains_key(&place) == is_meant {
                missing.push(place);
            }
        }
    }
    missing
}

/// Returns places of texts that some kinds of text never come to.
fn without_strange_text(found: &Found) -> Vec<String> {
    let mut missing = Vec::new();
    for table in ROOT.reachable() {
        for field in table.fields() {
            let place = format!("{}.{}", table.name, field.key);
            let is_known = GRAMMARS.contains(&shared(table, field.key).as_str());
            let (Some(has_variables), false, Some(count)) =
                (is_text(&field.shape), is_known, found.keys.get(&place))
            else {
                continue;
            };
            let none = BTreeSet::new();
            let kinds = found.kinds.get(&shared(table, field.key));
            let kinds = kinds.unwrap_or(&none);
            let lacking = KINDS.iter().map(|(kind, _)| *kind);
            let lacking: Vec<&str> = lacking
                .filter(|kind| !kinds.contains(kind) && (*kind != VARIABLE || has_variables))
                .collect();
            if !lacking.is_empty() {
                missing.push(format!("{place} ({count}): {}", lacking.join(", ")));
            }
        }
    }
    missing
}

#[test]
fn random_stacks_have_every_key_and_strange_text_in_every_place_of_one() {
    let found = found();
    let none: Vec<String> = Vec::new();
    assert_eq!(
        without_key(&found),
        none,
        "keys that no stack has, or that one has against the list"
    );
    assert_eq!(without_strange_text(&found), none);
}
