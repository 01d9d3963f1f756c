//! Paths of a file in another folder, as seen from stack.toml's.

use std::path::{Component, Path, PathBuf};

use crate::model::{Operator, Segment, TemplateText};

use super::merge::split_outside_braces;
use super::yaml::{Map, Node, Value};

/// Joins and cleans two paths without looking at the disk.
pub(super) fn join(folder: &Path, path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(clean.components().next_back(), Some(Component::Normal(_))) =>
            {
                clean.pop();
            }
            _ => clean.push(part),
        }
    }
    clean
}

/// Makes the relative paths of a compose file relative to stack.toml's folder; `folder` is where they are relative to now.
pub(super) fn rebase(root: &mut Node, folder: &Path) {
    if folder.as_os_str().is_empty() {
        return;
    }
    for service in section(root, "services") {
        rebase_service(service, folder);
    }
    for key in ["configs", "secrets"] {
        for content in section(root, key) {
            at(content, &["file"], |node| any(node, folder));
        }
    }
    for volume in section(root, "volumes") {
        // Only then does Compose take it from the file's folder; in every other case the driver is told what stands here.
        let is_local = volume.get("driver").and_then(Node::scalar) == Some("local");
        let options = volume.get("driver_opts");
        let kind = options.and_then(|options| options.get("o"));
        if is_local && kind.and_then(Node::scalar) == Some("bind") {
            at(volume, &["driver_opts", "device"], |node| any(node, folder));
        }
    }
}

/// Makes the relative paths of one service relative to another folder.
pub(super) fn rebase_service(service: &mut Node, folder: &Path) {
    if folder.as_os_str().is_empty() {
        return;
    }
    at(service, &["build"], |node| match &mut node.value {
        Value::Map(map) => {
            if let Some(context) = map.get_mut("context") {
                context_path(context, folder);
            }
            each(map.get_mut("additional_contexts"), |node| {
                dotted(node, folder)
            });
        }
        _ => context_path(node, folder),
    });
    each(
        service.map_mut().and_then(|map| map.get_mut("volumes")),
        |node| {
            mount(node, folder);
        },
    );
    for key in ["env_file", "label_file"] {
        at(service, &[key], |node| match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| any(item, folder)),
            _ => any(node, folder),
        });
    }
    at(service, &["develop", "watch"], |node| {
        each(Some(node), |rule| {
            at(rule, &["path"], |node| any(node, folder))
        });
    });
}

fn section<'n>(root: &'n mut Node, key: &str) -> impl Iterator<Item = &'n mut Node> {
    root.map_mut()
        .and_then(|map| map.get_mut(key))
        .and_then(Node::map_mut)
        .into_iter()
        .flat_map(|map: &mut Map| map.values_mut())
}

fn at(node: &mut Node, path: &[&str], mut change: impl FnMut(&mut Node)) {
    let mut node = node;
    for key in path {
        match node.map_mut().and_then(|map| map.get_mut(*key)) {
            Some(inner) => node = inner,
            None => return,
        }
    }
    change(node);
}

fn each(node: Option<&mut Node>, mut change: impl FnMut(&mut Node)) {
    match node.map(|node| &mut node.value) {
        Some(Value::List(items)) => items.iter_mut().for_each(change),
        Some(Value::Map(map)) => map.values_mut().for_each(&mut change),
        _ => {}
    }
}

/// Rebases a path, or the `path` of a long form.
fn any(node: &mut Node, folder: &Path) {
    match &mut node.value {
        Value::Scalar { text, .. } => *text = moved(text, folder),
        Value::Map(map) => {
            if let Some(Value::Scalar { text, .. }) =
                map.get_mut("path").map(|node| &mut node.value)
            {
                *text = moved(text, folder);
            }
        }
        Value::List(_) => {}
    }
}

/// Rebases a path only where it begins with a dot: else it may be something else.
fn dotted(node: &mut Node, folder: &Path) {
    if node.scalar().is_some_and(|text| text.starts_with('.')) {
        any(node, folder);
    }
}

/// Rebases a build context, unless it is a URL.
fn context_path(node: &mut Node, folder: &Path) {
    let is_remote = |text: &str| {
        text.contains("://") || text.starts_with("git@") || text.starts_with("github.com/")
    };
    if node.scalar().is_some_and(|text| !is_remote(text)) {
        any(node, folder);
    }
}

fn mount(node: &mut Node, folder: &Path) {
    let is_bind = node.get("type").and_then(Node::scalar) == Some("bind");
    match &mut node.value {
        Value::Scalar { text, .. } if text.starts_with(['.', '$']) => {
            let source = split_outside_braces(text)[0];
            let rest = &text[source.len()..];
            let source = match source.starts_with('.') {
                true => moved(source, folder),
                // What is no path is the name of a volume.
                false => moved_default(source, folder, |default| default.starts_with('.')),
            };
            *text = format!("{source}{rest}");
        }
        Value::Map(map) if is_bind => {
            if let Some(source) = map.get_mut("source") {
                any(source, folder);
            }
        }
        _ => {}
    }
}

fn moved(text: &str, folder: &Path) -> String {
    if text.starts_with('$') {
        return moved_default(text, folder, |_| true);
    }
    if text.starts_with(['/', '~']) || text.is_empty() {
        return text.to_owned();
    }
    let path = join(folder, Path::new(text));
    let path = path.to_string_lossy();
    if path.starts_with(['/', '.']) {
        path.into_owned()
    } else if path.is_empty() {
        ".".to_owned()
    } else {
        format!("./{path}")
    }
}

/// Rebases the default of the variable that a path begins with. What the variable itself holds is not known here.
fn moved_default(text: &str, folder: &Path, is_path: fn(&str) -> bool) -> String {
    fn change(text: &mut TemplateText, folder: &Path, is_path: fn(&str) -> bool) {
        match text.segments.first_mut() {
            Some(Segment::Plain(plain)) if is_path(plain) => {
                let slash = if plain.ends_with('/') { "/" } else { "" };
                *plain = format!("{}{slash}", moved(plain, folder));
            }
            Some(Segment::Variable(variable)) => {
                if let Operator::Default(_, default) = &mut variable.operator {
                    change(default, folder, is_path);
                }
            }
            _ => {}
        }
    }
    let Ok(mut template) = TemplateText::parse(text) else {
        return text.to_owned();
    };
    if let Some(Segment::Variable(_)) = template.segments.first() {
        change(&mut template, folder, is_path);
    }
    template.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_the_other_folder() {
        for (text, expected) in [
            ("./data", "./sub/data"),
            ("../data", "./data"),
            ("../../data", "../data"),
            ("..", "."),
            ("conf.d", "./sub/conf.d"),
            ("/etc/x", "/etc/x"),
            ("~/x", "~/x"),
            ("${DIR}/x", "${DIR}/x"),
            ("${DIR:-.}/x", "${DIR:-./sub}/x"),
            ("${DIR:-../}$X", "${DIR:-./}${X}"),
            ("${DIR:-${OTHER-x}}", "${DIR:-${OTHER-./sub/x}}"),
            ("${DIR:-/srv}/x", "${DIR:-/srv}/x"),
            ("$$x", "$$x"),
        ] {
            assert_eq!(moved(text, Path::new("sub")), expected, "{text}");
        }
    }

    #[test]
    fn of_a_short_mount_only_the_source_moves_where_it_is_a_path() {
        for (text, expected) in [
            ("./a:/b:ro", "./sub/a:/b:ro"),
            ("./${A:-a}/c:/b", "./sub/${A:-a}/c:/b"),
            ("${A:-./a}:/b", "${A:-./sub/a}:/b"),
            ("${VOLUME:-data}:/b", "${VOLUME:-data}:/b"),
            ("data:/b", "data:/b"),
            ("/anonymous", "/anonymous"),
        ] {
            let mut node = Node::text(text, super::super::yaml::At::default());
            mount(&mut node, Path::new("sub"));
            assert_eq!(node.scalar(), Some(expected));
        }
    }
}
