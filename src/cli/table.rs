//! Rows of text under each other.

use unicode_width::UnicodeWidthStr;

/// Returns `rows` as lines with columns as wide as their contents and two blanks between them. Colour codes take no room.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(visible_width(cell));
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        // A column that is empty throughout takes no room.
        for (width, cell) in widths.iter().zip(row).filter(|(width, _)| **width > 0) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - visible_width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Returns how many columns a text takes, without the codes of colours in it.
pub(crate) fn visible_width(text: &str) -> usize {
    if !text.contains('\u{1b}') {
        return text.width();
    }
    anstream::adapter::strip_str(text).to_string().width()
}

/// Returns `text` cut to `width` columns, with an ellipsis where something was taken away.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if visible_width(text) <= width {
        return text.to_owned();
    }
    let plain = anstream::adapter::strip_str(text).to_string();
    let mut kept = String::new();
    for letter in plain.chars() {
        if kept.width() + letter.to_string().as_str().width() >= width {
            break;
        }
        kept.push(letter);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_contents_and_colour_takes_no_room() {
        let rows = [
            ["\u{1b}[1ma\u{1b}[0m".to_owned(), "b".to_owned()],
            ["longer".to_owned(), String::new()],
        ];
        let text = anstream::adapter::strip_str(&columns(&rows)).to_string();
        assert_eq!(text, "a       b\nlonger\n");
    }

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }
}
