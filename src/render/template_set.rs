//! The templates: the built-in ones, those of the project before them, and the filters by which values get in.

use minijinja::value::Rest;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::json::whole;
use super::meant::meant;
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

/// The most instructions that one template may take; a loop without end stops here.
const FUEL: u64 = 5_000_000;

/// A set of templates, ready to be rendered.
pub(super) struct TemplateSet {
    environment: Environment<'static>,
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
        environment.set_fuel(Some(FUEL));
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
        for (name, text) in &request.templates {
            let added = environment.add_template_owned(name.clone(), text.clone());
            added.map_err(|error| problem(name, &error))?;
        }
        Ok(Self { environment })
    }

    /// Renders one template.
    ///
    /// # Errors
    /// [`RenderError::Template`] with the line at fault.
    pub(super) fn render(&self, name: &str, view: Value) -> Result<String, RenderError> {
        let template = self.environment.get_template(name);
        let mut text = template
            .and_then(|template| template.render(view.clone()))
            .map_err(|error| problem_in(name, &error, &view))?;
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
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    // An error within an included template names that one; the innermost place is the useful one.
    RenderError::Template {
        template: error.name().unwrap_or(name).to_owned(),
        line,
        message: what,
        source_line: at.trim().to_owned(),
        help: meant(error, source, at, view),
    }
}

/// A list or map printed as it is would be in nobody's syntax.
fn refuse_bare_structures(
    out: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    use minijinja::value::ValueKind;
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
    serde_json::to_value(value).map_err(|error| invalid(&error.to_string()))
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
    Ok(match whole(value) {
        Some(json) => yaml::block(json, indent),
        None => yaml::block(&defined(value)?, indent),
    })
}

fn python_literal(value: &Value) -> Result<String, Error> {
    python::literal(value).ok_or_else(|| invalid("python cannot write this value"))
}

fn json_text(value: &Value, indent: Rest<usize>) -> Result<String, Error> {
    let value = defined(value)?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| invalid(&error.to_string()))?;
    let margin = " ".repeat(indent.first().copied().unwrap_or_default());
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
