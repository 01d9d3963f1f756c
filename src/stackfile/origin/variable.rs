//! Where the variables of a value come from.

use crate::model::{KeyPath, Operator, Segment, TemplateText};

use super::super::tree::{Node, Value};
use super::super::variables::Variables;
use super::explanation::{Layer, VariableOrigin, VariableSource};
use super::history::History;
use super::shown::Shower;

/// Constants may refer to constants; deeper than this it is a circle.
const DEPTH: usize = 16;

/// Looks variables up.
pub(super) struct Origins<'a> {
    pub(super) variables: &'a Variables<'a>,
    pub(super) history: &'a History<'a>,
    pub(super) shower: &'a Shower,
}

impl Origins<'_> {
    /// Returns the variables in all texts of a value, each once, those that `[vars]` refers to after it.
    pub(super) fn of(&self, node: &Node) -> Vec<VariableOrigin> {
        let mut found = Vec::new();
        self.walk(node, &mut found);
        found
    }

    fn walk(&self, node: &Node, found: &mut Vec<VariableOrigin>) {
        match &node.value {
            Value::Table(table) => table.values().for_each(|inner| self.walk(inner, found)),
            Value::List(items) => items.iter().for_each(|item| self.walk(item, found)),
            Value::Text(text) => {
                if let Ok(text) = TemplateText::parse(&text.raw) {
                    self.of_text(&text, DEPTH, found);
                }
            }
            _ => {}
        }
    }

    fn of_text(&self, text: &TemplateText, depth: usize, found: &mut Vec<VariableOrigin>) {
        for segment in &text.segments {
            let Segment::Variable(variable) = segment else {
                continue;
            };
            if found.iter().any(|it| it.name == variable.name) {
                continue;
            }
            let origin = self.origin(&variable.name, &variable.operator);
            let is_constant = origin.source == VariableSource::Vars;
            found.push(origin);
            match &variable.operator {
                Operator::None => {}
                Operator::Default(_, text)
                | Operator::Required(_, text)
                | Operator::Alternative(_, text) => self.of_text(text, depth, found),
            }
            let constant = self.variables.constant(&variable.name);
            if let (true, Some(constant), Some(depth)) =
                (is_constant, constant, depth.checked_sub(1))
            {
                self.of_text(constant, depth, found);
            }
        }
    }

    fn origin(&self, name: &str, operator: &Operator) -> VariableOrigin {
        let path = KeyPath::new(["vars", name]);
        let mut said = self
            .history
            .contributions(&path, self.variables, self.shower);
        let source_of = |layer: &Layer| match layer {
            Layer::EnvFile => VariableSource::EnvFile,
            Layer::Environment => VariableSource::Environment,
            Layer::Defaults | Layer::Mixin(_) | Layer::DefaultArgs(_) | Layer::Own(_) => {
                VariableSource::Vars
            }
        };
        let Some(top) = said.pop() else {
            let (source, value) = match operator {
                Operator::Default(_, text) => {
                    let text = text.resolve(&|name| self.variables.lookup(name));
                    let text = text.ok().map(|text| self.shower.variable(name, &text));
                    (VariableSource::Default, text)
                }
                Operator::None | Operator::Required(..) | Operator::Alternative(..) => {
                    (VariableSource::Unset, None)
                }
            };
            return VariableOrigin {
                name: name.to_owned(),
                source,
                value,
                place: None,
                over: Vec::new(),
            };
        };
        let value = self.variables.lookup(name);
        let lower = said.into_iter().rev();
        VariableOrigin {
            name: name.to_owned(),
            source: source_of(&top.layer),
            value: value.map(|value| self.shower.variable(name, &value)),
            place: top.place,
            over: lower
                .filter_map(|it| Some((source_of(&it.layer), it.place?)))
                .collect(),
        }
    }
}
