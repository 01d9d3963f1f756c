//! Files that a service names and whose content counts: labels, and the seccomp profile.

use std::path::Path;

use indexmap::IndexMap;

use crate::model::{Attribute, Attributes, FileId, FileRole, Form, clean_path, seccomp_file};

use super::super::env_file;
use super::super::tree::Node;
use super::super::{Code, Diagnostic};
use super::{At, Decoder, Reader};

impl<'a, 'n, F: Form> Reader<'_, 'a, 'n, F> {
    /// Puts the labels of `label_file` below those of `labels`; later files go before earlier ones.
    pub(super) fn merge_label_files(
        &mut self,
        more: &Attributes<F>,
        labels: &mut IndexMap<String, F::Value<String>>,
    ) {
        let Some(Attribute::List(files)) = more.get("label_file") else {
            return;
        };
        let paths = files.iter().filter_map(|file| match file {
            Attribute::Path(path) => F::known(path).cloned(),
            _ => None,
        });
        let mut merged: IndexMap<String, String> = IndexMap::new();
        for (index, path) in paths.enumerate() {
            match self.decoder.service_file(&path) {
                Some((id, text)) => self.read_labels(id, text, &mut merged),
                None => self.missing_label_file(index, &path),
            }
        }
        for (name, value) in merged {
            labels.entry(name).or_insert_with(|| F::literal(value));
        }
    }

    fn read_labels(&mut self, id: FileId, text: &str, merged: &mut IndexMap<String, String>) {
        if !self.decoder.takes_env_file(id, text) {
            return;
        }
        let (entries, mistakes) = env_file::parse(text);
        for mistake in mistakes {
            self.decoder.tell(mistake.tell(id));
        }
        for entry in entries {
            let inner = |name: &str| merged.get(name).cloned();
            let length = |name: &str| inner(name).map_or(0, |value| value.len());
            if !self.decoder.takes_env_value(id, &entry, &length) {
                return;
            }
            match self.decoder.variables.entry_value_within(&entry, &inner) {
                Ok(value) => {
                    merged.insert(entry.name, value.unwrap_or_default());
                }
                Err(mistake) => self.decoder.tell(mistake.tell(id)),
            }
        }
    }

    fn missing_label_file(&mut self, index: usize, path: &str) {
        let Some(node) = self.node("label_file") else {
            return;
        };
        let site = match node.list() {
            Some(items) => items.get(index).map_or(&node.at, |item| &item.at),
            None => &node.at,
        };
        let message = format!("{}: {path} does not exist", self.at("label_file"));
        let told = Diagnostic::error(Code::MissingEnvFile, message, site.label(""));
        self.decoder.tell(told.about_values());
    }

    /// Returns the seccomp profile that the security options name by a file, without blanks, as the engine is told of it.
    pub(super) fn seccomp_profile(&mut self, options: &[F::Value<String>]) -> Option<String> {
        let known = options.iter().enumerate();
        let mut named = known.filter_map(|(index, option)| {
            let path = seccomp_file(F::known(option)?)?;
            Some((index, path.to_owned()))
        });
        let (index, path) = named.next()?;
        let node = self.node("security_opt")?;
        let item = node
            .list()
            .and_then(|items| items.get(index))
            .unwrap_or(node);
        let at = self.at("security_opt");
        let at = at.join(index);
        self.decoder.profile(item, &at, &path)
    }
}

impl<'a, F: Form> Decoder<'a, F> {
    /// Returns a file that a service names, by its path.
    fn service_file(&self, path: &str) -> Option<(FileId, &'a str)> {
        let sources = self.sources;
        let whole = |path: &Path| clean_path(&sources.absolute(path).to_string_lossy());
        let wanted = whole(Path::new(path));
        sources
            .with_role(FileRole::ServiceFile)
            .find(|(_, file)| whole(&file.path) == wanted)
            .and_then(|(id, file)| Some((id, file.text.as_deref()?)))
    }

    fn profile(&mut self, node: &Node, path: &At<'_>, file: &str) -> Option<String> {
        let Some((_, text)) = self.service_file(file) else {
            let message = format!("{path}: there is no seccomp profile {file}");
            let told = Diagnostic::error(Code::BadValue, message, node.at.label(""));
            self.tell(told.about_values());
            return None;
        };
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            let message = format!("{path}: the seccomp profile {file} is no JSON: {error}");
            let told = Diagnostic::error(Code::BadValue, message, node.at.label(""));
            self.tell(told.about_values());
            return None;
        }
        Some(compact(text))
    }
}

/// Returns JSON without the blanks between its parts, every other byte as it stands.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut is_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        if is_text || !c.is_ascii_whitespace() {
            out.push(c);
        }
        let ends_or_begins = c == '"' && !is_escaped;
        is_escaped = is_text && c == '\\' && !is_escaped;
        is_text ^= ends_or_begins;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_outside_of_texts_go() {
        let text = " { \"a b\" : [ 1 ,\n\t\"c \\\" d\\\\\" , { } ] }\n";
        assert_eq!(compact(text), "{\"a b\":[1,\"c \\\" d\\\\\",{}]}");
    }
}
