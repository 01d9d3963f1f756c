//! Reads env files by Compose's rules: `#` after a blank begins a comment, single quotes are literal, double quotes know escapes and may
//! span lines, `export` and `K: v` are fine, and a bare name takes its value from the environment.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::{ENV_VALUES, FileId};

use super::diagnostic::MISTAKES;
use super::tree::Site;
use super::{Code, Diagnostic};

/// One variable of an env file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvEntry {
    pub(super) name: String,
    /// The value; `None` for a bare name.
    pub(super) value: Option<EnvValue>,
    /// The bytes of the whole entry.
    pub(super) span: Range<usize>,
}

/// A value, and whether `${…}` in it are variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvValue {
    pub(super) text: String,
    pub(super) is_literal: bool,
}

/// A line that is no variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvMistake {
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

impl EnvMistake {
    /// Returns the diagnostic for it.
    pub(super) fn tell(self, file: FileId) -> Diagnostic {
        let site = Site::new(file, self.span);
        Diagnostic::error(Code::BadEnvFile, self.message, site.label(""))
            .with_help("NAME=value, one in each line")
    }
}

/// Parses an env file. Lines that are none are told apart from those that are.
pub(super) fn parse(text: &str) -> (Vec<EnvEntry>, Vec<EnvMistake>) {
    let mut entries = Vec::new();
    let mut mistakes = Vec::new();
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while at < text.len() && mistakes.len() < MISTAKES {
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let line = &text[at..line_end];
        let trimmed = line.trim_start();
        if trimmed.trim().is_empty() || trimmed.starts_with('#') {
            at = line_end + 1;
            continue;
        }
        let start = at + (line.len() - trimmed.len());
        match entry(text, start, line_end) {
            Ok((entry, _)) if entries.len() == ENV_VALUES => {
                mistakes.push(EnvMistake {
                    message: format!("more than {ENV_VALUES} variables in one file"),
                    span: entry.span,
                });
                break;
            }
            Ok((entry, end)) => {
                entries.push(entry);
                at = end;
            }
            Err(mistake) => {
                mistakes.push(mistake);
                at = line_end + 1;
            }
        }
    }
    (entries, mistakes)
}

/// Returns the variables of an env file whose values depend on nothing else.
pub fn constants(text: &str) -> BTreeMap<String, String> {
    let (entries, _) = parse(text);
    let constant = |entry: EnvEntry| {
        let value = entry.value?;
        let is_constant = value.is_literal || !value.text.contains('$');
        is_constant.then_some((entry.name, value.text))
    };
    entries.into_iter().filter_map(constant).collect()
}

/// Parses the entry that begins at `start`; returns it with where the next line begins.
fn entry(text: &str, start: usize, line_end: usize) -> Result<(EnvEntry, usize), EnvMistake> {
    let line = &text[start..line_end];
    let skipped = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => line.len() - rest.trim_start().len(),
        _ => 0,
    };
    let line = &line[skipped..];
    let mistake = |message: String| EnvMistake {
        message,
        span: start..start + text[start..line_end].trim_end().len(),
    };
    let name_end = line.find(['=', ':']);
    let name = line[..name_end.unwrap_or(line.len())].trim_end();
    let name = match name_end {
        // A comment may follow a bare name.
        None => name.split(" #").next().unwrap_or(name).trim_end(),
        Some(_) => name,
    };
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']'));
    if text[start..line_end].contains('\0') {
        return Err(mistake("a NUL byte, which no variable can hold".to_owned()));
    }
    if !is_name {
        return Err(mistake("this is no variable of an env file".to_owned()));
    }
    let Some(name_end) = name_end else {
        let entry = EnvEntry {
            name: name.to_owned(),
            value: None,
            span: start..start + skipped + name.len(),
        };
        return Ok((entry, line_end + 1));
    };
    let value_line = &line[name_end + 1..];
    let blank = value_line.len() - value_line.trim_start().len();
    let value_start = start + skipped + name_end + 1 + blank;
    let (value, end) = match text[value_start..].chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let close = closing_quote(&text[value_start + 1..], quote)
                .ok_or_else(|| mistake(format!("the quote {quote} is never closed")))?;
            let inner = &text[value_start + 1..value_start + 1 + close];
            let value = EnvValue {
                text: if quote == '"' {
                    unescape(inner)
                } else {
                    inner.replace("\\'", "'")
                },
                is_literal: quote == '\'',
            };
            (value, value_start + close + 2)
        }
        _ => {
            let value = unquoted(text[value_start..line_end.max(value_start)].trim_end());
            let end = value_start + value.len();
            let value = EnvValue {
                text: value.to_owned(),
                is_literal: false,
            };
            (value, end)
        }
    };
    let entry = EnvEntry {
        name: name.to_owned(),
        value: Some(value),
        span: start..end,
    };
    let next = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    Ok((entry, next))
}

/// Cuts a comment off an unquoted value: a `#` with a space before it. At the beginning of a value it begins none.
fn unquoted(value: &str) -> &str {
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end()
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == quote {
            return Some(at);
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('v') => out.push('\u{b}'),
            Some('f') => out.push('\u{c}'),
            // A dollar that is escaped is none of a variable.
            Some('$') => out.push_str("$$"),
            Some(c @ ('"' | '\\')) => out.push(c),
            Some(c) => {
                out.push('\\');
                out.push(c);
            }
            None => out.push('\\'),
        }
    }
    out
}

/// Parses a file of the format `raw`: what stands behind the first `=` is the value, quotes and `$` included.
pub(super) fn parse_raw(text: &str) -> Vec<EnvEntry> {
    let mut entries = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        let content = content.strip_suffix('\r').unwrap_or(content);
        let entry = content.trim_start_matches('\u{feff}').trim_start();
        let start = at + (content.len() - entry.len());
        at += line.len();
        if entry.is_empty() || entry.starts_with('#') {
            continue;
        }
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (entry, None),
        };
        entries.push(EnvEntry {
            name: name.trim_end().to_owned(),
            value: value.map(|value| EnvValue {
                text: value.to_owned(),
                is_literal: true,
            }),
            span: start..start + entry.len(),
        });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Option<String>)> {
        let (entries, mistakes) = parse(text);
        assert_eq!(mistakes, [], "{text}");
        entries
            .into_iter()
            .map(|entry| (entry.name, entry.value.map(|value| value.text)))
            .collect()
    }

    #[test]
    fn values_are_quoted_and_commented_as_in_compose() {
        for (text, name, value) in [
            ("A=b", "A", Some("b")),
            ("A = b # c", "A", Some("b")),
            ("A=b#c", "A", Some("b#c")),
            ("A=#c", "A", Some("#c")),
            ("A=b\t# c", "A", Some("b\t# c")),
            (r"A='b\'c'", "A", Some("b'c")),
            (r#"A="b\'c\v""#, "A", Some("b\\'c\u{b}")),
            ("A=\u{a0}b", "A", Some("b")),
            ("A='b # $c'", "A", Some("b # $c")),
            ("A=\"b\\nc\" # d", "A", Some("b\nc")),
            ("A=\"b\nc\"\n", "A", Some("b\nc")),
            ("export A=b", "A", Some("b")),
            ("A: b", "A", Some("b")),
            ("A", "A", None),
            ("A=", "A", Some("")),
            ("A=http://x:1/?a=b", "A", Some("http://x:1/?a=b")),
            ("A=b\r\n", "A", Some("b")),
            ("\u{feff}A=b", "A", Some("b")),
        ] {
            let expected = vec![(name.to_owned(), value.map(str::to_owned))];
            assert_eq!(values(text), expected, "{text:?}");
        }
    }

    #[test]
    fn lines_that_are_no_variables_are_told() {
        let (entries, mistakes) = parse("A=b\n== x\nB='open\nC=d\n");
        assert_eq!(entries.len(), 2);
        let spans: Vec<_> = mistakes.into_iter().map(|mistake| mistake.span).collect();
        assert_eq!(spans, [4..8, 9..16]);
    }

    #[test]
    fn raw_values_are_taken_as_they_stand() {
        let text = "# no\nA='x' # y\r\n\n  B=$C=d\nE\n";
        let entries = parse_raw(text);
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                let value = entry.value.as_ref().map(|value| value.text.as_str());
                (entry.name.as_str(), value, &text[entry.span.clone()])
            })
            .collect();
        let expected = [
            ("A", Some("'x' # y"), "A='x' # y"),
            ("B", Some("$C=d"), "B=$C=d"),
            ("E", None, "E"),
        ];
        assert_eq!(found, expected);
    }
}
