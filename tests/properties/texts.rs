//! Texts of every kind: plain ones, those that readers of YAML take for something else, and those with variables.

use crate::dice::Dice;

/// What a reader of YAML 1.1 or 1.2, a shell, Python, Jinja or a template could take for something else.
pub const TRAPS: [&str; 78] = [
    "",
    " ",
    "yes",
    "no",
    "Yes",
    "NO",
    "on",
    "off",
    "Off",
    "y",
    "n",
    "true",
    "False",
    "null",
    "Null",
    "~",
    "22:22",
    "1:30",
    "190:20:30.15",
    "017",
    "0o17",
    "0x1F",
    "0b11",
    "1e3",
    "1E-3",
    "1_000",
    "1.0",
    "1.10",
    ".5",
    "5.",
    "+1",
    "-1",
    ".inf",
    "-.INF",
    ".nan",
    "NaN",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    "2024-01-01 00:00:00",
    "<<",
    "=",
    "- a",
    "-",
    "---",
    "...",
    "? a",
    "a: b",
    "a:",
    ":a",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "!!int 1",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "[a]",
    "{a}",
    "a, b",
    "'a'",
    "\"a\"",
    "it's",
    "a\\nb",
    "C:\\x",
    " a",
    "a ",
    "\t",
    "a\tb",
    "a\nb",
    "a\n",
    "\na",
    "a\n\n b\n",
    "{{ x }} {% y %} {# z #}",
    "\"\"\" + x",
];

/// More of these, which only show where characters are lost.
pub const ODD: [&str; 16] = [
    "\u{7}",
    "\u{0}",
    "\u{1b}[1m",
    "\u{85}",
    "a\u{2028}b",
    "\u{feff}x",
    "\u{fffe}",
    "\u{10ffff}",
    "🦀",
    "é",
    "e\u{301}",
    "日本語",
    "a\r\nb",
    "\r",
    "\u{7f}",
    "  a\n b\n",
];

/// Variables and their values, as the environment has them.
pub const ENVIRONMENT: [(&str, &str); 6] = [
    ("HOME", "/home/somebody"),
    ("WORD", "word"),
    ("ODD", "a: b #c 'd' \"e\" \\f $g ${h} {{ i }}"),
    ("EMPTY", ""),
    ("SEVEN", "7"),
    ("TRUE", "true"),
];

/// References to them, to constants (`FIXED`), and to what is set nowhere.
const REFERENCES: [&str; 16] = [
    "${WORD}",
    "$WORD",
    "${ODD}",
    "${EMPTY-unused}",
    "${EMPTY:-used}",
    "${UNSET-a: b}",
    "${UNSET:-$$x 'y'}",
    "${UNSET-${WORD}}",
    "${UNSET:-a ${UNSET-b} c}",
    "${WORD:+it is}",
    "${UNSET+no}",
    "${WORD?it has to be}",
    "${WORD:?it has to be}",
    "${UNSET:-}",
    "${UNSET:-{\"a\": 1}}",
    "${FIXED}",
];

/// Returns a text as it is meant: nothing in it is a variable.
pub fn literal(dice: &mut Dice) -> String {
    match dice.below(10) {
        0..4 => dice.one(&TRAPS).to_owned(),
        4 => dice.one(&ODD).to_owned(),
        5 => random(dice),
        6 => dice
            .one(&[
                "$", "$$", "${", "$X", "${X}", "a$", "$1", "${X:-y}", "50 $ %",
            ])
            .to_owned(),
        7 => strange(dice),
        _ => word(dice),
    }
}

/// Returns one of each kind that some reader takes for something else, all with the same chance.
pub fn strange(dice: &mut Dice) -> String {
    match dice.below(11) {
        0 => dice.one(&["yes", "no", "on", "off"]).to_owned(),
        1 => "22:22".to_owned(),
        2 => "017".to_owned(),
        3 => "1e3".to_owned(),
        4 => "2024-01-01".to_owned(),
        5 => String::new(),
        6 => "a\nb".to_owned(),
        7 => "$".to_owned(),
        8 => "🦀".to_owned(),
        9 => "\u{7}".to_owned(),
        _ => long(dice),
    }
}

/// A text that is longer than any line, and than what YAML allows a key that stands before its colon.
fn long(dice: &mut Dice) -> String {
    dice.one(&["x", "a ", "é", "a: ", "line\n"]).repeat(1_100)
}

/// Returns a text as it is written: `$` doubled, and in some a variable.
pub fn written(dice: &mut Dice) -> String {
    let escaped = |text: String| text.replace('$', "$$");
    if dice.percent(80) {
        return escaped(literal(dice));
    }
    let mut text = String::new();
    if dice.percent(50) {
        text.push_str(&escaped(literal(dice)));
    }
    text.push_str(dice.one(&REFERENCES));
    if dice.percent(50) {
        let behind = escaped(literal(dice));
        // A letter here would be one of the name in `$NAME`.
        text.push_str(
            if behind.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                " "
            } else {
                ""
            },
        );
        text.push_str(&behind);
    }
    text
}

/// Returns a plain word.
pub fn word(dice: &mut Dice) -> String {
    let words = [
        "web",
        "data",
        "x",
        "example.org",
        "a/b",
        "10.0.0.1",
        "Größe",
        "two words",
        "v1.2",
        "a-b_c",
        "80",
    ];
    dice.one(&words).to_owned()
}

fn random(dice: &mut Dice) -> String {
    const SIGNS: &str = "ab 01-:?#&*!|>'\"%@`{}[],\n\t\\=~.<é🦀$";
    let signs: Vec<char> = SIGNS.chars().collect();
    let length = dice.below(9);
    (0..length)
        .map(|_| signs[dice.below(signs.len())])
        .collect()
}

/// Returns a name that the character rules of services, networks and the like allow.
pub fn name(dice: &mut Dice) -> String {
    let names = [
        "web",
        "db",
        "yes",
        "no",
        "on",
        "null",
        "true",
        "017",
        "1e3",
        "0x1F",
        "1.0",
        "2024-01-01",
        "a.b",
        "_",
        "-",
        "--",
        "...",
        "-1",
        ".inf",
        "NaN",
        "y",
        "N",
        "A-b",
        "e5",
        "external",
        "init",
        "environment",
        "build",
        "labels",
        "volumes",
    ];
    dice.one(&names).to_owned()
}

/// Returns a key of the user's in a map.
pub fn map_key(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => dice
            .one(&[
                "com.example.x",
                "A",
                "LOG_LEVEL",
                "traefik.http.routers.a.rule",
                "net.core.somaxconn",
            ])
            .to_owned(),
        1 => name(dice),
        _ => {
            let text = literal(dice);
            let is_bad = text.trim().is_empty()
                || text.contains(['=', '$', '\n', '\r'])
                || text.starts_with("x-");
            if is_bad { word(dice) } else { text }
        }
    }
}

/// Returns a key where any will do.
pub fn name_or_word(dice: &mut Dice) -> String {
    if dice.percent(50) {
        name(dice)
    } else {
        word(dice)
    }
}
