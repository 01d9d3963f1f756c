//! What a plain scalar of YAML means to Compose's reader: numbers, truth values, texts.

use crate::model::format_float;

/// A scalar by its type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text,
}

/// Tells the type of a plain scalar by the rules of YAML 1.2 with the leading-zero octals of 1.1, as Compose's reader has them.
pub(super) fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Scalar::Text;
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain) {
        return Scalar::Integer(number);
    }
    let is_float = plain.contains(|c: char| c.is_ascii_digit())
        && plain
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    match plain.parse::<f64>() {
        Ok(number) if is_float => Scalar::Float(number),
        _ => Scalar::Text,
    }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    (number <= i128::from(u64::MAX)).then_some(sign * number)
}

/// Returns the text that Compose makes of a plain scalar where text is wanted; `None` for null.
pub(super) fn as_text(text: &str) -> Option<String> {
    match resolve(text) {
        Scalar::Null => None,
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Float(number) => Some(format_float(number)),
        Scalar::Text => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_become_the_text_that_compose_makes_of_them() {
        for (written, expected) in [
            ("true", Some("true")),
            ("True", Some("true")),
            ("yes", Some("yes")),
            ("1.0", Some("1")),
            ("1.10", Some("1.1")),
            ("1e3", Some("1000")),
            ("0x1F", Some("31")),
            ("017", Some("15")),
            ("0o17", Some("15")),
            ("1_000", Some("1000")),
            ("12345678.5", Some("1.23456785e+07")),
            ("0.000001", Some("1e-06")),
            ("22:22", Some("22:22")),
            ("192.168.0.1", Some("192.168.0.1")),
            ("-", Some("-")),
            ("1-2", Some("1-2")),
            ("~", None),
            ("", None),
        ] {
            assert_eq!(as_text(written).as_deref(), expected, "{written}");
        }
    }
}
