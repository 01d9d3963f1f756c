//! Python: literals, and expressions that read the environment.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr, ValueKind};

/// A Python expression. Only this room makes one, so no text of stack.toml can become code.
#[derive(Debug)]
struct Expression(String);

impl Object for Expression {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `code` as a value that the `python` filter writes as it is.
pub(super) fn expression(code: String) -> Value {
    Value::from_object(Expression(code))
}

/// Writes a value as a Python literal. `None` where it is neither a plain value nor an expression of this room.
pub(super) fn literal(value: &Value) -> Option<String> {
    if let Some(expression) = value.downcast_object_ref::<Expression>() {
        return Some(expression.0.clone());
    }
    match value.kind() {
        ValueKind::None => Some("None".to_owned()),
        ValueKind::Bool => Some(if value.is_true() { "True" } else { "False" }.to_owned()),
        ValueKind::Number => Some(value.to_string()),
        ValueKind::String => value.as_str().map(string),
        ValueKind::Seq => {
            let items: Option<Vec<String>> = value.try_iter().ok()?.map(|v| literal(&v)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        ValueKind::Map => {
            let mut items = Vec::new();
            for key in value.try_iter().ok()? {
                let item = value.get_item(&key).ok()?;
                items.push(format!("{}: {}", literal(&key)?, literal(&item)?));
            }
            Some(format!("{{{}}}", items.join(", ")))
        }
        _ => None,
    }
}

/// Writes a string literal in double quotes.
pub(super) fn string(text: &str) -> String {
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
            _ if c.is_alphanumeric() => out.push(c),
            _ if (c as u32) <= 0xFF => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ if (c as u32) <= 0xFFFF => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}
