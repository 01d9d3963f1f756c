//! Values that must not be seen.

use std::fmt;

/// A text that prints as `***` wherever it is printed by accident. [`SecretText::expose`] is the one way in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Words in a key or variable name that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["PASS", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];

/// Returns whether a value under `name` is a secret by its name, such as `POSTGRES_PASSWORD` or `apiToken`.
///
/// `name` may be a dotted path; its last part counts. A name that ends in `_FILE`, `_CMD` or `_PATH` tells where a secret is and is
/// none itself.
pub fn is_secret_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_uppercase();
    let is_pointer = ["_FILE", "_CMD", "_PATH"]
        .iter()
        .any(|end| last.ends_with(end));
    !is_pointer && SECRET_WORDS.iter().any(|word| last.contains(word))
}

/// Returns `text` with the password of every `scheme://user:password@host` in it replaced by `***`.
pub fn mask_url_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        let end = tail
            .find(['/', ' ', '?', '#', '"', '\''])
            .unwrap_or(tail.len());
        let authority = &tail[..end];
        match authority
            .rfind('@')
            .and_then(|at| authority[..at].find(':').map(|colon| (colon, at)))
        {
            Some((colon, at)) if colon + 1 < at => {
                out.push_str(&authority[..=colon]);
                out.push_str("***");
                out.push_str(&authority[at..]);
            }
            _ => out.push_str(authority),
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_never_prints() {
        let secret = SecretText::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn names_tell_secrets() {
        assert!(is_secret_name("POSTGRES_PASSWORD"));
        assert!(is_secret_name("environment.api_token"));
        assert!(!is_secret_name("POSTGRES_PASSWORD_FILE"));
        assert!(!is_secret_name("LOG_LEVEL"));
    }

    #[test]
    fn url_passwords_are_masked() {
        assert_eq!(
            mask_url_passwords("postgres://u:p@h/db and redis://:@r:1"),
            "postgres://u:***@h/db and redis://:@r:1"
        );
    }
}
