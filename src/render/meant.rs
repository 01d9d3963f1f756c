//! Which name a template with an undefined one probably means.

use std::collections::BTreeSet;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Words of the template language and its filters, which no slip is looked for in; a filter that does not exist may be one of these.
const WORDS: [&str; 46] = [
    "for",
    "in",
    "if",
    "else",
    "elif",
    "endif",
    "endfor",
    "set",
    "endset",
    "macro",
    "endmacro",
    "include",
    "and",
    "or",
    "not",
    "is",
    "none",
    "true",
    "false",
    "loop",
    "defined",
    "undefined",
    "default",
    "yaml",
    "yaml_block",
    "python",
    "json",
    "toml",
    "shell",
    "comment",
    "items",
    "length",
    "join",
    "sort",
    "upper",
    "lower",
    "replace",
    "first",
    "last",
    "map",
    "select",
    "reject",
    "trim",
    "indent",
    "list",
    "unique",
];

/// How deep names are looked for in the data: that of a Compose attribute's own parts.
const DEPTH: usize = 6;

/// No longer word is compared, nor more of them than these: a line may be as long as the file.
const LONGEST: usize = 100;
const MOST: usize = 20;

/// Returns a hint for an error about a name that there is not: the first word on its line that is none, with the nearest one that is.
pub(super) fn meant(error: &Error, source: &str, line: &str, view: &Value) -> Option<String> {
    if !matches!(
        error.kind(),
        ErrorKind::UndefinedError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
    ) {
        return None;
    }
    let mut known: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    collect(view, DEPTH, &mut known);
    known.extend(made_by_the_template(source));
    let unknown = words(line).filter(|word| word.len() <= LONGEST && !known.contains(*word));
    let mut hints = unknown.take(MOST).filter_map(|word| {
        let near = nearest(word, &known)?;
        Some(format!("did you mean {near}?"))
    });
    hints.next()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.split(move |c: char| !is_part(c))
        .filter(|word| word.chars().next().is_some_and(|c| !c.is_ascii_digit()))
}

/// Returns the names between `for` and `in`, and those behind `set` and `macro`.
fn made_by_the_template(source: &str) -> Vec<String> {
    let mut made = Vec::new();
    let mut words = words(source);
    while let Some(word) = words.next() {
        match word {
            "for" => made.extend(words.by_ref().take_while(|word| *word != "in")),
            "set" | "macro" => made.extend(words.next()),
            _ => {}
        }
    }
    made.into_iter().map(ToOwned::to_owned).collect()
}

fn collect(value: &Value, depth: usize, names: &mut BTreeSet<String>) {
    if depth == 0 || value.kind() != ValueKind::Map {
        return;
    }
    for key in value.try_iter().into_iter().flatten() {
        if let Ok(inner) = value.get_item(&key) {
            collect(&inner, depth - 1, names);
        }
        names.extend(key.as_str().map(ToOwned::to_owned));
    }
}

fn nearest<'a>(word: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    // Two edits turn any short word into any other one.
    let most = 2.min(word.chars().count().saturating_sub(1) / 2);
    let distances = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), name.as_str()));
    let near = distances.filter(|(distance, _)| *distance <= most).min();
    near.map(|(_, name)| name)
}
