//! Single values as TOML.

use std::fmt::Write;

/// Writes a key, quoted where it has to be.
pub(super) fn key(text: &str) -> String {
    let is_bare = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if is_bare {
        text.to_owned()
    } else {
        string(text)
    }
}

/// Writes a text on one line, in the quotes that need the fewest escapes.
pub(super) fn string(text: &str) -> String {
    let is_literal =
        text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(|c| c.is_control());
    if is_literal {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        escape(&mut quoted, c);
    }
    quoted.push('"');
    quoted
}

/// Writes a text of several lines as it looks.
pub(super) fn lines(text: &str) -> String {
    let mut quoted = String::from("\"\"\"\n");
    let mut quotes = 0;
    for c in text.chars() {
        quotes = if c == '"' { quotes + 1 } else { 0 };
        match c {
            '\n' => quoted.push('\n'),
            '"' if quotes < 3 => quoted.push('"'),
            '"' => {
                quotes = 0;
                quoted.push_str("\\\"");
            }
            _ => escape(&mut quoted, c),
        }
    }
    // Quotes at the very end would run into the closing ones.
    if quotes > 0 {
        let kept = quoted.len() - quotes;
        quoted.truncate(kept);
        quoted.push_str(&"\\\"".repeat(quotes));
    }
    quoted.push_str("\"\"\"");
    quoted
}

fn escape(quoted: &mut String, c: char) {
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        c if c.is_control() => {
            // Writing to a String cannot fail.
            write!(quoted, "\\u{:04X}", u32::from(c)).ok();
        }
        c => quoted.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_back_as_it_was() {
        for text in [
            "",
            "plain",
            "it's",
            "say \"hi\"",
            "C:\\dir",
            "'\"\\",
            "tab\tand\u{7f}\u{1}",
            "two\nlines\n",
            "\nleading",
            "ends with quotes \n\"\"",
            "\"\"\"\"\"\nsix",
            "back\\slash\nat end\\",
            "windows\r\nlines",
            "emoji 🚀 ${A:-b} $$c",
        ] {
            for written in [string(text), lines(text)] {
                let toml: toml::Table =
                    toml::from_str(&format!("v = {written}")).expect("it is TOML");
                assert_eq!(toml["v"].as_str(), Some(text), "{written}");
            }
        }
    }

    #[test]
    fn odd_keys_are_quoted() {
        assert_eq!(key("a-b_1"), "a-b_1");
        assert_eq!(key("a.b"), "\"a.b\"");
        assert_eq!(key(""), "\"\"");
    }
}
