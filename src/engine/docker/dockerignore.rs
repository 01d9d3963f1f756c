//! `.dockerignore`: what of a folder is no part of a build's context. The rules are those of the docker command (moby's patternmatcher).

/// The patterns of a `.dockerignore`, the last that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    tokens: Vec<Token>,
    is_exception: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Plain(char),
    /// `?`: any character but a slash.
    One,
    /// `*`: any number of characters but slashes.
    Many,
    /// `**/`: any number of folders.
    Folders,
    /// `**` at the end: everything.
    All,
    /// `[a-z]` or `[^a-z]`.
    Class {
        ranges: Vec<(char, char)>,
        is_negated: bool,
    },
}

impl Ignore {
    /// Reads the text of a `.dockerignore`.
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let patterns = text.lines().filter_map(Pattern::parse).collect();
        Self { patterns }
    }

    /// Returns whether a path relative to the context, with `/` between its parts, is left out. What is in a folder that is left out goes
    /// with it, unless a later exception names it.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let mut is_out = false;
        for pattern in &self.patterns {
            if pattern.is_exception == is_out && pattern.matches_or_holds(path) {
                is_out = !pattern.is_exception;
            }
        }
        is_out
    }

    /// Returns whether something below a folder that is left out may be in all the same.
    pub(super) fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_exception)
    }
}

impl Pattern {
    fn parse(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let line = line.trim();
        let (is_exception, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        let path = cleaned(rest)?;
        Some(Self {
            tokens: tokens(&path),
            is_exception,
        })
    }

    /// Returns whether the pattern matches a path or a folder that it is in.
    fn matches_or_holds(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.chain([path.len()])
            .any(|end| matches(&self.tokens, &path[..end]))
    }
}

/// Returns a pattern without needless parts, as Go's `filepath.Clean` has it; `None` where nothing is left.
fn cleaned(pattern: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn tokens(pattern: &str) -> Vec<Token> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        at += 1;
        match character {
            '*' if characters.get(at) == Some(&'*') => {
                while characters.get(at) == Some(&'*') {
                    at += 1;
                }
                if characters.get(at) == Some(&'/') {
                    at += 1;
                    tokens.push(Token::Folders);
                } else if at == characters.len() {
                    tokens.push(Token::All);
                } else {
                    // `a**b`: as the docker command has it, anything in between, slashes too.
                    tokens.push(Token::Folders);
                    tokens.push(Token::Many);
                }
            }
            '*' => tokens.push(Token::Many),
            '?' => tokens.push(Token::One),
            '\\' if at < characters.len() => {
                tokens.push(Token::Plain(characters[at]));
                at += 1;
            }
            '[' => match class(&characters[at..]) {
                Some((class, length)) => {
                    tokens.push(class);
                    at += length;
                }
                None => tokens.push(Token::Plain('[')),
            },
            plain => tokens.push(Token::Plain(*plain)),
        }
    }
    tokens
}

/// Reads a class behind its `[`; returns it and how many characters it took.
fn class(characters: &[char]) -> Option<(Token, usize)> {
    let is_negated = characters.first() == Some(&'^');
    let start = usize::from(is_negated);
    let length = characters
        .iter()
        .skip(start + 1)
        .position(|it| *it == ']')?
        + start
        + 1;
    let inner = &characters[start..length];
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        if at + 2 < inner.len() && inner[at + 1] == '-' {
            ranges.push((inner[at], inner[at + 2]));
            at += 3;
        } else {
            ranges.push((inner[at], inner[at]));
            at += 1;
        }
    }
    Some((Token::Class { ranges, is_negated }, length + 1))
}

/// Returns whether tokens match a whole text. Every place in the text is kept that the tokens so far may have come to, so that no pattern
/// takes longer than its length times that of the text.
fn matches(tokens: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut places = vec![false; text.len() + 1];
    places[0] = true;
    for token in tokens {
        let mut next = vec![false; text.len() + 1];
        // Whether an open token such as `*` has begun before this place.
        let mut is_open = false;
        for at in 0..=text.len() {
            let before = at.checked_sub(1).map(|before| text[before]);
            match token {
                Token::Plain(plain) => next[at] = before == Some(*plain) && places[at - 1],
                Token::One => next[at] = before.is_some_and(|it| it != '/') && places[at - 1],
                Token::Class { ranges, is_negated } => {
                    next[at] = before.is_some_and(|it| {
                        let is_in = ranges.iter().any(|(from, to)| (*from..=*to).contains(&it));
                        it != '/' && is_in != *is_negated && places[at - 1]
                    });
                }
                Token::Many => {
                    is_open = places[at] || (is_open && before != Some('/'));
                    next[at] = is_open;
                }
                Token::All => {
                    is_open |= places[at];
                    next[at] = is_open;
                }
                Token::Folders => {
                    next[at] = places[at] || (is_open && before == Some('/'));
                    is_open |= places[at];
                }
            }
        }
        places = next;
    }
    places[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_docker_command() {
        for (pattern, path, is_out) in [
            ("temp", "temp", true),
            ("temp", "a/temp", false),
            ("/temp", "temp", true),
            ("./temp/", "temp/x/y", true),
            ("*/temp", "a/temp", true),
            ("*/temp", "a/b/temp", false),
            ("**/temp", "temp", true),
            ("**/temp", "a/b/temp/c", true),
            ("**/*.go", "a/b.go", true),
            ("**/*.go", "b.go", true),
            ("**/*.go", "b.gox", false),
            ("*.md", "a.md", true),
            ("*.md", "docs/a.md", false),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("a/**", "a/b/c", true),
            ("a/**", "b", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("# remark", "# remark", false),
            ("a/../b", "b", true),
            ("*", "x/y", true),
        ] {
            assert_eq!(
                Ignore::parse(pattern).excludes(path),
                is_out,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let ignore = Ignore::parse("*.md\n!README*.md\nREADME-secret.md\n\n  node_modules \n");
        assert!(ignore.has_exceptions());
        for (path, is_out) in [
            ("a.md", true),
            ("README.md", false),
            ("README-secret.md", true),
            ("node_modules/x", true),
            ("src", false),
        ] {
            assert_eq!(ignore.excludes(path), is_out, "{path}");
        }
        let all_but = Ignore::parse("*\n!src/keep");
        assert!(all_but.excludes("src"));
        assert!(!all_but.excludes("src/keep"));
        assert!(all_but.excludes("src/other"));
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let ignore = Ignore::parse(&"*a".repeat(200));
        assert!(!ignore.excludes(&"a".repeat(190)));
        assert!(ignore.excludes(&"a".repeat(400)));
    }
}
