//! Values as they may be shown: in one line, secrets as `***`.

use globset::{Glob, GlobMatcher};

use crate::model::{KeyPath, Operator, Segment, TemplateText, is_secret_name, mask_url_passwords};

use super::super::fill::Mode;
use super::super::tree::{Node, Text, Value};

/// Parents whose keys are names of other things, not of values.
const NAMING: [&str; 4] = ["depends_on", "needs", "networks", "services"];

/// Keys that sound like secrets and hold names.
const PLAIN: [&str; 2] = ["secrets", "credential_spec"];

/// Knows which values are secret.
pub(super) struct Shower {
    sensitive: Vec<GlobMatcher>,
}

impl Shower {
    /// Takes the patterns of `[policy] sensitive`; one that is none matches nothing.
    pub(super) fn new(root: &Node) -> Self {
        let patterns = root.get("policy").and_then(|node| node.get("sensitive"));
        let patterns = patterns.and_then(Node::list).unwrap_or_default().iter();
        let globs = patterns.filter_map(|item| Glob::new(item.raw_text()?).ok());
        Self {
            sensitive: globs.map(|glob| glob.compile_matcher()).collect(),
        }
    }

    /// Returns a value with its variables as they are written.
    pub(super) fn written(&self, node: &Node, path: &KeyPath) -> String {
        self.shown(node, path, &|text| text.raw.to_string())
    }

    /// Returns a value with its variables filled in; one that depends on an unset variable is as it was written.
    pub(super) fn filled(&self, node: &Node, path: &KeyPath) -> String {
        self.shown(node, path, &|text| {
            text.known(Mode::Resolve).unwrap_or(&text.raw).to_owned()
        })
    }

    /// Returns the value of a variable.
    pub(super) fn variable(&self, name: &str, value: &str) -> String {
        match self.is_secret(&KeyPath::new(["vars", name])) {
            true => "***".to_owned(),
            false => quoted(&mask_url_passwords(value)),
        }
    }

    fn is_secret(&self, path: &KeyPath) -> bool {
        let is_listed = |key: &&String| key.parse::<usize>().is_err();
        let keys = path.keys();
        let named = keys.iter().rfind(is_listed);
        let by_name =
            named.is_some_and(|key| is_secret_name(key) && !PLAIN.contains(&key.as_str()));
        let is_naming = keys.len() > 1 && NAMING.contains(&keys[keys.len() - 2].as_str());
        let is_content =
            matches!(keys, [section, _, key] if section == "secrets" && key == "content");
        let full = path.to_string();
        is_content
            || (by_name && !is_naming && keys.len() > 1)
            || self.sensitive.iter().any(|glob| glob.is_match(&full))
    }

    fn shown(&self, node: &Node, path: &KeyPath, text_of: &dyn Fn(&Text) -> String) -> String {
        match &node.value {
            Value::Table(table) => {
                let entries = table.iter().map(|(key, inner)| {
                    let key_text = KeyPath::new([key.as_str()]).to_string();
                    format!(
                        "{key_text} = {}",
                        self.shown(inner, &path.join(key), text_of)
                    )
                });
                match entries.collect::<Vec<_>>() {
                    entries if entries.is_empty() => "{}".to_owned(),
                    entries => format!("{{ {} }}", entries.join(", ")),
                }
            }
            Value::List(items) => {
                let items = items.iter().enumerate();
                let items = items.map(|(at, item)| self.shown(item, &path.join(at), text_of));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            Value::Text(_) if node.is_poison(Mode::Resolve) => "?".to_owned(),
            Value::Text(text) => {
                let now = text_of(text);
                let is_filled = now != *text.raw;
                let is_hidden = match is_filled {
                    true => self.is_secret(path) || self.names_secret(&text.raw),
                    false => self.is_secret(path) && !is_reference(&text.raw),
                };
                match is_hidden {
                    true => "***".to_owned(),
                    false => quoted(&mask_pair(&mask_url_passwords(&now))),
                }
            }
            Value::Integer { .. } | Value::Float(_) | Value::Bool(_) if self.is_secret(path) => {
                "***".to_owned()
            }
            Value::Integer { value, radix, .. } => match radix {
                8 => format!("0o{value:o}"),
                16 => format!("0x{value:x}"),
                _ => value.to_string(),
            },
            Value::Float(value) => value.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Date(date) => date.to_string(),
            Value::Null => "{ null = true }".to_owned(),
            Value::Poison => "?".to_owned(),
        }
    }

    fn names_secret(&self, raw: &str) -> bool {
        let Ok(text) = TemplateText::parse(raw) else {
            return false;
        };
        let names = text.variables();
        names
            .into_iter()
            .any(|name| self.is_secret(&KeyPath::new(["vars", name])))
    }
}

/// Returns whether a text is made of variables alone, without a word of its own: then it is no secret, but tells where one is.
fn is_reference(raw: &str) -> bool {
    TemplateText::parse(raw).is_ok_and(|text| {
        text.segments.iter().all(|segment| match segment {
            Segment::Plain(_) => false,
            Segment::Variable(variable) => {
                matches!(variable.operator, Operator::None | Operator::Required(..))
            }
        })
    })
}

/// Hides the value of `NAME=value`, also as an option of a command.
fn mask_pair(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value))
            if !name.contains(char::is_whitespace)
                && is_secret_name(name)
                && !is_reference(value)
                && !value.is_empty() =>
        {
            format!("{name}=***")
        }
        _ => text.to_owned(),
    }
}

/// Returns a text as TOML has it in one line.
pub(super) fn quoted(text: &str) -> String {
    let toml = toml::Value::String(text.to_owned()).to_string();
    match toml.contains('\n') {
        true => format!("{text:?}"),
        false => toml,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tree::Site;
    use super::*;
    use crate::model::FileId;

    #[test]
    fn secrets_are_never_spelled() {
        let shower = Shower {
            sensitive: Vec::new(),
        };
        let shown = |key: &str, text: &str| {
            let node = Node::new(Value::Text(Text::raw(text)), Site::new(FileId(0), 0..0));
            shower.written(&node, &KeyPath::new(["services", "a", "environment", key]))
        };
        assert_eq!(shown("API_TOKEN", "hunter2"), "***");
        assert_eq!(shown("API_TOKEN", "${TOKEN:-hunter2}"), "***");
        assert_eq!(shown("API_TOKEN", "${TOKEN}"), "\"${TOKEN}\"");
        assert_eq!(shown("URL", "db://u:hunter2@h/"), "\"db://u:***@h/\"");
        assert_eq!(shown("ARGS", "--password=hunter2"), "\"--password=***\"");
        assert_eq!(shown("LEVEL", "a\nb"), "\"a\\nb\"");
        let path = KeyPath::new(["services", "a", "secrets", "0"]);
        let name = Node::new(Value::Text(Text::raw("token")), Site::new(FileId(0), 0..0));
        assert_eq!(shower.written(&name, &path), "\"token\"");
    }
}
