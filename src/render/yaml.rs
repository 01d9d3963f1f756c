//! YAML: values as block text that every YAML 1.1 and 1.2 reader reads back the same.

use serde_json::Value;

/// Writes a scalar in one line, or over several lines as a literal block whose lines begin with `indent` spaces.
pub(super) fn scalar(value: &Value, indent: usize) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(literal_block(text, indent).unwrap_or_else(|| string(text))),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Writes any value as block text whose lines begin with `indent` spaces, without a line end behind the last one.
pub(super) fn block(value: &Value, indent: usize) -> String {
    let mut out = String::new();
    write_block(&mut out, value, indent, Margin::Whole);
    out.pop();
    out
}

/// What stands before the first line of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Margin {
    /// Nothing yet.
    Whole,
    /// The dash of an item, which is as wide as the margin.
    Dash,
}

fn write_block(out: &mut String, value: &Value, indent: usize, margin: Margin) {
    let mut is_begun = margin == Margin::Dash;
    let mut margin = |out: &mut String| match std::mem::take(&mut is_begun) {
        true => {}
        false => spaces(out, indent),
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, item) in map {
                margin(out);
                write_key(out, key, indent);
                write_entry(out, item, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                margin(out);
                out.push('-');
                // A map within a list begins on the line of its dash.
                if is_nested(item) {
                    out.push(' ');
                    write_block(out, item, indent + 2, Margin::Dash);
                } else {
                    write_entry(out, item, indent);
                }
            }
        }
        other => {
            margin(out);
            write_inline(out, other, indent);
            out.push('\n');
        }
    }
}

/// The longest key, in bytes, that is written before its colon. YAML allows 1024 characters there.
const LONGEST_KEY: usize = 1_000;

/// Writes a key and its colon; in front of a long one is a question mark, and its colon is on a line of its own.
fn write_key(out: &mut String, key: &str, indent: usize) {
    let start = out.len();
    write_string(out, key);
    if out.len() - start > LONGEST_KEY {
        out.insert_str(start, "? ");
        out.push('\n');
        spaces(out, indent);
    }
    out.push(':');
}

/// Writes what stands behind a key or a dash.
fn write_entry(out: &mut String, item: &Value, indent: usize) {
    if is_nested(item) {
        out.push('\n');
        write_block(out, item, indent + 2, Margin::Whole);
    } else {
        out.push(' ');
        write_inline(out, item, indent + 2);
        out.push('\n');
    }
}

fn spaces(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n(' ', count));
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn write_inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(_) => out.push_str("{}"),
        Value::Array(_) => out.push_str("[]"),
        Value::String(text) if !text.contains('\n') => write_string(out, text),
        other => out.push_str(&scalar(other, indent).unwrap_or_default()),
    }
}

fn write_string(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        out.push_str(&double_quoted(text));
    }
}

/// Writes a string in one line: plain where no reader could take it for something else, else in double quotes.
pub(super) fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}

/// Words of letters that mean something else than themselves to some reader of YAML.
const RESERVED: [&str; 11] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan",
];

/// The longest of them.
const LONGEST_RESERVED: usize = 5;

/// Returns whether a text is a plain word beyond doubt: it begins with a letter, so that it is no number and no date, has no sign that means
/// anything to YAML, and is no word that does. Most texts are such, and asking costs more than writing them.
fn is_plainly_a_word(text: &str) -> bool {
    let is_reserved = || {
        text.len() <= LONGEST_RESERVED
            && RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text))
    };
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(':')
        && !text.contains("::")
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.' | b'/' | b':'))
        && !is_reserved()
}

/// Returns whether a text is a number beyond doubt, which a string has to be told from.
fn is_plainly_a_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

fn is_plain(text: &str) -> bool {
    is_plainly_a_word(text) || (!is_plainly_a_number(text) && is_plain_as_asked(text))
}

/// Asks serde-saphyr, which knows what YAML 1.1 and 1.2 take for numbers, dates, truth values and syntax, and only trusts a plain answer.
fn is_plain_as_asked(text: &str) -> bool {
    let is_one_line = text.chars().all(|c| matches!(c, ' '..='~') || is_letter(c));
    // A flow indicator is no danger where we write, but users copy lines from here to elsewhere.
    let has_flow = text.starts_with(['{', '[']) || text.contains(", ");
    // saphyr quotes every colon; one within a word that begins with a letter is neither a number nor a key.
    let joined = text.replace(':', "_");
    let has_free_colon = text
        .split(':')
        .skip(1)
        .any(|behind| behind.is_empty() || behind.starts_with(' '));
    let is_word =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && !has_free_colon;
    let asked = if is_word { joined.as_str() } else { text };
    is_one_line
        && !text.is_empty()
        && !has_flow
        && serde_saphyr::to_string(&asked)
            .is_ok_and(|written| written.trim_end_matches('\n') == asked)
        && serde_saphyr::to_string(&std::collections::BTreeMap::from([(asked, ())]))
            .is_ok_and(|written| written.starts_with(&format!("{asked}:")))
}

/// Letters beyond ASCII that every reader prints and reads as they are.
fn is_letter(c: char) -> bool {
    !c.is_ascii() && c.is_alphanumeric() && (c as u32) < 0xFFFE
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            _ if is_printable(c) => out.push(c),
            _ if (c as u32) <= 0xFFFF => out.push_str(&format!("\\u{:04X}", c as u32)),
            _ => out.push_str(&format!("\\U{:08X}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// What the YAML specification calls printable, less what breaks lines or is easily lost.
fn is_printable(c: char) -> bool {
    matches!(c, '\u{A0}'..='\u{2027}' | '\u{202A}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFD}')
        && (c as u32) & 0xFFFE != 0xFFFE
}

/// Writes a text of several lines as a literal block, where that keeps every character.
fn literal_block(text: &str, indent: usize) -> Option<String> {
    let body = text.trim_end_matches('\n');
    let line_ends = text.len() - body.len();
    // A first line that is empty or begins with a space would need an indentation indicator; a block of one line is no easier to read.
    let is_safe = body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && body
            .chars()
            .all(|c| c == '\n' || matches!(c, ' '..='~') || (!c.is_ascii() && is_printable(c)));
    // Lines of spaces alone are where readers disagree.
    let has_blank = body
        .lines()
        .any(|line| !line.is_empty() && line.trim().is_empty());
    if !is_safe || has_blank || line_ends > 1 {
        return None;
    }
    let mut out = if line_ends == 1 { "|" } else { "|-" }.to_owned();
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(string(text), expected);
        let back: String = serde_saphyr::from_str(&string(text)).unwrap();
        assert_eq!(back, text);
    }

    #[test]
    fn whatever_a_reader_could_take_for_something_else_is_quoted() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "true",
            "null",
            "~",
            "",
            "22:22",
            "017",
            "0o17",
            "0x1F",
            "1e3",
            "1_000",
            "1.5",
            ".inf",
            "2024-01-01",
            "2024-01-01T00:00:00Z",
            "<<",
            "=",
            "- a",
            "a: b",
            "a #b",
            "&a",
            "*a",
            "!a",
            "%a",
            "@a",
            "`a",
            " a",
            "a ",
            "? a",
            "|",
            ">",
            "'a'",
            "\"a\"",
            "[a]",
            "{a}",
            "a:",
            "-",
            "...",
            "---",
            "1:30",
            "190:20:30.15",
            "+1",
            "-1",
            "NaN",
        ] {
            check(text, &format!("\"{}\"", text.replace('"', "\\\"")));
        }
    }

    #[test]
    fn plain_text_stays_plain() {
        for text in [
            "postgres:13",
            "apache/airflow:2.10.5",
            "http://127.0.0.1:8000/x",
            "../data",
            "1m30s",
            "CMD-SHELL",
            "unless-stopped",
            "Größe",
        ] {
            check(text, text);
        }
    }

    /// Every word that a reader could mean by up to three letters, and the longer ones that are known.
    #[test]
    fn short_words_are_plain_only_when_asked_too() {
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
        for first in &letters {
            for second in letters.iter().chain(&['0', '1', '.', '-', '_']) {
                words.push(format!("{first}{second}"));
                words.push(format!("{first}{second}{second}"));
            }
        }
        let known = [
            "Yes", "NO", "On", "oFF", "True", "FALSE", "Null", "nan", "NaN", "inf",
        ];
        words.extend(known.map(str::to_owned));
        for word in words {
            assert!(
                !is_plainly_a_word(&word) || is_plain_as_asked(&word),
                "{word}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_plainly_a_word_is_plain_when_asked_too(text in "[A-Za-z][A-Za-z0-9_./:-]{0,20}") {
            assert!(!is_plainly_a_word(&text) || is_plain_as_asked(&text), "{text}");
        }

        #[test]
        fn what_is_plainly_a_number_is_quoted_when_asked_too(text in "[0-9]{1,30}") {
            assert!(is_plainly_a_number(&text) && !is_plain_as_asked(&text), "{text}");
        }
    }

    #[test]
    fn control_characters_and_emoji_survive() {
        check(
            "a\tb\u{7}\u{85}\u{2028}\u{feff}",
            "\"a\\tb\\u0007\\u0085\\u2028\\uFEFF\"",
        );
        check("🦀", "\"🦀\"");
    }

    #[test]
    fn a_key_of_any_length_is_read_back() {
        for length in [998, 999, 1_024, 5_000] {
            for sign in ["x", "é", ": "] {
                let key = sign.repeat(length);
                let value =
                    serde_json::json!([{&key: {&key: 1}, "b": 2}, {&key: "a\nb"}, {&key: [1]}]);
                let text = block(&value, 2);
                let back: Value = serde_saphyr::from_str(&text).unwrap();
                assert_eq!(back, value, "{text}");
            }
        }
    }

    #[test]
    fn scripts_are_literal_blocks_where_that_keeps_every_character() {
        let value = serde_json::json!({"script": "set -e\n\n  echo a: b #c\n", "odd": " x\ny", "list": ["a\nb", {"k": "v", "e": {}}]});
        let text = block(&value, 0);
        assert_eq!(
            text,
            "script: |\n  set -e\n\n    echo a: b #c\nodd: \" x\\ny\"\nlist:\n  - |-\n    a\n    b\n  - k: v\n    e: {}"
        );
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, value);
    }
}
