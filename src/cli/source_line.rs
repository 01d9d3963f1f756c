//! Cuts a line out of a source file for showing: tabs as blanks, secrets as `***`, long lines around what is marked.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::{FileRole, Sources, is_secret_name, mask_url_passwords};
use crate::stackfile::Annotation;

/// A longer line is described and not shown: what is secret in it could not be told from a part of it, and all of it is too much.
const LONGEST: usize = 8 * 1024;

/// A line as it is shown, and what of it is marked, in columns of the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) column: usize,
    pub(super) width: usize,
}

/// Returns the line that an annotation begins on; `None` where the file has no text.
pub(super) fn excerpt(sources: &Sources, at: &Annotation, room: usize) -> Option<Excerpt> {
    let file = sources.file(at.file);
    let text = file.text.as_deref()?;
    let start = at.span.start.min(text.len());
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let number = text[..line_start].matches('\n').count() + 1;
    if line.len() > LONGEST {
        return Some(Excerpt {
            number,
            text: format!("(a line of {} bytes)", line.len()),
            column: 0,
            width: 1,
        });
    }
    let from = (start - line_start).min(line.len());
    let to = at
        .span
        .end
        .saturating_sub(line_start)
        .clamp(from, line.len());
    let is_env = matches!(
        file.role,
        FileRole::StackEnv | FileRole::ServiceEnv | FileRole::ServiceFile | FileRole::EnvExample
    );
    let mut hidden = secrets(line, is_env);
    if is_in_secrets(&text[..line_start], line) {
        hidden.extend(content(line));
    }
    let pieces = masked(line, &hidden);
    let column = width_until(&pieces, from);
    let end = width_until(&pieces, to);
    let shown: String = pieces.iter().map(|(_, piece)| piece.as_str()).collect();
    let width = (end - column).max(1);
    Some(window(
        Excerpt {
            number,
            text: shown,
            column,
            width,
        },
        room,
    ))
}

/// Returns the bytes of a line that hold secrets.
fn secrets(line: &str, is_env: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if is_env {
        if let Some((name, value)) = line.split_once('=')
            && is_secret_name(name.trim().trim_start_matches("export "))
            && !is_reference(value)
        {
            found.push(name.len() + 1..line.len());
        }
        return found;
    }
    let mut at = 0;
    while let Some(equals) = line[at..].find('=').map(|found| at + found) {
        at = equals + 1;
        let name = line[..equals]
            .trim_end()
            .trim_end_matches(['"', '\''])
            .rsplit(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.')))
            .next()
            .unwrap_or_default();
        if !is_secret_name(name) {
            continue;
        }
        if let Some(range) = value_after(line, at)
            && !is_reference(&line[range.clone()])
        {
            at = range.end;
            found.push(range);
        }
    }
    found
}

/// Returns whether a line stands below `[secrets]`, whose `content` is one.
fn is_in_secrets(before: &str, line: &str) -> bool {
    let header = before
        .lines()
        .rfind(|line| line.trim_start().starts_with('['));
    line.contains("content") && header.is_some_and(|line| line.trim_start().starts_with("[secrets"))
}

/// Returns the bytes of the text after `content =`.
fn content(line: &str) -> Option<Range<usize>> {
    let at = line.find("content")? + "content".len();
    let equals = at + line[at..].find('=')? + 1;
    value_after(line, equals)
}

/// Returns the bytes of the text that begins after an equals sign, quotes left out.
fn value_after(line: &str, at: usize) -> Option<Range<usize>> {
    let rest = &line[at..];
    let start = at + (rest.len() - rest.trim_start().len());
    let first = line[start..].chars().next()?;
    match first {
        '"' | '\'' => {
            let inner = start + 1;
            let end = line[inner..]
                .find(first)
                .map_or(line.len(), |end| inner + end);
            Some(inner..end)
        }
        // Numbers, too; tables and lists hold keys or names of their own.
        c if c.is_alphanumeric() => {
            let end = line[start..]
                .find([',', '}', ']', ' ', '"', '\''])
                .map_or(line.len(), |end| start + end);
            Some(start..end)
        }
        _ => None,
    }
}

/// Returns whether a value only names a variable, and so gives nothing away.
fn is_reference(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || value
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        || matches!(value, "true" | "false" | "off" | "warn" | "fail")
}

/// Returns the line in pieces, each with the bytes it came from and as it is shown.
fn masked(line: &str, secrets: &[Range<usize>]) -> Vec<(Range<usize>, String)> {
    let mut pieces: Vec<(Range<usize>, String)> = Vec::new();
    let url_secrets = url_secrets(line);
    let mut hidden: Vec<Range<usize>> = secrets.iter().cloned().chain(url_secrets).collect();
    hidden.sort_by_key(|range| range.start);
    let mut at = 0;
    while at < line.len() {
        if let Some(range) = hidden
            .iter()
            .find(|range| range.start <= at && at < range.end)
        {
            pieces.push((at..range.end, "***".to_owned()));
            at = range.end;
            continue;
        }
        let Some(c) = line[at..].chars().next() else {
            break;
        };
        let shown = match c {
            '\t' => "    ".to_owned(),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        };
        pieces.push((at..at + c.len_utf8(), shown));
        at += c.len_utf8();
    }
    pieces
}

/// Returns the bytes of passwords in URLs.
fn url_secrets(line: &str) -> Vec<Range<usize>> {
    let masked = mask_url_passwords(line);
    if masked == line {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = line[at..].find("://").map(|found| at + found + 3) {
        let end = line[begin..]
            .find(['/', ' ', '?', '#', '"', '\''])
            .map_or(line.len(), |end| begin + end);
        let authority = &line[begin..end];
        if let Some(sign) = authority.rfind('@')
            && let Some(colon) = authority[..sign].find(':')
            && colon + 1 < sign
            && !is_reference(&authority[colon + 1..sign])
        {
            found.push(begin + colon + 1..begin + sign);
        }
        at = end;
    }
    found
}

fn width_until(pieces: &[(Range<usize>, String)], at: usize) -> usize {
    pieces
        .iter()
        .take_while(|(range, _)| range.start < at)
        .map(|(_, piece)| piece.width())
        .sum()
}

/// Cuts a line that is too long down to what is around the mark.
fn window(excerpt: Excerpt, room: usize) -> Excerpt {
    if excerpt.text.width() <= room || room < 20 {
        return excerpt;
    }
    let width = excerpt.width.min(room - 2);
    let skipped = if excerpt.column + width < room {
        0
    } else {
        (excerpt.column + width + 1).saturating_sub(room) + 1
    };
    let mut text = String::new();
    let mut column = 0;
    for c in excerpt.text.chars() {
        let wide = c.width().unwrap_or(0);
        if column >= skipped && column - skipped + wide < room {
            text.push(c);
        }
        column += wide;
    }
    if skipped > 0 {
        text = format!("…{}", text.chars().skip(1).collect::<String>());
    }
    if column - skipped >= room {
        text.push('…');
    }
    Excerpt {
        text,
        column: excerpt.column - skipped,
        width,
        ..excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, is_env: bool) -> String {
        masked(line, &secrets(line, is_env))
            .into_iter()
            .map(|(_, piece)| piece)
            .collect()
    }

    #[test]
    fn secrets_never_stand_in_a_source_line() {
        for (line, expected) in [
            (
                r#"POSTGRES_PASSWORD = "hunter2""#,
                r#"POSTGRES_PASSWORD = "***""#,
            ),
            (
                r#"env = { A_TOKEN = "x", B = "y" }"#,
                r#"env = { A_TOKEN = "***", B = "y" }"#,
            ),
            (
                r#"list = ["API_KEY=hunter2", "b"]"#,
                r#"list = ["API_KEY=***", "b"]"#,
            ),
            (r#"PASSWORD = "${PASSWORD}""#, r#"PASSWORD = "${PASSWORD}""#),
            (
                r#"PASSWORD = "${PASSWORD:-hunter2}""#,
                r#"PASSWORD = "***""#,
            ),
            (r#"PASSWORD_FILE = "/run/x""#, r#"PASSWORD_FILE = "/run/x""#),
            (
                r#"url = "redis://u:hunter2@r:1""#,
                r#"url = "redis://u:***@r:1""#,
            ),
        ] {
            assert_eq!(shown(line, false), expected);
        }
        assert_eq!(shown("API_KEY=a b c", true), "API_KEY=***");
        assert_eq!(shown("LEVEL=info", true), "LEVEL=info");
    }
}
