//! Reads the TOML of each file; what is none is told with its place.

use std::ops::Range;

use crate::model::{FileId, FileRole, Sources, TomlBudget};

use super::tree::{Node, Site, from_toml};
use super::{Code, Diagnostic, pieces};

/// Parsers that go on after a mistake report its consequences too, so no more than this many are shown for a file.
const SHOWN: usize = 3;

/// What the parser says of a key or table that is there already.
const DUPLICATE: &str = "duplicate key";

/// Parses stack.toml and its includes. What is told as [`Code::NotToml`] leaves nothing that could be read on.
pub(super) fn parse_all(sources: &Sources, told: &mut Vec<Diagnostic>) -> Vec<(FileId, Node)> {
    let mut parsed = Vec::new();
    let mut budget = TomlBudget::default();
    for (index, file) in sources.files.iter().enumerate() {
        let id = FileId(index);
        if let (FileRole::Main | FileRole::Include, Some(text)) = (file.role, &file.text) {
            if let Err((excess, span)) = budget.take(text) {
                let at = Site::new(id, span).label("here");
                told.push(Diagnostic::error(Code::TooLarge, excess.to_string(), at));
                continue;
            }
            parsed.push((id, parse(id, text, told)));
        }
    }
    parsed
}

/// Parses one file.
fn parse(file: FileId, text: &str, told: &mut Vec<Diagnostic>) -> Node {
    if let Some(node) = pieces::parse(file, text) {
        return node;
    }
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    tell(file, text, &errors, told);
    from_toml(file, 0, table)
}

/// Tells what the parser found: several errors in one line, and what stands twice since its table does, are one mistake.
fn tell(file: FileId, text: &str, errors: &[toml::de::Error], told: &mut Vec<Diagnostic>) {
    let mut lines = Vec::new();
    let mut twice = 0..0;
    for error in errors {
        let span = span_of(error, text);
        if error.message() == DUPLICATE {
            if !twice.contains(&span.start) {
                if line_at(text, span.start).1.starts_with('[') {
                    twice = span.start..next_table(text, span.start);
                }
                told.push(duplicate(file, text, span));
            }
            continue;
        }
        let diagnostic = not_toml(file, text, error, span);
        let line = text[..diagnostic.primary.span.start].matches('\n').count();
        // The items of a list in YAML follow from the line above them.
        let is_item = line_at(text, diagnostic.primary.span.start)
            .1
            .starts_with("- ");
        if is_item && !lines.is_empty() {
            continue;
        }
        if !lines.contains(&line) && lines.len() < SHOWN {
            lines.push(line);
            told.push(diagnostic);
        }
    }
}

/// Returns the bytes that an error is about, on the boundaries of characters.
fn span_of(error: &toml::de::Error, text: &str) -> Range<usize> {
    let mut span = error.span().unwrap_or(0..0);
    span.start = span.start.min(text.len());
    span.end = span.end.clamp(span.start, text.len());
    while !text.is_char_boundary(span.start) {
        span.start -= 1;
    }
    while !text.is_char_boundary(span.end) {
        span.end += 1;
    }
    span
}

/// Returns the line around a byte, without the blanks around it, and where it begins.
fn line_at(text: &str, at: usize) -> (usize, &str) {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    (start + line.len() - line.trim_start().len(), line.trim())
}

/// Returns where the table ends that is opened around a byte.
fn next_table(text: &str, at: usize) -> usize {
    text[at..]
        .find("\n[")
        .map_or(text.len(), |end| at + end + 1)
}

/// Tells a key or a table that is there already.
fn duplicate(file: FileId, text: &str, span: Range<usize>) -> Diagnostic {
    let (start, line) = line_at(text, span.start);
    let (what, span) = match line.strip_prefix('[') {
        Some(rest) => {
            let length = rest.rfind(']').map_or(line.len(), |at| at + 2);
            (line[..length].to_owned(), start..start + length)
        }
        None => (format!("`{}`", &text[span.clone()]), span),
    };
    let first = earlier(text, &span, line.starts_with('['));
    let message = format!("{what} is there twice");
    let told = Diagnostic::error(
        Code::DuplicateName,
        message,
        Site::new(file, span).label(""),
    );
    match first {
        Some(first) => told.with_secondary(Site::new(file, first).label("first here")),
        None => told,
    }
}

/// Finds the line that has the same table, or within the table the same key.
fn earlier(text: &str, span: &Range<usize>, is_table: bool) -> Option<Range<usize>> {
    let wanted = &text[span.clone()];
    let before = &text[..line_at(text, span.start).0];
    let from = match is_table {
        true => 0,
        false => before.rfind("\n[").map_or(0, |at| at + 1),
    };
    let mut at = from;
    for line in before[from..].split_inclusive('\n') {
        let start = at + line.len() - line.trim_start().len();
        if let Some(rest) = line.trim_start().strip_prefix(wanted)
            && (is_table || rest.trim_start().starts_with('='))
        {
            return Some(start..start + wanted.len());
        }
        at += line.len();
    }
    // Within an inline table the two stand in one line.
    let line = &text[before.len()..span.start];
    let is_key = |rest: &str| rest.trim_start().starts_with('=');
    let found = line
        .match_indices(wanted)
        .find(|(at, _)| !is_table && is_key(&line[at + wanted.len()..]));
    found.map(|(at, _)| before.len() + at..before.len() + at + wanted.len())
}

fn not_toml(
    file: FileId,
    text: &str,
    error: &toml::de::Error,
    mut span: Range<usize>,
) -> Diagnostic {
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
    let message = match (message.as_str(), label.as_str()) {
        ("invalid basic string", "expected `\"`") => "the quote \" is never closed".to_owned(),
        ("invalid literal string", "expected `'`") => "the quote ' is never closed".to_owned(),
        _ => message,
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

/// Returns whether the line after the first one is an item of a list in YAML.
fn is_before_list(text: &str) -> bool {
    let next = text.lines().skip(1).find(|line| !line.trim().is_empty());
    next.is_some_and(|line| line.trim_start().starts_with("- "))
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
        "" if is_before_list(&text[start..]) => format!("TOML writes {key} = [\"…\", \"…\"]"),
        "" => format!("TOML opens a table with [{key}]"),
        _ => format!("TOML writes {key} = {value:?}"),
    })
}
