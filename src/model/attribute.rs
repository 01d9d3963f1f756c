//! Attributes of the Compose Specification that no part of stackgen but the decoder and the renderer has to understand.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Bytes, Form, NanoCpus};

/// Attributes by name, in the order of the specification; extension keys (`x-…`) come last, in the file's order.
pub type Attributes<F> = IndexMap<String, Attribute<F>>;

/// The value of an attribute, of the type that the specification gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute<F: Form> {
    /// Nothing, where Compose tells that from absent.
    Null,
    /// A text.
    Text(F::Value<String>),
    /// A path of the host. In the template form as written; in the resolved form absolute.
    Path(F::Value<String>),
    /// A truth value.
    Flag(F::Value<bool>),
    /// A whole number.
    Number(F::Value<i64>),
    /// A number with a fraction, as text, so that it stays what it was.
    Real(F::Value<String>),
    /// A number of CPUs.
    Cpus(F::Value<NanoCpus>),
    /// A number of bytes.
    Size(F::Value<Bytes>),
    /// A time.
    Duration(F::Value<Duration>),
    /// The mode of a file.
    Mode(u32),
    /// A list.
    List(Vec<Attribute<F>>),
    /// A table whose keys are the specification's, in its order.
    Table(Attributes<F>),
    /// A table whose keys are the user's.
    Map(Attributes<F>),
}

impl<F: Form> Attribute<F> {
    /// Returns what is found by these keys, one below the other.
    pub fn get(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |at, key| match at {
            Self::Table(inner) | Self::Map(inner) => inner.get(*key),
            _ => None,
        })
    }

    /// Returns whether it is a list or a table with nothing in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Table(inner) | Self::Map(inner) => inner.is_empty(),
            _ => false,
        }
    }
}
