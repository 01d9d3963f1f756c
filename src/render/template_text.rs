//! Text with `${…}` as rendered files hold it.

use std::fmt::{Debug, Display};

use serde_json::Value;

use crate::model::{Minds, Operator, Segment, TemplateText, Templated, Variable};

/// What Compose says where a variable is not set.
const NOT_SET: &str = "set it in .env or in the environment";

/// Returns a value as the compose file and tasks.json hold it: `$` doubled, variables kept, and one that has to be set marked so.
pub(super) fn text<T: Display>(value: &Templated<T>) -> Value {
    Value::String(text_of(value))
}

/// As [`text`], as a plain string.
pub(super) fn text_of<T: Display>(value: &Templated<T>) -> String {
    match value {
        Templated::Literal(value) => {
            let text = value.to_string();
            match text.contains('$') {
                true => escaped(&text),
                false => text,
            }
        }
        Templated::Raw(text) => demanding(text).to_string(),
    }
}

/// Returns a literal as `literal` makes it, and a text with variables as it is.
pub(super) fn typed<T: Clone + Debug>(
    value: &Templated<T>,
    literal: impl FnOnce(&T) -> Value,
) -> Value {
    match value {
        Templated::Literal(value) => literal(value),
        Templated::Raw(text) => Value::String(demanding(text).to_string()),
    }
}

/// Doubles every `$`, so that Compose reads it as one.
pub(super) fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

/// Returns the text with every `${V}` as `${V:?…}`: an unset variable is an error here, while Compose would put nothing.
pub(super) fn demanding(text: &TemplateText) -> TemplateText {
    let segment = |segment: &Segment| match segment {
        Segment::Plain(plain) => Segment::Plain(plain.clone()),
        Segment::Variable(variable) => {
            let operator = match &variable.operator {
                Operator::None => Operator::Required(Minds::UnsetOrEmpty, plain(NOT_SET)),
                Operator::Default(minds, text) => Operator::Default(*minds, demanding(text)),
                Operator::Required(minds, text) => Operator::Required(*minds, text.clone()),
                Operator::Alternative(minds, text) => {
                    Operator::Alternative(*minds, demanding(text))
                }
            };
            Segment::Variable(Variable {
                operator,
                ..variable.clone()
            })
        }
    };
    TemplateText {
        segments: text.segments.iter().map(segment).collect(),
    }
}

fn plain(text: &str) -> TemplateText {
    TemplateText {
        segments: vec![Segment::Plain(text.to_owned())],
    }
}

/// Turns paths that are relative to the stack's folder into paths relative to the folder of the rendered file.
#[derive(Debug, Clone)]
pub(super) struct Rebase {
    /// The folder of the rendered file in parts, such as `["generated"]`.
    output: Vec<String>,
}

impl Rebase {
    /// Returns how paths change for files in `output`, a folder below the stack's.
    pub(super) fn new(output: &std::path::Path) -> Self {
        let parts = output.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        });
        Self {
            output: parts.collect(),
        }
    }

    /// Returns a path of the host as the rendered file names it. An absolute one and one in the home folder stay as they are.
    pub(super) fn path(&self, path: &Templated<String>) -> Value {
        Value::String(match path {
            Templated::Literal(path) => escaped(&self.literal(path)),
            Templated::Raw(text) => self.raw(&demanding(text), is_relative).to_string(),
        })
    }

    /// Returns a security option, with the file of a seccomp profile as the rendered file names it.
    pub(super) fn option(&self, option: &Templated<String>) -> Value {
        let Templated::Literal(known) = option else {
            return text(option);
        };
        match crate::model::seccomp_file(known) {
            Some(path) => Value::String(escaped(&format!("seccomp={}", self.literal(path)))),
            None => text(option),
        }
    }

    /// Returns a short mount, `source:target[:mode]`, with its source as the rendered file names it.
    pub(super) fn short_mount(&self, text: &TemplateText) -> Value {
        let is_path = |text: &str| text.starts_with('.');
        Value::String(self.raw(&demanding(text), is_path).to_string())
    }

    fn literal(&self, path: &str) -> String {
        if path.starts_with(['/', '~']) {
            return path.to_owned();
        }
        let mut parts: Vec<&str> = Vec::new();
        let mut up = 0;
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." if parts.is_empty() => up += 1,
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let shared = if up == 0 {
            let same = self.output.iter().zip(&parts).take_while(|(a, b)| a == b);
            same.count()
        } else {
            0
        };
        let mut all = vec![".."; up + self.output.len() - shared];
        all.extend(&parts[shared..]);
        match all.first() {
            None => ".".to_owned(),
            Some(&"..") => all.join("/"),
            Some(_) => format!("./{}", all.join("/")),
        }
    }

    /// The beginning decides: plain text that is relative, or a variable whose default is. What a variable itself holds is not known here:
    /// an absolute path is right in any case.
    fn raw(&self, text: &TemplateText, is_path: fn(&str) -> bool) -> TemplateText {
        let mut text = text.clone();
        match text.segments.first_mut() {
            Some(Segment::Plain(plain)) if is_path(plain) => {
                *plain = format!("{}{}", self.up(), plain.strip_prefix("./").unwrap_or(plain));
            }
            Some(Segment::Variable(variable)) => {
                if let Operator::Default(_, default) = &mut variable.operator {
                    *default = self.raw_default(default, is_path);
                }
            }
            Some(Segment::Plain(_)) | None => {}
        }
        text
    }

    fn raw_default(&self, default: &TemplateText, is_path: fn(&str) -> bool) -> TemplateText {
        match default.segments.as_slice() {
            [Segment::Plain(path)] if is_path(path) => plain(&self.literal(path)),
            _ => self.raw(default, is_path),
        }
    }

    fn up(&self) -> String {
        "../".repeat(self.output.len())
    }
}

/// Returns whether a path, or its beginning, is told from a folder. An address is none.
fn is_relative(text: &str) -> bool {
    let addresses = ["git@", "github.com/", "service:", "target:"];
    let is_address = text.contains("://") || addresses.iter().any(|start| text.starts_with(start));
    !text.is_empty() && !text.starts_with(['/', '~']) && !is_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_the_folder_of_the_rendered_file() {
        for (output, path, expected) in [
            ("generated", "./data", "../data"),
            ("generated", "data/x", "../data/x"),
            ("generated", ".", ".."),
            ("generated", "./", ".."),
            ("generated", "../shared", "../../shared"),
            ("generated", "./generated/dags", "./dags"),
            ("generated", "generated", "."),
            ("generated/prod", "./generated/dags", "../dags"),
            ("generated", "/var/run/x", "/var/run/x"),
            ("generated", "~/x", "~/x"),
            ("generated", "a/../../b", "../../b"),
            ("generated", "./a$b", "../a$$b"),
        ] {
            let rebase = Rebase::new(std::path::Path::new(output));
            assert_eq!(
                rebase.path(&Templated::Literal(path.to_owned())),
                Value::String(expected.to_owned()),
                "{output}: {path}"
            );
        }
    }
}
