//! Makes of the raw tables what each service and task is in effect: defaults below mixins below its own keys.

use super::decode::SERVICE_ONLY;
use super::diagnostic::MISTAKES;
use super::layers::{empty_at, lists_to_maps, merge, settle};
use super::reading::Selection;
use super::suggest::nearest;
use super::tree::{Node, Site, Table, Value};
use super::{Code, Diagnostic};

/// Sections whose tables are complete when the overlays are laid: nothing lies below them.
const FLAT: [&str; 6] = ["stack", "vars", "networks", "volumes", "configs", "secrets"];

/// Keys of `default_args` that belong to the DAG itself.
const DAG_ARGS: [&str; 2] = ["start_date", "end_date"];

/// Makes maps of lists wherever the file describes containers, in overlays too.
pub(super) fn prepare(root: &mut Node) {
    prepare_tables(root);
    for overlay in entries(root, "overlays") {
        prepare_tables(overlay);
    }
}

fn prepare_tables(root: &mut Node) {
    for section in ["services", "mixins"] {
        entries(root, section).for_each(lists_to_maps);
    }
    if let Some(service) = child(root, "defaults").and_then(|defaults| child(defaults, "service")) {
        lists_to_maps(service);
    }
    for dag in entries(root, "dags") {
        entries(dag, "tasks").for_each(task_lists_to_maps);
        if let Some(args) = child(dag, "default_args") {
            task_lists_to_maps(args);
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        entries(root, section).for_each(lists_to_maps);
    }
}

fn task_lists_to_maps(task: &mut Node) {
    for kind in ["docker", "exec"] {
        if let Some(node) = child(task, kind) {
            lists_to_maps(node);
        }
    }
}

fn child<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    node.table_mut()?.get_mut(key)
}

fn entries<'n>(node: &'n mut Node, key: &str) -> impl Iterator<Item = &'n mut Node> {
    child(node, key)
        .and_then(Node::table_mut)
        .into_iter()
        .flat_map(|table| table.values_mut())
}

/// Lays the selected overlays over the base.
pub(super) fn lay_overlays(root: &mut Node, selection: &Selection, told: &mut Vec<Diagnostic>) {
    for name in &selection.overlays {
        let overlays = root.get("overlays");
        match overlays.and_then(|overlays| overlays.get(name)).cloned() {
            Some(mut overlay) if overlay.table().is_some() => {
                give_way_to(root, &mut overlay);
                merge(root, overlay_at(overlay, root), &[], told);
            }
            Some(overlay) => {
                let message = format!("overlays.{name} has to be a table");
                let label = overlay.at.label(overlay.kind());
                told.push(Diagnostic::error(Code::WrongType, message, label));
            }
            None => told.push(unknown_overlay(name, root)),
        }
    }
    for section in FLAT {
        if let Some(node) = child(root, section) {
            settle(node, &[section], told);
        }
    }
}

/// Lets what describes containers in the base give way to an overlay, as one layer of a service does to the next.
fn give_way_to(root: &mut Node, overlay: &mut Node) {
    for section in ["services", "mixins"] {
        for (name, over) in named(overlay, section) {
            if let Some(base) = child(root, section).and_then(|entries| child(entries, name)) {
                give_way(base, over);
            }
        }
    }
    let defaults = |root| child(root, "defaults").and_then(|defaults| child(defaults, "service"));
    if let (Some(base), Some(over)) = (defaults(root), defaults(overlay)) {
        give_way(base, over);
    }
}

/// Tells an overlay that was asked for and is not there. The slip is on the command line, so it points at the file as a whole, or at the
/// overlay that was probably meant.
fn unknown_overlay(name: &str, root: &Node) -> Diagnostic {
    let overlays = root.get("overlays").and_then(Node::table);
    let names: Vec<&str> = overlays
        .into_iter()
        .flat_map(|table| table.keys().map(String::as_str))
        .collect();
    let near = nearest(name, names.iter().copied());
    let message = format!("--overlay {name}: there is no [overlays.{name}]");
    let node = near.and_then(|near| overlays?.get(near));
    let primary = match node {
        Some(node) => node.key.label("there is this one"),
        None => Site::new(root.at.file(), 0..0).label(""),
    };
    let help = match (near, names.as_slice()) {
        (Some(near), _) => format!("did you mean --overlay {near}?"),
        (None, []) => "no file has any [overlays.NAME]".to_owned(),
        (None, names) => format!("there are: {}", names.join(", ")),
    };
    Diagnostic::error(Code::UnknownOverlay, message, primary).with_help(help)
}

/// An overlay merges into the root as a table; an empty one must not move the root's place.
fn overlay_at(overlay: Node, root: &Node) -> Node {
    Node {
        at: root.at,
        key: root.key,
        ..overlay
    }
}

/// Replaces every service, and every `docker` task, by what it is in effect.
pub(super) fn lay(root: &mut Node, told: &mut Vec<Diagnostic>) {
    let defaults = root
        .get("defaults")
        .and_then(|defaults| defaults.get("service"))
        .cloned();
    let mixins = root
        .get("mixins")
        .and_then(Node::table)
        .cloned()
        .unwrap_or_default();
    for (name, service) in named(root, "services") {
        let base = defaults.clone().unwrap_or_else(|| empty_at(&service.at));
        let path = ["services", name];
        lay_one(service, base, &mixins, &[], &path, told);
    }
    for (dag_name, dag) in named(root, "dags") {
        let args = take_default_args(dag);
        drop_resets(dag);
        for (name, task) in named(dag, "tasks") {
            let path = ["dags", dag_name, "tasks", name];
            if let Some(args) = &args
                && task.table().is_some()
            {
                lay_over(task, args.clone(), &path, told);
            }
            drop_resets(task);
            if let Some(docker) = child(task, "docker")
                && docker.table().is_some()
            {
                let base = empty_at(&docker.at);
                let mut path = path.to_vec();
                path.push("docker");
                lay_one(docker, base, &mixins, &SERVICE_ONLY, &path, told);
            }
            if let Some(exec) = child(task, "exec") {
                settle(exec, &path, told);
            }
        }
    }
}

fn named<'n>(node: &'n mut Node, key: &str) -> impl Iterator<Item = (&'n str, &'n mut Node)> {
    child(node, key)
        .and_then(Node::table_mut)
        .into_iter()
        .flat_map(|table| table.iter_mut())
        .map(|(name, node)| (name.as_str(), node))
}

/// Takes the marks out that dropped what was inherited. Deeper down, a table may be data of a request.
fn drop_resets(node: &mut Node) {
    if let Some(table) = node.table_mut() {
        table.retain(|_, inner| !inner.is_mark("reset"));
    }
}

/// Returns the default args of a DAG's tasks; dates among them become the DAG's.
fn take_default_args(dag: &mut Node) -> Option<Node> {
    let table = dag.table_mut()?;
    let mut args = table.get("default_args")?.clone();
    for key in DAG_ARGS {
        if let Some(date) = args.table_mut()?.shift_remove(key)
            && !table.contains_key(key)
        {
            table.insert(key.to_owned(), date);
        }
    }
    Some(args)
}

/// Lays `node` over `base` and puts the result in its place.
fn lay_over(node: &mut Node, mut base: Node, path: &[&str], told: &mut Vec<Diagnostic>) {
    let own = std::mem::replace(node, empty_at(&node.at.clone()));
    let (at, key) = (own.at, own.key);
    merge(&mut base, own, path, told);
    *node = Node { at, key, ..base };
}

fn lay_one(
    node: &mut Node,
    mut base: Node,
    mixins: &Table,
    left_out: &[&str],
    path: &[&str],
    told: &mut Vec<Diagnostic>,
) {
    if node.table().is_none() {
        return;
    }
    let mut is_incomplete = false;
    for item in mixins_of(node, path, told) {
        let Some(name) = item.raw_text() else {
            told.push(no_mixins(item, path, "the name of a mixin"));
            continue;
        };
        match mixins.get(name) {
            Some(mixin) => {
                let mut mixin = mixin.clone();
                if let Some(table) = mixin.table_mut() {
                    table.retain(|key, _| !left_out.contains(&key.as_str()));
                }
                give_way(&mut base, &mixin);
                merge(&mut base, mixin, path, told);
            }
            None => {
                is_incomplete = true;
                if told.len() < MISTAKES {
                    told.push(unknown_mixin(name, item, mixins, path));
                }
            }
        }
    }
    // What lies over nothing is as it is.
    if base.table().is_some_and(|table| !table.is_empty()) {
        give_way(&mut base, node);
        lay_over(node, base, path, told);
    }
    settle(node, path, told);
    // Whether something is missing cannot be said while a mixin is.
    if is_incomplete
        && let Value::Table(table) = &mut node.value
        && !table.contains_key("image")
    {
        table.insert("image".to_owned(), Node::new(Value::Poison, node.at));
    }
}

/// Returns the items of `mixins`; what is no list is told.
fn mixins_of<'n>(node: &'n Node, path: &[&str], told: &mut Vec<Diagnostic>) -> &'n [Node] {
    let Some(named) = node.get("mixins") else {
        return &[];
    };
    match named.value {
        // One text is a list of one.
        Value::Text(_) => std::slice::from_ref(named),
        Value::Null | Value::List(_) => named.list().unwrap_or_default(),
        _ => {
            told.push(no_mixins(named, path, "a list of names"));
            &[]
        }
    }
}

fn no_mixins(node: &Node, path: &[&str], expected: &str) -> Diagnostic {
    let message = format!("{}.mixins has to be {expected}", path.join("."));
    Diagnostic::error(Code::WrongType, message, node.at.label(node.kind()))
        .with_help("mixins = [\"NAME\"]")
}

/// `networks` and `network_mode` exclude each other, so that of a higher layer takes away that of a lower one.
fn give_way(base: &mut Node, over: &Node) {
    for (key, other) in [("networks", "network_mode"), ("network_mode", "networks")] {
        if over.get(key).is_some()
            && let Some(table) = base.table_mut()
        {
            table.shift_remove(other);
        }
    }
}

fn unknown_mixin(name: &str, item: &Node, mixins: &Table, path: &[&str]) -> Diagnostic {
    let message = format!("{} uses a mixin that does not exist", path.join("."));
    let label = format!("no [mixins.{name}] in stack.toml");
    let diagnostic = Diagnostic::error(Code::UnknownMixin, message, item.at.label(label));
    match nearest(name, mixins.keys().map(String::as_str)) {
        Some(near) => diagnostic.with_help(format!("did you mean {near}?")),
        None => diagnostic,
    }
}
