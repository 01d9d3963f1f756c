//! Values that must not be seen.

use std::fmt;
use std::ops::Range;

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

/// Returns `text` with the value of every `NAME=value` in it masked whose name tells a secret, such as `--db-password=x`, and of every
/// default in `${NAME:-x}`.
pub fn mask_secret_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', '{']) {
        let is_reference = rest[at..].starts_with('{') && rest[..at].ends_with('$');
        let (head, tail) = rest.split_at(at + 1);
        out.push_str(head);
        rest = tail;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if is_reference {
            let end = rest.find(|c| !is_part(c) || c == '-').unwrap_or(rest.len());
            let is_secret = is_secret_name(&rest[..end]) && !rest[end..].starts_with('}');
            let close = rest.find('}').filter(|_| is_secret);
            if let Some(close) = close {
                let operator = end
                    + rest[end..close]
                        .find(|c: char| !matches!(c, ':' | '-' | '?' | '+'))
                        .unwrap_or(close - end);
                out.push_str(&rest[..operator]);
                out.push_str("***");
                rest = &rest[close..];
            }
        } else if head.ends_with('=') {
            let before = &head[..at];
            let start = before.rfind(|c| !is_part(c)).map_or(0, |at| at + 1);
            let end = rest
                .find([' ', '\n', '&', ';', '"', '\''])
                .unwrap_or(rest.len());
            // A reference shows nothing.
            if is_secret_name(&before[start..]) && end > 0 && !rest.starts_with('$') {
                out.push_str("***");
                rest = &rest[end..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Returns `text` with the password of every `scheme://user:password@host` in it replaced by `***`.
pub fn mask_url_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for password in url_passwords(text) {
        out.push_str(&text[done..password.start]);
        out.push_str("***");
        done = password.end;
    }
    out.push_str(&text[done..]);
    out
}

/// Returns where the password of every `scheme://user:password@host` in `text` stands, in order.
pub fn url_passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        let tail = &text[start..];
        let end = tail
            .find(['/', ' ', '?', '#', '"', '\''])
            .unwrap_or(tail.len());
        let authority = &tail[..end];
        let colon = authority
            .rfind('@')
            .and_then(|at| authority[..at].find(':').map(|colon| (colon, at)));
        if let Some((colon, at)) = colon
            && colon + 1 < at
        {
            found.push(start + colon + 1..start + at);
        }
        from = start + end;
    }
    found
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
    fn words_with_a_secret_name_are_masked() {
        for (text, masked) in [
            (
                "run --db-password=hunter2 --level=info",
                "run --db-password=*** --level=info",
            ),
            ("API_TOKEN=a B=c", "API_TOKEN=*** B=c"),
            ("x ${DB_PASSWORD:-hunter2} y", "x ${DB_PASSWORD:-***} y"),
            (
                "${DB_PASSWORD} ${LEVEL:-info}",
                "${DB_PASSWORD} ${LEVEL:-info}",
            ),
            (
                "PASSWORD=${DB_PASSWORD:?say it}",
                "PASSWORD=${DB_PASSWORD:?***}",
            ),
            ("a = b { c", "a = b { c"),
        ] {
            assert_eq!(mask_secret_words(text), masked);
        }
    }

    #[test]
    fn url_passwords_are_masked() {
        assert_eq!(
            mask_url_passwords("postgres://u:p@h/db and redis://:@r:1"),
            "postgres://u:***@h/db and redis://:@r:1"
        );
    }
}
