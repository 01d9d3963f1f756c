//! From [`Sources`] to the two forms of a stack.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::panic::resume_unwind;

use crate::model::{
    FileId, Form, ProfileName, ProjectName, Resolved, Sources, Stack, Template, TemplateText,
    UserFile,
};

use super::decode::{Decoder, decode_stack, unknown_key, user_files};
use super::diagnostic::MISTAKES;
use super::fill::{Filler, Mode};
use super::language::SERVICE;
use super::layers::empty_at;
use super::lint::Levels;
use super::problem::Telling;
use super::tree::{Node, Site, Text, TextState, Value};
use super::variables::{Variables, scalar};
use super::{Code, Concern, Diagnostic, Places, effective, growth, include, syntax};

/// What of stack.toml is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// A project name that goes before `[stack] name`.
    pub project: Option<ProjectName>,
    /// Overlays, in the order in which they are laid over the base.
    pub overlays: Vec<String>,
    /// Profiles to switch on; `COMPOSE_PROFILES` adds to them.
    pub profiles: Vec<ProfileName>,
    /// What it is for: a command that minds the file alone gets no resolved form, and no time is spent on one.
    pub concern: Concern,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The stack with its `${…}` kept; `None` where the file itself has an error.
    pub template: Option<Stack<Template>>,
    /// The stack with its variables filled in; `None` where there is any error, or where the file alone was asked for.
    pub resolved: Option<Stack<Resolved>>,
    /// Every mistake, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Where each value came from.
    pub places: Places,
    /// The entries of `[render.files]` that are right.
    pub files: Vec<UserFile>,
}

/// Reads a stack. Every mistake there is becomes a diagnostic; lints are for [`check`](super::check).
pub fn read(sources: &Sources, selection: &Selection) -> Reading {
    let mut told = Vec::new();
    match join(sources, &mut told) {
        Some(root) => Merged::lay(sources, selection, root, told).read(),
        None => Reading::of_nothing(sources, told),
    }
}

impl Reading {
    /// Returns what is left of files that cannot be read: the mistakes.
    pub(super) fn of_nothing(sources: &Sources, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            template: None,
            resolved: None,
            diagnostics,
            places: Places::new(empty_at(&Site::new(FileId(0), 0..0)), sources),
            files: Vec::new(),
        }
    }
}

/// Joins the files into one tree; `None` where one of them is no TOML.
pub(super) fn join(sources: &Sources, told: &mut Vec<Diagnostic>) -> Option<Node> {
    let files = syntax::parse_all(sources, told);
    if told
        .iter()
        .any(|told| matches!(told.code, Code::NotToml | Code::TooLarge))
    {
        // The rest cannot be read, so nothing more is said about it.
        return None;
    }
    let mut root = include::join(files, told)?;
    include::tell_missing(sources, &root, told);
    effective::prepare(&mut root);
    Some(root)
}

/// The tree with all layers laid over each other.
pub(super) struct Merged<'a> {
    sources: &'a Sources,
    selection: &'a Selection,
    pub(super) layers: HashMap<Site, String>,
    pub(super) variables: Variables<'a>,
    pub(super) levels: Levels,
    pub(super) places: Places,
    told: Vec<Diagnostic>,
    filled: Filled,
}

/// Of more services than this, the two forms are read at once.
const MANY_SERVICES: usize = 100;

/// What was wrong with variables, in each form.
#[derive(Default)]
struct Filled {
    kept: Vec<Diagnostic>,
    resolved: Vec<Diagnostic>,
}

/// Fills in the texts of the merged tree, in place, for each form that is asked for.
fn fill(root: &mut Node, sources: &Sources, variables: &Variables<'_>, concern: Concern) -> Filled {
    let mut in_form = |mode| {
        let mut filler = Filler::new(sources, variables, mode);
        for (key, node) in root.table_mut().into_iter().flatten() {
            match key.as_str() {
                // What they hold is read in the effective services already, or is of no concern to the stack itself.
                "defaults" | "overlays" | "policy" | "mixins" | "render" => {}
                "vars" => fill_vars(&mut filler, variables, node, mode),
                _ => filler.fill(node),
            }
        }
        filler.told
    };
    Filled {
        kept: in_form(Mode::Keep),
        resolved: match concern {
            Concern::File => Vec::new(),
            Concern::Values => in_form(Mode::Resolve),
        },
    }
}

/// Fills in `[vars]`, but for those that the environment or an env file overrides.
fn fill_vars(filler: &mut Filler<'_>, variables: &Variables<'_>, vars: &mut Node, mode: Mode) {
    for (name, node) in vars.table_mut().into_iter().flatten() {
        match (variables.outside(name), mode) {
            (Some(value), Mode::Resolve) => {
                // What the file says is asked for by the other form.
                if let Some(written) = scalar(node, Mode::Keep) {
                    node.value = Value::Text(Text::raw(written));
                }
                if let Value::Text(text) = &mut node.value {
                    text.fill(mode, TextState::Known(value));
                }
            }
            _ => filler.fill(node),
        }
    }
}

impl<'a> Merged<'a> {
    pub(super) fn lay(
        sources: &'a Sources,
        selection: &'a Selection,
        mut root: Node,
        mut told: Vec<Diagnostic>,
    ) -> Self {
        effective::lay_overlays(&mut root, selection, &mut told);
        let layers = layer_sites(&root);
        let variables = Variables::collect(sources, &root, &mut told);
        fragment_keys(&root, &mut told);
        if !growth::is_bounded(&root, &mut told) {
            // Nothing of it is laid, so nothing else is said of it.
            root.value = Value::Table(Box::default());
        }
        effective::lay(&mut root, &mut told);
        let filled = fill(&mut root, sources, &variables, selection.concern);
        let levels = Levels::of(&root);
        let places = Places::new(root, sources);
        Self {
            sources,
            selection,
            layers,
            variables,
            levels,
            places,
            told,
            filled,
        }
    }

    /// Reads the forms that are asked for, both at once.
    pub(super) fn read(&self) -> Reading {
        let ((template, by_file), (resolved, by_values)) = match self.selection.concern {
            Concern::File => (self.form::<Template>(Mode::Keep), (None, Vec::new())),
            Concern::Values if !self.is_worth_a_thread() => (
                self.form::<Template>(Mode::Keep),
                self.form::<Resolved>(Mode::Resolve),
            ),
            Concern::Values => std::thread::scope(|scope| {
                let resolved = scope.spawn(|| self.form::<Resolved>(Mode::Resolve));
                let template = self.form::<Template>(Mode::Keep);
                let resolved = resolved.join();
                (
                    template,
                    resolved.unwrap_or_else(|panic| resume_unwind(panic)),
                )
            }),
        };
        let known: HashSet<_> = by_file.iter().map(identity).collect();
        let (files, by_entries) = self.user_files();
        let mut told = self.told.clone();
        told.extend(by_entries);
        told.extend(by_file);
        told.extend(
            by_values
                .into_iter()
                .filter(|diagnostic| !known.contains(&identity(diagnostic)))
                .map(Diagnostic::about_values),
        );
        let diagnostics = self.levels.without_off(bounded(settle(told, &self.layers)));
        let is_wrong = |concern: Option<Concern>| {
            diagnostics.iter().any(|diagnostic| {
                diagnostic.is_error() && concern.is_none_or(|concern| diagnostic.concern == concern)
            })
        };
        Reading {
            template: template.filter(|_| !is_wrong(Some(Concern::File))),
            resolved: resolved.filter(|_| !is_wrong(None)),
            diagnostics,
            places: self.places.clone(),
            files,
        }
    }

    /// Returns whether to read a form takes longer than to start a thread.
    fn is_worth_a_thread(&self) -> bool {
        let services = self.places.root().get("services").and_then(Node::table);
        services.is_some_and(|services| services.len() > MANY_SERVICES)
    }

    /// Returns what is wrong with the file whatever the variables are.
    pub(super) fn mistakes(&self) -> Vec<Diagnostic> {
        let (_, by_file) = self.form::<Template>(Mode::Keep);
        let (_, by_entries) = self.user_files();
        let told = self.told.iter().cloned().chain(by_entries);
        let told = told.chain(by_file).collect();
        self.levels.without_off(settle(told, &self.layers))
    }

    /// Reads `[render]`, which is the same in both forms.
    fn user_files(&self) -> (Vec<UserFile>, Vec<Diagnostic>) {
        let mut decoder = Decoder::<Template>::new(self.sources, &self.variables, false);
        let files = user_files(&mut decoder, self.places.root());
        (files, decoder.told)
    }

    fn form<F: Form>(&self, mode: Mode) -> (Option<Stack<F>>, Vec<Diagnostic>) {
        let reader = FormReader {
            sources: self.sources,
            selection: self.selection,
            variables: &self.variables,
            places: &self.places,
        };
        let (stack, mut told) = reader.read(mode);
        told.extend(match mode {
            Mode::Keep => self.filled.kept.iter().cloned(),
            Mode::Resolve => self.filled.resolved.iter().cloned(),
        });
        (stack, told)
    }
}

/// Leaves of many mistakes those that anybody may look at.
fn bounded(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics.len() > MISTAKES {
        diagnostics.truncate(MISTAKES);
        let message = format!("more than {MISTAKES} mistakes: the others are not told");
        let at = Site::new(FileId(0), 0..0).label("");
        diagnostics.push(Diagnostic::error(Code::TooLarge, message, at));
    }
    diagnostics
}

/// Returns what paths with `${…}` mean; one that needs a variable which is not set is left out, since [`read`] tells it.
pub fn fill_env_file_paths(
    sources: &Sources,
    selection: &Selection,
    paths: &BTreeSet<String>,
) -> Vec<String> {
    let mut told = Vec::new();
    let Some(mut root) = include::join(syntax::parse_all(sources, &mut told), &mut told) else {
        return Vec::new();
    };
    effective::lay_overlays(&mut root, selection, &mut told);
    let variables = Variables::collect(sources, &root, &mut told);
    let filled = paths.iter().filter_map(|path| {
        let text = TemplateText::parse(path).ok()?;
        text.resolve(&|name| variables.lookup(name)).ok()
    });
    filled.collect()
}

/// Reads one form out of the merged tree.
struct FormReader<'a> {
    sources: &'a Sources,
    selection: &'a Selection,
    variables: &'a Variables<'a>,
    places: &'a Places,
}

impl FormReader<'_> {
    fn read<F: Form>(&self, mode: Mode) -> (Option<Stack<F>>, Vec<Diagnostic>) {
        let tree = self.places.root();
        let mut decoder = Decoder::<F>::new(self.sources, self.variables, mode == Mode::Resolve);
        let parts = decode_stack(&mut decoder, tree, self.selection);
        let mut told = decoder.told;
        let stack = parts.and_then(|parts| match Stack::new(parts) {
            Ok(stack) => Some(stack),
            Err(problems) => {
                let telling = Telling {
                    sources: self.sources,
                    places: self.places,
                    tree,
                };
                told.extend(
                    problems
                        .iter()
                        .filter_map(|problem| telling.diagnostic(problem)),
                );
                None
            }
        });
        (stack, told)
    }
}

pub(super) type Identity = (FileId, usize, usize, Code);

pub(super) fn identity(diagnostic: &Diagnostic) -> Identity {
    diagnostic.sort_key()
}

/// Sorts what was told, and tells once what is the same mistake in several services.
pub(super) fn settle(mut told: Vec<Diagnostic>, layers: &HashMap<Site, String>) -> Vec<Diagnostic> {
    told.sort_by_key(identity);
    let mut settled: Vec<Diagnostic> = Vec::new();
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for diagnostic in told {
        match settled.last() {
            Some(last) if identity(last) == identity(&diagnostic) => {
                if last.message != diagnostic.message {
                    *counts.entry(settled.len() - 1).or_default() += 1;
                }
            }
            _ => settled.push(diagnostic),
        }
    }
    for (index, diagnostic) in settled.iter_mut().enumerate() {
        let at = Site::new(diagnostic.primary.file, diagnostic.primary.span.clone());
        let Some(layer) = layers.get(&at) else {
            continue;
        };
        if diagnostic.code.name().starts_with("bad-") {
            let label = &mut diagnostic.primary.label;
            let comma = if label.is_empty() { "" } else { ", " };
            label.push_str(&format!("{comma}through {layer}"));
        }
        if let Some(more) = counts.get(&index) {
            let services = if *more == 1 { "service" } else { "services" };
            let note = match layer.strip_prefix("mixins.") {
                Some(_) => format!("the same in {more} more {services} that use {layer}"),
                None => format!("the same in {more} more {services}"),
            };
            diagnostic.notes.push(note);
        }
    }
    settled
}

/// Returns for each place of a value in a mixin or the defaults which of them it is in.
fn layer_sites(root: &Node) -> HashMap<Site, String> {
    let mut sites = HashMap::new();
    if let Some(mixins) = root.get("mixins").and_then(Node::table) {
        for (name, mixin) in mixins {
            collect_sites(mixin, &format!("mixins.{name}"), &mut sites);
        }
    }
    if let Some(service) = root.get("defaults").and_then(|node| node.get("service")) {
        collect_sites(service, "defaults.service", &mut sites);
    }
    sites
}

pub(super) fn collect_sites(node: &Node, layer: &str, sites: &mut HashMap<Site, String>) {
    sites.insert(node.at, layer.to_owned());
    sites.insert(node.key, layer.to_owned());
    match &node.value {
        Value::Table(table) => table
            .values()
            .for_each(|inner| collect_sites(inner, layer, sites)),
        Value::List(items) => items
            .iter()
            .for_each(|inner| collect_sites(inner, layer, sites)),
        _ => {}
    }
}

/// Tells unknown keys of mixins and defaults, which no service may use.
fn fragment_keys(root: &Node, told: &mut Vec<Diagnostic>) {
    let mut fragments = Vec::new();
    for section in ["mixins", "defaults"] {
        let Some(tables) = root.get(section) else {
            continue;
        };
        if tables.table().is_none() {
            told.push(not_a_table(section, tables));
        }
        for (name, fragment) in tables.table().into_iter().flatten() {
            if section == "defaults" && name != "service" {
                let message = format!("defaults has no key `{name}`");
                let diagnostic =
                    Diagnostic::error(Code::UnknownKey, message, fragment.key.label(""));
                told.push(diagnostic.with_help("[defaults.service] is all there is"));
                continue;
            }
            fragments.push((format!("{section}.{name}"), fragment));
        }
    }
    for (path, fragment) in fragments {
        let Some(table) = fragment.table() else {
            told.push(not_a_table(&path, fragment));
            continue;
        };
        for (key, node) in table {
            if !key.starts_with("x-") && !SERVICE.knows(key) {
                told.push(unknown_key(&SERVICE, key, &node.key));
            }
        }
    }
}

fn not_a_table(path: &str, node: &Node) -> Diagnostic {
    let message = format!("{path} has to be a table");
    Diagnostic::error(Code::WrongType, message, node.at.label(node.kind()))
}
