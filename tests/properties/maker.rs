//! Makes values: one function for each kind of value, all in valid form, with strange text wherever text is free.

use crate::dice::Dice;
use crate::texts;
use crate::tree::Tree;

/// A key, and what makes its value.
pub type Field = (&'static str, fn(&mut Maker) -> Tree);

/// What makes a stack: chance, and the names that values may refer to.
pub struct Maker {
    pub dice: Dice,
    /// Services that come before this one, so that nothing waits for itself.
    pub services: Vec<String>,
    pub networks: Vec<String>,
    pub volumes: Vec<String>,
    pub configs: Vec<String>,
    pub secrets: Vec<String>,
    pub sockets: Vec<String>,
    pub models: Vec<String>,
    /// Tasks that come before this one.
    pub tasks: Vec<String>,
    /// A number that was given to nobody else.
    pub serial: usize,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            services: Vec::new(),
            networks: Vec::new(),
            volumes: Vec::new(),
            configs: Vec::new(),
            secrets: Vec::new(),
            sockets: Vec::new(),
            models: Vec::new(),
            tasks: Vec::new(),
            serial: 0,
        }
    }

    /// Makes a table of these keys, each with a chance in a hundred.
    pub fn table(&mut self, chance: usize, fields: &[Field]) -> Tree {
        let mut entries = Vec::new();
        for (key, make) in fields {
            if self.dice.percent(chance) {
                entries.push(((*key).to_owned(), make(self)));
            }
        }
        Tree::Table(entries)
    }

    /// Makes a list of some values, no two of them the same.
    pub fn list(&mut self, most: usize, make: fn(&mut Maker) -> Tree) -> Tree {
        let mut items: Vec<Tree> = Vec::new();
        for _ in 0..self.dice.within(1, most) {
            let item = make(self);
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Tree::List(items)
    }

    /// Makes a table with keys of the user's.
    pub fn map(&mut self, key: fn(&mut Dice) -> String, make: fn(&mut Maker) -> Tree) -> Tree {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        for _ in 0..self.dice.within(1, 3) {
            let (key, value) = (key(&mut self.dice), make(self));
            if entries.iter().all(|(other, _)| *other != key) {
                entries.push((key, value));
            }
        }
        Tree::Table(entries)
    }

    pub fn serial(&mut self) -> usize {
        self.serial += 1;
        self.serial
    }

    pub fn word(&mut self, words: &[&str]) -> Tree {
        Tree::text(self.dice.one(words))
    }

    /// Makes a reference to one of these names; there has to be one.
    pub fn name_of(&mut self, names: &[String]) -> String {
        names[self.dice.below(names.len())].clone()
    }
}

pub fn text(m: &mut Maker) -> Tree {
    Tree::Text(texts::written(&mut m.dice))
}

/// Text in which `${…}` means itself.
pub fn fixed_text(m: &mut Maker) -> Tree {
    Tree::Text(texts::literal(&mut m.dice).replace('$', "$$"))
}

/// Text of those kinds that some reader takes for something else, for places that few stacks have.
pub fn word_or_strange(m: &mut Maker) -> Tree {
    match m.dice.below(10) {
        0 => Tree::text("word"),
        1 => Tree::text("${WORD}"),
        _ => strange(m),
    }
}

/// Such a text without a variable.
pub fn strange(m: &mut Maker) -> Tree {
    Tree::Text(texts::strange(&mut m.dice).replace('$', "$$"))
}

/// As `pairs`, with such texts.
pub fn strange_pairs(m: &mut Maker) -> Tree {
    m.map(texts::map_key, word_or_strange)
}

/// One of these words, or any text.
pub fn word_or_text(m: &mut Maker, words: &[&str]) -> Tree {
    if m.dice.percent(50) {
        m.word(words)
    } else {
        text(m)
    }
}

/// One of these words, or any text without a variable.
pub fn word_or_fixed_text(m: &mut Maker, words: &[&str]) -> Tree {
    if m.dice.percent(50) {
        m.word(words)
    } else {
        fixed_text(m)
    }
}

pub fn texts(m: &mut Maker) -> Tree {
    m.list(3, text)
}

/// One text, or a list of them.
pub fn text_or_texts(m: &mut Maker) -> Tree {
    if m.dice.percent(30) {
        text(m)
    } else {
        texts(m)
    }
}

/// Text, or what becomes text.
pub fn loose(m: &mut Maker) -> Tree {
    match m.dice.below(8) {
        0 => Tree::Whole(m.dice.below(100_000) as i64 - 50),
        1 => Tree::Real(
            [
                1.0,
                1.1,
                0.5,
                1e3,
                12_345_678.5,
                0.000_001,
                -2.25,
                1e21,
                123_456.0,
            ][m.dice.below(9)],
        ),
        2 => Tree::Flag(m.dice.percent(50)),
        _ => text(m),
    }
}

fn loose_or_null(m: &mut Maker) -> Tree {
    if m.dice.percent(12) {
        Tree::Null
    } else {
        loose(m)
    }
}

/// Makes `KEY=value` of the entries of a table.
fn as_list(table: &Tree) -> Option<Tree> {
    let mut items = Vec::new();
    for (key, value) in table.entries() {
        items.push(Tree::Text(match value {
            Tree::Null => key.clone(),
            Tree::Text(value) => format!("{key}={value}"),
            _ => return None,
        }));
    }
    Some(Tree::List(items))
}

fn pairs_of(m: &mut Maker, make: fn(&mut Maker) -> Tree) -> Tree {
    let mut map = m.map(texts::map_key, make);
    if let Tree::Table(entries) = &mut map {
        // `{ null = true }` alone would be nothing, `{ reset = true }` what drops a value.
        for (key, value) in entries {
            if key == "null" && matches!(value, Tree::Flag(_)) {
                *value = Tree::text("x");
            }
        }
    }
    match as_list(&map) {
        Some(list) if m.dice.percent(40) => list,
        _ => map,
    }
}

/// A table of texts, or a list of `KEY=value`.
pub fn pairs(m: &mut Maker) -> Tree {
    pairs_of(m, loose)
}

/// As `pairs`, where a key may have no value.
pub fn names(m: &mut Maker) -> Tree {
    pairs_of(m, loose_or_null)
}

pub fn map(m: &mut Maker) -> Tree {
    let map = m.map(texts::map_key, text);
    match map.entries() {
        [(key, _)] if key == "null" => Tree::table([("a", text(m))]),
        _ => map,
    }
}

/// A map whose values may be numbers too.
pub fn options(m: &mut Maker) -> Tree {
    m.map(texts::map_key, |m| {
        if m.dice.percent(20) {
            Tree::Whole(m.dice.below(900) as i64)
        } else {
            text(m)
        }
    })
}

fn or_variable(m: &mut Maker, value: Tree, variable: &str) -> Tree {
    if m.dice.percent(8) {
        Tree::text(variable)
    } else {
        value
    }
}

pub fn flag(m: &mut Maker) -> Tree {
    let flag = Tree::Flag(m.dice.percent(50));
    or_variable(m, flag, "${TRUE}")
}

/// A truth value that cannot depend on a variable.
pub fn fixed_flag(m: &mut Maker) -> Tree {
    Tree::Flag(m.dice.percent(50))
}

pub fn number(m: &mut Maker) -> Tree {
    let number = Tree::Whole(m.dice.within(1, 1000) as i64);
    or_variable(m, number, "${SEVEN}")
}

/// A number that cannot depend on a variable.
pub fn fixed_number(m: &mut Maker) -> Tree {
    Tree::Whole(m.dice.below(40) as i64)
}

pub fn real(m: &mut Maker) -> Tree {
    match m.dice.below(3) {
        0 => Tree::Whole(m.dice.below(2) as i64),
        1 => Tree::Real(0.25),
        _ => Tree::Real(0.1),
    }
}

pub fn cpus(m: &mut Maker) -> Tree {
    match m.dice.below(4) {
        0 => Tree::Whole(m.dice.within(1, 8) as i64),
        1 => Tree::Real(0.25),
        2 => Tree::text("1.5"),
        _ => or_variable(m, Tree::Real(0.1), "${SEVEN}"),
    }
}

pub fn size(m: &mut Maker) -> Tree {
    match m.dice.below(5) {
        0 => Tree::Whole(m.dice.within(1, 1 << 30) as i64),
        1 => Tree::text("${SEVEN}m"),
        _ => m.word(&["64m", "1.5g", "1024", "512k", "2GB", "100kb", "7b", "1gb"]),
    }
}

/// A size where Compose takes no number.
pub fn size_as_text(m: &mut Maker) -> Tree {
    match size(m) {
        Tree::Whole(bytes) => Tree::Text(bytes.to_string()),
        size => size,
    }
}

pub fn duration(m: &mut Maker) -> Tree {
    let durations = [
        "90s",
        "1m30s",
        "1d",
        "1w",
        "500ms",
        "10us",
        "1h0m5s",
        "1.5s",
        "0s",
        "24h",
        "${SEVEN}s",
    ];
    m.word(&durations)
}

/// A duration that cannot depend on a variable.
pub fn fixed_duration(m: &mut Maker) -> Tree {
    m.word(&["90s", "1m30s", "1d", "500ms", "1h0m5s", "1.5s", "24h"])
}

pub fn mode(m: &mut Maker) -> Tree {
    Tree::Mode([0o444, 0o400, 0o440, 0o755, 0o600, 0o1777, 0o7, 0o555][m.dice.below(8)])
}

pub fn image(m: &mut Maker) -> Tree {
    m.word(&[
        "busybox:1.36",
        "postgres",
        "apache/airflow:2.10.5",
        "localhost:5000/a/b:1",
        "1:1",
        "007",
        "e3",
        "null",
        "yes",
        "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "x:${SEVEN}",
        "${WORD:-y}:1",
    ])
}

/// A command: a list of words, or a text that is split as a shell would.
pub fn command(m: &mut Maker) -> Tree {
    if m.dice.percent(60) {
        let mut words = Vec::new();
        for _ in 0..m.dice.within(0, 4) {
            words.push(text(m));
        }
        return Tree::List(words);
    }
    let mut line = Vec::new();
    for _ in 0..m.dice.within(1, 5) {
        line.push(m.dice.one(&[
            "echo",
            "a b",
            "'a b'",
            "\"c  d\"",
            "\"it's\"",
            "''",
            "a\\ b",
            "\\\"",
            "x'y'z",
            "\"\\$$\"",
            "#x",
            "`y`",
            "a\tb",
            "é",
            "$$(z)",
            "\"a\nb\"",
            "k=v",
            "--x=\"1 2\"",
            "1",
            "${WORD}",
            "'${ODD:+x y}'",
        ]));
    }
    Tree::Text(line.join(m.dice.one(&[" ", "  ", "\n"])))
}

/// A path of the host.
pub fn path(m: &mut Maker) -> Tree {
    if m.dice.percent(25) {
        // No path has a zero in it.
        let name = texts::literal(&mut m.dice).replace('\0', "0");
        return Tree::Text(format!("./x/{}", name.replace('$', "$$")));
    }
    m.word(&[
        "./data",
        "data",
        "../shared/x y",
        "/etc/a#b",
        "~/home",
        ".",
        "./a/../b",
        "./yes",
        "~",
        "/srv/'q'",
        "./é/🦀",
        "./$$x",
        "/null",
        "${UNSET:-/srv}/sub",
        "./${WORD}",
        "${UNSET:-./dir}/x",
        "./1e3",
    ])
}

/// A path within a container that no other mount has.
pub fn target(m: &mut Maker) -> String {
    let number = m.serial();
    let tail = m
        .dice
        .one(&["", "/yes", "/a b", "/#x", "/é", "/./x//y/", "/it's", "/$$x"]);
    format!("/t{number}{tail}")
}

/// Any value, as extension keys may have.
pub fn anything(m: &mut Maker) -> Tree {
    match m.dice.below(9) {
        0 => m.list(2, anything),
        1 => m.map(texts::name_or_word, anything),
        2 => Tree::Flag(m.dice.percent(50)),
        3 => Tree::Whole(m.dice.below(1000) as i64 - 500),
        4 => Tree::Real(0.5),
        _ => text(m),
    }
}
