//! `[render]`: files that templates of the user's make.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::model::{FileRole, ForEach, NAME_IN_PATH, Template, UserFile};

use super::super::language::{RENDER, USER_FILE};
use super::super::suggest::nearest;
use super::super::tree::{Node, Site, Value};
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

/// The paths that are taken, each with the place that takes it; `None`: stackgen writes it by itself.
type Taken = BTreeMap<String, Option<Site>>;

/// Decodes `[render]`. Paths, templates and clashes are checked here; what a template does with its data shows when it is rendered.
pub(in super::super) fn user_files(
    decoder: &mut Decoder<'_, Template>,
    root: &Node,
) -> Vec<UserFile> {
    let path = At::TOP.join("render");
    let Some(node) = root.get("render") else {
        return Vec::new();
    };
    let Some(mut reader) = Reader::open(decoder, node, &path, &RENDER) else {
        return Vec::new();
    };
    let files = reader.with("files", |decoder, node, path| {
        decoder.files(root, node, path)
    });
    reader.finish();
    files.unwrap_or_default()
}

impl Decoder<'_, Template> {
    fn files(&mut self, root: &Node, node: &Node, path: &At<'_>) -> Option<Vec<UserFile>> {
        let Some(table) = node.table() else {
            self.wrong_type(node, path, "a table of files");
            return None;
        };
        let mut taken = own_paths(root);
        let mut files = Vec::new();
        for (key, entry) in table {
            let Some(file) = self.user_file(key, entry, &path.join(key)) else {
                continue;
            };
            let is_good = self.has_good_path(&file, entry)
                && self.takes_paths(&file, entry, root, &mut taken);
            if is_good && !file.template.is_empty() {
                files.push(file);
            }
        }
        Some(files)
    }

    /// Decodes an entry; one with a mistake in its template has none, and is checked for the rest all the same.
    fn user_file(&mut self, key: &str, node: &Node, path: &At<'_>) -> Option<UserFile> {
        let mut file = UserFile {
            path: key.to_owned(),
            template: String::new(),
            for_each: None,
            values: IndexMap::new(),
        };
        if let Value::Text(_) = &node.value {
            file.template = self.template_name(node, path).unwrap_or_default();
            return Some(file);
        }
        let mut reader = Reader::open(self, node, path, &USER_FILE)?;
        let template = reader.with("template", Decoder::template_name);
        file.for_each = reader.choice("for_each", &ForEach::ALL);
        file.values = reader
            .with("values", Decoder::json_object)
            .unwrap_or_default();
        reader.finish();
        if node.get("template").is_none() {
            let message = format!("{path} has no template");
            let help = "template = \"NAME.j2\", a file in the folder templates";
            self.tell(
                Diagnostic::error(Code::MissingKey, message, node.key.label("")).with_help(help),
            );
        }
        file.template = template.unwrap_or_default();
        Some(file)
    }

    /// Returns the name of a template that is there.
    fn template_name(&mut self, node: &Node, path: &At<'_>) -> Option<String> {
        let name = self.known_text(node, path)?;
        let names = self.sources.with_role(FileRole::Template);
        let names: Vec<String> = names
            .filter_map(|(_, file)| Some(file.path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        if names.contains(&name) {
            return Some(name);
        }
        let help = match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => {
                "templates are files NAME.j2 in the folder templates".into()
            }
            None => format!("there are: {}", names.join(", ")),
        };
        let message = format!("there is no template templates/{name}");
        self.bad_value(Code::BadTemplate, node, message, "", Some(help));
        None
    }

    /// Tells a path that leads out of the folder of generated files, or that does not go with `for_each`.
    fn has_good_path(&mut self, file: &UserFile, node: &Node) -> bool {
        let path = &file.path;
        let is_bad = |part: &str| matches!(part, "" | "." | "..");
        let has_bad_sign = path.contains(|c: char| c.is_control() || c == '\\');
        let has_name = path.contains(NAME_IN_PATH);
        let (code, message, help) = if has_bad_sign || path.split('/').any(is_bad) {
            (
                Code::BadValue,
                format!("{path:?} is no path below generated/"),
                "write it without a leading /, without . and .., such as \"nginx/site.conf\""
                    .into(),
            )
        } else if let (Some(each), false) = (file.for_each, has_name) {
            (
                Code::ConflictingKeys,
                format!("the files of all {} would be {path:?}", each.name()),
                format!("put {NAME_IN_PATH} into the path"),
            )
        } else if node.get("for_each").is_none() && has_name {
            (
                Code::ConflictingKeys,
                format!("{NAME_IN_PATH} in {path:?} stands for nothing"),
                "add for_each = \"services\", \"networks\", \"volumes\" or \"dags\"".into(),
            )
        } else {
            return true;
        };
        self.tell(Diagnostic::error(code, message, node.key.label("")).with_help(help));
        false
    }

    /// Takes the paths of a file; tells the first one that is taken already, or that is a folder of another one.
    fn takes_paths(
        &mut self,
        file: &UserFile,
        node: &Node,
        root: &Node,
        taken: &mut Taken,
    ) -> bool {
        let paths = match file.for_each {
            None => vec![file.path.clone()],
            Some(each) => {
                let names = names_in(root, each.name());
                names.iter().map(|name| file.path_for(name)).collect()
            }
        };
        for path in paths {
            let is_in = |inner: &str, outer: &str| {
                inner
                    .strip_prefix(outer)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let clash = taken
                .iter()
                .find(|(other, _)| is_in(&path, other) || is_in(other, &path));
            if let Some((other, site)) = clash {
                let message = match site {
                    None => format!("stackgen itself writes generated/{other}"),
                    Some(_) => format!("generated/{path} cannot be there beside {other}"),
                };
                let mut told = Diagnostic::error(Code::BadValue, message, node.key.label(""))
                    .with_help("give it another path");
                if let Some(site) = site {
                    told = told.with_secondary(site.label("taken here"));
                }
                self.tell(told);
                return false;
            }
            taken.insert(path, Some(node.key));
        }
        true
    }
}

/// Returns the paths that stackgen writes by itself.
fn own_paths(root: &Node) -> Taken {
    let mut own = vec!["docker-compose.yml".to_owned(), ".env".to_owned()];
    for dag in names_in(root, "dags") {
        own.push(format!("dags/{dag}.py"));
        own.push(format!("tasks/{dag}.json"));
    }
    own.into_iter().map(|path| (path, None)).collect()
}

fn names_in(root: &Node, table: &str) -> Vec<String> {
    let table = root.get(table).and_then(Node::table);
    let mut names: Vec<String> = table
        .into_iter()
        .flat_map(|table| table.keys().cloned())
        .collect();
    names.sort();
    names
}
