//! What `${…}` sees: `[vars]`, then env files, then the environment; the later wins.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;

use crate::model::{
    FILLED_BYTES, FileRole, GROWN_BYTES, Minds, Operator, Segment, Sources, TemplateText, Variable,
    format_float, mebibytes,
};

use super::env_file::{self, EnvEntry, EnvMistake};
use super::fill::Mode;
use super::tree::{Node, Site, Value};
use super::{Code, Diagnostic};

/// `[vars]` may refer to each other; deeper than this it is a circle.
const DEPTH: usize = 16;

/// About how many bytes a reference to a variable takes when it is taken apart.
const REFERENCE: usize = 64;

/// Every variable there is, with where it was set.
pub(super) struct Variables<'a> {
    constants: IndexMap<String, (TemplateText, Site)>,
    env_files: BTreeMap<String, (String, Site)>,
    environment: &'a BTreeMap<String, String>,
    /// Constants that are no text: what is wrong with them was told.
    broken: BTreeSet<String>,
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
            broken: BTreeSet::new(),
        };
        if let Some(vars) = root.get("vars") {
            variables.read_constants(vars, told);
        }
        for (id, file) in sources.with_role(FileRole::StackEnv) {
            let (entries, mistakes) = env_file::parse(file.text.as_deref().unwrap_or_default());
            told.extend(mistakes.into_iter().map(|mistake| mistake.tell(id)));
            let mut grown = 0_usize;
            for entry in entries {
                let site = Site::new(id, entry.span.clone());
                let size = variables.entry_size(&entry, &|_| 0);
                grown = grown.saturating_add(size);
                if size > FILLED_BYTES || grown > GROWN_BYTES {
                    told.push(too_long(&entry.name, site));
                    break;
                }
                match variables.entry_value(&entry) {
                    Ok(Some(value)) => {
                        variables.env_files.insert(entry.name, (value, site));
                    }
                    Ok(None) => {}
                    Err(mistake) => told.push(mistake.tell(id)),
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
            match scalar(node, Mode::Keep) {
                Some(text) => {
                    let text = TemplateText::parse(&text)
                        .unwrap_or_else(|_| TemplateText::plain(text.as_str()));
                    self.constants.insert(name.clone(), (text, node.at));
                }
                None if node.value == Value::Poison => {}
                None => {
                    self.broken.insert(name.clone());
                    told.push(Diagnostic::error(
                        Code::WrongType,
                        format!("vars.{name} has to be text, a number or a truth value"),
                        node.at.label(node.kind()),
                    ));
                }
            }
        }
    }

    /// Returns the value of an entry of an env file: the environment goes before what stands earlier in the files.
    pub(super) fn entry_value(&self, entry: &EnvEntry) -> Result<Option<String>, EnvMistake> {
        self.entry_value_within(entry, &|_| None)
    }

    /// As [`Self::entry_value`] for the env file of a service, where its own variables and earlier entries are seen too: `inner`.
    pub(super) fn entry_value_within(
        &self,
        entry: &EnvEntry,
        inner: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, EnvMistake> {
        let value = match &entry.value {
            None => return Ok(self.lookup(&entry.name)),
            Some(value) if value.is_literal => return Ok(Some(value.text.clone())),
            Some(value) => value,
        };
        let mistake = |message: String| EnvMistake {
            message,
            span: entry.span.clone(),
        };
        let text = TemplateText::parse(&value.text).map_err(|it| mistake(it.to_string()))?;
        let lookup = |name: &str| self.lookup(name).or_else(|| inner(name));
        match lenient(&text).resolve(&lookup) {
            Ok(text) => Ok(Some(text)),
            Err(unset) => {
                let unset = unset.first();
                let (name, message) = unset.map_or(("", ""), |it| (&it.name, &it.message));
                Err(mistake(format!("{name} is not set: {message}")))
            }
        }
    }

    /// Returns about how many bytes the value of an entry of an env file takes to make, at most.
    pub(super) fn entry_size(&self, entry: &EnvEntry, earlier: &dyn Fn(&str) -> usize) -> usize {
        match &entry.value {
            Some(value) if !value.is_literal => match TemplateText::parse(&value.text) {
                Ok(text) => self.size_within(&text, DEPTH, earlier, &mut Sizes::new()),
                Err(_) => value.text.len(),
            },
            Some(value) => value.text.len(),
            None => self.size_of_value(&entry.name, DEPTH, earlier, &mut Sizes::new()),
        }
    }

    /// Returns about how many bytes a text takes to fill in or to write with its constants, at most. It is cheap to ask where that would
    /// be more than the machine has: constants may be made of each other.
    pub(super) fn size(&self, text: &TemplateText, sizes: &mut Sizes) -> usize {
        self.size_within(text, DEPTH, &|_| 0, sizes)
    }

    fn size_within(
        &self,
        text: &TemplateText,
        depth: usize,
        earlier: &dyn Fn(&str) -> usize,
        sizes: &mut Sizes,
    ) -> usize {
        let mut size = 0_usize;
        for segment in &text.segments {
            let more = match segment {
                Segment::Plain(text) => text.len(),
                Segment::Variable(variable) => {
                    let word = match &variable.operator {
                        Operator::None => 0,
                        Operator::Default(_, text)
                        | Operator::Required(_, text)
                        | Operator::Alternative(_, text) => {
                            self.size_within(text, depth, earlier, sizes)
                        }
                    };
                    let value = self.size_of_value(&variable.name, depth, earlier, sizes);
                    value
                        .saturating_add(word)
                        .saturating_add(variable.name.len() + REFERENCE)
                }
            };
            size = size.saturating_add(more);
        }
        size
    }

    fn size_of_value(
        &self,
        name: &str,
        depth: usize,
        earlier: &dyn Fn(&str) -> usize,
        sizes: &mut Sizes,
    ) -> usize {
        let outside = self.environment.get(name);
        let outside = outside.or_else(|| self.env_files.get(name).map(|(value, _)| value));
        let outside = outside.map_or_else(|| earlier(name), String::len);
        let (Some((text, site)), Some(depth)) = (self.constants.get(name), depth.checked_sub(1))
        else {
            return outside;
        };
        // Each constant once for each depth: what is made of it many times is not walked many times.
        let key = (site.file().0, site.span().start, depth);
        let constant = match sizes.get(&key) {
            Some(size) => *size,
            None => {
                let size = self.size_within(text, depth, earlier, sizes);
                sizes.insert(key, size);
                size
            }
        };
        outside.saturating_add(constant)
    }

    /// Returns the value of a variable.
    pub(super) fn lookup(&self, name: &str) -> Option<String> {
        let is_short = || {
            let size = self.size_of_value(name, DEPTH, &|_| 0, &mut Sizes::new());
            size <= FILLED_BYTES
        };
        // One that is too long is told where it is used.
        self.outside(name)
            .or_else(|| is_short().then(|| self.lookup_within(name, DEPTH))?)
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

    /// Returns what `[vars]` gives a variable.
    pub(super) fn constant(&self, name: &str) -> Option<&TemplateText> {
        self.constants.get(name).map(|(text, _)| text)
    }

    /// Returns whether `[vars]` has it, as something that it cannot be.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.broken.contains(name)
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
        let is_unspeakable = constant.as_ref().is_some_and(is_no_default);
        let operator = match (&variable.operator, constant) {
            (Operator::None | Operator::Default(..) | Operator::Required(..), Some(constant))
                if for_render && is_unspeakable =>
            {
                return constant.segments;
            }
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

/// Returns whether a constant cannot stand behind `${V-`: Compose knows no escape for braces there, and takes no line break. It is
/// rendered as it is then.
fn is_no_default(constant: &TemplateText) -> bool {
    let plain = constant
        .segments
        .iter()
        .filter_map(|segment| match segment {
            Segment::Plain(text) => Some(text.as_str()),
            Segment::Variable(_) => None,
        });
    let mut depth = 0_i32;
    let mut is_odd = false;
    for c in plain.flat_map(str::chars) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            '\n' => is_odd = true,
            _ => {}
        }
        is_odd |= depth < 0;
    }
    is_odd || depth != 0
}

/// Returns whether a constant stands behind an operator where it cannot: `${V:-a ${CONSTANT}}`.
pub(super) fn breaks_within(text: &TemplateText) -> bool {
    text.segments.iter().any(|segment| match segment {
        Segment::Plain(_) => false,
        Segment::Variable(variable) => match &variable.operator {
            Operator::None => false,
            Operator::Default(_, text)
            | Operator::Required(_, text)
            | Operator::Alternative(_, text) => is_no_default(text) || breaks_within(text),
        },
    })
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

/// What is known of the sizes of constants, by their place and how deep they are looked into.
pub(super) type Sizes = HashMap<(usize, usize, usize), usize>;

/// Makes the diagnostic for an entry of an env file that grows out of bounds.
pub(super) fn too_long(name: &str, site: Site) -> Diagnostic {
    let message = format!("{name} becomes too long when its variables are filled in");
    let [one, all] = [FILLED_BYTES, GROWN_BYTES].map(|bytes| mebibytes(bytes as u64));
    Diagnostic::error(Code::TooLarge, message, site.label("")).with_help(format!(
        "no value may become longer than {one} MiB, and all of them than {all} MiB"
    ))
}

/// Returns the text with nothing for what is unset and has no operator: in env files Compose does not mind.
fn lenient(text: &TemplateText) -> TemplateText {
    let segments = text.segments.iter().map(|segment| match segment {
        Segment::Plain(plain) => Segment::Plain(plain.clone()),
        Segment::Variable(variable) => Segment::Variable(Variable {
            operator: match &variable.operator {
                Operator::None => Operator::Default(Minds::Unset, TemplateText::default()),
                Operator::Default(minds, text) => Operator::Default(*minds, lenient(text)),
                Operator::Required(minds, text) => Operator::Required(*minds, lenient(text)),
                Operator::Alternative(minds, text) => Operator::Alternative(*minds, lenient(text)),
            },
            ..variable.clone()
        }),
    });
    TemplateText {
        segments: segments.collect(),
    }
}

/// Returns the text of a scalar as Compose reads it where it wants text.
pub(super) fn scalar(node: &Node, mode: Mode) -> Option<String> {
    match &node.value {
        Value::Text(text) => text.known(mode).map(str::to_owned),
        Value::Integer { value, .. } => Some(value.to_string()),
        Value::Float(value) => Some(format_float(*value)),
        Value::Bool(value) => Some(value.to_string()),
        Value::Date(date) => Some(date.to_string()),
        Value::Table(_) | Value::List(_) | Value::Null | Value::Poison => None,
    }
}
