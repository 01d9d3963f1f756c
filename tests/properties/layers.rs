//! Writes a stack a second time, its values spread over defaults, mixins, services and an overlay. It has to mean the same.

use crate::dice::Dice;
use crate::tree::Tree;

/// The overlay that the second writing takes.
pub const OVERLAY: &str = "over";

/// Maps with keys of the user's, where a layer may have one more.
const MAPS: [&str; 5] = [
    "environment",
    "labels",
    "annotations",
    "driver_opts",
    "options",
];

/// Lists that are tables in truth, of which one layer does not replace another.
const PAIRS: [&str; 7] = [
    "environment",
    "labels",
    "annotations",
    "sysctls",
    "args",
    "additional_contexts",
    "ssh",
];

/// Lists of names, in which no other name may stand.
const NAMES: [&str; 6] = [
    "networks",
    "depends_on",
    "models",
    "extra_hosts",
    "env_file",
    "mixins",
];

/// Returns the same stack in layers.
pub fn in_layers(plain: &Tree, seed: u64) -> Tree {
    // Other throws than those that made it.
    let dice = &mut Dice::new(seed ^ 0x0001_AE25);
    let mut tree = plain.clone();
    let mut mixins = Vec::new();
    let defaults = defaults(dice);
    if let Some(Tree::Table(services)) = tree.get_mut("services") {
        for (at, (_, service)) in services.iter_mut().enumerate() {
            let mut named = Vec::new();
            for mixin in 0..dice.below(3) {
                let (below, above) = part(dice, service);
                let name = format!("mixin {at}.{mixin}");
                named.push(Tree::Text(name.clone()));
                mixins.push((name, below));
                *service = above;
            }
            over_defaults(service, &defaults, plain_keys(&mixins, &named));
            if !named.is_empty() {
                service.put("mixins", Tree::List(named));
            }
        }
    }
    for (at, docker) in containers(&mut tree).enumerate() {
        let (below, above) = part(dice, docker);
        let name = format!("task {at}");
        mixins.push((name.clone(), below));
        *docker = above;
        docker.put("mixins", Tree::List(vec![Tree::Text(name)]));
    }
    let mut over = Tree::Table(Vec::new());
    for section in ["services", "networks", "volumes", "secrets", "dags"] {
        let Some(things) = tree.get_mut(section).filter(|_| dice.percent(60)) else {
            continue;
        };
        let (below, above) = part(dice, things);
        *things = below;
        over.put(section, above);
    }
    if !defaults.entries().is_empty() {
        tree.put("defaults", Tree::table([("service", defaults)]));
    }
    tree.put("mixins", Tree::Table(mixins));
    tree.put("overlays", Tree::table([(OVERLAY, over)]));
    tree
}

/// The containers of tasks.
fn containers(tree: &mut Tree) -> impl Iterator<Item = &mut Tree> {
    let dags = tree.get_mut("dags").into_iter().flat_map(Tree::values_mut);
    // What lies under every task of a DAG lies over the mixins.
    let has_none = |dag: &&mut Tree| {
        dag.get("default_args")
            .is_none_or(|it| it.get("docker").is_none())
    };
    let dags = dags.filter(has_none);
    let tasks = dags.filter_map(|dag| dag.get_mut("tasks"));
    let tasks = tasks.flat_map(Tree::values_mut);
    tasks.filter_map(|task| task.get_mut("docker"))
}

/// Keys that every service gets, and has to be rid of again.
fn defaults(dice: &mut Dice) -> Tree {
    let mut defaults = Tree::Table(Vec::new());
    let choices = [
        ("hostname", Tree::text("unwanted")),
        ("tty", Tree::Flag(true)),
        ("cap_drop", Tree::List(vec![Tree::text("UNWANTED")])),
        ("oom_score_adj", Tree::Whole(77)),
        ("cpuset", Tree::Null),
    ];
    for (key, value) in choices {
        if dice.percent(25) {
            defaults.put(key, value);
        }
    }
    defaults
}

/// The keys that these mixins say plainly, so that nothing below them is left.
fn plain_keys<'m>(mixins: &'m [(String, Tree)], named: &[Tree]) -> Vec<&'m str> {
    let mut keys = Vec::new();
    for (name, mixin) in mixins {
        if named.contains(&Tree::text(name)) {
            keys.extend(mixin.entries().iter().map(|(key, _)| key.as_str()));
        }
    }
    keys
}

/// Drops those defaults that neither the service nor a mixin of it has another value for.
fn over_defaults(service: &mut Tree, defaults: &Tree, said: Vec<&str>) {
    for (key, _) in defaults.entries() {
        if service.get(key).is_none() && !said.contains(&key.as_str()) {
            service.put(key, mark("reset"));
        }
    }
}

fn mark(name: &str) -> Tree {
    Tree::table([(name, Tree::Flag(true))])
}

/// Returns whether a value has to stand in one layer as it is.
fn is_whole(value: &Tree) -> bool {
    let words = ["append", "remove", "reset", "null"];
    let mut keys = value.entries().iter();
    keys.any(|(key, _)| words.contains(&key.as_str()))
}

/// Splits a table into one that lies below and one that is laid over it.
fn part(dice: &mut Dice, whole: &Tree) -> (Tree, Tree) {
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for (key, value) in whole.entries() {
        let mut put = |(under, over): (Option<Tree>, Option<Tree>)| {
            below.extend(under.map(|value| (key.clone(), value)));
            above.extend(over.map(|value| (key.clone(), value)));
        };
        put(match (dice.below(4), value) {
            (0, _) => (Some(value.clone()), None),
            (1, _) => (None, Some(value.clone())),
            // The order of hosts means something, and a table that is laid over another has a new one.
            (_, Tree::Table(_)) if key == "extra_hosts" => (None, Some(value.clone())),
            _ if is_whole(value) || key.starts_with("x-") => (None, Some(value.clone())),
            (_, Tree::Table(entries)) if !entries.is_empty() => {
                let (mut under, mut over) = part(dice, value);
                if MAPS.contains(&key.as_str()) && value.get("UNWANTED").is_none() {
                    under.put("UNWANTED", Tree::text("1"));
                    over.put("UNWANTED", mark("reset"));
                }
                (Some(under), Some(over))
            }
            (_, Tree::List(items)) => {
                let (under, over) = part_list(dice, key, items);
                (Some(under), Some(over))
            }
            _ => (Some(other(value)), Some(value.clone())),
        });
    }
    (Tree::Table(below), Tree::Table(above))
}

/// A value of the same kind, which the one above replaces.
fn other(value: &Tree) -> Tree {
    match value {
        Tree::Flag(flag) => Tree::Flag(!flag),
        Tree::Whole(_) => Tree::Whole(1),
        Tree::Real(_) => Tree::Real(0.125),
        Tree::Text(_) => Tree::text("unwanted"),
        other => other.clone(),
    }
}

/// Splits a list into one below and what has to be done to it.
fn part_list(dice: &mut Dice, key: &str, items: &[Tree]) -> (Tree, Tree) {
    let list = |items: &[Tree]| Tree::List(items.to_vec());
    let unwanted = match key {
        "volumes" => "unwanted:/unwanted",
        "ports" => "64999:64999/sctp",
        _ => "UNWANTED=1",
    };
    let (is_names, is_map) = (NAMES.contains(&key), PAIRS.contains(&key));
    match dice.below(3) {
        kind if kind == 0 || is_names || (is_map && kind == 2) => {
            let (first, rest) = items.split_at(dice.below(items.len() + 1));
            (list(first), Tree::table([("append", list(rest))]))
        }
        1 => {
            let mut more = items.to_vec();
            more.insert(dice.below(items.len() + 1), Tree::text(unwanted));
            let gone = Tree::List(vec![Tree::text(unwanted)]);
            (Tree::List(more), Tree::table([("remove", gone)]))
        }
        _ => (Tree::List(vec![Tree::text(unwanted)]), list(items)),
    }
}
