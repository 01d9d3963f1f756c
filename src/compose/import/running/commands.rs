//! Secrets in command lines: values of flags such as `--requirepass`, assignments such as `PGPASSWORD=…`, passwords in URLs.

use std::ops::Range;

use crate::model::{is_secret_name, url_passwords};

/// A secret within a word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it stands in the word.
    pub(super) span: Range<usize>,
    /// What the command line calls it: the flag or variable; `None` for the password of a URL.
    pub(super) name: Option<String>,
}

/// Returns the secrets of each word, in order.
pub(super) fn secrets_in(words: &[String]) -> Vec<Vec<Found>> {
    let mut flag = None;
    words
        .iter()
        .map(|word| {
            // A word with blanks is a script, such as that of `sh -c`.
            if word.contains(char::is_whitespace) {
                flag = None;
                return script(word);
            }
            one_word(word, &mut flag)
        })
        .collect()
}

fn script(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut flag = None;
    for word in text.split_whitespace() {
        let start = word.as_ptr().addr() - text.as_ptr().addr();
        for secret in one_word(word, &mut flag) {
            found.push(Found {
                span: start + secret.span.start..start + secret.span.end,
                name: secret.name,
            });
        }
    }
    found
}

/// Returns the secrets of a word; `flag` is the flag before it, and becomes the one that this word is.
fn one_word(word: &str, flag: &mut Option<String>) -> Vec<Found> {
    let before = flag.take();
    let whole = |range: Range<usize>, name: String| {
        vec![Found {
            span: unquoted(word, range),
            name: Some(name),
        }]
    };
    if let Some(name) = before
        && !word.starts_with('-')
        && is_value(word)
    {
        return whole(0..word.len(), name);
    }
    if let Some((name, value)) = word.split_once('=') {
        if is_value(value)
            && let Some(name) = secret_name(name)
        {
            return whole(word.len() - value.len()..word.len(), name);
        }
    } else if word.starts_with('-') {
        *flag = secret_name(word);
    }
    url_passwords(word)
        .into_iter()
        .map(|span| Found { span, name: None })
        .collect()
}

/// Returns what a flag or a variable in front of `=` is called, if it names a secret.
fn secret_name(word: &str) -> Option<String> {
    let is_flag = word.starts_with('-');
    let is_variable = word
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let name = word.trim_start_matches('-').replace('-', "_");
    ((is_flag || is_variable) && is_secret_name(&name)).then_some(name)
}

/// Returns whether a word can be a secret itself: a path says where it is, and a variable of the shell what it is called.
fn is_value(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'']);
    let is_number = word.chars().all(|c| c.is_ascii_digit());
    !is_number && !is_switch(word) && !word.starts_with('/') && !word.contains('$')
}

/// Returns whether a value switches something on or off, whatever its name.
pub(super) fn is_switch(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    ["true", "false", "yes", "no", "on", "off"].contains(&lower.as_str())
}

fn unquoted(word: &str, range: Range<usize>) -> Range<usize> {
    let text = &word[range.clone()];
    let inner = text.trim_matches(['"', '\'', ';']);
    let start = range.start + (inner.as_ptr().addr() - text.as_ptr().addr());
    start..start + inner.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str]) -> Vec<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let secrets = secrets_in(&words);
        words
            .iter()
            .zip(secrets)
            .flat_map(|(word, secrets)| {
                secrets
                    .into_iter()
                    .map(|secret| word[secret.span].to_owned())
            })
            .collect()
    }

    #[test]
    fn flags_assignments_and_urls_tell_secrets() {
        for (words, expected) in [
            (
                &["redis-server", "--requirepass", "hunter2"][..],
                &["hunter2"][..],
            ),
            (&["x", "--password=hunter2", "--tokens", "5"], &["hunter2"]),
            (
                &[
                    "sh",
                    "-c",
                    "PGPASSWORD='hunter2'; psql && redis-cli --pass \"other1\" ping",
                ],
                &["hunter2", "other1"],
            ),
            (&["x", "--dsn", "postgres://a:hunter2@db/x"], &["hunter2"]),
            (
                &["x", "--tls-key", "/etc/key.pem", "--password-file=/x"],
                &[],
            ),
            (&["x", "--password", "$PASSWORD", "--token", "--next"], &[]),
            (&["nginx", "-g", "daemon off;"], &[]),
        ] {
            assert_eq!(found(words), expected, "{words:?}");
        }
    }
}
