//! Text with `${…}` in it, as in the Compose Specification's section on interpolation.

use std::fmt;

/// A text that was taken apart into plain pieces and variables. `$$` has become a plain `$`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TemplateText {
    /// The pieces in order.
    pub segments: Vec<Segment>,
}

/// One piece of a [`TemplateText`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Text that stands for itself.
    Plain(String),
    /// A variable to be filled in.
    Variable(Variable),
}

/// A reference to a variable, `${NAME}` with its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// What to do where it is set, unset or empty.
    pub operator: Operator,
    /// Byte range of the whole reference within the text it was parsed from.
    pub span: std::ops::Range<usize>,
}

/// Which state of a variable an operator minds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minds {
    /// `-`, `?`, `+`: only whether it is set.
    Unset,
    /// `:-`, `:?`, `:+`: an empty value counts as unset.
    UnsetOrEmpty,
}

/// The operator behind a variable's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operator {
    /// `${V}` or `$V`.
    None,
    /// `${V-text}` or `${V:-text}`: text where it is unset.
    Default(Minds, TemplateText),
    /// `${V?message}` or `${V:?message}`: an error where it is unset.
    Required(Minds, TemplateText),
    /// `${V+text}` or `${V:+text}`: text where it is set, nothing elsewhere.
    Alternative(Minds, TemplateText),
}

impl fmt::Display for TemplateText {
    /// Writes the text as Compose reads it: `$` doubled, variables in braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Plain(text) => f.write_str(&text.replace('$', "$$"))?,
                Segment::Variable(variable) => write!(f, "{variable}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let colon = |minds: &Minds| {
            if *minds == Minds::UnsetOrEmpty {
                ":"
            } else {
                ""
            }
        };
        match &self.operator {
            Operator::None => write!(f, "${{{name}}}"),
            Operator::Default(minds, text) => write!(f, "${{{name}{}-{text}}}", colon(minds)),
            Operator::Required(minds, text) => write!(f, "${{{name}{}?{text}}}", colon(minds)),
            Operator::Alternative(minds, text) => write!(f, "${{{name}{}+{text}}}", colon(minds)),
        }
    }
}
