//! Finds the bytes of a file that a part of a TOML string came from.

use std::ops::Range;

/// Returns the bytes of `source` that spell the bytes `part` of the string which stands at `span`, quotes included in `span`.
pub(super) fn within_string(source: &str, span: &Range<usize>, part: Range<usize>) -> Range<usize> {
    let Some(literal) = source.get(span.clone()) else {
        return span.clone();
    };
    let quotes = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|quotes| literal.starts_with(quotes) && literal.len() >= 2 * quotes.len());
    let Some(quotes) = quotes else {
        return span.clone();
    };
    let mut at = quotes.len();
    if quotes.len() == 3 {
        // A line break right after the opening quotes is no part of the string.
        let rest = &literal[at..];
        at += if rest.starts_with("\r\n") {
            2
        } else {
            usize::from(rest.starts_with('\n'))
        };
    }
    let end = literal.len() - quotes.len();
    let mut decoded = 0;
    let (mut from, mut to) = (None, None);
    while at < end {
        let (raw, cooked) = step(&literal[at..end], quotes.starts_with('"'));
        if decoded >= part.end && from.is_some() {
            to = Some(at);
            break;
        }
        // What means nothing, such as an escaped line break, belongs to what stands before it.
        if decoded >= part.start && from.is_none() && cooked > 0 {
            from = Some(at);
        }
        at += raw;
        decoded += cooked;
    }
    let from = from.unwrap_or(end);
    let to = to.unwrap_or(end).max(from);
    span.start + from..span.start + to
}

/// Returns how many bytes the first piece of a string takes as written, and how many it means.
fn step(text: &str, is_basic: bool) -> (usize, usize) {
    let Some(first) = text.chars().next() else {
        return (1, 0);
    };
    if first != '\\' || !is_basic {
        return (first.len_utf8(), first.len_utf8());
    }
    let digits = match text.chars().nth(1) {
        Some('x') => 2,
        Some('u') => 4,
        Some('U') => 8,
        Some(c) if c.is_whitespace() => {
            let blank = text[1..]
                .find(|c: char| !c.is_whitespace())
                .unwrap_or(text.len() - 1);
            return (1 + blank, 0);
        }
        Some(c) => return (1 + c.len_utf8(), 1),
        None => return (1, 1),
    };
    let meant = text
        .get(2..2 + digits)
        .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        .and_then(char::from_u32)
        .map_or(1, char::len_utf8);
    ((2 + digits).min(text.len()), meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_behind_escapes_and_line_breaks() {
        for (source, part, expected) in [
            (r#"x = "ab${V}c""#, 2..6, "${V}"),
            (r#"x = "a\tb${V}""#, 3..7, "${V}"),
            (r#"x = "\u00e9${V}""#, 2..6, "${V}"),
            ("x = '''\na\n${V}'''", 2..6, "${V}"),
            ("x = \"\"\"a\\\n  ${V}\"\"\"", 1..5, "${V}"),
            (r"x = 'a\t${V}'", 3..7, "${V}"),
        ] {
            let found = within_string(source, &(4..source.len()), part);
            assert_eq!(&source[found], expected, "{source}");
        }
    }
}
