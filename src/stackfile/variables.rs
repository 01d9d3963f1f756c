//! What `${…}` sees: `[vars]`, then env files, then the environment; the later wins.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::model::{FileRole, Minds, Operator, Segment, Sources, TemplateText, Variable};

use super::env_file::{self, EnvEntry};
use super::tree::{Node, Site, TextState, Value};
use super::{Code, Diagnostic};

/// `[vars]` may refer to each other; deeper than this it is a circle.
const DEPTH: usize = 16;

/// Every variable there is, with where it was set.
pub(super) struct Variables<'a> {
    constants: IndexMap<String, (TemplateText, Site)>,
    env_files: BTreeMap<String, (String, Site)>,
    environment: &'a BTreeMap<String, String>,
}

/// Where a variable has its value from.
pub(super) enum Origin<'a> {
    Environment,
    EnvFile(&'a Site),
    Constant(&'a Site),
}

impl<'a> Variables<'a> {
    /// Collects the variables; what is wrong with `[vars]` or an env file is told.
    pub(super) fn collect(sources: &'a Sources, root: &Node, told: &mut Vec<Diagnostic>) -> Self {
        let mut variables = Self {
            constants: IndexMap::new(),
            env_files: BTreeMap::new(),
            environment: &sources.environment,
        };
        if let Some(vars) = root.get("vars") {
            variables.read_constants(vars, told);
        }
        for (id, file) in sources.with_role(FileRole::StackEnv) {
            let (entries, mistakes) = env_file::parse(file.text.as_deref().unwrap_or_default());
            for mistake in mistakes {
                let site = Site::new(id, mistake.span);
                told.push(
                    Diagnostic::error(Code::BadEnvFile, mistake.message, site.label(""))
                        .with_help("NAME=value, one in each line"),
                );
            }
            for entry in entries {
                let site = Site::new(id, entry.span.clone());
                if let Some(value) = variables.entry_value(&entry) {
                    variables.env_files.insert(entry.name, (value, site));
                }
            }
        }
        variables
    }

    fn read_constants(&mut self, vars: &Node, told: &mut Vec<Diagnostic>) {
        let Some(table) = vars.table() else {
            told.push(Diagnostic::error(
                Code::WrongType,
                "vars has to be a table",
                vars.at.label(vars.kind()),
            ));
            return;
        };
        for (name, node) in table {
            match scalar(node) {
                Some(text) => {
                    let text = TemplateText::parse(&text)
                        .unwrap_or_else(|_| TemplateText::plain(text.as_str()));
                    self.constants.insert(name.clone(), (text, node.at.clone()));
                }
                None if node.value == Value::Poison => {}
                None => told.push(Diagnostic::error(
                    Code::WrongType,
                    format!("vars.{name} has to be text, a number or a truth value"),
                    node.at.label(node.kind()),
                )),
            }
        }
    }

    /// Returns the value of an entry of an env file: the environment goes before what stands earlier in the files.
    pub(super) fn entry_value(&self, entry: &EnvEntry) -> Option<String> {
        self.entry_value_after(entry, &IndexMap::new())
    }

    /// As [`Self::entry_value`], where `earlier` entries of the same file are seen too.
    pub(super) fn entry_value_after(
        &self,
        entry: &EnvEntry,
        earlier: &IndexMap<String, Option<String>>,
    ) -> Option<String> {
        match &entry.value {
            None => self.lookup(&entry.name),
            Some(value) if value.is_literal => Some(value.text.clone()),
            Some(value) => {
                let Ok(text) = TemplateText::parse(&value.text) else {
                    return Some(value.text.clone());
                };
                // As Compose: what is unset is empty here.
                let lookup = |name: &str| {
                    let known = self.lookup(name);
                    Some(
                        known
                            .or_else(|| earlier.get(name).cloned().flatten())
                            .unwrap_or_default(),
                    )
                };
                Some(lenient(&text, &lookup, &|name| {
                    self.lookup(name)
                        .or_else(|| earlier.get(name).cloned().flatten())
                }))
            }
        }
    }

    /// Returns the value of a variable.
    pub(super) fn lookup(&self, name: &str) -> Option<String> {
        self.lookup_within(name, DEPTH)
    }

    fn lookup_within(&self, name: &str, depth: usize) -> Option<String> {
        self.outside(name).or_else(|| {
            let (text, _) = self.constants.get(name)?;
            let depth = depth.checked_sub(1)?;
            // What is unset within [vars] is told where it stands there.
            Some(
                text.resolve(&|name| self.lookup_within(name, depth))
                    .unwrap_or_default(),
            )
        })
    }

    /// Returns the value that the environment or an env file gives a variable.
    pub(super) fn outside(&self, name: &str) -> Option<String> {
        self.environment
            .get(name)
            .or_else(|| self.env_files.get(name).map(|(value, _)| value))
            .cloned()
    }

    /// Returns where a variable has its value from.
    pub(super) fn origin(&self, name: &str) -> Option<Origin<'_>> {
        if self.environment.contains_key(name) {
            return Some(Origin::Environment);
        }
        if let Some((_, site)) = self.env_files.get(name) {
            return Some(Origin::EnvFile(site));
        }
        self.constants
            .get(name)
            .map(|(_, site)| Origin::Constant(site))
    }

    /// Returns where `[vars]` sets a variable.
    pub(super) fn constant_site(&self, name: &str) -> Option<&Site> {
        self.constants.get(name).map(|(_, site)| site)
    }

    /// Returns the names that the user set in files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.env_files
            .keys()
            .chain(self.constants.keys())
            .map(String::as_str)
    }

    /// Returns the text as it is rendered: constants as defaults, and a message for what has none.
    pub(super) fn keep(&self, text: &TemplateText) -> TemplateText {
        self.rewrite(text, DEPTH, true)
    }

    /// Returns the text with constants as defaults, ready to be filled in.
    pub(super) fn with_constants(&self, text: &TemplateText) -> TemplateText {
        self.rewrite(text, DEPTH, false)
    }

    fn rewrite(&self, text: &TemplateText, depth: usize, for_render: bool) -> TemplateText {
        let segments = text
            .segments
            .iter()
            .flat_map(|segment| match segment {
                Segment::Plain(text) => vec![Segment::Plain(text.clone())],
                Segment::Variable(variable) => self.rewrite_variable(variable, depth, for_render),
            })
            .collect();
        TemplateText { segments }
    }

    fn rewrite_variable(
        &self,
        variable: &Variable,
        depth: usize,
        for_render: bool,
    ) -> Vec<Segment> {
        let name = &variable.name;
        let inner = |text: &TemplateText| self.rewrite(text, depth, for_render);
        let constant = match (self.constants.get(name), depth.checked_sub(1)) {
            (Some((text, _)), Some(depth)) if for_render => Some(self.rewrite(text, depth, true)),
            (Some((text, _)), Some(depth)) => Some(TemplateText::plain(
                text.resolve(&|name| self.lookup_within(name, depth))
                    .unwrap_or_default(),
            )),
            _ => None,
        };
        let operator = match (&variable.operator, constant) {
            (Operator::None, Some(constant)) => Operator::Default(Minds::Unset, constant),
            (Operator::None, None) if for_render => Operator::Required(
                Minds::UnsetOrEmpty,
                TemplateText::plain(format!("set {name} in .env or in the environment")),
            ),
            (Operator::None, None) => Operator::None,
            (
                Operator::Default(Minds::Unset, _) | Operator::Required(Minds::Unset, _),
                Some(constant),
            ) => Operator::Default(Minds::Unset, constant),
            (operator @ (Operator::Default(..) | Operator::Required(..)), Some(constant)) => {
                return vec![or_constant(variable, operator, constant, &inner)];
            }
            (Operator::Alternative(_, text), Some(_)) => {
                // A constant is always set.
                return inner(text).segments;
            }
            (Operator::Default(minds, text), None) => Operator::Default(*minds, inner(text)),
            (Operator::Required(minds, text), None) => Operator::Required(*minds, inner(text)),
            (Operator::Alternative(minds, text), None) => {
                Operator::Alternative(*minds, inner(text))
            }
        };
        vec![Segment::Variable(Variable {
            operator,
            ..variable.clone()
        })]
    }
}

/// Returns `${V:-${V+WORD}${V-constant}}`: the value, or what the operator says where it is set to nothing, or the constant.
fn or_constant(
    variable: &Variable,
    operator: &Operator,
    constant: TemplateText,
    inner: &dyn Fn(&TemplateText) -> TemplateText,
) -> Segment {
    let with = |operator: Operator| {
        Segment::Variable(Variable {
            operator,
            ..variable.clone()
        })
    };
    let when_empty = match operator {
        Operator::Required(minds, text) => TemplateText {
            segments: vec![with(Operator::Required(*minds, inner(text)))],
        },
        Operator::Default(_, text) | Operator::Alternative(_, text) => inner(text),
        Operator::None => TemplateText::default(),
    };
    let text = TemplateText {
        segments: vec![
            with(Operator::Alternative(Minds::Unset, when_empty)),
            with(Operator::Default(Minds::Unset, constant)),
        ],
    };
    with(Operator::Default(Minds::UnsetOrEmpty, text))
}

fn lenient(
    text: &TemplateText,
    or_empty: &dyn Fn(&str) -> Option<String>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> String {
    let mut out = String::new();
    for segment in &text.segments {
        match segment {
            Segment::Plain(plain) => out.push_str(plain),
            Segment::Variable(variable) if variable.operator == Operator::None => {
                out.push_str(&or_empty(&variable.name).unwrap_or_default());
            }
            Segment::Variable(variable) => {
                let one = TemplateText {
                    segments: vec![Segment::Variable(variable.clone())],
                };
                out.push_str(&one.resolve(lookup).unwrap_or_default());
            }
        }
    }
    out
}

/// Returns the text of a scalar as Compose reads it where it wants text.
pub(super) fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => match &text.state {
            TextState::Template(_) => None,
            _ => text.known().map(str::to_owned),
        },
        Value::Integer { value, .. } => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Date(date) => Some(date.to_string()),
        Value::Table(_) | Value::List(_) | Value::Null | Value::Poison => None,
    }
}
