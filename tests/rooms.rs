//! Arrows between rooms point one way: the table in ARCHITECTURE.md is the law, and this test reads it from there.
#![expect(clippy::disallowed_methods, reason = "it reads the sources")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// No file of `src` may have more lines than this.
const LINES: usize = 700;

/// Rooms, and those that each may import. The order of the table counts: "all above" is a word in it.
struct Table(Vec<(String, BTreeSet<String>)>);

impl Table {
    fn parse(text: &str) -> Self {
        let mut rooms: Vec<(String, BTreeSet<String>)> = Vec::new();
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let room = cells[1].trim_matches('`').to_owned();
            let above = || rooms.iter().map(|(name, _)| name.clone()).collect();
            let imports = match cells[3] {
                "nothing" => BTreeSet::new(),
                "all" | "all above" => above(),
                names => names
                    .split(',')
                    .map(|name| name.trim().trim_matches('`').to_owned())
                    .collect(),
            };
            rooms.push((room, imports));
        }
        Self(rooms)
    }

    fn rooms(&self) -> BTreeSet<String> {
        self.0.iter().map(|(room, _)| room.clone()).collect()
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        from == to
            || self
                .0
                .iter()
                .any(|(room, imports)| room == from && imports.contains(to))
    }
}

/// One file of `src`: its path below `src` and its text without comments and literals.
struct Source {
    path: PathBuf,
    code: String,
    lines: usize,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: PathBuf::from(path),
            code: code_of(text),
            lines: text.lines().count(),
        }
    }

    /// The room it stands in; `None` for lib.rs and main.rs.
    fn room(&self) -> Option<String> {
        let mut parts = self.path.iter().map(|part| part.to_string_lossy());
        let first = parts.next()?;
        match parts.next() {
            Some(_) => Some(first.into_owned()),
            None => first
                .strip_suffix(".rs")
                .filter(|name| !["lib", "main"].contains(name))
                .map(str::to_owned),
        }
    }

    /// How many `super` lead from this file's module to the root of the crate.
    fn depth(&self) -> usize {
        let parts = self.path.iter().count();
        match self.path.file_name().is_some_and(|name| name == "mod.rs") {
            true => parts - 1,
            false => parts,
        }
    }

    /// The names that stand behind `crate::`, and behind so many `super::` that they reach the root.
    fn names_at_root(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (at, _) in self.code.match_indices("crate::") {
            // `$crate::` in a macro and `pub(crate)` are other things; a letter before it makes another word.
            if !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
                names.extend(names_of_path(&self.code[at + "crate::".len()..]));
            }
        }
        let chain = "super::".repeat(self.depth());
        for (at, _) in self.code.match_indices(&chain) {
            let rest = self.code[at + chain.len()..].trim_start_matches("super::");
            names.extend(names_of_path(rest));
        }
        names
    }
}

/// Returns the first names of a path: `a` of `a::b`, and `a` and `c` of `{a::b, c}`.
fn names_of_path(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// Returns the text with comments and the insides of literals taken out; line breaks stay.
fn code_of(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let starts = |at: usize, word: &str| {
        word.chars()
            .enumerate()
            .all(|(n, letter)| letters.get(at + n) == Some(&letter))
    };
    let (mut code, mut at) = (String::new(), 0);
    while at < letters.len() {
        let from = at;
        if starts(at, "//") {
            while at < letters.len() && letters[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            at += 2;
            while at < letters.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if let Some(hashes) = raw_string(&letters, at) {
            let end = format!("\"{}", "#".repeat(hashes));
            at += hashes + 2;
            while at < letters.len() && !starts(at, &end) {
                at += 1;
            }
            at += end.len();
        } else if letters[at] == '"' {
            at += 1;
            while at < letters.len() && letters[at] != '"' {
                at += if letters[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if letters[at] == '\'' && letters.get(at + 1) == Some(&'\\') {
            at += 3;
            while at < letters.len() && letters[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if letters[at] == '\'' && letters.get(at + 2) == Some(&'\'') {
            at += 3;
        } else {
            code.push(letters[at]);
            at += 1;
            continue;
        }
        let end = at.min(letters.len());
        code.extend(letters[from..end].iter().filter(|letter| **letter == '\n'));
    }
    code
}

/// Returns the number of `#` if a raw string begins here.
fn raw_string(letters: &[char], at: usize) -> Option<usize> {
    let is_inside_word = at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
    // `br"…"` counts too: its b was taken as code.
    let may_begin = !is_inside_word || letters[at - 1] == 'b';
    if letters[at] != 'r' || !may_begin {
        return None;
    }
    let hashes = letters[at + 1..]
        .iter()
        .take_while(|letter| **letter == '#')
        .count();
    (letters.get(at + 1 + hashes) == Some(&'"')).then_some(hashes)
}

/// Returns the macros that stand at the root of the crate, with the room each is written in.
fn exported_macros(sources: &[Source]) -> BTreeMap<String, String> {
    let mut macros = BTreeMap::new();
    for source in sources {
        let mut is_exported = false;
        for line in source.code.lines().map(str::trim) {
            if line.starts_with("#[macro_export") {
                is_exported = true;
            } else if let (true, Some(rest), Some(room)) = (
                is_exported,
                line.strip_prefix("macro_rules!"),
                source.room(),
            ) {
                macros.insert(names_of_path(rest.trim_start()).remove(0), room);
                is_exported = false;
            }
        }
    }
    macros
}

/// Returns a line for each edge that the table lacks.
fn forbidden_edges(table: &Table, sources: &[Source]) -> Vec<String> {
    let macros = exported_macros(sources);
    let rooms = table.rooms();
    let mut found = Vec::new();
    for source in sources {
        let Some(from) = source.room() else { continue };
        for name in source.names_at_root() {
            let to = macros.get(&name).unwrap_or(&name);
            if rooms.contains(to) && !table.allows(&from, to) {
                found.push(format!("src/{}: {from} -> {to}", source.path.display()));
            }
        }
    }
    found
}

/// Returns a line for each file that prints although it is no part of `cli`.
fn prints(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.room().as_deref() != Some("cli"))
        .filter(|source| {
            ["println!", "print!"]
                .iter()
                .any(|word| source.code.contains(word))
        })
        .map(|source| format!("src/{} prints", source.path.display()))
        .collect()
}

/// Returns a line for each file that has too many lines.
fn long_files(sources: &[Source]) -> Vec<String> {
    sources
        .iter()
        .filter(|source| source.lines > LINES)
        .map(|source| format!("src/{} has {} lines", source.path.display(), source.lines))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table() -> Table {
    Table::parse(&read(&root().join("ARCHITECTURE.md")))
}

fn sources() -> Vec<Source> {
    let (base, mut folders, mut found) = (root().join("src"), vec![root().join("src")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let below = path.strip_prefix(&base).expect("it is below src");
                found.push(Source::new(&below.to_string_lossy(), &read(&path)));
            }
        }
    }
    found
}

#[test]
fn no_room_imports_what_the_table_lacks() {
    let edges = forbidden_edges(&table(), &sources());
    assert!(
        edges.is_empty(),
        "ARCHITECTURE.md lacks:\n{}",
        edges.join("\n")
    );
}

#[test]
fn the_table_names_every_room_and_no_other() {
    let rooms: BTreeSet<String> = sources().iter().filter_map(Source::room).collect();
    assert_eq!(rooms, table().rooms());
}

#[test]
fn only_cli_prints() {
    let found = prints(&sources());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_too_long() {
    let found = long_files(&sources());
    assert!(found.is_empty(), "at most {LINES}:\n{}", found.join("\n"));
}

#[test]
fn a_planted_edge_is_found() {
    for (path, text) in [
        ("model/stack.rs", "use crate::engine::Engine;"),
        ("plan/mod.rs", "use super::engine::Engine;"),
        ("plan/diff.rs", "fn f() { super::super::engine::connect() }"),
        (
            "render/view.rs",
            "use crate::{compose::labels, store::{Journal, lock}};",
        ),
        (
            "dag/run_state.rs",
            "use crate::{\n    model::Dag,\n    plan::Plan,\n};",
        ),
        (
            "watch/mod.rs",
            "let x = \"http://\"; let y = crate::exec::apply();",
        ),
        (
            "model/name.rs",
            "fn quote(c: char) -> bool { c == '\"' || crate::plan::is_quote(c) }",
        ),
    ] {
        let found = forbidden_edges(&table(), &[Source::new(path, text)]);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    }
}

#[test]
fn what_is_allowed_or_only_said_is_no_edge() {
    for (path, text) in [
        (
            "plan/diff.rs",
            "use crate::model::Stack; use super::step::Step;",
        ),
        (
            "plan/diff.rs",
            "/// See [`crate::engine::Engine`].\n// use crate::exec::apply;",
        ),
        (
            "plan/diff.rs",
            "let x = \"crate::engine\"; let y = r#\"crate::exec \" \"#;",
        ),
        (
            "cli/command/watch.rs",
            "use super::super::Ui; use crate::reconcile::watch;",
        ),
        ("lib.rs", "pub mod engine; use crate::engine::Engine;"),
    ] {
        let found = forbidden_edges(&table(), &[Source::new(path, text)]);
        assert!(found.is_empty(), "{path}: {text}: {found:?}");
    }
}

#[test]
fn a_macro_of_another_room_is_an_edge_too() {
    let sources = [
        Source::new(
            "engine/mod.rs",
            "#[macro_export]\nmacro_rules! ask { () => {} }",
        ),
        Source::new("plan/diff.rs", "fn f() { crate::ask!() }"),
    ];
    assert_eq!(
        forbidden_edges(&table(), &sources),
        ["src/plan/diff.rs: plan -> engine"]
    );
}

#[test]
fn a_planted_print_and_a_long_file_are_found() {
    let long = "\n".repeat(LINES + 1);
    assert_eq!(
        prints(&[Source::new("plan/text.rs", "println!(\"x\")")]).len(),
        1
    );
    assert_eq!(
        prints(&[Source::new("cli/ui.rs", "println!(\"x\")")]).len(),
        0
    );
    assert_eq!(long_files(&[Source::new("plan/text.rs", &long)]).len(), 1);
}
