//! Looks at the tags of a template before it is parsed: the parser of templates follows a chain of operators, names or `elif` by one
//! stack frame a link, and makes a tree of all of it.

/// One tag may hold no more words and signs, those of plain lists and maps left out. Each may be a level of the tree.
const OF_A_TAG: usize = 1_000;
/// All templates of a stack may hold no more of them.
const OF_ALL: usize = 50_000;
/// No template may have more `elif`, each of which is a level too.
const ELIFS: usize = 300;

/// What the templates of one stack may still hold.
#[derive(Debug, Clone)]
pub(super) struct TagBudget {
    left: usize,
}

impl Default for TagBudget {
    fn default() -> Self {
        Self { left: OF_ALL }
    }
}

impl TagBudget {
    /// Takes the tags of a template from the budget.
    ///
    /// # Errors
    /// The line at which there is too much, and what to say of it.
    pub(super) fn take(&mut self, text: &str) -> Result<(), (usize, String)> {
        let (mut at, mut elifs) = (0, 0);
        while let Some(tag) = next_tag(text, at) {
            let words = Words::of(&text[tag.start..tag.end]);
            at = tag.end;
            elifs += usize::from(words.first == "elif");
            if words.first == "raw" {
                at = text[at..].find("endraw").map_or(text.len(), |end| at + end);
            }
            let said = if words.links > OF_A_TAG {
                format!("more than {OF_A_TAG} words and signs in one tag")
            } else if elifs > ELIFS {
                format!("more than {ELIFS} times elif in one template")
            } else if self.left < words.all {
                format!("more than {OF_ALL} words and signs in the tags of all templates")
            } else {
                self.left -= words.all;
                continue;
            };
            let line = text[..tag.start].matches('\n').count() + 1;
            return Err((line, said));
        }
        Ok(())
    }
}

/// The inner bytes of the next tag that is no comment.
fn next_tag(text: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let mut at = from;
    loop {
        at += text[at..].find('{')?;
        let start = at + 2;
        match text.as_bytes().get(at + 1) {
            Some(b'#') => at = start + text[start..].find("#}")?,
            Some(b'{') => return Some(start..end_of(text, start, "}}")),
            Some(b'%') => return Some(start..end_of(text, start, "%}")),
            _ => at += 1,
        }
    }
}

/// Returns where a tag ends: at its closing sign outside of quotes.
fn end_of(text: &str, start: usize, close: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => at = after_quote(bytes, at, quote),
            _ if bytes[at..].starts_with(close.as_bytes()) => return at,
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns where the text goes on behind a quoted one.
fn after_quote(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The words and signs of a tag.
struct Words<'t> {
    first: &'t str,
    /// All of them, and the tag itself.
    all: usize,
    /// Those that may make the tree deeper.
    links: usize,
}

impl<'t> Words<'t> {
    fn of(tag: &'t str) -> Self {
        let bytes = tag.as_bytes();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let mut words = Self {
            first: "",
            all: 2,
            links: 0,
        };
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            match bytes[at] {
                byte if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                quote @ (b'"' | b'\'') => at = after_quote(bytes, at, quote),
                b',' | b':' => at += 1,
                byte if is_part(&byte) => {
                    at += bytes[at..].iter().take_while(|byte| is_part(byte)).count();
                    words.links += 1;
                    if words.first.is_empty() {
                        words.first = tag.get(start..at).unwrap_or_default();
                    }
                }
                _ => {
                    at += 1;
                    words.links += 1;
                }
            }
            words.all += 1;
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_counted_and_texts_are_not() {
        let long = "x ".repeat(100_000);
        let dict = format!("{{% set x = {{ {} }} %}}", "'a': 'b', ".repeat(5_000));
        for (text, is_fine) in [
            (long.clone(), true),
            (format!("{{# {long} #}}"), true),
            (format!("{{{{ '{long}' }}}}"), true),
            (format!("{{{{ \"\\\"{long}\" }}}}"), true),
            (format!("{{% raw %}}{{{{ {long} }}}}{{% endraw %}}"), true),
            (dict, true),
            ("{{ a }} { b }\n".repeat(10_000), true),
            (format!("{{{{ {long} }}}}"), false),
            (format!("{{{{ a{} }}}}", "|upper".repeat(600)), false),
            ("{{ a }}\n".repeat(20_000), false),
            (
                format!("{{% if a %}}{}", "{%- elif b %}".repeat(301)),
                false,
            ),
        ] {
            let taken = TagBudget::default().take(&text);
            let start: String = text.chars().take(60).collect();
            assert_eq!(taken.is_ok(), is_fine, "{start}");
        }
    }

    #[test]
    fn the_line_is_told_and_odd_templates_are_no_harm() {
        let text = format!("a\nb\n{{{{ {} }}}}", "- ".repeat(2_000));
        let (line, said) = TagBudget::default()
            .take(&text)
            .expect_err("it is too much");
        assert_eq!(line, 3);
        assert_eq!(said, "more than 1000 words and signs in one tag");
        for text in [
            "{{",
            "{%",
            "{#",
            "{{ 'ä",
            "{{ \"\\",
            "{",
            "{{ ä }}",
            "{% raw %}",
        ] {
            assert_eq!(TagBudget::default().take(text), Ok(()), "{text}");
        }
    }
}
