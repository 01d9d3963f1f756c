//! Where in stack.toml a thing is, as a path of keys.

use std::fmt;

/// A path of keys from the top of stack.toml, such as `services.web.environment.LOG_LEVEL`. List items are numbered from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// Returns the path made of `keys`.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self(keys.into_iter().map(Into::into).collect())
    }

    /// Takes a path apart as it is displayed: keys between dots, one with dots in it in quotes.
    pub fn parse(text: &str) -> Self {
        let mut keys = vec![String::new()];
        let mut quote = None;
        for c in text.chars() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                ('.', None) => keys.push(String::new()),
                (c, _) => keys.last_mut().into_iter().for_each(|key| key.push(c)),
            }
        }
        Self(keys)
    }

    /// Returns this path with one more key at its end.
    pub fn join(&self, key: impl fmt::Display) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.to_string());
        Self(keys)
    }

    /// Returns this path without its last key; the empty path stays empty.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// Returns the keys in order.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// Returns the last key.
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// Returns whether this path is `other` or leads to it.
    pub fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for KeyPath {
    /// Joins the keys by dots, with quotes round keys that TOML would not take bare.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            let is_bare = !key.is_empty()
                && key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if is_bare {
                f.write_str(key)?;
            } else {
                write!(f, "{key:?}")?;
            }
        }
        Ok(())
    }
}

/// Returns the [`KeyPath`] made of its arguments.
#[macro_export]
macro_rules! key_path {
    ($($key:expr),* $(,)?) => { $crate::model::KeyPath::new([$($key.to_string()),*]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_quoted() {
        assert_eq!(
            KeyPath::new(["services", "web", "discovery.type"]).to_string(),
            "services.web.\"discovery.type\""
        );
        let path = KeyPath::parse("services.web.\"discovery.type\".x");
        assert_eq!(path.keys(), ["services", "web", "discovery.type", "x"]);
    }
}
