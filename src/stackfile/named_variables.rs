//! The variables that the files of a stack speak of, whatever is made of them.

use std::collections::BTreeSet;

use crate::model::{FileRole, Sources};

/// What Compose and stackgen mind although no file names it.
const ALWAYS: [&str; 1] = ["COMPOSE_PROFILES"];

/// Returns every name that may be one of a variable of the environment that decides what the stack is: `$NAME` and `${NAME…}` anywhere,
/// a bare `NAME` in an env file, and in stack.toml a text that is nothing but a name, or a key of `null`. Rather too many than too few.
pub fn named_variables(sources: &Sources) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> = ALWAYS.into();
    for file in &sources.files {
        let text = file.text.as_deref().unwrap_or_default();
        match file.role {
            FileRole::Main | FileRole::Include => {
                names.extend(references(text));
                names.extend(text.lines().flat_map(passed_on));
            }
            FileRole::StackEnv | FileRole::ServiceEnv | FileRole::ServiceFile => {
                names.extend(references(text));
                names.extend(text.lines().filter_map(bare));
            }
            FileRole::Template | FileRole::EnvExample => {}
        }
    }
    names
}

/// Returns the name at the beginning of a text; an empty one where there is none.
fn name_at(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let name = &text[..end];
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        ""
    } else {
        name
    }
}

fn references(text: &str) -> impl Iterator<Item = &str> {
    let places = text.match_indices('$');
    places
        .map(|(at, _)| {
            let tail = &text[at + 1..];
            name_at(tail.strip_prefix('{').unwrap_or(tail))
        })
        .filter(|name| !name.is_empty())
}

/// Returns the name in a line of an env file that has nothing else: its value is that of the environment.
fn bare(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let name = name_at(line);
    let rest = line[name.len()..].trim_start();
    let is_bare = rest.is_empty() || rest.starts_with('#');
    (is_bare && !name.is_empty()).then_some(name)
}

/// Returns the names in a line of stack.toml whose values may be those of the environment: `["NAME"]`, `environment = "NAME"`,
/// `NAME = { null = true }`.
fn passed_on(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split(['"', '\'']).skip(1).step_by(2);
    let quoted = quoted.filter(|text| !text.is_empty() && name_at(text) == *text);
    let keys = line.match_indices('=').filter_map(|(at, _)| {
        let value = line[at + 1..].trim_start().strip_prefix('{')?;
        value.trim_start().strip_prefix("null")?;
        let key = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let start = key.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        Some(&key[start.map_or(0, |at| at + 1)..])
    });
    quoted.chain(keys)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::model::SourceFile;

    use super::*;

    #[test]
    fn names_are_found_wherever_a_value_may_come_from_the_environment() {
        let file = |path: &str, role, text: &str| SourceFile {
            path: PathBuf::from(path),
            role,
            text: Some(text.into()),
        };
        let sources = Sources {
            folder: PathBuf::from("/srv"),
            files: vec![
                file(
                    "stack.toml",
                    FileRole::Main,
                    "image = \"a:${TAG:-1}\" # $$\ncommand = \"$CMD ${A${INNER}}\"\n[services.web.environment]\nLEVEL = { null = true }\nOTHER = \"no name\"\nlist = [\"BARE\", 'B2', \"X=1\"]\nprice = \"$5\"\n",
                ),
                file(
                    ".env",
                    FileRole::StackEnv,
                    "SET=$FROM\nexport PASSED\n# NOT=\nBARE2 # why\n",
                ),
                file("a.j2", FileRole::Template, "$NOT_THIS"),
            ],
            environment: Default::default(),
        };
        let names: Vec<&str> = named_variables(&sources).into_iter().collect();
        assert_eq!(
            names,
            [
                "A",
                "B2",
                "BARE",
                "BARE2",
                "CMD",
                "COMPOSE_PROFILES",
                "FROM",
                "INNER",
                "LEVEL",
                "PASSED",
                "TAG"
            ]
        );
    }
}
