//! Tables and their keys.

use super::Shape;

/// A table of stack.toml: which keys it may have. Every table may have keys that begin with `x-`, too.
#[derive(Debug)]
pub struct Table {
    /// What the schema and the reference call it, such as `service`.
    pub name: &'static str,
    /// What messages call it, such as `a service`.
    pub what: &'static str,
    /// One or two sentences about it.
    pub doc: &'static str,
    /// Its keys, in groups that tables may share.
    pub groups: &'static [&'static [Field]],
    /// Keys of which it can have one.
    pub exclusive: &'static [&'static [&'static str]],
    /// Keys that are known elsewhere and that stackgen cannot do in this place.
    pub unsupported: &'static [&'static str],
    /// Keys of compose files for which stack.toml has another way, with that way.
    pub elsewhere: &'static [(&'static str, &'static str)],
    /// TOML that shows it in use; empty where its keys say enough.
    pub example: &'static str,
}

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What may stand there.
    pub shape: Shape,
    /// What it does, in one or two sentences.
    pub doc: &'static str,
    /// What holds where it is absent, as TOML.
    pub default: Option<&'static str>,
    /// Whether a table without it, in all its layers, is a mistake.
    pub is_required: bool,
    /// Values as they may be written, as TOML, where the shape's own would say little.
    pub examples: &'static [&'static str],
}

impl Table {
    /// Makes a table with one or more groups of keys.
    pub(super) const fn new(
        name: &'static str,
        what: &'static str,
        doc: &'static str,
        groups: &'static [&'static [Field]],
    ) -> Self {
        Self {
            name,
            what,
            doc,
            groups,
            exclusive: &[],
            unsupported: &[],
            elsewhere: &[],
            example: "",
        }
    }

    pub(super) const fn exclusive(mut self, keys: &'static [&'static [&'static str]]) -> Self {
        self.exclusive = keys;
        self
    }

    pub(super) const fn unsupported(mut self, keys: &'static [&'static str]) -> Self {
        self.unsupported = keys;
        self
    }

    pub(super) const fn elsewhere(mut self, keys: &'static [(&'static str, &'static str)]) -> Self {
        self.elsewhere = keys;
        self
    }

    pub(super) const fn example(mut self, toml: &'static str) -> Self {
        self.example = toml;
        self
    }

    /// Returns its keys.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// Returns a key by its name.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.key == key)
    }

    /// Returns whether a key is one of its own, or one that stack.toml says in another way.
    pub(in crate::stackfile) fn knows(&self, key: &str) -> bool {
        self.field(key).is_some() || self.elsewhere.iter().any(|(other, _)| *other == key)
    }

    /// Returns what stands in the place of a key of compose files.
    pub(in crate::stackfile) fn instead_of(&self, key: &str) -> &'static str {
        let mut elsewhere = self.elsewhere.iter();
        elsewhere
            .find(|(other, _)| *other == key)
            .map_or("", |(_, instead)| *instead)
    }

    /// Returns every table that can be reached from this one, itself first, each once.
    pub fn reachable(&'static self) -> Vec<&'static Table> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(table) = found.get(next).copied() {
            for field in table.fields() {
                field.shape.tables(&mut |inner| {
                    if !found.iter().any(|known| std::ptr::eq(*known, inner)) {
                        found.push(inner);
                    }
                });
            }
            next += 1;
        }
        found
    }
}

impl Shape {
    /// Calls `found` for each table that may stand here, not for those within.
    pub fn tables(&self, found: &mut impl FnMut(&'static Table)) {
        match *self {
            Self::Table(table) | Self::Short(table) | Self::Devices(table) => found(table),
            Self::List(inner)
            | Self::Array(inner)
            | Self::Map(inner)
            | Self::Pairs(inner)
            | Self::Names(inner)
            | Self::Section(_, inner)
            | Self::Fixed(inner)
            | Self::Layered(inner) => inner.tables(found),
            Self::Either(shapes) => shapes.iter().for_each(|shape| shape.tables(found)),
            _ => {}
        }
    }
}

impl Shape {
    /// Returns whether a table is what stands here.
    pub(in crate::stackfile) fn is_table(&self) -> bool {
        match self {
            Self::Map(_) | Self::Pairs(_) | Self::Names(_) | Self::Section(..) | Self::Table(_) => {
                true
            }
            Self::Fixed(inner) | Self::Layered(inner) => inner.is_table(),
            Self::Either(shapes) => shapes.iter().any(Self::is_table),
            _ => false,
        }
    }

    /// Returns whether these words, and no others, may stand here.
    pub(in crate::stackfile) fn has_words<'a>(&self, words: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Fixed(inner) => inner.has_words(words),
            Self::Word(known) => words.eq(known.iter().copied()),
            _ => false,
        }
    }
}

impl Field {
    pub(super) const fn or(mut self, toml: &'static str) -> Self {
        self.default = Some(toml);
        self
    }

    pub(super) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    pub(super) const fn like(mut self, toml: &'static [&'static str]) -> Self {
        self.examples = toml;
        self
    }
}

/// Makes a key.
pub(super) const fn key(key: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field {
        key,
        shape,
        doc,
        default: None,
        is_required: false,
        examples: &[],
    }
}

/// Returns the names of so many keys, for a table that refuses them.
pub(super) const fn names<const N: usize>(fields: &[Field]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = fields[at].key;
        at += 1;
    }
    names
}
