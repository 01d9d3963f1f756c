//! The templates: the built-in ones, those of the project before them, and the filters by which values get in.

use std::collections::BTreeSet;

use minijinja::value::{Rest, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::model::DEPTH;

use super::json::whole;
use super::meant::meant;
use super::template_scan::TagBudget;
use super::{RenderError, RenderRequest, python, yaml};

/// The built-in templates by file name.
const BUILT_IN: [(&str, &str); 3] = [
    (
        "docker-compose.yml.j2",
        include_str!("../../templates/docker-compose.yml.j2"),
    ),
    (
        "airflow_dag.py.j2",
        include_str!("../../templates/airflow_dag.py.j2"),
    ),
    (
        "tasks.json.j2",
        include_str!("../../templates/tasks.json.j2"),
    ),
];

/// What one file of the project's own templates may take to render. A unit is an instruction, or 64 bytes of a text that is made on the
/// way: a loop without end stops here, and a text that grows and grows at 10 MiB.
const FUEL: u64 = 163_840;
/// What one file of a built-in template may take, whose loops are as long as the stack: that of 5000 services takes some 100,000.
const BUILT_IN_FUEL: u64 = 2_000_000;
/// What all files of the project's own templates may take together.
const ALL_FUEL: u64 = 600_000;
/// What all files of a stack may hold together.
const ALL_BYTES: usize = 12 * 1024 * 1024;
/// What one filter may write.
const FILTER_BYTES: usize = 4 * 1024 * 1024;
/// No value that goes into a filter may hold more others.
const FILTER_VALUES: usize = 250_000;
/// No filter indents by more.
const MARGIN: usize = 200;
/// So much is indented what stands where a built-in template puts it.
const NEAR: usize = 8;
/// No longer part of a line or message is shown.
const SHOWN: usize = 300;

/// A set of templates, ready to be rendered.
pub(super) struct TemplateSet {
    environment: Environment<'static>,
    /// The templates of the project's own.
    own: BTreeSet<String>,
    fuel: u64,
    bytes: usize,
}

impl TemplateSet {
    /// Loads the templates of the project; the built-in ones are loaded as they are used.
    ///
    /// # Errors
    /// [`RenderError::Template`] for one that cannot be parsed.
    pub(super) fn new(request: &RenderRequest) -> Result<Self, RenderError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(refuse_bare_structures);
        environment.add_filter("yaml", yaml_scalar);
        environment.add_filter("yaml_block", yaml_block);
        environment.add_filter("python", python_literal);
        environment.add_filter("json", json_text);
        environment.add_filter("toml", toml_value);
        environment.add_filter("shell", shell_words);
        environment.add_filter("comment", comment);
        // Only those that are used are parsed; the ones of the project below, used or not, so that no mistake stays hidden.
        environment.set_loader(|name| {
            let mut built_in = BUILT_IN.iter();
            let found = built_in.find(|(file, _)| *file == name);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        });
        let mut tags = TagBudget::default();
        for (name, text) in &request.templates {
            tags.take(text)
                .map_err(|(line, said)| too_many_words(name, text, line, said))?;
            let added = environment.add_template_owned(name.clone(), text.clone());
            added.map_err(|error| problem(name, &error))?;
        }
        Ok(Self {
            environment,
            own: request.templates.keys().cloned().collect(),
            fuel: ALL_FUEL,
            bytes: ALL_BYTES,
        })
    }

    /// Renders one template.
    ///
    /// # Errors
    /// [`RenderError::Template`] with the line at fault.
    pub(super) fn render(&mut self, name: &str, view: Value) -> Result<String, RenderError> {
        let is_own = self.own.contains(name);
        let fuel = match is_own {
            true => self.fuel.min(FUEL),
            false => BUILT_IN_FUEL,
        };
        self.environment.set_fuel(Some(fuel));
        let template = self.environment.get_template(name);
        let rendered = template
            .and_then(|template| template.render_captured(view.clone()))
            .map_err(|error| problem_in(name, &error, &view))?;
        let left = rendered.state().fuel_levels().map_or(0, |(_, left)| left);
        if is_own {
            self.fuel -= fuel.saturating_sub(left);
        }
        let mut text = rendered.into_output();
        let too_much = || {
            problem(
                name,
                &invalid("all files together become larger than 12 MiB"),
            )
        };
        self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(too_much)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

fn problem(name: &str, error: &Error) -> RenderError {
    problem_in(name, error, &Value::default())
}

fn problem_in(name: &str, error: &Error, view: &Value) -> RenderError {
    let line = error.line().unwrap_or_default();
    let source = error.template_source().unwrap_or_default();
    let at = source
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let what = match error.kind() {
        ErrorKind::OutOfFuel => {
            "it takes more work or room than a template may; is there a loop without end, or a text that grows and grows?"
                .to_owned()
        }
        kind => error.detail().map_or_else(|| kind.to_string(), cut),
    };
    // An error within an included template names that one; the innermost place is the useful one.
    RenderError::Template {
        template: error.name().unwrap_or(name).to_owned(),
        line,
        message: what,
        source_line: cut(at.trim()),
        help: meant(error, source, at, view),
    }
}

fn too_many_words(name: &str, text: &str, line: usize, message: String) -> RenderError {
    let at = text.lines().nth(line - 1).unwrap_or_default();
    RenderError::Template {
        template: name.to_owned(),
        line,
        message,
        source_line: cut(at.trim()),
        help: Some("what is long belongs into [render.files] values or into stack.toml".to_owned()),
    }
}

/// Returns the beginning of a text that is too long to be shown.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A list or map printed as it is would be in nobody's syntax.
fn refuse_bare_structures(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Map => Err(invalid(
            "a list or map needs a filter: yaml_block, python or json",
        )),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.to_owned())
}

/// Strict mode minds undefined names where they are printed, and takes them for nothing where they go into a filter.
fn defined(value: &Value) -> Result<serde_json::Value, Error> {
    if value.is_undefined() {
        return Err(Error::new(
            ErrorKind::UndefinedError,
            "the value of this filter is undefined",
        ));
    }
    bounded(value, 0)?;
    serde_json::to_value(value).map_err(|error| invalid(&error.to_string()))
}

/// Fails where a value would become too much text. A template may put lists into one another, and one list many times over.
fn bounded(value: &Value, margin: usize) -> Result<(), Error> {
    if margin > MARGIN {
        return Err(invalid("nothing is indented by more than 200 blanks"));
    }
    let mut room = Room {
        values: FILTER_VALUES,
        bytes: FILTER_BYTES,
    };
    match room.take(value, margin, DEPTH) {
        Some(()) => Ok(()),
        None => Err(invalid(
            "the value of this filter is nested too deep, or becomes more than 4 MiB of text",
        )),
    }
}

/// What a filter may still write.
struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, value: &Value, margin: usize, depth: usize) -> Option<()> {
        let text = value.as_str().map_or(0, str::len);
        let line = margin + 2 * (DEPTH - depth);
        self.values = self.values.checked_sub(1)?;
        self.bytes = self.bytes.checked_sub(text + line)?;
        let depth = || depth.checked_sub(1);
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => {
                let depth = depth()?;
                let mut items = value.try_iter().into_iter().flatten();
                items.try_for_each(|item| self.take(&item, margin, depth))
            }
            ValueKind::Map => {
                let depth = depth()?;
                value.try_iter().into_iter().flatten().try_for_each(|key| {
                    self.bytes = self.bytes.checked_sub(key.as_str().map_or(0, str::len))?;
                    let item = value.get_item(&key).ok()?;
                    self.take(&item, margin, depth)
                })
            }
            _ => Some(()),
        }
    }
}

fn yaml_scalar(value: &Value) -> Result<String, Error> {
    match &defined(value)? {
        // A literal block would need to know its place; in one line everything has its place.
        serde_json::Value::String(text) => Ok(yaml::string(text)),
        other => yaml::scalar(other, 0)
            .ok_or_else(|| invalid("yaml writes scalars; lists and maps need yaml_block(indent)")),
    }
}

/// Writes a value of TOML: text in quotes, a list in brackets, a map as an inline table.
fn toml_value(value: &Value) -> Result<String, Error> {
    let value = toml::Value::try_from(defined(value)?)
        .map_err(|_| invalid("toml cannot write this value; TOML has no null"))?;
    Ok(value.to_string())
}

/// Writes a word for a shell, or a list of words with spaces between them.
fn shell_words(value: &Value) -> Result<String, Error> {
    let word = |value: &serde_json::Value| {
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) => value.to_string(),
            _ => return Err(invalid("shell writes text, or a list of texts")),
        };
        if text.contains('\0') {
            return Err(invalid("no word of a shell holds a NUL"));
        }
        Ok(shell_words::quote(&text).into_owned())
    };
    match defined(value)? {
        serde_json::Value::Array(items) => {
            let words: Result<Vec<String>, Error> = items.iter().map(word).collect();
            Ok(words?.join(" "))
        }
        other => word(&other),
    }
}

fn yaml_block(value: &Value, indent: usize) -> Result<String, Error> {
    // A part of the stack is bounded with it, unless it is moved far to the right.
    let part = whole(value).filter(|_| indent <= NEAR);
    Ok(match part {
        Some(json) => yaml::block(&json, indent),
        None => {
            bounded(value, indent)?;
            yaml::block(&defined(value)?, indent)
        }
    })
}

fn python_literal(value: &Value) -> Result<String, Error> {
    bounded(value, 0)?;
    python::literal(value).ok_or_else(|| invalid("python cannot write this value"))
}

fn json_text(value: &Value, indent: Rest<usize>) -> Result<String, Error> {
    let margin = indent.first().copied().unwrap_or_default();
    bounded(value, margin)?;
    let value = defined(value)?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| invalid(&error.to_string()))?;
    let margin = " ".repeat(margin);
    Ok(text.replace('\n', &format!("\n{margin}")))
}

/// Makes a text fit into one comment line: every control character, line separator and character that YAML forbids
/// becomes a space.
fn comment(value: &Value) -> Result<String, Error> {
    let text = match defined(value)? {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let breaks = |c: char| {
        c.is_control()
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            )
    };
    Ok(text.replace(breaks, " "))
}
