//! What layers will make, counted before they are laid: defaults and mixins are copied under every service that uses them.

use std::collections::HashMap;

use crate::model::{GROWN_BYTES, VALUES, mebibytes};

use super::tree::{Node, Table, Value};
use super::{Code, Diagnostic};

/// The most comparisons of items that `{ remove = […] }` may take all together.
const COMPARISONS: usize = 5_000_000;

/// What a fragment adds to whatever it is laid under or over.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: usize,
    removed: usize,
    /// The bytes of its keys and texts.
    bytes: usize,
}

impl Size {
    fn of(node: &Node) -> Self {
        let mut size = Self::default();
        size.add(node, false);
        size
    }

    fn add(&mut self, node: &Node, is_removed: bool) {
        self.values += 1;
        self.removed += usize::from(is_removed);
        self.bytes += node.raw_text().map_or(0, str::len);
        match &node.value {
            Value::Table(table) => {
                for (key, inner) in table.iter() {
                    self.bytes += key.len();
                    self.add(inner, key == "remove");
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.add(item, is_removed)),
            _ => {}
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            values: self.values.saturating_add(other.values),
            removed: self.removed.saturating_add(other.removed),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// Returns how many values a tree has.
pub(super) fn values(root: &Node) -> usize {
    Size::of(root).values
}

/// Returns whether the layers may be laid; what they would make too much is told at the service where it becomes so.
pub(super) fn is_bounded(root: &Node, told: &mut Vec<Diagnostic>) -> bool {
    let empty = Table::default();
    let mixins: HashMap<&str, Size> = entries(root, "mixins", &empty)
        .iter()
        .map(|(name, mixin)| (name.as_str(), Size::of(mixin)))
        .collect();
    let defaults = root.get("defaults").and_then(|it| it.get("service"));
    let defaults = defaults.map(Size::of).unwrap_or_default();
    let mut growth = Growth::default();
    for service in entries(root, "services", &empty).values() {
        growth.add(service, defaults.plus(with_mixins(service, &mixins)));
    }
    for dag in entries(root, "dags", &empty).values() {
        let args = dag.get("default_args").map(Size::of).unwrap_or_default();
        for task in entries(dag, "tasks", &empty).values() {
            let docker = task.get("docker");
            let docker = docker.map(|docker| with_mixins(docker, &mixins));
            growth.add(task, args.plus(docker.unwrap_or_default()));
        }
    }
    told.extend(growth.told);
    growth.is_bounded
}

fn entries<'n>(node: &'n Node, key: &str, empty: &'n Table) -> &'n Table {
    node.get(key).and_then(Node::table).unwrap_or(empty)
}

/// Returns the size of the mixins that a service or task uses.
fn with_mixins(node: &Node, mixins: &HashMap<&str, Size>) -> Size {
    let named = node.get("mixins");
    let named = named.map(|named| named.list().unwrap_or(std::slice::from_ref(named)));
    named
        .unwrap_or_default()
        .iter()
        .filter_map(|item| mixins.get(item.raw_text()?))
        .fold(Size::default(), |sum, size| sum.plus(*size))
}

struct Growth {
    values: usize,
    comparisons: usize,
    bytes: usize,
    is_bounded: bool,
    told: Option<Diagnostic>,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            values: 0,
            comparisons: 0,
            bytes: 0,
            is_bounded: true,
            told: None,
        }
    }
}

impl Growth {
    fn add(&mut self, node: &Node, below: Size) {
        let size = below.plus(Size::of(node));
        self.values = self.values.saturating_add(size.values);
        self.bytes = self.bytes.saturating_add(below.bytes);
        let comparisons = size.removed.saturating_mul(size.values);
        self.comparisons = self.comparisons.saturating_add(comparisons);
        if !self.is_bounded {
            return;
        }
        let message = if self.values > VALUES {
            format!("the layers of this stack make more than {VALUES} values")
        } else if self.bytes > GROWN_BYTES {
            let most = mebibytes(GROWN_BYTES as u64);
            format!("the layers of this stack copy more than {most} MiB of text")
        } else if self.comparisons > COMPARISONS {
            "too much is removed from too much".to_owned()
        } else {
            return;
        };
        self.is_bounded = false;
        let at = node.key.label("here the bound is met");
        self.told = Some(
            Diagnostic::error(Code::TooLarge, message, at)
                .with_help("fewer services use it, or the defaults and mixins are smaller"),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{FileRole, SourceFile, Sources};
    use crate::stackfile::{Code, Selection, read};

    fn codes(text: &str) -> Vec<Code> {
        let sources = Sources {
            folder: "/srv".into(),
            files: vec![SourceFile {
                path: "stack.toml".into(),
                role: FileRole::Main,
                text: Some(text.into()),
            }],
            environment: Default::default(),
        };
        let told = read(&sources, &Selection::default()).diagnostics;
        told.into_iter().map(|told| told.code).collect()
    }

    #[test]
    fn what_is_copied_into_many_services_is_counted_before() {
        let labels: String = (0..1000).map(|n| format!("l{n} = \"\"\n")).collect();
        let services = |count: usize| -> String {
            (0..count)
                .map(|n| format!("[services.s{n}]\nimage = \"x\"\nmixins = [\"m\", \"m\"]\n"))
                .collect()
        };
        let text = |count| {
            let services = services(count);
            format!("[stack]\nname = \"h\"\n[mixins.m.labels]\n{labels}{services}")
        };
        assert_eq!(codes(&text(10)), []);
        assert_eq!(codes(&text(300)), [Code::TooLarge]);
    }

    #[test]
    fn long_texts_are_not_copied_into_many_services() {
        let text = |count: usize| {
            let services: String = (0..count)
                .map(|n| format!("[services.s{n}]\nimage = \"x\"\n"))
                .collect();
            let long = "x".repeat(100_000);
            format!("[stack]\nname = \"h\"\n[defaults.service.labels]\nl = \"{long}\"\n{services}")
        };
        assert_eq!(codes(&text(10)), []);
        assert_eq!(codes(&text(50)), [Code::TooLarge]);
    }

    #[test]
    fn much_is_not_removed_from_much() {
        let items = |letter: char| {
            (0..4000)
                .map(|n| format!("\"{letter}{n}\","))
                .collect::<String>()
        };
        let (below, above) = (items('a'), items('b'));
        let text = format!(
            "[stack]\nname = \"h\"\n[mixins.m]\ndns = [{below}]\n[services.s]\nimage = \"x\"\nmixins = [\"m\"]\ndns = {{ remove = [{above}] }}\n"
        );
        assert_eq!(codes(&text), [Code::TooLarge]);
    }
}
