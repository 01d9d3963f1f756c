//! Takes texts with `${…}` apart and fills them in, with Compose's meaning.

use std::ops::Range;

use super::{DEPTH, Minds, Operator, Segment, TemplateText, VARIABLES, Variable};

/// A `${…}` that is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no `}`.
    #[error("${{ is never closed")]
    Unclosed {
        /// The bytes from `${` to the end.
        span: Range<usize>,
    },
    /// Not a name, or no operator behind it.
    #[error("{text:?} is not a variable")]
    Malformed {
        /// The bytes of the reference.
        span: Range<usize>,
        /// The reference.
        text: String,
    },
    /// Something in it that Compose cannot read there.
    #[error("a line break within ${{…}}")]
    LineBreak {
        /// The bytes of the reference.
        span: Range<usize>,
    },
    /// References in references in references.
    #[error("${{…}} nested deeper than {DEPTH} levels")]
    TooDeep {
        /// The bytes of the innermost reference that was looked at.
        span: Range<usize>,
    },
    /// More references than a text may hold.
    #[error("more than {VARIABLES} variables in one text")]
    TooMany {
        /// The bytes of the first one that is too much.
        span: Range<usize>,
    },
}

impl TemplateError {
    /// Returns the bytes that are wrong, within the text that was parsed.
    pub fn span(&self) -> Range<usize> {
        match self {
            Self::Unclosed { span }
            | Self::Malformed { span, .. }
            | Self::LineBreak { span }
            | Self::TooDeep { span }
            | Self::TooMany { span } => span.clone(),
        }
    }

    /// Returns whether it is no slip but a bound that the text breaks.
    pub fn is_excess(&self) -> bool {
        matches!(self, Self::TooDeep { .. } | Self::TooMany { .. })
    }
}

/// A variable that had no value when a text was filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    /// The variable.
    pub name: String,
    /// The bytes of the reference, within the text that was parsed.
    pub span: Range<usize>,
    /// The message of `${V:?message}`; empty where there is none.
    pub message: String,
    /// Whether it is set, but to nothing, which does not count here.
    pub is_empty: bool,
}

impl TemplateText {
    /// Takes a text apart: `$V`, `${V}` with `:-`, `-`, `:?`, `?`, `:+`, `+`, nested, and `$$`. `$1` and a lone `$` stay text.
    ///
    /// # Errors
    /// [`TemplateError`] for the first `${…}` that is not well-formed.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Parser { variables: 0 }.parse(text, 0, 0)
    }

    /// Returns a text without variables.
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            segments: vec![Segment::Plain(text.into())],
        }
    }

    /// Returns this text with plain text before it.
    pub fn after(&self, plain: &str) -> Self {
        let mut segments = vec![Segment::Plain(plain.to_owned())];
        segments.extend(self.segments.iter().cloned());
        Self { segments }
    }

    /// Returns whether there is no variable in it.
    pub fn is_plain(&self) -> bool {
        self.segments
            .iter()
            .all(|segment| matches!(segment, Segment::Plain(_)))
    }

    /// Fills in the variables.
    ///
    /// A variable without operator has to be set and not empty, as `${V:?}`: that is how it is rendered.
    ///
    /// # Errors
    /// Every variable that has no value and no default.
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Vec<Unset>> {
        let mut out = String::new();
        let mut unset = Vec::new();
        for segment in &self.segments {
            match segment {
                Segment::Plain(text) => out.push_str(text),
                Segment::Variable(variable) => match variable.resolve(lookup) {
                    Ok(text) => out.push_str(&text),
                    Err(missing) => unset.extend(missing),
                },
            }
        }
        if unset.is_empty() {
            Ok(out)
        } else {
            Err(unset)
        }
    }

    /// Returns the names of all variables in it, nested ones too, in order.
    pub fn variables(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for segment in &self.segments {
            if let Segment::Variable(variable) = segment {
                names.push(variable.name.as_str());
                match &variable.operator {
                    Operator::None => {}
                    Operator::Default(_, text)
                    | Operator::Required(_, text)
                    | Operator::Alternative(_, text) => names.extend(text.variables()),
                }
            }
        }
        names
    }
}

impl Variable {
    fn resolve(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, Vec<Unset>> {
        let value = lookup(&self.name);
        let counts = |minds: Minds| match minds {
            Minds::Unset => value.is_some(),
            Minds::UnsetOrEmpty => value.as_ref().is_some_and(|value| !value.is_empty()),
        };
        let unset = |message: String| Unset {
            name: self.name.clone(),
            span: self.span.clone(),
            message,
            is_empty: value.is_some(),
        };
        match &self.operator {
            Operator::None if counts(Minds::UnsetOrEmpty) => Ok(value.unwrap_or_default()),
            Operator::None => Err(vec![unset(String::new())]),
            Operator::Default(minds, text) => {
                if counts(*minds) {
                    Ok(value.unwrap_or_default())
                } else {
                    text.resolve(lookup)
                }
            }
            Operator::Required(minds, _) if counts(*minds) => Ok(value.unwrap_or_default()),
            Operator::Required(_, message) => Err(vec![unset(message.resolve(lookup)?)]),
            Operator::Alternative(minds, text) => {
                if counts(*minds) {
                    text.resolve(lookup)
                } else {
                    Ok(String::new())
                }
            }
        }
    }
}

/// What counts the references of one text.
struct Parser {
    variables: usize,
}

impl Parser {
    /// Parses a text that begins `offset` bytes into the whole, within `depth` references.
    fn parse(
        &mut self,
        text: &str,
        offset: usize,
        depth: usize,
    ) -> Result<TemplateText, TemplateError> {
        let mut segments = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find('$') {
            let dollar = at + found;
            plain.push_str(&text[at..dollar]);
            let rest = &text[dollar + 1..];
            if rest.starts_with('$') {
                plain.push('$');
                at = dollar + 2;
                continue;
            }
            let variable = if rest.starts_with('{') {
                Some(self.braced(text, dollar, offset, depth)?)
            } else {
                named(rest, dollar, offset)
            };
            let Some((variable, end)) = variable else {
                plain.push('$');
                at = dollar + 1;
                continue;
            };
            self.count(&variable.span)?;
            if !plain.is_empty() {
                segments.push(Segment::Plain(std::mem::take(&mut plain)));
            }
            segments.push(Segment::Variable(variable));
            at = end;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() || segments.is_empty() {
            segments.push(Segment::Plain(plain));
        }
        Ok(TemplateText { segments })
    }

    fn count(&mut self, span: &Range<usize>) -> Result<(), TemplateError> {
        self.variables += 1;
        if self.variables > VARIABLES {
            return Err(TemplateError::TooMany { span: span.clone() });
        }
        Ok(())
    }

    /// Parses `${…}` that begins at `dollar`.
    fn braced(
        &mut self,
        text: &str,
        dollar: usize,
        offset: usize,
        depth: usize,
    ) -> Result<(Variable, usize), TemplateError> {
        let start = dollar + 2;
        let close = closing_brace(&text[start..]).ok_or(TemplateError::Unclosed {
            span: offset + dollar..offset + text.len(),
        })?;
        let inner = &text[start..start + close];
        let end = start + close + 1;
        let span = offset + dollar..offset + end;
        let malformed = || TemplateError::Malformed {
            span: span.clone(),
            text: text[dollar..end].to_owned(),
        };
        let length = name_length(inner);
        let (name, tail) = inner.split_at(length);
        if name.is_empty() {
            return Err(malformed());
        }
        // Compose takes none.
        if inner.contains('\n') {
            return Err(TemplateError::LineBreak { span: span.clone() });
        }
        let (minds, sign) = match tail.strip_prefix(':') {
            Some(sign) => (Minds::UnsetOrEmpty, sign),
            None => (Minds::Unset, tail),
        };
        let colon = usize::from(minds == Minds::UnsetOrEmpty);
        // One without an operator holds no others: it may stand wherever `$NAME` may, which is written so.
        if depth >= DEPTH && !tail.is_empty() {
            return Err(TemplateError::TooDeep { span });
        }
        let mut word = || {
            let skipped = length + colon + 1;
            self.parse(&inner[skipped..], offset + start + skipped, depth + 1)
        };
        let operator = match sign.chars().next() {
            None if tail.is_empty() => Operator::None,
            Some('-') => Operator::Default(minds, word()?),
            Some('?') => Operator::Required(minds, word()?),
            Some('+') => Operator::Alternative(minds, word()?),
            _ => return Err(malformed()),
        };
        let variable = Variable {
            name: name.to_owned(),
            operator,
            span,
        };
        Ok((variable, end))
    }
}

fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len())
}

/// Parses `$NAME`; `rest` is what follows the dollar.
fn named(rest: &str, dollar: usize, offset: usize) -> Option<(Variable, usize)> {
    let length = name_length(rest);
    let end = dollar + 1 + length;
    (length > 0).then(|| {
        let variable = Variable {
            name: rest[..length].to_owned(),
            operator: Operator::None,
            span: offset + dollar..offset + end,
        };
        (variable, end)
    })
}

/// Returns where the brace closes that was opened just before `text`. As in Compose, inner braces count in pairs.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, byte) in text.as_bytes().iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Vec<String>> {
        let lookup = |name: &str| match name {
            "SET" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let parsed = TemplateText::parse(text).expect("the text is well-formed");
        parsed
            .resolve(&lookup)
            .map_err(|unset| unset.into_iter().map(|unset| unset.name).collect())
    }

    #[test]
    fn a_name_at_the_bound_of_depth_can_be_read_as_it_is_written() {
        let nested = |inner: &str| format!("{}{inner}{}", "${V:-".repeat(DEPTH), "}".repeat(DEPTH));
        let parsed = TemplateText::parse(&nested("$X")).unwrap();
        assert_eq!(parsed.to_string(), nested("${X}"));
        assert_eq!(
            TemplateText::parse(&nested("${X}")).unwrap().to_string(),
            nested("${X}")
        );
        assert!(TemplateText::parse(&nested("${X:-}")).is_err());
    }

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        for (text, expected) in [
            ("a$SET-b", "avalue-b"),
            ("${SET}", "value"),
            ("${NONE:-d}${NONE-d}", "dd"),
            ("${EMPTY:-d}|${EMPTY-d}", "d|"),
            ("${SET:+x}${SET+x}${EMPTY:+y}${EMPTY+z}${NONE+w}", "xxz"),
            ("${SET:?m}${EMPTY?m}", "value"),
            ("${NONE:-${SET:-x}}", "value"),
            ("${NONE:-a${NONE-b}c}", "abc"),
            ("${NONE:-{\"a\": 1}}", "{\"a\": 1}"),
            ("$$SET $${SET} $1 $ $", "$SET ${SET} $1 $ $"),
            ("é${SET}é", "évalueé"),
            ("", ""),
        ] {
            assert_eq!(filled(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn every_unset_variable_is_named() {
        assert_eq!(
            filled("$A ${B} ${C:?m} ${EMPTY:?m} ${EMPTY}"),
            Err(["A", "B", "C", "EMPTY", "EMPTY"]
                .map(str::to_owned)
                .to_vec())
        );
    }

    #[test]
    fn malformed_references_are_errors_with_their_place() {
        for (text, span) in [
            ("ab${V", 2..5),
            ("a${V!}b", 1..6),
            ("${}", 0..3),
            ("${1}", 0..4),
            ("x${A:-${B!}}", 6..11),
            ("${V:=d}", 0..7),
            ("${V:-a\nb}", 0..9),
        ] {
            let error = TemplateText::parse(text).expect_err(text);
            assert_eq!(error.span(), span, "{text}");
        }
    }

    #[test]
    fn nesting_and_number_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "${a:-".repeat(depth), "}".repeat(depth));
        assert!(TemplateText::parse(&nested(DEPTH)).is_ok());
        for depth in [DEPTH + 1, 100_000] {
            let error = TemplateText::parse(&nested(depth)).expect_err("it is too deep");
            assert_eq!(error.span().start, 5 * DEPTH, "{error}");
            assert!(error.is_excess());
        }
        assert!(TemplateText::parse(&"$a".repeat(VARIABLES)).is_ok());
        for many in ["$a", "${a}", "${a:-$a}"] {
            let error = TemplateText::parse(&many.repeat(VARIABLES + 1)).expect_err(many);
            assert!(error.is_excess(), "{error}");
        }
    }

    #[test]
    fn written_text_reads_back_the_same() {
        for text in ["a$$b", "${V}", "${V:-a$$b${W?m}}", "${V+x}${V:?}"] {
            let parsed = TemplateText::parse(text).expect(text);
            assert_eq!(parsed.to_string(), text);
        }
    }
}
