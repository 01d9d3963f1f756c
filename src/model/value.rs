//! The two forms in which a stack exists: with its `${…}` kept, and with them filled in.

use std::fmt::Debug;

use super::TemplateText;

/// One of the two forms of a stack. A field of type `F::Value<T>` is a `T` in the [`Resolved`] form, and a `T` or a text with
/// `${…}` in the [`Template`] form. One decoder serves both, so they cannot drift apart.
pub trait Form: Clone + Debug + PartialEq + Eq + Send + Sync + 'static {
    /// How a value that the user may write with `${…}` is held.
    type Value<T: Clone + Debug + PartialEq + Eq + Send + Sync>: Clone
        + Debug
        + PartialEq
        + Eq
        + Send
        + Sync;

    /// Holds a value that is known.
    fn literal<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: T) -> Self::Value<T>;

    /// Holds a text with variables; `None` in the form that has none.
    fn raw<T: Clone + Debug + PartialEq + Eq + Send + Sync>(
        text: TemplateText,
    ) -> Option<Self::Value<T>>;

    /// Returns the value where it is known.
    fn known<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: &Self::Value<T>)
    -> Option<&T>;
}

/// The form in which `${…}` are kept as written: for rendering and history, where no value of this machine may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {}

impl Form for Template {
    type Value<T: Clone + Debug + PartialEq + Eq + Send + Sync> = Templated<T>;

    fn literal<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: T) -> Templated<T> {
        Templated::Literal(value)
    }

    fn raw<T: Clone + Debug + PartialEq + Eq + Send + Sync>(
        text: TemplateText,
    ) -> Option<Templated<T>> {
        Some(Templated::Raw(Box::new(text)))
    }

    fn known<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: &Templated<T>) -> Option<&T> {
        value.literal()
    }
}

/// The form in which every variable is filled in: for planning and running.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resolved {}

impl Form for Resolved {
    type Value<T: Clone + Debug + PartialEq + Eq + Send + Sync> = T;

    fn literal<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: T) -> T {
        value
    }

    fn raw<T: Clone + Debug + PartialEq + Eq + Send + Sync>(_text: TemplateText) -> Option<T> {
        None
    }

    fn known<T: Clone + Debug + PartialEq + Eq + Send + Sync>(value: &T) -> Option<&T> {
        Some(value)
    }
}

/// A value that is either known as it stands in the file, or depends on variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Templated<T> {
    /// Holds no variable.
    Literal(T),
    /// Holds at least one `${…}`; what it is becomes known when they are filled in. In a box, so that a text without any takes no more
    /// room than it does alone: there are forty of them in every container.
    Raw(Box<TemplateText>),
}

impl<T> Templated<T> {
    /// Returns the value where it depends on no variable.
    pub fn literal(&self) -> Option<&T> {
        match self {
            Self::Literal(value) => Some(value),
            Self::Raw(_) => None,
        }
    }
}
