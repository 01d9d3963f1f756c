//! Takes the texts of a tree apart, and either keeps their variables for rendering or fills them in.

use std::collections::{BTreeSet, HashMap};

use crate::model::{
    FILLED_BYTES, FileRole, GROWN_BYTES, Minds, Operator, Segment, Sources, TemplateError,
    TemplateText, Unset, mebibytes,
};

use super::diagnostic::MISTAKES;
use super::suggest::nearest;
use super::text_position::within_string;
use super::tree::{Node, Site, Text, TextState, Value};
use super::variables::{Origin, Sizes, Variables, breaks_within};
use super::{Code, Diagnostic};

/// Keys whose texts a shell reads, where a `$` is often the shell's.
const SHELL_KEYS: [&str; 5] = ["command", "entrypoint", "test", "content", "bash"];

/// Up to how many unset variables of one text are told.
const TOLD_OF_ONE: usize = 100;

/// A text with more bytes is marked as a whole.
const LONG: usize = 64 * 1024;

/// What becomes of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Keep,
    Resolve,
}

/// Fills in one tree.
pub(super) struct Filler<'a> {
    pub(super) sources: &'a Sources,
    pub(super) variables: &'a Variables<'a>,
    pub(super) mode: Mode,
    pub(super) told: Vec<Diagnostic>,
    /// Places that were told already: a mixin is filled in once for each service that uses it.
    seen: BTreeSet<(usize, usize, String)>,
    /// Where in `told` the unset variables are.
    unset: HashMap<String, usize>,
    sizes: Sizes,
    /// By how many bytes texts grew so far.
    grown: usize,
}

impl<'a> Filler<'a> {
    pub(super) fn new(sources: &'a Sources, variables: &'a Variables<'a>, mode: Mode) -> Self {
        Self {
            sources,
            variables,
            mode,
            told: Vec::new(),
            seen: BTreeSet::new(),
            unset: HashMap::new(),
            sizes: Sizes::new(),
            grown: 0,
        }
    }

    /// Fills in every text of a tree.
    pub(super) fn fill(&mut self, node: &mut Node) {
        self.walk(node, false);
    }

    /// Fills in every text of what stands at the end of these keys.
    pub(super) fn fill_below(&mut self, node: &mut Node, keys: &[String]) {
        let is_shell = keys.iter().any(|key| SHELL_KEYS.contains(&key.as_str()));
        self.walk(node, is_shell);
    }

    fn walk(&mut self, node: &mut Node, is_shell: bool) {
        match &mut node.value {
            Value::Table(table) => {
                for (key, inner) in table.iter_mut() {
                    self.walk(inner, is_shell || SHELL_KEYS.contains(&key.as_str()));
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.walk(item, is_shell)),
            Value::Text(text) if text.raw.contains('$') => {
                let state = self.text(text, &node.at, is_shell);
                text.fill(self.mode, state.unwrap_or(TextState::Poison));
            }
            _ => {}
        }
    }

    /// Returns what a text becomes; `None` after a mistake that was told.
    fn text(&mut self, text: &Text, at: &Site, is_shell: bool) -> Option<TextState> {
        let parsed = match TemplateText::parse(&text.raw) {
            Ok(parsed) => parsed,
            Err(error) => {
                let site = self.place(text, at, error.span());
                if self.told.len() < MISTAKES && self.is_new(&site, "") {
                    let code = match error.is_excess() {
                        true => Code::TooLarge,
                        false => Code::BadVariable,
                    };
                    let diagnostic = Diagnostic::error(code, error.to_string(), site.label(""));
                    let help = match error {
                        TemplateError::LineBreak { .. } => {
                            "Compose takes none there; a variable of [vars] may hold the text"
                        }
                        _ => "${NAME}, or $$ for a plain dollar",
                    };
                    self.told.push(diagnostic.with_help(help));
                }
                return None;
            }
        };
        if !self.may_grow(&parsed, at) {
            return None;
        }
        let parsed = if is_shell {
            self.shell_dollars(text, at, parsed)
        } else {
            parsed
        };
        match self.mode {
            Mode::Keep => {
                let kept = self.variables.keep(&parsed);
                if breaks_within(&kept) {
                    self.tell_break(at);
                    return None;
                }
                Some(match plain(&kept) {
                    Some(plain) => TextState::Known(plain),
                    None => TextState::Template(kept),
                })
            }
            Mode::Resolve => {
                let ready = self.variables.with_constants(&parsed);
                match ready.resolve(&|name| self.variables.outside(name)) {
                    Ok(resolved) => Some(TextState::Known(resolved)),
                    Err(unset) => {
                        for unset in unset.into_iter().take(TOLD_OF_ONE) {
                            self.tell_unset(text, at, &unset);
                        }
                        None
                    }
                }
            }
        }
    }

    /// Returns whether a text stays within bounds when its variables are filled in; that it does not is told once.
    fn may_grow(&mut self, parsed: &TemplateText, at: &Site) -> bool {
        let size = self.variables.size(parsed, &mut self.sizes);
        let was_bounded = self.grown <= GROWN_BYTES;
        let is_short = size <= FILLED_BYTES;
        if is_short {
            self.grown = self.grown.saturating_add(size);
        }
        let is_bounded = self.grown <= GROWN_BYTES;
        if was_bounded && !(is_bounded && is_short) && self.is_new(at, "") {
            let (message, help) = match is_short {
                true => (
                    "the texts of this stack become too long when their variables are filled in",
                    format!(
                        "all of them may grow by {} MiB",
                        mebibytes(GROWN_BYTES as u64)
                    ),
                ),
                false => (
                    "this becomes too long when its variables are filled in",
                    format!(
                        "no text may become longer than {} MiB; what are the variables made of?",
                        mebibytes(FILLED_BYTES as u64)
                    ),
                ),
            };
            let diagnostic = Diagnostic::error(Code::TooLarge, message, at.label(""));
            self.told.push(diagnostic.with_help(help));
        }
        is_bounded && is_short
    }

    /// Gives `$NAME` without braces its own text as default where a shell reads it, and warns where nobody sets it.
    fn shell_dollars(&mut self, text: &Text, at: &Site, mut parsed: TemplateText) -> TemplateText {
        for segment in &mut parsed.segments {
            let Segment::Variable(variable) = segment else {
                continue;
            };
            let is_braced = text.raw[variable.span.start..].starts_with("${");
            let name = variable.name.clone();
            if is_braced || self.variables.constant_site(&name).is_some() {
                continue;
            }
            if self.variables.outside(&name).is_none() {
                let site = self.place(text, at, variable.span.clone());
                if self.told.len() < MISTAKES && self.is_new(&site, &name) {
                    let message = format!("${name} is no variable that stackgen knows");
                    let label = "kept as it stands, for the shell";
                    self.told.push(
                        Diagnostic::warning(Code::UnescapedDollar, message, site.label(label))
                            .with_help(format!("write $${name} if it is the shell's")),
                    );
                }
            }
            let own = TemplateText::plain(format!("${name}"));
            variable.operator = Operator::Default(Minds::Unset, own);
        }
        parsed
    }

    fn place(&self, text: &Text, at: &Site, part: std::ops::Range<usize>) -> Site {
        let source = self
            .sources
            .file(at.file())
            .text
            .as_deref()
            .unwrap_or_default();
        // To find a part of a long text takes as long as the text is, and there may be many.
        if at.span().len() > LONG {
            return *at;
        }
        let part = part.start + text.offset as usize..part.end + text.offset as usize;
        Site::new(at.file(), within_string(source, &at.span(), part))
    }

    fn tell_break(&mut self, at: &Site) {
        if self.told.len() < MISTAKES && self.is_new(at, "") {
            let message = "a constant with a line break or a lone brace within ${…}";
            let told = Diagnostic::error(Code::BadVariable, message, at.label(""));
            self.told.push(told.with_help(
                "Compose takes neither there; a constant that stands alone may have them",
            ));
        }
    }

    fn is_new(&mut self, site: &Site, name: &str) -> bool {
        self.seen
            .insert((site.file().0, site.span().start, name.to_owned()))
    }

    fn tell_unset(&mut self, text: &Text, at: &Site, unset: &Unset) {
        let site = self.place(text, at, unset.span.clone());
        if self.variables.is_broken(&unset.name) || !self.is_new(&site, &unset.name) {
            return;
        }
        let site = self.name_within(site, &unset.name);
        if let Some(earlier) = self.unset.get(&unset.name) {
            let secondary = &mut self.told[*earlier].secondary;
            if secondary.len() < MISTAKES {
                secondary.push(site.label("and here"));
            }
            return;
        }
        if self.told.len() >= MISTAKES {
            return;
        }
        self.unset.insert(unset.name.clone(), self.told.len());
        let label = self.where_it_was_sought(unset);
        let told = unset_variable(self.sources, self.variables, unset, site.label(label));
        self.told.push(told);
    }

    /// Narrows `${NAME:?…}` down to the name.
    fn name_within(&self, site: Site, name: &str) -> Site {
        let source = self
            .sources
            .file(site.file())
            .text
            .as_deref()
            .unwrap_or_default();
        let found = source.get(site.span()).and_then(|text| text.find(name));
        match found {
            Some(at) => {
                let start = site.span().start + at;
                Site::new(site.file(), start..start + name.len())
            }
            None => site,
        }
    }

    fn where_it_was_sought(&self, unset: &Unset) -> String {
        if unset.is_empty {
            return match self.variables.origin(&unset.name) {
                Some(Origin::EnvFile(site)) => {
                    let path = self.sources.file(site.file()).path.display();
                    format!("set to nothing in {path}")
                }
                _ => "set to nothing in the environment".to_owned(),
            };
        }
        let files: Vec<String> = self
            .sources
            .with_role(FileRole::StackEnv)
            .map(|(_, file)| file.path.display().to_string())
            .collect();
        let files = files.join(", ");
        if files.is_empty() {
            "not in [vars] or the environment".to_owned()
        } else {
            format!("not in {files}, [vars] or the environment")
        }
    }
}

/// Returns the text of a template that holds no variable.
fn plain(text: &TemplateText) -> Option<String> {
    text.segments
        .iter()
        .map(|segment| match segment {
            Segment::Plain(text) => Some(text.as_str()),
            Segment::Variable(_) => None,
        })
        .collect()
}

/// Makes the diagnostic for a variable that has no value.
pub(super) fn unset_variable(
    sources: &Sources,
    variables: &Variables<'_>,
    unset: &Unset,
    primary: super::Annotation,
) -> Diagnostic {
    let name = &unset.name;
    let message = match (unset.message.as_str(), unset.is_empty) {
        ("", false) => format!("{name} is not set and has no default"),
        ("", true) => format!("{name} is empty and has no default"),
        (message, _) => format!("{name} is not set: {message}"),
    };
    let diagnostic = Diagnostic::error(Code::UnsetVariable, message, primary).about_values();
    if unset.is_empty {
        return diagnostic.with_help(format!("${{{name}-}} takes nothing for a value"));
    }
    if let Some(near) = nearest(name, variables.names()) {
        let site = match variables.origin(near) {
            Some(Origin::EnvFile(site) | Origin::Constant(site)) => Some(site),
            _ => None,
        };
        if let Some(site) = site {
            let path = sources.file(site.file()).path.display();
            let (line, _) = super::line_and_column(sources, site.file(), site.span().start);
            return diagnostic.with_help(format!(
                "{near} is set in {path}:{line}; did you mean that one?"
            ));
        }
    }
    diagnostic.with_help(how_to_set(sources, name))
}

fn how_to_set(sources: &Sources, name: &str) -> String {
    let env = sources.with_role(FileRole::StackEnv).next();
    let example = sources.with_role(FileRole::EnvExample).next();
    let path = env.map_or_else(
        || ".env".into(),
        |(_, file)| file.path.display().to_string(),
    );
    let exists = env.is_some_and(|(_, file)| file.text.is_some());
    match example {
        Some(_) if !exists => {
            format!("cp .env.example {path}, and give {name} a value there")
        }
        _ => format!("echo '{name}=…' >> {path}"),
    }
}
