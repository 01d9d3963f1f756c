//! A stack in the making: a tree that is written as the text of a stack.toml, and, by another way, as a compose file in JSON.

use serde_json::{Value, json};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// `{ null = true }`.
    Null,
    Flag(bool),
    Whole(i64),
    Real(f64),
    /// A file mode, in octal.
    Mode(u32),
    /// A date of TOML.
    Date(String),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl Tree {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn table<const N: usize>(entries: [(&str, Tree); N]) -> Self {
        let entries = entries.map(|(key, value)| (key.to_owned(), value));
        Self::Table(entries.into())
    }

    pub fn get(&self, key: &str) -> Option<&Tree> {
        let mut entries = self.entries().iter();
        entries
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        match self {
            Self::Table(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the entries of a table; nothing has none.
    pub fn entries(&self) -> &[(String, Tree)] {
        match self {
            Self::Table(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the values of a table.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Tree> {
        let entries = match self {
            Self::Table(entries) => entries.as_mut_slice(),
            _ => &mut [],
        };
        entries.iter_mut().map(|(_, value)| value)
    }

    /// Returns the scalars at every depth.
    pub fn scalars_mut(&mut self) -> Vec<&mut Tree> {
        match self {
            Self::List(items) => items.iter_mut().flat_map(Self::scalars_mut).collect(),
            Self::Table(_) => self.values_mut().flat_map(Self::scalars_mut).collect(),
            scalar => vec![scalar],
        }
    }

    /// Takes an entry out of a table.
    pub fn remove(&mut self, key: &str) {
        if let Self::Table(entries) = self {
            entries.retain(|(name, _)| name != key);
        }
    }

    /// Puts an entry into a table.
    pub fn put(&mut self, key: &str, value: Tree) {
        if let Self::Table(entries) = self {
            entries.push((key.to_owned(), value));
        }
    }

    /// Writes the text of a stack.toml: a header for each table of a section, everything within it in one line. Values that have no
    /// header come first.
    pub fn to_toml(&self) -> String {
        let (mut lines, mut out) = (String::new(), String::new());
        for (section, tables) in self.entries() {
            let is_single = matches!(section.as_str(), "stack" | "vars" | "policy")
                || !matches!(tables, Self::Table(_))
                || section.starts_with("x-");
            if is_single {
                lines.push_str(&format!("{} = {}\n", key(section), tables.inline()));
                continue;
            }
            for (name, table) in tables.entries() {
                out.push_str(&format!("\n[{}.{}]\n", key(section), key(name)));
                for (name, value) in table.entries() {
                    out.push_str(&format!("{} = {}\n", key(name), value.inline()));
                }
            }
        }
        lines + &out
    }

    fn inline(&self) -> String {
        match self {
            Self::Null => "{ null = true }".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => format!("{number:?}"),
            // Both ways to write a mode, each for half of them.
            Self::Mode(mode) if mode.is_multiple_of(2) => format!("0o{mode:o}"),
            Self::Mode(mode) => format!("\"0{mode:o}\""),
            Self::Date(date) => date.clone(),
            Self::Text(text) => string(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::inline).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| format!("{} = {}", key(name), value.inline()))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }

    /// Returns the value as JSON, under the key that it stands under.
    pub fn to_json(&self, key: &str) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => json!(flag),
            Self::Whole(number) => json!(number),
            Self::Real(number) => json!(number),
            Self::Mode(mode) if key == "tmpfs" => json!(mode),
            Self::Mode(mode) => json!(format!("0{mode:o}")),
            Self::Date(date) => json!(date),
            Self::Text(text) => json!(text),
            Self::List(items) => items.iter().map(|item| item.to_json(key)).collect(),
            Self::Table(entries) => {
                let inner = |name: &str, value: &Tree| {
                    value.to_json(if name == "mode" { key } else { name })
                };
                let entries = entries
                    .iter()
                    .map(|(name, value)| (name.clone(), inner(name, value)));
                Value::Object(entries.collect())
            }
        }
    }

    /// Returns the tree that a JSON value is in stack.toml.
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => match number.as_i64() {
                Some(number) => Self::Whole(number),
                None => Self::Real(number.as_f64().unwrap()),
            },
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Value::Object(map) => Self::Table(
                map.iter()
                    .map(|(key, value)| match (key.as_str(), value.as_u64()) {
                        // Compose wants the one of an in-memory file system as a number.
                        ("mode", Some(mode)) => (key.clone(), Self::Mode(mode.try_into().unwrap())),
                        _ => (key.clone(), Self::from_json(value)),
                    })
                    .collect(),
            ),
        }
    }
}

fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        basic(name, false)
    }
}

/// Writes a text in one of TOML's three ways.
fn string(text: &str) -> String {
    let is_visible = |c: char| c == '\t' || !c.is_control();
    if text.contains('\n') {
        format!("\"\"\"\n{}\"\"\"", basic(text, true))
    } else if text.chars().all(is_visible) && !text.contains('\'') && text.len().is_multiple_of(2) {
        format!("'{text}'")
    } else {
        basic(text, false)
    }
}

/// Writes a text with escapes; over several lines without its quotes.
fn basic(text: &str, is_long: bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' if is_long => out.push('\n'),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    if is_long { out } else { format!("\"{out}\"") }
}
