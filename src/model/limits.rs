//! How much of anything an input may hold: far more than any stack needs, and little enough for any machine.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

/// No file may be larger; more than that is never read.
pub const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The files of one stack, or of one import, may not be larger all together.
pub const TOTAL_BYTES: u64 = 8 * 1024 * 1024;
/// The templates of one stack may not be larger all together: they are kept as they are and as they are parsed.
pub const TEMPLATE_BYTES: usize = 1024 * 1024;
/// A stack, or an import, may have no more files.
pub const FILES: usize = 2_000;
/// Nothing may be nested deeper: tables, lists, the parts of keys, or `${…}` in one another.
pub const DEPTH: usize = 64;
/// The TOML of one stack may have no more words and signs; 5000 services of 10 lines have 340,000.
pub const TOKENS: usize = 500_000;
/// The compose files of one import may hold no more values and lines of comment, each counted whenever an alias, `include` or `extends`
/// repeats it: every one becomes some ten copies on the way to stack.toml.
pub const IMPORT_VALUES: usize = 80_000;
/// The texts of one import may not be longer all together, with the keys that lead to them, and counted likewise.
pub const IMPORT_BYTES: usize = 2 * 1024 * 1024;
/// The TOML of one stack may spell no more values, tables among them; 5000 services of 10 lines have 80,000. Each becomes about 500 bytes.
pub const TOML_VALUES: usize = 100_000;
/// The layers of one stack may make no more values.
pub const VALUES: usize = 500_000;
/// The overlays that nobody selected are checked until they made this many values all together.
pub const OVERLAID: usize = 60_000;
/// The services of one stack may name no more ports, those of ranges counted one by one.
pub const PORTS: usize = 20_000;
/// An env file may hold no more variables, and the env files of all services together no more than twice as many.
pub const ENV_VALUES: usize = 100_000;
/// A text may hold no more variables.
pub const VARIABLES: usize = 10_000;
/// What one text becomes when its variables are filled in may not be longer.
pub const FILLED_BYTES: usize = 1024 * 1024;
/// All texts of a stack may grow by no more when their variables are filled in.
pub const GROWN_BYTES: usize = 4 * 1024 * 1024;

/// Returns a bound in bytes as messages name it, in whole MiB.
pub const fn mebibytes(bytes: u64) -> u64 {
    bytes >> 20
}

/// A bound that an input breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// [`DEPTH`].
    Depth,
    /// [`TOKENS`].
    Tokens,
    /// [`TOML_VALUES`].
    Values,
    /// [`IMPORT_VALUES`].
    ImportValues,
    /// [`IMPORT_BYTES`].
    ImportBytes,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "nested deeper than {DEPTH} levels"),
            Self::Tokens => write!(
                f,
                "more than {TOKENS} words and signs in the files of one stack"
            ),
            Self::Values => write!(
                f,
                "more than {TOML_VALUES} values in the files of one stack"
            ),
            Self::ImportValues => write!(
                f,
                "more than {IMPORT_VALUES} values and comments, those repeated by aliases, include and extends counted each time"
            ),
            Self::ImportBytes => write!(
                f,
                "more than {} MiB of text with its keys, that repeated by aliases, include and extends counted each time",
                mebibytes(IMPORT_BYTES as u64)
            ),
        }
    }
}

/// What an import may still hold. It is asked before anything is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportBudget {
    values: usize,
    bytes: usize,
}

impl Default for ImportBudget {
    fn default() -> Self {
        Self {
            values: IMPORT_VALUES,
            bytes: IMPORT_BYTES,
        }
    }
}

impl ImportBudget {
    /// Takes values and bytes of text from the budget.
    ///
    /// # Errors
    /// The bound that is met where there are not as many left.
    pub fn take(&mut self, values: usize, bytes: usize) -> Result<(), Excess> {
        let left = self.values.checked_sub(values);
        self.values = left.ok_or(Excess::ImportValues)?;
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or(Excess::ImportBytes)?;
        Ok(())
    }

    /// Returns what was taken between `earlier` and now.
    pub fn since(&self, earlier: &Self) -> (usize, usize) {
        (earlier.values - self.values, earlier.bytes - self.bytes)
    }
}

/// What the TOML of one stack may still hold. It looks at the words of a text alone, so that a text which would take too much
/// memory as a tree never becomes one.
#[derive(Debug, Clone)]
pub struct TomlBudget {
    tokens: usize,
    values: usize,
}

impl Default for TomlBudget {
    fn default() -> Self {
        Self {
            tokens: TOKENS,
            values: TOML_VALUES,
        }
    }
}

impl TomlBudget {
    /// Takes the words of one file from the budget.
    ///
    /// # Errors
    /// The bound that it breaks, with the bytes where it does.
    pub fn take(&mut self, text: &str) -> Result<(), (Excess, Range<usize>)> {
        let mut nesting = Nesting::default();
        for token in Source::new(text).lex() {
            let span = token.span().start()..token.span().end();
            if self.tokens == 0 {
                return Err((Excess::Tokens, span));
            }
            self.tokens -= 1;
            // Every one of these begins a value, or a table that holds one.
            let begins = matches!(
                token.kind(),
                TokenKind::Equals
                    | TokenKind::Comma
                    | TokenKind::Dot
                    | TokenKind::LeftSquareBracket
                    | TokenKind::LeftCurlyBracket
            );
            if begins && self.values == 0 {
                return Err((Excess::Values, span));
            }
            self.values -= usize::from(begins);
            nesting.take(token);
            if nesting.depth() > DEPTH {
                return Err((Excess::Depth, span));
            }
        }
        Ok(())
    }
}

/// How deep the next value is, counted from brackets and from the dots of keys.
#[derive(Debug, Default)]
struct Nesting {
    /// The parts of the last header.
    header: usize,
    /// The dots since the last key began.
    dots: usize,
    /// For every open bracket, the dots of the key before it.
    open: Vec<usize>,
    /// What all open brackets and their keys add up to.
    around: usize,
    /// Whether an equals sign stands in this line: else its brackets are those of a header.
    is_value: bool,
}

impl Nesting {
    fn depth(&self) -> usize {
        self.header + self.around + self.dots
    }

    fn take(&mut self, token: Token) {
        match token.kind() {
            TokenKind::Dot => self.dots += 1,
            TokenKind::Comma => self.dots = 0,
            TokenKind::Equals => self.is_value = true,
            TokenKind::Newline => {
                self.dots = 0;
                self.is_value &= !self.open.is_empty();
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => self.enter(),
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => self.leave(),
            _ => {}
        }
    }

    fn enter(&mut self) {
        if !self.is_value && self.open.is_empty() {
            self.header = 0;
        }
        self.open.push(self.dots);
        self.around += self.dots + 1;
        self.dots = 0;
    }

    fn leave(&mut self) {
        if !self.is_value {
            self.header = self.header.max(self.dots + 1);
        }
        self.dots = self.open.pop().unwrap_or_default();
        self.around = self.around.saturating_sub(self.dots + 1);
    }
}

/// No text of an input is quoted longer in a message.
const QUOTED: usize = 100;

/// Returns a text as a message quotes it: a long one is cut.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth_of(text: &str) -> Result<(), Excess> {
        TomlBudget::default()
            .take(text)
            .map_err(|(excess, _)| excess)
    }

    #[test]
    fn brackets_keys_and_headers_count_together() {
        let dotted = |count: usize| vec!["a"; count].join(".");
        let lists = |count: usize| format!("{}1{}", "[".repeat(count), "]".repeat(count));
        for (text, is_fine) in [
            (format!("x = {}", lists(64)), true),
            (format!("x = {}", lists(65)), false),
            (format!("{} = 1", dotted(65)), true),
            (format!("{} = 1", dotted(66)), false),
            (
                format!(
                    "[{}]\nb = 1\n[x]\n{} = {}",
                    dotted(60),
                    dotted(33),
                    lists(31)
                ),
                true,
            ),
            (
                format!("[{}]\n{} = {}", dotted(30), dotted(20), lists(14)),
                true,
            ),
            (
                format!("[{}]\n{} = {}", dotted(30), dotted(20), lists(16)),
                false,
            ),
            (
                format!("a = {{{} = {{{} = 1}}}}", dotted(30), dotted(40)),
                false,
            ),
            ("a = [1.5, 1.5,\n1.5]\n".repeat(100), true),
            ("[[a.b]]\nc = { d = 1 }\n".repeat(100), true),
        ] {
            assert_eq!(depth_of(&text).is_ok(), is_fine, "{text}");
        }
    }

    #[test]
    fn the_files_of_a_stack_share_one_budget() {
        let half = "# x\n".repeat(TOKENS / 4 + 1);
        let mut budget = TomlBudget::default();
        assert_eq!(budget.take(&half), Ok(()));
        let (excess, at) = budget.take(&half).expect_err("it is used up");
        assert_eq!(excess, Excess::Tokens);
        assert!(at.start < half.len());
        let half = "a=1\n".repeat(TOML_VALUES / 2 + 1);
        let mut budget = TomlBudget::default();
        assert_eq!(budget.take(&half), Ok(()));
        let (excess, _) = budget.take(&half).expect_err("it is used up");
        assert_eq!(excess, Excess::Values);
    }
}
