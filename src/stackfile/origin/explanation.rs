//! The answer, and how its parts come together.

use std::fmt;

use crate::model::{KeyPath, Sources};

use super::super::fill::{Filler, Mode};
use super::super::language::ROOT;
use super::super::suggest::nearest;
use super::super::tree::{Node, Value};
use super::super::variables::Variables;
use super::super::{Diagnostic, Place, Selection, effective, growth, include, syntax};
use super::built_in::known;
use super::history::History;
use super::shown::Shower;
use super::variable::Origins;

/// Why a value is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked for; a key with dots in it is one key here.
    pub path: KeyPath,
    /// What it is in effect.
    pub outcome: Outcome,
    /// Everything that speaks of it, the lowest layer first.
    pub layers: Vec<Contribution>,
    /// The variables in what is in effect, each with where it has its value from.
    pub variables: Vec<VariableOrigin>,
    /// The keys of a table, each with the layer that had the last word.
    pub keys: Vec<KeyOrigin>,
}

/// What a path is in effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A value as TOML spells it, with variables filled in and secrets as `***`.
    Value(String),
    /// A table.
    Table,
    /// Nothing: it was set to null, dropped or removed.
    Nothing,
    /// No layer speaks of it; what holds then.
    Default(String),
}

/// Which part of the files a value stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// `[defaults.service]`.
    Defaults,
    /// A mixin.
    Mixin(String),
    /// `[dags.NAME.default_args]`, by the DAG's name.
    DefaultArgs(String),
    /// The table itself, such as `services.web`.
    Own(KeyPath),
    /// An env file: of a service for its `environment`, of the stack for a variable.
    EnvFile,
    /// The environment of the process.
    Environment,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defaults => f.pad("defaults.service"),
            Self::Mixin(name) => f.pad(&format!("mixin {name}")),
            Self::DefaultArgs(dag) => f.pad(&format!("dags.{dag}.default_args")),
            Self::Own(path) => f.pad(&path.to_string()),
            Self::EnvFile => f.pad("env file"),
            Self::Environment => f.pad("environment"),
        }
    }
}

/// What a layer does to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Says what it is; lower layers do not matter.
    Sets,
    /// Lays the keys of a table over those below.
    Merges,
    /// Adds to the list.
    Appends,
    /// Takes out of the list or the map.
    Removes,
    /// Drops what lower layers say: `{ reset = true }`, or the key that excludes this one.
    Drops,
}

impl Act {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sets => "sets",
            Self::Merges => "merges",
            Self::Appends => "appends",
            Self::Removes => "removes",
            Self::Drops => "drops",
        }
    }

    fn hides_what_is_below(self) -> bool {
        matches!(self, Self::Sets | Self::Drops)
    }
}

/// What one layer says of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// The layer.
    pub layer: Layer,
    /// The overlay that says it; absent: the base.
    pub overlay: Option<String>,
    /// What it does.
    pub act: Act,
    /// What stands there, variables as written and secrets as `***`.
    pub value: String,
    /// Where; absent for the environment.
    pub place: Option<Place>,
    /// Whether it still counts under the layers above it.
    pub is_in_effect: bool,
}

/// One key of a table that was explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOrigin {
    /// The key.
    pub key: String,
    /// What it is, variables as written; a table is `{…}`.
    pub value: String,
    /// The layer that had the last word, with its overlay.
    pub layer: Layer,
    /// The overlay that says it; absent: the base.
    pub overlay: Option<String>,
    /// Where it stands.
    pub place: Option<Place>,
}

/// Where a variable has its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariableSource {
    /// The environment of the process.
    Environment,
    /// An env file of the stack.
    EnvFile,
    /// `[vars]`.
    Vars,
    /// Nowhere; the text that uses it says what then.
    Default,
    /// Nowhere.
    Unset,
}

impl VariableSource {
    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::EnvFile => "env file",
            Self::Vars => "vars",
            Self::Default => "default",
            Self::Unset => "unset",
        }
    }
}

/// One variable of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableOrigin {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: VariableSource,
    /// Its value, secrets as `***`; absent where it has none.
    pub value: Option<String>,
    /// Where it is set, if in a file.
    pub place: Option<Place>,
    /// What it goes over, the nearest first.
    pub over: Vec<(VariableSource, Place)>,
}

/// Why there is no explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unexplained {
    /// The files are no TOML, or no stack.
    Mistakes(Vec<Diagnostic>),
    /// Nothing is called so.
    Unknown {
        /// The longest part of the path that there is; empty for none.
        found: KeyPath,
        /// What may have been meant.
        nearest: Option<KeyPath>,
    },
}

/// Returns whether a word is the name of a table at the top of stack.toml.
pub fn is_section(word: &str) -> bool {
    ROOT.field(word).is_some()
}

/// Explains the value at `keys`, such as `services.web.image`.
///
/// # Errors
/// [`Unexplained`] where the files cannot be read, or have no such key and could not have it.
pub fn explain_path(
    sources: &Sources,
    selection: &Selection,
    keys: &KeyPath,
) -> Result<Explanation, Unexplained> {
    let mut told = Vec::new();
    let files = syntax::parse_all(sources, &mut told);
    let joined = if told.is_empty() {
        include::join(files, &mut told)
    } else {
        None
    };
    let Some(mut base) = joined else {
        return Err(Unexplained::Mistakes(told));
    };
    effective::prepare(&mut base);
    let mut merged = base.clone();
    effective::lay_overlays(&mut merged, selection, &mut told);
    let variables = Variables::collect(sources, &merged, &mut told);
    if !growth::is_bounded(&merged, &mut told) {
        return Err(Unexplained::Mistakes(told));
    }
    let mut laid = merged.clone();
    effective::lay(&mut laid, &mut told);
    let explainer = Explainer {
        sources,
        variables: &variables,
        history: History {
            sources,
            selection,
            base: &base,
            merged: &merged,
            laid: &laid,
        },
        laid: &laid,
        shower: Shower::new(&merged),
    };
    explainer.explain(keys)
}

struct Explainer<'a> {
    sources: &'a Sources,
    variables: &'a Variables<'a>,
    history: History<'a>,
    laid: &'a Node,
    shower: Shower,
}

impl Explainer<'_> {
    fn explain(&self, keys: &KeyPath) -> Result<Explanation, Unexplained> {
        let path = self.joined(keys);
        let node = find(self.laid, path.keys());
        let mut layers = self
            .history
            .contributions(&path, self.variables, &self.shower);
        mark(&mut layers);
        let outcome = match node.map(|node| &node.value) {
            Some(Value::Null) => Outcome::Nothing,
            Some(Value::Table(_)) => Outcome::Table,
            Some(_) => Outcome::Value(self.filled(&path, node)),
            None => match layers.iter().rfind(|it| it.is_in_effect) {
                // What only an env file or the environment says is in no table.
                Some(top) if matches!(top.layer, Layer::EnvFile | Layer::Environment) => {
                    Outcome::Value(top.value.clone())
                }
                Some(_) => Outcome::Nothing,
                None => Outcome::Default(self.default_of(&path)?),
            },
        };
        let outcome = match (path.keys(), outcome) {
            ([section, name], Outcome::Value(_)) if section == "vars" => {
                Outcome::Value(self.variable_value(name))
            }
            (_, outcome) => outcome,
        };
        let origins = Origins {
            variables: self.variables,
            history: &self.history,
            shower: &self.shower,
        };
        Ok(Explanation {
            variables: node.map(|node| origins.of(node)).unwrap_or_default(),
            keys: self.keys(&path, node),
            path,
            outcome,
            layers,
        })
    }

    /// Returns the path with keys that hold dots put together again, where there are such.
    fn joined(&self, path: &KeyPath) -> KeyPath {
        let mut rest = path.keys();
        let mut keys: Vec<String> = Vec::new();
        let mut node = Some(self.laid);
        while !rest.is_empty() {
            let known = |length: &usize| {
                let key = rest[..*length].join(".");
                node.and_then(|node| node.get(&key)).is_some()
            };
            let length = (1..=rest.len()).rev().find(known).unwrap_or(1);
            let key = rest[..length].join(".");
            node = node.and_then(|node| step(node, &key));
            keys.push(key);
            rest = &rest[length..];
        }
        KeyPath::new(keys)
    }

    fn filled(&self, path: &KeyPath, node: Option<&Node>) -> String {
        let Some(node) = node else {
            return String::new();
        };
        let mut node = node.clone();
        let mut filler = Filler::new(self.sources, self.variables, Mode::Resolve);
        filler.fill_below(&mut node, path.keys());
        self.shower.filled(&node, path)
    }

    fn variable_value(&self, name: &str) -> String {
        let value = self.variables.lookup(name).unwrap_or_default();
        self.shower.variable(name, &value)
    }

    fn keys(&self, path: &KeyPath, node: Option<&Node>) -> Vec<KeyOrigin> {
        let table = node.and_then(Node::table).into_iter().flatten();
        let origin = |(key, inner): (&String, &Node)| {
            let at = path.join(key);
            let mut layers = self
                .history
                .contributions(&at, self.variables, &self.shower);
            mark(&mut layers);
            let top = layers.into_iter().rfind(|it| it.is_in_effect)?;
            let value = match &inner.value {
                Value::Table(table) if !table.is_empty() => "{…}".to_owned(),
                _ => self.shower.written(inner, &at),
            };
            Some(KeyOrigin {
                key: key.clone(),
                value,
                layer: top.layer,
                overlay: top.overlay,
                place: top.place,
            })
        };
        table.filter_map(origin).collect()
    }

    /// Returns what holds where nobody says anything; an error where there can be no such key, or what it belongs to is not there.
    fn default_of(&self, path: &KeyPath) -> Result<String, Unexplained> {
        let keys = path.keys();
        let field = known(keys).filter(|known| find(self.laid, &keys[..known.named]).is_some());
        if let Some(field) = field.and_then(|known| known.field) {
            return Ok(match (field.default, keys[0].as_str()) {
                (Some(default), _) => default.to_owned(),
                (None, "services") => "what the image or the engine has".to_owned(),
                (None, _) => "none".to_owned(),
            });
        }
        let mut found = path.clone();
        let mut missing = String::new();
        let is_possible = |keys: &[String]| {
            let known = known(keys).filter(|known| known.field.is_some());
            known.is_some_and(|known| find(self.laid, &keys[..known.named]).is_some())
        };
        while find(self.laid, found.keys()).is_none() && !is_possible(found.keys()) {
            missing = found.last().unwrap_or_default().to_owned();
            found = found.parent();
        }
        let there = find(self.laid, found.keys()).and_then(Node::table);
        let there = there.into_iter().flat_map(|table| table.keys());
        let possible = known(found.keys()).map(|known| known.keys());
        let candidates = there
            .map(String::as_str)
            .chain(possible.unwrap_or_default());
        let nearest = nearest(&missing, candidates);
        Err(Unexplained::Unknown {
            nearest: nearest.map(|key| found.join(key)),
            found,
        })
    }
}

/// Marks what still counts: everything down to the first layer that hides those below it.
fn mark(layers: &mut [Contribution]) {
    let mut is_hidden = false;
    for layer in layers.iter_mut().rev() {
        layer.is_in_effect = !is_hidden;
        is_hidden |= layer.act.hides_what_is_below();
    }
}

/// Returns the value below a node.
pub(super) fn find<'n>(node: &'n Node, keys: &[String]) -> Option<&'n Node> {
    keys.iter().try_fold(node, |node, key| step(node, key))
}

fn step<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Table(table) => table.get(key),
        Value::List(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}
