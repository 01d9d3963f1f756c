//! Values with `${…}` as Python expressions that read the environment.

use std::collections::BTreeSet;

use minijinja::Value;

use crate::model::{
    Json, Minds, Operator, Segment, TemplateText, Templated, Variable, Words, is_secret_name,
};
use crate::render::python;
use crate::render::view::jinja;

/// Writes Python, and remembers which variables have to be set where it runs.
#[derive(Debug, Default)]
pub(super) struct Scribe {
    /// The variables.
    pub(super) needs: BTreeSet<String>,
}

impl Scribe {
    /// Returns a text as Airflow takes it: a literal, or an expression where it has variables. `is_templated` says whether Airflow puts it
    /// through Jinja.
    pub(super) fn text(&mut self, text: &Templated<String>, is_templated: bool) -> Value {
        match text {
            Templated::Literal(text) if is_templated => Value::from(jinja::template(text)),
            Templated::Literal(text) => Value::from(text.as_str()),
            Templated::Raw(raw) => python::expression(self.code(raw, is_templated)),
        }
    }

    /// As [`Scribe::text`], for a value whose literal `write` makes.
    pub(super) fn typed<T: Clone + std::fmt::Debug>(
        &mut self,
        value: &Templated<T>,
        write: impl FnOnce(&T) -> Value,
    ) -> Value {
        match value {
            Templated::Literal(value) => write(value),
            Templated::Raw(raw) => python::expression(self.code(raw, false)),
        }
    }

    /// Returns a command; one that is a single text with variables is split where it runs.
    pub(super) fn words(
        &mut self,
        words: &Words<crate::model::Template>,
        templated: bool,
    ) -> Value {
        match words {
            Templated::Literal(words) => {
                let words: Vec<Value> = words.iter().map(|w| self.text(w, templated)).collect();
                Value::from(words)
            }
            Templated::Raw(raw) => {
                python::expression(format!("shlex.split({})", self.code(raw, templated)))
            }
        }
    }

    /// Returns a JSON value.
    pub(super) fn json(&mut self, json: &Json<crate::model::Template>, templated: bool) -> Value {
        match json {
            Json::Null => Value::from(()),
            Json::Bool(flag) => Value::from(*flag),
            Json::Number(text) => number(text),
            Json::Text(text) => self.text(text, templated),
            Json::List(items) => {
                let items: Vec<Value> = items.iter().map(|v| self.json(v, templated)).collect();
                Value::from(items)
            }
            Json::Object(entries) => Value::from_pairs(
                entries
                    .iter()
                    .map(|(key, item)| (key.clone(), self.json(item, templated)))
                    .collect::<Vec<_>>(),
            ),
        }
    }

    /// Returns the code of an expression for a text with variables.
    pub(super) fn code(&mut self, text: &TemplateText, templated: bool) -> String {
        let parts: Vec<String> = text
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Plain(plain) if templated => python::string(&jinja::template(plain)),
                Segment::Plain(plain) => python::string(plain),
                // What a variable holds means itself; Jinja must not look into it.
                Segment::Variable(variable) if templated => {
                    format!("verbatim({})", self.variable(variable))
                }
                Segment::Variable(variable) => self.variable(variable),
            })
            .collect();
        match parts.as_slice() {
            [] => "\"\"".to_owned(),
            [one] => one.clone(),
            many => format!("({})", many.join(" + ")),
        }
    }

    fn variable(&mut self, variable: &Variable) -> String {
        let name = python::string(&variable.name);
        match &variable.operator {
            Operator::None | Operator::Required(..) => {
                self.needs.insert(variable.name.clone());
                // Not `os.environ[…]`: the file is read in places that have no need of the value.
                format!("os.environ.get({name}, \"\")")
            }
            Operator::Default(Minds::Unset, text) => {
                format!("os.environ.get({name}, {})", self.code(text, false))
            }
            Operator::Default(Minds::UnsetOrEmpty, text) => {
                format!("(os.environ.get({name}) or {})", self.code(text, false))
            }
            Operator::Alternative(Minds::Unset, text) => {
                let text = self.code(text, false);
                format!("({text} if {name} in os.environ else \"\")")
            }
            Operator::Alternative(Minds::UnsetOrEmpty, text) => {
                let text = self.code(text, false);
                format!("({text} if os.environ.get({name}) else \"\")")
            }
        }
    }
}

/// Returns whether a value is kept from Airflow's pages: its key or one of its variables is a secret by name.
pub(super) fn is_secret(key: &str, value: &Templated<String>) -> bool {
    let has_secret = |text: &TemplateText| {
        text.segments.iter().any(|segment| match segment {
            Segment::Plain(_) => false,
            Segment::Variable(variable) => is_secret_name(&variable.name),
        })
    };
    is_secret_name(key) || matches!(value, Templated::Raw(raw) if has_secret(raw))
}

fn number(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => Value::from(number),
        (_, Ok(number)) if number.is_finite() => Value::from(number),
        _ => Value::from(text),
    }
}
