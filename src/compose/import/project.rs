//! From the names of compose files to one tree: includes, extends, several files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::comment::Comments;
use super::convert::convert;
use super::item::{Item, Table, Toml};
use super::merge::{drop_resets, merge, merge_maps};
use super::mixin::{Sharing, fold, in_service};
use super::paths::{join, rebase, rebase_service};
use super::undeclared::declare;
use super::yaml::{At, Map, Node, Value, parse};
use super::{ImportError, ImportWarning, service};
use crate::model::{FILES, ImportBudget, TOTAL_BYTES, mebibytes, shortened};

/// The files may include each other this deep, and services extend each other.
const CHAIN: usize = 32;

/// What to import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportRequest {
    /// The compose files, as Compose's several `-f`: relative to the folder that stack.toml is for.
    pub files: Vec<PathBuf>,
    /// The name of the project where the files name none.
    pub project: Option<String>,
}

/// How a file is read: its text, or why it cannot be had.
pub(super) type Reader<'a> = dyn FnMut(&Path) -> Result<String, String> + 'a;

/// Compose files as a stack that can be written.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What was noticed.
    pub warnings: Vec<ImportWarning>,
    pub(super) files: Vec<PathBuf>,
    /// The comment at the beginning, by lines.
    pub(super) header: Vec<String>,
    /// Variables that stand for secrets and have no value yet.
    pub(super) unset: BTreeSet<String>,
    pub(super) tables: Table,
}

impl Imported {
    /// Returns the compose files that were read, in order.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Returns the variables that stand for secrets and that nothing sets yet.
    pub fn unset(&self) -> &BTreeSet<String> {
        &self.unset
    }

    pub(super) fn place(&self, at: At) -> (PathBuf, usize) {
        (
            self.files.get(at.file).cloned().unwrap_or_default(),
            at.line,
        )
    }
}

/// Reads compose files into one stack; `read` returns the text of a file.
///
/// # Errors
/// [`ImportError`] where a file cannot be read, is no YAML or breaks the bounds, and where `extends` or `include` lead nowhere.
pub fn import(request: &ImportRequest, read: &mut Reader<'_>) -> Result<Imported, ImportError> {
    let folder = request
        .files
        .first()
        .and_then(|file| file.parent())
        .unwrap_or(Path::new(""))
        .to_owned();
    let mut gathering = Gathering {
        read,
        files: Vec::new(),
        parsed: BTreeMap::new(),
        warnings: Vec::new(),
        env_files: Vec::new(),
        comments: Comments::default(),
        bytes: 0,
        budget: ImportBudget::default(),
    };
    let mut root = Node::new(Value::Map(Map::new()), At::default());
    for file in &request.files {
        let next = gathering.file(file, &folder, CHAIN)?;
        if let (Some(below), Value::Map(above)) = (root.map_mut(), next.value) {
            merge_maps(below, above);
        }
        // What a file takes back is what the files before it said, and nothing of those after it.
        drop_resets(&mut root);
    }
    let tables = gathering.tables(&root, request);
    Ok(Imported {
        warnings: gathering.warnings,
        files: gathering.files,
        header: [made_by(&request.files)]
            .into_iter()
            .chain(gathering.comments.header)
            .collect(),
        unset: BTreeSet::new(),
        tables,
    })
}

fn made_by(files: &[PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    format!("Made by: stackgen import {}", names.join(" "))
}

struct Gathering<'a, 'b> {
    read: &'a mut Reader<'b>,
    files: Vec<PathBuf>,
    parsed: BTreeMap<PathBuf, Rc<Node>>,
    warnings: Vec<ImportWarning>,
    env_files: Vec<(String, At)>,
    comments: Comments,
    /// How many bytes were read so far.
    bytes: u64,
    /// What all files may still hold, each counted whenever it is included or extended.
    budget: ImportBudget,
}

impl Gathering<'_, '_> {
    fn warn(&mut self, at: At, message: impl Into<String>) {
        self.warnings.push(ImportWarning {
            path: self.files.get(at.file).cloned().unwrap_or_default(),
            line: at.line,
            message: message.into(),
        });
    }

    fn invalid(&self, at: At, message: impl Into<String>) -> ImportError {
        ImportError::Invalid {
            path: self.files.get(at.file).cloned().unwrap_or_default(),
            line: at.line,
            message: message.into(),
        }
    }

    /// Counts a copy of a file or service; files may include each other many times over, and services extend one large one. Each path
    /// in it may become as much longer as the folder is.
    fn count(&mut self, at: At, copied: &Node, folder: &Path) -> Result<(), ImportError> {
        let (values, bytes) = copied.size();
        let paths = values.saturating_mul(folder.as_os_str().len());
        let taken = self.budget.take(values, bytes.saturating_add(paths));
        taken.map_err(|excess| self.invalid(at, excess.to_string()))
    }

    /// Parses a file, once.
    fn parse(&mut self, path: &Path) -> Result<Rc<Node>, ImportError> {
        if let Some(node) = self.parsed.get(path) {
            return Ok(Rc::clone(node));
        }
        if self.files.len() >= FILES {
            let at = At { file: 0, line: 1 };
            return Err(self.invalid(at, format!("it leads to more than {FILES} files")));
        }
        let text = (self.read)(path).map_err(|reason| ImportError::Unreadable { reason })?;
        let number = self.files.len();
        self.files.push(path.to_owned());
        self.bytes += text.len() as u64;
        if self.bytes > TOTAL_BYTES {
            let at = At {
                file: number,
                line: 1,
            };
            let most = mebibytes(TOTAL_BYTES);
            let message =
                format!("with this one the files are larger than {most} MiB all together");
            return Err(self.invalid(at, message));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let node = Rc::new(parse(path, number, text, &mut self.budget)?);
        let (lines, bytes) = Comments::size(text);
        let taken = self.budget.take(lines, bytes);
        taken.map_err(|excess| self.invalid(node.at, excess.to_string()))?;
        self.comments.read(number, text);
        if !matches!(node.value, Value::Map(_)) {
            return Err(self.invalid(node.at, "a compose file is a map with `services`"));
        }
        self.parsed.insert(path.to_owned(), Rc::clone(&node));
        Ok(node)
    }

    /// Returns a file with everything that it includes and extends; `folder` is what its paths are relative to.
    fn file(&mut self, path: &Path, folder: &Path, depth: usize) -> Result<Node, ImportError> {
        let raw = self.parse(path)?;
        if depth == 0 {
            return Err(self.invalid(raw.at, "files include each other without end"));
        }
        self.count(raw.at, &raw, folder)?;
        let mut root = Node::clone(&raw);
        for name in section(&raw, "services").map(|(name, _)| name) {
            let node = self.service(&raw, path, name, CHAIN)?;
            if let Some(services) = root
                .map_mut()
                .and_then(|map| map.get_mut("services"))
                .and_then(Node::map_mut)
            {
                services.insert(name.clone(), node);
            }
        }
        let include = root.map_mut().and_then(|map| map.shift_remove("include"));
        rebase(&mut root, folder);
        if let Some(include) = include {
            for item in include.list().unwrap_or_default() {
                self.include(&mut root, item, folder, depth)?;
            }
        }
        Ok(root)
    }

    /// Lays what an entry of `include` brings under a file.
    fn include(
        &mut self,
        root: &mut Node,
        entry: &Node,
        folder: &Path,
        depth: usize,
    ) -> Result<(), ImportError> {
        let paths = texts(entry.get("path").unwrap_or(entry));
        let Some(first) = paths.first() else {
            return Err(self.invalid(entry.at, "this entry of include names no file"));
        };
        if paths.iter().any(|path| path.contains('$')) {
            self.warn(entry.at, "include depends on a variable and was left out");
            return Ok(());
        }
        let first = join(folder, Path::new(first));
        let inner_folder = match entry.get("project_directory").and_then(Node::scalar) {
            Some(directory) => join(folder, Path::new(directory)),
            None => first.parent().unwrap_or(Path::new("")).to_owned(),
        };
        for file in entry.get("env_file").map(texts).unwrap_or_default() {
            let file = join(folder, Path::new(&file))
                .to_string_lossy()
                .into_owned();
            self.env_files.push((file, entry.at));
        }
        let mut included = Node::new(Value::Map(Map::new()), entry.at);
        for path in paths {
            let path = join(folder, Path::new(&path));
            let next = self.file(&path, &inner_folder, depth - 1)?;
            if let (Some(below), Value::Map(above)) = (included.map_mut(), next.value) {
                merge_maps(below, above);
            }
            drop_resets(&mut included);
        }
        self.join_sections(root, included)
    }

    /// Adds the services, networks and so on of an included file; a name that both have has to mean the same.
    fn join_sections(&mut self, root: &mut Node, included: Node) -> Result<(), ImportError> {
        let Value::Map(sections) = included.value else {
            return Ok(());
        };
        for (key, inner) in sections {
            let Value::Map(entries) = inner.value else {
                continue;
            };
            if key.starts_with("x-") {
                continue;
            }
            let Some(map) = root.map_mut() else { continue };
            let target = map
                .entry(key.clone())
                .or_insert_with(|| Node::new(Value::Map(Map::new()), inner.at));
            if target.is_null() {
                target.value = Value::Map(Map::new());
            }
            let Some(target) = target.map_mut() else {
                continue;
            };
            let mut clashes = Vec::new();
            for (name, node) in entries {
                if let Some(first) = target.get(&name) {
                    if convert(first, "") != convert(&node, "") {
                        clashes.push((node.at, name));
                    }
                } else {
                    target.insert(name, node);
                }
            }
            for (at, name) in clashes {
                let message = format!(
                    "{key}.{name} is defined in the including file too; this one was left out"
                );
                self.warn(at, message);
            }
        }
        Ok(())
    }

    /// Returns a service with what it extends laid under it.
    fn service(
        &mut self,
        root: &Node,
        path: &Path,
        name: &str,
        depth: usize,
    ) -> Result<Node, ImportError> {
        let own = root.get("services").and_then(|services| services.get(name));
        let Some(mut own) = own.cloned() else {
            return Err(self.invalid(
                root.at,
                format!("there is no service {:?} to extend", shortened(name)),
            ));
        };
        let Some(extends) = own.map_mut().and_then(|map| map.shift_remove("extends")) else {
            return Ok(own);
        };
        if depth == 0 {
            return Err(self.invalid(extends.at, "services extend each other without end"));
        }
        let base_name = match extends.get("service").and_then(Node::scalar) {
            Some(name) => name.to_owned(),
            None => extends.scalar().unwrap_or_default().to_owned(),
        };
        let file = extends.get("file").and_then(Node::scalar);
        let missing = |gathering: &Self| {
            gathering.invalid(
                extends.at,
                format!("there is no service {:?} to extend", shortened(&base_name)),
            )
        };
        let mut base = match file {
            Some(file) => {
                // Its own paths are rebased when this file is; here only from the one file to the other.
                let here = path.parent().unwrap_or(Path::new(""));
                let other = join(here, Path::new(file));
                let root = self.parse(&other)?;
                if !has_service(&root, &base_name) {
                    return Err(missing(self));
                }
                let mut base = self.service(&root, &other, &base_name, depth - 1)?;
                let folder = Path::new(file).parent().unwrap_or(Path::new(""));
                rebase_service(&mut base, folder);
                base
            }
            None => {
                if !has_service(root, &base_name) {
                    return Err(missing(self));
                }
                self.service(root, path, &base_name, depth - 1)?
            }
        };
        self.count(own.at, &base, Path::new(file.unwrap_or_default()))?;
        base.at = own.at;
        base.anchors.push(base_name);
        merge(&mut base, own, "");
        Ok(base)
    }

    /// Makes the tables of stack.toml.
    fn tables(&mut self, root: &Node, request: &ImportRequest) -> Table {
        let mut tables = Table::new();
        tables.insert("stack".to_owned(), self.stack(root, request));
        let mut sharing = Sharing::default();
        let mut services = Table::new();
        for (name, node) in section(root, "services") {
            sharing.note(name, node);
            services.insert(name.clone(), service::service(node));
        }
        let mut sections: BTreeMap<&str, Table> = BTreeMap::new();
        for key in ["networks", "volumes", "configs", "secrets"] {
            sections.insert(key, resources(section(root, key)));
        }
        for (at, message) in declare(&services, &mut sections) {
            self.warn(at, message);
        }
        self.comments.attach(&mut services);
        let folded = fold(services, &sharing);
        let mut put = |key: &str, table: Table| {
            if !table.is_empty() {
                let at = root.get(key).map_or_else(At::default, |node| node.at);
                tables.insert(key.to_owned(), Item::new(Toml::Table(table), at));
            }
        };
        put("defaults", in_service(folded.defaults));
        put("mixins", folded.mixins);
        put("services", folded.services);
        for key in ["networks", "volumes", "configs", "secrets"] {
            put(key, sections.remove(key).unwrap_or_default());
        }
        self.others(root, &mut tables);
        self.comments.attach(&mut tables);
        self.comments.keep_first(&mut tables);
        tables
    }

    /// What else stands at the top of the file.
    fn others(&mut self, root: &Node, tables: &mut Table) {
        const KNOWN: [&str; 8] = [
            "version", "name", "services", "networks", "volumes", "configs", "secrets", "include",
        ];
        for (key, node) in root.map().into_iter().flatten() {
            // Fragments that anchors name are in the services by now.
            let is_fragment = key.starts_with("x-") && has_anchor(node);
            if KNOWN.contains(&key.as_str()) || node.is_null() || is_fragment {
                continue;
            }
            tables.insert(key.clone(), convert(node, key));
        }
    }

    fn stack(&mut self, root: &Node, request: &ImportRequest) -> Item {
        let mut stack = Table::new();
        let named = root
            .get("name")
            .and_then(|node| Some((node.scalar()?, node.at)));
        let (name, at) = match named {
            Some((name, at)) if name.contains('$') => {
                let message = format!(
                    "the project's name {name:?} depends on a variable, which [stack] name cannot; give it with -p"
                );
                self.warn(at, message);
                (request.project.clone(), at)
            }
            Some((name, at)) => (Some(name.to_owned()), at),
            None => (request.project.clone(), At::default()),
        };
        let name = name.map(|name| project_name(&name)).unwrap_or_default();
        if !name.is_empty() {
            stack.insert("name".to_owned(), Item::text(name, at));
        }
        if !self.env_files.is_empty() {
            let mut files = vec![Item::text(".env", At::default())];
            files.extend(
                self.env_files
                    .iter()
                    .map(|(file, at)| Item::text(file, *at)),
            );
            let mut item = Item::new(Toml::List(files), self.env_files[0].1);
            item.comment = Some("those of include: they hold for all of the file here".into());
            stack.insert("env_files".to_owned(), item);
        }
        Item::new(Toml::Table(stack), At::default())
    }
}

/// Makes a project name as Compose does.
fn project_name(name: &str) -> String {
    let kept: String = name
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

fn has_anchor(node: &Node) -> bool {
    node.is_anchor
        || match &node.value {
            Value::List(items) => items.iter().any(has_anchor),
            Value::Map(map) => map.values().any(has_anchor),
            Value::Scalar { .. } => false,
        }
}

fn has_service(root: &Node, name: &str) -> bool {
    let services = root.get("services");
    services.is_some_and(|services| services.get(name).is_some())
}

fn section<'n>(root: &'n Node, key: &str) -> impl Iterator<Item = (&'n String, &'n Node)> {
    root.get(key).and_then(Node::map).into_iter().flatten()
}

fn texts(node: &Node) -> Vec<String> {
    let one = std::slice::from_ref(node);
    node.list()
        .unwrap_or(one)
        .iter()
        .filter_map(|item| item.scalar().map(str::to_owned))
        .collect()
}

/// Converts networks, volumes, configs or secrets.
fn resources<'n>(map: impl Iterator<Item = (&'n String, &'n Node)>) -> Table {
    let mut table = Table::new();
    for (name, node) in map {
        let mut item = if node.is_null() {
            Item::new(Toml::Table(Table::new()), node.at)
        } else {
            convert(node, "")
        };
        // The old form of an external name.
        if let Some(inner) = item.table_mut()
            && let Some(external) = inner.get_mut("external")
            && let Toml::Table(old) = &mut external.value
        {
            let name = old.shift_remove("name");
            external.value = Toml::Bare("true".to_owned());
            inner.extend(name.map(|name| ("name".to_owned(), name)));
        }
        table.insert(name.clone(), item);
    }
    table
}
