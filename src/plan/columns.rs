//! Columns of a terminal: tables, and what is cut, wrapped or set at the right end.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::TextOptions;

/// Returns rows as columns, each as wide as its widest cell; columns that are empty everywhere are left out.
pub(super) fn table(rows: &[Vec<String>], options: &TextOptions<'_>) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].width())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let least = if column == 0 { 3 } else { 0 };
            let width = widths[column].max(least);
            if width == 0 {
                continue;
            }
            line.push_str(cell);
            let gap = if column == 0 { 1 } else { 2 };
            line.push_str(&" ".repeat(width - cell.width() + gap));
        }
        let line = line.trim_end();
        let is_cut = line.width() > options.width && !options.verbose;
        out.push_str(&if is_cut {
            cut_end(line, options.width)
        } else {
            line.to_owned()
        });
        out.push('\n');
    }
    out
}

/// Returns a line with something at its right end.
pub(super) fn beside(mut line: String, right: &str, options: &TextOptions<'_>) -> String {
    if !right.is_empty() {
        let room = options.width.saturating_sub(line.width() + right.width());
        line.push_str(&" ".repeat(room.max(2)));
        line.push_str(right);
    }
    line
}

/// Cuts a text in the middle, so that it takes at most `room` columns.
pub(super) fn cut(text: &str, room: usize) -> String {
    let room = room.max(12);
    if text.width() <= room {
        return text.to_owned();
    }
    let half = (room - 1) / 2;
    let within = |used: &mut usize, c: char| {
        *used += c.width().unwrap_or(0);
        (*used <= half).then_some(c)
    };
    let head: String = text.chars().scan(0, within).collect();
    let tail: Vec<char> = text.chars().rev().scan(0, within).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
}

/// Cuts a text in the middle, unless everything is to be shown.
pub(super) fn whole_or_cut(text: &str, room: usize, options: &TextOptions<'_>) -> String {
    if options.verbose {
        text.to_owned()
    } else {
        cut(text, room)
    }
}

/// Cuts the end of a text, so that it takes at most `room` columns.
fn cut_end(text: &str, room: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if out.width() + c.width().unwrap_or(0) + 1 > room {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Breaks a line at spaces, with what follows below its first word.
pub(super) fn wrapped(label: &str, line: &str, width: usize) -> String {
    let indent = 10.max(label.width() + 2);
    let mut out = format!("{label:<indent$}");
    let mut column = indent;
    for (index, word) in line.split(' ').enumerate() {
        if index > 0 {
            if column + 1 + word.width() > width.max(40) {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                column = indent;
            } else {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += word.width();
    }
    out
}
