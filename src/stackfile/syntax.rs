//! Reads the TOML of each file; what is none is told with its place.

use crate::model::{FileId, FileRole, Sources};

use super::tree::{Node, Site, from_toml};
use super::{Code, Diagnostic};

/// Parsers that go on after a mistake report its consequences too, so no more than this many are shown for a file.
const SHOWN: usize = 3;

/// Parses stack.toml and its includes.
pub(super) fn parse_all(sources: &Sources, told: &mut Vec<Diagnostic>) -> Vec<(FileId, Node)> {
    let mut parsed = Vec::new();
    for (index, file) in sources.files.iter().enumerate() {
        let id = FileId(index);
        if let (FileRole::Main | FileRole::Include, Some(text)) = (file.role, &file.text) {
            let (table, errors) = toml::de::DeTable::parse_recoverable(text);
            let mut lines = Vec::new();
            for error in &errors {
                let diagnostic = not_toml(id, text, error);
                let line = text[..diagnostic.primary.span.start].matches('\n').count();
                // Several errors in one line are one mistake.
                if !lines.contains(&line) && lines.len() < SHOWN {
                    lines.push(line);
                    told.push(diagnostic);
                }
            }
            parsed.push((id, from_toml(id, &table)));
        }
    }
    parsed
}

fn not_toml(file: FileId, text: &str, error: &toml::de::Error) -> Diagnostic {
    let mut span = error.span().unwrap_or(0..0);
    span.start = span.start.min(text.len());
    span.end = span.end.clamp(span.start, text.len());
    while !text.is_char_boundary(span.start) {
        span.start -= 1;
    }
    while !text.is_char_boundary(span.end) {
        span.end += 1;
    }
    // What is missing at the end of a line is shown at its end, not at the beginning of the next one.
    if span.start > 0 && text[span.start..span.end].starts_with('\n') {
        span.end = span.start;
    }
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    let (message, label) = match message.split_once("; expected ") {
        Some((message, expected)) => (message.to_owned(), format!("expected {expected}")),
        None => match message.split_once(", expected ") {
            Some((message, expected)) => (message.to_owned(), format!("expected {expected}")),
            None => (message, String::new()),
        },
    };
    let diagnostic = Diagnostic::error(
        Code::NotToml,
        message,
        Site::new(file, span.clone()).label(label),
    );
    match help(text, span.start) {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// Recognises habits of YAML and of shells.
fn help(text: &str, at: usize) -> Option<String> {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next()?.trim();
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let value = value.trim();
    (is_key && !line.contains('=')).then(|| match value {
        "" => format!("TOML opens a table with [{key}]"),
        _ => format!("TOML writes {key} = {value:?}"),
    })
}
