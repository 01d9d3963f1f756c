//! What holds where no layer says anything, from the language itself.

use super::super::language::{Field, ROOT, Shape};

/// What the language says of a path.
pub(super) struct Known {
    /// The key at its end; none where that is a name of the user's.
    pub(super) field: Option<&'static Field>,
    /// What may stand there.
    shape: Shape,
    /// How many keys lead to the last name of the user's: it has to be there.
    pub(super) named: usize,
}

impl Known {
    /// Returns the keys that may stand below it.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        keys_of(self.shape)
    }
}

/// A table with names of the user's has none of the language's.
fn keys_of(shape: Shape) -> Vec<&'static str> {
    match shape {
        Shape::Table(table) | Shape::Short(table) => {
            table.fields().map(|field| field.key).collect()
        }
        Shape::Fixed(inner) | Shape::Layered(inner) => keys_of(*inner),
        Shape::Either(shapes) => shapes.iter().flat_map(|shape| keys_of(*shape)).collect(),
        _ => Vec::new(),
    }
}

/// Returns what the language says of a path; none where there can be no such key.
pub(super) fn known(path: &[String]) -> Option<Known> {
    let root = Known {
        field: None,
        shape: Shape::Table(&ROOT),
        named: 0,
    };
    path.iter().enumerate().try_fold(root, |known, (at, key)| {
        let (field, shape) = below(known.shape, key)?;
        let named = if field.is_none() { at + 1 } else { known.named };
        Some(Known {
            field,
            shape,
            named,
        })
    })
}

fn below(shape: Shape, key: &str) -> Option<(Option<&'static Field>, Shape)> {
    match shape {
        Shape::Table(table) | Shape::Short(table) => {
            let field = table.field(key)?;
            Some((Some(field), field.shape))
        }
        Shape::Map(inner)
        | Shape::Pairs(inner)
        | Shape::Names(inner)
        | Shape::Section(_, inner) => Some((None, *inner)),
        Shape::Fixed(inner) | Shape::Layered(inner) => below(*inner, key),
        Shape::Either(shapes) => shapes.iter().find_map(|shape| below(*shape, key)),
        _ => None,
    }
}
